/// Pictures: what is read from files of all kinds, and what is refused.
module FunctionalDL.Tests.Images.ImageTests

open System
open System.IO
open System.Text
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.IdxTests
open FunctionalDL.Tests.Images.ImageSupport

let private decode (bytes: byte[]) =
    use stream = new MemoryStream(bytes)
    Images.decodeWith Bitmap.limits "t" stream

let private refusesBytes bytes parts =
    refuses "t" parts (fun () -> decode bytes |> ignore)

let private ascii (text: string) = Encoding.Latin1.GetBytes text

// ---- PNG -----------------------------------------------------------------------------------------------------------

/// A stored sample as 8 bits, to the nearest.
let private to8 depth sample =
    Math.Round(float sample * 255.0 / float ((1 <<< depth) - 1), MidpointRounding.AwayFromZero)
    |> int

/// What a picture of these sources must be, channel by channel of pixel (x, y).
let private expected (s: PngSource) x y : int list =
    let sample c = s.Sample x y c

    match s.ColourType with
    | 0 -> [ to8 s.Depth (sample 0) ]
    | 2 -> [ for c in 0..2 -> to8 s.Depth (sample c) ]
    | 3 -> [ for c in 0..2 -> int s.Palette[3 * sample 0 + c] ]
    | 4 ->
        let grey = to8 s.Depth (sample 0)
        [ grey; grey; grey; to8 s.Depth (sample 1) ]
    | _ -> [ for c in 0..3 -> to8 s.Depth (sample c) ]

let private samplesOf (s: PngSource) (pixel: int -> int -> int list) =
    [|
        for y in 0 .. s.Height - 1 do
            for x in 0 .. s.Width - 1 do
                yield! pixel x y
    |]
    |> Array.map byte

let private palette depth =
    Array.init (3 <<< depth) (fun i -> byte (i * 37 + 11))

let private kinds =
    [| 0, 1; 0, 2; 0, 4; 0, 8; 0, 16; 2, 8; 2, 16; 3, 1; 3, 2; 3, 4; 3, 8; 4, 8; 4, 16; 6, 8; 6, 16 |]
    |> Array.map (fun (colour, depth) -> [| box colour; box depth |])

[<TestCaseSource(nameof kinds)>]
let ``PNG of each colour type and depth, plain and interlaced, with all filters`` (colour: int) (depth: int) =
    for width, height in [ 1, 1; 3, 2; 13, 9; 8, 17 ] do
        for interlaced in [ false; true ] do
            let s = {
                source colour depth width height with
                    Interlaced = interlaced
                    Filter = fun row -> (row + width) % 5
                    Palette = if colour = 3 then palette depth else [||]
            }

            let bitmap = decode (pngOf s)
            shouldEqual (width, height) (bitmap.Width, bitmap.Height)
            shouldEqual (samplesOf s (expected s)) bitmap.Samples

[<Test>]
let ``PNG with one transparent colour or a transparent palette gets a channel of opacity`` () =
    let grey = {
        source 0 4 5 3 with
            Transparency = [| 0uy; 9uy |]
    }

    shouldEqual
        (samplesOf grey (fun x y ->
            let v = grey.Sample x y 0
            let g = to8 4 v
            [ g; g; g; (if v = 9 then 0 else 255) ]))
        (decode (pngOf grey)).Samples

    let rgb = {
        source 2 8 2 1 with
            Sample = fun x _ c -> 10 * x + c
            Transparency = [| 0uy; 10uy; 0uy; 11uy; 0uy; 12uy |]
    }

    shouldEqual [| 0uy; 1uy; 2uy; 255uy; 10uy; 11uy; 12uy; 0uy |] (decode (pngOf rgb)).Samples

    let entries = {
        source 3 2 4 4 with
            Palette = palette 2
            Transparency = [| 7uy; 8uy |]
    }

    shouldEqual
        (samplesOf entries (fun x y ->
            let v = entries.Sample x y 0
            expected entries x y @ [ (if v < 2 then 7 + v else 255) ]))
        (decode (pngOf entries)).Samples

[<Test>]
let ``what is written as PNG reads back the same`` () =
    for channels in [ 1; 3; 4 ] do
        let bitmap = {
            Width = 7
            Height = 5
            Channels = channels
            Samples = Array.init (35 * channels) (fun i -> byte (i * 53))
        }

        shouldEqual bitmap (decode (Png.encode bitmap))

[<Test>]
let ``a PNG that is cut off anywhere, or changed in any byte, is refused or read as it was`` () =
    let whole =
        pngOf {
            source 2 8 5 4 with
                Filter = fun row -> row
        }

    let good = decode whole

    for length in 0 .. whole.Length - 1 do
        messageOf<DataException>(fun () -> decode (Array.truncate length whole) |> ignore)
        |> ignore

    for i in 0 .. whole.Length - 1 do
        let changed = Array.copy whole
        changed[i] <- changed[i] ^^^ 0x20uy

        try
            // The letter case of a chunk's name is part of its check sum, so that only the text of a comment could change unseen.
            shouldEqual good (decode changed)
        with :? DataException ->
            ()

[<Test>]
let ``a wrong check sum is refused with its place and chunk`` () =
    let whole = pngOf (source 0 8 3 3)
    // The last byte of the header's check sum.
    whole[8 + 8 + 13 + 3] <- whole[8 + 8 + 13 + 3] + 1uy
    refusesBytes whole [ "byte 29: the check sum of chunk IHDR is wrong" ]

[<Test>]
let ``a header that claims a hundred thousand squared is refused before anything is allocated`` () =
    let huge = headerOf (source 2 8 100_000 100_000)

    let file =
        Array.concat [ signature; chunk "IHDR" huge; chunk "IDAT" (zip [| 0uy |]); chunk "IEND" [||] ]

    refusesCheaply "t" [ "100,000 × 100,000 pixels are more than 100,000,000"; "raise the limit" ] (fun () ->
        decode file |> ignore)

[<Test>]
let ``a small file that promises many pixels is refused before anything is allocated`` () =
    let large = headerOf (source 2 8 9_000 9_000)

    let file =
        Array.concat [ signature; chunk "IHDR" large; chunk "IDAT" (zip [| 0uy |]); chunk "IEND" [||] ]

    refusesCheaply "t" [ "9000 × 9000 pixels"; "too few" ] (fun () -> decode file |> ignore)

[<Test>]
let ``pixels that unpack to more than the picture are not unpacked`` () =
    let s = source 0 8 2 2
    let bomb = zip (Array.zeroCreate 100_000_000)

    let file =
        Array.concat [ signature; chunk "IHDR" (headerOf s); chunk "IDAT" bomb; chunk "IEND" [||] ]

    let before = GC.GetAllocatedBytesForCurrentThread()
    shouldEqual (Array.zeroCreate 4) (decode file).Samples
    let allocated = GC.GetAllocatedBytesForCurrentThread() - before
    ensure $"{allocated} bytes were allocated" (allocated < 1_000_000L)

[<Test>]
let ``PNG headers that cannot be are refused`` () =
    let file header rest =
        Array.concat [ signature; chunk "IHDR" header; rest ]

    let header colour depth =
        headerOf {
            source colour depth 2 2 with
                Sample = fun _ _ _ -> 0
        }

    refusesBytes (file (header 2 4) [||]) [ "colour type 2 with 4 bits" ]
    refusesBytes (file (headerOf (source 0 8 0 5)) [||]) [ "0 × 5 pixels has nothing in it" ]
    refusesBytes (file (header 3 8) (chunk "IDAT" (zip [| 0uy |]))) [ "its palette is missing" ]
    refusesBytes (file (header 0 8) (chunk "CgBI" [| 1uy |])) [ "it needs chunk CgBI" ]
    refusesBytes (file (header 0 8) (chunk "IEND" [||])) [ "it has no pixels" ]
    refusesBytes (file (header 0 8) (chunk "PLTE" [| 1uy |])) [ "a palette of 1 bytes" ]

    let entries = {
        source 3 8 2 2 with
            Palette = [| 1uy; 2uy; 3uy |]
            Sample = fun x y _ -> x + y
    }

    refusesBytes (pngOf entries) [ "row 0, pixel 1: its palette has no such colour" ]

// ---- other formats -------------------------------------------------------------------------------------------------

[<Test>]
let ``PGM and PPM as text and bytes, with comments and samples of two bytes`` () =
    shouldEqual
        {
            Width = 2
            Height = 1
            Channels = 1
            Samples = [| 0uy; 255uy |]
        }
        (decode (ascii "P2 # grey\n2 1\n# most\n15\n0 15\n"))

    shouldEqual
        {
            Width = 1
            Height = 2
            Channels = 3
            Samples = [| 1uy; 2uy; 3uy; 4uy; 5uy; 6uy |]
        }
        (decode (ascii "P3\n1 2 255 1 2 3\n4 5 6"))

    shouldEqual
        {
            Width = 3
            Height = 1
            Channels = 1
            Samples = "abc"B
        }
        (decode (ascii "P5 3 1 255\nabc"))

    // 0x0100 of 0x01FF are 128 of 255, to the nearest.
    shouldEqual
        {
            Width = 1
            Height = 1
            Channels = 1
            Samples = [| 128uy |]
        }
        (decode (Array.append (ascii "P5 1 1 511 ") [| 1uy; 0uy |]))

[<Test>]
let ``PPM files that are cut off or out of range are refused`` () =
    refusesBytes (ascii "P6 2 2 255 abc") [ "cut off: 2 × 2 pixels need 12 bytes" ]
    refusesBytes (ascii "P2 2 1 15 3 16") [ "a sample is 16, the header's largest is 15" ]
    refusesBytes (ascii "P2 2 x") [ "there is no number for its height" ]
    refusesBytes (ascii "P5 99999999999 1 255 ") [ "the number for its width is too large" ]
    refusesBytes (ascii "P5 1 1 70000 ") [ "its largest sample is 70000" ]

/// A BMP file: rows as they are stored, from the given height (below 0: the first row is the top one).
let private bmp width height bits (palette: byte[]) (rows: byte[]) =
    let int32 (v: int) = BitConverter.GetBytes v
    let int16 (v: int) = BitConverter.GetBytes(int16 v)
    let pixels = 54 + palette.Length

    Array.concat [
        "BM"B
        int32 (pixels + rows.Length)
        int32 0
        int32 pixels
        int32 40
        int32 width
        int32 height
        int16 1
        int16 bits
        int32 0
        int32 rows.Length
        int32 0
        int32 0
        int32 (palette.Length / 4)
        int32 0
        palette
        rows
    ]

[<Test>]
let ``BMP in 24 bits from the bottom, in 32 from the top, and with palettes`` () =
    shouldEqual
        {
            Width = 1
            Height = 2
            Channels = 3
            Samples = [| 6uy; 5uy; 4uy; 3uy; 2uy; 1uy |]
        }
        (decode (bmp 1 2 24 [||] [| 1uy; 2uy; 3uy; 0uy; 4uy; 5uy; 6uy; 0uy |]))

    shouldEqual
        {
            Width = 1
            Height = 2
            Channels = 3
            Samples = [| 3uy; 2uy; 1uy; 6uy; 5uy; 4uy |]
        }
        (decode (bmp 1 -2 32 [||] [| 1uy; 2uy; 3uy; 9uy; 4uy; 5uy; 6uy; 9uy |]))

    let blueRed = [| 255uy; 0uy; 0uy; 0uy; 0uy; 0uy; 255uy; 0uy |]

    shouldEqual
        {
            Width = 3
            Height = 1
            Channels = 3
            Samples = [| 0uy; 0uy; 255uy; 255uy; 0uy; 0uy; 0uy; 0uy; 255uy |]
        }
        (decode (bmp 3 1 1 blueRed [| 0b01000000uy; 0uy; 0uy; 0uy |]))

    shouldEqual
        {
            Width = 2
            Height = 1
            Channels = 3
            Samples = [| 255uy; 0uy; 0uy; 0uy; 0uy; 255uy |]
        }
        (decode (bmp 2 1 4 blueRed [| 0x10uy; 0uy; 0uy; 0uy |]))

    refusesBytes (bmp 2 1 8 blueRed [| 0uy; 2uy; 0uy; 0uy |]) [
        "row 0, pixel 1: its palette has no such colour"
    ]

    refusesBytes (bmp 2 2 24 [||] [| 0uy |]) [ "cut off" ]

[<Test>]
let ``JPEG is read where its library is, and refused with what to install where not`` () =
    // 16 × 8 pixels, the left half (200, 40, 90), the right half (10, 220, 30), made by Pillow with quality 95.
    let jpeg =
        Convert.FromBase64String(
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsI"
            + "CQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoK"
            + "CgoKCgoKCgoKCgoKCgr/wAARCAAIABADAREAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAACP/EABQQAQAAAAAAAAAAAAAA"
            + "AAAAAAD/xAAXAQADAQAAAAAAAAAAAAAAAAAECAkK/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACEQMRAD8AO4dTAqCL"
            + "ss7/2Q=="
        )

    if Jpeg.isAvailable () then
        let bitmap = decode jpeg
        shouldEqual (16, 8, 3) (bitmap.Width, bitmap.Height, bitmap.Channels)

        for x, colour in [ 1, [ 200; 40; 90 ]; 14, [ 10; 220; 30 ] ] do
            colour
            |> List.iteri (fun c expected ->
                let found = int bitmap.Samples[3 * (4 * 16 + x) + c]
                ensure $"pixel {x}, channel {c} is {found}" (abs (found - expected) <= 4))

        for length in [ 3; 100; 250; jpeg.Length - 4 ] do
            refusesBytes (Array.truncate length jpeg) [ "it cannot be read as JPEG" ]
    else
        refusesBytes jpeg [ "needs libturbojpeg"; "convert the picture to PNG" ]

[<Test>]
let ``bytes of no known format are refused`` () =
    refusesBytes (ascii "GIF89a...") [ "it is no picture of a known format" ]
    refusesBytes [||] [ "it is no picture of a known format" ]

// ---- folders and tensors -------------------------------------------------------------------------------------------

[<Test>]
let ``pictures of a folder are found below it too, hidden ones not, in the order of their names`` () =
    use scratch = new Scratch()
    Directory.CreateDirectory(scratch.At "b") |> ignore

    for name in [ "z.png"; "a.JPG"; ".hidden.png"; "notes.txt"; "b/c.ppm" ] do
        scratch.Put name [||] |> ignore

    Images.inFolder scratch.Folder
    |> List.map (fun path -> Path.GetRelativePath(scratch.Folder, path).Replace('\\', '/'))
    |> shouldEqual [ "a.JPG"; "b/c.ppm"; "z.png" ]

    Directory.CreateDirectory(scratch.At "empty") |> ignore

    refuses (scratch.At "empty") [ "there is no picture in it" ] (fun () ->
        Images.inFolder (scratch.At "empty") |> ignore)

[<Test>]
let ``a picture as a tensor has channels first and samples from 0 to 1, and comes back the same`` () =
    let bitmap = {
        Width = 2
        Height = 1
        Channels = 3
        Samples = [| 0uy; 51uy; 255uy; 102uy; 153uy; 204uy |]
    }

    let x = Pixels.toTensor (Pixels.ofBitmap bitmap)
    dimsOf x |> shouldEqual [ 3; 1; 2 ]
    shouldBeClose "samples" 1e-7 [| 0.0; 0.4; 0.2; 0.6; 1.0; 0.8 |] (Tensor.toFloats x)
    shouldEqual bitmap (Bitmap.ofTensor x)

    let grey = {
        Width = 1
        Height = 1
        Channels = 1
        Samples = [| 9uy |]
    }

    shouldEqual [| 9uy; 9uy; 9uy |] (Bitmap.toRgb grey).Samples

    let opaque = {
        Width = 1
        Height = 1
        Channels = 4
        Samples = [| 1uy; 2uy; 3uy; 4uy |]
    }

    shouldEqual [| 1uy; 2uy; 3uy |] (Bitmap.toRgb opaque).Samples

// ---- files that were tampered with -----------------------------------------------------------------------------------

let private seeds =
    lazy
        [
            "png",
            pngOf {
                source 2 8 9 7 with
                    Filter = fun row -> row % 5
            }
            "png",
            pngOf {
                source 3 4 9 7 with
                    Interlaced = true
                    Palette = palette 4
            }
            "bmp", bmp 5 3 24 [||] (Array.init 48 byte)
            "bmp", bmp 6 2 4 (Array.init 64 byte) (Array.init 8 byte)
            "ppm", ascii "P3\n2 2 255 1 2 3 4 5 6 7 8 9 10 11 12"
            "pgm", Array.append (ascii "P5 4 4 255 ") (Array.init 16 byte)
        ]

/// A file with some bytes changed, cut out or doubled; check sums of chunks are sometimes made right again.
let private mutate (random: Random) (file: byte[]) : byte[] =
    let mutable bytes = Array.copy file

    for _ in 0 .. random.Next 4 do
        let at = random.Next bytes.Length

        match random.Next 4 with
        | 0 -> bytes[at] <- byte (random.Next 256)
        | 1 -> bytes[at] <- bytes[at] ^^^ (1uy <<< random.Next 8)
        | 2 when bytes.Length > 8 ->
            bytes <- Array.removeManyAt at (min (bytes.Length - at) (1 + random.Next 8)) bytes
        | _ ->
            bytes <-
                Array.insertManyAt at (Array.sub bytes at (min (bytes.Length - at) (1 + random.Next 8))) bytes

        if bytes.Length = 0 then
            bytes <- [| 0uy |]

    // With the check sum of the header right again, what it says is believed.
    if bytes.Length > 33 && random.Next 2 = 0 then
        Array.blit (bigEndian (crc bytes[12..28])) 0 bytes 29 4

    bytes

/// The most that a mutated file may take (bytes).
[<Literal>]
let private MostAllocated = 1_073_741_824L

let private survives count seed =
    let random = Random(seed: int)

    for i in 0 .. count - 1 do
        let format, file = seeds.Value[i % seeds.Value.Length]
        let bytes = mutate random file
        let before = GC.GetAllocatedBytesForCurrentThread()

        try
            decode bytes |> ignore
        with
        | :? DataException -> ()
        | e -> Assert.Fail $"{format} {i}, {Convert.ToBase64String bytes}: {e}"

        let allocated = GC.GetAllocatedBytesForCurrentThread() - before
        ensure $"{format} {i}: {allocated} bytes" (allocated < MostAllocated)

[<Test>]
let ``files that were tampered with are read or refused, and take no undue memory`` () = survives 1800 1

[<Test; Category "Slow">]
let ``many files that were tampered with are read or refused, and take no undue memory`` () =
    survives 60_000 2
