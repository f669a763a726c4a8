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
        | UnaryOp.Erf ->
            let slope = Build.unary UnaryOp.Exp (Build.neg (Build.mul x x))
            Some(Build.mul t (Build.mul (Build.full (2.0 / sqrt System.Math.PI) y) slope))
        | UnaryOp.Erfinv ->
            let slope = Build.unary UnaryOp.Exp (Build.mul y y)
            Some(Build.mul t (Build.mul (Build.full (sqrt System.Math.PI / 2.0) y) slope))
        | UnaryOp.Floor
        | UnaryOp.Ceil
        | UnaryOp.Round -> None

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

    /// The slopes of `a ** b`, with those limits at a base or exponent of 0 that PyTorch takes.
    let private power (a: Node) (b: Node) (y: Node) ta tb =
        let zero = Build.zeros y
        let isZero x = Build.compare CompareOp.Equal x zero

        let fromBase t =
            let slope =
                Build.mul b (Build.binary BinaryOp.Pow a (Build.sub b (Build.full 1.0 b)))

            // Only at a base of 0 would 0 · ∞ come of an exponent of 0.
            let hasSlope = Build.compare CompareOp.Greater (Build.unary UnaryOp.Abs a) zero
            let isFlat = Build.select hasSlope (Build.full 0.0 (isZero b)) (isZero b)
            Build.mul t (Build.select isFlat zero slope)

        let fromExponent t =
            let slope = Build.mul y (Build.unary UnaryOp.Log a)

            let isFlat =
                Build.select
                    (isZero a)
                    (Build.compare CompareOp.GreaterEqual b zero)
                    (Build.full 0.0 (isZero a))

            Build.mul t (Build.select isFlat zero slope)

        plus (Option.map fromBase ta) (Option.map fromExponent tb)

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
        | BinaryOp.Pow -> power a b y ta tb
        | BinaryOp.Atan2 ->
            let radius = Build.add (Build.mul a a) (Build.mul b b)
            let fromA = ta |> Option.map (fun t -> Build.div (Build.mul t b) radius)
            let fromB = tb |> Option.map (fun t -> Build.neg (Build.div (Build.mul t a) radius))
            plus fromA fromB

    /// The tangent of a product: each element's, times all the others, found without dividing by it.
    let private productTangent (axes: int[]) (x: Node) t =
        let shape = x.Type.Shape

        let kept =
            Array.init shape.Rank id |> Array.filter (fun a -> not (Array.contains a axes))

        let sizes (of': int[]) = of' |> Array.map (fun a -> shape[a])
        let flat = Shape(Array.append (sizes kept) [| Array.fold (*) 1 (sizes axes) |])

        let line node =
            Build.permute (Array.append kept axes) node |> Build.reshape flat

        let along = kept.Length
        let x, t = line x, line t
        let before = Build.productBefore along x
        let after = x |> Build.flip along |> Build.productBefore along |> Build.flip along

        Build.mul t (Build.mul before after)
        |> Build.sum [| along |]
        |> Build.reshape (Shape.keepAxes axes shape)

    /// How `L` moves when `L · Lᵀ` moves by `t`: `L · Φ(L⁻¹ t L⁻ᵀ)`, where `Φ` takes the lower triangle and
    /// half the diagonal. I. Murray, "Differentiation of the Cholesky decomposition", 2016, equation 8.
    let private cholesky (l: Node) t =
        let inverted = Build.triangularSolve true l t
        let both = Build.triangularSolve true l (Build.transpose inverted)

        let below =
            Build.select (Build.whereRow CompareOp.Greater both) both (Build.zeros both)

        let diagonal =
            Build.select (Build.whereRow CompareOp.Equal both) (half both) (Build.zeros both)

        Build.matMul l (Build.add below diagonal)

    /// How the solution of `a · X = b` moves: it solves `a · dX = db - da · X`.
    let private solution solve restrict x ta tb =
        let fromA = ta |> Option.map (fun t -> Build.neg (Build.matMul (restrict t) x))
        plus fromA tb |> Option.map solve

    let private reduce op axes (x: Node) (y: Node) t =
        match op with
        | ReduceOp.Sum -> Build.sum axes t
        | ReduceOp.Product -> productTangent axes x t
        | ReduceOp.Max
        | ReduceOp.Min ->
            // All elements that reach the extreme share it evenly.
            let isExtreme = Build.compare CompareOp.Equal x (Build.expand x.Type.Shape y)
            let count = Build.sum axes (Build.cast x.Type.DType isExtreme)
            Build.div (Build.sum axes (Build.select isExtreme t (Build.zeros t))) count

    /// By its reverse rule when the tangents are to be transposed and it has one; by its forward rule
    /// otherwise.
    let private custom
        isTransposed
        (rule: NodeRule)
        output
        (value: Node)
        (inputs: Node[])
        (tangents: Node option[])
        =
        let moving =
            Array.init inputs.Length id |> Array.filter (fun i -> tangents[i].IsSome)

        if moving.Length = 0 then
            None
        elif isTransposed && rule.HasReverse then
            let along = Array.choose id tangents
            Some(Graph.make (Prim.Opaque(rule, output, moving, value, inputs, along)))
        elif rule.HasForward then
            rule.Forward(inputs, tangents, output)
        else
            NodeRule.noForward rule

    /// The tangent of `result`, which `prim` made, given those of the operands. `isTransposed` says that it
    /// is wanted only to be transposed.
    let rule isTransposed (prim: Prim<Node>) (result: Node) (tangent: Node -> Node option) : Node option =
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
        | Prim.ArgWindow _
        | Prim.ArgSort _
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
        | Prim.Windows(_, _, _, _, x)
        | Prim.Overlap(_, _, _, _, x)
        | Prim.Gather(_, x, _)
        | Prim.ScatterAdd(_, _, x, _) -> linear x
        | Prim.Variable x -> tangent x
        | Prim.Barrier(x, after) -> tangent x |> Option.map (fun t -> Graph.make (Prim.Barrier(t, after)))
        | Prim.Custom(rule, output, _, inputs) ->
            custom isTransposed (NodeRule.of' rule) output result inputs (Array.map tangent inputs)
        | Prim.Opaque(rule, _, _, _, _, _) -> NodeRule.noForward (NodeRule.of' rule)
        | Prim.Concat(axis, xs) ->
            let tangents = xs |> Array.map tangent

            if Array.forall Option.isNone tangents then
                None
            else
                let orZeros x t =
                    t |> Option.defaultWith (fun () -> Build.zeros x)

                Some(Graph.make (Prim.Concat(axis, Array.map2 orZeros xs tangents)))
        | Prim.Recurrence(axis, decay, input) ->
            let fromDecay =
                tangent decay |> Option.map (fun t -> Build.mul t (Build.shift axis result))

            plus fromDecay (tangent input) |> Option.map (Build.recurrence axis decay)
        | Prim.Cholesky x -> tangent x |> Option.map (cholesky result)
        | Prim.TriangularSolve(lower, a, b) ->
            solution (Build.triangularSolve lower a) (Build.triangle lower) result (tangent a) (tangent b)
        | Prim.Solve(a, b) -> solution (Build.solve a) id result (tangent a) (tangent b)
        | Prim.Determinant x ->
            // Jacobi's formula: the determinant times the trace of x⁻¹ t.
            tangent x
            |> Option.map (fun t ->
                let ratio = Build.solve x t

                let onDiagonal =
                    Build.select (Build.whereRow CompareOp.Equal ratio) ratio (Build.zeros ratio)

                let rank = x.Type.Shape.Rank
                Build.mul result (Build.sum [| rank - 2; rank - 1 |] onDiagonal))
        | Prim.MatMul(a, b) ->
            let fromA = tangent a |> Option.map (fun t -> Build.matMul t b)
            let fromB = tangent b |> Option.map (Build.matMul a)
            plus fromA fromB
        | Prim.Convolution(part, spec, a, b) ->
            let fromA = tangent a |> Option.map (fun t -> Build.convolution part spec t b)
            let fromB = tangent b |> Option.map (Build.convolution part spec a)
            plus fromA fromB
