/// A layer as a user writes it, with everything a layer can have.
module FunctionalDL.Tests.Nn.MixingLayer

open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// Two inputs, a parameter, a counter in its state and noise from its key.
let mixing =
    Custom {
        Name = "mixing"
        Init =
            fun _ shapes ->
                shouldEqual 2 shapes.Length

                {
                    Parameters = Branch [ "scale", Leaf(Tensor.full DType.Float64 [] 2.0) ]
                    State = Branch [ "calls", Leaf(Tensor.ofInt64s [] [| 0L |]) ]
                }
        Apply =
            fun call inputs ->
                match inputs with
                | [ a; b ] ->
                    let scale = Tree.find "scale" call.Variables.Parameters

                    let noise =
                        match call.Mode with
                        | Mode.Training -> Key.uniform DType.Float64 [ 2 ] call.Key
                        | Mode.Evaluation -> Tensor.full DType.Float64 [ 2 ] 0.0

                    let calls = Tree.find "calls" call.Variables.State
                    [ a * scale + b + noise; a - b ], Branch [ "calls", Leaf(calls + 1) ]
                | _ -> invalidOp "two inputs"
    }
