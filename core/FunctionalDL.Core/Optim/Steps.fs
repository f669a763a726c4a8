namespace FunctionalDL.Core

/// The transformations that many optimisers share.
[<RequireQualifiedAccess>]
module Steps =

    /// Goes up instead of down.
    let maximize = Transformation.onUpdate "maximize" [] (fun _ _ u -> -u)

    /// L2 decay: adds `weight_decay · p` to the update, the derivative of `weight_decay / 2 · ‖p‖²`.
    let l2 =
        Transformation.onUpdate "l2" [ "weight_decay" ] (fun turn p u -> u + turn["weight_decay"] * p)
        |> Transformation.switchedBy "weight_decay"

    /// Decoupled ("true") decay: multiplies the parameter by `1 - lr · weight_decay`, whatever its update.
    /// I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
    let decay =
        Transformation.onParameter "decay" [ "lr"; "weight_decay" ] (fun turn p _ ->
            p * (1.0 - turn["lr"] * turn["weight_decay"]))
        |> Transformation.switchedBy "weight_decay"

    /// Moves the parameter against its update: `p - lr · u`.
    let descend =
        Transformation.onParameter "descend" [ "lr" ] (fun turn p u -> p - turn["lr"] * u)

    /// Cuts each element of the update to `±clip_value`.
    let clipValue =
        Transformation.onUpdate "clip_value" [ "clip_value" ] (fun turn _ u ->
            Tensor.maximum -turn["clip_value"] (Tensor.minimum turn["clip_value"] u))

    /// The Euclidean length of all tensors of a tree as one vector.
    let norm (tree: Tree<Tensor>) =
        match Tree.leaves tree with
        | [] -> Tensor.scalar 0.0
        | leaves ->
            leaves
            |> List.map (fun (_, x) -> Tensor.sum (Tensor.square x))
            |> List.reduce (+)
            |> Tensor.sqrt

    /// Shortens the updates together to the length `max_norm` where they are longer, as PyTorch does:
    /// multiplies by `max_norm / (norm + 1e-6)` where that is below 1.
    let clipNorm =
        let scaleBy (norm: Tensor) =
            Transformation.onUpdate "clip_norm" [ "max_norm" ] (fun turn _ u ->
                u
                * Tensor.minimum (turn["max_norm"] / (norm + 1e-6)) (Tensor.onesLike turn.Step))

        {
            scaleBy (Tensor.scalar 0.0) with
                Update = fun moment motion -> (scaleBy (norm motion.Updates)).Update moment motion
        }

    /// `decay · average + (1 - decay) · x`, for a decay that is a scalar (float64).
    let internal average (decay: Tensor) (average: Tensor) (x: Tensor) = decay * average + (1.0 - decay) * x

    /// `decay · average + (1 - decay) · x²`, in PyTorch's order.
    let internal averageSquare (decay: Tensor) (average: Tensor) (x: Tensor) =
        decay * average + (1.0 - decay) * x * x
