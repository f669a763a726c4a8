/// The project's own pictures of digits: they are what the script draws, and neither too easy nor too hard.
module FunctionalDL.Tests.DigitsTests

open System
open System.Diagnostics
open System.IO
open System.IO.Compression
open System.Security.Cryptography
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.IdxTests
open FunctionalDL.Tests.Support

let private digits () =
    Path.Combine(repository (), "data", "digits")

/// Read once.
let private data = lazy (Idx.readDataset (digits ()))

let private names = [
    "t10k-images-idx3-ubyte.gz"
    "t10k-labels-idx1-ubyte.gz"
    "train-images-idx3-ubyte.gz"
    "train-labels-idx1-ubyte.gz"
]

// ---- the files --------------------------------------------------------------------------------------------

[<Test>]
let ``there are 12,000 pictures to train on and 2,000 to test with, of 28 x 28 pixels`` () =
    shouldEqual [| 12000; 28; 28 |] data.Value.Train.Images.Dims
    shouldEqual [| 12000 |] data.Value.Train.Labels.Dims
    shouldEqual [| 2000; 28; 28 |] data.Value.Test.Images.Dims
    shouldEqual [| 2000 |] data.Value.Test.Labels.Dims

[<Test>]
let ``every digit is there equally often, in no order`` () =
    for part in [ data.Value.Train; data.Value.Test ] do
        Idx.checkLabels 10 part
        let labels = part.Labels.Bytes

        for label, count in Array.countBy id labels do
            ensure $"{label} is there {count} times" (count = labels.Length / 10)

        // Pictures that are equal to their neighbours' label by chance: one in ten.
        let repeated =
            labels |> Array.pairwise |> Array.filter (fun (a, b) -> a = b) |> Array.length

        let share = float repeated / float labels.Length
        ensure $"{share} of the labels are those of the picture before" (share > 0.07 && share < 0.13)

[<Test>]
let ``no picture is empty, and none is there twice`` () =
    let pictures =
        [ data.Value.Train; data.Value.Test ]
        |> List.collect (fun part -> part.Images.Bytes |> Array.chunkBySize 784 |> List.ofArray)

    for picture in pictures do
        let inked = picture |> Array.filter (fun pixel -> pixel >= 64uy) |> Array.length
        ensure $"a picture has {inked} inked pixels" (inked >= 20 && inked <= 392)

    let different =
        pictures |> List.map (SHA256.HashData >> Convert.ToHexString) |> List.distinct

    shouldEqual pictures.Length different.Length

[<Test>]
let ``the four files are all there is, and take at most 4 MB`` () =
    let files = DirectoryInfo(digits ()).GetFiles() |> Array.sortBy _.Name
    shouldEqual names (files |> Array.map _.Name |> List.ofArray)
    let total = files |> Array.sumBy _.Length
    ensure $"they take {total} bytes" (total <= 4_000_000L)

let private unpacked (path: string) =
    use stream = new GZipStream(File.OpenRead path, CompressionMode.Decompress)
    use bytes = new MemoryStream()
    stream.CopyTo bytes
    bytes.ToArray()

[<Test>]
let ``the script draws the same pictures again`` () =
    use scratch = new Scratch()

    let start =
        ProcessStartInfo(
            "dotnet",
            [ "fsi"; "scripts/make-digits.fsx"; "--out"; scratch.Folder ],
            WorkingDirectory = repository (),
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    use script = Process.Start start
    let error = script.StandardError.ReadToEndAsync()
    let output = script.StandardOutput.ReadToEnd()
    script.WaitForExit()
    ensure $"exit code {script.ExitCode}: {output}{error.Result}" (script.ExitCode = 0)
    shouldContain [ "12000 training and 2000 test pictures"; scratch.Folder ] output
    shouldEqual names scratch.Names

    for name in names do
        let committed = unpacked (Path.Combine(digits (), name))
        ensure $"{name} differs" (committed.AsSpan().SequenceEqual(ReadOnlySpan(unpacked (scratch.At name))))

// ---- how hard they are ------------------------------------------------------------------------------------

let private batchSize = 64

/// As scripts/train.cs has it: the last sixth is for validation.
let private trainCount = 10000

let private pixels = 784

/// The mean and deviation of the pixels that are trained on.
let private normal =
    lazy
        (let training =
            data.Value.Train.Images.Bytes[.. trainCount * pixels - 1] |> Array.map float

         let mean = Array.average training
         mean, sqrt (training |> Array.averageBy (fun x -> (x - mean) * (x - mean))))

/// The pictures at these places, normalised, with their labels.
let private batchOf (part: LabelledImages) (places: int64[]) : Batch =
    let mean, deviation = normal.Value

    let bytes =
        places
        |> Array.collect (fun place -> Array.sub part.Images.Bytes (int place * pixels) pixels)

    {
        Inputs = [
            Tensor.ofBytes [ places.Length; pixels ] bytes
            |> Tensor.cast DType.Float32
            |> fun x -> (x - mean) / deviation
        ]
        Targets = [
            Tensor.ofInt64s
                [ places.Length ]
                (places |> Array.map (fun place -> int64 part.Labels.Bytes[int place]))
        ]
    }

/// The share of the test pictures that a network gets right after five epochs.
let private accuracyOf (model: Layer) (optimiser: Optimiser) (seed: int64) =
    let training = {
        Model = model
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser = optimiser
        Metrics = [ Metric.accuracy ]
    }

    let step =
        Compile.on Cpu.engine (fun (state, batch) -> Train.step training state batch)

    let measure =
        Compile.on Cpu.engine (fun (variables, batch) -> Train.evaluateBatch training variables batch)

    let key = Key.ofSeed seed

    let epoch state number =
        Key.permutation trainCount (Key.child $"epoch {number}" key)
        |> Seq.chunkBySize batchSize
        |> Seq.map (batchOf data.Value.Train)
        |> Train.epoch step state
        |> fst

    let start = Train.init key [ Shape.ofList [ batchSize; pixels ] ] training

    let state = List.fold epoch start [ 1..5 ]

    let report =
        Seq.init 2000 int64
        |> Seq.chunkBySize 1000
        |> Seq.map (batchOf data.Value.Test)
        |> Train.evaluate measure state.Variables

    let accuracy = report.Metrics["accuracy"]
    TestContext.Out.WriteLine $"seed {seed}: {accuracy}"
    accuracy

/// The optimiser of scripts/train.cs.
let private averaging =
    Optimiser.sgdWith {
        SgdOptions.Default with
            Lr = 0.1
            Momentum = 0.9
            Dampening = 0.9
    }

[<Test>]
let ``a linear classifier ends below 0.92`` ([<Values(0L, 1L)>] seed: int64) =
    let accuracy =
        accuracyOf (Layer.sequential [ Layer.linear pixels 10 ]) averaging seed
    // It learns, too: otherwise this would hold of digits that nobody can read.
    ensure $"it ends at {accuracy}" (accuracy > 0.6 && accuracy < 0.92)

[<Test>]
let ``the network of scripts/train.cs ends between 0.95 and 0.995`` ([<Values(0L, 1L)>] seed: int64) =
    let accuracy =
        accuracyOf (Layer.sequential [ Layer.linear pixels 50; ReLU; Layer.linear 50 10 ]) averaging seed

    ensure $"it ends at {accuracy}" (accuracy >= 0.95 && accuracy <= 0.995)
