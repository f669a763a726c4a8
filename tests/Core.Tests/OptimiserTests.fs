/// Optimisers: values over several steps against PyTorch or the paper's algorithm, and what must hold of each.
module FunctionalDL.Tests.OptimiserTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

// ---- taking steps ------------------------------------------------------------------------------------------------

let private vector (values: float list) = float64s [ values.Length ] values

let private pair a b =
    Branch [ "a", Leaf(vector a); "b", Leaf(vector b) ]

/// Parameters of the tests: two tensors, so that what goes across tensors shows.
let private parameters () = pair [ 1.0; -2.0; 0.5 ] [ 3.0; -0.25 ]

/// Gradients of step `t`, given and not computed, so that every optimiser meets the same ones.
let private gradientsOf t =
    let wave phase count =
        List.init count (fun i -> 2.0 * cos (phase + float i + 0.7 * float t))

    pair (wave 0.3 3) (wave 1.9 2)

let private flat on (tree: Tree<Tensor>) =
    Tree.leaves tree |> List.map (snd >> floatsOn on) |> Array.concat

/// The parameters after each of `count` steps, by a compiled step.
let private steps on count (optimiser: Optimiser) =
    let step =
        Compile.on on (fun (gradients, state, parameters) ->
            Optimiser.update gradients state parameters optimiser)

    let folder (parameters, state) t =
        let parameters, state = step (gradientsOf t, state, parameters)
        flat on parameters, (parameters, state)

    let start = parameters (), Optimiser.init (parameters ()) optimiser
    [ 1..count ] |> List.mapFold folder start |> fst

let private onCpu count optimiser = steps Cpu.engine count optimiser

let private sameSteps name (expected: float[] list) (actual: float[] list) =
    List.iteri2 (fun i e a -> shouldBeClose $"{name}, step {i + 1}" 1e-14 e a) expected actual

/// All optimisers with a rate of 0.1.
let private all: (string * Optimiser) list = [
    "sgd", Optimiser.sgd 0.1
    "momentum",
    Optimiser.sgdWith {
        SgdOptions.Default with
            Lr = 0.1
            Momentum = 0.9
    }
    "adam", Optimiser.adam 0.1
    "adamw", Optimiser.adamW 0.1
    "nadam", Optimiser.nadam 0.1
    "radam", Optimiser.radam 0.1
    "adamax", Optimiser.adamax 0.1
    "rmsprop", Optimiser.rmsProp 0.1
    "adagrad", Optimiser.adagrad 0.1
    "adadelta", Optimiser.adadelta 0.1
    "lamb", Optimiser.lamb 0.1
    "lars", Optimiser.lars 0.1
    "lion", Optimiser.lion 0.1
]

// ---- against PyTorch ---------------------------------------------------------------------------------------------

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

// ---- against the paper -------------------------------------------------------------------------------------------

/// The parameters after each of some steps of an algorithm, written out element by element. `rule` is made for each
/// tensor, with the memory that it keeps: a step's number, the parameter and its gradient to the new parameter.
let private byHand count (rule: unit -> int -> float[] -> float[] -> float[]) =
    let tensors (tree: Tree<Tensor>) =
        Tree.leaves tree |> List.map (snd >> floatsOn Reference.engine)

    let rules = tensors (parameters ()) |> List.map (fun _ -> rule ())

    let folder ps t =
        let next = List.map3 (fun rule p g -> rule t p g) rules ps (tensors (gradientsOf t))
        Array.concat next, next

    [ 1..count ] |> List.mapFold folder (tensors (parameters ())) |> fst

let private norm (x: float[]) =
    x |> Array.sumBy (fun v -> v * v) |> sqrt

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``LAMB follows algorithm 2 of its paper`` (engine: string) =
    let lr, beta1, beta2, eps, decay = 0.1, 0.8, 0.95, 1e-3, 0.02

    let rule () =
        let mutable m, v = [||], [||]

        fun t (p: float[]) (g: float[]) ->
            let zeros = Array.map (fun _ -> 0.0) p
            let before x = if t = 1 then zeros else x
            m <- Array.map2 (fun m g -> beta1 * m + (1.0 - beta1) * g) (before m) g
            v <- Array.map2 (fun v g -> beta2 * v + (1.0 - beta2) * g * g) (before v) g

            let way =
                Array.map3
                    (fun m v p ->
                        m / (1.0 - beta1 ** float t) / (sqrt (v / (1.0 - beta2 ** float t)) + eps)
                        + decay * p)
                    m
                    v
                    p

            Array.map2 (fun x w -> x - lr * norm p / norm way * w) p way

    Optimiser.lambWith {
        Lr = lr
        Betas = beta1, beta2
        Eps = eps
        WeightDecay = decay
    }
    |> steps (engineOf engine) 5
    |> sameSteps "lamb" (byHand 5 rule)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``LARS follows algorithm 1 of its paper`` (engine: string) =
    let lr, momentum, decay, trust = 0.5, 0.8, 0.1, 0.3

    let rule () =
        let mutable v = [||]

        fun t (p: float[]) (g: float[]) ->
            let local = trust * norm p / (norm g + decay * norm p)
            let before = if t = 1 then Array.map (fun _ -> 0.0) p else v

            v <- Array.map3 (fun v g p -> momentum * v + lr * local * (g + decay * p)) before g p

            Array.map2 (-) p v

    Optimiser.larsWith {
        Lr = lr
        Momentum = momentum
        WeightDecay = decay
        TrustCoefficient = trust
    }
    |> steps (engineOf engine) 5
    |> sameSteps "lars" (byHand 5 rule)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``Lion follows algorithm 2 of its paper`` (engine: string) =
    let lr, beta1, beta2, decay = 0.1, 0.8, 0.95, 0.2

    let rule () =
        let mutable m = [||]

        fun t (p: float[]) (g: float[]) ->
            let before = if t = 1 then Array.map (fun _ -> 0.0) p else m
            m <- Array.map2 (fun m g -> beta2 * m + (1.0 - beta2) * g) before g

            Array.map3
                (fun p m g -> p - lr * (float (sign (beta1 * m + (1.0 - beta1) * g)) + decay * p))
                p
                before
                g

    Optimiser.lionWith {
        Lr = lr
        Betas = beta1, beta2
        WeightDecay = decay
    }
    |> steps (engineOf engine) 5
    |> sameSteps "lion" (byHand 5 rule)

[<Test>]
let ``LAMB and LARS move a parameter that is zero, or has no gradient, with trust 1`` () =
    let on = Reference.engine

    for name, optimiser, expected in
        [
            "lars",
            Optimiser.larsWith {
                LarsOptions.Default with
                    Lr = 0.5
                    TrustCoefficient = 1.0
            },
            -0.5
            "lamb", Optimiser.lamb 0.5, -0.5
        ] do
        let zero = Branch [ "p", Leaf(vector [ 0.0; 0.0 ]) ]
        let state = Optimiser.init zero optimiser

        let moved, _ =
            Optimiser.update (Branch [ "p", Leaf(vector [ 1.0; 0.0 ]) ]) state zero optimiser
        // Adam's first direction is 1 / (1 + eps).
        shouldBeClose name 1e-6 [| expected; 0.0 |] (flat on moved)
        let still, _ = Optimiser.update zero state zero optimiser
        shouldBeExactly $"{name} without gradients" [ 0.0; 0.0 ] (flat on still)

// ---- what must hold of all ---------------------------------------------------------------------------------------

[<Test>]
let ``every optimiser descends to the minimum of a bowl`` () =
    for name, optimiser in all do
        let target = parameters ()

        let loss (p: Tree<Tensor>) =
            Tree.map2 (fun (a: Tensor) b -> Tensor.sum (Tensor.square (a - b))) p target
            |> Structure.leaves
            |> Array.reduce (+)

        let step =
            Compile.run (fun (state, p) ->
                let value, gradients = valueAndGrad loss p
                value, Optimiser.update gradients state p optimiser)

        // Adagrad's rate falls by itself.
        let rate t =
            if name = "adagrad" then 0.1 else 0.1 * 0.98 ** float t

        let rec go t state p lowest =
            let value, (p, state) = step (state, p)
            let lowest = min lowest (Tensor.item value)

            if t = 300 then
                lowest
            else
                go (t + 1) (Optimiser.withHyper "lr" (rate t) state) p lowest

        let start = target |> Tree.map (fun p -> p + 1.0)
        let lowest = go 1 (Optimiser.init start optimiser) start infinity
        // From 5. LARS and Adadelta start with very small steps.
        let bound = if name = "lars" || name = "adadelta" then 4.99 else 0.05
        ensure $"{name}: the loss is {lowest} at best" (lowest < bound)

[<Test>]
let ``a changed rate keeps what an optimiser remembers, and traces nothing anew (row 90)`` () =
    for name, optimiser in all do
        let compiled =
            Compile.create Compile.defaults (fun (gradients, state, parameters) ->
                Optimiser.update gradients state parameters optimiser)

        let step t rate (parameters, state) =
            compiled.Invoke(gradientsOf t, Optimiser.withHyper "lr" rate state, parameters)

        let start = parameters (), Optimiser.init (parameters ()) optimiser
        let once = step 1 0.1 start
        let slow, slowState = step 2 0.01 once
        let fast, fastState = step 2 0.02 once
        let moved = flat Cpu.engine (fst once)

        // What is remembered does not depend on the rate (in LARS, whose paper puts the rate into it, it does).
        if name <> "lars" then
            shouldBeExactly
                $"{name}, memory"
                (flat Cpu.engine slowState.Slots)
                (flat Cpu.engine fastState.Slots)
            // And the rate is all that differs: the movement without weight decay is proportional to it.
            if name <> "adamw" then
                let way (p: Tree<Tensor>) =
                    Array.map2 (-) (flat Cpu.engine p) moved

                shouldBeClose name 1e-14 (way slow |> Array.map (fun x -> 2.0 * x)) (way fast)

        shouldEqual 1 compiled.Traces.Count

[<Test>]
let ``parameters of float32 stay so, with and without axes, and so does the memory`` () =
    for name, optimiser in all do
        let p =
            Branch [ "scalar", Leaf(Tensor.scalar 1.0); "vector", Leaf(Tensor.ones [ 3 ]) ]

        let optimiser =
            optimiser
            |> Optimiser.clipNorm 1.0
            |> Optimiser.clipValue 1.0
            |> Optimiser.lookahead 2 0.5
            |> Optimiser.ema 0.9

        let state = Optimiser.init p optimiser
        let moved, next = Optimiser.update p state p optimiser

        let types value =
            Structure.leaves value |> Array.map (fun x -> x.DType, x.Shape)

        shouldEqual (types (p, state)) (types (moved, next))
        ensure name (Array.forall (fun x -> x < 1.0) (flat Cpu.engine moved))

[<Test>]
let ``the plan of an Adam step is one loop for all parameters of a shape`` () =
    let optimiser = Optimiser.adam 0.1
    let ps = Branch [ for i in 1..4 -> string i, Leaf(Tensor.ones [ 64; 64 ]) ]

    let compiled =
        Compile.create Compile.defaults (fun (gradients, state, parameters) ->
            Optimiser.update gradients state parameters optimiser)

    compiled.Invoke(ps, Optimiser.init ps optimiser, ps) |> ignore

    let loops =
        (Seq.head compiled.Plans).Split '\n'
        |> Array.choose (fun line ->
            match line.IndexOf ": loop " with
            | -1 -> None
            | at -> Some(line[at + 7 ..].Split(" b")[0]))

    // What is the same for all elements is worked out once, in the first.
    shouldEqual [| "[]"; "[64; 64]" |] loops

// ---- decay and clipping ------------------------------------------------------------------------------------------

let private noGradients () =
    parameters () |> Tree.map Tensor.zerosLike

/// One update from the first state.
let private once on gradients (optimiser: Optimiser) =
    let p = parameters ()

    Optimiser.update gradients (Optimiser.init p optimiser) p optimiser
    |> fst
    |> flat on

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``decoupled decay shrinks by exactly 1 - lr·wd without gradients, whatever the optimiser (row 90)``
    (engine: string)
    =
    let on = engineOf engine
    let expected = flat on (parameters ()) |> Array.map (fun p -> p * (1.0 - 0.1 * 0.3))

    // The two whose own way has a decay in it move without gradients.
    for name, optimiser in all |> List.filter (fun (name, _) -> name <> "lamb" && name <> "lars") do
        optimiser
        |> Optimiser.decoupledDecay 0.3
        |> once on (noGradients ())
        |> shouldBeExactly name expected

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``decay in a group of biases' own leaves them alone (row 90)`` (engine: string) =
    let on = engineOf engine

    for optimiser in [ Optimiser.adamW 0.1; Optimiser.sgd 0.1 |> Optimiser.decoupledDecay 0.01 ] do
        let p = parameters () |> Structure.leaves |> Array.map (floatsOn on)
        let optimiser = optimiser |> Optimiser.group ((=) "b") [ "weight_decay", 0.0 ]

        shouldBeExactly
            "parameters"
            (Array.append (p[0] |> Array.map (fun x -> x * (1.0 - 0.1 * 0.01))) p[1])
            (once on (noGradients ()) optimiser)

/// The length of what plain descent of rate 1 moves by.
let private movement (gradients: Tree<Tensor>) change =
    let moved = Optimiser.sgd 1.0 |> change |> once Reference.engine gradients
    Array.map2 (-) (flat Reference.engine (parameters ())) moved

[<Test>]
let ``clipping by norm shortens to the norm, keeps the direction, and never lengthens (row 88)`` () =
    let rng = Random 3

    for _ in 1..50 do
        let scale = 10.0 ** (4.0 * rng.NextDouble() - 3.0)
        let gradients = gradientsOf (rng.Next 100) |> Tree.map (fun g -> g * scale)
        let plain = flat Reference.engine gradients
        let clipped = movement gradients (Optimiser.clipNorm 0.5)
        let length = norm plain
        let factor = min 1.0 (0.5 / (length + 1e-6))
        shouldBeClose "movement" 1e-12 (plain |> Array.map (fun g -> g * factor)) clipped
        ensure $"from {length} to {norm clipped}" (norm clipped <= min 0.5 length + 1e-12)

/// lessons.md, section 1.6, G-4: (3, 4) and (12) together have length 13.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``clipping by norm has the golden values of G-4 (row 88)`` (engine: string) =
    let on = engineOf engine
    let gradients = pair [ 3.0; 4.0 ] [ 12.0 ]
    shouldBeExactly "norm" [ 13.0 ] (floatsOn on (Steps.norm gradients))
    let optimiser = Optimiser.sgd 1.0 |> Optimiser.clipNorm 1.0
    let zeros = gradients |> Tree.map Tensor.zerosLike

    let moved, _ =
        Optimiser.update gradients (Optimiser.init zeros optimiser) zeros optimiser

    shouldBeClose "clipped" 5e-7 [| -0.230769; -0.307692; -0.923077 |] (flat on moved)

[<Test>]
let ``clipping by value cuts each element`` () =
    let gradients = pair [ 0.2; -3.0; 3.0 ] [ -0.5; 0.75 ]

    shouldBeClose
        "movement"
        1e-15
        [| 0.2; -0.5; 0.5; -0.5; 0.5 |]
        (movement gradients (Optimiser.clipValue 0.5))

// ---- groups ------------------------------------------------------------------------------------------------------

[<Test>]
let ``groups equal separate optimisers`` () =
    let hyper = [ "lr", 0.03 ]

    for name, optimiser in all do
        let only path (tree: Tree<Tensor>) = Branch [ path, Tree.child path tree ]

        let alone path (optimiser: Optimiser) =
            let folder (p, state) t =
                let p, state = Optimiser.update (only path (gradientsOf t)) state p optimiser
                flat Cpu.engine p, (p, state)

            let p = only path (parameters ())
            [ 1..5 ] |> List.mapFold folder (p, Optimiser.init p optimiser) |> fst

        let slower = optimiser |> Optimiser.group (fun _ -> true) hyper
        let expected = List.map2 Array.append (alone "a" optimiser) (alone "b" slower)
        let grouped = optimiser |> Optimiser.group ((=) "b") hyper |> onCpu 5
        List.iter2 (shouldBeExactly name) expected grouped
        ensure $"{name}: the group's rate does nothing" (List.last (onCpu 5 optimiser) <> List.last grouped)

[<Test>]
let ``the first group that has a parameter counts, and each group's rate can be set between steps`` () =
    let optimiser =
        Optimiser.sgd 1.0
        |> Optimiser.group ((=) "b") [ "lr", 0.5 ]
        |> Optimiser.group (fun _ -> true) [ "lr", 0.25 ]

    let p, g = pair [ 0.0 ] [ 0.0 ], pair [ 1.0 ] [ 1.0 ]
    let state = Optimiser.init p optimiser

    let moved state =
        Optimiser.update g state p optimiser |> fst |> flat Reference.engine

    shouldBeExactly "at first" [ -0.25; -0.5 ] (moved state)
    shouldBeExactly "one for each" [ -3.0; -2.0 ] (moved (Optimiser.withHypers "lr" [ 1.0; 2.0; 3.0 ] state))
    shouldBeExactly "one for all" [ -4.0; -4.0 ] (moved (Optimiser.withHyper "lr" 4.0 state))

    raises<OptionException>
        "lr: 2 values for 3 groups (the first is of the parameters in no group); give one, or one for each"
        (fun () -> Optimiser.withHypers "lr" [ 1.0; 2.0 ] state |> ignore)

[<Test>]
let ``a decay that only a group has acts there alone`` () =
    let p = flat Reference.engine (parameters ())

    let moved =
        Optimiser.sgd 0.5
        |> Optimiser.group ((=) "a") [ "weight_decay", 0.2 ]
        |> once Reference.engine (noGradients ())

    shouldBeClose "parameters" 1e-15 (p |> Array.mapi (fun i x -> if i < 3 then 0.9 * x else x)) moved

// ---- averages and accumulation -----------------------------------------------------------------------------------

[<Test>]
let ``look-ahead with k 1 and alpha 1 is the optimiser itself, to the bit`` () =
    for name, optimiser in all do
        let ahead = optimiser |> Optimiser.lookahead 1 1.0 |> onCpu 6
        List.iter2 (shouldBeExactly name) (onCpu 6 optimiser) ahead

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``look-ahead goes back to alpha of the way at every k-th step, and starts there`` (engine: string) =
    let on = engineOf engine
    let k, alpha = 3, 0.25
    let sgd = Optimiser.sgd 0.1
    let gradients t = flat on (gradientsOf t)

    // Plain descent can be written out: fast weights, and slow ones at steps 3 and 6.
    let folder (fast: float[], slow: float[]) t =
        let fast = Array.map2 (fun p g -> p - 0.1 * g) fast (gradients t)

        if t % k = 0 then
            let slow = Array.map2 (fun s f -> s + alpha * (f - s)) slow fast
            slow, (slow, slow)
        else
            fast, (fast, slow)

    let start = flat on (parameters ())
    let expected = [ 1..7 ] |> List.mapFold folder (start, start) |> fst

    sgd
    |> Optimiser.lookahead k alpha
    |> steps on 7
    |> sameSteps "look-ahead" expected

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the average of parameters fades as its decay says, and changes no parameter`` (engine: string) =
    let on = engineOf engine

    for name, optimiser in all do
        let averaged = optimiser |> Optimiser.ema 0.75
        let expected = steps on 4 optimiser
        List.iter2 (shouldBeExactly name) expected (steps on 4 averaged)

        let folder (p, state) t =
            let p, state = Optimiser.update (gradientsOf t) state p averaged
            p, state

        let p = parameters ()
        let _, state = [ 1..4 ] |> List.fold folder (p, Optimiser.init p averaged)

        let mean =
            expected |> List.fold (Array.map2 (fun a x -> 0.75 * a + 0.25 * x)) (flat on p)

        shouldBeClose name 1e-14 mean (flat on (Optimiser.average state))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``accumulating n gradients is a step along their mean, and nothing moves before`` (engine: string) =
    let on = engineOf engine

    for name, optimiser in all do
        let third = optimiser |> Optimiser.accumulate 3 |> steps on 7

        let mean first =
            [ first .. first + 2 ]
            |> List.map gradientsOf
            |> List.reduce (Tree.map2 (+))
            |> Tree.map (fun (x: Tensor) -> x / 3.0)

        let folder (p, state) first =
            let p, state = Optimiser.update (mean first) state p optimiser
            flat on p, (p, state)

        let p = parameters ()
        let whole = [ 1; 4 ] |> List.mapFold folder (p, Optimiser.init p optimiser) |> fst
        let start = flat on p
        let expected = [ start; start; whole[0]; whole[0]; whole[0]; whole[1]; whole[1] ]
        List.iter2 (shouldBeClose name 1e-14) expected third

// ---- written by a user -------------------------------------------------------------------------------------------

/// Adam as a user may write it: a statistic that is remembered, and a stepper that uses it.
let private ownAdam =
    Transformation.withSlots
        "own"
        [ "lr"; "mom"; "sqr" ]
        [ "avg", Tensor.zerosLike; "sqr_avg", Tensor.zerosLike ]
        (fun turn p g ->
            let avg = turn["mom"] * turn.Slot "avg" + (1.0 - turn["mom"]) * g
            let sqr = turn["sqr"] * turn.Slot "sqr_avg" + (1.0 - turn["sqr"]) * g * g
            let debias rate x = x / (1.0 - Tensor.pow rate turn.Step)

            (p
             - turn["lr"] * debias turn["mom"] avg
               / (Tensor.sqrt (debias turn["sqr"] sqr) + 1e-8),
             g),
            [ avg; sqr ])

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a user's own stepper and statistics in a few lines are Adam (row 45)`` (engine: string) =
    let own =
        Optimiser.create [ "lr", 0.1; "mom", 0.9; "sqr", 0.999; "weight_decay", 0.2 ] [ Steps.decay; ownAdam ]

    let adamW =
        Optimiser.adamWWith {
            AdamOptions.DefaultW with
                Lr = 0.1
                WeightDecay = 0.2
        }

    List.iter2
        (shouldBeClose "own Adam" 1e-12)
        (steps (engineOf engine) 6 adamW)
        (steps (engineOf engine) 6 own)

[<Test>]
let ``a stepper of one line works in groups, schedules and with decay`` () =
    let sign =
        Transformation.onParameter "sign" [ "lr" ] (fun turn p g -> p - turn["lr"] * Tensor.sign g)

    let optimiser =
        Optimiser.create [ "lr", 0.5; "weight_decay", 0.0 ] [ sign ]
        |> Optimiser.decoupledDecay 0.1
        |> Optimiser.group ((=) "b") [ "lr", 0.25 ]

    let moved =
        optimiser |> once Reference.engine (pair [ 2.0; -3.0; 0.0 ] [ 1.0; 1.0 ])

    let kept rate = 1.0 - rate * 0.1

    let expected = [
        1.0 * kept 0.5 - 0.5
        -2.0 * kept 0.5 + 0.5
        0.5 * kept 0.5
        3.0 * kept 0.25 - 0.25
        -0.25 * kept 0.25 - 0.25
    ]

    shouldBeClose "parameters" 1e-15 (Array.ofList expected) moved

// ---- what is refused ---------------------------------------------------------------------------------------------

[<Test>]
let ``options that no optimiser can have are refused by name`` () =
    let adam = AdamOptions.Default

    let rows: (string * (unit -> Optimiser)) list = [
        "lr: -0.1 is not possible; it is 0 or more", fun () -> Optimiser.adam -0.1
        "beta1: 1 is not possible; it is in [0, 1)",
        fun () -> Optimiser.adamWith { adam with Betas = 1.0, 0.9 }
        "beta2: -0.5 is not possible; it is in [0, 1)",
        fun () -> Optimiser.adamWWith { adam with Betas = 0.9, -0.5 }
        "eps: NaN is not possible; it is 0 or more", fun () -> Optimiser.adamWith { adam with Eps = nan }
        "weight_decay: -1 is not possible; it is 0 or more",
        fun () ->
            Optimiser.lionWith {
                LionOptions.Default with
                    WeightDecay = -1.0
            }
        "alpha: 1.5 is not possible; it is in [0, 1]",
        fun () ->
            Optimiser.rmsPropWith {
                RmsPropOptions.Default with
                    Alpha = 1.5
            }
        "rho: 2 is not possible; it is in [0, 1]",
        fun () ->
            Optimiser.adadeltaWith {
                AdadeltaOptions.Default with
                    Rho = 2.0
            }
        "initial_accumulator_value: -1 is not possible; it is 0 or more",
        fun () ->
            Optimiser.adagradWith {
                AdagradOptions.Default with
                    InitialAccumulatorValue = -1.0
            }
        "max_norm: 0 is not possible; it is above 0", fun () -> Optimiser.sgd 0.1 |> Optimiser.clipNorm 0.0
        "lookahead: k is 0; it is 1 or more", fun () -> Optimiser.sgd 0.1 |> Optimiser.lookahead 0 0.5
        "lookahead_alpha: 2 is not possible; it is in [0, 1]",
        fun () -> Optimiser.sgd 0.1 |> Optimiser.lookahead 1 2.0
        "accumulate: 0 is not possible; it is 1 or more",
        fun () -> Optimiser.sgd 0.1 |> Optimiser.accumulate 0
        "clip_value: an optimiser has only one hyper-parameter of this name",
        fun () -> Optimiser.sgd 0.1 |> Optimiser.clipValue 1.0 |> Optimiser.clipValue 2.0
        "descend: an optimiser has only one transformation of this name",
        fun () -> Optimiser.create [ "lr", 0.1 ] [ Steps.descend; Steps.descend ]
        "descend: it reads 'lr', which is not among the hyper-parameters",
        fun () -> Optimiser.create [] [ Steps.descend ]
    ]

    for message, make in rows do
        raises<OptionException> message (fun () -> make () |> ignore)

[<Test>]
let ``hyper-parameters that are not there, or out of range, are refused in groups and between steps`` () =
    raises<OptionException>
        "beta1: this optimiser has no such hyper-parameter; it has lr, weight_decay, momentum, dampening (one that was 0 when the optimiser was made is left out)"
        (fun () -> Optimiser.sgd 0.1 |> Optimiser.group ((=) "a") [ "beta1", 0.5 ] |> ignore)

    raises<OptionException> "lr: -1 is not possible; it is 0 or more" (fun () ->
        Optimiser.sgd 0.1 |> Optimiser.group ((=) "a") [ "lr", -1.0 ] |> ignore)

    let state = Optimiser.init (parameters ()) (Optimiser.adam 0.1)

    raises<OptionException> "beta1: 1 is not possible; it is in [0, 1)" (fun () ->
        Optimiser.withHyper "beta1" 1.0 state |> ignore)

    shouldEqual "beta1" (Optimiser.momentumName (Optimiser.adam 0.1))
    shouldEqual "momentum" (Optimiser.momentumName (snd all[1]))

    raises<OptionException> "momentum: this optimiser has neither 'momentum' nor 'beta1'" (fun () ->
        Optimiser.momentumName (Optimiser.sgd 0.1) |> ignore)

[<Test>]
let ``a rule that asks for what it does not have, or makes another shape, is told so`` () =
    let run transformation =
        let optimiser = Optimiser.create [ "lr", 0.1 ] [ transformation ]
        once Reference.engine (gradientsOf 1) optimiser |> ignore

    raises<OptionException> "own: its rule asks for the hyper-parameter 'rate'; there is: lr" (fun () ->
        run (Transformation.onParameter "own" [ "lr" ] (fun turn p _ -> p * turn["rate"])))

    raises<OptionException> "own: its rule asks for the slot 'v'; there is: m" (fun () ->
        run (
            Transformation.withSlots "own" [] [ "m", Tensor.zerosLike ] (fun turn p g ->
                (p, g), [ turn.Slot "v" ])
        ))

    raises<OptionException> "own: its rule gives 0 slots; it has 1" (fun () ->
        run (Transformation.withSlots "own" [] [ "m", Tensor.zerosLike ] (fun _ p g -> (p, g), [])))

    raises<ShapeException> "own: 'a' has shape [3]; the rule made [] of it" (fun () ->
        run (Transformation.onParameter "own" [] (fun _ p _ -> Tensor.sum p)))
