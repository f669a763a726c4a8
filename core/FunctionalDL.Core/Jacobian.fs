namespace FunctionalDL.Core

/// All derivatives of a function's results with respect to its arguments: a derivative along one direction,
/// mapped over the directions of a basis.
[<AutoOpen>]
module Jacobian =

    /// The unit tensors of a type, along a new first axis.
    let private basis (t: TensorType) =
        Tensor.eye t.Shape.Size
        |> Tensor.cast t.DType
        |> fun x -> Build.reshape (Shape.insertAxis 0 t.Shape.Size t.Shape) x.Node

    let private join (a: Shape) (b: Shape) = Shape(Array.append a.Dims b.Dims)

    let private zeros (result: Node) (input: Node) =
        Graph.make (
            Prim.Constant(Literal.ofFloat input.Type.DType 0.0, join result.Type.Shape input.Type.Shape)
        )

    /// One block: the derivative of `result` with respect to `variable`, by forward mode.
    let private forwardBlock (result: Node) (variable: Node) =
        let t = Graph.symbol "direction" variable.Type

        match Differentiate.forward [| variable |] [| t |] [| result |] with
        | [| Some move |] ->
            let size, rank = variable.Type.Shape.Size, result.Type.Shape.Rank
            // [directions; result] -> [result; directions]
            let moved = (Batching.run size [| t |] [| basis variable.Type |] [| move |])[0]

            let last =
                Build.permute (Array.append (Array.init rank (fun a -> a + 1)) [| 0 |]) moved

            Build.reshape (join result.Type.Shape variable.Type.Shape) last
        | _ -> zeros result variable

    /// The blocks of one result, by reverse mode.
    let private reverseBlocks (result: Node) (variables: Node[]) =
        let ct = Graph.symbol "direction" result.Type
        let reached = Differentiate.reached variables [| result |] [| ct |]

        let found =
            Batching.run result.Type.Shape.Size [| ct |] [| basis result.Type |] (Array.choose id reached)

        let places = reached |> Array.scan (fun n r -> if r.IsSome then n + 1 else n) 0

        Array.init variables.Length (fun i ->
            if reached[i].IsSome then
                Build.reshape (join result.Type.Shape variables[i].Type.Shape) found[places[i]]
            else
                zeros result variables[i])

    [<RequireQualifiedAccess; Struct>]
    type private Mode =
        | Forward
        | Reverse
        | BySize

    let private blocks mode (f: 'a -> 'b) (x: 'a) : 'a[] =
        let struct (inputs, variables, y) = trace "jacobian" f x
        let results = nodes y

        for result in results do
            if not (DType.isFloat result.Type.DType) then
                Fail.dtype
                    $"jacobian: a result is {result.Type}; only floating-point results have derivatives"

        let size (nodes: Node[]) =
            nodes |> Array.sumBy (fun n -> n.Type.Shape.Size)

        let isForward =
            match mode with
            | Mode.Forward -> true
            | Mode.Reverse -> false
            | Mode.BySize -> size inputs < size results

        let block result =
            if isForward then
                variables |> Array.map (forwardBlock result)
            else
                reverseBlocks result variables

        let found = results |> Array.collect block
        Graph.untrack variables found
        found |> Array.chunkBySize (max 1 inputs.Length) |> Array.map (rebuild x)

    /// The Jacobian of `f` at `x`: for each tensor of `x`, of shape `s`, a tensor of the shape of `f x`
    /// followed by `s`. In forward mode when the elements of `f x` outnumber those of `x`, else in reverse
    /// mode.
    let jacobian (f: 'a -> Tensor) (x: 'a) : 'a = (blocks Mode.BySize f x)[0]

    /// `jacobian`, in forward mode.
    let jacobianForward (f: 'a -> Tensor) (x: 'a) : 'a = (blocks Mode.Forward f x)[0]

    /// `jacobian`, in reverse mode.
    let jacobianReverse (f: 'a -> Tensor) (x: 'a) : 'a = (blocks Mode.Reverse f x)[0]

    /// The Jacobians of a function with several results: one for each tensor of `f x`, in order.
    let jacobians (f: 'a -> 'b) (x: 'a) : 'a[] = blocks Mode.BySize f x

    /// The matrix of second derivatives of a function that gives a scalar, of the shape of `x` twice, by
    /// forward mode over reverse mode.
    let hessian (f: Tensor -> Tensor) (x: Tensor) : Tensor = jacobianForward (grad f) x

    /// The blocks of the Hessian of a function of several tensors: `(hessians f x)[i]` has, in the place of
    /// tensor `j` of `x`, the derivatives with respect to tensors `i` and `j`, of the shape of the one
    /// followed by that of the other.
    let hessians (f: 'a -> Tensor) (x: 'a) : 'a[] = blocks Mode.Forward (grad f) x
