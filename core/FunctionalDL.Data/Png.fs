namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text

/// Pictures of 8-bit samples as PNG (RFC 2083), written without a library.
[<RequireQualifiedAccess>]
module Png =

    let private signature = [| 137uy; 80uy; 78uy; 71uy; 13uy; 10uy; 26uy; 10uy |]

    /// The remainders of single bytes for `crc`.
    let private remainders =
        let shift c =
            if c &&& 1u = 1u then 0xEDB88320u ^^^ (c >>> 1) else c >>> 1

        Array.init 256 (fun n -> Seq.fold (fun c _ -> shift c) (uint32 n) (seq { 1..8 }))

    /// The check sum that a chunk ends with.
    let private crc (bytes: byte[]) : uint32 =
        let next c (b: byte) =
            remainders[int ((c ^^^ uint32 b) &&& 0xFFu)] ^^^ (c >>> 8)

        ~~~(Array.fold next ~~~0u bytes)

    let private bigEndian (value: uint32) : byte[] =
        let bytes = Array.zeroCreate 4
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(), value)
        bytes

    /// A chunk: length, name, content, check sum of name and content.
    let private chunk (name: string) (content: byte[]) : byte[] =
        let named = Array.append (Encoding.ASCII.GetBytes name) content
        Array.concat [ bigEndian (uint32 content.Length); named; bigEndian (crc named) ]

    let private compressed (bytes: byte[]) : byte[] =
        use result = new MemoryStream()

        do
            use zlib = new ZLibStream(result, CompressionLevel.SmallestSize, leaveOpen = true)
            zlib.Write(bytes, 0, bytes.Length)

        result.ToArray()

    let private write colourType channels width height (pixels: byte[]) : byte[] =
        let needed = int64 width * int64 height * int64 channels

        if width < 1 || height < 1 || int64 pixels.Length <> needed then
            invalidArg
                (nameof pixels)
                $"{pixels.Length} bytes are not a picture of {height} rows of {width} pixels of {channels}"

        let stride = width * channels

        // Each row begins with its filter: 0 for none.
        let rows =
            Array.init height (fun row ->
                Array.append [| 0uy |] pixels[row * stride .. (row + 1) * stride - 1])

        let header =
            Array.concat [
                bigEndian (uint32 width)
                bigEndian (uint32 height)
                // 8 bits a sample; deflate, the five filters, not interlaced.
                [| 8uy; colourType; 0uy; 0uy; 0uy |]
            ]

        Array.concat [
            signature
            chunk "IHDR" header
            chunk "IDAT" (compressed (Array.concat rows))
            chunk "IEND" [||]
        ]

    /// A grey picture, row by row, 0 for black. Raises ArgumentException unless there are `width * height`
    /// bytes, at least one.
    let grey (width: int) (height: int) (pixels: byte[]) : byte[] = write 0uy 1 width height pixels

    /// A picture of red, green and blue samples, pixel by pixel, row by row. Raises ArgumentException unless
    /// there are `3 * width * height` bytes, at least three.
    let rgb (width: int) (height: int) (pixels: byte[]) : byte[] = write 2uy 3 width height pixels

    /// The bytes of a PNG as an address that has the picture in it.
    let dataUri (png: byte[]) : string =
        "data:image/png;base64," + Convert.ToBase64String png
