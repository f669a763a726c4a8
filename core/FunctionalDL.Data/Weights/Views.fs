namespace FunctionalDL.Data

open System

/// Tensors as views of a piece of memory: an offset and, for each axis, a size and a distance, all in elements.
[<NoEquality; NoComparison>]
type internal View = {
    Name: string
    DType: string
    Offset: int64
    Shape: int64[]
    Strides: int64[]
}

/// Laying views out in rows. Views that are rows already are not copied.
[<Sealed>]
type internal Views(path: string, mostBytes: int64) =
    let mutable taken = 0L

    let wrong (view: View) (why: string) : 'a =
        Fail.data path $"tensor {Text.quote view.Name}: {why}" "fetch or copy the file again"

    let show (numbers: int64[]) =
        numbers |> Seq.map string |> String.concat "; " |> (fun s -> $"[{s}]")

    /// The number of elements. All products are those of int64 or refused.
    let count (view: View) : int64 =
        if view.Shape.Length > 64 || view.Shape.Length <> view.Strides.Length then
            wrong view $"it has {view.Shape.Length} sizes and {view.Strides.Length} strides"

        for size in view.Shape do
            if size < 0L || size > int64 Int32.MaxValue then
                wrong view $"its sizes {show view.Shape} are not from 0 to {Int32.MaxValue}"

        let product = view.Shape |> Array.fold (fun n (size: int64) -> n * bigint size) 1I

        if product > bigint Int32.MaxValue then
            wrong view $"its sizes {show view.Shape} make more elements than an array holds"

        int64 product

    /// Refuses views that reach outside of the memory.
    let checkInside (view: View) (count: int64) (elements: int64) =
        let reach =
            Array.map2
                (fun (size: int64) (stride: int64) -> bigint (size - 1L) * bigint stride)
                view.Shape
                view.Strides
            |> Array.sum

        if
            view.Offset < 0L
            || Array.exists (fun stride -> stride < 0L) view.Strides
            || (count > 0L && bigint view.Offset + reach >= bigint elements)
        then
            wrong
                view
                $"sizes {show view.Shape} with strides {show view.Strides} from element {view.Offset} on lie outside of its {elements} elements"

    /// The strides of rows one after the other.
    let rows (shape: int64[]) =
        Array.scanBack (*) shape 1L |> Array.skip 1

    let isInRows (view: View) =
        Array.zip3 view.Shape view.Strides (rows view.Shape)
        |> Array.forall (fun (size, stride, row) -> size = 1L || stride = row)

    let gather (view: View) (size: int) (count: int) (memory: ReadOnlyMemory<byte>) : ReadOnlyMemory<byte> =
        let target = Array.zeroCreate<byte>(count * size)
        let index = Array.zeroCreate<int64> view.Shape.Length
        let mutable place = view.Offset

        for i in 0 .. count - 1 do
            memory.Slice(int place * size, size).CopyTo(Memory(target, i * size, size))
            let mutable axis = view.Shape.Length - 1
            let mutable carries = true

            while carries && axis >= 0 do
                index[axis] <- index[axis] + 1L
                place <- place + view.Strides[axis]

                if index[axis] = view.Shape[axis] then
                    place <- place - view.Strides[axis] * view.Shape[axis]
                    index[axis] <- 0L
                    axis <- axis - 1
                else
                    carries <- false

        ReadOnlyMemory target

    /// The tensor that a view of this memory is.
    ///
    /// *Errors:* `DataException` that names the tensor: its type is unknown, sizes or strides cannot be, or it lies outside of the
    /// memory, or the copies of views take too much.
    member _.Tensor(view: View, memory: ReadOnlyMemory<byte>) : StoredTensor =
        let size =
            match Safetensors.elementSize view.DType with
            | Some size -> size
            | None -> wrong view $"unknown dtype {Text.quote view.DType}"

        let count = count view
        checkInside view count (int64 (memory.Length / size))
        taken <- taken + count * int64 size

        // A few bytes can be viewed as any number of elements, so all views count, also those that need no copy here.
        if taken > mostBytes || count * int64 size > int64 Array.MaxLength then
            wrong view "it and those before it take many times the memory that they are views of"

        let bytes =
            if count = 0L then
                ReadOnlyMemory.Empty
            elif isInRows view then
                memory.Slice(int view.Offset * size, int count * size)
            else
                gather view size (int count) memory

        {
            Name = view.Name
            DType = view.DType
            Shape = Array.map int view.Shape
            Bytes = bytes
        }
