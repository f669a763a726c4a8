/// Losses against formulas worked out by hand.
module FunctionalDL.Tests.Nn.LossFormulaTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private vector (values: float list) = float64s [ values.Length ] values

let private labels (values: int64 list) =
    Tensor.ofInt64s [ values.Length ] (List.toArray values)

let private logits () =
    float64s [ 2; 3 ] [ 2.0; 1.0; 0.0; 0.0; 1.0; 3.0 ]

/// lessons.md, section 1.6, G-4.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``cross entropy and softmax have the golden values`` (engine: string) =
    let on = engineOf engine
    let loss = Loss.crossEntropy (labels [ 0L; 1L ]) (logits ())
    shouldBeClose "cross entropy" 5e-7 [| 1.288726 |] (floatsOn on loss)

    shouldBeClose
        "softmax"
        5e-7
        [| 0.665241; 0.244728; 0.0900306 |]
        (floatsOn on (Tensor.softmax 0 (vector [ 2.0; 1.0; 0.0 ])))

    shouldBeClose
        "logsumexp"
        5e-7
        [| 2.407606 |]
        (floatsOn on (Tensor.logSumExp 0 (vector [ 2.0; 1.0; 0.0 ])))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the gradient of cross entropy is softmax less the target, over the batch`` (engine: string) =
    let on = engineOf engine
    let target = labels [ 0L; 1L ]
    let softmax = floatsOn on (Tensor.softmax 1 (logits ()))
    let oneHot = [| 1.0; 0.0; 0.0; 0.0; 1.0; 0.0 |]
    let expected = Array.map2 (fun p t -> (p - t) / 2.0) softmax oneHot
    shouldBeClose "mean" 1e-15 expected (floatsOn on (grad (Loss.crossEntropy target) (logits ())))
    let sum = grad (Loss.crossEntropyWith Reduction.Sum target) (logits ())
    shouldBeClose "sum" 1e-15 (expected |> Array.map (fun g -> 2.0 * g)) (floatsOn on sum)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``nll sums, averages or lists the negative log-probabilities of the targets`` (engine: string) =
    let on = engineOf engine

    let logProbabilities () =
        float64s [ 3; 2 ] [ -0.5; -1.0; -2.0; -0.25; -3.0; -0.125 ]

    let target = labels [ 1L; 0L; 1L ]

    let nll reduction =
        Loss.nllWith reduction target (logProbabilities ()) |> floatsOn on

    shouldBeExactly "none" [ 1.0; 2.0; 0.125 ] (nll Reduction.None)
    shouldBeExactly "sum" [ 3.125 ] (nll Reduction.Sum)
    shouldBeClose "mean" 1e-15 [| 3.125 / 3.0 |] (nll Reduction.Mean)
    let gradient = grad (Loss.nllWith Reduction.Sum target) (logProbabilities ())
    shouldBeExactly "gradient" [ 0.0; -1.0; -1.0; 0.0; 0.0; -1.0 ] (floatsOn on gradient)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``mean squared error has the value and gradient of its formula`` (engine: string) =
    let on = engineOf engine
    let target, output = vector [ 1.0; 2.0; 3.0; 4.0 ], vector [ 1.5; 2.0; 1.0; 4.5 ]
    shouldBeExactly "mean" [ 1.125 ] (floatsOn on (Loss.mse target output))
    shouldBeExactly "sum" [ 4.5 ] (floatsOn on (Loss.mseWith Reduction.Sum target output))
    shouldBeExactly "none" [ 0.25; 0.0; 4.0; 0.25 ] (floatsOn on (Loss.mseWith Reduction.None target output))
    shouldBeExactly "gradient" [ 0.25; 0.0; -1.0; 0.25 ] (floatsOn on (grad (Loss.mse target) output))

[<Test>]
let ``losses refuse shapes that do not meet`` () =
    raises<ShapeException>
        "mse: the output is [4; 1] and the target [4]; they need equal shapes: squeeze or unsqueeze one"
        (fun () -> Loss.mse (Tensor.zeros [ 4 ]) (Tensor.zeros [ 4; 1 ]) |> ignore)

    raises<ShapeException>
        "crossEntropy: the output is [2; 3] and the target [3]; it needs [batch; classes] and [batch]"
        (fun () -> Loss.crossEntropy (labels [ 0L; 1L; 2L ]) (logits ()) |> ignore)

    // A target of real numbers is one of probabilities, which has the output's shape.
    raises<ShapeException>
        "crossEntropy: the output is [2; 3] and the target [2]; they need equal shapes: squeeze or unsqueeze one"
        (fun () -> Loss.crossEntropy (vector [ 0.0; 1.0 ]) (logits ()) |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``cross entropy of rows of very different size stays exact`` (engine: string) =
    let on = engineOf engine
    let rows = float64s [ 3; 2 ] [ 1000.0; 999.0; 1e-3; 2e-3; -1000.0; -1001.0 ]

    let losses =
        Loss.crossEntropyWith Reduction.None (labels [ 0L; 1L; 1L ]) rows |> floatsOn on

    let expected = [| log (1.0 + exp -1.0); log (1.0 + exp -0.001); 1.0 + log (1.0 + exp -1.0) |]
    shouldBeClose "losses" 1e-13 expected losses
