namespace FunctionalDL.Core.Planning

open System
open FunctionalDL.Core
open FunctionalDL.Kernels

/// One thing a plan does when it runs: a call of a kernel on buffers, whose addresses come with the run.
[<AbstractClass>]
type internal Work(name: string, reads: int[], writes: int[]) =

    /// What it is called in a printed plan.
    member _.Name = name

    /// The buffers it reads.
    member _.Reads = reads

    /// The buffers it writes.
    member _.Writes = writes

    /// Does it. `slots` has the address of every buffer.
    abstract Run: pool: WorkerPool * slots: nativeint[] -> unit

/// Kernels as work, one function for each kind.
[<RequireQualifiedAccess>]
module internal Work =

    /// The address of the first element of a view.
    let private address dtype view (slots: nativeint[]) =
        slots[view.Buffer] + nativeint (view.Offset * int64 (DType.size dtype))

    /// The sizes before, on and after an axis.
    let private around axis (shape: Shape) =
        let product (sizes: int[]) =
            sizes |> Array.fold (fun p d -> p * int64 d) 1L

        struct (product shape.Dims[.. axis - 1], int64 shape[axis], product shape.Dims[axis + 1 ..])

    /// A fused loop.
    let loop name reads writes (tiles: TileLoop) = {
        new Work(name, reads, writes) with
            member _.Run(pool, slots) = tiles.Run(pool, slots)
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

    let random dtype (shape: Shape) stream key target =
        let element = DType.element dtype

        {
            new Work("random", [| key.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    let words = Span<uint32>((address DType.Int32 key slots).ToPointer(), 2)
                    Threefry.Fill(pool, element, words[0], words[1], stream, slots[target], int64 shape.Size)
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

        {
            new Work("gather", [| source.Buffer; index.Buffer |], [| target |]) with
                member _.Run(pool, slots) =
                    Indexing.Gather(
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
                    |> refuse "gather" indexType index slots length 1L
        }

    /// Picks whole rows (all that lies below the first axis) of a contiguous source: one index for each row,
    /// in order.
    let takeRows dtype (from: Shape) source indexType index count target =
        let struct (_, rows, rowLength) = around 0 from
        let indexElement = DType.element indexType

        {
            new Work("takerows", [| source.Buffer; index.Buffer |], [| target |]) with
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

    /// Adds along an axis; source and index are contiguous.
    let scatterAdd dtype (shape: Shape) axis source indexType (indexShape: Shape) index target =
        let struct (outer, length, inner) = around axis shape
        let element, indexElement = DType.element dtype, DType.element indexType

        {
            new Work("scatteradd", [| source.Buffer; index.Buffer |], [| target |]) with
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
