namespace FunctionalDL.Core

/// The transpose of every primitive that is linear in an operand: how a cotangent of the result becomes
/// cotangents of the operands. Derivative rules are made of linear primitives in the tangent, so these are
/// all that reverse mode needs.
[<RequireQualifiedAccess>]
module internal Transpose =

    let private notLinear prim =
        invalidOp
            $"{Prim.name prim} is not linear, so a derivative rule that applies it to a tangent is wrong"

    let private inverse (axes: int[]) =
        let inverse = Array.zeroCreate axes.Length
        axes |> Array.iteri (fun i a -> inverse[a] <- i)
        inverse

    /// The part of a joined axis that operand `i` became, as spans of the whole.
    let private partSpans axis (xs: Node[]) i =
        let start = xs |> Seq.take i |> Seq.sumBy (fun x -> x.Type.Shape[axis])

        xs[i].Type.Shape.Dims
        |> Array.mapi (fun a size -> {
            Start = (if a = axis then start else 0)
            Step = 1
            Count = size
        })

    /// A convolution is linear in each operand; the cotangent takes the place of the part that was computed.
    let private convolution part spec (a: Node) (b: Node) isFirst ct =
        let compute part a b = Build.convolution part spec a b

        match part, isFirst with
        | ConvolutionPart.Output, true -> a, compute ConvolutionPart.Input ct b
        | ConvolutionPart.Output, false -> b, compute ConvolutionPart.Weight a ct
        | ConvolutionPart.Input, true -> a, compute ConvolutionPart.Output ct b
        | ConvolutionPart.Input, false -> b, compute ConvolutionPart.Weight ct a
        | ConvolutionPart.Weight, true -> a, compute ConvolutionPart.Input b ct
        | ConvolutionPart.Weight, false -> b, compute ConvolutionPart.Output a ct

    /// Gives `add` the cotangents of the operands of `prim` that `isLinear` names, for a result with cotangent `ct`.
    let rule (prim: Prim<Node>) (isLinear: Node -> bool) (ct: Node) (add: Node -> Node -> unit) : unit =
        match prim with
        | Prim.Unary(op, x) ->
            match op with
            | UnaryOp.Neg -> add x (Build.neg ct)
            | UnaryOp.Abs
            | UnaryOp.Sign
            | UnaryOp.Sqrt
            | UnaryOp.Exp
            | UnaryOp.Expm1
            | UnaryOp.Log
            | UnaryOp.Log1p
            | UnaryOp.Sin
            | UnaryOp.Cos
            | UnaryOp.Tanh
            | UnaryOp.Sigmoid
            | UnaryOp.Erf
            | UnaryOp.Erfinv
            | UnaryOp.Floor
            | UnaryOp.Ceil
            | UnaryOp.Round -> notLinear prim
        | Prim.Binary(op, a, b) ->
            match op, isLinear a, isLinear b with
            | BinaryOp.Add, _, _ ->
                if isLinear a then
                    add a ct

                if isLinear b then
                    add b ct
            | BinaryOp.Sub, _, _ ->
                if isLinear a then
                    add a ct

                if isLinear b then
                    add b (Build.neg ct)
            | BinaryOp.Mul, true, false -> add a (Build.mul ct b)
            | BinaryOp.Mul, false, true -> add b (Build.mul a ct)
            | BinaryOp.Div, true, false -> add a (Build.div ct b)
            | (BinaryOp.Mul | BinaryOp.Div | BinaryOp.Maximum | BinaryOp.Minimum | BinaryOp.Pow | BinaryOp.Atan2),
              _,
              _ -> notLinear prim
        | Prim.Select(condition, a, b) ->
            if isLinear a then
                add a (Build.select condition ct (Build.zeros ct))

            if isLinear b then
                add b (Build.select condition (Build.zeros ct) ct)
        | Prim.Cast(_, x) -> add x (Build.cast x.Type.DType ct)
        | Prim.Reduce(op, _, x) ->
            match op with
            | ReduceOp.Sum -> add x (Build.expand x.Type.Shape ct)
            | ReduceOp.Max
            | ReduceOp.Min
            | ReduceOp.Product -> notLinear prim
        | Prim.Reshape(_, x) -> add x (Build.reshape x.Type.Shape ct)
        | Prim.Permute(axes, x) -> add x (Build.permute (inverse axes) ct)
        | Prim.Expand(shape, x) -> add x (Build.sum (Build.stretchedAxes shape x) ct)
        | Prim.Slice(spans, x) -> add x (Graph.make (Prim.Embed(x.Type.Shape, spans, ct)))
        | Prim.Embed(_, spans, x) -> add x (Build.slice spans ct)
        | Prim.Concat(axis, xs) ->
            for i in 0 .. xs.Length - 1 do
                if isLinear xs[i] then
                    add xs[i] (Build.slice (partSpans axis xs i) ct)
        | Prim.MatMul(a, b) ->
            match isLinear a, isLinear b with
            | true, false -> add a (Build.matMul ct (Build.transpose b))
            | false, true -> add b (Build.matMul (Build.transpose a) ct)
            | _ -> notLinear prim
        | Prim.Convolution(part, spec, a, b) ->
            match isLinear a, isLinear b with
            | true, false
            | false, true -> convolution part spec a b (isLinear a) ct ||> add
            | _ -> notLinear prim
        | Prim.Gather(axis, source, index) ->
            add source (Build.scatterAdd axis source.Type.Shape[axis] ct index)
        | Prim.ScatterAdd(axis, _, source, index) -> add source (Build.gather axis ct index)
        | Prim.Recurrence(axis, decay, input) ->
            if isLinear decay then
                notLinear prim

            // Backwards: each place hands on what it got, times the decay of the place after it.
            let handed = Build.flip axis decay |> Build.shift axis
            add input (Build.flip axis (Build.recurrence axis handed (Build.flip axis ct)))
        | Prim.Windows(axis, _, step, dilation, x) ->
            add x (Graph.make (Prim.Overlap(axis, x.Type.Shape[axis], step, dilation, ct)))
        | Prim.Overlap(axis, _, step, dilation, x) ->
            // Places that no window reached have no part in it.
            let reached =
                (x.Type.Shape[axis] - 1) * step + (x.Type.Shape[-1] - 1) * dilation + 1

            let spans =
                ct.Type.Shape.Dims
                |> Array.mapi (fun a n -> {
                    Start = 0
                    Step = 1
                    Count = (if a = axis then reached else n)
                })

            add x (Graph.make (Prim.Windows(axis, x.Type.Shape[-1], step, dilation, Build.slice spans ct)))
        | Prim.TriangularSolve(lower, a, b) ->
            if isLinear a then
                notLinear prim

            add b (Build.triangularSolve (not lower) (Build.transpose a) ct)
        | Prim.Solve(a, b) ->
            if isLinear a then
                notLinear prim

            add b (Build.solve (Build.transpose a) ct)
        | Prim.Variable x
        | Prim.Barrier(x, _) -> add x ct
        | Prim.Custom _
        | Prim.Constant _
        | Prim.Iota _
        | Prim.Random _
        | Prim.Compare _
        | Prim.Arg _
        | Prim.ArgWindow _
        | Prim.ArgSort _
        | Prim.Cholesky _
        | Prim.Determinant _
        | Prim.StopGradient _ -> notLinear prim
