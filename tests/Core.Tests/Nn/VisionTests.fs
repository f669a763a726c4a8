/// Networks for pictures: numbers of parameters, names and values against PyTorch's, first values, heads.
module FunctionalDL.Tests.Nn.VisionTests

open System.IO
open System.Text.Json
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

let private count (tree: Tree<Tensor>) =
    Tree.leaves tree |> List.sumBy (fun (_, t) -> t.Shape.Size)

let private parametersOf layer = count (fresh layer).Parameters

// ---- sizes ---------------------------------------------------------------------------------------------------------

[<TestCase(18, 11689512, 11708744)>]
[<TestCase(34, 21797672, 21816904)>]
[<TestCase(50, 25557032, 25576264)>]
[<TestCase(101, 44549160, 44568392)>]
let ``torchvision's and fastai's residual networks have their numbers of parameters``
    (depth: int, plain: int, improved: int)
    =
    let spec = ResidualNetwork.ofDepth depth 3 1000
    shouldEqual plain (parametersOf (ResNet.layer spec))
    // Three small convolutions in place of the large one: 28,768 numbers in place of 9,536.
    shouldEqual improved (parametersOf (XResNet.layer 0.0 spec))

[<Test>]
let ``the body of ResNet-34 at 352 pixels goes down to 512 channels of 11 × 11`` () =
    let input = {
        DType = DType.Float32
        Shape = Shape.ofList [ 1; 3; 352; 352 ]
    }

    let reports = Model.check [ input ] (ResNet.layer (ResidualNetwork.ofDepth 34 3 37))

    let outputOf path =
        reports
        |> List.find (fun report -> report.Path = path)
        |> fun report -> List.ofArray (report.Outputs.Head.Shape.ToArray())

    shouldEqual [ 1; 64; 176; 176 ] (outputOf "conv1")
    shouldEqual [ 1; 64; 88; 88 ] (outputOf "maxpool")
    shouldEqual [ 1; 64; 88; 88 ] (outputOf "layer1.2.relu")
    shouldEqual [ 1; 128; 44; 44 ] (outputOf "layer2.3.relu")
    shouldEqual [ 1; 256; 22; 22 ] (outputOf "layer3.5.relu")
    shouldEqual [ 1; 512; 11; 11 ] (outputOf "layer4.2.relu")

// ---- values against PyTorch ----------------------------------------------------------------------------------------

/// The networks of `torch/make_vision.py`, which wrote the figures.
let private networks =
    let residual kind blocks = {
        ResidualNetwork.ofDepth 18 3 5 with
            Kind = kind
            Blocks = blocks
    }

    let basic = residual ResidualKind.Basic [ 2; 1; 1; 2 ]
    let bottleneck = residual ResidualKind.Bottleneck [ 1; 2; 1; 1 ]

    Map [
        "resnet basic", ResNet.layer basic
        "resnet bottleneck", ResNet.layer bottleneck
        "xresnet basic", XResNet.layer 0.0 basic
        "xresnet bottleneck", XResNet.layer 0.0 bottleneck
        "simple cnn", SimpleCnn.layer (SimpleCnn.spec [ 3; 16; 16; 2 ])
        "simple cnn with norms",
        SimpleCnn.layer {
            SimpleCnn.spec [ 3; 8; 6; 4 ] with
                Kernels = [ 5; 3; 3 ]
                Strides = [ 2; 1; 2 ]
                Bn = true
        }
    ]

let private cases = networks |> Map.keys |> Seq.toArray

let private golden =
    lazy
        (Path.Combine(repository (), "tests/Core.Tests/Nn/torch/vision.json")
         |> File.ReadAllText
         |> JsonDocument.Parse)

let private numbers (json: JsonElement) =
    json.EnumerateArray() |> Seq.map _.GetDouble() |> Seq.toArray

let private filled (name: string) (shape: int list) index =
    let wave = sines shape 1.0 (0.3 * float index)

    match name.Split '.' |> Array.last, shape with
    | _, _ :: (_ :: _ as rest) -> (1.5 / sqrt (float (elements rest))) * wave
    | "weight", _ -> 1.0 + 0.3 * wave
    | "running_var", _ -> 1.0 + 0.4 * wave
    | "running_mean", _ -> 0.1 * wave
    | _ -> 0.2 * wave

let private mapLeaves (f: string -> Tensor -> Tensor) (tree: Tree<Tensor>) =
    Structure.rebuild tree (Tree.leaves tree |> List.map (fun (name, value) -> f name value))

/// Closeness to the last digits of figures of any size.
let private shouldAgree what (expected: float[]) (actual: float[]) =
    let size = expected |> Array.map abs |> Array.max

    shouldBeClose
        what
        1e-9
        (expected |> Array.map (fun x -> x / size))
        (actual |> Array.map (fun x -> x / size))

[<TestCaseSource(nameof cases)>]
let ``names, outputs in both modes, gradients and statistics are PyTorch's`` (case: string) =
    let expected = golden.Value.RootElement.GetProperty case
    let layer = networks[case]

    let indices =
        expected.GetProperty("state").EnumerateArray()
        |> Seq.mapi (fun i entry ->
            entry[0].GetString() |> string, (i, [ for size in entry[1].EnumerateArray() -> size.GetInt32() ]))
        |> Map

    let first = fresh layer

    let isFloat (name: string, _) =
        not (name.EndsWith "num_batches_tracked")

    let found =
        Tree.leaves first.Parameters @ List.filter isFloat (Tree.leaves first.State)

    shouldEqual
        (Set(indices |> Seq.map (fun entry -> entry.Key, snd entry.Value)))
        (Set(found |> List.map (fun (name, value) -> name, dimsOf value)))

    let value name old =
        match Map.tryFind name indices with
        | Some(index, shape) -> filled name shape index
        | None -> old

    let variables = {
        Parameters = mapLeaves value first.Parameters
        State = mapLeaves value first.State
    }

    let picture = sines [ 2; 3; 45; 41 ] 1.0 0.2
    let floats (x: Tensor) = Tensor.toFloats x
    let evaluated = Layer.apply layer (evaluating variables) [ picture ] |> one
    shouldAgree "evaluation" (numbers (expected.GetProperty "evaluation")) (floats evaluated)

    let loss (picture: Tensor, parameters: Tree<Tensor>) =
        let y =
            Layer.apply
                layer
                (training {
                    variables with
                        Parameters = parameters
                })
                [ picture ]
            |> one

        Tensor.sum (y * sines (dimsOf y) 1.0 0.9)

    let outputs, state = Layer.apply layer (training variables) [ picture ]
    shouldAgree "training" (numbers (expected.GetProperty "training")) (floats outputs.Head)
    let ofPicture, ofParameters = grad loss (picture, variables.Parameters)

    shouldAgree
        "gradient of the picture"
        (numbers (expected.GetProperty "gradient of the picture"))
        (floats ofPicture |> Array.take 20)

    shouldAgree
        "norms of gradients"
        (numbers (expected.GetProperty "norms of gradients"))
        (Tree.leaves ofParameters
         |> List.map (fun (_, g) -> Tensor.item (Tensor.sqrt (Tensor.sum (g * g))))
         |> Array.ofList)

    let statistics = Tree.leaves state |> List.filter isFloat

    if not statistics.IsEmpty then
        shouldAgree
            "sums of statistics"
            (numbers (expected.GetProperty "sums of statistics"))
            (statistics
             |> List.map (fun (_, s) -> Tensor.item (Tensor.sum s))
             |> Array.ofList)

// ---- first values --------------------------------------------------------------------------------------------------

let private start = {
    DType = DType.Float64
    Key = Key.ofSeed 11L
}

let private spread (x: Tensor) =
    let xs = Tensor.toFloats x
    sqrt (xs |> Array.averageBy (fun v -> v * v))

[<Test>]
let ``ResNet's convolutions begin with the deviation of what comes out, and stay so for a part of it`` () =
    let network = ResNet.layer (ResidualNetwork.ofDepth 18 3 10)
    let first = (ResNet.variables start network).Parameters

    for path, layer in Layer.named network do
        match layer with
        | Conv spec ->
            let weight = Tree.find $"{path}.weight" first
            let expected = sqrt (2.0 / float (spec.OutChannels * elements spec.KernelSize))
            // Five standard deviations of the deviation of so many normal numbers.
            let tolerance = 5.0 / sqrt (2.0 * float weight.Shape.Size)
            ensure $"{path}: {spread weight}" (abs (spread weight / expected - 1.0) < tolerance)
        | BatchNorm _ ->
            shouldBeExactly
                path
                (Array.create 64 1.0)
                (Array.truncate 64 (Tensor.toFloats (Tree.find $"{path}.weight" first)))
        | _ -> ()

    // PyTorch's linear layer is as always.
    let bound = 1.0 / sqrt 512.0
    let fc = Tensor.toFloats (Tree.find "fc.weight" first) |> Array.map abs
    ensure $"fc: {Array.max fc}" (Array.max fc <= bound && Array.max fc > 0.99 * bound)

[<TestCase(18)>]
[<TestCase(50)>]
let ``the blocks of XResNet begin as what goes around them`` (depth: int) =
    let kind = (ResidualNetwork.ofDepth depth 3 10).Kind

    let block = {
        Kind = kind
        InChannels = 8
        Width = 4
        Stride = 2
    }

    let layer = Layer.sequential [ XResNet.block block ]
    let variables = XResNet.variables kind start layer
    let x = sines [ 2; 8; 6; 5 ] 1.0 0.4
    let y = Layer.apply layer (training variables) [ x ] |> one

    let around =
        match XResNet.block block with
        | Residual spec -> snd spec.Shortcut.Value
        | _ -> invalidOp "no residual block"

    let ofShortcut = {
        Parameters = variables.Parameters |> Tree.child "0" |> Tree.child "idpath"
        State = variables.State |> Tree.child "0" |> Tree.child "idpath"
    }

    let expected = Layer.apply around (training ofShortcut) [ x ] |> one |> Tensor.relu
    ensure "something goes around" (Array.max (Tensor.toFloats expected) > 0.1)
    shouldBeClose "block" 1e-12 (Tensor.toFloats expected) (Tensor.toFloats y)

// ---- heads ---------------------------------------------------------------------------------------------------------

let private describe layer =
    Layer.children layer
    |> List.map (fun (name, part) ->
        let own = parametersOf part

        match part with
        | BatchNorm spec -> $"norm {spec.NumFeatures}: {own}"
        | Dropout spec -> $"dropout {spec.P}"
        | Linear(i, o, _) -> $"linear {i} {o}: {own}"
        | ReLU -> "relu"
        | Flatten _ -> "flatten"
        | Pool(PoolSpec.AdaptiveConcat [ 1; 1 ]) -> "both pools"
        | Pool(PoolSpec.AdaptiveAverage [ 1; 1 ]) -> "mean pool"
        | _ -> name)

[<Test>]
let ``row 80: a head for 512 channels and 37 classes`` () =
    let spec = { Head.spec 512 37 with BnFinal = true }

    describe (Head.layer spec)
    |> shouldEqual [
        "both pools"
        "flatten"
        "norm 1024: 2048"
        "dropout 0.25"
        "linear 1024 512: 524800"
        "relu"
        "norm 512: 1024"
        "dropout 0.5"
        "linear 512 37: 18981"
        "norm 37: 74"
    ]

    shouldEqual 546927 (parametersOf (Head.layer spec))

[<Test>]
let ``row 80: the pool of a head gives the largest of each channel first`` () =
    let x = sines [ 2; 3; 4; 5 ] 1.0 0.1
    let pool = Layer.children (Head.layer (Head.spec 3 2)) |> List.head |> snd
    let pooled = Layer.apply pool (evaluating none) [ x ] |> one |> Tensor.toFloats
    let faces = Tensor.toFloats x |> Array.chunkBySize 20 |> Array.chunkBySize 3

    let expected =
        faces
        |> Array.collect (fun item ->
            Array.append (item |> Array.map Array.max) (item |> Array.map Array.average))

    shouldBeClose "pooled" 1e-12 expected pooled

[<Test>]
let ``a head without hidden layers, and with a dropout for each layer`` () =
    describe (
        Head.layer {
            Head.spec 4 3 with
                Hidden = []
                ConcatPool = false
        }
    )
    |> shouldEqual [ "mean pool"; "flatten"; "norm 4: 8"; "dropout 0.5"; "linear 4 3: 15" ]

    describe (
        Head.layer {
            Head.spec 4 3 with
                Hidden = [ 5 ]
                Ps = [ 0.0; 0.1 ]
        }
    )
    |> shouldEqual [
        "both pools"
        "flatten"
        "norm 8: 16"
        "linear 8 5: 45"
        "relu"
        "norm 5: 10"
        "dropout 0.1"
        "linear 5 3: 18"
    ]

    raises<OptionException>
        "head: ps has 3 probabilities for 2 linear layers; give one for each, or one for the last"
        (fun () ->
            Head.layer {
                Head.spec 4 3 with
                    Ps = [ 0.1; 0.2; 0.3 ]
            }
            |> ignore)

[<Test>]
let ``a head begins with K. He's weights and biases of 0`` () =
    let head = Head.layer (Head.spec 512 10)
    let first = (Head.variables start head).Parameters
    let weight = Tree.find "4.weight" first
    ensure $"{spread weight}" (abs (spread weight / sqrt (2.0 / 1024.0) - 1.0) < 0.01)
    shouldBeExactly "bias" (Array.create 512 0.0) (Tensor.toFloats (Tree.find "4.bias" first))

[<Test>]
let ``row 81: features are the means of faces, and a matrix makes classes of them`` () =
    let faces = sines [ 1; 512; 11; 11 ] 1.0 0.2

    let features =
        Tensor.toFloats faces |> Array.chunkBySize 121 |> Array.map Array.average

    let pooled = Pooling.adaptiveAverage [ 1; 1 ] faces |> Tensor.reshape [ 1; 512 ]
    shouldBeClose "pooled" 1e-12 features (Tensor.toFloats pooled)
    let weight = sines [ 512; 37 ] 0.1 0.6
    let scores = Tensor.matmul pooled weight
    shouldEqual [ 1; 37 ] (dimsOf scores)
    let w = Tensor.toFloats weight

    let byHand =
        Array.init 37 (fun c -> Array.sum (features |> Array.mapi (fun i f -> f * w[37 * i + c])))

    shouldBeClose "scores" 1e-10 byHand (Tensor.toFloats scores)

[<Test>]
let ``depths, sizes and lists that do not go together are refused`` () =
    raises<OptionException>
        "residual network: there is none of 20 layers; there is 18, 34, 50 and 101"
        (fun () -> ResidualNetwork.ofDepth 20 3 10 |> ignore)

    raises<OptionException> "residual network: 0 classes; at least 1 is needed" (fun () ->
        ResidualNetwork.ofDepth 18 3 0 |> ignore)

    raises<OptionException>
        "simple CNN: 2 kernels and 1 strides for 1 convolutions; give one for each"
        (fun () ->
            SimpleCnn.layer {
                SimpleCnn.spec [ 3; 4 ] with
                    Kernels = [ 3; 3 ]
            }
            |> ignore)
