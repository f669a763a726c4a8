/// Losses, and the functions that make probabilities.
module FunctionalDL.Conformance.Families.Loss

open FunctionalDL.Core
open FunctionalDL.Conformance

let private reduction request =
    match Attribute.text "reduction" request.Attributes with
    | "mean" -> Reduction.Mean
    | "sum" -> Reduction.Sum
    | "none" -> Reduction.None
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

let private along op (f: int -> Tensor -> Tensor) =
    Operation.single op [ "dim" ] (fun request ->
        Operation.one request |> f (Attribute.int "dim" request.Attributes))

let table = [
    loss "mse_loss" Loss.mseWith
    loss "nll_loss" Loss.nllWith
    loss "cross_entropy" Loss.crossEntropyWith
    along "softmax" Tensor.softmax
    along "log_softmax" Tensor.logSoftmax
]
