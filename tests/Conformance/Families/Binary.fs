/// Functions of two tensors, element by element, and choosing between them.
module FunctionalDL.Conformance.Families.Binary

open FunctionalDL.Core
open FunctionalDL.Conformance

let table = [
    Operation.binary "add" (fun a b -> a + b)
    Operation.binary "sub" (fun a b -> a - b)
    Operation.binary "mul" (fun a b -> a * b)
    Operation.binary "div" (fun a b -> a / b)
    Operation.binary "maximum" Tensor.maximum
    Operation.binary "minimum" Tensor.minimum
    Operation.binary "eq" Tensor.eq
    Operation.binary "ne" Tensor.ne
    Operation.binary "lt" Tensor.lt
    Operation.binary "le" Tensor.le
    Operation.binary "gt" Tensor.gt
    Operation.binary "ge" Tensor.ge
    Operation.single "where" [] (fun request ->
        let condition, a, b = Operation.three request
        Tensor.where condition a b)
    Operation.binary "pow" Tensor.pow
    Operation.binary "atan2" Tensor.atan2
    Operation.single "pow_scalar" [ "exponent" ] (fun request ->
        Operation.one request
        |> Tensor.powScalar (Attribute.float "exponent" request.Attributes))
    Operation.single "masked_fill" [ "value" ] (fun request ->
        let x, mask = Operation.two request
        x |> Tensor.maskedFill mask (Attribute.float "value" request.Attributes))
    Operation.single "lerp" [ "weight" ] (fun request ->
        match request.Inputs with
        | [ a; b; weight ] -> Tensor.lerp weight a b
        | _ ->
            let a, b = Operation.two request
            Tensor.lerpScalar (Attribute.float "weight" request.Attributes) a b)
]
