/// Networks for tables. Expected values: PyTorch 1.13 in float64 with the same parameters, and fastai's rules as the lessons list
/// them.
module FunctionalDL.Tests.Tables.TabularTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

let private parametersOf layer =
    (fresh layer).Parameters
    |> Tree.leaves
    |> List.map (fun (name, p) -> name, dimsOf p)

let private kinds layer =
    Layer.named layer
    |> List.choose (fun (path, layer) ->
        match layer with
        | Linear _ -> Some(path, "linear")
        | BatchNorm _ -> Some(path, "norm")
        | Dropout spec -> Some(path, $"dropout {spec.P}")
        | ReLU -> Some(path, "relu")
        | Embedding _ -> Some(path, "embedding")
        | _ -> None)

// ---- rules ---------------------------------------------------------------------------------------------------------

[<Test>]
let ``row 63: the width of an embedding follows from the number of classes`` () =
    [ 2; 3; 5; 10; 20; 50; 100; 1000; 10000; 100000 ]
    |> List.map Tabular.embeddingSize
    |> shouldEqual [ 2; 3; 4; 6; 9; 14; 21; 77; 278; 600 ]

/// The classes of the 24 columns of the Rossmann lesson.
let private rossmannClasses = [
    1116
    8
    4
    13
    32
    3
    26
    27
    5
    4
    4
    24
    9
    13
    53
    22
    7
    7
    4
    4
    9
    9
    3
    3
]

let private rossmann = {
    Tabular.spec [ for n in rossmannClasses -> n, Tabular.embeddingSize n ] 16 1 [ 1000; 500 ] with
        Ps = [ 0.001; 0.01 ]
        EmbDrop = 0.04
}

[<Test>]
let ``row 63: the network of the Rossmann lesson has 233 inputs and 831,054 parameters`` () =
    rossmann.Embeddings
    |> List.map snd
    |> shouldEqual [ 81; 5; 3; 7; 11; 3; 10; 10; 4; 3; 3; 9; 5; 7; 15; 9; 5; 5; 3; 3; 5; 5; 3; 3 ]

    let parameters = parametersOf (Tabular.layer rossmann)

    List.find (fst >> (=) "layers.0.weight") parameters
    |> snd
    |> shouldEqual [ 1000; 233 ]

    parameters |> List.sumBy (snd >> elements) |> shouldEqual 831054

[<Test>]
let ``row 64: linear, ReLU, norm and dropout come in fastai's order`` () =
    kinds (Tabular.layer rossmann)
    |> List.filter (fun (path, _) -> not (path.StartsWith "embeds.") || path = "embeds.drop")
    |> shouldEqual [
        "embeds.drop", "dropout 0.04"
        "bn_cont", "norm"
        "layers.0", "linear"
        "layers.1", "relu"
        "layers.2", "norm"
        "layers.3", "dropout 0.001"
        "layers.4", "linear"
        "layers.5", "relu"
        "layers.6", "norm"
        "layers.7", "dropout 0.01"
        "layers.8", "linear"
    ]

[<Test>]
let ``row 64: without batch norm that of the numbers stays, and a final one is added when asked`` () =
    let kindsOf spec =
        kinds (Tabular.layer spec) |> List.map snd

    let small = Tabular.spec [ 3, 2 ] 2 1 [ 4 ]

    kindsOf { small with UseBn = false }
    |> shouldEqual [ "embedding"; "norm"; "linear"; "relu"; "linear" ]

    kindsOf { small with BnFinal = true }
    |> shouldEqual [ "embedding"; "norm"; "linear"; "relu"; "norm"; "linear"; "norm" ]

    // One probability goes for all layers.
    kindsOf {
        Tabular.spec [] 2 1 [ 4; 4 ] with
            Ps = [ 0.5 ]
            UseBn = false
    }
    |> shouldEqual [ "norm"; "linear"; "relu"; "dropout 0.5"; "linear"; "relu"; "dropout 0.5"; "linear" ]

[<Test>]
let ``row 64: dropouts that do not go with the layers are refused, and so is a network without inputs`` () =
    messageOf<OptionException>(fun () -> Tabular.layer { rossmann with Ps = [ 0.1; 0.2; 0.3 ] } |> ignore)
    |> shouldContain [ "3 probabilities for 2 hidden layers" ]

    messageOf<OptionException>(fun () -> Tabular.layer (Tabular.spec [] 0 1 [ 4 ]) |> ignore)
    |> shouldContain [ "neither a column of classes nor one of numbers" ]

// ---- values and gradients ------------------------------------------------------------------------------------------

let private small = {
    Tabular.spec [ 3, 2; 4, 3 ] 2 1 [ 4 ] with
        YRange = Some(1.0, 5.0)
}

let private codes =
    Tensor.ofInt64s [ 5; 2 ] [| 0L; 3L; 2L; 1L; 1L; 1L; 2L; 0L; 0L; 3L |]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 64: outputs and gradients are PyTorch's`` (engine: string) =
    let layer = Tabular.layer small
    let first = fresh layer
    let shapes = Tree.leaves first.Parameters |> List.map (snd >> dimsOf)
    let values = shapes |> List.mapi (fun i shape -> sines shape 0.5 (0.3 * float i))

    let apply (numbers: Tensor) (values: Tensor list) =
        let variables = {
            first with
                Parameters = Structure.rebuild first.Parameters values
        }

        one (Layer.apply layer (training variables) [ codes; numbers ])

    let numbers = sines [ 5; 2 ] 1.0 0.2

    shouldBeClose
        "outputs"
        1e-11
        [| 3.410593224953; 3.775483926425; 3.782588038808; 3.588223933473; 3.471370261126 |]
        (floatsOn (engineOf engine) (apply numbers values))

    let weighted (numbers, values) =
        let y = apply numbers values
        Tensor.sum (y * sines (dimsOf y) 1.0 0.9)

    let ofNumbers, ofValues = grad weighted (numbers, values)

    List.zip
        [
            [|
                -0.009781163860329
                -0.02652291273741
                0.01416736904858
                -0.02359017008538
                -0.04019295127079
                -0.05565686258676
                -0.02071534941318
                0.01216072675252
                0.05652209549572
                0.09360921865703
            |]
            [|
                -0.1939974950236
                -0.2015903132037
                0.0564637505388
                0.05945196362862
                -0.06168502996403
                -0.0603478228901
            |]
            [|
                -0.02915300306506
                0.009477171596613
                0.04365008437151
                0.03300390057618
                -0.002690654584296
                -0.03711975285114
                0.0
                0.0
                0.0
                -0.1143720571485
                0.0266371644963
                0.1551185114613
            |]
            [| -0.2219617901131; 0.02210773550457 |]
            [| 0.2138480277676; 0.1654711436268 |]
            [|
                0.03969154638697
                -0.06564487429822
                -0.04457604232482
                -0.2341071231206
                -0.313533965888
                -0.02955461602063
                -0.2312529715514
                0.003752886600596
                -0.0004855053063298
                0.001502934907945
                -0.00146572798342
                -0.003745036101551
                0.003571836823463
                -0.001733204701591
                0.001323460360379
                -0.006487746198626
                0.001777580814639
                -0.009889191585733
                -0.01690492266045
                0.01405352932978
                0.01319474953875
                4.483084747426e-05
                -4.694467362431e-05
                9.039599403046e-05
                5.564663509912e-06
                -8.188381520961e-05
                0.0002210130468763
                0.0002635345940855
            |]
            [| -0.4354539639433; 0.002545751188123; -0.007937468288864; 0.0002676563183109 |]
            [| 0.01414133734417; -0.03466928239221; 0.0204814789665; -0.5831582577565 |]
            [| 0.6280603457483; 0.03866260364182; -0.5689187650772; -0.9089287489795 |]
            [| 0.8230190736482; -0.1875171110161; -0.3242118388153; -1.220705909752 |]
            [| 1.859643467867 |]
        ]
        (ofNumbers :: ofValues)
    |> List.iteri (fun i (expected, actual) ->
        shouldBeClose $"gradient {i}" 1e-11 expected (floatsOn (engineOf engine) actual))

[<Test>]
let ``row 64: networks of classes only and of numbers only give what the rest of the whole gives`` () =
    // With the weights of the other inputs at 0 the whole network computes the same.
    let hidden = [ 4 ]
    let whole = Tabular.layer (Tabular.spec [ 3, 2 ] 2 1 hidden)
    let variables = fresh whole
    let codes = Tensor.narrow 1 0 1 codes
    let numbers = sines [ 5; 2 ] 1.0 0.2
    let weight = Tree.find "layers.0.weight" variables.Parameters

    let part layer columns (inputs: Tensor list) (mask: float[]) =
        let own = Tree.leaves (fresh layer).Parameters |> List.map fst

        let pick name =
            if name = "layers.0.weight" then
                Tensor.narrow 1 (fst columns) (snd columns) weight
            else
                Tree.find name variables.Parameters

        let partly = {
            fresh layer with
                Parameters = Tree.ofLeaves [ for name in own -> name, pick name ]
        }

        let masked = {
            variables with
                Parameters =
                    Tree.ofLeaves [
                        for name, p in Tree.leaves variables.Parameters ->
                            name,
                            (if name = "layers.0.weight" then
                                 p * float64s [ 1; 4 ] mask
                             else
                                 p)
                    ]
        }

        shouldBeClose
            "part"
            1e-12
            (Tensor.toFloats (one (Layer.apply whole (training masked) [ codes; numbers ])))
            (Tensor.toFloats (one (Layer.apply layer (training partly) inputs)))

    part (Tabular.layer (Tabular.spec [ 3, 2 ] 0 1 hidden)) (0, 2) [ codes ] [| 1.0; 1.0; 0.0; 0.0 |]
    part (Tabular.layer (Tabular.spec [] 2 1 hidden)) (2, 2) [ numbers ] [| 0.0; 0.0; 1.0; 1.0 |]

// ---- range, embeddings, dropout ------------------------------------------------------------------------------------

[<Test>]
let ``row 65: outputs lie inside their range and reach 0.999 of it`` () =
    let layer =
        Tabular.layer {
            Tabular.spec [] 1 1 [] with
                YRange = Some(2.0, 6.0)
        }

    let outputs weight =
        let variables = {
            fresh layer with
                Parameters =
                    Tree.ofLeaves [
                        "bn_cont.weight", float64s [ 1 ] [ 1.0 ]
                        "bn_cont.bias", float64s [ 1 ] [ 0.0 ]
                        "layers.0.weight", float64s [ 1; 1 ] [ weight ]
                        "layers.0.bias", float64s [ 1 ] [ 0.0 ]
                    ]
        }

        one (Layer.apply layer (evaluating variables) [ float64s [ 2; 1 ] [ -1.0; 1.0 ] ])
        |> Tensor.toFloats

    for weight in [ 0.1; 1.0; 10.0; 30.0 ] do
        for y in outputs weight do
            ensure $"{y} is not inside (2, 6)" (y > 2.0 && y < 6.0)

    let far = outputs 10.0
    ensure $"{far[0]} to {far[1]} is not 0.999 of the range" (far[1] - far[0] > 0.999 * 4.0)

[<Test>]
let ``row 66: first embeddings are small: none above 0.02, deviation 0.0087`` () =
    let layer = Tabular.layer (Tabular.spec [ 1000, 50 ] 0 1 [])

    let weight =
        (Tabular.variables
            {
                DType = DType.Float32
                Key = Key.ofSeed 5L
            }
            layer)
            .Parameters
        |> Tree.find "embeds.0.weight"
        |> Tensor.toFloats

    ensure "a weight is above 0.02" (weight |> Array.forall (fun w -> abs w <= 0.02))
    let deviation = sqrt (Array.averageBy (fun w -> w * w) weight)
    ensure $"the deviation is {deviation}" (abs (deviation - 0.0087) <= 0.0005)

[<Test>]
let ``row 70: the dropout of embeddings zeroes embedded columns only`` () =
    let layer =
        Tabular.layer {
            Tabular.spec [ 3, 2 ] 2 4 [] with
                EmbDrop = 1.0
                UseBn = false
        }

    let variables = fresh layer

    let identity = {
        variables with
            Parameters =
                Tree.ofLeaves [
                    for name, p in Tree.leaves variables.Parameters ->
                        match name with
                        | "layers.0.weight" -> name, Create.eye DType.Float64 4 4
                        | "layers.0.bias" -> name, Tensor.zerosLike p
                        | _ -> name, p
                ]
    }

    let inputs = [ Tensor.narrow 1 0 1 codes; sines [ 5; 2 ] 1.0 0.2 ]
    let dropped = one (Layer.apply layer (training identity) inputs)

    let whole =
        one (
            Layer.apply
                (Tabular.layer {
                    Tabular.spec [ 3, 2 ] 2 4 [] with
                        UseBn = false
                })
                (training identity)
                inputs
        )

    shouldBeExactly "embedded" (Array.zeroCreate 10) (Tensor.toFloats (Tensor.narrow 1 0 2 dropped))

    ensure
        "the embedding is 0 itself"
        (Tensor.toFloats (Tensor.narrow 1 0 2 whole) |> Array.forall (fun x -> x <> 0.0))

    shouldBeExactly
        "numbers"
        (Tensor.toFloats (Tensor.narrow 1 2 2 whole))
        (Tensor.toFloats (Tensor.narrow 1 2 2 dropped))
