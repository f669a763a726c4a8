/// Bilinear layers and embeddings: values, gradients, first values.
module FunctionalDL.Tests.Layers.LinearLayerTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a bilinear layer is PyTorch's`` (engine: string) =
    agrees
        engine
        (Bilinear {
            In1Features = 2
            In2Features = 3
            OutFeatures = 2
            Bias = true
        })
        [ "weight", [ 2; 2; 3 ]; "bias", [ 2 ] ]
        [ [ 3; 2 ]; [ 3; 3 ] ]
        [] [
            [|
                0.490824246143
                0.824379595074
                -0.124872822108
                0.256803547094
                0.392605623683
                0.683594645566
            |]
        ] [
            [|
                -0.411886607374
                0.96260270422
                -0.334158783554
                0.144264015532
                -0.625766280006
                0.550278012244
            |]
            [|
                0.184874896831
                0.312560027849
                0.293243293884
                0.179417648687
                0.29851164093
                0.277210944071
                0.183923523817
                0.25452666916
                0.205421944908
            |]
            [|
                0.480918592479
                0.012228358143
                -0.462213064102
                0.30447137903
                0.251076219926
                0.079595991417
                0.306190482992
                0.250048324741
                0.076304532252
                -0.015173481474
                0.371839012304
                0.583969808451
            |]
            [| 0.999195980896; 0.189091537212 |]
        ]

// ---- embeddings ----------------------------------------

let private table = float64s [ 4; 2 ] [ 0.5; 1.0; -1.0; 2.0; 3.0; -0.5; 4.0; 0.25 ]

let private look layer call index weight =
    let variables = {
        none with
            Parameters = Branch [ "weight", Leaf weight ]
    }

    one (Layer.apply (Embedding layer) (call variables) [ index ])

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 66: an embedding looks rows up, and a row that comes twice learns twice`` (engine: string) =
    let on = engineOf engine
    let index = Tensor.ofInt64s [ 2; 2 ] [| 2L; 0L; 2L; 3L |]
    let look = look (Layer.embedding 4 2) training index
    let y = look table
    shouldEqual [ 2; 2; 2 ] (dimsOf y)
    shouldBeExactly "rows" [ 3.0; -0.5; 0.5; 1.0; 3.0; -0.5; 4.0; 0.25 ] (floatsOn on y)
    let weights = float64s [ 2; 2; 2 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 8.0 ]
    let gradient = grad (fun t -> Tensor.sum (look t * weights)) table
    shouldBeExactly "gradient" [ 3.0; 4.0; 0.0; 0.0; 6.0; 8.0; 7.0; 8.0 ] (floatsOn on gradient)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the padding row of an embedding starts at 0 and learns nothing`` (engine: string) =
    let on = engineOf engine

    let padded = {
        Layer.embedding 4 2 with
            PaddingIndex = Some -2
    }

    let first = Tree.find "weight" (fresh (Embedding padded)).Parameters |> floatsOn on

    shouldBeExactly "padding" [ 0.0; 0.0 ] first[4..5]
    ensure "other rows are 0 too" (Array.forall ((<>) 0.0) first[..3])
    let index = Tensor.ofInt64s [ 3 ] [| 2L; 0L; 2L |]

    let gradient =
        grad (look padded training index >> Tensor.square >> Tensor.sum) table

    shouldBeExactly "gradient" [ 1.0; 2.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0 ] (floatsOn on gradient)

    raises<OptionException> "embedding: padding index 4 is none of the 4 rows" (fun () ->
        fresh (Embedding { padded with PaddingIndex = Some 4 }) |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``embedding dropout drops whole rows of the table, for every place that looks them up`` (engine: string) =
    let on = engineOf engine

    let spec = {
        Layer.embedding 40 3 with
            Dropout = 0.25
    }

    let table = Tensor.full DType.Float64 [ 40; 3 ] 3.0
    let index = Tensor.ofInt64s [ 80 ] (Array.init 80 (fun i -> int64 (i % 40)))
    let y = look spec training index table |> floatsOn on

    for row in 0..39 do
        let values = [|
            for i in 0..2 do
                y[3 * row + i]
                y[3 * (row + 40) + i]
        |]

        ensure $"row {row} is %A{values}" (Array.forall ((=) 0.0) values || Array.forall ((=) 4.0) values)

    ensure "none or all dropped" (Array.contains 0.0 y && Array.contains 4.0 y)
    let whole = look spec evaluating index table
    shouldBeExactly "evaluation" (Array.create 240 3.0) (floatsOn on whole)
