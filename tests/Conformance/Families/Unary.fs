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
]
