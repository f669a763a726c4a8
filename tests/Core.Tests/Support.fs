/// What the test files share: engines by name, looking at tensors without the default engine, comparing, seeded numbers.
module FunctionalDL.Tests.Support

open System
open System.IO
open NUnit.Framework
open FunctionalDL.Core

// ---- engines -----------------------------------------------------------------------------------------------------

/// The engines that every property is checked on.
let engineNames = [ "reference"; "cpu" ]

let engineOf name =
    match name with
    | "reference" -> Reference.engine
    | "cpu" -> Cpu.engine
    | other -> invalidArg (nameof name) $"there is no engine '{other}'"

// ---- looking -----------------------------------------------------------------------------------------------------

/// The elements of a storage as float64, whatever their type (exact below 2^53).
let storageFloats (storage: Storage) : float[] =
    match storage.Type.DType with
    | DType.Bool
    | DType.UInt8 -> Storage.toArray<uint8> storage |> Array.map float
    | DType.Int32 -> Storage.toArray<int32> storage |> Array.map float
    | DType.Int64 -> Storage.toArray<int64> storage |> Array.map float
    | DType.Float32 -> Storage.toArray<float32> storage |> Array.map float
    | DType.Float64 -> Storage.toArray<float> storage

/// The bytes of a storage: equal bytes are equal bits, and NaN is itself.
let storageBytes (storage: Storage) : byte[] =
    let bytes =
        Array.zeroCreate (storage.Type.Shape.Size * DType.size storage.Type.DType)

    storage.Read(bytes.AsSpan())
    bytes

/// The elements in an engine's memory, computed there. `Tensor.toFloats` would compute on the default engine.
let storageOn engine (x: Tensor) : Storage =
    Tensor.evalOn engine [ x ]
    Tensor.toStorage x

let floatsOn engine x = storageFloats (storageOn engine x)

let bytesOn engine x = storageBytes (storageOn engine x)

let itemOn engine x = (floatsOn engine x)[0]

let float64s shape (values: float seq) =
    Tensor.ofFloats shape (Seq.toArray values)

/// The sizes of a tensor, for messages and comparisons.
let dimsOf (x: Tensor) = x.Shape.ToArray() |> List.ofArray

// ---- comparing ---------------------------------------------------------------------------------------------------

let private isClose tolerance (expected: float) (actual: float) =
    (Double.IsNaN expected && Double.IsNaN actual)
    || expected = actual
    || abs (expected - actual) <= tolerance

/// What is wrong with `actual`, or None. The tolerance is relative to the largest finite expected element, at least 1:
/// an element that cancels is as uncertain as those it was made of.
let mismatch tolerance (expected: float[]) (actual: float[]) =
    let size x =
        if Double.IsFinite x then abs x else 0.0

    let scale = expected |> Array.fold (fun s x -> max s (size x)) 1.0

    if expected.Length <> actual.Length then
        Some $"{actual.Length} elements, expected {expected.Length}"
    else
        Seq.zip expected actual
        |> Seq.tryFindIndex (fun (e, a) -> not (isClose (tolerance * scale) e a))
        |> Option.map (fun i ->
            $"element {i} is {actual[i]:R}, expected {expected[i]:R} (off by {abs (actual[i] - expected[i]):E2}, allowed {tolerance * scale:E2})")

/// Fails, saying what was compared, unless all elements agree within `tolerance` (see `mismatch`).
let shouldBeClose (what: string) tolerance expected actual =
    match mismatch tolerance expected actual with
    | Some text -> Assert.Fail $"{what}: {text}"
    | None -> ()

/// Fails unless all elements are the same numbers (NaN equals NaN, and 0 equals -0).
let shouldBeExactly what (expected: float seq) (actual: float seq) =
    shouldBeClose what 0.0 (Seq.toArray expected) (Seq.toArray actual)

/// Fails unless two values are equal.
let shouldEqual (expected: 'a) (actual: 'a) =
    if expected <> actual then
        Assert.Fail $"expected %A{expected}, got %A{actual}"

/// Fails, saying why, unless `condition` holds.
let ensure (why: string) (condition: bool) =
    if not condition then
        Assert.Fail why

/// The message of the exception of type `'e` that `run` raises; fails when it raises another one or none.
let messageOf<'e when 'e :> exn> (run: unit -> unit) : string =
    let caught =
        try
            run ()
            None
        with e ->
            Some e

    match caught with
    | Some(:? 'e as e) -> e.Message
    | Some e ->
        Assert.Fail $"expected {typeof<'e>.Name}, got {e}"
        ""
    | None ->
        Assert.Fail $"expected {typeof<'e>.Name}, nothing was raised"
        ""

/// Fails unless `run` raises an exception of type `'e` with exactly this message.
let raises<'e when 'e :> exn> (message: string) (run: unit -> unit) = shouldEqual message (messageOf<'e> run)

/// Fails unless `text` contains every part.
let shouldContain (parts: string list) (text: string) =
    for part in parts do
        ensure $"\"{text}\" does not contain \"{part}\"" (text.Contains part)

// ---- files -------------------------------------------------------------------------------------------------------

/// The folder of FunctionalDL.sln.
let repository () : string =
    let rec find (folder: DirectoryInfo | null) =
        match folder with
        | null -> failwith "FunctionalDL.sln is in no folder above the tests"
        | folder when File.Exists(Path.Combine(folder.FullName, "FunctionalDL.sln")) -> folder.FullName
        | folder -> find folder.Parent

    find (DirectoryInfo TestContext.CurrentContext.TestDirectory)

// ---- seeded numbers ----------------------------------------------------------------------------------------------

/// All cases of a union of operations.
let operations<'op> : 'op list = [
    for case in FSharp.Reflection.FSharpType.GetUnionCases typeof<'op> ->
        FSharp.Reflection.FSharpValue.MakeUnion(case, [||]) :?> 'op
]

/// One of the choices.
let oneOf (rng: Random) (choices: 'a list) = choices[rng.Next choices.Length]

/// The steps of central differences, and of inputs and directions: powers of 2, so that `x + h v` has no rounding error
/// of its own, even after a cast to float32.
let grid (x: float) = Math.Round(x * 64.0) / 64.0

let coarse (x: float) = Math.Round(x * 8.0) / 8.0

let elements (shape: int list) = List.fold (*) 1 shape

/// Numbers on the grid in [low, high].
let uniform (rng: Random) low high shape =
    Array.init (elements shape) (fun _ -> grid (low + (high - low) * rng.NextDouble()))

/// Directions on the coarse grid in [-1, 1].
let direction (rng: Random) count =
    Array.init count (fun _ -> coarse (2.0 * rng.NextDouble() - 1.0))

/// Numbers on the coarse grid of which no two are equal, in random order: nothing ties.
let distinct (rng: Random) shape =
    let count = elements shape
    let values = Array.init count (fun i -> float (i - count / 2) / 8.0)
    rng.Shuffle values
    values
