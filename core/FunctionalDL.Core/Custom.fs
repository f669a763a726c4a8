namespace FunctionalDL.Core

open System.Collections.Generic

/// A derivative that a user wrote, over nodes.
[<Sealed>]
type internal UserRule
    (
        name: string,
        results: TensorType[],
        forward: (Node[] -> Node[] -> Node[]) voption,
        reverse: (Node[] -> Node[] -> Node[]) voption
    ) =
    inherit NodeRule(name)

    let zeros (t: TensorType) =
        Graph.make (Prim.Constant(Literal.ofFloat t.DType 0.0, t.Shape))

    let orZeros types given =
        Array.map2 (fun t -> Option.defaultWith (fun () -> zeros t)) types given

    override _.HasForward = forward.IsSome
    override _.HasReverse = reverse.IsSome
    override _.Outputs = results.Length

    override _.Forward(inputs, tangents, output) =
        let types = inputs |> Array.map _.Type
        Some (forward.Value inputs (orZeros types tangents)).[output]

    override _.Reverse(inputs, cotangents) =
        reverse.Value inputs (orZeros results cotangents) |> Array.map Some

    override _.Batch(size, mapped) =
        let batch (t: TensorType) = {
            t with
                Shape = Shape.insertAxis 0 size t.Shape
        }

        /// Runs `rule` on symbols in place of those of the nodes that are mapped, then for all examples.
        let run isMapped rule (nodes: Node[]) =
            let examples =
                nodes
                |> Array.mapi (fun i n ->
                    if isMapped i then
                        Graph.symbol $"one example of {name}" {
                            n.Type with
                                Shape = Shape.dropAxes [| 0 |] n.Type.Shape
                        }
                    else
                        n)

            let chosen = Array.init nodes.Length id |> Array.filter isMapped
            let pick (all: Node[]) = chosen |> Array.map (fun i -> all[i])
            Batching.run size (pick examples) (pick nodes) (rule examples)

        let split (nodes: Node[]) =
            nodes[.. mapped.Length - 1], nodes[mapped.Length ..]

        let forward =
            forward
            |> ValueOption.map (fun rule inputs tangents ->
                Array.append inputs tangents
                |> run (fun i -> mapped[i % mapped.Length]) (fun all -> split all ||> rule))

        let reverse =
            reverse
            |> ValueOption.map (fun rule inputs cotangents ->
                Array.append inputs cotangents
                |> run (fun i -> i >= mapped.Length || mapped[i]) (fun all -> split all ||> rule)
                |> Array.mapi (fun i ct ->
                    if mapped[i] then
                        ct
                    else
                        Build.reshape (Shape.dropAxes [| 0 |] ct.Type.Shape) (Build.sum [| 0 |] ct)))

        UserRule(name, Array.map batch results, forward, reverse)

/// The rule of a part of a graph that reverse mode computes again: `results` are made of `inputs`, which are
/// symbols or nodes that the part closes over.
[<Sealed>]
type internal RecomputeRule(name: string, inputs: Node[], results: Node[]) =
    inherit NodeRule(name)

    static member At(inputs: Node[], results: Node[], given: Node[]) = Graph.substitute inputs given results

    override _.HasForward = true
    override _.HasReverse = true
    override _.Outputs = results.Length

    override _.Forward(given, tangents, output) =
        let variables =
            Array.map2
                (fun x (t: Node option) -> if t.IsSome then Graph.make (Prim.Variable x) else x)
                given
                tangents

        let moving =
            Array.init given.Length id |> Array.filter (fun i -> tangents[i].IsSome)

        let pick (nodes: Node[]) = moving |> Array.map (fun i -> nodes[i])
        let result = RecomputeRule.At(inputs, results, variables)[output]

        let move =
            Differentiate.forward (pick variables) (Array.choose id tangents) [| result |]
            |> Array.exactlyOne

        Graph.untrack (pick variables) (Option.toArray move)
        move

    override _.Reverse(given, cotangents) =
        let after = Array.choose id cotangents
        // Waiting for the cotangents keeps the second computation from being merged with the first, and makes
        // it late.
        let late = given |> Array.map (fun x -> Graph.make (Prim.Barrier(x, after)))

        let moving =
            Array.init given.Length id
            |> Array.filter (fun i -> DType.isFloat given[i].Type.DType)

        let variables = Array.copy late

        for i in moving do
            variables[i] <- Graph.make (Prim.Variable late[i])

        let pick (nodes: Node[]) = moving |> Array.map (fun i -> nodes[i])
        let again = RecomputeRule.At(inputs, results, variables)

        let asked =
            Array.init results.Length id |> Array.filter (fun i -> cotangents[i].IsSome)

        let gradients =
            Differentiate.reached (pick variables) (asked |> Array.map (fun i -> again[i])) after

        Graph.untrack (pick variables) (Array.choose id gradients)
        let found = Array.create given.Length None
        Array.iter2 (fun i gradient -> found[i] <- gradient) moving gradients
        found

    override _.Batch(size, mapped) =
        let batches =
            Array.map2
                (fun (node: Node) isMapped ->
                    if isMapped then
                        Graph.symbol name {
                            node.Type with
                                Shape = Shape.insertAxis 0 size node.Type.Shape
                        }
                    else
                        node)
                inputs
                mapped

        let chosen = Array.init inputs.Length id |> Array.filter (fun i -> mapped[i])
        let pick (nodes: Node[]) = chosen |> Array.map (fun i -> nodes[i])
        RecomputeRule(name, batches, Batching.run size (pick inputs) (pick batches) results)

/// Functions whose derivative is given, not derived. Such a function is pure, takes all it depends on as its
/// argument (what it closes over is a constant), and nests in every transformation.
[<RequireQualifiedAccess>]
module Custom =

    /// Raises when a function closes over a variable of a derivative in progress, whose gradient would be
    /// lost.
    let private requireClosed name (results: Node[]) =
        let isStop (node: Node) =
            match node.Origin with
            | Origin.Made(Prim.StopGradient _) -> true
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> false

        for node in Graph.topological (fun n -> n.IsTracked && not (isStop n)) results do
            match node.Origin with
            | Origin.Made(Prim.Variable x) when node.IsOpen ->
                Fail.derivative (
                    $"{name}: the function closes over a tensor ({x.Type}) that a derivative is being taken for; "
                    + "make it a part of the argument, or stop its gradient"
                )
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> ()

    let private call name (f: 'a -> 'b) forward reverse (x: 'a) : 'b =
        let inputs = nodes x

        let y =
            f (rebuild x (inputs |> Array.map (fun n -> Graph.make (Prim.StopGradient n))))

        let results = nodes y
        requireClosed name results

        let forward =
            forward
            |> ValueOption.map (fun (rule: 'a -> 'a -> 'b) given tangents ->
                let moves = nodes (rule (rebuild x given) (rebuild x tangents))
                requireForm name "tangent of the result" results moves
                moves)

        let reverse =
            reverse
            |> ValueOption.map (fun (rule: 'a -> 'b -> 'a) given cotangents ->
                let found = nodes (rule (rebuild x given) (rebuild y cotangents))
                requireForm name "cotangent of the argument" inputs found
                found)

        let rule = UserRule(name, results |> Array.map _.Type, forward, reverse)

        results
        |> Array.mapi (fun i value -> Graph.make (Prim.Custom(rule, i, value, inputs)))
        |> rebuild y

    /// `f`, with `tangent x t` for how `f x` moves when `x` moves along `t`; it must be linear in `t`, and
    /// reverse mode is its transpose. Messages call the function `name`. Raises ShapeException when the
    /// rule's result does not have the form of the function's, DerivativeException when `f` closes over what
    /// a derivative is being taken for.
    let withDerivative name (f: 'a -> 'b) (tangent: 'a -> 'a -> 'b) (x: 'a) : 'b =
        call name f (ValueSome tangent) ValueNone x

    /// `f`, with `cotangent x ct` for the gradient of `⟨ct, f x⟩`. Forward mode through it raises
    /// DerivativeException: how a cotangent goes back does not say how a tangent goes on. Messages call the
    /// function `name`. Raises ShapeException when the rule's result does not have the form of `x`.
    let withGradient name (f: 'a -> 'b) (cotangent: 'a -> 'b -> 'a) (x: 'a) : 'b =
        call name f ValueNone (ValueSome cotangent) x

    /// `f`, with a rule for each mode: `tangent x t` as for `withDerivative`, and `cotangent x ct` as for
    /// `withGradient`. They must belong to one derivative.
    let withBoth name (f: 'a -> 'b) (tangent: 'a -> 'a -> 'b) (cotangent: 'a -> 'b -> 'a) (x: 'a) : 'b =
        call name f (ValueSome tangent) (ValueSome cotangent) x

/// Trading time for memory.
[<AutoOpen>]
module Checkpoint =

    /// What the results are made of besides the symbols `inputs`: nodes that depend on none of them, but on
    /// something that a derivative or a trace may replace.
    let private closedOver (inputs: Node[]) (results: Node[]) : HashSet<Node> * Node[] =
        let inside = HashSet<Node>(inputs)
        let outside = List<Node>()

        for node in Graph.topological (fun n -> n.IsSymbolic && not (inside.Contains n)) results do
            match node.Origin with
            | Origin.Made prim when Prim.operands prim |> Array.exists inside.Contains ->
                inside.Add node |> ignore
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> ()

        let seen = HashSet<Node>()

        for node in inside do
            match node.Origin with
            | Origin.Made prim ->
                for o in Prim.operands prim do
                    if (o.IsTracked || o.IsSymbolic) && not (inside.Contains o) && seen.Add o then
                        outside.Add o
            | Origin.Stored
            | Origin.Symbol _ -> ()

        inside, outside.ToArray()

    /// `f x`, whose intermediate values are not kept for the backward pass but computed again there: memory
    /// for the inputs of `f` alone, and its work twice. `f` may close over parameters. Values and derivatives
    /// are those of `f`, to the bit. Raises TraceException when `f` looks at values.
    let checkpoint (f: 'a -> 'b) (x: 'a) : 'b =
        let given = nodes x

        let symbols =
            given |> Array.map (fun n -> Graph.symbol "argument of checkpoint" n.Type)

        let y = f (rebuild x symbols)
        let results = nodes y
        let inside, outside = closedOver symbols results
        let inputs = Array.append symbols outside
        let given = Array.append given outside
        let stopped = given |> Array.map (fun n -> Graph.make (Prim.StopGradient n))
        let values = RecomputeRule.At(inputs, results, stopped)
        let rule = RecomputeRule("checkpoint", inputs, results)

        results
        |> Array.mapi (fun i result ->
            if inside.Contains result then
                Graph.make (Prim.Custom(rule, i, values[i], given))
            else
                result)
        |> rebuild y
