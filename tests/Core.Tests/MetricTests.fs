/// Metrics against loops over items and numbers from the literature, whole and over batches of unequal sizes.
module FunctionalDL.Tests.MetricTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

// ---- items -------------------------------------------------------------------------------------------------------

let private items = 57
let private classes = 4

/// Outputs of which several are equal, and targets. No output is largest at class 3.
let private example () =
    let rng = Random 5
    let target = Array.init items (fun _ -> int64 (rng.Next classes))

    let output =
        Array.init items (fun _ ->
            Array.init classes (fun c -> float (rng.Next 3) - (if c = 3 then 9.0 else 0.0)))

    target, output

/// The first of the largest.
let private best (row: float[]) =
    Array.findIndex (fun x -> x = Array.max row) row

let private tensors (target: int64[], output: float[][]) =
    Tensor.ofInt64s [ target.Length ] target, float64s [ output.Length; output[0].Length ] (Seq.concat output)

/// Numbers and what was guessed for them.
let private numbers () =
    let rng = Random 6
    let target = Array.init items (fun _ -> 3.0 * rng.NextDouble())
    target, target |> Array.map (fun t -> t + rng.NextDouble() - 0.4)

let private column (values: float[]) = float64s [ values.Length ] values

/// The figure of all items, given in batches of 20 items: the last is smaller.
let private inBatches (metric: Metric) (target: Tensor, output: Tensor) =
    [ 0, 20; 20, 20; 40, 17 ]
    |> List.map (fun (start, count) ->
        let part = Tensor.narrow 0 start count
        Measured.ofBatch metric (part target) (part output))
    |> Measured.total
    |> Measured.value

/// Fails unless a metric has these numbers for all items at once, on an engine, and for their batches.
let private shouldMeasure engine (metric: Metric) (expected: float[]) (target, output) =
    let whole = Metric.ofBatch metric target output
    shouldEqual DType.Float64 whole.DType
    shouldBeClose metric.Name 1e-13 expected (floatsOn (engineOf engine) whole)

    shouldBeClose
        $"{metric.Name} in batches"
        1e-13
        expected
        (Tensor.toFloats (inBatches metric (target, output)))

// ---- classes -----------------------------------------------------------------------------------------------------

let private matrix () =
    let target, output = example ()
    let counts = Array2D.zeroCreate classes classes

    for truth, row in Array.zip target output do
        counts[int truth, best row] <- counts[int truth, best row] + 1.0

    counts

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``confusion counts the items of each class by the class that they were taken for`` (engine: string) =
    let target, output = tensors (example ())
    let expected = matrix () |> Seq.cast<float> |> Seq.toArray
    let metric = Metric.confusion classes
    let counts = metric.Sum target output
    shouldEqual DType.Int64 counts.DType
    shouldEqual [ classes; classes ] (dimsOf counts)
    shouldBeExactly "counts" expected (floatsOn (engineOf engine) counts)
    shouldEqual (float items) (Array.sum expected)
    shouldMeasure engine metric expected (target, output)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``accuracy is the share of items on the diagonal, the first of equal outputs counting (row 30)``
    (engine: string)
    =
    let target, output = example ()

    let hits =
        Array.zip target output |> Array.filter (fun (t, row) -> int t = best row)

    let share = float hits.Length / float items
    shouldMeasure engine Metric.accuracy [| share |] (tensors (target, output))
    shouldMeasure engine Metric.errorRate [| 1.0 - share |] (tensors (target, output))
    shouldMeasure engine (Metric.topKAccuracy 1) [| share |] (tensors (target, output))

    let ties =
        float64s [ 4; 3 ] [ 1.0; 3.0; 2.0; 5.0; 5.0; 0.0; 0.0; 0.0; 0.0; -1.0; -2.0; 7.0 ]

    let truth = Tensor.ofInt64s [ 4 ] [| 1L; 1L; 0L; 2L |]
    shouldBeExactly "ties" [ 0.75 ] (floatsOn (engineOf engine) (Metric.ofBatch Metric.accuracy truth ties))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``top-k accuracy takes the k largest outputs, of equal ones the first`` (engine: string) =
    let target, output = example ()

    for k in 1..classes do
        let isHit (truth: int64, row: float[]) =
            let order = [| 0 .. classes - 1 |] |> Array.sortBy (fun c -> -row[c], c)
            Array.contains (int truth) order[.. k - 1]

        let hits = Array.zip target output |> Array.filter isHit

        shouldMeasure
            engine
            (Metric.topKAccuracy k)
            [| float hits.Length / float items |]
            (tensors (target, output))

/// Hits, items of the class, and items taken for it.
let private countsOf c =
    let counts = matrix ()
    counts[c, c], Array.sum counts[c, *], Array.sum counts[*, c]

let private divided a b = if b = 0.0 then 0.0 else a / b

/// Per class, macro, micro and weighted figures, by the textbook's words.
let private averages (figure: float * float * float -> float) (pooled: float) =
    let perClass = Array.init classes (countsOf >> figure)
    let truth = Array.init classes (fun c -> let _, truth, _ = countsOf c in truth)
    let weighted = Array.map2 (*) truth perClass |> Array.sum

    [
        Averaging.PerClass, perClass
        Averaging.Macro, [| Array.average perClass |]
        Averaging.Micro, [| pooled |]
        Averaging.Weighted, [| weighted / float items |]
    ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``precision, recall and f are those of each class, and their averages`` (engine: string) =
    let hits =
        Array.init classes (fun c -> let hits, _, _ = countsOf c in hits) |> Array.sum
    // Every item has one class and is taken for one: all pooled figures are the accuracy.
    let pooled = hits / float items
    let precision (hits, _, taken) = divided hits taken
    let recall (hits, truth, _) = divided hits truth

    let f (beta: float) counts =
        let p, r = precision counts, recall counts
        divided ((1.0 + beta * beta) * p * r) (beta * beta * p + r)

    let figures: (string * (Averaging -> Metric) * (float * float * float -> float)) list = [
        "precision", (fun a -> Metric.precision a classes), precision
        "recall", (fun a -> Metric.recall a classes), recall
        "f1", (fun a -> Metric.f1 a classes), f 1.0
        "f_beta", (fun a -> Metric.fBeta a 2.0 classes), f 2.0
    ]

    for name, metric, figure in figures do
        for averaging, expected in averages figure pooled do
            ensure $"{name} is named {(metric averaging).Name}" ((metric averaging).Name.StartsWith name)
            shouldMeasure engine (metric averaging) expected (tensors (example ()))

    let _, _, takenForLast = countsOf 3
    shouldEqual 0.0 takenForLast

/// C. D. Manning, P. Raghavan, H. Schütze, "Introduction to information retrieval", table 13.8: two classes whose pooled
/// precision is 0.83, the mean of the two being 0.7 (true positives, false positives: 10, 10 and 90, 10).
[<Test>]
let ``macro and micro precision are those of the textbook's table`` () =
    // Columns: taken for class 0 (10 right of 20), taken for class 1 (90 right of 100).
    let matrix = float64s [ 2; 2 ] [ 10.0; 10.0; 10.0; 90.0 ]
    shouldBeClose "macro" 1e-15 [| 0.7 |] (Tensor.toFloats (Confusion.precision Averaging.Macro matrix))

    shouldBeClose
        "micro"
        1e-15
        [| 100.0 / 120.0 |]
        (Tensor.toFloats (Confusion.precision Averaging.Micro matrix))

    raises<ShapeException> "confusion: a matrix is [2; 3]; it needs [classes; classes]" (fun () ->
        Confusion.recall Averaging.Macro (Tensor.zeros [ 2; 3 ]) |> ignore)

[<Test>]
let ``metrics of classes refuse a target that has not one class for each item`` () =
    let labels shape = Tensor.full DType.Int64 shape 0.0

    for output, target in
        [
            [ 3; 2 ], [ 3; 1 ]
            [ 3; 2 ], [ 1 ]
            [ 3; 2 ], []
            [ 3; 2 ], [ 2 ]
            [ 3 ], [ 3 ]
            [ 3; 2; 2 ], [ 3 ]
        ] do
        for metric in
            [
                Metric.accuracy
                Metric.errorRate
                Metric.topKAccuracy 2
                Metric.confusion 2
                Metric.recall Averaging.Macro 2
            ] do
            let text (shape: int list) = (labels shape).Shape.ToString()

            raises<ShapeException>
                $"{metric.Name}: the output is {text output} and the target {text target}; it needs [batch; classes] and [batch]"
                (fun () -> metric.Sum (labels target) (Tensor.zeros output) |> ignore)

[<Test>]
let ``impossible options and other numbers of classes are refused`` () =
    let three = Tensor.full DType.Int64 [ 3 ] 0.0

    raises<ShapeException> "confusion: the output is [3; 2]; for 4 classes it needs [batch; 4]" (fun () ->
        (Metric.confusion 4).Sum three (Tensor.zeros [ 3; 2 ]) |> ignore)

    for k in [ 0; 3 ] do
        raises<OptionException> $"top_{k}_accuracy: k is {k}; it is 1 to 2, the number of classes" (fun () ->
            (Metric.topKAccuracy k).Sum three (Tensor.zeros [ 3; 2 ]) |> ignore)

    raises<OptionException> "f_beta: beta is 0; it is above 0" (fun () ->
        Metric.fBeta Averaging.Macro 0.0 2 |> ignore)

// ---- numbers -----------------------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``errors of numbers are means over all items, and roots of them`` (engine: string) =
    let target, output = numbers ()
    let both = column target, column output

    let mean f =
        Array.map2 f target output |> Array.average

    let square x = x * x
    let mse = mean (fun t y -> square (t - y))
    let centre = Array.average target
    let variance = target |> Array.averageBy (fun t -> square (t - centre))

    let relative = mean (fun t y -> square ((exp t - exp y) / exp t)) |> sqrt

    shouldMeasure engine Metric.mse [| mse |] both
    shouldMeasure engine Metric.rmse [| sqrt mse |] both
    shouldMeasure engine Metric.mae [| mean (fun t y -> abs (t - y)) |] both
    shouldMeasure engine Metric.expRmspe [| relative |] both
    shouldMeasure engine Metric.r2 [| 1.0 - mse / variance |] both
    // An axis of size 1 is none.
    shouldMeasure engine Metric.rmse [| sqrt mse |] (column target, Tensor.unsqueeze 1 (column output))

[<TestCase("float64", 1e-15)>]
[<TestCase("float32", 1e-6)>]
let ``exp_rmspe of the golden example, accumulated and averaged, and its count of elements (row 67)``
    (dtype: string)
    (tolerance: float)
    =
    let dtype = if dtype = "float64" then DType.Float64 else DType.Float32

    let logs values =
        column (Array.map log values) |> Tensor.cast dtype

    let target, output = logs [| 100.0; 200.0; 100.0 |], logs [| 100.0; 220.0; 90.0 |]

    let figure metric =
        Tensor.item (Metric.ofBatch metric target output)
    // lessons.md, section 1.6, G-4: √((0 + 0.01 + 0.01) / 3) = 0.0816497.
    shouldBeClose "golden" tolerance [| sqrt (0.02 / 3.0) |] [| figure Metric.expRmspe |]
    shouldBeClose "digits" 5e-8 [| 0.0816497 |] [| figure Metric.expRmspe |]

    shouldBeClose "one batch" 1e-15 [| figure Metric.expRmspe |] [|
        figure (Metric.averaged Metric.expRmspe)
    |]

    // Batches of two items and of one: √(0.01 / 2) twice and √0.01 once, where the figure of all is the golden one.
    let over metric =
        [ 0, 2; 2, 1 ]
        |> List.map (fun (start, count) ->
            Measured.ofBatch metric (Tensor.narrow 0 start count target) (Tensor.narrow 0 start count output))
        |> Measured.total
        |> Measured.value
        |> Tensor.item

    shouldBeClose "accumulated" tolerance [| sqrt (0.02 / 3.0) |] [| over Metric.expRmspe |]

    shouldBeClose "averaged" tolerance [| (2.0 * sqrt 0.005 + 0.1) / 3.0 |] [|
        over (Metric.averaged Metric.expRmspe)
    |]

    raises<ShapeException>
        "exp_rmspe: the output is [3] and the target [2]; they need equal shapes, but for axes of size 1"
        (fun () ->
            figure {
                Metric.expRmspe with
                    Sum = fun t y -> Metric.expRmspe.Sum (Tensor.narrow 0 0 2 t) y
            }
            |> ignore)

[<Test>]
let ``R² is 1 for perfect outputs, 0 for the mean, below 0 for worse`` () =
    let target = column [| 1.0; 2.0; 3.0; 6.0 |]

    let figure values =
        Tensor.item (Metric.ofBatch Metric.r2 target (column values))

    shouldEqual 1.0 (figure [| 1.0; 2.0; 3.0; 6.0 |])
    shouldEqual 0.0 (figure [| 3.0; 3.0; 3.0; 3.0 |])
    // Σ(t - y)² = 25 + 16 + 9 + 0 = 50 of Σ(t - 3)² = 14.
    shouldBeClose "worse" 1e-15 [| 1.0 - 50.0 / 14.0 |] [| figure [| 6.0; 6.0; 6.0; 6.0 |] |]

[<Test>]
let ``metrics of numbers refuse outputs that would be broadcast`` () =
    for metric in [ Metric.mse; Metric.rmse; Metric.mae; Metric.expRmspe; Metric.r2 ] do
        raises<ShapeException>
            $"{metric.Name}: the output is [3; 2] and the target [2; 3]; they need equal shapes, but for axes of size 1"
            (fun () -> metric.Sum (Tensor.zeros [ 2; 3 ]) (Tensor.zeros [ 3; 2 ]) |> ignore)

// ---- reports -----------------------------------------------------------------------------------------------------

/// What a training with these metrics measures on batches of 20 items of the example.
let private reported metrics =
    let target, output = tensors (example ())

    let training: Training = {
        Model = Layer.identity
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser = Optimiser.sgd 0.1
        Metrics = metrics
    }

    let variables = (Train.init (Key.ofSeed 1L) [ output.Shape ] training).Variables

    Source.ordered 20 {
        Inputs = [ output ]
        Targets = [ target ]
    }
    |> Train.measurements (fun (variables, batch) -> Train.evaluateBatch training variables batch) variables
    |> Seq.toList

[<Test>]
let ``a report has the figures of all items by name, one for each number`` () =
    let report =
        reported [ Metric.accuracy; Metric.precision Averaging.PerClass classes; Metric.confusion classes ]
        |> Train.report

    let counts = matrix ()

    for c in 0 .. classes - 1 do
        let hits, _, taken = countsOf c

        shouldBeClose $"precision of {c}" 1e-15 [| divided hits taken |] [|
            report.Metrics[$"precision[{c}]"]
        |]

        for other in 0 .. classes - 1 do
            shouldEqual counts[c, other] report.Metrics[$"confusion[{c}, {other}]"]

    let hits = [ 0 .. classes - 1 ] |> List.sumBy (fun c -> counts[c, c])
    shouldEqual (hits / float items) report.Metrics["accuracy"]
    shouldEqual (1 + classes + classes * classes) report.Metrics.Count

[<Test>]
let ``two metrics of one name, and sums of two shapes, are refused`` () =
    raises<OptionException>
        "train: 'accuracy' is the name of 2 metrics; each needs its own, as in { metric with Name = … }"
        (fun () -> reported [ Metric.accuracy; Metric.accuracy ] |> ignore)

    let wrong: Metric = {
        Name = "wrong"
        Sum = fun target _ -> Tensor.cast DType.Float64 target
        Value = Tensor.sum
    }

    raises<ShapeException>
        "wrong: one batch adds [20] and another [17]; what a metric sums has one shape for all batches"
        (fun () -> reported [ wrong ] |> Train.report |> ignore)

[<Test>]
let ``a mean of one's own takes any number for each item`` () =
    let distance = Metric.mean "distance" (fun t y -> Tensor.abs (t - y))
    let target, output = numbers ()
    let expected = Array.map2 (fun t y -> abs (t - y)) target output |> Array.average
    shouldMeasure "cpu" distance [| expected |] (column target, column output)
