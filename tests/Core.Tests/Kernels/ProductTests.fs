/// Matrix products against plain loops, on whatever vectors this process has: `.ci/run` runs these tests again
/// on narrower ones.
module FunctionalDL.Tests.Kernels.ProductTests

open System
open NUnit.Framework
open FunctionalDL.Kernels
open FunctionalDL.Tests.Kernels.Raw

// ---- widths ------------------------------------------------------------------------------------------------------

[<Test>]
let ``the switches of the runtime choose the vectors`` () =
    let isOff name =
        (Environment.GetEnvironmentVariable name = "0")

    match Environment.GetEnvironmentVariable "DOTNET_PreferredVectorBitWidth" with
    | "128" -> Assert.That(Machine.VectorBits, Is.EqualTo 128)
    | _ when isOff "DOTNET_EnableAVX512" -> Assert.That(Machine.VectorBits, Is.LessThanOrEqualTo 256)
    | _ -> Assert.That(Machine.VectorBits, Is.AnyOf(128, 256, 512))

// ---- operands ----------------------------------------------------------------------------------------------------

/// A batch of matrices: numbers in memory, and how to find element [i][row, column] among them.
type private Operand = {
    Cells: Cells
    Values: float[]
    Element: ElementType
    Start: int
    Batch: int
    Row: int
    Column: int
} with

    member this.Item(batch, row, column) =
        this.Values[this.Start + batch * this.Batch + row * this.Row + column * this.Column]

    member this.Matrix =
        let start = nativeint (this.Start * ElementTypes.Size this.Element)
        MatrixOperand(this.Cells.Address + start, int64 this.Batch, int64 this.Row, int64 this.Column)

/// Ways to lay a matrix out: row-major, column-major, the same with gaps, both axes with gaps, backwards,
/// all rows the same, all columns the same.
let private layouts = [
    "rows"
    "columns"
    "rows, gaps"
    "columns, gaps"
    "sparse"
    "backwards"
    "one row"
    "one column"
]

/// Whole numbers for integers, numbers of mixed sign for the others: rounded to the type.
let private draw (rng: Random) element count =
    Array.init count (fun _ ->
        match element with
        | ElementType.Float32 -> float (float32 (2.0 * rng.NextDouble() - 1.0))
        | ElementType.Float64 -> 2.0 * rng.NextDouble() - 1.0
        | _ -> float (rng.Next(-50, 50)))

let private operand (rng: Random) element layout shared (batch, rows, columns) =
    let gap = 3

    let start, row, column =
        match layout with
        | "rows" -> 0, columns, 1
        | "columns" -> 0, 1, rows
        | "rows, gaps" -> 1, columns + gap, 1
        | "columns, gaps" -> 2, 1, rows + gap
        | "sparse" -> 0, 2 * columns + gap, 2
        | "backwards" -> max 0 (rows * columns - 1), -columns, -1
        | "one row" -> 0, 0, 1
        | _ -> 0, 1, 0

    let reach = start + 1 + max 0 ((rows - 1) * row) + max 0 ((columns - 1) * column)
    let step = if shared then 0 else reach + 5
    let count = reach + step * max 0 (batch - 1)
    let cells = Cells(element, count, rng.Next 16)
    let values = draw rng element count
    cells.Values <- values

    {
        Cells = cells
        Values = values
        Element = element
        Start = start
        Batch = step
        Row = row
        Column = column
    }

let private multiply (pool: WorkerPool) element (batch, m, k, n) (a: Operand) (b: Operand) (c: Cells) =
    let left, right = a.Matrix, b.Matrix

    Gemm.Multiply(
        pool,
        element,
        batch,
        m,
        n,
        k,
        left.Address,
        left.Batch,
        left.Row,
        left.Column,
        right.Address,
        right.Batch,
        right.Row,
        right.Column,
        c.Address,
        int64 (m * n)
    )

// ---- against plain loops -----------------------------------------------------------------------------------------

/// Each element against a sum in float64, within what any order of k multiply-adds may round: γ(k) Σ|a·b|
/// (N. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., p. 63), and float64's own.
let private check element (batch, m, k, n) (a: Operand) (b: Operand) (c: Cells) =
    let isWhole = (element = ElementType.Int32 || element = ElementType.Int64)
    let actual = c.Values

    for i in 0 .. batch - 1 do
        for row in 0 .. m - 1 do
            for column in 0 .. n - 1 do
                let mutable sum = 0.0
                let mutable size = 0.0

                for p in 0 .. k - 1 do
                    let product = a[i, row, p] * b[i, p, column]
                    sum <- sum + product
                    size <- size + abs product

                let bound =
                    if isWhole then
                        0.0
                    else
                        2.0 * float (k + 1) * unitRoundoff element * size

                let found = actual[(i * m + row) * n + column]

                if not (abs (found - sum) <= bound) then
                    Assert.Fail
                        $"{element} [{i}][{row}, {column}] of {batch} x {m}x{k}x{n}: {found}, not {sum} ± {bound}"

/// A product on pools of 1, 2 and 5 threads: right, the same bits, nothing else written.
let private checkProduct (rng: Random) element layoutA layoutB sharedA sharedB (batch, m, k, n) =
    let a = operand rng element layoutA sharedA (batch, m, k)
    let b = operand rng element layoutB sharedB (batch, k, n)

    let results =
        pools
        |> List.map (fun (threads, pool) ->
            let c = Cells(element, batch * m * n, rng.Next 16)
            multiply pool element (batch, m, k, n) a b c
            c.CheckSurroundings()
            threads, c)

    let _, first = results.Head
    check element (batch, m, k, n) a b first

    for threads, c in results.Tail do
        let what =
            $"{element} {batch} x {m}x{k}x{n} ({layoutA}; {layoutB}) on {threads} threads"

        Assert.That(c.HasBitsOf first, what)

    a.Cells.KeepAlive()
    b.Cells.KeepAlive()

/// Sizes around those of vectors and tiles, primes, nothing, one.
let private sizes = [| 0; 1; 2; 3; 5; 7; 8; 11; 12; 13; 16; 17; 24; 31; 32; 33; 48; 50; 61; 64; 97 |]

[<TestCase(ElementType.Float32)>]
[<TestCase(ElementType.Float64)>]
[<TestCase(ElementType.Int32)>]
[<TestCase(ElementType.Int64)>]
let ``products of any layout are sums, whatever the threads`` element =
    let rng = Random 1
    let size () = sizes[rng.Next sizes.Length]

    for layoutA in layouts do
        for layoutB in layouts do
            for _ in 1..2 do
                let batch = rng.Next 4

                checkProduct
                    rng
                    element
                    layoutA
                    layoutB
                    (rng.Next 2 = 0)
                    (rng.Next 2 = 0)
                    (batch, size (), size (), size ())

/// Shapes that are cut, packed and shared: more than a section of k, tall, wide, flat, a batch of large ones.
let private largeShapes = [
    1, 150, 600, 200
    1, 64, 784, 50
    1, 7, 1100, 331
    1, 500, 40, 300
    1, 1, 2000, 70
    1, 211, 1030, 1
    3, 130, 520, 90
    1, 260, 129, 1037
]

[<TestCase(ElementType.Float32)>]
[<TestCase(ElementType.Float64)>]
let ``large products are sums, whatever the threads`` element =
    let rng = Random 2

    for shape in largeShapes do
        for layoutA, layoutB in
            [ "rows", "rows"; "columns", "rows"; "rows", "columns"; "columns, gaps", "sparse" ] do
            checkProduct rng element layoutA layoutB false false shape

[<Test>]
let ``an element's bits depend on its row and column alone`` () =
    let rng = Random 3
    let m, k, n = 61, 1111, 97
    let a = operand rng ElementType.Float32 "rows" false (1, m, k)
    let b = operand rng ElementType.Float32 "columns" false (1, k, n)
    let whole = Cells(ElementType.Float32, m * n, 0)
    multiply WorkerPool.Shared ElementType.Float32 (1, m, k, n) a b whole

    for row, column in [ 0, 0; 17, 5; m - 1, n - 1; 30, 64; 12, 32 ] do
        let single = Cells(ElementType.Float32, 1, 0)
        let a = { a with Start = a.Start + row * a.Row }

        let b = {
            b with
                Start = b.Start + column * b.Column
        }

        multiply WorkerPool.Shared ElementType.Float32 (1, 1, k, 1) a b single
        Assert.That(single.Values[0], Is.EqualTo whole.Values[row * n + column], $"[{row}, {column}]")

[<Test>]
let ``integer products wrap`` () =
    let a, b = Cells(ElementType.Int32, 2, 0), Cells(ElementType.Int32, 2, 0)
    a.Values <- [| 2147483647.0; 2.0 |]
    b.Values <- [| 2.0; 5.0 |]
    let c = Cells(ElementType.Int32, 1, 0)

    Gemm.Multiply(
        WorkerPool.Shared,
        ElementType.Int32,
        1,
        1,
        1,
        2,
        a.Address,
        0L,
        2L,
        1L,
        b.Address,
        0L,
        1L,
        1L,
        c.Address,
        0L
    )

    // 2 (2^31 - 1) + 10 = 2^32 + 8
    Assert.That(c.Values, Is.EqualTo<float> [| 8.0 |])

// ---- loops that go on --------------------------------------------------------------------------------------------

/// out = max(c + bias, 0), with a bias for each column.
let private biasAndRelu element (dims: int[]) =
    let rowStrides =
        Array.init dims.Length (fun i -> if i = dims.Length - 1 then 1L else 0L)

    let strides = Array.scanBack (fun d s -> s * int64 d) dims 1L |> Array.tail

    TileLoop(
        dims,
        [| TileConstant(2, element, 0L) |],
        [||],
        [| TileLoad(0, element, 0, 0L, strides); TileLoad(1, element, 1, 0L, rowStrides) |],
        [|
            TileInstruction(TileOp.Add, element, element, 3, 0, 1)
            TileInstruction(TileOp.Maximum, element, element, 4, 3, 2)
        |],
        [| TileStore(4, element, 2) |]
    )

let private checkContinued (rng: Random) element inPlace (batch, m, k, n) =
    let a = operand rng element "rows" false (batch, m, k)
    let b = operand rng element "columns" (rng.Next 2 = 0) (batch, k, n)
    let bias = Cells(element, n, 3)
    bias.Values <- draw rng element n
    let loop = biasAndRelu element [| batch; m; n |]

    let plain, expected =
        Cells(element, batch * m * n, 0), Cells(element, batch * m * n, 0)

    multiply WorkerPool.Shared element (batch, m, k, n) a b plain
    loop.Run(WorkerPool.Shared, [| plain.Address; bias.Address; expected.Address |])

    for threads, pool in pools do
        let c = Cells(element, batch * m * n, 0)
        let target = if inPlace then c else Cells(element, batch * m * n, 1)
        let slots = [| c.Address; bias.Address; target.Address |]
        Gemm.Multiply(pool, element, batch, m, n, k, a.Matrix, b.Matrix, c.Address, loop, slots)

        Assert.That(target.HasBitsOf expected, $"{element} {batch} x {m}x{k}x{n} on {threads} threads")

        target.CheckSurroundings()
        c.CheckSurroundings()

    a.Cells.KeepAlive()
    b.Cells.KeepAlive()

[<TestCase(ElementType.Float32)>]
[<TestCase(ElementType.Float64)>]
[<TestCase(ElementType.Int32)>]
let ``a loop behind a product has the bits of one that runs after it`` element =
    let rng = Random 4

    for shape in
        (1, 64, 0, 50)
        :: (3, 17, 33, 1)
        :: (5, 40, 64, 64)
        :: (2, 3, 5, 1500)
        :: largeShapes do
        for inPlace in [ true; false ] do
            checkContinued rng element inPlace shape

[<Test>]
let ``a loop that cannot run part by part is refused`` () =
    let a, c = Cells(ElementType.Float32, 4, 0), Cells(ElementType.Float32, 4, 0)
    a.Values <- Array.zeroCreate 4
    let operand = MatrixOperand(a.Address, 0L, 2L, 1L)

    let run loop () =
        Gemm.Multiply(
            WorkerPool.Shared,
            ElementType.Float32,
            1,
            2,
            2,
            2,
            operand,
            operand,
            c.Address,
            loop,
            [| c.Address; a.Address; c.Address |]
        )

    let load = TileLoad(0, ElementType.Float32, 0, 0L, [| 2L; 1L |])
    let fold = TileFold(FoldKind.Sum, 0, ElementType.Float32, 1)
    let sum = TileLoop([| 2; 2 |], 1, 1, [||], [||], [| load |], [||], [||], [| fold |])
    let folds = Assert.Throws<ArgumentException>(run sum)
    Assert.That(folds.Message, Does.Contain "folds")

    let other =
        Assert.Throws<ArgumentException>(run (biasAndRelu ElementType.Float32 [| 2; 3 |]))

    Assert.That(other.Message, Does.Contain "6 elements, not 4")
