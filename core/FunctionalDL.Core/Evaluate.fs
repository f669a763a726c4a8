namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Collections.Generic

/// Making graphs flat.
[<RequireQualifiedAccess>]
module Flatten =

    /// `program`, and the nodes that its steps compute.
    let internal steps (arguments: Node[]) (roots: Node[]) : struct (Program * Node[] * Node[]) =
        let isArgument = HashSet<Node>(arguments)

        let pending =
            Graph.topological (fun (n: Node) -> isNull n.Value && not (isArgument.Contains n)) roots

        // Nodes with their primitives as they are now: another thread that computes one meanwhile lets its operands go.
        let made = List<struct (Node * Prim<Node>)>(pending.Count)

        for node in pending do
            match node.Origin with
            | Origin.Made prim -> made.Add(struct (node, prim))
            // Computed by another thread since it was entered.
            | Origin.Stored -> ()
            | Origin.Symbol name ->
                Fail.trace (
                    $"'{name}' has no value: it stands for an argument while a function is traced. "
                    + "Inside compile, do not branch on values and do not look at them; "
                    + "after it, do not use tensors that were kept from inside"
                )

        let numbers = Dictionary<Node, int>(made.Count + arguments.Length)
        arguments |> Array.iteri (fun i a -> numbers[a] <- i)

        // Steps are numbered after all inputs, of which not all are known yet.
        for struct (node, _) in made do
            numbers[node] <- -1

        let captured = List<Node>()

        let capture (node: Node) =
            if numbers.TryAdd(node, arguments.Length + captured.Count) then
                captured.Add node

        for struct (_, prim) in made do
            let operands = Prim.operandList prim

            for i in 0 .. operands.Count - 1 do
                capture operands[i]

        Array.iter capture roots
        let inputCount = arguments.Length + captured.Count
        let steps = List<Step>(made.Count)
        let computed = List<Node>(made.Count)

        for struct (node, prim) in made do
            match prim with
            // Only derivatives look at a custom rule. Without it equal programs are equal, whoever made the rule.
            | Prim.Custom(_, _, value, _) -> numbers[node] <- numbers[value]
            | _ ->
                numbers[node] <- inputCount + steps.Count
                computed.Add node

                steps.Add {
                    Prim = Prim.map (fun o -> numbers[o]) prim
                    Type = node.Type
                }

        let program = {
            Inputs = Array.append arguments (captured.ToArray()) |> Array.map _.Type
            Steps = steps.ToArray()
            Outputs = roots |> Array.map (fun r -> numbers[r])
        }

        struct (program, captured.ToArray(), computed.ToArray())

    /// The program that computes `roots`. Its inputs are the `arguments`, in order, then the values that the
    /// graph has already, which are returned too. Raises TraceException when the graph depends on any other
    /// symbol.
    let program (arguments: Node[]) (roots: Node[]) : struct (Program * Node[]) =
        let struct (program, captured, _) = steps arguments roots
        struct (program, captured)

/// Computing graphs when somebody looks.
[<RequireQualifiedAccess>]
module Evaluate =

    /// Programs that differ only in the literals of their constants are the same.
    let private byStructure =
        let sameStep (a: Step) (b: Step) =
            a.Type = b.Type
            && match a.Prim, b.Prim with
               | Prim.Constant(_, s), Prim.Constant(_, t) -> s.Equals t
               | p, q -> p = q

        {
            new IEqualityComparer<struct (IEngine * Program)> with
                member _.Equals(struct (e, a), struct (f, b)) =
                    obj.ReferenceEquals(e, f)
                    && a.Inputs.AsSpan().SequenceEqual(b.Inputs.AsSpan())
                    && a.Outputs.AsSpan().SequenceEqual(b.Outputs.AsSpan())
                    && a.Steps.Length = b.Steps.Length
                    && Array.forall2 sameStep a.Steps b.Steps

                member _.GetHashCode(struct (_, program)) =
                    let mutable hash = HashCode()

                    for input in program.Inputs do
                        hash.Add input.Shape

                    // What primitives are made of besides is left to `Equals`: it is seldom all that differs.
                    for step in program.Steps do
                        let operands = Prim.operandList step.Prim
                        hash.Add(Prim.name step.Prim)
                        hash.Add step.Type.Shape

                        for i in 0 .. operands.Count - 1 do
                            hash.Add operands[i]

                    hash.ToHashCode()
        }

    /// More plans than this are forgotten together, so that a program whose shapes never repeat does not keep
    /// them all.
    let private planLimit = 1024

    // A memo of a pure function: nothing but speed depends on what it holds.
    let private plans =
        ConcurrentDictionary<struct (IEngine * Program), IExecutable>(byStructure)

    let private executable (engine: IEngine) program =
        let key = struct (engine, program)

        match plans.TryGetValue key with
        | true, plan -> plan
        | _ ->
            let plan = engine.Compile(Simplify.run false program)

            if plans.Count >= planLimit then
                plans.Clear()

            plans[key] <- plan
            plan

    /// The value of a node in an engine's memory; the node remembers its elements there.
    let internal accept (engine: IEngine) (node: Node) =
        let storage = engine.Accept node.Value

        if not (obj.ReferenceEquals(storage, node.Value)) then
            node.Realise storage

        storage

    /// Computes the nodes that have no value yet, together, on an engine.
    let realise (engine: IEngine) (nodes: Node seq) =
        let pending =
            nodes |> Seq.filter (fun n -> isNull n.Value) |> Seq.distinct |> Seq.toArray

        if pending.Length > 0 then
            let struct (program, captured) = Flatten.program [||] pending
            let plan = executable engine program
            let results = plan.Run(Array.map (accept engine) captured, Program.literals program)
            Array.iter2 (fun (node: Node) storage -> node.Realise storage) pending results

    /// A chain of this many pending operations is computed without being asked, so that a loop that never
    /// looks at its values does not grow for ever.
    let private depthLimit = 4096

    /// The node itself, computed when its pending graph has become too deep.
    let internal bounded (node: Node) =
        if node.Depth > depthLimit && not node.IsTracked && not node.IsSymbolic then
            realise Cpu.engine [ node ]

        node
