namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.IO
open System.Text.Json

/// One named tensor as a safetensors file keeps it: uninterpreted little-endian bytes. Neither equality nor
/// order is defined, since the one that would be generated compares where the bytes lie, not what they are.
[<NoEquality; NoComparison>]
type StoredTensor = {
    /// The tensor's name, unique in its file: the path of a parameter, such as `layers.0.weight`.
    Name: string
    /// The element type as the format spells it: `F32`, `F64`, `I32`, `I64`, `U8`, `BOOL` and the others
    /// of `Safetensors.elementSize`.
    DType: string
    /// The extent of each axis, outermost first; empty for a scalar.
    Shape: int[]
    /// The elements in row-major order, each little-endian.
    Bytes: ReadOnlyMemory<byte>
}

/// The content of a safetensors file.
[<NoEquality; NoComparison>]
type StoredTensors = {
    /// The file's `__metadata__`: free text under free names; empty if the file has none.
    Metadata: Map<string, string>
    /// The tensors in the order in which the header names them.
    Tensors: StoredTensor[]
}

/// Reading and writing the safetensors format: a little-endian 64-bit length, a JSON header of that length
/// (each tensor's dtype, shape and byte range, and a map of text), and the tensors' bytes. Nothing in such a
/// file is executed, and everything is checked before it is used. Source: the format's description in the
/// README of github.com/huggingface/safetensors, section "Format".
[<RequireQualifiedAccess>]
module Safetensors =

    /// The version of this library's own conventions, written into each file as metadata `format_version`.
    [<Literal>]
    let FormatVersion = "1"

    [<Literal>]
    let private VersionKey = "format_version"

    [<Literal>]
    let private MetadataKey = "__metadata__"

    /// The format's own limit on its header, in bytes.
    [<Literal>]
    let private LongestHeader = 100000000L

    /// The metadata that every file of ours carries. `format` = `pt` is what PyTorch's tools look for before
    /// they accept a file; it concerns names and layout, which follow PyTorch's.
    let private ownMetadata = [ "format", "pt"; VersionKey, FormatVersion ]

    /// The bytes that one element of `dtype` takes, or `None` if the format or this library does not know
    /// it. The types of less than a byte (`F4`, `F6_…`) are not supported.
    let elementSize (dtype: string) : int option =
        match dtype with
        | "BOOL"
        | "U8"
        | "I8"
        | "F8_E4M3"
        | "F8_E5M2"
        | "F8_E8M0" -> Some 1
        | "U16"
        | "I16"
        | "F16"
        | "BF16" -> Some 2
        | "U32"
        | "I32"
        | "F32" -> Some 4
        | "U64"
        | "I64"
        | "F64"
        | "C64" -> Some 8
        | _ -> None

    /// The bytes that a tensor takes, or `None` when that overflows 64 bits.
    let private byteLength (shape: int[]) (elementBytes: int) : int64 option =
        if Array.contains 0 shape then
            Some 0L
        else
            (Some(int64 elementBytes), shape)
            ||> Array.fold (fun product extent ->
                product
                |> Option.filter (fun p -> p <= Int64.MaxValue / int64 extent)
                |> Option.map (fun p -> p * int64 extent))

    let private showShape (shape: int[]) : string =
        shape |> Seq.map string |> String.concat "; " |> (fun s -> $"[{s}]")

    // ---------------------------------------------------------------- writing

    /// The size of one element, for a tensor that may be written; otherwise `ArgumentException`.
    let private checkWritable (tensor: StoredTensor) : int =
        let wrong (why: string) =
            invalidArg "tensors" $"Safetensors.write: tensor {Text.quote tensor.Name}: {why}."

        if tensor.Name = MetadataKey then
            wrong "this name is the format's own"

        if Array.exists (fun extent -> extent < 0) tensor.Shape then
            wrong $"shape {showShape tensor.Shape} has a negative extent"

        match elementSize tensor.DType with
        | None -> wrong $"unknown dtype {Text.quote tensor.DType}"
        | Some size ->
            if byteLength tensor.Shape size <> Some(int64 tensor.Bytes.Length) then
                wrong $"{tensor.DType} {showShape tensor.Shape} does not take {tensor.Bytes.Length} bytes"

            size

    let private checkDistinct (what: string) (names: seq<string>) : unit =
        match names |> Seq.countBy id |> Seq.tryFind (fun (_, count) -> count > 1) with
        | Some(name, _) -> invalidArg what $"Safetensors.write: two {what} are called {Text.quote name}."
        | None -> ()

    /// The caller's metadata with ours, sorted by name so that the file does not depend on the order of a
    /// dictionary.
    let private completeMetadata (metadata: KeyValuePair<string, string>[]) : (string * string)[] =
        checkDistinct "metadata" (metadata |> Seq.map _.Key)
        let given = metadata |> Array.map (fun entry -> entry.Key, entry.Value)

        for key, value in ownMetadata do
            for entryKey, entryValue in given do
                if entryKey = key && entryValue <> value then
                    invalidArg
                        "metadata"
                        $"Safetensors.write: metadata {key} is always {Text.quote value}; \
found {Text.quote entryValue}."

        Array.append given (Array.ofList ownMetadata)
        |> Array.distinctBy fst
        |> Array.sortWith (fun (a, _) (b, _) -> String.CompareOrdinal(a, b))

    /// Where each tensor's bytes begin, in the tensors' order. Larger elements lie before smaller ones
    /// (otherwise in the order given), so that with the header's padding every tensor is aligned to its own
    /// elements, which readers that map the file into memory need.
    let private layOut (sizes: int[]) (tensors: StoredTensor[]) : int[] * int64[] =
        let order = Array.init tensors.Length id |> Array.sortBy (fun i -> -sizes[i], i)

        let begins = Array.zeroCreate<int64> tensors.Length

        (0L, order)
        ||> Array.fold (fun position i ->
            begins[i] <- position
            position + int64 tensors[i].Bytes.Length)
        |> ignore

        order, begins

    /// The JSON header, padded with spaces to a multiple of 8 bytes.
    let private writeHeader
        (metadata: (string * string)[])
        (tensors: StoredTensor[])
        (begins: int64[])
        : byte[] =
        use buffer = new MemoryStream()

        let writeJson () =
            use json = new Utf8JsonWriter(buffer)
            json.WriteStartObject()
            json.WriteStartObject MetadataKey

            for key, value in metadata do
                json.WriteString(key, value)

            json.WriteEndObject()

            for tensor, start in Array.zip tensors begins do
                json.WriteStartObject tensor.Name
                json.WriteString("dtype", tensor.DType)
                json.WriteStartArray "shape"

                for extent in tensor.Shape do
                    json.WriteNumberValue extent

                json.WriteEndArray()
                json.WriteStartArray "data_offsets"
                json.WriteNumberValue start
                json.WriteNumberValue(start + int64 tensor.Bytes.Length)
                json.WriteEndArray()
                json.WriteEndObject()

            json.WriteEndObject()

        writeJson ()

        while buffer.Length % 8L <> 0L do
            buffer.WriteByte(byte ' ')

        if buffer.Length > LongestHeader then
            invalidArg
                "tensors"
                $"Safetensors.write: the header would take {Text.number buffer.Length} bytes; \
the format allows {Text.number LongestHeader}."

        buffer.ToArray()

    /// Writes `tensors` to the file `path`: all of them, or none (see `Atomic.write`: an older file survives
    /// any failure).
    ///
    /// The header names the tensors in the order given. `metadata` is any sequence of name and text (a
    /// dictionary, a `Map`); `format` = `pt` and `format_version` are added. The same arguments give the same
    /// bytes, whatever the order of the metadata.
    ///
    /// *Errors:* `ArgumentException` when two tensors or two entries of the metadata share a name, a tensor
    /// is called `__metadata__`, its dtype is unknown, its shape and its bytes disagree, or the metadata give
    /// `format` or `format_version` another value; `DataException` when the file cannot be written.
    let write
        (path: string)
        (metadata: seq<KeyValuePair<string, string>>)
        (tensors: seq<StoredTensor>)
        : unit =
        let tensors = Array.ofSeq tensors
        checkDistinct "tensors" (tensors |> Seq.map _.Name)
        let sizes = tensors |> Array.map checkWritable
        let metadata = completeMetadata (Array.ofSeq metadata)
        let order, begins = layOut sizes tensors
        let header = writeHeader metadata tensors begins
        let length = Array.zeroCreate<byte> 8
        BinaryPrimitives.WriteInt64LittleEndian(Span length, int64 header.Length)

        Atomic.write path (fun stream ->
            stream.Write(ReadOnlySpan length)
            stream.Write(ReadOnlySpan header)

            for i in order do
                stream.Write tensors[i].Bytes.Span)

    // ---------------------------------------------------------------- reading

    /// What the header says of a tensor, checked as far as the header alone allows.
    [<NoComparison>]
    type private Entry = {
        Name: string
        DType: string
        Shape: int[]
        Begin: int64
        End: int64
    }

    [<Literal>]
    let private FetchAgain = "fetch or copy the file again"

    let private wrongHeader (path: string) (why: string) : 'a =
        Fail.data path $"its header is wrong: {why}" "give a safetensors file"

    let private wrongTensor (path: string) (name: string) (why: string) : 'a =
        Fail.data path $"tensor {Text.quote name}: {why}" FetchAgain

    /// The members of a JSON object, in order; refuses two of one name, which JSON parsers resolve each in
    /// their own way.
    let private members (path: string) (what: string) (json: JsonElement) : JsonProperty[] =
        if json.ValueKind <> JsonValueKind.Object then
            wrongHeader path $"{what} is not an object"

        let properties = json.EnumerateObject() |> Seq.toArray
        let seen = HashSet<string>(StringComparer.Ordinal)

        for property in properties do
            if not (seen.Add property.Name) then
                wrongHeader path $"{what} names {Text.quote property.Name} twice"

        properties

    /// The whole numbers of a JSON array, or `None` if it is no array or holds anything else.
    let private wholeNumbers (json: JsonElement) : int64[] option =
        if json.ValueKind <> JsonValueKind.Array then
            None
        else
            let numbers =
                json.EnumerateArray()
                |> Seq.map (fun item ->
                    match item.ValueKind with
                    | JsonValueKind.Number ->
                        match item.TryGetInt64() with
                        | true, value -> Some value
                        | false, _ -> None
                    | _ -> None)
                |> Seq.toArray

            if Array.forall Option.isSome numbers then
                Some(Array.choose id numbers)
            else
                None

    let private parseShape (path: string) (name: string) (json: JsonElement) : int[] =
        match wholeNumbers json with
        | Some shape when shape |> Array.forall (fun n -> n >= 0L && n <= int64 Int32.MaxValue) ->
            shape |> Array.map int
        | Some _
        | None -> wrongTensor path name $"its shape is not a list of sizes from 0 to {Int32.MaxValue}"

    let private parseOffsets (path: string) (name: string) (json: JsonElement) : struct (int64 * int64) =
        match wholeNumbers json with
        | Some [| first; last |] when first >= 0L && last >= first -> struct (first, last)
        | Some _
        | None -> wrongTensor path name "its data_offsets are not two byte positions, begin and end"

    let private parseEntry (path: string) (property: JsonProperty) : Entry =
        let name = property.Name
        let fields = members path $"tensor {Text.quote name}" property.Value

        let field (key: string) =
            match fields |> Array.tryFind (fun f -> f.Name = key) with
            | Some found -> found.Value
            | None -> wrongTensor path name $"it has no {key}"

        let dtype =
            let json = field "dtype"

            match json.ValueKind with
            | JsonValueKind.String -> json.GetString() |> string
            | _ -> wrongTensor path name "its dtype is not text"

        let shape = parseShape path name (field "shape")
        let struct (first, last) = parseOffsets path name (field "data_offsets")

        match elementSize dtype with
        | None -> wrongTensor path name $"unknown dtype {Text.quote dtype}"
        | Some size ->
            match byteLength shape size with
            | Some expected when expected = last - first -> ()
            | Some expected ->
                wrongTensor
                    path
                    name
                    $"{dtype} {showShape shape} takes {Text.number expected} bytes, \
but its data_offsets span {Text.number (last - first)}"
            | None -> wrongTensor path name $"{dtype} {showShape shape} takes more bytes than can be counted"

        {
            Name = name
            DType = dtype
            Shape = shape
            Begin = first
            End = last
        }

    let private parseMetadata (path: string) (json: JsonElement) : Map<string, string> =
        let entries =
            members path MetadataKey json
            |> Array.map (fun property ->
                match property.Value.ValueKind with
                | JsonValueKind.String -> property.Name, property.Value.GetString() |> string
                | _ -> wrongHeader path $"{MetadataKey} entry {Text.quote property.Name} is not text")

        let metadata = Map.ofArray entries

        match Map.tryFind VersionKey metadata with
        | Some version when version <> FormatVersion ->
            Fail.data
                path
                $"{VersionKey} {Text.quote version} is not known here"
                $"read it with the version of the library that wrote it; this one reads '{FormatVersion}'"
        | Some _
        | None -> metadata

    /// Metadata and entries of a JSON header.
    let private parseHeader (path: string) (header: byte[]) : Map<string, string> * Entry[] =
        // The format asks for the brace at once: white space before it could hide another file's magic.
        if header.Length = 0 || header[0] <> byte '{' then
            wrongHeader path "it does not begin with a brace"

        try
            use document = JsonDocument.Parse(ReadOnlyMemory header)
            let all = members path "the header" document.RootElement
            let isMetadata (property: JsonProperty) = property.Name = MetadataKey

            let metadata =
                match Array.tryFind isMetadata all with
                | Some property -> parseMetadata path property.Value
                | None -> Map.empty

            metadata, all |> Array.filter (isMetadata >> not) |> Array.map (parseEntry path)
        with
        | :? JsonException as e ->
            Fail.dataFrom e path $"its header is not JSON: {e.Message}" "give a safetensors file"
        // Text that is no Unicode (half of a surrogate pair) parses, and fails when it is looked at.
        | :? InvalidOperationException as e ->
            Fail.dataFrom e path $"its header is wrong: {e.Message}" "give a safetensors file"

    /// The entries in the order of their bytes, if they cover exactly `dataLength` bytes with neither a
    /// hole nor an overlap.
    let private checkLayout (path: string) (dataLength: int64) (entries: Entry[]) : Entry[] =
        let ordered = entries |> Array.sortBy (fun entry -> struct (entry.Begin, entry.End))

        let covered =
            (0L, ordered)
            ||> Array.fold (fun position entry ->
                if entry.Begin < position then
                    wrongTensor path entry.Name $"its bytes from {entry.Begin} overlap another tensor's"

                if entry.Begin > position then
                    wrongTensor
                        path
                        entry.Name
                        $"nothing covers the bytes {position} to {entry.Begin} before it"

                if entry.End > dataLength then
                    wrongTensor
                        path
                        entry.Name
                        $"cut off: its bytes end at {Text.number entry.End}, \
but the file holds {Text.number dataLength}"

                entry.End)

        if covered < dataLength then
            Fail.data
                path
                $"its last tensor ends at byte {Text.number covered} of the data, but the file holds \
{Text.number dataLength}"
                FetchAgain

        ordered

    /// Exactly `count` bytes from where the stream stands.
    let private readExactly (path: string) (what: string) (count: int) (stream: Stream) : byte[] =
        let bytes = Array.zeroCreate<byte> count

        let got = stream.ReadAtLeast(Span bytes, count, throwOnEndOfStream = false)

        if got < count then
            Fail.data
                path
                $"cut off: {what} takes {Text.number (int64 count)} bytes, but only {got} are there"
                FetchAgain

        bytes

    let private readTensor (path: string) (stream: Stream) (entry: Entry) : StoredTensor =
        let length = entry.End - entry.Begin

        if length > int64 Array.MaxLength then
            wrongTensor
                path
                entry.Name
                $"its {Text.number length} bytes are more than one array holds ({Array.MaxLength})"

        {
            Name = entry.Name
            DType = entry.DType
            Shape = entry.Shape
            Bytes = ReadOnlyMemory(readExactly path $"tensor {Text.quote entry.Name}" (int length) stream)
        }

    /// The tensors and metadata of the safetensors file `path`, any writer's. The file may be larger than 2
    /// GB, a single tensor not. The header is checked in full against the file's length before any tensor's
    /// bytes are read.
    ///
    /// *Errors:* `DataException` that names the file, and the tensor where one is at fault: the file is
    /// missing or cannot be read; its header is longer than the file or than the format's 100 MB, is not
    /// JSON, or names something twice; a dtype is unknown; a shape disagrees with its bytes; byte ranges are
    /// negative, overlap, leave a hole, or do not end where the file does; `format_version` is not one that
    /// this library knows (a file without one is taken as it is).
    let read (path: string) : StoredTensors =
        Fail.reading path "a safetensors file" (fun file ->
            let length =
                readExactly path "the length of its header" 8 file
                |> fun bytes -> BinaryPrimitives.ReadUInt64LittleEndian(ReadOnlySpan bytes)

            if length > uint64 LongestHeader then
                wrongHeader
                    path
                    $"it claims {length} bytes, and the format allows {Text.number LongestHeader}"

            let dataLength = file.Length - 8L - int64 length

            if dataLength < 0L then
                Fail.data
                    path
                    $"cut off: its header claims {Text.number (int64 length)} bytes, \
but the file holds {Text.number (file.Length - 8L)} after the first 8"
                    FetchAgain

            let metadata, entries =
                readExactly path "its header" (int length) file |> parseHeader path

            let read =
                checkLayout path dataLength entries
                |> Array.map (fun entry -> entry.Name, readTensor path file entry)
                |> dict

            {
                Metadata = metadata
                Tensors = entries |> Array.map (fun entry -> read[entry.Name])
            })
