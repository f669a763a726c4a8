namespace FunctionalDL.Core

/// Options of Lion.
type LionOptions = {
    /// How far every element moves in a step.
    Lr: float
    /// How long the direction, and the mean it is made of, remember: each in [0, 1).
    Betas: float * float
    /// Decoupled decay: the parameter shrinks by `lr` times this.
    WeightDecay: float
} with

    /// The paper's values.
    static member Default = {
        Lr = 1e-4
        Betas = 0.9, 0.99
        WeightDecay = 0.0
    }

/// Lion: every element moves by `lr` along the sign of a mean gradient. X. Chen and others, "Symbolic discovery of
/// optimization algorithms", NeurIPS 2023, algorithm 2.
[<RequireQualifiedAccess>]
module Lion =

    /// Moves the parameter along the sign of its mean update.
    let descend =
        Transformation.withSlots
            "lion"
            [ "lr"; "beta1"; "beta2" ]
            [ "exp_avg", Tensor.zerosLike ]
            (fun turn p u ->
                let mean = turn.Slot "exp_avg"
                let way = Tensor.sign (Steps.average turn["beta1"] mean u)
                (p - turn["lr"] * way, u), [ Steps.average turn["beta2"] mean u ])

    let internal recipe (options: LionOptions) =
        let beta1, beta2 = options.Betas

        [ "lr", options.Lr; "beta1", beta1; "beta2", beta2; "weight_decay", options.WeightDecay ],
        [ Steps.decay; descend ]
