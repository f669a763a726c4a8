namespace FunctionalDL.Core

/// Derivatives of functions. A function may take and give a tensor or any structure of tensors (tuples,
/// records, lists, maps, trees); derivatives have the structure of what they belong to.
[<AutoOpen>]
module Transform =

    let internal nodes value =
        Structure.leaves value |> Array.map _.Node

    let internal rebuild value (nodes: Node[]) =
        Structure.rebuild value (nodes |> Array.map Tensor)

    /// Runs `f` on variables in place of the tensors of `x`.
    let internal trace operation (f: 'a -> 'b) (x: 'a) =
        let inputs = nodes x
        let variables = Differentiate.variables operation inputs
        struct (inputs, variables, f (rebuild x variables))

    let internal requireForm operation (what: string) (expected: Node[]) (given: Node[]) =
        let fits (e: Node) (g: Node) = e.Type = g.Type

        if expected.Length <> given.Length || not (Array.forall2 fits expected given) then
            let list (nodes: Node[]) =
                nodes |> Array.map (fun n -> string n.Type) |> String.concat ", "

            Fail.shape $"{operation}: the {what} is ({list given}); it needs the form of ({list expected})"

    /// `f x`, and how it moves when `x` moves along `tangent`: the product of the Jacobian and the tangent
    /// (forward mode). Raises ShapeException when `tangent` does not have the form of `x`.
    let jvp (f: 'a -> 'b) (x: 'a) (tangent: 'a) : 'b * 'b =
        let struct (inputs, variables, y) = trace "jvp" f x
        let tangents = nodes tangent
        requireForm "jvp" "tangent" inputs tangents
        let outputs = nodes y

        let moves =
            Differentiate.forward variables tangents outputs
            |> Array.map2 (fun output -> Option.defaultWith (fun () -> Build.zeros output)) outputs

        Graph.untrack variables (Array.append outputs moves)
        y, rebuild y moves

    /// `f x`, and a function that gives, for a cotangent of the result, the product of the cotangent and the
    /// Jacobian (reverse mode). It raises ShapeException for a cotangent that does not have the form of the
    /// result.
    let vjp (f: 'a -> 'b) (x: 'a) : 'b * ('b -> 'a) =
        let struct (inputs, variables, y) = trace "vjp" f x
        let outputs = nodes y

        let pullback (cotangent: 'b) =
            let cotangents = nodes cotangent
            requireForm "vjp" "cotangent" outputs cotangents

            Differentiate.reverse variables outputs cotangents
            |> Graph.substitute variables inputs
            |> rebuild x

        // The pullback may be called at any time, so the variables stay and the value is made without them.
        rebuild y (Graph.substitute variables inputs outputs), pullback

    /// The value and gradient of a function that gives a scalar and something besides, such as metrics or new
    /// state.
    let valueAndGradWith (f: 'a -> Tensor * 'c) (x: 'a) : (Tensor * 'c) * 'a =
        let struct (_, variables, (y, besides)) = trace "grad" f x

        if y.Shape.Size <> 1 then
            Fail.shape
                $"grad: the function gives shape {y.Shape}; it needs a single number: take the sum or mean, or use vjp"

        let gradients =
            Differentiate.reverse variables [| y.Node |] [| Build.full 1.0 y.Node |]

        Graph.untrack variables (Array.concat [ [| y.Node |]; nodes besides; gradients ])
        (y, besides), rebuild x gradients

    /// The value and gradient of a function that gives a scalar. Raises ShapeException when it gives anything
    /// else.
    let valueAndGrad (f: 'a -> Tensor) (x: 'a) : Tensor * 'a =
        let (value, ()), gradient = valueAndGradWith (fun x -> f x, ()) x
        value, gradient

    /// The gradient of a function that gives a scalar. Raises ShapeException when it gives anything else.
    let grad (f: 'a -> Tensor) (x: 'a) : 'a = snd (valueAndGrad f x)

    /// The product of the Hessian of a function that gives a scalar and `direction`, by forward mode over reverse mode: the
    /// Hessian itself is never made. Raises ShapeException when `direction` does not have the form of `x`.
    let hvp (f: 'a -> Tensor) (x: 'a) (direction: 'a) : 'a = snd (jvp (grad f) x direction)
