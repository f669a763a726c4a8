namespace FunctionalDL.Core

/// Options of Adam and AdamW, by PyTorch's names.
type AdamOptions = {
    /// How far a parameter moves where its gradients agree.
    Lr: float
    /// How long the means of gradients and of their squares remember: each in [0, 1).
    Betas: float * float
    /// Added to the root of the mean square.
    Eps: float
    /// Adam: L2 decay, this times the parameter is added to its gradient. AdamW: decoupled decay, the parameter
    /// shrinks by `lr` times this.
    WeightDecay: float
    /// Divides by the largest mean square so far (S. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and
    /// beyond", ICLR 2018).
    Amsgrad: bool
    /// Goes up instead of down.
    Maximize: bool
} with

    /// PyTorch's defaults for Adam.
    static member Default = {
        Lr = 1e-3
        Betas = 0.9, 0.999
        Eps = 1e-8
        WeightDecay = 0.0
        Amsgrad = false
        Maximize = false
    }

    /// PyTorch's defaults for AdamW: a decay of 0.01.
    static member DefaultW = {
        AdamOptions.Default with
            WeightDecay = 1e-2
    }

/// Adam: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
[<RequireQualifiedAccess>]
module Adam =

    /// `1 - beta ^ step`: what a mean that started at 0 has to be divided by. A scalar, once for a step.
    let internal correction (beta: Tensor) (step: Tensor) = 1.0 - Tensor.pow beta step

    let private averages = [ "exp_avg", Tensor.zerosLike; "exp_avg_sq", Tensor.zerosLike ]

    /// The hyper-parameters that all of Adam's family read.
    let internal hyper = [ "lr"; "beta1"; "beta2"; "eps" ]

    /// A rule over the new means of the update and of its square, which are remembered with `more` slots.
    let internal withAverages name hyper more rule =
        Transformation.withSlots name hyper (averages @ more) (fun (turn: Turn) p u ->
            let m = Steps.average turn["beta1"] (turn.Slot "exp_avg") u
            let v = Steps.averageSquare turn["beta2"] (turn.Slot "exp_avg_sq") u
            let p, slots = rule turn p u m v
            (p, u), m :: v :: slots)

    /// Moves the parameter by its mean update over the root of the mean square.
    let descend amsgrad =
        let move (turn: Turn) (p: Tensor) (m: Tensor) v =
            let root = Tensor.sqrt (correction turn["beta2"] turn.Step)
            let rate = turn["lr"] / correction turn["beta1"] turn.Step
            p - rate * m / (Tensor.sqrt v / root + turn["eps"])

        if amsgrad then
            withAverages "adam" hyper [ "max_exp_avg_sq", Tensor.zerosLike ] (fun turn p _ m v ->
                let largest = Tensor.maximum (turn.Slot "max_exp_avg_sq") v
                move turn p m largest, [ largest ])
        else
            withAverages "adam" hyper [] (fun turn p _ m v -> move turn p m v, [])

    /// The values of `hyper` and the decay.
    let internal values lr (beta1: float, beta2: float) eps weightDecay = [
        "lr", lr
        "beta1", beta1
        "beta2", beta2
        "eps", eps
        "weight_decay", weightDecay
    ]

    let private recipeWith (decay: Transformation) (options: AdamOptions) =
        values options.Lr options.Betas options.Eps options.WeightDecay,
        [
            if options.Maximize then
                Steps.maximize
            decay
            descend options.Amsgrad
        ]

    /// Hyper-parameters and transformations of Adam.
    let internal recipe options = recipeWith Steps.l2 options

    /// Hyper-parameters and transformations of AdamW.
    let internal recipeW options = recipeWith Steps.decay options
