namespace FunctionalDL.Core

/// The derivative of every primitive, once: how its result moves when its operands move. Reverse mode has no
/// rules of its own; it is these rules, transposed. `ValueNone` is a tangent that is zero everywhere, so that
/// nothing is computed for it. At kinks the slopes are PyTorch's.
[<RequireQualifiedAccess>]
module internal Derivative =

    let private half x = Build.mul (Build.full 0.5 x) x

    let private ones like = Build.full 1.0 like

    let private unary op (x: Node) (y: Node) t =
        match op with
        | UnaryOp.Neg -> ValueSome(Build.neg t)
        | UnaryOp.Abs -> ValueSome(Build.mul t (Build.unary UnaryOp.Sign x))
        | UnaryOp.Sign -> ValueNone
        | UnaryOp.Sqrt -> ValueSome(half (Build.div t y))
        | UnaryOp.Exp -> ValueSome(Build.mul t y)
        | UnaryOp.Expm1 -> ValueSome(Build.mul t (Build.unary UnaryOp.Exp x))
        | UnaryOp.Log -> ValueSome(Build.div t x)
        | UnaryOp.Log1p -> ValueSome(Build.div t (Build.add x (ones y)))
        | UnaryOp.Sin -> ValueSome(Build.mul t (Build.unary UnaryOp.Cos x))
        | UnaryOp.Cos -> ValueSome(Build.neg (Build.mul t (Build.unary UnaryOp.Sin x)))
        | UnaryOp.Tanh -> ValueSome(Build.mul t (Build.sub (ones y) (Build.mul y y)))
        | UnaryOp.Sigmoid -> ValueSome(Build.mul t (Build.mul y (Build.sub (ones y) y)))
        | UnaryOp.Erf ->
            let slope = Build.unary UnaryOp.Exp (Build.neg (Build.mul x x))
            ValueSome(Build.mul t (Build.mul (Build.full (2.0 / sqrt System.Math.PI) y) slope))
        | UnaryOp.Erfinv ->
            let slope = Build.unary UnaryOp.Exp (Build.mul y y)
            ValueSome(Build.mul t (Build.mul (Build.full (sqrt System.Math.PI / 2.0) y) slope))
        | UnaryOp.Floor
        | UnaryOp.Ceil
        | UnaryOp.Round -> ValueNone

    /// Sum of the tangents that are there.
    let private plus a b =
        match a, b with
        | ValueSome a, ValueSome b -> ValueSome(Build.add a b)
        | ValueSome t, ValueNone
        | ValueNone, ValueSome t -> ValueSome t
        | ValueNone, ValueNone -> ValueNone

    /// `combine` on tangents of which at least one is there, with zeros for the other.
    let private both combine (like: Node) a b =
        match a, b with
        | ValueNone, ValueNone -> ValueNone
        | a, b ->
            let orZeros t =
                t |> ValueOption.defaultWith (fun () -> Build.zeros like)

            ValueSome(combine (orZeros a) (orZeros b))

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

        plus (ValueOption.map fromBase ta) (ValueOption.map fromExponent tb)

    let private binary op (a: Node) (b: Node) (y: Node) ta tb =
        match op with
        | BinaryOp.Add -> plus ta tb
        | BinaryOp.Sub -> plus ta (ValueOption.map Build.neg tb)
        | BinaryOp.Mul ->
            plus (ValueOption.map (fun t -> Build.mul t b) ta) (ValueOption.map (fun t -> Build.mul a t) tb)
        | BinaryOp.Div ->
            let fromNumerator = ta |> ValueOption.map (fun t -> Build.div t b)

            let fromDenominator =
                tb |> ValueOption.map (fun t -> Build.neg (Build.div (Build.mul t y) b))

            plus fromNumerator fromDenominator
        | BinaryOp.Maximum -> extreme CompareOp.Greater a b ta tb
        | BinaryOp.Minimum -> extreme CompareOp.Less a b ta tb
        | BinaryOp.Pow -> power a b y ta tb
        | BinaryOp.Atan2 ->
            let radius = Build.add (Build.mul a a) (Build.mul b b)
            let fromA = ta |> ValueOption.map (fun t -> Build.div (Build.mul t b) radius)

            let fromB =
                tb |> ValueOption.map (fun t -> Build.neg (Build.div (Build.mul t a) radius))

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
        let fromA = ta |> ValueOption.map (fun t -> Build.neg (Build.matMul (restrict t) x))
        plus fromA tb |> ValueOption.map solve

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

    /// By a forward rule of its own.
    let private custom (rule: NodeRule) output (inputs: Node[]) (tangents: Node voption[]) =
        if Array.forall ValueOption.isNone tangents then
            ValueNone
        elif rule.HasForward then
            rule.Forward(inputs, tangents |> Array.map ValueOption.toOption, output)
            |> Option.toValueOption
        else
            NodeRule.noForward rule

    /// For a primitive that is linear in `x`: itself, applied to the tangent.
    let private linear prim x t =
        t
        |> ValueOption.map (fun t ->
            Graph.make (prim |> Prim.map (fun o -> if obj.ReferenceEquals(o, x) then t else o)))

    /// The tangent of `result`, which `prim` made, given those of the operands.
    let rule (prim: Prim<Node>) (result: Node) (tangent: Node -> Node voption) : Node voption =
        match prim with
        | Prim.Constant _
        | Prim.Iota _
        | Prim.Random _
        | Prim.Compare _
        | Prim.Arg _
        | Prim.ArgWindow _
        | Prim.ArgSort _
        | Prim.StopGradient _ -> ValueNone
        | Prim.Unary(op, x) -> tangent x |> ValueOption.bind (fun t -> unary op x result t)
        | Prim.Binary(op, a, b) -> binary op a b result (tangent a) (tangent b)
        | Prim.Select(condition, a, b) -> both (Build.select condition) a (tangent a) (tangent b)
        | Prim.Cast(dtype, x) ->
            if DType.isFloat dtype then
                linear prim x (tangent x)
            else
                ValueNone
        | Prim.Reduce(op, axes, x) -> tangent x |> ValueOption.map (reduce op axes x result)
        | Prim.Reshape(_, x)
        | Prim.Permute(_, x)
        | Prim.Expand(_, x)
        | Prim.Slice(_, x)
        | Prim.Embed(_, _, x)
        | Prim.Windows(_, _, _, _, x)
        | Prim.Overlap(_, _, _, _, x)
        | Prim.Gather(_, x, _)
        | Prim.ScatterAdd(_, _, x, _) -> linear prim x (tangent x)
        | Prim.Variable x -> tangent x
        | Prim.Barrier(x, after) ->
            tangent x |> ValueOption.map (fun t -> Graph.make (Prim.Barrier(t, after)))
        | Prim.Custom(rule, output, _, inputs) ->
            custom (NodeRule.of' rule) output inputs (Array.map tangent inputs)
        | Prim.Concat(axis, xs) ->
            let tangents = xs |> Array.map tangent

            if Array.forall ValueOption.isNone tangents then
                ValueNone
            else
                let orZeros x t =
                    t |> ValueOption.defaultWith (fun () -> Build.zeros x)

                ValueSome(Graph.make (Prim.Concat(axis, Array.map2 orZeros xs tangents)))
        | Prim.Recurrence(axis, decay, input) ->
            let fromDecay =
                tangent decay
                |> ValueOption.map (fun t -> Build.mul t (Build.shift axis result))

            plus fromDecay (tangent input) |> ValueOption.map (Build.recurrence axis decay)
        | Prim.Cholesky x -> tangent x |> ValueOption.map (cholesky result)
        | Prim.TriangularSolve(lower, a, b) ->
            solution (Build.triangularSolve lower a) (Build.triangle lower) result (tangent a) (tangent b)
        | Prim.Solve(a, b) -> solution (Build.solve a) id result (tangent a) (tangent b)
        | Prim.Determinant x ->
            // Jacobi's formula: the determinant times the trace of x⁻¹ t.
            tangent x
            |> ValueOption.map (fun t ->
                let ratio = Build.solve x t

                let onDiagonal =
                    Build.select (Build.whereRow CompareOp.Equal ratio) ratio (Build.zeros ratio)

                let rank = x.Type.Shape.Rank
                Build.mul result (Build.sum [| rank - 2; rank - 1 |] onDiagonal))
        | Prim.MatMul(a, b) ->
            let fromA = tangent a |> ValueOption.map (fun t -> Build.matMul t b)
            let fromB = tangent b |> ValueOption.map (Build.matMul a)
            plus fromA fromB
        | Prim.Convolution(part, spec, a, b) ->
            let fromA = tangent a |> ValueOption.map (fun t -> Build.convolution part spec t b)
            let fromB = tangent b |> ValueOption.map (Build.convolution part spec a)
            plus fromA fromB
