/// Accuracy and the confusion matrix against loops, and the shapes that they refuse.
module FunctionalDL.Tests.MetricTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private items = 57
let private classes = 4

/// Outputs of which several are equal, and targets.
let private example () =
    let rng = Random 5
    let target = Array.init items (fun _ -> int64 (rng.Next classes))

    let output =
        Array.init items (fun _ -> Array.init classes (fun _ -> float (rng.Next 3)))

    target, output

/// The first of the largest.
let private best (row: float[]) =
    Array.findIndex (fun x -> x = Array.max row) row

let private tensors (target: int64[], output: float[][]) =
    Tensor.ofInt64s [ items ] target, float64s [ items; classes ] (Seq.concat output)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``confusion counts the items of each class by the class that they were taken for`` (engine: string) =
    let target, output = example ()
    let expected = Array.zeroCreate (classes * classes)

    for truth, row in Array.zip target output do
        let at = int truth * classes + best row
        expected[at] <- expected[at] + 1.0

    let counts = tensors (target, output) ||> Metric.confusion classes
    shouldEqual DType.Int64 counts.DType
    shouldEqual [ classes; classes ] (dimsOf counts)
    shouldBeExactly "counts" expected (floatsOn (engineOf engine) counts)
    shouldEqual (float items) (Array.sum expected)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``accuracy counts the items on the diagonal`` (engine: string) =
    let target, output = example ()

    let expected =
        Array.zip target output |> Array.filter (fun (t, row) -> int t = best row)

    let sum = tensors (target, output) ||> Metric.accuracy.Sum
    shouldEqual (float expected.Length) (itemOn (engineOf engine) sum)

[<Test>]
let ``accuracy and confusion refuse a target that has not one class for each item`` () =
    let labels shape = Tensor.full DType.Int64 shape 0.0

    for output, target in
        [
            [ 3; 2 ], [ 3; 1 ]
            [ 3; 2 ], [ 1 ]
            [ 3; 2 ], []
            [ 3; 2 ], [ 2 ]
            [ 3 ], [ 3 ]
            [ 3; 2; 2 ], [ 3 ]
        ] do
        let rest =
            let text (shape: int list) = (labels shape).Shape.ToString()
            $"the output is {text output} and the target {text target}; it needs [batch; classes] and [batch]"

        raises<ShapeException> $"accuracy: {rest}" (fun () ->
            Metric.accuracy.Sum (labels target) (Tensor.zeros output) |> ignore)

        raises<ShapeException> $"confusion: {rest}" (fun () ->
            Metric.confusion 2 (labels target) (Tensor.zeros output) |> ignore)

[<Test>]
let ``confusion refuses outputs for another number of classes`` () =
    raises<ShapeException> "confusion: the output is [3; 2]; for 4 classes it needs [batch; 4]" (fun () ->
        Metric.confusion 4 (Tensor.full DType.Int64 [ 3 ] 0.0) (Tensor.zeros [ 3; 2 ])
        |> ignore)
