namespace FunctionalDL.Core

/// How a kernel moves over the spatial axes. Each list has one number for all spatial axes, or one for each,
/// outermost first.
type ConvolutionOptions = {
    /// Places from one window to the next, at least 1; the default is 1.
    Stride: int list
    /// Places added (before, after) each spatial axis; the default is none. `Padding.symmetric` and
    /// `Padding.same` make such pairs.
    Padding: (int * int) list
    /// What stands in the added places; the default is zeros.
    PaddingMode: PaddingMode
    /// Distance of neighbours in a window, at least 1; the default is 1.
    Dilation: int list
    /// Into how many parts the channels are cut, each of which is convolved by itself; the default is 1. As
    /// many groups as channels make a depthwise convolution.
    Groups: int
}

/// How the kernel of a transposed convolution moves over its result. Each list has one number for all spatial
/// axes, or one for each, outermost first.
type TransposedConvolutionOptions = {
    /// Places of the result from one window to the next, at least 1; the default is 1.
    Stride: int list
    /// Places that are cut off both ends of each spatial axis of the result; the default is 0.
    Padding: int list
    /// Places added after each spatial axis of the result: a convolution with a stride gives one size for
    /// several, and this chooses among them. Below the stride or the dilation; the default is 0.
    OutputPadding: int list
    /// Distance of neighbours in a window, at least 1; the default is 1.
    Dilation: int list
    /// Into how many parts the channels are cut; the default is 1.
    Groups: int
}

/// Which windows `Convolution.unfold` takes. Each list has one number for all spatial axes, or one for each,
/// outermost first.
type UnfoldOptions = {
    /// Places from one window to the next, at least 1; the default is 1.
    Stride: int list
    /// Zeros added before and after each spatial axis; the default is 0.
    Padding: int list
    /// Distance of neighbours in a window, at least 1; the default is 1.
    Dilation: int list
}

/// Convolutions over any number of spatial axes, and the windows they are made of. (As everywhere in deep
/// learning, "convolution" is cross-correlation: the kernel is not mirrored.)
[<RequireQualifiedAccess>]
module Convolution =

    /// Stride 1, no padding, dilation 1, one group.
    let defaults: ConvolutionOptions = {
        Stride = [ 1 ]
        Padding = [ 0, 0 ]
        PaddingMode = Padding.zeros
        Dilation = [ 1 ]
        Groups = 1
    }

    /// Stride 1, no padding, no output padding, dilation 1, one group.
    let transposedDefaults: TransposedConvolutionOptions = {
        Stride = [ 1 ]
        Padding = [ 0 ]
        OutputPadding = [ 0 ]
        Dilation = [ 1 ]
        Groups = 1
    }

    /// Stride 1, no padding, dilation 1.
    let unfoldDefaults: UnfoldOptions = {
        Stride = [ 1 ]
        Padding = [ 0 ]
        Dilation = [ 1 ]
    }

    let private product (sizes: int seq) = Seq.fold (*) 1 sizes

    let private spatialSizes (x: Tensor) = x.Shape.ToArray()[2..]

    // ---- checks ----------------------------------------

    /// The number of spatial axes, by the weight.
    let private rankOf operation layout (weight: Tensor) (x: Tensor) =
        if weight.Rank < 3 then
            Fail.shape (
                $"{operation}: the weight is {weight.Shape}; it needs {layout}, "
                + "with one spatial axis at least"
            )

        if weight.Shape.Size = 0 then
            Fail.shape $"{operation}: the weight {weight.Shape} has no elements"

        let rank = weight.Rank - 2
        Spatial.requireRank operation rank $"weight {weight.Shape}" x
        rank

    let private requireGroups operation groups what count (weight: Tensor) =
        if groups < 1 then
            Fail.option $"{operation}: groups is {groups}; it needs to be at least 1"

        if count % groups <> 0 then
            Fail.shape
                $"{operation}: {count} {what} of weight {weight.Shape} do not divide into {groups} groups"

    /// `hint` is the fix when `x` has that many channels.
    let private requireChannels operation rank groups expected hint (weight: Tensor) (x: Tensor) =
        let channels = x.Shape[-rank - 1]

        if channels <> expected then
            let parts = if groups = 1 then "" else $" in {groups} groups"

            let fix =
                if x.Shape[-1] = expected then
                    "; are they last? permute them to stand before the spatial axes"
                else
                    hint channels

            Fail.shape (
                $"{operation}: input {x.Shape} has {channels} channels and weight {weight.Shape} takes "
                + $"{expected}{parts}{fix}"
            )

    let private requireBias operation channels (bias: Tensor option) =
        match bias with
        | Some bias when bias.Rank <> 1 || bias.Shape[0] <> channels ->
            Fail.shape (
                $"{operation}: the bias is {bias.Shape}; it needs [{channels}], "
                + "one for each channel of the result"
            )
        | _ -> ()

    /// All operands as the type they meet in.
    let private meet (weight: Tensor) (bias: Tensor option) (x: Tensor) =
        let dtype =
            Option.toList bias
            |> List.fold
                (fun dtype bias -> DType.promote dtype bias.DType)
                (DType.promote weight.DType x.DType)

        Tensor.cast dtype weight, bias |> Option.map (Tensor.cast dtype), Tensor.cast dtype x

    let private addBias rank (bias: Tensor option) (y: Tensor) =
        match bias with
        | Some bias -> y + Tensor.reshape (bias.Shape[0] :: List.replicate rank 1) bias
        | None -> y

    // ---- convolution ----------------------------------------

    /// The convolution of `x` with `weight`:
    /// `y[n, o, p] = bias[o] + Σ weight[o, c, k] · padded[n, c, stride · p + dilation · k]` over the channels
    /// `c` of the group of `o` and the places `k` of the kernel.
    /// `x: [batch; inChannels; spatial…]` (the batch may be missing), `weight: [outChannels; inChannels /
    /// groups; kernel…]`, `bias: [outChannels]` `-> [batch; outChannels; windows…]` with
    /// `(size + padding - dilation · (kernel - 1) - 1) / stride + 1` windows, rounded down.
    /// Raises ShapeException when these do not meet or the kernel is larger than the padded input, and
    /// OptionException for options out of range. PyTorch: `conv1d`, `conv2d`, `conv3d`.
    let conv (options: ConvolutionOptions) (weight: Tensor) (bias: Tensor option) (x: Tensor) =
        let operation = "conv"
        let rank = rankOf operation "[outChannels; inChannels / groups; kernel…]" weight x
        let stride = Spatial.each operation "stride" rank 1 options.Stride
        let dilation = Spatial.each operation "dilation" rank 1 options.Dilation
        let padding = Spatial.eachPair operation "padding" rank options.Padding
        let groups, kernel = options.Groups, spatialSizes weight
        let outChannels, inGroup = weight.Shape[0], weight.Shape[1]
        requireGroups operation groups "output channels" outChannels weight

        let hint channels =
            let isMultiple = channels > 0 && channels % inGroup = 0

            if groups = 1 && isMultiple && outChannels % (channels / inGroup) = 0 then
                $"; did you forget groups = {channels / inGroup}?"
            else
                ""

        requireChannels operation rank groups (inGroup * groups) hint weight x
        requireBias operation outChannels bias
        Spatial.requireWindow operation kernel dilation padding x
        let weight, bias, x = meet weight bias x

        let forward (x: Tensor) =
            // Zeros need not be written down; other paddings are.
            let x, before, after =
                match options.PaddingMode with
                | PaddingMode.Constant 0.0 -> x, Array.map fst padding, Array.map snd padding
                | mode ->
                    let none = Array.zeroCreate rank
                    Padding.pad mode (List.ofArray (Array.rev padding)) x, none, none

            let input = spatialSizes x

            let windows i =
                (before[i] + input[i] + after[i] - Spatial.reach kernel[i] dilation[i])
                / stride[i]
                + 1

            let spec = {
                Groups = groups
                Stride = stride
                Dilation = dilation
                Before = before
                Input = input
                Kernel = kernel
                Output = Array.init rank windows
            }

            Tensor.Make(Prim.Convolution(ConvolutionPart.Output, spec, x.Node, weight.Node))
            |> addBias rank bias

        Spatial.batched rank forward x

    /// The transpose of `conv` with the same weight: each element of `x` adds the kernel, times itself, to
    /// the window that it stands for. It makes sizes larger by its stride. `x: [batch; inChannels; spatial…]`
    /// (the batch may be missing), `weight: [inChannels; outChannels / groups; kernel…]`,
    /// `bias: [outChannels]` `-> [batch; outChannels; sizes…]` with sizes `(size - 1) · stride - 2 · padding
    /// + dilation · (kernel - 1) + 1 + outputPadding`. Raises ShapeException when these do not meet or
    /// nothing is left, and OptionException for options out of range. PyTorch: `conv_transpose1d`,
    /// `conv_transpose2d`, `conv_transpose3d`.
    let convTranspose
        (options: TransposedConvolutionOptions)
        (weight: Tensor)
        (bias: Tensor option)
        (x: Tensor)
        =
        let operation = "convTranspose"
        let rank = rankOf operation "[inChannels; outChannels / groups; kernel…]" weight x
        let stride = Spatial.each operation "stride" rank 1 options.Stride
        let dilation = Spatial.each operation "dilation" rank 1 options.Dilation
        let padding = Spatial.each operation "padding" rank 0 options.Padding
        let extra = Spatial.each operation "outputPadding" rank 0 options.OutputPadding
        let groups, kernel = options.Groups, spatialSizes weight
        let inChannels, outGroup = weight.Shape[0], weight.Shape[1]
        let outChannels = outGroup * groups
        requireGroups operation groups "input channels" inChannels weight
        requireChannels operation rank groups inChannels (fun _ -> "") weight x
        requireBias operation outChannels bias

        for i in 0 .. rank - 1 do
            if extra[i] >= max stride[i] dilation[i] then
                Fail.option (
                    $"{operation}: outputPadding {extra[i]} needs to be below the stride ({stride[i]}) "
                    + $"or the dilation ({dilation[i]}), on spatial axis {i}"
                )

        let sizes = x.Shape.ToArray()[x.Rank - rank ..]

        /// With all that padding cuts off.
        let lengths =
            Array.init rank (fun i ->
                (sizes[i] - 1) * stride[i] + Spatial.reach kernel[i] dilation[i] + extra[i])

        for i in 0 .. rank - 1 do
            if sizes[i] = 0 || lengths[i] <= 2 * padding[i] then
                Fail.shape (
                    $"{operation}: padding {padding[i]} leaves nothing of axis {i - rank} "
                    + $"for input {x.Shape} and weight {weight.Shape}: "
                    + $"it cuts both ends of {max 0 lengths[i]} places"
                )

        let weight, bias, x = meet weight bias x

        let spec = {
            Groups = groups
            Stride = stride
            Dilation = dilation
            Before = padding
            Input = Array.map2 (fun length p -> length - 2 * p) lengths padding
            Kernel = kernel
            Output = sizes
        }

        let forward (x: Tensor) =
            Tensor.Make(Prim.Convolution(ConvolutionPart.Input, spec, x.Node, weight.Node))
            |> addBias rank bias

        Spatial.batched rank forward x

    // ---- windows as columns ----------------------------------------

    let private geometry operation (options: UnfoldOptions) (kernel: int list) =
        let rank = kernel.Length

        if rank = 0 then
            Fail.option $"{operation}: the kernel is empty; it needs a size for each spatial axis"

        struct (rank,
                Spatial.each operation "kernel" rank 1 kernel,
                Spatial.each operation "stride" rank 1 options.Stride,
                Spatial.each operation "padding" rank 0 options.Padding,
                Spatial.each operation "dilation" rank 1 options.Dilation)

    /// The windows of `x` as columns: `[batch; channels; spatial…] -> [batch; channels · kernel…; windows…]`,
    /// both products row-major. `kernel` has a size for each spatial axis; the batch may be missing. Raises
    /// ShapeException when a window does not fit, and OptionException for options out of range. PyTorch:
    /// `F.unfold` ("im2col"), here for any number of spatial axes.
    let unfold (options: UnfoldOptions) (kernel: int list) (x: Tensor) =
        let operation = "unfold"

        let struct (rank, kernel, stride, padding, dilation) =
            geometry operation options kernel

        Spatial.requireRank operation rank $"kernel {Text.bracketed kernel}" x
        Spatial.requireWindow operation kernel dilation (Array.zip padding padding) x

        let forward (x: Tensor) =
            let parts =
                x
                |> Padding.pad Padding.zeros [ for p in Array.rev padding -> p, p ]
                |> Spatial.windows kernel stride dilation

            let windows = (spatialSizes parts)[.. rank - 1]

            parts
            |> Tensor.permute [ 0; 1; yield! [ 2 + rank .. 1 + 2 * rank ]; yield! [ 2 .. 1 + rank ] ]
            |> Tensor.reshape [ x.Shape[0]; x.Shape[1] * product kernel; product windows ]

        Spatial.batched rank forward x

    /// The transpose of `unfold`: columns added where they were taken from, in zeros with the spatial
    /// `sizes`. `[batch; channels · kernel…; windows…] -> [batch; channels; sizes…]`; the batch may be
    /// missing. Raises ShapeException when the columns are not those of such windows, and OptionException for
    /// options out of range. PyTorch: `F.fold` ("col2im").
    let fold (options: UnfoldOptions) (kernel: int list) (sizes: int list) (x: Tensor) =
        let operation = "fold"

        let struct (rank, kernel, stride, padding, dilation) =
            geometry operation options kernel

        let sizes = Spatial.each operation "sizes" rank 1 sizes
        let lengths = Array.map2 (fun size p -> size + 2 * p) sizes padding

        if x.Rank <> 3 && x.Rank <> 2 then
            Fail.shape (
                $"{operation}: input {x.Shape} needs [batch; channels · kernel; windows], "
                + "or that without the batch"
            )

        let windows =
            Array.init rank (fun i ->
                let room = lengths[i] - Spatial.reach kernel[i] dilation[i]
                if room < 0 then 0 else room / stride[i] + 1)

        let rows, columns = x.Shape[-2], x.Shape[-1]

        if rows % product kernel <> 0 then
            Fail.shape (
                $"{operation}: axis {x.Rank - 2} of input {x.Shape} has {rows} places, "
                + $"which is not a multiple of the {product kernel} of kernel {Text.bracketed kernel}"
            )

        if columns <> product windows || columns = 0 then
            Fail.shape (
                $"{operation}: input {x.Shape} has {columns} windows, and sizes {Text.bracketed sizes} have "
                + $"{product windows} ({Text.bracketed windows}); give the options that unfold was given"
            )

        let forward (x: Tensor) =
            let channels = rows / product kernel

            x
            |> Tensor.reshape [ x.Shape[0]; channels; yield! kernel; yield! windows ]
            |> Tensor.permute [ 0; 1; yield! [ 2 + rank .. 1 + 2 * rank ]; yield! [ 2 .. 1 + rank ] ]
            |> Spatial.overlap lengths stride dilation
            |> Padding.pad Padding.zeros [ for p in Array.rev padding -> -p, -p ]

        Spatial.batched 1 forward x
