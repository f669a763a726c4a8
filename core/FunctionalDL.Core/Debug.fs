namespace FunctionalDL.Core

open System
open System.Collections.Generic
open System.Text

/// The part of a computation that an operation belongs to.
[<RequireQualifiedAccess>]
type Pass =
    /// What the function itself computes.
    | Forward
    /// What reverse mode made: cotangents, and what only they need.
    | Backward

/// One operand, or the result, of an operation that was looked at.
type Looked = {
    /// Shape and element type.
    Type: TensorType
    /// The smallest and largest element that is a finite number; None where there is none.
    Range: (float * float) option
    NaNs: int
    Infinities: int
} with

    override this.ToString() =
        let invariant (x: float) =
            x.ToString("G6", Globalization.CultureInfo.InvariantCulture)

        let range =
            match this.Range with
            | Some(low, high) -> $"{invariant low} to {invariant high}"
            | None -> "no finite element"

        let count n what = if n > 0 then $", {n} {what}" else ""
        let nans, infinities = count this.NaNs "NaN", count this.Infinities "infinite"
        $"{this.Type} ({range}{nans}{infinities})"

/// The first operation that made a NaN or an infinity.
type NonFinite = {
    /// The operation with its attributes, over value numbers as in `Compile.print`; or the name of an
    /// argument.
    Operation: string
    Pass: Pass
    Operands: Looked list
    Result: Looked
} with

    override this.ToString() =
        let pass =
            match this.Pass with
            | Pass.Forward -> "forward"
            | Pass.Backward -> "backward"

        let operands =
            this.Operands |> List.map (fun o -> $"\n  from {o}") |> String.concat ""

        $"{this.Operation} in the {pass} pass gives {this.Result}{operands}"

/// The time that a plan takes, step by step.
type Profile = {
    /// The steps in the order in which they run, numbered as in `Debug.plan`: what each does, and seconds.
    Steps: (string * float) list
} with

    /// Seconds of all steps.
    member this.Total = this.Steps |> List.sumBy snd

    /// The steps from the slowest to the fastest: milliseconds, share of the total, number and name.
    override this.ToString() =
        let invariant (text: FormattableString) = FormattableString.Invariant text
        let share seconds = seconds / max Double.Epsilon this.Total

        this.Steps
        |> List.indexed
        |> List.sortByDescending (fun (_, (_, seconds)) -> seconds)
        |> List.map (fun (number, (name, seconds)) ->
            invariant $"{seconds * 1e3, 10:F3} ms {share seconds * 100.0, 5:F1} %%  {number}: {name}")
        |> fun lines -> lines @ [ invariant $"{this.Total * 1e3, 10:F3} ms in all" ]
        |> String.concat "\n"

/// Looking into computations: graphs and plans as text and pictures, where the time goes, and where a number stopped being one.
[<RequireQualifiedAccess>]
module Debug =

    /// Graph nodes with numbers, operands before users.
    let private numbered (roots: Node[]) =
        let order = Graph.topological (fun _ -> true) roots
        let numbers = Dictionary<Node, int>()
        order |> Seq.iteri (fun i n -> numbers[n] <- i)
        struct (order, numbers)

    let private label (numbers: Dictionary<Node, int>) (node: Node) =
        match node.Origin with
        | Origin.Made prim ->
            Program.printStep {
                Prim = Prim.map (fun o -> numbers[o]) prim
                Type = node.Type
            }
        | Origin.Stored -> "stored"
        | Origin.Symbol name -> name

    let private notes (node: Node) =
        let note isSo text = if isSo then ", " + text else ""

        note node.IsBackward "backward"
        + note (not (isNull node.Value) && not node.Origin.IsStored) "computed"

    let private text (roots: Node[]) =
        let struct (order, numbers) = numbered roots

        [
            for node in order do
                $"%%{numbers[node]} = {label numbers node} : {node.Type}{notes node}"

            "return"
            + (roots |> Array.map (fun r -> $" %%{numbers[r]}") |> String.concat "")
        ]
        |> String.concat "\n"

    /// The graph of the tensors of a value, a line for each node: what is still to be computed, and what a
    /// derivative in progress keeps. A line says `computed` for a node that has its elements, `backward` for
    /// one that reverse mode made.
    let pending (value: 'a) = text (nodes value)

    /// The graph of a function at an argument, as `pending` shows it: before anything is simplified or
    /// planned.
    let graph (f: 'a -> 'b) (x: 'a) =
        let struct (_, roots) = Compile.symbolic f x
        text roots

    /// The graph of a function at an argument as a picture in Graphviz's language: `dot -Tsvg`. Arguments are
    /// boxes, results have a double rim, and what reverse mode made is grey.
    let dot (f: 'a -> 'b) (x: 'a) =
        let struct (_, roots) = Compile.symbolic f x
        let struct (order, numbers) = numbered roots
        let out = StringBuilder("digraph {\n  node [fontname=monospace]\n")
        let isRoot = HashSet<Node>(roots)

        for node in order do
            let name =
                match node.Origin with
                | Origin.Made prim -> Prim.name prim
                | Origin.Stored -> "stored"
                | Origin.Symbol name -> name

            let shape = if node.Origin.IsMade then "ellipse" else "box"
            let rim = if isRoot.Contains node then ", peripheries=2" else ""

            let fill =
                if node.IsBackward then
                    ", style=filled, fillcolor=lightgrey"
                else
                    ""

            let quoted = name.Replace("\"", "\\\"")

            out.AppendLine $"  n{numbers[node]} [label=\"{quoted}\\n{node.Type}\", shape={shape}{rim}{fill}]"
            |> ignore

            match node.Origin with
            | Origin.Made prim ->
                for o in Prim.operands prim do
                    out.AppendLine $"  n{numbers[o]} -> n{numbers[node]}" |> ignore
            | Origin.Stored
            | Origin.Symbol _ -> ()

        out.Append("}").ToString()

    /// The plan that an engine makes of a function at an argument: what runs in which order, in which memory.
    let planOn (engine: IEngine) (f: 'a -> 'b) (x: 'a) =
        (engine.Compile(Compile.program f x)).Print()

    /// `planOn` the processor.
    let plan (f: 'a -> 'b) (x: 'a) = planOn Cpu.engine f x

    /// Where the time of a function at an argument goes, on an engine: the median of `runs` runs for each step
    /// of its plan. Raises OptionException when `runs` is less than 1.
    let profileOn (engine: IEngine) runs (f: 'a -> 'b) (x: 'a) : Profile =
        if runs < 1 then
            Fail.option $"profile: {runs} runs are too few; 1 or more"

        let struct (symbols, roots) = Compile.symbolic f x
        let pending = Pending(symbols, roots)
        let given = Array.append (nodes x) pending.Captured
        Evaluate.realise engine given
        let inputs = given |> Array.map (Evaluate.accept engine)
        let executable = engine.Compile(Simplify.run true pending.Program)
        // Memory is touched and code compiled for the first time.
        executable.Run(inputs, null) |> ignore

        {
            Steps = [
                for struct (name, seconds) in executable.Profile(inputs, null, runs) do
                    name, seconds
            ]
        }

    /// `profileOn` the processor.
    let profile runs (f: 'a -> 'b) (x: 'a) = profileOn Cpu.engine runs f x

    // ---- numbers that stopped being numbers ----------------------------------------

    let private look (storage: Storage) =
        let values =
            match storage.Type.DType with
            | DType.Float32 -> Storage.toArray<float32> storage |> Array.map float
            | DType.Float64 -> Storage.toArray<float> storage
            | DType.Int32 -> Storage.toArray<int32> storage |> Array.map float
            | DType.Int64 -> Storage.toArray<int64> storage |> Array.map float
            | DType.Bool
            | DType.UInt8 -> Storage.toArray<uint8> storage |> Array.map float

        let finite = values |> Array.filter Double.IsFinite

        {
            Type = storage.Type
            Range =
                if finite.Length = 0 then
                    None
                else
                    Some(Array.min finite, Array.max finite)
            NaNs = values |> Array.filter Double.IsNaN |> Array.length
            Infinities = values |> Array.filter Double.IsInfinity |> Array.length
        }

    /// Whether an operation made what its operands do not have: a NaN from no NaN, or an infinity from finite
    /// numbers alone.
    let private isCulprit (operands: Looked list) (result: Looked) =
        let has count =
            operands |> List.exists (fun o -> count o > 0)

        let isTainted = has _.NaNs || has _.Infinities

        (result.NaNs > 0 && not (has _.NaNs))
        || (result.Infinities > 0 && not isTainted)

    /// Runs a function operation by operation on an engine and stops at the first that makes a NaN, or an
    /// infinity of finite numbers; None when there is none. An argument that has one already counts as an
    /// operation. Constants may be infinite: masks are. Raises TraceException when `f` looks at values.
    let findNonFiniteOn (engine: IEngine) (f: 'a -> 'b) (x: 'a) : NonFinite option =
        let struct (symbols, roots) = Compile.symbolic f x
        let pending = Pending(symbols, roots)
        let program, steps = pending.Program, pending.Computed
        let given = nodes x
        Evaluate.realise engine given
        let count = program.Inputs.Length
        let values = Array.zeroCreate<Storage>(count + steps.Length)
        let looks = Array.zeroCreate<Looked>(count + steps.Length)
        let names = Structure.names x

        let keep at storage =
            values[at] <- storage
            looks[at] <- look storage

        Array.append given pending.Captured
        |> Array.iteri (fun i node -> keep i (Evaluate.accept engine node))

        let bad =
            Seq.init given.Length id
            |> Seq.tryFind (fun i -> looks[i].NaNs + looks[i].Infinities > 0)

        /// The step as a program of its own, over its operands.
        let alone (step: Step) =
            let operands = Prim.operands step.Prim |> Array.distinct

            let program = {
                Inputs = operands |> Array.map (Program.typeOf program)
                Steps = [|
                    {
                        step with
                            Prim = step.Prim |> Prim.map (fun o -> Array.IndexOf(operands, o))
                    }
                |]
                Outputs = [| operands.Length |]
            }

            struct (operands, program)

        let rec run i =
            if i = steps.Length then
                None
            else
                let step = program.Steps[i]
                let struct (operands, one) = alone step
                let inputs = operands |> Array.map (fun o -> values[o])
                let results = (engine.Compile one).Run(inputs, null)
                keep (count + i) results[0]
                let seen = Prim.operands step.Prim |> Array.map (fun o -> looks[o]) |> List.ofArray

                if not step.Prim.IsConstant && isCulprit seen looks[count + i] then
                    Some {
                        Operation = Program.printStep step
                        Pass = (if steps[i].IsBackward then Pass.Backward else Pass.Forward)
                        Operands = seen
                        Result = looks[count + i]
                    }
                else
                    run (i + 1)

        match bad with
        | Some i ->
            Some {
                Operation = names[i]
                Pass = Pass.Forward
                Operands = []
                Result = looks[i]
            }
        | None -> run 0

    /// `findNonFiniteOn` the processor.
    let findNonFinite (f: 'a -> 'b) (x: 'a) : NonFinite option = findNonFiniteOn Cpu.engine f x

    /// `f x`, after it was run operation by operation. Raises ValueException at the first operation that
    /// makes a NaN or an infinity; its message names operation, shapes, the ranges of the operands, and the
    /// pass.
    let checkFinite (f: 'a -> 'b) (x: 'a) : 'b =
        match findNonFinite f x with
        | Some found -> Fail.value (string found)
        | None -> f x
