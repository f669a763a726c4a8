namespace FunctionalDL.Core

open System
open System.Buffers
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

    // A primitive, the name of a symbol, or null: one field and no object of its own, because chains of nodes are long
    // and the collector walks all of them.
    let mutable origin: obj =
        match origin with
        | Origin.Made prim -> prim
        | Origin.Symbol name -> name
        | Origin.Stored -> null

    let mutable value = value
    let mutable isTracked = isTracked

    /// Shape and element type.
    member _.Type = tensorType

    /// How many nodes had been made when it was: operands have smaller numbers than their users.
    member internal _.Number = number

    /// How the value comes about. A realised node that no derivative may need has forgotten its operands.
    member _.Origin =
        match Volatile.Read &origin with
        | null -> Origin.Stored
        | :? Prim<Node> as prim -> Origin.Made prim
        | name -> Origin.Symbol(name :?> string)

    /// The primitive that makes it, unless it is a symbol or has forgotten its operands.
    member internal _.Made: Prim<Node> voption =
        match Volatile.Read &origin with
        | :? Prim<Node> as prim -> ValueSome prim
        | _ -> ValueNone

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
            Volatile.Write(&origin, null)

    override this.Equals other = obj.ReferenceEquals(this, other)
    // Entries of tables of nodes then lie in the order in which a walk looks at them.
    override _.GetHashCode() = int number

/// Where each node of a walk stands in it: the key to arrays that hold something for each.
[<Sealed>]
type internal Places(order: Node[]) =
    // In the order in which they were made, most of them one after the other: a table by numbers is then hardly longer
    // than the walk.
    let first = if order.Length = 0 then 0L else order[0].Number

    let range =
        if order.Length = 0 then
            0L
        else
            order[order.Length - 1].Number - first + 1L

    let table =
        if range <= 8L * int64 order.Length then
            Array.zeroCreate<int>(int range)
        else
            null

    do
        if not (isNull table) then
            for place in 0 .. order.Length - 1 do
                table[int (order[place].Number - first)] <- place + 1

    /// The place of a number in a walk whose nodes were made far apart.
    let search number =
        let mutable low, high = 0, order.Length - 1

        while low < high do
            let middle = (low + high) / 2

            if order[middle].Number < number then
                low <- middle + 1
            else
                high <- middle

        if order[low].Number = number then low else -1

    /// The node's place, or -1 when the walk did not meet it.
    member _.Of(node: Node) =
        let offset = node.Number - first

        if offset < 0L || offset >= range then -1
        elif isNull table then search node.Number
        else table[int offset] - 1

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

    /// The same nodes in a lent array of twice the length, in place of `nodes`.
    let private longer (nodes: Node[]) =
        let next = ArrayPool<Node>.Shared.Rent(2 * nodes.Length)
        nodes.CopyTo(next, 0)
        ArrayPool<Node>.Shared.Return(nodes, true)
        next

    /// The nodes that `roots` are made of, operands before users, in the order in which they were made, each once.
    /// `enter` says which nodes to look at, and `follow` which of these have operands to look at too.
    let private walk (enter: Node -> bool) (follow: Node -> bool) (roots: Node seq) : Node[] =
        // From the youngest to the oldest: all users of a node are younger than it, so that it is met after the last of
        // them, and what was met already need not be remembered.
        let waiting = PriorityQueue<Node, int64>()

        let push node =
            if enter node then
                waiting.Enqueue(node, -node.Number)

        Seq.iter push roots
        // Lent, so that only as much is allocated as is returned.
        let mutable met = ArrayPool<Node>.Shared.Rent 256
        let mutable count = 0
        let mutable last: Node = null

        while waiting.Count > 0 do
            let node = waiting.Dequeue()

            if not (obj.ReferenceEquals(node, last)) then
                last <- node

                if count = met.Length then
                    met <- longer met

                met[count] <- node
                count <- count + 1

                if follow node then
                    match node.Made with
                    | ValueSome prim ->
                        let operands = Prim.operandList prim

                        for i in 0 .. operands.Count - 1 do
                            push operands[i]
                    // Also when another thread has computed the node meanwhile.
                    | ValueNone -> ()

        let order = met.AsSpan(0, count).ToArray()
        ArrayPool<Node>.Shared.Return(met, true)
        Array.Reverse order
        order

    /// The nodes that `roots` are made of, operands before users, in the order in which they were made, each once.
    /// `enter` says which nodes to look at; the operands of a node that is not entered are not followed either.
    let topological (enter: Node -> bool) (roots: Node seq) : Node[] = walk enter (fun _ -> true) roots

    /// The nodes that `roots` are made of and that may depend on `sources`, operands before users, each once, the
    /// sources that are met among them. `mayDepend` says which other nodes to look at. What is older than all
    /// sources is not: a derivative within another does not walk through what came before it.
    let internal dependents (mayDepend: Node -> bool) (sources: Node[]) (roots: Node seq) : Node[] =
        let listed = HashSet<Node>(sources)

        let oldest =
            (Int64.MaxValue, sources) ||> Array.fold (fun n source -> min n source.Number)

        let youngest =
            (Int64.MinValue, sources) ||> Array.fold (fun n source -> max n source.Number)

        let isSource (node: Node) =
            node.Number <= youngest && listed.Contains node

        walk (fun n -> n.Number >= oldest && (mayDepend n || isSource n)) (fun n -> not (isSource n)) roots

    /// The same graph with some nodes replaced. Only what depends on a replaced node is rebuilt; values
    /// already computed are kept. Every node that is replaced must be tracked or symbolic, which is what
    /// makes the search short.
    let substitute (replaced: Node[]) (replacements: Node[]) (roots: Node[]) : Node[] =
        let order = roots |> dependents (fun n -> n.IsTracked || n.IsSymbolic) replaced
        let places = Places order
        let images = Array.zeroCreate<Node> order.Length

        let replace node other =
            match places.Of node with
            | -1 -> ()
            | place -> images[place] <- other

        Array.iter2 replace replaced replacements

        let image node =
            match places.Of node with
            | -1 -> node
            | place when isNull images[place] -> node
            | place -> images[place]

        let isRebuilt (node: Node) =
            not (obj.ReferenceEquals(image node, node))

        for place in 0 .. order.Length - 1 do
            let node = order[place]

            match node.Made with
            | ValueSome prim when isNull images[place] && (Prim.operandList prim).Exists isRebuilt ->
                match prim with
                | Prim.Variable x when not node.IsOpen -> images[place] <- image x
                | _ ->
                    let copy = remake node (Prim.map image prim)

                    if not (isNull node.Value) then
                        copy.Realise node.Value

                    images[place] <- copy
            | ValueSome _
            | ValueNone -> ()

        Array.map image roots

    /// Ends the derivative with respect to `variables`: what `roots` are made of no longer keeps its operands for it.
    /// (Each variable has the value of what it stood for, so nothing else changes.)
    let internal untrack (variables: Node[]) (roots: Node[]) =
        for variable in variables do
            variable.IsOpen <- false

        let isTracked (operand: Node) = operand.IsTracked

        let settle (node: Node) =
            let keeps =
                match node.Made with
                | ValueSome prim ->
                    (prim.IsVariable && node.IsOpen) || (Prim.operandList prim).Exists isTracked
                | ValueNone -> false

            if not keeps then
                node.Untrack()

        Array.iter settle variables

        for node in dependents _.IsTracked variables roots do
            settle node
