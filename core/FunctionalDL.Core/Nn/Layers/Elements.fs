namespace FunctionalDL.Core

/// What dropout drops.
[<RequireQualifiedAccess>]
type DropoutUnit =
    /// Each element by itself.
    | Element
    /// Whole channels: all that lies behind the first two axes. J. Tompson and others, "Efficient object
    /// localization using convolutional networks", CVPR 2015.
    | Channel

/// Drops with probability `P` while training, and multiplies what stays with `1 / (1 - P)`.
type DropoutSpec = { P: float; Unit: DropoutUnit }

/// The functions between layers, with their options; `Activation` says what each is. (The rectifier itself is
/// the layer `ReLU`.)
[<RequireQualifiedAccess>]
type ActivationFunction =
    | LeakyReLU of slope: float
    /// Slopes that are learned: one, or one for each channel; 0.25 at first.
    | PReLU of numParameters: int
    /// A leaky rectifier whose slopes are drawn from `lower … upper` while training, and their mean else. B.
    /// Xu, N. Wang, T. Chen, M. Li, "Empirical evaluation of rectified activations in convolution network",
    /// 2015.
    | RReLU of lower: float * upper: float
    | ReLU6
    | ELU of alpha: float
    | CELU of alpha: float
    | SELU
    | GELU
    /// `GELU` by the hyperbolic tangent.
    | GELUTanh
    | SiLU
    | Mish
    | Softplus of beta: float * threshold: float
    | Softsign
    | Sigmoid
    | LogSigmoid
    | Tanh
    | Hardtanh of low: float * high: float
    | Hardsigmoid
    | Hardswish
    /// `x - tanh x`.
    | Tanhshrink
    /// 0 for `|x| <= lambda`, else `x` moved by lambda towards 0.
    | Softshrink of lambda: float
    /// 0 for `|x| <= lambda`, else `x`.
    | Hardshrink of lambda: float
    /// `x` above the threshold, else the value.
    | Threshold of threshold: float * value: float
    | Softmax of axis: int
    | LogSoftmax of axis: int
    /// The first half of an axis times the sigmoid of the second.
    | GLU of axis: int

/// Dropout and the functions between layers.
[<RequireQualifiedAccess>]
module internal ElementLayers =

    // ---- dropout ----------------------------------------

    let requireDropout (spec: DropoutSpec) =
        Part.requireProbability "dropout" spec.P

    let applyDropout (spec: DropoutSpec) (call: Call) (x: Tensor) =
        requireDropout spec

        let shape =
            match spec.Unit with
            | DropoutUnit.Element -> List.ofArray (x.Shape.ToArray())
            | DropoutUnit.Channel ->
                if x.Rank < 3 then
                    Fail.shape
                        $"dropout: input {x.Shape} has no spatial axes; whole channels of [batch; channels; spatial…] are dropped"

                [ x.Shape[0]; x.Shape[1]; yield! List.replicate (x.Rank - 2) 1 ]

        match call.Mode with
        | Mode.Training -> Part.drop spec.P shape call.Key x
        | Mode.Evaluation -> x

    // ---- activations ----------------------------------------

    let initActivation (start: Start) activation =
        match activation with
        | ActivationFunction.PReLU count ->
            Part.requirePositive "prelu" [ "parameters", count ]
            Part.parameters [ "weight", Tensor.full start.DType [ count ] 0.25 ]
        | ActivationFunction.RReLU(lower, upper) when not (lower <= upper) ->
            Fail.option $"rrelu: the slopes are drawn from {lower} to {upper}; the first must not be above"
        | _ -> Part.noVariables

    let private bound (x: Tensor) value = Tensor.full x.DType [] value

    /// Slopes that differ from element to element, below 0.
    let private randomRelu lower upper (call: Call) (x: Tensor) =
        match call.Mode with
        | Mode.Training ->
            let slope =
                Key.uniformIn x.DType lower upper (List.ofArray (x.Shape.ToArray())) call.Key

            Tensor.where (Tensor.gt x (bound x 0.0)) x (x * slope)
        | Mode.Evaluation -> Activation.leakyRelu ((lower + upper) / 2.0) x

    let private softshrink lambda (x: Tensor) =
        let above, below = Tensor.gt x (bound x lambda), Tensor.lt x (bound x -lambda)

        Tensor.where above (x - lambda) (Tensor.where below (x + lambda) (bound x 0.0))

    let private hardshrink lambda (x: Tensor) =
        Tensor.where (Tensor.gt (Tensor.abs x) (bound x lambda)) x (bound x 0.0)

    let applyActivation activation (call: Call) (x: Tensor) =
        match activation with
        | ActivationFunction.LeakyReLU slope -> Activation.leakyRelu slope x
        | ActivationFunction.PReLU _ -> Activation.prelu (Part.parameter "weight" call) x
        | ActivationFunction.RReLU(lower, upper) -> randomRelu lower upper call x
        | ActivationFunction.ReLU6 -> Activation.relu6 x
        | ActivationFunction.ELU alpha -> Activation.elu alpha x
        | ActivationFunction.CELU alpha -> Activation.celu alpha x
        | ActivationFunction.SELU -> Activation.selu x
        | ActivationFunction.GELU -> Activation.gelu x
        | ActivationFunction.GELUTanh -> Activation.geluTanh x
        | ActivationFunction.SiLU -> Activation.silu x
        | ActivationFunction.Mish -> Activation.mish x
        | ActivationFunction.Softplus(beta, threshold) -> Activation.softplusWith beta threshold x
        | ActivationFunction.Softsign -> Activation.softsign x
        | ActivationFunction.Sigmoid -> Tensor.sigmoid x
        | ActivationFunction.LogSigmoid -> Activation.logSigmoid x
        | ActivationFunction.Tanh -> Tensor.tanh x
        | ActivationFunction.Hardtanh(low, high) -> Activation.hardtanhWith low high x
        | ActivationFunction.Hardsigmoid -> Activation.hardsigmoid x
        | ActivationFunction.Hardswish -> Activation.hardswish x
        | ActivationFunction.Tanhshrink -> x - Tensor.tanh x
        | ActivationFunction.Softshrink lambda -> softshrink lambda x
        | ActivationFunction.Hardshrink lambda -> hardshrink lambda x
        | ActivationFunction.Threshold(threshold, value) ->
            Tensor.where (Tensor.gt x (bound x threshold)) x (bound x value)
        | ActivationFunction.Softmax axis -> Tensor.softmax axis x
        | ActivationFunction.LogSoftmax axis -> Tensor.logSoftmax axis x
        | ActivationFunction.GLU axis -> Activation.glu axis x
