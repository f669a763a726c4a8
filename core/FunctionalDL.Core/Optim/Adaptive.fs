namespace FunctionalDL.Core

/// Options of RMSprop, by PyTorch's names.
type RmsPropOptions = {
    Lr: float
    /// How long the mean square remembers: in [0, 1].
    Alpha: float
    /// Added to the root of the mean square.
    Eps: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
    /// What part of the last movement goes on.
    Momentum: float
    /// Divides by the deviation from the mean instead of the root of the mean square.
    Centered: bool
    /// Goes up instead of down.
    Maximize: bool
} with

    /// PyTorch's defaults.
    static member Default = {
        Lr = 1e-2
        Alpha = 0.99
        Eps = 1e-8
        WeightDecay = 0.0
        Momentum = 0.0
        Centered = false
        Maximize = false
    }

/// Options of Adagrad, by PyTorch's names.
type AdagradOptions = {
    Lr: float
    /// The rate of step `t` is `lr / (1 + (t - 1) · lr_decay)`.
    LrDecay: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
    /// What the sum of squares starts with.
    InitialAccumulatorValue: float
    /// Added to the root of the sum of squares.
    Eps: float
    /// Goes up instead of down.
    Maximize: bool
} with

    /// PyTorch's defaults.
    static member Default = {
        Lr = 1e-2
        LrDecay = 0.0
        WeightDecay = 0.0
        InitialAccumulatorValue = 0.0
        Eps = 1e-10
        Maximize = false
    }

/// Options of Adadelta, by PyTorch's names.
type AdadeltaOptions = {
    Lr: float
    /// How long the mean squares remember: in [0, 1].
    Rho: float
    /// Added to the mean squares.
    Eps: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
    /// Goes up instead of down.
    Maximize: bool
} with

    /// PyTorch's defaults.
    static member Default = {
        Lr = 1.0
        Rho = 0.9
        Eps = 1e-6
        WeightDecay = 0.0
        Maximize = false
    }

/// RMSprop: T. Tieleman, G. Hinton, lecture 6.5 of "Neural networks for machine learning", 2012; centred as in
/// A. Graves, "Generating sequences with recurrent neural networks", 2013, equations 38 to 45.
[<RequireQualifiedAccess>]
module RmsProp =

    /// Divides the update by the root of its mean square.
    let scale centered =
        let slots = [
            "square_avg", Tensor.zerosLike
            if centered then
                "grad_avg", Tensor.zerosLike
        ]

        Transformation.withSlots "rmsprop" [ "alpha"; "eps" ] slots (fun turn p u ->
            let square = Steps.averageSquare turn["alpha"] (turn.Slot "square_avg") u

            if centered then
                let mean = Steps.average turn["alpha"] (turn.Slot "grad_avg") u
                (p, u / (Tensor.sqrt (square - mean * mean) + turn["eps"])), [ square; mean ]
            else
                (p, u / (Tensor.sqrt square + turn["eps"])), [ square ])

    /// `v <- momentum · v + u`, the new update.
    let momentum =
        Transformation.withSlots
            "momentum"
            [ "momentum" ]
            [ "momentum_buffer", Tensor.zerosLike ]
            (fun turn p u ->
                let v = turn["momentum"] * turn.Slot "momentum_buffer" + u
                (p, v), [ v ])
        |> Transformation.switchedBy "momentum"

    let internal recipe (options: RmsPropOptions) =
        [
            "lr", options.Lr
            "alpha", options.Alpha
            "eps", options.Eps
            "weight_decay", options.WeightDecay
            "momentum", options.Momentum
        ],
        [
            if options.Maximize then
                Steps.maximize
            Steps.l2
            scale options.Centered
            momentum
            Steps.descend
        ]

/// Adagrad: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
/// optimization", JMLR 12, 2011, figure 1 (diagonal).
[<RequireQualifiedAccess>]
module Adagrad =

    /// Moves the parameter by its update over the root of the sum of all squares so far.
    let descend (first: float) =
        Transformation.withSlots
            "adagrad"
            [ "lr"; "lr_decay"; "eps" ]
            [ "sum", (fun p -> Tensor.zerosLike p + first) ]
            (fun turn p u ->
                let sum = turn.Slot "sum" + u * u
                let rate = turn["lr"] / (1.0 + (turn.Step - 1.0) * turn["lr_decay"])
                (p - rate * u / (Tensor.sqrt sum + turn["eps"]), u), [ sum ])

    /// Raises OptionException when the sum would start below 0.
    let internal recipe (options: AdagradOptions) =
        Hyper.check "initial_accumulator_value" options.InitialAccumulatorValue

        [
            "lr", options.Lr
            "lr_decay", options.LrDecay
            "eps", options.Eps
            "weight_decay", options.WeightDecay
        ],
        [
            if options.Maximize then
                Steps.maximize
            Steps.l2
            descend options.InitialAccumulatorValue
        ]

/// Adadelta: M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1.
[<RequireQualifiedAccess>]
module Adadelta =

    /// Gives the update the size of the last movements: multiplies it by the root of the movements' mean square
    /// over that of its own.
    let scale =
        Transformation.withSlots
            "adadelta"
            [ "rho"; "eps" ]
            [ "square_avg", Tensor.zerosLike; "acc_delta", Tensor.zerosLike ]
            (fun turn p u ->
                let root x = Tensor.sqrt (x + turn["eps"])
                let square = Steps.averageSquare turn["rho"] (turn.Slot "square_avg") u
                let delta = root (turn.Slot "acc_delta") / root square * u
                (p, delta), [ square; Steps.averageSquare turn["rho"] (turn.Slot "acc_delta") delta ])

    let internal recipe (options: AdadeltaOptions) =
        [ "lr", options.Lr; "rho", options.Rho; "eps", options.Eps; "weight_decay", options.WeightDecay ],
        [
            if options.Maximize then
                Steps.maximize
            Steps.l2
            scale
            Steps.descend
        ]
