/// Layer-sequential unit variance: what the paper's algorithm promises, on networks that lose their variance without it.
module FunctionalDL.Tests.Nn.LsuvTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private key = Key.ofSeed 4L
let private start = { DType = DType.Float64; Key = key }
let private options = LsuvOptions.Default

let private batch shape =
    Key.normal DType.Float64 shape (Key.ofSeed 5L)

let private typesOf (inputs: Tensor list) : TensorType list =
    inputs |> List.map (fun x -> { DType = x.DType; Shape = x.Shape })

let private variance (x: Tensor) = Tensor.item (Tensor.var 0 [] x)

/// Paths and variances of the outputs of layers with weights.
let private variances model variables inputs =
    let call = {
        Mode = Mode.Evaluation
        Variables = variables
        Key = key
    }

    Layer.trace model call inputs
    |> List.filter (fun traced -> not (Tree.leaves traced.Variables.Parameters).IsEmpty)
    |> List.map (fun traced -> traced.Path, variance traced.Outputs.Head)

/// Twenty linear layers and ReLU between them.
let private deep =
    Layer.sequential [
        for _ in 1..20 do
            Layer.linear 60 60
            ReLU
    ]

[<Test>]
let ``a deep network keeps the variance of a batch, which default values lose`` () =
    let inputs = [ batch [ 200; 60 ] ]
    let plain = Layer.initWith start (typesOf inputs) deep
    let _, lost = variances deep plain inputs |> List.last
    // Weights leave a sixth of the variance; biases of variance 1/180 are almost all that is left.
    ensure $"default values keep the variance: {lost}" (lost < 0.02)

    for path, variance in variances deep (Lsuv.init options start inputs deep) inputs do
        ensure $"variance of {path}: {variance}" (abs (variance - 1.0) < options.Tolerance)

[<Test>]
let ``convolutions, branches and what is around a body are scaled too`` () =
    let conv inChannels outChannels =
        Layer.conv2d inChannels outChannels 3 1 1

    let model =
        Sequential [
            "stem", conv 2 6
            "block",
            Residual {
                Body = [ "first", conv 6 6; "relu", ReLU; "second", conv 6 6 ]
                Shortcut = Some("around", conv 6 6)
                After = [ "after", ReLU ]
            }
            "up", ConvTranspose(Layer.convTranspose 6 4 [ 2; 2 ])
        ]

    let inputs = [ batch [ 4; 2; 9; 9 ] ]
    let found = variances model (Lsuv.init options start inputs model) inputs
    shouldEqual [ "stem"; "block.first"; "block.second"; "block.around"; "up" ] (List.map fst found)

    for path, variance in found do
        ensure $"variance of {path}: {variance}" (abs (variance - 1.0) < options.Tolerance)

/// The outputs of a linear layer without bias are as large as its weight: one division is exact.
[<Test>]
let ``a layer without bias is divided once by the deviation of its outputs`` () =
    let model = Linear(7, 5, false)
    let inputs = [ 3.0 * batch [ 50; 7 ] ]
    let first = Layer.initWith start (typesOf inputs) model
    let weight (variables: Variables) = Tree.find "weight" variables.Parameters

    let deviation =
        sqrt (variance (Tensor.matmul inputs.Head (Tensor.t (weight first))))

    let scaled = Lsuv.scale { options with Tolerance = 1e-9 } inputs model first

    shouldBeClose
        "weight"
        1e-13
        (Tensor.toFloats (weight first / deviation))
        (Tensor.toFloats (weight scaled))

    let starting = Lsuv.orthonormal key model first |> weight

    shouldBeClose
        "rows"
        1e-13
        (Tensor.toFloats (Tensor.cast DType.Float64 (Tensor.eye 5)))
        (Tensor.toFloats (Tensor.matmul starting (Tensor.t starting)))

[<Test>]
let ``other layers, biases and state are left alone, and weights that fit already`` () =
    let model =
        Sequential [
            "first", Layer.linear 7 5
            "norm", BatchNorm(Layer.batchNorm 5)
            "rnn", Layer.lambda "twice" (fun x -> x * 2.0)
            "last", Layer.linear 5 3
        ]

    let inputs = [ batch [ 50; 7 ] ]
    let first = Layer.initWith start (typesOf inputs) model
    let scaled = Lsuv.scale options inputs model first

    let same path (a: Tree<Tensor>) (b: Tree<Tensor>) =
        shouldBeExactly path (Tensor.toFloats (Tree.find path a)) (Tensor.toFloats (Tree.find path b))

    for path in [ "first.bias"; "norm.weight"; "norm.bias"; "last.bias" ] do
        same path first.Parameters scaled.Parameters

    same "norm.running_mean" first.State scaled.State
    let again = Lsuv.scale options inputs model scaled

    for path in [ "first.weight"; "last.weight" ] do
        same path scaled.Parameters again.Parameters

        ensure
            $"{path} was not scaled"
            (Tensor.toFloats (Tree.find path first.Parameters)
             <> Tensor.toFloats (Tree.find path scaled.Parameters))

[<Test>]
let ``a batch without variance is refused with the path of the layer`` () =
    let model =
        Sequential [
            "a", Layer.linear 3 3
            "dead", Layer.lambda "zero" Tensor.zerosLike
            "b", Linear(3, 2, false)
        ]

    raises<ValueException>
        "lsuv: the outputs of layer 'b' have the variance 0; the batch must be one that the layers before do not make all equal, nor infinite"
        (fun () -> Lsuv.init options start [ batch [ 8; 3 ] ] model |> ignore)
