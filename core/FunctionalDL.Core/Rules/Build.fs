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

    let constant value (t: TensorType) =
        Graph.make (Prim.Constant(Literal.ofFloat t.DType value, t.Shape))

    /// A tensor of the same type and shape as `like`, filled with `value`.
    let full value (like: Node) = constant value like.Type

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

    /// Moves axis `source` to place `target`.
    let moveAxis source target (x: Node) =
        if source = target then
            x
        else
            let others = Array.init x.Type.Shape.Rank id |> Array.filter ((<>) source)
            permute (Array.insertAt target source others) x

    /// Exchanges the last two axes.
    let transpose (x: Node) =
        let rank = x.Type.Shape.Rank
        let axes = Array.init rank id
        axes[rank - 2] <- rank - 1
        axes[rank - 1] <- rank - 2
        permute axes x

    let matMul a b = Graph.make (Prim.MatMul(a, b))

    let convolution part spec a b =
        Graph.make (Prim.Convolution(part, spec, a, b))

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

    /// The elements of an axis in reverse order.
    let flip axis (x: Node) =
        let span a size =
            if a = axis then
                {
                    Start = max 0 (size - 1)
                    Step = -1
                    Count = size
                }
            else
                { Start = 0; Step = 1; Count = size }

        slice (Array.mapi span x.Type.Shape.Dims) x

    /// Each element moved by one place towards the end of an axis; the first is 0.
    let shift axis (x: Node) =
        let spans start =
            x.Type.Shape.Dims
            |> Array.mapi (fun a size ->
                if a = axis then
                    {
                        Start = start
                        Step = 1
                        Count = max 0 (size - 1)
                    }
                else
                    { Start = 0; Step = 1; Count = size })

        if x.Type.Shape[axis] < 2 then
            zeros x
        else
            Graph.make (Prim.Embed(x.Type.Shape, spans 1, slice (spans 0) x))

    let recurrence axis decay input =
        Graph.make (Prim.Recurrence(axis, decay, input))

    /// Whether a place is the first of an axis, in tensors like `like`.
    let isFirst axis (like: Node) =
        let place = Graph.make (Prim.Iota(like.Type.DType, like.Type.Shape[axis]))

        let dims =
            Array.init like.Type.Shape.Rank (fun a -> if a = axis then like.Type.Shape[a] else 1)

        let place = expand like.Type.Shape (reshape (Shape dims) place)
        compare CompareOp.Equal place (zeros place)

    /// The product of all elements before each place of an axis; 1 at the first.
    let productBefore axis (x: Node) =
        // At the first place the run starts with 1; after it each step multiplies by the element before.
        recurrence axis (shift axis x) (cast x.Type.DType (isFirst axis x))

    let triangularSolve lower a b =
        Graph.make (Prim.TriangularSolve(lower, a, b))

    let solve a b = Graph.make (Prim.Solve(a, b))

    /// Where the row's number stands in this relation to the column's, in matrices like `x`.
    let whereRow op (x: Node) =
        let shape = x.Type.Shape
        let rank = shape.Rank

        let places axis =
            let along = Array.init rank (fun a -> if a = axis then shape[axis] else 1)

            Graph.make (Prim.Iota(DType.Int32, shape[axis]))
            |> reshape (Shape along)
            |> expand shape

        compare op (places (rank - 2)) (places (rank - 1))

    /// The lower (or upper) triangle with the diagonal, zeros elsewhere.
    let triangle lower (x: Node) =
        let op =
            if lower then
                CompareOp.GreaterEqual
            else
                CompareOp.LessEqual

        select (whereRow op x) x (zeros x)
