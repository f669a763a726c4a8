namespace FunctionalDL.Core.Planning

open System
open System.Collections.Generic
open FunctionalDL.Core

/// What a buffer of a plan is.
[<RequireQualifiedAccess>]
type internal Buffer =
    /// The memory of an input.
    | Input of int
    /// The literals of the program's constants, eight bytes each.
    | Literals
    /// Whole numbers `0, 1, …`, filled once when the plan's memory is made.
    | Counting of DType * int
    /// An intermediate result, at an offset of the arena.
    | Arena of int64
    /// An intermediate result within one work, which keeps a few rows of it at a time.
    | Local
    /// A result that is handed out: new memory at each run. The output it first serves.
    | Result of int64

/// How one output is handed out: the buffer that holds it.
[<NoComparison>]
type internal Plan = {
    Program: Program
    Works: Work[]
    Buffers: Buffer[]
    /// What each buffer holds.
    Types: TensorType[]
    ArenaBytes: int64
    /// The buffer of each output.
    Outputs: int[]
    /// Inputs, by number, and the buffers of the results that may be written over them.
    Successors: struct (int * int)[]
}

/// Turning a program into a plan: which loops and kernels run in which order, and where every value lies.
[<RequireQualifiedAccess>]
module internal Plan =

    /// The state of planning: what has been decided so far.
    type private Planner(program: Program) =
        let inputs = program.Inputs.Length
        let count = inputs + program.Steps.Length
        let schedule = Schedule.ofProgram program
        let views = Array.zeroCreate<View voption> count
        let buffers = List<Buffer>()
        let bytes = List<int64>()
        let types = List<TensorType>()
        let works = List<Work>()
        let copies = Dictionary<int, View>()

        /// The indices that something is picked by, each with the length of the axis.
        let picked = HashSet<struct (int * int)>()

        /// The number of constants before each step.
        let constants =
            program.Steps
            |> Array.scan (fun n step -> if step.Prim.IsConstant then n + 1 else n) 0

        let typeOf value = Program.typeOf program value
        let shapeOf value = (typeOf value).Shape
        let dtypeOf value = (typeOf value).DType
        let primOf value = program.Steps[value - inputs].Prim
        let viewOf value = views[value].Value

        let newBuffer kind (t: TensorType) =
            buffers.Add kind
            bytes.Add(int64 t.Shape.Size * int64 (DType.size t.DType))
            types.Add t
            buffers.Count - 1

        /// A buffer for a value that a step computes. Its place is decided when all lifetimes are known.
        let ownBuffer value =
            let buffer = newBuffer (Buffer.Arena 0L) (typeOf value)
            views[value] <- ValueSome(View.ofBuffer buffer (shapeOf value))
            buffer

        /// A row-major view of a value's elements; a copy is made, once, where there is none.
        let contiguous value =
            let view = viewOf value

            if View.isContiguous (shapeOf value) view then
                view
            else
                match copies.TryGetValue value with
                | true, copy -> copy
                | _ ->
                    let buffer = newBuffer (Buffer.Arena 0L) (typeOf value)
                    works.Add(Work.copy (dtypeOf value) (shapeOf value) view buffer)
                    let copy = View.ofBuffer buffer (shapeOf value)
                    copies[value] <- copy
                    copy

        /// A view of a matrix operand whose batch axes are stepped through with one stride.
        let matrix value =
            let shape = shapeOf value

            match View.leadingStride (shape.Rank - 2) shape (viewOf value) with
            | Some stride -> viewOf value, stride
            | None -> contiguous value, int64 shape[-1] * int64 shape[-2]

        let sameRegion a b =
            schedule.Roles[b] = Schedule.Role.Elementwise
            && schedule.Stages[a] = schedule.Stages[b]
            && (shapeOf a).Equals(shapeOf b)

        // ---- regions ----------------------------------------

        /// For each region, the axes block that it may fold over: that of the first reduction found.
        let blocks = Dictionary<struct (Shape * int), struct (int * int)>()

        /// Whether a reduction can be done at the end of the loop that computes its operand.
        let isAttached value =
            match primOf value with
            | Prim.Reduce(_, axes, x) when schedule.Roles[x] = Schedule.Role.Elementwise ->
                match Loops.reducedBlock (shapeOf x) axes with
                | None -> false
                | Some block ->
                    let region = struct (shapeOf x, schedule.Stages[x])

                    match blocks.TryGetValue region with
                    | true, other -> other = block
                    | _ ->
                        blocks[region] <- block
                        true
            | _ -> false

        let attached =
            Array.init count (fun v -> v >= inputs && (primOf v).IsReduce && isAttached v)

        let isOutput =
            let flags = Array.zeroCreate<bool> count
            program.Outputs |> Array.iter (fun o -> flags[o] <- true)
            flags

        /// Whether somebody outside its region's loop reads an elementwise value.
        let isStored value =
            isOutput[value]
            || schedule.Users[value]
               |> List.exists (fun u -> not (sameRegion value u || attached[u]))

        /// For each region that does not fold, the product of its stage that it goes on with, part by part: one
        /// that nobody else reads before the stage is over.
        let products =
            let found = Dictionary<struct (Shape * int), int>()

            for value in inputs .. count - 1 do
                let region = struct (shapeOf value, schedule.Stages[value])
                let users = schedule.Users[value]

                if
                    (primOf value).IsMatMul
                    && not (blocks.ContainsKey region)
                    && List.exists (sameRegion value) users
                    && users
                       |> List.forall (fun u ->
                           sameRegion value u || schedule.Stages[u] > schedule.Stages[value])
                then
                    found[region] <- value

            found

        let isContinued value =
            match products.TryGetValue(struct (shapeOf value, schedule.Stages[value])) with
            | true, product -> product = value
            | _ -> false

        /// The product `a · b` with the loop that goes on with it, if one does.
        let emitMatMul value a b (next: (unit -> FusedLoop) voption) =
            let left, right = matrix a, matrix b
            let shape = shapeOf value
            let m, n, k = shape[-2], shape[-1], (shapeOf a)[-1]
            let batch = Array.fold (*) 1 shape.Dims[.. shape.Rank - 3]
            let target = ownBuffer value

            match next with
            | ValueNone -> Work.matMul (dtypeOf value) batch m n k left right target
            | ValueSome loop -> Work.matMulThen (dtypeOf value) batch m n k left right target (loop ())
            |> works.Add

        let emitRegion (members: int[]) =
            let shape = shapeOf members[0]
            let region = struct (shape, schedule.Stages[members[0]])

            let stores = [|
                for v in members do
                    if isStored v then
                        struct (v, ownBuffer v)
            |]

            let folds = [|
                for v in members do
                    for u in List.rev schedule.Users[v] do
                        if attached[u] then
                            match primOf u with
                            | Prim.Reduce(op, _, _) -> {
                                Loops.Op = op
                                Loops.Value = v
                                Loops.Target = ownBuffer u
                              }
                            | _ -> ()
            |]

            let block =
                if folds.Length = 0 then
                    ValueNone
                else
                    ValueSome blocks[region]

            let steps = members |> Array.map (fun v -> struct (v, primOf v))

            let loop () =
                Loops.region typeOf viewOf shape steps stores block folds

            match products.TryGetValue region with
            | true, product ->
                match primOf product with
                | Prim.MatMul(a, b) -> emitMatMul product a b (ValueSome loop)
                | other -> invalidOp $"{Prim.name other} is not a product"
            | _ -> works.Add(Work.loop (loop ()))

        // ---- kernels and views ----------------------------------------

        /// A fold of something already in memory, over any axes: they are moved to the end by reading in
        /// another order.
        let emitReduce value op (axes: int[]) x =
            let shape = shapeOf x

            let kept =
                Array.init shape.Rank id |> Array.filter (fun a -> not (Array.contains a axes))

            let order, block =
                match Loops.reducedBlock shape axes with
                | Some block -> Array.init shape.Rank id, block
                | None -> Array.append kept axes, struct (kept.Length, shape.Rank)

            let moved = Shape(order |> Array.map (fun a -> shape[a]))
            let view = View.permute order (viewOf x)
            let movedType _ = { DType = dtypeOf x; Shape = moved }

            let fold = {
                Loops.Op = op
                Loops.Value = x
                Loops.Target = ownBuffer value
            }

            Loops.region movedType (fun _ -> view) moved [||] [||] (ValueSome block) [| fold |]
            |> Work.loop
            |> works.Add

        /// Whether an index is the same for all elements of a row, and its rows follow one another in memory.
        let isOneForEachRow index =
            let shape, view = shapeOf index, viewOf index

            (shape[0] = 1 || view.Strides[0] = 1L)
            && Seq.forall
                (fun axis -> shape[axis] = 1 || view.Strides[axis] = 0L)
                (seq { 1 .. shape.Rank - 1 })

        let emitConvolution value part spec a b =
            let dtype = dtypeOf value
            let plan = ConvolutionWork.plan dtype part spec (shapeOf a) (shapeOf b)
            let left, right = contiguous a, contiguous b
            let target = ownBuffer value

            let scratch =
                newBuffer (Buffer.Arena 0L) {
                    DType = DType.Int64
                    Shape = Shape [| int ((plan.ScratchBytes + 7L) / 8L) |]
                }

            works.Add(ConvolutionWork.run plan part dtype left right target scratch)

        let emit value =
            let dtype, shape = dtypeOf value, shapeOf value

            match primOf value with
            | Prim.Constant(literal, shape) ->
                // Literals lie eight bytes apart; offsets count elements of the constant's own size.
                views[value] <-
                    ValueSome {
                        Buffer = inputs
                        Offset = int64 constants[value - inputs] * 8L / int64 (DType.size literal.DType)
                        Strides = Array.zeroCreate shape.Rank
                    }
            | Prim.Iota(dtype, length) ->
                let buffer = newBuffer (Buffer.Counting(dtype, length)) (typeOf value)
                views[value] <- ValueSome(View.ofBuffer buffer shape)
            | Prim.Reshape(_, x) ->
                views[value] <-
                    match View.reshape (shapeOf x) shape (viewOf x) with
                    | Some view -> ValueSome view
                    | None ->
                        ValueSome {
                            contiguous x with
                                Strides = Shape.strides shape
                        }
            | Prim.Permute(axes, x) -> views[value] <- ValueSome(View.permute axes (viewOf x))
            | Prim.Expand(_, x) -> views[value] <- ValueSome(View.expand (shapeOf x) shape (viewOf x))
            | Prim.Windows(axis, _, step, dilation, x) ->
                views[value] <- ValueSome(View.windows axis step dilation (viewOf x))
            | Prim.Slice(spans, x) -> views[value] <- ValueSome(View.slice spans (viewOf x))
            | Prim.StopGradient x
            | Prim.Variable x
            | Prim.Barrier(x, _)
            | Prim.Custom(_, _, x, _) -> views[value] <- ValueSome(viewOf x)
            | Prim.Random(_, _, stream, source) ->
                let key = contiguous source
                works.Add(Work.random dtype shape (shapeOf source).Size stream key (ownBuffer value))
            | Prim.Reduce(op, axes, x) ->
                if not attached[value] then
                    emitReduce value op axes x
            | Prim.Arg(op, axis, x) ->
                let source = contiguous x
                works.Add(Work.arg op (dtypeOf x) (shapeOf x) axis source (ownBuffer value))
            | Prim.ArgWindow(kernel, step, dilation, before, count, x) ->
                let source = contiguous x
                let target = ownBuffer value

                works.Add(
                    Work.argWindow (dtypeOf x) (shapeOf x) kernel step dilation before count source target
                )
            | Prim.Embed(_, spans, x) ->
                works.Add(Work.embed dtype shape spans (shapeOf x) (viewOf x) (ownBuffer value))
            | Prim.Concat(axis, xs) ->
                let parts = xs |> Array.map (fun x -> struct (shapeOf x, viewOf x))
                works.Add(Work.concat dtype shape axis parts (ownBuffer value))
            | Prim.MatMul(a, b) ->
                if not (isContinued value) then
                    emitMatMul value a b ValueNone
            | Prim.Convolution(part, spec, a, b) -> emitConvolution value part spec a b
            | Prim.Gather(0, source, index) when isOneForEachRow index ->
                picked.Add(struct (index, (shapeOf source)[0])) |> ignore
                let from, at = contiguous source, viewOf index
                let count = int64 shape[0]

                works.Add(
                    Work.takeRows dtype (shapeOf source) from (dtypeOf index) at count (ownBuffer value)
                )
            | Prim.Gather(axis, source, index) ->
                picked.Add(struct (index, (shapeOf source)[axis])) |> ignore
                let from, at = contiguous source, contiguous index
                let target = ownBuffer value

                works.Add(
                    Work.gather dtype (shapeOf source) axis from (dtypeOf index) (shapeOf index) at target
                )
            | Prim.ScatterAdd(axis, _, source, index) ->
                let from, at = contiguous source, contiguous index
                let target = ownBuffer value
                let isChecked = picked.Contains(struct (index, shape[axis]))
                let indexType, indexShape = dtypeOf index, shapeOf index
                works.Add(Work.scatterAdd dtype shape axis from indexType indexShape at isChecked target)
            | Prim.Recurrence(axis, decay, input) ->
                let decay, input = contiguous decay, contiguous input
                works.Add(Work.recurrence dtype shape axis decay input (ownBuffer value))
            | Prim.ArgSort(axis, descending, x) ->
                let source = contiguous x
                works.Add(Work.argSort (dtypeOf x) shape axis descending source (ownBuffer value))
            | Prim.Overlap(axis, _, step, dilation, x) ->
                let source = contiguous x
                works.Add(Work.overlap dtype shape axis step dilation (shapeOf x) source (ownBuffer value))
            | Prim.Cholesky x ->
                let source = contiguous x
                works.Add(Work.cholesky dtype shape source (ownBuffer value))
            | Prim.TriangularSolve(lower, a, b) ->
                let left, right = contiguous a, contiguous b
                works.Add(Work.triangularSolve dtype lower shape left right (ownBuffer value))
            | Prim.Solve(a, b) ->
                let left, right = contiguous a, contiguous b
                works.Add(Work.solve dtype shape left right (ownBuffer value))
            | Prim.Determinant x ->
                let source = contiguous x
                works.Add(Work.determinant dtype (shapeOf x) source (ownBuffer value))
            | Prim.Unary _
            | Prim.Binary _
            | Prim.Compare _
            | Prim.Select _
            | Prim.Cast _ -> invalidOp "elementwise values are computed by their regions"

        let emitStage (values: int[]) =
            let elementwise, others =
                values
                |> Array.partition (fun v -> schedule.Roles[v] = Schedule.Role.Elementwise)

            Array.iter emit others

            for _, members in elementwise |> Array.groupBy shapeOf do
                emitRegion members

        // ---- the end ----------------------------------------

        /// The buffer to hand an output out of: one that holds it alone, in order, from its start.
        let outputBuffer value =
            let view = viewOf value
            let size = int64 (shapeOf value).Size * int64 (DType.size (dtypeOf value))

            let isWhole =
                match buffers[view.Buffer] with
                | Buffer.Input _
                | Buffer.Arena _
                | Buffer.Result _ ->
                    view.Offset = 0L
                    && bytes[view.Buffer] = size
                    && View.isContiguous (shapeOf value) view
                | Buffer.Literals
                | Buffer.Local
                | Buffer.Counting _ -> false

            let buffer =
                if isWhole then
                    view.Buffer
                else
                    let buffer = newBuffer (Buffer.Arena 0L) (typeOf value)
                    works.Add(Work.copy (dtypeOf value) (shapeOf value) view buffer)
                    buffer

            match buffers[buffer] with
            | Buffer.Arena _ -> buffers[buffer] <- Buffer.Result bytes[buffer]
            | Buffer.Input _
            | Buffer.Result _
            | Buffer.Literals
            | Buffer.Local
            | Buffer.Counting _ -> ()

            buffer

        /// The works in order, those that share their rows together.
        let grouped () =
            let struct (formed, locals) =
                RowGroups.form
                    {
                        Elements = fun b -> int64 types[b].Shape.Size
                        Bytes = fun b -> bytes[b]
                        IsIntermediate = fun b -> buffers[b].IsArena
                    }
                    (works.ToArray())

            for b in locals do
                buffers[b] <- Buffer.Local

            formed

        /// The works in an order that lets results be written over inputs, and which may be: the input and the output
        /// of one number, when both have one type and are handed in and out at no other place.
        let succeeding (outputs: int[]) (works: Work[]) =
            let isSole output =
                outputs |> Array.filter (fun o -> o = outputs[output]) |> Array.length = 1

            let candidates = [|
                for i in 0 .. min inputs outputs.Length - 1 do
                    let result = outputs[i]

                    if
                        buffers[result].IsResult
                        && types[result] = program.Inputs[i]
                        && isSole i
                        && not (Array.contains i outputs)
                    then
                        struct (i, result)
            |]

            // Inputs have the first buffers, in order.
            Succession.form candidates works

        let placeArena (works: Work[]) =
            let first = Array.create buffers.Count Int32.MaxValue
            let last = Array.create buffers.Count -1

            for at in 0 .. works.Length - 1 do
                for buffer in Seq.append works[at].Reads works[at].Writes do
                    first[buffer] <- min first[buffer] at
                    last[buffer] <- max last[buffer] at

            let inArena = [|
                for b in 0 .. buffers.Count - 1 do
                    if buffers[b].IsArena then
                        b
            |]

            let lifetimes =
                inArena
                |> Array.map (fun b -> {
                    Memory.Bytes = bytes[b]
                    Memory.First = first[b]
                    Memory.Last = last[b]
                })

            let offsets, total = Memory.place lifetimes
            Array.iter2 (fun b offset -> buffers[b] <- Buffer.Arena offset) inArena offsets
            total

        member _.Plan() =
            for i in 0 .. inputs - 1 do
                let buffer = newBuffer (Buffer.Input i) program.Inputs[i]
                views[i] <- ValueSome(View.ofBuffer buffer program.Inputs[i].Shape)

            newBuffer Buffer.Literals {
                DType = DType.Int64
                Shape = Shape.ofList [ (Program.literals program).Length ]
            }
            |> ignore

            for _, values in
                Array.init (count - inputs) (fun i -> inputs + i)
                |> Array.groupBy (fun v -> schedule.Stages[v])
                |> Array.sortBy fst do
                emitStage values

            let outputs = program.Outputs |> Array.map outputBuffer
            let struct (works, successors) = succeeding outputs (grouped ())
            let arena = placeArena works

            {
                Program = program
                Works = works
                Buffers = buffers.ToArray()
                Types = types.ToArray()
                ArenaBytes = arena
                Outputs = outputs
                Successors = successors
            }

    /// The plan of a program.
    let ofProgram program = Planner(program).Plan()

    /// What each step does, in a line: its name, what it reads (the first few) and writes.
    let steps plan =
        let types (buffers: int[]) =
            let all = buffers |> Array.distinct |> Array.map (fun b -> $" {plan.Types[b]}")
            String.concat "" (Array.truncate 3 all) + (if all.Length > 3 then " …" else "")

        plan.Works
        |> Array.map (fun work -> $"{work.Name}:{types work.Reads} ->{types work.Writes}")

    /// The plan as text: what is done in order, with the values of each loop, and the buffers it is done in.
    let print plan =
        let list (buffers: int[]) =
            buffers |> Array.distinct |> Array.map (fun b -> $" b{b}") |> String.concat ""

        let work at (work: Work) =
            let head = $"{at}: {work.Name}{list work.Reads} ->{list work.Writes}"
            String.Join("\n     ", head :: work.Detail)

        let buffer at kind =
            let over =
                plan.Successors
                |> Array.tryFind (fun (struct (_, result)) -> result = at)
                |> Option.map (fun (struct (input, _)) -> $", may be written over input {input}")

            let place =
                match kind with
                | Buffer.Input i -> $"input {i}"
                | Buffer.Literals -> "literals"
                | Buffer.Counting _ -> "counting"
                | Buffer.Arena offset -> $"arena from {offset}"
                | Buffer.Local -> "local"
                | Buffer.Result bytes -> $"result of {bytes} bytes"

            $"b{at}: {plan.Types[at]}, {place}" + Option.defaultValue "" over

        [|
            Array.mapi work plan.Works
            [| "return" + list plan.Outputs |]
            Array.mapi buffer plan.Buffers
            [| $"arena {plan.ArenaBytes} bytes" |]
        |]
        |> Array.concat
        |> String.concat "\n"
