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

    /// The share of items whose largest output is at the target's class; of equal outputs the first counts.
    /// `output: [batch; classes]`, `target: [batch]`.
    let accuracy = {
        Name = "accuracy"
        Sum = fun target output -> Tensor.eq (Tensor.argmax -1 output) target |> Tensor.sum
    }
