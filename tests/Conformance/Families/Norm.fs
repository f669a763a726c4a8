/// Normalisation.
module FunctionalDL.Conformance.Families.Norm

open FunctionalDL.Core
open FunctionalDL.Conformance

let private eps request =
    Attribute.floatOr 1e-5 "eps" request.Attributes

/// What comes out of a layer with these parameters and this state, and the state after it.
let private apply mode layer parameters state (x: Tensor) =
    let call = {
        Mode = mode
        Variables = {
            Parameters = Tree.ofLeaves parameters
            State = Tree.ofLeaves state
        }
        Key = Key.ofSeed 0L
    }

    match Layer.apply layer call [ x ] with
    | [ y ], state -> y, state
    | ys, _ -> raise (NotSupported $"{ys.Length} outputs")

/// The input, and the weight and the bias where they are given.
let private affine request =
    match request.Inputs with
    | [ x ] -> x, []
    | [ x; weight ] -> x, [ "weight", weight; "bias", Tensor.zerosLike weight ]
    | [ x; weight; bias ] -> x, [ "weight", weight; "bias", bias ]
    | other -> raise (NotSupported $"{other.Length} inputs")

/// A layer without state, which is told whether it has a weight and a bias.
let private stateless op options (layer: Request -> Tensor -> bool -> Layer) =
    Operation.single op options (fun request ->
        let x, parameters = affine request
        let layer = layer request x (not parameters.IsEmpty)
        apply Mode.Training layer parameters [] x |> fst)

let private batchNorm request =
    match request.Inputs with
    | [ x; weight; bias; mean; variance ] ->
        let layer =
            BatchNorm {
                Layer.batchNorm x.Shape[1] with
                    Eps = eps request
                    Momentum = Some(Attribute.floatOr 0.1 "momentum" request.Attributes)
            }

        let state = [
            "running_mean", mean
            "running_var", variance
            "num_batches_tracked", Tensor.full DType.Int64 [] 0.0
        ]

        let isTraining = Attribute.boolOr false "training" request.Attributes
        let mode = if isTraining then Mode.Training else Mode.Evaluation
        let y, after = apply mode layer [ "weight", weight; "bias", bias ] state x

        [
            y
            if isTraining then
                Tree.find "running_mean" after
                Tree.find "running_var" after
        ]
    | other -> raise (NotSupported $"{other.Length} inputs")

let table = [
    Operation.row "batch_norm" [ "training"; "momentum"; "eps"; "outputs" ] batchNorm
    stateless "layer_norm" [ "normalized_shape"; "eps" ] (fun request _ isAffine ->
        LayerNorm {
            NormalizedShape = Attribute.ints "normalized_shape" request.Attributes
            Eps = eps request
            ElementwiseAffine = isAffine
        })
    stateless "group_norm" [ "num_groups"; "eps" ] (fun request x isAffine ->
        GroupNorm {
            NumGroups = Attribute.int "num_groups" request.Attributes
            NumChannels = x.Shape[1]
            Eps = eps request
            Affine = isAffine
        })
    stateless "instance_norm" [ "eps" ] (fun request x isAffine ->
        InstanceNorm {
            Layer.instanceNorm x.Shape[1] with
                Eps = eps request
                Affine = isAffine
        })
]
