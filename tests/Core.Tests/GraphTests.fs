/// When things are computed, what is kept meanwhile, and what a compiled function refuses.
module FunctionalDL.Tests.GraphTests

open System
open System.Runtime.CompilerServices
open System.Threading
open System.Threading.Tasks
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Kernels
open FunctionalDL.Tests.Support

let private vector (values: float list) = float64s [ values.Length ] values

// ---- laziness ----------------------------------------------------------------------------------------------------

/// Elements that count how often somebody reads them.
type private Watched(values: float[]) =
    inherit
        Storage(
            {
                DType = DType.Float64
                Shape = Shape.ofList [ values.Length ]
            }
        )

    member val Reads = 0 with get, set

    override this.Read target =
        this.Reads <- this.Reads + 1
        values.AsSpan().CopyTo(Runtime.InteropServices.MemoryMarshal.Cast<byte, float> target)

/// The reference engine, counting what is asked of it.
type private Counting() =
    let inner = Reference.engine
    member val Compiled = 0 with get, set
    member val Ran = 0 with get, set

    interface IEngine with
        member _.Name = "counting"
        member _.Accept storage = inner.Accept storage

        member this.Compile program =
            this.Compiled <- this.Compiled + 1
            let executable = inner.Compile program

            {
                new IExecutable with
                    member _.Run(inputs, literals) =
                        this.Ran <- this.Ran + 1
                        executable.Run(inputs, literals)

                    member _.Advance(inputs, turn) =
                        this.Ran <- this.Ran + 1
                        executable.Advance(inputs, turn)

                    member _.Print() = executable.Print()

                    member _.Profile(inputs, literals, runs) =
                        executable.Profile(inputs, literals, runs)
            }

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``nothing is computed before somebody looks, and then once`` (engine: string) =
    let on = engineOf engine
    let watched = Watched [| 1.0; 2.0 |]
    let x = Tensor.ofStorage watched
    let y = Tensor.sum (Tensor.exp x * 2.0)
    let gradient = grad (fun x -> Tensor.sum (x * x)) x
    shouldEqual 0 watched.Reads
    shouldBeClose "value" 1e-15 [| 2.0 * (exp 1.0 + exp 2.0) |] (floatsOn on y)
    ensure "the data was not read" (watched.Reads > 0)
    let reads = watched.Reads
    floatsOn on y |> ignore
    shouldEqual reads watched.Reads
    shouldBeExactly "gradient" [ 2.0; 4.0 ] (floatsOn on gradient)

[<Test>]
let ``an error of values waits until somebody looks`` () =
    let bad = Tensor.gather 0 (Tensor.ofInt64s [ 1 ] [| 7L |]) (vector [ 1.0; 2.0 ])
    let sum = Tensor.sum bad + 1.0

    messageOf<ValueException>(fun () -> floatsOn Reference.engine sum |> ignore)
    |> shouldContain [ "index 7" ]
    // It is not forgotten, and nothing half computed is taken for a result.
    messageOf<ValueException>(fun () -> floatsOn Reference.engine sum |> ignore)
    |> shouldContain [ "index 7" ]

[<Test>]
let ``tensors evaluated together share what they have in common`` () =
    let engine = Counting()
    let common = Tensor.exp (vector [ 1.0; 2.0 ])
    let a, b = common + 1.0, common * 2.0
    Tensor.evalOn engine [ a; b ]
    shouldEqual 1 engine.Ran
    Tensor.evalOn engine [ a; b ]
    shouldEqual 1 engine.Ran
    Tensor.evalOn engine [ common ]
    shouldEqual 2 engine.Ran

[<Test>]
let ``graphs that differ in scalars alone share a plan`` () =
    let engine = Counting()
    let x = vector [ 1.0; 2.0 ]

    for factor in [ 2.0; 3.0; -0.5; nan ] do
        shouldBeExactly $"times {factor}" [ factor; 2.0 * factor ] (floatsOn engine (x * factor))

    shouldEqual 1 engine.Compiled
    floatsOn engine (vector [ 1.0; 2.0; 3.0 ] * 2.0) |> ignore
    shouldEqual 2 engine.Compiled

// ---- what is kept ------------------------------------------------------------------------------------------------

/// A tensor made of data that nothing else holds, and a weak reference to the data, in the engine's own memory.
[<MethodImpl(MethodImplOptions.NoInlining)>]
let private made on (make: Tensor -> Tensor) =
    let data = Tensor.full DType.Float64 [ 1000 ] 0.5 + 1.0
    let storage = storageOn on data
    make data, WeakReference storage

let private isCollected (data: WeakReference) =
    for _ in 1..3 do
        GC.Collect()
        GC.WaitForPendingFinalizers()

    not data.IsAlive

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a realised tensor lets go of what it was made of`` (engine: string) =
    let on = engineOf engine
    let y, data = made on (fun x -> Tensor.sum (x * 2.0 + 1.0))
    ensure "the data is gone before it was used" (not (isCollected data))
    floatsOn on y |> ignore
    ensure "the data is kept" (isCollected data)
    shouldBeExactly "value" [ 4000.0 ] (floatsOn on y)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the result of a finished derivative lets go of what it was made of`` (engine: string) =
    let on = engineOf engine
    let y, data = made on (fun x -> Tensor.sum (grad (fun x -> Tensor.sum (x * x)) x))
    floatsOn on y |> ignore
    ensure "the data is kept" (isCollected data)
    shouldBeExactly "value" [ 3000.0 ] (floatsOn on y)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a tensor that a derivative may still need keeps what it was made of`` (engine: string) =
    let on = engineOf engine
    let y, data = made on (fun x -> let v = Eager.variable x in Tensor.sum (v * v))
    floatsOn on y |> ignore
    ensure "the data is gone" (not (isCollected data))
    GC.KeepAlive y

let private quadratic (p: Tensor) = Tensor.sum ((p - 3.0) * (p - 3.0))

/// 2,000 steps of descent; the pool's bytes after each, and at the end of all.
let private descend (step: Tensor -> Tensor) =
    let mutable p = Tensor.full DType.Float32 [ 64; 64 ] 0.0
    let bytes = Array.zeroCreate<int64> 2000

    for i in 0..1999 do
        p <- step p
        Tensor.eval [ p ]
        bytes[i] <- MemoryPool.Shared.LiveBytes

    shouldBeClose "the minimum" 1e-5 (Array.create 4096 3.0) (Tensor.toFloats p)
    bytes

let private shouldStayFlat (bytes: int64[]) =
    let early = bytes[20]
    let limit = 2L * early + 16L * 1024L * 1024L
    ensure $"{Array.max bytes[20..]} bytes, {early} at step 20" (Array.max bytes[20..] <= limit)
    GC.Collect()
    GC.WaitForPendingFinalizers()
    GC.Collect()

    ensure
        $"{MemoryPool.Shared.LiveBytes} bytes in the end, {early} at step 20"
        (MemoryPool.Shared.LiveBytes <= max early limit)

[<Test>]
let ``memory stays flat over 2,000 steps of descent, not compiled`` () =
    descend (fun p -> p - 0.01 * grad quadratic p) |> shouldStayFlat

[<Test>]
let ``memory stays flat over 2,000 steps of descent, compiled`` () =
    descend (Compile.run (fun p -> p - 0.01 * grad quadratic p)) |> shouldStayFlat

// ---- long chains -------------------------------------------------------------------------------------------------

let private long = 100_000

/// x ← x·c + d, which tends to d / (1 - c).
let private chain count (c: Tensor, d: Tensor) (x: Tensor) =
    let mutable y = x

    for _ in 1 .. count / 2 do
        y <- y * c + d

    y

let private rate, shift =
    Tensor.full DType.Float64 [] 0.999, Tensor.full DType.Float64 [] 0.001

[<Test>]
let ``a chain of 100,000 operations is built and computed`` () =
    shouldBeClose "value" 1e-12 [| 1.0 |] (Tensor.toFloats (chain long (rate, shift) (vector [ 5.0 ])))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a chain of 100,000 operations is differentiated in both modes`` (engine: string) =
    let on = engineOf engine
    let c = Tensor.full DType.Float64 [] 0.99999
    let slope = 0.99999 ** float (long / 2)
    let f x = Tensor.sum (chain long (c, shift) x)
    shouldBeClose "reverse" 1e-12 [| slope |] (floatsOn on (grad f (vector [ 5.0 ])))
    shouldBeClose "forward" 1e-12 [| slope |] (floatsOn on (snd (jvp f (vector [ 5.0 ]) (vector [ 1.0 ]))))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a chain of 100,000 operations with scalars of their own is compiled`` (engine: string) =
    let f (x: Tensor) =
        let mutable y = x

        for i in 1 .. long / 2 do
            y <- y + float (i % 7) * 1e-6

        y

    let expected =
        5.0 + 1e-6 * (Seq.init (long / 2) (fun i -> float ((i + 1) % 7)) |> Seq.sum)

    shouldBeClose
        "value"
        1e-12
        [| expected |]
        (Compile.on (engineOf engine) f (vector [ 5.0 ]) |> floatsOn (engineOf engine))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a chain of 100,000 kernels is differentiated`` (engine: string) =
    // A sum and its stretching: each is a step of its own, with memory of its own.
    let f (x: Tensor) =
        let mutable y = x

        for _ in 1 .. long / 4 do
            y <-
                Tensor.expand [ 2 ] (Tensor.sumAxesKeep [ 0 ] y)
                * Tensor.full DType.Float64 [] 0.5

        Tensor.sum y

    shouldBeClose "gradient" 1e-12 [| 1.0; 1.0 |] (floatsOn (engineOf engine) (grad f (vector [ 5.0; 6.0 ])))

/// What is done with a chain, each to its last number.
let private uses: (string * (int -> unit)) list =
    let f count = chain count (rate, shift) >> Tensor.sum
    let x = vector [ 5.0 ]

    [
        "evaluate", (fun count -> Tensor.eval [ f count x ])
        "gradient", (fun count -> Tensor.eval [ grad (f count) x ])
        "forward", (fun count -> Tensor.eval [ snd (jvp (f count) x (vector [ 1.0 ])) ])
        "second order", (fun count -> Tensor.eval [ grad (fun x -> Tensor.sum (grad (f count) x)) x ])
    ]

[<Test>]
let ``a chain ten times as long takes ten times the objects`` () =
    for name, run in uses do
        let bytes count =
            // The second run finds the plan.
            run count
            let before = GC.GetAllocatedBytesForCurrentThread()
            run count
            float (GC.GetAllocatedBytesForCurrentThread() - before)

        let ratio = bytes long / bytes 10_000
        ensure $"{name}: {ratio:F1} times" (ratio < 11.5)

/// The fastest of three runs, in seconds, each on a heap that was just swept.
let private fastest run =
    Seq.init 3 (fun _ ->
        GC.Collect()
        GC.WaitForPendingFinalizers()
        let start = Diagnostics.Stopwatch.GetTimestamp()
        run ()
        (Diagnostics.Stopwatch.GetElapsedTime start).TotalSeconds)
    |> Seq.min

[<Test; Category "Slow">]
let ``a chain ten times as long takes at most fifteen times the time`` () =
    for name, run in uses do
        // Plans are made and code compiled before anything is timed.
        for _ in 1..50 do
            run 2_000

        run 10_000
        run long
        let ratio = fastest (fun () -> run long) / fastest (fun () -> run 10_000)
        ensure $"{name}: {ratio:F1} times" (ratio <= 15.0)

[<Test>]
let ``an inner derivative looks at nothing that is older than its variable`` () =
    // Descent, seen by an outer derivative: the graph before a step is as long as all steps before it.
    let descend steps (p: Tensor) =
        (p, seq { 1..steps })
        ||> Seq.fold (fun p _ -> p - 0.1 * grad (fun q -> Tensor.sum (q * q)) p)
        |> Tensor.sum

    // p ← 0.8 p
    shouldBeClose "gradient" 1e-12 [| 0.8 ** 5.0 |] (Tensor.toFloats (grad (descend 5) (vector [ 3.0 ])))

    let bytes steps =
        let before = GC.GetAllocatedBytesForCurrentThread()
        grad (descend steps) (vector [ 3.0 ]) |> ignore
        float (GC.GetAllocatedBytesForCurrentThread() - before)

    bytes 10 |> ignore
    let ratio = bytes 1_000 / bytes 100
    ensure $"{ratio:F1} times" (ratio < 11.5)

[<Test>]
let ``a value that is used twice at each of 100 levels is computed once at each`` () =
    let double x =
        (x, [ 1..100 ]) ||> List.fold (fun (y: Tensor) _ -> y * 0.5 + y * 0.5)

    shouldBeExactly "value" [ 3.0 ] (floatsOn Reference.engine (double (vector [ 3.0 ])))

    shouldBeExactly
        "gradient"
        [ 1.0 ]
        (floatsOn Reference.engine (grad (double >> Tensor.sum) (vector [ 3.0 ])))

// ---- compile -----------------------------------------------------------------------------------------------------

let private symbolMessage name =
    $"'{name}' has no value: it stands for an argument while a function is traced. "
    + "Inside compile, do not branch on values and do not look at them; "
    + "after it, do not use tensors that were kept from inside"

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a branch on a value inside compile is refused`` (engine: string) =
    let f (x: Tensor) =
        if Tensor.item (Tensor.sum x) > 0.0 then x else -x

    raises<TraceException> (symbolMessage "argument 0") (fun () ->
        Compile.on (engineOf engine) f (vector [ 1.0 ]) |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a symbol that outlived its trace is refused`` (engine: string) =
    let on = engineOf engine
    let mutable kept = vector []

    let f (x: Tensor, y: Tensor) =
        kept <- x * y
        x + y

    Compile.on on f (vector [ 1.0 ], vector [ 2.0 ]) |> ignore
    raises<TraceException> (symbolMessage "argument 0") (fun () -> floatsOn on (kept + 1.0) |> ignore)
    // Printing is for whoever looks for the mistake: it must not be one itself.
    shouldEqual "tensor(<traced> float64[1])" (string kept)

    raises<TraceException> (symbolMessage "argument 0") (fun () ->
        Compile.on on (fun z -> z + kept) (vector [ 3.0 ]) |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``compile traces again for other shapes, types and static parts, and for nothing else`` (engine: string) =
    let mutable traces = 0

    let f (x: Tensor, power: int, hyper: Map<string, Tensor>) =
        traces <- traces + 1
        (List.replicate power x |> List.reduce (*)) * hyper["lr"]

    let compiled = Compile.on (engineOf engine) f

    let hyper value =
        Map [ "lr", Tensor.full DType.Float64 [] value ]

    let run x power lr =
        compiled (x, power, hyper lr) |> floatsOn (engineOf engine)

    shouldBeExactly "first" [ 2.0; 8.0 ] (run (vector [ 1.0; 2.0 ]) 2 2.0)
    shouldBeExactly "other values" [ 18.0; 32.0 ] (run (vector [ 3.0; 4.0 ]) 2 2.0)
    shouldBeExactly "another rate" [ 4.5; 8.0 ] (run (vector [ 3.0; 4.0 ]) 2 0.5)
    shouldEqual 1 traces
    shouldBeExactly "another shape" [ 18.0 ] (run (vector [ 3.0 ]) 2 2.0)
    shouldEqual 2 traces
    shouldBeExactly "another static part" [ 54.0; 128.0 ] (run (vector [ 3.0; 4.0 ]) 3 2.0)
    shouldEqual 3 traces
    shouldBeExactly "another type" [ 18.0; 32.0 ] (run (Tensor.ofFloat32s [ 2 ] [| 3.0f; 4.0f |]) 2 2.0)
    shouldEqual 4 traces
    shouldBeExactly "the first again" [ 2.0; 8.0 ] (run (vector [ 1.0; 2.0 ]) 2 2.0)
    shouldEqual 4 traces

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a compiled function gives arguments, constants and one value in two places as they are``
    (engine: string)
    =
    let on = engineOf engine
    let closed = vector [ 9.0; 8.0 ]

    let f (x: Tensor) =
        let sum = x + 1.0

        [
            x
            Tensor.reshape [ 2; 1 ] x
            Tensor.full DType.Float64 [ 2 ] 4.0
            closed
            sum
            sum
            Tensor.arange 3
        ]

    let expected = [
        [ 1.0; 2.0 ]
        [ 1.0; 2.0 ]
        [ 4.0; 4.0 ]
        [ 9.0; 8.0 ]
        [ 2.0; 3.0 ]
        [ 2.0; 3.0 ]
        [ 0.0; 1.0; 2.0 ]
    ]

    let compiled = Compile.on on f

    for _ in 1..2 do
        List.iter2
            (fun e r -> shouldBeExactly "result" e (floatsOn on r))
            expected
            (compiled (vector [ 1.0; 2.0 ]))

    let reshaped = (compiled (vector [ 1.0; 2.0 ]))[1]
    shouldEqual [ 2; 1 ] (dimsOf reshaped)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``results of one run are not overwritten by the next`` (engine: string) =
    let on = engineOf engine
    let compiled = Compile.on on (fun (x: Tensor) -> x * 2.0, Tensor.sum x)
    let results = [ for i in 1..5 -> compiled (vector [ float i; 1.0 ]) ]

    results
    |> List.iteri (fun i (twice, sum) ->
        shouldBeExactly "first" [ 2.0 * float (i + 1); 2.0 ] (floatsOn on twice)
        shouldBeExactly "second" [ float (i + 2) ] (floatsOn on sum))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a compiled function serves eight threads at once`` (engine: string) =
    let on = engineOf engine
    let f (x: Tensor) = Tensor.softmax 0 (Tensor.sin x * 3.0)
    let compiled = Compile.on on f

    let input seed =
        float64s [ 50 ] (Seq.init 50 (fun i -> float ((i * seed) % 17)))

    let expected = Array.init 8 (fun seed -> bytesOn on (f (input seed)))
    let actual = Array.init 8 (fun _ -> [||])

    let work seed =
        for _ in 1..50 do
            actual[seed] <- bytesOn on (compiled (input seed))

    Parallel.For(0, 8, ParallelOptions(MaxDegreeOfParallelism = 8), work) |> ignore
    shouldEqual expected actual

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``one pending tensor may be looked at from eight threads at once`` (engine: string) =
    let on = engineOf engine

    for round in 1..20 do
        let x = Tensor.exp (vector [ float round * 0.1; 1.0 ])
        let y = Tensor.sum (x * x)
        use start = new Barrier(8)
        let found = Array.zeroCreate<float> 8

        let threads =
            Array.init 8 (fun i ->
                let thread =
                    Thread(fun () ->
                        start.SignalAndWait()
                        found[i] <- itemOn on (if i % 2 = 0 then y else Tensor.sum (x * x)))

                thread.Start()
                thread)

        threads |> Array.iter _.Join()
        shouldEqual (Array.create 8 found[0]) found

// ---- errors of values --------------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``an index out of range is refused when it is looked at, with its value, place and range``
    (engine: string)
    =
    let on = engineOf engine

    let refused operation (value: int) places position (x: Tensor) =
        raises<ValueException>
            ($"{operation}: index {value} at flat position {position} is outside 0 to {places - 1}; "
             + $"labels and indices must be smaller than the {places} places of the axis they choose from")
            (fun () -> floatsOn on x |> ignore)

    let logits = float64s [ 2; 3 ] [ 2.0; 1.0; 0.0; 0.0; 1.0; 3.0 ]
    let index dims values = Tensor.ofInt64s dims values
    Loss.crossEntropy (index [ 2 ] [| 0L; 3L |]) logits |> refused "gather" 3 3 1
    Loss.crossEntropy (index [ 2 ] [| -1L; 0L |]) logits |> refused "gather" -1 3 0

    Tensor.gather 0 (index [ 2; 3 ] [| 0L; 1L; 0L; 1L; 2L; 0L |]) logits
    |> refused "gather" 2 2 4

    Tensor.scatterAdd 1 2 (index [ 2; 3 ] [| 0L; 1L; 0L; 1L; 1L; 2L |]) logits
    |> refused "scatteradd" 2 2 5

    Tensor.gather 0 (Tensor.ofInt32s [ 1; 3 ] [| 0; 5; 0 |]) logits
    |> refused "gather" 5 2 1
    // Whole rows: the index stands for each element of its row, and the first of these is named.
    Tensor.indexSelect 0 (index [ 3 ] [| 1L; 9L; 0L |]) logits
    |> refused "gather" 9 2 3

    Tensor.indexSelect 1 (index [ 2 ] [| 1L; 9L |]) logits |> refused "gather" 9 3 1

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``of several bad indices the first is named, however the work is divided`` (engine: string) =
    let count = 20000

    let values =
        Array.init count (fun i -> if i % 5000 = 4999 then int64 (100 + i) else 0L)

    let source = Tensor.full DType.Float64 [ 10 ] 1.0

    messageOf<ValueException>(fun () ->
        Tensor.gather 0 (Tensor.ofInt64s [ count ] values) source
        |> floatsOn (engineOf engine)
        |> ignore)
    |> shouldContain [ "index 5099 at flat position 4999 " ]

// ---- rewriting ---------------------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``nothing is folded that NaN, infinity or a negative zero would give away`` (engine: string) =
    let on = engineOf engine
    let x = vector [ nan; infinity; -0.0 ]
    let run f = Compile.on on f x |> floatsOn on
    shouldBeExactly "x · 0" [ nan; nan; -0.0 ] (run (fun x -> x * 0.0))
    let zero = run (fun x -> x + 0.0)
    ensure "-0 + 0 is 0" (not (Double.IsNegative zero[2]))
    let one, negated = run (fun x -> x * 1.0), run Tensor.neg
    ensure "-0 · 1 is -0" (Double.IsNegative one[2])
    ensure "-(-0) is 0" (not (Double.IsNegative negated[2]))
    shouldBeExactly "x - x" [ nan; nan; 0.0 ] (run (fun x -> x - x))
    shouldBeExactly "x / x" [ nan; nan; nan ] (run (fun x -> x / x))
    // Constants are told apart by their bits.
    let signs =
        run (fun x ->
            1.0
            / Tensor.cat 0 [
                x * 0.0 + 0.0
                Tensor.full DType.Float64 [ 1 ] 0.0
                Tensor.full DType.Float64 [ 1 ] -0.0
            ])

    shouldBeExactly "1/0 and 1/-0" [ infinity; -infinity ] signs[3..]

[<Test>]
let ``a program is printed a line for each value, with equal steps and renamings gone`` () =
    let f (x: Tensor, y: Tensor) =
        Tensor.stopGradient (Tensor.exp x) + Tensor.exp x * Tensor.matmul y y

    let text = Compile.print f (Tensor.zeros [ 2; 2 ], Tensor.zeros [ 2; 2 ])

    let expected = [
        "%0 = input : float32[2; 2]"
        "%1 = input : float32[2; 2]"
        "%2 = exp %0 : float32[2; 2]"
        "%3 = matmul %1 %1 : float32[2; 2]"
        "%4 = mul %2 %3 : float32[2; 2]"
        "%5 = add %2 %4 : float32[2; 2]"
        "return %5"
    ]

    shouldEqual expected (text.Split('\n', StringSplitOptions.TrimEntries) |> List.ofArray)
