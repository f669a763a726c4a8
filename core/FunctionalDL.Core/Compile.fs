namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Collections.Generic

/// Tracing pure functions into plans that are run again and again.
[<RequireQualifiedAccess>]
module Compile =

    /// What one trace gave: how to run it, and how to put the result together.
    [<NoComparison; NoEquality>]
    type private Trace<'b> = {
        Executable: IExecutable
        Captured: Node[]
        Result: 'b
    }

    /// Types of the tensors and the static parts of an argument: what a trace is made for.
    [<CustomEquality; NoComparison>]
    type private Signature = {
        Types: TensorType[]
        Statics: obj[]
    } with

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

    /// Whether a traced result depends on nothing from outside but values: neither on the variable of a derivative in progress
    /// around this trace, nor on an argument of another trace.
    let private isClosed (symbols: Node[]) (roots: Node[]) =
        let own = HashSet<Node>(symbols, HashIdentity.Reference)

        let isForeign (node: Node) =
            // A symbol that outlived its trace is no reason to inline: flattening refuses it.
            node.Origin.IsSymbol && node.IsOpen && not (own.Contains node)

        not (roots |> Array.exists _.IsTracked)
        && not (Graph.topological _.IsSymbolic roots |> Seq.exists isForeign)

    /// The nodes that do not depend on the arguments but are used by some that do: they are computed once, not at each run.
    let private fixedParts (roots: Node[]) =
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

        Graph.topological _.IsSymbolic roots
        |> Seq.collect operands
        |> Seq.append roots
        |> Seq.filter isPending
        |> Seq.toArray

    let private trace (engine: IEngine) (f: 'a -> 'b) (x: 'a) (leaves: Tensor[]) =
        let symbols =
            leaves |> Array.mapi (fun i leaf -> Graph.symbol $"argument {i}" leaf.Node.Type)

        let result =
            try
                f (Structure.rebuild x (Array.map Tensor symbols))
            finally
                for symbol in symbols do
                    symbol.IsOpen <- false

        let roots = Structure.leaves result |> Array.map _.Node

        if isClosed symbols roots then
            Evaluate.realise engine (fixedParts roots)
            let struct (program, captured) = Flatten.program symbols roots

            Some {
                Executable = engine.Compile(Simplify.run true program)
                Captured = captured
                Result = result
            }
        else
            None

    /// `f`, compiled for an engine: the first call for each signature (shapes, types and static parts of the
    /// argument) runs `f` on symbols and plans what it does; later calls run the plan. `f` must be pure: what
    /// else it did happens once for a trace. Inside another trace or derivative the call is inlined, whether they
    /// reach `f` by its argument or by what it closes over. Raises TraceException when `f` looks at values.
    let on (engine: IEngine) (f: 'a -> 'b) : 'a -> 'b =
        let traces = ConcurrentDictionary<Signature, Trace<'b>>()

        let replay (traced: Trace<'b>) (leaves: Tensor[]) =
            let arguments = leaves |> Array.map _.Node
            Evaluate.realise engine arguments
            let inputs = Evaluate.accept engine (Array.append arguments traced.Captured)
            let results = traced.Executable.Run(inputs, null)
            Structure.rebuild traced.Result (results |> Seq.map (fun s -> Tensor(Graph.stored s)))

        fun x ->
            let struct (leaves, statics) = Structure.takeApart x

            if leaves |> Array.exists (fun leaf -> leaf.Node.IsSymbolic || leaf.Node.IsTracked) then
                f x
            else
                let signature = {
                    Types = leaves |> Array.map _.Node.Type
                    Statics = statics
                }

                match traces.TryGetValue signature with
                | true, traced -> replay traced leaves
                | _ ->
                    match trace engine f x leaves with
                    | Some traced ->
                        traces[signature] <- traced
                        replay traced leaves
                    | None -> f x

    /// `Compile.on` the processor.
    let run (f: 'a -> 'b) : 'a -> 'b = on Cpu.engine f

    /// The program of a function at an argument, as text: what is computed, before an engine plans it.
    let print (f: 'a -> 'b) (x: 'a) =
        let leaves = Structure.leaves x

        let symbols =
            leaves |> Array.mapi (fun i leaf -> Graph.symbol $"argument {i}" leaf.Node.Type)

        let roots =
            f (Structure.rebuild x (Array.map Tensor symbols))
            |> Structure.leaves
            |> Array.map _.Node

        let struct (program, _) = Flatten.program symbols roots
        Program.print (Simplify.run true program)
