/// Networks of layers: values and gradients against formulas worked out by hand, first variables, and errors.
module FunctionalDL.Tests.Nn.NetworkTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Nn.MixingLayer

let private vector (values: float list) = float64s [ values.Length ] values

let private sines shape scale phase =
    float64s shape (Seq.init (elements shape) (fun k -> scale * sin (phase + 0.7 * float k)))

let private key = Key.ofSeed 1L

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
