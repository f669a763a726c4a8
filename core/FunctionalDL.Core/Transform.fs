namespace FunctionalDL.Core

open System.Collections.Generic

/// Derivatives of graphs. A derivative is another graph, so that derivatives nest to any order, in either
/// mode.
[<RequireQualifiedAccess>]
module internal Differentiate =

    /// How `outputs` move when the `variables` move along `tangents`; None where they do not move at all.
    /// Variables are tracked nodes, and only what depends on them is walked.
    let forward (variables: Node[]) (tangents: Node[]) (outputs: Node[]) : Node option[] =
        let moves = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun v t -> moves[v] <- t) variables tangents

        let tangent (node: Node) =
            match moves.TryGetValue node with
            | true, t -> Some t
            | _ -> None

        for node in Graph.topological (fun n -> n.IsTracked && not (moves.ContainsKey n)) outputs do
            match node.Origin with
            | Origin.Made prim ->
                if Prim.operands prim |> Array.exists moves.ContainsKey then
                    match Derivative.rule prim node tangent with
                    | Some t -> moves[node] <- t
                    | None -> ()
            | Origin.Stored
            | Origin.Symbol _ -> ()

        outputs |> Array.map tangent

    /// The cotangents of the `variables` for these cotangents of `results`, which are linear in the variables
    /// (symbols).
    let private transpose (variables: Node[]) (results: struct (Node * Node)[]) : Node option[] =
        let linear = HashSet<Node>(variables, HashIdentity.Reference)
        let order = List<Node>()

        for node in Graph.topological _.IsSymbolic (results |> Seq.map (fun (struct (r, _)) -> r)) do
            match node.Origin with
            | Origin.Made prim when Prim.operands prim |> Array.exists linear.Contains ->
                linear.Add node |> ignore
                order.Add node
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> ()

        let cotangents = Dictionary<Node, Node>(HashIdentity.Reference)

        let add (node: Node) ct =
            cotangents[node] <-
                match cotangents.TryGetValue node with
                | true, sum -> Build.add sum ct
                | _ -> ct

        for struct (result, ct) in results do
            if linear.Contains result then
                add result ct

        for i in order.Count - 1 .. -1 .. 0 do
            match cotangents.TryGetValue order[i], order[i].Origin with
            | (true, ct), Origin.Made prim ->
                for operand, contribution in Transpose.rule prim linear.Contains ct do
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

        let results =
            Array.zip (forward variables symbols outputs) cotangents
            |> Array.choose (fun (t, ct) -> t |> Option.map (fun t -> struct (t, ct)))

        transpose symbols results

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

    /// Results with the variables of a finished derivative replaced by what they stood for, so that nothing
    /// keeps their graph.
    let close (variables: Node[]) (nodes: Node[]) (results: Node[]) =
        let replacements = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun v n -> replacements[v] <- n) variables nodes
        Graph.substitute replacements results

/// Derivatives of functions. A function may take and give a tensor or any structure of tensors (tuples,
/// records, lists, maps, trees); derivatives have the structure of what they belong to.
[<AutoOpen>]
module Transform =

    let private nodes value =
        Structure.leaves value |> Array.map _.Node

    let private rebuild value (nodes: Node[]) =
        Structure.rebuild value (nodes |> Array.map Tensor)

    /// Runs `f` on variables in place of the tensors of `x`.
    let private trace operation (f: 'a -> 'b) (x: 'a) =
        let inputs = nodes x
        let variables = Differentiate.variables operation inputs
        struct (inputs, variables, f (rebuild x variables))

    let private requireForm operation (what: string) (expected: Node[]) (given: Node[]) =
        let fits (e: Node) (g: Node) = e.Type = g.Type

        if expected.Length <> given.Length || not (Array.forall2 fits expected given) then
            let list (nodes: Node[]) =
                nodes |> Array.map (fun n -> string n.Type) |> String.concat ", "

            Fail.shape $"{operation}: the {what} is ({list given}); it needs the form of ({list expected})"

    /// `f x`, and how it moves when `x` moves along `tangent`: the product of the Jacobian and the tangent
    /// (forward mode). Raises ShapeException when `tangent` does not have the form of `x`.
    let jvp (f: 'a -> 'b) (x: 'a) (tangent: 'a) : 'b * 'b =
        let struct (inputs, variables, y) = trace "jvp" f x
        let tangents = nodes tangent
        requireForm "jvp" "tangent" inputs tangents
        let outputs = nodes y

        let moves =
            Differentiate.forward variables tangents outputs
            |> Array.map2 (fun output -> Option.defaultWith (fun () -> Build.zeros output)) outputs

        let closed = Differentiate.close variables inputs (Array.append outputs moves)
        rebuild y closed[.. outputs.Length - 1], rebuild y closed[outputs.Length ..]

    /// `f x`, and a function that gives, for a cotangent of the result, the product of the cotangent and the
    /// Jacobian (reverse mode). It raises ShapeException for a cotangent that does not have the form of the
    /// result.
    let vjp (f: 'a -> 'b) (x: 'a) : 'b * ('b -> 'a) =
        let struct (inputs, variables, y) = trace "vjp" f x
        let outputs = nodes y

        let pullback (cotangent: 'b) =
            let cotangents = nodes cotangent
            requireForm "vjp" "cotangent" outputs cotangents

            Differentiate.reverse variables outputs cotangents
            |> Differentiate.close variables inputs
            |> rebuild x

        rebuild y (Differentiate.close variables inputs outputs), pullback

    /// The value and gradient of a function that gives a scalar and something besides, such as metrics or new
    /// state.
    let valueAndGradWith (f: 'a -> Tensor * 'c) (x: 'a) : (Tensor * 'c) * 'a =
        let struct (inputs, variables, (y, besides)) = trace "grad" f x

        if y.Shape.Size <> 1 then
            Fail.shape
                $"grad: the function gives shape {y.Shape}; it needs a single number: take the sum or mean, or use vjp"

        let gradients =
            Differentiate.reverse variables [| y.Node |] [| Build.full 1.0 y.Node |]

        let others = nodes besides

        let closed =
            Differentiate.close variables inputs (Array.concat [ [| y.Node |]; others; gradients ])

        (Tensor closed[0], rebuild besides closed[1 .. others.Length]), rebuild x closed[1 + others.Length ..]

    /// The value and gradient of a function that gives a scalar. Raises ShapeException when it gives anything
    /// else.
    let valueAndGrad (f: 'a -> Tensor) (x: 'a) : Tensor * 'a =
        let (value, ()), gradient = valueAndGradWith (fun x -> f x, ()) x
        value, gradient

    /// The gradient of a function that gives a scalar. Raises ShapeException when it gives anything else.
    let grad (f: 'a -> Tensor) (x: 'a) : 'a = snd (valueAndGrad f x)
