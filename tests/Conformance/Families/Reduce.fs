/// Functions that fold axes.
module FunctionalDL.Conformance.Families.Reduce

open FunctionalDL.Core
open FunctionalDL.Conformance

let private keepdim request =
    Attribute.boolOr false "keepdim" request.Attributes

/// The axes that were folded, again with size 1.
let private restore (axes: int list) (rank: int) (folded: Tensor) =
    let all = if axes.IsEmpty then [ 0 .. rank - 1 ] else axes

    all
    |> List.map (fun axis -> if axis < 0 then axis + rank else axis)
    |> List.sort
    |> List.fold (fun x axis -> Tensor.unsqueeze axis x) folded

/// A fold of several axes.
let private fold op drop keep =
    Operation.single op [ "dim"; "keepdim" ] (fun request ->
        let axes = Attribute.axes "dim" request.Attributes
        Operation.one request |> if keepdim request then keep axes else drop axes)

/// A fold of one axis.
let private foldOne op drop keep =
    Operation.single op [ "dim"; "keepdim" ] (fun request ->
        match Attribute.axes "dim" request.Attributes with
        | [ axis ] -> Operation.one request |> if keepdim request then keep axis else drop axis
        | axes -> raise (NotSupported $"{op} along %A{axes}: one axis only"))

let private arg op (f: int -> Tensor -> Tensor) =
    foldOne op f (fun axis x -> f axis x |> restore [ axis ] x.Rank)

let private spread op (f: int -> int list -> Tensor -> Tensor) =
    Operation.single op [ "dim"; "keepdim"; "unbiased"; "correction" ] (fun request ->
        let x = Operation.one request
        let axes = Attribute.axes "dim" request.Attributes
        let unbiased = Attribute.boolOr true "unbiased" request.Attributes

        let correction =
            match Attribute.tryFind "correction" request.Attributes with
            | Some _ -> Attribute.int "correction" request.Attributes
            | None -> if unbiased then 1 else 0

        f correction axes x |> if keepdim request then restore axes x.Rank else id)

let table = [
    fold "sum" Tensor.sumAxes Tensor.sumAxesKeep
    fold "mean" Tensor.meanAxes Tensor.meanAxesKeep
    fold "amax" Tensor.amaxAxes Tensor.amaxAxesKeep
    fold "amin" Tensor.aminAxes Tensor.aminAxesKeep
    fold "prod" Tensor.prodAxes Tensor.prodAxesKeep
    fold "logsumexp" Tensor.logSumExpAxes Tensor.logSumExpAxesKeep
    arg "argmax" Tensor.argmax
    arg "argmin" Tensor.argmin
    spread "var" Tensor.var
    spread "std" Tensor.std
    Operation.single "cumsum" [ "dim" ] (fun request ->
        Operation.one request |> Tensor.cumsum (Attribute.int "dim" request.Attributes))
    Operation.single "cumprod" [ "dim" ] (fun request ->
        Operation.one request |> Tensor.cumprod (Attribute.int "dim" request.Attributes))
    Operation.single "norm" [ "p"; "dim"; "keepdim" ] (fun request ->
        let p = Attribute.floatOr 2.0 "p" request.Attributes
        let axes = Attribute.axes "dim" request.Attributes

        Operation.one request
        |> if keepdim request then
               Reduce.normKeep p axes
           else
               Reduce.norm p axes)
    Operation.row "topk" [ "k"; "dim"; "largest" ] (fun request ->
        let count = Attribute.int "k" request.Attributes
        let largest = Attribute.boolOr true "largest" request.Attributes

        let values, places =
            Operation.one request
            |> Tensor.topk count (Attribute.int "dim" request.Attributes) largest

        [ values; places ])
    Operation.row "sort" [ "dim"; "descending" ] (fun request ->
        let descending = Attribute.boolOr false "descending" request.Attributes

        let values, places =
            Operation.one request
            |> Tensor.sort (Attribute.int "dim" request.Attributes) descending

        [ values; places ])
]
