/// Losses, and the functions that make probabilities.
module FunctionalDL.Conformance.Families.Loss

open FunctionalDL.Core
open FunctionalDL.Conformance

let private reduction request =
    match Attribute.text "reduction" request.Attributes with
    | "mean" -> Reduction.Mean
    | "sum" -> Reduction.Sum
    | "none" -> Reduction.None
    | "batchmean" -> Reduction.BatchMean
    | other -> raise (NotSupported $"reduction '{other}'")

/// The input itself, or its log-softmax where the case's note says that the loss was taken of that.
let private noted request (x: Tensor) =
    match Attribute.tryFind "note" request.Attributes |> Option.map _.GetString() with
    | None -> x
    | Some "input is passed through log_softmax(dim=1) first" -> Tensor.logSoftmax 1 x
    | Some other -> raise (NotSupported $"note '{other}'")

/// A loss of an output and a target.
let private loss op (f: Reduction -> Tensor -> Tensor -> Tensor) =
    Operation.single op [ "reduction"; "note" ] (fun request ->
        let output, target = Operation.two request
        f (reduction request) target (noted request output))

/// A loss with a width, 1 unless given.
let private widthLoss op option (f: Reduction -> float -> Tensor -> Tensor -> Tensor) =
    Operation.single op [ "reduction"; option ] (fun request ->
        let output, target = Operation.two request
        f (reduction request) (Attribute.floatOr 1.0 option request.Attributes) target output)

/// The input that an option names: `inputs[2]`.
let private named option request =
    Attribute.tryFind option request.Attributes
    |> Option.map (fun json ->
        match json.GetString() with
        | "inputs[2]" -> request.Inputs[2]
        | "inputs[3]" -> request.Inputs[3]
        | other -> raise (NotSupported $"{option} '{other}'"))

let private classLoss op (f: ClassOptions -> Tensor -> Tensor -> Tensor) =
    Operation.single
        op
        [ "reduction"; "note"; "weight"; "ignore_index"; "label_smoothing"; "target" ]
        (fun request ->
            let options = {
                Reduction = reduction request
                Weight = named "weight" request
                IgnoreIndex =
                    match Attribute.tryFind "ignore_index" request.Attributes with
                    | Some _ -> Attribute.int "ignore_index" request.Attributes
                    | None -> -100
                LabelSmoothing = Attribute.floatOr 0.0 "label_smoothing" request.Attributes
            }

            f options request.Inputs[1] (noted request request.Inputs[0]))

let private binaryLoss op (f: BinaryOptions -> Tensor -> Tensor -> Tensor) =
    Operation.single op [ "reduction"; "weight"; "pos_weight" ] (fun request ->
        let options = {
            Reduction = reduction request
            Weight = named "weight" request
            PosWeight = named "pos_weight" request
        }

        f options request.Inputs[1] request.Inputs[0])

let private along op (f: int -> Tensor -> Tensor) =
    Operation.single op [ "dim" ] (fun request ->
        Operation.one request |> f (Attribute.int "dim" request.Attributes))

let table = [
    loss "mse_loss" Loss.mseWith
    loss "l1_loss" Loss.l1With
    widthLoss "smooth_l1_loss" "beta" Loss.smoothL1With
    widthLoss "huber_loss" "delta" Loss.huberWith
    Operation.single "kl_div" [ "reduction"; "note"; "log_target" ] (fun request ->
        let output, target = Operation.two request
        let isLog = Attribute.boolOr false "log_target" request.Attributes
        Loss.klDivWith (reduction request) isLog target (noted request output))
    binaryLoss "binary_cross_entropy" Loss.binaryCrossEntropyUsing
    binaryLoss "binary_cross_entropy_with_logits" Loss.binaryCrossEntropyLogitsUsing
    classLoss "nll_loss" Loss.nllUsing
    classLoss "cross_entropy" Loss.crossEntropyUsing
    along "softmax" Tensor.softmax
    along "log_softmax" Tensor.logSoftmax
]
