namespace FunctionalDL.Core

open System.Collections.Generic

/// How every primitive works on many examples at once. The examples of a batched operand lie along a new
/// first axis; an operand that is the same for all of them has none.
[<RequireQualifiedAccess>]
module internal Batching =

    let private prepend size (shape: Shape) = Shape.insertAxis 0 size shape

    /// The node as a batch: repeated for each example, with nothing copied.
    let private repeat size (x: Node) =
        Build.reshape (prepend 1 x.Type.Shape) x
        |> Build.expand (prepend size x.Type.Shape)

    let private whole length = { Start = 0; Step = 1; Count = length }

    /// Examples of one rank-2 operand are more rows of a single product, when the other operand is the same
    /// for all.
    let private matMul size (a: Node) (b: Node) (batched: Node -> Node option) =
        let all x =
            batched x |> Option.defaultWith (fun () -> repeat size x)

        match batched a, batched b with
        | Some rows, None when a.Type.Shape.Rank = 2 ->
            let m, k, n = a.Type.Shape[0], a.Type.Shape[1], b.Type.Shape[1]
            let product = Build.matMul (Build.reshape (Shape.ofList [ size * m; k ]) rows) b
            Build.reshape (Shape.ofList [ size; m; n ]) product
        | _ -> Build.matMul (all a) (all b)

    /// Right sides of examples that share a matrix are more columns of one system: the matrix is factorised
    /// once.
    let private solve size solve (a: Node) (b: Node) (batched: Node -> Node option) =
        match batched a, batched b with
        | None, Some right ->
            let rank = b.Type.Shape.Rank
            let columns = b.Type.Shape[-1]
            let beside = Build.moveAxis 0 (rank - 1) right
            let dims = b.Type.Shape.ToArray()
            dims[rank - 1] <- size * columns
            let solved = solve a (Build.reshape (Shape dims) beside)
            Build.reshape beside.Type.Shape solved |> Build.moveAxis (rank - 1) 0
        | _ ->
            let all x =
                batched x |> Option.defaultWith (fun () -> repeat size x)

            solve (all a) (all b)

    /// Examples that pick from one source are more places to pick: the source is not repeated.
    let private gather size axis (source: Node) (index: Node) (batched: Node -> Node option) =
        match batched source, batched index with
        | None, Some index ->
            let beside = Build.moveAxis 0 axis index
            let dims = index.Type.Shape.ToArray() |> Array.removeAt 0
            dims[axis] <- size * dims[axis]
            let picked = Build.gather axis source (Build.reshape (Shape dims) beside)
            Build.reshape beside.Type.Shape picked |> Build.moveAxis axis 0
        | _ ->
            let all x =
                batched x |> Option.defaultWith (fun () -> repeat size x)

            Build.gather (axis + 1) (all source) (all index)

    /// The primitive for all examples. `batched` gives the batch of an operand, of which at least one has
    /// one; `ruleOf` the batched rule of a custom function for the inputs that are mapped.
    let rule
        size
        (ruleOf: CustomRule -> bool[] -> CustomRule)
        (prim: Prim<Node>)
        (batched: Node -> Node option)
        : Node =
        let all x =
            batched x |> Option.defaultWith (fun () -> repeat size x)

        let orSame x = batched x |> Option.defaultValue x
        let isMapped x = (batched x).IsSome
        let make = Graph.make

        match prim with
        | Prim.Constant _
        | Prim.Iota _ -> invalidOp $"{Prim.name prim} has no operand that could be batched"
        | Prim.Random(dtype, shape, stream, key) ->
            make (Prim.Random(dtype, prepend size shape, stream, all key))
        | Prim.Unary _
        | Prim.Binary _
        | Prim.Compare _
        | Prim.Select _
        | Prim.Cast _
        | Prim.StopGradient _
        | Prim.ArgWindow _
        | Prim.Cholesky _
        | Prim.Determinant _ -> make (Prim.map all prim)
        // Its derivative has come to its end: one in progress does not hand out what depends on its variable.
        | Prim.Variable x -> all x
        | Prim.Reduce(op, axes, x) -> make (Prim.Reduce(op, axes |> Array.map ((+) 1), all x))
        | Prim.Arg(op, axis, x) -> make (Prim.Arg(op, axis + 1, all x))
        | Prim.Reshape(shape, x) -> make (Prim.Reshape(prepend size shape, all x))
        | Prim.Permute(axes, x) ->
            make (Prim.Permute(Array.append [| 0 |] (axes |> Array.map ((+) 1)), all x))
        | Prim.Expand(shape, x) -> make (Prim.Expand(prepend size shape, all x))
        | Prim.Slice(spans, x) -> make (Prim.Slice(Array.append [| whole size |] spans, all x))
        | Prim.Embed(shape, spans, x) ->
            make (Prim.Embed(prepend size shape, Array.append [| whole size |] spans, all x))
        | Prim.Concat(axis, xs) -> make (Prim.Concat(axis + 1, Array.map all xs))
        | Prim.MatMul(a, b) -> matMul size a b batched
        | Prim.Convolution(part, spec, a, b) ->
            BatchedConvolution.rule size part spec (a, batched a) (b, batched b)
        | Prim.Gather(axis, source, index) -> gather size axis source index batched
        | Prim.ScatterAdd(axis, length, source, index) ->
            Build.scatterAdd (axis + 1) length (all source) (all index)
        | Prim.Recurrence(axis, decay, input) -> Build.recurrence (axis + 1) (all decay) (all input)
        | Prim.ArgSort(axis, descending, x) -> make (Prim.ArgSort(axis + 1, descending, all x))
        | Prim.Windows(axis, windows, step, dilation, x) ->
            make (Prim.Windows(axis + 1, windows, step, dilation, all x))
        | Prim.Overlap(axis, length, step, dilation, x) ->
            make (Prim.Overlap(axis + 1, length, step, dilation, all x))
        | Prim.TriangularSolve(lower, a, b) -> solve size (Build.triangularSolve lower) a b batched
        | Prim.Solve(a, b) -> solve size Build.solve a b batched
        | Prim.Barrier(x, after) -> make (Prim.Barrier(all x, Array.map orSame after))
        | Prim.Custom(rule, output, value, inputs) ->
            let rule = ruleOf rule (Array.map isMapped inputs)
            make (Prim.Custom(rule, output, all value, Array.map orSame inputs))

    /// The outputs for `size` examples at once: `batches` hold those of `inputs`, which are symbols, along a
    /// first axis. What depends on no input is computed once, and repeated if it is an output.
    let run size (inputs: Node[]) (batches: Node[]) (outputs: Node[]) : Node[] =
        let batchOf = Dictionary<Node, Node>()
        Array.iter2 (fun i b -> batchOf[i] <- b) inputs batches

        let batched (node: Node) =
            match batchOf.TryGetValue node with
            | true, batch -> Some batch
            | _ -> None

        // The results of one custom call keep one rule, by which reverse mode finds them again.
        let rules = Dictionary<struct (CustomRule * string), CustomRule>()

        let ruleOf (rule: CustomRule) (mapped: bool[]) =
            let key = struct (rule, System.String.Join(" ", mapped))

            match rules.TryGetValue key with
            | true, found -> found
            | _ ->
                let made = (NodeRule.of' rule).Batch(size, mapped) :> CustomRule
                rules[key] <- made
                made

        // What waits for a batch may itself be the same for all examples: it is rebuilt, not repeated.
        let same = Dictionary<Node, Node>()

        let orSame (node: Node) =
            match same.TryGetValue node with
            | true, other -> other
            | _ -> node

        let build (node: Node) make : Node =
            if node.IsBackward then Graph.backward make else make ()

        let isKnown node =
            batchOf.ContainsKey node || same.ContainsKey node

        for node in Graph.dependents _.IsSymbolic inputs outputs do
            match node.Origin with
            | Origin.Made prim when Prim.operands prim |> Array.exists isKnown ->
                let isMapped =
                    match prim with
                    | Prim.Barrier(x, _) -> batchOf.ContainsKey x
                    | _ -> Prim.operands prim |> Array.exists batchOf.ContainsKey

                if isMapped then
                    batchOf[node] <- build node (fun () -> rule size ruleOf (Prim.map orSame prim) batched)
                else
                    let image o =
                        batched o |> Option.defaultWith (fun () -> orSame o)

                    same[node] <- build node (fun () -> Graph.make (Prim.map image prim))
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> ()

        outputs
        |> Array.map (fun o -> batched o |> Option.defaultWith (fun () -> repeat size (orSame o)))
