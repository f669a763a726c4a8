/// Random programs of any primitives whose values stay within ±10.
module FunctionalDL.Tests.RandomGraphs

open System
open System.Collections.Generic
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Programs

/// A random graph is its seed: the same graph with fewer steps is a prefix of it, so that a failing one shrinks.
type RandomGraph = { Seed: int; Steps: int; DType: DType }

/// What is known of the values of a graph's tensor.
[<Struct>]
type private Range = {
    Low: float
    High: float
    /// Whether every engine computes the same bits: only such values may be compared, ranked or made whole numbers,
    /// for a difference in the last bit would become a jump.
    IsExact: bool
}

/// Values stay within this of 0.
let private bound = 10.0

/// More elements than this are not worth the time.
let private largest = 600

let private range low high isExact = {
    Low = low
    High = high
    IsExact = isExact
}

let private corners f a b exact =
    let values = [ f a.Low b.Low; f a.Low b.High; f a.High b.Low; f a.High b.High ]
    range (List.min values) (List.max values) exact

let private union a b =
    range (min a.Low b.Low) (max a.High b.High) (a.IsExact && b.IsExact)

/// The range of a function of one value, or None where the value may leave the function's domain or the result the bounds.
let private unaryRange op x =
    let monotone f exact = Some(range (f x.Low) (f x.High) exact)

    match op with
    | UnaryOp.Neg -> Some(range -x.High -x.Low x.IsExact)
    | UnaryOp.Abs ->
        Some(
            range
                (if x.Low > 0.0 then x.Low
                 elif x.High < 0.0 then -x.High
                 else 0.0)
                (max (abs x.Low) (abs x.High))
                x.IsExact
        )
    | UnaryOp.Sign -> if x.IsExact then Some(range -1.0 1.0 true) else None
    | UnaryOp.Sqrt -> if x.Low >= 0.05 then monotone sqrt x.IsExact else None
    | UnaryOp.Exp -> if x.High <= 2.3 then monotone exp false else None
    | UnaryOp.Expm1 ->
        if x.High <= 2.3 then
            monotone (fun x -> exp x - 1.0) false
        else
            None
    | UnaryOp.Log -> if x.Low >= 0.05 then monotone log false else None
    | UnaryOp.Log1p ->
        if x.Low >= -0.9 then
            monotone (fun x -> log (1.0 + x)) false
        else
            None
    | UnaryOp.Sin
    | UnaryOp.Cos -> Some(range -1.0 1.0 false)
    | UnaryOp.Tanh -> monotone tanh false
    | UnaryOp.Sigmoid -> monotone (fun x -> 1.0 / (1.0 + exp -x)) false
    | UnaryOp.Erf -> Some(range -1.0 1.0 false)
    | UnaryOp.Erfinv ->
        // Its slope is between 0.88 and 1.3 times the chord from 0.
        if x.Low >= -0.9 && x.High <= 0.9 then
            monotone (fun x -> x * 1.3) false
            |> Option.map (union (range (x.Low * 0.88) (x.High * 0.88) false))
        else
            None
    | UnaryOp.Floor -> if x.IsExact then monotone floor true else None
    | UnaryOp.Ceil -> if x.IsExact then monotone ceil true else None
    | UnaryOp.Round -> if x.IsExact then monotone Math.Round true else None

let private binaryRange op a b =
    let exact = a.IsExact && b.IsExact

    match op with
    | BinaryOp.Add -> Some(range (a.Low + b.Low) (a.High + b.High) exact)
    | BinaryOp.Sub -> Some(range (a.Low - b.High) (a.High - b.Low) exact)
    | BinaryOp.Mul -> Some(corners (*) a b exact)
    | BinaryOp.Div ->
        if b.Low >= 0.2 || b.High <= -0.2 then
            Some(corners (/) a b exact)
        else
            None
    | BinaryOp.Maximum -> Some(range (max a.Low b.Low) (max a.High b.High) exact)
    | BinaryOp.Minimum -> Some(range (min a.Low b.Low) (min a.High b.High) exact)
    | BinaryOp.Pow ->
        if a.Low >= 0.2 then
            Some(corners (fun x y -> Math.Pow(x, y)) a b false)
        else
            None
    // Away from the origin, and from the half-line where the angle jumps.
    | BinaryOp.Atan2 ->
        if b.Low >= 0.2 then
            Some(corners (fun y x -> Math.Atan2(y, x)) a b false)
        else
            None

/// A product of `count` such values.
let private multiplied count x =
    let largest = Math.Pow(max (abs x.Low) (abs x.High), float count)

    range
        (if x.Low >= 0.0 then
             Math.Pow(x.Low, float count)
         else
             -largest)
        largest
        false

/// A sum of up to `count` such values and zeros.
let private summed count x =
    range (float count * min 0.0 x.Low) (float count * max 0.0 x.High) false

type private Generator(rng: Random, dtype: DType) =
    let builder = Builder()
    let ranges = List<Range>()

    let unaries = operations<UnaryOp>
    // Twice as many products as any other.
    let binaries = BinaryOp.Mul :: operations<BinaryOp>
    let comparisons = operations<CompareOp>

    let isFloat v = (builder.Type v).DType = dtype
    let rank v = (builder.Type v).Shape.Rank
    let size v = (builder.Type v).Shape.Size
    let fits r = r.Low >= -bound && r.High <= bound

    let add prim r =
        let value = builder.Add prim
        ranges.Add r
        value

    let tryAdd prim r =
        match r with
        | Some r when fits r ->
            add prim r |> ignore
            true
        | _ -> false

    let candidates condition =
        [| 0 .. builder.Count - 1 |] |> Array.filter condition

    /// A value, more likely a late one, so that graphs grow deep.
    let pickWhere condition =
        let found = candidates condition

        if found.Length = 0 then
            None
        elif rng.Next 3 > 0 then
            Some found[found.Length - 1 - rng.Next(min 5 found.Length)]
        else
            Some found[rng.Next found.Length]

    let pick () = (pickWhere isFloat).Value

    let literal value shape =
        Prim.Constant(Literal.ofFloat dtype value, shapeOf shape)

    /// A value of the shape of `like`: one that has it, one that stretches to it, or a constant.
    let meet condition like =
        let target = builder.Dims like

        let stretches v =
            let dims = builder.Dims v
            let skip = target.Length - dims.Length

            skip >= 0
            && Seq.forall (fun i -> dims[i] = target[i + skip] || dims[i] = 1) (seq { 0 .. dims.Length - 1 })

        match pickWhere (fun v -> condition v && stretches v) with
        | None ->
            let value = grid (4.0 * rng.NextDouble() - 2.0)
            add (literal value target) (range value value true)
        | Some v when builder.Dims v = target -> v
        | Some v ->
            let skip = target.Length - rank v
            let aligned = Array.append (Array.create skip 1) (builder.Dims v)

            let v =
                if skip = 0 then
                    v
                else
                    add (Prim.Reshape(shapeOf aligned, v)) ranges[v]

            add (Prim.Expand(shapeOf target, v)) ranges[v]

    let someAxis v = rng.Next(rank v)

    let unary () =
        let x = pick ()

        let op = oneOf rng unaries

        tryAdd (Prim.Unary(op, x)) (unaryRange op ranges[x])

    let binary () =
        let a = pick ()
        let b = meet isFloat a

        let op = oneOf rng binaries

        let a, b = if rng.Next 2 = 0 then a, b else b, a
        tryAdd (Prim.Binary(op, a, b)) (binaryRange op ranges[a] ranges[b])

    let isExactFloat v = isFloat v && ranges[v].IsExact

    let compare () =
        match pickWhere isExactFloat with
        | None -> false
        | Some a ->
            let b = meet isExactFloat a

            let op = oneOf rng comparisons

            tryAdd (Prim.Compare(op, a, b)) (Some(range 0.0 1.0 true))

    let select () =
        match pickWhere (fun v -> (builder.Type v).DType = DType.Bool) with
        | None -> compare ()
        | Some condition ->
            let a, b = meet isFloat condition, meet isFloat condition
            tryAdd (Prim.Select(condition, a, b)) (Some(union ranges[a] ranges[b]))

    let castOf () =
        match pickWhere (fun v -> (builder.Type v).DType <> dtype) with
        | Some v when rng.Next 2 = 0 -> tryAdd (Prim.Cast(dtype, v)) (Some ranges[v])
        | _ ->
            match pickWhere isExactFloat with
            | Some v -> tryAdd (Prim.Cast(oneOf rng [ DType.Int64; DType.Bool ], v)) (Some ranges[v])
            | None -> false

    let withAxes () =
        pickWhere (fun v -> isFloat v && rank v > 0 && size v > 0)

    let reduce () =
        match withAxes () with
        | None -> false
        | Some x ->
            let axes = [|
                for a in 0 .. rank x - 1 do
                    if rng.Next 2 = 0 then
                        a
            |]

            let axes = if axes.Length = 0 then [| someAxis x |] else axes
            let count = axes |> Array.fold (fun n a -> n * (builder.Dims x)[a]) 1

            match oneOf rng [ ReduceOp.Sum; ReduceOp.Sum; ReduceOp.Max; ReduceOp.Min; ReduceOp.Product ] with
            | ReduceOp.Sum as op -> tryAdd (Prim.Reduce(op, axes, x)) (Some(summed count ranges[x]))
            | ReduceOp.Product as op -> tryAdd (Prim.Reduce(op, axes, x)) (Some(multiplied count ranges[x]))
            | (ReduceOp.Max | ReduceOp.Min) as op -> tryAdd (Prim.Reduce(op, axes, x)) (Some ranges[x])

    let arg () =
        match pickWhere (fun v -> isExactFloat v && rank v > 0 && size v > 0) with
        | None -> false
        | Some x ->
            let axis = someAxis x
            let last = float ((builder.Dims x)[axis] - 1)
            tryAdd (Prim.Arg(oneOf rng [ ArgOp.ArgMax; ArgOp.ArgMin ], axis, x)) (Some(range 0.0 last true))

    let argWindow () =
        match pickWhere (fun v -> isExactFloat v && rank v > 0 && size v > 0) with
        | None -> false
        | Some x ->
            let dims = builder.Dims x
            let kernel, step, dilation, before, count = windowsOf rng dims[dims.Length - 1 ..]
            let last = float (Array.last dims - 1)
            tryAdd (Prim.ArgWindow(kernel, step, dilation, before, count, x)) (Some(range 0.0 last true))

    let argSort () =
        match pickWhere (fun v -> isExactFloat v && rank v > 0 && size v > 0) with
        | None -> false
        | Some x ->
            let axis = someAxis x
            let last = float ((builder.Dims x)[axis] - 1)
            tryAdd (Prim.ArgSort(axis, rng.Next 2 = 0, x)) (Some(range 0.0 last true))

    /// With a decay of 1, which is the only one that there is a public function for.
    let recurrence () =
        match withAxes () with
        | None -> false
        | Some x ->
            let axis = someAxis x
            let decay = add (literal 1.0 (builder.Dims x)) (range 1.0 1.0 true)
            let length = (builder.Dims x)[axis]
            tryAdd (Prim.Recurrence(axis, decay, x)) (Some(summed length ranges[x]))

    let windows () =
        match withAxes () with
        | None -> false
        | Some x ->
            let axis = someAxis x
            let length = (builder.Dims x)[axis]
            let size, step, dilation = 1 + rng.Next 3, 1 + rng.Next 3, 1 + rng.Next 2

            if
                (size - 1) * dilation >= length
                || size * Array.fold (*) 1 (builder.Dims x) > largest
            then
                false
            else
                tryAdd (Prim.Windows(axis, size, step, dilation, x)) (Some ranges[x])

    let overlap () =
        match pickWhere (fun v -> isFloat v && rank v > 1 && size v > 0) with
        | None -> false
        | Some x ->
            let dims = builder.Dims x
            let axis = rng.Next(dims.Length - 1)
            let count, size = dims[axis], Array.last dims
            let step, dilation = 1 + rng.Next 3, 1 + rng.Next 2
            let length = (count - 1) * step + (size - 1) * dilation + 1 + rng.Next 2

            if length * Array.fold (*) 1 dims / (count * size) > largest then
                false
            else
                let sums = summed (min count size) ranges[x]
                tryAdd (Prim.Overlap(axis, length, step, dilation, x)) (Some sums)

    let reshape () =
        let x = pick ()
        let count = size x
        let divisor = [ 2..5 ] |> List.tryFind (fun d -> count % d = 0 && rng.Next 2 = 0)

        let dims =
            match divisor with
            | Some d -> oneOf rng [ [| d; count / d |]; [| count / d; d |]; [| 1; count / d; d |] ]
            | None -> oneOf rng [ [| count |]; [| count; 1 |]; Array.append (builder.Dims x) [| 1 |] ]

        if dims.Length > 4 || Array.contains 0 dims then
            false
        else
            tryAdd (Prim.Reshape(shapeOf dims, x)) (Some ranges[x])

    let permute () =
        match withAxes () with
        | None -> false
        | Some x ->
            let axes = Array.init (rank x) id
            rng.Shuffle axes
            tryAdd (Prim.Permute(axes, x)) (Some ranges[x])

    let expand () =
        match pickWhere (fun v -> isFloat v && Array.contains 1 (builder.Dims v)) with
        | None -> false
        | Some x ->
            let dims =
                builder.Dims x |> Array.map (fun d -> if d = 1 then 1 + rng.Next 5 else d)

            if Array.fold (*) 1 dims > largest then
                false
            else
                tryAdd (Prim.Expand(shapeOf dims, x)) (Some ranges[x])

    let spans (dims: int[]) =
        dims
        |> Array.map (fun d ->
            let start = rng.Next d

            {
                Start = start
                Step = 1
                Count = 1 + rng.Next(d - start)
            })

    let slice () =
        match withAxes () with
        | None -> false
        | Some x -> tryAdd (Prim.Slice(spans (builder.Dims x), x)) (Some ranges[x])

    let embed () =
        match withAxes () with
        | None -> false
        | Some x ->
            let starts = builder.Dims x |> Array.map (fun _ -> rng.Next 3)
            let shape = Array.map2 (fun d s -> d + s + rng.Next 2) (builder.Dims x) starts

            let spans =
                Array.map2 (fun d s -> { Start = s; Step = 1; Count = d }) (builder.Dims x) starts

            if Array.fold (*) 1 shape > largest then
                false
            else
                tryAdd (Prim.Embed(shapeOf shape, spans, x)) (Some(union ranges[x] (range 0.0 0.0 true)))

    let concat () =
        match withAxes () with
        | None -> false
        | Some x ->
            let other = meet isFloat x
            let axis = someAxis x

            if 2 * size x > largest then
                false
            else
                tryAdd (Prim.Concat(axis, [| x; other |])) (Some(union ranges[x] ranges[other]))

    let matMul () =
        match pickWhere (fun v -> isFloat v && rank v >= 2 && size v > 0) with
        | None -> false
        | Some a ->
            let dims = builder.Dims a
            let inner = Array.last dims

            let partner v =
                let other = builder.Dims v

                other.Length = dims.Length
                && other[other.Length - 2] = inner
                && other[.. other.Length - 3] = dims[.. dims.Length - 3]

            let b =
                match pickWhere (fun v -> isFloat v && partner v) with
                | Some b -> b
                // The transpose always fits.
                | None ->
                    let axes = Array.init dims.Length id
                    axes[dims.Length - 2] <- dims.Length - 1
                    axes[dims.Length - 1] <- dims.Length - 2
                    add (Prim.Permute(axes, a)) ranges[a]

            let result = size a / inner * (Array.last (builder.Dims b))
            let product = corners (*) ranges[a] ranges[b] false

            if result > largest then
                false
            else
                tryAdd (Prim.MatMul(a, b)) (Some(summed inner product))

    /// One part of a convolution of two values, of which each is one line.
    let convolution () =
        match pickWhere (fun v -> isFloat v && size v > 0), pickWhere (fun v -> isFloat v && size v > 0) with
        | Some a, Some b when size a >= size b && size a * size b <= largest * 10 ->
            let part =
                oneOf rng [ ConvolutionPart.Output; ConvolutionPart.Input; ConvolutionPart.Weight ]

            let long, short = size a, size b

            // The longest of the three lines is x.
            let struct (input, kernel) =
                match part with
                | ConvolutionPart.Output -> struct (long, short)
                | ConvolutionPart.Input -> struct (long + short - 1, short)
                | ConvolutionPart.Weight -> struct (long, long - short + 1)

            let spec = {
                Groups = 1
                Stride = [| 1 |]
                Dilation = [| 1 |]
                Before = [| 0 |]
                Input = [| input |]
                Kernel = [| kernel |]
                Output = [| input - kernel + 1 |]
            }

            let line v =
                add (Prim.Reshape(shapeOf [| 1; 1; size v |], v)) ranges[v]

            let product = corners (*) ranges[a] ranges[b] false
            tryAdd (Prim.Convolution(part, spec, line a, line b)) (Some(summed short product))
        | _ -> false

    /// Whole numbers below `length`, as an input would give them.
    let index length dims =
        let count = Array.fold (*) 1 dims
        let iota = add (Prim.Iota(DType.Int64, count)) (range 0.0 (float count) true)
        let shaped = add (Prim.Reshape(shapeOf dims, iota)) ranges[iota]

        let last = float (length - 1)

        let most =
            add
                (Prim.Constant(Literal.ofInt64 DType.Int64 (int64 (length - 1)), shapeOf dims))
                (range last last true)

        add (Prim.Binary(BinaryOp.Minimum, shaped, most)) (range 0.0 (float (length - 1)) true)

    let gather () =
        match withAxes () with
        | None -> false
        | Some x ->
            let axis = someAxis x
            let dims = builder.Dims x
            let length = dims[axis]
            dims[axis] <- 1 + rng.Next 5
            tryAdd (Prim.Gather(axis, x, index length dims)) (Some ranges[x])

    let scatter () =
        match withAxes () with
        | None -> false
        | Some x ->
            let axis = someAxis x
            let dims = builder.Dims x
            let length = 1 + rng.Next 5
            tryAdd (Prim.ScatterAdd(axis, length, x, index length dims)) (Some(summed dims[axis] ranges[x]))

    let weighted = [|
        yield! List.replicate 8 unary
        yield! List.replicate 10 binary
        compare
        yield! List.replicate 3 select
        castOf
        yield! List.replicate 4 reduce
        arg
        yield! List.replicate 2 reshape
        yield! List.replicate 2 permute
        yield! List.replicate 2 expand
        yield! List.replicate 2 slice
        embed
        concat
        yield! List.replicate 3 matMul
        convolution
        gather
        scatter
        argSort
        argWindow
        recurrence
        windows
        overlap
    |]

    member _.Run steps =
        for shape in [ [| 2; 3 |]; [| 3; 1 |]; [| 7 |]; [| 2; 1; 3 |]; [||] ] do
            let values = uniform rng -2.0 2.0 (List.ofArray shape)
            builder.Input(storageOf dtype shape values) |> ignore
            ranges.Add(range -2.0 2.0 true)

        while builder.Count - builder.InputCount < steps do
            weighted[rng.Next weighted.Length]() |> ignore

        // What nobody uses is what the graph is for.
        let program = builder.Program [||]
        let used = program.Steps |> Seq.collect (fun s -> Prim.operands s.Prim) |> HashSet
        let outputs = candidates (fun v -> v >= builder.InputCount && not (used.Contains v))
        let exact = outputs |> Array.map (fun o -> ranges[o].IsExact)
        struct ({ program with Outputs = outputs }, builder.Inputs, exact)

/// The program, its inputs and, for each output, whether every engine must give the same bits. Values are within ±10.
let generate (graph: RandomGraph) : struct (Program * Storage[] * bool[]) =
    Generator(Random graph.Seed, graph.DType).Run graph.Steps
