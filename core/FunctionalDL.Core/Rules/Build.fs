namespace FunctionalDL.Core

/// Nodes for the rules to be written with: one function for a primitive, operands as the primitive wants
/// them. Broadcasting and promotion are not here: they belong to the user's operations, and a rule has no use
/// for them.
[<RequireQualifiedAccess>]
module internal Build =

    let unary op x = Graph.make (Prim.Unary(op, x))
    let binary op a b = Graph.make (Prim.Binary(op, a, b))
    let compare op a b = Graph.make (Prim.Compare(op, a, b))
    let neg x = unary UnaryOp.Neg x
    let add a b = binary BinaryOp.Add a b
    let sub a b = binary BinaryOp.Sub a b
    let mul a b = binary BinaryOp.Mul a b
    let div a b = binary BinaryOp.Div a b

    let select condition a b =
        Graph.make (Prim.Select(condition, a, b))

    /// A tensor of the same type and shape as `like`, filled with `value`.
    let full value (like: Node) =
        Graph.make (Prim.Constant(Literal.ofFloat like.Type.DType value, like.Type.Shape))

    let zeros (like: Node) = full 0.0 like

    /// The node itself when it has that type already.
    let cast dtype (x: Node) =
        if x.Type.DType = dtype then
            x
        else
            Graph.make (Prim.Cast(dtype, x))

    /// The node itself when it has that shape already.
    let reshape (shape: Shape) (x: Node) =
        if x.Type.Shape.Equals shape then
            x
        else
            Graph.make (Prim.Reshape(shape, x))

    /// The node itself when it has that shape already.
    let expand (shape: Shape) (x: Node) =
        if x.Type.Shape.Equals shape then
            x
        else
            Graph.make (Prim.Expand(shape, x))

    /// The node itself when no axis is named.
    let sum (axes: int[]) x =
        if axes.Length = 0 then
            x
        else
            Graph.make (Prim.Reduce(ReduceOp.Sum, axes, x))

    let permute axes x = Graph.make (Prim.Permute(axes, x))

    /// Exchanges the last two axes.
    let transpose (x: Node) =
        let rank = x.Type.Shape.Rank
        let axes = Array.init rank id
        axes[rank - 2] <- rank - 1
        axes[rank - 1] <- rank - 2
        permute axes x

    let matMul a b = Graph.make (Prim.MatMul(a, b))
    let slice spans x = Graph.make (Prim.Slice(spans, x))

    let gather axis source index =
        Graph.make (Prim.Gather(axis, source, index))

    let scatterAdd axis length source index =
        Graph.make (Prim.ScatterAdd(axis, length, source, index))

    /// The axes along which `shape` is stretched from `x`.
    let stretchedAxes (shape: Shape) (x: Node) = [|
        for i in 0 .. shape.Rank - 1 do
            if x.Type.Shape[i] <> shape[i] then
                i
    |]
