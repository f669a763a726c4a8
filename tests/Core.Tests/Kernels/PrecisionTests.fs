/// How exact results are, against float64 and known digits. In float32 the functions of elements are held to it over their
/// whole range, on all widths of vectors.
module FunctionalDL.Tests.Kernels.PrecisionTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// Fails unless each element agrees to `tolerance` of itself.
let private shouldBeRelative what tolerance (expected: float[]) (actual: float[]) =
    Array.map2 (/) actual expected
    |> shouldBeClose $"{what}, as shares of what is expected" tolerance (Array.create expected.Length 1.0)

// ---- functions of elements ---------------------------------------------------------------------------------------

/// Numbers of every exponent and either sign, subnormal ones, infinities, no number, and the neighbours of those at which
/// functions change their course.
let private everywhere =
    let bits =
        Array.init 400_009 (fun i -> BitConverter.UInt32BitsToSingle(uint32 i * 10_737u))

    let near = [|
        for x in [ 0.0f; 1e-38f; 0.25f; 0.5f; 1.0f; 2.0f; 3.95f; 17.0f; 88.0f; 88.72284f; 104.0f ] do
            let mutable low, high = x, x

            for _ in 1..200 do
                low <- MathF.BitDecrement low
                high <- MathF.BitIncrement high
                yield! [| low; high; -low; -high |]
    |]

    let special = [|
        0.0f
        -0.0f
        -1.0f
        Single.Epsilon
        -Single.Epsilon
        Single.MaxValue
        Single.MinValue
        infinityf
        -infinityf
        nanf
    |]

    Array.concat [ bits; near; special ]

/// The distance from a float32 to its neighbour that is further from 0.
let private unit (x: float32) =
    if Single.IsFinite x then
        float (MathF.BitIncrement(abs x)) - float (abs x)
    else
        0.0

[<Test>]
let ``log1p, expm1 and erf are within 4 units in the last place everywhere``
    ([<Values("reference", "cpu")>] engine: string)
    =
    let functions = [ "log1p", Tensor.log1p; "expm1", Tensor.expm1; "erf", Tensor.erf ]
    let x = Tensor.ofFloat32s [ everywhere.Length ] everywhere

    for name, f in functions do
        let actual = f x
        let expected = f (Tensor.cast DType.Float64 x)
        Tensor.evalOn (engineOf engine) [ actual ]
        Tensor.evalOn Reference.engine [ expected ]
        let actual, expected = Tensor.toFloat32s actual, Tensor.toFloats expected

        for i in 0 .. everywhere.Length - 1 do
            let a, e = actual[i], expected[i]
            let rounded = float32 e

            let isClose =
                if Single.IsNaN rounded then
                    Single.IsNaN a
                elif e = 0.0 || Single.IsInfinity rounded then
                    BitConverter.SingleToInt32Bits a = BitConverter.SingleToInt32Bits rounded
                else
                    abs (float a - e) <= 4.0 * unit rounded

            if not isClose then
                Assert.Fail $"{engine}: {name} {everywhere[i]:R} is {a:R}, not {e:R}"

/// Numbers whose error function is 1 - 2⁻ᵏ, which float64 has exactly; from 60 digits of Taylor's series.
let private inverses = [
    4, 1.31715033498613074888
    5, 1.52301940199695611096
    7, 1.88095174547313942058
    10, 2.33146777362194767232
    14, 2.83463028557139408731
    20, 3.46550502580333071725
    27, 4.08738784457644032927
    34, 4.63032567502996352377
    41, 5.11816580474463271552
    48, 5.56477332699624453750
    52, 5.80501868319345330018
    53, 5.86358474875516792720
]

[<Test>]
let ``erfinv keeps its digits up to the last number below 1``
    ([<Values("reference", "cpu")>] engine: string)
    =
    for k, expected in inverses do
        let y = 1.0 - Math.ScaleB(1.0, -k)
        let x = Tensor.erfinv (Tensor.ofFloats [ 2 ] [| y; -y |])
        let what = $"{engine}: erfinv of ±(1 - 2^-{k})"
        shouldBeRelative what 1e-15 [| expected; -expected |] (floatsOn (engineOf engine) x)

        if k <= 24 then
            let x = Tensor.erfinv (Tensor.ofFloat32s [ 1 ] [| float32 y |])
            shouldBeRelative $"{what}, float32" 3e-7 [| expected |] (floatsOn (engineOf engine) x)

// ---- sums --------------------------------------------------------------------------------------------------------

/// What is summed in float32: all the same, which a running sum rounds the same way each time, and numbers of a mean other
/// than 0.
let private summands = [
    "tenths", (fun count -> Array.create count 0.1f)
    "uniform",
    (fun count ->
        let rng = Random 3
        Array.init count (fun _ -> rng.NextSingle()))
]

/// Half a unit of 1 in float32.
let private halfUnit = Math.ScaleB(1.0, -24)

[<Test>]
let ``the error of a sum grows with the logarithm of its length``
    ([<Values("reference", "cpu")>] engine: string)
    =
    for name, make in summands do
        for shape, axis in
            [ [ 4_000_000 ], 0; [ 2; 2_000_000 ], 1; [ 1_000_000; 3 ], 0; [ 10; 100_000; 4 ], 1 ] do
            let values: float32[] = make (elements shape)
            let x = Tensor.ofFloat32s shape values
            let terms = float shape[axis]

            let exact =
                Tensor.cast DType.Float64 x |> Tensor.sumAxes [ axis ] |> Tensor.toFloats
            // All terms are positive, so that their sum is that of their sizes.
            let allowed = (2.0 + Math.Log2 terms) * halfUnit
            let inside = Tensor.sumAxes [ axis ] (x * 1.0)

            for way, sum in [ "a sum", Tensor.sumAxes [ axis ] x; "a sum in a loop", inside ] do
                let what = $"{engine}: {way} of {name} {shape}"
                shouldBeRelative what allowed exact (floatsOn (engineOf engine) sum)

            // The bound is one that adding each to the sum so far does not meet.
            if shape.Length = 1 then
                let running = Array.fold (+) 0.0f values
                Assert.That(abs (float running / exact[0] - 1.0), Is.GreaterThan(4.0 * allowed), name)

// ---- variances ---------------------------------------------------------------------------------------------------

[<Test>]
let ``variances of long rows keep their digits beside a large mean``
    ([<Values("reference", "cpu")>] engine: string)
    =
    let rows, count = 3, 200_000
    let rng = Random 5

    let values =
        Array.init (rows * count) (fun i -> float32 (10.0 ** float (2 + i / count) + rng.NextDouble()))

    let x = Tensor.ofFloat32s [ rows; count ] values

    let exact =
        values
        |> Array.map float
        |> Array.chunkBySize count
        |> Array.map (fun row ->
            let mean = Array.average row
            (row |> Array.sumBy (fun v -> (v - mean) ** 2.0)) / float (count - 1))

    let var, std = Tensor.var 1 [ 1 ] x, Tensor.std 1 [ 1 ] x
    // The mean itself is rounded: by half a unit of 10,000, whose square is 1e-6 of the variance.
    shouldBeRelative $"{engine}: var" 1e-5 exact (floatsOn (engineOf engine) var)
    shouldBeRelative $"{engine}: std" 1e-5 (Array.map sqrt exact) (floatsOn (engineOf engine) std)

    // The mean of the squares less the square of the mean would not.
    let squares =
        Tensor.meanAxes [ 1 ] (x * x) - Tensor.square (Tensor.meanAxes [ 1 ] x)

    let apart =
        Array.map2 (fun e a -> abs (a / e - 1.0)) exact (floatsOn (engineOf engine) squares)

    Assert.That(Array.last apart, Is.GreaterThan 0.1)
