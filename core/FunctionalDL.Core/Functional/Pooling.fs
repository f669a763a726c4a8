namespace FunctionalDL.Core

/// Which windows a maximum is taken of. Each list has one number for all spatial axes, or one for each,
/// outermost first.
type MaxPoolOptions = {
    /// Places from one window to the next, at least 1; the default, an empty list, is the kernel: windows
    /// that lie side by side.
    Stride: int list
    /// Places added before and after each spatial axis, which are never the largest; at most half the kernel.
    /// The default is 0.
    Padding: int list
    /// Distance of neighbours in a window, at least 1; the default is 1.
    Dilation: int list
    /// Whether a last window that reaches over the end counts; the default is no.
    CeilMode: bool
}

/// Which windows a mean is taken of, and what it divides by. Each list has one number for all spatial axes,
/// or one for each, outermost first.
type AveragePoolOptions = {
    /// Places from one window to the next, at least 1; the default, an empty list, is the kernel: windows
    /// that lie side by side.
    Stride: int list
    /// Zeros added before and after each spatial axis; at most half the kernel. The default is 0.
    Padding: int list
    /// Whether a last window that reaches over the end counts; the default is no.
    CeilMode: bool
    /// Whether the zeros of the padding are counted; the default is yes.
    CountIncludePad: bool
    /// What every sum is divided by in place of the number of elements; the default is None.
    DivisorOverride: int option
}

/// The largest or mean element of each window of the spatial axes. Inputs are `[batch; channels; spatial…]`
/// (the batch may be missing), for any number of spatial axes.
[<RequireQualifiedAccess>]
module Pooling =

    /// Windows side by side: stride as the kernel, no padding, dilation 1.
    let maxDefaults: MaxPoolOptions = {
        Stride = []
        Padding = [ 0 ]
        Dilation = [ 1 ]
        CeilMode = false
    }

    /// Windows side by side: stride as the kernel, no padding.
    let averageDefaults: AveragePoolOptions = {
        Stride = []
        Padding = [ 0 ]
        CeilMode = false
        CountIncludePad = true
        DivisorOverride = None
    }

    let private product (sizes: int seq) = Seq.fold (*) 1 sizes

    let private requireFloat operation (x: Tensor) =
        if not (DType.isFloat x.DType) then
            Fail.dtype (
                $"{operation}: input is {x.DType}{x.Shape}; "
                + "it needs a floating-point type: cast it to float32 first"
            )

    // ---- windows of one size ----------------------------------------

    /// What is known of the windows of each spatial axis, before there is an input.
    type private Frame = {
        Kernel: int[]
        Step: int[]
        Margin: int[]
        Apart: int[]
        Ceil: bool
    }

    let private frame operation (kernel: int list) stride padding dilation ceil (x: Tensor) =
        let rank = kernel.Length

        if rank = 0 then
            Fail.option $"{operation}: the kernel is empty; it needs a size for each spatial axis"

        let kernel = Spatial.each operation "kernel" rank 1 kernel

        let frame = {
            Kernel = kernel
            Step =
                if List.isEmpty stride then
                    kernel
                else
                    Spatial.each operation "stride" rank 1 stride
            Margin = Spatial.each operation "padding" rank 0 padding
            Apart = Spatial.each operation "dilation" rank 1 dilation
            Ceil = ceil
        }

        for i in 0 .. rank - 1 do
            if 2 * frame.Margin[i] > kernel[i] then
                Fail.option (
                    $"{operation}: padding {frame.Margin[i]} is more than half the kernel ({kernel[i]}), "
                    + $"on spatial axis {i}: a window could hold nothing else"
                )

        requireFloat operation x
        Spatial.requireRank operation rank $"kernel {Text.bracketed kernel}" x
        Spatial.requireWindow operation kernel frame.Apart (Array.zip frame.Margin frame.Margin) x
        frame

    /// How many windows an axis of `size` has. A window that starts beyond the input and the padding before
    /// it does not count.
    let private count frame i size =
        let room = size + 2 * frame.Margin[i] - Spatial.reach frame.Kernel[i] frame.Apart[i]

        if frame.Ceil then
            let windows = (room + frame.Step[i] - 1) / frame.Step[i] + 1

            if (windows - 1) * frame.Step[i] >= size + frame.Margin[i] then
                windows - 1
            else
                windows
        else
            room / frame.Step[i] + 1

    /// The windows of each axis, by where they start in the input; negative ones start in the padding.
    let private starts frame (sizes: int[]) =
        sizes
        |> Array.mapi (fun i size ->
            Array.init (count frame i size) (fun o -> o * frame.Step[i] - frame.Margin[i]))

    /// `[batch; channels; spatial…] -> [batch; channels; windows…; kernel…]`, with `value` outside.
    let private windowsOf frame value (x: Tensor) =
        let amounts =
            x.Shape.ToArray()[2..]
            |> Array.mapi (fun i size ->
                let last = (count frame i size - 1) * frame.Step[i] - frame.Margin[i]
                frame.Margin[i], max 0 (last + Spatial.reach frame.Kernel[i] frame.Apart[i] - size))

        x
        |> Padding.pad (PaddingMode.Constant value) (List.ofArray (Array.rev amounts))
        |> Spatial.windows frame.Kernel frame.Step frame.Apart

    // ---- the largest ----------------------------------------

    /// The elements of each plane at these flat places, which are whole numbers of `[batch; channels;
    /// windows…]`.
    let private pick (places: Tensor) (x: Tensor) =
        let batch, channels = x.Shape[0], x.Shape[1]
        let windows = places.Shape.ToArray()[2..]

        x
        |> Tensor.reshape [ batch; channels; product (x.Shape.ToArray()[2..]) ]
        |> Tensor.gather 2 (Tensor.reshape [ batch; channels; product windows ] places)
        |> Tensor.reshape [ batch; channels; yield! windows ]

    /// The flat place in its plane of the largest element of each window. The positions have no derivative;
    /// what they pick has.
    let private argWindow frame counts (x: Tensor) =
        let step, apart, margin = frame.Step, frame.Apart, frame.Margin
        Tensor.Make(Prim.ArgWindow(frame.Kernel, step, apart, margin, counts, x.Node))

    /// The flat place in its plane of the largest element of each window of `adaptiveWindows`. On axis `i`,
    /// window `o` starts at `starts[i][o]`.
    let private placesOfLargest (starts: int[][]) (sizes: int[]) (windows: Tensor) =
        let rank = sizes.Length
        let dims = windows.Shape.ToArray()
        let kernel = dims[2 + rank ..]

        // The arg-reduction has no derivative; what it picks has.
        let chosen =
            windows
            |> Tensor.stopGradient
            |> Tensor.reshape [ yield! dims[.. 1 + rank]; product kernel ]
            |> Tensor.argmax -1

        let lookUp (table: int64[]) =
            Tensor.ofInt64s [ table.Length ] table
            |> Tensor.indexSelect 0 (Tensor.reshape [ -1 ] chosen)
            |> Tensor.reshape (List.ofArray dims[.. 1 + rank])

        let onAxis i (numbers: int[]) =
            Tensor.ofInt64s (Spatial.along rank i numbers.Length) (Array.map int64 numbers)

        let coordinate i =
            let inner = product kernel[i + 1 ..]

            let within = Array.init (product kernel) (fun k -> int64 (k / inner % kernel[i]))

            onAxis i starts[i] + lookUp within

        seq { 1 .. rank - 1 }
        |> Seq.fold (fun (flat: Tensor) i -> flat * sizes[i] + coordinate i) (coordinate 0)

    let private maxPlaces operation (options: MaxPoolOptions) kernel (x: Tensor) =
        let frame =
            frame operation kernel options.Stride options.Padding options.Dilation options.CeilMode x

        let x =
            if x.Rank = kernel.Length + 1 then
                Tensor.unsqueeze 0 x
            else
                x

        let sizes = x.Shape.ToArray()[2..]
        let counts = Array.mapi (count frame) sizes
        let starts = starts frame sizes

        for i in 0 .. sizes.Length - 1 do
            let isInside start =
                Seq.init frame.Kernel[i] (fun k -> start + k * frame.Apart[i])
                |> Seq.exists (fun place -> place >= 0 && place < sizes[i])

            if not (Array.forall isInside starts[i]) then
                Fail.shape (
                    $"{operation}: a window of spatial axis {i} has no element of the {sizes[i]} "
                    + "there are; use less dilation"
                )

        struct (x, argWindow frame counts x)

    /// The largest element of each window, and its place in the flattened spatial axes (int64), as PyTorch
    /// has it. NaN wins, and the first of several equal ones gets all of the derivative. `kernel` has a size
    /// for each spatial axis: `[batch; channels; spatial…] -> [batch; channels; windows…]`. Raises
    /// ShapeException when a window does not fit, OptionException for options out of range, and
    /// DTypeException unless elements are real numbers.
    let maxWithIndices (options: MaxPoolOptions) (kernel: int list) (x: Tensor) : Tensor * Tensor =
        let struct (batched, places) = maxPlaces "maxPool" options kernel x

        let drop y =
            if x.Rank = batched.Rank then y else Tensor.squeeze 0 y

        drop (pick places batched), drop places

    /// The largest element of each window: `maxWithIndices` without the places. PyTorch: `max_pool1d`,
    /// `max_pool2d`, `max_pool3d`.
    let max options kernel x = fst (maxWithIndices options kernel x)

    // ---- the mean ----------------------------------------

    /// Divides sums of windows `[…; windows…]` by the product of `counts[i]`, the numbers of elements that
    /// each window has on axis `i`.
    let private divideBy (counts: int[][]) (sums: Tensor) =
        if counts |> Array.forall (fun c -> Array.forall ((=) c[0]) c) then
            sums / float (counts |> Array.map Array.head |> product)
        else
            let along i (c: int[]) =
                Spatial.constant sums (Spatial.along counts.Length i c.Length) (Array.map float c)

            sums / (counts |> Array.mapi along |> Array.reduce (*))

    let private sumWindows rank (windows: Tensor) =
        Tensor.sumAxes [ 2 + rank .. 1 + 2 * rank ] windows

    /// The mean of each window. `kernel` has a size for each spatial axis: `[batch; channels; spatial…] ->
    /// [batch; channels; windows…]`. Raises ShapeException when a window does not fit, OptionException for
    /// options out of range, and DTypeException unless elements are real numbers. PyTorch: `avg_pool1d`,
    /// `avg_pool2d`, `avg_pool3d`.
    let average (options: AveragePoolOptions) (kernel: int list) (x: Tensor) =
        let operation = "averagePool"
        let rank = kernel.Length

        let frame =
            frame operation kernel options.Stride options.Padding [ 1 ] options.CeilMode x

        match options.DivisorOverride with
        | Some 0 -> Fail.option $"{operation}: divisorOverride is 0; nothing is divided by it"
        | _ -> ()

        let forward (x: Tensor) =
            let sizes = x.Shape.ToArray()[2..]
            let sums = windowsOf frame 0.0 x |> sumWindows rank

            match options.DivisorOverride with
            | Some divisor -> sums / float divisor
            | None ->
                // What lies beyond the padding (a last window may) is never counted.
                let counted i start =
                    let stop = min (start + frame.Kernel[i]) (sizes[i] + frame.Margin[i])

                    if options.CountIncludePad then
                        stop - start
                    else
                        min stop sizes[i] - (if start < 0 then 0 else start)

                divideBy (starts frame sizes |> Array.mapi (fun i -> Array.map (counted i))) sums

        Spatial.batched rank forward x

    // ---- as many windows as asked for ----------------------------------------

    /// Where window `o` of `outputs` starts and ends: together they cover `size` places evenly.
    let private share size outputs o =
        struct (int (int64 o * int64 size / int64 outputs),
                int ((int64 (o + 1) * int64 size + int64 outputs - 1L) / int64 outputs))

    let private adaptiveSizes operation (outputs: int list) (x: Tensor) =
        let rank = outputs.Length

        if rank = 0 then
            Fail.option $"{operation}: no output size; it needs one for each spatial axis"

        let outputs = Spatial.each operation "output size" rank 1 outputs
        requireFloat operation x
        Spatial.requireRank operation rank $"output size {Text.bracketed outputs}" x

        for i in 0 .. rank - 1 do
            if x.Shape[i - rank] = 0 then
                Fail.shape $"{operation}: axis {i - rank} of input {x.Shape} has no elements"

        outputs

    /// `[batch; channels; spatial…] -> [batch; channels; outputs…; longest…]`: shorter windows repeat their
    /// last element.
    let private adaptiveWindows (outputs: int[]) (shares: struct (int * int)[][]) (x: Tensor) =
        let rank = outputs.Length
        let sizes = x.Shape.ToArray()[2..]

        if Array.forall2 (fun size n -> size % n = 0) sizes outputs then
            let kernel = Array.map2 (/) sizes outputs
            Spatial.windows kernel kernel (Array.create rank 1) x
        else
            let longest =
                shares
                |> Array.map (fun s ->
                    s |> Array.map (fun (struct (start, stop)) -> stop - start) |> Array.max)

            let along (x: Tensor) i =
                let table = [|
                    for struct (start, stop) in shares[i] do
                        for k in 0 .. longest[i] - 1 -> int64 (min (start + k) (stop - 1))
                |]

                Tensor.indexSelect (2 + i) (Tensor.ofInt64s [ table.Length ] table) x

            Seq.fold along x (seq { 0 .. rank - 1 })
            |> Tensor.reshape [
                yield! [ x.Shape[0]; x.Shape[1] ]
                for i in 0 .. rank - 1 do
                    yield! [ outputs[i]; longest[i] ]
            ]
            |> Tensor.permute [
                yield! [ 0; 1 ]
                for i in 0 .. rank - 1 -> 2 + 2 * i
                for i in 0 .. rank - 1 -> 3 + 2 * i
            ]

    let private sharesOf (outputs: int[]) (sizes: int[]) =
        Array.map2 (fun n size -> Array.init n (share size n)) outputs sizes

    /// The mean of each of `outputs` windows that cover the input evenly: `[batch; channels; spatial…] ->
    /// [batch; channels; outputs…]`; window `o` of `n` goes from `⌊o · size / n⌋` to `⌈(o + 1) · size / n⌉`.
    /// One output size for each spatial axis, larger or smaller than the input. Raises ShapeException for an
    /// input of another rank or without elements. PyTorch: `adaptive_avg_pool1d`, `…2d`, `…3d`.
    let adaptiveAverage (outputs: int list) (x: Tensor) =
        let sizesOut = adaptiveSizes "adaptiveAveragePool" outputs x
        let rank = sizesOut.Length

        let forward (x: Tensor) =
            let shares = sharesOf sizesOut (x.Shape.ToArray()[2..])

            let counts =
                shares |> Array.map (Array.map (fun (struct (start, stop)) -> stop - start))

            let windows = adaptiveWindows sizesOut shares x
            let kernel = windows.Shape.ToArray()[2 + rank ..]

            /// Nothing for the elements that shorter windows of axis `i` repeat.
            let mask (windows: Tensor) i =
                if counts[i] |> Array.forall ((=) kernel[i]) then
                    windows
                else
                    let counted = [|
                        for c in counts[i] do
                            for k in 0 .. kernel[i] - 1 -> k < c
                    |]

                    let shape =
                        List.init (2 * rank) (fun a ->
                            if a = i then sizesOut[i]
                            elif a = rank + i then kernel[i]
                            else 1)

                    Tensor.where (Tensor.ofBools shape counted) windows (Tensor.full x.DType [] 0.0)

            Seq.fold mask windows (seq { 0 .. rank - 1 })
            |> sumWindows rank
            |> divideBy counts

        Spatial.batched rank forward x

    /// The largest element of each window of `adaptiveAverage`, and its place in the flattened spatial axes
    /// (int64). NaN wins, and the first of several equal ones gets all of the derivative. Raises
    /// ShapeException for an input of another rank or without elements.
    let adaptiveMaxWithIndices (outputs: int list) (x: Tensor) : Tensor * Tensor =
        let operation = "adaptiveMaxPool"
        let sizesOut = adaptiveSizes operation outputs x

        let batched =
            if x.Rank = sizesOut.Length + 1 then
                Tensor.unsqueeze 0 x
            else
                x

        let sizes = batched.Shape.ToArray()[2..]
        let shares = sharesOf sizesOut sizes
        let starts = shares |> Array.map (Array.map (fun (struct (start, _)) -> start))

        // A repeated element comes after itself, so it is never the first.
        let places = adaptiveWindows sizesOut shares batched |> placesOfLargest starts sizes

        let drop y =
            if x.Rank = batched.Rank then y else Tensor.squeeze 0 y

        drop (pick places batched), drop places

    /// The largest element of each window: `adaptiveMaxWithIndices` without the places. PyTorch:
    /// `adaptive_max_pool1d`, `…2d`, `…3d`.
    let adaptiveMax outputs x = fst (adaptiveMaxWithIndices outputs x)

    // ---- all of an axis ----------------------------------------

    let private requirePlane operation (x: Tensor) =
        if x.Rank < 3 then
            Fail.shape (
                $"{operation}: input {x.Shape} has no spatial axes; "
                + "it needs [batch; channels; spatial…]: was it flattened?"
            )

    /// The mean of all spatial axes, which stay with size 1:
    /// `[batch; channels; spatial…] -> [batch; channels; 1…]`. The batch may not be missing. Raises
    /// ShapeException for an input without spatial axes.
    let globalAverage (x: Tensor) =
        requirePlane "globalAveragePool" x
        adaptiveAverage (List.replicate (x.Rank - 2) 1) x

    /// The largest element of all spatial axes, which stay with size 1. The first of several equal ones gets
    /// all of the derivative. The batch may not be missing. Raises ShapeException for an input without
    /// spatial axes.
    let globalMax (x: Tensor) =
        requirePlane "globalMaxPool" x
        adaptiveMax (List.replicate (x.Rank - 2) 1) x
