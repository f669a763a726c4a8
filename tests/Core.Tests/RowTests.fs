/// Reductions along rows and what spreads them over the rows again: the Cpu engine does them together, a block of rows
/// at a time. That must show in its plans and nowhere else.
module FunctionalDL.Tests.RowTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// Functions of rows, told how to hand on an intermediate value: as it is, or computed first.
let private functions: (string * ((Tensor -> Tensor) -> Tensor -> Tensor)) list = [
    "softmax",
    fun step x ->
        let shifted = step (x - step (Tensor.amaxAxesKeep [ -1 ] x))
        let e = step (Tensor.exp shifted)
        step (e / step (Tensor.sumAxesKeep [ -1 ] e))

    "layer norm",
    fun step x ->
        let length = float x.Shape[-1]
        let centred = step (x - step (Tensor.sumAxesKeep [ -1 ] x / length))
        let variance = step (Tensor.sumAxesKeep [ -1 ] (centred * centred) / length)
        let gain = step (Tensor.cast x.DType (Tensor.arange x.Shape[-1]) / length)
        step (step (centred / step (Tensor.sqrt (variance + 1e-5))) * gain)

    "picking from rows",
    fun step x ->
        let least = step (x - step (Tensor.amaxAxesKeep [ -1 ] x))

        let index =
            Array.init x.Shape[0] (fun i -> int64 (i % x.Shape[1]))
            |> Tensor.ofInt64s [ x.Shape[0]; 1 ]

        step (step (Tensor.gather 1 index least) * 2.0)

    "columns of what rows gave",
    fun step x ->
        let sums = step (Tensor.sumAxesKeep [ -1 ] x)
        let across = step (Tensor.sumAxesKeep [ 0 ] (step (x - sums)))
        step (step (x * sums) + across)

    "parts of rows, folded by themselves",
    fun step x ->
        let parts = Tensor.cast x.DType (Tensor.arange 3) |> Tensor.reshape [ 3; 1 ]
        let z = step (Tensor.unsqueeze 1 x * (parts + 1.0))

        let scaled =
            step (z / step (step (Tensor.sumAxesKeep [ 1; 2 ] (step (z * z))) + 1.0))

        step (scaled - step (Tensor.amaxAxesKeep [ 2 ] scaled))
]

let private shapes = [
    [ 8; 1 ]
    [ 9; 7 ]
    [ 257; 64 ]
    [ 100; 1000 ]
    [ 33; 1500 ]
    [ 17; 4099 ]
    [ 11; 40000 ]
]

[<Test>]
let ``what is done row by row has the bits of one operation after another, on any number of threads`` () =
    for name, f in functions do
        for shape in shapes do
            for dtype in [ DType.Float32; DType.Float64 ] do
                let x = Key.normal dtype shape (Key.ofSeed 3L)
                let alone = Cpu.withThreads 1

                let step t =
                    Tensor.evalOn alone [ t ]
                    t

                let expected = f step x |> bytesOn alone

                for threads in [ 1; 2; 5 ] do
                    let engine = Cpu.withThreads threads
                    let y = Compile.on engine (f id) x

                    Assert.That(
                        bytesOn engine y,
                        Is.EqualTo<byte[]> expected,
                        $"{name} of {shape}, {dtype}, {threads} threads"
                    )

/// The plan of a function at a tensor of 64 rows of 1000.
let private plan f =
    let x = Tensor.zeros [ 64; 1000 ]
    Cpu.engine.Compile(Compile.program f x).Print()

[<Test>]
let ``softmax is one pass: one work, and nothing between in memory`` () =
    let plan = plan (Tensor.softmax 1)
    Assert.That(plan, Does.StartWith "0: rows 64")
    Assert.That(plan, Does.Not.Contain "\n1: ")
    Assert.That(plan, Does.Contain "arena 0 bytes")

[<Test>]
let ``what reads other rows waits until all are done`` () =
    let plan =
        plan (fun x ->
            let square = Tensor.narrow 1 0 64 x
            let sums = Tensor.sumAxesKeep [ 1 ] square
            square / sums + Tensor.t sums)

    // The quotient and the sum over the transpose: one loop, and it is not among the rows.
    Assert.That(plan, Does.Not.Contain "rows 64")

[<Test>]
let ``of several bad indices the first is told, on any number of threads`` () =
    let x = Key.normal DType.Float32 [ 4096; 50 ] (Key.ofSeed 1L)

    let labels =
        Array.init 4096 (fun i -> if i % 1000 = 999 then int64 (100 + i) else 3L)
        |> Tensor.ofInt64s [ 4096; 1 ]

    for threads in [ 1; 2; 5 ] do
        let pick =
            Compile.on (Cpu.withThreads threads) (fun (x, index) ->
                Tensor.gather 1 index (x - Tensor.amaxAxesKeep [ 1 ] x))

        let error = Assert.Throws<ValueException>(fun () -> pick (x, labels) |> ignore)
        Assert.That(error.Message, Does.Contain "index 1099 at flat position 999 ")
