/// Shapes, joining and picking.
module FunctionalDL.Conformance.Families.Index

open FunctionalDL.Core
open FunctionalDL.Conformance

/// A range `[start, stop, step]` of each axis.
let private slice (ranges: int list list) (x: Tensor) =
    let along x (axis, range) =
        match range with
        | [ start; stop; 1 ] -> Tensor.narrow axis start (stop - start) x
        | other -> raise (NotSupported $"slice %A{other}: steps of 1 only")

    ranges |> List.indexed |> List.fold along x

/// The rows of a table at whole numbers of any shape.
let private embedding (index: Tensor) (table: Tensor) =
    let rows = table |> Tensor.indexSelect 0 (Tensor.reshape [ -1 ] index)

    rows
    |> Tensor.reshape [ yield! index.Shape.ToArray(); yield! table.Shape.ToArray()[1..] ]

let table = [
    Operation.single "gather" [ "dim" ] (fun request ->
        let x, index = Operation.two request
        x |> Tensor.gather (Attribute.int "dim" request.Attributes) index)
    Operation.single "scatter_add" [ "dim" ] (fun request ->
        let x, index, source = Operation.three request
        let axis = Attribute.int "dim" request.Attributes
        x + Tensor.scatterAdd axis x.Shape[axis] index source)
    Operation.single "index_select" [ "dim" ] (fun request ->
        let x, index = Operation.two request
        x |> Tensor.indexSelect (Attribute.int "dim" request.Attributes) index)
    Operation.single "embedding" [] (fun request ->
        let index, table = Operation.two request
        embedding index table)
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
]
