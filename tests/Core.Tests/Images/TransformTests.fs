/// Changes of pictures. Expected values: the golden geometry of the lessons, which fastai's own tests give in part, and arithmetic.
module FunctionalDL.Tests.Images.TransformTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support

let private grey height width (values: float list) = {
    Channels = 1
    Height = height
    Width = width
    Values = values |> Seq.map float32 |> Array.ofSeq
}

let private counting height width =
    grey height width [ for i in 0 .. height * width - 1 -> float i ]

let private changed padding transforms pixels =
    Transform.apply padding ResizeMethod.Crop None transforms pixels

let private shouldGive (expected: float list list) (pixels: Pixels) =
    shouldEqual (expected.Length, expected.Head.Length) (pixels.Height, pixels.Width)
    shouldBeClose "pixels" 5e-5 (Array.ofList (List.concat expected)) (Array.map float pixels.Values)

/// One lit pixel.
let private lit size (row, column) =
    grey size size [
        for y in 0 .. size - 1 do
            for x in 0 .. size - 1 -> if (y, x) = (row, column) then 1.0 else 0.0
    ]

/// The places of pixels that are lit.
let private places (pixels: Pixels) = [
    for i in 0 .. pixels.Values.Length - 1 do
        if pixels.Values[i] > 0.99f then
            i / pixels.Width, i % pixels.Width
]

// ---- geometry ------------------------------------------------------------------------------------------------------

[<Test>]
let ``row 74: a quarter turn goes counter-clockwise`` () =
    counting 3 3
    |> changed ImagePadding.Zeros [ Transform.Rotate 90.0 ]
    |> shouldGive [ [ 2; 5; 8 ]; [ 1; 4; 7 ]; [ 0; 3; 6 ] ]

[<Test>]
let ``row 74: an eighth turn in the three kinds of padding`` () =
    for padding, expected in
        [
            ImagePadding.Zeros,
            [ [ 0.5858; 2.5858; 2.9289 ]; [ 1.1716; 4.0; 6.8284 ]; [ 1.7574; 5.4142; 4.1005 ] ]
            ImagePadding.Reflection,
            [ [ 2.2426; 2.5858; 4.5858 ]; [ 1.1716; 4.0; 6.8284 ]; [ 3.4142; 5.4142; 5.7574 ] ]
            ImagePadding.Border, [ [ 1.0; 2.5858; 5.0 ]; [ 1.1716; 4.0; 6.8284 ]; [ 3.0; 5.4142; 7.0 ] ]
        ] do
        counting 3 3 |> changed padding [ Transform.Rotate 45.0 ] |> shouldGive expected

[<Test>]
let ``row 74: zooming into the middle and into a corner`` () =
    counting 4 4
    |> changed ImagePadding.Zeros [ Transform.Zoom(2.0, 0.5, 0.5) ]
    |> shouldGive [ for start in [ 3.75; 5.75; 7.75; 9.75 ] -> [ for i in 0..3 -> start + 0.5 * float i ] ]

    counting 4 4
    |> changed ImagePadding.Zeros [ Transform.Zoom(2.0, 0.0, 1.0) ]
    |> shouldGive [ for start in [ 1.5; 3.5; 5.5; 7.5 ] -> [ for i in 0..3 -> start + 0.5 * float i ] ]

[<Test>]
let ``row 74: where one lit pixel goes`` () =
    for transform, place in
        [
            Transform.Rotate 90.0, (1, 3)
            Transform.Rotate -90.0, (3, 1)
            Transform.FlipAffine, (3, 1)
            Transform.FlipLr, (3, 1)
            Transform.Zoom(2.0, 0.5, 0.5), (4, 4)
            Transform.Squish(0.5, 0.5, 0.5), (3, 4)
            Transform.Squish(2.0, 0.5, 0.5), (4, 3)
        ] do
        lit 5 (3, 3)
        |> changed ImagePadding.Zeros [ transform ]
        |> places
        |> shouldEqual [ place ]

[<Test>]
let ``row 74: the eight ways to lay a square, by pixels and by places`` () =
    let expected = [ 0, 1; 4, 1; 0, 3; 4, 3; 1, 0; 1, 4; 3, 0; 3, 4 ]

    expected
    |> List.iteri (fun k place ->
        lit 5 (0, 1)
        |> changed ImagePadding.Zeros [ Transform.Dihedral k ]
        |> places
        |> shouldEqual [ place ])

    // By places the eight are the same set, each once.
    [
        for k in 0..7 -> places (changed ImagePadding.Zeros [ Transform.DihedralAffine k ] (lit 5 (0, 1)))
    ]
    |> List.concat
    |> List.sort
    |> shouldEqual (List.sort expected)

[<Test>]
let ``row 74: a warp moves the corners of its side only`` () =
    // The corner (1, -1) is looked up at (1, -0.8333) and (1, 1) at (1, 0.8333); the left ones stay. With values that are linear in
    // x and y a pixel says where it was looked up.
    let size = 13
    let place i = 2.0 * float i / 12.0 - 1.0

    let ramp f =
        grey size size [
            for y in 0..12 do
                for x in 0..12 -> f (place x) (place y)
        ]

    let corners f =
        let w =
            changed ImagePadding.Border [ Transform.SymmetricWarp(0.2, 0.0, 0.0, 0.0) ] (ramp f)

        [| for y, x in [ 0, 0; 0, 12; 12, 0; 12, 12 ] -> float w.Values[y * size + x] |]

    shouldBeClose "x" 1e-5 [| -1.0; 1.0; -1.0; 1.0 |] (corners (fun x _ -> x))
    shouldBeClose "y" 1e-5 [| -1.0; -1.0 / 1.2; 1.0; 1.0 / 1.2 |] (corners (fun _ y -> y))

[<Test>]
let ``row 74: cutting and padding`` () =
    for (row, column), place in
        [
            (0.0, 0.0), (3, 3)
            (0.0, 0.99), (3, 2)
            (0.5, 0.5), (2, 2)
            (0.99, 0.0), (2, 3)
            (0.99, 0.99), (2, 2)
        ] do
        lit 5 (3, 3)
        |> Transform.apply ImagePadding.Zeros ResizeMethod.No (Some(4, 4)) [ Transform.CropPad(row, column) ]
        |> places
        |> shouldEqual [ place ]

    for padding, expected in
        [
            ImagePadding.Zeros, [ 4, 5 ]
            ImagePadding.Border, [ 4, 5; 4, 6 ]
            ImagePadding.Reflection, [ 4, 5; 6, 5 ]
        ] do
        lit 5 (3, 4)
        |> changed padding [ Transform.Pad 1 ]
        |> places
        |> shouldEqual expected

[<Test>]
let ``the size before cutting covers the wanted one, or fits into it`` () =
    let sizeOf method' size height width =
        Transform.resizeTarget method' size {
            Channels = 1
            Height = height
            Width = width
            Values = [||]
        }

    sizeOf ResizeMethod.Crop (352, 352) 618 1100 |> shouldEqual (352, 627)
    sizeOf ResizeMethod.Pad (352, 352) 618 1100 |> shouldEqual (198, 352)
    sizeOf ResizeMethod.Crop (224, 224) 500 375 |> shouldEqual (299, 224)
    sizeOf ResizeMethod.Pad (224, 224) 500 375 |> shouldEqual (224, 168)
    sizeOf ResizeMethod.Squish (224, 100) 500 375 |> shouldEqual (224, 100)

[<Test>]
let ``row 74: sampling outside the picture, along one axis`` () =
    // Zooming out by 2 looks a row of four up at -2, …, 2.
    let at padding x =
        let wide =
            Pixels.sample padding 1 2 (fun _ xs _ -> Array.fill xs 0 2 x) (grey 1 4 [ 0.0; 1.0; 2.0; 3.0 ])

        float wide.Values[0]

    let places = [ -2.0; -5.0 / 3.0; -1.0; 0.0; 1.0; 5.0 / 3.0; 2.0 ]

    for padding, expected in
        [
            ImagePadding.Reflection, [ 1.5; 1.0; 0.0; 1.5; 3.0; 2.0; 1.5 ]
            ImagePadding.Border, [ 0.0; 0.0; 0.0; 1.5; 3.0; 3.0; 3.0 ]
            ImagePadding.Zeros, [ 0.0; 0.0; 0.0; 1.5; 3.0; 0.0; 0.0 ]
        ] do
        shouldBeClose
            $"{padding}"
            1e-6
            (Array.ofList expected)
            (places |> List.map (at padding) |> Array.ofList)

[<Test>]
let ``row 74: tilts and skews move the corners they name`` () =
    // As fastai names them: where each corner of the result is looked up is the solution for the corner moved outwards; the others stay.
    // A tilt by m of the right side looks the right corners up at 1 / (1 + m) of their height.
    let size = 13
    let place i = 2.0 * float i / 12.0 - 1.0

    let lookedUp transform =
        let at f =
            let ramp =
                grey size size [
                    for y in 0..12 do
                        for x in 0..12 -> f (place x) (place y)
                ]

            let changed = changed ImagePadding.Border [ transform ] ramp
            [ for y, x in [ 0, 0; 12, 0; 0, 12; 12, 12 ] -> float changed.Values[y * size + x] ]

        List.zip (at (fun x _ -> x)) (at (fun _ y -> y))

    let unmoved = [ -1.0, -1.0; -1.0, 1.0; 1.0, -1.0; 1.0, 1.0 ]

    let moved expected transform =
        let expected = List.zip unmoved expected

        for ((x, y), (dx, dy)), (ourX, ourY) in List.zip expected (lookedUp transform) do
            shouldBeClose $"{transform}" 1e-5 [| x * dx; y * dy |] [| ourX; ourY |]

    let inwards = 1.0 / 1.2
    moved [ 1.0, 1.0; 1.0, 1.0; 1.0, inwards; 1.0, inwards ] (Transform.Tilt(0, 0.2))
    moved [ 1.0, inwards; 1.0, inwards; 1.0, 1.0; 1.0, 1.0 ] (Transform.Tilt(1, 0.2))
    moved [ 1.0, 1.0; inwards, 1.0; 1.0, 1.0; inwards, 1.0 ] (Transform.Tilt(2, 0.2))
    moved [ inwards, 1.0; 1.0, 1.0; inwards, 1.0; 1.0, 1.0 ] (Transform.Tilt(3, 0.2))

    // A skew pulls one corner inwards and leaves the three others where they are.
    for direction in 0..7 do
        lookedUp (Transform.Skew(direction, 0.3))
        |> List.iteri (fun i (x, y) ->
            let cornerX, cornerY = unmoved[i]

            if i = direction / 2 then
                ensure $"{direction}: corner {i} is at {x}, {y}" (abs x < 0.95 || abs y < 0.95)
            else
                shouldBeClose $"{direction}: corner {i}" 1e-5 [| cornerX; cornerY |] [| x; y |])

    // Four corners moved as the eight skews do are the same mapping.
    for direction, moves in
        [ 0, [ -0.3, 0.0; 0.0, 0.0; 0.0, 0.0; 0.0, 0.0 ]; 7, [ 0.0, 0.0; 0.0, 0.0; 0.0, 0.0; 0.0, 0.3 ] ] do
        shouldEqual (lookedUp (Transform.Skew(direction, 0.3))) (lookedUp (Transform.PerspectiveWarp moves))

[<Test>]
let ``a perspective looks the points that it was given up at the corners`` () =
    // Zooming out: with every corner moved outwards the whole picture is seen at the moved corners, inside the result.
    let moves = [ -0.5, -0.25; -0.5, 0.25; 0.5, -0.25; 0.5, 0.25 ]
    let size = 25
    let picture = counting size size |> Pixels.map (fun x -> x / 625f)

    let half = changed ImagePadding.Zeros [ Transform.PerspectiveWarp moves ] picture

    // Moved without perspective, it is a stretch by 1.5 along x and 1.25 along y.
    let stretched =
        changed
            ImagePadding.Zeros
            [ Transform.Squish(1.0 / 1.5, 0.5, 0.5); Transform.Squish(1.25, 0.5, 0.5) ]
            picture

    shouldBeClose "a stretch" 1e-5 (Array.map float stretched.Values) (Array.map float half.Values)

[<Test>]
let ``jitter moves each place by itself, by at most its magnitude, and follows from its seed`` () =
    // With values that are linear in x a pixel says how far it was moved: half a width is 1.
    let width = 41

    let ramp =
        grey 11 width [
            for _ in 1..11 do
                for x in 0 .. width - 1 -> float x / 40.0
        ]

    let jittered seed =
        changed ImagePadding.Border [ Transform.Jitter(0.1, seed) ] ramp

    let moves = [|
        for y in 0..10 do
            for x in 4 .. width - 5 ->
                2.0 * float ((jittered 1L).Values[y * width + x] - ramp.Values[y * width + x])
    |]

    ensure "no place is moved too far" (moves |> Array.forall (fun m -> abs m <= 0.1 + 1e-6))
    ensure "some move far to the left" (Array.exists (fun m -> m < -0.08) moves)
    ensure "some move far to the right" (Array.exists (fun m -> m > 0.08) moves)
    ensure "on average not at all" (abs (Array.average moves) < 0.015)
    shouldEqual (jittered 1L) (jittered 1L)
    ensure "another seed is another jitter" (jittered 1L <> jittered 2L)

[<Test>]
let ``zoom and squish take the first part that fits, otherwise the middle square`` () =
    let attempt scale squish isInverted = {
        Scale = scale
        Squish = squish
        IsInverted = isInverted
    }

    let picture = counting 9 13 |> Pixels.map (fun x -> x / 117f)

    let part tries =
        changed ImagePadding.Zeros [ Transform.ZoomSquish(tries, 0.25, 0.75) ] picture

    let zoomed scale =
        changed ImagePadding.Zeros [ Transform.Zoom(scale, 0.25, 0.75) ] picture

    // A quarter of the area is half of each side; the second try is not looked at.
    shouldBeClose
        "a quarter"
        1e-6
        (zoomed 2.0 |> _.Values |> Array.map float)
        (part [ attempt 4.0 1.0 false; attempt 9.0 1.0 false ]
         |> _.Values
         |> Array.map float)

    // Twice as wide as high does not fit at full area: 1.41 of the width; the second does.
    shouldBeClose
        "the second"
        1e-6
        (zoomed 3.0 |> _.Values |> Array.map float)
        (part [ attempt 1.0 2.0 false; attempt 9.0 1.0 true ]
         |> _.Values
         |> Array.map float)

    // Inverted it is the height.
    shouldBeClose
        "inverted"
        1e-6
        (part [ attempt 4.0 2.0 false ] |> _.Values |> Array.map float)
        (part [ attempt 4.0 0.5 true ] |> _.Values |> Array.map float)

    // None fits: the middle square of the picture, over the whole width.
    shouldBeClose
        "the square"
        1e-6
        (changed ImagePadding.Zeros [ Transform.Squish(9.0 / 13.0, 0.5, 0.5) ] picture
         |> _.Values
         |> Array.map float)
        (part [ attempt 1.0 2.0 false ] |> _.Values |> Array.map float)

[<Test>]
let ``what becomes less than half as large is shrunk first, so that every pixel counts`` () =
    // A chessboard of single pixels, eight times smaller: looked up between four pixels without that, most would be black or white.
    let board =
        grey 64 96 [
            for y in 0..63 do
                for x in 0..95 -> float ((x + y) % 2)
        ]

    let resized =
        Transform.apply ImagePadding.Reflection ResizeMethod.Squish (Some(8, 12)) [] board

    shouldEqual (8, 12) (resized.Height, resized.Width)
    shouldBeClose "grey" 1e-6 (Array.create 96 0.5) (Array.map float resized.Values)

    // Each pixel of a shrunk picture is the mean of what it covers: PyTorch's adaptive average pooling.
    Pixels.shrink 2 3 (counting 3 7)
    |> shouldGive [ [ 4.5; 6.5; 8.5 ]; [ 11.5; 13.5; 15.5 ] ]

    // Seen through a zoom by eight nothing is smaller than it was.
    let zoomed =
        Transform.apply
            ImagePadding.Reflection
            ResizeMethod.Squish
            (Some(8, 12))
            [ Transform.Zoom(8.0, 0.0, 0.0) ]
            board

    ensure "single pixels are seen" (Array.exists (fun v -> abs (v - 0.5f) > 0.3f) zoomed.Values)

// ---- pixels --------------------------------------------------------------------------------------------------------

[<Test>]
let ``holes are black squares of their length, cut off at the sides`` () =
    let white = grey 8 10 (List.replicate 80 1.0)

    let holes places length =
        changed ImagePadding.Zeros [ Transform.Cutout(places, length) ] white
        |> _.Values
        |> Seq.indexed
        |> Seq.filter (fun (_, v) -> v = 0f)
        |> Seq.map (fun (i, _) -> i / 10, i % 10)
        |> List.ofSeq

    // Row int(0.5 · 8) = 4, column int(0.3 · 10) = 3: rows 2 to 5, columns 1 to 4.
    holes [ 0.5, 0.3 ] 4
    |> shouldEqual [
        for y in 2..5 do
            for x in 1..4 -> y, x
    ]

    holes [ 0.0, 0.99 ] 4
    |> shouldEqual [
        for y in 0..1 do
            for x in 7..9 -> y, x
    ]

    holes [ 0.0, 0.0; 0.99, 0.0 ] 2 |> shouldEqual [ 0, 0; 6, 0; 7, 0 ]

[<Test>]
let ``one channel is replaced by dark noise, the others stay`` () =
    let picture = {
        grey 20 20 [] with
            Channels = 3
            Values = Array.create 1200 0.75f
    }

    let changed =
        changed ImagePadding.Zeros [ Transform.RgbRandomize(1, 0.3, 5L) ] picture

    let channel c =
        changed.Values[c * 400 .. c * 400 + 399]

    shouldEqual (Array.create 400 0.75f) (channel 0)
    shouldEqual (Array.create 400 0.75f) (channel 2)
    ensure "from 0 to 0.3" (channel 1 |> Array.forall (fun v -> v >= 0f && v < 0.3f))
    // The mean of 400 uniform numbers, within four deviations.
    let mean = channel 1 |> Array.averageBy float
    ensure $"its mean is {mean}" (abs (mean - 0.15) < 4.0 * 0.3 / sqrt 12.0 / 20.0)

    messageOf<ArgumentException>(fun () ->
        Transform.apply
            ImagePadding.Zeros
            ResizeMethod.No
            None
            [ Transform.RgbRandomize(3, 0.3, 5L) ]
            picture
        |> ignore)
    |> shouldContain [ "there is no channel 3 in a picture of 3" ]

[<Test>]
let ``a cut does not pad, and one too large is refused`` () =
    let picture = counting 5 6

    changed ImagePadding.Zeros [ Transform.Crop(2, 3, 1.0, 0.0) ] picture
    |> shouldGive [ [ 18; 19; 20 ]; [ 24; 25; 26 ] ]

    messageOf<ArgumentException>(fun () ->
        changed ImagePadding.Zeros [ Transform.Crop(6, 3, 0.0, 0.0) ] picture |> ignore)
    |> shouldContain [ "6 × 3 pixels cannot be cut out of 5 × 6"; "give a smaller size" ]

// ---- light ---------------------------------------------------------------------------------------------------------

[<Test>]
let ``row 74: brightness and contrast in the space of logits`` () =
    let samples = grey 1 3 [ 0.5; 0.2; 0.9 ]

    changed ImagePadding.Zeros [ Transform.Brightness 0.6 ] samples
    |> shouldGive [ [ 0.6; 0.272727; 0.931034 ] ]

    changed ImagePadding.Zeros [ Transform.Contrast 1.25 ] samples
    |> shouldGive [ [ 0.5; 0.150221; 0.939717 ] ]

    let extremes =
        changed ImagePadding.Zeros [ Transform.Contrast 3.0 ] (grey 1 2 [ 0.0; 1.0 ])

    ensure "black and white stay finite" (Array.forall Single.IsFinite extremes.Values)

// ---- together ------------------------------------------------------------------------------------------------------

[<Test>]
let ``row 75: all changes of place are one pass: turning there and back gives the picture itself`` () =
    let random = Random 1
    let noise = grey 17 23 [ for _ in 1 .. 17 * 23 -> random.NextDouble() ]

    for there in [ Transform.Rotate 20.0; Transform.Zoom(1.3, 0.2, 0.9); Transform.FlipAffine ] do
        let back =
            match there with
            | Transform.Rotate degrees -> [ Transform.Rotate -degrees ]
            | Transform.Zoom(scale, row, column) ->
                // The inverse matrix: a zoom by the inverse scale about the same point.
                [ Transform.Zoom(1.0 / scale, row, column) ]
            | other -> [ other ]

        shouldBeClose
            $"{there}"
            1e-4
            (Array.map float noise.Values)
            (changed ImagePadding.Zeros (there :: back) noise |> _.Values |> Array.map float)

[<Test>]
let ``a picture that is not square is turned without shearing`` () =
    // A quarter turn of a wide picture: what was above the middle by 4 pixels is left of it by 4. The ratio of the sides is that of
    // the numbers of pixels, as in fastai, not of the distances between the outermost, so that a little spills over.
    let wide = {
        grey 9 21 [] with
            Values = Array.init (9 * 21) (fun i -> if i = 10 then 1f else 0f)
    }

    let turned = changed ImagePadding.Zeros [ Transform.Rotate 90.0 ] wide
    let brightest = Array.findIndex ((=) (Array.max turned.Values)) turned.Values
    shouldEqual (4, 6) (brightest / 21, brightest % 21)
    // Looked up 0.4 · 21/9 of the half height above the middle, which is 4/15 of a pixel below the lit row.
    shouldBeClose "the brightest" 1e-5 [| 11.0 / 15.0 |] [| float turned.Values[brightest] |]

[<Test>]
let ``changes are made in fastai's order, whatever the order of the list`` () =
    let all = [
        Transform.CropPad(0.5, 0.5)
        Transform.Cutout([], 1)
        Transform.FlipLr
        Transform.Contrast 1.0
        Transform.Rotate 1.0
        Transform.SymmetricWarp(0.0, 0.0, 0.0, 0.0)
        Transform.Pad 1
    ]

    all |> List.map Transform.order |> shouldEqual [ 99; 20; 10; 8; 5; 4; -10 ]
    let picture = counting 6 7 |> Pixels.map (fun x -> x / 50f)

    let transforms = [ Transform.FlipLr; Transform.Rotate 30.0; Transform.Brightness 0.7; Transform.Pad 2 ]

    shouldBeExactly
        "reversed"
        (changed ImagePadding.Reflection transforms picture |> _.Values |> Seq.map float)
        (changed ImagePadding.Reflection (List.rev transforms) picture
         |> _.Values
         |> Seq.map float)

// ---- at random -----------------------------------------------------------------------------------------------------

let private described options =
    Augment.transforms options |> List.map (fun a -> a.Name, a.P, a.Numbers)

let private pct = Draw.Uniform(0.0, 1.0)

[<Test>]
let ``row 73: the defaults, their order, probabilities and ranges`` () =
    let warp = Draw.Uniform(-0.2, 0.2)

    described Augment.options
    |> shouldEqual [
        "rand_crop", 1.0, [ "row_pct", pct; "col_pct", pct ]
        "flip_lr", 0.5, []
        "symmetric_warp", 0.75, [ "right", warp; "left", warp; "bottom", warp; "top", warp ]
        "rotate", 0.75, [ "degrees", Draw.Uniform(-10.0, 10.0) ]
        "rand_zoom", 0.75, [ "scale", Draw.Uniform(1.0, 1.1); "row_pct", pct; "col_pct", pct ]
        "brightness", 0.75, [ "change", Draw.Uniform(0.4, 0.6) ]
        "contrast", 0.75, [ "scale", Draw.LogUniform(0.8, 1.25) ]
    ]

    shouldEqual [ Transform.CropPad(0.5, 0.5) ] Augment.validation

[<Test>]
let ``row 73: vertical flips mean all eight ways, and what is none is left out`` () =
    match described { Augment.options with FlipVert = true } with
    | _ :: flip :: _ -> shouldEqual ("dihedral_affine", 1.0, [ "k", Draw.Whole(0, 7) ]) flip
    | other -> Assert.Fail $"%A{other}"

    described {
        Augment.options with
            DoFlip = false
            MaxWarp = 0.0
            MaxRotate = 0.0
            MaxZoom = 1.0
            MaxLighting = 0.0
    }
    |> List.map (fun (name, _, _) -> name)
    |> shouldEqual [ "rand_crop" ]

    messageOf<ArgumentException>(fun () ->
        Augment.transforms {
            Augment.options with
                MaxLighting = 1.0
        }
        |> ignore)
    |> shouldContain [ "MaxLighting must be from 0 to below 1" ]

/// All that there is besides the defaults.
let private others = [
    Augment.perspectiveWarp 1.0 0.2
    Augment.tilt 1.0 0.2
    Augment.skew 1.0 0.2
    Augment.jitter 1.0 0.02
    Augment.squish 1.0 0.8 1.2
    Augment.rgbRandomize 1.0 0.3
    Augment.cutout 1.0 2 4
    yield! Augment.randPad 2 (10, 10)
    yield! Augment.zoomCrop 1.0 1.2 true
    yield! Augment.zoomCrop 1.0 1.2 false
    yield! Augment.randResizeCrop 2.0 (0.75, 1.33) (10, 10)
]

[<Test>]
let ``each augmentation draws what its change takes, within its range`` () =
    let noise =
        Key.uniform DType.Float64 [ 3 * 14 * 12 ] (Key.ofSeed 3L) |> Tensor.toFloats

    let picture = {
        grey 14 12 [] with
            Channels = 3
            Values = Array.map float32 noise
    }

    for augmentation in others do
        let drawn = [ for i in 1..60 -> Augment.resolve [ augmentation ] (Key.child $"{i}" (Key.ofSeed 4L)) ]

        ensure $"{augmentation.Name} is made each time" (drawn |> List.forall (fun t -> t.Length = 1))

        if not augmentation.Numbers.IsEmpty then
            let different = (List.distinct drawn).Length
            ensure $"{augmentation.Name} is drawn {different} ways" (different > 50)

        for transforms in drawn do
            let changed = changed ImagePadding.Reflection transforms picture

            ensure
                $"{augmentation.Name} keeps samples in their range"
                (changed.Values |> Array.forall (fun v -> v >= -1e-6f && v <= 1.000001f))

    let directions of' =
        [ for i in 1..200 -> Augment.resolve [ of' ] (Key.child $"{i}" (Key.ofSeed 5L)) ]
        |> List.concat
        |> List.choose (function
            | Transform.Tilt(d, _) -> Some d
            | Transform.Skew(d, _) -> Some d
            | _ -> None)
        |> List.distinct
        |> List.sort

    directions (Augment.tilt 1.0 0.2) |> shouldEqual [ 0..3 ]
    directions (Augment.skew 1.0 0.2) |> shouldEqual [ 0..7 ]

    for make, message in
        [
            (fun () -> Augment.tilt 1.5 0.2 |> ignore), "p is 1.5; it is from 0 to 1"
            (fun () -> Augment.cutout 1.0 0 4 |> ignore), "n_holes is 0"
            (fun () -> Augment.randResizeCrop 0.5 (0.75, 1.33) (4, 4) |> ignore), "max_scale is 0.5"
        ] do
        messageOf<ArgumentException> make |> shouldContain [ message ]

[<Test>]
let ``row 76: a key gives its changes each time, other keys others, as often as their probability says`` () =
    let augmentations = Augment.transforms Augment.options
    let key = Key.ofSeed 9L
    shouldEqual (Augment.resolve augmentations key) (Augment.resolve augmentations key)

    let count = 400

    let drawn = [ for i in 1..count -> Augment.resolve augmentations (Key.child $"{i}" key) ]

    ensure "all are alike" ((List.distinct drawn).Length > count - 5)

    let share is =
        float (drawn |> List.filter (List.exists is) |> List.length) / float count

    let isRotation transform =
        match transform with
        | Transform.Rotate degrees ->
            ensure $"{degrees} degrees" (abs degrees <= 10.0)
            true
        | _ -> false

    // Four standard deviations of a share of 400.
    let within p share =
        ensure
            $"a share of {share}, expected {p}"
            (abs (share - p) <= 4.0 * sqrt (p * (1.0 - p) / float count))

    within 0.75 (share isRotation)
    within 0.5 (share (fun t -> t = Transform.FlipLr))

[<Test>]
let ``row 76: training pictures of one item differ, validation pictures do not`` () =
    let picture = counting 8 8 |> Pixels.map (fun x -> x / 64f)
    let augmentations = Augment.transforms Augment.options

    let train seed =
        Transform.apply
            ImagePadding.Reflection
            ResizeMethod.Crop
            (Some(6, 6))
            (Augment.resolve augmentations (Key.ofSeed seed))
            picture

    ensure "nine pictures are alike" ((List.distinct [ for i in 1L .. 9L -> (train i).Values ]).Length = 9)

    let valid () =
        Transform.apply ImagePadding.Reflection ResizeMethod.Crop (Some(6, 6)) Augment.validation picture

    shouldEqual (valid ()) (valid ())
    shouldEqual (6, 6) ((valid ()).Height, (valid ()).Width)
