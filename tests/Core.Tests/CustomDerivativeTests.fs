/// Functions whose derivative a user gives: what they give, how they nest, and what they refuse.
module FunctionalDL.Tests.CustomDerivativeTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private vector values = float64s [ List.length values ] values

/// sin, with a derivative three times too large, so that one sees whose rule was used.
let private loud: Tensor -> Tensor =
    Custom.withDerivative "loud" Tensor.sin (fun x t -> 3.0 * (t * Tensor.cos x))

/// sin by its reverse alone, twice too large.
let private back: Tensor -> Tensor =
    Custom.withGradient "back" Tensor.sin (fun x ct -> 2.0 * (ct * Tensor.cos x))

let private x = vector [ 0.5; -1.0 ]

let private xs = Tensor.toFloats x

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a forward rule serves both modes`` (engine: string) =
    let on = engineOf engine
    let expected = xs |> Array.map (fun x -> 3.0 * cos x)
    shouldBeClose "value" 1e-14 (Array.map sin xs) (floatsOn on (loud x))
    shouldBeClose "jvp" 1e-14 expected (floatsOn on (snd (jvp loud x (Tensor.onesLike x))))
    shouldBeClose "grad" 1e-14 expected (floatsOn on (grad (loud >> Tensor.sum) x))
    shouldBeClose "compiled" 1e-14 expected (floatsOn on (Compile.on on (grad (loud >> Tensor.sum)) x))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a rule is differentiated like any other function`` (engine: string) =
    let on = engineOf engine
    // d/dx 3 cos x = -3 sin x, in every mixture of modes.
    let expected = xs |> Array.map (fun x -> -3.0 * sin x)
    let forward f x = snd (jvp f x (Tensor.onesLike x))
    let reverse f = grad (f >> Tensor.sum)

    for outer in [ forward; reverse ] do
        for inner in [ forward; reverse ] do
            shouldBeClose "second" 1e-14 expected (floatsOn on (outer (inner loud) x))

    // A reverse rule may be differentiated backwards again, and its result forwards: the rule is an ordinary
    // function of x.
    shouldBeClose
        "reverse twice"
        1e-14
        (xs |> Array.map (fun x -> -2.0 * sin x))
        (floatsOn on (reverse (reverse back) x))

    shouldBeClose
        "forward over reverse"
        1e-14
        (xs |> Array.map (fun x -> -2.0 * sin x))
        (floatsOn on (forward (reverse back) x))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a reverse rule gives gradients, and forward mode says that there is none`` (engine: string) =
    let on = engineOf engine
    shouldBeClose "value" 1e-14 (Array.map sin xs) (floatsOn on (back x))

    shouldBeClose
        "grad"
        1e-14
        (xs |> Array.map (fun x -> 2.0 * cos x))
        (floatsOn on (grad (back >> Tensor.sum) x))

    let message =
        "back: it has a reverse rule only, so there is no forward mode through it (jvp, hvp, hessian, or jacobian where the "
        + "results outnumber the inputs); use grad or vjp, or give it a forward rule with Custom.withDerivative"

    raises<DerivativeException> message (fun () -> jvp back x x |> ignore)

    raises<DerivativeException> message (fun () ->
        hvp (fun x -> Tensor.sum (Tensor.square (back x))) x x |> ignore)

    // Values that do not move need no rule.
    let _, move =
        jvp (fun (a: Tensor, b: Tensor) -> back (Tensor.stopGradient a) * b) (x, x) (x, x)

    shouldBeClose "constant" 1e-14 (xs |> Array.map (fun x -> sin x * x)) (floatsOn on move)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a rule for each mode is used in its mode`` (engine: string) =
    let on = engineOf engine

    let f =
        Custom.withBoth "both" Tensor.sin (fun x t -> 3.0 * (t * Tensor.cos x)) (fun x ct ->
            2.0 * (ct * Tensor.cos x))

    shouldBeClose
        "jvp"
        1e-14
        (xs |> Array.map (fun x -> 3.0 * cos x))
        (floatsOn on (snd (jvp f x (Tensor.onesLike x))))

    shouldBeClose
        "grad"
        1e-14
        (xs |> Array.map (fun x -> 2.0 * cos x))
        (floatsOn on (grad (f >> Tensor.sum) x))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``structures go in and out, and the rule runs once for all results`` (engine: string) =
    let on = engineOf engine
    let mutable runs = 0

    let polar =
        Custom.withGradient
            "polar"
            (fun (a: Tensor, b: Tensor) -> Map [ "r", Tensor.sqrt (a * a + b * b); "product", a * b ])
            (fun (a, b) ct ->
                runs <- runs + 1
                let r = Tensor.sqrt (a * a + b * b)
                ct["r"] * a / r + ct["product"] * b, ct["r"] * b / r + ct["product"] * a)

    let f (a, b) =
        let found = polar (a, b)
        Tensor.sum (found["r"] * found["product"] + found["r"])

    let plain (a: Tensor, b: Tensor) =
        let r = Tensor.sqrt (a * a + b * b)
        Tensor.sum (r * a * b + r)

    let at = vector [ 3.0; 1.0 ], vector [ 4.0; 2.0 ]
    let a, b = grad f at
    let a', b' = grad plain at
    shouldEqual 1 runs
    shouldBeClose "a" 1e-13 (floatsOn on a') (floatsOn on a)
    shouldBeClose "b" 1e-13 (floatsOn on b') (floatsOn on b)
    // A result that nothing uses has a cotangent of zeros.
    let a, _ = grad (fun (a, b) -> Tensor.sum ((polar (a, b))["product"])) at
    shouldBeExactly "product alone" [ 4.0; 2.0 ] (floatsOn on a)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``gradients may be clipped on their way back`` (engine: string) =
    // What no forward rule can say: the cotangent itself is looked at.
    let clip =
        Custom.withGradient "clip" id (fun _ (ct: Tensor) -> Tensor.clamp -1.0 1.0 ct)

    let f (x: Tensor) =
        Tensor.sum (5.0 * clip x) + Tensor.sum (0.5 * clip x)

    shouldBeExactly "clipped" [ 1.5; 1.5 ] (floatsOn (engineOf engine) (grad f x))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``whole numbers among the inputs have no part in the derivative`` (engine: string) =
    let pick =
        Custom.withDerivative
            "pick"
            (fun (x: Tensor, i: Tensor) -> Tensor.indexSelect 0 i x)
            (fun (_, i) (t, _) -> 10.0 * Tensor.indexSelect 0 i t)

    let index = Tensor.ofInt64s [ 3 ] [| 1L; 1L; 0L |]
    let g = grad (fun x -> Tensor.sum (pick (x, index))) x
    shouldBeExactly "gradient" [ 10.0; 20.0 ] (floatsOn (engineOf engine) g)

[<Test>]
let ``what a rule gets wrong is named`` () =
    let wrong: Tensor -> Tensor =
        Custom.withDerivative "wrong" Tensor.sin (fun _ t -> Tensor.sum t)

    raises<ShapeException>
        "wrong: the tangent of the result is (float64[]); it needs the form of (float64[2])"
        (fun () -> jvp wrong x x |> ignore)

    let closing (w: Tensor) =
        grad (fun w -> Tensor.sum (Custom.withDerivative "closing" (fun x -> x * w) (fun _ t -> t * w) x)) w

    raises<DerivativeException>
        "closing: the function closes over a tensor (float64[2]) that a derivative is being taken for; make it a part of the argument, or stop its gradient"
        (fun () -> closing x |> ignore)

    // A constant may be closed over, and so may what is stopped.
    let fine =
        grad
            (fun w ->
                Tensor.sum (
                    w
                    * Custom.withDerivative "fine" (fun y -> y * Tensor.stopGradient w) (fun _ t -> t) x
                ))
            x

    shouldBeExactly "stopped" (xs |> Array.map (fun x -> x * x)) (Tensor.toFloats fine)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``perturbations are not confused by custom rules`` (engine: string) =
    let product =
        Custom.withDerivative "product" (fun (a: Tensor, b) -> a * b) (fun (a, b) (s, t) -> s * b + a * t)

    let number v = Tensor.full DType.Float64 [] v
    // d/dx (x · d/dy (x · y)) = 2x
    let g = grad (fun x -> x * grad (fun y -> product (x, y)) (number 2.0)) (number 3.0)
    shouldBeExactly "mixed" [ 6.0 ] (floatsOn (engineOf engine) g)

    let back =
        Custom.withGradient "product" (fun (a: Tensor, b) -> a * b) (fun (a, b) ct -> ct * b, ct * a)

    let g = grad (fun x -> x * grad (fun y -> back (x, y)) (number 2.0)) (number 3.0)
    shouldBeExactly "mixed, reverse rule" [ 6.0 ] (floatsOn (engineOf engine) g)

[<Test>]
let ``equal programs share a plan, whoever made the custom rules in them`` () =
    let mutable compiled = 0

    let counting = {
        new IEngine with
            member _.Name = "counting"
            member _.Accept storage = Reference.engine.Accept storage

            member _.Compile program =
                compiled <- compiled + 1
                Reference.engine.Compile program
    }

    for _ in 1..5 do
        let x = vector [ 1.0; 2.0 ]

        floatsOn counting (grad (fun x -> Tensor.sum (loud x * checkpoint Tensor.exp x)) x)
        |> ignore

    shouldEqual 1 compiled
