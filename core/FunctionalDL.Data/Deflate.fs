namespace FunctionalDL.Data

open System.IO

/// What is known of deflate, the packing inside gzip and PNG (RFC 1951).
[<RequireQualifiedAccess>]
module internal Deflate =

    /// Deflate cannot pack more than this many bytes into one (258 bytes from two bits, less the cost of a block), so a file of
    /// `n` bytes that promises more than `n` times this is lying.
    [<Literal>]
    let MostUnpackedPerByte = 1032L

    /// Whether a stream that can seek begins as gzip does; it stands at its start afterwards. The content decides, not the name.
    let isGzip (stream: Stream) : bool =
        let first = stream.ReadByte()
        let second = stream.ReadByte()
        stream.Position <- 0L
        first = 0x1f && second = 0x8b
