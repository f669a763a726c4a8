namespace FunctionalDL.Core

open FunctionalDL.Core.Planning

/// How a tensor's elements lie in memory, as far as that is known before it is computed. Stretching, permuting, slicing
/// and most reshapes move nothing: until somebody looks at such a tensor, it is another way to read the memory of what
/// it was made of. A tensor that was looked at, or that an operation computed, has its elements one after the other.
[<RequireQualifiedAccess>]
module Layout =

    /// The operand that a primitive only reads in another way, with that way.
    let private movement (prim: Prim<Node>) shape : (Node * (View -> View option)) option =
        match prim with
        | Prim.Reshape(_, x) -> Some(x, View.reshape x.Type.Shape shape)
        | Prim.Permute(axes, x) -> Some(x, View.permute axes >> Some)
        | Prim.Expand(_, x) -> Some(x, View.expand x.Type.Shape shape >> Some)
        | Prim.Windows(axis, _, step, dilation, x) -> Some(x, View.windows axis step dilation >> Some)
        | Prim.Slice(spans, x) -> Some(x, View.slice spans >> Some)
        | Prim.StopGradient x
        | Prim.Variable x
        | Prim.Barrier(x, _)
        | Prim.Custom(_, _, x, _) -> Some(x, Some)
        | Prim.Unary _
        | Prim.Binary _
        | Prim.Compare _
        | Prim.Select _
        | Prim.Cast _
        | Prim.Constant _
        | Prim.Iota _
        | Prim.Random _
        | Prim.Reduce _
        | Prim.Arg _
        | Prim.ArgWindow _
        | Prim.Embed _
        | Prim.Concat _
        | Prim.MatMul _
        | Prim.Convolution _
        | Prim.Gather _
        | Prim.ScatterAdd _
        | Prim.Recurrence _
        | Prim.ArgSort _
        | Prim.Overlap _
        | Prim.Cholesky _
        | Prim.TriangularSolve _
        | Prim.Solve _
        | Prim.Determinant _ -> None

    /// The node whose memory is read, and how.
    let private source (node: Node) : Node * View =
        let rec down (node: Node) ways =
            match node.Origin with
            | Origin.Made prim when isNull node.Value ->
                match movement prim node.Type.Shape with
                | Some(operand, way) -> down operand ((node, way) :: ways)
                | None -> node, ways
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> node, ways

        let owner, ways = down node []

        // What no strides can say is copied, and then lies in order.
        let follow (owner, view) (node: Node, way) =
            match way view with
            | Some view -> owner, view
            | None -> node, View.ofBuffer 0 node.Type.Shape

        List.fold follow (owner, View.ofBuffer 0 owner.Type.Shape) ways

    /// How many elements lie between neighbours on each axis; 0 where one element is read again and again.
    let strides (x: Tensor) : int64 list =
        List.ofArray (snd (source x.Node)).Strides

    /// How many elements the memory has that is read.
    let storageLength (x: Tensor) : int = (fst (source x.Node)).Type.Shape.Size
