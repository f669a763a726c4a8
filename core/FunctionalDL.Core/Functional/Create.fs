namespace FunctionalDL.Core

open System

/// New tensors of any type. Those of float32 have shorter names in `Tensor`; random ones are drawn from a
/// `Key`.
[<RequireQualifiedAccess>]
module Create =

    /// Zeros.
    let zeros dtype shape = Tensor.full dtype shape 0.0

    /// Ones.
    let ones dtype shape = Tensor.full dtype shape 1.0

    /// Elements of the shape and type of `x`, all `value`.
    let fullLike (value: float) (x: Tensor) =
        Tensor.full x.DType (List.ofArray x.Shape.Dims) value

    /// The numbers `start, start + step, …` before `stop`, each worked out in float64 and rounded once.
    /// Raises OptionException for a step of 0, or one that leads away from `stop`.
    let arange dtype (start: float) (stop: float) (step: float) =
        if step = 0.0 || not (Double.IsFinite((stop - start) / step)) then
            Fail.option $"arange: from {start} to {stop} in steps of {step} has no end"

        if (stop - start) / step < 0.0 then
            Fail.option $"arange: steps of {step} lead away from {stop} when they start at {start}"

        let count = int (ceil ((stop - start) / step))

        Tensor.cast DType.Float64 (Tensor.arange count) * step + start
        |> Tensor.cast dtype

    /// `count` numbers from `start` to `stop`, both included, evenly spaced; both ends are exact. Raises
    /// OptionException for a negative count.
    let linspace dtype (start: float) (stop: float) count =
        if count < 0 then
            Fail.option $"linspace: {count} numbers; there can be none, but not fewer"

        let step =
            if count < 2 then
                0.0
            else
                (stop - start) / float (count - 1)

        let place = Tensor.cast DType.Float64 (Tensor.arange count)
        // The second half is counted from the end.
        let isFirst = Tensor.lt place (Tensor.full DType.Float64 [] (float count / 2.0))

        Tensor.where isFirst (place * step + start) (stop - (float count - 1.0 - place) * step)
        |> Tensor.cast dtype

    /// 1 where row and column are equal, 0 elsewhere: `[rows; columns]`.
    let eye dtype rows columns =
        Tensor.eq (Tensor.arange rows |> Tensor.unsqueeze 1) (Tensor.arange columns)
        |> Tensor.cast dtype
