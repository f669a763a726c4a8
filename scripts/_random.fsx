/// Random numbers without a state to carry: number `i` of a key's sequence is a function of both.
/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
/// OOPSLA 2014, figure 16), whose `i`-th output is a mix of `key + i * gamma`.
module Random


let private mix (z: uint64) : uint64 =
    let z = (z ^^^ (z >>> 30)) * 0xBF58476D1CE4E5B9UL
    let z = (z ^^^ (z >>> 27)) * 0x94D049BB133111EBUL
    z ^^^ (z >>> 31)

/// The 64 random bits at position `i` of the sequence of `key`.
let bits (key: uint64) (i: int) : uint64 =
    mix (key + (uint64 i + 1UL) * 0x9E3779B97F4A7C15UL)

/// Uniform in [0, 1), a multiple of 2^-53.
let uniform (key: uint64) (i: int) : float =
    float (bits key i >>> 11) / 9007199254740992.0

/// Uniform in [low, high).
let between (low: float) (high: float) (key: uint64) (i: int) : float = low + (high - low) * uniform key i

/// Bell-shaped in [-1, 1]: the mean of three uniform numbers, moved and stretched. Deviation 1/3.
let bell (key: uint64) (i: int) : float =
    let part k = uniform (bits key i) k
    (part 0 + part 1 + part 2) * (2.0 / 3.0) - 1.0

/// One of 0 to `count - 1`.
let choice (count: int) (key: uint64) (i: int) : int = int (uniform key i * float count)

/// The numbers 0 to `count - 1` in random order (Fisher-Yates).
let permutation (count: int) (key: uint64) : int[] =
    let items = Array.init count id

    for last in count - 1 .. -1 .. 1 do
        let other = choice (last + 1) key last
        let item = items[last]
        items[last] <- items[other]
        items[other] <- item

    items
