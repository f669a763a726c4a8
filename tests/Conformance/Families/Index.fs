/// Shapes, joining and picking.
module FunctionalDL.Conformance.Families.Index

open FunctionalDL.Core
open FunctionalDL.Conformance

/// A range `[start, stop, step]` of each axis.
let private slice (ranges: int list list) (x: Tensor) =
    let item range =
        match range with
        | [ start; stop; step ] -> Pick.Range(Some start, Some stop, step)
        | other -> raise (NotSupported $"slice %A{other}")

    Indexing.get (List.map item ranges) x

let table = [
    Operation.single "gather" [ "dim" ] (fun request ->
        let x, index = Operation.two request
        x |> Tensor.gather (Attribute.int "dim" request.Attributes) index)
    Operation.single "scatter_add" [ "dim" ] (fun request ->
        let x, index, source = Operation.three request
        Indexing.scatterAdd (Attribute.int "dim" request.Attributes) index source x)
    Operation.single "index_select" [ "dim" ] (fun request ->
        let x, index = Operation.two request
        x |> Tensor.indexSelect (Attribute.int "dim" request.Attributes) index)
    Operation.single "embedding" [ "padding_idx" ] (fun request ->
        let index, table = Operation.two request

        let padding =
            Attribute.tryFind "padding_idx" request.Attributes
            |> Option.map (fun _ -> Attribute.int "padding_idx" request.Attributes)

        Indexing.embedding padding index table)
    Operation.single "int_array_index" [] (fun request ->
        match request.Inputs with
        | x :: index -> Indexing.get (List.map Pick.Positions index) x
        | [] -> raise (NotSupported "no inputs"))
    Operation.single "one_hot" [ "num_classes" ] (fun request ->
        Operation.one request
        |> Tensor.oneHot (Attribute.int "num_classes" request.Attributes))
    Operation.single "slice" [ "slices" ] (fun request ->
        Operation.one request |> slice (Attribute.intLists "slices" request.Attributes))
    Operation.single "cat" [ "dim" ] (fun request ->
        Tensor.cat (Attribute.int "dim" request.Attributes) request.Inputs)
    Operation.single "stack" [ "dim" ] (fun request ->
        Tensor.stack (Attribute.int "dim" request.Attributes) request.Inputs)
    Operation.single "permute" [ "dims" ] (fun request ->
        Operation.one request
        |> Tensor.permute (Attribute.ints "dims" request.Attributes))
    Operation.single "transpose" [ "dim0"; "dim1" ] (fun request ->
        let axis name = Attribute.int name request.Attributes
        Operation.one request |> Tensor.transpose (axis "dim0") (axis "dim1"))
    Operation.single "reshape" [ "shape" ] (fun request ->
        Operation.one request
        |> Tensor.reshape (Attribute.ints "shape" request.Attributes))
    Operation.single "expand" [ "shape" ] (fun request ->
        Operation.one request
        |> Tensor.expand (Attribute.ints "shape" request.Attributes))
    Operation.single "squeeze" [ "dim" ] (fun request ->
        Operation.one request |> Tensor.squeeze (Attribute.int "dim" request.Attributes))
    Operation.single "unsqueeze" [ "dim" ] (fun request ->
        Operation.one request
        |> Tensor.unsqueeze (Attribute.int "dim" request.Attributes))
    Operation.single "flatten" [ "start_dim" ] (fun request ->
        Operation.one request
        |> Tensor.flatten (Attribute.int "start_dim" request.Attributes))
    Operation.single "flip" [ "dims" ] (fun request ->
        Operation.one request |> Tensor.flip (Attribute.ints "dims" request.Attributes))
    Operation.single "tril" [ "diagonal" ] (fun request ->
        Operation.one request
        |> Tensor.tril (Attribute.int "diagonal" request.Attributes))
    Operation.single "triu" [ "diagonal" ] (fun request ->
        Operation.one request
        |> Tensor.triu (Attribute.int "diagonal" request.Attributes))
    Operation.unary "diagonal" (Tensor.diagonal 0)
    Operation.single "repeat" [ "repeats" ] (fun request ->
        Operation.one request
        |> Tensor.repeat (Attribute.ints "repeats" request.Attributes))
    Operation.single "roll" [ "shift"; "dim" ] (fun request ->
        let option name = Attribute.int name request.Attributes
        Operation.one request |> Tensor.roll (option "shift") (option "dim"))
]
