namespace FunctionalDL.Core

/// Derivatives for an imperative face, where a loss has been computed already and its graph is walked
/// afterwards. Pure code has no use for it: `grad` and `vjp` take functions.
[<RequireQualifiedAccess>]
module Eager =

    /// A tensor with the value of `x`, as a variable that derivatives may be taken for. What is computed from
    /// it keeps its operands. Raises DTypeException when `x` is not of a float type.
    let variable (x: Tensor) =
        Differentiate.variables "requires_grad" [| x.Node |] |> Array.head |> Tensor

    /// Whether `x` was computed from a variable.
    let isTracked (x: Tensor) = x.Node.IsTracked

    /// The gradients of a scalar with respect to variables, which they no longer depend on; None for a
    /// variable that the scalar was not computed from. Raises ShapeException when `loss` is not a single
    /// number.
    let gradients (loss: Tensor) (variables: Tensor[]) : Tensor option[] =
        if loss.Shape.Size <> 1 then
            Fail.shape
                $"backward: the loss has shape {loss.Shape}; it needs to be a single number: take the sum or mean"

        let nodes = variables |> Array.map _.Node

        let originals =
            nodes
            |> Array.map (fun node ->
                match node.Origin with
                | Origin.Made(Prim.Variable x) -> x
                | Origin.Made _
                | Origin.Stored
                | Origin.Symbol _ -> invalidOp "backward: gradients are taken for variables only")

        let gradients =
            Differentiate.reached nodes [| loss.Node |] [| Build.full 1.0 loss.Node |]

        let closed =
            gradients
            |> Array.choose id
            |> Graph.substitute nodes originals
            |> Array.map Tensor

        let positions = gradients |> Array.scan (fun n g -> if g.IsSome then n + 1 else n) 0

        gradients
        |> Array.mapi (fun i g -> g |> Option.map (fun _ -> closed[positions[i]]))
