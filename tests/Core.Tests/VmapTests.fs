/// `vmap` against a loop over the examples: for every row of the table of primitives, for every choice of mapped
/// arguments, values and gradients.
module FunctionalDL.Tests.VmapTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.PrimTable

// ---- examples ----------------------------------------------------------------------------------------------------

let private examples = 3

let private at i (x: Tensor) =
    Tensor.narrow 0 i 1 x |> Tensor.reshape (List.tail (dimsOf x))

/// The non-empty choices of `count` arguments.
let private subsets count = [
    for bits in 1 .. (1 <<< count) - 1 -> List.init count (fun i -> bits &&& (1 <<< i) <> 0)
]

/// The loop that `vmap` must agree with.
let private loop mapped apply (xs: Tensor list) =
    List.init examples (fun i -> apply (List.map2 (fun m x -> if m then at i x else x) mapped xs))
    |> Tensor.stack 0

let private axesOf mapped = {
    In = mapped |> List.map (fun m -> if m then Some 0 else None)
    Out = []
}

/// Values of an input with these leading sizes. Each example has the input's own numbers in another order, so that
/// none leaves the domain of the row.
let private several (rng: Random) leading (shape: int list, values: float[]) =
    let example _ =
        let shuffled = Array.copy values
        rng.Shuffle shuffled
        shuffled

    Array.init (elements leading) example
    |> Array.concat
    |> Tensor.ofFloats (leading @ shape)

let private inputsOf rng (case: Case) mapped =
    List.map2 (fun input m -> several rng (if m then [ examples ] else []) input) case.Inputs mapped

/// The gradients of a weighted sum of the elements.
let private gradients f (xs: Tensor list) =
    let weighted (y: Tensor) =
        let weights = Array.init y.Shape.Size (fun i -> 1.0 + 0.25 * float (i % 5))
        Tensor.sum (y * Tensor.ofFloats (dimsOf y) weights)

    grad (f >> weighted) xs

// ---- every primitive ---------------------------------------------------------------------------------------------

let rowsOnEngines = [
    for r in rows do
        for engine in engineNames -> TestCaseData(r.Name, engine)
]

/// The cases of a row, with each choice of their mapped arguments.
let private forEach name test =
    for seed in 1..4 do
        let case = (row name).Case(Random seed)

        for mapped in subsets case.Inputs.Length do
            test case mapped $"{name}, case {seed}, mapped %A{mapped}"

/// Fails unless the mapped function is the loop, as it is and compiled.
let private shouldLoop what engine apply mapped xs =
    let on = engineOf engine
    let expected: Tensor = loop mapped apply xs
    let actual: Tensor = vmapOver (axesOf mapped) apply xs
    shouldEqual (expected.DType, dimsOf expected) (actual.DType, dimsOf actual)
    shouldBeClose $"{what} on {engine}" 1e-12 (floatsOn on expected) (floatsOn on actual)
    let compiled = Compile.on on (vmapOver (axesOf mapped) apply) xs
    shouldBeClose $"{what}, compiled, on {engine}" 1e-12 (floatsOn on expected) (floatsOn on compiled)

[<TestCaseSource(nameof rowsOnEngines)>]
let ``a mapped primitive is a loop`` (name: string) (engine: string) =
    forEach name (fun case mapped what ->
        shouldLoop what engine case.Apply mapped (inputsOf (Random 1) case mapped))

[<TestCaseSource(nameof rowsOnEngines)>]
let ``the gradient of a mapped primitive is that of the loop`` (name: string) (engine: string) =
    let on = engineOf engine

    forEach name (fun case mapped what ->
        let xs = inputsOf (Random 2) case mapped
        let expected = gradients (loop mapped case.Apply) xs
        let actual = gradients (vmapOver (axesOf mapped) case.Apply) xs

        for e, a in List.zip expected actual do
            shouldBeClose $"{what}, gradient on {engine}" 1e-11 (floatsOn on e) (floatsOn on a))

[<TestCaseSource(nameof rowsOnEngines)>]
let ``a primitive mapped twice is a loop in a loop`` (name: string) (engine: string) =
    let on = engineOf engine

    forEach name (fun case mapped what ->
        // The last mapped argument alone goes through the inner map too.
        let last = List.findIndexBack id mapped
        let inner = List.init mapped.Length (fun i -> i = last)
        let rng = Random 3

        let xs =
            List.map3
                (fun input (outer: bool) (inner: bool) ->
                    several
                        rng
                        (List.replicate (Convert.ToInt32 outer + Convert.ToInt32 inner) examples)
                        input)
                case.Inputs
                mapped
                inner

        let expected = loop mapped (loop inner case.Apply) xs
        let actual = vmapOver (axesOf mapped) (vmapOver (axesOf inner) case.Apply) xs
        shouldEqual (dimsOf expected) (dimsOf actual)
        shouldBeClose $"{what}, twice on {engine}" 1e-12 (floatsOn on expected) (floatsOn on actual))

// ---- operands that nothing can be differentiated by ----------------------------------------------------------------

/// Whole numbers below `length`.
let private whole length (rng: Random) shape =
    Tensor.ofInt64s shape (Array.init (elements shape) (fun _ -> int64 (rng.Next length)))

let private real (rng: Random) shape =
    Tensor.ofFloats shape (uniform rng -2.0 2.0 shape)

let private words (rng: Random) shape =
    Tensor.ofInt32s shape (Array.init (elements shape) (fun _ -> rng.Next()))

/// Functions of keys, positions and conditions, with the shape of one example of each argument.
let private constantOperands
    : (string * ((Random -> int list -> Tensor) * int list) list * (Tensor list -> Tensor)) list =
    let keyed name f =
        name, [ words, [ 2 ] ], (fun (xs: Tensor list) -> f { Words = xs.Head })

    [
        keyed "uniform, float64" (Key.uniform DType.Float64 [ 3; 5 ])
        keyed "uniform, float32" (Key.uniform DType.Float32 [ 3; 5 ])
        keyed "normal" (Key.normal DType.Float64 [ 7 ])
        keyed "split" (Key.split 3 >> fun keys -> keys[1].Words)
        // 25 random words: each key starts a block of its own.
        keyed "child" (Key.child "dropout" >> Key.uniform DType.Float32 [ 25 ])
        "gather, first axis", [ real, [ 3; 3 ]; whole 3, [ 5; 3 ] ], (fun xs -> Tensor.gather 0 xs[1] xs[0])
        "gather, last axis", [ real, [ 3; 3 ]; whole 3, [ 3; 5 ] ], (fun xs -> Tensor.gather 1 xs[1] xs[0])
        "indexSelect", [ real, [ 6; 4 ]; whole 6, [ 3 ] ], (fun xs -> Tensor.indexSelect 0 xs[1] xs[0])
        "scatterAdd", [ real, [ 3; 4 ]; whole 5, [ 3; 4 ] ], (fun xs -> Tensor.scatterAdd 1 5 xs[1] xs[0])
        "where",
        [ whole 2, [ 2; 3 ]; real, [ 2; 3 ]; real, [ 2; 3 ] ],
        (fun xs -> Tensor.where (Tensor.cast DType.Bool xs[0]) xs[1] xs[2])
        "equal, with ties", [ whole 3, [ 4 ]; whole 3, [ 4 ] ], (fun xs -> Tensor.eq xs[0] xs[1])
        "argmax, with ties", [ whole 3, [ 3; 4 ] ], (fun xs -> Tensor.argmax 1 xs[0])
        "cast to whole numbers", [ real, [ 3 ] ], (fun xs -> Tensor.cast DType.Int64 xs[0])
    ]

let constantNames = constantOperands |> List.map (fun (name, _, _) -> name)

[<TestCaseSource(nameof constantNames)>]
let ``keys, positions and conditions are mapped as a loop`` (name: string) =
    let _, arguments, apply = constantOperands |> List.find (fun (n, _, _) -> n = name)

    for mapped in subsets arguments.Length do
        let rng = Random 4

        let xs =
            List.map2
                (fun (draw, shape) m -> draw rng (if m then examples :: shape else shape))
                arguments
                mapped

        for engine in engineNames do
            shouldLoop $"{name}, mapped %A{mapped}" engine apply mapped xs

// ---- forms, axes, nesting ----------------------------------------------------------------------------------------

let private matrix = float64s [ 2; 3 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]

[<Test>]
let ``axes may be chosen for arguments and results`` () =
    let f (x: Tensor, y: Tensor) = x * y, Tensor.sum x

    let axes = {
        In = [ Some 1; None ]
        Out = [ -1; 0 ]
    }

    let products, sums = vmapOver axes f (matrix, float64s [ 2 ] [ 10.0; 100.0 ])
    shouldEqual [ 2; 3 ] (dimsOf products)
    shouldBeExactly "products" [ 10.0; 20.0; 30.0; 400.0; 500.0; 600.0 ] (Tensor.toFloats products)
    shouldBeExactly "sums" [ 5.0; 7.0; 9.0 ] (Tensor.toFloats sums)

[<Test>]
let ``a result that no example has a part in is the same for all`` () =
    let y = vmap (fun (_: Tensor) -> float64s [ 2 ] [ 7.0; 8.0 ]) matrix
    shouldEqual [ 2; 2 ] (dimsOf y)
    shouldBeExactly "result" [ 7.0; 8.0; 7.0; 8.0 ] (Tensor.toFloats y)

[<Test>]
let ``no examples give no results`` () =
    let y =
        vmap
            (fun (x: Tensor) -> Tensor.matmul x (Tensor.transpose 0 1 x))
            (Tensor.full DType.Float64 [ 0; 2; 3 ] 0.0)

    shouldEqual [ 0; 2; 2 ] (dimsOf y)
    shouldBeExactly "result" [] (Tensor.toFloats y)

[<Test>]
let ``what cannot be mapped is refused in words`` () =
    raises<ShapeException>
        "vmap: argument 0 has 2 examples and argument 1 has 3; all that is mapped needs as many"
        (fun () ->
            vmap (fun (a: Tensor, b: Tensor) -> Tensor.sum a + Tensor.sum b) (matrix, Tensor.zeros [ 3 ])
            |> ignore)

    raises<ShapeException>
        "vmap: argument 0: axis 0 of shape [] does not exist; a scalar has no axes"
        (fun () -> vmap Tensor.exp (Tensor.scalar 1.0) |> ignore)

    raises<ShapeException>
        "vmap: no tensor of the argument is mapped, so there are no examples; name an axis for one"
        (fun () -> vmapOver { In = [ None ]; Out = [] } Tensor.exp matrix |> ignore)

    raises<ShapeException>
        "vmap: there are 2 axes for the 1 tensors of the argument; it needs one for each"
        (fun () -> vmapOver { In = [ None; Some 0 ]; Out = [] } Tensor.exp matrix |> ignore)

    messageOf<TraceException>(fun () ->
        vmap (fun (x: Tensor) -> if Tensor.item (Tensor.sum x) > 0.0 then x else -x) matrix
        |> ignore)
    |> shouldContain [ "'one example of vmap' has no value" ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``gradients for each example are the gradients of each example`` (engine: string) =
    let on = engineOf engine
    let w = float64s [ 3 ] [ 0.5; -1.0; 2.0 ]

    let loss w (x: Tensor) =
        Tensor.square (Tensor.tanh (Tensor.sum (w * x)))

    let each = vmap (fun x -> grad (fun w -> loss w x) w) matrix

    let expected =
        loop [ true ] (fun xs -> grad (fun w -> loss w xs.Head) w) [
            Tensor.cat 0 [ matrix; Tensor.narrow 0 0 1 matrix ]
        ]

    shouldBeClose "per example" 1e-13 (Array.take 6 (floatsOn on expected)) (floatsOn on each)
    // The other way round: the gradient of the mean of a map.
    let mean = grad (fun w -> Tensor.mean (vmap (loss w) matrix)) w
    shouldBeClose "of the mean" 1e-13 (floatsOn on (Tensor.meanAxes [ 0 ] each)) (floatsOn on mean)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``each example has random numbers of its own, those of its own key`` (engine: string) =
    let on = engineOf engine
    let keys = Key.split 4 (Key.ofSeed 7L)
    let words = keys |> List.map _.Words |> Tensor.stack 0

    let draw words =
        Key.uniform DType.Float32 [ 33 ] { Words = words }

    let mapped = vmap draw words

    let alone =
        keys |> List.collect (fun k -> floatsOn on (draw k.Words) |> List.ofArray)

    shouldBeExactly "numbers" alone (floatsOn on mapped)
    shouldEqual (4 * 33) (Array.distinct (floatsOn on mapped)).Length

[<Test>]
let ``a chain of 100,000 operations is mapped without overflow`` () =
    let chain (x: Tensor) =
        (x, seq { 1..100_000 }) ||> Seq.fold (fun x _ -> x + 1.0)

    let y = vmap (fun (x: Tensor) -> chain x) (Tensor.full DType.Float64 [ 2; 1 ] 0.0)
    shouldBeExactly "chain" [ 100_000.0; 100_000.0 ] (Tensor.toFloats y)
