namespace FunctionalDL.Core

/// Options of NAdam, by PyTorch's names.
type NAdamOptions = {
    Lr: float
    Betas: float * float
    Eps: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
    /// How fast the momentum grows to the first beta.
    MomentumDecay: float
} with

    /// PyTorch's defaults.
    static member Default = {
        Lr = 2e-3
        Betas = 0.9, 0.999
        Eps = 1e-8
        WeightDecay = 0.0
        MomentumDecay = 4e-3
    }

/// Options of RAdam, by PyTorch's names.
type RAdamOptions = {
    Lr: float
    Betas: float * float
    Eps: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
} with

    /// PyTorch's defaults.
    static member Default = {
        Lr = 1e-3
        Betas = 0.9, 0.999
        Eps = 1e-8
        WeightDecay = 0.0
    }

/// Options of Adamax, by PyTorch's names.
type AdamaxOptions = {
    Lr: float
    Betas: float * float
    Eps: float
    /// L2 decay: this times the parameter is added to its gradient.
    WeightDecay: float
    /// Goes up instead of down.
    Maximize: bool
} with

    /// PyTorch's defaults.
    static member Default = {
        Lr = 2e-3
        Betas = 0.9, 0.999
        Eps = 1e-8
        WeightDecay = 0.0
        Maximize = false
    }

/// NAdam: Adam with Nesterov's momentum. T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop
/// 2016, algorithm 2.
[<RequireQualifiedAccess>]
module NAdam =

    /// Moves the parameter by its update and its mean update, each over the root of the mean square.
    let descend =
        let number (value: float) = Tensor.full DType.Float64 [] value

        Adam.withAverages
            "nadam"
            (Adam.hyper @ [ "momentum_decay" ])
            [ "mu_product", (fun _ -> number 1.0) ]
            (fun turn p u m v ->
                let mu step =
                    let warmth = Tensor.pow (number 0.96) (step * turn["momentum_decay"])
                    turn["beta1"] * (1.0 - 0.5 * warmth)

                let now, next = mu turn.Step, mu (turn.Step + 1.0)
                // As PyTorch 1.13 has it: the product that the second part is divided by has `now` in it twice.
                let product = turn.Slot "mu_product" * now

                let denominator =
                    Tensor.sqrt (v / Adam.correction turn["beta2"] turn.Step) + turn["eps"]

                let p = p - turn["lr"] * (1.0 - now) / (1.0 - product) * u / denominator
                p - turn["lr"] * next / (1.0 - product * now * next) * m / denominator, [ product ])

    let internal recipe (options: NAdamOptions) =
        Adam.values options.Lr options.Betas options.Eps options.WeightDecay
        @ [ "momentum_decay", options.MomentumDecay ],
        [ Steps.l2; descend ]

/// RAdam: Adam whose first steps, while the mean square is uncertain, do not divide by it. L. Liu and others,
/// "On the variance of the adaptive learning rate and beyond", ICLR 2020, algorithm 2.
[<RequireQualifiedAccess>]
module RAdam =

    /// Moves the parameter by its mean update, rectified once enough steps have been seen.
    let descend =
        Adam.withAverages "radam" Adam.hyper [] (fun turn p _ m v ->
            let beta2, step = turn["beta2"], turn.Step
            let correction = Adam.correction beta2 step
            let longest = 2.0 / (1.0 - beta2) - 1.0
            let length = longest - 2.0 * step * Tensor.pow beta2 step / correction
            let five = Tensor.full DType.Float64 [] 5.0
            let isLong = Tensor.gt length five
            // The side that is not taken stays finite.
            let length = Tensor.maximum length five

            let rectification =
                Tensor.sqrt (
                    (length - 4.0) * (length - 2.0) * longest
                    / ((longest - 4.0) * (longest - 2.0) * length)
                )

            let plain = m / Adam.correction turn["beta1"] step * turn["lr"]

            let adapted =
                plain * (Tensor.sqrt correction / (Tensor.sqrt v + turn["eps"])) * rectification

            p - Tensor.where isLong adapted plain, [])

    let internal recipe (options: RAdamOptions) =
        Adam.values options.Lr options.Betas options.Eps options.WeightDecay, [ Steps.l2; descend ]

/// Adamax: Adam with the largest of the fading gradients for the root of the mean square. D. Kingma, J. Ba,
/// "Adam: a method for stochastic optimization", ICLR 2015, algorithm 2.
[<RequireQualifiedAccess>]
module Adamax =

    /// Moves the parameter by its mean update over the fading maximum of its updates' sizes.
    let descend =
        Transformation.withSlots
            "adamax"
            Adam.hyper
            [ "exp_avg", Tensor.zerosLike; "exp_inf", Tensor.zerosLike ]
            (fun turn p u ->
                let m = Steps.average turn["beta1"] (turn.Slot "exp_avg") u

                let largest =
                    Tensor.maximum (turn["beta2"] * turn.Slot "exp_inf") (Tensor.abs u + turn["eps"])

                let rate = turn["lr"] / Adam.correction turn["beta1"] turn.Step
                (p - rate * m / largest, u), [ m; largest ])

    let internal recipe (options: AdamaxOptions) =
        Adam.values options.Lr options.Betas options.Eps options.WeightDecay,
        [
            if options.Maximize then
                Steps.maximize
            Steps.l2
            descend
        ]
