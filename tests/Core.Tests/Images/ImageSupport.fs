/// PNG files written by the letter of RFC 2083, in every way that the format has; independent of the library's own writer.
module FunctionalDL.Tests.Images.ImageSupport

open System
open System.IO
open System.IO.Compression
open System.Text

/// What a PNG file is to hold: `Sample x y c` are the stored samples.
type PngSource = {
    Width: int
    Height: int
    Depth: int
    ColourType: int
    Interlaced: bool
    /// The filter of each row of a pass.
    Filter: int -> int
    Sample: int -> int -> int -> int
    Palette: byte[]
    Transparency: byte[]
}

let channelsOf colourType =
    match colourType with
    | 0
    | 3 -> 1
    | 4 -> 2
    | 2 -> 3
    | _ -> 4

/// The check sum of section 3.4, bit by bit.
let crc (bytes: byte[]) =
    let mutable crc = 0xFFFFFFFFu

    for b in bytes do
        for bit in 0..7 do
            let mixed = (crc ^^^ (uint32 b >>> bit)) &&& 1u
            crc <- (crc >>> 1) ^^^ (mixed * 0xEDB88320u)

    ~~~crc

let bigEndian (value: uint32) = [| for shift in 24..-8..0 -> byte (value >>> shift) |]

let chunk (name: string) (content: byte[]) =
    let named = Array.append (Encoding.ASCII.GetBytes name) content
    Array.concat [ bigEndian (uint32 content.Length); named; bigEndian (crc named) ]

let zip (bytes: byte[]) =
    use packed = new MemoryStream()

    let pack () =
        use zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen = true)
        zlib.Write(bytes, 0, bytes.Length)

    pack ()
    packed.ToArray()

/// The pass of each pixel of the 8 by 8 pattern of section 2.6.
let private adam7 = [|
    "16462646"
    "77777777"
    "56565656"
    "77777777"
    "36463646"
    "77777777"
    "56565656"
    "77777777"
|]

/// A row of stored samples, packed.
let private pack (source: PngSource) (samples: int list) : byte[] =
    match source.Depth with
    | 16 -> [|
        for s in samples do
            byte (s >>> 8)
            byte s
      |]
    | 8 -> [| for s in samples -> byte s |]
    | depth ->
        samples
        |> List.chunkBySize (8 / depth)
        |> List.map (fun group ->
            group |> List.mapi (fun i s -> s <<< (8 - depth * (i + 1))) |> List.sum |> byte)
        |> Array.ofList

/// A row with its filter (section 6), given the row above.
let private filtered (source: PngSource) filter (above: byte[]) (row: byte[]) : byte[] =
    let step = max 1 (source.Depth * channelsOf source.ColourType / 8)

    let left i =
        if i >= step then int row[i - step] else 0

    let up i =
        if above.Length > 0 then int above[i] else 0

    let upLeft i =
        if above.Length > 0 && i >= step then
            int above[i - step]
        else
            0

    let predicted i =
        match filter with
        | 0 -> 0
        | 1 -> left i
        | 2 -> up i
        | 3 -> (left i + up i) / 2
        | _ ->
            let p = left i + up i - upLeft i
            [ left i; up i; upLeft i ] |> List.minBy (fun q -> abs (p - q))

    Array.append [| byte filter |] (Array.mapi (fun i b -> byte (int b - predicted i)) row)

let private rowsOf (source: PngSource) (rows: (int * int) list list) : byte[] =
    let channels = channelsOf source.ColourType

    rows
    |> List.filter (List.isEmpty >> not)
    |> List.map (fun pixels ->
        pack source [
            for x, y in pixels do
                for c in 0 .. channels - 1 -> source.Sample x y c
        ])
    |> List.fold
        (fun (done', above, i) row -> filtered source (source.Filter i) above row :: done', row, i + 1)
        ([], [||], 0)
    |> fun (rows, _, _) -> Array.concat (List.rev rows)

let private pixelsOf (source: PngSource) : byte[] =
    let row y wanted = [
        for x in 0 .. source.Width - 1 do
            if wanted x y then
                x, y
    ]

    let rows wanted = [ for y in 0 .. source.Height - 1 -> row y wanted ]

    if source.Interlaced then
        [ '1' .. '7' ]
        |> List.map (fun pass -> rowsOf source (rows (fun x y -> adam7[y % 8][x % 8] = pass)))
        |> Array.concat
    else
        rowsOf source (rows (fun _ _ -> true))

let signature = [| 137uy; 80uy; 78uy; 71uy; 13uy; 10uy; 26uy; 10uy |]

let headerOf (source: PngSource) =
    Array.concat [
        bigEndian (uint32 source.Width)
        bigEndian (uint32 source.Height)
        [| byte source.Depth; byte source.ColourType; 0uy; 0uy; (if source.Interlaced then 1uy else 0uy) |]
    ]

/// The file, its pixels in chunks of seven bytes and a comment before them.
let pngOf (source: PngSource) : byte[] =
    Array.concat [
        signature
        chunk "IHDR" (headerOf source)
        chunk "tEXt" (Encoding.ASCII.GetBytes "Title\000test")
        if source.Palette.Length > 0 then
            chunk "PLTE" source.Palette
        if source.Transparency.Length > 0 then
            chunk "tRNS" source.Transparency
        for part in Array.chunkBySize 7 (zip (pixelsOf source)) do
            chunk "IDAT" part
        chunk "IEND" [||]
    ]

/// Samples that look random but are the same each time, in the range of the depth.
let noise depth x y c =
    let mixed = (x * 7919 + y * 104729 + c * 1299709 + 12345) * 1103515245
    ((mixed >>> 8) &&& 0xFFFF) % (1 <<< depth)

let source colourType depth width height = {
    Width = width
    Height = height
    Depth = depth
    ColourType = colourType
    Interlaced = false
    Filter = fun _ -> 0
    Sample = noise depth
    Palette = [||]
    Transparency = [||]
}
