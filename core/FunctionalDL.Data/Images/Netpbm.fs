namespace FunctionalDL.Data

open System
open System.IO

/// Pictures in the Netpbm formats PGM and PPM, as text (P2, P3) or bytes (P5, P6).
[<RequireQualifiedAccess>]
module Netpbm =

    [<Literal>]
    let private Again = "fetch or copy the file again"

    /// The numbers of the file, one after the other; a `#` begins a comment that goes to the end of the line.
    let private readNumber (path: string) (what: string) (stream: Stream) : int =
        let rec skip (b: int) =
            if b = int '#' then
                let mutable c = stream.ReadByte()

                while c >= 0 && c <> int '\n' do
                    c <- stream.ReadByte()

                skip (stream.ReadByte())
            elif b >= 0 && Char.IsWhiteSpace(char b) then
                skip (stream.ReadByte())
            else
                b

        let rec digits (value: int64) (b: int) =
            if b >= 0 && Char.IsAsciiDigit(char b) && value <= int64 Int32.MaxValue then
                digits (10L * value + int64 (b - int '0')) (stream.ReadByte())
            else
                // The one byte behind a number is white space and belongs to it.
                value, b

        let first = skip (stream.ReadByte())

        if first < 0 || not (Char.IsAsciiDigit(char first)) then
            Fail.data path $"there is no number for {what}" Again

        match digits 0L first with
        | value, _ when value > int64 Int32.MaxValue ->
            Fail.data path $"the number for {what} is too large" Again
        | _, b when b >= 0 && not (Char.IsWhiteSpace(char b)) ->
            Fail.data path $"the number for {what} goes on with something else" Again
        | value, _ -> int value

    let private scaled (most: int) (value: int) : byte = byte ((value * 255 + most / 2) / most)

    let private readBytes (path: string) (most: int) (samples: byte[]) (stream: Stream) : unit =
        let width = if most < 256 then 1 else 2
        let buffer = Array.zeroCreate<byte>(min (samples.Length * width) 65536)
        let mutable i = 0

        while i < samples.Length do
            let wanted = min buffer.Length ((samples.Length - i) * width)

            if stream.ReadAtLeast(Span(buffer, 0, wanted), wanted, throwOnEndOfStream = false) < wanted then
                Fail.data path "cut off: it ends inside its pixels" Again

            for k in 0 .. wanted / width - 1 do
                let value =
                    if width = 1 then
                        int buffer[k]
                    else
                        (int buffer[2 * k] <<< 8) ||| int buffer[2 * k + 1]

                if value > most then
                    Fail.data path $"a sample is {value}, the header's largest is {most}" Again

                samples[i + k] <- scaled most value

            i <- i + wanted / width

    let private readText (path: string) (most: int) (samples: byte[]) (stream: Stream) : unit =
        for i in 0 .. samples.Length - 1 do
            let value = readNumber path $"sample {i}" stream

            if value > most then
                Fail.data path $"a sample is {value}, the header's largest is {most}" Again

            samples[i] <- scaled most value

    /// The picture in a stream, from where it stands; `path` is its name in messages.
    ///
    /// *Errors:* `DataException` when the bytes are not PGM or PPM, are cut off, or claim more pixels than `limits` allow or the
    /// file can hold.
    let decode (limits: BitmapLimits) (path: string) (stream: Stream) : Bitmap =
        let p, kind = stream.ReadByte(), stream.ReadByte()

        let channels, isText =
            match char p, char kind with
            | 'P', '2' -> 1, true
            | 'P', '3' -> 3, true
            | 'P', '5' -> 1, false
            | 'P', '6' -> 3, false
            | _ -> Fail.data path "it is not a PGM or PPM file" "give one that begins with P2, P3, P5 or P6"

        let width = readNumber path "its width" stream
        let height = readNumber path "its height" stream
        Bitmap.checkSize limits path (int64 width) (int64 height)
        let most = readNumber path "its largest sample" stream

        if most < 1 || most > 65535 then
            Fail.data path $"its largest sample is {most}, which must be 1 to 65535" Again

        let count = width * height * channels

        // As text a sample takes a digit and a space at least, the last one the digit alone.
        let least =
            if isText then 2L * int64 count - 1L
            elif most < 256 then int64 count
            else 2L * int64 count

        if stream.CanSeek && stream.Length - stream.Position < least then
            Fail.data path $"cut off: {width} × {height} pixels need {Text.number least} bytes" Again

        let samples = Array.zeroCreate<byte> count
        (if isText then readText else readBytes) path most samples stream

        {
            Width = width
            Height = height
            Channels = channels
            Samples = samples
        }
