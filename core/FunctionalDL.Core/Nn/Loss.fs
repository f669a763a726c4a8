namespace FunctionalDL.Core

/// What becomes of the losses of the items of a batch.
[<RequireQualifiedAccess>]
type Reduction =
    /// Their mean: the default. With class weights, the sum divided by the weights' sum.
    | Mean
    /// Their sum.
    | Sum
    /// Nothing: one for each item.
    | None
    /// Their sum, divided by the size of the first axis: the mean over items of what each item's elements add
    /// up to.
    | BatchMean

/// What of `Loss.nll` and `Loss.crossEntropy` can be chosen.
type ClassOptions = {
    Reduction: Reduction
    /// A factor for each class: `[classes]`.
    Weight: Tensor option
    /// Items of this class count for nothing, in the loss and in its mean.
    IgnoreIndex: int
    /// The share (0 to 1) of the target that goes to all classes evenly; for `Loss.crossEntropy` alone. C.
    /// Szegedy and others, "Rethinking the inception architecture for computer vision", CVPR 2016, section 7.
    LabelSmoothing: float
} with

    /// PyTorch's: the mean, no weights, class -100 ignored, no smoothing.
    static member Default = {
        Reduction = Reduction.Mean
        Weight = Option.None
        IgnoreIndex = -100
        LabelSmoothing = 0.0
    }

/// What of `Loss.binaryCrossEntropy` and `Loss.binaryCrossEntropyLogits` can be chosen.
type BinaryOptions = {
    Reduction: Reduction
    /// A factor for each element, which broadcasts to them.
    Weight: Tensor option
    /// A factor for what is owed to targets of 1, which broadcasts; for logits alone.
    PosWeight: Tensor option
} with

    /// PyTorch's: the mean, no weights.
    static member Default = {
        Reduction = Reduction.Mean
        Weight = Option.None
        PosWeight = Option.None
    }

/// Losses. The target comes first and the network's output last. Without options they give the mean over the
/// batch. All raise ShapeException when output and target do not meet: a silent broadcast of `[n; 1]` against
/// `[n]` would compare everything with everything.
[<RequireQualifiedAccess>]
module Loss =

    let private reduce reduction (losses: Tensor) =
        match reduction with
        | Reduction.Mean -> Tensor.mean losses
        | Reduction.Sum -> Tensor.sum losses
        | Reduction.None -> losses
        | Reduction.BatchMean when losses.Rank = 0 -> losses
        | Reduction.BatchMean -> Tensor.sum losses / float losses.Shape[0]

    let private requireSame operation (target: Tensor) (output: Tensor) =
        if not (target.Shape.Equals output.Shape) then
            Fail.shape (
                $"{operation}: the output is {output.Shape} and the target {target.Shape}; "
                + "they need equal shapes: squeeze or unsqueeze one"
            )

    // ---- classes ----------------------------------------

    /// Where the classes are: axis 1, or the only axis of an output without a batch.
    let private classAxis (output: Tensor) = if output.Rank = 1 then 0 else 1

    let private requireClasses operation (weight: Tensor option) (target: Tensor) (output: Tensor) =
        let expected =
            if output.Rank = 0 then
                Option.None
            else
                Some(Shape.dropAxes [| classAxis output |] output.Shape)

        match expected with
        | Some shape when shape.Equals target.Shape -> ()
        | Some _
        | Option.None ->
            Fail.shape (
                $"{operation}: the output is {output.Shape} and the target {target.Shape}; "
                + "it needs [batch; classes] and [batch]"
            )

        if not (DType.isInteger target.DType) then
            Fail.dtype
                $"{operation}: the target is {target.Node.Type}; it needs whole numbers (int64), the classes"

        match weight with
        | Some w when w.Rank <> 1 || w.Shape[0] <> output.Shape[classAxis output] ->
            Fail.shape (
                $"{operation}: the weight is {w.Shape} and the output {output.Shape}; it needs "
                + "one number for each class"
            )
        | Some _
        | Option.None -> ()

    /// One number a class, seen from the output.
    let private alongClasses (output: Tensor) (weight: Tensor) =
        if output.Rank = 1 then
            weight
        else
            Tensor.reshape [ 1; weight.Shape[0]; yield! List.replicate (output.Rank - 2) 1 ] weight

    /// The loss of each item before reduction, what it counts in the mean, and whether it counts at all.
    let private classLosses (options: ClassOptions) (target: Tensor) (logProbabilities: Tensor) =
        let axis = classAxis logProbabilities
        let counts = Tensor.ne target (Tensor.FullLike(target, options.IgnoreIndex))
        // A class that is ignored need not exist.
        let existing = Tensor.where counts target (Tensor.zerosLike target)
        let index = Tensor.unsqueeze axis existing

        let chosen =
            Tensor.gather axis index logProbabilities |> Tensor.squeeze axis |> Tensor.neg

        let factor =
            match options.Weight with
            | Some w ->
                Tensor.indexSelect 0 (Tensor.reshape [ -1 ] existing) (Tensor.cast logProbabilities.DType w)
                |> Tensor.reshape (List.ofArray target.Shape.Dims)
            | Option.None -> Tensor.onesLike chosen

        let factor = Tensor.where counts factor (Tensor.zerosLike factor)
        let weighted = if options.Weight.IsSome then chosen * factor else chosen
        struct (Tensor.where counts weighted (Tensor.zerosLike weighted), factor, counts)

    let private reduceClasses reduction (factor: Tensor) (losses: Tensor) =
        match reduction with
        | Reduction.Mean -> Tensor.sum losses / Tensor.sum factor
        | Reduction.Sum
        | Reduction.None
        | Reduction.BatchMean -> reduce reduction losses

    /// The negative logarithm of the probability given to each item's class. `logProbabilities: [batch;
    /// classes; …]`, `target: [batch; …]` (whole numbers, 0 to classes - 1, or the ignored one); `[classes]`
    /// and `[]` for one item. Raises ShapeException when the sizes do not meet, and ValueException, when
    /// evaluated, for a class that does not exist. NaN when all is ignored.
    let nllUsing (options: ClassOptions) (target: Tensor) (logProbabilities: Tensor) =
        requireClasses "nll" options.Weight target logProbabilities
        let struct (losses, factor, _) = classLosses options target logProbabilities
        reduceClasses options.Reduction factor losses

    /// `nllUsing` a reduction.
    let nllWith reduction (target: Tensor) (logProbabilities: Tensor) =
        nllUsing
            {
                ClassOptions.Default with
                    Reduction = reduction
            }
            target
            logProbabilities

    /// `nllWith` the mean.
    let nll target logProbabilities =
        nllWith Reduction.Mean target logProbabilities

    /// Cross entropy against probabilities: `-sum (target · weight · logProbabilities)` for each item.
    let private againstProbabilities (options: ClassOptions) (target: Tensor) (logits: Tensor) =
        requireSame "crossEntropy" target logits
        let axis = classAxis logits
        let classes = logits.Shape[axis]
        let smoothing = options.LabelSmoothing

        let target =
            if smoothing > 0.0 then
                target * (1.0 - smoothing) + smoothing / float classes
            else
                target

        let terms = Tensor.logSoftmax axis logits * target

        let terms =
            match options.Weight with
            | Some w -> terms * alongClasses logits w
            | Option.None -> terms

        Tensor.sumAxes [ axis ] terms |> Tensor.neg |> reduce options.Reduction

    let private againstClasses (options: ClassOptions) (target: Tensor) (logits: Tensor) =
        requireClasses "crossEntropy" options.Weight target logits
        let axis = classAxis logits
        let logProbabilities = Tensor.logSoftmax axis logits
        let struct (losses, factor, counts) = classLosses options target logProbabilities
        let smoothing = options.LabelSmoothing

        let losses =
            if smoothing > 0.0 then
                let terms =
                    match options.Weight with
                    | Some w -> logProbabilities * alongClasses logits w
                    | Option.None -> logProbabilities

                let even = Tensor.neg (Tensor.sumAxes [ axis ] terms)
                let even = Tensor.where counts even (Tensor.zerosLike even)
                losses * (1.0 - smoothing) + even * (smoothing / float logits.Shape[axis])
            else
                losses

        reduceClasses options.Reduction factor losses

    /// `nll` of the log-softmax of `logits: [batch; classes; …]` (nats), shifted by each row's own maximum.
    /// `target` is `[batch; …]` (whole numbers, the classes), or probabilities in the shape of `logits`, for
    /// which no class is ignored. Raises OptionException for a smoothing outside 0 to 1, ShapeException when
    /// the sizes do not meet, and ValueException, when evaluated, for a class that does not exist.
    let crossEntropyUsing (options: ClassOptions) (target: Tensor) (logits: Tensor) =
        if not (options.LabelSmoothing >= 0.0 && options.LabelSmoothing <= 1.0) then
            Fail.option
                $"crossEntropy: the label smoothing is {options.LabelSmoothing}; it is a share, 0 to 1"

        if DType.isFloat target.DType then
            againstProbabilities options target logits
        else
            againstClasses options target logits

    /// `crossEntropyUsing` a reduction.
    let crossEntropyWith reduction target logits =
        crossEntropyUsing
            {
                ClassOptions.Default with
                    Reduction = reduction
            }
            target
            logits

    /// `crossEntropyWith` the mean.
    let crossEntropy target logits =
        crossEntropyWith Reduction.Mean target logits

    // ---- probabilities ----------------------------------------

    let private weigh (weight: Tensor option) (losses: Tensor) =
        match weight with
        | Some w -> losses * w
        | Option.None -> losses

    /// `-(target · log probability + (1 - target) · log (1 - probability))` for each element, where the
    /// logarithms are never below -100 and the slope never above 1e12, as in PyTorch: a probability of 0 or 1
    /// that is wrong gives a loss of 100.
    let binaryCrossEntropyUsing (options: BinaryOptions) (target: Tensor) (probability: Tensor) =
        requireSame "binaryCrossEntropy" target probability

        if options.PosWeight.IsSome then
            Fail.option "binaryCrossEntropy: posWeight is for logits; use binaryCrossEntropyLogits"

        // PyTorch's smallest divisor of the slope, which is a float32 for every type.
        let steepest = 1.0 / float 1e-12f
        let p = probability

        let entropy (p: Tensor) =
            let logOf (log: Tensor) = Tensor.clampMin -100.0 log
            -(target * logOf (Tensor.log p) + (1.0 - target) * logOf (Tensor.log1p (-p)))

        // At the ends the slope is (p - target) · 1e12 by definition: the value stands still, and a parabola
        // around p moves.
        let isEnd = Tensor.lt (p * (1.0 - p)) (Tensor.full p.DType [] (1.0 / steepest))
        let middle = Tensor.where isEnd (Tensor.full p.DType [] 0.5) p
        let away = Tensor.square (p - Tensor.stopGradient target)

        let atEnd =
            entropy (Tensor.stopGradient p)
            + (away - Tensor.stopGradient away) * (0.5 * steepest)

        Tensor.where isEnd atEnd (entropy middle)
        |> weigh options.Weight
        |> reduce options.Reduction

    /// `binaryCrossEntropyUsing` a reduction.
    let binaryCrossEntropyWith reduction target probability =
        binaryCrossEntropyUsing
            {
                BinaryOptions.Default with
                    Reduction = reduction
            }
            target
            probability

    /// `binaryCrossEntropyWith` the mean.
    let binaryCrossEntropy target probability =
        binaryCrossEntropyWith Reduction.Mean target probability

    /// `binaryCrossEntropy` of `sigmoid logits`, without its rounding and overflow: exact for any size of the
    /// logits.
    let binaryCrossEntropyLogitsUsing (options: BinaryOptions) (target: Tensor) (logits: Tensor) =
        requireSame "binaryCrossEntropyLogits" target logits

        let struct (forZero, forOne) = Activation.logOnePlusExpBoth logits

        let owed =
            match options.PosWeight with
            | Some w -> target * w
            | Option.None -> target

        // Terms of one sign: nothing cancels, however sure the logits are.
        ((1.0 - target) * forZero + owed * forOne)
        |> weigh options.Weight
        |> reduce options.Reduction

    /// `binaryCrossEntropyLogitsUsing` a reduction.
    let binaryCrossEntropyLogitsWith reduction target logits =
        binaryCrossEntropyLogitsUsing
            {
                BinaryOptions.Default with
                    Reduction = reduction
            }
            target
            logits

    /// `binaryCrossEntropyLogitsWith` the mean.
    let binaryCrossEntropyLogits target logits =
        binaryCrossEntropyLogitsWith Reduction.Mean target logits

    /// The divergence of Kullback and Leibler, `target · (log target - logProbabilities)` for each element
    /// (nats), 0 where the target is 0. With `isLog` the target holds logarithms too. `Reduction.BatchMean`
    /// is the one that agrees with the mathematics; the mean is over all elements.
    let klDivWith reduction isLog (target: Tensor) (logProbabilities: Tensor) =
        requireSame "klDiv" target logProbabilities

        let losses =
            if isLog then
                Tensor.exp target * (target - logProbabilities)
            else
                // 0 · log 0 is 0 here, and so is its slope.
                let isZero = Tensor.eq target (Tensor.zerosLike target)

                target * Tensor.log (Tensor.where isZero (Tensor.onesLike target) target)
                - target * logProbabilities

        reduce reduction losses

    /// `klDivWith` the mean over all elements, for a target of probabilities.
    let klDiv target logProbabilities =
        klDivWith Reduction.Mean false target logProbabilities

    // ---- distances ----------------------------------------

    /// The squared difference of output and target, element by element.
    let mseWith reduction (target: Tensor) (output: Tensor) =
        requireSame "mse" target output
        Tensor.square (output - target) |> reduce reduction

    /// `mseWith` the mean.
    let mse target output = mseWith Reduction.Mean target output

    /// The absolute difference of output and target, element by element; its derivative is 0 where they are
    /// equal.
    let l1With reduction (target: Tensor) (output: Tensor) =
        requireSame "l1" target output
        Tensor.abs (output - target) |> reduce reduction

    /// `l1With` the mean.
    let l1 target output = l1With Reduction.Mean target output

    /// `d²/2` for a difference `d` smaller than `width`, `width · (|d| - width / 2)` beyond.
    let private parabola (width: float) (target: Tensor) (output: Tensor) =
        let d = output - target
        let size = Tensor.abs d
        let isSmall = Tensor.lt size (Tensor.full d.DType [] width)
        Tensor.where isSmall (Tensor.square d * 0.5) ((size - 0.5 * width) * width)

    /// `d² / (2 beta)` for a difference `d` smaller than `beta`, `|d| - beta / 2` beyond; `l1` for a `beta`
    /// of 0. Raises OptionException for a negative one. R. Girshick, "Fast R-CNN", ICCV 2015, equation 3.
    let smoothL1With reduction (beta: float) (target: Tensor) (output: Tensor) =
        if not (beta >= 0.0) then
            Fail.option $"smoothL1: beta is {beta}; it needs to be at least 0"

        if beta = 0.0 then
            l1With reduction target output
        else
            requireSame "smoothL1" target output
            parabola beta target output / beta |> reduce reduction

    /// `smoothL1With` the mean and a beta of 1.
    let smoothL1 target output =
        smoothL1With Reduction.Mean 1.0 target output

    /// `d² / 2` for a difference `d` smaller than `delta`, `delta · (|d| - delta / 2)` beyond. Raises
    /// OptionException unless `delta` is positive. P. J. Huber, "Robust estimation of a location parameter",
    /// 1964.
    let huberWith reduction (delta: float) (target: Tensor) (output: Tensor) =
        if not (delta > 0.0) then
            Fail.option $"huber: delta is {delta}; it needs to be above 0"

        requireSame "huber" target output
        parabola delta target output |> reduce reduction

    /// `huberWith` the mean and a delta of 1.
    let huber target output =
        huberWith Reduction.Mean 1.0 target output
