namespace FunctionalDL.Core

/// What stands beyond the edges of a padded tensor.
[<RequireQualifiedAccess>]
type PaddingMode =
    /// One number.
    | Constant of value: float
    /// The elements mirrored at the edge, which is not repeated: `c b | a b c | b a`.
    | Reflect
    /// The element at the edge: `a a | a b c | c c`.
    | Replicate
    /// The elements from the other end: `b c | a b c | a b`.
    | Circular

/// Making axes longer or shorter at their ends.
[<RequireQualifiedAccess>]
module Padding =

    /// Zeros.
    let zeros = PaddingMode.Constant 0.0

    /// As much before as after, for each of these numbers: `symmetric [ 1; 2 ]` is `[ 1, 1; 2, 2 ]`.
    let symmetric (amounts: int list) = amounts |> List.map (fun n -> n, n)

    /// The padding that keeps sizes in a convolution of stride 1 (PyTorch's "same"): one place more after
    /// than before where the total is odd. One number for each spatial axis in both.
    let same (kernel: int list) (dilation: int list) =
        List.map2 (fun size dilation -> (size - 1) * dilation) kernel dilation
        |> List.map (fun total -> total / 2, total - total / 2)

    /// (before, after) of every axis of `x`, in the order of its axes.
    let private ofAxes (amounts: (int * int) list) (x: Tensor) =
        if amounts.Length > x.Rank then
            Fail.shape (
                $"pad: {amounts.Length} pairs for input {x.Shape}, which has {x.Rank} axes; "
                + "give a pair for each of the last axes"
            )

        let pairs = Array.create x.Rank struct (0, 0)

        amounts
        |> List.iteri (fun i (before, after) -> pairs[x.Rank - 1 - i] <- struct (before, after))

        pairs

    let private requireRoom mode (x: Tensor) axis (struct (before, after)) =
        let size = x.Shape[axis]
        let most = max before after

        if size + min before 0 + min after 0 < 0 then
            Fail.shape (
                $"pad: axis {axis} of input {x.Shape} has {size} places; "
                + $"{min before 0} and {min after 0} take away more than there are"
            )

        let refuse rule =
            Fail.shape $"pad: {most} places beyond axis {axis} of input {x.Shape}, which has {size}; {rule}"

        match mode with
        | PaddingMode.Reflect when most > 0 && most >= size ->
            refuse "reflect needs fewer than the axis has: pad less, or use replicate"
        | PaddingMode.Circular when most > size ->
            refuse "circular takes at most as many as the axis has: pad less, or use replicate"
        | PaddingMode.Replicate when most > 0 && size = 0 -> refuse "there is no edge to repeat"
        | PaddingMode.Constant _
        | PaddingMode.Reflect
        | PaddingMode.Replicate
        | PaddingMode.Circular -> ()

    /// The part of each axis that is left when negative amounts cut it.
    let private crop (pairs: struct (int * int)[]) (x: Tensor) =
        let spans =
            Array.map2
                (fun (struct (before, after)) size -> {
                    Start = max 0 -before
                    Step = 1
                    Count = size + min before 0 + min after 0
                })
                pairs
                x.Shape.Dims

        if spans |> Array.map _.Count = x.Shape.Dims then
            x
        else
            Tensor.Make(Prim.Slice(spans, x.Node))

    let private constant (value: float) (pairs: struct (int * int)[]) (x: Tensor) =
        let core = crop pairs x

        let embed (pairs: struct (int * int)[]) (x: Tensor) =
            let spans =
                Array.map2
                    (fun (struct (before, _)) size -> {
                        Start = max 0 before
                        Step = 1
                        Count = size
                    })
                    pairs
                    x.Shape.Dims

            let sizes =
                Array.map2
                    (fun (struct (before, after)) size -> size + max 0 before + max 0 after)
                    pairs
                    x.Shape.Dims

            Tensor.Make(Prim.Embed(Shape.ofSeq sizes, spans, x.Node))

        if
            pairs
            |> Array.forall (fun (struct (before, after)) -> before <= 0 && after <= 0)
        then
            core
        elif value = 0.0 then
            embed pairs core
        else
            // The mask is as small as the axes that are padded.
            let maskSizes =
                Array.map2 (fun pair size -> if pair = struct (0, 0) then 1 else size) pairs core.Shape.Dims

            let inside = embed pairs (Tensor.full DType.Bool (List.ofArray maskSizes) 1.0)
            Tensor.where inside (embed pairs core) (Tensor.full x.DType [] value)

    /// Elements of the axis itself before and after it.
    let private repeated mode axis before after (x: Tensor) =
        let size = x.Shape[axis]
        let part start count = Tensor.narrow axis start count x

        let copies start count =
            let dims =
                x.Shape.ToArray()
                |> Array.mapi (fun a n -> if a = axis then count else n)
                |> List.ofArray

            part start 1 |> Tensor.expand dims

        let left, right =
            match mode with
            | PaddingMode.Reflect ->
                (fun n -> part 1 n |> Tensor.flip [ axis ]),
                (fun n -> part (size - 1 - n) n |> Tensor.flip [ axis ])
            | PaddingMode.Circular -> (fun n -> part (size - n) n), (fun n -> part 0 n)
            | PaddingMode.Replicate
            | PaddingMode.Constant _ -> copies 0, copies (size - 1)

        match before > 0, after > 0 with
        | false, false -> x
        | true, false -> Tensor.cat axis [ left before; x ]
        | false, true -> Tensor.cat axis [ x; right after ]
        | true, true -> Tensor.cat axis [ left before; x; right after ]

    /// `x` with places added (or, by negative amounts, taken away) at the ends of its last axes. `amounts`
    /// are (before, after) pairs, the *last* axis first, as in PyTorch's `F.pad`; every mode serves any axis.
    /// Raises ShapeException for more pairs than axes, for cutting more than there is, and where the mode
    /// needs more elements than the axis has.
    let pad mode (amounts: (int * int) list) (x: Tensor) =
        let pairs = ofAxes amounts x
        Array.iteri (requireRoom mode x) pairs

        match mode with
        | PaddingMode.Constant value -> constant value pairs x
        | PaddingMode.Reflect
        | PaddingMode.Replicate
        | PaddingMode.Circular ->
            // First all that is added: it mirrors what stands in `x`, also what another pair takes away.
            let longer =
                pairs
                |> Array.indexed
                |> Array.fold (fun x (axis, struct (before, after)) -> repeated mode axis before after x) x

            crop pairs longer
