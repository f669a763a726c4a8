/// The Cpu engine against the Reference engine: single primitives on operands of every layout, and random graphs with
/// their derivatives; and bits that depend neither on the number of threads nor on how a graph is cut or compiled.
module FunctionalDL.Tests.EngineTests

open System
open NUnit.Framework
open FsCheck
open FsCheck.FSharp
open FsCheck.NUnit
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.PrimTable
open FunctionalDL.Tests.Programs
open FunctionalDL.Tests.RandomGraphs
open FunctionalDL.Tests.RandomOperands

// ---- single primitives -------------------------------------------------------------------------------------------

let private dtypes = [ DType.Float64; DType.Float32; DType.Int64; DType.Int32; DType.UInt8; DType.Bool ]

/// How far apart neighbouring numbers of the type lie at `x`.
let private ulp dtype (x: float) =
    match dtype with
    | DType.Float32 -> float (MathF.BitIncrement(abs (float32 x))) - float (abs (float32 x))
    | _ -> Math.BitIncrement(abs x) - abs x

/// What the engines may differ by in the result of one primitive.
[<RequireQualifiedAccess>]
type private Allowed =
    | Nothing
    /// So many units in the last place: both round a function that neither rounds correctly.
    | Ulps of float
    /// The error bound of a sum in any order: terms · ε · the sum of the absolute terms.
    | Summation of terms: int
    /// The error of elimination, relative to the largest element: c · n² · ε for matrices whose condition is
    /// at most 3, with 10 for c.
    | Elimination of rows: int
    /// So many units in the last place of the argument of an inverse function, as far as they move its
    /// result: erf⁻¹.
    | InverseUlps of float

let private allowed (dtype: DType) (prim: Prim<int>) (dimsOf: int -> int[]) =
    match prim with
    | Prim.Unary(op, _) ->
        match op with
        | UnaryOp.Neg
        | UnaryOp.Abs
        | UnaryOp.Sign
        | UnaryOp.Floor
        | UnaryOp.Ceil
        | UnaryOp.Round
        | UnaryOp.Sqrt -> Allowed.Nothing
        | UnaryOp.Exp
        | UnaryOp.Expm1
        | UnaryOp.Log
        | UnaryOp.Log1p
        | UnaryOp.Sin
        | UnaryOp.Cos
        | UnaryOp.Tanh
        | UnaryOp.Erf
        | UnaryOp.Sigmoid -> Allowed.Ulps 4.0
        | UnaryOp.Erfinv -> Allowed.InverseUlps 4.0
    | Prim.Binary((BinaryOp.Pow | BinaryOp.Atan2), _, _) -> Allowed.Ulps 4.0
    // Each factor rounds once in either engine.
    | Prim.Reduce(ReduceOp.Product, axes, x) when DType.isFloat dtype ->
        Allowed.Ulps(1.0 + float (axes |> Array.fold (fun n a -> n * (dimsOf x)[a]) 1))
    | Prim.Reduce(ReduceOp.Sum, axes, x) when DType.isFloat dtype ->
        Allowed.Summation(axes |> Array.fold (fun n a -> n * (dimsOf x)[a]) 1)
    | Prim.MatMul(a, _) when DType.isFloat dtype -> Allowed.Summation(Array.last (dimsOf a))
    | Prim.Convolution(part, spec, a, b) when DType.isFloat dtype ->
        let product (sizes: int[]) = Array.fold (*) 1 sizes
        let a, b = dimsOf a, dimsOf b

        Allowed.Summation(
            match part with
            | ConvolutionPart.Output -> product b[1..]
            | ConvolutionPart.Input -> b[0] / spec.Groups * product spec.Kernel
            | ConvolutionPart.Weight -> a[0] * product spec.Output
        )
    | Prim.ScatterAdd(axis, _, source, _) when dtype = DType.Float32 ->
        Allowed.Summation((dimsOf source)[axis])
    // The absolute terms of place k are k + 1 products, each rounded as often as it is handed on.
    | Prim.Recurrence(axis, decay, _) when dtype = DType.Float32 -> Allowed.Summation((dimsOf decay)[axis])
    | Prim.Overlap(_, _, _, _, x) when dtype = DType.Float32 -> Allowed.Summation(Array.last (dimsOf x))
    | Prim.Cholesky a
    | Prim.TriangularSolve(_, a, _)
    | Prim.Solve(a, _)
    | Prim.Determinant a -> Allowed.Elimination(Array.last (dimsOf a))
    | Prim.Constant _
    | Prim.Iota _
    | Prim.Random _
    | Prim.Binary _
    | Prim.Compare _
    | Prim.Select _
    | Prim.Cast _
    | Prim.Reduce _
    | Prim.Arg _
    | Prim.ArgWindow _
    | Prim.Reshape _
    | Prim.Permute _
    | Prim.Expand _
    | Prim.Slice _
    | Prim.Embed _
    | Prim.Concat _
    | Prim.MatMul _
    | Prim.Convolution _
    | Prim.Gather _
    | Prim.ScatterAdd _
    | Prim.Recurrence _
    | Prim.ArgSort _
    | Prim.Windows _
    | Prim.Overlap _
    | Prim.StopGradient _
    | Prim.Variable _
    | Prim.Barrier _
    | Prim.Custom _ -> Allowed.Nothing

/// The sum of the absolute terms of each element of the result, by the Reference engine in float64.
let private absoluteTerms (program: Program) (inputs: Storage[]) =
    let builder = Builder()

    for input in inputs do
        let wide =
            if DType.isFloat input.Type.DType then
                DType.Float64
            else
                input.Type.DType

        builder.Input(
            storageOf
                wide
                (input.Type.Shape.ToArray())
                (storageFloats input
                 |> Array.map (fun x -> if DType.isFloat wide then abs x else x))
        )
        |> ignore

    for step in program.Steps do
        builder.Add step.Prim |> ignore

    (runOn Reference.engine (builder.Program program.Outputs) builder.Inputs)[0]
    |> storageFloats

let private compareInstance what (program: Program) (inputs: Storage[]) =
    let expected = (runOn Reference.engine program inputs)[0]
    let actual = (runOn Cpu.engine program inputs)[0]

    let fail text =
        Assert.Fail $"{what}: {text}\n{Program.print program}"

    if actual.Type <> expected.Type then
        fail $"{actual.Type} instead of {expected.Type}"

    let prim = (Array.last program.Steps).Prim

    let dims x =
        (Program.typeOf program x).Shape.ToArray()

    let dtype = expected.Type.DType
    let e, a = storageFloats expected, storageFloats actual

    let epsilon =
        if dtype = DType.Float32 then
            Math.ScaleB(1.0, -23)
        else
            Math.ScaleB(1.0, -52)

    let margin =
        match allowed dtype prim dims with
        | Allowed.Nothing -> fun _ -> 0.0
        | Allowed.Ulps count -> fun i -> count * ulp dtype e[i]
        | Allowed.Summation terms ->
            let sums = absoluteTerms program inputs
            fun i -> float (terms + 1) * epsilon * sums[i]
        | Allowed.Elimination rows ->
            let largest = e |> Array.fold (fun m x -> max m (abs x)) 0.0
            fun _ -> 10.0 * float (rows * rows) * epsilon * largest
        | Allowed.InverseUlps count ->
            // erf⁻¹ has the slope √π/2 · exp(e²), and its argument is below 1.
            fun i ->
                count
                * (ulp dtype e[i] + epsilon / 2.0 * sqrt Math.PI / 2.0 * exp (e[i] * e[i]))

    for i in 0 .. e.Length - 1 do
        let isSame = e[i] = a[i] || (Double.IsNaN e[i] && Double.IsNaN a[i])

        if not (isSame || abs (e[i] - a[i]) <= margin i) then
            fail $"element {i} is {a[i]:R}, expected {e[i]:R} (allowed {margin i:E1})"

let primNames = everyPrim |> List.map Prim.name

/// The instances of a primitive in one element type, or none where it does not take the type.
let private instances name dtype count = [
    for seed in 1..count do
        let prim = everyPrim |> List.find (fun p -> Prim.name p = name)
        let rng = Random(1000 * int (DType.size dtype) + seed)

        let made =
            try
                let struct (program, inputs) = programOf rng (instanceOf rng dtype prim)
                Some(program, inputs)
            with :? DTypeException ->
                None

        match made with
        | Some(program, inputs) -> seed, program, inputs
        | None -> ()
]

[<TestCaseSource("primNames")>]
let ``every primitive gives what the reference gives, on operands of any layout`` (name: string) =
    let mutable count = 0

    for dtype in dtypes do
        for seed, program, inputs in instances name dtype 60 do
            compareInstance $"{name}, {dtype}, seed {seed}" program inputs
            count <- count + 1

    ensure $"{name}: nothing was compared" (count >= 60)

// ---- sizes at which blocks, vectors and threads matter -----------------------------------------------------------

let private floats dtype (rng: Random) dims =
    storageOf dtype dims (Array.init (Array.fold (*) 1 dims) (fun _ -> 2.0 * rng.NextDouble() - 1.0))

let private binaryProgram a b prim =
    let builder = Builder()
    let x, y = builder.Input a, builder.Input b
    let result = builder.Add(prim x y)
    struct (builder.Program [| result |], builder.Inputs)

let private unaryProgram a prim =
    let builder = Builder()
    let result = builder.Input a |> prim |> builder.Add
    struct (builder.Program [| result |], builder.Inputs)

[<Test>]
let ``matrix products of awkward sizes are those of the reference`` () =
    let rng = Random 7

    for dtype in [ DType.Float64; DType.Float32 ] do
        for m, k, n in
            [
                1, 1, 1
                1, 300, 1
                127, 1, 65
                33, 65, 129
                65, 257, 17
                6, 513, 34
                97, 31, 5
                48, 64, 96
                1, 77, 131
                131, 77, 1
            ] do
            let struct (program, inputs) =
                binaryProgram (floats dtype rng [| m; k |]) (floats dtype rng [| k; n |]) (fun a b ->
                    Prim.MatMul(a, b))

            compareInstance $"{dtype} {m}x{k} by {k}x{n}" program inputs

[<Test>]
let ``long folds are those of the reference, over any axes`` () =
    let rng = Random 8

    for dtype in [ DType.Float64; DType.Float32; DType.Int64; DType.Int32 ] do
        for dims, axes in
            [
                [| 100003 |], [| 0 |]
                [| 2; 50021 |], [| 1 |]
                [| 50021; 2 |], [| 0 |]
                [| 317; 331 |], [| 0 |]
                [| 317; 331 |], [| 1 |]
                [| 7; 101; 103 |], [| 0; 2 |]
                [| 7; 101; 103 |], [| 1 |]
                [| 1009; 1; 67 |], [| 1 |]
            ] do
            for op in [ ReduceOp.Sum; ReduceOp.Max ] do
                let values =
                    floats DType.Float64 rng dims
                    |> storageFloats
                    |> Array.map (fun x -> if DType.isFloat dtype then x else floor (1000.0 * x))

                let struct (program, inputs) =
                    unaryProgram (storageOf dtype dims values) (fun x -> Prim.Reduce(op, axes, x))

                compareInstance $"{dtype} {op} of %A{dims} over %A{axes}" program inputs

[<Test>]
let ``long elementwise chains are those of the reference`` () =
    let rng = Random 9

    for dtype in [ DType.Float64; DType.Float32 ] do
        for op in [ UnaryOp.Exp; UnaryOp.Log; UnaryOp.Tanh; UnaryOp.Sin; UnaryOp.Sigmoid ] do
            let values =
                floats DType.Float64 rng [| 30011 |]
                |> storageFloats
                |> Array.map (fun x -> 1.5 + x)

            let struct (program, inputs) =
                unaryProgram (storageOf dtype [| 30011 |] values) (fun x -> Prim.Unary(op, x))

            compareInstance $"{dtype} {op}" program inputs

// ---- random graphs -----------------------------------------------------------------------------------------------

type Graphs =
    /// Graphs of 30 to 60 operations; a failing one shrinks to fewer.
    static member RandomGraph() : Arbitrary<RandomGraph> =
        let graphs dtypes =
            gen {
                let! seed = Gen.choose (0, Int32.MaxValue - 1)
                let! steps = Gen.choose (30, 60)
                let! dtype = Gen.elements dtypes

                return {
                    Seed = seed
                    Steps = steps
                    DType = dtype
                }
            }

        let shrink graph =
            [ graph.Steps / 2; graph.Steps - 5; graph.Steps - 1 ]
            |> List.filter (fun n -> n > 0 && n < graph.Steps)
            |> List.distinct
            |> Seq.map (fun n -> { graph with Steps = n })

        Arb.fromGenShrink (graphs [ DType.Float64; DType.Float32 ], shrink)

/// What graphs of so many operations may differ by, relative to the largest element of an output (at least 1): rounding,
/// carried through at most 60 operations that each stretch it by at most the bounds of the generator.
let private graphTolerance dtype =
    if dtype = DType.Float32 then 2e-4 else 1e-12

let private tensors (inputs: Storage[]) =
    inputs |> Array.map Tensor.ofStorage |> List.ofArray

let private describe graph program = $"%A{graph}\n{Program.print program}\n"

[<Property(Arbitrary = [| typeof<Graphs> |], MaxTest = 400, Replay = "20250101,1")>]
let ``random graphs: the engines agree, to the bit where nothing is rounded differently``
    (graph: RandomGraph)
    =
    let struct (program, inputs, exact) = generate graph
    let expected = runOn Reference.engine program inputs
    let actual = runOn Cpu.engine (Simplify.run true program) inputs

    for i in 0 .. expected.Length - 1 do
        let what = $"{describe graph program}output {i}"
        let tolerance = if exact[i] then 0.0 else graphTolerance graph.DType
        shouldBeClose what tolerance (storageFloats expected[i]) (storageFloats actual[i])

        if expected[i].Type.DType = graph.DType then
            // The tests' promise of moderate values, so that tolerances mean something.
            ensure $"{what} leaves ±10" (storageFloats expected[i] |> Array.forall (fun x -> abs x <= 10.01))

[<Test>]
let ``a product that is only read turned around is computed that way, with the same bits`` () =
    let key = Key.ofSeed 7L

    let normal name shape =
        Key.normal DType.Float32 shape (Key.child name key)

    let a, b = normal "a" [ 3; 37; 20 ], normal "b" [ 3; 20; 50 ]
    let transposed (x: Tensor) = Tensor.transpose -2 -1 x * 2.0
    let turned (a, b) = transposed (Tensor.matmul a b)

    let products (program: Program) = [
        for step in program.Steps do
            if step.Prim.IsMatMul then
                List.ofArray (step.Type.Shape.ToArray())
    ]

    let alone = products (Compile.program turned (a, b))
    ensure $"products: %A{alone}" (alone = [ [ 3; 50; 37 ] ])
    // One that is wanted for itself is computed once, as it was asked for.
    let both (a, b) = Tensor.matmul a b, turned (a, b)
    let wanted = products (Compile.program both (a, b))
    ensure $"products: %A{wanted}" (wanted = [ [ 3; 37; 50 ] ])

    for name in engineNames do
        let engine = engineOf name
        let product = Tensor.matmul a b
        Tensor.evalOn engine [ product ]
        let expected = transposed product
        let actual = Compile.on engine turned (a, b)
        Tensor.evalOn engine [ expected; actual ]

        let bits = Tensor.toStorage >> storageBytes
        ensure $"{name}: other bits" (bits expected = bits actual)

let private bytesOfAll engine (xs: Tensor list) =
    Tensor.evalOn engine xs
    xs |> List.map (Tensor.toStorage >> storageBytes)

[<Property(Arbitrary = [| typeof<Graphs> |], MaxTest = 200, Replay = "20250102,1")>]
let ``random graphs: compiled or not, and wherever they are cut, the bits are the same``
    (graph: RandomGraph)
    =
    let struct (program, inputs, _) = generate graph
    let f = functionOf program

    for name in engineNames do
        let engine = engineOf name
        let whole = bytesOfAll engine (f (tensors inputs))
        let compiled = bytesOfAll engine (Compile.on engine f (tensors inputs))
        ensure $"{describe graph program}{name}: compiled bits differ" ((whole = compiled))

        // Somebody looks at some intermediate values first.
        let rng = Random graph.Seed
        let values = valuesOf program (tensors inputs)

        for _ in 1..3 do
            Tensor.evalOn engine [ values[rng.Next values.Length] ]

        let cut =
            program.Outputs
            |> Array.map (fun o -> values[o])
            |> List.ofArray
            |> bytesOfAll engine

        ensure $"{describe graph program}{name}: the bits depend on the cut" ((whole = cut))

let private threadCounts = [ 1; 2; 5 ]

[<Property(Arbitrary = [| typeof<Graphs> |], MaxTest = 100, Replay = "20250103,1")>]
let ``random graphs: the bits do not depend on the number of threads`` (graph: RandomGraph) =
    let struct (program, inputs, _) = generate graph

    let run threads =
        runOn (Cpu.withThreads threads) program inputs |> Array.map storageBytes

    let all = threadCounts |> List.map run

    ensure
        $"{describe graph program}the bits depend on the number of threads"
        (List.forall ((=) all.Head) all)

/// A graph's float outputs weighed into one number, as a function of its inputs; with the weights' seed fixed.
let private lossOf (graph: RandomGraph) (program: Program) (inputs: Tensor list) =
    let rng = Random graph.Seed

    functionOf program inputs
    |> List.filter (fun y -> y.DType = graph.DType)
    |> List.map (fun y -> Tensor.sum (y * Tensor.ofFloats (dimsOf y) (direction rng y.Shape.Size)))
    |> List.fold (+) (Tensor.full graph.DType [] 0.0)

[<Property(Arbitrary = [| typeof<Graphs> |], MaxTest = 1000, Replay = "20250104,1")>]
let ``random graphs: the engines agree on derivatives, and forward mode on reverse mode``
    (graph: RandomGraph)
    =
    let graph = { graph with DType = DType.Float64 }
    let struct (program, inputs, _) = generate graph
    let loss = lossOf graph program
    let rng = Random(graph.Seed + 1)

    let v =
        inputs
        |> Array.map (fun x ->
            Tensor.ofFloats (x.Type.Shape.ToArray() |> List.ofArray) (direction rng x.Type.Shape.Size))
        |> List.ofArray

    let describe = describe graph program

    let onEngine name =
        let engine = engineOf name
        let gradient = grad loss (tensors inputs)
        let forward = jvp loss (tensors inputs) v |> snd |> itemOn engine

        let reverse =
            List.map2 (fun g v -> Tensor.sum (g * v)) gradient v
            |> List.reduce (+)
            |> itemOn engine

        let gradient = gradient |> List.map (floatsOn engine) |> Array.concat
        // Each product of the dot may be as large as the gradient times the direction.
        let size = gradient |> Array.fold (fun s g -> max s (abs g)) 1.0
        shouldBeClose $"{describe}{name}, forward against reverse" (1e-11 * size) [| reverse |] [| forward |]
        gradient

    shouldBeClose $"{describe}gradients" 1e-11 (onEngine "reference") (onEngine "cpu")

[<Property(Arbitrary = [| typeof<Graphs> |], MaxTest = 60, Replay = "20250105,1")>]
let ``random graphs: compiled gradients have the bits of uncompiled ones`` (graph: RandomGraph) =
    let struct (program, inputs, _) = generate graph
    let gradient = grad (lossOf graph program)

    for name in engineNames do
        let engine = engineOf name
        let plain = bytesOfAll engine (gradient (tensors inputs))
        let compiled = bytesOfAll engine (Compile.on engine gradient (tensors inputs))
        ensure $"{describe graph program}{name}: compiled bits differ" ((plain = compiled))

[<Test>]
let ``large kernels give the same bits on any number of threads`` () =
    let rng = Random 10

    for dtype in [ DType.Float64; DType.Float32 ] do
        let programs = [
            binaryProgram (floats dtype rng [| 257; 300 |]) (floats dtype rng [| 300; 131 |]) (fun a b ->
                Prim.MatMul(a, b))
            binaryProgram (floats dtype rng [| 5; 64; 33 |]) (floats dtype rng [| 5; 33; 65 |]) (fun a b ->
                Prim.MatMul(a, b))
            unaryProgram (floats dtype rng [| 200003 |]) (fun x -> Prim.Reduce(ReduceOp.Sum, [| 0 |], x))
            unaryProgram (floats dtype rng [| 3; 70001 |]) (fun x -> Prim.Reduce(ReduceOp.Sum, [| 1 |], x))
            unaryProgram (floats dtype rng [| 70001; 3 |]) (fun x -> Prim.Reduce(ReduceOp.Sum, [| 0 |], x))
            unaryProgram (floats dtype rng [| 701; 703 |]) (fun x -> Prim.Unary(UnaryOp.Exp, x))
        ]

        for struct (program, inputs) in programs do
            let run threads =
                (runOn (Cpu.withThreads threads) program inputs)[0] |> storageBytes

            let all = threadCounts |> List.map run

            ensure
                $"{dtype}: the bits depend on the number of threads\n{Program.print program}"
                (List.forall ((=) all.Head) all)
