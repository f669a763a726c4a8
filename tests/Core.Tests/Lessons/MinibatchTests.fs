/// Notebook 03: cross entropy and training by mini-batches (lessons.md, section 1.4). Rows of random numbers are checked
/// with twenty seeds. Pictures are divided by 256 and not normalised here.
module FunctionalDL.Tests.Lessons.MinibatchTests

open System
open System.Diagnostics
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist
open FunctionalDL.Tests.Lessons.Golden

// ---- loss functions ----------------------------------------------------------------------------------------------

let private sumKeep x = Tensor.sumAxesKeep [ -1 ] x

/// As the lesson writes them, from the definition to the one that cannot overflow.
let private logSoftmaxes: (string * (Tensor -> Tensor)) list =

    let logSumExp x =
        let m = fst (Reduce.maxKeep -1 x)
        m + Tensor.log (sumKeep (Tensor.exp (x - m)))

    [
        "by definition", (fun x -> Tensor.log (Tensor.exp x / sumKeep (Tensor.exp x)))
        "simplified", (fun x -> x - Tensor.log (sumKeep (Tensor.exp x)))
        "by its own logsumexp", (fun x -> x - logSumExp x)
        "by the library's logsumexp", (fun x -> x - Tensor.logSumExpKeep -1 x)
        "the library's", Tensor.logSoftmax -1
    ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``five ways to the logarithm of softmax, and to cross entropy, agree (rows 25 and 28, E03-05)``
    (engine: string)
    =
    let on = engineOf engine
    let x = Key.normal DType.Float32 [ 64; 10 ] (Key.ofSeed 1L) * 3.0
    let y = Tensor.ofInt64s [ 64 ] (Array.init 64 (fun i -> int64 (i * 7 % 10)))
    let expected = floatsOn on (snd (List.last logSoftmaxes) x)

    for name, logSoftmax in logSoftmaxes do
        shouldBeClose name 1e-6 expected (floatsOn on (logSoftmax x))

        let picked =
            Indexing.get [ Pick.Positions(Tensor.arange 64); Pick.Positions y ] (logSoftmax x)

        let loss = floatsOn on (Loss.crossEntropy y x)
        shouldBeClose $"{name}, picked" 1e-6 loss (floatsOn on (-(Tensor.mean picked)))
        shouldBeClose $"{name}, nll" 1e-6 loss (floatsOn on (Loss.nll y (logSoftmax x)))

    let rows = Tensor.sumAxes [ -1 ] (Tensor.softmax -1 x)
    shouldBeClose "rows of softmax" 1e-6 (Array.create 64 1.0) (floatsOn on rows)
    let values, places = Reduce.max -1 x
    shouldBeExactly "largest" (floatsOn on (Tensor.amaxAxes [ -1 ] x)) (floatsOn on values)
    shouldBeExactly "where" (floatsOn on (Tensor.argmax -1 x)) (floatsOn on places)

    shouldEqual
        [ [ 64; 1 ]; [ 64; 1 ]; [ 64; 1 ] ]
        ([ sumKeep; Tensor.amaxAxesKeep [ -1 ]; Tensor.logSumExpKeep -1 ]
         |> List.map (fun f -> dimsOf (f x)))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the slope of logsumexp is softmax, of large numbers too (row 26)`` (engine: string) =
    let on = engineOf engine

    for shift in [ 0.0; 1000.0; -1000.0 ] do
        let x = float64s [ 4 ] [ 1.0 + shift; -2.0 + shift; 0.5 + shift; shift ]
        let slope = grad (Tensor.logSumExp 0) x
        shouldBeClose $"shift {shift}" 1e-13 (floatsOn on (Tensor.softmax 0 x)) (floatsOn on slope)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``two lists of positions pick a number each, and places that come twice learn twice (row 27, E03-01, E03-02)``
    (engine: string)
    =
    let on = engineOf engine
    let x = Create.arange DType.Float64 0.0 30.0 1.0 |> Tensor.reshape [ 3; 10 ]

    let at values =
        Pick.Positions(Tensor.ofInt64s [ List.length values ] (List.toArray values))

    let pick x =
        Indexing.get [ at [ 0L; 1L; 2L ]; at [ 5L; 0L; 4L ] ] x

    shouldBeExactly "picked" [ 5.0; 10.0; 24.0 ] (floatsOn on (pick x))

    let twice x =
        Indexing.get [ at [ 1L; 1L; 0L ]; at [ 2L; 2L; 3L ] ] x

    let weights = float64s [ 3 ] [ 1.0; 10.0; 100.0 ]
    let slope = grad (fun x -> Tensor.sum (weights * twice x)) x |> floatsOn on
    shouldBeExactly "twice" [ 11.0; 100.0 ] [ slope[12]; slope[3] ]
    shouldEqual 111.0 (Array.sum slope)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a label that is no class is refused in words (row 28)`` (engine: string) =
    let loss =
        Loss.crossEntropy (Tensor.ofInt64s [ 2 ] [| 0L; 3L |]) (Tensor.zeros [ 2; 3 ])

    messageOf<ValueException>(fun () -> floatsOn (engineOf engine) loss |> ignore)
    |> shouldContain [ "index 3"; "is outside 0 to 2"; "labels" ]

// ---- untrained ---------------------------------------------------------------------------------------------------

let private fresh key =
    Train.init key [ Shape.ofList [ 64; pixels ] ] training

[<Test; Category("Slow")>]
let ``an untrained network guesses among ten: losses, outputs, accuracy (row 29, E03-02, E03-04, E03-06 to E03-08, E03-22)``
    ()
    =
    for key in twentyKeys do
        let variables = (fresh key).Variables
        let batch = batchOf DType.Float32 0 64
        let outputs = Layer.predict training.Model variables batch.Inputs.Head
        shouldEqual [ 64; 10 ] (dimsOf outputs)
        shouldLie "largest output" 0.0 1.0 (Tensor.item (Tensor.amax (Tensor.abs outputs)))
        let logs = Tensor.logSoftmax -1 outputs |> Tensor.narrow 0 0 3

        let picked =
            Indexing.get
                [ Pick.Positions(Tensor.arange 3); Pick.Positions(Tensor.narrow 0 0 3 batch.Targets.Head) ]
                logs

        for value in Tensor.toFloats picked do
            shouldLie "log-probability" -2.75 -1.9 value

        let first = measureBatch variables batch
        shouldLie "loss of 64" 2.22 2.40 (Tensor.item first.Loss)
        shouldLie "accuracy of 64" 0.0 0.30 (Tensor.item (Measured.value first.Measured.Head))
        let last = measureBatch variables (batchOf DType.Float32 (trainCount - 16) 16)
        shouldLie "loss of the last 16" 2.15 2.45 (Tensor.item last.Loss)
        shouldLie "loss of all" 2.27 2.35 (measure DType.Float32 variables 0 trainCount).Loss

// ---- epochs ------------------------------------------------------------------------------------------------------

let private step =
    Compile.on Cpu.engine (fun (state, batch) -> Train.step training state batch)

let private measured =
    Compile.on Cpu.engine (fun (variables, batch) -> Train.evaluateBatch training variables batch)

/// A fit of the training pictures in batches of 64.
let private fitOf epochs shuffle dropLast = {
    Epochs = epochs
    Source =
        Source.ofItems
            {
                Size = batchSize
                Shuffle = shuffle
                DropLast = dropLast
            }
            (train DType.Float32)
    Validation = Source.ordered (2 * batchSize) (valid DType.Float32)
    Schedules = []
}

let private accuracyOf (report: Report) = report.Metrics["accuracy"]

let private lossAndAccuracy variables batch =
    let metrics = measureBatch variables batch
    Tensor.item metrics.Loss, Tensor.item (Measured.value metrics.Measured.Head)

[<Test; Category("Slow")>]
let ``an ordered epoch learns (row 46, E03-09, E03-13, E03-18, E03-19, E03-21, E03-23, E03-25, E03-27)`` () =
    let fit = fitOf 1 false false
    shouldEqual 782 fit.Source.Count
    let clock = Stopwatch()

    for key in twentyKeys do
        clock.Restart()
        let state, reports = Train.fit step measured fit (fresh key)
        // A guard against a loss of speed by orders of magnitude, not a measurement.
        shouldLie "seconds for an epoch" 0.0 10.0 clock.Elapsed.TotalSeconds
        shouldLie "accuracy" 0.88 1.0 (accuracyOf reports.Head.Validation)

        let loss, accuracy =
            lossAndAccuracy state.Variables (batchOf DType.Float32 (trainCount - 16) 16)

        shouldLie "loss of the last 16" 0.0 0.8 loss
        shouldLie "accuracy of the last 16" 0.8125 1.0 accuracy

        let loss, accuracy =
            lossAndAccuracy state.Variables (batchOf DType.Float32 trainCount 64)

        shouldLie "loss of the first 64 of validation" 0.0 0.35 loss
        shouldLie "accuracy of the first 64 of validation" 0.88 1.0 accuracy

[<Test; Category("Slow")>]
let ``a shuffled epoch learns, with and without its short last batch (row 46, E03-32 to E03-34)`` () =
    for dropLast, count in [ false, 782; true, 781 ] do
        let fit = fitOf 1 true dropLast
        shouldEqual count fit.Source.Count

        for key in twentyKeys do
            let state, reports = Train.fit step measured fit (fresh key)
            shouldLie "accuracy" 0.70 1.0 (accuracyOf reports.Head.Validation)
            // A batch of another order than the run's.
            let batch = fit.Source.From (Key.child "look" key) 0 |> Seq.head
            let loss, accuracy = lossAndAccuracy state.Variables batch
            shouldLie "loss of a batch" 0.0 1.0 loss
            shouldLie "accuracy of a batch" 0.70 1.0 accuracy

/// At a rate of 0.5 single epochs dip, a last one too: of PyTorch 1.13's own last epochs, from 200 random starts, 3 ended
/// at or below 0.9 (and 3 of ours), so that more than two of twenty do with a probability of 0.4 %. Its last epochs had a
/// mean of 0.9611 with a deviation of 0.0156: the mean of twenty lies within four standard errors of that.
[<Test; Category("Slow")>]
let ``five shuffled epochs end above 0.9, but for a dip, where PyTorch's do, and the best is above 0.95 (row 46, E03-35)``
    ()
    =
    let fit = fitOf 5 true false

    let last key =
        let _, reports = Train.fit step measured fit (fresh key)
        let accuracies = reports |> List.map (fun r -> accuracyOf r.Validation)
        shouldLie "best" 0.95 1.0 (List.max accuracies)
        List.last accuracies

    let lasts = List.map last twentyKeys
    let dips = lasts |> List.filter (fun accuracy -> accuracy <= 0.9)
    ensure $"these ended below 0.9: %A{dips}" (dips.Length <= 2 && List.min lasts > 0.7)
    shouldLie "mean of the last" 0.9465 0.9757 (List.average lasts)

// ---- samplers ----------------------------------------------------------------------------------------------------

[<Test>]
let ``slices of the data, ordered and shuffled batches of ten by three (E03-24, E03-26, E03-28 to E03-31)``
    ()
    =
    let batch = batchOf DType.Float32 0 5
    shouldEqual [ [ 5; 784 ]; [ 5 ] ] [ dimsOf batch.Inputs.Head; dimsOf batch.Targets.Head ]
    shouldEqual [| 5L; 0L; 4L; 1L; 9L |] (Tensor.toInt64s batch.Targets.Head)
    let first = Source.ordered 64 (valid DType.Float32) |> Seq.head
    shouldEqual [ [ 64; 784 ]; [ 64 ] ] [ dimsOf first.Inputs.Head; dimsOf first.Targets.Head ]
    shouldEqual 3L (Tensor.toInt64s first.Targets.Head |> Array.head)

    let orders shuffle key =
        let options = {
            Size = 3
            Shuffle = shuffle
            DropLast = false
        }

        let items: Batch = {
            Inputs = [ Tensor.arange 10 ]
            Targets = []
        }

        (Source.ofItems options items).From key 0
        |> Seq.map (fun b -> Tensor.toInt64s b.Inputs.Head |> List.ofArray)
        |> List.ofSeq

    let ordered = [ [ 0L; 1L; 2L ]; [ 3L; 4L; 5L ]; [ 6L; 7L; 8L ]; [ 9L ] ]
    shouldEqual ordered (orders false (Key.ofSeed 1L))

    for key in twentyKeys do
        let shuffled = orders true key
        shouldEqual [ 3; 3; 3; 1 ] (List.map List.length shuffled)
        shouldEqual [ 0L .. 9L ] (List.sort (List.concat shuffled))
        ensure "two passes have one order" (orders true (Key.child "next" key) <> shuffled)
