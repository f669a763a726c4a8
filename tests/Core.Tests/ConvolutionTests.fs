/// Convolutions and windows, against loops over every place.
module FunctionalDL.Tests.ConvolutionTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Slopes

// ---- loops ------------------------------------------------------------------------------------------------

let private each rank (numbers: 'a list) =
    if numbers.Length = 1 then
        List.replicate rank numbers[0]
    else
        numbers

/// The place of the input for place `i`, which may lie beyond its ends; None for a zero.
let private lookUp mode size i =
    match mode with
    | _ when i >= 0 && i < size -> Some i
    | PaddingMode.Constant _ -> None
    | PaddingMode.Reflect -> Some(if i < 0 then -i else 2 * (size - 1) - i)
    | PaddingMode.Replicate -> Some(Math.Clamp(i, 0, size - 1))
    | PaddingMode.Circular -> Some((i % size + size) % size)

/// The element at `channel :: places` of item `n`; zero outside.
let private read mode (shape: int list) x n channel (places: int list) =
    let found = List.map2 (lookUp mode) shape[2..] places

    if List.forall Option.isSome found then
        at shape x (n :: channel :: List.map Option.get found)
    else
        0.0

/// How many windows of an axis lie inside: counted one by one.
let private countWindows size (before, after) kernel stride dilation =
    Seq.initInfinite (fun o -> o * stride + (kernel - 1) * dilation)
    |> Seq.takeWhile (fun last -> last < size + before + after)
    |> Seq.length

let private random seed shape =
    shape, uniform (Random(seed: int)) -1.0 1.0 shape

let private convolution
    (options: ConvolutionOptions)
    (xShape: int list)
    (wShape: int list)
    hasBias
    : Operation =
    let rank = wShape.Length - 2
    let stride, dilation = each rank options.Stride, each rank options.Dilation
    let padding = each rank options.Padding
    let inGroup, outGroup = wShape[1], wShape[0] / options.Groups

    let windows =
        List.init rank (fun i -> countWindows xShape[2 + i] padding[i] wShape[2 + i] stride[i] dilation[i])

    let loop (operands: float[] list) =
        build (xShape[0] :: wShape[0] :: windows) (fun position ->
            let n, o, p = position[0], position[1], position[2..]

            let terms = [
                for place in cells wShape[1..] do
                    let c, k = place.Head, place.Tail

                    let places =
                        List.init rank (fun i -> p[i] * stride[i] + k[i] * dilation[i] - fst padding[i])

                    at wShape operands[1] (o :: c :: k)
                    * read options.PaddingMode xShape operands[0] n (o / outGroup * inGroup + c) places
            ]

            sum terms + (if hasBias then operands[2][o] else 0.0))

    {
        Name = $"conv %A{options} of %A{xShape} and %A{wShape}, bias {hasBias}"
        Apply = fun xs -> Convolution.conv options xs[1] (List.tryItem 2 xs) xs[0]
        Loop = loop
        Inputs = [
            random 1 xShape
            random 2 wShape
            if hasBias then
                random 3 [ wShape[0] ]
        ]
    }

let private transposed (options: TransposedConvolutionOptions) (xShape: int list) (wShape: int list) hasBias =
    let rank = wShape.Length - 2
    let stride, dilation = each rank options.Stride, each rank options.Dilation
    let padding, extra = each rank options.Padding, each rank options.OutputPadding
    let outGroup, inGroup = wShape[1], wShape[0] / options.Groups

    let sizes =
        List.init rank (fun i ->
            (xShape[2 + i] - 1) * stride[i] - 2 * padding[i]
            + (wShape[2 + i] - 1) * dilation[i]
            + 1
            + extra[i])

    let result = xShape[0] :: outGroup * options.Groups :: sizes

    let loop (operands: float[] list) =
        let y =
            build result (fun position -> if hasBias then operands[2][position[1]] else 0.0)

        for position in cells xShape do
            let n, c, p = position[0], position[1], position[2..]

            for place in cells wShape[1..] do
                let o, k = place.Head, place.Tail

                let places =
                    List.init rank (fun i -> p[i] * stride[i] + k[i] * dilation[i] - padding[i])

                if List.forall2 (fun size i -> i >= 0 && i < size) sizes places then
                    let target = flatten result (n :: c / inGroup * outGroup + o :: places)

                    y[target] <-
                        y[target] + at xShape operands[0] position * at wShape operands[1] (c :: o :: k)

        y

    {
        Name = $"convTranspose %A{options} of %A{xShape} and %A{wShape}, bias {hasBias}"
        Apply = fun xs -> Convolution.convTranspose options xs[1] (List.tryItem 2 xs) xs[0]
        Loop = loop
        Inputs = [
            random 1 xShape
            random 2 wShape
            if hasBias then
                random 3 [ result[1] ]
        ]
    }

// ---- convolution ------------------------------------------------------------------------------------------

[<Test>]
let ``convolution is its sum, for one to three spatial axes`` () =
    check (convolution Convolution.defaults [ 2; 2; 5 ] [ 3; 2; 3 ] true)
    check (convolution Convolution.defaults [ 2; 2; 4; 5 ] [ 2; 2; 3; 2 ] true)
    check (convolution Convolution.defaults [ 1; 2; 3; 2; 3 ] [ 2; 2; 2; 1; 2 ] true)

[<Test>]
let ``strides, paddings, dilations and groups, one by one`` () =
    let options = Convolution.defaults
    let image, kernel = [ 2; 2; 5; 6 ], [ 2; 2; 3; 2 ]
    check (convolution { options with Stride = [ 2; 3 ] } image kernel false)

    check (
        convolution
            {
                options with
                    Padding = [ 1, 1; 0, 2 ]
            }
            image
            kernel
            false
    )

    check (convolution { options with Dilation = [ 2; 1 ] } image kernel false)
    check (convolution { options with Groups = 2 } [ 2; 4; 3; 4 ] [ 4; 2; 3; 2 ] true)
    check (convolution { options with Groups = 3 } [ 1; 3; 4; 3 ] [ 6; 1; 2; 2 ] true)

[<Test>]
let ``every mode of padding`` () =
    for mode in [ PaddingMode.Reflect; PaddingMode.Replicate; PaddingMode.Circular ] do
        let options = {
            Convolution.defaults with
                Padding = [ 1, 1 ]
                PaddingMode = mode
        }

        check (convolution options [ 1; 2; 3; 3 ] [ 2; 2; 3; 3 ] false)

[<Test>]
let ``options at random`` () =
    for seed in 1..12 do
        let rng = Random seed
        let rank = rng.Next(1, 4)

        let some low high =
            List.init rank (fun _ -> rng.Next(low, high + 1))

        let groups = rng.Next(1, 3)
        let kernel, dilation = some 1 3, some 1 2

        let sizes = List.map2 (fun k d -> (k - 1) * d + 1 + rng.Next 3) kernel dilation

        let options = {
            Convolution.defaults with
                Stride = some 1 3
                Padding = List.zip (some 0 2) (some 0 2)
                Dilation = dilation
                Groups = groups
        }

        let weight = groups * rng.Next(1, 3) :: rng.Next(1, 3) :: kernel
        check (convolution options (rng.Next(1, 3) :: weight[1] * groups :: sizes) weight (rng.Next 2 = 0))

[<Test>]
let ``a known convolution`` () =
    // The Sobel kernel on a ramp of slope 1 gives 8 everywhere.
    let ramp =
        float64s [ 1; 1; 3; 4 ] [
            for _ in 0..2 do
                yield! [ 0.0; 1.0; 2.0; 3.0 ]
        ]

    let sobel =
        float64s [ 1; 1; 3; 3 ] [ -1.0; 0.0; 1.0; -2.0; 0.0; 2.0; -1.0; 0.0; 1.0 ]

    for engine in engineNames do
        Convolution.conv Convolution.defaults sobel None ramp
        |> floatsOn (engineOf engine)
        |> shouldBeExactly engine [ 8.0; 8.0 ]

[<Test>]
let ``padding of the same size keeps sizes`` () =
    let kernel, dilation = [ 4; 3 ], [ 1; 2 ]

    let options = {
        Convolution.defaults with
            Padding = Padding.same kernel dilation
            Dilation = dilation
    }

    let y =
        Convolution.conv options (Tensor.ones [ 1; 1; 4; 3 ]) None (Tensor.ones [ 2; 1; 6; 7 ])

    shouldEqual [ 2; 1; 6; 7 ] (dimsOf y)

[<Test>]
let ``the batch may be missing, or empty`` () =
    let weight, bias = Tensor.ones [ 3; 2; 2; 2 ], Some(Tensor.zeros [ 3 ])
    let conv = Convolution.conv Convolution.defaults weight bias
    let x = Tensor.ones [ 2; 4; 5 ]
    let alone, batched = conv x, conv (Tensor.unsqueeze 0 x)
    shouldEqual [ 3; 3; 4 ] (dimsOf alone)
    shouldBeExactly "values" (Tensor.toFloats batched) (Tensor.toFloats alone)

    for engine in engineNames do
        let run xs =
            Convolution.conv Convolution.defaults (List.last xs) None (List.head xs)

        let empty = Tensor.zeros [ 0; 2; 4; 5 ]
        let y, pullback = vjp run [ empty; weight ]
        shouldEqual [ 0; 3; 3; 4 ] (dimsOf y)
        let pulled = pullback (Tensor.zerosLike y)
        shouldBeExactly engine (Array.zeroCreate<float> 24) (floatsOn (engineOf engine) pulled[1])

    let transpose =
        Convolution.convTranspose Convolution.transposedDefaults (Tensor.ones [ 2; 3; 2; 2 ]) None

    shouldEqual [ 3; 5; 6 ] (dimsOf (transpose x))
    shouldEqual [ 0; 3; 5; 6 ] (dimsOf (transpose (Tensor.zeros [ 0; 2; 4; 5 ])))

[<Test>]
let ``types meet as in a product`` () =
    let conv weight x =
        (Convolution.conv Convolution.defaults weight None x).DType

    let image dtype = Tensor.full dtype [ 1; 1; 3; 3 ] 1.0
    shouldEqual DType.Float32 (conv (image DType.Float32) (image DType.UInt8))
    shouldEqual DType.Float64 (conv (image DType.Float64) (image DType.Float32))
    shouldEqual DType.Int64 (conv (image DType.Int64) (image DType.Int64))

[<Test>]
let ``gradients keep their own type`` () =
    let w, x =
        Tensor.ones [ 1; 1; 2 ], Tensor.cast DType.Float64 (Tensor.ones [ 1; 1; 4 ])

    let slope =
        grad (fun (w, x) -> Convolution.conv Convolution.defaults w None x |> Tensor.sum) (w, x)

    shouldEqual (DType.Float32, DType.Float64) ((fst slope).DType, (snd slope).DType)

// ---- transposed -------------------------------------------------------------------------------------------

[<Test>]
let ``transposed convolution adds the kernel at every place`` () =
    let options = Convolution.transposedDefaults
    check (transposed options [ 2; 2; 4 ] [ 2; 3; 3 ] true)
    check (transposed options [ 2; 2; 3; 4 ] [ 2; 2; 3; 2 ] true)
    check (transposed options [ 1; 2; 2; 1; 3 ] [ 2; 1; 2; 2; 2 ] false)

[<Test>]
let ``transposed convolution with options`` () =
    let options = Convolution.transposedDefaults
    let x, w = [ 1; 4; 3; 4 ], [ 4; 2; 3; 3 ]
    check (transposed { options with Stride = [ 2; 3 ] } x w false)
    check (transposed { options with Padding = [ 1; 2 ] } x w true)

    check (
        transposed
            {
                options with
                    Stride = [ 2 ]
                    OutputPadding = [ 1 ]
            }
            x
            w
            true
    )

    check (
        transposed
            {
                options with
                    Dilation = [ 2; 1 ]
                    OutputPadding = [ 1; 0 ]
            }
            x
            w
            false
    )

    check (
        transposed
            {
                options with
                    Groups = 2
                    Padding = [ 1 ]
                    Stride = [ 2 ]
            }
            x
            w
            true
    )

    check (
        transposed
            {
                options with
                    Stride = [ 3 ]
                    Padding = [ 1 ]
            }
            x
            [ 4; 2; 2; 2 ]
            true
    )

[<Test>]
let ``transposed convolution is the transpose of convolution`` () =
    let options = {
        Convolution.defaults with
            Stride = [ 2; 1 ]
            Padding = [ 1, 1; 0, 0 ]
            Dilation = [ 1; 2 ]
            Groups = 2
    }

    let weight = Tensor.ofFloats [ 4; 2; 3; 2 ] (snd (random 1 [ 4; 2; 3; 2 ]))
    let x = Tensor.ofFloats [ 2; 4; 6; 5 ] (snd (random 2 [ 2; 4; 6; 5 ]))
    let y, pullback = vjp (Convolution.conv options weight None) x
    let ct = Tensor.ofFloats (dimsOf y) (snd (random 3 (dimsOf y)))

    let direct =
        Convolution.convTranspose
            {
                Stride = [ 2; 1 ]
                Padding = [ 1; 0 ]
                OutputPadding = [ 1; 0 ]
                Dilation = [ 1; 2 ]
                Groups = 2
            }
            weight
            None
            ct

    shouldEqual (dimsOf x) (dimsOf direct)
    shouldBeClose "transpose" 1e-13 (Tensor.toFloats (pullback ct)) (Tensor.toFloats direct)

// ---- windows ----------------------------------------------------------------------------------------------

let private unfolded (options: UnfoldOptions) (kernel: int list) (shape: int list) : Operation =
    let rank = kernel.Length

    let stride, dilation, padding =
        each rank options.Stride, each rank options.Dilation, each rank options.Padding

    let windows =
        List.init rank (fun i ->
            countWindows shape[2 + i] (padding[i], padding[i]) kernel[i] stride[i] dilation[i])

    let loop (xs: float[] list) = [|
        for n in 0 .. shape[0] - 1 do
            for row in cells (shape[1] :: kernel) do
                let c, k = row.Head, row.Tail

                for p in cells windows ->
                    List.init rank (fun i -> p[i] * stride[i] + k[i] * dilation[i] - padding[i])
                    |> read Padding.zeros shape xs[0] n c
    |]

    {
        Name = $"unfold %A{options} %A{kernel} of %A{shape}"
        Apply = fun xs -> Convolution.unfold options kernel xs.Head
        Loop = loop
        Inputs = [ random 1 shape ]
    }

[<Test>]
let ``unfold lists windows as columns`` () =
    check (unfolded Convolution.unfoldDefaults [ 2; 3 ] [ 2; 2; 4; 4 ])
    check (unfolded Convolution.unfoldDefaults [ 2 ] [ 1; 3; 5 ])

    let options: UnfoldOptions = {
        Stride = [ 2; 1 ]
        Padding = [ 1; 0 ]
        Dilation = [ 1; 2 ]
    }

    check (unfolded options [ 3; 2 ] [ 2; 3; 6; 5 ])
    check (unfolded options [ 2; 2 ] [ 1; 1; 3; 4 ])

[<Test>]
let ``fold is the transpose of unfold`` () =
    let options: UnfoldOptions = {
        Stride = [ 2; 1 ]
        Padding = [ 1; 0 ]
        Dilation = [ 1; 2 ]
    }

    let shape = [ 2; 3; 6; 5 ]
    let x = Tensor.ofFloats shape (snd (random 1 shape))
    let columns, pullback = vjp (Convolution.unfold options [ 3; 2 ]) x
    let sizes = dimsOf columns
    let values = snd (random 2 sizes)

    let folded: Operation = {
        Name = "fold"
        Apply = fun xs -> Convolution.fold options [ 3; 2 ] [ 6; 5 ] xs.Head
        Loop = fun xs -> Tensor.toFloats (pullback (Tensor.ofFloats sizes xs.Head))
        Inputs = [ sizes, values ]
    }

    check folded
    // Every element comes back as often as windows hold it.
    let ones = Tensor.ones [ 1; 1; 3; 3 ]

    Convolution.unfold Convolution.unfoldDefaults [ 2; 2 ] ones
    |> Convolution.fold Convolution.unfoldDefaults [ 2; 2 ] [ 3; 3 ]
    |> Tensor.toFloats
    |> shouldBeExactly "counts" [ 1.0; 2.0; 1.0; 2.0; 4.0; 2.0; 1.0; 2.0; 1.0 ]

    shouldEqual
        [ 2; 9 ]
        (dimsOf (Convolution.unfold Convolution.unfoldDefaults [ 2 ] (Tensor.ones [ 1; 10 ])))

    shouldEqual
        [ 1; 10 ]
        (dimsOf (Convolution.fold Convolution.unfoldDefaults [ 2 ] [ 10 ] (Tensor.ones [ 2; 9 ])))

// ---- errors -----------------------------------------------------------------------------------------------

let private conv options weight bias x () =
    Convolution.conv options (Tensor.zeros weight) (Option.map Tensor.zeros bias) (Tensor.zeros x)
    |> ignore

let private convTranspose options weight x () =
    Convolution.convTranspose options (Tensor.zeros weight) None (Tensor.zeros x)
    |> ignore

[<Test>]
let ``operands that do not meet are refused in these words`` () =
    let options = Convolution.defaults

    raises<ShapeException>
        "conv: the weight is [3; 3]; it needs [outChannels; inChannels / groups; kernel…], with one spatial axis at least"
        (conv options [ 3; 3 ] None [ 1; 3; 8 ])

    raises<ShapeException>
        "conv: input [64; 784] does not fit weight [8; 1; 5; 5]: it needs [batch; channels; height; width], or that without the batch; did you forget the channels? add them with unsqueeze"
        (conv options [ 8; 1; 5; 5 ] None [ 64; 784 ])

    raises<ShapeException>
        "conv: input [784] does not fit weight [8; 1; 5; 5]: it needs [batch; channels; height; width], or that without the batch; was it flattened? reshape it back"
        (conv options [ 8; 1; 5; 5 ] None [ 784 ])

    raises<ShapeException>
        "conv: input [2; 8; 8; 3] has 8 channels and weight [4; 3; 3; 3] takes 3; are they last? permute them to stand before the spatial axes"
        (conv options [ 4; 3; 3; 3 ] None [ 2; 8; 8; 3 ])

    raises<ShapeException>
        "conv: input [2; 6; 8; 8] has 6 channels and weight [6; 1; 3; 3] takes 1; did you forget groups = 6?"
        (conv options [ 6; 1; 3; 3 ] None [ 2; 6; 8; 8 ])

    raises<ShapeException>
        "conv: input [2; 5; 8] has 5 channels and weight [4; 2; 3] takes 4 in 2 groups"
        (conv { options with Groups = 2 } [ 4; 2; 3 ] None [ 2; 5; 8 ])

    raises<ShapeException>
        "conv: 3 output channels of weight [3; 2; 3] do not divide into 2 groups"
        (conv { options with Groups = 2 } [ 3; 2; 3 ] None [ 2; 4; 8 ])

    raises<ShapeException>
        "conv: the bias is [3]; it needs [4], one for each channel of the result"
        (conv options [ 4; 3; 3 ] (Some [ 3 ]) [ 2; 3; 8 ])

    raises<ShapeException>
        "conv: the kernel reaches over 5 places of axis -1 of input [1; 3; 6; 4], which has 4; did you forget padding?"
        (conv options [ 4; 3; 5; 5 ] None [ 1; 3; 6; 4 ])

    raises<ShapeException>
        "conv: the kernel reaches over 9 places of axis -2 of input [1; 3; 6; 4], which has 6 and padding 1 + 1; did you forget padding?"
        (conv
            {
                options with
                    Dilation = [ 2 ]
                    Padding = [ 1, 1 ]
            }
            [ 4; 3; 5; 3 ]
            None
            [ 1; 3; 6; 4 ])

[<Test>]
let ``options out of range are refused in these words`` () =
    let options = Convolution.defaults

    let run options =
        conv options [ 4; 3; 3; 3 ] None [ 1; 3; 6; 6 ]

    raises<OptionException> "conv: stride [0]: 0 is below 1" (run { options with Stride = [ 0 ] })

    raises<OptionException>
        "conv: stride [1; 1; 1] needs one number, or one for each of the 2 spatial axes"
        (run { options with Stride = [ 1; 1; 1 ] })

    raises<OptionException> "conv: padding [-1]: -1 is below 0" (run { options with Padding = [ -1, 0 ] })

    raises<OptionException> "conv: groups is 0; it needs to be at least 1" (run { options with Groups = 0 })

    raises<OptionException>
        "convTranspose: outputPadding 2 needs to be below the stride (2) or the dilation (1), on spatial axis 0"
        (convTranspose
            {
                Convolution.transposedDefaults with
                    Stride = [ 2 ]
                    OutputPadding = [ 2 ]
            } [ 3; 4; 3 ] [ 1; 3; 6 ])

    raises<ShapeException>
        "convTranspose: padding 2 leaves nothing of axis -1 for input [1; 3; 2] and weight [3; 4; 3]: it cuts both ends of 4 places"
        (convTranspose
            {
                Convolution.transposedDefaults with
                    Padding = [ 2 ]
            } [ 3; 4; 3 ] [ 1; 3; 2 ])

[<Test>]
let ``windows that do not fit are refused in these words`` () =
    let options = Convolution.unfoldDefaults

    raises<ShapeException>
        "fold: input [1; 8; 8] has 8 windows, and sizes [3; 4] have 6 ([2; 3]); give the options that unfold was given"
        (fun () -> Convolution.fold options [ 2; 2 ] [ 3; 4 ] (Tensor.zeros [ 1; 8; 8 ]) |> ignore)

    raises<ShapeException>
        "fold: axis 1 of input [1; 7; 6] has 7 places, which is not a multiple of the 4 of kernel [2; 2]"
        (fun () -> Convolution.fold options [ 2; 2 ] [ 3; 4 ] (Tensor.zeros [ 1; 7; 6 ]) |> ignore)

    raises<ShapeException>
        "unfold: the kernel reaches over 3 places of axis -1 of input [1; 2; 4; 2], which has 2; did you forget padding?"
        (fun () -> Convolution.unfold options [ 2; 3 ] (Tensor.zeros [ 1; 2; 4; 2 ]) |> ignore)
