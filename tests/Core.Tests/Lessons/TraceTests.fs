/// A whole training run, number by number: lessons.md, section 1.6, G-1.
module FunctionalDL.Tests.Lessons.TraceTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist
open FunctionalDL.Tests.Lessons.Golden

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

let private compiledStep =
    Compile.on Cpu.engine (fun (state, batch) -> Train.step training state batch)

let private start dtype =
    Train.initWith (Key.ofSeed 0L) (variables dtype) training

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
    let variables = variables DType.Float64

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

    let last = measureBatch state.Variables (batchOf DType.Float64 (trainCount - 16) 16)

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

        let measured = measurements DType.Float64 state.Variables

        let exact, means = Train.report measured, Train.reportOfBatchMeans measured
        shouldPrint $"loss after epoch {epoch}" 6 loss exact.Loss
        shouldPrint $"accuracy after epoch {epoch}" 4 accuracy exact.Metrics["accuracy"]
        shouldPrint $"mean of batch losses after epoch {epoch}" 6 meanLoss means.Loss
        shouldPrint $"mean of batch accuracies after epoch {epoch}" 6 meanAccuracy means.Metrics["accuracy"]
        state)
    |> ignore
