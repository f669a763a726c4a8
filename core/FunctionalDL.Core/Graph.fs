namespace FunctionalDL.Core

open System
open System.Collections.Generic
open System.Threading

/// Where a node's value comes from.
[<Struct; RequireQualifiedAccess; NoEquality; NoComparison>]
type Origin =
    /// From data that the node holds.
    | Stored
    /// From outside, when the traced function is run: the node stands for an argument.
    | Symbol of name: string
    /// From a primitive and its operands.
    | Made of prim: Prim<Node>

/// A place in the graph: what is to be computed and, once somebody has looked, the result. Equal only to
/// itself. Immutable but for the memory of its own value: realising a node never changes what it means.
and [<Sealed; AllowNullLiteral>] Node
    internal
    (tensorType: TensorType, origin: Origin, value: Storage, isTracked: bool, isSymbolic: bool, depth: int) =

    static let mutable made = 0L
    let number = Interlocked.Increment &made

    // The origin in parts: one object a node less for the collector to walk.
    let mutable prim =
        match origin with
        | Origin.Made prim -> prim
        | Origin.Stored
        | Origin.Symbol _ -> Unchecked.defaultof<Prim<Node>>

    let mutable name =
        match origin with
        | Origin.Symbol name -> name
        | Origin.Stored
        | Origin.Made _ -> null

    let mutable value = value
    let mutable isTracked = isTracked

    /// Shape and element type.
    member _.Type = tensorType

    /// How many nodes had been made when it was: operands have smaller numbers than their users.
    member internal _.Number = number

    /// How the value comes about. A realised node that no derivative may need has forgotten its operands.
    member _.Origin =
        let prim = Volatile.Read &prim

        if not (obj.ReferenceEquals(prim, null)) then
            Origin.Made prim
        elif isNull name then
            Origin.Stored
        else
            Origin.Symbol name

    /// The elements, or null while nobody has asked for them.
    member _.Value = value

    /// Whether it depends on the variable of a derivative in progress, so that its operands must be kept.
    member _.IsTracked = isTracked

    /// Whether it depends on an argument of a trace, so that it has no value yet.
    member _.IsSymbolic = isSymbolic

    /// Whether the trace or derivative whose argument it is, a symbol or a variable, is still going on.
    member val internal IsOpen = true with get, set

    /// Whether reverse mode made it: messages tell the two passes apart by it, and nothing else looks.
    member val IsBackward = false with get, set

    /// The longest chain of operations below it that have not been computed.
    member _.Depth = if isNull value then depth else 0

    /// Keeps the computed elements and, unless a derivative may still walk through, lets the operands go.
    member internal this.Realise storage =
        // In this order: a reader on another thread then sees either operands or a value.
        value <- storage
        this.LetOperandsGo()

    /// Takes back, when a derivative has come to its end, that the node depends on a variable in progress.
    member internal this.Untrack() =
        isTracked <- false
        this.LetOperandsGo()

    member private _.LetOperandsGo() =
        if not (isNull value || isTracked) then
            name <- null
            Volatile.Write(&prim, Unchecked.defaultof<Prim<Node>>)

    override this.Equals other = obj.ReferenceEquals(this, other)
    // Entries of tables of nodes then lie in the order in which a walk looks at them.
    override _.GetHashCode() = int number

/// Making nodes and walking graphs. Every walk is iterative: a chain of 100,000 operations must not overflow
/// the stack.
[<RequireQualifiedAccess>]
module Graph =

    /// A node that holds data.
    let stored (storage: Storage) =
        Node(storage.Type, Origin.Stored, storage, false, false, 0)

    /// A node that stands for an argument of the function being traced.
    let symbol name tensorType =
        Node(tensorType, Origin.Symbol name, null, false, true, 0)

    /// Whether this thread is at work on a backward pass.
    type private Pass() =
        [<ThreadStatic; DefaultValue>]
        static val mutable private isBackward: bool

        static member IsBackward
            with get () = Pass.isBackward
            and set value = Pass.isBackward <- value

    /// Runs `build`, which makes nodes of a backward pass: they are marked as such, for messages.
    let internal backward (build: unit -> 'r) : 'r =
        let before = Pass.IsBackward
        Pass.IsBackward <- true

        try
            build ()
        finally
            Pass.IsBackward <- before

    /// The node of a primitive. Checks shapes and types at once; computes nothing.
    let make (prim: Prim<Node>) =
        let tensorType = Typing.infer (fun (operand: Node) -> operand.Type) prim
        let mutable isTracked = false
        let mutable isSymbolic = false
        let mutable depth = 0

        let operands = Prim.operandList prim

        for i in 0 .. operands.Count - 1 do
            let operand = operands[i]
            isTracked <- isTracked || operand.IsTracked
            isSymbolic <- isSymbolic || operand.IsSymbolic
            depth <- max depth operand.Depth

        let node =
            Node(tensorType, Origin.Made prim, null, isTracked || prim.IsVariable, isSymbolic, depth + 1)

        node.IsBackward <- Pass.IsBackward
        node

    /// The node of a primitive that takes the place of `node`.
    let internal remake (node: Node) prim =
        let copy = make prim
        copy.IsBackward <- node.IsBackward
        copy

    /// The nodes that `roots` are made of, operands before users, in the order in which they were made, each once.
    /// `enter` says which nodes to look at; the operands of a node that is not entered are not followed either.
    let topological (enter: Node -> bool) (roots: Node seq) : List<Node> =
        // From the youngest to the oldest: all users of a node are younger than it, so that it is met after the last of
        // them, and what was met already need not be remembered.
        let waiting = PriorityQueue<Node, int64>()

        let push node =
            if enter node then
                waiting.Enqueue(node, -node.Number)

        Seq.iter push roots
        let order = List<Node>()
        let mutable last: Node = null

        while waiting.Count > 0 do
            let node = waiting.Dequeue()

            if not (obj.ReferenceEquals(node, last)) then
                last <- node
                order.Add node

                match node.Origin with
                | Origin.Made prim ->
                    let operands = Prim.operandList prim

                    for i in 0 .. operands.Count - 1 do
                        push operands[i]
                // Also when another thread has computed the node meanwhile.
                | Origin.Stored
                | Origin.Symbol _ -> ()

        order.Reverse()
        order

    /// The nodes that `roots` are made of and that may depend on `sources`, operands
    /// before users, each once and without the sources. `mayDepend` says which nodes to look at. What is older than all
    /// sources is not: a derivative within another does not walk through what came before it.
    let internal dependents (mayDepend: Node -> bool) (sources: Node[]) (roots: Node seq) : List<Node> =
        let isSource = HashSet<Node>(sources)

        let oldest =
            (Int64.MaxValue, sources) ||> Array.fold (fun n source -> min n source.Number)

        topological (fun n -> n.Number > oldest && mayDepend n && not (isSource.Contains n)) roots

    /// The same graph with some nodes replaced. Only what depends on a replaced node is rebuilt; values
    /// already computed are kept. Every node that is replaced must be tracked or symbolic, which is what
    /// makes the search short.
    let substitute (replaced: Node[]) (replacements: Node[]) (roots: Node[]) : Node[] =
        let order = roots |> dependents (fun n -> n.IsTracked || n.IsSymbolic) replaced

        let images = Dictionary<Node, Node>(order.Count + replaced.Length)
        Array.iter2 (fun node other -> images[node] <- other) replaced replacements

        let image (node: Node) =
            match images.TryGetValue node with
            | true, other -> other
            | _ -> node

        for node in order do
            match node.Origin with
            | Origin.Made prim when (Prim.operandList prim).Exists images.ContainsKey ->
                match prim with
                | Prim.Variable x when not node.IsOpen -> images[node] <- images[x]
                | _ ->
                    let copy = remake node (Prim.map image prim)

                    if not (isNull node.Value) then
                        copy.Realise node.Value

                    images[node] <- copy
            | Origin.Made _
            | Origin.Stored
            | Origin.Symbol _ -> ()

        Array.map image roots

    /// Ends the derivative with respect to `variables`: what `roots` are made of no longer keeps its operands for it.
    /// (Each variable has the value of what it stood for, so nothing else changes.)
    let internal untrack (variables: Node[]) (roots: Node[]) =
        for variable in variables do
            variable.IsOpen <- false

        let isTracked (node: Node) =
            match node.Origin with
            | Origin.Made prim ->
                (prim.IsVariable && node.IsOpen)
                || (Prim.operandList prim).Exists(fun operand -> operand.IsTracked)
            | Origin.Stored
            | Origin.Symbol _ -> false

        let settle node =
            if not (isTracked node) then
                node.Untrack()

        Array.iter settle variables

        for node in dependents _.IsTracked variables roots do
            settle node
