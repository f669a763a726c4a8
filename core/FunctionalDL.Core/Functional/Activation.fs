namespace FunctionalDL.Core

/// Functions between layers, element by element unless said otherwise. They take floating-point tensors, keep
/// shape and type, and have derivatives of any order; what they do at ±300, ±∞ and at kinks is PyTorch's.
[<RequireQualifiedAccess>]
module Activation =

    let private zero (x: Tensor) = Tensor.zerosLike x

    /// `above x` where `x > 0`, else `below x`, which only sees those elements and 0 for the others: a branch
    /// that is not taken must not overflow, for its derivative times 0 would be NaN.
    let private bySign (above: Tensor -> Tensor) (below: Tensor -> Tensor) (x: Tensor) =
        let isAbove = Tensor.gt x (zero x)
        Tensor.where isAbove (above x) (below (Tensor.where isAbove (zero x) x))

    /// `-|x|`, with slope 1 at 0 instead of none: functions that are smooth there stay so for every
    /// derivative.
    let private folded (x: Tensor) =
        Tensor.where (Tensor.gt x (zero x)) (-x) x

    /// `log (1 + exp (-|x|))`, what `log (1 + exp x)` has beyond the rectifier.
    let private beyondRectifier (x: Tensor) = Tensor.log1p (Tensor.exp (folded x))

    /// `log (1 + exp x)` without overflow, however large `x` is.
    let internal logOnePlusExp (x: Tensor) = bySign id zero x + beyondRectifier x

    /// `log (1 + exp x)` and `log (1 + exp (-x))`, both without overflow or cancellation.
    let internal logOnePlusExpBoth (x: Tensor) =
        let beyond = beyondRectifier x
        struct (bySign id zero x + beyond, bySign zero Tensor.neg x + beyond)

    // ---- rectifiers ----------------------------------------

    /// `x` above 0, `slope · x` elsewhere; its derivative at 0 is `slope`.
    let leakyRelu (slope: float) (x: Tensor) =
        Tensor.where (Tensor.gt x (zero x)) x (x * slope)

    /// `leakyRelu` with slopes that are learned: `weight` has one element, or one for each channel (axis 1 of
    /// `x`). Raises ShapeException when it has not. K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into
    /// rectifiers", ICCV 2015.
    let prelu (weight: Tensor) (x: Tensor) =
        let slope =
            if weight.Shape.Size = 1 then
                Tensor.reshape [] weight
            elif x.Rank > 1 && weight.Rank = 1 && weight.Shape[0] = x.Shape[1] then
                Tensor.reshape [ weight.Shape[0]; yield! List.replicate (x.Rank - 2) 1 ] weight
            else
                Fail.shape (
                    $"prelu: weight {weight.Shape} does not fit the input {x.Shape}: "
                    + "it needs one element, or one for each channel (axis 1)"
                )

        Tensor.where (Tensor.gt x (zero x)) x (slope * x)

    /// `x` cut to `low … high`; unlike that of `Tensor.clamp`, its derivative at both bounds is 0. Raises
    /// OptionException unless `low <= high`.
    let hardtanhWith (low: float) (high: float) (x: Tensor) =
        if not (low <= high) then
            Fail.option $"hardtanh: the bounds are {low} and {high}; the first must not be above the second"

        let bound value = Tensor.full x.DType [] value

        Tensor.where
            (Tensor.le x (bound low))
            (bound low)
            (Tensor.where (Tensor.ge x (bound high)) (bound high) x)

    /// `x` cut to -1 … 1; its derivative at both bounds is 0.
    let hardtanh x = hardtanhWith -1.0 1.0 x

    /// `x` cut to 0 … 6; its derivative at both bounds is 0.
    let relu6 x = hardtanhWith 0.0 6.0 x

    /// `(x + 3) / 6` cut to 0 … 1; its derivative at ±3 is 0.
    let hardsigmoid (x: Tensor) = relu6 (x + 3.0) / 6.0

    /// `x · hardsigmoid x`; its derivative at ±3 is that of the parabola between them. A. Howard and others,
    /// "Searching for MobileNetV3", ICCV 2019, section 5.2.
    let hardswish (x: Tensor) =
        let bound value = Tensor.full x.DType [] value
        let isBelow, isAbove = Tensor.lt x (bound -3.0), Tensor.gt x (bound 3.0)
        let between = Tensor.where isBelow (zero x) (Tensor.where isAbove (zero x) x)

        Tensor.where isBelow (zero x) (Tensor.where isAbove x (between * (between + 3.0) / 6.0))

    // ---- exponential units ----------------------------------------

    /// `x` above 0, `alpha · (exp x - 1)` elsewhere; its derivative at 0 is `alpha`. D.-A. Clevert, T.
    /// Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by exponential linear units",
    /// ICLR 2016.
    let elu (alpha: float) x =
        bySign id (fun x -> Tensor.expm1 x * alpha) x

    /// `x` above 0, `alpha · (exp (x / alpha) - 1)` elsewhere; smooth at 0. Raises OptionException for an
    /// `alpha` of 0. J. T. Barron, "Continuously differentiable exponential linear units", 2017.
    let celu (alpha: float) x =
        if alpha = 0.0 then
            Fail.option "celu: alpha is 0; x is divided by it"

        bySign id (fun x -> Tensor.expm1 (x / alpha) * alpha) x

    /// A scaled `elu` that keeps mean 0 and variance 1 from layer to layer; its derivative at 0 is the lower
    /// side's, 1.7581. G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural
    /// networks", NIPS 2017.
    let selu (x: Tensor) =
        let alpha, scale =
            1.6732632423543772848170429916717, 1.0507009873554804934193349852946

        elu alpha x * scale

    // ---- smooth rectifiers ----------------------------------------

    /// `log (1 + exp (beta · x)) / beta` without overflow, and `x` itself where `beta · x > threshold`.
    /// Raises OptionException for a `beta` of 0.
    let softplusWith (beta: float) (threshold: float) (x: Tensor) =
        if beta = 0.0 then
            Fail.option "softplus: beta is 0; the result is divided by it"

        let scaled = if beta = 1.0 then x else x * beta
        let smooth = logOnePlusExp scaled
        let smooth = if beta = 1.0 then smooth else smooth / beta
        Tensor.where (Tensor.gt scaled (Tensor.full x.DType [] threshold)) x smooth

    /// `log (1 + exp x)`, and `x` itself above 20, where the difference is below 2.1e-9. Its derivative is
    /// the sigmoid: 1/2 at 0.
    let softplus x = softplusWith 1.0 20.0 x

    /// `log (sigmoid x)`, without underflow: about `x` far below 0.
    let logSigmoid (x: Tensor) = -(logOnePlusExp (-x))

    /// `x · sigmoid x`, also called swish. S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units",
    /// 2017.
    let silu (x: Tensor) = x * Tensor.sigmoid x

    /// `x · tanh (log (1 + exp x))`. D. Misra, "Mish: a self regularized non-monotonic activation function",
    /// BMVC 2020.
    let mish (x: Tensor) = x * Tensor.tanh (softplus x)

    /// `x · Φ(x)`, with the normal distribution's `Φ(x) = (1 + erf (x / √2)) / 2`. D. Hendrycks, K. Gimpel,
    /// "Gaussian error linear units", 2016.
    let gelu (x: Tensor) =
        x * 0.5 * (Tensor.erf (x * System.Math.Sqrt 0.5) + 1.0)

    /// The approximation of `gelu` by `Φ(x) ≈ (1 + tanh (√(2/π) · (x + 0.044715 x³))) / 2`.
    let geluTanh (x: Tensor) =
        let inner = (x + x * x * x * 0.044715) * System.Math.Sqrt(2.0 / System.Math.PI)
        x * 0.5 * (Tensor.tanh inner + 1.0)

    /// `x / (1 + |x|)`.
    let softsign (x: Tensor) = x / (Tensor.abs x + 1.0)

    /// `a · sigmoid b`, where `a` and `b` are the first and the second half of an axis, which the result has
    /// half of. Raises ShapeException for an odd size. Y. Dauphin, A. Fan, M. Auli, D. Grangier, "Language
    /// modeling with gated convolutional networks", ICML 2017.
    let glu axis (x: Tensor) =
        let size = x.Shape[Shape.axis "glu" x.Shape axis]

        if size % 2 <> 0 then
            Fail.shape (
                $"glu: axis {axis} of shape {x.Shape} has {size} places; it needs an even "
                + "number, to be halved"
            )

        let half = size / 2
        Tensor.narrow axis 0 half x * Tensor.sigmoid (Tensor.narrow axis half half x)
