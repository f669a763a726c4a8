/// What layers start with and draw, for twenty keys each: the distributions of PyTorch's layers, and dropout's shares.
module FunctionalDL.Tests.Layers.FirstValueTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

let private twentyKeys = [ for seed in 1L .. 20L -> Key.ofSeed seed ]

/// How the first values of a parameter are distributed.
type private Distribution =
    /// Evenly between ±bound.
    | Uniform of bound: float
    | Normal of deviation: float
    | Always of float

/// Fails unless mean and deviation are within five standard deviations of what as many numbers of the distribution give.
let private shouldFollow what distribution (xs: float[]) =
    let n = float xs.Length

    let moments deviation kurtosis =
        let mean = Array.average xs
        let found = sqrt (xs |> Array.averageBy (fun x -> x * x))
        ensure $"{what}: mean {mean}" (abs mean < 5.0 * deviation / sqrt n)
        let tolerance = 5.0 * sqrt ((kurtosis - 1.0) / (4.0 * n))
        ensure $"{what}: deviation {found}, expected {deviation}" (abs (found / deviation - 1.0) < tolerance)

    match distribution with
    | Uniform bound ->
        let largest = xs |> Array.map abs |> Array.max
        ensure $"{what}: largest {largest}, bound {bound}" (largest <= bound * (1.0 + 1e-6))
        moments (bound / sqrt 3.0) 1.8
    | Normal deviation -> moments deviation 3.0
    | Always value -> shouldBeExactly what (Array.create xs.Length value) xs

/// Layers, and PyTorch 1.13's distribution for each of their parameters (the `reset_parameters` of each class).
let private layers: (string * Layer * (string * Distribution) list) list =
    let both distribution = [ "weight", distribution; "bias", distribution ]

    let recurrent = Uniform(1.0 / sqrt 64.0)

    [
        "linear", Layer.linear 100 50, both (Uniform 0.1)
        "bilinear",
        Bilinear {
            In1Features = 25
            In2Features = 10
            OutFeatures = 20
            Bias = true
        },
        both (Uniform 0.2)
        // Fan 4 · 25.
        "conv", Conv(Layer.conv 4 40 [ 5; 5 ]), both (Uniform 0.1)
        // PyTorch counts the fan of the second axis here too: 4 · 25.
        "convTranspose", ConvTranspose(Layer.convTranspose 40 4 [ 5; 5 ]), [ "weight", Uniform 0.1 ]
        "embedding", Embedding(Layer.embedding 100 50), [ "weight", Normal 1.0 ]
        "batchNorm", BatchNorm(Layer.batchNorm 7), [ "weight", Always 1.0; "bias", Always 0.0 ]
        "layerNorm", LayerNorm(Layer.layerNorm [ 7 ]), [ "weight", Always 1.0; "bias", Always 0.0 ]
        "groupNorm", GroupNorm(Layer.groupNorm 2 8), [ "weight", Always 1.0; "bias", Always 0.0 ]
        "lstm",
        Recurrent(Layer.recurrent RecurrentCell.LSTM 32 64),
        [ for name in [ "weight_ih_l0"; "weight_hh_l0"; "bias_ih_l0"; "bias_hh_l0" ] -> name, recurrent ]
        "attention",
        MultiheadAttention(Layer.multiheadAttention 48 4),
        [
            "in_proj_weight", Uniform(sqrt (6.0 / 192.0))
            "in_proj_bias", Always 0.0
            "out_proj.weight", Uniform(1.0 / sqrt 48.0)
            "out_proj.bias", Always 0.0
        ]
    ]

[<Test; Category("Slow")>]
let ``layers start with PyTorch's distributions`` () =
    for name, layer, parameters in layers do
        for key in twentyKeys do
            let first = Layer.variables { DType = DType.Float32; Key = key } layer

            for path, distribution in parameters do
                Tree.find path first.Parameters
                |> floatsOn Cpu.engine
                |> shouldFollow $"{name}.{path}" distribution

[<Test>]
let ``two keys give other first values, and one key gives the same bits (row 24)`` () =
    let first seed layer =
        (Layer.variables
            {
                DType = DType.Float32
                Key = Key.ofSeed seed
            }
            layer)
            .Parameters

    for name, layer, parameters in layers do
        let bits tree =
            Structure.leaves tree |> Array.map (bytesOn Cpu.engine)

        shouldEqual (bits (first 1L layer)) (bits (first 1L layer))

        for path, distribution in parameters do
            match distribution with
            | Always _ -> ()
            | Uniform _
            | Normal _ ->
                let of' seed =
                    floatsOn Cpu.engine (Tree.find path (first seed layer))

                ensure $"{name}.{path} does not depend on the key" (of' 1L <> of' 2L)

/// The share of elements that are not 0.
let private kept (xs: float[]) =
    float (xs |> Array.filter (fun x -> x <> 0.0) |> Array.length) / float xs.Length

[<Test; Category("Slow")>]
let ``dropout drops its share of elements, channels and rows, and keeps the mean (row 69)`` () =
    let units = [ DropoutUnit.Element, [ 40; 50; 20 ], 40000; DropoutUnit.Channel, [ 40; 50; 20 ], 2000 ]

    for p in [ 0.1; 0.25; 0.5; 0.9 ] do
        for unit, shape, independent in units do
            let layer = Dropout { P = p; Unit = unit }
            let x = Tensor.full DType.Float32 shape 1.0

            for key in twentyKeys do
                let y =
                    one (Layer.apply layer { training none with Key = key } [ x ])
                    |> floatsOn Cpu.engine

                let share = kept y
                let tolerance = 5.0 * sqrt (p * (1.0 - p) / float independent)
                ensure $"{unit} {p}: {share} are kept" (abs (share - (1.0 - p)) < tolerance)
                shouldBeClose "kept" 1e-6 [| share / (1.0 - p) |] [| Array.average y |]
