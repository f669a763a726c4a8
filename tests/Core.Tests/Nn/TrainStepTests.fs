/// The training step: pure, exact, compiled or not.
module FunctionalDL.Tests.Nn.TrainStepTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Nn.MixingLayer

let private vector (values: float list) = float64s [ values.Length ] values

let private sines shape scale phase =
    float64s shape (Seq.init (elements shape) (fun k -> scale * sin (phase + 0.7 * float k)))

let private key = Key.ofSeed 1L

let private training: Training = {
    Model = Layer.sequential [ Layer.linear 3 4; ReLU; Layer.linear 4 2 ]
    Loss = Train.lossOf Loss.crossEntropy
    Optimiser =
        Optimiser.sgdWith {
            SgdOptions.Default with
                Lr = 0.5
                Momentum = 0.9
        }
    Metrics = [ Metric.accuracy ]
}

let private batchOf size phase = {
    Inputs = [ sines [ size; 3 ] 1.2 phase |> Tensor.cast DType.Float32 ]
    Targets = [ Tensor.ofInt64s [ size ] (Array.init size (fun i -> int64 (i * i % 3 % 2))) ]
}

let private allBytes on value =
    Structure.leaves value |> Array.map (bytesOn on)

let private start () =
    Train.init (Key.ofSeed 5L) [ Shape.ofList [ 6; 3 ] ] training

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the training step is pure: the same state and batch give the same bits, compiled or not, and the old state still serves``
    (engine: string)
    =
    let on = engineOf engine
    let state, batch = start (), batchOf 6 0.3
    let before = allBytes on state
    let compiled = Compile.on on (fun (state, batch) -> Train.step training state batch)
    let first = Train.step training state batch |> allBytes on
    shouldEqual first (Train.step training state batch |> allBytes on)
    shouldEqual first (compiled (state, batch) |> allBytes on)
    let later, _ = compiled (fst (compiled (state, batch)), batchOf 6 1.3)
    shouldBeExactly "steps taken" [ 2.0 ] (floatsOn on later.Step)
    shouldEqual first (compiled (state, batch) |> allBytes on)
    shouldEqual before (allBytes on state)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a step descends along the gradient of the mean loss, and reports loss and metrics of before``
    (engine: string)
    =
    let on = engineOf engine

    let training = {
        training with
            Optimiser = Optimiser.sgd 0.5
    }

    let state = Train.init (Key.ofSeed 5L) [ Shape.ofList [ 6; 3 ] ] training
    let batch = batchOf 6 0.3

    let predict parameters =
        Layer.predict
            training.Model
            {
                state.Variables with
                    Parameters = parameters
            }
            batch.Inputs.Head

    let loss parameters =
        Loss.crossEntropy batch.Targets.Head (predict parameters)

    let gradients = grad loss state.Variables.Parameters
    let next, metrics = Train.step training state batch
    shouldBeExactly "loss" (floatsOn on (loss state.Variables.Parameters)) (floatsOn on metrics.Loss)

    let right =
        Tensor.eq (Tensor.argmax 1 (predict state.Variables.Parameters)) batch.Targets.Head
        |> floatsOn on
        |> Array.sum

    shouldBeExactly "hits and items" [ right; 6.0 ] (floatsOn on metrics.Measured.Head.Sum)

    for (name, p), (_, g) in List.zip (Tree.leaves state.Variables.Parameters) (Tree.leaves gradients) do
        let expected = Array.map2 (fun p g -> p - 0.5 * g) (floatsOn on p) (floatsOn on g)
        shouldBeClose name 1e-7 expected (floatsOn on (Tree.find name next.Variables.Parameters))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``changing the learning rate does not trace the step again, another batch size does`` (engine: string) =
    let on = engineOf engine
    let mutable traces = 0

    let step =
        Compile.on on (fun (state, batch) ->
            traces <- traces + 1
            Train.step training state batch)

    let withRate rate (state: State) = {
        state with
            Optimiser = Optimiser.withHyper "lr" rate state.Optimiser
    }

    let state = start ()

    let moved rate =
        step (withRate rate state, batchOf 6 0.3) |> fst

    let still = moved 0.0
    shouldEqual (allBytes on state.Variables) (allBytes on still.Variables)
    ensure "the rate does not act" (allBytes on (moved 0.5).Variables <> allBytes on still.Variables)
    let next, _ = step (moved 0.25, batchOf 6 0.9)
    shouldEqual 1 traces
    step (next, batchOf 5 0.9) |> ignore
    shouldEqual 2 traces

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``means over batches of unequal size are exact`` (engine: string) =
    let on = engineOf engine
    let state = start ()
    let whole = batchOf 11 0.0

    let part start count =
        let narrow = List.map (fun x -> Tensor.narrow 0 start count x)

        {
            Inputs = narrow whole.Inputs
            Targets = narrow whole.Targets
        }

    let measure =
        Compile.on on (fun (variables, batch) -> Train.evaluateBatch training variables batch)

    let parts = [ part 0 4; part 4 4; part 8 3 ]
    let onWhole = Train.evaluate measure state.Variables [ whole ]
    let onParts = Train.evaluate measure state.Variables parts
    shouldEqual 11 onParts.Items
    // The losses are float32.
    shouldBeClose "loss" 1e-6 [| onWhole.Loss |] [| onParts.Loss |]
    shouldBeExactly "accuracy" [ onWhole.Metrics["accuracy"] ] [ onParts.Metrics["accuracy"] ]

    let unweighted =
        parts |> List.averageBy (fun p -> itemOn on (measure (state.Variables, p)).Loss)

    ensure "the batches are too alike for this test" (abs (unweighted - onWhole.Loss) > 1e-5)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``an epoch is its steps, one after the other`` (engine: string) =
    let on = engineOf engine
    let step = Compile.on on (fun (state, batch) -> Train.step training state batch)
    let batches = [ batchOf 6 0.0; batchOf 6 1.0; batchOf 4 2.0 ]
    let state, report = Train.epoch step (start ()) batches

    let states =
        batches
        |> List.scan
            (fun (state, _) batch ->
                let state, metrics = step (state, batch) in state, itemOn on metrics.Loss)
            (start (), 0.0)

    shouldEqual (allBytes on (Train.endEpoch (fst (List.last states)))) (allBytes on state)

    let expected =
        List.map2 (fun (b: Batch) (_, loss) -> float (Train.items b) * loss) batches states.Tail
        |> List.sum

    shouldBeClose "loss" 1e-12 [| expected / 16.0 |] [| report.Loss |]
    shouldEqual 16 report.Items

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a training step threads a layer's state, gives it a new key each time, and takes several inputs and targets``
    (engine: string)
    =
    let on = engineOf engine

    let training = {
        Model = Sequential [ "mix", mixing ]
        Loss = fun targets outputs -> List.map2 Loss.mse targets outputs |> List.reduce (+)
        Optimiser = Optimiser.sgd 0.01
        Metrics = []
    }

    let state = Train.init key [ Shape.ofList [ 2 ]; Shape.ofList [ 2 ] ] training
    let x = vector [ 1.0; 2.0 ]

    let batch = {
        Inputs = [ x; x ]
        Targets = [ x; x ]
    }

    let step = Compile.on on (fun (state, batch) -> Train.step training state batch)
    let one, first = step (state, batch)
    let two, _ = step (one, batch)
    shouldBeExactly "calls" [ 2.0 ] (floatsOn on (Tree.find "mix.calls" two.Variables.State))
    // The parameters put back, only the number of the step differs: so does the noise.
    let again, second =
        step (
            {
                one with
                    Variables = state.Variables
                    Optimiser = state.Optimiser
            },
            batch
        )

    ensure "two steps have the same noise" (itemOn on first.Loss <> itemOn on second.Loss)
    ensure "and so have their parameters" (allBytes on again.Variables <> allBytes on one.Variables)
