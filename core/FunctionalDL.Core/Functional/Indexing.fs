namespace FunctionalDL.Core

/// What is wanted of an axis, in `Indexing.get`.
[<RequireQualifiedAccess>]
type Pick =
    /// All of the axis.
    | All
    /// One position, counted from the end when negative; the axis goes.
    | At of position: int
    /// The positions `start, start + step, …` before `stop`, as Python's `start:stop:step`: None is the end
    /// that `step` comes from or goes to, negative ones count from the end, and what lies outside is left
    /// out.
    | Range of start: int option * stop: int option * step: int
    /// The positions in a tensor of whole numbers; negative ones count from the end. Several such tensors
    /// broadcast, and pick together: `x[[0, 1], [5, 0]]` is `x[0, 5]` and `x[1, 0]`.
    | Positions of Tensor
    /// The places where a bool tensor holds, which has the sizes of as many axes as it has itself.
    | Mask of Tensor
    /// A new axis of size 1.
    | NewAxis
    /// All axes that the other items leave.
    | Rest

/// Picking elements out of tensors and putting them into tensors. What is picked twice gets both derivatives.
[<RequireQualifiedAccess>]
module Indexing =

    let private sizes (x: Tensor) = List.ofArray x.Shape.Dims

    // ---- masks ----------------------------------------

    /// The positions where a tensor is not 0, in order: int64 `[count; rank]`. Their number depends on
    /// values, so this computes the tensor, and raises TraceException inside compile.
    let nonzero (x: Tensor) =
        if x.Node.IsSymbolic then
            Fail.trace (
                $"nonzero: the shape of the result would depend on the values of "
                + $"{x.Node.Type}, which are not known "
                + "while a function is traced; use where or maskedFill, which keep the shape"
            )

        let found = Tensor.toBools x |> Array.indexed |> Array.filter snd |> Array.map fst
        let strides = Shape.strides x.Shape

        let position flat =
            Array.init x.Rank (fun axis -> int64 flat / strides[axis] % int64 x.Shape[axis])

        Tensor.ofInt64s [ found.Length; x.Rank ] (Array.collect position found)

    /// The elements of `x` where `mask` holds, in order, as one axis; the two broadcast. Computes the mask,
    /// so it raises TraceException inside compile.
    let maskedSelect (mask: Tensor) (x: Tensor) =
        let shape = Shape.broadcast "maskedSelect" mask.Shape x.Shape

        let flat (t: Tensor) =
            Tensor(Tensor.Stretch(shape, t.Node)) |> Tensor.reshape [ -1 ]

        let places = nonzero (flat mask) |> Tensor.reshape [ -1 ]
        flat x |> Tensor.indexSelect 0 places

    // ---- picking ----------------------------------------

    let private requireWhole operation (index: Tensor) =
        if not (DType.isInteger index.DType) then
            Fail.dtype $"{operation}: the index is {index.Node.Type}; it needs whole numbers (int64 or int32)"

    /// Positions from the front, int64.
    let private fromFront size (index: Tensor) =
        let index = Tensor.cast DType.Int64 index
        Tensor.where (Tensor.lt index (Tensor.zerosLike index)) (index + size) index

    /// The slices of an axis at positions of any shape, which takes the place of the axis.
    let private pick axis (index: Tensor) (x: Tensor) =
        x
        |> Tensor.indexSelect axis (Tensor.reshape [ index.Shape.Size ] index)
        |> Tensor.reshape [
            yield! x.Shape.Dims[.. axis - 1]
            yield! index.Shape.Dims
            yield! x.Shape.Dims[axis + 1 ..]
        ]

    /// Positions given for several axes, that pick together.
    let private pickTogether (chosen: (int * Tensor) list) (x: Tensor) =
        let axes = List.map fst chosen

        let shape =
            chosen
            |> List.fold (fun s (_, i) -> Shape.broadcast "index" s i.Shape) Shape.scalar

        let rest = [ 0 .. x.Rank - 1 ] |> List.except axes

        let checkedAt (axis, index: Tensor) =
            // Each position is looked up in its own axis, which refuses one that leaves it; their sum would
            // hide that.
            Tensor.arange x.Shape[axis]
            |> Tensor.indexSelect 0 (Tensor.reshape [ index.Shape.Size ] index)
            |> Tensor.reshape (sizes index)

        // The row number of the picked axes taken as one.
        let flat =
            chosen
            |> List.fold
                (fun flat (axis, index) -> flat * x.Shape[axis] + checkedAt (axis, index))
                (Tensor.full DType.Int64 [] 0.0)
            |> Tensor.expand (List.ofArray shape.Dims)

        let rows =
            Tensor.permute (axes @ rest) x
            |> Tensor.reshape [
                axes |> List.fold (fun n axis -> n * x.Shape[axis]) 1
                yield! rest |> List.map (fun axis -> x.Shape[axis])
            ]

        let picked = pick 0 flat rows
        let isTogether = axes = [ axes.Head .. axes.Head + axes.Length - 1 ]

        if isTogether then
            // They stand where the picked axes stood; otherwise in front, as in NumPy.
            let front = [ 0 .. shape.Rank - 1 ]
            Arrange.movedim front (front |> List.map (fun at -> at + axes.Head)) picked
        else
            picked

    let private consumed item =
        match item with
        | Pick.All
        | Pick.At _
        | Pick.Range _
        | Pick.Positions _ -> 1
        | Pick.Mask mask -> mask.Rank
        | Pick.NewAxis
        | Pick.Rest -> 0

    /// The items with `Rest`, written or not, as so many `All`.
    let private complete (items: Pick list) (x: Tensor) =
        let used = List.sumBy consumed items
        let rests = items |> List.filter _.IsRest |> List.length

        if rests > 1 then
            Fail.option "index: Rest stands twice; what it leaves must be clear"

        if used > x.Rank then
            Fail.shape $"index: {used} axes are asked for, and shape {x.Shape} has {x.Rank}"

        let fill = List.replicate (x.Rank - used) Pick.All

        if rests = 0 then
            items @ fill
        else
            items |> List.collect (fun item -> if item.IsRest then fill else [ item ])

    /// The part of `x` that the items ask for, axis by axis; axes without an item are taken whole.
    /// `Indexing.get [ Pick.At -1; Pick.Range (Some 1, None, 2) ] x` is Python's `x[-1, 1::2]`. Tensors of positions
    /// that stand side by side put their axes where they stood, others put them in front. Raises
    /// ShapeException for too many items or a position outside its axis, OptionException for a step of 0, and
    /// ValueException, when evaluated, for a position in a tensor that leaves its axis. A mask is computed,
    /// so that it raises TraceException inside compile.
    let get (items: Pick list) (x: Tensor) =
        /// The tensor so far, the axis that comes next, and the positions that were given for axes before it.
        let step (x: Tensor, axis, chosen) item =
            match item with
            | Pick.All -> x, axis + 1, chosen
            | Pick.At position ->
                let size = x.Shape[axis]

                if position < -size || position >= size then
                    Fail.shape (
                        $"index: position {position} leaves axis {axis} of shape {x.Shape}, "
                        + $"which has {size} places"
                    )

                let at = if position < 0 then position + size else position
                Tensor.narrow axis at 1 x |> Tensor.squeeze axis, axis, chosen
            | Pick.Range(start, stop, step) ->
                let first, last =
                    if step < 0 then
                        -1, -x.Shape[axis] - 1
                    else
                        0, x.Shape[axis]

                let start, stop = Option.defaultValue first start, Option.defaultValue last stop
                Tensor.slice axis start stop step x, axis + 1, chosen
            | Pick.Positions index ->
                requireWhole "index" index
                x, axis + 1, (axis, fromFront x.Shape[axis] index) :: chosen
            | Pick.Mask mask ->
                if mask.DType <> DType.Bool then
                    Fail.dtype $"index: the mask is {mask.Node.Type}; it needs bool"

                let masked = Shape x.Shape.Dims[axis .. axis + mask.Rank - 1]

                if not (masked.Equals mask.Shape) then
                    Fail.shape $"index: the mask is {mask.Shape} and the axes that it stands for {masked}"

                let places = nonzero mask

                let at i =
                    axis + i, Tensor.narrow 1 i 1 places |> Tensor.squeeze 1

                x, axis + mask.Rank, List.rev (List.init mask.Rank at) @ chosen
            | Pick.NewAxis -> Tensor.unsqueeze axis x, axis + 1, chosen
            | Pick.Rest -> x, axis, chosen

        let x, _, chosen = complete items x |> List.fold step (x, 0, [])

        match List.rev chosen with
        | [] -> x
        | [ axis, index ] -> pick axis index x
        | chosen -> pickTogether chosen x

    /// The elements at positions of `x` read as one axis, in the shape of `index`; negative ones count from
    /// the end.
    let take (index: Tensor) (x: Tensor) =
        requireWhole "take" index
        pick 0 (fromFront x.Shape.Size index) (Tensor.reshape [ -1 ] x)

    /// One position of an axis, which goes; negative ones count from the end.
    let select axis position (x: Tensor) =
        let axis = Shape.axis "select" x.Shape axis
        get [ yield! List.replicate axis Pick.All; yield Pick.At position ] x

    /// The rows of `table: [rows; features]` at `index` (whole numbers of any shape): `[…; features]`. The
    /// row `padding` learns nothing: its derivative is 0. Raises ValueException, when evaluated, for a row
    /// that does not exist.
    let embedding (padding: int option) (index: Tensor) (table: Tensor) =
        requireWhole "embedding" index

        if table.Rank <> 2 then
            Fail.shape $"embedding: the table is {table.Shape}; it needs [rows; features]"

        let rows = pick 0 index table

        match padding with
        | None -> rows
        | Some padding ->
            let padding = if padding < 0 then padding + table.Shape[0] else padding

            if padding < 0 || padding >= table.Shape[0] then
                Fail.option $"embedding: the padding row {padding} does not exist; the table is {table.Shape}"

            let isPadding =
                Tensor.eq index (Tensor.FullLike(index, padding)) |> Tensor.unsqueeze -1

            Tensor.where isPadding (Tensor.stopGradient rows) rows

    // ---- putting ----------------------------------------

    /// `source` cut to the sizes of `index`, and checked to be put into `x`.
    let private sourceFor operation axis (index: Tensor) (source: Tensor) (x: Tensor) =
        requireWhole operation index

        if index.Rank <> x.Rank || source.Rank <> x.Rank then
            Fail.shape (
                $"{operation}: input {x.Shape}, index {index.Shape} and source {source.Shape} "
                + "need equal ranks"
            )

        for i in 0 .. x.Rank - 1 do
            if index.Shape[i] > source.Shape[i] || (i <> axis && index.Shape[i] > x.Shape[i]) then
                Fail.shape (
                    $"{operation}: index {index.Shape} is larger at axis {i} than source "
                    + $"{source.Shape} or input {x.Shape}"
                )

        Seq.fold (fun s i -> Tensor.narrow i 0 index.Shape[i] s) source (seq { 0 .. x.Rank - 1 })

    /// Zeros of the shape of `x`, with each element of `source` added at its index; `index` and `source` have
    /// equal shapes.
    let private spread axis (index: Tensor) (source: Tensor) (x: Tensor) =
        let spans size = { Start = 0; Step = 1; Count = size }
        let sums = Tensor.scatterAdd axis x.Shape[axis] index source

        if sums.Shape.Equals x.Shape then
            sums
        else
            Tensor.Make(Prim.Embed(x.Shape, Array.map spans sums.Shape.Dims, sums.Node))

    /// `x` with each element of `source` added at its index along an axis: `result[index[i, j], j] +=
    /// source[i, j]` for axis 0. `index` has the rank of `x`; it may be smaller than `source`, and than `x`
    /// on the other axes. Repeated positions add up. Raises ShapeException when it does not fit,
    /// ValueException, when evaluated, for an index that leaves the axis.
    let scatterAdd axis (index: Tensor) (source: Tensor) (x: Tensor) =
        let axis = Shape.axis "scatterAdd" x.Shape axis
        let source = sourceFor "scatterAdd" axis index source x |> Tensor.cast x.DType
        x + spread axis index source x

    /// `x` with each element of `source` put at its index along an axis: `result[index[i, j], j] = source[i,
    /// j]` for axis 0. Of several for one place the last is put. Shapes and errors are those of `scatterAdd`.
    let scatter axis (index: Tensor) (source: Tensor) (x: Tensor) =
        let axis = Shape.axis "scatter" x.Shape axis
        let source = sourceFor "scatter" axis index source x |> Tensor.cast x.DType
        let size = index.Shape[axis]

        // In stable order of positions, the last of several for one place stands before the next place.
        let order = Tensor.argsort axis false index
        let index = Tensor.gather axis order index
        let next = Tensor.roll -1 axis index

        let at =
            Tensor.arange size
            |> Tensor.reshape (List.init x.Rank (fun a -> if a = axis then size else 1))

        let isEnd = Tensor.eq at (Tensor.FullLike(at, size - 1))

        let isPut =
            Tensor.where isEnd (Tensor.full DType.Bool [] 1.0) (Tensor.ne index next)

        let put =
            Tensor.where isPut (Tensor.gather axis order source) (Tensor.zerosLike source)

        let isCovered =
            spread axis index (Tensor.ones (sizes index)) x |> Tensor.cast DType.Bool

        Tensor.where isCovered (spread axis index put x) x

    /// `scatter` of one value.
    let scatterFill axis (index: Tensor) (value: float) (x: Tensor) =
        scatter axis index (Tensor.full x.DType (sizes index) value) x

    /// `x` with slice `i` of `source` added at position `index[i]` of an axis; repeated positions add up.
    /// `index` has one axis.
    let indexAdd axis (index: Tensor) (source: Tensor) (x: Tensor) =
        let axis = Shape.axis "indexAdd" x.Shape axis

        if index.Rank <> 1 || source.Rank <> x.Rank || source.Shape[axis] <> index.Shape[0] then
            Fail.shape (
                $"indexAdd: index {index.Shape} does not fit source {source.Shape}: "
                + $"it needs one axis, of the size of the source's axis {axis}"
            )

        let along = List.init x.Rank (fun a -> if a = axis then index.Shape[0] else 1)
        scatterAdd axis (Tensor.reshape along index |> Tensor.expand (sizes source)) source x
