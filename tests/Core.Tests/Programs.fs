/// Programs as they are built and run by tests, and as functions of tensors.
module FunctionalDL.Tests.Programs

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
let windowsOf (rng: Random) (sizes: int[]) =
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
    | Prim.Barrier _ -> invalidOp $"{Prim.name prim} belongs to a derivative"
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
