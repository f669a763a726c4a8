/// Random programs: whole graphs of any primitives, and single primitives on operands of any layout.
module FunctionalDL.Tests.RandomPrograms

open System
open System.Collections.Generic
open FunctionalDL.Core
open FunctionalDL.Tests.Support

// ---- building and running programs -------------------------------------------------------------------------------

/// A program as it grows, with the storages of its inputs.
type Builder() =
    let inputs = List<Storage>()
    let steps = List<Step>()

    member _.InputCount = inputs.Count
    member _.Count = inputs.Count + steps.Count
    member _.Inputs = inputs.ToArray()

    member _.Type value =
        if value < inputs.Count then
            inputs[value].Type
        else
            steps[value - inputs.Count].Type

    member this.Dims value = (this.Type value).Shape.ToArray()

    /// Inputs come before all steps.
    member _.Input(storage: Storage) =
        if steps.Count > 0 then
            invalidOp "an input after a step"

        inputs.Add storage
        inputs.Count - 1

    member this.Add(prim: Prim<int>) =
        let tensorType = Typing.infer this.Type prim
        steps.Add { Prim = prim; Type = tensorType }
        this.Count - 1

    member _.Program outputs : Program = {
        Inputs = inputs |> Seq.map _.Type |> Seq.toArray
        Steps = steps.ToArray()
        Outputs = outputs
    }

let runOn (engine: IEngine) (program: Program) (inputs: Storage[]) : Storage[] =
    (engine.Compile program).Run(inputs |> Array.map engine.Accept, null)

let shapeOf (dims: int seq) = Shape.ofSeq dims

let storageOf (dtype: DType) (dims: int[]) (values: float[]) : Storage =
    let dims = List.ofArray dims

    let tensor =
        match dtype with
        | DType.Bool -> Tensor.ofBools dims (values |> Array.map (fun x -> x <> 0.0))
        | DType.UInt8 -> Tensor.ofBytes dims (values |> Array.map uint8)
        | DType.Int32 -> Tensor.ofInt32s dims (values |> Array.map int32)
        | DType.Int64 -> Tensor.ofInt64s dims (values |> Array.map int64)
        | DType.Float32 -> Tensor.ofFloat32s dims (values |> Array.map float32)
        | DType.Float64 -> Tensor.ofFloats dims values

    Tensor.toStorage tensor

// ---- a program as a function of tensors --------------------------------------------------------------------------

/// Windows of axes of these sizes, each with an element inside: kernel, step, dilation, places before, count.
let private windowsOf (rng: Random) (sizes: int[]) =
    let axis size =
        let kernel, dilation, step = 1 + rng.Next 3, 1 + rng.Next 2, 1 + rng.Next 3
        let before = rng.Next(1 + kernel / 2)
        let room = size + 2 * before - (kernel - 1) * dilation - 1
        let count = 1 + rng.Next(1 + max 0 room / step)

        let isInside o =
            Seq.init kernel (fun k -> o * step + k * dilation - before)
            |> Seq.exists (fun place -> place >= 0 && place < size)

        if room >= 0 && Seq.forall isInside (seq { 0 .. count - 1 }) then
            [| kernel; step; dilation; before; count |]
        else
            [| 1; 1; 1; 0; size |]

    match sizes |> Array.map axis |> Array.transpose with
    | [| kernel; step; dilation; before; count |] -> kernel, step, dilation, before, count
    | _ -> invalidArg (nameof sizes) "no axis"

/// A primitive by the public functions on tensors. Slices must have step 1.
let private apply (prim: Prim<int>) (operand: int -> Tensor) : Tensor =
    let dims (shape: Shape) = shape.ToArray() |> List.ofArray

    let slice (spans: Span[]) x =
        spans
        |> Array.indexed
        |> Array.fold (fun x (axis, span) -> Tensor.narrow axis span.Start span.Count x) x

    match prim with
    | Prim.Constant(literal, shape) -> Tensor.full literal.DType (dims shape) (Literal.toFloat literal)
    | Prim.Iota(dtype, length) -> Tensor.arange length |> Tensor.cast dtype
    | Prim.Random(dtype, shape, _, key) -> Key.uniform dtype (dims shape) { Words = operand key }
    | Prim.Unary(op, x) ->
        let f =
            match op with
            | UnaryOp.Neg -> Tensor.neg
            | UnaryOp.Abs -> Tensor.abs
            | UnaryOp.Sign -> Tensor.sign
            | UnaryOp.Sqrt -> Tensor.sqrt
            | UnaryOp.Exp -> Tensor.exp
            | UnaryOp.Expm1 -> Tensor.expm1
            | UnaryOp.Log -> Tensor.log
            | UnaryOp.Log1p -> Tensor.log1p
            | UnaryOp.Sin -> Tensor.sin
            | UnaryOp.Cos -> Tensor.cos
            | UnaryOp.Tanh -> Tensor.tanh
            | UnaryOp.Sigmoid -> Tensor.sigmoid
            | UnaryOp.Erf -> Tensor.erf
            | UnaryOp.Erfinv -> Tensor.erfinv
            | UnaryOp.Floor -> Tensor.floor
            | UnaryOp.Ceil -> Tensor.ceil
            | UnaryOp.Round -> Tensor.round

        f (operand x)
    | Prim.Binary(op, a, b) ->
        let f =
            match op with
            | BinaryOp.Add -> (+)
            | BinaryOp.Sub -> (-)
            | BinaryOp.Mul -> (*)
            | BinaryOp.Div -> (/)
            | BinaryOp.Maximum -> Tensor.maximum
            | BinaryOp.Minimum -> Tensor.minimum
            | BinaryOp.Pow -> Tensor.pow
            | BinaryOp.Atan2 -> Tensor.atan2

        f (operand a) (operand b)
    | Prim.Compare(op, a, b) ->
        let f =
            match op with
            | CompareOp.Equal -> Tensor.eq
            | CompareOp.NotEqual -> Tensor.ne
            | CompareOp.Less -> Tensor.lt
            | CompareOp.LessEqual -> Tensor.le
            | CompareOp.Greater -> Tensor.gt
            | CompareOp.GreaterEqual -> Tensor.ge

        f (operand a) (operand b)
    | Prim.Select(condition, a, b) -> Tensor.where (operand condition) (operand a) (operand b)
    | Prim.Cast(dtype, x) -> Tensor.cast dtype (operand x)
    | Prim.Reduce(ReduceOp.Sum, axes, x) -> Tensor.sumAxesKeep (List.ofArray axes) (operand x)
    | Prim.Reduce(ReduceOp.Max, axes, x) -> Tensor.amaxAxesKeep (List.ofArray axes) (operand x)
    | Prim.Reduce(ReduceOp.Min, axes, x) -> Tensor.aminAxesKeep (List.ofArray axes) (operand x)
    | Prim.Reduce(ReduceOp.Product, axes, x) -> Tensor.prodAxesKeep (List.ofArray axes) (operand x)
    | Prim.Arg(ArgOp.ArgMax, axis, x) -> Tensor.argmax axis (operand x) |> Tensor.unsqueeze axis
    | Prim.Arg(ArgOp.ArgMin, axis, x) -> Tensor.argmin axis (operand x) |> Tensor.unsqueeze axis
    | Prim.ArgWindow(kernel, step, dilation, before, count, x) ->
        // The windows that there are, cut to as many as are asked for.
        let options = {
            Pooling.maxDefaults with
                Stride = List.ofArray step
                Dilation = List.ofArray dilation
                Padding = List.ofArray before
        }

        let x = operand x
        let leading = x.Rank - kernel.Length
        let plane = dims x.Shape |> List.skip leading
        let planes = Tensor.reshape (1 :: -1 :: plane) x
        let _, places = Pooling.maxWithIndices options (List.ofArray kernel) planes

        count
        |> Seq.indexed
        |> Seq.fold (fun places (axis, n) -> Tensor.narrow (2 + axis) 0 n places) places
        |> Tensor.reshape (List.take leading (dims x.Shape) @ List.ofArray count)
    | Prim.Reshape(shape, x) -> Tensor.reshape (dims shape) (operand x)
    | Prim.Permute(axes, x) -> Tensor.permute (List.ofArray axes) (operand x)
    | Prim.Expand(shape, x) -> Tensor.expand (dims shape) (operand x)
    | Prim.Slice(spans, x) -> slice spans (operand x)
    // What transposes a slice.
    | Prim.Embed(shape, spans, x) ->
        snd (vjp (slice spans) (Tensor.full (operand x).DType (dims shape) 0.0)) (operand x)
    | Prim.Concat(axis, xs) -> Tensor.cat axis (xs |> Array.map operand |> List.ofArray)
    | Prim.MatMul(a, b) -> Tensor.matmul (operand a) (operand b)
    | Prim.Convolution(part, spec, a, b) -> ConvolutionCases.compute part spec (operand a) (operand b)
    | Prim.Gather(axis, source, index) -> Tensor.gather axis (operand index) (operand source)
    | Prim.ScatterAdd(axis, length, source, index) ->
        Tensor.scatterAdd axis length (operand index) (operand source)
    | Prim.StopGradient x -> Tensor.stopGradient (operand x)
    | Prim.Recurrence(axis, _, input) -> Tensor.cumsum axis (operand input)
    | Prim.ArgSort(axis, descending, x) -> Tensor.argsort axis descending (operand x)
    | Prim.Windows(axis, size, step, dilation, x) -> Tensor.unfold axis size step dilation (operand x)
    // What transposes windows of the places that they reach.
    | Prim.Overlap(axis, length, step, dilation, x) ->
        let x = operand x
        let count, size = x.Shape[axis], x.Shape[-1]
        let reached = (count - 1) * step + (size - 1) * dilation + 1
        let whole = dimsOf x |> List.take (x.Rank - 1) |> List.updateAt axis length

        let windows = Tensor.narrow axis 0 reached >> Tensor.unfold axis size step dilation

        snd (vjp windows (Tensor.full x.DType whole 0.0)) x
    | Prim.Cholesky _
    | Prim.TriangularSolve _
    | Prim.Solve _
    | Prim.Determinant _ -> invalidOp "random values are no matrices that are far from singular"
    | Prim.Variable _
    | Prim.Barrier _
    | Prim.Opaque _ -> invalidOp $"{Prim.name prim} belongs to a derivative"
    | Prim.Custom _ -> invalidOp "programs do not keep custom rules"

/// The values of a program's steps and inputs, as tensors.
let valuesOf (program: Program) (inputs: Tensor list) : Tensor[] =
    let values = List<Tensor>(inputs)

    for step in program.Steps do
        values.Add(apply step.Prim (fun x -> values[x]))

    values.ToArray()

/// The program as a function of tensors.
let functionOf (program: Program) (inputs: Tensor list) : Tensor list =
    let values = valuesOf program inputs
    program.Outputs |> Array.map (fun o -> values[o]) |> List.ofArray

// ---- random graphs -----------------------------------------------------------------------------------------------

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

// ---- single primitives -------------------------------------------------------------------------------------------

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
    | Prim.Opaque(rule, _, _, _, _, _) ->
        // No engine takes it; what they say instead has a test of its own.
        unary (fun x -> Prim.Opaque(rule, 0, [| 0 |], x, [| x |], [| x |])) (anyDims rng) true
