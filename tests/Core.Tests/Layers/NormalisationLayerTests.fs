/// Normalisation against PyTorch 1.13 in float64: outputs, and gradients of inputs and parameters.
module FunctionalDL.Tests.Layers.NormalisationLayerTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``instance norm with weight and bias`` (engine: string) =
    agrees
        engine
        (InstanceNorm {
            Layer.instanceNorm 2 with
                Affine = true
        })
        [ "weight", [ 2 ]; "bias", [ 2 ] ]
        [ [ 2; 2; 3 ] ]
        [] [
            [|
                0.147760103331
                0.147760103331
                0.147760103331
                0.808212264655
                0.43441393303
                0.019580279527
                0.147760103331
                0.147760103331
                0.147760103331
                -0.020012531916
                0.541495672378
                0.74072333675
            |]
        ] [
            [|
                -0.0
                0.0
                -0.0
                0.033160111554
                -0.063016460325
                0.029856348771
                -0.0
                0.0
                -0.0
                -0.039231743837
                0.149800891048
                -0.110569147211
            |]
            [| 1.353211011784; 1.350464203886 |]
            [| 1.353308851192; 1.186688096825 |]
        ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``layer norm over two axes`` (engine: string) =
    agrees
        engine
        (LayerNorm(Layer.layerNorm [ 2; 3 ]))
        [ "weight", [ 2; 3 ]; "bias", [ 2; 3 ] ]
        [ [ 2; 2; 3 ] ]
        [] [
            [|
                0.147760103331
                0.666417878013
                1.07814249064
                0.635461263178
                -0.059918808
                0.006649103853
                0.147760103331
                0.060611104435
                0.236958144696
                0.487932201815
                0.203593523198
                -0.543613317791
            |]
        ] [
            [|
                -0.211716071448
                0.241300698901
                0.26616054366
                -0.253637753609
                -0.366874029516
                0.324766612011
                -0.013364044948
                -0.207352786343
                0.090818710855
                0.35009459598
                0.086898582559
                -0.307095058103
            |]
            [|
                0.775665727126
                1.28184062958
                0.768263720482
                0.373547875123
                1.345553773436
                2.691147101525
            |]
            [|
                -0.1424877727
                0.534971423628
                0.960825200265
                0.934787871909
                0.469105200931
                -0.217204976015
            |]
        ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``group norm`` (engine: string) =
    agrees engine (GroupNorm(Layer.groupNorm 2 4)) [ "weight", [ 4 ]; "bias", [ 4 ] ] [ [ 2; 4; 2 ] ] [] [
        [|
            0.147760103331
            0.147760103331
            0.767328532007
            0.490420027672
            1.28567594486
            0.536791665203
            -0.038747305413
            -0.013535168267
            0.147760103331
            0.147760103331
            0.651673118345
            0.767895192311
            1.179646176423
            0.713547929385
            0.080979075545
            -0.195214758749
        |]
    ] [
        [|
            0.129772902555
            -0.319899566809
            0.327163076136
            -0.137036411882
            0.112571343245
            -0.311456383923
            -0.125121569172
            0.32400660985
            0.073647030246
            -0.181328037986
            0.167231295068
            -0.059550287328
            0.111323335891
            -0.141943921874
            -0.084292773106
            0.114913359089
        |]
        [| -1.497634312985; 2.340626006708; -0.996099034571; 2.889959878551 |]
        [| 2.791688364606; 2.62016365995; -1.90100490218; -3.266380403676 |]
    ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``batch norm over three spatial axes`` (engine: string) =
    agrees engine (BatchNorm(Layer.batchNorm 2)) [ "weight", [ 2 ]; "bias", [ 2 ] ] [ [ 2; 2; 1; 2; 2 ] ] [] [
        [|
            0.147760103331
            0.147760103331
            0.147760103331
            0.147760103331
            0.696846216528
            0.329716388883
            0.098936993657
            0.113047186453
            0.147760103331
            0.147760103331
            0.147760103331
            0.147760103331
            1.021472074811
            0.687727240282
            0.321954740685
            0.096183097934
        |]
    ] [
        [|
            0.0
            0.0
            -0.0
            -0.0
            -0.064544452078
            -0.125043567979
            -0.003894456189
            0.241924563009
            -0.0
            0.0
            0.0
            -0.0
            0.14290009372
            -0.068076583343
            -0.124197495724
            0.000931898584
        |]
        [| 1.043661934588; 2.184297487004 |]
        [| 5.411852024556; -5.167385305857 |]
    ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``batch norm of rows without weight`` (engine: string) =
    agrees
        engine
        (BatchNorm {
            Layer.batchNorm 2 with
                Affine = false
        })
        []
        [ [ 4; 2 ] ]
        [] [
            [|
                0.146584322109
                1.007464246108
                1.300629663149
                0.957917282098
                0.063659895203
                -0.721943165379
                -1.510873880461
                -1.243438362826
            |]
        ] [
            [|
                0.972924814728
                0.608745768137
                -0.099713492956
                -0.482554797892
                -0.846068915902
                -0.590413357007
                -0.02714240587
                0.464222386762
            |]
        ]

// ---- running statistics ----------------------------------------

let private numbers = float64s [ 4; 1 ] [ 1.0; 2.0; 3.0; 6.0 ]

/// The variables after batches in training mode, and the last output.
let private after layer batches =
    let step (variables, _) batch =
        let outputs, state = Layer.apply layer (training variables) [ batch ]
        { variables with State = state }, outputs.Head

    List.fold step (fresh layer, numbers) batches

let private state on name (variables: Variables) =
    floatsOn on (Tree.find name variables.State)

/// lessons.md, G-4.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 71: batch norm has the golden output, running statistics after two passes, and evaluation``
    (engine: string)
    =
    let on = engineOf engine
    let layer = BatchNorm(Layer.batchNorm 1)
    let first, y = after layer [ numbers ]
    // Biased: the variance is 3.5.
    shouldBeClose "output" 5e-7 [| -1.069043; -0.534522; 0.0; 1.603565 |] (floatsOn on y)
    shouldBeClose "running mean" 1e-12 [| 0.3 |] (state on "running_mean" first)
    // Unbiased: 0.9 + 0.1 · 14/3.
    shouldBeClose "running variance" 1e-12 [| 0.9 + 1.4 / 3.0 |] (state on "running_var" first)
    let second, _ = after layer [ numbers; numbers ]
    shouldBeClose "second mean" 1e-12 [| 0.57 |] (state on "running_mean" second)
    shouldBeClose "second variance" 5e-7 [| 1.696667 |] (state on "running_var" second)
    shouldBeExactly "batches" [ 2.0 ] (state on "num_batches_tracked" second)
    let y, unchanged = Layer.apply layer (evaluating second) [ numbers ]
    shouldBeClose "evaluation" 1e-6 [| 0.330118; 1.097834; 1.865549; 4.168696 |] (floatsOn on y.Head)

    shouldBeExactly
        "evaluation keeps the state"
        [ 2.0 ]
        (floatsOn on (Tree.find "num_batches_tracked" unchanged))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 71: the momentum changes the running statistics and nothing else`` (engine: string) =
    let on = engineOf engine

    let run momentum =
        after
            (BatchNorm {
                Layer.batchNorm 1 with
                    Momentum = momentum
            })
            [ numbers ]

    let slow, y = run (Some 0.1)
    let fast, z = run (Some 0.5)
    shouldBeExactly "outputs" (floatsOn on y) (floatsOn on z)
    shouldBeClose "slow" 1e-12 [| 0.3 |] (state on "running_mean" slow)
    shouldBeClose "fast" 1e-12 [| 1.5 |] (state on "running_mean" fast)

/// PyTorch 1.13, BatchNorm1d(1, momentum=None) after 1 2 3 6, twice that, and that plus 3.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``without a momentum the running statistics are means over all batches`` (engine: string) =
    let on = engineOf engine

    let layer =
        BatchNorm {
            Layer.batchNorm 1 with
                Momentum = None
        }

    let variables, _ = after layer [ numbers; numbers * 2.0; numbers + 3.0 ]
    shouldBeClose "mean" 1e-12 [| 5.0 |] (state on "running_mean" variables)
    shouldBeClose "variance" 1e-12 [| 28.0 / 3.0 |] (state on "running_var" variables)
    shouldBeExactly "batches" [ 3.0 ] (state on "num_batches_tracked" variables)

[<Test>]
let ``row 71: training on one value for each channel is refused, evaluation is not`` () =
    let layer = BatchNorm(Layer.batchNorm 3)
    let x = Tensor.ones [ 1; 3 ]

    raises<ShapeException>
        "batchNorm: the input [1; 3] has one element a channel, whose variance is 0; training needs more"
        (fun () -> Layer.apply layer (training (fresh layer)) [ x ] |> ignore)

    let y = one (Layer.apply layer (evaluating (fresh layer)) [ x ])
    shouldBeClose "evaluation" 1e-12 (Array.create 3 (1.0 / sqrt 1.00001)) (floatsOn Reference.engine y)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the running statistics are constants of every derivative`` (engine: string) =
    let on = engineOf engine
    let layer = BatchNorm(Layer.batchNorm 1)

    let gradient =
        grad
            (fun x ->
                let outputs, state = Layer.apply layer (training (fresh layer)) [ x ]
                let sums = Tree.find "running_mean" state + Tree.find "running_var" state
                Tensor.sum outputs.Head * 0.0 + Tensor.sum sums * 5.0)
            numbers

    shouldBeExactly "gradient" [ 0.0; 0.0; 0.0; 0.0 ] (floatsOn on gradient)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``without running statistics batch norm uses the batch's in evaluation too`` (engine: string) =
    let on = engineOf engine

    let layer =
        BatchNorm {
            Layer.batchNorm 1 with
                TrackRunningStats = false
        }

    let variables, y = after layer [ numbers ]
    shouldEqual [] (Tree.leaves variables.State)
    let z = one (Layer.apply layer (evaluating variables) [ numbers ])
    shouldBeExactly "evaluation" (floatsOn on y) (floatsOn on z)

[<TestCase("reference", 2)>]
[<TestCase("cpu", 2)>]
[<TestCase("reference", 4)>]
[<TestCase("cpu", 4)>]
let ``row 72: the gradient of batch norm is the difference of its values, by input, weight and bias``
    (engine: string, rank: int)
    =
    let on = engineOf engine
    let layer = BatchNorm(Layer.batchNorm 2)
    let shape = if rank = 2 then [ 4; 2 ] else [ 2; 2; 2; 1 ]
    let x, weight, bias = sines shape 1.0 0.2, sines [ 2 ] 0.8 0.5, sines [ 2 ] 0.8 1.5

    let loss (x: Tensor, weight: Tensor, bias: Tensor) =
        let variables = {
            fresh layer with
                Parameters = Branch [ "weight", Leaf weight; "bias", Leaf bias ]
        }

        let y = one (Layer.apply layer (training variables) [ x ])
        Tensor.sum (y * sines shape 1.0 0.9 + y * y * y)

    let ofX, ofWeight, ofBias = grad loss (x, weight, bias)
    let h = 1e-5

    let differences (t: Tensor) (at: Tensor -> Tensor) =
        let values = floatsOn on t

        Array.init values.Length (fun i ->
            let moved by =
                at (float64s (dimsOf t) (values |> Array.mapi (fun j v -> if i = j then v + by else v)))
                |> itemOn on

            (moved h - moved -h) / (2.0 * h))

    shouldBeClose "input" 1e-7 (differences x (fun x -> loss (x, weight, bias))) (floatsOn on ofX)
    shouldBeClose "weight" 1e-7 (differences weight (fun w -> loss (x, w, bias))) (floatsOn on ofWeight)
    shouldBeClose "bias" 1e-7 (differences bias (fun b -> loss (x, weight, b))) (floatsOn on ofBias)

/// PyTorch 1.13, InstanceNorm1d(2, momentum=0.3, track_running_stats=True) on sines and sines + 1.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``instance norm follows the mean of the items' statistics`` (engine: string) =
    let on = engineOf engine

    let layer =
        InstanceNorm {
            Layer.instanceNorm 2 with
                Momentum = Some 0.3
                TrackRunningStats = true
        }

    let x = sines [ 2; 2; 3 ] 1.0 0.2
    let variables, _ = after layer [ x; x + 1.0 ]
    shouldBeClose "mean" 1e-11 [| 0.269361827166; 0.501001053214 |] (state on "running_mean" variables)
    shouldBeClose "variance" 1e-11 [| 0.552924889268; 0.635942531864 |] (state on "running_var" variables)
    // PyTorch's instance norm does not count batches.
    shouldBeExactly "batches" [ 0.0 ] (state on "num_batches_tracked" variables)
    let y = one (Layer.apply layer (evaluating variables) [ x ])
    let first = (sin 0.2 - 0.269361827166) / sqrt (0.552924889268 + 1e-5)
    shouldBeClose "evaluation" 1e-11 [| first |] [| (floatsOn on y)[0] |]
