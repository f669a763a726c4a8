/// Activations: values against formulas written in another way, gradients against central differences, kinks
/// and extremes against PyTorch's.
module FunctionalDL.Tests.ActivationTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.FamilySupport

/// The error function by Simpson's rule on its integral.
let private erf x =
    let n = 2000
    let h = x / float n
    let f i = exp (-(float i * h) * (float i * h))

    let inner =
        Seq.sum (seq { for i in 1 .. n - 1 -> (if i % 2 = 1 then 4.0 else 2.0) * f i })

    2.0 / sqrt Math.PI * h / 3.0 * (f 0 + inner + f n)

let private logistic x = 1.0 / (1.0 + exp -x)

let private rows: (string * (Tensor -> Tensor) * (float -> float)) list = [
    "leakyRelu", Activation.leakyRelu 0.2, (fun x -> max x (0.2 * x))
    "elu", Activation.elu 0.7, (fun x -> if x > 0.0 then x else 0.7 * (exp x - 1.0))
    "celu", Activation.celu 2.0, (fun x -> max 0.0 x + min 0.0 (2.0 * (exp (x / 2.0) - 1.0)))
    "selu",
    Activation.selu,
    (fun x -> 1.0507009873554805 * (if x > 0.0 then x else 1.6732632423543772 * (exp x - 1.0)))
    "hardtanh", Activation.hardtanh, (fun x -> Math.Clamp(x, -1.0, 1.0))
    "relu6", Activation.relu6, (fun x -> Math.Clamp(x, 0.0, 6.0))
    "hardsigmoid", Activation.hardsigmoid, (fun x -> Math.Clamp(x / 6.0 + 0.5, 0.0, 1.0))
    "hardswish", Activation.hardswish, (fun x -> x * Math.Clamp(x / 6.0 + 0.5, 0.0, 1.0))
    "softplus", Activation.softplus, (fun x -> log (1.0 + exp x))
    "softplus of beta 2", Activation.softplusWith 2.0 20.0, (fun x -> log (1.0 + exp (2.0 * x)) / 2.0)
    "logSigmoid", Activation.logSigmoid, (fun x -> log (logistic x))
    "silu", Activation.silu, (fun x -> x * logistic x)
    "mish", Activation.mish, (fun x -> x * tanh (log (1.0 + exp x)))
    "gelu", Activation.gelu, (fun x -> x * 0.5 * (1.0 + erf (x / sqrt 2.0)))
    "geluTanh",
    Activation.geluTanh,
    (fun x -> 0.5 * x * (1.0 + tanh (sqrt (2.0 / Math.PI) * (x + 0.044715 * x * x * x))))
    "softsign", Activation.softsign, (fun x -> x / (1.0 + abs x))
]

let private points = [| -7.3; -3.2; -2.5; -1.3; -0.9; -0.4; -0.01; 0.01; 0.3; 0.8; 1.2; 2.6; 3.7; 6.4; 9.1 |]

let private onEngines = [
    for name, _, _ in rows do
        for engine in engineNames -> TestCaseData(name, engine)
]

let private row name =
    rows |> List.find (fun (n, _, _) -> n = name)

[<TestCaseSource(nameof onEngines)>]
let ``values are the formula's and gradients central differences`` (name: string, engine: string) =
    let _, f, formula = row name
    let engine = engineOf engine

    floatsOn engine (f (float64s [ 3; 5 ] points))
    |> shouldBeClose name 1e-9 (Array.map formula points)

    gradientIsDifference name engine f [ 3; 5 ] points

[<TestCaseSource(nameof onEngines)>]
let ``second derivatives are central differences of the gradient`` (name: string, engine: string) =
    let _, f, _ = row name
    gradientIsDifference name (engineOf engine) (fun x -> grad (f >> Tensor.sum) x) [ 15 ] points

[<TestCaseSource(nameof onEngines)>]
let ``float32 agrees with float64 and keeps its type`` (name: string, engine: string) =
    let _, f, formula = row name
    let y = f (Tensor.ofFloat32s [ 15 ] (Array.map float32 points))
    shouldEqual DType.Float32 y.DType

    floatsOn (engineOf engine) y
    |> shouldBeClose name 1e-6 (Array.map formula points)

/// Where the slopes are those that PyTorch 1.13 gave: input, value, slope.
let private kinks: (string * (Tensor -> Tensor) * float list * float list * float list) list = [
    "leakyRelu", Activation.leakyRelu 0.1, [ 0.0 ], [ 0.0 ], [ 0.1 ]
    "elu", Activation.elu 0.5, [ 0.0 ], [ 0.0 ], [ 0.5 ]
    "celu", Activation.celu 0.5, [ 0.0 ], [ 0.0 ], [ 1.0 ]
    "selu", Activation.selu, [ 0.0 ], [ 0.0 ], [ 1.7580993408473766 ]
    "hardtanh", Activation.hardtanh, [ -1.0; 0.0; 1.0 ], [ -1.0; 0.0; 1.0 ], [ 0.0; 1.0; 0.0 ]
    "relu6", Activation.relu6, [ 0.0; 6.0 ], [ 0.0; 6.0 ], [ 0.0; 0.0 ]
    "hardsigmoid", Activation.hardsigmoid, [ -3.0; 3.0 ], [ 0.0; 1.0 ], [ 0.0; 0.0 ]
    "hardswish", Activation.hardswish, [ -3.0; 3.0 ], [ 0.0; 3.0 ], [ -0.5; 1.5 ]
    "softplus", Activation.softplus, [ 0.0 ], [ log 2.0 ], [ 0.5 ]
    "logSigmoid", Activation.logSigmoid, [ 0.0 ], [ -(log 2.0) ], [ 0.5 ]
    "mish", Activation.mish, [ 0.0 ], [ 0.0 ], [ 0.6 ]
    "gelu", Activation.gelu, [ 0.0 ], [ 0.0 ], [ 0.5 ]
    "softsign", Activation.softsign, [ 0.0 ], [ 0.0 ], [ 1.0 ]
    "elu at ±300", Activation.elu 0.5, [ -300.0; 300.0 ], [ -0.5; 300.0 ], [ 2.5741001112060067e-131; 1.0 ]
    "elu at ±1000", Activation.elu 1.0, [ -1000.0; 1000.0 ], [ -1.0; 1000.0 ], [ 0.0; 1.0 ]
    "selu at 1000", Activation.selu, [ 1000.0 ], [ 1050.7009873554805 ], [ 1.0507009873554805 ]
    "softplus at ±300",
    Activation.softplus,
    [ -300.0; 300.0 ],
    [ 5.148200222412013e-131; 300.0 ],
    [ 5.148200222412013e-131; 1.0 ]
    "softplus at ±infinity", Activation.softplus, [ -infinity; infinity ], [ 0.0; infinity ], [ 0.0; 1.0 ]
    "softplus above its threshold", Activation.softplusWith 2.0 5.0, [ 2.6 ], [ 2.6 ], [ 1.0 ]
    "logSigmoid at ±300",
    Activation.logSigmoid,
    [ -300.0; 300.0 ],
    [ -300.0; -5.148200222412013e-131 ],
    [ 1.0; 5.148200222412013e-131 ]
    "mish at ±300",
    Activation.mish,
    [ -300.0; 300.0 ],
    [ -1.544460066723604e-128; 300.0 ],
    [ -1.5393118665011924e-128; 1.0 ]
    "silu at ±300",
    Activation.silu,
    [ -300.0; 300.0 ],
    [ -1.544460066723604e-128; 300.0 ],
    [ -1.5393118665011924e-128; 1.0 ]
    "gelu at ±300", Activation.gelu, [ -300.0; 300.0 ], [ 0.0; 300.0 ], [ 0.0; 1.0 ]
    "geluTanh at ±300", Activation.geluTanh, [ -300.0; 300.0 ], [ 0.0; 300.0 ], [ 0.0; 1.0 ]
    "hardswish at ±infinity", Activation.hardswish, [ -infinity; infinity ], [ 0.0; infinity ], [ 0.0; 1.0 ]
    "hardtanh of NaN", Activation.hardtanh, [ nan ], [ nan ], [ 1.0 ]
]

let private kinksOnEngines = [
    for name, _, _, _, _ in kinks do
        for engine in engineNames -> TestCaseData(name, engine)
]

[<TestCaseSource(nameof kinksOnEngines)>]
let ``kinks and extremes are PyTorch's`` (name: string, engine: string) =
    let _, f, x, value, slope = kinks |> List.find (fun (n, _, _, _, _) -> n = name)
    let engine = engineOf engine
    let x = float64s [ x.Length ] x

    let relative (e: float) (a: float) =
        if e.Equals a || e = a then
            0.0
        else
            abs (a - e) / max (abs e) 1e-300

    for what, expected, got in
        [ "value", value, floatsOn engine (f x); "slope", slope, gradientOn engine f x ] do
        for e, a in Seq.zip expected got do
            ensure $"{name}: {what} is {a:R}, expected {e:R}" (relative e a < 1e-13)

[<Test>]
let ``smooth functions have second derivatives at 0`` () =
    let second f =
        let x = float64s [ 1 ] [ 0.0 ]
        (gradientOn Reference.engine (fun x -> grad (f >> Tensor.sum) x) x)[0]

    shouldBeClose "softplus" 1e-15 [| 0.25 |] [| second Activation.softplus |]
    shouldBeClose "logSigmoid" 1e-15 [| -0.25 |] [| second Activation.logSigmoid |]
    shouldBeClose "silu" 1e-15 [| 0.5 |] [| second Activation.silu |]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``prelu has a slope for each channel`` (engine: string) =
    let engine = engineOf engine
    let shape = [ 2; 3; 2 ]
    let x = numbers 1 shape
    let slopes = [| 0.1; -0.5; 2.0 |]

    let expected =
        positions shape
        |> List.map (fun p ->
            let v = at shape x p
            if v > 0.0 then v else slopes[p[1]] * v)
        |> Array.ofList

    floatsOn engine (Activation.prelu (float64s [ 3 ] slopes) (float64s shape x))
    |> shouldBeExactly "prelu" expected

    gradientIsDifference "to the input" engine (Activation.prelu (float64s [ 3 ] slopes)) shape x
    gradientIsDifference "to the slopes" engine (fun w -> Activation.prelu w (float64s shape x)) [ 3 ] slopes

    gradientIsDifference "to one slope" engine (fun w -> Activation.prelu w (float64s shape x)) [ 1 ] [|
        0.3
    |]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``glu multiplies one half of an axis by the sigmoid of the other`` (engine: string) =
    let engine = engineOf engine
    let shape = [ 2; 4; 3 ]
    let x = numbers 2 shape

    let expected = [|
        for p in positions [ 2; 2; 3 ] -> at shape x p * logistic (at shape x [ p[0]; p[1] + 2; p[2] ])
    |]

    floatsOn engine (Activation.glu 1 (float64s shape x))
    |> shouldBeClose "glu" 1e-14 expected

    gradientIsDifference "glu" engine (Activation.glu 1) shape x

[<Test>]
let ``an activation of nothing is nothing`` () =
    for name, f, _ in rows do
        shouldEqual [ 0; 3 ] (dimsOf (f (float64s [ 0; 3 ] [])))
        shouldBeExactly name [] (floatsOn Reference.engine (f (float64s [ 0; 3 ] [])))

[<Test>]
let ``impossible options are refused`` () =
    let x = float64s [ 2; 3 ] (numbers 3 [ 2; 3 ])

    (fun () -> Activation.hardtanhWith 1.0 -1.0 x |> ignore)
    |> raises<OptionException> "hardtanh: the bounds are 1 and -1; the first must not be above the second"

    (fun () -> Activation.celu 0.0 x |> ignore)
    |> raises<OptionException> "celu: alpha is 0; x is divided by it"

    (fun () -> Activation.softplusWith 0.0 20.0 x |> ignore)
    |> raises<OptionException> "softplus: beta is 0; the result is divided by it"

    (fun () -> Activation.glu 1 x |> ignore)
    |> raises<ShapeException>
        "glu: axis 1 of shape [2; 3] has 3 places; it needs an even number, to be halved"

    (fun () -> Activation.prelu (float64s [ 2 ] [ 1.0; 2.0 ]) x |> ignore)
    |> raises<ShapeException>
        "prelu: weight [2] does not fit the input [2; 3]: it needs one element, or one for each channel (axis 1)"
