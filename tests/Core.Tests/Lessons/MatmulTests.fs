/// Notebook 01: products by hand (lessons.md, section 1.5).
module FunctionalDL.Tests.Lessons.MatmulTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Kernels
open FunctionalDL.Tests.Support

let private matrix =
    Tensor.ofFloat32s [ 3; 3 ] [| 1.0f; 2.0f; 3.0f; 4.0f; 5.0f; 6.0f; 7.0f; 8.0f; 9.0f |]

let private c = Tensor.ofFloat32s [ 3 ] [| 10.0f; 20.0f; 30.0f |]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``comparing, adding and the Frobenius norm (E01-01 to E01-03)`` (engine: string) =
    let on = engineOf engine

    let a, b =
        Tensor.ofFloat32s [ 3 ] [| 10.0f; 6.0f; -4.0f |], Tensor.ofFloat32s [ 3 ] [| 2.0f; 8.0f; 7.0f |]

    let share = Tensor.lt a b |> Tensor.cast DType.Float32 |> Tensor.mean
    shouldBeClose "share" 5e-5 [| 0.6667 |] (floatsOn on share)
    shouldBeExactly "sum" [ 12.0; 14.0; 3.0 ] (floatsOn on (a + b))
    shouldBeClose "norm" 5e-5 [| 16.8819 |] (floatsOn on (Reduce.norm 2.0 [] matrix))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a vector is stretched over rows or columns, and against itself (E01-04, E01-05, E01-07)``
    (engine: string)
    =
    let on = engineOf engine
    shouldBeExactly "rows" [ 11.0; 22.0; 33.0; 14.0; 25.0; 36.0; 17.0; 28.0; 39.0 ] (floatsOn on (matrix + c))

    shouldBeExactly
        "columns"
        [ 11.0; 12.0; 13.0; 24.0; 25.0; 26.0; 37.0; 38.0; 39.0 ]
        (floatsOn on (matrix + Tensor.unsqueeze 1 c))

    shouldBeExactly
        "outer"
        [ 100.0; 200.0; 300.0; 200.0; 400.0; 600.0; 300.0; 600.0; 900.0 ]
        (floatsOn on (Tensor.unsqueeze 0 c * Tensor.unsqueeze 1 c))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``five ways to multiply (5, 784) by (784, 10) agree (E01-08)`` (engine: string) =
    let on = engineOf engine
    let a = Key.normal DType.Float32 [ 5; 784 ] (Key.ofSeed 1L)
    let b = Key.normal DType.Float32 [ 784; 10 ] (Key.ofSeed 2L)
    let x, w = floatsOn on a, floatsOn on b

    let triple =
        Array.init 50 (fun at ->
            let row, column = at / 10, at % 10
            Seq.sum (seq { for k in 0..783 -> x[784 * row + k] * w[10 * k + column] }))

    let rowByColumn =
        Tensor.stack 0 [
            for row in 0..4 do
                for column in 0..9 -> Tensor.sum (Indexing.select 0 row a * Indexing.select 1 column b)
        ]

    let broadcast =
        Tensor.stack 0 [
            for row in 0..4 -> Tensor.sumAxes [ 0 ] (Tensor.unsqueeze 1 (Indexing.select 0 row a) * b)
        ]

    for name, found in
        [
            "row by column", rowByColumn
            "broadcast", broadcast
            "einsum", Einsum.einsum "ik,kj->ij" [ a; b ]
            "matmul", Tensor.matmul a b
        ] do
        shouldBeClose name 1e-5 triple (floatsOn on found)

[<Test>]
let ``a vector that is stretched is read again and again, and what strides cannot say is a copy (E01-06)``
    ()
    =
    let m = Tensor.ofFloats [ 2; 3; 4 ] (Array.init 24 float)

    for name, strides, length, x in
        [
            "expanded", [ 0L; 1L ], 3, Tensor.expand [ 3; 3 ] c
            "a column", [ 1L; 0L ], 3, Tensor.expand [ 3; 3 ] (Tensor.unsqueeze 1 c)
            "permuted", [ 1L; 12L; 4L ], 24, Tensor.permute [ 2; 0; 1 ] m
            "sliced", [ 12L; 4L; 1L ], 24, Tensor.narrow 1 1 2 m
            "axes merged", [ 4L; 1L ], 24, Tensor.reshape [ 6; 4 ] m
            "merged across a permutation", [ 1L ], 24, Tensor.reshape [ 24 ] (Tensor.permute [ 2; 0; 1 ] m)
            "computed", [ 3L; 1L ], 9, Tensor.expand [ 3; 3 ] c + 1.0
        ] do
        shouldEqual (name, strides, length) (name, Layout.strides x, Layout.storageLength x)

/// What the lesson shows by strides of 0: a hundred thousand rows of one vector take no more memory than the vector.
[<Test; NonParallelizable>]
let ``a vector that is stretched is not copied (E01-06)`` () =
    let c = Key.normal DType.Float32 [ 1000 ] (Key.ofSeed 1L)
    Tensor.eval [ c ]
    MemoryPool.Shared.Trim()
    let before = MemoryPool.Shared.HeldBytes
    let stretched = Tensor.expand [ 100_000; 1000 ] c
    shouldEqual [ 100_000; 1000 ] (dimsOf stretched)
    let sums = Tensor.toFloats (Tensor.sumAxes [ 0 ] stretched)
    let taken = MemoryPool.Shared.HeldBytes - before
    // A copy is 400 million bytes.
    ensure $"{taken} bytes were taken" (taken < 4_000_000L)
    shouldBeClose "sums" 1e-4 (Tensor.toFloats c |> Array.map (fun v -> 100_000.0 * v)) sums
