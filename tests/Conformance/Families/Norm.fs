/// Normalisation.
module FunctionalDL.Conformance.Families.Norm

open FunctionalDL.Core
open FunctionalDL.Conformance

let private eps request =
    Attribute.floatOr 1e-5 "eps" request.Attributes

/// The input, and the weight and the bias where they are given.
let private affine request =
    match request.Inputs with
    | [ x ] -> x, None, None
    | [ x; weight ] -> x, Some weight, None
    | [ x; weight; bias ] -> x, Some weight, Some bias
    | other -> raise (NotSupported $"{other.Length} inputs")

let private batchNorm request =
    match request.Inputs with
    | [ x; weight; bias; mean; variance ] ->
        let running = { Mean = mean; Variance = variance }

        if Attribute.boolOr false "training" request.Attributes then
            let options = {
                Eps = eps request
                Momentum = Attribute.floatOr 0.1 "momentum" request.Attributes
            }

            let y, running = Norm.batchNormTraining options (Some weight) (Some bias) running x
            [ y; running.Mean; running.Variance ]
        else
            [ Norm.batchNormEvaluation (eps request) (Some weight) (Some bias) running x ]
    | other -> raise (NotSupported $"{other.Length} inputs")

let table = [
    Operation.row "batch_norm" [ "training"; "momentum"; "eps"; "outputs" ] batchNorm
    Operation.single "layer_norm" [ "normalized_shape"; "eps" ] (fun request ->
        let x, weight, bias = affine request
        Norm.layerNorm (Attribute.ints "normalized_shape" request.Attributes) (eps request) weight bias x)
    Operation.single "group_norm" [ "num_groups"; "eps" ] (fun request ->
        let x, weight, bias = affine request
        Norm.groupNorm (Attribute.int "num_groups" request.Attributes) (eps request) weight bias x)
    Operation.single "instance_norm" [ "eps" ] (fun request ->
        let x, weight, bias = affine request
        Norm.instanceNorm (eps request) weight bias x)
]
