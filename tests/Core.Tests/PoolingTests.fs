/// Pooling, against loops over every window.
module FunctionalDL.Tests.PoolingTests

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

/// Where the windows of an axis start: one after the other, while they lie inside; and, rounding up, one more
/// when the last has not reached the end, unless it starts beyond the input and the padding before it.
let private starts size kernel stride padding dilation ceil =
    let last = (kernel - 1) * dilation
    let isInside start = start + last < size + padding

    Seq.initInfinite (fun o -> o * stride - padding)
    |> Seq.takeWhile (fun start ->
        isInside start
        || (ceil && start < size && start - stride + last < size + padding - 1))
    |> Seq.toList

/// For every window of a plane, the places of its elements on each axis, outside ones too.
let private windowsOf (sizes: int list) kernel stride padding dilation ceil =
    let starts =
        List.init sizes.Length (fun i ->
            starts
                sizes[i]
                (List.item i kernel)
                (List.item i stride)
                (List.item i padding)
                (List.item i dilation)
                ceil)

    let windows =
        cells (starts |> List.map List.length)
        |> List.map (fun o -> [
            for k in cells kernel ->
                List.init sizes.Length (fun i -> starts[i][o[i]] + k[i] * (List.item i dilation: int))
        ])

    List.map List.length starts, windows

let private isIn (sizes: int list) place =
    List.forall2 (fun size i -> i >= 0 && i < size) sizes place

/// The same for each plane of `[batch; channels; sizes…]`.
let private onPlanes (shape: int list) (x: float[]) (f: float[] -> float[]) =
    x |> Array.chunkBySize (List.fold (*) 1 shape[2..]) |> Array.collect f

/// The flat places of the first largest elements.
let private largest (sizes: int list) windows (plane: float[]) =
    windows
    |> List.map (fun window ->
        window
        |> List.filter (isIn sizes)
        |> List.map (flatten sizes)
        |> List.reduce (fun best i -> if plane[i] > plane[best] then i else best))
    |> List.toArray

let private maxWindows (options: MaxPoolOptions) (kernel: int list) (shape: int list) =
    let rank = kernel.Length

    let stride =
        if options.Stride.IsEmpty then
            kernel
        else
            each rank options.Stride

    windowsOf
        shape[2..]
        kernel
        stride
        (each rank options.Padding)
        (each rank options.Dilation)
        options.CeilMode

let private maxPool options kernel (shape: int list) : Operation =
    let _, windows = maxWindows options kernel shape

    {
        Name = $"max %A{options} %A{kernel} of %A{shape}"
        Apply = fun xs -> Pooling.max options kernel xs.Head
        Loop =
            fun xs ->
                onPlanes shape xs.Head (fun plane ->
                    largest shape[2..] windows plane |> Array.map (fun i -> plane[i]))
        Inputs = [ shape, distinct (Random 1) shape ]
    }

let private averagePool (options: AveragePoolOptions) (kernel: int list) (shape: int list) : Operation =
    let rank, sizes = kernel.Length, shape[2..]

    let stride =
        if options.Stride.IsEmpty then
            kernel
        else
            each rank options.Stride

    let padding = each rank options.Padding

    let _, windows =
        windowsOf sizes kernel stride padding (List.replicate rank 1) options.CeilMode

    let isCounted place =
        if options.CountIncludePad then
            List.forall2 (fun (size, p) i -> i < size + p) (List.zip sizes padding) place
        else
            isIn sizes place

    let mean plane window =
        let total =
            window |> List.filter (isIn sizes) |> List.map (at sizes plane) |> List.sum

        match options.DivisorOverride with
        | Some divisor -> total / float divisor
        | None -> total / float (window |> List.filter isCounted |> List.length)

    {
        Name = $"average %A{options} %A{kernel} of %A{shape}"
        Apply = fun xs -> Pooling.average options kernel xs.Head
        Loop =
            fun xs -> onPlanes shape xs.Head (fun plane -> windows |> List.map (mean plane) |> List.toArray)
        Inputs = [ shape, uniform (Random 1) -2.0 2.0 shape ]
    }

/// The places of the windows that share an input out evenly.
let private shares (sizes: int list) (outputs: int list) =
    let range i o =
        let size, n = float sizes[i], float outputs[i]
        [ int (Math.Floor(float o * size / n)) .. int (Math.Ceiling(float (o + 1) * size / n)) - 1 ]

    let rec product ranges =
        match ranges with
        | [] -> [ [] ]
        | range :: rest -> [
            for i in range do
                for inner in product rest -> i :: inner
          ]

    cells outputs |> List.map (List.mapi range >> product)

let private adaptive isMax outputs (shape: int list) : Operation =
    let sizes = shape[2..]
    let windows = shares sizes outputs

    let fold plane window =
        let elements = window |> List.map (at sizes plane)
        if isMax then List.max elements else List.average elements

    {
        Name = $"adaptive, max {isMax}, %A{outputs} of %A{shape}"
        Apply =
            fun xs ->
                if isMax then
                    Pooling.adaptiveMax outputs xs.Head
                else
                    Pooling.adaptiveAverage outputs xs.Head
        Loop =
            fun xs -> onPlanes shape xs.Head (fun plane -> windows |> List.map (fold plane) |> List.toArray)
        Inputs = [ shape, distinct (Random 1) shape ]
    }

// ---- the largest ------------------------------------------------------------------------------------------

[<Test>]
let ``max pooling takes the largest of each window, for one to three spatial axes`` () =
    let options = Pooling.maxDefaults
    check (maxPool options [ 2 ] [ 2; 2; 5 ])
    check (maxPool options [ 2; 3 ] [ 2; 2; 5; 6 ])
    check (maxPool options [ 2; 1; 2 ] [ 1; 2; 4; 2; 3 ])

[<Test>]
let ``max pooling with strides, paddings, dilations and a last partial window`` () =
    let options = Pooling.maxDefaults
    let image, kernel = [ 1; 2; 6; 7 ], [ 3; 2 ]
    check (maxPool { options with Stride = [ 1; 2 ] } kernel image)

    check (
        maxPool
            {
                options with
                    Stride = [ 2 ]
                    Padding = [ 1 ]
            }
            kernel
            image
    )

    check (
        maxPool
            {
                options with
                    Dilation = [ 2; 3 ]
                    Stride = [ 1 ]
            }
            kernel
            image
    )

    check (maxPool { options with CeilMode = true } [ 4; 3 ] image)

    check (
        maxPool
            {
                options with
                    CeilMode = true
                    Stride = [ 3; 2 ]
                    Padding = [ 1; 1 ]
            }
            kernel
            image
    )

    check (
        maxPool
            {
                options with
                    CeilMode = true
                    Stride = [ 4 ]
                    Padding = [ 1 ]
            } [ 2 ] [ 1; 1; 4 ]
    )

[<Test>]
let ``places are those of the flattened spatial axes`` () =
    for options in
        [
            Pooling.maxDefaults
            {
                Pooling.maxDefaults with
                    Stride = [ 2; 1 ]
                    Padding = [ 1 ]
                    CeilMode = true
            }
            {
                Pooling.maxDefaults with
                    Stride = [ 1 ]
                    Dilation = [ 2 ]
                    Padding = [ 1; 0 ]
            }
        ] do
        let shape, kernel = [ 2; 2; 6; 5 ], [ 3; 2 ]
        let x = distinct (Random 3) shape
        let counts, windows = maxWindows options kernel shape

        let expected = onPlanes shape x (largest shape[2..] windows >> Array.map float)

        for engine in engineNames do
            let _, places = Pooling.maxWithIndices options kernel (Tensor.ofFloats shape x)
            shouldEqual DType.Int64 places.DType
            shouldEqual [ 2; 2; yield! counts ] (dimsOf places)
            shouldBeExactly $"%A{options} on {engine}" expected (floatsOn (engineOf engine) places)

[<Test>]
let ``the first of several largest elements gets all of the derivative`` () =
    for engine in engineNames do
        let x = Tensor.ofFloats [ 1; 1; 2; 4 ] (Array.create 8 1.0)

        let slope f =
            grad (f >> Tensor.sum) x |> floatsOn (engineOf engine)

        slope (Pooling.max Pooling.maxDefaults [ 2; 2 ])
        |> shouldBeExactly engine [ 1.0; 0.0; 1.0; 0.0; 0.0; 0.0; 0.0; 0.0 ]

        slope (Pooling.adaptiveMax [ 1; 3 ])
        |> shouldBeExactly engine [ 1.0; 1.0; 1.0; 0.0; 0.0; 0.0; 0.0; 0.0 ]

        slope Pooling.globalMax
        |> shouldBeExactly engine [ 1.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0 ]

[<Test>]
let ``padding is never the largest, not even of infinities`` () =
    let options = {
        Pooling.maxDefaults with
            Stride = [ 2 ]
            Padding = [ 1 ]
    }

    let x = float64s [ 1; 1; 4 ] [ -infinity; -infinity; -7.0; -8.0 ]

    for engine in engineNames do
        let floats = floatsOn (engineOf engine)
        let y, places = Pooling.maxWithIndices options [ 3 ] x
        shouldBeExactly engine [ -infinity; -7.0 ] (floats y)
        shouldBeExactly engine [ 0.0; 2.0 ] (floats places)

        grad (Pooling.max options [ 3 ] >> Tensor.sum) x
        |> floats
        |> shouldBeExactly engine [ 1.0; 0.0; 1.0; 0.0 ]

[<Test>]
let ``NaN wins`` () =
    let x = float64s [ 1; 1; 6 ] [ 1.0; nan; 3.0; 4.0; infinity; nan ]

    for engine in engineNames do
        let y, places = Pooling.maxWithIndices Pooling.maxDefaults [ 2 ] x
        shouldBeExactly engine [ nan; 4.0; nan ] (floatsOn (engineOf engine) y)
        shouldBeExactly engine [ 1.0; 3.0; 5.0 ] (floatsOn (engineOf engine) places)

// ---- the mean ---------------------------------------------------------------------------------------------

[<Test>]
let ``average pooling is the mean of each window, for one to three spatial axes`` () =
    let options = Pooling.averageDefaults
    check (averagePool options [ 2 ] [ 2; 2; 5 ])
    check (averagePool options [ 2; 3 ] [ 2; 2; 5; 6 ])
    check (averagePool options [ 2; 1; 2 ] [ 1; 2; 4; 2; 3 ])

[<Test>]
let ``average pooling counts what its options say`` () =
    let image, kernel = [ 1; 2; 6; 7 ], [ 3; 2 ]

    for countIncludePad in [ true; false ] do
        for ceilMode in [ true; false ] do
            let options = {
                Pooling.averageDefaults with
                    CountIncludePad = countIncludePad
                    CeilMode = ceilMode
            }

            check (averagePool { options with Padding = [ 1 ] } kernel image)

            check (
                averagePool
                    {
                        options with
                            Stride = [ 2; 3 ]
                            Padding = [ 1; 0 ]
                    }
                    kernel
                    image
            )

            check (
                averagePool
                    {
                        options with
                            Stride = [ 4 ]
                            Padding = [ 1; 1 ]
                    }
                    kernel
                    image
            )

            check (
                averagePool
                    {
                        options with
                            Stride = [ 2 ]
                            DivisorOverride = Some 5
                    }
                    kernel
                    image
            )

[<Test>]
let ``an infinite element stays in its own windows`` () =
    let x = float64s [ 1; 1; 5 ] [ infinity; 1.0; 2.0; 3.0; 5.0 ]

    for engine in engineNames do
        let floats = floatsOn (engineOf engine)
        shouldBeExactly engine [ infinity; 2.5 ] (floats (Pooling.average Pooling.averageDefaults [ 2 ] x))
        shouldBeExactly engine [ infinity; 2.0; 4.0 ] (floats (Pooling.adaptiveAverage [ 3 ] x))

// ---- as many windows as asked for -------------------------------------------------------------------------

[<Test>]
let ``adaptive pooling shares the input out evenly`` () =
    for isMax in [ true; false ] do
        for outputs, shape in
            [
                [ 3 ], [ 2; 2; 5 ]
                [ 7 ], [ 1; 2; 4 ]
                [ 1; 1 ], [ 2; 2; 3; 4 ]
                [ 2; 3 ], [ 1; 2; 4; 6 ]
                [ 2; 3 ], [ 1; 2; 5; 4 ]
                [ 4; 4 ], [ 1; 2; 4; 7 ]
                [ 2; 1; 3 ], [ 1; 1; 3; 2; 4 ]
            ] do
            check (adaptive isMax outputs shape)

[<Test>]
let ``places of adaptive pooling are those of the flattened spatial axes`` () =
    let shape, outputs = [ 2; 1; 5; 7 ], [ 3; 4 ]
    let x = distinct (Random 5) shape

    let expected =
        onPlanes shape x (largest shape[2..] (shares shape[2..] outputs) >> Array.map float)

    for engine in engineNames do
        let _, places = Pooling.adaptiveMaxWithIndices outputs (Tensor.ofFloats shape x)
        shouldBeExactly engine expected (floatsOn (engineOf engine) places)

[<Test>]
let ``global pooling leaves axes of size 1`` () =
    let x = float64s [ 1; 2; 2; 2 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 9.0 ]

    for engine in engineNames do
        let floats = floatsOn (engineOf engine)
        shouldEqual [ 1; 2; 1; 1 ] (dimsOf (Pooling.globalAverage x))
        shouldBeExactly engine [ 2.5; 6.75 ] (floats (Pooling.globalAverage x))
        shouldBeExactly engine [ 4.0; 9.0 ] (floats (Pooling.globalMax x))

        grad (Pooling.globalAverage >> Tensor.sum) x
        |> floats
        |> shouldBeExactly engine (List.replicate 8 0.25)

[<Test>]
let ``the batch may be missing, or empty`` () =
    let x = Tensor.ofFloats [ 2; 5; 4 ] (distinct (Random 1) [ 2; 5; 4 ])

    for f in
        [
            Pooling.max Pooling.maxDefaults [ 2; 2 ]
            Pooling.maxWithIndices Pooling.maxDefaults [ 2; 2 ] >> snd
            Pooling.average Pooling.averageDefaults [ 2; 2 ]
            Pooling.adaptiveAverage [ 3; 3 ]
            Pooling.adaptiveMax [ 3; 3 ]
            Pooling.adaptiveMaxWithIndices [ 3; 3 ] >> snd
        ] do
        let batched = f (Tensor.unsqueeze 0 x)
        shouldEqual (List.tail (dimsOf batched)) (dimsOf (f x))
        shouldBeExactly "values" (Tensor.toFloats batched) (Tensor.toFloats (f x))

        for engine in engineNames do
            let empty = f (Tensor.zeros [ 0; 2; 5; 4 ])
            shouldEqual (0 :: List.tail (dimsOf batched)) (dimsOf empty)
            shouldBeExactly engine [] (floatsOn (engineOf engine) empty)

// ---- errors -----------------------------------------------------------------------------------------------

[<Test>]
let ``inputs that do not fit are refused in these words`` () =
    let zeros = Tensor.zeros

    raises<ShapeException>
        "maxPool: input [64; 784] does not fit kernel [2; 2]: it needs [batch; channels; height; width], or that without the batch; did you forget the channels? add them with unsqueeze"
        (fun () -> Pooling.max Pooling.maxDefaults [ 2; 2 ] (zeros [ 64; 784 ]) |> ignore)

    raises<ShapeException>
        "averagePool: the kernel reaches over 3 places of axis -1 of input [1; 1; 4; 2], which has 2; did you forget padding?"
        (fun () ->
            Pooling.average Pooling.averageDefaults [ 3; 3 ] (zeros [ 1; 1; 4; 2 ])
            |> ignore)

    raises<ShapeException>
        "maxPool: a window of spatial axis 0 has no element of the 3 there are; use less dilation"
        (fun () ->
            Pooling.max
                {
                    Pooling.maxDefaults with
                        Padding = [ 1 ]
                        Dilation = [ 4 ]
                }
                [ 2 ]
                (zeros [ 1; 1; 3 ])
            |> ignore)

    raises<ShapeException> "adaptiveAveragePool: axis -1 of input [1; 2; 0] has no elements" (fun () ->
        Pooling.adaptiveAverage [ 2 ] (zeros [ 1; 2; 0 ]) |> ignore)

    raises<ShapeException>
        "globalAveragePool: input [2; 8] has no spatial axes; it needs [batch; channels; spatial…]: was it flattened?"
        (fun () -> Pooling.globalAverage (zeros [ 2; 8 ]) |> ignore)

    raises<DTypeException>
        "maxPool: input is uint8[1; 1; 4]; it needs a floating-point type: cast it to float32 first"
        (fun () ->
            Pooling.max Pooling.maxDefaults [ 2 ] (Tensor.ofBytes [ 1; 1; 4 ] (Array.zeroCreate 4))
            |> ignore)

[<Test>]
let ``options out of range are refused in these words`` () =
    let x = Tensor.zeros [ 1; 1; 8; 8 ]

    raises<OptionException>
        "maxPool: padding 2 is more than half the kernel (3), on spatial axis 0: a window could hold nothing else"
        (fun () ->
            Pooling.max
                {
                    Pooling.maxDefaults with
                        Padding = [ 2 ]
                }
                [ 3; 3 ]
                x
            |> ignore)

    raises<OptionException>
        "maxPool: stride [2; 2; 2] needs one number, or one for each of the 2 spatial axes"
        (fun () ->
            Pooling.max
                {
                    Pooling.maxDefaults with
                        Stride = [ 2; 2; 2 ]
                }
                [ 3; 3 ]
                x
            |> ignore)

    raises<OptionException> "averagePool: divisorOverride is 0; nothing is divided by it" (fun () ->
        Pooling.average
            {
                Pooling.averageDefaults with
                    DivisorOverride = Some 0
            }
            [ 2; 2 ]
            x
        |> ignore)

    raises<OptionException> "adaptiveMaxPool: output size [0; 2]: 0 is below 1" (fun () ->
        Pooling.adaptiveMax [ 0; 2 ] x |> ignore)

    raises<OptionException>
        "averagePool: the kernel is empty; it needs a size for each spatial axis"
        (fun () -> Pooling.average Pooling.averageDefaults [] x |> ignore)
