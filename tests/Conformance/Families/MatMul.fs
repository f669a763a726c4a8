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
    Operation.binary "outer" Linalg.outer
    Operation.binary "dot" Linalg.dot
    Operation.single "bilinear" [] (fun request ->
        match request.Inputs with
        | [ x1; x2; weight; bias ] -> Linalg.bilinear weight (Some bias) x1 x2
        | _ ->
            let x1, x2, weight = Operation.three request
            Linalg.bilinear weight None x1 x2)
    Operation.unary "det" Linalg.det
    Operation.unary "inv" Linalg.inv
    Operation.binary "solve" Linalg.solve
    Operation.single "cholesky" [ "symmetrize" ] (Operation.one >> Linalg.cholesky)
    Operation.single "einsum" [ "equation" ] (fun request ->
        Einsum.einsum (Attribute.text "equation" request.Attributes) request.Inputs)
]
