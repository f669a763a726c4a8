namespace FunctionalDL.Core

open System.Collections.Generic
open System.Runtime.CompilerServices

/// Derivatives of graphs. A derivative is another graph, so that derivatives nest to any order, in either
/// mode.
[<RequireQualifiedAccess>]
module internal Differentiate =

    /// How `outputs` move when the `variables` move along `tangents`; None where they do not move at all.
    /// Variables are tracked nodes, and only what depends on them is walked.
    let private linearise
        isTransposed
        (variables: Node[])
        (tangents: Node[])
        (outputs: Node[])
        : Node option[] =
        let order = Graph.dependents _.IsTracked variables outputs
        let moves = Dictionary<Node, Node>(order.Count + variables.Length)
        Array.iter2 (fun v t -> moves[v] <- t) variables tangents

        let isMoving (node: Node) = moves.ContainsKey node

        let tangent (node: Node) =
            match moves.TryGetValue node with
            | true, t -> Some t
            | _ -> None

        for node in order do
            match node.Origin with
            | Origin.Made prim ->
                if (Prim.operandList prim).Exists isMoving then
                    match Derivative.rule isTransposed prim node tangent with
                    | Some t -> moves[node] <- t
                    | None -> ()
            | Origin.Stored
            | Origin.Symbol _ -> ()

        outputs |> Array.map tangent

    /// How `outputs` move when the `variables` move along `tangents`; None where they do not move at all.
    let forward variables tangents outputs =
        linearise false variables tangents outputs

    /// What one call of a custom function is known by: its rule, inputs and tangents are the same for all of
    /// its results.
    [<CustomEquality; NoComparison>]
    type private Call = {
        Rule: CustomRule
        Inputs: Node[]
        Tangents: Node[]
    } with

        override this.Equals other =
            match other with
            | :? Call as c ->
                let same (a: Node[]) (b: Node[]) =
                    a.Length = b.Length && Array.forall2 (fun x y -> obj.ReferenceEquals(x, y)) a b

                obj.ReferenceEquals(this.Rule, c.Rule)
                && same this.Inputs c.Inputs
                && same this.Tangents c.Tangents
            | _ -> false

        override this.GetHashCode() = RuntimeHelpers.GetHashCode this.Rule

    /// The cotangents of the `variables` for these cotangents of `results`, which are linear in the variables
    /// (symbols).
    let private transpose (variables: Node[]) (results: struct (Node * Node)[]) : Node option[] =
        let symbolic =
            results
            |> Seq.map (fun (struct (r, _)) -> r)
            |> Graph.dependents _.IsSymbolic variables

        let linear = HashSet<Node>(symbolic.Count)
        linear.UnionWith variables
        let isLinear (node: Node) = linear.Contains node
        let order = List<Node>(symbolic.Count)

        for node in symbolic do
            match node.Origin with
            | Origin.Made prim when (Prim.operandList prim).Exists isLinear ->
                linear.Add node |> ignore
                order.Add node
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> ()

        let cotangents = Dictionary<Node, Node>(order.Count)

        let add (node: Node) ct =
            cotangents[node] <-
                match cotangents.TryGetValue node with
                | true, sum -> Build.add sum ct
                | _ -> ct

        for struct (result, ct) in results do
            if linear.Contains result then
                add result ct

        // The results of a custom call are transposed together, at the first of them: all that uses any of
        // them comes later.
        let calls = Dictionary<Call, Node option[]>()

        let cotangentsOf call =
            match calls.TryGetValue call with
            | true, found -> found
            | _ ->
                let none = Array.create (NodeRule.of' call.Rule).Outputs None
                calls[call] <- none
                none

        let firsts = HashSet<Node>()
        let seen = HashSet<Call>()

        for node in order do
            match node.Origin with
            | Origin.Made(Prim.Opaque(rule, _, _, _, inputs, tangents)) ->
                if
                    seen.Add {
                        Rule = rule
                        Inputs = inputs
                        Tangents = tangents
                    }
                then
                    firsts.Add node |> ignore
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> ()

        for i in order.Count - 1 .. -1 .. 0 do
            let node = order[i]

            let ct =
                match cotangents.TryGetValue node with
                | true, ct -> Some ct
                | _ -> None

            match node.Origin, ct with
            | Origin.Made(Prim.Opaque(rule, output, moving, _, inputs, tangents)), _ ->
                let call = {
                    Rule = rule
                    Inputs = inputs
                    Tangents = tangents
                }

                let given = cotangentsOf call
                given[output] <- ct

                if firsts.Contains node && Array.exists Option.isSome given then
                    let found = (NodeRule.of' rule).Reverse(inputs, given)
                    Array.iter2 (fun at t -> found[at] |> Option.iter (add t)) moving tangents
            | Origin.Made prim, Some ct ->
                for operand, contribution in Transpose.rule prim isLinear ct do
                    add operand contribution
            | _ -> ()

        variables
        |> Array.map (fun v ->
            match cotangents.TryGetValue v with
            | true, ct -> Some ct
            | _ -> None)

    /// The gradient of ⟨cotangents, outputs⟩ with respect to the variables: the forward derivative along
    /// symbols, which is linear in them, transposed. None for a variable that no output depends on.
    let reached (variables: Node[]) (outputs: Node[]) (cotangents: Node[]) : Node option[] =
        let symbols = variables |> Array.map (fun v -> Graph.symbol "tangent" v.Type)

        Graph.backward (fun () ->
            let results =
                Array.zip (linearise true variables symbols outputs) cotangents
                |> Array.choose (fun (t, ct) -> t |> Option.map (fun t -> struct (t, ct)))

            transpose symbols results)

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
