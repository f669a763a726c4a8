/// The data of the lessons: MNIST as they split it, where it is to be had.
module FunctionalDL.Tests.Lessons.Mnist

open System
open System.IO
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support

/// The folder of MNIST: that of the environment variable, or `../shared/data/mnist` beside the repository.
let private folder () =
    let rec root (folder: DirectoryInfo) =
        if isNull folder then
            None
        elif File.Exists(Path.Combine(folder.FullName, "FunctionalDL.sln")) then
            Some folder.FullName
        else
            root folder.Parent

    match Environment.GetEnvironmentVariable "FUNCTIONALDL_MNIST" with
    | null
    | "" ->
        root (DirectoryInfo TestContext.CurrentContext.TestDirectory)
        |> Option.map (fun root -> Path.GetFullPath(Path.Combine(root, "..", "shared", "data", "mnist")))
        |> Option.filter Directory.Exists
    | folder -> Some folder

/// The 60,000 training pictures, or null where they are not to be had. Read once.
let private read =
    lazy
        (match folder () with
         | Some folder -> (Idx.readDataset folder).Train
         | None -> Unchecked.defaultof<LabelledImages>)

/// The 60,000 training pictures. The test that asks for them is left out where there are none.
let pictures () =
    let data = read.Value

    if isNull (box data) then
        Assert.Ignore
            "MNIST is neither at FUNCTIONALDL_MNIST nor in ../shared/data/mnist beside the repository"

    data

let pixels = 784
let classes = 10

/// The first 50,000 are for training, the 10,000 after them for validation.
let trainCount = 50000

let validCount = 10000

/// Images `start … start + count - 1`, divided by 256, with their labels.
let batchOf dtype start count : Batch =
    let data = pictures ()

    {
        Inputs = [
            Tensor.ofBytes [ count; pixels ] data.Images.Bytes[start * pixels .. (start + count) * pixels - 1]
            |> Tensor.cast dtype
            |> fun x -> x / 256.0
        ]
        Targets = [
            Tensor.ofInt64s [ count ] (data.Labels.Bytes[start .. start + count - 1] |> Array.map int64)
        ]
    }

let train dtype = batchOf dtype 0 trainCount
let valid dtype = batchOf dtype trainCount validCount

/// The training pictures' mean and standard deviation (unbiased), of bytes divided by 256: sums of bytes are exact.
let statistics =
    lazy
        (let bytes = (pictures ()).Images.Bytes[.. trainCount * pixels - 1]
         let count = float bytes.Length
         let sum = bytes |> Array.sumBy int64 |> float
         let squares = bytes |> Array.sumBy (fun b -> int64 b * int64 b) |> float
         let mean = sum / count
         mean / 256.0, sqrt ((squares - count * mean * mean) / (count - 1.0)) / 256.0)

/// Pictures less the training pictures' mean, over their deviation.
let normalised (x: Tensor) =
    let mean, deviation = statistics.Value
    (x - mean) / deviation

/// The first hundred validation pictures, normalised, as planes, and their labels as numbers.
let hundred dtype =
    let batch = batchOf dtype trainCount 100
    normalised batch.Inputs.Head |> Tensor.reshape [ 100; 1; 28; 28 ], Tensor.cast dtype batch.Targets.Head

// ---- comparing ---------------------------------------------------------------------------------------------------

/// Fails unless `actual` is the printed number: within half a unit of its last digit (and the sixteenth part of one more,
/// for the rounding of what was printed).
let shouldPrint (what: string) (digits: int) (expected: float) (actual: float) =
    let unit = 10.0 ** float -digits
    ensure $"{what}: {actual:R} does not print as {expected}" (abs (actual - expected) <= 0.5625 * unit)

/// Fails unless a number lies in a band.
let shouldLie (what: string) (low: float) (high: float) (actual: float) =
    ensure $"{what}: {actual:R} is not in [{low}, {high}]" (actual >= low && actual <= high)

/// Mean and standard deviation (unbiased), as the lessons look at tensors.
let stats (x: Tensor) =
    Tensor.item (Tensor.mean x), Tensor.item (Tensor.std 1 [] x)

/// Fails unless mean and deviation lie in their bands.
let shouldHaveStats what (meanLow, meanHigh) (deviationLow, deviationHigh) x =
    let mean, deviation = stats x
    shouldLie $"{what}, mean" meanLow meanHigh mean
    shouldLie $"{what}, deviation" deviationLow deviationHigh deviation

/// The keys of the twenty seeds that rows of random numbers are checked with.
let twentyKeys = [ for seed in 1L .. 20L -> Key.ofSeed seed ]
