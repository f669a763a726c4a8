/// A whole training run, number by number: lessons.md, section 1.6, G-1.
module FunctionalDL.Tests.TraceTests

open System
open System.IO
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support

/// The fill rule: element `k` is scale · sin(phase + 0.7 k), computed in float64.
let private sines dtype shape scale phase =
    float64s shape (Seq.init (elements shape) (fun k -> scale * sin (phase + 0.7 * float k)))
    |> Tensor.cast dtype

/// The network of G-1 with `features` inputs.
let private trainingOf features hidden classes rate : Training = {
    Model = Layer.sequential [ Layer.linear features hidden; ReLU; Layer.linear hidden classes ]
    Loss = Train.lossOf Loss.crossEntropy
    Optimiser = Optimiser.sgd rate
    Metrics = [ Metric.accuracy ]
}

let private variablesOf dtype features hidden classes : Variables =
    let layer weight bias =
        Branch [ "weight", Leaf weight; "bias", Leaf bias ]

    let zeros count = Tensor.full dtype [ count ] 0.0

    {
        Parameters =
            Branch [
                "0", layer (sines dtype [ hidden; features ] (1.0 / sqrt (float features)) 0.0) (zeros hidden)
                "1", Tree.empty
                "2", layer (sines dtype [ classes; hidden ] (1.0 / sqrt (float hidden)) 1.0) (zeros classes)
            ]
        State = Branch [ "0", Tree.empty; "1", Tree.empty; "2", Tree.empty ]
    }

// ---- without any data --------------------------------------------------------------------------------------------

[<Test>]
let ``five steps on made-up data are the same on both engines`` () =
    let training = trainingOf 20 7 3 0.1

    let batch = {
        Inputs = [ sines DType.Float64 [ 8; 20 ] 1.0 0.3 ]
        Targets = [ Tensor.ofInt64s [ 8 ] (Array.init 8 (fun i -> int64 (i % 3))) ]
    }

    let run engine =
        let step = Compile.on engine (fun (state, batch) -> Train.step training state batch)

        let start =
            Train.initWith (Key.ofSeed 0L) (variablesOf DType.Float64 20 7 3) training

        let losses, state =
            List.mapFold
                (fun state _ ->
                    let state, metrics = step (state, batch)
                    itemOn engine metrics.Loss, state)
                start
                [ 1..5 ]

        Array.ofList losses,
        Tree.leaves state.Variables.Parameters
        |> List.map (snd >> floatsOn engine)
        |> Array.concat

    let losses, parameters = run Reference.engine
    let cpuLosses, cpuParameters = run Cpu.engine
    shouldBeClose "losses" 1e-13 losses cpuLosses
    shouldBeClose "parameters" 1e-13 parameters cpuParameters
    ensure $"the losses do not fall: %A{losses}" (losses[4] < losses[0])

// ---- with MNIST --------------------------------------------------------------------------------------------------

/// The folder of MNIST: that of the environment variable, or `../shared/data/mnist` beside the repository.
let private mnistFolder () =
    let rec root (folder: DirectoryInfo) =
        if isNull folder then
            None
        elif File.Exists(Path.Combine(folder.FullName, "FunctionalDL.sln")) then
            Some folder.FullName
        else
            root folder.Parent

    match Environment.GetEnvironmentVariable "FUNCTIONALDL_MNIST" with
    | null
    | "" ->
        root (DirectoryInfo TestContext.CurrentContext.TestDirectory)
        |> Option.map (fun root -> Path.GetFullPath(Path.Combine(root, "..", "shared", "data", "mnist")))
        |> Option.filter Directory.Exists
    | folder -> Some folder

/// The training pictures, or null where they are not to be had. Read once.
let private pictures =
    lazy
        (match mnistFolder () with
         | Some folder -> (Idx.readDataset folder).Train
         | None -> Unchecked.defaultof<LabelledImages>)

let private pixels = 784

/// Images `start … start + count - 1`, divided by 256, with their labels.
let private batchOf dtype start count : Batch =
    let data = pictures.Value

    if isNull (box data) then
        Assert.Ignore
            "MNIST is neither at FUNCTIONALDL_MNIST nor in ../shared/data/mnist beside the repository"

    {
        Inputs = [
            Tensor.ofBytes [ count; pixels ] data.Images.Bytes[start * pixels .. (start + count) * pixels - 1]
            |> Tensor.cast dtype
            |> fun x -> x / 256.0
        ]
        Targets = [
            Tensor.ofInt64s [ count ] (data.Labels.Bytes[start .. start + count - 1] |> Array.map int64)
        ]
    }

let private batchSize = 64
let private trainCount = 50000

/// Ordered batches of an epoch; the last one is shorter.
let private batches dtype =
    seq { 0..batchSize .. trainCount - 1 }
    |> Seq.map (fun start -> batchOf dtype start (min batchSize (trainCount - start)))

let private training = trainingOf pixels 50 10 0.5

let private compiledStep =
    Compile.on Cpu.engine (fun (state, batch) -> Train.step training state batch)

let private compiledMeasure =
    Compile.on Cpu.engine (fun (variables, batch) -> Train.evaluateBatch training variables batch)

/// Over items `start … start + count - 1`, a thousand at a time.
let private measure dtype variables start count =
    seq { start..1000 .. start + count - 1 }
    |> Seq.map (fun at -> batchOf dtype at 1000)
    |> Train.evaluate compiledMeasure variables

let private start dtype =
    Train.initWith (Key.ofSeed 0L) (variablesOf dtype pixels 50 10) training

/// Fails unless `actual` is the printed number: within half a unit of its last digit (and the sixteenth part of one more,
/// for the rounding of what was printed).
let private shouldPrint (what: string) (digits: int) (expected: float) (actual: float) =
    let unit = 10.0 ** float -digits
    ensure $"{what}: {actual:R} does not print as {expected}" (abs (actual - expected) <= 0.5625 * unit)

/// Steps taken, loss of that batch before the step, loss and accuracy on the 10,000 validation images after it.
let private trace = [
    1, 2.309341, 2.199652, 0.2238
    10, 1.841819, 1.699645, 0.3876
    50, 0.439218, 0.533186, 0.8422
    100, 0.229137, 0.387096, 0.8808
    200, 0.411796, 0.325010, 0.9072
    400, 0.310023, 0.224728, 0.9305
    782, 0.210385, 0.168221, 0.9492
]

/// One epoch with a look at the places of the trace: (steps, batch loss, validation report), and the last state.
let private run dtype =
    let places = trace |> List.map (fun (steps, _, _, _) -> steps)

    let looks, state =
        batches dtype
        |> Seq.indexed
        |> Seq.toList
        |> List.mapFold
            (fun state (i, batch) ->
                let state, metrics = compiledStep (state, batch)

                if List.contains (i + 1) places then
                    Some(i + 1, Tensor.item metrics.Loss, measure dtype state.Variables trainCount 10000),
                    state
                else
                    None, state)
            (start dtype)

    List.choose id looks, state

[<Test>]
let ``the untrained network of the trace has the printed logits, losses and gradients`` () =
    let batch = batchOf DType.Float64 0 64
    let variables = variablesOf DType.Float64 pixels 50 10

    let logits =
        Layer.predict training.Model variables (Tensor.narrow 0 0 1 batch.Inputs.Head)
        |> Tensor.toFloats

    let expected = [|
        0.052042
        -0.032488
        0.006676
        0.020422
        -0.043586
        0.058355
        -0.061884
        0.053493
        -0.034798
        0.009401
    |]

    Array.iteri2 (fun i e a -> shouldPrint $"logit {i}" 6 e a) expected logits
    let all = measure DType.Float64 variables 0 trainCount
    shouldPrint "loss on all" 6 2.306293 all.Loss
    shouldPrint "accuracy on all" 5 0.09496 all.Metrics["accuracy"]

    let loss parameters =
        Layer.predict
            training.Model
            {
                variables with
                    Parameters = parameters
            }
            batch.Inputs.Head
        |> Loss.crossEntropy batch.Targets.Head

    let value, gradients = valueAndGrad loss variables.Parameters
    shouldPrint "loss of the first batch" 6 2.309341 (Tensor.item value)

    let norm path =
        Tree.find path gradients
        |> Tensor.square
        |> Tensor.sum
        |> Tensor.sqrt
        |> Tensor.item

    shouldPrint "norm of 0.weight" 6 0.807098 (norm "0.weight")
    shouldPrint "norm of 0.bias" 7 0.0874718 (norm "0.bias")
    shouldPrint "norm of 2.weight" 6 0.249594 (norm "2.weight")
    shouldPrint "norm of 2.bias" 7 0.0898421 (norm "2.bias")

[<Test>]
let ``in float64 one epoch has the printed losses and accuracies`` () =
    let looks, state = run DType.Float64

    for (steps, loss, validLoss, accuracy), (_, foundLoss, found) in List.zip trace looks do
        shouldPrint $"loss before step {steps}" 6 loss foundLoss
        shouldPrint $"validation loss after step {steps}" 6 validLoss found.Loss
        shouldPrint $"accuracy after step {steps}" 4 accuracy found.Metrics["accuracy"]

    let last =
        compiledMeasure (state.Variables, batchOf DType.Float64 (trainCount - 16) 16)

    shouldPrint "loss of the last 16" 6 0.109198 (Tensor.item last.Loss)
    shouldPrint "accuracy of the last 16" 4 0.9375 (Tensor.item (Measured.value last.Measured.Head))

[<Test>]
let ``in float32 one epoch keeps to the trace`` () =
    let looks, _ = run DType.Float32

    for (steps, loss, validLoss, accuracy), (_, foundLoss, found) in List.zip trace looks do
        let tolerance = if steps <= 400 then 1e-5 else 1e-4
        let isNear expected actual = abs (expected - actual) <= tolerance
        ensure $"loss before step {steps}: {foundLoss}, expected {loss}" (isNear loss foundLoss)

        ensure
            $"validation loss after step {steps}: {found.Loss}, expected {validLoss}"
            (isNear validLoss found.Loss)
        // An item whose two largest outputs are almost equal may fall on either side.
        let share = found.Metrics["accuracy"]
        ensure $"accuracy after step {steps}: {share}, expected {accuracy}" (abs (share - accuracy) <= 0.0002)

/// Size-weighted validation loss, true accuracy; mean of batch losses and of batch accuracies (batches of 128).
let private epochs = [
    0.168221, 0.9492, 0.166664, 0.949763
    0.139875, 0.9597, 0.138459, 0.960146
    0.132083, 0.9614, 0.130716, 0.961828
    0.122246, 0.9634, 0.120986, 0.963805
    0.133741, 0.9624, 0.132368, 0.962816
]

[<Test; Category("Slow")>]
let ``in float64 five epochs have the printed losses and accuracies, weighted or not (row 54)`` () =
    (start DType.Float64, List.indexed epochs)
    ||> List.fold (fun state (epoch, (loss, accuracy, meanLoss, meanAccuracy)) ->
        let state, _ = Train.epoch compiledStep state (batches DType.Float64)

        let measured =
            seq { trainCount..128 .. trainCount + 9999 }
            |> Seq.map (fun at -> batchOf DType.Float64 at (min 128 (trainCount + 10000 - at)))
            |> Train.measurements compiledMeasure state.Variables
            |> Seq.toList

        let exact, means = Train.report measured, Train.reportOfBatchMeans measured
        shouldPrint $"loss after epoch {epoch}" 6 loss exact.Loss
        shouldPrint $"accuracy after epoch {epoch}" 4 accuracy exact.Metrics["accuracy"]
        shouldPrint $"mean of batch losses after epoch {epoch}" 6 meanLoss means.Loss
        shouldPrint $"mean of batch accuracies after epoch {epoch}" 6 meanAccuracy means.Metrics["accuracy"]
        state)
    |> ignore

// ---- G-2: a network of four convolutions -------------------------------------------------------------------------

/// The network of E2a-19 and its weights with factor `c`.
let private convolutions dtype (c: float) =
    let sizes = [ 1, 8, 5; 8, 16, 3; 16, 32, 3; 32, 1, 3 ]

    let layer i (inChannels, outChannels, kernel) =
        let spec = Layer.conv inChannels outChannels [ kernel; kernel ]
        let padding = kernel / 2

        Conv {
            spec with
                Bias = false
                Options = {
                    spec.Options with
                        Stride = [ 2 ]
                        Padding = [ padding, padding ]
                }
        },
        sines
            dtype
            [ outChannels; inChannels; kernel; kernel ]
            (c / sqrt (float (inChannels * kernel * kernel)))
            (0.3 * float i)

    let layers = List.mapi layer sizes

    // ReLU between them, so that the convolutions have even numbers.
    let model =
        layers
        |> List.collect (fun (conv, _) -> [ conv; ReLU ])
        |> List.take 7
        |> Layer.sequential

    let parameters =
        layers
        |> List.collect (fun (_, weight) -> [ Branch [ "weight", Leaf weight ]; Tree.empty ])
        |> List.take 7
        |> List.mapi (fun i tree -> string i, tree)
        |> Branch

    let state = Branch [ for i in 0..6 -> string i, Tree.empty ]

    model,
    {
        Parameters = parameters
        State = state
    }

/// The training pictures' mean and standard deviation (unbiased), of bytes divided by 256.
let private pictureStatistics =
    lazy
        (let bytes = pictures.Value.Images.Bytes[.. trainCount * pixels - 1]
         let count = float bytes.Length
         let sum = bytes |> Array.sumBy (fun b -> int64 b) |> float
         let squares = bytes |> Array.sumBy (fun b -> int64 b * int64 b) |> float
         let mean = sum / count
         mean / 256.0, sqrt ((squares - count * mean * mean) / (count - 1.0)) / 256.0)

/// Mean and standard deviation of the outputs, loss, mean and standard deviation of the first gradient, with their
/// digits after the point. The last number of the first row is 0.16382086 in PyTorch 1.13 (float64); lessons.md cuts
/// it to 0.1638208.
let private goldenConvolutions = [
    1.0, [| -0.102303, 6; 0.0874513, 7; 31.722166, 6; 0.1338728, 7; 0.1638209, 7 |]
    sqrt 6.0, [| -3.682899, 6; 3.148246, 6; 89.874743, 6; 4.182997, 6; 4.716055, 6 |]
]

[<TestCase("float64")>]
[<TestCase("float32")>]
let ``four convolutions have the golden outputs, loss and gradient of G-2 (row 14)`` (dtype: string) =
    let dtype = if dtype = "float64" then DType.Float64 else DType.Float32
    let batch = batchOf dtype trainCount 100
    let mean, deviation = pictureStatistics.Value
    let x = (batch.Inputs.Head - mean) / deviation |> Tensor.reshape [ 100; 1; 28; 28 ]
    let y = Tensor.cast dtype batch.Targets.Head

    for c, expected in goldenConvolutions do
        let model, variables = convolutions dtype c

        let outputs parameters =
            Layer.predict
                model
                {
                    variables with
                        Parameters = parameters
                }
                x
            |> Tensor.meanAxes [ 1; 2; 3 ]

        let loss parameters = Loss.mse y (outputs parameters)
        let value, gradients = valueAndGrad loss variables.Parameters
        let t, first = outputs variables.Parameters, Tree.find "0.weight" gradients

        let found =
            [ Tensor.mean t; Tensor.std 1 [] t; value; Tensor.mean first; Tensor.std 1 [] first ]
            |> List.map Tensor.item
            |> Array.ofList

        Array.iteri2
            (fun i (e: float, digits) (a: float) ->
                if dtype = DType.Float64 then
                    shouldPrint $"c = {c}, number {i}" digits e a
                else
                    ensure $"c = {c}, number {i}: {a:R}, expected {e}" (abs (a - e) <= 1e-4 * abs e))
            expected
            found
