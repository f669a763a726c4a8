/// Strided copies against the definition.
module FunctionalDL.Tests.Kernels.CopyTests

open System
open NUnit.Framework
open FunctionalDL.Kernels
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Kernels.Raw

let private strides (dims: int[]) =
    Array.scanBack (fun size step -> int64 size * step) dims 1L |> Array.tail

/// The flat places of all indices, in row-major order.
let private places (dims: int[]) (start: int64) (steps: int64[]) =
    Array.fold2
        (fun (starts: int64[]) size step ->
            starts |> Array.collect (fun s -> Array.init size (fun i -> s + int64 i * step)))
        [| start |]
        dims
        steps

/// Copies one part of a source to another order of axes: some are walked backwards, and some skip places.
let private check (rng: Random) element (dims: int[]) =
    let rank = dims.Length
    let skips = dims |> Array.map (fun _ -> 1 + rng.Next 2)
    let whole = Array.map2 (*) dims skips
    let steps = Array.map2 (fun step skip -> step * int64 skip) (strides whole) skips
    let isBackwards = Array.init rank (fun _ -> rng.Next 3 = 0)

    let start =
        Seq.init rank (fun i ->
            if isBackwards[i] then
                int64 (dims[i] - 1) * steps[i]
            else
                0L)
        |> Seq.sum

    let from = Array.init rank (fun i -> if isBackwards[i] then -steps[i] else steps[i])

    let order = Array.init rank id
    rng.Shuffle order
    let target = Array.zeroCreate<int64> rank
    let sizes = order |> Array.map (fun a -> dims[a])
    Array.iter2 (fun a step -> target[a] <- step) order (strides sizes)
    let count = Array.fold (*) 1 dims
    let source = Cells(element, Array.fold (*) 1 whole, 1)
    source.Values <- Array.init (Array.fold (*) 1 whole) (fun i -> float (i % 100_003))
    let values = source.Values
    let expected = Array.zeroCreate<float> count

    Array.iter2
        (fun (f: int64) (t: int64) -> expected[int t] <- values[int f])
        (places dims start from)
        (places dims 0L target)

    for _, pool in pools do
        let copy = Cells(element, count, 3)
        let size = ElementTypes.Size element

        Copies.Strided(
            pool,
            size,
            dims,
            source.Address + nativeint (start * int64 size),
            from,
            copy.Address,
            target
        )

        copy.CheckSurroundings()
        shouldBeExactly $"{element} {List.ofArray dims}" (List.ofArray expected) copy.Values

    source.KeepAlive()

[<TestCase(ElementType.Float32)>]
[<TestCase(ElementType.Int64)>]
let ``any part of any layout is copied to any other`` element =
    let rng = Random 11

    for _ in 1..200 do
        check rng element (Array.init (1 + rng.Next 5) (fun _ -> 1 + rng.Next 9))

[<Test>]
let ``kernels and small pictures are copied by many blocks`` () =
    let rng = Random 12

    for dims in
        [ [| 67; 130; 3; 3 |]; [| 300; 33; 2; 2 |]; [| 2; 129; 65; 5 |]; [| 5000; 15 |]; [| 3; 3; 9001 |] ] do
        for _ in 1..4 do
            check rng ElementType.Float32 dims
