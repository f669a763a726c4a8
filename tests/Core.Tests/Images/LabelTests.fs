/// Where the classes of pictures are told, and what a network is given of them.
module FunctionalDL.Tests.Images.LabelTests

open System
open System.IO
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.IdxTests
open FunctionalDL.Tests.Support

/// A picture in one colour.
let private plain width height (colour: byte list) : Bitmap = {
    Width = width
    Height = height
    Channels = 3
    Samples = Array.init (3 * width * height) (fun i -> colour[i % 3])
}

/// A folder with pictures of these names.
let private withPictures (names: string list) (action: Scratch -> unit) =
    use scratch = new Scratch()

    for name in names do
        let path = scratch.At name
        Directory.CreateDirectory(string (Path.GetDirectoryName path)) |> ignore
        Png.write path (plain 2 2 [ 1uy; 2uy; 3uy ])

    action scratch

let private pets = [ "b/great_dane_12.png"; "a/beagle_3.png"; "b/beagle_10.png" ]

[<Test>]
let ``classes are told by folders, by names, and by functions, in the order of the paths`` () =
    withPictures pets (fun scratch ->
        let byFolder = LabelledFiles.byFolder scratch.Folder
        shouldEqual [ "a"; "b"; "b" ] byFolder.Labels

        let named = LabelledFiles.byPattern @"([^/]+)_\d+.png$" scratch.Folder
        shouldEqual [ "beagle"; "beagle"; "great_dane" ] named.Labels
        shouldEqual [ "beagle"; "great_dane" ] (LabelledFiles.classes named)

        let byLength =
            LabelledFiles.byFunction
                (fun path -> $"{(string (Path.GetFileName path)).Length}")
                scratch.Folder

        shouldEqual [ "12"; "13"; "17" ] byLength.Labels)

[<Test>]
let ``a name without a class, and an expression that has none, are refused`` () =
    withPictures ("c/notes.png" :: pets) (fun scratch ->
        messageOf<DataException>(fun () ->
            LabelledFiles.byPattern @"([^/]+)_\d+.png$" scratch.Folder |> ignore)
        |> shouldContain [ @"Failed to find ""([^/]+)_\d+.png$"" in """; "c/notes.png" ]

        messageOf<ArgumentException>(fun () -> LabelledFiles.byPattern "png" scratch.Folder |> ignore)
        |> shouldContain [ "png has no group" ]

        messageOf<ArgumentException>(fun () -> LabelledFiles.byPattern "(" scratch.Folder |> ignore)
        |> shouldContain [ "( is no regular expression" ])

[<Test>]
let ``classes are told by a table, whose names lack the folder and the suffix`` () =
    withPictures pets (fun scratch ->
        let csv = scratch.At "labels.csv"

        let read () =
            LabelledFiles.byTable ("image", "breed") ".png" scratch.Folder csv

        File.WriteAllText(csv, "image,breed\nb/beagle_10,beagle\nb/great_dane_12,dane\n")
        let files = read ()
        shouldEqual [ "beagle"; "dane" ] files.Labels
        shouldEqual [ scratch.At "b/beagle_10.png"; scratch.At "b/great_dane_12.png" ] files.Files

        for text, message in
            [
                "image,breed\nb/beagle_10,beagle\nb/none,dane\n", "row 2 names a file that is missing"
                "image,breed\nb/beagle_10,\n", "row 1 has no breed"
                "image,kind\nb/beagle_10,beagle\n", "breed"
            ] do
            File.WriteAllText(csv, text)
            messageOf<DataException>(read >> ignore) |> shouldContain [ message; csv ])

// ---- what a network is given ---------------------------------------------------------------------------------------

[<Test>]
let ``row 76: a pipeline changes a picture by its key, and cuts the middle out without one`` () =
    let noise =
        Key.uniform DType.Float64 [ 3 * 20 * 30 ] (Key.ofSeed 1L) |> Tensor.toFloats

    let picture = {
        plain 30 20 [ 0uy; 0uy; 0uy ] with
            Samples = noise |> Array.map (fun u -> byte (255.0 * u))
    }

    let pipeline = {
        ImagePipeline.validation (Some(8, 8)) with
            Augmentations = Augment.transforms Augment.options
    }

    let given key =
        ImagePipeline.ofBitmap pipeline key picture |> Tensor.toFloats

    let keyed i = given (Some(Key.ofSeed i))
    shouldEqual (keyed 1L) (keyed 1L)
    ensure "nine pictures" ((List.distinct [ for i in 1L .. 9L -> keyed i ]).Length = 9)
    shouldEqual (given None) (given None)

    // Without a key: resized to 8 × 12, and columns 2 to 9 of it.
    let resized =
        Pixels.ofBitmap picture
        |> Transform.apply ImagePadding.Reflection ResizeMethod.Squish (Some(8, 12)) []

    let middle = [|
        for c in 0..2 do
            for y in 0..7 do
                for x in 2..9 -> float resized.Values[(c * 8 + y) * 12 + x]
    |]

    shouldBeClose "the middle" 1e-6 middle (given None)

[<Test>]
let ``row 84: normalising and back is the picture itself`` () =
    let pictures = Key.uniform DType.Float32 [ 2; 3; 5; 4 ] (Key.ofSeed 1L)

    for stats in [ ImageStats.imageNet; ImageStats.cifar; ImageStats.mnist; ImageStats.ofBatch pictures ] do
        let back = pictures |> ImageStats.normalise stats |> ImageStats.denormalise stats
        shouldBeClose "back" 1e-6 (Tensor.toFloats pictures) (Tensor.toFloats back)

    let normal = ImageStats.normalise (ImageStats.ofBatch pictures) pictures

    for c in 0..2 do
        let channel = Tensor.narrow 1 c 1 normal
        shouldBeClose "mean" 1e-5 [| 0.0 |] [| Tensor.item (Tensor.mean channel) |]
        shouldBeClose "deviation" 1e-5 [| 1.0 |] [| Tensor.item (Tensor.std 1 [] channel) |]

    // (0.485 + 0.229 - 0.485) / 0.229 = 1.
    let one =
        ImageStats.normalise ImageStats.imageNet (Tensor.full DType.Float32 [ 3; 1; 1 ] 0.714)

    shouldBeClose
        "by hand"
        1e-5
        [| 1.0; (0.714 - 0.456) / 0.224; (0.714 - 0.406) / 0.225 |]
        (Tensor.toFloats one)

    messageOf<ArgumentException>(fun () ->
        ImageStats.normalise ImageStats.imageNet (Tensor.zeros [ 1; 4; 4 ]) |> ignore)
    |> shouldContain [ "has no 3 channels" ]

    messageOf<ArgumentException>(fun () -> ImageStats.create [ 0.0 ] [ 0.0 ] |> ignore)
    |> shouldContain [ "the deviation of channel 0 is 0" ]

[<Test>]
let ``pictures side by side are where they belong, on white`` () =
    let colours = [ [ 255uy; 0uy; 0uy ]; [ 0uy; 255uy; 0uy ]; [ 0uy; 0uy; 255uy ] ]
    let sheet = Bitmap.montage 2 (colours |> List.map (plain 3 4))
    shouldEqual (12, 14, 3) (sheet.Width, sheet.Height, sheet.Channels)

    let at y x =
        List.ofArray sheet.Samples[3 * (y * 12 + x) .. 3 * (y * 12 + x) + 2]

    let white = [ 255uy; 255uy; 255uy ]
    shouldEqual colours [ at 2 2; at 5 9; at 8 4 ]
    shouldEqual [ white; white; white; white ] [ at 0 0; at 2 5; at 6 2; at 8 7 ]

    messageOf<ArgumentException>(fun () -> Bitmap.montage 2 [ plain 3 4 white; plain 4 3 white ] |> ignore)
    |> shouldContain [ "different sizes" ]
