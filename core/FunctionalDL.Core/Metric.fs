namespace FunctionalDL.Core

/// A figure of merit of outputs against targets. Each batch gives numbers, and the figure follows from their sums
/// over all batches: it is exact whatever the sizes of the batches are.
[<NoComparison; NoEquality>]
type Metric = {
    Name: string
    /// Target and output of a batch to what it adds: whole numbers or float64, of one shape for all batches.
    Sum: Tensor -> Tensor -> Tensor
    /// What all batches added (float64) to the figure: a scalar, or one number for each class.
    Value: Tensor -> Tensor
}

/// Metrics. Classes are judged by outputs `[batch; classes]` and targets `[batch]`; numbers by outputs and targets of
/// one shape, where axes of size 1 do not count (`[batch; 1]` meets `[batch]`). All raise ShapeException for others:
/// a target of another shape would be broadcast and give a number.
[<RequireQualifiedAccess>]
module Metric =

    /// The figure of one batch.
    let ofBatch (metric: Metric) (target: Tensor) (output: Tensor) : Tensor =
        metric.Sum target output |> Tensor.cast DType.Float64 |> metric.Value

    // ---- making metrics ----------------------------------------

    let private pair (numerator: Tensor) (denominator: Tensor) =
        Tensor.stack 0 [ numerator; denominator ]

    let private number (value: int) =
        Tensor.full DType.Float64 [] (float value)

    let private ratioOf (sums: Tensor) =
        Tensor.narrow 0 0 1 sums / Tensor.narrow 0 1 1 sums |> Tensor.squeeze 0

    /// The mean over all items of what a function gives for each: `perItem target output` is `[batch]`, or of
    /// more axes, whose elements are items too.
    let mean name (perItem: Tensor -> Tensor -> Tensor) : Metric = {
        Name = name
        Sum =
            fun target output ->
                let values = perItem target output |> Tensor.cast DType.Float64
                pair (Tensor.sum values) (number values.Shape.Size)
        Value = ratioOf
    }

    /// The mean of what a function gives for whole batches (a scalar), in which each weighs as many items as it has.
    let meanOfBatches name (ofBatch: Tensor -> Tensor -> Tensor) : Metric = {
        Name = name
        Sum =
            fun target output ->
                let items = number output.Shape[0]
                pair (Tensor.cast DType.Float64 (ofBatch target output) * items) items
        Value = ratioOf
    }

    /// The mean of the batches' own figures. For a figure that is no mean over items, such as a root of one, it is
    /// not the figure of all items together; fastai prints this one for functions.
    let averaged (metric: Metric) : Metric =
        meanOfBatches $"{metric.Name}_averaged" (ofBatch metric)

    // ---- classes ----------------------------------------

    /// Raises ShapeException unless there is a class for each item.
    let private requireClasses operation (target: Tensor) (output: Tensor) =
        if output.Rank <> 2 || target.Rank <> 1 || target.Shape[0] <> output.Shape[0] then
            Fail.shape (
                $"{operation}: the output is {output.Shape} and the target {target.Shape}; "
                + "it needs [batch; classes] and [batch]"
            )

    /// Hits and items, both counted.
    let private hitsAndItems (hits: Tensor) =
        pair (Tensor.sum hits) (Tensor.full DType.Int64 [] (float hits.Shape[0]))

    let private accuracyNamed name value = {
        Name = name
        Sum =
            fun target output ->
                requireClasses name target output
                hitsAndItems (Tensor.eq (Tensor.argmax 1 output) target)
        Value = ratioOf >> value
    }

    /// The share of items whose largest output is at the target's class; of equal outputs the first counts.
    let accuracy: Metric = accuracyNamed "accuracy" id

    /// The share of the others: `1 - accuracy`.
    let errorRate: Metric = accuracyNamed "error_rate" (fun share -> 1.0 - share)

    /// The share of items whose target is among the `k` classes of the largest outputs; of equal outputs the first
    /// counts. Raises OptionException for a `k` below 1 or above the number of classes.
    let topKAccuracy k : Metric =
        let name = $"top_{k}_accuracy"

        {
            Name = name
            Sum =
                fun target output ->
                    requireClasses name target output

                    if k < 1 || k > output.Shape[1] then
                        Fail.option $"{name}: k is {k}; it is 1 to {output.Shape[1]}, the number of classes"

                    let _, best = Tensor.topk k 1 true output

                    Tensor.eq best (Tensor.unsqueeze 1 target)
                    |> Tensor.sumAxes [ 1 ]
                    |> hitsAndItems
            Value = ratioOf
        }

    let private fromConfusion name classes value = {
        Name = name
        Sum =
            fun target output ->
                requireClasses name target output

                if output.Shape[1] <> classes then
                    Fail.shape
                        $"{name}: the output is {output.Shape}; for {classes} classes it needs [batch; {classes}]"

                let truth = Tensor.oneHot classes target
                let taken = Tensor.oneHot classes (Tensor.argmax 1 output)
                Tensor.matmul (Tensor.t truth) taken
        Value = value
    }

    let private averageName name averaging =
        match averaging with
        | Averaging.PerClass -> name
        | Averaging.Macro -> $"{name}_macro"
        | Averaging.Micro -> $"{name}_micro"
        | Averaging.Weighted -> $"{name}_weighted"

    /// How many items of class `i` have their largest output at class `j`: `[classes; classes]`; of equal outputs
    /// the first counts. A target that is no class is not counted.
    let confusion classes : Metric = fromConfusion "confusion" classes id

    /// Of the items taken for a class, the share that are of it: `Confusion.precision` of all items.
    let precision averaging classes : Metric =
        fromConfusion (averageName "precision" averaging) classes (Confusion.precision averaging)

    /// Of the items of a class, the share that were taken for it: `Confusion.recall` of all items.
    let recall averaging classes : Metric =
        fromConfusion (averageName "recall" averaging) classes (Confusion.recall averaging)

    /// The harmonic mean of precision and recall, recall weighing `beta` times as much: `Confusion.fBeta` of all
    /// items. Raises OptionException unless `beta` is above 0.
    let fBeta averaging beta classes : Metric =
        if not (beta > 0.0) then
            Fail.option $"f_beta: beta is {beta}; it is above 0"

        fromConfusion (averageName "f_beta" averaging) classes (Confusion.fBeta averaging beta)

    /// The harmonic mean of precision and recall.
    let f1 averaging classes : Metric = {
        fBeta averaging 1.0 classes with
            Name = averageName "f1" averaging
    }

    // ---- numbers ----------------------------------------

    /// Target and output as float64 numbers in one row.
    let private numbers operation (target: Tensor) (output: Tensor) =
        let sizes (x: Tensor) =
            x.Shape.ToArray() |> Array.filter (fun size -> size <> 1)

        if sizes target <> sizes output then
            Fail.shape (
                $"{operation}: the output is {output.Shape} and the target {target.Shape}; "
                + "they need equal shapes, but for axes of size 1"
            )

        let row (x: Tensor) =
            Tensor.reshape [ -1 ] x |> Tensor.cast DType.Float64

        struct (row target, row output)

    let private meanOfNumbers name f =
        mean name (fun target output ->
            let struct (target, output) = numbers name target output
            f target output)

    let private root (metric: Metric) = {
        metric with
            Value = metric.Value >> Tensor.sqrt
    }

    /// The mean square of the differences.
    let mse: Metric = meanOfNumbers "mse" (fun t y -> Tensor.square (y - t))

    /// The root of the mean square of the differences, in the targets' unit.
    let rmse: Metric = root (meanOfNumbers "rmse" (fun t y -> Tensor.square (y - t)))

    /// The mean size of the differences, in the targets' unit.
    let mae: Metric = meanOfNumbers "mae" (fun t y -> Tensor.abs (y - t))

    /// The root of the mean square of the relative errors of numbers whose natural logarithms the network gives:
    /// `sqrt (mean (((exp t - exp y) / exp t)²))`. `averaged expRmspe` is what fastai's `exp_rmspe` prints.
    let expRmspe: Metric =
        // The relative error is 1 - exp (y - t), without the rounding of that difference near 0.
        root (meanOfNumbers "exp_rmspe" (fun t y -> Tensor.square (Tensor.expm1 (y - t))))

    /// The share of the targets' variance that the outputs explain: `1 - Σ(t - y)² / Σ(t - mean t)²`. It is 1 for
    /// perfect outputs, 0 for the targets' mean everywhere, and below 0 for worse. Targets that are all equal have
    /// no variance to explain: their figure is -∞ or NaN.
    let r2: Metric =
        let part i (sums: Tensor) =
            Tensor.narrow 0 i 1 sums |> Tensor.squeeze 0

        {
            Name = "r2"
            Sum =
                fun target output ->
                    let struct (t, y) = numbers "r2" target output

                    Tensor.stack 0 [
                        Tensor.sum (Tensor.square (t - y))
                        Tensor.sum (Tensor.square t)
                        Tensor.sum t
                        number t.Shape.Size
                    ]
            Value =
                fun sums ->
                    let variation = part 1 sums - Tensor.square (part 2 sums) / part 3 sums
                    1.0 - part 0 sums / variation
        }

/// A metric and what batches added to it.
[<NoComparison; NoEquality>]
type Measured = { Metric: Metric; Sum: Tensor }

/// What batches gave, put together.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Measured =

    /// What a batch adds to a metric.
    let ofBatch (metric: Metric) target output : Measured = {
        Metric = metric
        Sum = metric.Sum target output
    }

    /// What several batches add to one metric, in float64: exact for counts. Raises ShapeException when what they
    /// add is not of one shape.
    let total (parts: Measured list) : Measured =
        let first = parts.Head

        let add (sums: float[]) (part: Measured) =
            if not (part.Sum.Shape.Equals first.Sum.Shape) then
                Fail.shape (
                    $"{first.Metric.Name}: one batch adds {first.Sum.Shape} and another {part.Sum.Shape}; what a "
                    + "metric sums has one shape for all batches"
                )

            Array.map2 (+) sums (Tensor.toFloats part.Sum)

        let zero = Array.zeroCreate first.Sum.Shape.Size

        {
            first with
                Sum = Tensor.ofFloats (List.ofArray first.Sum.Shape.Dims) (List.fold add zero parts)
        }

    /// The figure.
    let value (measured: Measured) : Tensor =
        measured.Sum |> Tensor.cast DType.Float64 |> measured.Metric.Value

    /// The figure's numbers with their names: `accuracy`; for a figure of several, `precision[0]`, `precision[1]`
    /// and so on.
    let named (measured: Measured) : (string * float) list =
        let value = value measured
        let numbers = Tensor.toFloats value

        /// Where the element of this number is, the last axis running fastest.
        let place number =
            Array.foldBack
                (fun size (rest, at) -> rest / size, rest % size :: at)
                value.Shape.Dims
                (number, [])
            |> snd
            |> List.map string
            |> String.concat ", "

        if value.Rank = 0 then
            [ measured.Metric.Name, numbers[0] ]
        else
            [ for i in 0 .. numbers.Length - 1 -> $"{measured.Metric.Name}[{place i}]", numbers[i] ]
