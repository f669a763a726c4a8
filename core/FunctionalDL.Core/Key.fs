namespace FunctionalDL.Core

open System.Security.Cryptography

/// The source of randomness: a value. The same key gives the same numbers, always; different keys give
/// unrelated ones. Nothing draws from a hidden state: whoever needs randomness is given a key, and splits it
/// when it needs several.
type Key = {
    /// Two words (int32), the key of a counter-based generator.
    Words: Tensor
}

/// Making, splitting and using keys.
[<RequireQualifiedAccess>]
module Key =

    // Streams keep the uses of one key apart. The lowest two bits tell the use, and a name fills the others.
    let private drawStream = 0u
    let private splitStream = 1u
    let private numberStream = 2u
    let private nameStream = 3u

    let private ofWords (first: uint32) (second: uint32) = {
        Words = Tensor.ofInt32s [ 2 ] [| int32 first; int32 second |]
    }

    let private random dtype shape stream key =
        Tensor.Make(Prim.Random(dtype, shape, stream, key.Words.Node))

    /// The key of a seed.
    let ofSeed (seed: int64) =
        ofWords (uint32 seed) (uint32 (seed >>> 32))

    /// A key that nobody can foretell, for runs that are not to be repeated.
    let unseeded () =
        RandomNumberGenerator.GetBytes 8 |> System.BitConverter.ToInt64 |> ofSeed

    /// `count` keys, unrelated to each other and to what is drawn from `key` itself.
    let split count key =
        let words = random DType.Int32 (Shape.ofList [ count; 2 ]) splitStream key

        List.init count (fun i -> {
            Words = words |> Tensor.narrow 0 i 1 |> Tensor.reshape [ 2 ]
        })

    /// The key of a named part: adding a part does not change the keys of the others.
    let child (name: string) key =
        // FNV-1a: the name's bytes folded into the stream's number, the same on every machine.
        let hash =
            System.Text.Encoding.UTF8.GetBytes name
            |> Array.fold (fun h b -> (h ^^^ uint32 b) * 16777619u) 2166136261u

        {
            Words = random DType.Int32 (Shape.ofList [ 2 ]) ((hash <<< 2) ||| nameStream) key
        }

    /// The key of a numbered part, such as a training step; the number may be a traced value.
    let at (number: Tensor) key =
        let words = random DType.Int32 (Shape.ofList [ 2 ]) numberStream
        let counter = Tensor.cast DType.Int32 number |> Tensor.reshape [ 1 ]
        // The number is added to words that are random already: added to the key itself, number 1 of one key would be
        // number 0 of the next.
        let mixed = words key + Tensor.cat 0 [ counter; Tensor.zerosLike counter ]
        { Words = words { Words = mixed } }

    /// Real numbers uniform in [0, 1).
    let uniform dtype shape key =
        random dtype (Shape.ofList shape) drawStream key

    /// Real numbers uniform in [low, high).
    let uniformIn dtype (low: float) (high: float) shape key =
        uniform dtype shape key * (high - low) + low

    /// Normal numbers of mean 0 and standard deviation 1, by the Box-Muller transform of uniform pairs.
    let normal dtype shape key =
        let shape = Shape.ofList shape

        let radiusKey, angleKey =
            (match split 2 key with
             | a :: b :: _ -> a, b
             | _ -> invalidOp "two keys")
        // 1 - u is in (0, 1], whose logarithm is finite.
        let u = 1.0 - random dtype shape drawStream radiusKey
        let angle = random dtype shape drawStream angleKey * (2.0 * System.Math.PI)
        Tensor.sqrt (-2.0 * Tensor.log u) * Tensor.cos angle

    /// Whole numbers (int64), each of `low … high - 1` as likely as any other. Raises OptionException unless
    /// `low < high`.
    let integers (low: int64) (high: int64) shape key =
        if low >= high then
            Fail.option $"integers: from {low} up to, but without, {high} there is no number"

        let range = float high - float low

        if range > 9007199254740992.0 then
            Fail.option $"integers: from {low} to {high} are more numbers than a float64 tells apart (2^53)"

        Tensor.cast DType.Int64 (Tensor.floor (uniform DType.Float64 shape key * range))
        + Tensor.ofInt64s [] [| low |]

    /// 1 with each element's probability, else 0, in the shape and type of `probability`.
    let bernoulli (probability: Tensor) key =
        Tensor.lt (uniform probability.DType (List.ofArray probability.Shape.Dims) key) probability
        |> Tensor.cast probability.DType

    /// The whole numbers `0 … count - 1` in random order, as a tensor (int64): `permutation` without
    /// computing it yet.
    let shuffled count key =
        // Sorting by random 64-bit words: equal words are so rare that the order of the numbers may decide.
        random DType.Int64 (Shape.ofList [ count ]) drawStream key
        |> Tensor.argsort 0 false

    /// The whole numbers `0 … count - 1` in random order.
    let permutation count key : int64[] = Tensor.toInt64s (shuffled count key)
