namespace FunctionalDL.Core

/// Options of stochastic gradient descent, by PyTorch's names.
type SgdOptions = {
    /// How far a parameter moves against its gradient.
    Lr: float
    /// What part of the last movement goes on.
    Momentum: float
    /// What part of each gradient but the first is kept out of the movement.
    Dampening: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
    /// Looks one movement ahead; needs momentum and no dampening.
    Nesterov: bool
    /// Goes up instead of down.
    Maximize: bool
} with

    /// PyTorch's defaults.
    static member Default = {
        Lr = 1e-3
        Momentum = 0.0
        Dampening = 0.0
        WeightDecay = 0.0
        Nesterov = false
        Maximize = false
    }

/// Stochastic gradient descent.
[<RequireQualifiedAccess>]
module Sgd =

    /// Momentum as PyTorch has it: the first update is taken whole, later ones are damped,
    /// `v <- momentum · v + (1 - dampening) · u`; with `nesterov` the update is `u + momentum · v`, else `v`.
    let momentum nesterov =
        Transformation.withSlots
            "momentum"
            [ "momentum"; "dampening" ]
            [ "momentum_buffer", Tensor.zerosLike ]
            (fun turn p u ->
                // Whole at the first step, when the buffer is 0, and where there is no momentum.
                let isWhole =
                    Tensor.eq (turn["momentum"] * (turn.Step - 1.0)) (Tensor.zerosLike turn.Step)

                let share =
                    Tensor.where isWhole (Tensor.onesLike turn.Step) (1.0 - turn["dampening"])

                let v = turn["momentum"] * turn.Slot "momentum_buffer" + share * u
                (p, (if nesterov then u + turn["momentum"] * v else v)), [ v ])
        |> Transformation.switchedBy "momentum"

    /// Hyper-parameters and transformations. Raises OptionException for Nesterov without momentum or with
    /// dampening.
    let internal recipe (options: SgdOptions) =
        if options.Nesterov && (options.Momentum = 0.0 || options.Dampening <> 0.0) then
            Fail.option "nesterov: it needs a momentum above 0 and a dampening of 0"

        [
            "lr", options.Lr
            "weight_decay", options.WeightDecay
            "momentum", options.Momentum
            "dampening", options.Dampening
        ],
        [
            if options.Maximize then
                Steps.maximize
            Steps.l2
            momentum options.Nesterov
            Steps.descend
        ]
