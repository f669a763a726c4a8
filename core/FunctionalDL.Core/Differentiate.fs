namespace FunctionalDL.Core

open System
open System.Collections.Generic
open System.Runtime.CompilerServices

/// Hands cotangents on, a node at a time: the node's derivative rule along symbols for the tangents of its operands is
/// a small graph, linear in them, and its transpose takes a cotangent of the node to cotangents of the operands, which
/// `add` is given. `isMoving` says which operands have a tangent at all.
[<Sealed>]
type internal Transposition(isMoving: Node -> bool, add: Node -> Node -> unit) =
    // What one node needs is kept for the next: graphs are long, and their nodes have few operands.
    let operands, symbols = List<Node>(), List<Node>()
    // The rule's nodes from the youngest to the oldest, whether each is linear in the symbols, and their cotangents.
    let nodes, linear, cotangents = List<Node>(), List<bool>(), List<Node>()
    // All that is older than what the rule makes.
    let mutable before = 0L

    /// The symbol of a moving operand.
    let tangent (operand: Node) =
        let mutable i = operands.IndexOf operand

        if i < 0 && isMoving operand then
            i <- operands.Count
            operands.Add operand

            if i = symbols.Count then
                symbols.Add(Graph.symbol "tangent" operand.Type)
            elif symbols[i].Type <> operand.Type then
                symbols[i] <- Graph.symbol "tangent" operand.Type

        if i < 0 then ValueNone else ValueSome symbols[i]

    /// The operand that a node is the symbol of, or -1.
    let operandOf (node: Node) =
        if node.Made.IsSome then
            -1
        else
            symbols.IndexOf(node, 0, operands.Count)

    /// Where a node stands among the rule's, or -1.
    let find (node: Node) =
        let mutable low, high = 0, nodes.Count

        while low < high do
            let middle = (low + high) / 2

            if nodes[middle].Number > node.Number then
                low <- middle + 1
            else
                high <- middle

        if low < nodes.Count && obj.ReferenceEquals(nodes[low], node) then
            low
        else
            -1

    let isLinear node =
        match find node with
        | -1 -> operandOf node >= 0
        | i -> linear[i]

    /// Adds a node to the rule's, behind those that are younger, if it was made by the rule and may depend on a symbol.
    let meet (node: Node) from =
        if node.IsSymbolic && node.Number > before && node.Made.IsSome then
            let mutable i = from

            while i < nodes.Count && nodes[i].Number > node.Number do
                i <- i + 1

            if i = nodes.Count || not (obj.ReferenceEquals(nodes[i], node)) then
                nodes.Insert(i, node)

    /// All nodes that the rule made its result of.
    let collect result =
        nodes.Clear()
        linear.Clear()
        cotangents.Clear()
        meet result 0
        let mutable i = 0

        while i < nodes.Count do
            let parts = Prim.operandList nodes[i].Made.Value

            for o in 0 .. parts.Count - 1 do
                meet parts[o] (i + 1)

            linear.Add false
            cotangents.Add null
            i <- i + 1

        for i in nodes.Count - 1 .. -1 .. 0 do
            let parts = Prim.operandList nodes[i].Made.Value

            for o in 0 .. parts.Count - 1 do
                linear[i] <- linear[i] || isLinear parts[o]

    let give (node: Node) ct =
        match operandOf node with
        | -1 ->
            let i = find node

            cotangents[i] <-
                if isNull cotangents[i] then
                    ct
                else
                    Build.add cotangents[i] ct
        | i -> add operands[i] ct

    // The functions that rules are given, as objects made once.
    let tangentOf: Node -> Node voption = tangent
    let linearly: Node -> bool = isLinear
    let giving: Node -> Node -> unit = give

    /// Hands on the cotangent of a node, which `prim` makes.
    member _.HandOn(node: Node, prim: Prim<Node>, cotangent: Node) =
        operands.Clear()
        before <- node.Number

        match Derivative.rule prim node tangentOf with
        | ValueSome result when operandOf result >= 0 -> give result cotangent
        | ValueSome result ->
            collect result

            if isLinear result then
                give result cotangent

            for i in 0 .. nodes.Count - 1 do
                if linear[i] && not (isNull cotangents[i]) then
                    Transpose.rule nodes[i].Made.Value linearly cotangents[i] giving
        | ValueNone -> ()

/// Derivatives of graphs. A derivative is another graph, so that derivatives nest to any order, in either
/// mode.
[<RequireQualifiedAccess>]
module internal Differentiate =

    /// How `outputs` move when the `variables` move along `tangents`; None where they do not move at all.
    /// Variables are tracked nodes, and only what depends on them is walked.
    let forward (variables: Node[]) (tangents: Node[]) (outputs: Node[]) : Node option[] =
        let order = Graph.dependents _.IsTracked variables outputs
        let places = Places order
        let moves = Array.create<Node voption> order.Length ValueNone

        let tangent node =
            match places.Of node with
            | -1 -> ValueNone
            | place -> moves[place]

        let isMoving node = (tangent node).IsSome

        for i in 0 .. variables.Length - 1 do
            match places.Of variables[i] with
            | -1 -> ()
            | place -> moves[place] <- ValueSome tangents[i]

        for place in 0 .. order.Length - 1 do
            match order[place].Made with
            | ValueSome prim when moves[place].IsNone && (Prim.operandList prim).Exists isMoving ->
                moves[place] <- Derivative.rule prim order[place] tangent
            | ValueSome _
            | ValueNone -> ()

        outputs |> Array.map (tangent >> ValueOption.toOption)

    /// What one call of a custom function is known by: its rule and inputs are the same for all of its results.
    [<CustomEquality; NoComparison>]
    type private Call = {
        Rule: CustomRule
        Inputs: Node[]
    } with

        override this.Equals other =
            match other with
            | :? Call as c ->
                obj.ReferenceEquals(this.Rule, c.Rule)
                && this.Inputs.AsSpan().SequenceEqual(c.Inputs.AsSpan())
            | _ -> false

        override this.GetHashCode() = RuntimeHelpers.GetHashCode this.Rule

    /// The place of the first result of a call in a walk, and the cotangents that the results have got.
    [<NoComparison; NoEquality>]
    type private Results = {
        First: int
        Cotangents: Node option[]
    }

    /// The gradient of ⟨cotangents, outputs⟩ with respect to the variables: the cotangent of each node, from the last
    /// to the first, is handed on by `Transposition`. None for a variable that no output depends on.
    let reached (variables: Node[]) (outputs: Node[]) (cotangents: Node[]) : Node option[] =
        let order = Graph.dependents _.IsTracked variables outputs
        let places = Places order
        let sums = Array.zeroCreate<Node> order.Length

        let moves, isVariable =
            Array.zeroCreate<bool> order.Length, Array.zeroCreate<bool> order.Length

        let calls = Dictionary<Call, Results>()

        let isMoving node =
            let place = places.Of node
            place >= 0 && moves[place]

        let add node ct =
            let place = places.Of node
            sums[place] <- if isNull sums[place] then ct else Build.add sums[place] ct

        for variable in variables do
            match places.Of variable with
            | -1 -> ()
            | place ->
                moves[place] <- true
                isVariable[place] <- true

        // What may move when the variables do. Whether it does is for its rule to say.
        for place in 0 .. order.Length - 1 do
            let node = order[place]

            match node.Made with
            | ValueSome prim when not isVariable[place] ->
                moves[place] <-
                    DType.isFloat node.Type.DType
                    && not prim.IsStopGradient
                    && (Prim.operandList prim).Exists isMoving

                match prim with
                | Prim.Custom(rule, _, _, inputs) when moves[place] && (NodeRule.of' rule).HasReverse ->
                    calls.TryAdd(
                        { Rule = rule; Inputs = inputs },
                        {
                            First = place
                            Cotangents = Array.create (NodeRule.of' rule).Outputs None
                        }
                    )
                    |> ignore
                | _ -> ()
            | ValueSome _
            | ValueNone -> ()

        let transposition = Transposition(isMoving, add)

        /// The results of a custom call are transposed together, at the first of them: all that uses any of them comes
        /// later.
        let custom place rule output inputs =
            let results = calls[{ Rule = rule; Inputs = inputs }]
            results.Cotangents[output] <- Option.ofObj sums[place]

            if results.First = place && Array.exists Option.isSome results.Cotangents then
                let found = (NodeRule.of' rule).Reverse(inputs, results.Cotangents)

                Array.iter2
                    (fun input ct ->
                        if isMoving input then
                            Option.iter (add input) ct)
                    inputs
                    found

        Graph.backward (fun () ->
            Array.iter2
                (fun output ct ->
                    if isMoving output then
                        add output ct)
                outputs
                cotangents

            for place in order.Length - 1 .. -1 .. 0 do
                match order[place].Made with
                | ValueSome prim when moves[place] && not isVariable[place] ->
                    match prim with
                    | Prim.Custom(rule, output, _, inputs) when (NodeRule.of' rule).HasReverse ->
                        custom place rule output inputs
                    | _ when isNull sums[place] -> ()
                    | _ -> transposition.HandOn(order[place], prim, sums[place])
                | ValueSome _
                | ValueNone -> ())

        variables
        |> Array.map (fun variable ->
            match places.Of variable with
            | -1 -> None
            | place -> Option.ofObj sums[place])

    /// `reached`, with zeros for what is not.
    let reverse variables outputs cotangents : Node[] =
        reached variables outputs cotangents
        |> Array.map2 (fun v gradient -> gradient |> Option.defaultWith (fun () -> Build.zeros v)) variables

    /// Variables for nodes: each stands for its node, and only what is made from the variable depends on it.
    let variables operation (nodes: Node[]) =
        for node in nodes do
            if not (DType.isFloat node.Type.DType) then
                Fail.dtype (
                    $"{operation}: there is no derivative with respect to {node.Type}; "
                    + "cast it to a float type, or let the function close over it"
                )

        nodes |> Array.map (fun n -> Graph.make (Prim.Variable n))
