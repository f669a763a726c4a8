namespace FunctionalDL.Data

open System

/// The check sum that PNG and zip share (RFC 2083, section 15).
[<RequireQualifiedAccess>]
module internal Crc32 =

    /// The remainders of single bytes.
    let private remainders =
        let shift c =
            if c &&& 1u = 1u then 0xEDB88320u ^^^ (c >>> 1) else c >>> 1

        Array.init 256 (fun n -> Seq.fold (fun c _ -> shift c) (uint32 n) (seq { 1..8 }))

    /// Where a check sum starts; what it is after all bytes is its complement.
    [<Literal>]
    let Start = 0xFFFFFFFFu

    /// A check sum carried on over more bytes.
    let over (crc: uint32) (bytes: ReadOnlySpan<byte>) : uint32 =
        let mutable crc = crc

        for b in bytes do
            crc <- remainders[int ((crc ^^^ uint32 b) &&& 0xFFu)] ^^^ (crc >>> 8)

        crc

    /// The check sum of all that there is.
    let ofBytes (bytes: ReadOnlySpan<byte>) : uint32 = ~~~(over Start bytes)
