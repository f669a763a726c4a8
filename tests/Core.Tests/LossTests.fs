/// Losses against plain loops, with all their options; gradients against central differences; ends and
/// extremes.
module FunctionalDL.Tests.LossTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.FamilySupport

let private reductions = [ Reduction.Mean; Reduction.Sum; Reduction.None; Reduction.BatchMean ]

/// What a reduction makes of losses whose first axis has `batch` items.
let private reduce reduction batch (losses: float[]) =
    match reduction with
    | Reduction.Mean -> [| Array.average losses |]
    | Reduction.Sum -> [| Array.sum losses |]
    | Reduction.None -> losses
    | Reduction.BatchMean -> [| Array.sum losses / float batch |]

// ---- elementwise losses
// --------------------------------------------------------------------------------------------

let private shape = [ 4; 3 ]
let private outputs = numbers 40 shape
let private targets = numbers 41 shape
let private logistic x = 1.0 / (1.0 + exp -x)
let private probabilities = Array.map logistic outputs
let private shares = Array.map logistic targets

let private huber delta d =
    if abs d < delta then
        d * d / 2.0
    else
        delta * (abs d - delta / 2.0)

/// A loss, its output and target, and the loss of one element.
let private rows
    : (string * (Reduction -> Tensor -> Tensor -> Tensor) * float[] * float[] * (float -> float -> float)) list = [
    "mse", Loss.mseWith, outputs, targets, (fun o t -> (o - t) * (o - t))
    "l1", Loss.l1With, outputs, targets, (fun o t -> abs (o - t))
    "smoothL1", (fun r -> Loss.smoothL1With r 0.7), outputs, targets, (fun o t -> huber 0.7 (o - t) / 0.7)
    "smoothL1 of beta 0", (fun r -> Loss.smoothL1With r 0.0), outputs, targets, (fun o t -> abs (o - t))
    "huber", (fun r -> Loss.huberWith r 0.7), outputs, targets, (fun o t -> huber 0.7 (o - t))
    "binaryCrossEntropy",
    Loss.binaryCrossEntropyWith,
    probabilities,
    shares,
    (fun p t -> -(t * log p + (1.0 - t) * log (1.0 - p)))
    "binaryCrossEntropyLogits",
    Loss.binaryCrossEntropyLogitsWith,
    outputs,
    shares,
    (fun x t -> -(t * log (logistic x) + (1.0 - t) * log (1.0 - logistic x)))
    "klDiv", (fun r -> Loss.klDivWith r false), outputs, shares, (fun x t -> t * (log t - x))
    "klDiv of logarithms", (fun r -> Loss.klDivWith r true), outputs, targets, (fun x t -> exp t * (t - x))
]

let private onEngines = [
    for name, _, _, _, _ in rows do
        for engine in engineNames -> TestCaseData(name, engine)
]

[<TestCaseSource(nameof onEngines)>]
let ``losses of elements are the formula's, under every reduction`` (name: string, engine: string) =
    let _, loss, output, target, formula =
        rows |> List.find (fun (n, _, _, _, _) -> n = name)

    let engine = engineOf engine
    let o, t = float64s shape output, float64s shape target

    for reduction in reductions do
        let what = $"{name}, {reduction}"

        floatsOn engine (loss reduction t o)
        |> shouldBeClose what 1e-12 (reduce reduction 4 (Array.map2 formula output target))

        gradientIsDifference $"{what}, output" engine (loss reduction t) shape output
        gradientIsDifference $"{what}, target" engine (fun t -> loss reduction t o) shape target

[<Test>]
let ``weights multiply elements, and posWeight what is owed to ones`` () =
    let weight, posWeight = [| 0.5; 2.0; 1.0 |], [| 3.0; 0.2; 1.5 |]

    let options = {
        Reduction = Reduction.None
        Weight = Some(float64s [ 3 ] weight)
        PosWeight = Some(float64s [ 3 ] posWeight)
    }

    let expected =
        Array.init 12 (fun i ->
            let x, t, p = outputs[i], shares[i], logistic outputs[i]
            ignore x
            -weight[i % 3] * (posWeight[i % 3] * t * log p + (1.0 - t) * log (1.0 - p)))

    let loss = Loss.binaryCrossEntropyLogitsUsing options (float64s shape shares)

    floatsOn Reference.engine (loss (float64s shape outputs))
    |> shouldBeClose "logits" 1e-12 expected

    gradientIsDifference "logits" Reference.engine loss shape outputs
    let options = { options with PosWeight = None }

    let plain =
        Array.init 12 (fun i ->
            let p, t = probabilities[i], shares[i]
            -weight[i % 3] * (t * log p + (1.0 - t) * log (1.0 - p)))

    floatsOn
        Reference.engine
        (Loss.binaryCrossEntropyUsing options (float64s shape shares) (float64s shape probabilities))
    |> shouldBeClose "probabilities" 1e-12 plain

/// PyTorch 1.13's values and slopes, without a reduction.
[<TestCase(0.0, 0.0, 0.0, 0.0)>]
[<TestCase(1.0, 0.0, 100.0, 1e12)>]
[<TestCase(0.0, 1.0, 100.0, -1e12)>]
[<TestCase(1.0, 1.0, 0.0, 0.0)>]
[<TestCase(0.0, 0.3, 30.0, -0.3e12)>]
[<TestCase(1e-13, 0.0, 1e-13, 0.1)>]
[<TestCase(1e-13, 1.0, 29.933606208922594, -1e12)>]
let ``probabilities of 0 and 1 give finite losses and slopes``
    (p: float, target: float, value: float, slope: float)
    =
    for name in engineNames do
        let engine = engineOf name
        let loss = Loss.binaryCrossEntropyWith Reduction.None (float64s [ 1 ] [ target ])
        let p = float64s [ 1 ] [ p ]
        floatsOn engine (loss p) |> shouldBeClose "value" 1e-12 [| value |]
        let got = (gradientOn engine loss p)[0]
        ensure $"slope {got}, expected {slope}" (abs (got - slope) <= 1e-7 * abs slope)

[<Test>]
let ``logits of any size have exact losses and slopes`` () =
    let x = float64s [ 4 ] [ -1000.0; 1000.0; -300.0; 300.0 ]
    let t = float64s [ 4 ] [ 1.0; 0.0; 0.0; 1.0 ]
    let loss = Loss.binaryCrossEntropyLogitsWith Reduction.None t

    floatsOn Reference.engine (loss x)
    |> shouldBeExactly "values" [ 1000.0; 1000.0; exp -300.0; exp -300.0 ]

    gradientOn Reference.engine loss x
    |> shouldBeClose "slopes" 1e-15 [| -1.0; 1.0; exp -300.0; -(exp -300.0) |]

[<Test>]
let ``distances have PyTorch's slopes at their kinks`` () =
    let slopes loss x =
        gradientOn Reference.engine (loss (float64s [ 3 ] [ 0.0; 0.0; 0.0 ])) (float64s [ 3 ] x)

    let x = [ -1.0; 0.0; 1.0 ]
    shouldBeExactly "l1" [ -1.0; 0.0; 1.0 ] (slopes (Loss.l1With Reduction.Sum) x)
    shouldBeExactly "smoothL1" [ -1.0; 0.0; 1.0 ] (slopes (Loss.smoothL1With Reduction.Sum 1.0) x)
    shouldBeExactly "huber" [ -1.0; 0.0; 1.0 ] (slopes (Loss.huberWith Reduction.Sum 1.0) x)

    let curvature x =
        grad (Loss.huberWith Reduction.Sum 1.0 (Tensor.zerosLike x) >> Tensor.sum) x

    shouldBeExactly
        "huber is a parabola at 0"
        [ 1.0 ]
        (gradientOn Reference.engine curvature (float64s [ 1 ] [ 0.0 ]))

[<Test>]
let ``a target of 0 owes no divergence`` () =
    let t = float64s [ 2 ] [ 0.0; 1.0 ]
    let logs = float64s [ 2 ] [ -infinity; -1.0 ]
    let loss x = Loss.klDivWith Reduction.None false t x
    let finite = float64s [ 2 ] [ -2.0; -1.0 ]
    floatsOn Reference.engine (loss finite) |> shouldBeExactly "value" [ 0.0; 1.0 ]
    gradientOn Reference.engine loss finite |> shouldBeExactly "slope" [ 0.0; -1.0 ]
    ignore logs

// ---- classes
// -------------------------------------------------------------------------------------------------------

/// Log-softmax along axis 1 by plain loops.
let private logSoftmax (shape: int list) (x: float[]) (p: int list) =
    let row = [ for c in 0 .. shape[1] - 1 -> at shape x (List.updateAt 1 c p) ]
    let top = List.max row
    at shape x p - top - log (List.sumBy (fun v -> exp (v - top)) row)

/// Cross entropy by plain loops: the losses of the items in order, and what each counts.
let private plainClasses (options: ClassOptions) (weights: float[]) shape (x: float[]) (labels: int64[]) =
    let classes = List.item 1 shape
    let items = positions (List.removeAt 1 shape)

    items
    |> List.mapi (fun i item ->
        let label = int labels[i]

        let log c =
            logSoftmax shape x (List.insertAt 1 c item)

        if label = options.IgnoreIndex then
            0.0, 0.0
        else
            let even = List.sumBy (fun c -> -weights[c] * log c) [ 0 .. classes - 1 ]
            let own = -weights[label] * log label
            let s = options.LabelSmoothing
            (1.0 - s) * own + s / float classes * even, weights[label])
    |> Array.ofList
    |> Array.unzip

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``cross entropy is the plain sum, with every option`` (engine: string) =
    let engine = engineOf engine
    let weights = [| 0.5; 2.0; 1.0; 0.1 |]

    for shape in [ [ 5; 4 ]; [ 3; 4; 2 ]; [ 2; 4; 2; 3 ] ] do
        let x = numbers 42 shape
        let labelShape = List.removeAt 1 shape
        let labels = Array.init (elements labelShape) (fun i -> int64 (i * 7 % 4))

        for ignored in [ -100; 2 ] do
            for smoothing in [ 0.0; 0.1; 1.0 ] do
                for isWeighted in [ false; true ] do
                    for reduction in reductions do
                        let options = {
                            Reduction = reduction
                            Weight = if isWeighted then Some(float64s [ 4 ] weights) else None
                            IgnoreIndex = ignored
                            LabelSmoothing = smoothing
                        }

                        let factors = if isWeighted then weights else Array.create 4 1.0
                        let losses, counts = plainClasses options factors shape x labels

                        let expected =
                            if reduction = Reduction.Mean then
                                [| Array.sum losses / Array.sum counts |]
                            else
                                reduce reduction shape.Head losses

                        let what = $"%A{shape}, ignoring {ignored}, smoothing {smoothing}, {reduction}"
                        let labels = Tensor.ofInt64s labelShape labels
                        let loss = Loss.crossEntropyUsing options labels
                        floatsOn engine (loss (float64s shape x)) |> shouldBeClose what 1e-12 expected

                        if smoothing < 1.0 && reduction = Reduction.Mean then
                            gradientIsDifference what engine loss shape x

                        if smoothing = 0.0 then
                            let logs = Tensor.logSoftmax 1 (float64s shape x)

                            floatsOn engine (Loss.nllUsing options labels logs)
                            |> shouldBeClose $"nll, {what}" 1e-12 expected

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``cross entropy against probabilities is their weighted sum`` (engine: string) =
    let engine = engineOf engine
    let shape = [ 3; 4; 2 ]
    let x = numbers 43 shape
    let target = Tensor.softmax 1 (float64s shape (numbers 44 shape))
    let shares = floatsOn engine target
    let weights = [| 0.5; 2.0; 1.0; 0.1 |]

    for smoothing in [ 0.0; 0.2 ] do
        let options = {
            ClassOptions.Default with
                Reduction = Reduction.None
                Weight = Some(float64s [ 4 ] weights)
                LabelSmoothing = smoothing
        }

        let expected = [|
            for item in positions [ 3; 2 ] ->
                List.sumBy
                    (fun c ->
                        let p = List.insertAt 1 c item
                        let share = (1.0 - smoothing) * at shape shares p + smoothing / 4.0
                        -weights[c] * share * logSoftmax shape x p)
                    [ 0..3 ]
        |]

        let loss = Loss.crossEntropyUsing options target

        floatsOn engine (loss (float64s shape x))
        |> shouldBeClose "losses" 1e-12 expected

        gradientIsDifference "losses" engine loss shape x

[<Test>]
let ``rows of very different size stay exact`` () =
    let logits = float64s [ 2; 3 ] [ 1e4; 1e4 - 1.0; 0.0; 1e-8; 0.0; -1e-8 ]
    let labels = Tensor.ofInt64s [ 2 ] [| 0L; 1L |]

    floatsOn Reference.engine (Loss.crossEntropyWith Reduction.None labels logits)
    |> shouldBeClose "losses" 1e-15 [| log (1.0 + exp -1.0); log 3.0 |]

    let huge = float64s [ 1; 2 ] [ -1e5; 1e5 ]

    floatsOn Reference.engine (Loss.crossEntropy (Tensor.ofInt64s [ 1 ] [| 0L |]) huge)
    |> shouldBeExactly "huge" [ 2e5 ]

[<Test>]
let ``one item needs no batch`` () =
    let x = numbers 45 [ 4 ]
    let batch = Loss.crossEntropy (Tensor.ofInt64s [ 1 ] [| 2L |]) (float64s [ 1; 4 ] x)
    let item = Loss.crossEntropy (Tensor.ofInt64s [] [| 2L |]) (float64s [ 4 ] x)
    shouldEqual [] (dimsOf item)
    shouldBeExactly "loss" (floatsOn Reference.engine batch) (floatsOn Reference.engine item)

[<Test>]
let ``a batch that is ignored as a whole has no mean, and no slope`` () =
    let labels = Tensor.ofInt64s [ 2 ] [| -100L; -100L |]
    let x = float64s [ 2; 3 ] (numbers 46 [ 2; 3 ])
    shouldBeExactly "mean" [ nan ] (floatsOn Reference.engine (Loss.crossEntropy labels x))
    let sum = Loss.crossEntropyWith Reduction.Sum labels
    shouldBeExactly "sum" [ 0.0 ] (floatsOn Reference.engine (sum x))
    shouldBeExactly "slope" (Array.zeroCreate 6) (gradientOn Reference.engine sum x)

[<Test>]
let ``mistakes are refused, with the shapes`` () =
    let x = float64s [ 2; 3 ] (numbers 47 [ 2; 3 ])
    let labels = Tensor.ofInt64s [ 2 ] [| 0L; 1L |]

    (fun () -> Loss.mse (float64s [ 2 ] [ 1.0; 2.0 ]) x |> ignore)
    |> raises<ShapeException>
        "mse: the output is [2; 3] and the target [2]; they need equal shapes: squeeze or unsqueeze one"

    (fun () -> Loss.nll (Tensor.ofInt64s [ 3 ] [| 0L; 1L; 2L |]) x |> ignore)
    |> raises<ShapeException>
        "nll: the output is [2; 3] and the target [3]; it needs [batch; classes] and [batch]"

    (fun () -> Loss.nll (float64s [ 2 ] [ 0.0; 1.0 ]) x |> ignore)
    |> raises<DTypeException> "nll: the target is float64[2]; it needs whole numbers (int64), the classes"

    (fun () ->
        Loss.crossEntropyUsing
            {
                ClassOptions.Default with
                    Weight = Some x
            }
            labels
            x
        |> ignore)
    |> raises<ShapeException>
        "crossEntropy: the weight is [2; 3] and the output [2; 3]; it needs one number for each class"

    (fun () ->
        Loss.crossEntropyUsing
            {
                ClassOptions.Default with
                    LabelSmoothing = 1.5
            }
            labels
            x
        |> ignore)
    |> raises<OptionException> "crossEntropy: the label smoothing is 1.5; it is a share, 0 to 1"

    (fun () -> Loss.huberWith Reduction.Mean 0.0 x x |> ignore)
    |> raises<OptionException> "huber: delta is 0; it needs to be above 0"

    (fun () -> Loss.smoothL1With Reduction.Mean -1.0 x x |> ignore)
    |> raises<OptionException> "smoothL1: beta is -1; it needs to be at least 0"

    (fun () ->
        Loss.binaryCrossEntropyUsing
            {
                BinaryOptions.Default with
                    PosWeight = Some x
            }
            x
            x
        |> ignore)
    |> raises<OptionException> "binaryCrossEntropy: posWeight is for logits; use binaryCrossEntropyLogits"

    for name in engineNames do
        (fun () ->
            floatsOn (engineOf name) (Loss.crossEntropy (Tensor.ofInt64s [ 2 ] [| 0L; 3L |]) x)
            |> ignore)
        |> messageOf<ValueException>
        |> shouldContain [ "index 3"; "outside 0 to 2" ]
