/// Activations against PyTorch 1.13 in float64, and dropout by its definition.
module FunctionalDL.Tests.Layers.ElementLayerTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

/// (PyTorch rounds two constants of derivatives to float32: 1 / alpha of CELU, which is exact for an alpha of 0.5, and 1/6 of
/// Hardsigmoid, whose slopes here are those of the formula.)
let private activations = [
    ActivationFunction.LeakyReLU 0.1,
    [| -0.25; -0.075; -0.025; 0.3; 0.6; 1.5 |],
    [| 0.078332690963; 0.099957360304; 0.074570521218; 0.14112000806; -0.529836140908; -0.95160207389 |]
    ActivationFunction.RReLU(0.1, 0.3),
    [| -0.5; -0.15; -0.05; 0.3; 0.6; 1.5 |],
    [| 0.156665381925; 0.199914720608; 0.149141042435; 0.14112000806; -0.529836140908; -0.95160207389 |]
    ActivationFunction.ReLU6,
    [| 0.0; 0.0; 0.0; 0.3; 0.6; 1.5 |],
    [| 0.0; 0.0; 0.0; 0.14112000806; -0.529836140908; -0.95160207389 |]
    ActivationFunction.ELU 0.7,
    [| -0.642540500963; -0.369343413081; -0.15483945185; 0.3; 0.6; 1.5 |],
    [| 0.045009571809; 0.330515595956; 0.406529062229; 0.14112000806; -0.529836140908; -0.95160207389 |]
    ActivationFunction.CELU 0.5,
    [| -0.4966310265; -0.388434919926; -0.196734670144; 0.3; 0.6; 1.5 |],
    [| 0.0052780152; 0.223035018127; 0.452293074293; 0.14112000806; -0.529836140908; -0.95160207389 |]
    ActivationFunction.SELU,
    [|
        -1.613785758873
        -0.927632015835
        -0.388890197478
        0.315210296207
        0.630420592413
        1.576051481033
    |],
    [|
        0.113044712185
        0.830113216271
        1.02102639477
        0.148274931804
        -0.556699356389
        -0.999849238605
    |]
    ActivationFunction.GELU,
    [|
        -0.015524163314
        -0.169970514283
        -0.100323418579
        0.185373426657
        0.43544812935
        1.399789198097
    |],
    [|
        -0.029461775692
        0.000773948111
        0.227161677031
        0.103346100357
        -0.490459589959
        -1.072902021573
    |]
    ActivationFunction.GELUTanh,
    [|
        -0.01508426609
        -0.170039444834
        -0.100324649298
        0.185370923543
        0.435415199231
        1.39957157698
    |],
    [|
        -0.02972849091
        0.001061291138
        0.227176039114
        0.103341540037
        -0.490358862464
        -1.07313192951
    |]
    ActivationFunction.SiLU,
    [|
        -0.189645450053
        -0.240615975618
        -0.109455874779
        0.172332755043
        0.387393783735
        1.22636171429
    |],
    [|
        -0.077863565361
        0.157332940598
        0.280601398205
        0.091414720277
        -0.414822941082
        -0.99089767676
    |]
    ActivationFunction.Mish,
    [|
        -0.196816203907
        -0.276494714505
        -0.129926963679
        0.208001372348
        0.466136485694
        1.403378266396
    |],
    [|
        -0.085965093694
        0.160677199005
        0.327972786601
        0.110472594822
        -0.492997051346
        -1.035807423937
    |]
    ActivationFunction.Softplus(2.0, 3.0),
    [| 0.003357674245; 0.100706638991; 0.23703849209; 0.518743975243; 0.731641233669; 1.524293675787 |],
    [|
        0.005242690231
        0.182347738118
        0.281534044531
        0.091115023138
        -0.407192205482
        -0.906471514618
    |]
    ActivationFunction.Softsign,
    [| -0.714285714286; -0.428571428571; -0.2; 0.230769230769; 0.375; 0.6 |],
    [|
        0.063945053847
        0.326391380585
        0.477251335793
        0.083502963349
        -0.206967242542
        -0.152256331822
    |]
    ActivationFunction.Sigmoid,
    [| 0.075858180021; 0.320821300825; 0.437823499114; 0.574442516812; 0.645656306226; 0.817574476194 |],
    [|
        0.054914127635
        0.217802083999
        0.183543468392
        0.034497958916
        -0.121218159064
        -0.141928073103
    |]
    ActivationFunction.LogSigmoid,
    [|
        -2.578889734293
        -1.136871006115
        -0.825939419879
        -0.554355244469
        -0.437487950486
        -0.201413277983
    |],
    [|
        0.723905155901
        0.678889099444
        0.419217946874
        0.060054675457
        -0.187744095265
        -0.173596506785
    |]
    ActivationFunction.Tanh,
    [|
        -0.986614298151
        -0.635148952387
        -0.244918662404
        0.291312612452
        0.537049566998
        0.905148253645
    |],
    [|
        0.020830406748
        0.596331425907
        0.700973972278
        0.129144135429
        -0.377019615686
        -0.171960812365
    |]
    ActivationFunction.Hardtanh(-1.0, 0.5),
    [| -1.0; -0.75; -0.25; 0.3; 0.5; 0.5 |],
    [| 0.0; 0.999573603042; 0.745705212177; 0.14112000806; 0.0; 0.0 |]
    ActivationFunction.Hardsigmoid,
    [| 0.083333333333; 0.375; 0.458333333333; 0.55; 0.6; 0.75 |],
    [|
        0.13055448493791
        0.16659560050692
        0.12428420202945
        0.02352000134331
        -0.08830602348475
        -0.15860034564825
    |]
    ActivationFunction.Hardswish,
    [| -0.208333333333; -0.28125; -0.114583333333; 0.165; 0.36; 1.125 |],
    [|
        -0.261108969876
        0.24989340076
        0.310710505074
        0.084672004836
        -0.370885298636
        -0.95160207389
    |]
    ActivationFunction.Tanhshrink,
    [|
        -1.513385701849
        -0.114851047613
        -0.005081337596
        0.008687387548
        0.062950433002
        0.594851746355
    |],
    [|
        0.76249650288
        0.403242177134
        0.044731239898
        0.011975872631
        -0.152816525223
        -0.779641261524
    |]
    ActivationFunction.Softshrink 0.5,
    [| -2.0; -0.25; 0.0; 0.0; 0.1; 1.0 |],
    [| 0.783326909627; 0.999573603042; 0.0; 0.0; -0.529836140908; -0.95160207389 |]
    ActivationFunction.Hardshrink 0.5,
    [| -2.5; -0.75; 0.0; 0.0; 0.6; 1.5 |],
    [| 0.783326909627; 0.999573603042; 0.0; 0.0; -0.529836140908; -0.95160207389 |]
    ActivationFunction.Threshold(0.5, 9.0),
    [| 9.0; 9.0; 9.0; 9.0; 0.6; 1.5 |],
    [| 0.0; 0.0; 0.0; 0.0; -0.529836140908; -0.95160207389 |]
    ActivationFunction.Softmax 0,
    [| 0.009133830906; 0.052561567771; 0.086659374805; 0.150202622908; 0.202752333453; 0.498690270156 |],
    [|
        0.011141394372
        0.075480563096
        0.102446333866
        0.086755133913
        -0.018930743233
        -0.256892682014
    |]
    ActivationFunction.LogSoftmax 0,
    [|
        -4.695770077035
        -2.945770077035
        -2.445770077035
        -1.895770077035
        -1.595770077035
        -0.695770077035
    |],
    [|
        0.77247329237
        0.937115348127
        0.642728958768
        -0.037363893929
        -0.770764208018
        -1.544189497318
    |]
    ActivationFunction.GLU 0,
    [| -1.436106292029; -0.484242229669; -0.204393619048 |],
    [|
        0.449976281453
        0.645381000341
        0.60966954824
        -0.478726934574
        -0.171515015664
        -0.027804821672
    |]
]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``activations have PyTorch's values and slopes`` (engine: string) =
    let on = engineOf engine
    let x = float64s [ 6 ] [ -2.5; -0.75; -0.25; 0.3; 0.6; 1.5 ]

    for activation, values, slopes in activations do
        let apply x =
            one (Layer.apply (Activation activation) (evaluating none) [ x ])

        shouldBeClose $"%A{activation}" 1e-11 values (floatsOn on (apply x))

        let slope =
            grad (fun x -> let y = apply x in Tensor.sum (y * sines (dimsOf y) 1.0 0.9)) x

        shouldBeClose $"slope of %A{activation}" 1e-11 slopes (floatsOn on slope)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a learned slope starts at a quarter and is learned`` (engine: string) =
    let on = engineOf engine
    let layer = Activation(ActivationFunction.PReLU 2)
    let variables = fresh layer
    let x = float64s [ 2; 2 ] [ -2.0; 3.0; -1.0; -4.0 ]

    let apply parameters =
        one (
            Layer.apply
                layer
                (training {
                    variables with
                        Parameters = parameters
                })
                [ x ]
        )

    shouldBeExactly "value" [ -0.5; 3.0; -0.25; -1.0 ] (floatsOn on (apply variables.Parameters))
    let gradient = grad (apply >> Tensor.sum) variables.Parameters
    shouldBeExactly "slopes" [ -3.0; -4.0 ] (floatsOn on (Tree.find "weight" gradient))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``random slopes lie between their bounds, and differ from element to element`` (engine: string) =
    let on = engineOf engine

    let y =
        Layer.apply (Activation(ActivationFunction.RReLU(0.1, 0.3))) (training none) [
            Tensor.full DType.Float64 [ 50 ] -1.0
        ]
        |> one
        |> floatsOn on

    ensure $"%A{y}" (y |> Array.forall (fun y -> y <= -0.1 && y >= -0.3))
    shouldEqual 50 (Array.distinct y).Length

// ---- dropout ----------------------------------------

let private drop call layer x =
    one (Layer.apply layer (call none) [ x ])

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 69: dropout drops or doubles, keeps the mean, and does nothing in evaluation`` (engine: string) =
    let on = engineOf engine
    let ones = Tensor.full DType.Float64 [ 10000 ] 1.0
    let y = floatsOn on (drop training (Layer.dropout 0.5) ones)
    shouldEqual [| 0.0; 2.0 |] (Array.sort (Array.distinct y))
    // Five standard deviations of the mean of 10,000.
    ensure $"mean {Array.average y}" (abs (Array.average y - 1.0) < 0.05)
    let third = floatsOn on (drop training (Layer.dropout 0.25) ones)
    shouldBeClose "scale" 1e-15 [| 0.0; 4.0 / 3.0 |] (Array.sort (Array.distinct third))
    ensure $"mean {Array.average third}" (abs (Array.average third - 1.0) < 0.03)
    shouldBeExactly "evaluation" (floatsOn on ones) (floatsOn on (drop evaluating (Layer.dropout 0.5) ones))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 69: the gradient of dropout has the same mask, and a key has one mask`` (engine: string) =
    let on = engineOf engine
    let x = sines [ 40 ] 1.0 0.2 + 2.0
    let apply = drop training (Layer.dropout 0.3)
    let y, again = floatsOn on (apply x), floatsOn on (apply x)
    shouldBeExactly "one key, one mask" y again
    let gradient = floatsOn on (grad (apply >> Tensor.sum) x)
    shouldBeClose "gradient" 1e-15 (Array.map2 (/) y (floatsOn on x)) gradient

    let other =
        Layer.apply
            (Layer.dropout 0.3)
            {
                training none with
                    Key = Key.ofSeed 4L
            }
            [ x ]
        |> one

    ensure "two keys, one mask" (floatsOn on other <> y)
    // Two layers of one network have masks of their own.
    let twice = Layer.sequential [ Layer.dropout 0.3; Layer.dropout 0.3 ]

    let traced =
        Layer.trace twice (training none) [ Tensor.full DType.Float64 [ 200 ] 1.0 ]

    match traced with
    | [ first; second ] ->
        let kept (t: Traced) =
            floatsOn on t.Outputs.Head |> Array.map ((<>) 0.0)

        let both = Array.map2 (&&) (kept first) (kept second)
        shouldEqual both (kept second)
        ensure "the second layer drops nothing more" (kept first <> kept second)
    | _ -> Assert.Fail "two layers"

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 69: dropout of 0 keeps all, of 1 none, and of anything else but a probability is refused``
    (engine: string)
    =
    let on = engineOf engine
    let x = float64s [ 3 ] [ 1.0; infinity; -2.0 ]
    shouldBeExactly "0" [ 1.0; infinity; -2.0 ] (floatsOn on (drop training (Layer.dropout 0.0) x))
    shouldBeExactly "1" [ 0.0; 0.0; 0.0 ] (floatsOn on (drop training (Layer.dropout 1.0) x))

    for p in [ -0.1; 1.1; nan ] do
        raises<OptionException> $"dropout: p is {p}; a probability is 0 to 1" (fun () ->
            fresh (Layer.dropout p) |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``channel dropout drops whole channels of single items`` (engine: string) =
    let on = engineOf engine

    let layer = Dropout { P = 0.5; Unit = DropoutUnit.Channel }

    let y =
        drop training layer (Tensor.full DType.Float64 [ 4; 8; 3; 2 ] 1.0)
        |> floatsOn on

    let channels = y |> Array.chunkBySize 6 |> Array.map Array.distinct
    ensure $"%A{channels}" (channels |> Array.forall (fun c -> c = [| 0.0 |] || c = [| 2.0 |]))
    ensure "all channels alike" (Array.distinct channels |> Array.length = 2)

    raises<ShapeException>
        "dropout: input [4; 8] has no spatial axes; whole channels of [batch; channels; spatial…] are dropped"
        (fun () -> drop training layer (Tensor.ones [ 4; 8 ]) |> ignore)
