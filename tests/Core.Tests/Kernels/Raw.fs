/// Bare memory for tests of kernels: numbers at any alignment, with cells around them that nobody may touch.
module FunctionalDL.Tests.Kernels.Raw

open System
open System.Runtime.InteropServices
open NUnit.Framework
open FunctionalDL.Kernels

/// Bytes before and behind the numbers.
[<Literal>]
let private Guard = 256

[<Literal>]
let private Untouched = 0xA5uy

/// `count` numbers of a type in native memory, `shift` elements after a multiple of 64 bytes.
type Cells(element: ElementType, count: int, shift: int) =
    let size = ElementTypes.Size element
    let first = Guard + shift * size
    let buffer = MemoryPool.Shared.Rent(int64 (first + count * size + Guard))

    do buffer.Span().Fill Untouched

    member private _.Bytes = buffer.Span().Slice(first, count * size)

    /// The address of the first number.
    member _.Address = buffer.Address + nativeint first

    /// All numbers; float32 rounds.
    member this.Values
        with get (): float[] =
            match element with
            | ElementType.Float32 ->
                MemoryMarshal.Cast<byte, float32>(this.Bytes).ToArray() |> Array.map float
            | ElementType.Float64 -> MemoryMarshal.Cast<byte, float>(this.Bytes).ToArray()
            | ElementType.Int32 -> MemoryMarshal.Cast<byte, int32>(this.Bytes).ToArray() |> Array.map float
            | ElementType.Int64 -> MemoryMarshal.Cast<byte, int64>(this.Bytes).ToArray() |> Array.map float
            | other -> invalidOp $"no numbers: {other}"
        and set (values: float[]) =
            match element with
            | ElementType.Float32 ->
                (Array.map float32 values).CopyTo(MemoryMarshal.Cast<byte, float32> this.Bytes)
            | ElementType.Float64 -> values.CopyTo(MemoryMarshal.Cast<byte, float> this.Bytes)
            | ElementType.Int32 -> (Array.map int32 values).CopyTo(MemoryMarshal.Cast<byte, int32> this.Bytes)
            | ElementType.Int64 -> (Array.map int64 values).CopyTo(MemoryMarshal.Cast<byte, int64> this.Bytes)
            | other -> invalidOp $"no numbers: {other}"

    /// Whether the numbers are the same to the bit.
    member this.HasBitsOf(other: Cells) = this.Bytes.SequenceEqual other.Bytes

    /// Fails if anything around the numbers was written.
    member _.CheckSurroundings() =
        let all = buffer.Span().ToArray()

        for i in 0 .. all.Length - 1 do
            if (i < first || i >= first + count * size) && all[i] <> Untouched then
                Assert.Fail $"byte {i - first} beside {count} numbers of {element} was written"

    /// Keeps the memory until here.
    member _.KeepAlive() = GC.KeepAlive buffer

/// The pools of the tests, by number of threads: alone, both processors, more threads than processors.
let pools = [ 1; 2; 5 ] |> List.map (fun n -> n, WorkerPool.Of n)

/// Half the distance from 1 to the next number of the type.
let unitRoundoff element =
    match element with
    | ElementType.Float32 -> Math.ScaleB(1.0, -24)
    | _ -> Math.ScaleB(1.0, -53)
