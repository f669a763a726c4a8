/// Notebook 02: a network by hand, from its data to its gradients (lessons.md, section 1.1). Rows of random numbers are
/// checked with twenty seeds.
module FunctionalDL.Tests.Lessons.FullyConnectedTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Kernels
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist

// ---- data --------------------------------------------------------------------------------------------------------

[<Test>]
let ``MNIST as the lessons split it: sizes, types, labels, moments before and after normalising (row 1, E02-01 to E02-05)``
    ()
    =
    let train, valid = train DType.Float32, valid DType.Float32

    let x, y, xValid, yValid =
        train.Inputs.Head, train.Targets.Head, valid.Inputs.Head, valid.Targets.Head

    shouldEqual
        [ [ 50000; 784 ]; [ 50000 ]; [ 10000; 784 ]; [ 10000 ] ]
        (List.map dimsOf [ x; y; xValid; yValid ])

    shouldEqual [ DType.Float32; DType.Int64 ] [ x.DType; y.DType ]

    let first count (y: Tensor) =
        Tensor.toInt64s (Tensor.narrow 0 0 count y)

    shouldEqual [| 5L; 0L; 4L; 1L; 9L |] (first 5 y)
    shouldEqual [| 3L; 8L; 6L; 9L; 6L |] (first 5 yValid)
    shouldEqual 10.0 (1.0 + Tensor.item (Tensor.amax y))

    let counts y =
        Tensor.toInt64s (Tensor.sumAxes [ 0 ] (Tensor.oneHot 10 y)) |> Array.map int

    shouldEqual [| 4932; 5678; 4968; 5101; 4859; 4506; 4951; 5175; 4842; 4988 |] (counts y)
    shouldEqual [| 991; 1064; 990; 1030; 983; 915; 967; 1090; 1009; 961 |] (counts yValid)

    shouldEqual
        [| 9L; 3L; 7L; 0L; 9L; 0L; 8L; 5L; 5L; 2L; 4L; 5L; 0L; 8L; 4L; 8L |]
        (Tensor.toInt64s (Tensor.narrow 0 49984 16 y))

    let mean, deviation = statistics.Value
    shouldBeClose "raw moments" 1e-7 [| 0.1304497; 0.3072898 |] [| mean; deviation |]
    shouldHaveStats "raw" (mean - 1e-4, mean + 1e-4) (deviation - 1e-4, deviation + 1e-4) x
    shouldHaveStats "train" (-1e-3, 1e-3) (0.999, 1.001) (normalised x)
    shouldHaveStats "valid" (-0.005951, -0.005751) (0.992333, 0.992533) (normalised xValid)

[<Test>]
let ``pictures seen as planes share the memory of the rows (row 1)`` () =
    let x = (valid DType.Float32).Inputs.Head
    Tensor.eval [ x ]
    GC.Collect()
    GC.WaitForPendingFinalizers()
    let before = MemoryPool.Shared.LiveBytes
    let planes = Tensor.reshape [ -1; 1; 28; 28 ] x
    Tensor.eval [ planes ]
    shouldEqual [ 10000; 1; 28; 28 ] (dimsOf planes)
    let taken = MemoryPool.Shared.LiveBytes - before
    // A copy would be 31 million.
    ensure $"{taken} bytes were taken" (taken < 1_000_000L)
    GC.KeepAlive x

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``mean and deviation of a tensor, unbiased, and none of a single number (row 3)`` (engine: string) =
    let on = engineOf engine

    let deviation values =
        floatsOn on (Tensor.std 1 [] (float64s [ List.length values ] values))

    let four = [ 1.0; 2.0; 3.0; 4.0 ]
    shouldBeClose "deviation" 5e-7 [| 1.290994 |] (deviation four)
    shouldBeExactly "mean" [ 2.5 ] (floatsOn on (Tensor.mean (float64s [ 4 ] four)))
    shouldBeExactly "single" [ nan ] (deviation [ 1.0 ])

// ---- weights -----------------------------------------------------------------------------------------------------

let private hidden = 50
let private lin x w b = Tensor.matmul x w + b
let private zeros count = Tensor.zeros [ count ]

let private xavier key =
    Key.normal DType.Float32 [ 784; hidden ] key / sqrt 784.0

let private kaiming key =
    Key.normal DType.Float32 [ 784; hidden ] key * sqrt (2.0 / 784.0)

[<Test; Category("Slow")>]
let ``activations after simple, Kaiming's and shifted initialisations (E02-04, E02-06 to E02-11, E02-13)``
    ()
    =
    let x = normalised (valid DType.Float32).Inputs.Head
    let outputs w = lin x w (zeros hidden)

    for key in twentyKeys do
        let w = xavier key
        shouldHaveStats "w1" (-1e-3, 1e-3) (1.0 / 28.0 - 1e-3, 1.0 / 28.0 + 1e-3) w
        shouldHaveStats "t" (-0.35, 0.35) (0.85, 1.15) (outputs w)
        shouldHaveStats "relu t" (0.25, 0.55) (0.45, 0.72) (Tensor.relu (outputs w))
        // The library's fan of the outputs is the lesson's √(2/m): the matrix is [in; out].
        let byFan =
            Init.kaimingNormalBy Fan.Out DType.Float32 (Init.gain 0.0) [ 784; hidden ] key

        for name, w in [ "√(2/m)", kaiming key; "fan out", byFan ] do
            shouldHaveStats name (-1.5e-3, 1.5e-3) (0.0495, 0.0515) w
            shouldHaveStats $"{name}, relu" (0.35, 0.78) (0.62, 1.05) (Tensor.relu (outputs w))
            shouldHaveStats $"{name}, shifted" (-0.15, 0.28) (0.62, 1.05) (Tensor.relu (outputs w) - 0.5)

[<Test>]
let ``a linear layer stores [out; in] and multiplies by the transpose (row 22, E02-12)`` () =
    let layer = Layer.linear 784 hidden
    let variables = Layer.init (Key.ofSeed 1L) [ Shape.ofList [ 1; 784 ] ] layer

    let weight, bias =
        Tree.find "weight" variables.Parameters, Tree.find "bias" variables.Parameters

    shouldEqual [ [ 50; 784 ]; [ 50 ] ] (List.map dimsOf [ weight; bias ])
    let x = Key.normal DType.Float32 [ 64; 784 ] (Key.ofSeed 2L)
    let byHand = Tensor.toFloats (lin x (Tensor.t weight) bias)
    shouldBeClose "layer" 1e-5 byHand (Tensor.toFloats (Layer.predict layer variables x))
    shouldBeClose "function" 1e-5 byHand (Tensor.toFloats (Tensor.linear weight (Some bias) x))

// ---- a network and its gradients by hand -------------------------------------------------------------------------

type private Weights = {
    W1: Tensor
    B1: Tensor
    W2: Tensor
    B2: Tensor
}

let private weightsOf key = {
    W1 = kaiming (Key.child "w1" key)
    B1 = zeros hidden
    W2 =
        Key.normal DType.Float32 [ hidden; 1 ] (Key.child "w2" key)
        / sqrt (float hidden)
    B2 = zeros 1
}

/// The lesson's shifted ReLU, whose slope is that of ReLU.
let private relu x = Tensor.clampMin 0.0 x - 0.5

let private model w x = lin (relu (lin x w.W1 w.B1)) w.W2 w.B2

let private mse (target: Tensor) output =
    Tensor.mean (Tensor.square (Tensor.squeeze -1 output - target))

[<Test; Category("Slow")>]
let ``the untrained network's shapes, and its mean squared error on the training pictures (E02-15 to E02-17)``
    ()
    =
    let train = train DType.Float32

    let x, y =
        normalised train.Inputs.Head, Tensor.cast DType.Float32 train.Targets.Head

    shouldEqual [ 10000; 1 ] (dimsOf (model (weightsOf (Key.ofSeed 1L)) (valid DType.Float32).Inputs.Head))
    shouldEqual [ 50000; 1 ] (dimsOf (model (weightsOf (Key.ofSeed 1L)) x))

    for key in twentyKeys do
        shouldLie "mse" 15.0 45.0 (Tensor.item (mse y (model (weightsOf key) x)))

/// The gradient of a matrix product by its weight, three ways: the outer products of all items written out, the same
/// as an equation, and one product.
let private weightGradients: (string * (Tensor -> Tensor -> Tensor)) list = [
    "outer", (fun x g -> Tensor.sumAxes [ 0 ] (Tensor.unsqueeze 2 x * Tensor.unsqueeze 1 g))
    "einsum", (fun x g -> Einsum.einsum "bi,bj->ij" [ x; g ])
    "product", (fun x g -> Tensor.matmul (Tensor.t x) g)
]

/// The chain rule, from the loss back to the inputs.
let private backward weightGradient w x (y: Tensor) =
    let l1 = lin x w.W1 w.B1
    let l2 = relu l1
    let output = lin l2 w.W2 w.B2
    let ofOutput = 2.0 * (output - Tensor.unsqueeze -1 y) / float y.Shape[0]
    let ofL2 = Tensor.matmul ofOutput (Tensor.t w.W2)
    let ofL1 = Tensor.cast DType.Float32 (Tensor.gt l1 (Tensor.zerosLike l1)) * ofL2

    {
        W1 = weightGradient x ofL1
        B1 = Tensor.sumAxes [ 0 ] ofL1
        W2 = weightGradient l2 ofOutput
        B2 = Tensor.sumAxes [ 0 ] ofOutput
    },
    Tensor.matmul ofL1 (Tensor.t w.W1)

/// The lessons' "near".
let private shouldBeNear what expected actual =
    Array.iter2
        (fun (e: float) (a: float) ->
            ensure $"{what}: {a} is not near {e}" (abs (a - e) <= 1e-5 + 1e-3 * abs e))
        (Tensor.toFloats expected)
        (Tensor.toFloats actual)

[<Test>]
let ``gradients by hand, three ways, are those of grad (rows 16 and 55 as functions, E02-18, E02-20, E02-22, E02-24)``
    ()
    =
    let batch = batchOf DType.Float32 0 200

    let x, y =
        normalised batch.Inputs.Head, Tensor.cast DType.Float32 batch.Targets.Head

    let w = weightsOf (Key.ofSeed 1L)
    let automatic, ofInput = grad (fun (w, x) -> mse y (model w x)) (w, x)

    for name, weightGradient in weightGradients do
        let byHand, byHandOfInput = backward weightGradient w x y
        shouldBeNear $"{name}, w1" automatic.W1 byHand.W1
        shouldBeNear $"{name}, b1" automatic.B1 byHand.B1
        shouldBeNear $"{name}, w2" automatic.W2 byHand.W2
        shouldBeNear $"{name}, b2" automatic.B2 byHand.B2
        shouldBeNear $"{name}, input" ofInput byHandOfInput
