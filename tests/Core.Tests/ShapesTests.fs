/// The project's own pictures of shapes: they are what the script draws, and their masks are where their objects are.
module FunctionalDL.Tests.ShapesTests

open System
open System.Diagnostics
open System.IO
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.IdxTests
open FunctionalDL.Tests.Support

let private shapes () =
    Path.Combine(repository (), "data", "shapes")

let private parts = [
    for set in [ "first"; "second" ] do
        for part in [ "train"; "valid" ] -> set, part
]

let private files folder (set, part) =
    LabelledFiles.byFolder (Path.Combine(folder, set, part))

/// The masks of a part, in the order of its table.
let private masks folder (set: string, part: string) =
    let idx = Idx.read (Path.Combine(folder, set, part + "-masks.idx.gz"))
    idx.Dims, Array.chunkBySize (64 * 64) idx.Bytes

[<Test>]
let ``there are two sets of classes, colour pictures of 64 pixels, each class equally often`` () =
    for (set, part), classes, count in
        [
            ("first", "train"), [ "circle"; "cross"; "square"; "star"; "triangle" ], 400
            ("first", "valid"), [ "circle"; "cross"; "square"; "star"; "triangle" ], 40
            ("second", "train"), [ "arrow"; "crescent"; "heart"; "hexagon" ], 20
            ("second", "valid"), [ "arrow"; "crescent"; "heart"; "hexagon" ], 40
        ] do
        let files = files (shapes ()) (set, part)
        shouldEqual classes (LabelledFiles.classes files)
        shouldEqual [ for name in classes -> name, count ] (List.countBy id files.Labels)

        for file in files.Files do
            let picture = Images.read file
            shouldEqual (64, 64, 3) (picture.Width, picture.Height, picture.Channels)

[<Test>]
let ``all of it takes less than 3 MB`` () =
    let total =
        DirectoryInfo(shapes ()).EnumerateFiles("*", SearchOption.AllDirectories)
        |> Seq.sumBy _.Length

    ensure $"it takes {total} bytes" (total < 3_000_000L)

[<Test>]
let ``the tables name every picture, and the boxes hold the masks, which cover less than a quarter`` () =
    for set, part in parts do
        let table = Csv.read (Path.Combine(shapes (), set, part + ".csv"))

        let named =
            LabelledFiles.byTable
                ("name", "label")
                ""
                (Path.Combine(shapes (), set))
                (Path.Combine(shapes (), set, part + ".csv"))

        shouldEqual (files (shapes ()) (set, part)) named
        let dims, masks = masks (shapes ()) (set, part)
        shouldEqual [| table.Rows; 64; 64 |] dims

        let column name =
            Table.numbers name table |> Array.map int

        let left, top, right, bottom =
            column "left", column "top", column "right", column "bottom"

        masks
        |> Array.iteri (fun i mask ->
            let inside = [
                for p in 0..4095 do
                    if mask[p] <> 0uy then
                        p % 64, p / 64
            ]

            let share = float inside.Length / 4096.0
            ensure $"{set} {part} {i} covers {share}" (share > 0.03 && share < 0.25)
            let xs, ys = List.map fst inside, List.map snd inside

            shouldEqual
                (List.min xs, List.min ys, List.max xs + 1, List.max ys + 1)
                (left[i], top[i], right[i], bottom[i]))

[<Test>]
let ``an object is brighter or darker than what is around it`` () =
    let set, part = "first", "valid"
    let _, masks = masks (shapes ()) (set, part)

    let brightness (picture: Bitmap) (mask: byte[]) wanted =
        [
            for p in 0..4095 do
                if (mask[p] <> 0uy) = wanted then
                    let sample c = float picture.Samples[3 * p + c]
                    0.3 * sample 0 + 0.6 * sample 1 + 0.1 * sample 2
        ]
        |> List.average

    List.zip (files (shapes ()) (set, part)).Files (List.ofArray masks)
    |> List.iter (fun (file, mask) ->
        let picture = Images.read file
        let difference = abs (brightness picture mask true - brightness picture mask false)
        ensure $"{file}: a difference of {difference}" (difference > 10.0))

[<Test>]
let ``the script draws the same pictures again`` () =
    use scratch = new Scratch()

    let start =
        ProcessStartInfo(
            "dotnet",
            [ "fsi"; "scripts/make-shapes.fsx"; "--"; "--out"; scratch.Folder ],
            WorkingDirectory = repository (),
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    use script = Process.Start start
    let error = script.StandardError.ReadToEndAsync()
    let output = script.StandardOutput.ReadToEnd()
    script.WaitForExit()
    ensure $"exit code {script.ExitCode}: {output}{error.Result}" (script.ExitCode = 0)
    shouldContain [ "shapes of 64 pixels"; scratch.Folder ] output

    for part in parts do
        let relative folder =
            (files folder part).Files |> List.map (fun f -> Path.GetRelativePath(folder, f))

        shouldEqual (relative (shapes ())) (relative scratch.Folder)

        for file in relative (shapes ()) do
            let picture folder =
                Images.read (Path.Combine(folder, file))

            ensure $"{file} differs" (picture (shapes ()) = picture scratch.Folder)

        shouldEqual (snd (masks (shapes ()) part)) (snd (masks scratch.Folder part))
