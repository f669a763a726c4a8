/// Notebook 02b: what a hundred products do to a vector, and which factor keeps it (lessons.md, section 1.3). Rows of random
/// numbers are checked with twenty seeds.
module FunctionalDL.Tests.Lessons.InitialisingTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist

let private size = 512

let private vectorOf key =
    Key.normal DType.Float32 [ size ] (Key.child "x" key)

let private matrixOf key =
    Key.normal DType.Float32 [ size; size ] (Key.child "a" key)

/// The vector after each of a hundred products with one matrix.
let private chain (a: Tensor) x =
    List.scan (fun x _ -> Tensor.matmul a x) x [ 1..100 ]

[<Test; Category("Slow")>]
let ``a hundred products of normal numbers overflow at the 28th, and end in NaN (row 18, E2b-01, E2b-02)``
    ()
    =
    for key in twentyKeys do
        let products = chain (matrixOf key) (vectorOf key)
        let mean, deviation = stats (List.last products)
        ensure $"the end is {mean}, {deviation}" (Double.IsNaN mean && Double.IsNaN deviation)

        // The lesson's loop: break where the deviation is not equal to itself.
        let isBroken x =
            let _, deviation = stats x
            deviation <> deviation

        let at = products.Tail |> List.findIndex isBroken
        shouldLie "the loop ends at" 26.0 29.0 (float at)

[<Test; Category("Slow")>]
let ``a factor of 0.01 ends in exact zeros (row 19, E2b-03)`` () =
    for key in twentyKeys do
        let last = chain (matrixOf key * 0.01) (vectorOf key) |> List.last
        shouldEqual (0.0, 0.0) (stats last)

[<Test; Category("Slow")>]
let ``a factor of 1/√512 keeps a vector finite and not zero (row 20, E2b-04, E2b-05)`` () =
    shouldBeClose "1/√512" 1e-15 [| 0.044194173824159216 |] [| 1.0 / sqrt 512.0 |]

    for key in twentyKeys do
        let mean, deviation =
            chain (matrixOf key / sqrt 512.0) (vectorOf key) |> List.last |> stats

        ensure $"the mean is {mean}" (Double.IsFinite mean && mean <> 0.0)
        shouldLie "deviation" 0.05 2000.0 deviation

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a matrix times a vector is a vector of sums (row 21)`` (engine: string) =
    let on = engineOf engine
    let a, x = matrixOf (Key.ofSeed 1L), vectorOf (Key.ofSeed 1L)
    let y = Tensor.matmul a x
    shouldEqual [ size ] (dimsOf y)
    let matrix, vector = floatsOn on a, floatsOn on x

    let expected =
        Array.init size (fun i ->
            Seq.sum (seq { for k in 0 .. size - 1 -> matrix[size * i + k] * vector[k] }))

    shouldBeClose "sums" 1e-5 expected (floatsOn on y)

/// Mean, and mean square, of many repeats.
let private meanAndSquare (x: Tensor) =
    Tensor.mean x, Tensor.mean (Tensor.square x)

[<Test; Category("Slow")>]
let ``mean and mean square of products of normal numbers, with and without ReLU (row 21, E2b-06 to E2b-11)``
    ()
    =
    for key in twentyKeys do
        shouldHaveStats "randn" (-0.2, 0.2) (0.87, 1.13) (vectorOf key)

        let scalars name =
            Key.normal DType.Float32 [ 10000 ] (Key.child name key)

        let products = scalars "scalar a" * scalars "scalar x"

        let lie what (meanLow, meanHigh) (squareLow, squareHigh) (mean, square) =
            shouldLie $"{what}, mean" meanLow meanHigh (Tensor.item mean)
            shouldLie $"{what}, mean square" squareLow squareHigh (Tensor.item square)

        lie "a·x" (-0.045, 0.045) (0.88, 1.13) (meanAndSquare products)
        lie "relu(a·x)" (0.29, 0.345) (0.41, 0.59) (meanAndSquare (Tensor.relu products))

        // A hundred fresh matrices and vectors; the mean of their means.
        let repeats f =
            [
                for repeat in 1..100 ->
                    let key = Key.child $"repeat {repeat}" key
                    f (Tensor.matmul (matrixOf key) (vectorOf key)) |> meanAndSquare
            ]
            |> List.unzip
            |> fun (means, squares) ->
                Tensor.mean (Tensor.stack 0 means), Tensor.mean (Tensor.stack 0 squares)

        lie "a@x" (-0.5, 0.5) (490.0, 535.0) (repeats id)
        lie "relu(a@x)" (8.7, 9.4) (240.0, 275.0) (repeats Tensor.relu)
        // relu(√(2/512)·a @ x) is √(2/512)·relu(a @ x).
        lie "Kaiming" (0.54, 0.59) (0.93, 1.07) (repeats (fun y -> Tensor.relu y * sqrt (2.0 / 512.0)))
