namespace FunctionalDL.Core

/// The derivative of every primitive, once: how its result moves when its operands move. Reverse mode has no
/// rules of its own; it is these rules, transposed. `None` is a tangent that is zero everywhere, so that
/// nothing is computed for it. At kinks the slopes are PyTorch's.
[<RequireQualifiedAccess>]
module internal Derivative =

    let private half x = Build.mul (Build.full 0.5 x) x

    let private unary op (x: Node) (y: Node) t =
        let one () = Build.full 1.0 y

        match op with
        | UnaryOp.Neg -> Some(Build.neg t)
        | UnaryOp.Abs -> Some(Build.mul t (Build.unary UnaryOp.Sign x))
        | UnaryOp.Sign -> None
        | UnaryOp.Sqrt -> Some(half (Build.div t y))
        | UnaryOp.Exp -> Some(Build.mul t y)
        | UnaryOp.Expm1 -> Some(Build.mul t (Build.unary UnaryOp.Exp x))
        | UnaryOp.Log -> Some(Build.div t x)
        | UnaryOp.Log1p -> Some(Build.div t (Build.add x (one ())))
        | UnaryOp.Sin -> Some(Build.mul t (Build.unary UnaryOp.Cos x))
        | UnaryOp.Cos -> Some(Build.neg (Build.mul t (Build.unary UnaryOp.Sin x)))
        | UnaryOp.Tanh -> Some(Build.mul t (Build.sub (one ()) (Build.mul y y)))
        | UnaryOp.Sigmoid -> Some(Build.mul t (Build.mul y (Build.sub (one ()) y)))

    /// Sum of the tangents that are there.
    let private plus a b =
        match a, b with
        | Some a, Some b -> Some(Build.add a b)
        | Some t, None
        | None, Some t -> Some t
        | None, None -> None

    /// `combine` on tangents of which at least one is there, with zeros for the other.
    let private both combine (like: Node) a b =
        match a, b with
        | None, None -> None
        | a, b ->
            let orZeros t =
                t |> Option.defaultWith (fun () -> Build.zeros like)

            Some(combine (orZeros a) (orZeros b))

    /// The larger (or smaller) operand's tangent, the mean of the two where they tie.
    let private extreme wins a b ta tb =
        let choose ta tb =
            let tie = half (Build.add ta tb)
            Build.select (Build.compare wins a b) ta (Build.select (Build.compare CompareOp.Equal a b) tie tb)

        both choose a ta tb

    let private binary op (a: Node) (b: Node) (y: Node) ta tb =
        match op with
        | BinaryOp.Add -> plus ta tb
        | BinaryOp.Sub -> plus ta (Option.map Build.neg tb)
        | BinaryOp.Mul -> plus (Option.map (fun t -> Build.mul t b) ta) (Option.map (Build.mul a) tb)
        | BinaryOp.Div ->
            let fromNumerator = ta |> Option.map (fun t -> Build.div t b)

            let fromDenominator =
                tb |> Option.map (fun t -> Build.neg (Build.div (Build.mul t y) b))

            plus fromNumerator fromDenominator
        | BinaryOp.Maximum -> extreme CompareOp.Greater a b ta tb
        | BinaryOp.Minimum -> extreme CompareOp.Less a b ta tb

    let private reduce op axes (x: Node) (y: Node) t =
        match op with
        | ReduceOp.Sum -> Build.sum axes t
        | ReduceOp.Max ->
            // All elements that reach the maximum share it evenly.
            let isMax = Build.compare CompareOp.Equal x (Build.expand x.Type.Shape y)
            let count = Build.sum axes (Build.cast x.Type.DType isMax)
            Build.div (Build.sum axes (Build.select isMax t (Build.zeros t))) count

    /// The tangent of `result`, which `prim` made, given those of the operands.
    let rule (prim: Prim<Node>) (result: Node) (tangent: Node -> Node option) : Node option =
        /// For a primitive that is linear in `x`: itself, applied to the tangent.
        let linear x =
            tangent x
            |> Option.map (fun t ->
                Graph.make (prim |> Prim.map (fun o -> if obj.ReferenceEquals(o, x) then t else o)))

        match prim with
        | Prim.Constant _
        | Prim.Iota _
        | Prim.Random _
        | Prim.Compare _
        | Prim.Arg _
        | Prim.StopGradient _ -> None
        | Prim.Unary(op, x) -> tangent x |> Option.bind (unary op x result)
        | Prim.Binary(op, a, b) -> binary op a b result (tangent a) (tangent b)
        | Prim.Select(condition, a, b) -> both (Build.select condition) a (tangent a) (tangent b)
        | Prim.Cast(dtype, x) -> if DType.isFloat dtype then linear x else None
        | Prim.Reduce(op, axes, x) -> tangent x |> Option.map (reduce op axes x result)
        | Prim.Reshape(_, x)
        | Prim.Permute(_, x)
        | Prim.Expand(_, x)
        | Prim.Slice(_, x)
        | Prim.Embed(_, _, x)
        | Prim.Gather(_, x, _)
        | Prim.ScatterAdd(_, _, x, _)
        | Prim.Variable x -> linear x
        | Prim.Concat(axis, xs) ->
            let tangents = xs |> Array.map tangent

            if Array.forall Option.isNone tangents then
                None
            else
                let orZeros x t =
                    t |> Option.defaultWith (fun () -> Build.zeros x)

                Some(Graph.make (Prim.Concat(axis, Array.map2 orZeros xs tangents)))
        | Prim.MatMul(a, b) ->
            let fromA = tangent a |> Option.map (fun t -> Build.matMul t b)
            let fromB = tangent b |> Option.map (Build.matMul a)
            plus fromA fromB
