namespace FunctionalDL.Core

open System

/// A multi-dimensional array of numbers: an immutable value. An operation on tensors checks shapes and types
/// at once and computes nothing; the numbers are computed when somebody looks (`Tensor.toArray`,
/// `Tensor.item`, printing).
[<Sealed>]
type Tensor internal (node: Node) =

    /// The tensor's place in the graph.
    member internal _.Node = node

    /// The sizes of its axes.
    member _.Shape = node.Type.Shape

    /// The type of its elements.
    member _.DType = node.Type.DType

    /// The number of its axes.
    member _.Rank = node.Type.Shape.Rank

    static member internal OfNode node = Tensor(Evaluate.bounded node)

    static member internal Make prim = Tensor.OfNode(Graph.make prim)

    /// The node stretched to `shape`, to which its sizes are aligned at the last axis.
    static member internal Stretch(shape: Shape, x: Node) =
        let from = x.Type.Shape

        if from.Rank = shape.Rank then
            Build.expand shape x
        // Only axes of size 1 are missing.
        elif from.Size = shape.Size then
            Build.reshape shape x
        else
            let aligned =
                Shape(Array.append (Array.create (shape.Rank - from.Rank) 1) from.Dims)

            Build.expand shape (Build.reshape aligned x)

    /// Both operands with the type they meet in, stretched to the shape they meet in.
    static member internal Meet(operation, a: Tensor, b: Tensor) : struct (Node * Node) =
        let dtype = DType.promoteTensors (a.DType, a.Rank) (b.DType, b.Rank)
        let shape = Shape.broadcast operation a.Shape b.Shape

        struct (Tensor.Stretch(shape, Build.cast dtype a.Node), Tensor.Stretch(shape, Build.cast dtype b.Node))

    static member internal Binary(op: BinaryOp, a: Tensor, b: Tensor) =
        let struct (x, y) = Tensor.Meet(op.ToString(), a, b)

        // Whole numbers have no quotient among them: they are divided as real numbers, as in PyTorch.
        let x, y =
            match op with
            | BinaryOp.Div
            | BinaryOp.Pow
            | BinaryOp.Atan2 when not (DType.isFloat x.Type.DType) ->
                Build.cast DType.Float32 x, Build.cast DType.Float32 y
            | BinaryOp.Div
            | BinaryOp.Pow
            | BinaryOp.Atan2
            | BinaryOp.Add
            | BinaryOp.Sub
            | BinaryOp.Mul
            | BinaryOp.Maximum
            | BinaryOp.Minimum -> x, y

        Tensor.Make(Prim.Binary(op, x, y))

    static member internal Compare(op: CompareOp, a: Tensor, b: Tensor) =
        let struct (x, y) = Tensor.Meet(op.ToString(), a, b)
        Tensor.Make(Prim.Compare(op, x, y))

    /// The number as a tensor of the shape of `like`, which it meets without widening it, unless it is of a wider kind.
    static member internal FullLike(like: Tensor, value: float) =
        let dtype = DType.promoteScalar like.DType DType.Kind.Real
        Tensor.Make(Prim.Constant(Literal.ofFloat dtype value, like.Shape))

    static member internal FullLike(like: Tensor, value: int) =
        let dtype = DType.promoteScalar like.DType DType.Kind.Whole
        Tensor.Make(Prim.Constant(Literal.ofInt64 dtype (int64 value), like.Shape))

    static member (+)(a: Tensor, b: Tensor) = Tensor.Binary(BinaryOp.Add, a, b)
    static member (+)(a: Tensor, b: float) = a + Tensor.FullLike(a, b)
    static member (+)(a: float, b: Tensor) = Tensor.FullLike(b, a) + b
    static member (+)(a: Tensor, b: int) = a + Tensor.FullLike(a, b)
    static member (+)(a: int, b: Tensor) = Tensor.FullLike(b, a) + b
    static member (-)(a: Tensor, b: Tensor) = Tensor.Binary(BinaryOp.Sub, a, b)
    static member (-)(a: Tensor, b: float) = a - Tensor.FullLike(a, b)
    static member (-)(a: float, b: Tensor) = Tensor.FullLike(b, a) - b
    static member (-)(a: Tensor, b: int) = a - Tensor.FullLike(a, b)
    static member (-)(a: int, b: Tensor) = Tensor.FullLike(b, a) - b
    static member (*)(a: Tensor, b: Tensor) = Tensor.Binary(BinaryOp.Mul, a, b)
    static member (*)(a: Tensor, b: float) = a * Tensor.FullLike(a, b)
    static member (*)(a: float, b: Tensor) = Tensor.FullLike(b, a) * b
    static member (*)(a: Tensor, b: int) = a * Tensor.FullLike(a, b)
    static member (*)(a: int, b: Tensor) = Tensor.FullLike(b, a) * b
    static member (/)(a: Tensor, b: Tensor) = Tensor.Binary(BinaryOp.Div, a, b)
    static member (/)(a: Tensor, b: float) = a / Tensor.FullLike(a, b)
    static member (/)(a: float, b: Tensor) = Tensor.FullLike(b, a) / b
    static member (/)(a: Tensor, b: int) = a / Tensor.FullLike(a, b)
    static member (/)(a: int, b: Tensor) = Tensor.FullLike(b, a) / b

    static member (~-)(a: Tensor) =
        Tensor.Make(Prim.Unary(UnaryOp.Neg, a.Node))

    /// The elements, computed, in PyTorch's style.
    override _.ToString() =
        if node.IsSymbolic then
            $"tensor(<traced> {node.Type})"
        else
            Evaluate.realise Cpu.engine [ node ]
            Print.storage node.Value
