namespace FunctionalDL.Core

open System
open System.Diagnostics
open System.Text

/// The engine that defines what every primitive means: plain loops over float64 (or int64) values, rounded to
/// the element type after each operation. Complete, obvious and slow; the other engines are tested against
/// it.
[<RequireQualifiedAccess>]
module Reference =

    /// A tensor's elements, row-major. Booleans are whole numbers 0 and 1.
    [<RequireQualifiedAccess>]
    type private Cells =
        | Real of float[]
        | Whole of int64[]

    let private reals cells =
        match cells with
        | Cells.Real values -> values
        | Cells.Whole values -> Array.map float values

    let private wholes cells =
        match cells with
        | Cells.Whole values -> values
        | Cells.Real _ -> invalidOp "whole numbers expected"

    // ---- elements in and out of storages ----------------------------------------

    let private load (storage: Storage) =
        match storage.Type.DType with
        | DType.Bool
        | DType.UInt8 -> Cells.Whole(Storage.toArray<uint8> storage |> Array.map int64)
        | DType.Int32 -> Cells.Whole(Storage.toArray<int32> storage |> Array.map int64)
        | DType.Int64 -> Cells.Whole(Storage.toArray<int64> storage)
        | DType.Float32 -> Cells.Real(Storage.toArray<float32> storage |> Array.map float)
        | DType.Float64 -> Cells.Real(Storage.toArray<float> storage)

    let private store (tensorType: TensorType) cells =
        let bytes (values: 'a[]) =
            let bytes = Array.zeroCreate<byte>(Buffer.ByteLength values)
            Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length)
            bytes

        let raw =
            match tensorType.DType with
            | DType.Bool
            | DType.UInt8 -> wholes cells |> Array.map uint8
            | DType.Int32 -> wholes cells |> Array.map int32 |> bytes
            | DType.Int64 -> wholes cells |> bytes
            | DType.Float32 -> reals cells |> Array.map float32 |> bytes
            | DType.Float64 -> reals cells |> bytes

        HostStorage(tensorType, raw) :> Storage

    /// Rounds (or wraps) to what the element type can hold.
    let private round dtype cells =
        match dtype, cells with
        | DType.Float32, Cells.Real values -> Cells.Real(values |> Array.map (float32 >> float))
        | DType.Int32, Cells.Whole values -> Cells.Whole(values |> Array.map (int32 >> int64))
        | _ -> cells

    // ---- functions of elements ----------------------------------------

    /// `exp x - 1` without the cancellation near 0: the rounding error of `exp x` is undone by that of its
    /// logarithm (W. Kahan).
    let private expm1 x =
        let u = exp x

        if u = 1.0 then x
        elif u - 1.0 = -1.0 || Double.IsInfinity u then u - 1.0
        else (u - 1.0) * x / log u

    /// `log (1 + x)` without the cancellation near 0, by the same device.
    let private log1p x =
        let u = 1.0 + x

        if u = 1.0 then x
        elif Double.IsPositiveInfinity u then u
        else log u * x / (u - 1.0)

    let private sigmoid x =
        if x >= 0.0 then
            1.0 / (1.0 + exp -x)
        else
            let e = exp x
            e / (1.0 + e)

    let private unaryReal op =
        match op with
        | UnaryOp.Neg -> (~-)
        | UnaryOp.Abs -> abs
        | UnaryOp.Sign ->
            fun x ->
                if x > 0.0 then 1.0
                elif x < 0.0 then -1.0
                else 0.0
        | UnaryOp.Sqrt -> sqrt
        | UnaryOp.Exp -> exp
        | UnaryOp.Expm1 -> expm1
        | UnaryOp.Log -> log
        | UnaryOp.Log1p -> log1p
        | UnaryOp.Sin -> sin
        | UnaryOp.Cos -> cos
        | UnaryOp.Tanh -> tanh
        | UnaryOp.Sigmoid -> sigmoid
        | UnaryOp.Erf -> ErrorFunction.erf
        | UnaryOp.Erfinv -> ErrorFunction.inverse
        | UnaryOp.Floor -> floor
        | UnaryOp.Ceil -> ceil
        | UnaryOp.Round -> fun x -> Math.Round(x, MidpointRounding.ToEven)

    let private unaryWhole op (x: int64) =
        match op with
        | UnaryOp.Neg -> -x
        // Not `abs`, which throws for the smallest number.
        | UnaryOp.Abs -> if x < 0L then -x else x
        | UnaryOp.Sign -> int64 (sign x)
        | UnaryOp.Sqrt
        | UnaryOp.Exp
        | UnaryOp.Expm1
        | UnaryOp.Log
        | UnaryOp.Log1p
        | UnaryOp.Sin
        | UnaryOp.Cos
        | UnaryOp.Tanh
        | UnaryOp.Sigmoid
        | UnaryOp.Erf
        | UnaryOp.Erfinv
        | UnaryOp.Floor
        | UnaryOp.Ceil
        | UnaryOp.Round -> invalidOp $"{op} of a whole number"

    let private binaryReal op (a: float) (b: float) =
        match op with
        | BinaryOp.Add -> a + b
        | BinaryOp.Sub -> a - b
        | BinaryOp.Mul -> a * b
        | BinaryOp.Div -> a / b
        | BinaryOp.Maximum -> Math.Max(a, b)
        | BinaryOp.Minimum -> Math.Min(a, b)
        | BinaryOp.Pow -> Math.Pow(a, b)
        | BinaryOp.Atan2 -> Math.Atan2(a, b)

    let private binaryWhole op (a: int64) (b: int64) =
        match op with
        | BinaryOp.Add -> a + b
        | BinaryOp.Sub -> a - b
        | BinaryOp.Mul -> a * b
        | BinaryOp.Div
        | BinaryOp.Pow
        | BinaryOp.Atan2 -> invalidOp $"{op} of whole numbers"
        | BinaryOp.Maximum -> max a b
        | BinaryOp.Minimum -> min a b

    let inline private holds op a b =
        match op with
        | CompareOp.Equal -> a = b
        | CompareOp.NotEqual -> a <> b
        | CompareOp.Less -> a < b
        | CompareOp.LessEqual -> a <= b
        | CompareOp.Greater -> a > b
        | CompareOp.GreaterEqual -> a >= b

    let private compare op a b =
        let truth b = if b then 1L else 0L

        match a, b with
        | Cells.Whole a, Cells.Whole b -> Cells.Whole(Array.map2 (fun x y -> truth (holds op x y)) a b)
        | _ -> Cells.Whole(Array.map2 (fun (x: float) y -> truth (holds op x y)) (reals a) (reals b))

    let private cast dtype cells =
        match dtype, cells with
        | DType.Bool, Cells.Real values ->
            Cells.Whole(values |> Array.map (fun x -> if x <> 0.0 then 1L else 0L))
        | DType.Bool, Cells.Whole values ->
            Cells.Whole(values |> Array.map (fun x -> if x <> 0L then 1L else 0L))
        | (DType.Float32 | DType.Float64), cells -> Cells.Real(reals cells)
        // Towards zero; what does not fit takes the nearest bound, and NaN becomes 0.
        | DType.UInt8, Cells.Real values ->
            Cells.Whole(values |> Array.map (fun x -> int64 (Byte.CreateSaturating x)))
        | DType.Int32, Cells.Real values ->
            Cells.Whole(values |> Array.map (fun x -> int64 (Int32.CreateSaturating x)))
        | DType.Int64, Cells.Real values -> Cells.Whole(values |> Array.map Int64.CreateSaturating)
        | DType.UInt8, Cells.Whole values -> Cells.Whole(values |> Array.map (uint8 >> int64))
        | DType.Int32, Cells.Whole values -> Cells.Whole(values |> Array.map (int32 >> int64))
        | DType.Int64, Cells.Whole values -> Cells.Whole values

    // ---- positions ----------------------------------------

    /// The position along every axis of the element at flat position `flat`.
    let private unravel (shape: Shape) flat =
        let position = Array.zeroCreate<int> shape.Rank
        let mutable rest = flat

        for axis in shape.Rank - 1 .. -1 .. 0 do
            position[axis] <- rest % shape[axis]
            rest <- rest / shape[axis]

        position

    let private ravel (shape: Shape) (position: int[]) =
        let mutable flat = 0

        for axis in 0 .. shape.Rank - 1 do
            flat <- flat * shape[axis] + position[axis]

        flat

    /// The elements at the flat positions `source 0 … source (count - 1)`.
    let private pick count source cells =
        match cells with
        | Cells.Real values -> Cells.Real(Array.init count (fun i -> values[source i]))
        | Cells.Whole values -> Cells.Whole(Array.init count (fun i -> values[source i]))

    /// For each element of `result`, the element of `operand` at the position that `back` maps its own
    /// position to.
    let private move (result: Shape) (operand: Shape) back cells =
        pick result.Size (fun i -> ravel operand (back (unravel result i))) cells

    /// Adds each element of `operand` to zeros of `result`, at the position that `forth` maps its position
    /// to.
    let private scatter (result: Shape) (operand: Shape) forth cells =
        let inline into (sums: 'a[]) (values: 'a[]) =
            for i in 0 .. operand.Size - 1 do
                let target = ravel result (forth i (unravel operand i))
                sums[target] <- sums[target] + values[i]

            sums

        match cells with
        | Cells.Real values -> Cells.Real(into (Array.zeroCreate result.Size) values)
        | Cells.Whole values -> Cells.Whole(into (Array.zeroCreate result.Size) values)

    let private along (spans: Span[]) position =
        Array.map2 (fun s i -> s.Start + i * s.Step) spans position

    /// The index of each element, each checked against the length of the axis it points into.
    let private checkedIndex operation length cells =
        let index = wholes cells

        match index |> Array.tryFindIndex (fun i -> i < 0L || i >= int64 length) with
        | Some at -> Fail.value (IndexError.message operation index[at] length at)
        | None -> Array.map int index

    // ---- folds ----------------------------------------

    let private fold (result: Shape) (operand: Shape) (axes: int[]) op cells =
        let kept position =
            position |> Array.mapi (fun a i -> if Array.contains a axes then 0 else i)

        /// Folds each element into its place, from `start` on.
        let inline into start combine (values: 'a[]) =
            let folded = Array.create result.Size start

            for i in 0 .. operand.Size - 1 do
                let target = ravel result (kept (unravel operand i))
                folded[target] <- combine folded[target] values[i]

            folded

        match op, cells with
        | ReduceOp.Sum, Cells.Real values -> Cells.Real(into 0.0 (+) values)
        | ReduceOp.Sum, Cells.Whole values -> Cells.Whole(into 0L (+) values)
        | ReduceOp.Product, Cells.Real values -> Cells.Real(into 1.0 (*) values)
        | ReduceOp.Product, Cells.Whole values -> Cells.Whole(into 1L (*) values)
        | ReduceOp.Max, Cells.Real values ->
            Cells.Real(into Double.NegativeInfinity (fun a b -> Math.Max(a, b)) values)
        | ReduceOp.Max, Cells.Whole values -> Cells.Whole(into Int64.MinValue max values)
        | ReduceOp.Min, Cells.Real values ->
            Cells.Real(into Double.PositiveInfinity (fun a b -> Math.Min(a, b)) values)
        | ReduceOp.Min, Cells.Whole values -> Cells.Whole(into Int64.MaxValue min values)

    /// Whether `v` replaces `best`, which came before it.
    let private better op (v: float) (best: float) =
        match op with
        | ArgOp.ArgMax -> v > best || (Double.IsNaN v && not (Double.IsNaN best))
        | ArgOp.ArgMin -> v < best || (Double.IsNaN v && not (Double.IsNaN best))

    let private arg op axis (result: Shape) (operand: Shape) cells =
        let values = reals cells

        let at position i =
            let position = Array.copy position
            position[axis] <- i
            values[ravel operand position]

        let search flat =
            let position = unravel result flat
            let mutable best = 0

            for i in 1 .. operand[axis] - 1 do
                if better op (at position i) (at position best) then
                    best <- i

            int64 best

        Cells.Whole(Array.init result.Size search)

    let private argWindow
        (kernel: int[])
        (step: int[])
        (dilation: int[])
        (before: int[])
        result
        operand
        cells
        =
        let values = reals cells
        let first = (operand: Shape).Rank - kernel.Length
        let plane = Shape operand.Dims[first..]
        let taps = Shape kernel

        /// The place on the last axes that element `tap` of a window meets.
        let placeOf (window: int[]) tap =
            unravel taps tap
            |> Array.mapi (fun i k -> window[first + i] * step[i] + k * dilation[i] - before[i])

        let isInside (place: int[]) =
            Array.forall2 (fun p size -> p >= 0 && p < size) place plane.Dims

        let search flat =
            let window = unravel result flat

            let candidates =
                Seq.init taps.Size (placeOf window) |> Seq.filter isInside |> Seq.toArray

            let valueAt place =
                values[ravel operand (Array.append window[.. first - 1] place)]

            let mutable best = candidates[0]

            for place in candidates do
                if better ArgOp.ArgMax (valueAt place) (valueAt best) then
                    best <- place

            int64 (ravel plane best)

        Cells.Whole(Array.init result.Size search)

    let private matMul (result: Shape) (a: Shape) (b: Shape) left right =
        let inner = a[-1]

        let inline dot (x: 'a[]) (y: 'a[]) flat =
            let position = unravel result flat
            let row = Array.copy position
            let column = Array.copy position
            let mutable sum = LanguagePrimitives.GenericZero

            for i in 0 .. inner - 1 do
                row[row.Length - 1] <- i
                column[column.Length - 2] <- i
                sum <- sum + x[ravel a row] * y[ravel b column]

            sum

        match left, right with
        | Cells.Whole x, Cells.Whole y -> Cells.Whole(Array.init result.Size (dot x y))
        | _ -> Cells.Real(Array.init result.Size (dot (reals left) (reals right)))

    /// Calls `meet` with the flat positions in `x`, `w` and `y` of all elements that meet in a convolution.
    let private convolve
        (spec: ConvolutionSpec)
        (x: Shape)
        (w: Shape)
        (y: Shape)
        (meet: int -> int -> int -> unit)
        =
        let inGroup, outGroup = w[1], w[0] / spec.Groups

        for target in 0 .. y.Size - 1 do
            let window = unravel y target
            let filter = window[1]
            let filterSize = w.Size / w[0]

            for weight in filter * filterSize .. (filter + 1) * filterSize - 1 do
                let tap = unravel w weight
                let channel = filter / outGroup * inGroup + tap[1]

                let places =
                    Array.init spec.Input.Length (fun i ->
                        window[2 + i] * spec.Stride[i] + tap[2 + i] * spec.Dilation[i] - spec.Before[i])

                if Array.forall2 (fun p size -> p >= 0 && p < size) places spec.Input then
                    meet (ravel x (Array.append [| window[0]; channel |] places)) weight target

    let private convolution part spec (result: Shape) (a: Shape) (b: Shape) left right =
        let inline into (sums: 'a[]) (first: 'a[]) (second: 'a[]) =
            match part with
            | ConvolutionPart.Output ->
                convolve spec a b result (fun x w y -> sums[y] <- sums[y] + first[x] * second[w])
            | ConvolutionPart.Input ->
                convolve spec result b a (fun x w y -> sums[x] <- sums[x] + first[y] * second[w])
            | ConvolutionPart.Weight ->
                convolve spec a result b (fun x w y -> sums[w] <- sums[w] + first[x] * second[y])

            sums

        match left, right with
        | Cells.Whole first, Cells.Whole second ->
            Cells.Whole(into (Array.zeroCreate result.Size) first second)
        | _ -> Cells.Real(into (Array.zeroCreate result.Size) (reals left) (reals right))

    /// The position like `position`, but at `i` on `axis`.
    let private withIndex axis i position =
        let position = Array.copy position
        position[axis] <- i
        position

    let private recurrence axis (shape: Shape) decay input =
        let decay, input = reals decay, reals input
        let result = Array.zeroCreate shape.Size

        // Row-major order meets the element before on the axis before the element itself.
        for flat in 0 .. shape.Size - 1 do
            let position = unravel shape flat

            let before =
                if position[axis] = 0 then
                    0.0
                else
                    result[ravel shape (withIndex axis (position[axis] - 1) position)]

            result[flat] <- decay[flat] * before + input[flat]

        Cells.Real result

    /// NaN counts as larger than all numbers.
    let private order (a: float) (b: float) =
        match Double.IsNaN a, Double.IsNaN b with
        | true, true -> 0
        | true, false -> 1
        | false, true -> -1
        | false, false -> a.CompareTo b

    let private argSort axis descending (shape: Shape) cells =
        let result = Array.zeroCreate<int64> shape.Size

        let sortLine lessThan (position: int[]) =
            let at i = ravel shape (withIndex axis i position)
            // `List.sortWith` is stable.
            List.init shape[axis] id
            |> List.sortWith (fun i j ->
                if descending then
                    lessThan (at j) (at i)
                else
                    lessThan (at i) (at j))
            |> List.iteri (fun place i -> result[at place] <- int64 i)

        let byValue =
            match cells with
            | Cells.Real values -> fun i j -> order values[i] values[j]
            | Cells.Whole values -> fun i j -> values[i].CompareTo values[j]

        for flat in 0 .. shape.Size - 1 do
            let position = unravel shape flat

            if position[axis] = 0 then
                sortLine byValue position

        Cells.Whole result

    // ---- matrices ----------------------------------------

    /// The matrices of a batch, each as rows.
    let private matrices (shape: Shape) cells =
        let rows, columns = shape[-2], shape[-1]
        let values = reals cells

        Array.init (Array.fold (*) 1 shape.Dims[.. shape.Rank - 3]) (fun m ->
            Array.init rows (fun i -> values[(m * rows + i) * columns .. (m * rows + i + 1) * columns - 1]))

    let private cellsOf (batch: float[][][]) =
        Cells.Real(batch |> Array.collect Array.concat)

    let private cholesky matrix (a: float[][]) =
        let l = a |> Array.map (fun row -> Array.zeroCreate<float> row.Length)

        for i in 0 .. a.Length - 1 do
            for j in 0..i do
                let rest = a[i][j] - Seq.sum (seq { for k in 0 .. j - 1 -> l[i][k] * l[j][k] })

                if i <> j then l[i][j] <- rest / l[j][j]
                elif rest > 0.0 then l[i][i] <- sqrt rest
                else Fail.value (MatrixError.notPositiveDefinite matrix)

        l

    /// Rows solved in `order`, each from those before it.
    let private substitute (order: int list) (a: float[][]) (b: float[][]) =
        let x = Array.copy b
        let mutable known = []

        for i in order do
            x[i] <-
                b[i]
                |> Array.mapi (fun c v ->
                    (v - Seq.sum (seq { for k in known -> a[i][k] * x[k][c] })) / a[i][i])

            known <- i :: known

        x

    /// An upper triangular matrix with the same solutions, the right side that goes with it, and the sign of the row exchanges;
    /// None for a singular matrix.
    let rec private eliminate column sign (a: float[][]) (b: float[][]) =
        if column = a.Length then
            Some(a, b, sign)
        else
            let pivot = Seq.maxBy (fun i -> abs (a[i][column])) (seq { column .. a.Length - 1 })

            if a[pivot][column] = 0.0 then
                None
            else
                let exchange (rows: float[][]) =
                    rows
                    |> Array.mapi (fun i row ->
                        if i = column then rows[pivot]
                        elif i = pivot then rows[column]
                        else row)

                let a, b = exchange a, exchange b

                let clear (rows: float[][]) =
                    rows
                    |> Array.mapi (fun i row ->
                        let factor = if i > column then a[i][column] / a[column][column] else 0.0
                        Array.map2 (fun x p -> x - factor * p) row rows[column])

                eliminate (column + 1) (if pivot = column then sign else -sign) (clear a) (clear b)

    let private solve matrix (a: float[][]) (b: float[][]) =
        match eliminate 0 1.0 a b with
        | Some(upper, right, _) -> substitute [ upper.Length - 1 .. -1 .. 0 ] upper right
        | None -> Fail.value (MatrixError.singular matrix)

    let private determinant (a: float[][]) =
        match eliminate 0 1.0 a (a |> Array.map (fun _ -> [||])) with
        | Some(upper, _, sign) ->
            sign
            * (Seq.fold (*) 1.0 (seq { for i in 0 .. upper.Length - 1 -> upper[i][i] }))
        | None -> 0.0

    /// Random elements of one key. A block of two words serves two elements of 32 bits or one of 64.
    let private random dtype count stream (words: int64[]) =
        let block i =
            Threefry.block (uint32 words[0], uint32 words[1]) (uint32 i, stream)

        let word i =
            let struct (first, second) = block (i / 2)
            if i % 2 = 0 then first else second

        let wide i =
            let struct (low, high) = block i
            (uint64 high <<< 32) ||| uint64 low

        match dtype with
        | DType.Int32 -> Cells.Whole(Array.init count (fun i -> int64 (int32 (word i))))
        | DType.Float32 -> Cells.Real(Array.init count (fun i -> Math.ScaleB(float (word i >>> 8), -24)))
        | DType.Int64 -> Cells.Whole(Array.init count (fun i -> int64 (wide i)))
        | DType.Float64 -> Cells.Real(Array.init count (fun i -> Math.ScaleB(float (wide i >>> 11), -53)))
        | DType.Bool
        | DType.UInt8 -> invalidOp $"random {dtype}"

    // ---- one primitive ----------------------------------------

    let private apply
        (prim: Prim<int>)
        (result: Shape)
        (shapeOf: int -> Shape)
        (valueOf: int -> Cells)
        : Cells =
        match prim with
        | Prim.Constant(literal, shape) ->
            if DType.isFloat literal.DType then
                Cells.Real(Array.create shape.Size (Literal.toFloat literal))
            else
                Cells.Whole(Array.create shape.Size literal.Bits)
        | Prim.Iota(dtype, length) -> cast dtype (Cells.Whole(Array.init length int64))
        | Prim.Random(dtype, shape, stream, key) ->
            let keys = wholes (valueOf key) |> Array.chunkBySize 2
            let parts = keys |> Array.map (random dtype (shape.Size / max 1 keys.Length) stream)

            if DType.isFloat dtype then
                Cells.Real(parts |> Array.collect reals)
            else
                Cells.Whole(parts |> Array.collect wholes)
        | Prim.Unary(op, x) ->
            match valueOf x with
            | Cells.Real values -> Cells.Real(Array.map (unaryReal op) values)
            | Cells.Whole values -> Cells.Whole(Array.map (unaryWhole op) values)
        | Prim.Binary(op, a, b) ->
            match valueOf a, valueOf b with
            | Cells.Whole a, Cells.Whole b -> Cells.Whole(Array.map2 (binaryWhole op) a b)
            | a, b -> Cells.Real(Array.map2 (binaryReal op) (reals a) (reals b))
        | Prim.Compare(op, a, b) -> compare op (valueOf a) (valueOf b)
        | Prim.Select(condition, a, b) ->
            let condition = wholes (valueOf condition)

            match valueOf a, valueOf b with
            | Cells.Whole a, Cells.Whole b ->
                Cells.Whole(Array.init a.Length (fun i -> if condition[i] <> 0L then a[i] else b[i]))
            | a, b ->
                let a, b = reals a, reals b
                Cells.Real(Array.init a.Length (fun i -> if condition[i] <> 0L then a[i] else b[i]))
        | Prim.Cast(dtype, x) -> cast dtype (valueOf x)
        | Prim.Reduce(op, axes, x) -> fold result (shapeOf x) axes op (valueOf x)
        | Prim.Arg(op, axis, x) -> arg op axis result (shapeOf x) (valueOf x)
        | Prim.ArgWindow(kernel, step, dilation, before, _, x) ->
            argWindow kernel step dilation before result (shapeOf x) (valueOf x)
        | Prim.Reshape(_, x)
        | Prim.StopGradient x
        | Prim.Variable x
        | Prim.Barrier(x, _)
        | Prim.Custom(_, _, x, _) -> valueOf x
        | Prim.Permute(axes, x) ->
            let back (position: int[]) =
                let original = Array.zeroCreate position.Length
                axes |> Array.iteri (fun i a -> original[a] <- position[i])
                original

            move result (shapeOf x) back (valueOf x)
        | Prim.Expand(_, x) ->
            let from = shapeOf x
            let back = Array.mapi (fun a i -> if from[a] = 1 then 0 else i)
            move result from back (valueOf x)
        | Prim.Slice(spans, x) -> move result (shapeOf x) (along spans) (valueOf x)
        | Prim.Embed(_, spans, x) ->
            scatter result (shapeOf x) (fun _ position -> along spans position) (valueOf x)
        | Prim.Concat(axis, xs) ->
            let starts =
                xs |> Array.scan (fun at x -> let shape = shapeOf x in at + shape[axis]) 0

            let element flat =
                let position = unravel result flat
                let part = (Array.findIndex (fun start -> start > position[axis]) starts) - 1
                position[axis] <- position[axis] - starts[part]
                struct (part, ravel (shapeOf xs[part]) position)

            let parts = xs |> Array.map valueOf

            if parts |> Array.forall _.IsWhole then
                let parts = Array.map wholes parts
                Cells.Whole(Array.init result.Size (fun i -> let struct (p, at) = element i in parts[p][at]))
            else
                let parts = Array.map reals parts
                Cells.Real(Array.init result.Size (fun i -> let struct (p, at) = element i in parts[p][at]))
        | Prim.Recurrence(axis, decay, input) -> recurrence axis result (valueOf decay) (valueOf input)
        | Prim.ArgSort(axis, descending, x) -> argSort axis descending result (valueOf x)
        | Prim.Windows(axis, _, step, dilation, x) ->
            let back (position: int[]) =
                withIndex
                    axis
                    (position[axis] * step + Array.last position * dilation)
                    position[.. position.Length - 2]

            move result (shapeOf x) back (valueOf x)
        | Prim.Overlap(axis, _, step, dilation, x) ->
            let forth _ (position: int[]) =
                withIndex
                    axis
                    (position[axis] * step + Array.last position * dilation)
                    position[.. position.Length - 2]

            scatter result (shapeOf x) forth (valueOf x)
        | Prim.Cholesky x -> matrices (shapeOf x) (valueOf x) |> Array.mapi cholesky |> cellsOf
        | Prim.TriangularSolve(lower, a, b) ->
            let n = result[-2]
            let order = if lower then [ 0 .. n - 1 ] else [ n - 1 .. -1 .. 0 ]
            let left, right = matrices (shapeOf a) (valueOf a), matrices (shapeOf b) (valueOf b)
            Array.map2 (substitute order) left right |> cellsOf
        | Prim.Solve(a, b) ->
            let left, right = matrices (shapeOf a) (valueOf a), matrices (shapeOf b) (valueOf b)
            Array.mapi2 solve left right |> cellsOf
        | Prim.Determinant x -> Cells.Real(matrices (shapeOf x) (valueOf x) |> Array.map determinant)
        | Prim.MatMul(a, b) -> matMul result (shapeOf a) (shapeOf b) (valueOf a) (valueOf b)
        | Prim.Convolution(part, spec, a, b) ->
            convolution part spec result (shapeOf a) (shapeOf b) (valueOf a) (valueOf b)
        | Prim.Gather(axis, source, index) ->
            let from = shapeOf source
            let index = checkedIndex "gather" from[axis] (valueOf index)

            pick
                result.Size
                (fun i ->
                    let position = unravel result i
                    position[axis] <- index[i]
                    ravel from position)
                (valueOf source)
        | Prim.ScatterAdd(axis, length, source, index) ->
            let index = checkedIndex "scatteradd" length (valueOf index)

            let forth i position =
                let position = Array.copy position
                position[axis] <- index[i]
                position

            scatter result (shapeOf source) forth (valueOf source)

    /// Runs a program; `note` is called before each step and after the last.
    let private run (program: Program) (inputs: Storage[]) (literals: Literal[]) (note: int -> unit) =
        let count = program.Inputs.Length
        let values = Array.zeroCreate<Cells>(count + program.Steps.Length)
        let mutable constants = 0
        inputs |> Array.iteri (fun i input -> values[i] <- load input)

        for i in 0 .. program.Steps.Length - 1 do
            let step = program.Steps[i]
            note i

            let prim =
                match step.Prim with
                | Prim.Constant(own, shape) ->
                    let literal = if isNull literals then own else literals[constants]
                    constants <- constants + 1
                    Prim.Constant(literal, shape)
                | prim -> prim

            let shapeOf x = (Program.typeOf program x).Shape

            values[count + i] <-
                apply prim step.Type.Shape shapeOf (fun x -> values[x]) |> round step.Type.DType

        note program.Steps.Length

        program.Outputs
        |> Array.map (fun o -> store (Program.typeOf program o) values[o])

    /// The engine.
    let engine = {
        new IEngine with
            member _.Name = "reference"

            member _.Accept storage =
                match storage with
                | :? HostStorage -> storage
                | other -> store other.Type (load other)

            member _.Compile program = {
                new IExecutable with
                    member _.Run(inputs, literals) = run program inputs literals ignore
                    member _.Advance(inputs, _) = run program inputs null ignore

                    member _.Print() =
                        StringBuilder("reference\n").Append(Program.print program).ToString()

                    member _.Profile(inputs, literals, runs) =
                        let watched _ =
                            let stamps = Array.zeroCreate<int64>(program.Steps.Length + 1)

                            run program inputs literals (fun i -> stamps[i] <- Stopwatch.GetTimestamp())
                            |> ignore

                            stamps

                        let names = program.Steps |> Array.map Program.printStep
                        Array.init runs watched |> StepTimes.medians names
            }
    }
