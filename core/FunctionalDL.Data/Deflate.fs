namespace FunctionalDL.Data

/// What is known of deflate, the packing inside gzip and PNG (RFC 1951).
[<RequireQualifiedAccess>]
module internal Deflate =

    /// Deflate cannot pack more than this many bytes into one (258 bytes from two bits, less the cost of a block), so a file of
    /// `n` bytes that promises more than `n` times this is lying.
    [<Literal>]
    let MostUnpackedPerByte = 1032L
