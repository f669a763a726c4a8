/// Networks before they are trained: wrong ones are refused with the layer's name, and the memory of a step is told.
module FunctionalDL.Tests.ModelTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Kernels
open FunctionalDL.Tests.Support

let private images batch channels size : TensorType = {
    DType = DType.Float32
    Shape = Shape.ofList [ batch; channels; size; size ]
}

let private rows batch features : TensorType = {
    DType = DType.Float32
    Shape = Shape.ofList [ batch; features ]
}

let private sequence = Layer.sequential

let private grouped groups =
    Conv {
        Layer.conv 6 8 [ 3; 3 ] with
            Options = {
                Convolution.defaults with
                    Groups = groups
            }
    }

/// What is wrong, the network, its input, and what is said.
let private wrong: (string * Layer * TensorType * string) list = [
    "sizes of two linear layers do not meet",
    sequence [ Layer.linear 8 5; ReLU; Layer.linear 6 2 ],
    rows 4 8,
    "2: linear: input [4; 5] does not fit weight [2; 6]"

    "the input is not the first layer's",
    sequence [ Layer.linear 7 5 ],
    rows 4 8,
    "0: linear: input [4; 8] does not fit weight [5; 7]"

    "a flatten is missing",
    sequence [ Layer.conv2d 1 4 3 1 0; ReLU; Layer.linear 144 10 ],
    images 2 1 8,
    "2: linear: input [2; 4; 6; 6] does not fit weight [10; 144]"

    "the image is too small for so many strides",
    sequence [ Layer.conv2d 1 4 3 2 0; Layer.conv2d 4 4 3 2 0; Layer.conv2d 4 4 3 2 0 ],
    images 2 1 9,
    "2: conv: "

    "channels of two convolutions do not meet",
    Sequential [ "body", sequence [ Layer.conv2d 3 8 3 1 1; Layer.conv2d 4 8 3 1 1 ] ],
    images 2 3 8,
    "body.1: conv: "

    "groups that do not divide the channels",
    sequence [ grouped 4 ],
    images 2 6 8,
    "0: conv: 6 in and 8 out channels do not both divide into 4 groups"

    "batch norm of another number of channels",
    sequence [ Layer.conv2d 3 8 3 1 1; BatchNorm(Layer.batchNorm 4) ],
    images 2 3 8,
    "1: batchNorm: the input [2; 8; 8; 8] has 8 channels (axis 1); the layer has 4"

    "group norm whose groups do not divide",
    sequence [ GroupNorm(Layer.groupNorm 3 8) ],
    images 2 8 4,
    "0: groupNorm: 8 channels do not divide into 3 groups"

    "a shortcut of another size",
    Sequential [ "block", Layer.residual [ Layer.conv2d 3 8 3 1 1 ] ],
    images 2 3 8,
    "block: sum: the branches give [2; 8; 8; 8] and [2; 3; 8; 8]; they need equal shapes"

    "a pool larger than its input", sequence [ Layer.maxPool [ 4; 4 ] ], images 2 3 3, "0: maxPool: "

    "real numbers for an embedding", sequence [ Embedding(Layer.embedding 10 3) ], rows 4 2, "0: embedding: "

    "heads that do not divide the features",
    sequence [ MultiheadAttention(Layer.multiheadAttention 6 4) ],
    images 2 3 6,
    "0: attention: 6 features do not divide into 4 heads"

    "batch norm trained on single rows",
    sequence [ Layer.linear 8 5; BatchNorm(Layer.batchNorm 5) ],
    rows 1 8,
    "1: batchNorm: the input [1; 5] has one element a channel, whose variance is 0; training needs more"
]

[<Test>]
let ``wrong networks are refused before anything is allocated, each with the path of the layer`` () =
    for what, model, input, message in wrong do
        let before = MemoryPool.Shared.HeldBytes

        let told =
            messageOf<FunctionalDLException>(fun () -> Model.check [ input ] model |> ignore)

        ensure $"{what}: {told}" (told.StartsWith message)
        shouldEqual before MemoryPool.Shared.HeldBytes

[<Test>]
let ``row 12: the report has every layer with its sizes and parameters`` () =
    let net =
        sequence [
            Layer.conv2d 1 8 5 2 2
            ReLU
            Layer.conv2d 8 16 3 2 1
            ReLU
            Layer.conv2d 16 32 3 2 1
            ReLU
            Layer.conv2d 32 1 3 2 1
            Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
            Flatten 0
        ]

    let reports = Model.check [ images 100 1 28 ] net

    let sizes =
        reports
        |> List.filter _.Layer.IsConv
        |> List.map (fun r -> r.Outputs.Head.Shape[2])

    shouldEqual [ 14; 7; 4; 2 ] sizes
    shouldEqual "[100]" (reports |> List.last |> fun r -> r.Outputs.Head.Shape.ToString())
    // 8·25+8, 16·8·9+16, 32·16·9+32, 32·9+1
    shouldEqual [ 208; 1168; 4640; 289 ] (reports |> List.filter _.Layer.IsConv |> List.map _.Parameters)
    shouldEqual 6305 (Model.parameters reports)
    shouldEqual [ "0"; "1"; "2"; "3"; "4"; "5"; "6"; "7"; "8" ] (reports |> List.map _.Path)

// ---- memory ----------------------------------------

let private plainConv inChannels outChannels kernel stride padding =
    match Layer.conv2d inChannels outChannels kernel stride padding with
    | Conv spec -> Conv { spec with Bias = false }
    | other -> other

let private norm channels = BatchNorm(Layer.batchNorm channels)

let private block inChannels outChannels stride =
    Residual {
        Body = [
            "conv1", plainConv inChannels outChannels 3 stride 1
            "bn1", norm outChannels
            "relu", ReLU
            "conv2", plainConv outChannels outChannels 3 1 1
            "bn2", norm outChannels
        ]
        Shortcut =
            if stride = 1 && inChannels = outChannels then
                None
            else
                Some("downsample", sequence [ plainConv inChannels outChannels 1 stride 0; norm outChannels ])
        After = [ "out", ReLU ]
    }

let private resnet18 =
    let stage inChannels outChannels stride =
        sequence [ block inChannels outChannels stride; block outChannels outChannels 1 ]

    Sequential [
        "conv1", plainConv 3 64 7 2 3
        "bn1", norm 64
        "relu", ReLU
        "maxpool",
        Pool(
            PoolSpec.Max(
                [ 3; 3 ],
                {
                    Pooling.maxDefaults with
                        Stride = [ 2 ]
                        Padding = [ 1 ]
                }
            )
        )
        "layer1", stage 64 64 1
        "layer2", stage 64 128 2
        "layer3", stage 128 256 2
        "layer4", stage 256 512 2
        "avgpool", Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
        "flatten", Flatten 1
        "fc", Layer.linear 512 1000
    ]

/// As torchvision's resnet18.
[<Test>]
let ``ResNet-18 has the published number of parameters, under PyTorch's names`` () =
    let reports = Model.check [ images 2 3 64 ] resnet18
    shouldEqual 11689512 (Model.parameters reports)
    let paths = reports |> List.map _.Path

    for path in [ "layer1.0.conv1"; "layer2.0.downsample.0"; "layer4.1.bn2"; "fc" ] do
        ensure path (List.contains path paths)

let private trainingOf model : Training = {
    Model = model
    Loss = Train.lossOf Loss.crossEntropy
    Optimiser =
        Optimiser.sgdWith {
            SgdOptions.Default with
                Lr = 0.1
                Momentum = 0.9
        }
    Metrics = []
}

/// The most that the pool had taken from the system for one step, from an empty pool.
let private measured training (input: TensorType) (target: TensorType) =
    let start = {
        DType = DType.Float32
        Key = Key.ofSeed 1L
    }

    // In memory of the runtime: the pool holds what the step itself takes.
    let onHost (t: TensorType) =
        let count = t.Shape.Size
        let dims = List.ofArray (t.Shape.ToArray())

        if t.DType = DType.Float32 then
            Tensor.ofFloat32s dims (Array.zeroCreate count)
        elif t.DType = DType.Int64 then
            Tensor.ofInt64s dims (Array.zeroCreate count)
        else
            Tensor.ofInt32s dims (Array.zeroCreate count)

    let state =
        Train.initWith start.Key (Layer.initWith start [ input ] training.Model) training
        |> Structure.map (fun t -> onHost { DType = t.DType; Shape = t.Shape })

    let batch = {
        Inputs = [ onHost input ]
        Targets = [ onHost target ]
    }

    let step =
        Compile.on Cpu.engine (fun (state, batch) -> Train.step training state batch)

    GC.Collect()
    GC.WaitForPendingFinalizers()
    MemoryPool.Shared.Trim()
    let before = MemoryPool.Shared.HeldBytes
    let result = step (state, batch)
    Structure.leaves result |> Tensor.eval
    let after = MemoryPool.Shared.HeldBytes
    GC.KeepAlive state
    GC.KeepAlive result
    after - before

let private classes batch : TensorType = {
    DType = DType.Int64
    Shape = Shape.ofList [ batch ]
}

let private predicts name training input target =
    let told = (Model.memory training [ input ] [ target ]).Total
    let peak = measured training input target
    TestContext.Out.WriteLine $"{name}: told {told} bytes, measured {peak}"
    ensure $"{name}: told {told} bytes, measured {peak}" (abs (float told / float peak - 1.0) <= 0.15)

[<Test; NonParallelizable>]
let ``the memory of a step is told within 15 % of the pool's peak, for an MLP and a convolutional network``
    ()
    =
    let mlp = sequence [ Layer.linear 784 500; ReLU; Layer.linear 500 10 ]
    predicts "MLP" (trainingOf mlp) (rows 64 784) (classes 64)

    let convnet =
        sequence [
            Layer.conv2d 1 16 5 2 2
            norm 16
            ReLU
            Layer.conv2d 16 32 3 2 1
            norm 32
            ReLU
            Flatten 1
            Layer.linear 1568 10
        ]

    predicts "convnet" (trainingOf convnet) (images 64 1 28) (classes 64)

[<Test; NonParallelizable; Category "Slow">]
let ``the memory of a step is told within 15 % of the pool's peak, for ResNet-18`` () =
    predicts "ResNet-18" (trainingOf resnet18) (images 2 3 64) (classes 2)
