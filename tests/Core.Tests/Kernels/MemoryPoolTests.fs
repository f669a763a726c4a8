/// The pool's bargain with the garbage collector.
module FunctionalDL.Tests.Kernels.MemoryPoolTests

open System
open System.Runtime.CompilerServices
open NUnit.Framework
open FunctionalDL.Kernels
open FunctionalDL.Tests.Support

let private mebibyte = 1L <<< 20

/// Steps that each make a state of two buffers and drop the one before; the most bytes that were lent.
[<MethodImpl(MethodImplOptions.NoInlining)>]
let private steps count =
    let pool = MemoryPool.Shared
    let mutable state = [||]
    let mutable most = 0L

    for _ in 1..count do
        pool.Expect(16L * mebibyte)
        state <- [| pool.Rent(8L * mebibyte); pool.Rent(8L * mebibyte) |]
        most <- max most pool.LiveBytes

    GC.KeepAlive state
    most

[<Test>]
let ``states that are dropped step by step are found by collecting what is young`` () =
    let pool = MemoryPool.Shared
    let kept = pool.Rent(40L * mebibyte)
    steps 20 |> ignore
    let inUse = pool.LiveBytes
    let full = GC.CollectionCount 2
    let young = GC.CollectionCount 1
    let most = steps 100
    let full, young = GC.CollectionCount 2 - full, GC.CollectionCount 1 - young
    GC.KeepAlive kept
    ensure $"{full} full collections in 100 steps" (full <= 5)
    ensure $"{young} collections in 100 steps of 16 MiB" (young >= 5)
    ensure $"{most >>> 20} MiB were lent, {inUse >>> 20} at first" (most <= 2L * (inUse + 32L * mebibyte))

[<Test>]
let ``old buffers that are dropped are found too`` () =
    let pool = MemoryPool.Shared

    let age () =
        let old = Array.init 16 (fun _ -> pool.Rent(8L * mebibyte))
        GC.Collect 1
        GC.Collect 1
        GC.KeepAlive old

    for _ in 1..20 do
        age ()

    ensure
        $"{pool.LiveBytes >>> 20} MiB are lent, though no more than 128 were in use"
        (pool.LiveBytes <= 4L * 128L * mebibyte)
