/// Weights that PyTorch wrote: what is read, and what is refused, among it pickles that would do harm elsewhere.
module FunctionalDL.Tests.Weights.WeightTests

open System
open System.IO
open System.IO.Compression
open System.Text
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.IdxTests
open FunctionalDL.Tests.Support

/// A file that `make_states.py` wrote.
let made name =
    Path.Combine(repository (), "tests/Core.Tests/Weights", name)

let quarters count = [ for i in 0 .. count - 1 -> float i / 4.0 - 1.0 ]

/// A tensor's elements as numbers.
let private elements (tensor: StoredTensor) : float list =
    let bytes = tensor.Bytes.ToArray()

    let each size (number: int -> float) = [ for at in 0..size .. bytes.Length - size -> number at ]

    match tensor.DType with
    | "F64" -> each 8 (fun at -> BitConverter.ToDouble(bytes, at))
    | "F32" -> each 4 (fun at -> float (BitConverter.ToSingle(bytes, at)))
    | "F16" -> each 2 (fun at -> float (BitConverter.ToHalf(bytes, at)))
    | "BF16" ->
        each 2 (fun at ->
            float (BitConverter.Int32BitsToSingle(int (BitConverter.ToInt16(bytes, at)) <<< 16)))
    | "I64" -> each 8 (fun at -> float (BitConverter.ToInt64(bytes, at)))
    | "I32" -> each 4 (fun at -> float (BitConverter.ToInt32(bytes, at)))
    | "I16" -> each 2 (fun at -> float (BitConverter.ToInt16(bytes, at)))
    | "I8" -> each 1 (fun at -> float (sbyte bytes[at]))
    | "U8"
    | "BOOL" -> each 1 (fun at -> float bytes[at])
    | other -> failwith $"no numbers of {other}"

let contents (tensors: StoredTensor[]) = [
    for tensor in tensors -> tensor.Name, tensor.DType, List.ofArray tensor.Shape, elements tensor
]

/// What `make_states.py` put into `state.pt`, by its formulas.
let private expected =
    let memory = quarters 12

    let turned = [
        for column in 0..3 do
            for row in 0..2 -> memory[4 * row + column]
    ]

    [
        "memory", "F32", [ 3; 4 ], memory
        "tied", "F32", [ 3; 4 ], memory
        "turned", "F32", [ 4; 3 ], turned
        "row", "F32", [ 4 ], memory[4..7]
        "every other", "F32", [ 3; 2 ], [ for i in 0..2..10 -> memory[i] ]
        "repeated", "F32", [ 2; 3 ], List.replicate 6 -0.75
        "parameter", "F32", [ 2; 2 ], quarters 4
        "scalar", "F32", [], [ 0.75 ]
        "empty", "F32", [ 0; 5 ], []
        "float64", "F64", [ 3 ], quarters 3
        "float16", "F16", [ 5 ], quarters 5
        "bfloat16", "BF16", [ 5 ], quarters 5
        "int64", "I64", [ 4 ], [ -2.0; -1.0; 0.0; 1.0 ]
        "int32", "I32", [ 4 ], [ -2.0; -1.0; 0.0; 1.0 ]
        "int16", "I16", [ 4 ], [ -2.0; -1.0; 0.0; 1.0 ]
        "int8", "I8", [ 4 ], [ -2.0; -1.0; 0.0; 1.0 ]
        "uint8", "U8", [ 4 ], [ 0.0; 1.0; 2.0; 3.0 ]
        "bool", "BOOL", [ 3 ], [ 1.0; 0.0; 1.0 ]
        "norm.weight", "F32", [ 2 ], [ 1.0; 1.0 ]
        "norm.bias", "F32", [ 2 ], [ 0.0; 0.0 ]
        "norm.running_mean", "F32", [ 2 ], [ 0.0; 0.0 ]
        "norm.running_var", "F32", [ 2 ], [ 1.0; 1.0 ]
        "norm.num_batches_tracked", "I64", [], [ 0.0 ]
    ]

// ---- reading ----------------------------------------------------------------------------------------------

[<TestCase "state.pt">]
[<TestCase "legacy.pth">]
let ``every type, view and shared memory that PyTorch writes is read exactly`` name =
    shouldEqual expected (contents (Torch.read (made name)))

[<Test>]
let ``of a checkpoint the model's state is read`` () =
    shouldEqual
        [ "weight", "F32", [ 1; 2 ], quarters 2; "bias", "F32", [ 1 ], quarters 1 ]
        (contents (Torch.read (made "checkpoint.pt")))

[<Test>]
let ``weights of 16 bits become float32, and the content tells the format`` () =
    use scratch = new Scratch()
    let path = scratch.At "state.pt"
    Safetensors.write path Map.empty (Torch.read (made "state.pt"))

    let widened = [
        for name, dtype, shape, values in expected ->
            name, (if dtype = "F16" || dtype = "BF16" then "F32" else dtype), shape, values
    ]

    shouldEqual widened (contents (Weights.read path))
    shouldEqual widened (contents (Weights.read (made "state.pt")))
    shouldEqual widened (contents (Weights.read (made "legacy.pth")))

// ---- hostile pickles --------------------------------------------------------------------------------------

/// A zip file of these parts, stored as they are.
let private zipOf (parts: (string * byte[]) list) : byte[] =
    use packed = new MemoryStream()

    let pack () =
        use zip = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen = true)

        for name, bytes in parts do
            use part = zip.CreateEntry(name, CompressionLevel.NoCompression).Open()
            part.Write(bytes, 0, bytes.Length)

    pack ()
    packed.ToArray()

/// Bytes from text in which `\x80` and its like are one byte each.
let latin (text: string) = Encoding.Latin1.GetBytes text

let private archive (pickle: byte[]) =
    zipOf [ "a/data.pkl", pickle; "a/data/0", Array.zeroCreate 16 ]

/// The pickle, in a zip file as PyTorch writes them, is refused cheaply and in these words.
let private isRefused (pickle: string) parts =
    use scratch = new Scratch()
    let path = scratch.Put "hostile.pt" (archive (latin pickle))
    refusesCheaply path parts (fun () -> Torch.read path |> ignore)

/// Pickles that run code or reach outside where they are believed: the opcode, why, and its byte.
let private hostile = [
    "\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lst R.", "GLOBAL", "'os.system'", 2
    "\x80\x02cbuiltins\neval\n.", "GLOBAL", "'builtins.eval'", 2
    "\x80\x02ctorch\nload\n.", "GLOBAL", "'torch.load'", 2
    "\x80\x04\x8c\x02os\x8c\x06system\x93.", "STACK_GLOBAL", "'os.system'", 14
    "\x80\x02N)R.", "REDUCE", "no function", 4
    "\x80\x02(ios\nsystem\n.", "INST", "not allowed", 3
    "\x80\x02(No.", "OBJ", "not allowed", 4
    "\x80\x02N)\x81.", "NEWOBJ", "not allowed", 4
    "\x80\x04N)}\x92.", "NEWOBJ_EX", "not allowed", 5
    "\x80\x02N}b.", "BUILD", "has none", 4
    "\x80\x02\x82\x01.", "EXT1", "not allowed", 2
    "\x80\x02\x83\x01\x00.", "EXT2", "not allowed", 2
    "\x80\x02\x84\x01\x00\x00\x00.", "EXT4", "not allowed", 2
    "\x80\x02Phere\n.", "PERSID", "not allowed", 2
    "\x80\x02X\x04\x00\x00\x00hereQ.", "BINPERSID", "no storage", 11
    "\x80\x02(X\x06\x00\x00\x00moduleNNNNtQ.", "BINPERSID", "no storage", 19
    "\x80\x05\x97.", "NEXT_BUFFER", "not allowed", 2
    "\x80\x09.", "PROTO", "protocol 9", 0
]

[<Test>]
let ``a pickle that could do something is refused, and the opcode and byte are named`` () =
    for pickle, opcode, why, at in hostile do
        isRefused pickle [ $"at byte {at}, opcode {opcode}:"; why ]

/// Opcodes whose sizes or numbers cannot be, and why.
let private lies = [
    "X\xff\xff\xff\xff", "BINUNICODE", "4,294,967,295"
    "\x8d\x00\x00\x00\x00\x00\x01\x00\x00", "BINUNICODE8", "1,099,511,627,776"
    "\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "BINUNICODE8", "-1"
    "\x8e\x00\x00\x00\x40\x00\x00\x00\x00", "BINBYTES8", "1,073,741,824"
    "T\xff\xff\xff\x7f", "BINSTRING", "2,147,483,647"
    "\x8a\xff", "LONG1", "255"
    "\x8b\xff\xff\xff\x7f", "LONG4", "not allowed"
    "\x95\xff\xff\xff\xff\xff\xff\xff\x7f", "FRAME", "9,223,372,036,854,775,807"
    "Nr\xff\xff\xff\x7f", "LONG_BINPUT", "2147483647"
    "j\xff\xff\xff\xff", "LONG_BINGET", "4294967295"
    "h\x07", "BINGET", "number 7"
    "t", "TUPLE", "no mark"
    "N(a", "APPEND", "no value"
]

[<Test>]
let ``sizes and numbers that lie cost nothing`` () =
    for pickle, opcode, why in lies do
        let at =
            if pickle[0] = 'N' then
                pickle.IndexOfAny [| 'r'; 'a' |]
            else
                0

        isRefused $"\x80\x04{pickle}" [ $"at byte {2 + at}, opcode {opcode}:"; why ]

[<Test>]
let ``lists of lists of the same lists are never written out`` () =
    let level n =
        $"](h{char (n - 1)}h{char (n - 1)}h{char (n - 1)}h{char (n - 1)}eq{char n}"

    let bomb = [ for n in 1..60 -> level n ] |> String.concat ""
    isRefused $"\x80\x02]q\x00{bomb}0." [ "POP" ]
    isRefused $"\x80\x02}}X\x01\x00\x00\x00w]q\x00(h\x00h\x00eq\x00s." [ "'w' is no tensor" ]

    let nested =
        [ for n in 1..60 -> $"h{char (n - 1)}h{char (n - 1)}\x86q{char n}" ]
        |> String.concat ""

    isRefused $"\x80\x02}}X\x01\x00\x00\x00w)q\x00{nested}s." [ "SETITEM" ]

/// A dictionary of one tensor, of four float32, with this offset, these sizes and strides.
let private viewing offset shape strides =
    let numbers (values: int list) =
        [ for value in values -> "J" + Encoding.Latin1.GetString(BitConverter.GetBytes value) ]
        |> String.concat ""

    "\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    + "X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
    + $"{numbers [ offset ]}({numbers shape}t({numbers strides}t\x89)tRs."

[<Test>]
let ``views outside of their memory, and those that blow it up, are refused by name`` () =
    let refused offset shape strides why =
        isRefused (viewing offset shape strides) [ "tensor 'w'"; why ]

    use scratch = new Scratch()

    let fits =
        Torch.read (scratch.Put "fits.pt" (archive (latin (viewing 1 [ 3 ] [ 1 ]))))

    shouldEqual [ "w", "F32", [ 3 ], [ 0.0; 0.0; 0.0 ] ] (contents fits)
    refused 2 [ 3 ] [ 1 ] "outside"
    refused -1 [ 3 ] [ 1 ] "outside"
    refused 3 [ 3 ] [ -1 ] "outside"
    refused 0 [ 2; 2 ] [ Int32.MaxValue; 1 ] "outside"
    refused 0 [ -1 ] [ 1 ] "sizes"
    refused 0 [ 2; 2 ] [ 1 ] "2 sizes and 1 strides"
    refused 0 [ 1000000000 ] [ 0 ] "many times"
    refused 0 [ 1000000; 1000000; 1000000 ] [ 0; 0; 0 ] "more elements"

[<Test>]
let ``a file that is cut off, damaged or of something else says so`` () =
    use scratch = new Scratch()
    let whole = File.ReadAllBytes(made "state.pt")
    let legacy = File.ReadAllBytes(made "legacy.pth")

    let refused (bytes: byte[]) parts =
        let path = scratch.Put "bad.pt" bytes
        refusesCheaply path parts (fun () -> Torch.read path |> ignore)

    refused whole[.. whole.Length / 2] [ "zip" ]
    refused legacy[.. legacy.Length - 5] [ "cut off" ]
    refused (latin "hello") [ "no file of PyTorch's" ]
    refused [||] [ "no file of PyTorch's" ]
    refused (zipOf [ "a/b", [||] ]) [ "data.pkl" ]
    refused (zipOf [ "a/data.pkl", latin (viewing 0 [ 4 ] [ 1 ]) ]) [ "no part '0'" ]

    refused (zipOf [ "a/data.pkl", latin (viewing 0 [ 4 ] [ 1 ]); "a/data/0", Array.zeroCreate 12 ]) [
        "'a/data/0'"
        "12 bytes"
    ]

    refused (zipOf [ "a/data.pkl", latin "\x80\x02]." ]) [ "no dictionary" ]

    // A weight that changed on its way: the pickle is as it was.
    let at = whole.AsSpan().IndexOf(ReadOnlySpan(BitConverter.GetBytes -0.75f))
    let changed = Array.copy whole
    changed[at] <- changed[at] ^^^ 1uy
    refused changed [ "check sum"; "data/" ]

// ---- files that were tampered with ------------------------------------------------------------------------

/// A file with some bytes changed, cut out or doubled.
let mutate (random: Random) (file: byte[]) : byte[] =
    let mutable bytes = Array.copy file

    for _ in 0 .. random.Next 4 do
        let at = random.Next bytes.Length
        let run = min (bytes.Length - at) (1 + random.Next 8)

        match random.Next 4 with
        | 0 -> bytes[at] <- byte (random.Next 256)
        | 1 -> bytes[at] <- bytes[at] ^^^ (1uy <<< random.Next 8)
        | 2 when bytes.Length > 8 -> bytes <- Array.removeManyAt at run bytes
        | _ -> bytes <- Array.insertManyAt at (Array.sub bytes at run) bytes

    bytes

/// The parts of a zip file.
let private partsOf (path: string) = [
    use zip = ZipFile.OpenRead path

    for entry in zip.Entries do
        use stream = entry.Open()
        use bytes = new MemoryStream()
        stream.CopyTo bytes
        entry.FullName, bytes.ToArray()
]

/// As many files of each kind, each of which is read or refused within a second's work and 64 MiB.
let private survives count seed =
    let random = Random(seed: int)
    let whole = File.ReadAllBytes(made "state.pt")
    let legacy = File.ReadAllBytes(made "legacy.pth")
    let parts = partsOf (made "state.pt")

    // The pickle is changed with all check sums right again, so that it is believed.
    let inside () =
        zipOf [
            for name, bytes in parts ->
                name,
                (if name.EndsWith "data.pkl" then
                     mutate random bytes
                 else
                     bytes)
        ]

    use scratch = new Scratch()
    let mutable refusals = 0

    for i in 0 .. count - 1 do
        for bytes in [ mutate random whole; mutate random legacy; inside () ] do
            let path = scratch.Put "file" bytes
            let before = GC.GetAllocatedBytesForCurrentThread()
            let clock = Diagnostics.Stopwatch.StartNew()

            try
                Torch.read path |> ignore
            with
            | :? DataException -> refusals <- refusals + 1
            | e -> Assert.Fail $"{i}, {Convert.ToBase64String bytes}: {e}"

            let allocated = GC.GetAllocatedBytesForCurrentThread() - before
            ensure $"{i}: {allocated} bytes" (allocated < 268_435_456L)
            ensure $"{i}: {clock.Elapsed}" (clock.Elapsed.TotalSeconds < 10.0)

    ensure $"only {refusals} of {3 * count} were refused" (2 * refusals > 3 * count)

[<Test>]
let ``files that were tampered with are read or refused, and take no undue memory`` () = survives 300 1

[<Test; Category "Slow">]
let ``many files that were tampered with are read or refused, and take no undue memory`` () =
    survives 10_000 2
