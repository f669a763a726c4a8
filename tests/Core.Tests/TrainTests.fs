/// Fitting, and runs that are broken off, saved and resumed.
module FunctionalDL.Tests.TrainTests

open System
open System.IO
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support

// ---- what is trained ---------------------------------------------------------------------------------------------

let private features, classes, count = 6, 3, 37

let private items: Batch = {
    Inputs = [ Key.normal DType.Float32 [ count; features ] (Key.ofSeed 11L) ]
    Targets = [ Tensor.ofInt64s [ count ] (Array.init count (fun i -> int64 (i * i % classes))) ]
}

let private source =
    Source.ofItems
        {
            Size = 8
            Shuffle = true
            DropLast = false
        }
        items

let private plain =
    Layer.sequential [ Layer.linear features 16; ReLU; Layer.linear 16 classes ]

let private withNormAndDropout =
    Layer.sequential [
        Layer.linear features 16
        BatchNorm(Layer.batchNorm 16)
        ReLU
        Layer.dropout 0.3
        Layer.linear 16 classes
    ]

let private momentum =
    Optimiser.sgdWith {
        SgdOptions.Default with
            Lr = 0.1
            Momentum = 0.9
    }

let private trainingOf model optimiser : Training = {
    Model = model
    Loss = Train.lossOf Loss.crossEntropy
    Optimiser = optimiser
    Metrics = [ Metric.accuracy ]
}

let private epochs = 3

/// A one-cycle run with validation.
let private fitOf (training: Training) =
    let rates, momentums =
        Schedule.oneCycleOver (epochs * source.Count) {
            OneCycleOptions.Default with
                LrMax = 0.05
        }

    {
        Epochs = epochs
        Source = source
        Validation = Source.ordered 10 items
        Schedules = [ "lr", [ rates ]; Optimiser.momentumName training.Optimiser, [ momentums ] ]
    }

let private start training =
    Train.init (Key.ofSeed 5L) [ Shape.ofList [ 8; features ] ] training

let private compiled engine training =
    Compile.on engine (fun (state, batch) -> Train.step training state batch),
    Compile.on engine (fun (variables, batch) -> Train.evaluateBatch training variables batch)

let private allBytes on value =
    Structure.leaves value |> Array.map (bytesOn on)

// ---- files -------------------------------------------------------------------------------------------------------

let private spelled dtype =
    match dtype with
    | DType.Float32 -> "F32"
    | DType.Float64 -> "F64"
    | DType.Int32 -> "I32"
    | DType.Int64 -> "I64"
    | DType.UInt8 -> "U8"
    | DType.Bool -> "BOOL"

let private save on path (state: State) =
    State.toTensors state
    |> List.map (fun (name, tensor) -> {
        Name = name
        DType = spelled tensor.DType
        Shape = tensor.Shape.ToArray()
        Bytes = ReadOnlyMemory(bytesOn on tensor)
    })
    |> Safetensors.write path Map.empty

let private load path =
    (Safetensors.read path).Tensors
    |> Array.map (fun stored ->
        let shape = List.ofArray stored.Shape
        let bytes = stored.Bytes.ToArray()

        let values size (read: byte[] * int -> 'a) =
            Array.init (bytes.Length / size) (fun i -> read (bytes, i * size))

        let tensor =
            match stored.DType with
            | "F32" -> Tensor.ofFloat32s shape (values 4 BitConverter.ToSingle)
            | "F64" -> Tensor.ofFloats shape (values 8 BitConverter.ToDouble)
            | "I32" -> Tensor.ofInt32s shape (values 4 BitConverter.ToInt32)
            | "I64" -> Tensor.ofInt64s shape (values 8 BitConverter.ToInt64)
            | other -> failwith $"no state has the type {other}"

        stored.Name, tensor)

/// The state after it went through a file, into the form of a fresh one.
let private throughFile on training state =
    let path = Path.GetTempFileName()

    try
        save on path state
        State.ofTensors (start training) (load path)
    finally
        File.Delete path

// ---- broken off and resumed --------------------------------------------------------------------------------------

[<TestCase("momentum", 1)>]
[<TestCase("momentum", 2)>]
[<TestCase("adam", 1)>]
[<TestCase("adam", 2)>]
[<TestCase("dropout and batch norm", 1)>]
[<TestCase("dropout and batch norm", 2)>]
let ``a run killed at a random step and resumed from its file has the bits of the unbroken one (row 89)``
    (name: string)
    (threads: int)
    =
    let on = Cpu.withThreads threads

    let training =
        match name with
        | "momentum" -> trainingOf plain momentum
        | "adam" -> trainingOf plain (Optimiser.adam 0.01 |> Optimiser.ema 0.9)
        | _ -> trainingOf withNormAndDropout (Optimiser.adamW 0.01)

    let fit = fitOf training
    let step, measure = compiled on training
    let whole, wholeReports = Train.fit step measure fit (start training)
    let rng = Random 7

    for _ in 1..4 do
        // Any place but the very end, ends of epochs among them.
        let killedAfter = rng.Next(epochs * source.Count)

        let kept =
            Train.states step fit (start training)
            |> Seq.truncate killedAfter
            |> Seq.fold (fun _ (state, _) -> state) (start training)

        // The functions of another process.
        let step, measure = compiled on training
        let resumed, reports = throughFile on training kept |> Train.fit step measure fit
        shouldEqual (allBytes on whole) (allBytes on resumed)
        // Epochs that were not begun are reported alike.
        shouldEqual (List.last wholeReports).Validation (List.last reports).Validation

[<Test>]
let ``the number of threads changes no bit of a fit`` () =
    let training = trainingOf withNormAndDropout (Optimiser.adam 0.01)

    let run threads =
        let on = Cpu.withThreads threads
        let step, measure = compiled on training
        let state, reports = Train.fit step measure (fitOf training) (start training)
        allBytes on state, reports

    shouldEqual (run 1) (run 2)

[<Test>]
let ``tensors of another training are refused by name, shape or type`` () =
    let training = trainingOf plain momentum
    let state = start training
    let tensors = State.toTensors state

    let change name tensor =
        tensors |> List.map (fun (n, t) -> n, (if n = name then tensor else t))

    let adam = start (trainingOf plain (Optimiser.adam 0.1)) |> State.toTensors

    shouldContain
        [
            "resume: the tensors are those of another model or optimiser"
            "missing: optimiser.hyper.0.dampening"
            "not known here: optimiser.adam.exp_avg.0.bias"
        ]
        (messageOf<OptionException>(fun () -> State.ofTensors state adam |> ignore))

    raises<OptionException>
        "resume: the tensors are those of another model or optimiser; missing: epoch"
        (fun () ->
            State.ofTensors state (tensors |> List.filter (fun (name, _) -> name <> "epoch"))
            |> ignore)

    raises<ShapeException>
        "resume: 'parameters.0.weight' has shape [2; 2]; this model needs [16; 6]"
        (fun () ->
            State.ofTensors state (change "parameters.0.weight" (Tensor.zeros [ 2; 2 ]))
            |> ignore)

    raises<DTypeException> "resume: 'step' is float32; this model needs int64" (fun () ->
        State.ofTensors state (change "step" (Tensor.scalar 0.0)) |> ignore)

// ---- fitting -----------------------------------------------------------------------------------------------------

[<Test>]
let ``a fit is its states, one after the other, with positions and scheduled rates`` () =
    let training = trainingOf plain momentum
    let fit = fitOf training
    let on = Cpu.engine
    let step, measure = compiled on training
    let last, reports = Train.fit step measure fit (start training)
    let states = Train.states step fit (start training) |> Seq.map fst |> Seq.toArray
    shouldEqual (epochs * 5) states.Length
    shouldEqual (allBytes on last) (allBytes on (Array.last states))
    shouldEqual [ 0..2 ] (reports |> List.map _.Epoch)

    let position (state: State) =
        itemOn on state.Epoch, itemOn on state.Batch, itemOn on state.Step

    states
    |> Array.iteri (fun i state ->
        let done' = i + 1
        shouldEqual (float (done' / 5), float (done' % 5), float done') (position state)
        // The rate of the step that led here.
        let rate = (snd fit.Schedules.Head).Head(float i / 15.0)
        shouldBeExactly "rate" [ rate ] (floatsOn on state.Optimiser.Hypers.Head["lr"]))

    for report in reports do
        shouldEqual count report.Training.Items
        shouldEqual count report.Validation.Items

    let validation = Train.evaluate measure last.Variables fit.Validation
    shouldEqual validation (List.last reports).Validation
    ensure "the loss does not fall" (validation.Loss < reports.Head.Training.Loss)
    // A fit that is over does nothing.
    let again, none = Train.fit step measure fit last
    shouldEqual (allBytes on last) (allBytes on again)
    shouldEqual [] none

[<Test>]
let ``a changed schedule traces nothing anew, the short last batch once`` () =
    let training = trainingOf plain momentum

    let step =
        Compile.create Compile.defaults (fun (state, batch) -> Train.step training state batch)

    Train.states step.Invoke (fitOf training) (start training) |> Seq.iter ignore
    shouldEqual 2 step.Traces.Count

[<Test>]
let ``shuffled epochs have each item once, in an order of their own that the key alone decides`` () =
    let numbers: Batch = {
        Inputs = [ Tensor.arange 10 ]
        Targets = []
    }

    let order key first =
        (Source.ofItems
            {
                Size = 3
                Shuffle = true
                DropLast = false
            }
            numbers)
            .From
            key
            first
        |> Seq.map (fun batch -> Tensor.toInt64s batch.Inputs.Head)
        |> Seq.toList

    let epoch number =
        order (Key.at (Tensor.ofInt64s [] [| number |]) (Key.ofSeed 1L))

    shouldEqual [ 3; 3; 3; 1 ] (epoch 0L 0 |> List.map Array.length)
    shouldEqual [| 0L .. 9L |] (epoch 0L 0 |> Array.concat |> Array.sort)
    shouldEqual (epoch 0L 0) (epoch 0L 0)
    ensure "two epochs have one order" (epoch 0L 0 <> epoch 1L 0)
    shouldEqual (epoch 1L 0 |> List.skip 2) (epoch 1L 2)

[<Test>]
let ``the short last batch can be left out, and impossible batches are refused`` () =
    let ordered drop =
        Source.ofItems
            {
                Size = 8
                Shuffle = false
                DropLast = drop
            }
            items

    let sizes (source: Source) =
        source.From (Key.ofSeed 0L) 0 |> Seq.map Train.items |> Seq.toList

    shouldEqual [ 8; 8; 8; 8; 5 ] (sizes (ordered false))
    shouldEqual [ 8; 8; 8; 8 ] (sizes (ordered true))
    shouldEqual [ 4; 5 ] [ (ordered true).Count; (ordered false).Count ]

    raises<OptionException> "batches: the size is 0; it is 1 or more" (fun () ->
        Source.ofItems
            {
                Size = 0
                Shuffle = false
                DropLast = false
            }
            items
        |> ignore)

    raises<ShapeException>
        "batches: the first axes of inputs and targets are 37, 3; they need to be equal"
        (fun () ->
            Source.ofItems
                {
                    Size = 1
                    Shuffle = false
                    DropLast = false
                }
                {
                    items with
                        Targets = [ Tensor.zeros [ 3 ] ]
                }
            |> ignore)

    let training = trainingOf plain momentum
    let step, measure = compiled Cpu.engine training

    raises<OptionException>
        "fit: there are no batches; is the batch larger than all items, with DropLast?"
        (fun () ->
            Train.fit
                step
                measure
                {
                    fitOf training with
                        Source =
                            Source.ofItems
                                {
                                    Size = 99
                                    Shuffle = false
                                    DropLast = true
                                }
                                items
                }
                (start training)
            |> ignore)

[<Test>]
let ``evaluation is exact over unequal batches, and the lesson's mean of batch means can be had (row 54)``
    ()
    =
    let training = trainingOf plain momentum
    let _, measure = compiled Cpu.engine training
    let variables = (start training).Variables
    let whole = measure (variables, items)
    let parts = Source.ordered 10 items

    let exact = Train.evaluate measure variables parts
    shouldBeClose "loss" 1e-6 [| Tensor.item whole.Loss |] [| exact.Loss |]

    let accuracyOf (metrics: Metrics) =
        Tensor.item (Measured.value metrics.Measured.Head)

    shouldEqual (accuracyOf whole) exact.Metrics["accuracy"]

    let each = Train.measurements measure variables parts |> Seq.toList
    shouldEqual [ 10; 10; 10; 7 ] (List.map fst each)
    let means = Train.reportOfBatchMeans each
    let losses = each |> List.averageBy (fun (_, m) -> Tensor.item m.Loss)

    let accuracies = each |> List.averageBy (snd >> accuracyOf)

    shouldBeClose "means" 1e-12 [| losses; accuracies |] [| means.Loss; means.Metrics["accuracy"] |]
    shouldEqual count means.Items
    ensure "the two means are too alike for this test" (abs (means.Loss - exact.Loss) > 1e-5)

// ---- first states ------------------------------------------------------------------------------------------------

[<Test>]
let ``a network of whole numbers starts from a batch, and learns`` () =
    let words = Embedding(Layer.embedding 5 4)

    let training =
        Layer.sequential [ words; Layer.lambda "mean" (Tensor.meanAxes [ 1 ]); Layer.linear 4 2 ]
        |> fun model -> trainingOf model (Optimiser.adam 0.1)

    // Class 1 where the item has the word 3.
    let batch: Batch = {
        Inputs = [ Tensor.ofInt64s [ 4; 3 ] [| 0L; 1L; 2L; 3L; 1L; 2L; 4L; 4L; 0L; 2L; 3L; 0L |] ]
        Targets = [ Tensor.ofInt64s [ 4 ] [| 0L; 1L; 0L; 1L |] ]
    }

    messageOf<DTypeException>(fun () ->
        Train.init (Key.ofSeed 5L) [ Shape.ofList [ 4; 3 ] ] training |> ignore)
    |> shouldContain [ "0" ]

    let state = Train.initFor (Key.ofSeed 5L) batch training
    let step, measure = compiled Cpu.engine training
    let trained, _ = Train.epoch step state (Seq.replicate 40 batch)
    shouldEqual 1.0 (Train.evaluate measure trained.Variables [ batch ]).Metrics["accuracy"]

[<Test>]
let ``a state from a float32 batch is that from its shapes`` () =
    let training = trainingOf withNormAndDropout (Optimiser.adam 0.1)

    shouldEqual
        (allBytes Cpu.engine (Train.init (Key.ofSeed 5L) [ items.Inputs.Head.Shape ] training))
        (allBytes Cpu.engine (Train.initFor (Key.ofSeed 5L) items training))
