/// Every operation that the runner knows, by PyTorch's name. A new operation is a new row in its family's
/// table.
module FunctionalDL.Conformance.Table

open FunctionalDL.Conformance.Families

let operations: Map<string, Operation> =
    Map.ofList (
        List.concat [
            Unary.table
            Binary.table
            Reduce.table
            MatMul.table
            Index.table
            Conv.table
            Pool.table
            Norm.table
            Loss.table
            HigherOrder.table
            Optim.table
            Model.table
        ]
    )
