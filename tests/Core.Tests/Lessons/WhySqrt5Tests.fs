/// Notebook 02a: why a default of √5 does not suit ReLU (lessons.md, section 1.2, and 1.6, G-2). Rows of random numbers are
/// checked with twenty seeds.
module FunctionalDL.Tests.Lessons.WhySqrt5Tests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist
open FunctionalDL.Tests.Lessons.Golden

// ---- one convolution ---------------------------------------------------------------------------------------------

let private single = Conv(Layer.conv 1 32 [ 5; 5 ])
let private planes = [ Shape.ofList [ 100; 1; 28; 28 ] ]
let private fresh key = Layer.init key planes single

/// First variables with another weight, drawn by `init shape key`.
let private withWeight init key (variables: Variables) =
    let weight = Tree.find "weight" variables.Parameters

    {
        variables with
            Parameters = Tree.set "weight" (init (dimsOf weight) (Key.child "again" key)) variables.Parameters
    }

let private weightOf (variables: Variables) = Tree.find "weight" variables.Parameters

let private largest x =
    Tensor.item (Tensor.amax (Tensor.abs x))

/// The lesson's own initialisation, written with what a user has: bound √3 · gain / √fan, by the fan of the inputs.
let private kaiming2 slope (shape: int list) key =
    let field = List.fold (*) 1 shape[2..]

    let bound =
        sqrt 3.0 * sqrt (2.0 / (1.0 + slope * slope)) / sqrt (float (shape[1] * field))

    Key.uniformIn DType.Float32 -bound bound shape key

let private sqrt5 = sqrt 5.0

[<Test>]
let ``a convolution of one plane to 32: sizes of weight, bias and output, square or not (rows 2 and 7, E2a-03, E2a-04, E2a-11 to E2a-13)``
    ()
    =
    let variables = fresh (Key.ofSeed 1L)
    shouldEqual [ 32; 1; 5; 5 ] (dimsOf (weightOf variables))
    shouldEqual [ 32 ] (dimsOf (Tree.find "bias" variables.Parameters))

    let sizes shape =
        Tensor.zeros shape |> Layer.predict single variables |> dimsOf

    shouldEqual [ 100; 32; 24; 24 ] (sizes [ 100; 1; 28; 28 ])
    shouldEqual [ 3; 32; 24; 9 ] (sizes [ 3; 1; 28; 13 ])
    let field = Indexing.select 0 0 (weightOf variables) |> Indexing.select 0 0
    shouldEqual 25 field.Shape.Size
    shouldEqual (struct (25, 800)) (Init.fans (weightOf variables).Shape)

[<Test>]
let ``the hundred pictures are planes (E2a-01 to E2a-03)`` () =
    let x, y = hundred DType.Float32
    shouldEqual [ 100; 1; 28; 28 ] (dimsOf x)
    shouldEqual [ 100 ] (dimsOf y)
    // D-7, D-8.
    shouldHaveStats "x" (-0.03631, -0.03630) (0.96019, 0.96020) x
    shouldHaveStats "y" (4.7099, 4.7101) (2.93462, 2.93463) y
    shouldBeClose "mean square of y" 1e-6 [| 30.71 |] [| Tensor.item (Tensor.mean (Tensor.square y)) |]

[<Test; Category("Slow")>]
let ``the default of a convolution is uniform in ±1/√fan_in, weight and bias (row 4, E2a-05, E2a-06)`` () =
    for key in twentyKeys do
        let variables = fresh key
        shouldHaveStats "weight" (-0.02, 0.02) (0.107, 0.124) (weightOf variables)
        shouldHaveStats "bias" (-0.1, 0.1) (0.075, 0.155) (Tree.find "bias" variables.Parameters)
        shouldLie "largest weight" 0.19 0.2 (largest (weightOf variables))
        shouldLie "largest bias" 0.1 0.2 (largest (Tree.find "bias" variables.Parameters))

[<Test; Category("Slow")>]
let ``activations on real data: the default shrinks them, Kaiming's keeps them (rows 5 and 6, E2a-07 to E2a-10)``
    ()
    =
    let x, _ = hundred DType.Float32
    let outputs variables = Layer.predict single variables x

    for key in twentyKeys do
        let usual = outputs (fresh key)
        shouldHaveStats "default" (-0.12, 0.12) (0.50, 0.78) usual
        shouldHaveStats "default, ReLU" (0.15, 0.30) (0.27, 0.53) (Tensor.relu usual)

        let normal slope =
            fresh key |> withWeight (Init.kaimingNormal DType.Float32 slope) key |> outputs

        shouldHaveStats "normal, slope 1" (-0.15, 0.15) (0.85, 1.40) (normal 1.0)
        shouldHaveStats "normal, slope 0" (0.35, 0.70) (0.65, 1.35) (Activation.leakyRelu 0.0 (normal 0.0))

[<Test; Category("Slow")>]
let ``an initialisation of one's own has the library's bounds (E2a-15 to E2a-18)`` () =
    let x, _ = hundred DType.Float32
    shouldBeClose "1/√3" 1e-15 [| 0.5773502691896258 |] [| 1.0 / sqrt 3.0 |]

    for key in twentyKeys do
        let _, deviation = stats (Key.uniformIn DType.Float32 -1.0 1.0 [ 10000 ] key)
        shouldLie "U(-1, 1)" 0.565 0.590 deviation

        for slope, bound, mean, deviation in
            [ 0.0, sqrt (6.0 / 25.0), (0.35, 0.70), (0.65, 1.35); sqrt5, 0.2, (0.15, 0.30), (0.27, 0.53) ] do
            let variables = fresh key |> withWeight (kaiming2 slope) key
            shouldLie "largest" (0.97 * bound) (bound * (1.0 + 1e-6)) (largest (weightOf variables))
            shouldHaveStats "outputs" mean deviation (Tensor.relu (Layer.predict single variables x))
            // The library's draws the same numbers from the same key.
            shouldBeExactly
                "weight"
                (Tensor.toFloats (
                    Init.kaimingUniform DType.Float32 slope [ 32; 1; 5; 5 ] (Key.child "again" key)
                ))
                (Tensor.toFloats (weightOf variables))

// ---- four convolutions -------------------------------------------------------------------------------------------

let private sizes = [ 1, 8, 5; 8, 16, 3; 16, 32, 3; 32, 1, 3 ]

/// Four convolutions of stride 2 with ReLU between them, the mean over what is left of a picture, and no axis but the
/// batch's.
let private network bias =
    let convolution (inChannels, outChannels, kernel) =
        let spec = Layer.conv inChannels outChannels [ kernel; kernel ]

        Conv {
            spec with
                Bias = bias
                Options = {
                    spec.Options with
                        Stride = [ 2 ]
                        Padding = [ kernel / 2, kernel / 2 ]
                }
        }

    Layer.sequential [
        for i, size in List.indexed sizes do
            convolution size

            if i < 3 then
                ReLU

        Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
        View [ -1 ]
    ]

/// The network's outputs for parameters.
let private run bias (variables: Variables) x parameters =
    Layer.predict
        (network bias)
        {
            variables with
                Parameters = parameters
        }
        x

[<Test>]
let ``four convolutions of stride 2 leave 14, 7, 4 and 2 of 28, then a number a picture (row 12, E2a-19)``
    ()
    =
    let reports =
        Model.check
            [
                {
                    DType = DType.Float32
                    Shape = planes.Head
                }
            ]
            (network true)

    let convolved =
        reports
        |> List.filter (fun r ->
            match r.Layer with
            | Conv _ -> true
            | _ -> false)
        |> List.map (fun r -> List.ofArray (r.Outputs.Head.Shape.ToArray()[1..]))

    shouldEqual [ [ 8; 14; 14 ]; [ 16; 7; 7 ]; [ 32; 4; 4 ]; [ 1; 2; 2 ] ] convolved
    shouldEqual [ 100 ] (List.ofArray ((List.last reports).Outputs.Head.Shape.ToArray()))

/// Each convolution initialised anew, as the notebook does it in a loop over the layers.
let private kaimingEverywhere key (variables: Variables) =
    let again path layer (variables: Variables) =
        match layer with
        | Conv _ -> {
            variables with
                Parameters =
                    variables
                    |> withWeight (Init.kaimingUniform DType.Float32 0.0) (Key.child path key)
                    |> _.Parameters
                    |> Tree.set "bias" (Tensor.zerosLike (Tree.find "bias" variables.Parameters))
          }
        | _ -> variables

    Layer.mapVariables again (network true) variables

[<Test>]
let ``going through the layers and matching on their kind gives each convolution new weights (row 15)`` () =
    let key = Key.ofSeed 3L
    let before = Layer.init key planes (network true)
    let after = kaimingEverywhere key before
    shouldEqual (Tree.leaves before.Parameters |> List.map fst) (Tree.leaves after.Parameters |> List.map fst)

    for i, (inChannels, _, kernel) in List.indexed sizes do
        let weight = Tree.find $"{2 * i}.weight" after.Parameters
        let bound = sqrt (6.0 / float (inChannels * kernel * kernel))
        shouldLie $"largest weight of {2 * i}" (0.9 * bound) (bound * (1.0 + 1e-6)) (largest weight)
        shouldEqual 0.0 (largest (Tree.find $"{2 * i}.bias" after.Parameters))
        ensure "a bias was 0 before" (largest (Tree.find $"{2 * i}.bias" before.Parameters) > 0.0)

[<Test; Category("Slow")>]
let ``the default collapses over four convolutions, Kaiming's does not (row 13, E2a-19 to E2a-24)`` () =
    let x, y = hundred DType.Float32

    /// Deviation of the outputs, and of the gradient of the first weight.
    let look (variables: Variables) =
        let outputs = run true variables x
        let loss parameters = Loss.mse y (outputs parameters)
        let gradients = grad loss variables.Parameters
        stats (outputs variables.Parameters), stats (Tree.find "0.weight" gradients)

    for key in twentyKeys do
        let usual = Layer.init key planes (network true)
        let (mean, collapsed), (_, small) = look usual
        shouldLie "mean of the outputs" -0.2 0.2 mean
        shouldLie "deviation of the outputs" 0.0 0.03 collapsed
        shouldLie "deviation of the gradient" 0.008 0.12 small
        let (_, kept), (_, large) = look (kaimingEverywhere key usual)
        shouldLie "deviation of the outputs, Kaiming" 0.10 1.0 kept
        shouldLie "deviation of the gradient, Kaiming" 0.15 2.0 large
        shouldLie "ratio of outputs" 5.0 infinity (kept / collapsed)
        shouldLie "ratio of gradients" 2.0 infinity (large / small)

// ---- golden ------------------------------------------------------------------------------------------------------

/// Convolution `i` has the weight of factor `c / √fan_in` and phase 0.3 i.
let private goldenVariables dtype (c: float) =
    let weight path layer (variables: Variables) =
        match layer with
        | Conv spec ->
            let shape = spec.OutChannels :: spec.InChannels :: spec.KernelSize
            let struct (fanIn, _) = Init.fans (Shape.ofList shape)

            {
                variables with
                    Parameters =
                        Branch [
                            "weight", Leaf(sines dtype shape (c / sqrt (float fanIn)) (0.15 * float path))
                        ]
            }
        | _ -> variables

    Layer.init (Key.ofSeed 0L) planes (network false)
    |> Layer.mapVariables weight (network false)

/// Mean and standard deviation of the outputs, loss, mean and standard deviation of the first gradient, with their
/// digits after the point. The last number of the first row is 0.16382086 in PyTorch 1.13 (float64); lessons.md cuts
/// it to 0.1638208.
let private golden = [
    1.0, [| -0.102303, 6; 0.0874513, 7; 31.722166, 6; 0.1338728, 7; 0.1638209, 7 |]
    sqrt 6.0, [| -3.682899, 6; 3.148246, 6; 89.874743, 6; 4.182997, 6; 4.716055, 6 |]
]

[<TestCase("float64")>]
[<TestCase("float32")>]
let ``four convolutions have the golden outputs, loss and gradient of G-2 (row 14)`` (dtype: string) =
    let dtype = if dtype = "float64" then DType.Float64 else DType.Float32
    let x, y = hundred dtype

    for c, expected in golden do
        let variables = goldenVariables dtype c
        let outputs = run false variables x
        let value, gradients = valueAndGrad (outputs >> Loss.mse y) variables.Parameters
        let t, first = outputs variables.Parameters, Tree.find "0.weight" gradients
        let (mean, deviation), (gradientMean, gradientDeviation) = stats t, stats first
        let found = [| mean; deviation; Tensor.item value; gradientMean; gradientDeviation |]

        Array.iteri2
            (fun i (e: float, digits) (a: float) ->
                if dtype = DType.Float64 then
                    shouldPrint $"c = {c}, number {i}" digits e a
                else
                    ensure $"c = {c}, number {i}: {a:R}, expected {e}" (abs (a - e) <= 1e-4 * abs e))
            expected
            found
