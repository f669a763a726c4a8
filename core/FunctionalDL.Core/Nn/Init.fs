namespace FunctionalDL.Core

open System

/// Which number of connections a variance is kept by.
[<RequireQualifiedAccess>]
type Fan =
    /// The inputs that one output sums over: what flows forward keeps its variance.
    | In
    /// The outputs that one input goes into: what flows backward keeps it.
    | Out

/// What a layer's outputs go through, which says how much of a variance is left.
[<RequireQualifiedAccess>]
type Nonlinearity =
    /// Nothing, or a sum of products: linear and convolution layers.
    | Linear
    | Sigmoid
    | Tanh
    | ReLU
    /// A slope below 0.
    | LeakyReLU of slope: float
    | SELU

/// First values for parameters: pure functions of a type, a shape and a key. A weight is `[out; in; …]`; sizes
/// from the third axis on (the receptive field of a kernel) count for both fans.
[<RequireQualifiedAccess>]
module Init =

    // ---- how large ----------------------------------------

    /// How many inputs one output of a weight sums over, and how many outputs one input goes into: `struct
    /// (fanIn, fanOut)`. Raises ShapeException for fewer than two axes.
    let fans (shape: Shape) : struct (int * int) =
        if shape.Rank < 2 then
            Fail.shape $"fans: shape {shape} has no fans; it needs at least [out; in]"

        let field = shape.Dims[2..] |> Array.fold (*) 1
        struct (shape[1] * field, shape[0] * field)

    /// The factor that keeps the variance through a leaky ReLU of this slope below 0: `sqrt (2 / (1 +
    /// slope²))`; 1 for slope 1, which is no ReLU at all.
    let gain slope = sqrt (2.0 / (1.0 + slope * slope))

    /// The factor that keeps the variance through a nonlinearity, as PyTorch recommends it: 5/3 for tanh, 3/4 for
    /// SELU, 1 where nothing is lost.
    let gainOf nonlinearity =
        match nonlinearity with
        | Nonlinearity.Linear
        | Nonlinearity.Sigmoid -> 1.0
        | Nonlinearity.Tanh -> 5.0 / 3.0
        | Nonlinearity.ReLU -> gain 0.0
        | Nonlinearity.LeakyReLU slope -> gain slope
        | Nonlinearity.SELU -> 0.75

    let private fanOf fan (shape: int list) =
        let struct (fanIn, fanOut) = fans (Shape.ofList shape)

        match fan with
        | Fan.In -> float (max 1 fanIn)
        | Fan.Out -> float (max 1 fanOut)

    /// Xavier's standard deviation.
    let private xavierDeviation gain (shape: int list) =
        let struct (fanIn, fanOut) = fans (Shape.ofList shape)
        gain * sqrt (2.0 / float (max 1 (fanIn + fanOut)))

    // ---- distributions ----------------------------------------

    /// The same number everywhere.
    let constant dtype (value: float) (shape: int list) : Tensor = Tensor.full dtype shape value

    /// Uniform numbers in ±bound.
    let uniform dtype shape bound key =
        Key.uniformIn dtype -bound bound shape key

    /// Normal numbers.
    let normal dtype (mean: float) (std: float) shape key = Key.normal dtype shape key * std + mean

    /// Normal numbers of which those outside `low … high` are drawn again. Raises OptionException unless `low
    /// < high`.
    let truncatedNormal dtype (mean: float) (std: float) (low: float) (high: float) shape key =
        if not (low < high) then
            Fail.option
                $"truncatedNormal: the bounds are {low} and {high}; the first must be below the second"

        // The distribution's own function takes uniform numbers between those of the bounds to its numbers.
        let erfOf bound =
            ErrorFunction.erf ((bound - mean) / (std * Math.Sqrt 2.0))

        Key.uniformIn DType.Float64 (erfOf low) (erfOf high) shape key
        |> Tensor.erfinv
        |> fun x -> x * (std * Math.Sqrt 2.0) + mean
        |> Tensor.clamp low high
        |> Tensor.cast dtype

    /// Normal numbers of which whole multiples of `2 · std` are taken off, so that none is beyond `±2 · std`:
    /// fastai's `trunc_normal_`, which is not `truncatedNormal` (its standard deviation is `0.87 · std`).
    let wrappedNormal dtype (std: float) shape key =
        let x = Key.normal dtype shape key
        (x - Tensor.sign x * 2.0 * Tensor.floor (Tensor.abs x / 2.0)) * std

    // ---- by the number of connections ----------------------------------------

    /// Uniform, of a standard deviation that keeps the variance forward and backward as well as may be: `±gain
    /// · sqrt (6 / (fanIn + fanOut))`. X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
    /// feedforward neural networks", AISTATS 2010, equation 16.
    let xavierUniform dtype gain shape key =
        uniform dtype shape (sqrt 3.0 * xavierDeviation gain shape) key

    /// Normal of standard deviation `gain · sqrt (2 / (fanIn + fanOut))`.
    let xavierNormal dtype gain shape key =
        normal dtype 0.0 (xavierDeviation gain shape) shape key

    /// He's uniform initialisation by a chosen fan and gain: `±gain · sqrt (3 / fan)`. K. He, X. Zhang, S. Ren, J.
    /// Sun, "Delving deep into rectifiers", ICCV 2015, section 2.2.
    let kaimingUniformBy fan dtype gain (shape: int list) key =
        uniform dtype shape (gain * sqrt (3.0 / fanOf fan shape)) key

    /// He's normal initialisation by a chosen fan and gain: standard deviation `gain / sqrt fan`.
    let kaimingNormalBy fan dtype gain (shape: int list) key =
        normal dtype 0.0 (gain / sqrt (fanOf fan shape)) shape key

    /// He's uniform initialisation: `±gain(slope) · sqrt (3 / fanIn)`, which keeps the variance of what flows
    /// forward.
    let kaimingUniform dtype slope (shape: int list) key =
        kaimingUniformBy Fan.In dtype (gain slope) shape key

    /// He's normal initialisation: standard deviation `gain(slope) / sqrt fanIn`.
    let kaimingNormal dtype slope (shape: int list) key =
        kaimingNormalBy Fan.In dtype (gain slope) shape key

    /// What PyTorch gives linear and convolution weights: `kaimingUniform` with slope √5, which is `±1 / sqrt
    /// fanIn`.
    let weight dtype shape key =
        kaimingUniform dtype (Math.Sqrt 5.0) shape key

    /// What PyTorch gives their biases: uniform in `±1 / sqrt fanIn`.
    let bias dtype fanIn (shape: int list) key =
        uniform dtype shape (1.0 / sqrt (float (max 1 fanIn))) key

    // ---- by the directions ----------------------------------------

    /// A random matrix of orthonormal rows, or columns where there are fewer of them, times `gain`; axes from
    /// the second on count as one. A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear
    /// dynamics of learning in deep linear neural networks", ICLR 2014. Raises ShapeException for fewer than
    /// two axes.
    let orthogonal dtype (gain: float) (shape: int list) key =
        if shape.Length < 2 then
            Fail.shape $"orthogonal: shape {Text.bracketed shape} is no matrix; it needs at least [out; in]"

        let rows, columns = shape.Head, List.fold (*) 1 shape.Tail
        let draw = Key.normal DType.Float64 [ max rows columns; min rows columns ] key

        // X = Q·R with RᵀR = XᵀX; the second round removes the rounding errors that the first leaves.
        let orthonormal (x: Tensor) =
            Linalg.triangularSolve true (Linalg.cholesky (Tensor.matmul (Tensor.t x) x)) (Tensor.t x)
            |> Tensor.t

        let q = orthonormal (orthonormal draw)
        let q = if rows < columns then Tensor.t q else q
        Tensor.reshape shape q * gain |> Tensor.cast dtype
