/// Convolutions against plain loops in float64, on whatever vectors this process has: `.ci/run` runs these
/// tests again on narrower ones.
module FunctionalDL.Tests.Kernels.ConvolutionTests

open System
open NUnit.Framework
open FunctionalDL.Kernels
open FunctionalDL.Tests.Kernels.Raw

let private product = Array.fold (*) 1

/// The sizes of x, w and y.
let private sizes (s: ConvolutionShape) =
    let channels = s.Channels / s.Groups

    [|
        s.Batch * s.Channels * product s.Input
        s.Filters * channels * product s.Kernel
        s.Batch * s.Filters * product s.Output
    |]

// ---- the truth ---------------------------------------------------------------------------------------------------

/// The places of x and y that meet at a tap: pairs of a flat index into x's picture and one into y's.
let private meetings (s: ConvolutionShape) tap =
    let places (sizes: int[]) flat =
        let folder size (rest, places) = rest / size, rest % size :: places
        Array.foldBack folder sizes (flat, []) |> snd |> Array.ofList

    let k = places s.Kernel tap

    [|
        for o in 0 .. product s.Output - 1 do
            let at =
                places s.Output o
                |> Array.mapi (fun i o -> o * s.Stride[i] + k[i] * s.Dilation[i] - s.PaddingBefore[i])

            if Array.forall2 (fun place size -> place >= 0 && place < size) at s.Input then
                struct (Array.fold2 (fun flat size place -> flat * size + place) 0 s.Input at, o)
    |]

/// A part, the sums of the absolute products, and how many products each has: the three operands in, the one
/// of the part not read.
let private truth (s: ConvolutionShape) part (x: float[]) (w: float[]) (y: float[]) =
    let count =
        (sizes s)[match part with
                  | ConvolutionPart.Input -> 0
                  | ConvolutionPart.Weight -> 1
                  | _ -> 2]

    let sums, absolute, terms =
        Array.zeroCreate count, Array.zeroCreate count, Array.zeroCreate count

    let channels, filters = s.Channels / s.Groups, s.Filters / s.Groups
    let xs, ks, ys = product s.Input, product s.Kernel, product s.Output

    for tap in 0 .. ks - 1 do
        for struct (i, o) in meetings s tap do
            for b in 0 .. s.Batch - 1 do
                for f in 0 .. s.Filters - 1 do
                    for c in 0 .. channels - 1 do
                        let atX = (b * s.Channels + f / filters * channels + c) * xs + i
                        let atW = (f * channels + c) * ks + tap
                        let atY = (b * s.Filters + f) * ys + o

                        let target, value =
                            match part with
                            | ConvolutionPart.Input -> atX, w[atW] * y[atY]
                            | ConvolutionPart.Weight -> atW, x[atX] * y[atY]
                            | _ -> atY, x[atX] * w[atW]

                        sums[target] <- sums[target] + value
                        absolute[target] <- absolute[target] + abs value
                        terms[target] <- terms[target] + 1

    sums, absolute, terms

// ---- checking ----------------------------------------------------------------------------------------------------

let private draw (rng: Random) element count =
    Array.init count (fun _ ->
        match element with
        | ElementType.Float32 -> float (float32 (2.0 * rng.NextDouble() - 1.0))
        | ElementType.Float64 -> 2.0 * rng.NextDouble() - 1.0
        | _ -> float (rng.Next(-50, 50)))

/// Runs a part on a pool; the operands at any alignment, scratch memory full of noise.
let private run (pool: WorkerPool) (plan: ConvolutionPlan) part (x: Cells) (w: Cells) (y: Cells) =
    let scratch = Cells(ElementType.Float32, int ((plan.ScratchBytes + 3L) / 4L), 0)
    scratch.Values <- Array.create (int ((plan.ScratchBytes + 3L) / 4L)) nan
    plan.Run(pool, x.Address, w.Address, y.Address, scratch.Address)
    scratch.CheckSurroundings()

    let result =
        match part with
        | ConvolutionPart.Input -> x
        | ConvolutionPart.Weight -> w
        | _ -> y

    result.CheckSurroundings()
    result

/// How far an element may be from the truth. By the definition: what any order of n multiply-adds may round,
/// γ(n) Σ|x·w| (N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., p. 63), and float64's own. By
/// Winograd's algorithm: what it states, 16 √n u of the largest Σ|x·w|, n the terms that its products add.
let private bounds (plan: ConvolutionPlan) element (absolute: float[]) (terms: int[]) =
    match element with
    | ElementType.Int32
    | ElementType.Int64 -> Array.map (fun _ -> 0.0) absolute
    | _ when plan.Algorithm.Contains "Winograd" ->
        let added = float (Array.max terms) / 9.0
        let bound = 16.0 * sqrt added * unitRoundoff element * Array.max absolute
        Array.map (fun _ -> bound) absolute
    | _ -> Array.map2 (fun size n -> 2.0 * float (n + 1) * unitRoundoff element * size) absolute terms

/// A part on pools of 1, 2 and 5 threads: right, the same bits, nothing else written.
let private check (rng: Random) (s: ConvolutionShape) part =
    let operands = sizes s |> Array.map (draw rng s.Element)
    let expected, absolute, terms = truth s part operands[0] operands[1] operands[2]
    let plan = ConvolutionPlan(s, part)
    let what = $"{part} of {s.Element}, {plan.Algorithm}"

    let results =
        pools
        |> List.map (fun (threads, pool) ->
            let cells =
                operands
                |> Array.map (fun values ->
                    let cells = Cells(s.Element, values.Length, rng.Next 16)
                    cells.Values <- values
                    cells)

            threads, run pool plan part cells[0] cells[1] cells[2])

    let _, first = results.Head
    let actual, allowed = first.Values, bounds plan s.Element absolute terms

    for i in 0 .. expected.Length - 1 do
        if not (abs (actual[i] - expected[i]) <= allowed[i]) then
            Assert.Fail $"{what} of %A{s}: [{i}] is {actual[i]}, not {expected[i]} ± {allowed[i]}"

    for threads, result in results.Tail do
        Assert.That(result.HasBitsOf first, $"{what} of %A{s} on {threads} threads")

let private parts = [ ConvolutionPart.Output; ConvolutionPart.Input; ConvolutionPart.Weight ]

/// A shape whose windows end inside what padding on both sides would give, or a little earlier.
let private shape element batch groups channels filters (axes: (int * int * int * int * int)[]) =
    let column f = Array.map f axes

    let output (size, kernel, stride, padding, dilation) =
        max 0 ((size + 2 * padding - (kernel - 1) * dilation - 1) / stride + 1)

    ConvolutionShape(
        element,
        batch,
        groups,
        groups * channels,
        groups * filters,
        column (fun (size, _, _, _, _) -> size),
        column (fun (_, kernel, _, _, _) -> kernel),
        column (fun (_, _, stride, _, _) -> stride),
        column (fun (_, _, _, padding, _) -> padding),
        column (fun (_, _, _, _, dilation) -> dilation),
        column output
    )

/// A shape of any kind with not too much to do for plain loops.
let rec private randomShape (rng: Random) element =
    let pick (choices: int[]) = choices[rng.Next choices.Length]
    let rank = pick [| 0; 1; 1; 2; 2; 2; 2; 2; 3; 4 |]

    let axis _ =
        pick [| 1; 2; 3; 5; 7; 8; 13; 17 |],
        pick [| 1; 1; 2; 3; 3; 4; 5 |],
        pick [| 1; 1; 1; 2; 3 |],
        pick [| 0; 0; 1; 1; 2; 3 |],
        pick [| 1; 1; 1; 2; 3 |]

    let s =
        shape
            element
            (pick [| 0; 1; 2; 3; 5 |])
            (pick [| 1; 1; 2; 3 |])
            (pick [| 1; 1; 2; 3; 5; 8; 17; 19; 20 |])
            (pick [| 1; 1; 2; 4; 7; 13; 16; 18; 33 |])
            (Array.init rank axis)

    let work =
        s.Batch
        * s.Filters
        * (s.Channels / s.Groups)
        * product s.Kernel
        * product s.Output

    if work > 100_000 then randomShape rng element else s

// ---- tests -------------------------------------------------------------------------------------------------------

[<TestCase(ElementType.Float32)>]
[<TestCase(ElementType.Float64)>]
[<TestCase(ElementType.Int32)>]
[<TestCase(ElementType.Int64)>]
let ``convolutions of any shape are sums, whatever the threads`` element =
    let rng = Random 1

    for _ in 1..100 do
        let s = randomShape rng element

        for part in parts do
            check rng s part

/// Shapes as networks have them, cut down: stems, 3x3 with and without a stride, 1x1, depth-wise, tiny
/// pictures of many channels, more products for an element than one section of a product takes.
let private largeShapes element = [
    shape element 2 1 3 64 [| 37, 7, 2, 3, 1; 41, 7, 2, 3, 1 |]
    shape element 2 1 67 50 [| 14, 3, 1, 1, 1; 14, 3, 1, 1, 1 |]
    shape element 3 1 48 35 [| 17, 3, 1, 1, 1; 9, 3, 1, 0, 1 |]
    shape element 1 1 64 64 [| 56, 3, 1, 1, 1; 23, 3, 1, 2, 1 |]
    shape element 3 1 40 26 [| 15, 3, 2, 1, 1; 16, 3, 2, 1, 1 |]
    shape element 3 1 48 96 [| 14, 1, 1, 0, 1; 14, 1, 1, 0, 1 |]
    shape element 2 1 33 70 [| 14, 1, 2, 0, 1; 14, 1, 2, 0, 1 |]
    shape element 2 37 1 1 [| 19, 3, 1, 1, 1; 35, 3, 1, 1, 1 |]
    shape element 35 1 1 8 [| 28, 5, 2, 2, 1; 27, 5, 2, 2, 1 |]
    shape element 40 1 16 32 [| 7, 3, 2, 1, 1; 7, 3, 2, 1, 1 |]
    shape element 33 1 32 1 [| 4, 3, 2, 1, 1; 4, 3, 2, 1, 1 |]
    shape element 1 1 3 5 [| 130, 5, 3, 4, 2; 150, 4, 2, 1, 3 |]
    shape element 1 2 2 3 [| 3001, 9, 2, 4, 3 |]
    shape element 1 1 2 2 [| 150_001, 3, 1, 1, 1 |]
    shape element 9 1 130 260 [| 2, 3, 1, 1, 1; 2, 3, 1, 1, 1 |]
    shape element 2 2 20 18 [| 4, 3, 1, 1, 1; 5, 3, 1, 1, 1; 33, 3, 1, 1, 1 |]
    shape element 2 1 30 40 [| 301, 9, 1, 4, 1 |]
]

[<TestCase(ElementType.Float32)>]
[<TestCase(ElementType.Float64)>]
let ``convolutions of networks are sums, whatever the threads`` element =
    let rng = Random 2

    for s in largeShapes element do
        for part in parts do
            check rng s part

[<Test>]
let ``a plan refuses what makes no sense`` () =
    let refused (s: ConvolutionShape) =
        Assert
            .Throws<ArgumentException>(fun () -> ConvolutionPlan(s, ConvolutionPart.Output) |> ignore)
            .Message

    let good = shape ElementType.Float32 1 2 2 2 [| 5, 3, 1, 1, 1 |]

    Assert.That(
        refused (ConvolutionShape(ElementType.Bool, 1, 1, 1, 1, [||], [||], [||], [||], [||], [||])),
        Does.Contain "Bool"
    )

    Assert.That(refused (shape ElementType.UInt8 1 1 1 1 [||]), Does.Contain "UInt8")

    let three =
        ConvolutionShape(
            good.Element,
            1,
            2,
            3,
            4,
            good.Input,
            good.Kernel,
            good.Stride,
            good.PaddingBefore,
            good.Dilation,
            good.Output
        )

    Assert.That(refused three, Does.Contain "3 channels")
