namespace FunctionalDL.Core

open System

/// How elements between the given ones are made up.
[<RequireQualifiedAccess>]
type InterpolationMode =
    /// The given element at or before the place.
    | Nearest
    /// On the straight line between the two neighbours of each axis: linear, bilinear, trilinear.
    | Linear
    /// On a cubic through four neighbours of each axis: bicubic. R. Keys, "Cubic convolution interpolation
    /// for digital image processing", 1981, with a = -0.75.
    | Cubic
    /// The mean of the elements that the new one covers: `Pooling.adaptiveAverage`.
    | Area

/// How large a result of interpolation is: one number for each spatial axis, or one for all.
[<RequireQualifiedAccess>]
type InterpolationSize =
    /// The sizes themselves.
    | Sizes of int list
    /// The sizes are the input's times these, rounded down, and places lie exactly this far apart.
    | Scales of float list

/// How `Interpolation.interpolate` works.
type InterpolationOptions = {
    /// How elements are made up; the default is `Nearest`.
    Mode: InterpolationMode
    /// For `Linear` and `Cubic`: whether the first and last elements stay where they are, so that the
    /// corners' centres are aligned. The default, no, aligns the corners' outer edges.
    AlignCorners: bool
}

/// How `Interpolation.gridSample` takes a value between elements.
[<RequireQualifiedAccess>]
type SampleMode =
    /// Between the two neighbours of each axis.
    | Linear
    /// The nearest element; half-way, the one with an even place.
    | Nearest

/// What `Interpolation.gridSample` finds outside its input.
[<RequireQualifiedAccess>]
type SamplePadding =
    /// Zeros.
    | Zeros
    /// The element at the edge.
    | Border
    /// The input mirrored at its edges, as often as needed.
    | Reflection

/// How `Interpolation.gridSample` reads its input.
type GridSampleOptions = {
    /// How values between elements are taken; the default is `Linear`.
    Mode: SampleMode
    /// What stands outside the input; the default is `Zeros`.
    Padding: SamplePadding
    /// Whether -1 and 1 are the centres of the first and last elements. The default, no, makes them their
    /// outer edges.
    AlignCorners: bool
}

/// Values between the elements of the spatial axes of `[batch; channels; spatial…]`, for any number of
/// spatial axes.
[<RequireQualifiedAccess>]
module Interpolation =

    /// `Nearest`, corners not aligned.
    let defaults: InterpolationOptions = {
        Mode = InterpolationMode.Nearest
        AlignCorners = false
    }

    /// `Linear`, `Zeros`, corners not aligned.
    let sampleDefaults: GridSampleOptions = {
        Mode = SampleMode.Linear
        Padding = SamplePadding.Zeros
        AlignCorners = false
    }

    // ---- other sizes ----------------------------------------

    /// A given element that a new one is made from, and its share.
    [<Struct>]
    type private Tap = { Place: int; Share: float }

    /// Where new places lie among the old ones, which lie at 0, 1, ….
    let private source (options: InterpolationOptions) size outputs (scale: float option) =
        let step =
            if options.AlignCorners then
                if outputs > 1 then
                    float (size - 1) / float (outputs - 1)
                else
                    0.0
            else
                match scale with
                | Some scale -> 1.0 / scale
                | None -> float size / float outputs

        if options.AlignCorners || options.Mode = InterpolationMode.Nearest then
            fun i -> float i * step
        else
            fun i -> (float i + 0.5) * step - 0.5

    let private nearestTaps size outputs (at: int -> float) : Tap[][] =
        Array.init outputs (fun i ->
            // A product that rounding has left just below a whole number is that number.
            let place = int (MathF.Floor(float32 (at i)))

            [|
                {
                    Place = min place (size - 1)
                    Share = 1.0
                }
            |])

    let private linearTaps size outputs (at: int -> float) : Tap[][] =
        Array.init outputs (fun i ->
            let place = max 0.0 (at i)
            let first = min (int place) (size - 1)
            let share = min 1.0 (place - float first)

            [|
                { Place = first; Share = 1.0 - share }
                {
                    Place = min (first + 1) (size - 1)
                    Share = share
                }
            |])

    let private cubicTaps size outputs (at: int -> float) : Tap[][] =
        let a = -0.75

        let near x =
            ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0

        let far x =
            ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a

        Array.init outputs (fun i ->
            let place = at i
            let first = min (int (Math.Floor place)) (size - 1)
            let t = Math.Clamp(place - float first, 0.0, 1.0)
            let shares = [| far (t + 1.0); near t; near (1.0 - t); far (2.0 - t) |]

            shares
            |> Array.mapi (fun j share -> {
                Place = Math.Clamp(first - 1 + j, 0, size - 1)
                Share = share
            }))

    /// `x` with new places on an axis.
    let private resample axis (taps: Tap[][]) (x: Tensor) =
        let size, outputs = x.Shape[axis], taps.Length
        let count = taps[0].Length
        let places j = taps |> Array.map (fun t -> t[j].Place)

        let isRepeat =
            count = 1
            && outputs % size = 0
            && places 0 = Array.init outputs (fun i -> i / (outputs / size))

        if isRepeat then
            let dims = List.ofArray (x.Shape.ToArray())
            let before, after = dims[..axis], dims[axis + 1 ..]

            x
            |> Tensor.unsqueeze (axis + 1)
            |> Tensor.expand [ yield! before; outputs / size; yield! after ]
            |> Tensor.reshape [ yield! dims[.. axis - 1]; outputs; yield! after ]
        else
            let part j =
                let taken =
                    x
                    |> Tensor.indexSelect axis (Tensor.ofInt64s [ outputs ] (Array.map int64 (places j)))

                if count = 1 then
                    taken
                else
                    let shares = taps |> Array.map (fun t -> t[j].Share)
                    taken * Spatial.constant x (Spatial.along x.Rank axis outputs) shares

            Seq.init count part |> Seq.reduce (+)

    /// The sizes of the result, and the scale of each axis where one was given.
    let private outputsOf operation size rank (x: Tensor) =
        match size with
        | InterpolationSize.Sizes sizes -> Spatial.each operation "size" rank 1 sizes, Array.create rank None
        | InterpolationSize.Scales scales ->
            let scales =
                match scales with
                | [ one ] -> List.replicate rank one
                | _ -> scales

            if scales.Length <> rank then
                Fail.option (
                    $"{operation}: {scales.Length} scales; "
                    + $"it needs one, or one for each of the {rank} spatial axes"
                )

            let outputs =
                scales
                |> List.mapi (fun i scale ->
                    let outputs = Math.Floor(float x.Shape[i - rank] * scale)

                    if not (outputs >= 1.0) then
                        Fail.option
                            $"{operation}: scale {scale} leaves nothing of axis {i - rank} of input {x.Shape}"

                    int outputs)

            List.toArray outputs, scales |> List.map Some |> List.toArray

    /// `x` with other sizes of its spatial axes: `[batch; channels; spatial…] -> [batch; channels; sizes…]`;
    /// the batch may not be missing. Raises ShapeException for an input without spatial axes or elements, and
    /// OptionException for sizes or scales out of range and for aligned corners of `Nearest` and `Area`.
    /// PyTorch: `F.interpolate`.
    let interpolate (options: InterpolationOptions) (size: InterpolationSize) (x: Tensor) =
        let operation = "interpolate"

        if x.Rank < 3 then
            Fail.shape (
                $"{operation}: input {x.Shape} has no spatial axes; it needs [batch; channels; spatial…]: "
                + "add the missing ones with unsqueeze"
            )

        let rank = x.Rank - 2
        let outputs, scales = outputsOf operation size rank x
        let sizes = x.Shape.ToArray()[2..]

        if Array.contains 0 sizes then
            Fail.shape $"{operation}: a spatial axis of input {x.Shape} has no elements"

        let along (makeTaps: int -> int -> (int -> float) -> Tap[][]) =
            let resize x i =
                // An axis that keeps its size keeps its elements, unless a scale moves them.
                if outputs[i] = sizes[i] && (scales[i].IsNone || scales[i] = Some 1.0) then
                    x
                else
                    let at = source options sizes[i] outputs[i] scales[i]
                    resample (2 + i) (makeTaps sizes[i] outputs[i] at) x

            Seq.fold resize x (seq { 0 .. rank - 1 })

        let requireFloat () =
            if not (DType.isFloat x.DType) then
                Fail.dtype (
                    $"{operation}: input is {x.DType}{x.Shape}; {options.Mode} needs a floating-point type: "
                    + "cast it to float32 first"
                )

        let refuseAligned () =
            if options.AlignCorners then
                Fail.option (
                    $"{operation}: alignCorners means nothing to {options.Mode}; "
                    + "it goes with Linear and Cubic"
                )

        match options.Mode with
        | InterpolationMode.Nearest ->
            refuseAligned ()
            along nearestTaps
        | InterpolationMode.Linear ->
            requireFloat ()
            along linearTaps
        | InterpolationMode.Cubic ->
            requireFloat ()
            along cubicTaps
        | InterpolationMode.Area ->
            refuseAligned ()
            Pooling.adaptiveAverage (List.ofArray outputs) x

    // ---- grids ----------------------------------------

    /// A grid of places for `gridSample` that maps the result onto the input by an affine map.
    /// `theta: [batch; rank; rank + 1]`, `sizes` the spatial sizes of the result, outermost first
    /// `-> [batch; sizes…; rank]`, the last axis with the innermost coordinate first (x, y, z): `grid[n, p] =
    /// theta[n] · (x, y, …, 1)` for the place `(x, y, …)` of `p` in [-1, 1]. `alignCorners` as in
    /// `gridSample`. Raises ShapeException when `theta` does not have this form. PyTorch: `F.affine_grid`.
    let affineGrid alignCorners (sizes: int list) (theta: Tensor) =
        let operation = "affineGrid"
        let rank = sizes.Length
        let sizes = Spatial.each operation "size" rank 1 sizes

        if theta.Rank <> 3 || theta.Shape[1] <> rank || theta.Shape[2] <> rank + 1 then
            Fail.shape (
                $"{operation}: theta is {theta.Shape}; "
                + $"{rank} spatial sizes need [batch; {rank}; {rank + 1}]: "
                + "a linear map with the shift as its last column"
            )

        let column j =
            theta
            |> Tensor.narrow 2 j 1
            |> Tensor.reshape [ theta.Shape[0]; yield! List.replicate rank 1; rank ]

        let coordinate axis =
            let size = sizes[axis]

            let place i =
                if alignCorners then
                    if size = 1 then
                        0.0
                    else
                        2.0 * float i / float (size - 1) - 1.0
                else
                    (2.0 * float i + 1.0) / float size - 1.0

            Spatial.constant theta (Spatial.along (rank + 1) axis size) (Array.init size place)

        // The innermost axis is the first coordinate.
        let linear =
            Seq.init rank (fun j -> coordinate (rank - 1 - j) * column j) |> Seq.reduce (+)

        linear + column rank

    /// A place in [-1, 1] as one among the elements of an axis, which lie at 0, 1, ….
    let private unnormalise alignCorners size (c: Tensor) =
        if alignCorners then
            (c + 1.0) / 2.0 * float (size - 1)
        else
            ((c + 1.0) * float size - 1.0) / 2.0

    /// Cut to the elements there are; at and beyond the edges nothing moves, as in PyTorch.
    let private clip size (place: Tensor) =
        let last = float (size - 1)
        let bound (value: float) = Tensor.full place.DType [] value
        let low, high = bound 0.0, bound last

        Tensor.where (Tensor.le place low) low (Tensor.where (Tensor.ge place high) high place)

    /// Mirrored between `low` and `high` as often as needed.
    let private reflect (low: float) (high: float) (place: Tensor) =
        if low = high then
            Tensor.zerosLike place
        else
            let span = high - low
            let zero = Tensor.full place.DType [] 0.0
            let shifted = place - low
            let away = Tensor.where (Tensor.lt shifted zero) (-shifted) shifted
            let flips = Tensor.floor (away / span)
            let rest = away - flips * span
            let isOdd = Tensor.ne (flips - 2.0 * Tensor.floor (flips / 2.0)) zero
            Tensor.where isOdd (span - rest) rest + low

    let private sourcePlace (options: GridSampleOptions) size (c: Tensor) =
        let place = unnormalise options.AlignCorners size c

        match options.Padding with
        | SamplePadding.Zeros -> place
        | SamplePadding.Border -> clip size place
        | SamplePadding.Reflection ->
            let low, high =
                if options.AlignCorners then
                    0.0, float (size - 1)
                else
                    -0.5, float size - 0.5

            clip size (reflect low high place)

    /// The elements of `x: [batch; channels; plane]` at whole places `[batch; points]` of each spatial axis;
    /// zeros outside.
    let private elementsAt (sizes: int[]) (places: Tensor list) (x: Tensor) =
        let points = places.Head.Shape[1]
        let zero = Tensor.full places.Head.DType [] 0.0

        let inside =
            List.zip (List.ofArray sizes) places
            |> List.map (fun (size, place) ->
                let last = Tensor.full place.DType [] (float (size - 1))
                Tensor.where (Tensor.ge place zero) (Tensor.le place last) (Tensor.ofBools [] [| false |]))
            |> List.reduce (fun a b -> Tensor.where a b (Tensor.ofBools [] [| false |]))

        // Places outside, and NaN, must not become an index.
        let flat =
            List.zip (List.ofArray sizes) places
            |> List.map (fun (size, place) ->
                size, Tensor.where inside place zero |> Tensor.stopGradient |> Tensor.cast DType.Int64)
            |> List.reduce (fun (_, flat) (size, place) -> size, flat * size + place)
            |> snd

        let dims = [ x.Shape[0]; x.Shape[1]; points ]

        let taken = x |> Tensor.gather 2 (Tensor.unsqueeze 1 flat |> Tensor.expand dims)

        Tensor.where (Tensor.unsqueeze 1 inside) taken (Tensor.full x.DType [] 0.0)

    let private requireGrid operation (grid: Tensor) (x: Tensor) =
        let rank = x.Rank - 2

        if x.Rank < 3 then
            Fail.shape
                $"{operation}: input {x.Shape} has no spatial axes; it needs [batch; channels; spatial…]"

        if grid.Rank <> x.Rank || grid.Shape[0] <> x.Shape[0] || grid.Shape[-1] <> rank then
            let fix =
                if grid.Rank = x.Rank && grid.Shape[1] = rank && grid.Shape[0] = x.Shape[0] then
                    "; are the coordinates its second axis? permute them to the end"
                elif grid.Rank = x.Rank - 1 && grid.Shape[-1] = rank then
                    "; did you forget the batch? add it with unsqueeze"
                else
                    ""

            Fail.shape (
                $"{operation}: the grid is {grid.Shape} and the input {x.Shape}; it needs [{x.Shape[0]}; "
                + $"sizes of the result…; {rank}], with as many sizes as the input has{fix}"
            )

        if Seq.exists (fun a -> x.Shape[a] = 0) (seq { 2 .. x.Rank - 1 }) then
            Fail.shape $"{operation}: a spatial axis of input {x.Shape} has no elements"

        let refuse (t: Tensor) what =
            if not (DType.isFloat t.DType) then
                Fail.dtype (
                    $"{operation}: the {what} is {t.DType}{t.Shape}; "
                    + "it needs a floating-point type: cast it to float32 first"
                )

        refuse x "input"
        refuse grid "grid"

    /// The values of `x` at the places of `grid`. `x: [batch; channels; spatial…]`,
    /// `grid: [batch; sizes…; rank]` with places in [-1, 1], the innermost coordinate first (x, y, z)
    /// `-> [batch; channels; sizes…]`. Derivatives go to both; in mode `Nearest` that of the grid is 0.
    /// Raises ShapeException when the two do not meet, and DTypeException unless elements are real numbers.
    /// PyTorch: `F.grid_sample`.
    let gridSample (options: GridSampleOptions) (grid: Tensor) (x: Tensor) =
        requireGrid "gridSample" grid x
        let dtype = DType.promote grid.DType x.DType
        let grid, x = Tensor.cast dtype grid, Tensor.cast dtype x
        let rank = x.Rank - 2
        let sizes = x.Shape.ToArray()[2..]
        let outputs = grid.Shape.ToArray()[1..rank]
        let batch, channels = x.Shape[0], x.Shape[1]
        let points, elements = Array.fold (*) 1 outputs, Array.fold (*) 1 sizes
        let plane = Tensor.reshape [ batch; channels; elements ] x
        let flatGrid = Tensor.reshape [ batch; points; rank ] grid

        let places =
            List.init rank (fun axis ->
                flatGrid
                |> Tensor.narrow 2 (rank - 1 - axis) 1
                |> Tensor.squeeze 2
                |> sourcePlace options sizes[axis])

        let values =
            match options.Mode with
            | SampleMode.Nearest -> elementsAt sizes (List.map Tensor.round places) plane
            | SampleMode.Linear ->
                /// The corners around each place: the whole places of all axes, and their share.
                let rec corners places =
                    match places with
                    | [] -> [ [], [] ]
                    | place :: rest ->
                        let first = Tensor.floor place
                        let share: Tensor = place - first

                        [
                            for at, weight in [ first, 1.0 - share; first + 1.0, share ] do
                                for ats, weights in corners rest -> at :: ats, weight :: weights
                        ]

                corners places
                |> List.map (fun (at, weights) ->
                    elementsAt sizes at plane * Tensor.unsqueeze 1 (List.reduce (*) weights))
                |> List.reduce (+)

        Tensor.reshape [ batch; channels; yield! outputs ] values
