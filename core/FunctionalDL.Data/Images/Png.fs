namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression

/// Pictures as PNG (RFC 2083), written and read without a library.
[<RequireQualifiedAccess>]
module Png =

    // ---- writing ---------------------------------------------------------------------------------------------------

    let private compressed (bytes: byte[]) : byte[] =
        use result = new MemoryStream()

        do
            use zlib = new ZLibStream(result, CompressionLevel.SmallestSize, leaveOpen = true)
            zlib.Write(bytes, 0, bytes.Length)

        result.ToArray()

    let private encoded colourType channels width height (pixels: byte[]) : byte[] =
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
                PngChunks.bigEndian (uint32 width)
                PngChunks.bigEndian (uint32 height)
                // 8 bits a sample; deflate, the five filters, not interlaced.
                [| 8uy; colourType; 0uy; 0uy; 0uy |]
            ]

        Array.concat [
            PngChunks.signature
            PngChunks.encode "IHDR" header
            PngChunks.encode "IDAT" (compressed (Array.concat rows))
            PngChunks.encode "IEND" [||]
        ]

    /// A grey picture, row by row, 0 for black. Raises ArgumentException unless there are `width * height`
    /// bytes, at least one.
    let grey (width: int) (height: int) (pixels: byte[]) : byte[] = encoded 0uy 1 width height pixels

    /// A picture of red, green and blue samples, pixel by pixel, row by row. Raises ArgumentException unless
    /// there are `3 * width * height` bytes, at least three.
    let rgb (width: int) (height: int) (pixels: byte[]) : byte[] = encoded 2uy 3 width height pixels

    /// A picture of 1, 3 or 4 channels as a PNG file of 8 bits a sample.
    let encode (image: Bitmap) : byte[] =
        let colour =
            if image.Channels = 4 then
                6uy
            else
                byte (image.Channels - 1)

        encoded colour image.Channels image.Width image.Height image.Samples

    /// Writes a picture to a file: all of it or nothing.
    ///
    /// *Errors:* `DataException` when the file cannot be written.
    let write (path: string) (image: Bitmap) : unit =
        let png = encode image
        Atomic.write path (fun stream -> stream.Write(png, 0, png.Length))

    /// The bytes of a PNG as an address that has the picture in it.
    let dataUri (png: byte[]) : string =
        "data:image/png;base64," + Convert.ToBase64String png

    // ---- reading ---------------------------------------------------------------------------------------------------

    [<Literal>]
    let private Again = "fetch or copy the file again"

    /// The colour type and depth of the header, where they go together (section 4.1.1).
    let private colourOf path (colour: byte) (depth: byte) : PngColour =
        match colour, depth with
        | 0uy, (1uy | 2uy | 4uy | 8uy | 16uy) -> PngColour.Grey
        | 2uy, (8uy | 16uy) -> PngColour.Rgb
        | 3uy, (1uy | 2uy | 4uy | 8uy) -> PngColour.Palette
        | 4uy, (8uy | 16uy) -> PngColour.GreyAlpha
        | 6uy, (8uy | 16uy) -> PngColour.Rgba
        | _ ->
            Fail.data path $"its header has colour type {colour} with {depth} bits, which there is not" Again

    let private readHeader (limits: BitmapLimits) (reader: PngReader) : PngFormat =
        let path = reader.Path
        let chunk = reader.Next()

        if chunk.Name <> "IHDR" || chunk.Length <> 13L then
            Fail.data path "it does not begin with a header" Again

        let header = reader.ReadAll(chunk, 13)
        let width = BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(header, 0, 4))
        let height = BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(header, 4, 4))
        Bitmap.checkSize limits path (int64 width) (int64 height)

        if header[10] <> 0uy || header[11] <> 0uy || header[12] > 1uy then
            Fail.data path "its header names a compression, filter or interlacing that there is not" Again

        {
            Width = int width
            Height = int height
            Depth = int header[8]
            Colour = colourOf path header[9] header[8]
            Interlaced = header[12] = 1uy
            Palette = [||]
            Transparency = [||]
        }

    /// How many bytes a tRNS chunk has, at most and (but for palettes) exactly.
    let private transparencyBytes (format: PngFormat) : int =
        match format.Colour with
        | PngColour.Grey -> 2
        | PngColour.Rgb -> 6
        | PngColour.Palette -> format.Palette.Length / 3
        | PngColour.GreyAlpha
        | PngColour.Rgba -> 0

    /// Reads on to the first chunk of pixels.
    let rec private readToPixels (reader: PngReader) (format: PngFormat) : PngFormat * PngChunk =
        let chunk = reader.Next()

        match chunk.Name with
        | "IDAT" when format.Colour = PngColour.Palette && format.Palette.Length = 0 ->
            Fail.data reader.Path "its palette is missing" Again
        | "IDAT" -> format, chunk
        | "PLTE" ->
            let palette = reader.ReadAll(chunk, 768)

            if palette.Length = 0 || palette.Length % 3 <> 0 then
                Fail.data reader.Path $"a palette of {palette.Length} bytes is none" Again

            readToPixels reader { format with Palette = palette }
        | "tRNS" ->
            let transparency = reader.ReadAll(chunk, 256)
            let expected = transparencyBytes format

            if
                transparency.Length > expected
                || (format.Colour <> PngColour.Palette && transparency.Length <> expected)
            then
                Fail.data
                    reader.Path
                    $"a tRNS chunk of {transparency.Length} bytes does not go with its colours"
                    Again

            readToPixels reader {
                format with
                    Transparency = transparency
            }
        | "IEND" -> Fail.data reader.Path "it has no pixels" Again
        | name when Char.IsAsciiLetterUpper name[0] ->
            Fail.data
                reader.Path
                $"it needs chunk {name}, which this library does not know"
                "save it as a plain PNG"
        | _ ->
            reader.Skip chunk
            readToPixels reader format

    /// Refuses a file that is too short for what its header promises.
    let private checkLength (format: PngFormat) (path: string) (stream: Stream) : unit =
        let needed = int64 (PngRows.rowBytes format format.Width) * int64 format.Height

        if stream.CanSeek && stream.Length * Deflate.MostUnpackedPerByte < needed then
            Fail.data
                path
                $"its header promises {format.Width} × {format.Height} pixels, for which {Text.number stream.Length} bytes are too few"
                Again

    let private readPass
        (path: string)
        (format: PngFormat)
        (pixels: Stream)
        (samples: byte[])
        (pass: PngRows.Pass)
        =
        let struct (width, height) = PngRows.extent format pass
        let count = PngRows.rowBytes format width
        let channels = PngRows.channels format
        let mutable previous = Array.zeroCreate<byte> count
        let mutable row = Array.zeroCreate<byte> count
        let filter = Array.zeroCreate<byte> 1

        let fill (buffer: byte[]) =
            let got = pixels.ReadAtLeast(Span buffer, buffer.Length, throwOnEndOfStream = false)

            if got < buffer.Length then
                Fail.data path "its pixels end too early" Again

        // A pass without pixels has no rows, not rows without pixels.
        let rows = if width = 0 then 0 else height

        for y in 0 .. rows - 1 do
            fill filter
            fill row

            if not (PngRows.unfilter format filter[0] previous row) then
                Fail.data path $"row {y} has filter {filter[0]}, which there is not" Again

            let place x =
                ((pass.Y + y * pass.Dy) * format.Width + pass.X + x * pass.Dx) * channels

            if PngRows.isPlain format && pass.Dx = 1 then
                Array.blit row 0 samples (place 0) count
            else
                for x in 0 .. width - 1 do
                    if not (PngRows.putPixel format row x samples (place x)) then
                        Fail.data path $"row {y}, pixel {x}: its palette has no such colour" Again

            let above = previous
            previous <- row
            row <- above

    /// What stands behind the pixels: chunks that may be passed over, and the end.
    let rec private readEnd (reader: PngReader) (chunk: PngChunk) : unit =
        match chunk.Name with
        | "IEND" -> reader.Skip chunk
        | _ ->
            reader.Skip chunk
            readEnd reader (reader.Next())

    /// The picture in a stream, from where it stands; `path` is its name in messages. All colour types, depths and interlacing; 16
    /// bits a sample become 8, to the nearest. Check sums are tested.
    ///
    /// *Errors:* `DataException` when the bytes are not a PNG file, are cut off or changed, or the header claims more pixels than
    /// `limits` allow: no memory is taken for what only a header says.
    let decode (limits: BitmapLimits) (path: string) (stream: Stream) : Bitmap =
        let reader = PngReader(path, stream)
        reader.ReadSignature()
        let format, first = readToPixels reader (readHeader limits reader)
        use chunks = new PngPixelStream(reader, first)
        use pixels = new ZLibStream(chunks, CompressionMode.Decompress, leaveOpen = true)
        let channels = PngRows.channels format
        checkLength format path stream
        let samples = Array.zeroCreate<byte>(format.Width * format.Height * channels)

        let brokenPixels (e: exn) =
            Fail.dataFrom e path $"its compressed pixels are broken ({e.Message})" Again

        try
            for pass in PngRows.passes format do
                readPass path format pixels samples pass
        with
        | :? InvalidDataException as e -> brokenPixels e
        // What the unpacking stream throws when its routine gives up, under a name that is not public.
        | :? IOException as e -> brokenPixels e

        readEnd reader (chunks.Finish())

        {
            Width = format.Width
            Height = format.Height
            Channels = channels
            Samples = samples
        }
