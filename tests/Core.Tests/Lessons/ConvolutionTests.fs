/// Lesson 6: convolution by hand (lessons.md, section 3.10).
module FunctionalDL.Tests.Lessons.ConvolutionTests

open System.Diagnostics
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private valid = Convolution.defaults

let private padded = { valid with Padding = [ 1, 1 ] }

/// The derivative from top to bottom.
let private derivative =
    Tensor.ofFloats [ 1; 1; 3; 3 ] [| -1.0; -1.0; -1.0; 0.0; 0.0; 0.0; 1.0; 1.0; 1.0 |]

let private counting = Tensor.ofFloats [ 1; 1; 5; 5 ] (Array.init 25 float)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 77: the derivative of 0 to 24 without padding, with zeros, with a stride, and mirrored``
    (engine: string)
    =
    let convolved options =
        Convolution.conv options derivative None counting |> floatsOn (engineOf engine)

    shouldBeExactly "none" (Array.create 9 30.0) (convolved valid)
    let zeros = convolved padded
    shouldBeExactly "first row" [ 11.0; 18.0; 21.0; 24.0; 17.0 ] zeros[..4]

    shouldBeExactly
        "middle rows"
        [|
            for _ in 1..3 do
                20.0
                30.0
                30.0
                30.0
                20.0
        |]
        zeros[5..19]

    shouldBeExactly "last row" [ -31.0; -48.0; -51.0; -54.0; -37.0 ] zeros[20..]

    shouldBeExactly
        "stride 2"
        [ 11.0; 21.0; 17.0; 20.0; 30.0; 20.0; -31.0; -51.0; -37.0 ]
        (convolved { padded with Stride = [ 2 ] })

    let mirrored =
        convolved {
            padded with
                PaddingMode = PaddingMode.Reflect
        }

    shouldBeExactly
        "mirrored"
        [|
            for row in 0..4 do
                for _ in 0..4 -> if row % 4 = 0 then 0.0 else 30.0
        |]
        mirrored

[<Test>]
let ``row 77: sizes: 352 becomes 350 without padding, and half with a stride of 2`` () =
    let sizes size (channels: int) kernel stride padding =
        let options = {
            valid with
                Stride = [ stride ]
                Padding = [ padding, padding ]
        }

        let x = Tensor.zeros [ 1; 3; size; size ]
        let w = Tensor.zeros [ channels; 3; kernel; kernel ]
        (Convolution.conv options w None x).Shape.ToArray()

    shouldEqual [| 1; 1; 350; 350 |] (sizes 352 1 3 1 0)
    shouldEqual [| 1; 64; 176; 176 |] (sizes 352 64 7 2 3)
    shouldEqual [| 1; 64; 112; 112 |] (sizes 224 64 7 2 3)
    // The body of the lesson's network halves five times: the stem, the pool, and three of its four stages.
    shouldEqual [ 88; 44; 22; 11 ] (List.scan (fun size _ -> (sizes size 1 3 2 1)[2]) 88 [ 1..3 ])
    shouldEqual [ 56; 28; 14; 7 ] (List.scan (fun size _ -> (sizes size 1 3 2 1)[2]) 56 [ 1..3 ])

/// The matrix of a valid convolution of one channel: a row for each window, which has the weights where it looks and zeros elsewhere.
let private asMatrix (height, width) (kernel: Tensor) =
    let rows, columns = kernel.Shape[2], kernel.Shape[3]
    let ys, xs = height - rows + 1, width - columns + 1

    // Where each place of the kernel stands: an index into its weights, or one past them for the zero.
    let places = [|
        for y in 0 .. ys - 1 do
            for x in 0 .. xs - 1 do
                for row in 0 .. height - 1 do
                    for column in 0 .. width - 1 do
                        let i, j = row - y, column - x

                        if i >= 0 && i < rows && j >= 0 && j < columns then
                            int64 (i * columns + j)
                        else
                            int64 (rows * columns)
    |]

    let weights =
        Tensor.cat 0 [ Tensor.reshape [ rows * columns ] kernel; Tensor.full kernel.DType [ 1 ] 0.0 ]

    Tensor.indexSelect 0 (Tensor.ofInt64s [ places.Length ] places) weights
    |> Tensor.reshape [ ys * xs; height * width ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 77: a convolution is a product with a matrix of tied weights and fixed zeros, its gradients too``
    (engine: string)
    =
    let on = engineOf engine
    let x = Key.normal DType.Float64 [ 1; 1; 6; 7 ] (Key.ofSeed 1L)
    let kernel = Key.normal DType.Float64 [ 1; 1; 3; 3 ] (Key.ofSeed 2L)
    let upstream = Key.normal DType.Float64 [ 20 ] (Key.ofSeed 3L)

    let byWindows (x, kernel) =
        Convolution.conv valid kernel None x |> Tensor.reshape [ 20 ]

    let byMatrix (x, kernel) =
        Tensor.matmul (asMatrix (6, 7) kernel) (Tensor.reshape [ 42 ] x)

    let gradients f =
        grad (fun operands -> Tensor.sum (upstream * f operands)) (x, kernel)

    let close what (a: Tensor) (b: Tensor) =
        shouldBeClose what 1e-12 (floatsOn on a) (floatsOn on b)

    close "values" (byMatrix (x, kernel)) (byWindows (x, kernel))
    let (dx, dk), (dx', dk') = gradients byMatrix, gradients byWindows
    close "gradient of the picture" dx dx'
    close "gradient of the kernel: tied weights add up" dk dk'

// ---- the edge kernel -----------------------------------------------------------------------------------------------

/// The lesson's kernel before it is expanded: a right and a bottom edge.
let private corner =
    Tensor.ofFloat32s [ 3; 3 ] [| 0f; -5f / 3f; 1f; -5f / 3f; -5f / 3f; 1f; 1f; 1f; 1f |]

let private edge = Tensor.expand [ 1; 3; 3; 3 ] corner / 6.0

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 78: the edge kernel has the lesson's numbers in each of its channels`` (engine: string) =
    let printed = [ 0.0; -0.2778; 0.1667; -0.2778; -0.2778; 0.1667; 0.1667; 0.1667; 0.1667 ]
    let ours = floatsOn (engineOf engine) edge

    shouldBeClose
        "to four decimals"
        5e-5
        [|
            for _ in 1..3 do
                yield! printed
        |]
        ours
    // +1 five times and -5/3 three times.
    shouldBeClose "sum" 1e-6 [| 0.0 |] [| Array.sum ours |]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 78: a picture of one colour has no edges, and one with an edge has it there`` (engine: string) =
    let convolved x =
        Convolution.conv valid edge None x |> floatsOn (engineOf engine)

    for colour in [ 0.0; 0.37; 1.0 ] do
        let flat = convolved (Tensor.full DType.Float32 [ 1; 3; 12; 10 ] colour)
        ensure $"no edge at {colour}" (flat |> Array.forall (fun v -> abs v < 1e-5))

    // White from column 5 on: windows that end in it see +1, +1 and +1 on the right, for each of three channels: 3 · 3 / 6 = 1.5.
    let columns = Array.init (3 * 6 * 10) (fun i -> if i % 10 >= 5 then 1.0 else 0.0)

    let rows =
        convolved (Tensor.ofFloats [ 1; 3; 6; 10 ] columns |> Tensor.cast DType.Float32)
    // Windows of which two columns are white see -5/3, -5/3 and 1 besides: 3 · (3 - 7/3) / 6 = 1/3.
    let row = [| 0.0; 0.0; 0.0; 1.5; 1.0 / 3.0; 0.0; 0.0; 0.0 |]

    shouldBeClose
        "an edge"
        1e-5
        [|
            for _ in 1..4 do
                yield! row
        |]
        rows

[<Test>]
let ``row 78: expanding takes no memory: a kernel stands for thousands of channels of thousands of pictures``
    ()
    =
    // 8 GB if it were written down.
    let expanded = Tensor.expand [ 15_000; 14_000; 3; 3 ] corner
    use here = Process.GetCurrentProcess()
    let before = here.PeakWorkingSet64

    let last =
        expanded
        |> Tensor.narrow 0 14_999 1
        |> Tensor.narrow 1 13_999 1
        |> Tensor.toFloats

    shouldBeExactly "the last" (Tensor.toFloats corner) last
    here.Refresh()
    let grown = here.PeakWorkingSet64 - before
    ensure $"{grown} bytes more" (grown < 1_000_000_000L)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``row 78: one kernel of three channels gives one channel, and n kernels give n`` (engine: string) =
    let on = engineOf engine
    let picture = Key.uniform DType.Float32 [ 1; 3; 9; 8 ] (Key.ofSeed 4L)
    let others = Key.normal DType.Float32 [ 3; 3; 3; 3 ] (Key.ofSeed 5L)
    let one = Convolution.conv valid edge None picture
    let four = Convolution.conv valid (Tensor.cat 0 [ edge; others ]) None picture
    shouldEqual [| 1; 1; 7; 6 |] (one.Shape.ToArray())
    shouldEqual [| 1; 4; 7; 6 |] (four.Shape.ToArray())
    // Each channel of the result is what its kernel alone gives, and that is the sum over the channels of the picture.
    shouldBeClose "the first" 1e-5 (floatsOn on one) (floatsOn on (Tensor.narrow 1 0 1 four))

    let channel c =
        Convolution.conv valid (Tensor.narrow 1 c 1 edge) None (Tensor.narrow 1 c 1 picture)

    shouldBeClose "the sum" 1e-5 (floatsOn on (channel 0 + channel 1 + channel 2)) (floatsOn on one)
