/// Matrix products.
module FunctionalDL.Conformance.Families.MatMul

open FunctionalDL.Core
open FunctionalDL.Conformance

let table = [
    Operation.binary "matmul" Tensor.matmul
    Operation.single "linear" [] (fun request ->
        match request.Inputs with
        | [ x; weight; bias ] -> Tensor.linear weight (Some bias) x
        | _ ->
            let x, weight = Operation.two request
            Tensor.linear weight None x)
    Operation.binary "outer" (fun a b -> Tensor.unsqueeze 1 a * Tensor.unsqueeze 0 b)
]
