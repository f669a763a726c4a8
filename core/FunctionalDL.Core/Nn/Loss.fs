namespace FunctionalDL.Core

/// What becomes of the losses of the items of a batch.
[<RequireQualifiedAccess>]
type Reduction =
    /// Their mean: the default.
    | Mean
    /// Their sum.
    | Sum
    /// Nothing: one for each item.
    | None

/// Losses. The target comes first and the network's output last.
[<RequireQualifiedAccess>]
module Loss =

    let private reduce reduction losses =
        match reduction with
        | Reduction.Mean -> Tensor.mean losses
        | Reduction.Sum -> Tensor.sum losses
        | Reduction.None -> losses

    /// The negative logarithm of the probability given to each item's class. `logProbabilities: [batch;
    /// classes]`, `target: [batch]` (int64, 0 to classes - 1). Raises ShapeException when the sizes do not
    /// meet, and ValueException, when evaluated, for a class that does not exist.
    let nllWith reduction (target: Tensor) (logProbabilities: Tensor) =
        if
            logProbabilities.Rank <> 2
            || target.Rank <> 1
            || target.Shape[0] <> logProbabilities.Shape[0]
        then
            Fail.shape (
                $"nll: the output is {logProbabilities.Shape} and the target {target.Shape}; "
                + "it needs [batch; classes] and [batch]"
            )

        logProbabilities
        |> Tensor.gather 1 (Tensor.unsqueeze 1 target)
        |> Tensor.squeeze 1
        |> Tensor.neg
        |> reduce reduction

    /// `nllWith` the mean.
    let nll target logProbabilities =
        nllWith Reduction.Mean target logProbabilities

    /// `nll` of the log-softmax of `logits: [batch; classes]`.
    let crossEntropyWith reduction target logits =
        Tensor.logSoftmax -1 logits |> nllWith reduction target

    /// `crossEntropyWith` the mean.
    let crossEntropy target logits =
        crossEntropyWith Reduction.Mean target logits

    /// The squared difference of output and target, which need equal shapes: a silent broadcast of `[n; 1]`
    /// against `[n]` would compare everything with everything.
    let mseWith reduction (target: Tensor) (output: Tensor) =
        if not (target.Shape.Equals output.Shape) then
            Fail.shape (
                $"mse: the output is {output.Shape} and the target {target.Shape}; "
                + "they need equal shapes: squeeze or unsqueeze one"
            )

        Tensor.square (output - target) |> reduce reduction

    /// `mseWith` the mean.
    let mse target output = mseWith Reduction.Mean target output
