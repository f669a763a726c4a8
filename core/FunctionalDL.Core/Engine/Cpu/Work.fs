namespace FunctionalDL.Core.Planning

open System
open FunctionalDL.Core
open FunctionalDL.Kernels

/// How a work is done for some rows of its space at a time.
[<NoComparison; NoEquality>]
type internal RowWise = {
    /// The space whose leading axes are the rows.
    Space: Shape
    /// The most leading axes that may be taken as rows.
    MostAxes: int
    /// What it reads, over which axes.
    Views: struct (Shape * View)[]
    /// The kernel, told which buffers are read while they are in a near cache.
    Kernel: (int -> bool) -> IRowKernel
}

/// One thing a plan does when it runs: a call of a kernel on buffers, whose addresses come with the run.
[<AbstractClass>]
type internal Work(name: string, reads: int[], writes: int[]) =

    /// What it is called in a printed plan.
    member _.Name = name

    /// The buffers it reads.
    member _.Reads = reads

    /// The buffers it writes.
    member _.Writes = writes

    /// What it does in detail, for a printed plan: the instructions of a fused loop.
    abstract Detail: string list

    default _.Detail = []

    /// How to do it for some rows at a time, where that is possible.
    abstract Rows: RowWise voption

    default _.Rows = ValueNone

    /// Whether it may raise ValueException for elements that it refuses.
    abstract MayRefuse: bool

    default _.MayRefuse = false

    /// Whether a result may take the place of an operand: each element of the operand is read by whoever writes the
    /// same place, and before that.
    abstract MayWriteOver: operand: int * result: int -> bool

    default _.MayWriteOver(_, _) = false

    /// Does it. `slots` has the address of every buffer.
    abstract Run: pool: WorkerPool * slots: nativeint[] -> unit

/// A fused loop, and what a plan must know of it.
[<NoComparison; NoEquality>]
type internal FusedLoop = {
    Name: string
    Shape: Shape
    Views: View[]
    Writes: int[]
    /// Those of the buffers it writes that have an element for each of its space.
    Stored: int[]
    /// The axes that it folds over, `first .. last - 1`.
    Folded: struct (int * int) voption
    Detail: Lazy<string list>
    /// The loop itself, told which buffers are read while they are in a near cache.
    Tiles: (int -> bool) -> TileLoop
} with

    member this.Reads = this.Views |> Array.map _.Buffer

    /// Whether a result may take the place of an operand.
    member this.MayWriteOver(operand, result) =
        let isPlain (view: View) =
            view.Offset = 0L && View.isContiguous this.Shape view

        Array.contains result this.Stored
        && this.Views |> Array.forall (fun view -> view.Buffer <> operand || isPlain view)

/// Kernels as work, one function for each kind.
[<RequireQualifiedAccess>]
module internal Work =

    /// The address of the first element of a view.
    let address dtype view (slots: nativeint[]) =
        slots[view.Buffer] + nativeint (view.Offset * int64 (DType.size dtype))

    /// The sizes before, on and after an axis.
    let private around axis (shape: Shape) =
        let product (sizes: int[]) =
            sizes |> Array.fold (fun p d -> p * int64 d) 1L

        struct (product shape.Dims[.. axis - 1], int64 shape[axis], product shape.Dims[axis + 1 ..])

    /// A fused loop.
    let loop (loop: FusedLoop) =
        let tiles = lazy (loop.Tiles(fun _ -> false))

        let rows = {
            Space = loop.Shape
            MostAxes =
                match loop.Folded with
                | ValueSome(struct (first, _)) -> first
                | ValueNone -> loop.Shape.Rank
            Views = loop.Views |> Array.map (fun view -> struct (loop.Shape, view))
            Kernel = fun isNear -> loop.Tiles isNear
        }

        {
            new Work(loop.Name, loop.Reads, loop.Writes) with
                member _.Detail = loop.Detail.Value
                member _.Rows = ValueSome rows
                member _.MayWriteOver(operand, result) = loop.MayWriteOver(operand, result)
                member _.Run(pool, slots) = tiles.Value.Run(pool, slots)
        }

    /// Works over the same rows, done one after another for a block of rows at a time. `locals` are the
    /// buffers that only they use, with the bytes of a row; `isNear` tells those that they read.
    let rowByRow rows (works: Work[]) isNear (locals: LocalRows[]) =
        let isLocal buffer =
            locals |> Array.exists (fun local -> local.Slot = buffer)

        let kernels = works |> Array.map (fun work -> work.Rows.Value.Kernel isNear)
        let all = RowKernels(rows, kernels, locals)

        let buffers side =
            works |> Array.collect side |> Array.distinct |> Array.filter (isLocal >> not)

        let reads, writes =
            buffers (fun work -> work.Reads), buffers (fun work -> work.Writes)

        {
            new Work($"rows {rows}", reads, writes) with
                member _.Detail = [
                    for work in works do
                        $"{work.Name}:"
                        yield! work.Detail
                ]

                member _.MayRefuse = works |> Array.exists _.MayRefuse

                member _.Run(pool, slots) =
                    try
                        all.Run(pool, slots)
                    with :? ValueException ->
                        // Threads come upon a bad index in any order; in order, the first is told.
                        all.Run(WorkerPool.Of 1, slots)
                        reraise ()
        }

    /// Copies a view into a buffer, row-major.
    let copy dtype (shape: Shape) source target =
        let targetStrides = Shape.strides shape

        {
            new Work("copy", [| source.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Copies.Strided(
                        pool,
                        DType.size dtype,
                        shape.Dims,
                        address dtype source slots,
                        source.Strides,
                        slots[target],
                        targetStrides
                    )
        }

    /// Zeros of `shape` with the source written at the spans.
    let embed dtype (shape: Shape) (spans: Span[]) (from: Shape) source target =
        let place = View.slice spans (View.ofBuffer target shape)
        let element = DType.element dtype

        {
            new Work("embed", [| source.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Copies.Fill(element, slots[target], int64 shape.Size, 0L)

                    Copies.Strided(
                        pool,
                        DType.size dtype,
                        from.Dims,
                        address dtype source slots,
                        source.Strides,
                        address dtype place slots,
                        place.Strides
                    )
        }

    /// Joins sources along an axis.
    let concat dtype (shape: Shape) axis (parts: struct (Shape * View)[]) target =
        let starts = parts |> Array.scan (fun at (struct (part, _)) -> at + part[axis]) 0

        let places =
            parts
            |> Array.mapi (fun i (struct (part, _)) ->
                let spans =
                    part.Dims
                    |> Array.mapi (fun a size -> {
                        Start = (if a = axis then starts[i] else 0)
                        Step = 1
                        Count = size
                    })

                View.slice spans (View.ofBuffer target shape))

        let reads = parts |> Array.map (fun (struct (_, view)) -> view.Buffer)

        {
            new Work("concat", reads, [| target |]) with
                member _.Run(pool, slots) =
                    for i in 0 .. parts.Length - 1 do
                        let struct (part, view) = parts[i]

                        Copies.Strided(
                            pool,
                            DType.size dtype,
                            part.Dims,
                            address dtype view slots,
                            view.Strides,
                            address dtype places[i] slots,
                            places[i].Strides
                        )
        }

    /// Random elements: as many for each key, in the order of the keys. `words` counts the words of all keys.
    let random dtype (shape: Shape) words stream key target =
        let element = DType.element dtype
        let keys = words / 2
        let count = shape.Size / max 1 keys

        {
            new Work("random", [| key.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    let words = Span<uint32>((address DType.Int32 key slots).ToPointer(), words)

                    for k in 0 .. keys - 1 do
                        let at =
                            slots[target] + nativeint (int64 k * int64 count * int64 (DType.size dtype))

                        Threefry.Fill(pool, element, words[2 * k], words[2 * k + 1], stream, at, int64 count)
        }

    /// The position of the extreme along an axis of a contiguous source.
    let arg op dtype (from: Shape) axis source target =
        let struct (outer, reduced, inner) = around axis from
        let element = DType.element dtype
        let isMaximum = (op = ArgOp.ArgMax)

        {
            new Work("arg", [| source.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Indexing.ArgExtreme(
                        pool,
                        isMaximum,
                        element,
                        outer,
                        reduced,
                        inner,
                        address dtype source slots,
                        slots[target]
                    )
        }

    /// Where windows of the last axes of a contiguous source have their largest element.
    let argWindow dtype (from: Shape) (kernel: int[]) step dilation before count source target =
        let planes = from.Rank - kernel.Length
        let sizes = from.Dims[planes..]
        let batch = Array.fold (*) 1 from.Dims[.. planes - 1]

        let windows =
            WindowMaximum(DType.element dtype, batch, sizes, kernel, step, before, dilation, count)

        {
            new Work("argwindow", [| source.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    windows.Run(pool, address dtype source slots, slots[target])
        }

    /// `a · b` with batch strides; views give the rows and columns.
    let matMul dtype batch m n k (a, aBatch) (b, bBatch) target =
        let element = DType.element dtype
        let rowStride (view: View) = view.Strides[view.Strides.Length - 2]
        let columnStride (view: View) = view.Strides[view.Strides.Length - 1]

        {
            new Work("matmul", [| a.Buffer; b.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Gemm.Multiply(
                        pool,
                        element,
                        batch,
                        m,
                        n,
                        k,
                        address dtype a slots,
                        aBatch,
                        rowStride a,
                        columnStride a,
                        address dtype b slots,
                        bBatch,
                        rowStride b,
                        columnStride b,
                        slots[target],
                        int64 m * int64 n
                    )
        }

    /// The same, and a loop that goes on with each part of the product while it is in cache.
    let matMulThen dtype batch m n k (a, aBatch) (b, bBatch) target (next: FusedLoop) =
        let element = DType.element dtype

        let operand (view: View) batch slots =
            let rank = view.Strides.Length
            MatrixOperand(address dtype view slots, batch, view.Strides[rank - 2], view.Strides[rank - 1])

        let reads = [| a.Buffer; b.Buffer; yield! next.Reads |> Array.filter (fun read -> read <> target) |]

        let tiles = next.Tiles(fun buffer -> buffer = target)

        {
            new Work($"matmul, then {next.Name}", reads, Array.append [| target |] next.Writes) with
                member _.Detail = next.Detail.Value

                member _.MayWriteOver(operand, result) =
                    operand <> a.Buffer && operand <> b.Buffer && next.MayWriteOver(operand, result)

                member _.Run(pool, slots) =
                    let left, right = operand a aBatch slots, operand b bBatch slots

                    Gemm.Multiply(pool, element, batch, m, n, k, left, right, slots[target], tiles, slots)
        }

    /// Runs along an axis of contiguous operands.
    let recurrence dtype (shape: Shape) axis decay input target =
        let struct (outer, length, inner) = around axis shape
        let element = DType.element dtype

        {
            new Work("recurrence", [| decay.Buffer; input.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Lines.Recurrence(
                        pool,
                        element,
                        outer,
                        length,
                        inner,
                        address dtype decay slots,
                        address dtype input slots,
                        slots[target]
                    )
        }

    /// The order of the elements along an axis of a contiguous source.
    let argSort dtype (shape: Shape) axis descending source target =
        let struct (outer, length, inner) = around axis shape
        let element = DType.element dtype

        {
            new Work("argsort", [| source.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Lines.ArgSort(
                        pool,
                        element,
                        descending,
                        outer,
                        length,
                        inner,
                        address dtype source slots,
                        slots[target]
                    )
        }

    /// Adds windows, the last axis of a contiguous source, back to where they were taken from.
    let overlap dtype (shape: Shape) axis step dilation (from: Shape) source target =
        let struct (outer, length, inner) = around axis shape
        let element = DType.element dtype
        let count, size = int64 from[axis], int64 from[-1]

        {
            new Work("overlap", [| source.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Lines.Overlap(
                        pool,
                        element,
                        outer,
                        length,
                        inner,
                        count,
                        size,
                        int64 step,
                        int64 dilation,
                        address dtype source slots,
                        slots[target]
                    )
        }

    /// A function of contiguous square matrices, and of right sides where it solves; `refuse` is told the
    /// number of a matrix that has no answer.
    let private factorise name reads target run refuse = {
        new Work(name, reads, [| target |]) with
            member _.MayRefuse = true

            member _.Run(pool, slots) =
                let bad: int64 = run pool slots

                if bad >= 0L then
                    refuse bad
    }

    let private batchOf (shape: Shape) =
        Array.fold (fun n d -> n * int64 d) 1L shape.Dims[.. shape.Rank - 3]

    let cholesky dtype (shape: Shape) source target =
        let element, batch, n = DType.element dtype, batchOf shape, shape[-1]

        factorise
            "cholesky"
            [| source.Buffer |]
            target
            (fun pool slots ->
                Factorisations.Cholesky(pool, element, batch, n, address dtype source slots, slots[target]))
            (fun bad -> Fail.value (MatrixError.notPositiveDefinite bad))

    let determinant dtype (shape: Shape) source target =
        let element, batch, n = DType.element dtype, batchOf shape, shape[-1]

        factorise
            "determinant"
            [| source.Buffer |]
            target
            (fun pool slots ->
                Factorisations.Determinant(
                    pool,
                    element,
                    batch,
                    n,
                    address dtype source slots,
                    slots[target]
                ))
            ignore

    let triangularSolve dtype lower (shape: Shape) a b target =
        let element, batch, n, m = DType.element dtype, batchOf shape, shape[-2], shape[-1]

        factorise
            "triangularsolve"
            [| a.Buffer; b.Buffer |]
            target
            (fun pool slots ->
                let left, right = address dtype a slots, address dtype b slots
                Factorisations.TriangularSolve(pool, element, lower, batch, n, m, left, right, slots[target]))
            ignore

    let solve dtype (shape: Shape) a b target =
        let element, batch, n, m = DType.element dtype, batchOf shape, shape[-2], shape[-1]

        factorise
            "solve"
            [| a.Buffer; b.Buffer |]
            target
            (fun pool slots ->
                let left, right = address dtype a slots, address dtype b slots
                Factorisations.Solve(pool, element, batch, n, m, left, right, slots[target]))
            (fun bad -> Fail.value (MatrixError.singular bad))

    /// Raises when a kernel met an index outside its axis; `bad` is its position, or -1. `stretch` is how many elements of the
    /// graph's index one element of the kernel's stands for.
    let private refuse operation indexType index (slots: nativeint[]) length (stretch: int64) bad =
        if bad >= 0L then
            let at = address indexType index slots

            let value =
                match indexType with
                | DType.Int32 -> int64 (Span<int32>(at.ToPointer(), int bad + 1)[int bad])
                | _ -> Span<int64>(at.ToPointer(), int bad + 1)[int bad]

            Fail.value (IndexError.message operation value (int length) (int (bad * stretch)))

    /// Picks along an axis; source and index are contiguous.
    let gather dtype (from: Shape) axis source indexType (indexShape: Shape) index target =
        let struct (outer, length, inner) = around axis from
        let element, indexElement = DType.element dtype, DType.element indexType

        /// Some of the outer axes, and the flat position of the first bad index, or -1.
        let rowsOf pool slots first count =
            let indexRow = int64 indexShape[axis] * inner
            let bytes = nativeint (DType.size dtype)
            let at elements size = nativeint (first * elements) * size

            let bad =
                Indexing.Gather(
                    pool,
                    element,
                    count,
                    length,
                    int64 indexShape[axis],
                    inner,
                    address dtype source slots + at (length * inner) bytes,
                    indexElement,
                    address indexType index slots + at indexRow (nativeint (DType.size indexType)),
                    slots[target] + at indexRow bytes
                )

            if bad < 0L then bad else bad + first * indexRow

        let rowWise = {
            Space = indexShape
            MostAxes = axis
            Views = [| struct (from, source); struct (indexShape, index) |]
            Kernel =
                fun _ -> {
                    new IRowKernel with
                        member _.Work = int64 indexShape.Size
                        member _.HasRows rows = rows > 0L && outer % rows = 0L

                        member _.RunRows(slots, rows, first, count) =
                            let each = outer / rows

                            rowsOf (WorkerPool.Of 1) slots (first * each) (count * each)
                            |> refuse "gather" indexType index slots length 1L
                }
        }

        {
            new Work("gather", [| source.Buffer; index.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    rowsOf pool slots 0L outer |> refuse "gather" indexType index slots length 1L

                member _.MayRefuse = true
                member _.Rows = ValueSome rowWise
        }

    /// Picks whole rows (all that lies below the first axis) of a contiguous source: one index for each row,
    /// in order.
    let takeRows dtype (from: Shape) source indexType index count target =
        let struct (_, rows, rowLength) = around 0 from
        let indexElement = DType.element indexType

        {
            new Work("takerows", [| source.Buffer; index.Buffer |], [| target |]) with
                member _.MayRefuse = true

                member _.Run(pool, slots) =
                    Indexing.TakeRows(
                        pool,
                        DType.size dtype,
                        rows,
                        rowLength,
                        address dtype source slots,
                        indexElement,
                        address indexType index slots,
                        count,
                        slots[target]
                    )
                    |> refuse "gather" indexType index slots rows rowLength
        }

    /// Adds along an axis; source and index are contiguous. `isChecked` tells that another work refuses the same index
    /// where this one would.
    let scatterAdd dtype (shape: Shape) axis source indexType (indexShape: Shape) index isChecked target =
        let struct (outer, length, inner) = around axis shape
        let element, indexElement = DType.element dtype, DType.element indexType

        {
            new Work("scatteradd", [| source.Buffer; index.Buffer |], [| target |]) with
                member _.MayRefuse = not isChecked

                member _.Run(pool, slots) =
                    Indexing.ScatterAdd(
                        pool,
                        element,
                        outer,
                        length,
                        int64 indexShape[axis],
                        inner,
                        address dtype source slots,
                        indexElement,
                        address indexType index slots,
                        slots[target]
                    )
                    |> refuse "scatteradd" indexType index slots length 1L
        }
