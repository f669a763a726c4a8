/// Derivatives inside derivatives, inside compiled functions and through structures of tensors.
module FunctionalDL.Tests.NestingTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private number (x: float) = Tensor.full DType.Float64 [] x

/// Forward-mode derivative of a function of one number.
let private forward (f: Tensor -> Tensor) x = snd (jvp f x (Tensor.onesLike x))

let private reverse (f: Tensor -> Tensor) x = grad f x

/// All ways to nest `depth` derivatives of either mode.
let rec private modes depth =
    if depth = 0 then
        [ [] ]
    else
        [
            for rest in modes (depth - 1) do
                for mode in [ "forward", forward; "reverse", reverse ] -> mode :: rest
        ]

let private check tolerance expected (engine: string) what (x: Tensor) =
    shouldBeClose $"{what} on {engine}" tolerance [| expected |] (floatsOn (engineOf engine) x)

// ---- perturbation confusion --------------------------------------------------------------------------------------

/// J. Siskind, B. Pearlmutter, "Perturbation confusion and referential transparency", IFL 2005, section 2:
/// D (λx. x · (D (λy. x + y) 1)) 1 = 1, which is 2 where the two perturbations are mistaken for one another.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``perturbations of nested derivatives are not confused`` (engine: string) =
    for outer in [ forward; reverse ] do
        for inner in [ forward; reverse ] do
            outer (fun x -> x * inner (fun y -> x + y) (number 1.0)) (number 1.0)
            |> check 0.0 1.0 engine "x · d(x + y)/dy"

            // d/dx (x · d/dy (x·y)) = 2x
            outer (fun x -> x * inner (fun y -> x * y) (number 2.0)) (number 3.0)
            |> check 0.0 6.0 engine "x · d(x·y)/dy"

            // The inner derivative does not depend on its own variable's place, and the outer one only through it.
            outer (fun x -> inner (fun y -> x * x * y * y * y) x) (number 2.0)
            |> check 1e-13 96.0 engine "d/dx 3x⁴"

            outer (fun x -> inner (fun _ -> x) (number 5.0)) (number 2.0)
            |> check 0.0 0.0 engine "a constant of the inner derivative"

            outer (fun x -> inner (fun y -> y * y) (number 5.0) * x) (number 2.0)
            |> check 0.0 10.0 engine "a constant of the outer derivative"

/// B. Pearlmutter, J. Siskind, "Lazy multivariate higher-order forward-mode AD", POPL 2007: the variable of one level handed
/// to the function of the next, at three levels.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``three levels keep their variables apart`` (engine: string) =
    for ways in modes 3 do
        match ways |> List.map snd with
        | [ d1; d2; d3 ] ->
            // d/dx d/dy d/dz (x·y²·z³ + x·y·z) at (2, 3, 5) = 2y·3z² + 1
            d1
                (fun x ->
                    d2 (fun y -> d3 (fun z -> x * y * y * z * z * z + x * y * z) (number 5.0)) (number 3.0))
                (number 2.0)
            |> check 1e-12 451.0 engine "mixed third derivative"
        | _ -> ()

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``third derivatives are right in all eight mixtures of modes`` (engine: string) =
    let functions: (string * (Tensor -> Tensor) * float * float) list = [
        "sin", Tensor.sin, 0.7, -(cos 0.7)
        "exp(2x)", (fun x -> Tensor.exp (2.0 * x)), 0.3, 8.0 * exp 0.6
        "1/x", (fun x -> 1.0 / x), 1.5, -6.0 / 1.5 ** 4.0
        "log", Tensor.log, 1.5, 2.0 / 1.5 ** 3.0
        "x⁵", (fun x -> x * x * x * x * x), 1.2, 60.0 * 1.2 ** 2.0
        "tanh", Tensor.tanh, 0.4, (let t = tanh 0.4 in (1.0 - t * t) * (6.0 * t * t - 2.0))
        "sqrt", Tensor.sqrt, 2.0, 0.375 * 2.0 ** -2.5
        "log1p(expm1)", (fun x -> Tensor.log1p (Tensor.expm1 x)), 0.9, 0.0
    ]

    for name, f, x, expected in functions do
        for ways in modes 3 do
            let derivative = (f, ways) ||> List.fold (fun f (_, d) -> d f)
            let what = ways |> List.map fst |> String.concat " of "
            derivative (number x) |> check 1e-12 expected engine $"{name}, {what}"

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the sixth derivative of x⁷ is 5040 x`` (engine: string) =
    let f x = List.replicate 6 x |> List.fold (*) x

    (f, [ reverse; forward; reverse; forward; reverse; reverse ])
    ||> List.fold (fun f d -> d f)
    <| number 1.5
    |> check 1e-11 7560.0 engine "sixth derivative"

// ---- a small network ---------------------------------------------------------------------------------------------

type Network = {
    Weight1: Tensor
    Bias1: Tensor
    Weight2: Tensor
    Bias2: Tensor
}

let private sines shape scale phase =
    float64s shape (Seq.init (elements shape) (fun k -> scale * sin (phase + 0.7 * float k)))

let private network = {
    Weight1 = sines [ 4; 3 ] 0.8 0.0
    Bias1 = sines [ 4 ] 0.3 1.0
    Weight2 = sines [ 3; 4 ] 0.7 2.0
    Bias2 = sines [ 3 ] 0.2 3.0
}

let private inputs = sines [ 5; 3 ] 1.3 0.4
let private labels = Tensor.ofInt64s [ 5 ] [| 0L; 2L; 1L; 1L; 0L |]

let private loss network =
    inputs
    |> Tensor.linear network.Weight1 (Some network.Bias1)
    |> Tensor.tanh
    |> Tensor.linear network.Weight2 (Some network.Bias2)
    |> Loss.crossEntropy labels

let private sizes = Structure.leaves network |> Array.map (fun p -> dimsOf p)
let private count = sizes |> Array.sumBy elements

/// The network with all its parameters from one array.
let private networkOf (values: float[]) =
    let starts = sizes |> Array.scan (fun at s -> at + elements s) 0

    sizes
    |> Array.mapi (fun i size -> Tensor.ofFloats size values[starts[i] .. starts[i + 1] - 1])
    |> Structure.rebuild network

let private unit i =
    networkOf (Array.init count (fun j -> if i = j then 1.0 else 0.0))

let private flat engine (n: Network) =
    Structure.leaves n |> Array.map (floatsOn engine) |> Array.concat

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the Hessian of a network is the Jacobian of its gradient, and symmetric`` (engine: string) =
    let on = engineOf engine
    // Rows by reverse over reverse, columns by forward over reverse, and by differences of the gradient.
    let row i =
        let along = unit i

        let dot a b =
            Array.map2 (fun x y -> Tensor.sum (x * y)) (Structure.leaves a) (Structure.leaves b)
            |> Array.reduce (+)

        grad (fun n -> dot (grad loss n) along) network |> flat on

    let column i =
        jvp (grad loss) network (unit i) |> snd |> flat on

    let difference i =
        let h = 1e-3
        let parameters = flat on network

        let at step =
            parameters
            |> Array.mapi (fun j p -> if i = j then p + step else p)
            |> networkOf
            |> grad loss
            |> flat on

        let near = Array.map2 (-) (at h) (at -h)
        let far = Array.map2 (-) (at (2.0 * h)) (at (-2.0 * h))
        Array.map2 (fun n f -> (8.0 * n - f) / (12.0 * h)) near far

    let rows, columns = Array.init count row, Array.init count column

    shouldBeClose
        "Hessian against the transposed Jacobian"
        1e-13
        (Array.concat (Array.transpose rows))
        (Array.concat columns)

    shouldBeClose "symmetry" 1e-13 (Array.concat rows) (Array.concat columns)
    shouldBeClose "differences" 1e-9 (Array.concat (Array.init count difference)) (Array.concat columns)
    // A matrix of zeros would be all that too.
    ensure "the Hessian is flat" (columns |> Array.exists (Array.exists (fun x -> abs x > 0.05)))

// ---- compile and derivatives -------------------------------------------------------------------------------------

let private curve (x: Tensor) =
    Tensor.sum (Tensor.exp (Tensor.sin x) * x)

let private points = float64s [ 4 ] [ 0.1; -0.7; 1.3; 2.0 ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``derivatives inside compile have the bits of derivatives outside`` (engine: string) =
    let on = engineOf engine
    let v = float64s [ 4 ] [ 1.0; 0.5; -0.25; 0.125 ]

    let functions: (string * (Tensor -> Tensor)) list = [
        "grad", grad curve
        "jvp", (fun x -> snd (jvp curve x v))
        "hvp", (fun x -> snd (jvp (grad curve) x v))
        "grad of grad", grad (fun x -> Tensor.sum (grad curve x * v))
    ]

    for name, f in functions do
        let compiled = Compile.on on f points |> bytesOn on
        ensure $"{name} differs when compiled" ((compiled = bytesOn on (f points)))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``compiled functions can be differentiated to any order`` (engine: string) =
    let on = engineOf engine
    let compiled = Compile.on on curve

    let same what (a: Tensor) (b: Tensor) =
        shouldBeExactly what (floatsOn on a) (floatsOn on b)
    // Compiled by a call of its own first: what a trace keeps must not stand in for a derivative.
    compiled points |> floatsOn on |> ignore
    same "grad" (grad curve points) (grad compiled points)
    same "jvp" (snd (jvp curve points points)) (snd (jvp compiled points points))

    let second f =
        grad (fun x -> Tensor.sum (grad f x * points)) points

    same "grad of grad" (second curve) (second compiled)
    same "compile of grad of compile" (grad curve points) (Compile.on on (grad compiled) points)
    same "compile of compile" (curve points) (Compile.on on compiled points)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a compiled function that closes over the variable of a derivative passes the derivative on``
    (engine: string)
    =
    let on = engineOf engine
    let c = float64s [ 4 ] [ 1.0; 2.0; 3.0; 4.0 ]
    // x is no variable of the derivative, p is: d/dp Σ x·p² = 2·x·p
    let f p =
        Tensor.sum (Compile.on on (fun (x: Tensor) -> x * p * p) c)

    shouldBeExactly "reverse" (floatsOn on (2.0 * c * points)) (floatsOn on (grad f points))
    let _, moved = jvp f points points
    shouldBeClose "forward" 1e-13 (floatsOn on (Tensor.sum (2.0 * c * points * points))) (floatsOn on moved)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a compiled function that closes over an argument of an outer trace is inlined into it``
    (engine: string)
    =
    let on = engineOf engine
    let c = float64s [ 4 ] [ 1.0; 2.0; 3.0; 4.0 ]

    let f p =
        Compile.on on (fun (x: Tensor) -> x * p) c

    shouldBeExactly "values" (floatsOn on (c * points)) (Compile.on on f points |> floatsOn on)

// ---- structures --------------------------------------------------------------------------------------------------

type Shape2 =
    | Disc of radius: Tensor
    | Box of width: Tensor * height: Tensor

type Everything = {
    Pair: Tensor * Tensor
    Items: Tensor list
    Row: Tensor[]
    Named: Map<string, Tensor>
    Tree: Tree<Tensor>
    Form: Shape2
    Maybe: Tensor option
    Never: Tensor option
    Struct: struct (Tensor * int)
    Power: int
    Title: string
}

let private everything = {
    Pair = number 1.0, number 2.0
    Items = [ number 3.0; number 4.0 ]
    Row = [| number 5.0 |]
    Named = Map [ "b", number 7.0; "a", number 6.0 ]
    Tree = Branch [ "inner", Branch [ "leaf", Leaf(number 8.0) ]; "outer", Leaf(number 9.0) ]
    Form = Box(number 10.0, number 11.0)
    Maybe = Some(number 12.0)
    Never = None
    Struct = struct (number 13.0, 2)
    Power = 3
    Title = "static"
}

/// Each leaf squared, with a weight that tells its place.
let private sumOfSquares (e: Everything) =
    let form =
        match e.Form with
        | Disc radius -> 1000.0 * radius
        | Box(width, height) -> 10.0 * width * width + 11.0 * height * height

    let struct (last, power) = e.Struct
    ensure "static parts are kept" (power = 2 && e.Power = 3 && e.Title = "static" && e.Never.IsNone)
    let weigh weight (x: Tensor) = weight * x * x

    [
        weigh 1.0 (fst e.Pair)
        weigh 2.0 (snd e.Pair)
        weigh 3.0 e.Items[0]
        weigh 4.0 e.Items[1]
        weigh 5.0 e.Row[0]
        weigh 6.0 e.Named["a"]
        weigh 7.0 e.Named["b"]
        weigh 8.0 (Tree.find "inner.leaf" e.Tree)
        weigh 9.0 (Tree.find "outer" e.Tree)
        form
        weigh 12.0 e.Maybe.Value
        weigh 13.0 last
    ]
    |> List.reduce (+)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``gradients have the structure of what they belong to`` (engine: string) =
    let on = engineOf engine
    // Leaf k has the value k and the term k·k², so its derivative is 2k².
    let expected = [ for k in 1.0 .. 13.0 -> 2.0 * k * k ]

    let values (e: Everything) =
        Structure.leaves e |> Array.map (itemOn on)

    let gradient = grad sumOfSquares everything
    shouldBeExactly "grad" expected (values gradient)
    shouldEqual "static" gradient.Title
    shouldBeExactly "a field of the gradient" [ 98.0 ] [ itemOn on gradient.Named["b"] ]
    shouldBeExactly "compiled" expected (Compile.on on (grad sumOfSquares) everything |> values)
    let _, moved = jvp sumOfSquares everything everything
    shouldBeExactly "jvp" [ Seq.sum (Seq.mapi (fun i d -> float (i + 1) * d) expected) ] [ itemOn on moved ]
    let _, pullback = vjp (fun e -> { e with Power = 4 }) everything
    shouldBeExactly "vjp of the identity" [ 1.0 .. 13.0 ] (values (pullback everything))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``one tensor in two places has a gradient in each`` (engine: string) =
    let x = number 3.0
    let a, b = grad (fun (a: Tensor, b: Tensor) -> a * a * b) (x, x)
    shouldBeExactly "each" [ 18.0; 9.0 ] [ itemOn (engineOf engine) a; itemOn (engineOf engine) b ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a pullback can be used many times, and inside another derivative`` (engine: string) =
    let on = engineOf engine
    let value, pullback = vjp (fun (x: Tensor) -> x * x) points
    shouldBeExactly "value" (floatsOn on (points * points)) (floatsOn on value)

    for k in [ 1.0; -2.0; 0.5 ] do
        let weights = Tensor.onesLike points * k
        shouldBeExactly $"cotangent {k}" (floatsOn on (points * (2.0 * k))) (floatsOn on (pullback weights))

    // The pullback is linear in the cotangent: its own derivative is 2x.
    let inner = grad (fun u -> Tensor.sum (pullback u)) (Tensor.onesLike points)
    shouldBeExactly "derivative of the pullback" (floatsOn on (2.0 * points)) (floatsOn on inner)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``what comes besides a gradient is a plain value`` (engine: string) =
    let on = engineOf engine

    let (value, (square, name)), gradient =
        valueAndGradWith (fun (x: Tensor) -> curve x, (x * x, "besides")) points

    shouldEqual "besides" name
    shouldBeExactly "value" (floatsOn on (curve points)) (floatsOn on value)
    shouldBeExactly "besides" (floatsOn on (points * points)) (floatsOn on square)
    shouldBeExactly "gradient" (floatsOn on (grad curve points)) (floatsOn on gradient)
    let tracked = [ value; square; gradient ] |> List.filter Eager.isTracked
    ensure "a finished derivative leaves its variable in its results" tracked.IsEmpty

[<Test>]
let ``no derivative leaves its variable in its results, and an inner one leaves that of the outer`` () =
    let results: (string * (Tensor -> Tensor)) list = [
        "grad", grad curve
        "jvp", (fun x -> snd (jvp curve x x))
        "value of jvp", (fun x -> fst (jvp curve x x))
        "vjp", (fun x -> (snd (vjp curve x)) (number 1.0))
        "value of vjp", (fun x -> fst (vjp curve x))
        "hvp", (fun x -> hvp curve x x)
        "jacobian", jacobian (fun x -> x * x)
        "hessian", hessian curve
        "grad of checkpoint", grad (checkpoint curve)
        "jvp of checkpoint", (fun x -> snd (jvp (checkpoint curve) x x))
        "vmap of grad", vmap (grad (fun x -> x * x))
    ]

    for name, result in results do
        ensure $"{name} keeps its variable" (not (Eager.isTracked (result points)))

        let (_, isTracked), _ =
            points
            |> valueAndGradWith (fun x ->
                let inner = result x
                Tensor.sum inner, Eager.isTracked inner)

        ensure $"{name} lost the variable of the derivative around it" isTracked

[<Test>]
let ``a mapped derivative is compiled, not inlined`` () =
    let compiled = Compile.create Compile.defaults (vmap (grad (fun x -> x * x)))
    shouldBeExactly "first" (floatsOn Cpu.engine (2.0 * points)) (Tensor.toFloats (compiled.Invoke points))
    compiled.Invoke(points + 1.0) |> ignore
    shouldEqual [ "first call" ] (List.ofSeq compiled.Traces)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``what does not move has a derivative of zero`` (engine: string) =
    let on = engineOf engine
    let constant (_: Tensor) = number 4.0
    shouldBeExactly "grad" [ 0.0; 0.0; 0.0; 0.0 ] (floatsOn on (grad constant points))
    shouldBeExactly "jvp" [ 0.0 ] (floatsOn on (snd (jvp constant points points)))
    let gradient = grad (fun (a: Tensor, _: Tensor) -> Tensor.sum a) (points, points)
    shouldBeExactly "an argument that is not used" [ 0.0; 0.0; 0.0; 0.0 ] (floatsOn on (snd gradient))
    let stopped = grad (fun x -> Tensor.sum (Tensor.stopGradient x)) points
    shouldBeExactly "stopGradient" [ 0.0; 0.0; 0.0; 0.0 ] (floatsOn on stopped)
    // Stopped for the outer derivative too.
    let nested =
        grad (fun x -> Tensor.sum (grad (fun y -> Tensor.sum (y * y * Tensor.stopGradient x)) x)) points

    shouldBeExactly "stopGradient in the inner function" (floatsOn on (2.0 * points)) (floatsOn on nested)

[<Test>]
let ``derivatives say what they cannot do`` () =
    raises<ShapeException>
        "grad: the function gives shape [4]; it needs a single number: take the sum or mean, or use vjp"
        (fun () -> grad (fun (x: Tensor) -> x * x) points |> ignore)

    raises<DTypeException>
        "grad: there is no derivative with respect to int64[5]; cast it to a float type, or let the function close over it"
        (fun () -> grad (fun (x: Tensor) -> Tensor.sum x) labels |> ignore)

    raises<ShapeException> "jvp: the tangent is (float64[]); it needs the form of (float64[4])" (fun () ->
        jvp curve points (number 1.0) |> ignore)

    raises<ShapeException> "vjp: the cotangent is (float64[4]); it needs the form of (float64[])" (fun () ->
        (snd (vjp curve points)) points |> ignore)

// ---- walking back by hand ----------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``eager gradients are those of grad, looked at before or not, and None for what was not reached``
    (engine: string)
    =
    let on = engineOf engine
    let expected = floatsOn on (grad curve points)

    for looksFirst in [ false; true ] do
        let x, unused = Eager.variable points, Eager.variable points
        let loss = curve x

        if looksFirst then
            floatsOn on loss |> ignore

        match Eager.gradients loss [| x; unused |] with
        | [| Some gradient; None |] ->
            shouldBeExactly "gradient" expected (floatsOn on gradient)
            ensure "the gradient still depends on the variable" (not (Eager.isTracked gradient))
        | other -> Assert.Fail $"%A{other |> Array.map Option.isSome}"

    raises<ShapeException>
        "backward: the loss has shape [4]; it needs to be a single number: take the sum or mean"
        (fun () -> Eager.gradients (Eager.variable points * 2.0) [||] |> ignore)

[<Test>]
let ``functions inside a structure are static, so that no derivative is silently lost in them`` () =
    let struct (tensors, statics) =
        Structure.takeApart ((fun (x: Tensor) -> x), points, 3)

    shouldEqual 1 tensors.Length
    shouldEqual 2 statics.Length
    ensure "the number is static" (Array.contains (box 3) statics)
