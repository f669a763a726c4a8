namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression

/// The content of an IDX file of unsigned bytes.
type IdxArray = {
    /// The extent of each axis, outermost first: `[images; height; width]` for pictures, `[images]` for
    /// labels. At least one axis; an extent may be 0.
    Dims: int[]
    /// The elements in row-major order, as many as the product of `Dims`. Pictures: 0 is background, 255
    /// full ink.
    Bytes: byte[]
}

/// Pictures with their labels, and the files both came from (for messages).
type LabelledImages = {
    /// `[images; height; width]`, unsigned bytes.
    Images: IdxArray
    /// `[images]`: the class of each picture, counted from 0.
    Labels: IdxArray
    /// The file that the pictures were read from.
    ImagesPath: string
    /// The file that the labels were read from.
    LabelsPath: string
}

/// A folder in MNIST's layout: two parts, whose pictures all have the same height and width.
type IdxDataset = {
    /// The pictures of `train-images-idx3-ubyte`, with their labels.
    Train: LabelledImages
    /// The pictures of `t10k-images-idx3-ubyte`, with their labels.
    Test: LabelledImages
}

/// Reading and writing the IDX format, plain or inside gzip.
///
/// An IDX file is two zero bytes, a byte for the element type, a byte for the number of axes, each extent
/// as a big-endian 32-bit unsigned integer, and then the elements, outermost axis first. Source: Y. LeCun,
/// C. Cortes, C. Burges, "The MNIST database", section "File formats". This library reads and writes
/// unsigned bytes (type 0x08) and names any other type in its refusal.
[<RequireQualifiedAccess>]
module Idx =

    /// The element type "unsigned byte".
    [<Literal>]
    let private UnsignedByte = 0x08uy

    /// The buffer for a body starts no larger than this (bytes) and doubles as bytes really arrive, so that
    /// a header alone never makes us allocate what it claims.
    [<Literal>]
    let private FirstBuffer = 4194304

    let private hex (bytes: ReadOnlySpan<byte>) : string =
        Convert.ToHexString(bytes).ToLowerInvariant()
        |> Seq.chunkBySize 2
        |> Seq.map String
        |> String.concat " "

    let private typeName (code: byte) : string option =
        match code with
        | 0x09uy -> Some "signed bytes"
        | 0x0Buy -> Some "16-bit integers"
        | 0x0Cuy -> Some "32-bit integers"
        | 0x0Duy -> Some "32-bit floats"
        | 0x0Euy -> Some "64-bit floats"
        | _ -> None

    let private cutOff (path: string) (expected: int64) (found: string) : 'a =
        Fail.data
            path
            $"cut off: its header promises {Text.number expected} bytes, but it holds {found}"
            "fetch or copy the file again"

    let private showExtents (dims: seq<'extent>) : string =
        dims |> Seq.map string |> String.concat " x "

    /// The product of the extents, or `None` when it is more than one array can hold.
    let private elements (dims: int64[]) : int64 option =
        if Array.contains 0L dims then
            Some 0L
        else
            (Some 1L, dims)
            ||> Array.fold (fun product extent ->
                product
                |> Option.filter (fun p -> p <= int64 Array.MaxLength / extent)
                |> Option.map (fun p -> p * extent))

    /// Reads exactly `count` bytes of the header, or says that the file ends inside it.
    let private readHeader (path: string) (stream: Stream) (count: int) (what: string) : byte[] =
        let buffer = Array.zeroCreate<byte> count

        let got = stream.ReadAtLeast(Span buffer, count, throwOnEndOfStream = false)

        if got < count then
            Fail.data
                path
                $"cut off: it ends inside {what}, after {got} of {count} bytes"
                "fetch or copy the file again"

        buffer

    /// Reads the magic number; the number of axes.
    let private readMagic (path: string) (expectedAxes: int option) (stream: Stream) : int =
        let magic = readHeader path stream 4 "its magic number"

        let expected =
            match expectedAxes with
            | Some axes -> $"00 00 08 {axes:x2} (unsigned bytes, {axes} axes)"
            | None -> "00 00 08 and the number of axes"

        let wrong (why: string) =
            Fail.data
                path
                $"wrong magic number: found {hex (ReadOnlySpan magic)}{why}, expected {expected}"
                "give an IDX file of unsigned bytes, plain or gzip"

        if magic[0] <> 0uy || magic[1] <> 0uy || magic[3] = 0uy then
            wrong ""

        if magic[2] <> UnsignedByte then
            wrong (
                match typeName magic[2] with
                | Some name -> $" ({name}, which this library does not read)"
                | None -> ""
            )

        match expectedAxes with
        | Some axes when int magic[3] <> axes -> wrong ""
        | Some _
        | None -> int magic[3]

    /// Reads `count` bytes; the array is shorter if the stream ends before.
    let private readBody (stream: Stream) (count: int) : byte[] =
        let rec fill (buffer: byte[]) (filled: int) =
            let wanted = buffer.Length - filled

            let got =
                stream.ReadAtLeast(Span(buffer, filled, wanted), wanted, throwOnEndOfStream = false)

            if got < wanted then
                Array.sub buffer 0 (filled + got)
            elif buffer.Length = count then
                buffer
            else
                let larger =
                    Array.zeroCreate<byte>(int (min (int64 count) (2L * int64 buffer.Length)))

                Buffer.BlockCopy(buffer, 0, larger, 0, buffer.Length)
                fill larger buffer.Length

        fill (Array.zeroCreate<byte>(min count FirstBuffer)) 0

    /// Reads an IDX array from `stream`, which can hold no more than `capacity` bytes; `held` says in words
    /// how much that is.
    let private readFrom
        (path: string)
        (expectedAxes: int option)
        (stream: Stream)
        (capacity: int64)
        (held: string)
        : IdxArray =
        let axes = readMagic path expectedAxes stream
        let extents = readHeader path stream (4 * axes) "its list of extents"

        let dims =
            Array.init axes (fun i ->
                int64 (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(extents, 4 * i, 4))))

        let header = int64 (4 + 4 * axes)

        match elements dims with
        | None ->
            Fail.data
                path
                $"its header promises {showExtents dims} elements, more than one array can hold"
                "fetch or copy the file again, or split it"
        | Some count when header + count > capacity -> cutOff path (header + count) held
        | Some count ->
            let bytes = readBody stream (int count)

            if bytes.LongLength < count then
                cutOff path (header + count) $"{Text.number (header + bytes.LongLength)}"

            if stream.ReadByte() >= 0 then
                Fail.data
                    path
                    $"it goes on after the {Text.number (header + count)} bytes that its header promises"
                    "fetch or copy the file again"

            {
                Dims = dims |> Array.map int
                Bytes = bytes
            }

    /// The last four bytes of a gzip file are the unpacked size modulo 2^32 (RFC 1952). A wrong one there
    /// is a file that lost its end after the last element, which the unpacking stream does not notice, or
    /// one with something behind it.
    let private checkGzipEnd (path: string) (file: FileStream) (array: IdxArray) : unit =
        let size = uint32 (4 + 4 * array.Dims.Length) + uint32 array.Bytes.Length
        file.Position <- file.Length - 4L
        let trailer = readHeader path file 4 "its gzip trailer"

        if BinaryPrimitives.ReadUInt32LittleEndian(ReadOnlySpan trailer) <> size then
            Fail.data
                path
                "its gzip data do not end with the size of this array"
                "fetch or copy the file again"

    let private readExpecting (expectedAxes: int option) (path: string) : IdxArray =
        Fail.reading path "an IDX file" (fun file ->
            if Deflate.isGzip file then
                try
                    use unpacked = new GZipStream(file, CompressionMode.Decompress, leaveOpen = true)

                    let array =
                        readFrom
                            path
                            expectedAxes
                            unpacked
                            (file.Length * Deflate.MostUnpackedPerByte)
                            $"{Text.number file.Length} bytes of gzip data, which cannot unpack to that"

                    checkGzipEnd path file array
                    array
                with :? InvalidDataException as e ->
                    Fail.dataFrom
                        e
                        path
                        $"its gzip data are broken or cut off ({e.Message})"
                        "fetch or copy the file again"
            else
                readFrom path expectedAxes file file.Length (Text.number file.Length))

    /// The array in the IDX file `path`, plain or gzip of one member (told apart by content).
    ///
    /// *Errors:* `DataException` when the file is missing or cannot be read, has another magic number or
    /// element type, is shorter or longer than its header says, or its gzip data are broken. A header's
    /// claim is checked against the file's size before anything is allocated for it.
    ///
    /// *Example:* `(Idx.read "data/digits/t10k-labels-idx1-ubyte.gz").Dims` is `[| 2000 |]`.
    let read (path: string) : IdxArray = readExpecting None path

    /// The bytes of a plain IDX file that holds `bytes` (row-major) with extents `dims`.
    ///
    /// *Errors:* `ArgumentException` when there are no axes or more than 255, an extent is negative, or the
    /// product of the extents is not the number of bytes.
    let encode (dims: int[]) (bytes: byte[]) : byte[] =
        if dims.Length = 0 || dims.Length > 255 || Array.exists (fun d -> d < 0) dims then
            invalidArg
                (nameof dims)
                $"Idx: 1 to 255 extents, none negative, are needed; found '{showExtents dims}'."

        if elements (Array.map int64 dims) <> Some bytes.LongLength then
            invalidArg (nameof bytes) $"Idx: {showExtents dims} elements are not {bytes.Length} bytes."

        let header = 4 + 4 * dims.Length
        let file = Array.zeroCreate<byte>(header + bytes.Length)
        file[2] <- UnsignedByte
        file[3] <- byte dims.Length

        dims
        |> Array.iteri (fun i extent ->
            BinaryPrimitives.WriteInt32BigEndian(Span(file, 4 + 4 * i, 4), extent))

        Buffer.BlockCopy(bytes, 0, file, header, bytes.Length)
        file

    /// `bytes` as a gzip file whose header says nothing about when, where or under which name it was made.
    let private gzip (bytes: byte[]) : byte[] =
        use packed = new MemoryStream()

        let pack () =
            use stream = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen = true)

            stream.Write(ReadOnlySpan bytes)

        pack ()
        let file = packed.ToArray()
        // RFC 1952: bytes 4 to 7 are the time (0: none), byte 9 the operating system (255: unknown).
        Array.fill file 4 4 0uy
        file[9] <- 255uy
        file

    /// Writes an IDX file of unsigned bytes, as gzip when `path` ends in `.gz`. The same array gives the
    /// same file: no time and no system in the gzip header (another version of .NET may pack otherwise, but
    /// unpacks to the same). Atomic: see `Atomic.write`.
    ///
    /// *Arguments:* `dims` the extents, outermost first; `bytes` the elements in row-major order.
    ///
    /// *Errors:* `ArgumentException` as for `encode`; `DataException` when the file cannot be written.
    let write (path: string) (dims: int[]) (bytes: byte[]) : unit =
        let plain = encode dims bytes

        let file =
            if path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) then
                gzip plain
            else
                plain

        Atomic.write path (fun stream -> stream.Write(ReadOnlySpan file))

    /// The file of `folder` that is called `stem` or `stem.gz`; the plain one if both are there.
    let private locate (folder: string) (stem: string) : string =
        let plain = Path.Combine(folder, stem)
        let zipped = plain + ".gz"

        if File.Exists plain then
            plain
        elif File.Exists zipped then
            zipped
        else
            Fail.data
                folder
                $"it has neither {stem} nor {stem}.gz"
                "give a folder with MNIST's four IDX files"

    let private readPart (imagesPath: string) (labelsPath: string) : LabelledImages =
        let images = readExpecting (Some 3) imagesPath
        let labels = readExpecting (Some 1) labelsPath

        if images.Dims[0] <> labels.Dims[0] then
            Fail.data
                labelsPath
                $"it holds {Text.number (int64 labels.Dims[0])} labels, but {imagesPath} holds \
{Text.number (int64 images.Dims[0])} images"
                "give two files that belong together"

        if images.Bytes.Length = 0 then
            Fail.data imagesPath "it holds no pixels" "give a file with at least one image"

        {
            Images = images
            Labels = labels
            ImagesPath = imagesPath
            LabelsPath = labelsPath
        }

    /// The two parts of a folder in MNIST's layout: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    /// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or with `.gz` at its end.
    ///
    /// *Errors:* `DataException` when the folder is missing or is a file; lacks one of the four (checked
    /// before any is read); one cannot be read (see `read`) or has another number of axes; the counts of
    /// images and labels differ; a part has no pixels; or the two parts' pictures differ in size. Labels'
    /// range: see `checkLabels`.
    let readDataset (folder: string) : IdxDataset =
        Fail.checkPath folder

        if File.Exists folder then
            Fail.data folder "it is a file" "give a folder with MNIST's four IDX files"

        if not (Directory.Exists folder) then
            Fail.data folder "no such folder" "give a folder with MNIST's four IDX files"

        let trainImages = locate folder "train-images-idx3-ubyte"
        let trainLabels = locate folder "train-labels-idx1-ubyte"
        let testImages = locate folder "t10k-images-idx3-ubyte"
        let testLabels = locate folder "t10k-labels-idx1-ubyte"
        let train = readPart trainImages trainLabels
        let test = readPart testImages testLabels

        if train.Images.Dims[1..] <> test.Images.Dims[1..] then
            let size (part: LabelledImages) =
                $"{part.Images.Dims[1]} x {part.Images.Dims[2]}"

            Fail.data
                testImages
                $"its images are {size test} pixels, but those of {trainImages} are {size train}"
                "give two files that belong together"

        { Train = train; Test = test }

    /// Passes if each label of `part` is a class: 0 to `classes - 1`.
    ///
    /// *Errors:* `DataException` that names the file, the first offending position (counted from 0), its
    /// label and the allowed range; `ArgumentException` when `classes` is less than 1.
    let checkLabels (classes: int) (part: LabelledImages) : unit =
        if classes < 1 then
            invalidArg (nameof classes) $"Idx.checkLabels: at least 1 class is needed; found {classes}."

        match part.Labels.Bytes |> Array.tryFindIndex (fun label -> int label >= classes) with
        | None -> ()
        | Some position ->
            Fail.data
                part.LabelsPath
                $"the label at position {position} is {part.Labels.Bytes[position]}"
                $"with {classes} classes, labels are 0 to {classes - 1}"
