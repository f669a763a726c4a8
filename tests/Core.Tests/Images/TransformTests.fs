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
            Pixels.sample padding 1 2 (fun _ _ -> struct (x, 0.0)) (grey 1 4 [ 0.0; 1.0; 2.0; 3.0 ])

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
