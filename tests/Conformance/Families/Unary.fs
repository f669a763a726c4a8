/// Functions of one tensor, element by element.
module FunctionalDL.Conformance.Families.Unary

open FunctionalDL.Core
open FunctionalDL.Conformance

let table = [
    Operation.unary "neg" Tensor.neg
    Operation.unary "abs" Tensor.abs
    Operation.unary "sign" Tensor.sign
    Operation.unary "sqrt" Tensor.sqrt
    Operation.unary "exp" Tensor.exp
    Operation.unary "expm1" Tensor.expm1
    Operation.unary "log" Tensor.log
    Operation.unary "log1p" Tensor.log1p
    Operation.unary "sin" Tensor.sin
    Operation.unary "cos" Tensor.cos
    Operation.unary "tanh" Tensor.tanh
    Operation.unary "sigmoid" Tensor.sigmoid
    Operation.unary "relu" Tensor.relu
    Operation.unary "square" Tensor.square
    Operation.unary "tan" Tensor.tan
    Operation.unary "asin" Tensor.asin
    Operation.unary "acos" Tensor.acos
    Operation.unary "atan" Tensor.atan
    Operation.unary "sinh" Tensor.sinh
    Operation.unary "cosh" Tensor.cosh
    Operation.unary "atanh" Tensor.atanh
    Operation.unary "log2" Tensor.log2
    Operation.unary "log10" Tensor.log10
    Operation.unary "rsqrt" Tensor.rsqrt
    Operation.unary "reciprocal" Tensor.reciprocal
    Operation.unary "erf" Tensor.erf
    Operation.unary "erfinv" Tensor.erfinv
    Operation.unary "floor" Tensor.floor
    Operation.unary "ceil" Tensor.ceil
    Operation.unary "round" Tensor.round
    Operation.unary "silu" Activation.silu
    Operation.unary "mish" Activation.mish
    Operation.unary "log_sigmoid" Activation.logSigmoid
    Operation.unary "softsign" Activation.softsign
    Operation.unary "selu" Activation.selu
    Operation.unary "hardsigmoid" Activation.hardsigmoid
    Operation.unary "hardswish" Activation.hardswish
    Operation.unary "relu6" Activation.relu6
    Operation.single "hardtanh" [ "min_val"; "max_val" ] (fun request ->
        let bound value name =
            Attribute.floatOr value name request.Attributes

        Operation.one request
        |> Activation.hardtanhWith (bound -1.0 "min_val") (bound 1.0 "max_val"))
    Operation.single "softplus" [ "beta"; "threshold" ] (fun request ->
        let option value name =
            Attribute.floatOr value name request.Attributes

        Operation.one request
        |> Activation.softplusWith (option 1.0 "beta") (option 20.0 "threshold"))
    Operation.single "leaky_relu" [ "negative_slope" ] (fun request ->
        Operation.one request
        |> Activation.leakyRelu (Attribute.floatOr 0.01 "negative_slope" request.Attributes))
    Operation.single "elu" [ "alpha" ] (fun request ->
        Operation.one request
        |> Activation.elu (Attribute.floatOr 1.0 "alpha" request.Attributes))
    Operation.single "celu" [ "alpha" ] (fun request ->
        Operation.one request
        |> Activation.celu (Attribute.floatOr 1.0 "alpha" request.Attributes))
    Operation.single "gelu" [ "approximate" ] (fun request ->
        let gelu =
            match Attribute.tryFind "approximate" request.Attributes |> Option.map _.GetString() with
            | None
            | Some "none" -> Activation.gelu
            | Some "tanh" -> Activation.geluTanh
            | Some other -> raise (NotSupported $"approximate '{other}'")

        Operation.one request |> gelu)
    Operation.single "clamp" [ "min"; "max" ] (fun request ->
        Operation.one request
        |> Tensor.clamp
            (Attribute.floatOr -infinity "min" request.Attributes)
            (Attribute.floatOr infinity "max" request.Attributes))
    Operation.single "glu" [ "dim" ] (fun request ->
        Operation.one request |> Activation.glu (Attribute.int "dim" request.Attributes))
]
