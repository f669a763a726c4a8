/// Arrays of numpy in pickles: what is read, and what is refused.
module FunctionalDL.Tests.Weights.NumpyTests

open System
open System.IO
open System.IO.Compression
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.IdxTests
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Weights.WeightTests

let private gzip (bytes: byte[]) =
    use packed = new MemoryStream()

    let pack () =
        use stream = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen = true)
        stream.Write(bytes, 0, bytes.Length)

    pack ()
    packed.ToArray()

/// Shapes, types and elements of pairs.
let private pairsOf path = [
    for x, y in Numpy.readPairs path ->
        [ for _, dtype, shape, values in contents [| x; y |] -> dtype, shape, values ]
]

[<TestCase "pairs.pkl.gz">]
[<TestCase "pairs4.pkl">]
let ``pairs of arrays are read exactly, in rows or columns, packed or not`` name =
    shouldEqual
        [
            [ "F32", [ 4; 3 ], quarters 12; "I64", [ 4 ], [ 0.0; 1.0; 2.0; 3.0 ] ]
            [ "F64", [ 3; 3 ], quarters 9; "I64", [ 3 ], [ 0.0; 1.0; 2.0 ] ]
            [ "F32", [ 2; 3 ], quarters 6; "U8", [ 2 ], [ 7.0; 255.0 ] ]
        ]
        (pairsOf (made name))

[<Test>]
let ``what could do something, is something else, or unpacks without end is refused`` () =
    use scratch = new Scratch()

    let refused (bytes: byte[]) parts =
        let path = scratch.Put "bad.pkl.gz" bytes
        refuses path parts (fun () -> Numpy.readPairs path |> ignore)

    refused (latin "\x80\x02cos\nsystem\n.") [ "byte 2, opcode GLOBAL"; "'os.system'" ]
    refused (gzip (latin "\x80\x02cnumpy\nload\n.")) [ "opcode GLOBAL"; "'numpy.load'" ]
    refused (latin "\x80\x02NNN\x87.") [ "part 0 is no tuple" ]
    refused (latin "\x80\x02N.") [ "what it holds is no tuple" ]
    refused (gzip (Array.create 5_000_000 (byte ']'))) [ "opcode EMPTY_LIST"; "4,194,304 opcodes" ]
    refused (gzip (File.ReadAllBytes(made "pairs4.pkl")[..300])) [ "cut off" ]

[<Test>]
let ``pickles that were tampered with are read or refused`` () =
    let random = Random 3
    let whole = File.ReadAllBytes(made "pairs4.pkl")
    use scratch = new Scratch()

    for i in 0..299 do
        let bytes = mutate random whole
        let path = scratch.Put "file" bytes
        let before = GC.GetAllocatedBytesForCurrentThread()

        try
            Numpy.readPairs path |> ignore
        with
        | :? DataException -> ()
        | e -> Assert.Fail $"{i}, {Convert.ToBase64String bytes}: {e}"

        let allocated = GC.GetAllocatedBytesForCurrentThread() - before
        ensure $"{i}: {allocated} bytes" (allocated < 268_435_456L)
