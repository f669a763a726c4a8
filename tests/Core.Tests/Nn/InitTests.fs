/// First values of parameters: bounds and moments against theory.
module FunctionalDL.Tests.Nn.InitTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private key = Key.ofSeed 1L
let private numbersOf x = floatsOn Reference.engine x

let private largest x =
    numbersOf x |> Array.map abs |> Array.max

/// Mean, and standard deviation around it.
let private moments (xs: float[]) =
    let mean = Array.average xs
    mean, sqrt (xs |> Array.averageBy (fun x -> (x - mean) * (x - mean)))

/// Fails unless mean and deviation are within five standard deviations of what `n` independent numbers of a
/// distribution with these moments give; `kurtosis` is its fourth moment over the square of its variance.
let private shouldHaveMoments what (mean: float) (deviation: float) kurtosis (xs: float[]) =
    let n = float xs.Length
    let foundMean, foundDeviation = moments xs
    let ofMean = 5.0 * deviation / sqrt n
    let ofDeviation = 5.0 * sqrt ((kurtosis - 1.0) / (4.0 * n))
    ensure $"{what}: mean {foundMean}, expected {mean} ± {ofMean}" (abs (foundMean - mean) < ofMean)

    ensure
        $"{what}: deviation {foundDeviation}, expected {deviation} (1 ± {ofDeviation})"
        (abs (foundDeviation / deviation - 1.0) < ofDeviation)

let private uniformKurtosis, private normalKurtosis = 1.8, 3.0

// ---- how large ---------------------------------------------------------------------------------------------------

/// lessons.md, E2a-14.
[<TestCase(1.0, 1.0)>]
[<TestCase(0.0, 1.4142135623730951)>]
[<TestCase(0.01, 1.4141428569978354)>]
[<TestCase(0.1, 1.4071950894605838)>]
[<TestCase(2.23606797749979, 0.5773502691896257)>]
let ``gain of a leaky ReLU (row 8)`` (slope: float, expected: float) =
    shouldBeClose "gain" 1e-15 [| expected |] [| Init.gain slope |]
    shouldEqual (Init.gain slope) (Init.gainOf (Nonlinearity.LeakyReLU slope))

/// PyTorch's `calculate_gain`.
[<Test>]
let ``gains of nonlinearities (row 10)`` () =
    shouldEqual
        [ 1.0; 1.0; 5.0 / 3.0; sqrt 2.0; 0.75 ]
        ([
            Nonlinearity.Linear
            Nonlinearity.Sigmoid
            Nonlinearity.Tanh
            Nonlinearity.ReLU
            Nonlinearity.SELU
         ]
         |> List.map Init.gainOf)

/// E2a-12, E2a-13: a convolution of 1 plane to 32 with 5 by 5 kernels.
[<Test>]
let ``fans count the receptive field (row 7)`` () =
    let weight =
        Tree.find
            "weight"
            (Layer.init key [ Shape.ofList [ 1; 1; 28; 28 ] ] (Conv(Layer.conv 1 32 [ 5; 5 ]))).Parameters
    // By hand, on the weight's shape.
    match dimsOf weight with
    | [ filters; inputs; height; width ] ->
        shouldEqual (32, 1, 25) (filters, inputs, height * width)
        shouldEqual (struct (inputs * height * width, filters * height * width)) (Init.fans weight.Shape)
    | other -> Assert.Fail $"the weight has sizes %A{other}"

    shouldEqual (struct (25, 800)) (Init.fans (Shape.ofList [ 32; 1; 5; 5 ]))
    shouldEqual (struct (784, 50)) (Init.fans (Shape.ofList [ 50; 784 ]))

    raises<ShapeException> "fans: shape [3] has no fans; it needs at least [out; in]" (fun () ->
        Init.fans (Shape.ofList [ 3 ]) |> ignore)

// ---- by the number of connections --------------------------------------------------------------------------------

/// E2a-17 and E2a-18: √(6 / 25), and 1 / √25, which is PyTorch's default.
[<TestCase(0.0, 0.4898979485566356)>]
[<TestCase(2.23606797749979, 0.2)>]
let ``kaimingUniform fills its bounds evenly (row 10)`` (slope: float, bound: float) =
    let xs = Init.kaimingUniform DType.Float32 slope [ 3200; 1; 5; 5 ] key

    ensure
        $"largest {largest xs}, bound {bound}"
        (largest xs <= bound * (1.0 + 1e-7) && largest xs > 0.999 * bound)

    shouldHaveMoments "uniform" 0.0 (bound / sqrt 3.0) uniformKurtosis (numbersOf xs)

/// E02-08 and E02-10: `x @ w` with `w: [784; 50]` sums over 784, which of `[out; in]` is the fan of the outputs.
[<Test>]
let ``either fan can be kept, with any gain (row 10)`` () =
    let by init fan nonlinearity =
        init fan DType.Float64 (Init.gainOf nonlinearity) [ 784; 50 ] key |> numbersOf

    let deviation fan gain = gain / sqrt fan

    for fan, size in [ Fan.Out, 784.0; Fan.In, 50.0 ] do
        for nonlinearity, gain in [ Nonlinearity.ReLU, sqrt 2.0; Nonlinearity.Tanh, 5.0 / 3.0 ] do
            by Init.kaimingNormalBy fan nonlinearity
            |> shouldHaveMoments "normal" 0.0 (deviation size gain) normalKurtosis

            by Init.kaimingUniformBy fan nonlinearity
            |> shouldHaveMoments "uniform" 0.0 (deviation size gain) uniformKurtosis

    shouldBeClose "the lesson's" 1e-7 [| 0.0505076 |] [| deviation 784.0 (sqrt 2.0) |]

[<Test>]
let ``Xavier's numbers have the variance of both fans' mean`` () =
    let shape = [ 300; 50; 2 ]
    // Fans 100 and 600.
    let deviation = 1.5 * sqrt (2.0 / 700.0)

    Init.xavierNormal DType.Float64 1.5 shape key
    |> numbersOf
    |> shouldHaveMoments "normal" 0.0 deviation normalKurtosis

    let uniform = Init.xavierUniform DType.Float64 1.5 shape key
    let bound = 1.5 * sqrt (6.0 / 700.0)

    ensure
        $"largest {largest uniform}, bound {bound}"
        (largest uniform <= bound && largest uniform > 0.999 * bound)

    shouldHaveMoments "uniform" 0.0 deviation uniformKurtosis (numbersOf uniform)

[<Test>]
let ``weight and bias have PyTorch's bounds, kaimingNormal and normal their deviations`` () =
    for xs in [ Init.weight DType.Float32 [ 300; 100 ] key; Init.bias DType.Float32 100 [ 30000 ] key ] do
        ensure $"largest {largest xs}" (largest xs <= 0.1 * (1.0 + 1e-7) && largest xs > 0.0999)
        shouldHaveMoments "default" 0.0 (0.1 / sqrt 3.0) uniformKurtosis (numbersOf xs)

    Init.kaimingNormal DType.Float64 1.0 [ 400; 100 ] key
    |> numbersOf
    |> shouldHaveMoments "kaimingNormal" 0.0 0.1 normalKurtosis

    Init.normal DType.Float64 -3.0 2.0 [ 40000 ] key
    |> numbersOf
    |> shouldHaveMoments "normal" -3.0 2.0 normalKurtosis

    shouldBeExactly "constant" [ 2.5; 2.5 ] (numbersOf (Init.constant DType.Float32 2.5 [ 2 ]))
    shouldEqual DType.Float32 (Init.constant DType.Float32 2.5 [ 2 ]).DType

// ---- cut off -----------------------------------------------------------------------------------------------------

let private density x =
    exp (-0.5 * x * x) / sqrt (2.0 * Math.PI)

/// ∫ f over [a; b] by Simpson's rule.
let private integral f (a: float) b =
    let n = 2000
    let h = (b - a) / float n

    let weight i =
        if i = 0 || i = n then 1.0
        elif i % 2 = 1 then 4.0
        else 2.0

    h / 3.0 * Seq.sum (Seq.init (n + 1) (fun i -> weight i * f (a + h * float i)))

/// The largest distance between the shares of numbers below a place and a distribution function: Kolmogorov's
/// statistic, which times the root of the count is above 1.95 once in a thousand samples.
let private shouldBeDistributed (distribution: float -> float) (xs: float[]) =
    let sorted = Array.sort xs
    let n = float xs.Length

    let apart =
        sorted
        |> Array.mapi (fun i x ->
            let p = distribution x
            max (abs (p - float i / n)) (abs (float (i + 1) / n - p)))
        |> Array.max

    ensure $"the distribution is {apart} off, for {n} numbers" (apart < 1.95 / sqrt n)

[<TestCase(0.0, 1.0, -2.0, 2.0)>]
[<TestCase(1.0, 2.0, -1.0, 7.0)>]
[<TestCase(0.0, 1.0, 0.5, 4.0)>]
let ``truncated normal numbers keep to their bounds and are normal between them``
    (mean: float)
    (std: float)
    (low: float)
    (high: float)
    =
    let xs =
        Init.truncatedNormal DType.Float64 mean std low high [ 4000 ] key |> numbersOf

    ensure "a number is outside" (xs |> Array.forall (fun x -> x >= low && x <= high))
    let a, b = (low - mean) / std, (high - mean) / std
    let whole = integral density a b

    xs
    |> shouldBeDistributed (fun x -> integral density a ((x - mean) / std) / whole)

[<Test>]
let ``truncated normal numbers are of the type that was asked for, and impossible bounds are refused`` () =
    let xs = Init.truncatedNormal DType.Float32 0.0 0.01 -0.02 0.02 [ 40000 ] key
    shouldEqual DType.Float32 xs.DType
    ensure $"largest {largest xs}" (largest xs <= float 0.02f)
    // Var = 1 - 2·2·φ(2) / (Φ(2) - Φ(-2)) for bounds ±2 of a standard normal number; its kurtosis is below 3.
    let variance = 1.0 - 4.0 * density 2.0 / integral density -2.0 2.0
    shouldHaveMoments "±2" 0.0 (0.01 * sqrt variance) 3.0 (numbersOf xs)

    raises<OptionException>
        "truncatedNormal: the bounds are 2 and 2; the first must be below the second"
        (fun () -> Init.truncatedNormal DType.Float32 0.0 1.0 2.0 2.0 [ 3 ] key |> ignore)

/// fastai's `trunc_normal_` for embeddings: the remainder of a normal number by 2, whose deviation is 0.8708.
[<Test>]
let ``wrapped normal numbers are remainders by 2, as fastai's embeddings start (row 66)`` () =
    let xs = Init.wrappedNormal DType.Float32 0.01 [ 60000 ] key
    ensure $"largest {largest xs}" (largest xs <= float 0.02f)

    // E x² of what is left between 2k and 2k + 2, on both sides.
    let variance =
        2.0
        * Seq.sum (
            seq { for k in 0.0..2.0..8.0 -> integral (fun x -> density x * (x - k) * (x - k)) k (k + 2.0) }
        )

    shouldBeClose "the lesson's" 5e-5 [| 0.0087 |] [| 0.01 * sqrt variance |]
    shouldHaveMoments "wrapped" 0.0 (0.01 * sqrt variance) 3.0 (numbersOf xs)

// ---- orthonormal -------------------------------------------------------------------------------------------------

/// The rows of a matrix of `columns` columns, each against each.
let private products columns (xs: float[]) =
    let rows = Array.chunkBySize columns xs

    Array.allPairs rows rows
    |> Array.map (fun (a, b) -> Array.map2 (*) a b |> Array.sum)

let private identity n (scale: float) =
    Array.init (n * n) (fun i -> if i / n = i % n then scale else 0.0)

[<TestCase("float64", 1e-13)>]
[<TestCase("float32", 1e-4)>]
let ``an orthogonal matrix is the inverse of its transpose, and keeps lengths (row 23)``
    (dtype: string)
    (tolerance: float)
    =
    let dtype = if dtype = "float64" then DType.Float64 else DType.Float32
    let size = 60
    let w = Init.orthogonal dtype 1.0 [ size; size ] key
    shouldEqual dtype w.DType
    shouldBeClose "wᵀ·w" tolerance (identity size 1.0) (numbersOf (Tensor.matmul (Tensor.t w) w))
    shouldBeClose "w·wᵀ" tolerance (identity size 1.0) (products size (numbersOf w))
    let x = Key.normal dtype [ size ] (Key.ofSeed 2L)

    let length x =
        sqrt (numbersOf x |> Array.sumBy (fun v -> v * v))

    shouldBeClose "length" tolerance [| length x |] [| length (Tensor.matmul w x) |]

[<Test>]
let ``with fewer rows the rows are orthonormal, with fewer columns these, times the gain; kernels count as columns``
    ()
    =
    let w = Init.orthogonal DType.Float64 2.0 [ 4; 3; 3; 3 ] key
    shouldEqual [ 4; 3; 3; 3 ] (dimsOf w)
    shouldBeClose "rows" 1e-13 (identity 4 4.0) (products 27 (numbersOf w))
    let tall = Init.orthogonal DType.Float64 2.0 [ 27; 4 ] key
    shouldBeClose "columns" 1e-13 (identity 4 4.0) (products 27 (numbersOf (Tensor.t tall)))

    raises<ShapeException> "orthogonal: shape [3] is no matrix; it needs at least [out; in]" (fun () ->
        Init.orthogonal DType.Float64 1.0 [ 3 ] key |> ignore)

/// Of an n × n matrix that is uniform among all orthogonal ones (Haar), an element has mean 0 and variance 1 / n.
[<Test; Category("Slow")>]
let ``orthogonal matrices prefer no direction`` () =
    let first seed =
        Init.orthogonal DType.Float64 1.0 [ 5; 5 ] (Key.ofSeed seed) |> numbersOf

    let all = Array.init 4000 (int64 >> first)

    for at in 0..24 do
        // The kurtosis of a coordinate of a point of the sphere in n dimensions is 3n / (n + 2).
        all
        |> Array.map (fun m -> m[at])
        |> shouldHaveMoments $"element {at}" 0.0 (1.0 / sqrt 5.0) (15.0 / 7.0)

// ---- all of them -------------------------------------------------------------------------------------------------

/// Every distribution by name, of 6,400 numbers, with its deviation and kurtosis.
let private distributions: (string * (Key -> Tensor) * float * float) list =
    let shape = [ 64; 100 ]

    [
        "uniform", Init.uniform DType.Float32 shape 0.3, 0.3 / sqrt 3.0, uniformKurtosis
        "normal", Init.normal DType.Float32 0.0 0.3 shape, 0.3, normalKurtosis
        "default", Init.weight DType.Float32 shape, 0.1 / sqrt 3.0, uniformKurtosis
        "xavierUniform", Init.xavierUniform DType.Float32 1.0 shape, sqrt (2.0 / 164.0), uniformKurtosis
        "xavierNormal", Init.xavierNormal DType.Float32 1.0 shape, sqrt (2.0 / 164.0), normalKurtosis
        "kaimingUniform", Init.kaimingUniform DType.Float32 0.0 shape, sqrt 0.02, uniformKurtosis
        "kaimingNormal", Init.kaimingNormal DType.Float32 0.0 shape, sqrt 0.02, normalKurtosis
        "kaimingNormal, fan out", Init.kaimingNormalBy Fan.Out DType.Float32 1.0 shape, 0.125, normalKurtosis
    ]

[<Test; Category("Slow")>]
let ``every distribution has its moments for twenty keys`` () =
    for name, draw, deviation, kurtosis in distributions do
        for seed in 1L .. 20L do
            draw (Key.ofSeed seed)
            |> numbersOf
            |> shouldHaveMoments $"{name}, seed {seed}" 0.0 deviation kurtosis

[<Test>]
let ``one key gives the same bits, two keys others, and the unseeded key another each time (row 24)`` () =
    for name, draw, _, _ in distributions do
        let bits key = draw key |> bytesOn Cpu.engine
        shouldEqual (bits (Key.ofSeed 3L)) (bits (Key.ofSeed 3L))
        ensure $"{name}: two seeds give the same" (bits (Key.ofSeed 3L) <> bits (Key.ofSeed 4L))
        ensure $"{name}: two unseeded keys give the same" (bits (Key.unseeded ()) <> bits (Key.unseeded ()))
