/// The IDX files of pictures and labels: what is read and written, what is refused, and in which words.
module FunctionalDL.Tests.IdxTests

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.Support

// ---- files ------------------------------------------------------------------------------------------------

/// A folder of its own for a test, gone with it.
type Scratch() =
    let folder = Directory.CreateTempSubdirectory("functionaldl-").FullName

    member _.Folder = folder

    /// The path of a file in the folder.
    member _.At(name: string) = Path.Combine(folder, name)

    /// Writes a file as it is; its path.
    member this.Put (name: string) (bytes: byte[]) =
        File.WriteAllBytes(this.At name, bytes)
        this.At name

    /// The names of everything in the folder, hidden files too.
    member _.Names =
        Directory.GetFileSystemEntries(
            folder,
            "*",
            EnumerationOptions(AttributesToSkip = FileAttributes.None)
        )
        |> Array.map (Path.GetFileName >> string)
        |> Array.sort
        |> List.ofArray

    interface IDisposable with
        member _.Dispose() = Directory.Delete(folder, true)

/// Fails unless `run` raises a DataException about `path`, on one line, that has all parts in it.
let refuses (path: string) (parts: string list) (run: unit -> unit) =
    let message = messageOf<DataException> run
    ensure $"\"{message}\" does not begin with {path}" (message.StartsWith(path + ": "))
    ensure $"\"{message}\" is more than one line" (not (message |> Seq.exists Char.IsControl))
    shouldContain parts message

/// Fails unless `run` raises a DataException without allocating more than 20 million bytes.
let refusesCheaply path parts run =
    let before = GC.GetAllocatedBytesForCurrentThread()
    refuses path parts run
    let allocated = GC.GetAllocatedBytesForCurrentThread() - before
    ensure $"{allocated} bytes were allocated" (allocated < 20_000_000L)

let private gzipOf (bytes: byte[]) =
    use packed = new MemoryStream()

    let pack () =
        use stream = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen = true)
        stream.Write(ReadOnlySpan bytes)

    pack ()
    packed.ToArray()

let private gunzip (bytes: byte[]) =
    use stream = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress)

    use unpacked = new MemoryStream()
    stream.CopyTo unpacked
    unpacked.ToArray()

let private dims = [| 2; 3; 4 |]
let private pixels = Array.init 24 (fun i -> byte (i * 11))

/// The file of `pixels`, written out by hand.
let private plain =
    Array.append [| 0uy; 0uy; 8uy; 3uy; 0uy; 0uy; 0uy; 2uy; 0uy; 0uy; 0uy; 3uy; 0uy; 0uy; 0uy; 4uy |] pixels

/// A header of extents of which each takes four bytes.
let private header (extents: uint32 list) =
    let extent (value: uint32) =
        let bytes = Array.zeroCreate 4
        BinaryPrimitives.WriteUInt32BigEndian(Span bytes, value)
        bytes

    Array.concat ([| 0uy; 0uy; 8uy; byte extents.Length |] :: List.map extent extents)

let private read path = Idx.read path |> ignore

/// The bytes are refused as a file, with all parts in the message.
let private isRefused (bytes: byte[]) parts =
    use scratch = new Scratch()
    let path = scratch.Put "file" bytes
    refusesCheaply path parts (fun () -> read path)

// ---- reading and writing ----------------------------------------------------------------------------------

[<Test>]
let ``a plain file has the magic number, the extents and the elements, and is read back`` () =
    use scratch = new Scratch()
    Idx.write (scratch.At "a") dims pixels
    shouldEqual plain (File.ReadAllBytes(scratch.At "a"))
    shouldEqual plain (Idx.encode dims pixels)
    shouldEqual { Dims = dims; Bytes = pixels } (Idx.read (scratch.At "a"))

[<Test>]
let ``a gz file is the plain file in gzip, and is read back`` () =
    use scratch = new Scratch()
    Idx.write (scratch.At "a.gz") dims pixels
    shouldEqual plain (gunzip (File.ReadAllBytes(scratch.At "a.gz")))
    shouldEqual { Dims = dims; Bytes = pixels } (Idx.read (scratch.At "a.gz"))

[<Test>]
let ``the content of a file decides whether it is gzip, not its name`` () =
    use scratch = new Scratch()
    shouldEqual pixels (Idx.read (scratch.Put "packed" (gzipOf plain))).Bytes
    shouldEqual pixels (Idx.read (scratch.Put "plain.gz" plain)).Bytes

[<TestCase("big")>]
[<TestCase("big.gz")>]
let ``a file larger than every buffer is read back`` (name: string) =
    use scratch = new Scratch()
    let bytes = Array.init 9_000_000 (fun i -> byte (i * i >>> 7))
    Idx.write (scratch.At name) [| 9000; 1000 |] bytes
    let array = Idx.read (scratch.At name)
    shouldEqual [| 9000; 1000 |] array.Dims
    ensure "the bytes differ" (array.Bytes.AsSpan().SequenceEqual(ReadOnlySpan bytes))

[<Test>]
let ``an extent of 0 is read back`` () =
    use scratch = new Scratch()
    Idx.write (scratch.At "empty") [| 0; 28 |] [||]
    shouldEqual { Dims = [| 0; 28 |]; Bytes = [||] } (Idx.read (scratch.At "empty"))

[<Test>]
let ``the same array gives the same gzip file, without a time or a name in it`` () =
    use scratch = new Scratch()
    Idx.write (scratch.At "a.gz") dims pixels
    Idx.write (scratch.At "other.gz") dims pixels
    let file = File.ReadAllBytes(scratch.At "a.gz")
    shouldEqual file (File.ReadAllBytes(scratch.At "other.gz"))
    // RFC 1952: magic, deflate, no flags; no time; any level; unknown system.
    shouldEqual [| 0x1Fuy; 0x8Buy; 8uy; 0uy; 0uy; 0uy; 0uy; 0uy |] file[..7]
    shouldEqual 255uy file[9]

[<Test>]
let ``extents that the bytes do not have are the caller's fault, and nothing is written`` () =
    use scratch = new Scratch()

    let wrong dims bytes parts =
        messageOf<ArgumentException>(fun () -> Idx.write (scratch.At "a") dims bytes)
        |> shouldContain parts

    wrong [| 2 |] [| 1uy |] [ "2 elements"; "1 bytes" ]
    wrong [||] [||] [ "1 to 255 extents" ]
    wrong [| -1; -1 |] [| 1uy |] [ "none negative"; "-1 x -1" ]
    wrong (Array.create 256 1) [| 1uy |] [ "1 to 255 extents" ]
    // The product is 0 in 64 bits.
    wrong (Array.create 4 65536) [||] [ "65536 x 65536 x 65536 x 65536 elements"; "0 bytes" ]
    shouldEqual [] scratch.Names

// ---- files that are refused -------------------------------------------------------------------------------

[<Test>]
let ``a missing file, a missing folder and a folder are told apart`` () =
    use scratch = new Scratch()
    let missing = scratch.At "missing"
    refuses missing [ "no such file" ] (fun () -> read missing)
    let nowhere = Path.Combine(scratch.At "no", "where")
    refuses nowhere [ "the folder it should be in does not exist" ] (fun () -> read nowhere)

    refuses scratch.Folder [ "it is a folder"; "give the name of an IDX file" ] (fun () ->
        read scratch.Folder)

[<Test>]
let ``what cannot be a path is refused`` () =
    for path in [ ""; " " ] do
        refuses $"'{path}'" [ "not a path" ] (fun () -> read path)

    refuses @"'a\u0000b'" [ "not a path" ] (fun () -> read "a\000b")
    refuses @"a\u000Ab" [ "no such file" ] (fun () -> read "a\nb")

[<Test>]
let ``a wrong magic number is shown beside the expected one`` () =
    isRefused (Encoding.ASCII.GetBytes "hello world") [
        "wrong magic number"
        "found 68 65 6c 6c"
        "expected 00 00 08 and the number of axes"
        "unsigned bytes"
    ]

    isRefused [| 0uy; 0uy; 8uy; 0uy; 1uy |] [ "found 00 00 08 00" ]
    isRefused [| 0uy; 1uy; 8uy; 1uy; 0uy; 0uy; 0uy; 0uy |] [ "found 00 01 08 01" ]
    isRefused (gzipOf (Encoding.ASCII.GetBytes "hello world")) [ "found 68 65 6c 6c" ]

[<TestCase(0x09, "signed bytes")>]
[<TestCase(0x0B, "16-bit integers")>]
[<TestCase(0x0C, "32-bit integers")>]
[<TestCase(0x0D, "32-bit floats")>]
[<TestCase(0x0E, "64-bit floats")>]
let ``another element type is named`` (code: int, name: string) =
    isRefused [| 0uy; 0uy; byte code; 1uy; 0uy; 0uy; 0uy; 0uy |] [
        $"found 00 00 {code:x2} 01 ({name}, which this library does not read)"
    ]

[<Test>]
let ``a plain file cut off anywhere is refused`` () =
    for length in 0 .. plain.Length - 1 do
        isRefused plain[.. length - 1] [
            if length < 4 then
                $"cut off: it ends inside its magic number, after {length} of 4 bytes"
            elif length < 16 then
                $"cut off: it ends inside its list of extents, after {length - 4} of 12 bytes"
            else
                $"cut off: its header promises 40 bytes, but it holds {length}"
        ]

[<Test>]
let ``a gzip file cut off anywhere is refused`` () =
    let file = gzipOf plain

    for length in 0 .. file.Length - 1 do
        isRefused file[.. length - 1] [ "fetch or copy the file again" ]

    isRefused (gzipOf plain[..30]) [ "cut off: its header promises 40 bytes, but it holds 31" ]

[<Test>]
let ``a large gzip file cut off at many places is refused`` () =
    let rng = Random 5
    let bytes = Array.zeroCreate 3_000_000
    rng.NextBytes bytes
    // Half noise and half zeros: stored and packed blocks.
    Array.fill bytes 0 1_500_000 0uy
    let file = gzipOf (Array.append (header [ 3000u; 1000u ]) bytes)

    let places = [
        10
        1000
        for part in 1..9 do
            part * (file.Length / 10)
        for missing in 1..9 do
            file.Length - missing
    ]

    use scratch = new Scratch()

    for length in places do
        let path = scratch.Put "cut.gz" file[.. length - 1]
        refuses path [ "fetch or copy the file again" ] (fun () -> read path)

[<Test>]
let ``bytes after the last element are refused`` () =
    let longer = Array.append plain [| 1uy |]
    isRefused longer [ "it goes on after the 40 bytes that its header promises" ]
    isRefused (gzipOf longer) [ "it goes on after the 40 bytes that its header promises" ]

    isRefused (Array.append (gzipOf plain) (Encoding.ASCII.GetBytes "garbage")) [
        "its gzip data do not end with the size of this array"
    ]

[<Test>]
let ``any byte of a gzip file may be broken: it is refused, or the array is the same`` () =
    use scratch = new Scratch()
    let file = gzipOf plain
    let mutable refused = 0

    for place in 0 .. file.Length - 1 do
        let broken = Array.copy file
        broken[place] <- broken[place] ^^^ 0x41uy

        try
            let array = Idx.read (scratch.Put "broken.gz" broken)
            ensure $"byte {place} gave other pixels" (array = { Dims = dims; Bytes = pixels })
        with :? DataException as e ->
            refused <- refused + 1
            shouldEqual (scratch.At "broken.gz") e.Path

    // All but the time, the level and the system, of which the array does not depend.
    ensure $"only {refused} of {file.Length} were refused" (refused >= file.Length - 10)

[<Test>]
let ``a header that promises too much is refused before anything is allocated for it`` () =
    let most = UInt32.MaxValue

    isRefused (header [ most; most; most ]) [
        "4294967295 x 4294967295 x 4294967295 elements, more than one array"
    ]
    // The products are 0 in 64 bits, and 1 in 32.
    isRefused (header (List.replicate 4 65536u)) [ "65536 x 65536 x 65536 x 65536 elements" ]
    isRefused (Array.append (header [ 65537u; 4294901761u ]) [| 0uy |]) [ "65537 x 4294901761 elements" ]
    isRefused (header (List.replicate 255 2u)) [ "more than one array can hold" ]
    // These would fit into an array, but not into the file.
    let large = Array.append (header [ 0x7F000000u ]) [| 1uy |]
    isRefused large [ "cut off: its header promises 2,130,706,440 bytes, but it holds 9" ]

    isRefused (gzipOf large) [
        "promises 2,130,706,440 bytes"
        "bytes of gzip data, which cannot unpack to that"
    ]
    // A claim that gzip could keep: memory grows with the bytes that come, not with the claim.
    let noiseAndZeros = Array.zeroCreate 4_900_000
    Random(3).NextBytes(Span(noiseAndZeros, 0, 20_000))

    isRefused (gzipOf (Array.append (header [ 5_000_000u ]) noiseAndZeros)) [
        "cut off: its header promises 5,000,008 bytes, but it holds 4,900,008"
    ]

// ---- folders in MNIST's layout ----------------------------------------------------------------------------

let private trainImages = "train-images-idx3-ubyte"
let private trainLabels = "train-labels-idx1-ubyte"
let private testImages = "t10k-images-idx3-ubyte"
let private testLabels = "t10k-labels-idx1-ubyte"

/// Three pictures to train on and two to test with, each of 2 x 4 pixels.
let private files = [
    trainImages, [| 3; 2; 4 |], pixels
    trainLabels, [| 3 |], [| 1uy; 0uy; 9uy |]
    testImages, [| 2; 2; 4 |], pixels[8..]
    testLabels, [| 2 |], [| 7uy; 4uy |]
]

/// Writes them as plain (`""`) or gzip (`".gz"`) files.
let private fill (scratch: Scratch) (ending: string) =
    for name, dims, bytes in files do
        Idx.write (scratch.At(name + ending)) dims bytes

[<TestCase("")>]
[<TestCase(".gz")>]
let ``a folder of four files is read`` (ending: string) =
    use scratch = new Scratch()
    fill scratch ending
    let data = Idx.readDataset scratch.Folder

    let expected = {
        Train = {
            Images = { Dims = [| 3; 2; 4 |]; Bytes = pixels }
            Labels = {
                Dims = [| 3 |]
                Bytes = [| 1uy; 0uy; 9uy |]
            }
            ImagesPath = scratch.At(trainImages + ending)
            LabelsPath = scratch.At(trainLabels + ending)
        }
        Test = {
            Images = {
                Dims = [| 2; 2; 4 |]
                Bytes = pixels[8..]
            }
            Labels = {
                Dims = [| 2 |]
                Bytes = [| 7uy; 4uy |]
            }
            ImagesPath = scratch.At(testImages + ending)
            LabelsPath = scratch.At(testLabels + ending)
        }
    }

    shouldEqual expected data

[<Test>]
let ``of a plain and a gzip file of one name the plain one is read`` () =
    use scratch = new Scratch()
    fill scratch ".gz"
    Idx.write (scratch.At testLabels) [| 2 |] [| 5uy; 6uy |]
    let data = Idx.readDataset scratch.Folder
    shouldEqual [| 5uy; 6uy |] data.Test.Labels.Bytes
    shouldEqual (scratch.At testLabels) data.Test.LabelsPath
    shouldEqual (scratch.At(trainLabels + ".gz")) data.Train.LabelsPath

let private refusesFolder folder path parts =
    refuses path parts (fun () -> Idx.readDataset folder |> ignore)

[<Test>]
let ``a missing folder, and a file where a folder is needed, are told apart`` () =
    use scratch = new Scratch()
    let missing = scratch.At "missing"
    refusesFolder missing missing [ "no such folder"; "give a folder with MNIST's four IDX files" ]
    let file = scratch.Put "file" plain
    refusesFolder file file [ "it is a file"; "give a folder with MNIST's four IDX files" ]

[<Test>]
let ``a lacking file is named in both spellings, before any other file is read``
    ([<Values(0, 1, 2, 3)>] which: int)
    =
    use scratch = new Scratch()
    fill scratch ""
    let name, _, _ = files[which]

    for other, _, _ in files do
        File.WriteAllText(scratch.At other, "not IDX")

    File.Delete(scratch.At name)
    refusesFolder scratch.Folder scratch.Folder [ $"it has neither {name} nor {name}.gz" ]

[<Test>]
let ``a broken file of a folder is named itself`` ([<Values(0, 1, 2, 3)>] which: int) =
    use scratch = new Scratch()
    fill scratch ".gz"
    let name, _, _ = files[which]
    let path = scratch.At(name + ".gz")
    File.WriteAllText(path, "not IDX")
    refusesFolder scratch.Folder path [ "wrong magic number"; "found 6e 6f 74 20" ]

[<Test>]
let ``pictures have three axes and labels one`` () =
    use scratch = new Scratch()
    fill scratch ""
    Idx.write (scratch.At testImages) [| 16 |] pixels[8..]

    refusesFolder scratch.Folder (scratch.At testImages) [
        "found 00 00 08 01"
        "expected 00 00 08 03 (unsigned bytes, 3 axes)"
    ]

    Idx.write (scratch.At trainLabels) [| 3; 1; 1 |] [| 1uy; 2uy; 3uy |]

    refusesFolder scratch.Folder (scratch.At trainLabels) [
        "found 00 00 08 03"
        "expected 00 00 08 01 (unsigned bytes, 1 axes)"
    ]

[<TestCase(1)>]
[<TestCase(3)>]
let ``counts that differ are both told, with both files`` (count: int) =
    use scratch = new Scratch()
    fill scratch ""
    Idx.write (scratch.At testLabels) [| count |] (Array.zeroCreate count)

    refusesFolder scratch.Folder (scratch.At testLabels) [
        $"it holds {count} labels, but {scratch.At testImages} holds 2 images"
    ]

[<Test>]
let ``pictures of two sizes are refused`` () =
    use scratch = new Scratch()
    fill scratch ""
    Idx.write (scratch.At testImages) [| 2; 4; 2 |] pixels[8..]

    refusesFolder scratch.Folder (scratch.At testImages) [
        $"its images are 4 x 2 pixels, but those of {scratch.At trainImages} are 2 x 4"
    ]

[<Test>]
let ``a part without pixels is refused`` () =
    use scratch = new Scratch()
    fill scratch ""
    Idx.write (scratch.At trainImages) [| 0; 2; 4 |] [||]
    Idx.write (scratch.At trainLabels) [| 0 |] [||]
    refusesFolder scratch.Folder (scratch.At trainImages) [ "it holds no pixels" ]

[<Test>]
let ``the first label that is no class is named with its position`` () =
    use scratch = new Scratch()
    fill scratch ""
    let train = (Idx.readDataset scratch.Folder).Train
    Idx.checkLabels 10 train

    refuses
        (scratch.At trainLabels)
        [ "the label at position 2 is 9"; "with 9 classes, labels are 0 to 8" ]
        (fun () -> Idx.checkLabels 9 train)

    refuses (scratch.At trainLabels) [ "the label at position 0 is 1"; "with 1 classes" ] (fun () ->
        Idx.checkLabels 1 train)

    messageOf<ArgumentException>(fun () -> Idx.checkLabels 0 train)
    |> shouldContain [ "at least 1 class"; "found 0" ]

// ---- writing all or nothing -------------------------------------------------------------------------------

let private refusesWriting path parts =
    refuses path parts (fun () -> Idx.write path [| 1 |] [| 1uy |])

[<Test>]
let ``a folder that cannot be written into is named`` () =
    use scratch = new Scratch()
    let file = scratch.Put "file" plain
    let below = Path.Combine(file, "below")
    refusesWriting below [ $"{file} is a file, not a folder"; "give a folder that you may write into" ]
    let missing = scratch.At "no"
    refusesWriting (Path.Combine(missing, "where")) [ $"the folder {missing} does not exist" ]
    refusesWriting scratch.Folder [ "it is a folder"; "give the name of a file" ]
    let long = scratch.At(String('x', 300))
    refusesWriting long [ "it cannot be written" ]
    refuses "''" [ "not a path" ] (fun () -> Idx.write "" [| 1 |] [| 1uy |])
    shouldEqual [ "file" ] scratch.Names
    shouldEqual plain (File.ReadAllBytes file)

[<Test; Platform("Linux")>]
let ``a folder of the system that takes no files is named`` () =
    // Not even the administrator may.
    refusesWriting "/proc/functionaldl" [ "it cannot be written" ]

    refuses "/proc/functionaldl" [ "the folder cannot be created" ] (fun () ->
        Atomic.createFolder "/proc/functionaldl")

[<Test; Platform("Linux")>]
let ``a folder without permission to write is named, and stays empty`` () =
    use scratch = new Scratch()

    if Environment.IsPrivilegedProcess then
        Assert.Ignore "the administrator may write anywhere"

    let all =
        UnixFileMode.UserRead ||| UnixFileMode.UserWrite ||| UnixFileMode.UserExecute

    File.SetUnixFileMode(scratch.Folder, UnixFileMode.UserRead ||| UnixFileMode.UserExecute)

    try
        refusesWriting (scratch.At "a") [ "access is denied" ]
        let inner = scratch.At "inner"
        refuses inner [ "access is denied" ] (fun () -> Atomic.createFolder inner)
    finally
        File.SetUnixFileMode(scratch.Folder, all)

    shouldEqual [] scratch.Names

[<Test>]
let ``a folder is created with those above it, and again`` () =
    use scratch = new Scratch()
    let inner = Path.Combine(scratch.At "a", "b")
    Atomic.createFolder inner
    ensure "it is not there" (Directory.Exists inner)
    let file = Path.Combine(inner, "file")
    File.WriteAllText(file, "kept")
    Atomic.createFolder inner
    shouldEqual "kept" (File.ReadAllText file)

[<Test>]
let ``a folder is not created at or below a file`` () =
    use scratch = new Scratch()
    let file = scratch.Put "file" plain
    refuses file [ "it is a file" ] (fun () -> Atomic.createFolder file)
    let below = Path.Combine(file, "a", "b")
    refuses below [ $"{file} is a file" ] (fun () -> Atomic.createFolder below)
    shouldEqual [ "file" ] scratch.Names

[<Test>]
let ``a write that fails leaves the old file and no other`` () =
    use scratch = new Scratch()
    Idx.write (scratch.At "a") dims pixels

    let failWith (error: exn) () =
        Atomic.write (scratch.At "a") (fun stream ->
            stream.Write(ReadOnlySpan(Array.zeroCreate 100_000))
            raise error)

    // What is not the file system's passes through.
    shouldEqual "boom" (messageOf<InvalidOperationException>(failWith (InvalidOperationException "boom")))
    refuses (scratch.At "a") [ "it cannot be written: disk full" ] (failWith (IOException "disk full"))
    refuses (scratch.At "a") [ "access is denied" ] (failWith (UnauthorizedAccessException()))
    shouldEqual plain (File.ReadAllBytes(scratch.At "a"))
    shouldEqual [ "a" ] scratch.Names

[<Test>]
let ``until a write is done the old file is there, and afterwards only the new one`` () =
    use scratch = new Scratch()
    let path = scratch.Put "a" plain

    Atomic.write path (fun stream ->
        stream.WriteByte 1uy
        stream.Flush()
        shouldEqual plain (File.ReadAllBytes path))

    shouldEqual [| 1uy |] (File.ReadAllBytes path)
    shouldEqual [ "a" ] scratch.Names

[<Test>]
let ``a write that fails where nothing was leaves nothing`` () =
    use scratch = new Scratch()

    messageOf<InvalidOperationException>(fun () ->
        Atomic.write (scratch.At "a") (fun stream ->
            stream.WriteByte 1uy
            raise (InvalidOperationException "boom")))
    |> shouldEqual "boom"

    shouldEqual [] scratch.Names
