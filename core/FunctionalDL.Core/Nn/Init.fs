namespace FunctionalDL.Core

open System

/// First values for parameters.
[<RequireQualifiedAccess>]
module Init =

    /// How many inputs one output of a weight sums over, and how many outputs one input goes into. The weight
    /// is `[out; in; …]`, and sizes from the third axis on (the receptive field) count for both.
    let fans (shape: Shape) : struct (int * int) =
        if shape.Rank < 2 then
            Fail.shape $"fans: shape {shape} has no fans; it needs at least [out; in]"

        let field = shape.Dims[2..] |> Array.fold (*) 1
        struct (shape[1] * field, shape[0] * field)

    /// The factor that keeps the variance through a leaky ReLU of this slope below 0: `sqrt (2 / (1 +
    /// slope²))`.
    let gain slope = sqrt (2.0 / (1.0 + slope * slope))

    /// Uniform numbers in ±bound.
    let uniform dtype shape bound key =
        Key.uniformIn dtype -bound bound shape key

    /// He's uniform initialisation: `±gain(slope) · sqrt (3 / fanIn)`, which keeps the variance of what flows
    /// forward. K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, section 2.2.
    let kaimingUniform dtype slope (shape: int list) key =
        let struct (fanIn, _) = fans (Shape.ofList shape)
        uniform dtype shape (gain slope * sqrt (3.0 / float (max 1 fanIn))) key

    /// He's normal initialisation: standard deviation `gain(slope) / sqrt fanIn`.
    let kaimingNormal dtype slope (shape: int list) key =
        let struct (fanIn, _) = fans (Shape.ofList shape)
        Key.normal dtype shape key * (gain slope / sqrt (float (max 1 fanIn)))

    /// What PyTorch gives linear and convolution weights: `kaimingUniform` with slope √5, which is `±1 / sqrt
    /// fanIn`.
    let weight dtype shape key =
        kaimingUniform dtype (Math.Sqrt 5.0) shape key

    /// What PyTorch gives their biases: uniform in `±1 / sqrt fanIn`.
    let bias dtype fanIn (shape: int list) key =
        uniform dtype shape (1.0 / sqrt (float (max 1 fanIn))) key
