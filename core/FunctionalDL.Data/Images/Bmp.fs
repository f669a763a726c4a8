namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.IO

/// Pictures in the Windows bitmap format: 1, 4, 8 (with palette), 24 and 32 bits a pixel, not compressed.
[<RequireQualifiedAccess>]
module Bmp =

    [<Literal>]
    let private Again = "fetch or copy the file again"

    /// The sizes of the file's head and of the picture's (BITMAPINFOHEADER; later ones are longer and begin alike).
    [<Literal>]
    let private FileHead = 14

    [<Literal>]
    let private InfoHead = 40

    type private Head = {
        /// Where the pixels begin.
        Pixels: int64
        Width: int
        Height: int
        /// Whether the first row is the top one; otherwise it is the bottom one.
        TopDown: bool
        Bits: int
        /// Blue, green, red and nothing of each entry.
        Palette: byte[]
    }

    let private fill (path: string) (buffer: byte[]) (stream: Stream) : unit =
        if stream.ReadAtLeast(Span buffer, buffer.Length, throwOnEndOfStream = false) < buffer.Length then
            Fail.data path "cut off: it ends too early" Again

    let private int32At (bytes: byte[]) at =
        BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(bytes, at, 4))

    let private int16At (bytes: byte[]) at =
        int (BinaryPrimitives.ReadInt16LittleEndian(ReadOnlySpan(bytes, at, 2)))

    let private skip (path: string) (count: int64) (stream: Stream) : unit =
        if count < 0L then
            Fail.data path "its pixels begin inside its head" Again

        let buffer = Array.zeroCreate<byte>(int (min count 4096L))
        let mutable left = count

        while left > 0L do
            let part = Array.sub buffer 0 (int (min left 4096L))
            fill path part stream
            left <- left - int64 part.Length

    let private readHead (limits: BitmapLimits) (path: string) (stream: Stream) : Head =
        let head = Array.zeroCreate<byte>(FileHead + InfoHead)
        fill path head stream

        if head[0] <> byte 'B' || head[1] <> byte 'M' then
            Fail.data path "it is not a BMP file" "give a BMP file"

        let pixels = int64 (uint32 (int32At head 10))
        let infoSize = int32At head FileHead
        let width, height = int64 (int32At head 18), int64 (int32At head 22)
        let bits, compression = int16At head 28, int32At head 30

        if infoSize < InfoHead || infoSize > 1024 then
            Fail.data path $"a head of {infoSize} bytes is not known" "save it as a plain BMP"

        Bitmap.checkSize limits path width (abs height)

        // 3: the places of colours in 32 bits are told apart, and are the usual ones in all files that programs write today.
        if not (compression = 0 || (compression = 3 && bits = 32)) then
            Fail.data path $"its compression {compression} is not read" "save it as a plain BMP"

        let entries =
            match bits, int32At head 46 with
            | (1 | 4 | 8), 0 -> 1 <<< bits
            | (1 | 4 | 8), used when used > 0 && used <= (1 <<< bits) -> used
            | (24 | 32), _ -> 0
            | _ -> Fail.data path $"a palette of {int32At head 46} colours for {bits} bits is not known" Again

        skip path (int64 (infoSize - InfoHead)) stream
        let palette = Array.zeroCreate<byte>(4 * entries)
        fill path palette stream
        skip path (pixels - int64 (FileHead + infoSize + palette.Length)) stream

        {
            Pixels = pixels
            Width = int width
            Height = int (abs height)
            TopDown = height < 0L
            Bits = bits
            Palette = palette
        }

    /// The picture in a stream, from where it stands, in red, green and blue; `path` is its name in messages.
    ///
    /// *Errors:* `DataException` when the bytes are not BMP, are cut off or compressed, or claim more pixels than `limits` allow or
    /// the file can hold.
    let decode (limits: BitmapLimits) (path: string) (stream: Stream) : Bitmap =
        let head = readHead limits path stream
        // Rows are filled up to whole groups of four bytes.
        let stride = int ((int64 head.Width * int64 head.Bits + 31L) / 32L * 4L)

        if
            stream.CanSeek
            && stream.Length - stream.Position < int64 stride * int64 head.Height
        then
            Fail.data path $"cut off: {head.Width} × {head.Height} pixels need more bytes" Again

        let samples = Array.zeroCreate<byte>(3 * head.Width * head.Height)
        let row = Array.zeroCreate<byte> stride

        let colour y x : struct (byte[] * int) =
            match head.Bits with
            | 24
            | 32 -> struct (row, x * head.Bits / 8)
            | bits ->
                let bit = x * bits
                let entry = (int row[bit / 8] >>> (8 - bits - bit % 8)) &&& ((1 <<< bits) - 1)

                if 4 * entry >= head.Palette.Length then
                    Fail.data path $"row {y}, pixel {x}: its palette has no such colour" Again

                struct (head.Palette, 4 * entry)

        for i in 0 .. head.Height - 1 do
            fill path row stream
            let y = if head.TopDown then i else head.Height - 1 - i

            for x in 0 .. head.Width - 1 do
                let struct (source, at) = colour y x
                let place = 3 * (y * head.Width + x)
                samples[place] <- source[at + 2]
                samples[place + 1] <- source[at + 1]
                samples[place + 2] <- source[at]

        {
            Width = head.Width
            Height = head.Height
            Channels = 3
            Samples = samples
        }
