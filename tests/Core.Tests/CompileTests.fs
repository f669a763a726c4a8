/// When compiled functions are traced, and what they say of it.
module FunctionalDL.Tests.CompileTests

open System
open System.Threading.Tasks
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

type private Parameters = { Weight: Tensor; Rate: float }

let private zeros shape = Tensor.full DType.Float64 shape 0.0

let private compiled f =
    Compile.create
        {
            Compile.defaults with
                Engine = Reference.engine
        }
        f

[<Test>]
let ``each trace has its reason in words`` () =
    let c = compiled (fun (x: Tensor) -> x * 2.0)

    for x in
        [
            zeros [ 64; 3 ]
            zeros [ 64; 3 ]
            zeros [ 16; 3 ]
            zeros [ 16; 4 ]
            zeros [ 16; 3; 1 ]
            Tensor.zeros [ 16; 4 ]
            zeros [ 64; 3 ]
        ] do
        c.Invoke x |> ignore

    shouldEqual
        [
            "first call"
            "argument 0: batch 64 -> 16"
            "argument 0: shape [16; 3] -> [16; 4]"
            "argument 0: shape [16; 4] -> [16; 3; 1]"
            "argument 0: float64 -> float32"
        ]
        (List.ofSeq c.Traces)

[<Test>]
let ``reasons name the place in tuples, records, maps and trees`` () =
    let c =
        compiled (fun (p: Parameters, xs: Tensor list, t: Tree<Tensor>) ->
            Tensor.sum p.Weight
            + Tensor.sum xs[1]
            + (t |> Tree.leaves |> List.map (snd >> Tensor.sum) |> List.reduce (+)))

    let call weight second bias rate =
        c.Invoke(
            { Weight = zeros weight; Rate = rate },
            [ zeros [ 2 ]; zeros second ],
            Branch [ "layers", Branch [ "0", Leaf(zeros bias) ] ]
        )
        |> ignore

    call [ 3 ] [ 5; 2 ] [ 4 ] 0.1
    call [ 3; 3 ] [ 5; 2 ] [ 4 ] 0.1
    call [ 3 ] [ 4; 2 ] [ 4 ] 0.1
    call [ 3 ] [ 5; 2 ] [ 4; 4 ] 0.1
    call [ 3 ] [ 5; 2 ] [ 4 ] 0.2

    shouldEqual
        [
            "first call"
            "argument 0.Weight: shape [3] -> [3; 3]"
            "argument 1[1]: batch 5 -> 4"
            "argument 2.layers.0: shape [4] -> [4; 4]"
            "another structure: 0.1 -> 0.2 (what is not a tensor is part of the structure; as a tensor it would need no trace)"
        ]
        (List.ofSeq c.Traces)

[<Test>]
let ``another number of tensors is another structure, and many changes are cut short`` () =
    let c =
        compiled (fun (xs: Tensor list) -> xs |> List.map Tensor.sum |> List.reduce (+))

    c.Invoke(List.replicate 5 (zeros [ 2 ])) |> ignore
    c.Invoke [ zeros [ 2 ] ] |> ignore
    c.Invoke(List.replicate 5 (zeros [ 3 ])) |> ignore

    shouldEqual
        [
            "first call"
            "another structure: 5 tensors -> 1 tensor"
            "argument 0[0]: batch 2 -> 3, argument 0[1]: batch 2 -> 3, argument 0[2]: batch 2 -> 3, and 2 more"
        ]
        (List.ofSeq c.Traces)

[<Test>]
let ``somebody may be told of each trace, and may forbid more of them`` () =
    let mutable told = []

    let c =
        Compile.create
            {
                Engine = Reference.engine
                MaxTraces = Some 2
                OnTrace = fun reason -> told <- reason :: told
            }
            (fun (x: Tensor) -> x + 1.0)

    c.Invoke(zeros [ 4 ]) |> ignore
    c.Invoke(zeros [ 3 ]) |> ignore
    c.Invoke(zeros [ 4 ]) |> ignore
    shouldEqual [ "argument 0: batch 4 -> 3"; "first call" ] told

    raises<TraceException>
        ("compile: a trace more than the 2 that MaxTraces allows (1: first call; 2: argument 0: batch 4 -> 3; "
         + "3: argument 0: batch 3 -> 2); keep shapes and static parts the same, for example by padding the last batch")
        (fun () -> c.Invoke(zeros [ 2 ]) |> ignore)

    // What was traced before still runs.
    shouldBeExactly "known shape" [ 1.0; 1.0; 1.0 ] (Tensor.toFloats (c.Invoke(zeros [ 3 ])))

[<Test>]
let ``a changing scalar tensor and pending arguments need no trace`` () =
    let c = compiled (fun (x: Tensor, rate: Tensor) -> x - rate * x)
    let mutable x = float64s [ 2 ] [ 1.0; 2.0 ]

    for step in 1..20 do
        x <- c.Invoke(x + 0.0, Tensor.full DType.Float64 [] (1.0 / float step))

    shouldEqual [ "first call" ] (List.ofSeq c.Traces)
    shouldEqual 1 c.Plans.Count

[<Test>]
let ``inside derivatives, maps and other traces the call is inlined`` () =
    let c = compiled (fun (x: Tensor) -> Tensor.sum (x * x))
    let x = float64s [ 2; 2 ] [ 1.0; 2.0; 3.0; 4.0 ]
    shouldBeExactly "grad" [ 2.0; 4.0; 6.0; 8.0 ] (Tensor.toFloats (grad c.Invoke x))
    shouldBeExactly "vmap" [ 5.0; 25.0 ] (Tensor.toFloats (vmap c.Invoke x))
    shouldBeExactly "compile" [ 30.0 ] (Tensor.toFloats (Compile.run c.Invoke x))
    shouldEqual 0 c.Traces.Count

[<Test>]
let ``threads that call together trace once`` () =
    let mutable traces = 0

    let c =
        compiled (fun (x: Tensor) ->
            System.Threading.Interlocked.Increment &traces |> ignore
            System.Threading.Thread.Sleep 20
            x * 2.0)

    Parallel.For(0, 8, fun i -> c.Invoke(zeros [ 2 + i % 2 ]) |> ignore) |> ignore
    shouldEqual 2 traces
    shouldEqual 2 c.Traces.Count

[<Test>]
let ``a call costs no allocation storm`` () =
    let run = Compile.run (fun (xs: Tensor list, y: Tensor) -> xs.Head + y)
    let xs = List.init 100 (fun _ -> zeros [ 4 ])
    let y = zeros [ 4 ]
    Tensor.eval (y :: xs)

    for _ in 1..50 do
        run (xs, y) |> ignore

    let before = System.GC.GetAllocatedBytesForCurrentThread()

    for _ in 1..100 do
        run (xs, y) |> ignore

    let each = (System.GC.GetAllocatedBytesForCurrentThread() - before) / 100L
    ensure $"{each} bytes for a call with 101 tensors" (each < 16_000L)

[<Test>]
let ``numbers beside large arguments stay numbers: a trace keeps no array of them`` () =
    let live () =
        for _ in 1..2 do
            GC.Collect()
            GC.WaitForPendingFinalizers()

        FunctionalDL.Kernels.MemoryPool.Shared.LiveBytes

    let x = Tensor.ones [ 1 <<< 22 ]
    Tensor.eval [ x ]
    let before = live ()
    let f = Compile.on Cpu.engine (fun (x: Tensor) -> x * 0.5 + 3.0)
    let y = f x
    let kept = live () - before
    let size = 4L <<< 22
    Assert.That(kept, Is.LessThan(size * 3L / 2L), "the result alone is kept")
    Assert.That(Tensor.toFloats (Tensor.amax y - Tensor.amin y), Is.EqualTo<float[]> [| 0.0 |])
    Assert.That(Tensor.toFloats (Tensor.amax y), Is.EqualTo<float[]> [| 3.5 |])
    GC.KeepAlive(struct (x, y, f))
