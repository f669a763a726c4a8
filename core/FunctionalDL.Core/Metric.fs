namespace FunctionalDL.Core

/// A figure of merit of outputs against targets. Each batch gives a sum and a count, so that a mean over
/// batches of unequal size is exact.
[<NoComparison; NoEquality>]
type Metric = {
    Name: string
    /// Target and output of a batch to the sum over its items.
    Sum: Tensor -> Tensor -> Tensor
}

/// Metrics.
[<RequireQualifiedAccess>]
module Metric =

    /// Raises ShapeException unless there is a class for each item. Without this, a target of another shape
    /// would be broadcast and give a number.
    let private check operation (target: Tensor) (output: Tensor) =
        if output.Rank <> 2 || target.Rank <> 1 || target.Shape[0] <> output.Shape[0] then
            Fail.shape (
                $"{operation}: the output is {output.Shape} and the target {target.Shape}; "
                + "it needs [batch; classes] and [batch]"
            )

    /// The share of items whose largest output is at the target's class; of equal outputs the first counts.
    /// `output: [batch; classes]`, `target: [batch]`. Raises ShapeException for other shapes.
    let accuracy = {
        Name = "accuracy"
        Sum =
            fun target output ->
                check "accuracy" target output
                Tensor.eq (Tensor.argmax -1 output) target |> Tensor.sum
    }

    /// How many items of class `i` have their largest output at class `j`: `[classes; classes]` (int64); of
    /// equal outputs the first counts. `output: [batch; classes]`, `target: [batch]`. A target that is no
    /// class is not counted. Raises ShapeException for other shapes.
    let confusion classes (target: Tensor) (output: Tensor) =
        check "confusion" target output

        if output.Shape[1] <> classes then
            Fail.shape
                $"confusion: the output is {output.Shape}; for {classes} classes it needs [batch; {classes}]"

        let truth, predicted =
            Tensor.oneHot classes target, Tensor.oneHot classes (Tensor.argmax 1 output)

        Tensor.matmul (Tensor.t truth) predicted
