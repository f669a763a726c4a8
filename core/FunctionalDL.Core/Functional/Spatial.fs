namespace FunctionalDL.Core

/// What the operations on sounds, pictures and volumes share. Their input is `[batch; channels; spatial…]`;
/// one code serves any number of spatial axes.
[<RequireQualifiedAccess>]
module internal Spatial =

    /// The names of the spatial axes, as messages ask for them.
    let private layout rank =
        match rank with
        | 1 -> "length"
        | 2 -> "height; width"
        | 3 -> "depth; height; width"
        | _ -> $"{rank} spatial sizes"

    /// Raises ShapeException unless `x` is `[batch; channels; spatial…]`, or that without the batch.
    /// `because` says where the number of spatial axes comes from.
    let requireRank operation rank because (x: Tensor) =
        if x.Rank <> rank + 2 && x.Rank <> rank + 1 then
            let fix =
                if x.Rank = rank then
                    "; did you forget the channels? add them with unsqueeze"
                elif x.Rank < rank then
                    "; was it flattened? reshape it back"
                else
                    ""

            Fail.shape (
                $"{operation}: input {x.Shape} does not fit {because}: "
                + $"it needs [batch; channels; {layout rank}], or that without the batch{fix}"
            )

    /// `f x`, which wants a batch axis, for an `x` that may lack it.
    let batched rank (f: Tensor -> Tensor) (x: Tensor) =
        if x.Rank = rank + 1 then
            Tensor.squeeze 0 (f (Tensor.unsqueeze 0 x))
        else
            f x

    /// The numbers of an option, one for each spatial axis; a single one serves all. Raises OptionException
    /// for another count and for numbers below `least`.
    let each operation option rank least (numbers: int list) =
        let text = $"{operation}: {option} {Text.bracketed numbers}"

        let all =
            match numbers with
            | [ one ] -> Array.create rank one
            | _ -> List.toArray numbers

        if all.Length <> rank then
            Fail.option $"{text} needs one number, or one for each of the {rank} spatial axes"

        for n in all do
            if n < least then
                Fail.option $"{text}: {n} is below {least}"

        all

    /// The same for (before, after) pairs, both of which are at least 0.
    let eachPair operation option rank (pairs: (int * int) list) =
        let befores = each operation option rank 0 (List.map fst pairs)
        let afters = each operation option rank 0 (List.map snd pairs)
        Array.zip befores afters

    /// How many places a window reaches over.
    let reach kernel dilation = (kernel - 1) * dilation + 1

    /// Raises ShapeException unless a window fits each padded spatial axis.
    let requireWindow operation (kernel: int[]) (dilation: int[]) (padding: (int * int)[]) (x: Tensor) =
        for i in 0 .. kernel.Length - 1 do
            let axis = i - kernel.Length
            let before, after = padding[i]
            let size = x.Shape[axis]

            if size + before + after < reach kernel[i] dilation[i] then
                let places =
                    if before + after = 0 then
                        ""
                    else
                        $" and padding {before} + {after}"

                Fail.shape (
                    $"{operation}: the kernel reaches over {reach kernel[i] dilation[i]} places "
                    + $"of axis {axis} of input {x.Shape}, which has {size}{places}; did you forget padding?"
                )

    /// All windows of the spatial axes: `[batch; channels; spatial…] -> [batch; channels; windows…;
    /// kernel…]`. Nothing is copied.
    let windows (kernel: int[]) (stride: int[]) (dilation: int[]) (x: Tensor) =
        let along (x: Tensor) i =
            Tensor.unfold (2 + i) kernel[i] stride[i] dilation[i] x

        Seq.fold along x (seq { 0 .. kernel.Length - 1 })

    /// The transpose of `windows`: each window added where it was taken from, in zeros with `lengths` places
    /// on the spatial axes.
    let overlap (lengths: int[]) (stride: int[]) (dilation: int[]) (x: Tensor) =
        let along (x: Tensor) i =
            Tensor.Make(Prim.Overlap(2 + i, lengths[i], stride[i], dilation[i], x.Node))

        // The window's last axis goes with the last spatial axis.
        Seq.fold along x (seq { lengths.Length - 1 .. -1 .. 0 })

    /// A constant of the type of `like`.
    let constant (like: Tensor) shape (values: float[]) =
        if like.DType = DType.Float64 then
            Tensor.ofFloats shape values
        else
            Tensor.ofFloat32s shape (Array.map float32 values) |> Tensor.cast like.DType

    /// The sizes of axis `axis` alone, the others 1: how a row of numbers for one axis broadcasts.
    let along rank axis size =
        List.init rank (fun a -> if a = axis then size else 1)
