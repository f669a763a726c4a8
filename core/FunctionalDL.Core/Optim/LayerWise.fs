namespace FunctionalDL.Core

/// Options of LAMB.
type LambOptions = {
    Lr: float
    /// How long the means of gradients and of their squares remember: each in [0, 1).
    Betas: float * float
    /// Added to the root of the mean square.
    Eps: float
    /// This times the parameter is added to its movement.
    WeightDecay: float
} with

    /// The paper's values.
    static member Default = {
        Lr = 1e-3
        Betas = 0.9, 0.999
        Eps = 1e-6
        WeightDecay = 1e-2
    }

/// Options of LARS.
type LarsOptions = {
    Lr: float
    /// What part of the last movement goes on.
    Momentum: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
    /// What share of a tensor's length a step of rate 1 moves it by.
    TrustCoefficient: float
} with

    /// The paper's values.
    static member Default = {
        Lr = 1.0
        Momentum = 0.9
        WeightDecay = 5e-4
        TrustCoefficient = 1e-3
    }

/// What LAMB and LARS have in common.
[<RequireQualifiedAccess>]
module private Trust =

    let norm x = Steps.norm (Leaf x)

    /// `a / b` where both are above 0, else 1: a parameter that is 0, or does not move, has no scale.
    let ratio (a: Tensor) (b: Tensor) =
        let one = Tensor.onesLike a
        let zero = Tensor.zerosLike a
        let isKnown = Tensor.minimum a b
        Tensor.where (Tensor.gt isKnown zero) (a / Tensor.where (Tensor.gt b zero) b one) one

/// LAMB: Adam's movement of each tensor, made as long as the tensor. Y. You and others, "Large batch optimization
/// for deep learning: training BERT in 76 minutes", ICLR 2020, algorithm 2.
[<RequireQualifiedAccess>]
module Lamb =

    /// Moves the parameter by `lr` times its own length along Adam's direction with decay.
    let descend =
        Adam.withAverages "lamb" (Adam.hyper @ [ "weight_decay" ]) [] (fun turn p _ m v ->
            let mean = m / Adam.correction turn["beta1"] turn.Step
            let square = v / Adam.correction turn["beta2"] turn.Step
            let way = mean / (Tensor.sqrt square + turn["eps"]) + turn["weight_decay"] * p
            p - turn["lr"] * Trust.ratio (Trust.norm p) (Trust.norm way) * way, [])

    let internal recipe (options: LambOptions) =
        Adam.values options.Lr options.Betas options.Eps options.WeightDecay, [ descend ]

/// LARS: descent whose rate for each tensor is in proportion to its length over that of its gradient. Y. You, I.
/// Gitman, B. Ginsburg, "Large batch training of convolutional networks", 2017, algorithm 1.
[<RequireQualifiedAccess>]
module Lars =

    /// The update with decay, times rate and trust: `lr · trust · ‖p‖ / (‖u‖ + weight_decay · ‖p‖) · (u +
    /// weight_decay · p)`.
    let scale =
        Transformation.onUpdate "lars" [ "lr"; "weight_decay"; "trust_coefficient" ] (fun turn p u ->
            let length = Trust.norm p
            let pull = Trust.norm u + turn["weight_decay"] * length
            let trust = turn["trust_coefficient"] * Trust.ratio length pull
            turn["lr"] * trust * (u + turn["weight_decay"] * p))

    /// `v <- momentum · v + u`, and moves the parameter against it. The rate is in `u` already.
    let descend =
        Transformation.withSlots
            "momentum"
            [ "momentum" ]
            [ "momentum_buffer", Tensor.zerosLike ]
            (fun turn p u ->
                let v = turn["momentum"] * turn.Slot "momentum_buffer" + u
                (p - v, u), [ v ])

    let internal recipe (options: LarsOptions) =
        [
            "lr", options.Lr
            "momentum", options.Momentum
            "weight_decay", options.WeightDecay
            "trust_coefficient", options.TrustCoefficient
        ],
        [ scale; descend ]
