namespace FunctionalDL.Core

/// Folds beyond sum and mean: lengths, extremes with their places, counts. An empty list of axes means all of
/// them.
[<RequireQualifiedAccess>]
module Reduce =

    let private drop operation (axes: int list) (x: Tensor) =
        Tensor(Build.reshape (Shape.dropAxes (Shape.axes operation x.Shape axes) x.Shape) x.Node)

    let private isZero (x: Tensor) = Tensor.eq x (Tensor.zerosLike x)

    /// `|x|` to a power, with slope 0 at 0.
    let private powerOfSize (p: float) (x: Tensor) =
        let safe = Tensor.where (isZero x) (Tensor.onesLike x) (Tensor.abs x)
        Tensor.where (isZero x) (Tensor.zerosLike x) (Tensor.powScalar p safe)

    /// The p-norm `(sum |x|^p)^(1/p)` along axes, which stay with size 1. `p` may be infinite (the largest
    /// `|x|`, negative the smallest: ties share the derivative evenly) or 0 (how many are not 0). Its
    /// derivative is 0 where it is 0.
    let normKeep (p: float) axes (x: Tensor) =
        if p = 2.0 then
            Tensor.rootOfSquares (Tensor.sumAxesKeep axes (Tensor.square x))
        elif p = 1.0 then
            Tensor.sumAxesKeep axes (Tensor.abs x)
        elif p = infinity then
            Tensor.amaxAxesKeep axes (Tensor.abs x)
        elif p = -infinity then
            Tensor.aminAxesKeep axes (Tensor.abs x)
        elif p = 0.0 then
            Tensor.sumAxesKeep axes (Tensor.cast x.DType (Tensor.ne x (Tensor.zerosLike x)))
        elif p > 0.0 then
            powerOfSize (1.0 / p) (Tensor.sumAxesKeep axes (powerOfSize p x))
        else
            // A single 0 makes the sum infinite, and the norm 0.
            Tensor.powScalar (1.0 / p) (Tensor.sumAxesKeep axes (Tensor.powScalar p (Tensor.abs x)))

    /// The p-norm along axes; `Reduce.norm 2.0 []` is the length.
    let norm p axes x = normKeep p axes x |> drop "norm" axes

    let private extreme (position: int -> Tensor -> Tensor) axis x : Tensor * Tensor =
        let at = position axis x |> Tensor.unsqueeze (Shape.axis "max" x.Shape axis)
        Tensor.gather axis at x, at

    /// The largest element along an axis and its position, both with size 1 there. The first of several takes
    /// the whole derivative (`Tensor.amaxAxes` shares it); NaN wins.
    let maxKeep axis x = extreme Tensor.argmax axis x

    /// The smallest element along an axis and its position, both with size 1 there; the first of several.
    let minKeep axis x = extreme Tensor.argmin axis x

    let private both axis (values: Tensor, positions: Tensor) : Tensor * Tensor =
        Tensor.squeeze axis values, Tensor.squeeze axis positions

    /// The largest element along an axis and its position; the first of several takes the whole derivative.
    let max axis x = maxKeep axis x |> both axis

    /// The smallest element along an axis and its position; the first of several takes the whole derivative.
    let min axis x = minKeep axis x |> both axis

    /// The flat position of the largest of all elements; the first of several.
    let argmax (x: Tensor) =
        Tensor.argmax 0 (Tensor.reshape [ -1 ] x)

    /// The flat position of the smallest of all elements; the first of several.
    let argmin (x: Tensor) =
        Tensor.argmin 0 (Tensor.reshape [ -1 ] x)

    /// How many elements are not 0, along axes (int64).
    let countNonzero axes (x: Tensor) =
        Tensor.sumAxes axes (Tensor.cast DType.Bool x)

    /// Whether any element along the axes is not 0.
    let any axes x =
        Tensor.cast DType.Bool (countNonzero axes x)

    /// Whether no element along the axes is 0.
    let all axes (x: Tensor) =
        Tensor.sumAxes axes (isZero (Tensor.cast DType.Bool x)) |> isZero
