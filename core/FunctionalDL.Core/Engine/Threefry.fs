namespace FunctionalDL.Core

open System.Numerics

/// Threefry-2x32 with 20 rounds: a keyed bijection of 64-bit counters whose outputs pass for random. J.
/// Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
[<RequireQualifiedAccess>]
module Threefry =

    /// Rotation distances of the rounds, repeating after eight (table 4 of the paper).
    let private rotations = [| 13; 15; 26; 6; 17; 29; 16; 24 |]

    /// Skein's key-schedule parity word, cut to 32 bits.
    let private parity = 0x1BD11BDAu

    /// The two random words of a counter under a key.
    let block (key0: uint32, key1: uint32) (counter0: uint32, counter1: uint32) : struct (uint32 * uint32) =
        let schedule = [| key0; key1; key0 ^^^ key1 ^^^ parity |]
        let mutable x = counter0 + key0
        let mutable y = counter1 + key1

        for round in 0..19 do
            x <- x + y
            y <- BitOperations.RotateLeft(y, rotations[round % 8]) ^^^ x

            if round % 4 = 3 then
                let injection = round / 4 + 1
                x <- x + schedule[injection % 3]
                y <- y + schedule[(injection + 1) % 3] + uint32 injection

        struct (x, y)
