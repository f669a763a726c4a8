namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Collections.Generic

/// What has to be computed for `roots`, in order: its values numbered, first the `arguments`, then the values that the
/// graph has already, then the steps. Raises TraceException when the graph depends on any other symbol.
[<Sealed>]
type internal Pending(arguments: Node[], roots: Node[]) =
    /// The numbers of values from outside.
    let outside = Dictionary<Node, int>(arguments.Length)

    do arguments |> Array.iteri (fun i a -> outside[a] <- i)

    let order =
        roots
        |> Graph.topological (fun node -> isNull node.Value && not (outside.ContainsKey node))

    let places = Places order

    let primitive (node: Node) =
        match node.Origin with
        | Origin.Made prim -> prim
        // Computed by another thread since the walk met it.
        | Origin.Stored -> Unchecked.defaultof<Prim<Node>>
        | Origin.Symbol name ->
            Fail.trace (
                $"'{name}' has no value: it stands for an argument while a function is traced. "
                + "Inside compile, do not branch on values and do not look at them; "
                + "after it, do not use tensors that were kept from inside"
            )

    /// By place, as they are now: another thread that computes a node meanwhile lets its operands go.
    let prims = Array.init order.Length (fun place -> primitive order[place])

    let isMade place =
        not (obj.ReferenceEquals(prims[place], null))

    let captured = List<Node>()

    let capture node =
        let place = places.Of node

        if
            (place < 0 || not (isMade place))
            && outside.TryAdd(node, arguments.Length + captured.Count)
        then
            captured.Add node

    do
        for prim in prims do
            if not (obj.ReferenceEquals(prim, null)) then
                let operands = Prim.operandList prim

                for i in 0 .. operands.Count - 1 do
                    capture operands[i]

        Array.iter capture roots

    let inputs = arguments.Length + captured.Count

    /// The numbers of steps, by place.
    let numbers = Array.zeroCreate<int> order.Length

    let number node =
        let place = places.Of node

        if place >= 0 && isMade place then
            numbers[place]
        else
            outside[node]

    /// The places of steps.
    let steps = List<int>(order.Length)

    let mutable constants = 0

    do
        for place in 0 .. prims.Length - 1 do
            if isMade place then
                match prims[place] with
                // Only derivatives look at a custom rule. Without it equal programs are equal, whoever made the rule.
                | Prim.Custom(_, _, value, _) -> numbers[place] <- number value
                | prim ->
                    numbers[place] <- inputs + steps.Count
                    steps.Add place

                    if prim.IsConstant then
                        constants <- constants + 1

    let inputTypes () =
        Seq.append arguments captured |> Seq.map _.Type

    /// The values that the graph has already, in the order of their numbers.
    member _.Captured = captured.ToArray()

    /// The nodes that the steps compute.
    member _.Computed = Array.init steps.Count (fun i -> order[steps[i]])

    /// The literals of the constants, in order.
    member _.Literals =
        let literals = Array.zeroCreate<Literal> constants
        let mutable at = 0

        for place in steps do
            match prims[place] with
            | Prim.Constant(literal, _) ->
                literals[at] <- literal
                at <- at + 1
            | _ -> ()

        literals

    /// As a program, whose inputs are the arguments and what is captured.
    member _.Program = {
        Inputs = inputTypes () |> Seq.toArray
        Steps =
            Array.init steps.Count (fun i -> {
                Prim = Prim.map number prims[steps[i]]
                Type = order[steps[i]].Type
            })
        Outputs = Array.map number roots
    }

    /// What an engine's plan for it is found by. No program is made to look for one.
    member _.Key(engine: IEngine) =
        let row = List<int>(6 * steps.Count + 16)
        row.Add inputs

        for t in inputTypes () do
            PlanKey.input row t

        row.Add steps.Count

        for place in steps do
            PlanKey.step row number prims[place]

        for root in roots do
            row.Add(number root)

        PlanKey(engine, row)

/// Computing graphs when somebody looks.
[<RequireQualifiedAccess>]
module Evaluate =

    /// More plans than this are forgotten together, so that a program whose shapes never repeat does not keep
    /// them all.
    let private planLimit = 1024

    // A memo of a pure function: nothing but speed depends on what it holds.
    let private plans = ConcurrentDictionary<PlanKey, IExecutable>()

    let private executable (engine: IEngine) (pending: Pending) =
        let key = pending.Key engine

        match plans.TryGetValue key with
        | true, plan -> plan
        | _ ->
            let plan = engine.Compile(Simplify.run false pending.Program)

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
        let roots =
            nodes |> Seq.filter (fun n -> isNull n.Value) |> Seq.distinct |> Seq.toArray

        if roots.Length > 0 then
            let pending = Pending([||], roots)
            let plan = executable engine pending
            let results = plan.Run(Array.map (accept engine) pending.Captured, pending.Literals)
            Array.iter2 (fun (node: Node) storage -> node.Realise storage) roots results

    /// A chain of this many pending operations is computed without being asked, so that a loop that never
    /// looks at its values does not grow for ever.
    let private depthLimit = 4096

    /// The node itself, computed when its pending graph has become too deep.
    let internal bounded (node: Node) =
        if node.Depth > depthLimit && not node.IsTracked && not node.IsSymbolic then
            realise Cpu.engine [ node ]

        node
