namespace FunctionalDL.Core.Planning

open System.Collections.Generic

/// Where the intermediate buffers of a plan lie in its one arena. Buffers that are never alive together share
/// their place.
[<RequireQualifiedAccess>]
module internal Memory =

    /// A buffer's size in bytes and the first and last step that touch it.
    [<Struct>]
    type Lifetime = { Bytes: int64; First: int; Last: int }

    /// Every place starts on a cache line, and no two buffers share one.
    let private alignment = 64L

    let private aligned bytes =
        (max bytes 1L + alignment - 1L) / alignment * alignment

    /// The offset of each buffer and the bytes of the whole arena. Buffers are placed from the largest to the
    /// smallest, each at the lowest offset that no buffer alive at the same time covers.
    let place (lifetimes: Lifetime[]) : int64[] * int64 =
        let offsets = Array.zeroCreate<int64> lifetimes.Length
        // In order of their offsets.
        let placed = List<int>()
        let mutable total = 0L

        let overlaps a b =
            lifetimes[a].First <= lifetimes[b].Last
            && lifetimes[b].First <= lifetimes[a].Last

        for buffer in Array.init lifetimes.Length id |> Array.sortBy (fun b -> -lifetimes[b].Bytes) do
            let bytes = aligned lifetimes[buffer].Bytes
            let mutable offset = 0L

            for i in 0 .. placed.Count - 1 do
                let other = placed[i]

                if offset + bytes > offsets[other] && overlaps buffer other then
                    offset <- max offset (offsets[other] + aligned lifetimes[other].Bytes)

            offsets[buffer] <- offset
            total <- max total (offset + bytes)
            let above = placed.FindIndex(fun other -> offsets[other] > offset)
            placed.Insert((if above < 0 then placed.Count else above), buffer)

        offsets, total
