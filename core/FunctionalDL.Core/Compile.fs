namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Collections.Generic

/// How a function is compiled.
[<NoComparison; NoEquality>]
type CompileOptions = {
    /// What runs it.
    Engine: IEngine
    /// More traces than this are refused with a TraceException that lists their reasons; None for as many as
    /// come.
    MaxTraces: int option
    /// Told the reason of each trace: `first call`, `argument 0: batch 64 -> 16`.
    OnTrace: string -> unit
}

/// What a trace is made for: types of the tensors and the static parts of an argument.
[<CustomEquality; NoComparison>]
type internal Signature = {
    Types: TensorType[]
    Statics: obj[]
} with

    /// Whether an argument with these parts is one that the trace was made for.
    member this.Fits(leaves: Tensor[], statics: obj[]) =
        let mutable fits =
            leaves.Length = this.Types.Length && statics.Length = this.Statics.Length

        let mutable i = 0

        while fits && i < leaves.Length do
            fits <- this.Types[i].Equals leaves[i].Node.Type
            i <- i + 1

        i <- 0

        while fits && i < statics.Length do
            fits <- Object.Equals(this.Statics[i], statics[i])
            i <- i + 1

        fits

    override this.Equals other =
        match other with
        | :? Signature as s ->
            this.Types.AsSpan().SequenceEqual(s.Types.AsSpan())
            && this.Statics.AsSpan().SequenceEqual(s.Statics.AsSpan())
        | _ -> false

    override this.GetHashCode() =
        let mutable hash = HashCode()

        for t in this.Types do
            hash.Add t.Shape

        for s in this.Statics do
            hash.Add s

        hash.ToHashCode()

/// Why a call could not use the traces that were there, in words.
[<RequireQualifiedAccess>]
module private Reason =

    let private tensors count =
        if count = 1 then "1 tensor" else $"{count} tensors"

    /// How the type of one tensor changed.
    let private change name (before: TensorType) (now: TensorType) =
        let a, b = before.Shape, now.Shape

        let sameBut first =
            a.Rank = b.Rank
            && Seq.forall (fun i -> a[i] = b[i]) (seq { first .. a.Rank - 1 })

        if before.DType <> now.DType then
            $"{name}: {before.DType} -> {now.DType}"
        elif a.Rank > 0 && sameBut 1 then
            $"{name}: batch {a[0]} -> {b[0]}"
        else
            $"{name}: shape {a} -> {b}"

    let private differences (before: Signature) (now: Signature) =
        Seq.init now.Types.Length id
        |> Seq.filter (fun i -> not (before.Types[i].Equals now.Types[i]))
        |> Seq.toList

    /// The reason against one earlier trace, and how far that is.
    let private against (names: string[]) (now: Signature) (before: Signature) =
        if before.Types.Length <> now.Types.Length then
            Int32.MaxValue, $"another structure: {tensors before.Types.Length} -> {tensors now.Types.Length}"
        elif before.Statics.Length <> now.Statics.Length then
            Int32.MaxValue, "another structure"
        else
            match
                Seq.tryFindIndex
                    (fun i -> not (Object.Equals(before.Statics[i], now.Statics[i])))
                    (seq { 0 .. now.Statics.Length - 1 })
            with
            | Some at ->
                Int32.MaxValue - 1,
                $"another structure: {before.Statics[at]} -> {now.Statics[at]} "
                + "(what is not a tensor is part of the structure; as a tensor it would need no trace)"
            | None ->
                let changed = differences before now
                let told = changed |> List.truncate 3

                let words =
                    told
                    |> List.map (fun i -> change names[i] before.Types[i] now.Types[i])
                    |> String.concat ", "

                let more = changed.Length - told.Length
                changed.Length, (if more > 0 then $"{words}, and {more} more" else words)

    /// The difference from the nearest earlier trace; the latest of several.
    let of' (names: string[]) (earlier: Signature list) (now: Signature) =
        match earlier with
        | [] -> "first call"
        | _ -> earlier |> List.map (against names now) |> List.minBy fst |> snd

/// How arguments come apart, and what results are to the next call.
type internal Calls<'a, 'b>() =

    /// The tensors and the static parts of an argument.
    abstract TakeApart: argument: 'a -> struct (Tensor[] * obj[])
    default _.TakeApart argument = Structure.takeApart argument

    /// The step of a loop that a traced call is, if it is one.
    abstract Turn: argument: 'a * result: 'b -> LoopTurn voption
    default _.Turn(_, _) = ValueNone

    /// Told of the result of each step of a loop, of its tensors, and of what the trace gave.
    abstract Returned: turn: LoopTurn * traced: 'b * result: 'b * tensors: Tensor[] -> unit
    default _.Returned(_, _, _, _) = ()

/// A state and what it is made of.
[<Sealed; AllowNullLiteral>]
type internal StateParts(state: obj, tensors: Tensor[], statics: obj[]) =
    member _.State = state
    member _.Tensors = tensors
    member _.Statics = statics

/// Steps of one loop. The state that the last step returned is not taken apart again.
[<Sealed>]
type internal LoopCalls<'s, 'x, 'y>() =
    inherit Calls<'s * 'x, 's * 'y>()
    let loop = obj ()
    // Weak: a loop that is over keeps no state.
    let last = WeakReference<StateParts>(null)
    // What the last trace gave, and its static parts, which are those of all its results.
    let mutable traced = StateParts(null, [||], [||])

    override _.TakeApart((state, x)) =
        match last.TryGetTarget() with
        | true, known when obj.ReferenceEquals(known.State, state) ->
            let struct (tensors, statics) = Structure.takeApart x
            struct (Array.append known.Tensors tensors, Array.append known.Statics statics)
        | _ -> Structure.takeApart (state, x)

    override _.Turn((state, _), (next, _)) =
        ValueSome {
            Loop = loop
            Given = (Structure.leaves state).Length
            Made = (Structure.leaves next).Length
        }

    override _.Returned(turn, (given, _), (state, _), tensors) =
        let mutable parts = traced

        if not (obj.ReferenceEquals(parts.State, given)) then
            let struct (_, statics) = Structure.takeApart given
            parts <- StateParts(given, [||], statics)
            traced <- parts

        last.SetTarget(StateParts(state, Array.sub tensors 0 turn.Made, parts.Statics))

/// What one trace gave: how to run it, and how to put the result together.
[<NoComparison; NoEquality; AllowNullLiteral>]
type private Trace<'b>
    (signature: Signature, executable: IExecutable, captured: Node[], result: 'b, turn: LoopTurn voption) =
    member _.Signature = signature
    member _.Executable = executable
    member _.Captured = captured
    member _.Result = result
    member _.Turn = turn

/// What a traced function may depend on.
[<RequireQualifiedAccess>]
module private Closure =

    /// Whether a traced result depends on nothing from outside but values: neither on the variable of a derivative
    /// in progress around the trace, nor on an argument of another trace that is still going on.
    let isClosed (symbols: Node[]) (roots: Node[]) =
        let own = HashSet<Node>(symbols)

        let isForeign (node: Node) =
            // A symbol that outlived its trace is no reason to inline: flattening refuses it.
            node.Origin.IsSymbol && node.IsOpen && not (own.Contains node)

        not (roots |> Array.exists _.IsTracked)
        && not (Graph.topological _.IsSymbolic roots |> Seq.exists isForeign)

    /// The nodes that do not depend on the arguments but are used by some that do: they are computed once, not at
    /// each run.
    let fixedParts (roots: Node[]) =
        let isPending (node: Node) =
            not node.IsSymbolic
            && match node.Origin with
               | Origin.Made prim -> isNull node.Value && not prim.IsConstant && not prim.IsIota
               | Origin.Stored
               | Origin.Symbol _ -> false

        let operands (node: Node) =
            match node.Origin with
            | Origin.Made prim -> Prim.operands prim
            | Origin.Stored
            | Origin.Symbol _ -> [||]

        /// What a value is another view of. A constant stretched over a large shape is one number for a plan; kept as a
        /// value of its own it would be read from memory, all of it, at each run.
        let rec viewed (node: Node) =
            match node.Origin with
            | Origin.Made(Prim.Expand(_, x))
            | Origin.Made(Prim.Reshape(_, x))
            | Origin.Made(Prim.Permute(_, x))
            | Origin.Made(Prim.Slice(_, x))
            | Origin.Made(Prim.Windows(_, _, _, _, x)) when isPending node -> viewed x
            | _ -> node

        Graph.topological _.IsSymbolic roots
        |> Seq.collect operands
        |> Seq.map viewed
        |> Seq.append roots
        |> Seq.filter isPending
        |> Seq.toArray

/// A pure function that is traced once for each signature (shapes, types and static parts of its argument)
/// and then run as a plan. It may be called from several threads at once, unless it is the step of a loop.
[<Sealed>]
type Compiled<'a, 'b> internal (options: CompileOptions, f: 'a -> 'b, calls: Calls<'a, 'b>) =
    let traces = ConcurrentDictionary<Signature, Trace<'b>>()
    let mutable last: Trace<'b> = null
    // Newest first.
    let mutable log: (string * Signature) list = []

    let refuse limit =
        let lines =
            log
            |> List.rev
            |> List.mapi (fun i (reason, _) -> $"{i + 1}: {reason}")
            |> String.concat "; "

        Fail.trace (
            $"compile: a trace more than the {limit} that MaxTraces allows ({lines}); "
            + "keep shapes and static parts the same, for example by padding the last batch"
        )

    /// The trace, or null when the function closes over the argument of another trace or derivative: then it is inlined.
    let trace (x: 'a) (leaves: Tensor[]) (signature: Signature) =
        let names = Structure.names x
        log <- (Reason.of' names (List.map snd log) signature, signature) :: log
        options.OnTrace(fst log.Head)

        match options.MaxTraces with
        | Some limit when log.Length > limit -> refuse limit
        | _ -> ()

        let symbols =
            Array.map2 (fun name (leaf: Tensor) -> Graph.symbol name leaf.Node.Type) names leaves

        let result =
            try
                f (Structure.rebuild x (Array.map Tensor symbols))
            finally
                for symbol in symbols do
                    symbol.IsOpen <- false

        let roots = Structure.leaves result |> Array.map _.Node

        if Closure.isClosed symbols roots then
            Evaluate.realise options.Engine (Closure.fixedParts roots)
            let pending = Pending(symbols, roots)
            let executable = options.Engine.Compile(Simplify.run true pending.Program)
            Trace(signature, executable, pending.Captured, result, calls.Turn(x, result))
        else
            null

    let traceFor x (leaves: Tensor[]) statics =
        let latest = last

        if not (isNull latest) && latest.Signature.Fits(leaves, statics) then
            latest
        else
            let signature = {
                Types = leaves |> Array.map _.Node.Type
                Statics = statics
            }

            let found =
                match traces.TryGetValue signature with
                | true, found -> found
                | _ ->
                    lock traces (fun () ->
                        match traces.TryGetValue signature with
                        | true, found -> found
                        | _ ->
                            let made = trace x leaves signature

                            if not (isNull made) then
                                traces[signature] <- made

                            made)

            last <- found
            found

    /// `f x`. The first call for each signature runs `f` on symbols and plans what it does; later calls run
    /// the plan. Inside another trace or derivative the call is inlined, whether they reach `f` by its argument or by
    /// what it closes over. Raises TraceException when `f` looks at values, or when there have been too many traces.
    member _.Invoke(x: 'a) : 'b =
        let struct (leaves, statics) = calls.TakeApart x
        let mutable isInlined = false
        let mutable isPending = false

        for leaf in leaves do
            isInlined <- isInlined || leaf.Node.IsSymbolic || leaf.Node.IsTracked
            isPending <- isPending || isNull leaf.Node.Value

        if isInlined then
            f x
        else
            match traceFor x leaves statics with
            | null -> f x
            | traced ->
                if isPending then
                    Evaluate.realise options.Engine (leaves |> Array.map _.Node)

                let given = leaves.Length

                let inputs =
                    Array.init (given + traced.Captured.Length) (fun i ->
                        let node =
                            if i < given then
                                leaves[i].Node
                            else
                                traced.Captured[i - given]

                        Evaluate.accept options.Engine node)

                let wrap storages =
                    storages |> Array.map (fun s -> Tensor(Graph.stored s))

                match traced.Turn with
                | ValueNone -> traced.Executable.Run(inputs, null) |> wrap |> Structure.rebuild traced.Result
                | ValueSome turn ->
                    let tensors = traced.Executable.Advance(inputs, turn) |> wrap
                    let result = Structure.rebuild traced.Result tensors
                    calls.Returned(turn, traced.Result, result, tensors)
                    result

    /// The reason of each trace so far, in order: `first call`, `argument 0: batch 64 -> 16`.
    member _.Traces: IReadOnlyList<string> =
        log |> List.rev |> List.map fst |> List.toArray :> _

    /// The plan of each trace, as text.
    member _.Plans: IReadOnlyList<string> =
        traces.Values |> Seq.map _.Executable.Print() |> Seq.toArray :> _

/// Tracing pure functions into plans that are run again and again.
[<RequireQualifiedAccess>]
module Compile =

    /// The processor, any number of traces, nobody told.
    let defaults = {
        Engine = Cpu.engine
        MaxTraces = None
        OnTrace = ignore
    }

    /// `f`, compiled, with what is known of its traces. `f` must be pure: what else it does happens once for
    /// a trace.
    let create (options: CompileOptions) (f: 'a -> 'b) : Compiled<'a, 'b> = Compiled(options, f, Calls())

    /// `f`, compiled for an engine: `(create { defaults with Engine = engine } f).Invoke`.
    let on (engine: IEngine) (f: 'a -> 'b) : 'a -> 'b =
        let compiled = create { defaults with Engine = engine } f
        compiled.Invoke

    /// `Compile.on` the processor.
    let run (f: 'a -> 'b) : 'a -> 'b = on Cpu.engine f

    /// `create` for the step of a loop: from a state and what comes in to the next state and what comes out. A step may
    /// write the next state over the state that an earlier step returned, which takes half of the memory and no time
    /// for fetching more. So a state is for the next step alone: whoever looks at an older one is told with
    /// ValueException that it is gone, unless it was taken out of the loop with `keep`. The state that a loop starts
    /// with stays, and so does the one that a step was given and refused.
    let createStep (options: CompileOptions) (f: 's * 'x -> 's * 'y) : Compiled<'s * 'x, 's * 'y> =
        Compiled(options, f, LoopCalls())

    /// The step of a loop, compiled for an engine: `(createStep { defaults with Engine = engine } f).Invoke`.
    let stepOn (engine: IEngine) (f: 's * 'x -> 's * 'y) : 's * 'x -> 's * 'y =
        (createStep { defaults with Engine = engine } f).Invoke

    /// `Compile.stepOn` the processor.
    let step (f: 's * 'x -> 's * 'y) : 's * 'x -> 's * 'y = stepOn Cpu.engine f

    /// `state`, whose tensors no loop will write over: for a state that is looked at after the next step. Costs nothing;
    /// the next step takes new memory. Steps that go on in other threads do not see it.
    let keep (state: 'a) : 'a =
        for leaf in Structure.leaves state do
            if not (isNull leaf.Node.Value) then
                leaf.Node.Value.Loop <- null

        state

    /// The nodes that `f` makes of symbols in place of the tensors of `x`, and the symbols.
    let internal symbolic (f: 'a -> 'b) (x: 'a) : struct (Node[] * Node[]) =
        let symbols =
            Array.map2
                (fun name (leaf: Tensor) -> Graph.symbol name leaf.Node.Type)
                (Structure.names x)
                (Structure.leaves x)

        let roots =
            f (Structure.rebuild x (Array.map Tensor symbols))
            |> Structure.leaves
            |> Array.map _.Node

        struct (symbols, roots)

    /// The program of a function at an argument: what is computed, before an engine plans it.
    let program (f: 'a -> 'b) (x: 'a) : Program =
        let struct (symbols, roots) = symbolic f x
        Simplify.run true (Pending(symbols, roots).Program)

    /// `program`, as text.
    let print (f: 'a -> 'b) (x: 'a) = Program.print (program f x)
