/// Random operands, of any shape and layout, for a single primitive.
module FunctionalDL.Tests.RandomOperands

open System
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Programs

/// One primitive with operands to run it on.
type Instance = {
    Operands: (DType * int[] * float[]) list
    /// What is done to the operands first: a matrix that must not be singular keeps its form in no layout
    /// but its own.
    Prepare: Builder -> int list -> int list
    Prim: int list -> Prim<int>
}

/// How an operand lies in memory: the sizes of what is stored, and the movements from there to what the primitive reads.
let rec private layout (rng: Random) (dims: int[]) depth : struct (int[] * Prim<int> list) =
    let move (before: int[]) (prim: Prim<int>) =
        let struct (stored, moves) = layout rng before (depth - 1)
        struct (stored, moves @ [ prim ])

    if depth = 0 then
        struct (dims, [])
    else
        match rng.Next 5 with
        | 0 ->
            let axes = Array.init dims.Length id
            rng.Shuffle axes
            let before = Array.zeroCreate dims.Length
            axes |> Array.iteri (fun i a -> before[a] <- dims[i])
            move before (Prim.Permute(axes, 0))
        | 1
        | 2 ->
            let spans =
                dims
                |> Array.map (fun d ->
                    let step = oneOf rng [ 1; 1; 2; -1; -3 ]
                    let start = rng.Next 3 + (if step < 0 then -step * max 0 (d - 1) else 0)

                    {
                        Start = start
                        Step = step
                        Count = d
                    })

            let before =
                spans
                |> Array.map (fun s ->
                    1 + rng.Next 2 + (max s.Start (s.Start + s.Step * max 0 (s.Count - 1))))

            move before (Prim.Slice(spans, 0))
        | 3 ->
            let before = dims |> Array.map (fun d -> if d > 0 && rng.Next 2 = 0 then 1 else d)
            move before (Prim.Expand(shapeOf dims, 0))
        | _ -> move [| Array.fold (*) 1 dims |] (Prim.Reshape(shapeOf dims, 0))

/// A program that runs the instance on operands of random layouts. Its output is the primitive's result.
let programOf (rng: Random) (instance: Instance) : struct (Program * Storage[]) =
    let builder = Builder()

    let laid =
        instance.Operands
        |> List.map (fun (dtype, dims, values) ->
            // A stretched or sliced operand has fewer or more elements in memory: the values are dealt out again and again.
            let struct (stored, moves) = layout rng dims (rng.Next 3)
            let count = Array.fold (*) 1 stored

            let dealt =
                if values.Length = 0 then
                    Array.create count 1.0
                else
                    Array.init count (fun i -> values[i % values.Length])

            builder.Input(storageOf dtype stored dealt), moves)

    let operands =
        laid
        |> List.map (fun (input, moves) ->
            moves
            |> List.fold (fun value prim -> builder.Add(Prim.map (fun _ -> value) prim)) input)

    let result = operands |> instance.Prepare builder |> instance.Prim |> builder.Add
    struct (builder.Program [| result |], builder.Inputs)

let private anyDims (rng: Random) =
    let size () =
        oneOf rng [ 0; 1; 1; 2; 3; 5; 7; 8; 13; 16; 17; 31; 33; 64; 67 ]

    let dims = Array.init (rng.Next 5) (fun _ -> size ())
    // Large ones are cut, so that a scalar engine is done in time.
    let mutable count = 1

    dims
    |> Array.map (fun d ->
        let d = if count * d > 3000 then 2 else d
        count <- count * max 1 d
        d)

let rec private dimsWith (rng: Random) condition =
    let dims = anyDims rng
    if condition dims then dims else dimsWith rng condition

/// Random numbers for an element type; with `wild`, floats among them are zero, huge, infinite or no number.
let private numbers (rng: Random) (dtype: DType) wild count =
    let special () =
        oneOf rng [ 0.0; -0.0; infinity; -infinity; nan; 300.0; -300.0; 1e-30; -1e-30; 88.5; -104.0 ]

    Array.init count (fun _ ->
        match dtype with
        | DType.Bool -> float (rng.Next 2)
        | DType.UInt8 -> float (rng.Next 256)
        | DType.Int32
        | DType.Int64 -> float (rng.Next 201 - 100)
        | DType.Float32
        | DType.Float64 ->
            if wild && rng.Next 8 = 0 then special ()
            elif rng.Next 3 = 0 then 2.0 * rng.NextDouble() - 1.0
            else 20.0 * rng.NextDouble() - 10.0)

/// The matrices with `factor` added on the diagonal.
let private plusDiagonal factor (builder: Builder) matrix =
    let dtype, dims = (builder.Type matrix).DType, builder.Dims matrix
    let n, rank = Array.last dims, dims.Length

    let places axis =
        let along = Array.init rank (fun a -> if a = axis then n else 1)
        let shaped = Prim.Reshape(shapeOf along, builder.Add(Prim.Iota(DType.Int32, n)))
        builder.Add(Prim.Expand(shapeOf dims, builder.Add shaped))

    let isDiagonal =
        builder.Add(Prim.Compare(CompareOp.Equal, places (rank - 2), places (rank - 1)))

    let constant x =
        builder.Add(Prim.Constant(Literal.ofFloat dtype x, shapeOf dims))

    let diagonal = builder.Add(Prim.Select(isDiagonal, constant factor, constant 0.0))

    builder.Add(Prim.Binary(BinaryOp.Add, matrix, diagonal))

/// The matrices added to their transposes.
let private symmetric (builder: Builder) matrix =
    let rank = (builder.Type matrix).Shape.Rank

    let axes =
        Array.init rank (fun a ->
            if a = rank - 1 then rank - 2
            elif a = rank - 2 then rank - 1
            else a)

    builder.Add(Prim.Binary(BinaryOp.Add, matrix, builder.Add(Prim.Permute(axes, matrix))))

/// A random instance of the primitive: its case and operation count, everything else is drawn.
let instanceOf (rng: Random) (dtype: DType) (prim: Prim<int>) : Instance =
    let operandOf dtype wild dims =
        dtype, dims, numbers rng dtype wild (Array.fold (*) 1 dims)

    let operand = operandOf dtype
    let hasAxis (dims: int[]) = dims.Length > 0

    let make operands prim = {
        Operands = operands
        Prepare = fun _ xs -> xs
        Prim = prim
    }

    let unary f dims wild =
        make [ operand wild dims ] (fun xs -> f xs.Head)

    let binary f =
        let dims = anyDims rng
        let a, b = operand true dims, operand true dims
        // Some elements tie.
        let _, _, x = a
        let bType, bDims, y = b
        let y = Array.map2 (fun x y -> if rng.Next 4 = 0 then x else y) x y
        make [ a; (bType, bDims, y) ] (fun xs -> f xs[0] xs[1])

    /// Numbers in [-1, 1].
    let small (dims: int[]) =
        dtype, dims, Array.init (Array.fold (*) 1 dims) (fun _ -> 2.0 * rng.NextDouble() - 1.0)

    let squareDims () =
        let n = 1 + rng.Next 8
        Array.append (oneOf rng [ [||]; [| 1 |]; [| 3 |]; [| 2; 2 |] ]) [| n; n |]

    /// Matrices whose diagonal outweighs their rows, so that their condition is at most 3, and a right side.
    let system solve =
        let dims = squareDims ()
        let right = Array.updateAt (dims.Length - 1) (rng.Next 5) dims

        {
            Operands = [ small dims; small right ]
            Prepare = fun builder xs -> [ plusDiagonal (2.0 * float (Array.last dims)) builder xs[0]; xs[1] ]
            Prim = fun xs -> solve (xs[0], xs[1])
        }

    let someAxes (dims: int[]) = [|
        for a in 0 .. dims.Length - 1 do
            if rng.Next 2 = 0 then
                a
    |]

    let index length (dims: int[]) =
        let dtype = oneOf rng [ DType.Int64; DType.Int32 ]
        dtype, dims, Array.init (Array.fold (*) 1 dims) (fun _ -> float (rng.Next(max 1 length)))

    match prim with
    | Prim.Constant _ ->
        let value = (numbers rng dtype true 1)[0]
        make [] (fun _ -> Prim.Constant(Literal.ofFloat dtype value, shapeOf (anyDims rng)))
    | Prim.Iota _ ->
        let length = oneOf rng [ 0; 1; 7; 100 ]
        make [] (fun _ -> Prim.Iota(dtype, length))
    | Prim.Random _ ->
        let dims, stream = anyDims rng, uint32 (rng.Next())
        let words = Array.init 2 (fun _ -> float (rng.Next() - rng.Next()))
        make [ DType.Int32, [| 2 |], words ] (fun xs -> Prim.Random(dtype, shapeOf dims, stream, xs.Head))
    | Prim.Unary(op, _) -> unary (fun x -> Prim.Unary(op, x)) (anyDims rng) true
    | Prim.Binary(op, _, _) -> binary (fun a b -> Prim.Binary(op, a, b))
    | Prim.Compare(op, _, _) -> binary (fun a b -> Prim.Compare(op, a, b))
    | Prim.Select _ ->
        let dims = anyDims rng

        make [ operandOf DType.Bool false dims; operand true dims; operand true dims ] (fun xs ->
            Prim.Select(xs[0], xs[1], xs[2]))
    | Prim.Cast _ ->
        let target =
            oneOf rng [ DType.Bool; DType.UInt8; DType.Int32; DType.Int64; DType.Float32; DType.Float64 ]

        unary (fun x -> Prim.Cast(target, x)) (anyDims rng) true
    | Prim.Reduce(op, _, _) ->
        let isPossible (dims: int[]) =
            match op with
            | ReduceOp.Max
            | ReduceOp.Min -> not (Array.contains 0 dims)
            | ReduceOp.Sum
            | ReduceOp.Product -> true

        let dims = dimsWith rng isPossible
        let axes = someAxes dims
        let reduce (xs: int list) = Prim.Reduce(op, axes, xs.Head)

        match op with
        // Factors around 1, so that nothing between the first and the last leaves float32; now and then one
        // is 0.
        | ReduceOp.Product when DType.isFloat dtype ->
            let factor () =
                if rng.Next 200 = 0 then 0.0
                elif rng.Next 2 = 0 then Math.Exp(rng.NextDouble() - 0.5)
                else -Math.Exp(rng.NextDouble() - 0.5)

            make [ dtype, dims, Array.init (Array.fold (*) 1 dims) (fun _ -> factor ()) ] reduce
        | ReduceOp.Sum
        | ReduceOp.Product -> make [ operand false dims ] reduce
        | ReduceOp.Max
        | ReduceOp.Min -> make [ operand true dims ] reduce
    | Prim.Arg(op, _, _) ->
        let dims = dimsWith rng (fun dims -> hasAxis dims && not (Array.contains 0 dims))
        let axis = rng.Next dims.Length
        unary (fun x -> Prim.Arg(op, axis, x)) dims true
    | Prim.ArgWindow _ ->
        let dims = dimsWith rng (fun dims -> hasAxis dims && not (Array.contains 0 dims))
        let first = rng.Next dims.Length
        let kernel, step, dilation, before, count = windowsOf rng dims[first..]
        let _, _, values = operand true dims
        // Some elements tie.
        let values = values |> Array.map (fun x -> if rng.Next 2 = 0 then floor x else x)

        make [ dtype, dims, values ] (fun xs ->
            Prim.ArgWindow(kernel, step, dilation, before, count, xs.Head))
    | Prim.Reshape _ ->
        let dims = anyDims rng
        let count = Array.fold (*) 1 dims

        let target =
            oneOf rng [ [| count |]; [| 1; count |]; Array.rev dims; Array.filter (fun d -> d <> 1) dims ]

        unary (fun x -> Prim.Reshape(shapeOf target, x)) dims true
    | Prim.Permute _ ->
        let dims = anyDims rng
        let axes = Array.init dims.Length id
        rng.Shuffle axes
        unary (fun x -> Prim.Permute(axes, x)) dims true
    | Prim.Expand _ ->
        let dims = anyDims rng
        let target = dims |> Array.map (fun d -> if d = 1 then rng.Next 4 else d)
        unary (fun x -> Prim.Expand(shapeOf target, x)) dims true
    | Prim.Slice _ ->
        let dims = anyDims rng

        let spans =
            dims
            |> Array.map (fun d ->
                if d = 0 then
                    { Start = 0; Step = 1; Count = 0 }
                else
                    let start, step = rng.Next d, oneOf rng [ 1; 2; -1; -2 ]
                    let room = if step > 0 then d - 1 - start else start

                    {
                        Start = start
                        Step = step
                        Count = rng.Next(room / abs step + 2)
                    })

        unary (fun x -> Prim.Slice(spans, x)) dims true
    | Prim.Embed _ ->
        let dims = anyDims rng

        let spans =
            dims
            |> Array.map (fun d ->
                let step = oneOf rng [ 1; 2; -1 ]
                let start = rng.Next 2 + (if step < 0 then max 0 (d - 1) else 0)

                {
                    Start = start
                    Step = step
                    Count = d
                })

        let whole =
            spans
            |> Array.map (fun s -> 1 + rng.Next 2 + max s.Start (s.Start + s.Step * max 0 (s.Count - 1)))

        unary (fun x -> Prim.Embed(shapeOf whole, spans, x)) dims true
    | Prim.Concat _ ->
        let dims = dimsWith rng hasAxis
        let axis = rng.Next dims.Length

        let parts =
            List.init (1 + rng.Next 3) (fun _ -> operand true (Array.updateAt axis (rng.Next 6) dims))

        make parts (fun xs -> Prim.Concat(axis, List.toArray xs))
    | Prim.MatMul _ ->
        let batch = oneOf rng [ [||]; [||]; [| 3 |]; [| 2; 1 |]; [| 2; 3 |] ]

        let size () =
            oneOf rng [ 0; 1; 1; 2; 3; 4; 7; 8; 13; 16; 17; 23; 33 ]

        let m, k, n = size (), size (), size ()

        make
            [ operand false (Array.append batch [| m; k |]); operand false (Array.append batch [| k; n |]) ]
            (fun xs -> Prim.MatMul(xs[0], xs[1]))
    | Prim.Convolution(part, _, _, _) ->
        let geometry = ConvolutionCases.geometry rng (1 + rng.Next 3) 5
        let a, b = ConvolutionCases.operandsOf part geometry

        make [ operand false (List.toArray a); operand false (List.toArray b) ] (fun xs ->
            Prim.Convolution(part, geometry.Spec, xs[0], xs[1]))
    | Prim.Gather _ ->
        let dims = dimsWith rng hasAxis
        let axis = rng.Next dims.Length
        let picked = Array.updateAt axis (if dims[axis] = 0 then 0 else rng.Next 9) dims
        make [ operand true dims; index dims[axis] picked ] (fun xs -> Prim.Gather(axis, xs[0], xs[1]))
    | Prim.ScatterAdd _ ->
        let dims = dimsWith rng hasAxis
        let axis = rng.Next dims.Length
        let length = 1 + rng.Next 6
        make [ operand false dims; index length dims ] (fun xs -> Prim.ScatterAdd(axis, length, xs[0], xs[1]))
    | Prim.Recurrence _ ->
        let dims = dimsWith rng hasAxis
        let axis = rng.Next dims.Length
        make [ small dims; operand false dims ] (fun xs -> Prim.Recurrence(axis, xs[0], xs[1]))
    | Prim.ArgSort _ ->
        let dims = dimsWith rng hasAxis
        let axis, descending = rng.Next dims.Length, rng.Next 2 = 0
        let _, _, values = operand true dims
        // Some elements tie.
        let values = values |> Array.map (fun x -> if rng.Next 2 = 0 then floor x else x)
        make [ dtype, dims, values ] (fun xs -> Prim.ArgSort(axis, descending, xs.Head))
    | Prim.Windows _ ->
        let dims = dimsWith rng (fun dims -> hasAxis dims && not (Array.contains 0 dims))
        let axis = rng.Next dims.Length
        let size, dilation = 1 + rng.Next 4, 1 + rng.Next 3
        let size = min size ((dims[axis] - 1) / dilation + 1)
        let step = 1 + rng.Next 3
        unary (fun x -> Prim.Windows(axis, size, step, dilation, x)) dims true
    | Prim.Overlap _ ->
        let dims = dimsWith rng (fun dims -> dims.Length > 1 && not (Array.contains 0 dims))
        let axis = rng.Next(dims.Length - 1)
        let step, dilation = 1 + rng.Next 3, 1 + rng.Next 3
        let reached = (dims[axis] - 1) * step + (Array.last dims - 1) * dilation + 1
        let length = reached + rng.Next 3
        unary (fun x -> Prim.Overlap(axis, length, step, dilation, x)) dims false
    | Prim.Cholesky _ ->
        let dims = squareDims ()

        {
            Operands = [ small dims ]
            Prepare =
                fun builder xs -> [
                    xs.Head
                    |> symmetric builder
                    |> plusDiagonal (4.0 * float (Array.last dims)) builder
                ]
            Prim = fun xs -> Prim.Cholesky xs.Head
        }
    | Prim.TriangularSolve _ ->
        let lower = rng.Next 2 = 0
        system (fun (a, b) -> Prim.TriangularSolve(lower, a, b))
    | Prim.Solve _ -> system Prim.Solve
    | Prim.Determinant _ -> system (fun (a, _) -> Prim.Determinant a)
    | Prim.StopGradient _ -> unary Prim.StopGradient (anyDims rng) true
    | Prim.Variable _ -> unary Prim.Variable (anyDims rng) true
    | Prim.Barrier _ ->
        let dims, other = anyDims rng, anyDims rng
        make [ operand true dims; operand true other ] (fun xs -> Prim.Barrier(xs[0], [| xs[1] |]))
    | Prim.Custom(rule, _, _, _) ->
        let dims, other = anyDims rng, anyDims rng
        make [ operand true dims; operand true other ] (fun xs -> Prim.Custom(rule, 0, xs[0], [| xs[1] |]))
