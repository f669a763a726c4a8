/// Losses, initialisation, layers, optimisers and the training step: values and gradients against formulas worked out by hand.
module FunctionalDL.Tests.NnTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private vector (values: float list) = float64s [ values.Length ] values

let private sines shape scale phase =
    float64s shape (Seq.init (elements shape) (fun k -> scale * sin (phase + 0.7 * float k)))

let private labels (values: int64 list) =
    Tensor.ofInt64s [ values.Length ] (List.toArray values)

let private key = Key.ofSeed 1L

// ---- losses ------------------------------------------------------------------------------------------------------

let private logits () =
    float64s [ 2; 3 ] [ 2.0; 1.0; 0.0; 0.0; 1.0; 3.0 ]

/// lessons.md, section 1.6, G-4.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``cross entropy and softmax have the golden values`` (engine: string) =
    let on = engineOf engine
    let loss = Loss.crossEntropy (labels [ 0L; 1L ]) (logits ())
    shouldBeClose "cross entropy" 5e-7 [| 1.288726 |] (floatsOn on loss)

    shouldBeClose
        "softmax"
        5e-7
        [| 0.665241; 0.244728; 0.0900306 |]
        (floatsOn on (Tensor.softmax 0 (vector [ 2.0; 1.0; 0.0 ])))

    shouldBeClose
        "logsumexp"
        5e-7
        [| 2.407606 |]
        (floatsOn on (Tensor.logSumExp 0 (vector [ 2.0; 1.0; 0.0 ])))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the gradient of cross entropy is softmax less the target, over the batch`` (engine: string) =
    let on = engineOf engine
    let target = labels [ 0L; 1L ]
    let softmax = floatsOn on (Tensor.softmax 1 (logits ()))
    let oneHot = [| 1.0; 0.0; 0.0; 0.0; 1.0; 0.0 |]
    let expected = Array.map2 (fun p t -> (p - t) / 2.0) softmax oneHot
    shouldBeClose "mean" 1e-15 expected (floatsOn on (grad (Loss.crossEntropy target) (logits ())))
    let sum = grad (Loss.crossEntropyWith Reduction.Sum target) (logits ())
    shouldBeClose "sum" 1e-15 (expected |> Array.map (fun g -> 2.0 * g)) (floatsOn on sum)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``nll sums, averages or lists the negative log-probabilities of the targets`` (engine: string) =
    let on = engineOf engine

    let logProbabilities () =
        float64s [ 3; 2 ] [ -0.5; -1.0; -2.0; -0.25; -3.0; -0.125 ]

    let target = labels [ 1L; 0L; 1L ]

    let nll reduction =
        Loss.nllWith reduction target (logProbabilities ()) |> floatsOn on

    shouldBeExactly "none" [ 1.0; 2.0; 0.125 ] (nll Reduction.None)
    shouldBeExactly "sum" [ 3.125 ] (nll Reduction.Sum)
    shouldBeClose "mean" 1e-15 [| 3.125 / 3.0 |] (nll Reduction.Mean)
    let gradient = grad (Loss.nllWith Reduction.Sum target) (logProbabilities ())
    shouldBeExactly "gradient" [ 0.0; -1.0; -1.0; 0.0; 0.0; -1.0 ] (floatsOn on gradient)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``mean squared error has the value and gradient of its formula`` (engine: string) =
    let on = engineOf engine
    let target, output = vector [ 1.0; 2.0; 3.0; 4.0 ], vector [ 1.5; 2.0; 1.0; 4.5 ]
    shouldBeExactly "mean" [ 1.125 ] (floatsOn on (Loss.mse target output))
    shouldBeExactly "sum" [ 4.5 ] (floatsOn on (Loss.mseWith Reduction.Sum target output))
    shouldBeExactly "none" [ 0.25; 0.0; 4.0; 0.25 ] (floatsOn on (Loss.mseWith Reduction.None target output))
    shouldBeExactly "gradient" [ 0.25; 0.0; -1.0; 0.25 ] (floatsOn on (grad (Loss.mse target) output))

[<Test>]
let ``losses refuse shapes that do not meet`` () =
    raises<ShapeException>
        "mse: the output is [4; 1] and the target [4]; they need equal shapes: squeeze or unsqueeze one"
        (fun () -> Loss.mse (Tensor.zeros [ 4 ]) (Tensor.zeros [ 4; 1 ]) |> ignore)

    raises<ShapeException>
        "crossEntropy: the output is [2; 3] and the target [3]; it needs [batch; classes] and [batch]"
        (fun () -> Loss.crossEntropy (labels [ 0L; 1L; 2L ]) (logits ()) |> ignore)

    // A target of real numbers is one of probabilities, which has the output's shape.
    raises<ShapeException>
        "crossEntropy: the output is [2; 3] and the target [2]; they need equal shapes: squeeze or unsqueeze one"
        (fun () -> Loss.crossEntropy (vector [ 0.0; 1.0 ]) (logits ()) |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``cross entropy of rows of very different size stays exact`` (engine: string) =
    let on = engineOf engine
    let rows = float64s [ 3; 2 ] [ 1000.0; 999.0; 1e-3; 2e-3; -1000.0; -1001.0 ]

    let losses =
        Loss.crossEntropyWith Reduction.None (labels [ 0L; 1L; 1L ]) rows |> floatsOn on

    let expected = [| log (1.0 + exp -1.0); log (1.0 + exp -0.001); 1.0 + log (1.0 + exp -1.0) |]
    shouldBeClose "losses" 1e-13 expected losses

// ---- layers ------------------------------------------------------------------------------------------------------

let private call parameters = {
    Mode = Mode.Training
    Variables = {
        Parameters = parameters
        State = Tree.empty
    }
    Key = key
}

/// The one output of a layer without state.
let private output layer parameters x =
    match Layer.apply layer (call parameters) [ x ] with
    | [ y ], _ -> y
    | _ -> invalidOp "one output"

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a linear layer and its gradients are those of the formulas`` (engine: string) =
    let on = engineOf engine

    let x, weight, bias, u =
        sines [ 5; 3 ] 1.0 0.1, sines [ 2; 3 ] 0.5 0.2, sines [ 2 ] 0.3 0.3, sines [ 5; 2 ] 1.0 0.4

    let xs, ws, bs, us =
        floatsOn on x, floatsOn on weight, floatsOn on bias, floatsOn on u

    let layer = Linear(3, 2, true)
    let parameters = Branch [ "weight", Leaf weight; "bias", Leaf bias ]

    let table rows columns f =
        Array.init (rows * columns) (fun i -> f (i / columns) (i % columns))

    let y =
        table 5 2 (fun n o -> bs[o] + Seq.sum (Seq.init 3 (fun i -> xs[3 * n + i] * ws[3 * o + i])))

    shouldBeClose "value" 1e-15 y (floatsOn on (output layer parameters x))

    let gradient, moved =
        grad (fun (p, x) -> Tensor.sum (u * output layer p x)) (parameters, x)

    let ofWeight =
        table 2 3 (fun o i -> Seq.sum (Seq.init 5 (fun n -> us[2 * n + o] * xs[3 * n + i])))

    shouldBeClose "weight: uᵀ·x" 1e-14 ofWeight (floatsOn on (Tree.find "weight" gradient))
    let ofBias = Array.init 2 (fun o -> Seq.sum (Seq.init 5 (fun n -> us[2 * n + o])))
    shouldBeClose "bias: Σ u" 1e-14 ofBias (floatsOn on (Tree.find "bias" gradient))
    let ofInput = table 5 3 (fun n i -> us[2 * n] * ws[i] + us[2 * n + 1] * ws[3 + i])
    shouldBeClose "input: u·W" 1e-14 ofInput (floatsOn on moved)
    // Without its bias, and over inputs with more axes.
    let without =
        output (Linear(3, 2, false)) (Branch [ "weight", Leaf weight ]) (Tensor.reshape [ 5; 1; 3 ] x)

    shouldEqual [ 5; 1; 2 ] (dimsOf without)
    shouldBeClose "no bias" 1e-15 (table 5 2 (fun n o -> y[2 * n + o] - bs[o])) (floatsOn on without)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``ReLU and Flatten and their gradients`` (engine: string) =
    let on = engineOf engine
    let x = float64s [ 2; 2; 2 ] [ -1.0; 2.0; 0.0; 3.0; -0.5; 0.5; -3.0; 1.0 ]
    let relu x = output ReLU Tree.empty x
    shouldBeExactly "relu" [ 0.0; 2.0; 0.0; 3.0; 0.0; 0.5; 0.0; 1.0 ] (floatsOn on (relu x))
    let gradient = grad (fun x -> Tensor.sum (relu x * x)) x
    shouldBeExactly "gradient" [ 0.0; 4.0; 0.0; 6.0; 0.0; 1.0; 0.0; 2.0 ] (floatsOn on gradient)
    let flat = output (Flatten 1) Tree.empty x
    shouldEqual [ 2; 4 ] (dimsOf flat)
    shouldBeExactly "flatten" (floatsOn on x) (floatsOn on flat)

    let through =
        grad (fun x -> Tensor.sum (Tensor.square (output (Flatten 1) Tree.empty x))) x

    shouldBeExactly "flatten's gradient" (floatsOn on (2.0 * x)) (floatsOn on through)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a sequence of layers is their composition, in values and gradients`` (engine: string) =
    let on = engineOf engine

    let w0, b0, w1, b1 =
        sines [ 4; 3 ] 0.7 0.0, sines [ 4 ] 0.2 1.0, sines [ 2; 4 ] 0.6 2.0, sines [ 2 ] 0.1 3.0

    let x = sines [ 6; 3 ] 1.1 0.5
    let model = Layer.sequential [ Layer.linear 3 4; ReLU; Layer.linear 4 2 ]

    let parameters =
        Tree.ofLeaves [ "0.weight", w0; "0.bias", b0; "2.weight", w1; "2.bias", b1 ]
        |> fun t -> Branch [ "0", Tree.child "0" t; "1", Tree.empty; "2", Tree.child "2" t ]

    let byHand (w0, b0, w1, b1) =
        Tensor.matmul (Tensor.relu (Tensor.matmul x (Tensor.t w0) + b0)) (Tensor.t w1)
        + b1

    let parametersState = Branch [ "0", Tree.empty; "1", Tree.empty; "2", Tree.empty ]

    let apply p =
        match
            Layer.apply
                model
                {
                    call p with
                        Variables = {
                            Parameters = p
                            State = parametersState
                        }
                }
                [ x ]
        with
        | [ y ], _ -> y
        | _ -> invalidOp "one output"

    shouldBeExactly "value" (floatsOn on (byHand (w0, b0, w1, b1))) (floatsOn on (apply parameters))
    let expected = grad (byHand >> Tensor.square >> Tensor.sum) (w0, b0, w1, b1)
    let actual = grad (apply >> Tensor.square >> Tensor.sum) parameters
    let names = Tree.leaves actual |> List.map fst
    shouldEqual [ "0.weight"; "0.bias"; "2.weight"; "2.bias" ] names

    for expected, (name, actual) in Seq.zip (Structure.leaves expected) (Tree.leaves actual) do
        shouldBeExactly name (floatsOn on expected) (floatsOn on actual)

[<Test>]
let ``layers are data that can be matched on and compared`` () =
    let model =
        Layer.sequential [ Flatten 1; Layer.linear 784 50; ReLU; Linear(50, 10, false) ]

    let widths =
        match model with
        | Sequential layers ->
            layers
            |> List.choose (fun (name, layer) ->
                match layer with
                | Linear(i, o, bias) -> Some(name, i, o, bias)
                | _ -> None)
        | _ -> []

    shouldEqual [ "1", 784, 50, true; "3", 50, 10, false ] widths

    ensure
        "equal layers differ"
        ((model = Layer.sequential [ Flatten 1; Layer.linear 784 50; ReLU; Linear(50, 10, false) ]))

[<Test>]
let ``first variables have PyTorch's names, shapes and bounds, and a key of their own for each path`` () =
    let model = Layer.sequential [ Layer.linear 784 50; ReLU; Layer.linear 50 10 ]
    let variables = Layer.init key [ Shape.ofList [ 64; 784 ] ] model
    let leaves = Tree.leaves variables.Parameters

    shouldEqual
        [ "0.weight", [ 50; 784 ]; "0.bias", [ 50 ]; "2.weight", [ 10; 50 ]; "2.bias", [ 10 ] ]
        (leaves |> List.map (fun (name, p) -> name, dimsOf p))

    for name, p in leaves do
        let bound = if name.StartsWith "0" then 1.0 / 28.0 else 1.0 / sqrt 50.0
        let largest = floatsOn Reference.engine p |> Array.map abs |> Array.max
        ensure $"{name}: {largest}, bound {bound}" (largest <= bound * (1.0 + 1e-6) && largest > 0.7 * bound)

    // Adding a layer changes no other one's first values.
    let longer =
        Sequential [ "0", Layer.linear 784 50; "new", ReLU; "2", Layer.linear 50 10 ]

    let same = (Layer.init key [ Shape.ofList [ 64; 784 ] ] longer).Parameters

    let values path tree =
        Tree.find path tree |> floatsOn Reference.engine

    shouldBeExactly "2.weight" (values "2.weight" variables.Parameters) (values "2.weight" same)
    let twins = Layer.sequential [ Layer.linear 3 3; Layer.linear 3 3 ]
    let twins = (Layer.init key [ Shape.ofList [ 1; 3 ] ] twins).Parameters
    ensure "two layers start equal" (values "0.weight" twins <> values "1.weight" twins)

[<Test>]
let ``errors inside a network name the path of the layer`` () =
    let inner =
        Sequential [ "first", Layer.linear 784 50; "second", Layer.linear 49 10 ]

    let model = Sequential [ "body", inner; "head", ReLU ]

    messageOf<ShapeException>(fun () -> Layer.init key [ Shape.ofList [ 64; 784 ] ] model |> ignore)
    |> shouldContain [ "body"; "second"; "linear: input [64; 50] does not fit weight [10; 49]" ]

    let good = Layer.sequential [ Layer.linear 3 2 ]
    let variables = Layer.init key [ Shape.ofList [ 1; 3 ] ] good

    messageOf<ShapeException>(fun () -> Layer.predict good variables (Tensor.zeros [ 5; 4 ]) |> ignore)
    |> shouldContain [ "0"; "linear: input [5; 4] does not fit weight [2; 3]" ]

    messageOf<ShapeException>(fun () ->
        Layer.apply ReLU (call Tree.empty) [ Tensor.ones [ 1 ]; Tensor.ones [ 1 ] ]
        |> ignore)
    |> shouldContain [ "relu: it was given 2 inputs; it takes one" ]

    messageOf<OptionException>(fun () ->
        Layer.init key [ Shape.ofList [ 1; 3 ] ] (Layer.linear 0 2) |> ignore)
    |> shouldContain [ "linear: 0 in and 2 out features; both must be at least 1" ]

/// Two inputs, a parameter, a counter in its state and noise from its key.
let private mixing =
    Custom {
        Name = "mixing"
        Init =
            fun _ shapes ->
                shouldEqual 2 shapes.Length

                {
                    Parameters = Branch [ "scale", Leaf(Tensor.full DType.Float64 [] 2.0) ]
                    State = Branch [ "calls", Leaf(Tensor.ofInt64s [] [| 0L |]) ]
                }
        Apply =
            fun call inputs ->
                match inputs with
                | [ a; b ] ->
                    let scale = Tree.find "scale" call.Variables.Parameters

                    let noise =
                        match call.Mode with
                        | Mode.Training -> Key.uniform DType.Float64 [ 2 ] call.Key
                        | Mode.Evaluation -> Tensor.full DType.Float64 [ 2 ] 0.0

                    let calls = Tree.find "calls" call.Variables.State
                    [ a * scale + b + noise; a - b ], Branch [ "calls", Leaf(calls + 1) ]
                | _ -> invalidOp "two inputs"
    }

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a custom layer has several inputs and outputs, state, a mode and a key`` (engine: string) =
    let on = engineOf engine
    let model = Sequential [ "mix", mixing ]
    let shapes = [ Shape.ofList [ 2 ]; Shape.ofList [ 2 ] ]
    let variables = Layer.init key shapes model
    let a, b = vector [ 1.0; 2.0 ], vector [ 10.0; 20.0 ]

    let apply mode key =
        Layer.apply
            model
            {
                Mode = mode
                Variables = variables
                Key = key
            }
            [ a; b ]

    match apply Mode.Evaluation key with
    | [ sum; difference ], state ->
        shouldBeExactly "first output" [ 12.0; 24.0 ] (floatsOn on sum)
        shouldBeExactly "second output" [ -9.0; -18.0 ] (floatsOn on difference)
        shouldBeExactly "state" [ 1.0 ] (floatsOn on (Tree.find "mix.calls" state))
    | _ -> Assert.Fail "two outputs"

    let noisy key =
        apply Mode.Training key |> fst |> List.head |> floatsOn on

    shouldBeExactly "one key, one noise" (noisy key) (noisy key)
    ensure "two keys, one noise" (noisy key <> noisy (Key.ofSeed 2L))

    let gradient =
        grad
            (fun parameters ->
                Layer.apply
                    model
                    {
                        Mode = Mode.Evaluation
                        Variables = {
                            variables with
                                Parameters = parameters
                        }
                        Key = key
                    }
                    [ a; b ]
                |> fst
                |> List.head
                |> Tensor.sum)
            variables.Parameters

    shouldBeExactly "gradient of the scale: Σ a" [ 3.0 ] (floatsOn on (Tree.find "mix.scale" gradient))

// ---- trees -------------------------------------------------------------------------------------------------------

[<Test>]
let ``trees have paths, and say what is missing`` () =
    let tree = Tree.ofLeaves [ "a.x", 1; "b", 2; "a.y.z", 3 ]
    shouldEqual [ "a.x", 1; "a.y.z", 3; "b", 2 ] (Tree.leaves tree)
    shouldEqual 3 (Tree.find "a.y.z" tree)
    shouldEqual [ 2; 6; 4 ] (Tree.map ((*) 2) tree |> Tree.leaves |> List.map snd)
    raises<ShapeException> "there is no 'c' here; there is: a, b" (fun () -> Tree.find "c" tree |> ignore)
    raises<ShapeException> "there is no 'x' below a leaf" (fun () -> Tree.find "b.x" tree |> ignore)
    raises<ShapeException> "'a.y' has parts of its own" (fun () -> Tree.find "a.y" tree |> ignore)

    raises<ShapeException> "trees differ in form: (a.x, a.y.z, b) and (b)" (fun () ->
        Tree.map2 (+) tree (Tree.ofLeaves [ "b", 1 ]) |> ignore)

// ---- optimisers --------------------------------------------------------------------------------------------------

/// Four steps from 1 on the loss p².
let private fourSteps on (optimiser: Optimiser) =
    let mutable parameters = Branch [ "p", Leaf(Tensor.full DType.Float64 [] 1.0) ]
    let mutable state = Optimiser.init parameters optimiser

    [|
        for _ in 1..4 do
            let gradients =
                grad (fun tree -> let p: Tensor = Tree.find "p" tree in p * p) parameters

            let next, nextState = Optimiser.update gradients state parameters optimiser
            parameters <- next
            state <- nextState
            itemOn on (Tree.find "p" parameters)
    |]

let private sgd change =
    Optimiser.sgdWith (change { SgdOptions.Default with Lr = 0.1 })

/// lessons.md, section 1.6, G-3 (as PyTorch computes them).
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``stochastic gradient descent takes PyTorch's steps`` (engine: string) =
    let rows: (string * Optimiser * float[]) list = [
        "plain", Optimiser.sgd 0.1, [| 0.8; 0.64; 0.512; 0.4096 |]
        "momentum", sgd (fun o -> { o with Momentum = 0.9 }), [| 0.8; 0.46; 0.062; -0.3086 |]
        "dampening",
        sgd (fun o -> {
            o with
                Momentum = 0.9
                Dampening = 0.5
        }),
        [| 0.8; 0.54; 0.252; -0.0324 |]
        "nesterov",
        sgd (fun o -> {
            o with
                Momentum = 0.9
                Nesterov = true
        }),
        [| 0.62; 0.2224; -0.108352; -0.32482304 |]
        "weight decay", sgd (fun o -> { o with WeightDecay = 0.1 }), [| 0.79; 0.6241; 0.493039; 0.38950081 |]
        "momentum and weight decay",
        sgd (fun o -> {
            o with
                Momentum = 0.9
                WeightDecay = 0.1
        }),
        [| 0.79; 0.4351; 0.024319; -0.35049089 |]
    ]

    for name, optimiser, expected in rows do
        // The table is exact; the steps round.
        shouldBeClose name 1e-15 expected (fourSteps (engineOf engine) optimiser)

[<Test>]
let ``options that are not possible are refused`` () =
    let refused message change =
        raises<OptionException> message (fun () -> sgd change |> ignore)

    refused "lr: -0.1 is not possible; it is 0 or more" (fun o -> { o with Lr = -0.1 })
    refused "lr: NaN is not possible; it is 0 or more" (fun o -> { o with Lr = nan })
    refused "momentum: -1 is not possible; it is 0 or more" (fun o -> { o with Momentum = -1.0 })
    refused "weight_decay: -2 is not possible; it is 0 or more" (fun o -> { o with WeightDecay = -2.0 })
    let nesterov = "nesterov: it needs a momentum above 0 and a dampening of 0"
    refused nesterov (fun o -> { o with Nesterov = true })

    refused nesterov (fun o -> {
        o with
            Nesterov = true
            Momentum = 0.9
            Dampening = 0.1
    })

    let state = Optimiser.init Tree.empty (Optimiser.sgd 0.1)

    raises<OptionException>
        "beta: this optimiser has no such hyper-parameter; it has lr (one that was 0 when the optimiser was made is left out)"
        (fun () -> Optimiser.withHyper "beta" 0.9 state |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a hyper-parameter changed in the state acts, whether or not it was 0 at first`` (engine: string) =
    let on = engineOf engine
    let optimiser = Optimiser.sgd 0.1
    let parameters = Branch [ "p", Leaf(Tensor.full DType.Float64 [] 1.0) ]
    let gradients = Branch [ "p", Leaf(Tensor.full DType.Float64 [] 2.0) ]

    let step name value =
        match
            try
                Optimiser.init parameters optimiser |> Optimiser.withHyper name value |> Some
            with :? OptionException ->
                None
        with
        | Some state ->
            Optimiser.update gradients state parameters optimiser
            |> fst
            |> Tree.find "p"
            |> itemOn on
            |> Some
        | None -> None

    shouldEqual (Some 0.0) (step "lr" 0.5)
    // One of the two: it acts (1 - 0.1·(2 + 0.5·1)), or it is refused. Accepting it and doing nothing is neither.
    let decayed = step "weight_decay" 0.5
    ensure $"weight_decay was accepted and ignored: {decayed}" (decayed = Some 0.75 || decayed = None)

// ---- the training step -------------------------------------------------------------------------------------------

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
