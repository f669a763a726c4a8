/// Optimisers over several steps against PyTorch's, with all options.
module FunctionalDL.Tests.Optim.PyTorchTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Optim.OptimiserSupport

/// Parameters after steps 1, 7 and 12 with the gradients above, computed by PyTorch 1.13 in float64; the options are
/// those that the conformance cases leave out.
let private pytorch: (string * Optimiser * float[][]) list = [
    "sgd, maximize",
    Optimiser.sgdWith {
        SgdOptions.Default with
            Lr = 0.1
            Momentum = 0.9
            Dampening = 0.5
            WeightDecay = 0.1
            Maximize = true
    },
    [|
        [|
            1.098060461173628
            -2.0632293673094284
            0.29700150067991093
            2.7986222493262107
            -0.4268516832668295
        |]
        [|
            0.5035370253962875
            -2.8769693213562344
            -0.4552867238452962
            1.4588427474644663
            -0.4953352977608052
        |]
        [|
            0.7160748873357503
            -2.5244939105092903
            -0.8526629845814636
            0.8005850219777767
            -0.866116683811329
        |]
    |]
    "adam, amsgrad",
    Optimiser.adamWith {
        AdamOptions.Default with
            Lr = 0.1
            Betas = 0.8, 0.9
            Eps = 1e-3
            WeightDecay = 0.1
            Amsgrad = true
            Maximize = true
    },
    [|
        [|
            1.0998981259879952
            -2.0998420953749446
            0.4000492371929555
            2.9000496332719945
            -0.3499434873982808
        |]
        [|
            0.8193524473703814
            -2.4219070870854473
            0.25589648889808325
            2.603649602702123
            -0.2918320713725068
        |]
        [|
            0.9045130577257011
            -2.3048163690723515
            0.18376027178461646
            2.4984006277945805
            -0.3883829620442127
        |]
    |]
    "adamw, amsgrad",
    Optimiser.adamWWith {
        AdamOptions.DefaultW with
            Lr = 0.1
            Betas = 0.8, 0.9
            Amsgrad = true
    },
    [|
        [|
            0.8990000009254079
            -1.898000001201499
            0.5994999994949457
            3.0969999994164934
            -0.14975000055756377
        |]
        [|
            1.1378994057597598
            -1.5218723697494534
            0.732240345826668
            3.319710952236745
            -0.19583950872210312
        |]
        [|
            1.0147658646876088
            -1.5575566176067024
            0.7929991504367196
            3.3274250857064267
            -0.08654698523655334
        |]
    |]
    "nadam",
    Optimiser.nadamWith {
        NAdamOptions.Default with
            Lr = 0.1
            Betas = 0.8, 0.9
            Eps = 1e-3
            WeightDecay = 0.1
            MomentumDecay = 0.05
    },
    [|
        [|
            0.891505271221196
            -1.8915184614878844
            0.6085303925761808
            3.108509874643804
            -0.1414730524473967
        |]
        [|
            1.163985137233152
            -1.7195199900468672
            0.4675632228877348
            3.001021020013145
            -0.37420646135705865
        |]
        [|
            0.9660741611522873
            -1.5777926949584
            0.7076437646488037
            3.1207376949114463
            -0.1140120123189271
        |]
    |]
    "radam, short",
    Optimiser.radamWith {
        RAdamOptions.Default with
            Lr = 0.1
            Betas = 0.8, 0.7
            WeightDecay = 0.1
    },
    [|
        [|
            0.881939538826372
            -1.8967706326905716
            0.6929984993200891
            3.141377750673789
            -0.06814831673317054
        |]
        [|
            1.1817322011100302
            -1.2494537893421076
            0.8777165188246883
            3.354089203994114
            -0.15472659455191312
        |]
        [|
            1.019168987802394
            -1.288816525642561
            0.875239367619094
            3.2121701204862467
            -0.0582047912390417
        |]
    |]
    "radam, long",
    Optimiser.radamWith {
        RAdamOptions.Default with
            Lr = 0.1
            Betas = 0.8, 0.99
            Eps = 1e-3
    },
    [|
        [|
            0.891939538826372
            -1.9167706326905716
            0.6979984993200891
            3.1713777506737895
            -0.07064831673317054
        |]
        [|
            1.1164857690213845
            -1.377283319064991
            1.057901096759224
            3.6625371247342335
            -0.005947503342907446
        |]
        [|
            1.0978926421840232
            -1.3811234634311982
            1.0711527363403766
            3.6696276387434916
            0.013117389027812877
        |]
    |]
    "adamax",
    Optimiser.adamaxWith {
        AdamaxOptions.Default with
            Lr = 0.1
            Betas = 0.8, 0.9
            Eps = 1e-3
            WeightDecay = 0.1
            Maximize = true
    },
    [|
        [|
            1.0998981259879952
            -2.0998420953749446
            0.4000492371929555
            2.9000496332719945
            -0.3499434873982808
        |]
        [|
            0.8801757381906529
            -2.3711194519922594
            0.24546002082222368
            2.6180031042134555
            -0.3048691496223561
        |]
        [|
            0.95334810258276
            -2.2745971426251743
            0.1881022907670194
            2.5482191908765213
            -0.3905200169669509
        |]
    |]
    "rmsprop",
    Optimiser.rmsPropWith {
        RmsPropOptions.Default with
            Lr = 0.1
            Alpha = 0.8
            Eps = 1e-3
            WeightDecay = 0.1
            Momentum = 0.7
            Centered = true
            Maximize = true
    },
    [|
        [|
            1.2493642589074054
            -2.2490154281202055
            0.2503075053454715
            2.750309977172245
            -0.4996470953926179
        |]
        [|
            0.02561041018938133
            -3.8405764752926457
            -0.12571329298374367
            1.6629365461104795
            -0.059035173465483835
        |]
        [|
            0.5048176647025742
            -3.369994917127219
            -0.5324178888930939
            1.212138926817171
            -0.6068903057130741
        |]
    |]
    "adagrad",
    Optimiser.adagradWith {
        AdagradOptions.Default with
            Lr = 0.1
            LrDecay = 0.2
            WeightDecay = 0.1
            InitialAccumulatorValue = 0.3
            Eps = 1e-3
            Maximize = true
    },
    [|
        [|
            1.087226634920524
            -2.0754943554965397
            0.4034985208254875
            2.903551738470548
            -0.34547206933195507
        |]
        [|
            0.9341637495239349
            -2.160051749888278
            0.41591194744128657
            2.855856702023331
            -0.26319268128316653
        |]
        [|
            0.9633561455463687
            -2.16320003465085
            0.37162627051673985
            2.813484168313934
            -0.30777349409940435
        |]
    |]
    "adadelta",
    Optimiser.adadeltaWith {
        AdadeltaOptions.Default with
            Lr = 0.5
            Rho = 0.8
            Eps = 1e-3
            WeightDecay = 0.1
            Maximize = true
    },
    [|
        [|
            1.03526377658723
            -2.035136307389849
            0.46466609055565067
            2.96466643656782
            -0.2853271126074894
        |]
        [|
            0.8832444979750119
            -2.0404200970400224
            0.5388531913664414
            2.9767704756512603
            -0.16574947828890393
        |]
        [|
            0.9532978791931802
            -2.0874247413982445
            0.3969760950162704
            2.8349109682529825
            -0.2903527177943845
        |]
    |]
]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``optimisers take PyTorch's steps with all their options`` (engine: string) =
    for name, optimiser, expected in pytorch do
        let taken = steps (engineOf engine) 12 optimiser

        for at, row in Array.zip [| 1; 7; 12 |] expected do
            shouldBeClose $"{name}, step {at}" 1e-13 row taken[at - 1]

/// lessons.md, section 1.6, G-3: p = 1, loss p², rate 0.1.
let private fourSteps on dtype (optimiser: Optimiser) =
    let folder (parameters, state) _ =
        let gradients =
            grad (fun tree -> let p: Tensor = Tree.find "p" tree in p * p) parameters

        let parameters, state = Optimiser.update gradients state parameters optimiser
        itemOn on (Tree.find "p" parameters), (parameters, state)

    let start = Branch [ "p", Leaf(Tensor.full dtype [] 1.0) ]

    [ 1..4 ]
    |> List.mapFold folder (start, Optimiser.init start optimiser)
    |> fst
    |> List.toArray

let private adamOfG3 = {
    AdamOptions.Default with
        Lr = 0.1
        Betas = 0.9, 0.99
}

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``Adam has the golden values of G-3 (row 45), and true decay those of row 90`` (engine: string) =
    let on = engineOf engine
    let plain = [| 0.9000000005; 0.8003885676; 0.7014971688; 0.6037236402 |]
    let decayed = [| 0.8990000005; 0.7984951195; 0.6988211868; 0.600381099 |]

    // All printed digits.
    for optimiser, expected in
        [
            Optimiser.adamWith adamOfG3, plain
            Optimiser.adamWWith { adamOfG3 with WeightDecay = 0.01 }, decayed
            Optimiser.adamWith adamOfG3 |> Optimiser.decoupledDecay 0.01, decayed
        ] do
        fourSteps on DType.Float64 optimiser |> shouldBeClose "float64" 6e-11 expected
        fourSteps on DType.Float32 optimiser |> shouldBeClose "float32" 1e-6 expected
