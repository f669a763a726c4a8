/// Other sizes and sampled places, against loops over every new element.
module FunctionalDL.Tests.InterpolationTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Slopes

// ---- other sizes ------------------------------------------------------------------------------------------

/// The share of element `i` in the value at `place`, for elements at 0, 1, … of which the outermost go on for
/// ever.
let private shareAt mode size (place: float) i =
    match mode with
    | InterpolationMode.Nearest ->
        if i = min (size - 1) (int (Math.Floor(place + 1e-9))) then
            1.0
        else
            0.0
    | InterpolationMode.Linear ->
        let inside = Math.Clamp(place, 0.0, float (size - 1))
        max 0.0 (1.0 - abs (inside - float i))
    | InterpolationMode.Cubic ->
        // Keys' kernel with a = -0.75, by its definition.
        let kernel (d: float) =
            let d = abs d

            if d <= 1.0 then
                1.25 * d ** 3.0 - 2.25 * d ** 2.0 + 1.0
            elif d < 2.0 then
                -0.75 * (d ** 3.0 - 5.0 * d ** 2.0 + 8.0 * d - 4.0)
            else
                0.0

        let first = int (Math.Floor place)

        sum [
            for k in first - 1 .. first + 2 do
                if Math.Clamp(k, 0, size - 1) = i then
                    kernel (place - float k)
        ]
    | InterpolationMode.Area -> invalidOp "area is adaptive pooling"

let private resized (options: InterpolationOptions) size (shape: int list) : Operation =
    let sizes = shape[2..]
    let rank = sizes.Length

    let outputs, steps =
        match size with
        | InterpolationSize.Sizes outputs ->
            outputs, List.map2 (fun size n -> float size / float n) sizes outputs
        | InterpolationSize.Scales scales ->
            List.map2 (fun size scale -> int (Math.Floor(float size * scale))) sizes scales,
            scales |> List.map (fun s -> 1.0 / s)

    let place i o =
        if options.AlignCorners then
            if outputs[i] = 1 then
                0.0
            else
                float o * float (sizes[i] - 1) / float (outputs[i] - 1)
        elif options.Mode = InterpolationMode.Nearest then
            float o * steps[i]
        else
            (float o + 0.5) * steps[i] - 0.5

    let loop (xs: float[] list) =
        build (shape[0] :: shape[1] :: outputs) (fun position ->
            sum [
                for k in cells sizes ->
                    let share =
                        List.init rank (fun i ->
                            shareAt options.Mode sizes[i] (place i position[2 + i]) k[i])
                        |> List.fold (*) 1.0

                    share * at shape xs.Head (position[0] :: position[1] :: k)
            ])

    {
        Name = $"interpolate %A{options} %A{size} of %A{shape}"
        Apply = fun xs -> Interpolation.interpolate options size xs.Head
        Loop = loop
        Inputs = [ shape, uniform (Random 1) -2.0 2.0 shape ]
    }

[<Test>]
let ``every mode makes every size, for one to three spatial axes`` () =
    for mode, aligned in
        [
            InterpolationMode.Nearest, false
            InterpolationMode.Linear, false
            InterpolationMode.Linear, true
            InterpolationMode.Cubic, false
            InterpolationMode.Cubic, true
        ] do
        let options: InterpolationOptions = { Mode = mode; AlignCorners = aligned }

        for outputs, shape in
            [
                [ 7 ], [ 2; 2; 4 ]
                [ 2 ], [ 1; 2; 5 ]
                [ 8 ], [ 1; 1; 4 ]
                [ 1; 3 ], [ 1; 1; 3; 1 ]
                [ 7; 3 ], [ 1; 2; 4; 4 ]
                [ 2; 5; 3 ], [ 1; 1; 3; 2; 3 ]
            ] do
            check (resized options (InterpolationSize.Sizes outputs) shape)

[<Test>]
let ``scales lay places exactly as far apart as they say`` () =
    for mode in [ InterpolationMode.Nearest; InterpolationMode.Linear; InterpolationMode.Cubic ] do
        let options: InterpolationOptions = { Mode = mode; AlignCorners = false }

        for scales, shape in
            [ [ 2.0 ], [ 1; 2; 4 ]; [ 1.3; 0.5 ], [ 1; 1; 5; 5 ]; [ 1.1; 2.3 ], [ 1; 1; 3; 3 ] ] do
            check (resized options (InterpolationSize.Scales scales) shape)

[<Test>]
let ``nearest doubles by repeating, and its gradient adds the copies`` () =
    let x = float64s [ 1; 1; 3 ] [ 1.0; 2.0; 3.0 ]

    let double =
        Interpolation.interpolate Interpolation.defaults (InterpolationSize.Scales [ 2.0 ])

    for engine in engineNames do
        let floats = floatsOn (engineOf engine)
        shouldBeExactly engine [ 1.0; 1.0; 2.0; 2.0; 3.0; 3.0 ] (floats (double x))
        let weight = Tensor.ofFloats [ 6 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]

        grad (fun x -> Tensor.sum (double x * weight)) x
        |> floats
        |> shouldBeExactly engine [ 3.0; 7.0; 11.0 ]

[<Test>]
let ``nearest finds every element that rounding has put just below its place`` () =
    // 49 · (2 / 98) is 0.99… in float64.
    let x = float64s [ 1; 1; 2 ] [ 0.0; 1.0 ]

    Interpolation.interpolate Interpolation.defaults (InterpolationSize.Sizes [ 98 ]) x
    |> Tensor.toFloats
    |> shouldBeExactly "halves" [ for i in 0..97 -> float (i / 49) ]

[<Test>]
let ``area is adaptive average pooling, and whole numbers take the nearest`` () =
    let x = Tensor.ofFloats [ 1; 1; 5; 4 ] (distinct (Random 1) [ 1; 1; 5; 4 ])

    let area: InterpolationOptions = {
        Mode = InterpolationMode.Area
        AlignCorners = false
    }

    shouldBeExactly
        "area"
        (Tensor.toFloats (Pooling.adaptiveAverage [ 3; 2 ] x))
        (Tensor.toFloats (Interpolation.interpolate area (InterpolationSize.Sizes [ 3; 2 ]) x))

    let whole =
        Interpolation.interpolate
            Interpolation.defaults
            (InterpolationSize.Sizes [ 3 ])
            (Tensor.ofBytes [ 1; 1; 2 ] [| 5uy; 7uy |])

    shouldEqual DType.UInt8 whole.DType
    shouldEqual [| 5L; 5L; 7L |] (Tensor.toInt64s whole)

// ---- grids ------------------------------------------------------------------------------------------------

let private affine aligned (sizes: int list) : Operation =
    let rank = sizes.Length
    let shape = [ 2; rank; rank + 1 ]

    let loop (xs: float[] list) =
        build (2 :: sizes @ [ rank ]) (fun position ->
            let place axis =
                let i, size = float position[1 + axis], float sizes[axis]

                if not aligned then (2.0 * i + 1.0) / size - 1.0
                elif sizes[axis] = 1 then 0.0
                else 2.0 * i / (size - 1.0) - 1.0

            // x, y, z: the innermost axis first, and 1 for the shift.
            let point = [ for axis in rank - 1 .. -1 .. 0 -> place axis ] @ [ 1.0 ]
            let row = position[1 + rank]

            point
            |> List.mapi (fun j p -> p * at shape xs.Head [ position[0]; row; j ])
            |> sum)

    {
        Name = $"affineGrid {aligned} %A{sizes}"
        Apply = fun xs -> Interpolation.affineGrid aligned sizes xs.Head
        Loop = loop
        Inputs = [ shape, uniform (Random 1) -1.0 1.0 shape ]
    }

[<Test>]
let ``affine grids map places, for one to three spatial axes`` () =
    for aligned in [ true; false ] do
        for sizes in [ [ 4 ]; [ 3; 4 ]; [ 1; 3 ]; [ 2; 3; 2 ] ] do
            check (affine aligned sizes)

/// One axis of the input at `place`, brought inside as PyTorch does.
let private inside padding aligned size (place: float) =
    let last = float (size - 1)

    match padding with
    | SamplePadding.Zeros -> place
    | SamplePadding.Border -> Math.Clamp(place, 0.0, last)
    | SamplePadding.Reflection ->
        let low, high = if aligned then 0.0, last else -0.5, last + 0.5
        let mutable p = place

        // Mirrored at one end after the other until it lies between them.
        while p < low || p > high do
            p <- if p < low then 2.0 * low - p else 2.0 * high - p

        Math.Clamp(p, 0.0, last)

let private sampled (options: GridSampleOptions) (shape: int list) (outputs: int list) seed : Operation =
    let rng = Random(seed: int)
    let rank, sizes = outputs.Length, shape[2..]
    let gridShape = shape[0] :: outputs @ [ rank ]

    let unnormalised axis (c: float) =
        let size = float sizes[axis]

        if options.AlignCorners then
            (c + 1.0) / 2.0 * (size - 1.0)
        else
            ((c + 1.0) * size - 1.0) / 2.0

    // Away from whole and half places, where the values have kinks.
    let grid =
        build gridShape (fun position ->
            let size = sizes[rank - 1 - List.last position]
            let share = oneOf rng [ 0.2; 0.3; 0.7; 0.8 ]
            let place = float (rng.Next(-size - 2, 2 * size + 2)) + share

            if not options.AlignCorners then
                (2.0 * place + 1.0) / float size - 1.0
            elif size = 1 then
                place
            else
                2.0 * place / float (size - 1) - 1.0)

    let loop (xs: float[] list) =
        build (shape[0] :: shape[1] :: outputs) (fun position ->
            let point axis =
                at gridShape xs[1] (position[0] :: position[2..] @ [ rank - 1 - axis ])
                |> unnormalised axis
                |> inside options.Padding options.AlignCorners sizes[axis]

            let point = List.init rank point

            sum [
                for k in cells sizes ->
                    let share axis =
                        match options.Mode with
                        | SampleMode.Nearest -> if Math.Round point[axis] = float k[axis] then 1.0 else 0.0
                        | SampleMode.Linear -> max 0.0 (1.0 - abs (point[axis] - float k[axis]))

                    List.init rank share
                    |> List.fold (*) (at shape xs[0] (position[0] :: position[1] :: k))
            ])

    {
        Name = $"gridSample %A{options} of %A{shape} at %A{outputs}"
        Apply = fun xs -> Interpolation.gridSample options xs[1] xs[0]
        Loop = loop
        Inputs = [ shape, uniform rng -2.0 2.0 shape; gridShape, grid ]
    }

[<Test>]
let ``sampling in every mode, by values and by the gradients of input and grid`` () =
    for mode in [ SampleMode.Linear; SampleMode.Nearest ] do
        for padding in [ SamplePadding.Zeros; SamplePadding.Border; SamplePadding.Reflection ] do
            for aligned in [ true; false ] do
                let options: GridSampleOptions = {
                    Mode = mode
                    Padding = padding
                    AlignCorners = aligned
                }

                check (sampled options [ 2; 2; 4; 3 ] [ 2; 3 ] 1)

                if mode = SampleMode.Linear then
                    check (sampled options [ 1; 2; 5 ] [ 6 ] 2)

                    if not aligned then
                        check (sampled options [ 1; 1; 2; 3; 2 ] [ 2; 1; 3 ] 3)

[<Test>]
let ``the identity samples what is there`` () =
    let x = Tensor.ofFloats [ 1; 2; 3; 4 ] (distinct (Random 1) [ 1; 2; 3; 4 ])
    let identity = float64s [ 1; 2; 3 ] [ 1.0; 0.0; 0.0; 0.0; 1.0; 0.0 ]

    for engine in engineNames do
        for aligned in [ true; false ] do
            let grid = Interpolation.affineGrid aligned [ 3; 4 ] identity

            let y =
                Interpolation.gridSample
                    {
                        Interpolation.sampleDefaults with
                            AlignCorners = aligned
                    }
                    grid
                    x

            shouldBeClose engine 1e-14 (Tensor.toFloats x) (floatsOn (engineOf engine) y)

[<Test>]
let ``places far outside and NaN index nothing`` () =
    let x = float64s [ 1; 1; 3 ] [ 1.0; 2.0; infinity ]
    let grid = float64s [ 1; 4; 1 ] [ 1e30; -1e30; nan; 0.0 ]

    for engine in engineNames do
        let nearest = {
            Interpolation.sampleDefaults with
                Mode = SampleMode.Nearest
        }

        Interpolation.gridSample nearest grid x
        |> floatsOn (engineOf engine)
        |> shouldBeExactly engine [ 0.0; 0.0; 0.0; 2.0 ]

// ---- errors -----------------------------------------------------------------------------------------------

[<Test>]
let ``what cannot be interpolated is refused in these words`` () =
    let resize options size shape () =
        Interpolation.interpolate options size (Tensor.zeros shape) |> ignore

    let nearest = Interpolation.defaults

    let linear = {
        nearest with
            Mode = InterpolationMode.Linear
    }

    raises<ShapeException>
        "interpolate: input [8; 8] has no spatial axes; it needs [batch; channels; spatial…]: add the missing ones with unsqueeze"
        (resize nearest (InterpolationSize.Sizes [ 4 ]) [ 8; 8 ])

    raises<OptionException>
        "interpolate: size [4; 4; 4] needs one number, or one for each of the 2 spatial axes"
        (resize nearest (InterpolationSize.Sizes [ 4; 4; 4 ]) [ 1; 1; 8; 8 ])

    raises<OptionException>
        "interpolate: scale 0.1 leaves nothing of axis -1 of input [1; 1; 8]"
        (resize nearest (InterpolationSize.Scales [ 0.1 ]) [ 1; 1; 8 ])

    raises<OptionException>
        "interpolate: alignCorners means nothing to Nearest; it goes with Linear and Cubic"
        (resize { nearest with AlignCorners = true } (InterpolationSize.Sizes [ 4 ]) [ 1; 1; 8 ])

    raises<ShapeException>
        "interpolate: a spatial axis of input [1; 1; 0] has no elements"
        (resize linear (InterpolationSize.Sizes [ 4 ]) [ 1; 1; 0 ])

    raises<DTypeException>
        "interpolate: input is uint8[1; 1; 2]; Linear needs a floating-point type: cast it to float32 first"
        (fun () ->
            Interpolation.interpolate
                linear
                (InterpolationSize.Sizes [ 4 ])
                (Tensor.ofBytes [ 1; 1; 2 ] [| 1uy; 2uy |])
            |> ignore)

[<Test>]
let ``grids that do not meet their input are refused in these words`` () =
    raises<ShapeException>
        "affineGrid: theta is [2; 2; 2]; 2 spatial sizes need [batch; 2; 3]: a linear map with the shift as its last column"
        (fun () -> Interpolation.affineGrid false [ 4; 4 ] (Tensor.zeros [ 2; 2; 2 ]) |> ignore)

    let sample grid x () =
        Interpolation.gridSample Interpolation.sampleDefaults (Tensor.zeros grid) (Tensor.zeros x)
        |> ignore

    raises<ShapeException>
        "gridSample: the grid is [1; 2; 5; 5] and the input [1; 3; 8; 8]; it needs [1; sizes of the result…; 2], with as many sizes as the input has; are the coordinates its second axis? permute them to the end"
        (sample [ 1; 2; 5; 5 ] [ 1; 3; 8; 8 ])

    raises<ShapeException>
        "gridSample: the grid is [5; 5; 2] and the input [1; 3; 8; 8]; it needs [1; sizes of the result…; 2], with as many sizes as the input has; did you forget the batch? add it with unsqueeze"
        (sample [ 5; 5; 2 ] [ 1; 3; 8; 8 ])

    raises<ShapeException>
        "gridSample: a spatial axis of input [1; 3; 0; 8] has no elements"
        (sample [ 1; 5; 5; 2 ] [ 1; 3; 0; 8 ])
