namespace FunctionalDL.Core

open System

/// Shape and element type: all that is known of a tensor before it is computed.
[<Struct; CustomEquality; NoComparison>]
type TensorType = {
    DType: DType
    Shape: Shape
} with

    /// Whether both are the same.
    member this.Equals(other: TensorType) =
        this.DType = other.DType && this.Shape.Equals other.Shape

    override this.Equals(other: obj) =
        match other with
        | :? TensorType as t -> this.Equals t
        | _ -> false

    override this.GetHashCode() =
        HashCode.Combine(this.DType, this.Shape)

    // Written by hand: what the compiler would generate boxes the shape at each comparison.
    interface IEquatable<TensorType> with
        member this.Equals other = this.Equals other

    override this.ToString() = $"{this.DType}{this.Shape}"

/// The shape and type rule of every primitive. What it refuses never reaches an engine.
[<RequireQualifiedAccess>]
module Typing =

    let private shapeError operation text = Fail.shape $"{operation}: {text}"

    let private dtypeError operation text = Fail.dtype $"{operation}: {text}"

    let private requireFloat operation (t: TensorType) =
        if not (DType.isFloat t.DType) then
            dtypeError operation $"operand is {t}; it needs a floating-point type: cast it to float32 first"

    let private requireNumber operation (t: TensorType) =
        match t.DType with
        | DType.Bool
        | DType.UInt8 ->
            dtypeError operation $"operand is {t}; cast it to a number type to compute with first"
        | DType.Int32
        | DType.Int64
        | DType.Float32
        | DType.Float64 -> ()

    let private requireIndex operation (t: TensorType) =
        match t.DType with
        | DType.Int32
        | DType.Int64 -> ()
        | DType.Bool
        | DType.UInt8
        | DType.Float32
        | DType.Float64 -> dtypeError operation $"the index is {t}; it needs whole numbers (int64 or int32)"

    let private requireSame operation (a: TensorType) (b: TensorType) =
        if a.DType <> b.DType then
            dtypeError operation $"operands are {a} and {b}; cast one to the other's type"

        if not (a.Shape.Equals b.Shape) then
            shapeError operation $"operands are {a.Shape} and {b.Shape}; they need equal shapes"

    let private requireSpans operation (spans: Span[]) (shape: Shape) =
        if spans.Length <> shape.Rank then
            shapeError operation $"{spans.Length} spans for shape {shape}; it needs one for each axis"

        for axis in 0 .. spans.Length - 1 do
            let s = spans[axis]
            let last = s.Start + (s.Count - 1) * s.Step
            let inside i = i >= 0 && i < shape[axis]

            if
                s.Step = 0
                || s.Count < 0
                || (s.Count > 0 && not (inside s.Start && inside last))
            then
                shapeError
                    operation
                    $"start {s.Start}, step {s.Step}, count {s.Count} leaves axis {axis} of shape {shape}"

    /// Raises unless the two shapes agree everywhere but on `axis`.
    let private requireSameBut operation axis (a: Shape) (b: Shape) =
        if
            a.Rank <> b.Rank
            || Seq.exists (fun i -> i <> axis && a[i] <> b[i]) (seq { 0 .. a.Rank - 1 })
        then
            shapeError operation $"shapes {a} and {b} must agree on every axis but {axis}"

    let private withSize axis size (shape: Shape) =
        let dims = shape.ToArray()
        dims[axis] <- size
        Shape dims

    let private requireSquare operation (x: TensorType) =
        requireFloat operation x

        if x.Shape.Rank < 2 || x.Shape[-1] <> x.Shape[-2] then
            shapeError operation $"{x.Shape} is not square; the last two sizes must be equal"

    /// Raises unless `a · X = b` has shapes that meet: square matrices, and as many rows on the right.
    let private requireSystem operation (a: TensorType) (b: TensorType) =
        requireSquare operation a

        if a.DType <> b.DType then
            dtypeError operation $"operands are {a} and {b}; cast one to the other's type"

        if b.Shape.Rank <> a.Shape.Rank || b.Shape[-2] <> a.Shape[-1] then
            shapeError
                operation
                $"the matrix is {a.Shape} and the right side {b.Shape}; it needs as many rows"

        for i in 0 .. a.Shape.Rank - 3 do
            if a.Shape[i] <> b.Shape[i] then
                shapeError operation $"batch sizes differ at axis {i}: {a.Shape} and {b.Shape}"

    let private matMul (a: TensorType) (b: TensorType) =
        let operation = "matmul"

        if a.DType <> b.DType then
            dtypeError operation $"operands are {a} and {b}; cast one to the other's type"

        requireNumber operation a
        let rank = a.Shape.Rank

        if rank < 2 || b.Shape.Rank <> rank then
            shapeError operation $"operands are {a.Shape} and {b.Shape}; they need equal ranks of at least 2"

        for i in 0 .. rank - 3 do
            if a.Shape[i] <> b.Shape[i] then
                shapeError operation $"batch sizes differ at axis {i}: {a.Shape} · {b.Shape}"

        if a.Shape[-1] <> b.Shape[-2] then
            let hint =
                if a.Shape[-1] = b.Shape[-1] then
                    "; did you mean the transpose of the second?"
                elif a.Shape[-2] = b.Shape[-2] then
                    "; did you mean the transpose of the first?"
                else
                    ""

            shapeError operation $"inner sizes differ: {a.Shape} · {b.Shape}{hint}"

        {
            a with
                Shape = withSize (rank - 1) b.Shape[-1] a.Shape
        }

    let private requireSpec operation (spec: ConvolutionSpec) =
        let requireEach what least (numbers: int[]) =
            if
                numbers.Length <> spec.Stride.Length
                || Array.exists (fun n -> n < least) numbers
            then
                shapeError
                    operation
                    $"{what} {Text.bracketed numbers} needs {spec.Stride.Length} numbers of at least {least}"

        requireEach "stride" 1 spec.Stride
        requireEach "dilation" 1 spec.Dilation
        requireEach "before" 0 spec.Before
        requireEach "input" 0 spec.Input
        requireEach "kernel" 1 spec.Kernel
        requireEach "output" 0 spec.Output

        if spec.Groups < 1 then
            shapeError operation $"groups is {spec.Groups}; it needs to be at least 1"

    /// Where windows of the last axes have their largest element. Each must have one.
    let private argWindow
        operation
        (kernel: int[])
        (step: int[])
        (dilation: int[])
        (before: int[])
        (count: int[])
        x
        =
        requireFloat operation x
        let first = x.Shape.Rank - kernel.Length

        if
            kernel.Length = 0
            || first < 0
            || [ step; dilation; before; count ]
               |> List.exists (fun numbers -> numbers.Length <> kernel.Length)
            || Seq.concat [ kernel; step; dilation ] |> Seq.exists (fun n -> n < 1)
            || Array.exists (fun n -> n < 0) count
        then
            shapeError
                operation
                $"windows {Text.bracketed kernel} every {Text.bracketed step} do not fit shape {x.Shape}"

        if Array.fold (fun n k -> n * int64 k) 1L kernel > (1L <<< 24) then
            shapeError operation $"windows {Text.bracketed kernel} have more than 2^24 elements"

        for i in 0 .. kernel.Length - 1 do
            let isInside o k =
                let place = o * step[i] + k * dilation[i] - before[i]
                place >= 0 && place < x.Shape[first + i]

            for o in 0 .. count[i] - 1 do
                if not (Seq.exists (isInside o) (seq { 0 .. kernel[i] - 1 })) then
                    shapeError operation $"window {o} of axis {first + i} has no element of shape {x.Shape}"

        {
            DType = DType.Int64
            Shape = Shape(Array.append x.Shape.Dims[.. first - 1] count)
        }

    /// The part of a convolution that the operands give. All sizes that meet must agree.
    let private convolution operation part (spec: ConvolutionSpec) (a: TensorType) (b: TensorType) =
        requireSpec operation spec
        requireNumber operation a

        if a.DType <> b.DType then
            dtypeError operation $"operands are {a} and {b}; cast one to the other's type"

        let require condition =
            if not condition then
                shapeError operation $"operands {a.Shape} and {b.Shape} do not meet under {spec}"

        let has (sizes: int[]) (t: TensorType) =
            require (t.Shape.Rank = sizes.Length + 2 && t.Shape.Dims[2..] = sizes)

        let wholeGroups count = require (count % spec.Groups = 0)

        let result first second sizes = {
            a with
                Shape = Shape(Array.append [| first; second |] sizes)
        }

        match part with
        | ConvolutionPart.Output ->
            has spec.Input a
            has spec.Kernel b
            wholeGroups b.Shape[0]
            require (a.Shape[1] = spec.Groups * b.Shape[1])
            result a.Shape[0] b.Shape[0] spec.Output
        | ConvolutionPart.Input ->
            has spec.Output a
            has spec.Kernel b
            wholeGroups b.Shape[0]
            require (a.Shape[1] = b.Shape[0])
            result a.Shape[0] (spec.Groups * b.Shape[1]) spec.Input
        | ConvolutionPart.Weight ->
            has spec.Input a
            has spec.Output b
            wholeGroups a.Shape[1]
            wholeGroups b.Shape[1]
            require (a.Shape[0] = b.Shape[0])
            result b.Shape[1] (a.Shape[1] / spec.Groups) spec.Kernel

    let private rule (typeOf: 'x -> TensorType) (prim: Prim<'x>) : TensorType =
        let operation = Prim.name prim

        match prim with
        | Prim.Constant(literal, shape) -> { DType = literal.DType; Shape = shape }
        | Prim.Iota(dtype, length) ->
            let t = {
                DType = dtype
                Shape = Shape.ofList [ length ]
            }

            requireNumber operation t
            t
        | Prim.Random(dtype, shape, _, key) ->
            let key = typeOf key
            let keyRank = key.Shape.Rank

            if key.DType <> DType.Int32 || keyRank = 0 || key.Shape[-1] <> 2 then
                dtypeError operation $"the key is {key}; it needs int32[2]"

            let keys = key.Shape.Dims[.. keyRank - 2]

            if keyRank - 1 > shape.Rank || keys <> shape.Dims[.. keyRank - 2] then
                shapeError
                    operation
                    $"there are keys for {Text.bracketed keys} and the result is {shape}; it starts otherwise"

            let t = { DType = dtype; Shape = shape }
            requireNumber operation t
            t
        | Prim.Unary(op, x) ->
            let x = typeOf x

            match op with
            | UnaryOp.Neg
            | UnaryOp.Abs
            | UnaryOp.Sign -> requireNumber operation x
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
            | UnaryOp.Round -> requireFloat operation x

            x
        | Prim.Binary(op, a, b) ->
            let a, b = typeOf a, typeOf b
            requireSame operation a b

            match op with
            | BinaryOp.Div
            | BinaryOp.Pow
            | BinaryOp.Atan2 -> requireFloat operation a
            | BinaryOp.Add
            | BinaryOp.Sub
            | BinaryOp.Mul
            | BinaryOp.Maximum
            | BinaryOp.Minimum -> requireNumber operation a

            a
        | Prim.Compare(_, a, b) ->
            let a, b = typeOf a, typeOf b
            requireSame operation a b
            { a with DType = DType.Bool }
        | Prim.Select(condition, a, b) ->
            let condition, a, b = typeOf condition, typeOf a, typeOf b
            requireSame operation a b

            if condition.DType <> DType.Bool then
                dtypeError operation $"the condition is {condition}; it needs bool"

            if not (condition.Shape.Equals a.Shape) then
                shapeError operation $"the condition is {condition.Shape} and the values are {a.Shape}"

            a
        | Prim.Cast(dtype, x) -> { typeOf x with DType = dtype }
        | Prim.Reduce(op, axes, x) ->
            let x = typeOf x
            requireNumber operation x

            match op with
            | ReduceOp.Max
            | ReduceOp.Min when axes |> Array.exists (fun a -> x.Shape[a] = 0) ->
                shapeError
                    operation
                    $"shape {x.Shape} has no elements on a reduced axis, so there is no extreme one"
            | ReduceOp.Max
            | ReduceOp.Min
            | ReduceOp.Product
            | ReduceOp.Sum -> ()

            {
                x with
                    Shape = Shape.keepAxes axes x.Shape
            }
        | Prim.Arg(_, axis, x) ->
            let x = typeOf x
            requireNumber operation x

            if x.Shape[axis] = 0 then
                shapeError operation $"axis {axis} of shape {x.Shape} has no elements"

            {
                DType = DType.Int64
                Shape = withSize axis 1 x.Shape
            }
        | Prim.ArgWindow(kernel, step, dilation, before, count, x) ->
            argWindow operation kernel step dilation before count (typeOf x)
        | Prim.Reshape(shape, x) ->
            let x = typeOf x

            if shape.Size <> x.Shape.Size then
                shapeError operation $"{x.Shape} has {x.Shape.Size} elements and {shape} has {shape.Size}"

            { x with Shape = shape }
        | Prim.Permute(axes, x) ->
            let x = typeOf x

            if Array.sort axes <> Array.init x.Shape.Rank id then
                shapeError operation $"{Text.bracketed axes} does not order the axes of {x.Shape}"

            {
                x with
                    Shape = Shape(axes |> Array.map (fun a -> x.Shape[a]))
            }
        | Prim.Expand(shape, x) ->
            let x = typeOf x
            let fits i = x.Shape[i] = shape[i] || x.Shape[i] = 1

            if
                shape.Rank <> x.Shape.Rank
                || not (Seq.forall fits (seq { 0 .. shape.Rank - 1 }))
            then
                shapeError operation $"{x.Shape} does not stretch to {shape}: only axes of size 1 stretch"

            { x with Shape = shape }
        | Prim.Slice(spans, x) ->
            let x = typeOf x
            requireSpans operation spans x.Shape

            {
                x with
                    Shape = Shape(spans |> Array.map _.Count)
            }
        | Prim.Embed(shape, spans, x) ->
            let x = typeOf x
            requireSpans operation spans shape

            if spans |> Array.map _.Count <> x.Shape.Dims then
                shapeError
                    operation
                    $"the spans pick a part of {shape} that does not have the operand's shape {x.Shape}"

            { x with Shape = shape }
        | Prim.Concat(axis, xs) ->
            let xs = Array.map typeOf xs

            if xs.Length = 0 then
                shapeError operation "there is nothing to join"

            for x in xs do
                if x.DType <> xs[0].DType then
                    dtypeError operation $"operands are {xs[0]} and {x}; cast one to the other's type"

                requireSameBut operation axis xs[0].Shape x.Shape

            {
                xs[0] with
                    Shape = withSize axis (xs |> Array.sumBy (fun x -> x.Shape[axis])) xs[0].Shape
            }
        | Prim.MatMul(a, b) -> matMul (typeOf a) (typeOf b)
        | Prim.Convolution(part, spec, a, b) -> convolution operation part spec (typeOf a) (typeOf b)
        | Prim.Gather(axis, source, index) ->
            let source, index = typeOf source, typeOf index
            requireIndex operation index
            requireSameBut operation axis source.Shape index.Shape
            { source with Shape = index.Shape }
        | Prim.ScatterAdd(axis, length, source, index) ->
            let source, index = typeOf source, typeOf index
            requireIndex operation index
            requireNumber operation source

            if not (source.Shape.Equals index.Shape) then
                shapeError operation $"source {source.Shape} and index {index.Shape} need equal shapes"

            {
                source with
                    Shape = withSize axis length source.Shape
            }
        | Prim.Recurrence(_, decay, input) ->
            let decay, input = typeOf decay, typeOf input
            requireFloat operation input
            requireSame operation decay input
            input
        | Prim.ArgSort(_, _, x) ->
            let x = typeOf x
            requireNumber operation x
            { x with DType = DType.Int64 }
        | Prim.Windows(axis, size, step, dilation, x) ->
            let x = typeOf x
            let covered = (size - 1) * dilation + 1

            if size < 1 || step < 1 || dilation < 1 || covered > x.Shape[axis] then
                shapeError
                    operation
                    $"windows of {size} elements, {dilation} apart, every {step} do not fit axis {axis} of shape {x.Shape}"

            let count = (x.Shape[axis] - covered) / step + 1

            {
                x with
                    Shape = Shape.insertAxis x.Shape.Rank size (withSize axis count x.Shape)
            }
        | Prim.Overlap(axis, length, step, dilation, x) ->
            let x = typeOf x
            requireNumber operation x
            let count, size = x.Shape[axis], x.Shape[-1]

            if (count - 1) * step + (size - 1) * dilation >= length then
                shapeError operation $"the windows {x.Shape} reach beyond the {length} places of axis {axis}"

            {
                x with
                    Shape = withSize axis length (Shape.dropAxes [| x.Shape.Rank - 1 |] x.Shape)
            }
        | Prim.Cholesky x ->
            let x = typeOf x
            requireSquare operation x
            x
        | Prim.TriangularSolve(_, a, b)
        | Prim.Solve(a, b) ->
            let a, b = typeOf a, typeOf b
            requireSystem operation a b
            b
        | Prim.Determinant x ->
            let x = typeOf x
            requireSquare operation x
            let rank = x.Shape.Rank

            {
                x with
                    Shape = Shape.keepAxes [| rank - 2; rank - 1 |] x.Shape
            }
        | Prim.StopGradient x
        | Prim.Variable x
        | Prim.Barrier(x, _)
        | Prim.Custom(_, _, x, _) -> typeOf x

    /// The type of the result, from those of the operands, which `typeOf` gives. Raises ShapeException or DTypeException when they do not
    /// fit the primitive, or when the result would have more elements than can be counted.
    let infer (typeOf: 'x -> TensorType) (prim: Prim<'x>) : TensorType =
        let result = rule typeOf prim
        Shape.requireCountable (Prim.name prim) result.Shape
        result
