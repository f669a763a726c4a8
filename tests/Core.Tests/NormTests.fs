/// Normalisation: values against plain loops over each group of elements, gradients against central
/// differences.
module FunctionalDL.Tests.NormTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.FamilySupport

let private eps = 1e-3

/// Each element normalised among those with the same key, then by a weight and a bias found by position.
let private plain (shape: int list) (x: float[]) (key: int list -> 'k) weight bias =
    let groups = positions shape |> List.groupBy key |> Map.ofList

    positions shape
    |> List.map (fun p ->
        let values = groups[key p] |> List.map (at shape x)
        let mean = List.average values
        let variance = values |> List.averageBy (fun v -> (v - mean) * (v - mean))
        (at shape x p - mean) / sqrt (variance + eps) * weight p + bias p)
    |> Array.ofList

let private weights = [| 1.5; -0.5; 0.25; 2.0 |]
let private biases = [| 0.1; 0.2; -0.3; 0.4 |]
let private weight = Some(float64s [ 4 ] weights)
let private bias = Some(float64s [ 4 ] biases)
let private channelWeight (p: int list) = weights[p[1]]
let private channelBias (p: int list) = biases[p[1]]

let private check engine what (f: Tensor option -> Tensor option -> Tensor -> Tensor) shape expected =
    let x = numbers 11 shape

    let at w b =
        f (Some(float64s [ 4 ] w)) (Some(float64s [ 4 ] b))

    floatsOn engine (at weights biases (float64s shape x))
    |> shouldBeClose what 1e-12 (expected x)

    gradientIsDifference $"{what}, input" engine (at weights biases) shape x
    gradientIsDifference $"{what}, weight" engine (fun w -> f (Some w) bias (float64s shape x)) [ 4 ] weights
    gradientIsDifference $"{what}, bias" engine (fun b -> f weight (Some b) (float64s shape x)) [ 4 ] biases

let private shapes = [ [ 5; 4 ]; [ 3; 4; 2 ]; [ 2; 4; 2; 3 ] ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``batchNorm normalises each channel over all else`` (engine: string) =
    for shape in shapes do
        check (engineOf engine) $"batchNorm %A{shape}" (Norm.batchNorm eps) shape (fun x ->
            plain shape x (fun p -> p[1]) channelWeight channelBias)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``layerNorm normalises each item over its last axes`` (engine: string) =
    let engine = engineOf engine
    let ofLast (values: float[]) (p: int list) = values[List.last p]

    check engine "layerNorm" (Norm.layerNorm [ 4 ] eps) [ 3; 2; 4 ] (fun x ->
        plain [ 3; 2; 4 ] x (List.take 2) (ofLast weights) (ofLast biases))

    let x = numbers 12 [ 3; 2; 4 ]

    floatsOn engine (Norm.layerNorm [ 2; 4 ] eps None None (float64s [ 3; 2; 4 ] x))
    |> shouldBeClose "over two axes" 1e-12 (plain [ 3; 2; 4 ] x List.head (fun _ -> 1.0) (fun _ -> 0.0))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``groupNorm normalises each group of channels of each item`` (engine: string) =
    for shape in shapes do
        check (engineOf engine) $"groupNorm %A{shape}" (Norm.groupNorm 2 eps) shape (fun x ->
            plain shape x (fun p -> p[0], p[1] / 2) channelWeight channelBias)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``instanceNorm normalises each channel of each item`` (engine: string) =
    for shape in shapes.Tail do
        check (engineOf engine) $"instanceNorm %A{shape}" (Norm.instanceNorm eps) shape (fun x ->
            plain shape x (List.take 2) channelWeight channelBias)

let private running = {
    Mean = float64s [ 4 ] [ 0.5; -1.0; 0.0; 2.0 ]
    Variance = float64s [ 4 ] [ 1.0; 0.5; 2.0; 4.0 ]
}

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``training moves the running statistics towards the batch's, the variance by n - 1`` (engine: string) =
    let engine = engineOf engine
    let shape = [ 3; 4; 2 ]
    let x = numbers 13 shape
    let options = { Eps = eps; Momentum = 0.3 }
    let y, next = Norm.batchNormTraining options weight bias running (float64s shape x)

    let channel c =
        positions shape |> List.filter (fun p -> p[1] = c) |> List.map (at shape x)

    let newest = [|
        for c in 0..3 ->
            let values = channel c
            let mean = List.average values
            mean, List.sumBy (fun v -> (v - mean) * (v - mean)) values / 5.0
    |]

    let follow old newest =
        Array.map2 (fun o n -> 0.7 * o + 0.3 * n) old newest

    floatsOn engine next.Mean
    |> shouldBeClose "mean" 1e-14 (follow (floatsOn engine running.Mean) (Array.map fst newest))

    floatsOn engine next.Variance
    |> shouldBeClose "variance" 1e-14 (follow (floatsOn engine running.Variance) (Array.map snd newest))

    floatsOn engine (Norm.batchNorm eps weight bias (float64s shape x))
    |> shouldBeExactly "output" (floatsOn engine y)

[<Test>]
let ``running statistics are constants of derivatives`` () =
    let options = BatchNormOptions.Default

    let follow x =
        (Norm.batchNormTraining options None None running x |> snd).Variance

    let x = float64s [ 3; 4 ] (numbers 14 [ 3; 4 ])

    gradientOn Reference.engine follow x
    |> shouldBeExactly "gradient" (Array.zeroCreate 12)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``evaluation normalises by the running statistics`` (engine: string) =
    let engine = engineOf engine
    let mean, variance = floatsOn engine running.Mean, floatsOn engine running.Variance

    check engine "evaluation" (fun w b -> Norm.batchNormEvaluation eps w b running) [ 3; 4; 2 ] (fun x ->
        positions [ 3; 4; 2 ]
        |> List.map (fun p ->
            let c = p[1]

            (at [ 3; 4; 2 ] x p - mean[c]) / sqrt (variance[c] + eps) * weights[c]
            + biases[c])
        |> Array.ofList)

[<Test>]
let ``a large mean costs no digits`` () =
    let small = numbers 15 [ 6; 4 ] |> Array.map grid
    let large = small |> Array.map (fun v -> v + 1048576.0)

    let y (x: float[]) =
        floatsOn Reference.engine (Norm.batchNorm 1e-5 None None (float64s [ 6; 4 ] x))

    shouldBeClose "shifted by 2^20" 1e-9 (y small) (y large)

[<Test>]
let ``a constant channel gives the bias and finite slopes`` () =
    let f = Norm.batchNorm 1e-5 weight bias
    let x = Tensor.full DType.Float64 [ 3; 4 ] 7.0

    floatsOn Reference.engine (f x)
    |> shouldBeExactly "value" (Array.concat [ biases; biases; biases ])

    gradientOn Reference.engine f x
    |> shouldBeClose "gradient" 1e-9 (Array.zeroCreate 12)

[<Test>]
let ``shapes that do not fit are refused`` () =
    let x = float64s [ 2; 4 ] (numbers 16 [ 2; 4 ])
    let three = Some(float64s [ 3 ] [ 1.0; 2.0; 3.0 ])

    (fun () -> Norm.batchNorm eps three None x |> ignore)
    |> raises<ShapeException>
        "batchNorm: the weight is [3] and the input [2; 4]; it needs [4], one for each channel"

    (fun () -> Norm.batchNorm eps None None (float64s [ 4 ] weights) |> ignore)
    |> raises<ShapeException> "batchNorm: the input is [4]; it needs [batch; channels; …]"

    (fun () -> Norm.batchNorm eps None None (float64s [ 1; 4 ] weights) |> ignore)
    |> raises<ShapeException>
        "batchNorm: the input [1; 4] has one element a channel, whose variance is 0; training needs more"

    (fun () -> Norm.layerNorm [ 3 ] eps None None x |> ignore)
    |> raises<ShapeException> "layerNorm: the input is [2; 4]; its last sizes must be [3]"

    (fun () -> Norm.layerNorm [ 4 ] eps three None x |> ignore)
    |> raises<ShapeException> "layerNorm: the weight is [3]; it needs [4]"

    (fun () -> Norm.groupNorm 3 eps None None x |> ignore)
    |> raises<ShapeException> "groupNorm: 4 channels of input [2; 4] do not divide into 3 groups"

    (fun () -> Norm.instanceNorm eps None None x |> ignore)
    |> raises<ShapeException> "instanceNorm: the input is [2; 4]; it needs [batch; channels; spatial axes …]"
