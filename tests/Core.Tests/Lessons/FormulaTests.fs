/// Small formulas with their numbers (lessons.md, section 1.6, G-4). Where a number is printed, the expectation is the
/// number to its printed digits, or its closed form.
module FunctionalDL.Tests.Lessons.FormulaTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist

let private vector (values: float list) = float64s [ values.Length ] values

let private labels (values: int64 list) =
    Tensor.ofInt64s [ values.Length ] (List.toArray values)

/// Each in float64 to the printed digits and in float32 to what that type holds.
let private both (what: string) digits (expected: float list) (compute: DType -> Tensor) =
    for engine in engineNames do
        let found dtype =
            floatsOn (engineOf engine) (compute dtype)

        shouldEqual expected.Length (found DType.Float64).Length
        Seq.iter2 (shouldPrint what digits) expected (found DType.Float64)

        shouldBeClose
            $"{what} in float32"
            (5e-7 + 0.5625 * 10.0 ** float -digits)
            (List.toArray expected)
            (found DType.Float32)

[<Test>]
let ``softmax, log-sum-exp and cross entropy (G-4, rows 25, 26 and 28)`` () =
    let three dtype =
        vector [ 2.0; 1.0; 0.0 ] |> Tensor.cast dtype

    both "softmax" 6 [ 0.665241; 0.244728; 0.090031 ] (three >> Tensor.softmax 0)
    both "logsumexp" 6 [ 2.407606 ] (three >> Tensor.logSumExp 0)

    both "cross entropy" 6 [ 1.288726 ] (fun dtype ->
        float64s [ 2; 3 ] [ 2.0; 1.0; 0.0; 0.0; 1.0; 3.0 ]
        |> Tensor.cast dtype
        |> Loss.crossEntropy (labels [ 0L; 1L ]))

    both "large logsumexp" 4 [ 1001.0986 ] (fun dtype -> Tensor.full dtype [ 3 ] 1000.0 |> Tensor.logSumExp 0)


    for dtype in [ DType.Float64; DType.Float32 ] do
        let naive = Tensor.full dtype [ 3 ] 1000.0 |> Tensor.exp |> Tensor.sum |> Tensor.log
        shouldEqual infinity (Tensor.item naive)

[<Test>]
let ``a target of [4] against outputs of [4; 1] is compared element by element, or not at all (G-4, row 17)``
    ()
    =
    let target dtype =
        vector [ 0.0; 1.0; 2.0; 3.0 ] |> Tensor.cast dtype

    let output dtype = Tensor.unsqueeze 1 (target dtype)
    // What a silent broadcast gives: everything against everything.
    both "trap" 1 [ 2.5 ] (fun dtype -> Tensor.mean (Tensor.square (output dtype - target dtype)))
    both "squeezed" 15 [ 0.0 ] (fun dtype -> Loss.mse (target dtype) (Tensor.squeeze -1 (output dtype)))
    // Outputs with one axis are left as they are.
    let rank1 = vector [ 1.0; 1.0; 2.0; 5.0 ]
    shouldEqual [ 4 ] (dimsOf (Tensor.squeeze -1 rank1))

    shouldBeExactly
        "rank 1"
        [ 1.25 ]
        (Tensor.toFloats (Loss.mse (target DType.Float64) (Tensor.squeeze -1 rank1)))

    raises<ShapeException>
        "mse: the output is [4; 1] and the target [4]; they need equal shapes: squeeze or unsqueeze one"
        (fun () -> Loss.mse (target DType.Float64) (output DType.Float64) |> ignore)

[<Test>]
let ``clipping to norm 1 (G-4)`` () =
    let clip dtype =
        let gradients =
            Tree.ofLeaves [ "a", vector [ 3.0; 4.0 ]; "b", vector [ 12.0 ] ]
            |> Tree.map (Tensor.cast dtype)

        let zeros = Tree.map Tensor.zerosLike gradients
        // A descent of rate 1 from 0 goes to minus the gradient.
        let optimiser = Optimiser.sgd 1.0 |> Optimiser.clipNorm 1.0

        let moved, _ =
            Optimiser.update gradients (Optimiser.init zeros optimiser) zeros optimiser

        Tensor.cat 0 (Tree.leaves moved |> List.map (fun (_, p) -> Tensor.reshape [ -1 ] -p))

    both "clipped" 6 [ 0.230769; 0.307692; 0.923077 ] clip

[<Test>]
let ``the smoothed loss of 1, 2, 3, 4 (G-4)`` () =
    both "smoothed" 6 [ 1.0; 1.505051; 2.013468; 2.525250 ] (fun dtype ->
        [ 1.0; 2.0; 3.0; 4.0 ]
        |> List.scan (fun smoothed x -> Smoothed.add x smoothed) (Smoothed.start 0.98)
        |> List.tail
        |> List.map _.Value
        |> vector
        |> Tensor.cast dtype)

/// Two passes of the batch 1, 2, 3, 6 and its evaluation.
let private batchNorm dtype =
    let layer = BatchNorm(Layer.batchNorm 1)
    let x = float64s [ 4; 1 ] [ 1.0; 2.0; 3.0; 6.0 ] |> Tensor.cast dtype
    let first = Layer.variables { DType = dtype; Key = Key.ofSeed 1L } layer

    let pass mode variables =
        match
            Layer.apply
                layer
                {
                    Mode = mode
                    Variables = variables
                    Key = Key.ofSeed 1L
                }
                [ x ]
        with
        | [ y ], state -> y, { variables with State = state }
        | _ -> invalidOp "one output"

    let y, one = pass Mode.Training first
    let _, two = pass Mode.Training one
    let evaluated, _ = pass Mode.Evaluation two
    let running (v: Variables) = [ Tree.find "running_mean" v.State; Tree.find "running_var" v.State ]

    Tensor.cat 0 [
        Tensor.reshape [ 4 ] y
        yield! running one
        yield! running two
        Tensor.reshape [ 4 ] evaluated
    ]

/// The last number is (6 - 0.57) / √(1.696667 + 1e-5) = 4.1686966; lessons.md cuts it to 4.168696.
[<Test>]
let ``batch norm of 1, 2, 3, 6: outputs, running statistics after two passes, evaluation (G-4, row 71)`` () =
    both
        "batch norm"
        6
        [
            -1.069043
            -0.534522
            0.0
            1.603565
            0.3
            1.366667
            0.57
            1.696667
            0.330118
            1.097834
            1.865549
            4.168697
        ]
        batchNorm

[<Test>]
let ``dropout of ones: 0 or 2, the mean stays, and nothing in evaluation (G-4, row 69)`` () =
    for dtype in [ DType.Float32; DType.Float64 ] do
        let apply mode key =
            match
                Layer.apply
                    (Layer.dropout 0.5)
                    {
                        Mode = mode
                        Variables = {
                            Parameters = Tree.empty
                            State = Tree.empty
                        }
                        Key = key
                    }
                    [ Tensor.full dtype [ 10000 ] 1.0 ]
            with
            | [ y ], _ -> Tensor.toFloats y
            | _ -> invalidOp "one output"

        for key in twentyKeys do
            let dropped = apply Mode.Training key
            ensure "a value is neither 0 nor 2" (dropped |> Array.forall (fun v -> v = 0.0 || v = 2.0))
            // Five standard deviations of the mean of 10,000.
            shouldLie "mean" 0.95 1.05 (Array.average dropped)
            shouldBeExactly "evaluation" (Array.create 10000 1.0) (apply Mode.Evaluation key)

[<Test>]
let ``exp_rmspe of the example (G-4, row 67)`` () =
    both "exp_rmspe" 7 [ 0.0816497 ] (fun dtype ->
        let logs values =
            vector (List.map log values) |> Tensor.cast dtype

        Metric.ofBatch Metric.expRmspe (logs [ 100.0; 200.0; 100.0 ]) (logs [ 100.0; 220.0; 90.0 ])
        |> Tensor.cast dtype)

[<Test>]
let ``adaptive pools (G-4)`` () =
    let apply spec shape dtype =
        let x = Create.arange dtype 0.0 (float (elements shape)) 1.0 |> Tensor.reshape shape

        match
            Layer.apply
                (Pool spec)
                {
                    Mode = Mode.Evaluation
                    Variables = {
                        Parameters = Tree.empty
                        State = Tree.empty
                    }
                    Key = Key.ofSeed 1L
                }
                [ x ]
        with
        | [ y ], _ -> Tensor.reshape [ -1 ] y
        | _ -> invalidOp "one output"

    both "concat" 15 [ 3.0; 7.0; 1.5; 5.5 ] (apply (PoolSpec.AdaptiveConcat [ 1; 1 ]) [ 1; 2; 2; 2 ])
    both "average" 15 [ 1.0; 3.0 ] (apply (PoolSpec.AdaptiveAverage [ 2 ]) [ 1; 1; 5 ])
