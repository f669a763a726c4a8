namespace FunctionalDL.Core

/// Tensors cut into parts, and axes moved about.
[<RequireQualifiedAccess>]
module Arrange =

    /// `x` with the axes `from` moved to the places `target`; the others keep their order.
    let movedim (from: int list) (target: int list) (x: Tensor) =
        if from.Length <> target.Length then
            Fail.shape (
                $"movedim: {from.Length} axes {Text.bracketed from} do not fit {target.Length} "
                + $"places {Text.bracketed target}"
            )

        let resolve = List.map (Shape.axis "movedim" x.Shape)
        let from, target = resolve from, resolve target

        if
            (List.distinct from).Length <> from.Length
            || (List.distinct target).Length <> target.Length
        then
            Fail.shape $"movedim: an axis is named twice in {Text.bracketed from} or {Text.bracketed target}"

        let moved = List.zip target from |> Map.ofList
        let rest = [ 0 .. x.Rank - 1 ] |> List.except from
        let free = [ 0 .. x.Rank - 1 ] |> List.except target

        let places =
            List.zip free rest
            |> List.fold (fun places (at, axis) -> Map.add at axis places) moved

        Tensor.permute [ for at in 0 .. x.Rank - 1 -> places[at] ] x

    /// `x` stretched to the shape of `like`.
    let expandAs (like: Tensor) (x: Tensor) =
        Tensor.expand (List.ofArray like.Shape.Dims) x

    /// Parts of the given sizes along an axis, in order. Raises ShapeException unless they add up to it.
    let splitSizes (sizes: int list) axis (x: Tensor) =
        let size = x.Shape[Shape.axis "split" x.Shape axis]

        if List.sum sizes <> size then
            Fail.shape (
                $"split: sizes {Text.bracketed sizes} add up to {List.sum sizes}; axis {axis} "
                + $"of {x.Shape} has {size} places"
            )

        let starts = List.scan (+) 0 sizes |> List.take sizes.Length
        List.map2 (fun start size -> Tensor.narrow axis start size x) starts sizes

    /// Parts of `size` along an axis, of which the last may be smaller. Raises OptionException unless `size`
    /// is positive.
    let split size axis (x: Tensor) =
        if size < 1 then
            Fail.option $"split: the size is {size}; parts need at least one place"

        let whole = x.Shape[Shape.axis "split" x.Shape axis]
        splitSizes [ for start in 0..size .. max 0 (whole - 1) -> min size (whole - start) ] axis x

    /// At most `count` parts of one size along an axis, of which the last may be smaller. Raises
    /// OptionException unless `count` is positive.
    let chunk count axis (x: Tensor) =
        if count < 1 then
            Fail.option $"chunk: {count} parts; at least one is needed"

        let whole = x.Shape[Shape.axis "chunk" x.Shape axis]
        split (max 1 ((whole + count - 1) / count)) axis x

    /// The slices of an axis, without it.
    let unbind axis (x: Tensor) = [
        for i in 0 .. x.Shape[Shape.axis "unbind" x.Shape axis] - 1 ->
            Tensor.narrow axis i 1 x |> Tensor.squeeze axis
    ]

    /// A grid over vectors: for sizes `m; n; …` as many tensors of shape `[m; n; …]`, each with its vector
    /// along its own axis (PyTorch's `indexing="ij"`). Raises ShapeException for tensors that are not
    /// vectors.
    let meshgrid (xs: Tensor list) =
        for x in xs do
            if x.Rank <> 1 then
                Fail.shape $"meshgrid: an operand is {x.Shape}; it needs vectors"

        let shape = xs |> List.map (fun x -> x.Shape[0])

        xs
        |> List.mapi (fun axis x ->
            let along = List.mapi (fun other size -> if other = axis then size else 1) shape
            Tensor.reshape along x |> Tensor.expand shape)

    /// All tensors stretched to the shape that they meet in.
    let broadcast (xs: Tensor list) =
        match xs with
        | [] -> []
        | first :: rest ->
            let shape =
                rest
                |> List.fold (fun shape x -> Shape.broadcast "broadcast" shape x.Shape) first.Shape

            xs |> List.map (Tensor.expand (List.ofArray shape.Dims))
