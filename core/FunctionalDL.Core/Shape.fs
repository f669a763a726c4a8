namespace FunctionalDL.Core

open System

/// Whole numbers as messages show them.
module internal Text =

    /// `[2; 3]`.
    let bracketed (numbers: int seq) = "[" + String.Join("; ", numbers) + "]"

/// The sizes of a tensor's axes, outermost first. Immutable; `Shape.ofList []` is the shape of a scalar.
[<Struct; CustomEquality; NoComparison>]
type Shape internal (dims: int[]) =

    /// The sizes themselves. Internal: nobody outside may write to them.
    member internal _.Dims = if isNull dims then Array.Empty<int>() else dims

    /// The number of axes.
    member this.Rank = this.Dims.Length

    /// The number of elements: the product of the sizes, 1 for a scalar.
    member this.Size =
        let mutable size = 1

        for d in this.Dims do
            size <- size * d

        size

    /// The size of an axis; negative axes count from the end.
    member this.Item
        with get axis = this.Dims[if axis < 0 then axis + this.Rank else axis]

    /// A copy of the sizes.
    member this.ToArray() = Array.copy this.Dims

    /// Whether the sizes are the same.
    member this.Equals(other: Shape) =
        this.Dims.AsSpan().SequenceEqual(other.Dims.AsSpan())

    override this.Equals(other: obj) =
        match other with
        | :? Shape as s -> this.Equals s
        | _ -> false

    override this.GetHashCode() =
        let mutable hash = HashCode()

        for d in this.Dims do
            hash.Add d

        hash.ToHashCode()

    /// The sizes in brackets: `[64; 784]`.
    override this.ToString() = Text.bracketed this.Dims

    interface IEquatable<Shape> with
        member this.Equals other = this.Equals other

/// The arithmetic of shapes: broadcasting, axes, strides.
[<RequireQualifiedAccess>]
module Shape =

    /// The shape of a scalar, `[]`.
    let scalar = Shape(Array.empty)

    /// Raises ShapeException, naming `operation`, for a shape of more than 2³¹ - 1 elements.
    let internal requireCountable operation (shape: Shape) =
        let mutable size = 1L

        for d in shape.Dims do
            // Sizes are below 2³¹ and the product so far too, so this cannot wrap.
            size <- size * int64 d

            if size > int64 Int32.MaxValue then
                Fail.shape $"{operation}: shape {shape} has more than {Int32.MaxValue} elements"

    /// The shape with these sizes. Raises ShapeException for a negative size or more than 2³¹ - 1 elements.
    let ofSeq (dims: int seq) =
        let shape = Shape(Seq.toArray dims)

        if Array.exists (fun d -> d < 0) shape.Dims then
            Fail.shape $"shape {shape}: a size is negative"

        requireCountable "shape" shape
        shape

    /// `ofSeq` for a list literal: `Shape.ofList [ 64; 784 ]`.
    let ofList (dims: int list) = ofSeq dims

    /// A non-negative axis for one that may count from the end. Raises ShapeException, naming `operation`,
    /// when there is no such axis.
    let axis operation (shape: Shape) axis =
        if axis < -shape.Rank || axis >= shape.Rank then
            let range =
                if shape.Rank = 0 then
                    "a scalar has no axes"
                else
                    $"axes go from {-shape.Rank} to {shape.Rank - 1}"

            Fail.shape $"{operation}: axis {axis} of shape {shape} does not exist; {range}"

        if axis < 0 then axis + shape.Rank else axis

    /// Non-negative, ascending, distinct axes; all of them for an empty list.
    let axes operation (shape: Shape) (requested: int seq) =
        let requested = Seq.toArray requested

        if requested.Length = 0 then
            Array.init shape.Rank id
        else
            let found = requested |> Array.map (axis operation shape) |> Array.sort

            if (Array.distinct found).Length <> found.Length then
                Fail.shape $"{operation}: an axis is named twice in {Text.bracketed requested}"

            found

    /// The shape both operands are stretched to: sizes are aligned at the last axis, and a size of 1
    /// stretches.
    let broadcast operation (a: Shape) (b: Shape) =
        if a.Equals b || b.Rank = 0 then
            a
        elif a.Rank = 0 then
            b
        else
            let rank = max a.Rank b.Rank

            let size (s: Shape) i =
                let j = i - (rank - s.Rank)
                if j < 0 then 1 else s.Dims[j]

            let dims =
                Array.init rank (fun i ->
                    match size a i, size b i with
                    | x, y when x = y -> x
                    | 1, y -> y
                    | x, 1 -> x
                    | x, y ->
                        Fail.shape (
                            $"{operation}: shapes {a} and {b} do not broadcast: "
                            + $"sizes {x} and {y} at axis {i - rank} differ and neither is 1"
                        ))

            Shape dims

    /// The same shape with the given axes set to size 1.
    let keepAxes (axes: int[]) (shape: Shape) =
        let dims = shape.ToArray()

        for a in axes do
            dims[a] <- 1

        Shape dims

    /// The shape without the given axes.
    let dropAxes (axes: int[]) (shape: Shape) =
        shape.Dims
        |> Array.indexed
        |> Array.filter (fun (i, _) -> not (Array.contains i axes))
        |> Array.map snd
        |> Shape

    /// The shape with a new axis of size `size` before `axis`.
    let insertAxis axis size (shape: Shape) =
        Shape(Array.insertAt axis size shape.Dims)

    /// Elements to step for one step along each axis, of a row-major array.
    let strides (shape: Shape) =
        let strides = Array.zeroCreate<int64> shape.Rank
        let mutable step = 1L

        for i = shape.Rank - 1 downto 0 do
            strides[i] <- step
            step <- step * int64 shape.Dims[i]

        strides
