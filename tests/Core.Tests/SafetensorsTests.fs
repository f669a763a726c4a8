/// The safetensors files of parameters: what is read and written, what is refused, and in which words.
module FunctionalDL.Tests.SafetensorsTests

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Text.Json
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.IdxTests
open FunctionalDL.Tests.Support

// ---- files ------------------------------------------------------------------------------------------------

let private tensor name dtype shape (bytes: byte[]) = {
    Name = name
    DType = dtype
    Shape = shape
    Bytes = ReadOnlyMemory bytes
}

/// What can be compared of a tensor.
let private content (tensor: StoredTensor) =
    tensor.Name, tensor.DType, tensor.Shape, tensor.Bytes.ToArray()

let private contents (file: StoredTensors) = Array.map content file.Tensors

/// Every dtype, with the bytes of its elements.
let private dtypes = [
    "BOOL", 1
    "U8", 1
    "I8", 1
    "F8_E4M3", 1
    "F8_E5M2", 1
    "F8_E8M0", 1
    "U16", 2
    "I16", 2
    "F16", 2
    "BF16", 2
    "U32", 4
    "I32", 4
    "F32", 4
    "U64", 8
    "I64", 8
    "F64", 8
    "C64", 8
]

/// A tensor of every dtype, and the shapes and names that are easily got wrong.
let private all = [
    for i, (dtype, size) in List.indexed dtypes do
        tensor $"layers.{i}.weight" dtype [| 3; 1 |] (Array.init (3 * size) (fun k -> byte (17 * i + k)))
    tensor "scalar" "F32" [||] [| 1uy; 2uy; 3uy; 4uy |]
    tensor "empty" "F64" [| 0; 5 |] [||]
    tensor "é\"\\\n名" "U8" [| 2 |] [| 7uy; 8uy |]
    tensor "" "I8" [| 1; 1; 1 |] [| 9uy |]
]

let private metadata = [ "seed", "1"; "épochs", "a\nb\"" ]

let private asDictionary (entries: (string * string) list) = Dictionary(dict entries)

let private write path =
    Safetensors.write path (Map metadata) all

/// A file of this JSON and `body` zeros.
let private fileOf (json: string) (body: int) =
    let header = Encoding.UTF8.GetBytes json
    Array.concat [ BitConverter.GetBytes(int64 header.Length); header; Array.zeroCreate body ]

let private readOf (scratch: Scratch) bytes =
    Safetensors.read (scratch.Put "file.safetensors" bytes)

/// The bytes are refused as a file, cheaply, with the file and all parts in the message.
let private isRefused (bytes: byte[]) parts =
    use scratch = new Scratch()
    let path = scratch.Put "file.safetensors" bytes
    refusesCheaply path parts (fun () -> Safetensors.read path |> ignore)

// ---- reading and writing ----------------------------------------------------------------------------------

[<Test>]
let ``tensors of every dtype and the metadata are read back, in their order`` () =
    use scratch = new Scratch()
    let path = scratch.At "a.safetensors"
    write path
    let file = Safetensors.read path
    shouldEqual (List.map content all) (List.ofArray (contents file))
    shouldEqual (Map(metadata @ [ "format", "pt"; "format_version", "1" ])) file.Metadata

[<Test>]
let ``each dtype takes its number of bytes, and others are not known`` () =
    for dtype, size in dtypes do
        shouldEqual (Some size) (Safetensors.elementSize dtype)

    for dtype in [ ""; "f32"; "F128"; "F4"; "F6_E2M3"; "float32"; "F32 " ] do
        shouldEqual None (Safetensors.elementSize dtype)

[<Test>]
let ``a written file is what the format describes`` () =
    use scratch = new Scratch()
    let path = scratch.At "a.safetensors"
    write path
    let file = File.ReadAllBytes path
    let length = int (BitConverter.ToUInt64(file, 0))
    shouldEqual 0 (length % 8)
    use header = JsonDocument.Parse(ReadOnlyMemory(file, 8, length))
    let metadata = header.RootElement.GetProperty "__metadata__"
    shouldEqual "pt" (metadata.GetProperty("format").GetString())
    shouldEqual "1" (metadata.GetProperty("format_version").GetString())
    let mutable covered = 0

    for tensor in all do
        let entry = header.RootElement.GetProperty tensor.Name
        shouldEqual tensor.DType (entry.GetProperty("dtype").GetString())
        let numbers (name: string) = [| for n in entry.GetProperty(name).EnumerateArray() -> n.GetInt32() |]
        shouldEqual tensor.Shape (numbers "shape")

        match numbers "data_offsets" with
        | [| first; last |] ->
            shouldEqual (tensor.Bytes.ToArray()) file[8 + length + first .. 8 + length + last - 1]
            // So that the file can be mapped into memory.
            shouldEqual 0 (first % (Safetensors.elementSize tensor.DType).Value)
            covered <- covered + last - first
        | other -> Assert.Fail $"data_offsets are %A{other}"

    shouldEqual (file.Length - 8 - length) covered

[<Test>]
let ``the same tensors and metadata give the same bytes, in whatever order the metadata are`` () =
    use scratch = new Scratch()
    write (scratch.At "a")
    Safetensors.write (scratch.At "b") (asDictionary (List.rev metadata)) all
    let file = File.ReadAllBytes(scratch.At "a")
    shouldEqual file (File.ReadAllBytes(scratch.At "b"))

[<Test>]
let ``what was read is written again byte for byte`` () =
    use scratch = new Scratch()
    write (scratch.At "a")
    let file = Safetensors.read (scratch.At "a")
    Safetensors.write (scratch.At "b") file.Metadata file.Tensors
    shouldEqual (File.ReadAllBytes(scratch.At "a")) (File.ReadAllBytes(scratch.At "b"))

[<Test>]
let ``a file without tensors is read back`` () =
    use scratch = new Scratch()
    Safetensors.write (scratch.At "a") Map.empty []
    let file = Safetensors.read (scratch.At "a")
    shouldEqual [||] (contents file)
    shouldEqual (Map [ "format", "pt"; "format_version", "1" ]) file.Metadata

/// Two tensors as another writer has them: 9 bytes.
let private foreign =
    """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}}"""

[<TestCase("")>]
[<TestCase("   ")>]
let ``a file of another writer, without metadata, is read`` (padding: string) =
    use scratch = new Scratch()
    let bytes = fileOf (foreign + padding) 9
    bytes[bytes.Length - 1] <- 5uy
    let file = readOf scratch bytes
    shouldEqual Map.empty file.Metadata
    shouldEqual [| "a", "F32", [| 2 |], Array.zeroCreate 8; "b", "U8", [||], [| 5uy |] |] (contents file)

[<Test>]
let ``the order of the header need not be that of the bytes`` () =
    use scratch = new Scratch()

    let swapped =
        """{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},
"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"""

    let bytes = fileOf swapped 2

    bytes[bytes.Length - 1] <- 5uy

    shouldEqual
        [| "b", "U8", [| 1 |], [| 5uy |]; "a", "U8", [| 1 |], [| 0uy |] |]
        (contents (readOf scratch bytes))

// ---- tensors that are not written -------------------------------------------------------------------------

[<Test>]
let ``tensors that the format cannot keep are the caller's fault, and the old file survives`` () =
    use scratch = new Scratch()
    let path = scratch.At "a"
    write path
    let before = File.ReadAllBytes path

    let wrong metadata tensors parts =
        messageOf<ArgumentException>(fun () -> Safetensors.write path (Map metadata) tensors)
        |> shouldContain parts

    let byte = [| 1uy |]
    wrong [] [ tensor "a" "U8" [||] byte; tensor "a" "I8" [||] byte ] [ "two tensors are called 'a'" ]
    wrong [] [ tensor "a" "Q9" [||] byte ] [ "tensor 'a'"; "unknown dtype 'Q9'" ]
    wrong [] [ tensor "a" "F32" [| 2 |] byte ] [ "tensor 'a'"; "F32 [2] does not take 1 bytes" ]
    wrong [] [ tensor "a" "U8" [| -1; -1 |] byte ] [ "tensor 'a'"; "negative extent" ]
    // The product is 0 in 64 bits.
    wrong [] [ tensor "a" "U8" (Array.create 4 65536) [||] ] [ "tensor 'a'"; "does not take 0 bytes" ]
    wrong [] [ tensor "__metadata__" "U8" [||] byte ] [ "tensor '__metadata__'"; "the format's own" ]
    wrong [ "format_version", "2" ] [] [ "format_version is always '1'; found '2'" ]
    wrong [ "format", "tf" ] [] [ "format is always 'pt'; found 'tf'" ]

    messageOf<ArgumentException>(fun () ->
        Safetensors.write path [ KeyValuePair("k", "1"); KeyValuePair("k", "2") ] [])
    |> shouldContain [ "two metadata are called 'k'" ]

    shouldEqual before (File.ReadAllBytes path)
    shouldEqual [ "a" ] scratch.Names

[<Test>]
let ``a file that cannot be written is named`` () =
    use scratch = new Scratch()
    let file = scratch.Put "file" [||]
    let below = Path.Combine(file, "a.safetensors")
    refuses below [ $"{file} is a file, not a folder" ] (fun () -> write below)
    let nowhere = Path.Combine(scratch.At "no", "a.safetensors")
    refuses nowhere [ "does not exist" ] (fun () -> write nowhere)
    shouldEqual [ "file" ] scratch.Names

// ---- files that are refused -------------------------------------------------------------------------------

[<Test>]
let ``a missing file and a folder are told apart`` () =
    use scratch = new Scratch()
    let missing = scratch.At "missing"
    refuses missing [ "no such file" ] (fun () -> Safetensors.read missing |> ignore)
    refuses scratch.Folder [ "it is a folder" ] (fun () -> Safetensors.read scratch.Folder |> ignore)
    refuses "''" [ "not a path" ] (fun () -> Safetensors.read "" |> ignore)

/// A header of one tensor, `w`, from JSON.
let private one dtype shape offsets =
    $"{{\"w\":{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":{offsets}}}}}"

/// A header of bytes (U8) from name, size and offsets.
let private bytesAt (tensors: (string * int * string) list) =
    let entry (name, size, offsets) =
        $"\"{name}\":{{\"dtype\":\"U8\",\"shape\":[{size}],\"data_offsets\":[{offsets}]}}"

    "{" + String.concat "," (List.map entry tensors) + "}"

let private offsetsWrong = "its data_offsets are not two byte positions"
let private shapeWrong = "its shape is not a list of sizes"

/// What is wrong, the header, the number of bytes after it, and what the message says. The tensor at fault
/// is `w`.
let private malformed = [
    "no JSON", "{nope", 0, [ "its header is not JSON" ]
    "an array", "[1]", 0, [ "does not begin with a brace" ]
    "an empty header", "", 0, [ "does not begin with a brace" ]
    "white space first", " " + foreign, 9, [ "does not begin with a brace" ]
    "an unfinished object", foreign[.. foreign.Length - 2], 9, [ "not JSON" ]
    "text after the object", foreign + "x", 9, [ "not JSON" ]
    "two objects", foreign + "{}", 9, [ "not JSON" ]
    "a comment", "{/* */}", 0, [ "not JSON" ]
    "a trailing comma", """{"__metadata__":{},}""", 0, [ "not JSON" ]
    "deep nesting", "{\"w\":" + String('[', 100_000), 0, [ "not JSON" ]
    "half a surrogate pair as a name",
    """{"\ud800":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}""",
    1,
    [ "header" ]
    "half a surrogate pair as a dtype", one "\"\\ud800\"" "[]" "[0,1]", 1, [ "header" ]
    "a name twice", bytesAt [ "w", 1, "0,1"; "w", 1, "0,1" ], 1, [ "the header names 'w' twice" ]
    "a name twice, once escaped",
    bytesAt [ "w", 1, "0,1"; "\\u0077", 1, "1,2" ],
    2,
    [ "the header names 'w' twice" ]
    "a field twice",
    """{"w":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}""",
    1,
    [ "tensor 'w' names 'dtype' twice" ]
    "the metadata twice", """{"__metadata__":{},"__metadata__":{}}""", 0, [ "names '__metadata__' twice" ]
    "an entry of the metadata twice",
    """{"__metadata__":{"k":"1","k":"2"}}""",
    0,
    [ "__metadata__ names 'k' twice" ]
    "a number as metadata", """{"__metadata__":{"k":1}}""", 0, [ "__metadata__ entry 'k' is not text" ]
    "null as metadata", """{"__metadata__":null}""", 0, [ "__metadata__ is not an object" ]
    "another version",
    """{"__metadata__":{"format_version":"2"}}""",
    0,
    [ "format_version '2' is not known"; "'1'" ]
    "a tensor that is a number", """{"w":3}""", 1, [ "tensor 'w' is not an object" ]
    "no dtype", """{"w":{"shape":[],"data_offsets":[0,1]}}""", 1, [ "tensor 'w'"; "it has no dtype" ]
    "no shape", """{"w":{"dtype":"U8","data_offsets":[0,1]}}""", 1, [ "tensor 'w'"; "it has no shape" ]
    "no offsets", """{"w":{"dtype":"U8","shape":[]}}""", 1, [ "tensor 'w'"; "it has no data_offsets" ]
    "an unknown dtype", one "\"F7\"" "[]" "[0,1]", 1, [ "tensor 'w'"; "unknown dtype 'F7'" ]
    "a dtype in small letters", one "\"f32\"" "[]" "[0,4]", 4, [ "tensor 'w'"; "unknown dtype 'f32'" ]
    "a number as dtype", one "1" "[]" "[0,1]", 1, [ "tensor 'w'"; "its dtype is not text" ]
    "null as dtype", one "null" "[]" "[0,1]", 1, [ "tensor 'w'"; "its dtype is not text" ]
    "a negative extent", one "\"U8\"" "[-1]" "[0,1]", 1, [ "tensor 'w'"; shapeWrong ]
    "a broken extent", one "\"U8\"" "[1.5]" "[0,1]", 1, [ "tensor 'w'"; shapeWrong ]
    "text as extent", one "\"U8\"" "[\"1\"]" "[0,1]", 1, [ "tensor 'w'"; shapeWrong ]
    "text as shape", one "\"U8\"" "\"1\"" "[0,1]", 1, [ "tensor 'w'"; shapeWrong ]
    "an extent that is 1 in 32 bits", one "\"U8\"" "[4294967297]" "[0,1]", 1, [ "tensor 'w'"; shapeWrong ]
    "an extent beyond 64 bits", one "\"U8\"" "[18446744073709551617]" "[0,1]", 1, [ "tensor 'w'"; shapeWrong ]
    "a size that is 0 in 64 bits",
    one "\"U8\"" "[65536,65536,65536,65536]" "[0,0]",
    0,
    [ "tensor 'w'"; "more bytes than can be counted" ]
    "a size that is 0 in 64 bits with its elements",
    one "\"F64\"" "[536870912,536870912,8]" "[0,0]",
    0,
    [ "tensor 'w'"; "more bytes than can be counted" ]
    "too small a range", one "\"U8\"" "[2]" "[0,1]", 1, [ "tensor 'w'"; "U8 [2] takes 2 bytes"; "span 1" ]
    "too large a range", one "\"F32\"" "[1]" "[0,8]", 8, [ "tensor 'w'"; "F32 [1] takes 4 bytes"; "span 8" ]
    "a negative offset", one "\"U8\"" "[1]" "[-1,0]", 1, [ "tensor 'w'"; offsetsWrong ]
    "offsets in reverse", one "\"U8\"" "[1]" "[1,0]", 1, [ "tensor 'w'"; offsetsWrong ]
    "one offset", one "\"U8\"" "[1]" "[0]", 1, [ "tensor 'w'"; offsetsWrong ]
    "three offsets", one "\"U8\"" "[1]" "[0,1,2]", 1, [ "tensor 'w'"; offsetsWrong ]
    "offsets that are text", one "\"U8\"" "[1]" "[\"0\",\"1\"]", 1, [ "tensor 'w'"; offsetsWrong ]
    "an offset beyond 64 bits",
    one "\"U8\"" "[1]" "[9223372036854775807,9223372036854775808]",
    1,
    [ "tensor 'w'"; offsetsWrong ]
    "an offset that is 1 in 64 bits",
    one "\"U8\"" "[1]" "[0,18446744073709551617]",
    1,
    [ "tensor 'w'"; offsetsWrong ]
    "nothing, far behind the end",
    one "\"U8\"" "[0]" "[9223372036854775807,9223372036854775807]",
    1,
    [ "tensor 'w'"; "nothing covers the bytes 0 to 9223372036854775807" ]
    "more than the file holds",
    one "\"U8\"" "[2147483647]" "[0,2147483647]",
    1,
    [ "tensor 'w'"; "cut off: its bytes end at 2,147,483,647"; "the file holds 1" ]
    "a hole at the beginning",
    one "\"U8\"" "[1]" "[1,2]",
    2,
    [ "tensor 'w'"; "nothing covers the bytes 0 to 1" ]
    "a hole between",
    bytesAt [ "a", 1, "0,1"; "w", 1, "3,4" ],
    4,
    [ "tensor 'w'"; "nothing covers the bytes 1 to 3" ]
    "an overlap", bytesAt [ "a", 2, "0,2"; "w", 2, "1,3" ], 3, [ "tensor 'w'"; "its bytes from 1 overlap" ]
    "two tensors of the same bytes",
    bytesAt [ "a", 2, "0,2"; "w", 2, "0,2" ],
    2,
    [ "overlap another tensor's" ]
    "a tensor within another",
    bytesAt [ "a", 4, "0,4"; "w", 1, "1,2" ],
    4,
    [ "tensor 'w'"; "its bytes from 1 overlap" ]
    "bytes after the last tensor",
    one "\"U8\"" "[1]" "[0,1]",
    2,
    [ "its last tensor ends at byte 1 of the data, but the file holds 2" ]
    "bytes without tensors", "{}", 1, [ "ends at byte 0 of the data, but the file holds 1" ]
]

let private malformedCases =
    malformed
    |> List.map (fun (what, header, body, parts) ->
        TestCaseData(header, body, parts).SetArgDisplayNames(what))

[<TestCaseSource("malformedCases")>]
let ``a malformed header is refused, with the file and the tensor named``
    (header: string, body: int, parts: string list)
    =
    isRefused (fileOf header body) parts

[<Test>]
let ``a name is shown on one line, and cut when it is long`` () =
    isRefused (fileOf (bytesAt [ "w\\n\\u001b[31m", 1, "1,2" ]) 2) [ @"tensor 'w\u000A\u001B[31m'" ]
    let long = String('n', 100_000)
    use scratch = new Scratch()
    let path = scratch.Put "a" (fileOf (bytesAt [ long, 1, "1,2" ]) 2)

    let message = messageOf<DataException>(fun () -> Safetensors.read path |> ignore)

    shouldContain [ path; "nnn…'" ] message
    ensure $"the message has {message.Length} characters" (message.Length < 1000)

[<Test>]
let ``a header that claims too much is refused before anything is allocated for it`` () =
    let claiming (length: uint64) =
        Array.append (BitConverter.GetBytes length) (Encoding.ASCII.GetBytes "{}")

    isRefused (claiming UInt64.MaxValue) [
        "it claims 18446744073709551615 bytes"
        "the format allows 100,000,000"
    ]

    isRefused (claiming (uint64 Int64.MaxValue)) [ "it claims 9223372036854775807 bytes" ]
    isRefused (claiming (1UL <<< 63)) [ "it claims 9223372036854775808 bytes" ]
    isRefused (claiming (1UL <<< 32 ||| 2UL)) [ "it claims 4294967298 bytes" ]
    isRefused (claiming 100_000_001UL) [ "it claims 100000001 bytes" ]

    isRefused (claiming 100_000_000UL) [
        "cut off: its header claims 100,000,000 bytes, but the file holds 2 after the first 8"
    ]

    isRefused (claiming 3UL) [ "cut off: its header claims 3 bytes" ]

[<Test>]
let ``a header that is no UTF-8 is refused`` () =
    isRefused (Array.append (BitConverter.GetBytes 3L) [| byte '{'; 0xFFuy; byte '}' |]) [ "not JSON" ]
    // In a name, where a lenient reader would put a replacement.
    let bytes = fileOf (one "\"U8\"" "[1]" "[0,1]") 1
    bytes[Array.IndexOf(bytes, byte 'w')] <- 0xFFuy
    isRefused bytes [ "header" ]

[<Test>]
let ``a file cut off anywhere is refused`` () =
    use scratch = new Scratch()
    let path = scratch.At "a"
    write path
    let file = File.ReadAllBytes path
    let header = 8 + int (BitConverter.ToUInt64(file, 0))

    for length in 0 .. file.Length - 1 do
        File.WriteAllBytes(path, file[.. length - 1])

        refuses path [ "cut off"; (if length < header then "header" else "tensor '") ] (fun () ->
            Safetensors.read path |> ignore)

// ---- broken by chance -------------------------------------------------------------------------------------

/// Breaks one byte of a file, `count` times. The format has no checksum, so a byte may change what a file
/// says; but it may change only what is said at its place. A broken element is in its tensor and nowhere
/// else; a broken header is refused, or one name, dtype or entry of the metadata differs and the elements are
/// untouched.
let private breakBytes count =
    use scratch = new Scratch()
    let path = scratch.At "a"
    write path
    let file = File.ReadAllBytes path
    let header = 8 + int (BitConverter.ToUInt64(file, 0))
    let original = Safetensors.read path
    let rng = Random 20240607
    let mutable refused, unchanged, changed = 0, 0, 0

    for _ in 1..count do
        let place = rng.Next file.Length
        let value = byte ((int file[place] + rng.Next(1, 256)) % 256)
        let broken = Array.copy file
        broken[place] <- value
        File.WriteAllBytes(path, broken)

        let result =
            try
                Some(Safetensors.read path)
            with
            | :? DataException as e ->
                shouldEqual path e.Path
                None
            | e ->
                Assert.Fail $"byte {place} as {value}: {e}"
                None

        match result with
        | None ->
            refused <- refused + 1
            ensure $"byte {place} as {value} is an element, but was refused" (place < header)
        | Some found ->
            let before, after = contents original, contents found
            let bytesOf (_, _, _, bytes: byte[]) = bytes
            shouldEqual before.Length after.Length

            let differing = Array.zip before after |> Array.filter (fun (b, a) -> b <> a)

            let entries (file: StoredTensors) =
                file.Metadata |> Map.toList |> Set.ofList

            let lost = Set.difference (entries original) (entries found)
            let differences = differing.Length + lost.Count
            ensure $"byte {place} as {value} changed {differences} things" (differences <= 1)

            for (n, d, s, b), (n', d', s', b') in differing do
                if place < header then
                    shouldEqual (s, b) (s', b')
                else
                    shouldEqual (n, d, s) (n', d', s')
                    let wrong = Array.zip b b' |> Array.filter (fun (x, y) -> x <> y)
                    shouldEqual [| file[place], value |] wrong

            if place >= header then
                shouldEqual 1 differing.Length

            // Whatever it says now, it takes the bytes that it has.
            for _, dtype, shape, bytes in after do
                shouldEqual (Array.fold (*) (Safetensors.elementSize dtype).Value shape) bytes.Length

            ensure
                "the bytes are not read from the file"
                (after |> Array.sumBy (bytesOf >> Array.length) = file.Length - header)

            if differences = 0 then
                unchanged <- unchanged + 1
            else
                changed <- changed + 1

    TestContext.Out.WriteLine $"{refused} refused, {unchanged} unchanged, {changed} changed"
    ensure $"only {refused} of {count} were refused" (refused > count / 3)
    ensure $"only {changed} of {count} were read" (changed > count / 20)

[<Test>]
let ``of 300 broken bytes each is refused, or changes only what is said at its place`` () = breakBytes 300

[<Test; Category("Slow")>]
let ``of 10,000 broken bytes each is refused, or changes only what is said at its place`` () =
    breakBytes 10_000
