namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.IO
open System.Text

/// The chunks that a PNG file is made of (RFC 2083, section 3): length, name, content, check sum of name and content.
[<RequireQualifiedAccess>]
module internal PngChunks =

    let signature = [| 137uy; 80uy; 78uy; 71uy; 13uy; 10uy; 26uy; 10uy |]

    let bigEndian (value: uint32) : byte[] =
        let bytes = Array.zeroCreate 4
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(), value)
        bytes

    /// A chunk as bytes.
    let encode (name: string) (content: byte[]) : byte[] =
        let named = Array.append (Encoding.ASCII.GetBytes name) content
        let crc = Crc32.ofBytes (ReadOnlySpan named)
        Array.concat [ bigEndian (uint32 content.Length); named; bigEndian crc ]

/// Where a chunk is, and what it says of itself.
type internal PngChunk = { Name: string; Length: int64 }

/// A file taken apart chunk by chunk; nothing is held but what is asked for.
[<Sealed>]
type internal PngReader(path: string, stream: Stream) =
    let mutable offset = 0L
    let mutable crc = Crc32.Start

    let cutOff what =
        Fail.data path $"cut off: it ends inside {what}, at byte {offset}" "fetch or copy the file again"

    let read what (buffer: Span<byte>) =
        let got = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream = false)
        offset <- offset + int64 got

        if got < buffer.Length then
            cutOff what

    member _.Path = path

    /// Where the next byte is read from.
    member _.Offset = offset

    /// *Errors:* `DataException` unless the file begins as a PNG file does.
    member _.ReadSignature() : unit =
        let found = Array.zeroCreate<byte> 8
        read "its signature" (Span found)

        if found <> PngChunks.signature then
            Fail.data path "it is not a PNG file" "give a PNG file"

    /// The name and length of the next chunk.
    member _.Next() : PngChunk =
        let header = Array.zeroCreate<byte> 8
        read "the head of a chunk" (Span header)
        let length = BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(header, 0, 4))
        let name = Encoding.Latin1.GetString(header, 4, 4)

        if length > 0x7FFFFFFFu || not (Seq.forall Char.IsAsciiLetter name) then
            Fail.data path $"byte {offset - 8L}: no chunk begins here" "fetch or copy the file again"

        crc <- Crc32.over Crc32.Start (ReadOnlySpan(header, 4, 4))
        { Name = name; Length = int64 length }

    /// The next bytes of a chunk's content.
    member _.Content(buffer: Span<byte>) : unit =
        read "a chunk" buffer
        crc <- Crc32.over crc (Span.op_Implicit buffer)

    /// *Errors:* `DataException` when the check sum that follows the content is not that of the chunk.
    member _.Close(name: string) : unit =
        let expected = ~~~crc
        let found = Array.zeroCreate<byte> 4
        read "a check sum" (Span found)

        if BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan found) <> expected then
            Fail.data
                path
                $"byte {offset - 4L}: the check sum of chunk {name} is wrong"
                "fetch or copy the file again"

    /// All of a chunk's content; its check sum is tested.
    member this.ReadAll(chunk: PngChunk, most: int) : byte[] =
        if chunk.Length > int64 most then
            Fail.data
                path
                $"chunk {chunk.Name} has {Text.number chunk.Length} bytes, at most {most} are possible"
                "fetch or copy the file again"

        let content = Array.zeroCreate<byte>(int chunk.Length)
        this.Content(Span content)
        this.Close chunk.Name
        content

    /// Passes over a chunk's content; its check sum is tested.
    member this.Skip(chunk: PngChunk) : unit =
        let buffer = Array.zeroCreate<byte> 4096
        let mutable left = chunk.Length

        while left > 0L do
            let part = int (min left 4096L)
            this.Content(Span(buffer, 0, part))
            left <- left - int64 part

        this.Close chunk.Name

/// The contents of the IDAT chunks that follow each other, as one stream.
[<Sealed>]
type internal PngPixelStream(reader: PngReader, first: PngChunk) =
    inherit Stream()

    let mutable left = first.Length
    let mutable after: PngChunk voption = ValueNone

    /// To the next chunk that has bytes left; false when the chunks of pixels are over.
    let rec advance () =
        if left > 0L then
            true
        elif after.IsSome then
            false
        else
            reader.Close "IDAT"
            let next = reader.Next()

            if next.Name = "IDAT" then
                left <- next.Length
                advance ()
            else
                after <- ValueSome next
                false

    /// The chunk behind the last one of pixels, whose bytes are passed over.
    member _.Finish() : PngChunk =
        while advance () do
            let buffer = Array.zeroCreate<byte>(int (min left 4096L))
            reader.Content(Span buffer)
            left <- left - int64 buffer.Length

        after.Value

    override _.Read(buffer: byte[], start: int, count: int) : int =
        if count = 0 || not (advance ()) then
            0
        else
            let part = int (min left (int64 count))
            reader.Content(Span(buffer, start, part))
            left <- left - int64 part
            part

    override _.CanRead = true
    override _.CanSeek = false
    override _.CanWrite = false
    override _.Length: int64 = raise (NotSupportedException())

    override _.Position
        with get (): int64 = raise (NotSupportedException())
        and set (_: int64): unit = raise (NotSupportedException())

    override _.Flush() = ()
    override _.Seek(_, _) : int64 = raise (NotSupportedException())
    override _.SetLength _ = raise (NotSupportedException())
    override _.Write(_: byte[], _: int, _: int) : unit = raise (NotSupportedException())
