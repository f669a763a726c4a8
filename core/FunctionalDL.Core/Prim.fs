namespace FunctionalDL.Core

/// Functions of one element.
[<RequireQualifiedAccess>]
type UnaryOp =
    | Neg
    | Abs
    | Sign
    | Sqrt
    | Exp
    | Expm1
    | Log
    | Log1p
    | Sin
    | Cos
    | Tanh
    | Sigmoid
    | Erf
    | Erfinv
    | Floor
    | Ceil
    | Round

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | Neg -> "neg"
        | Abs -> "abs"
        | Sign -> "sign"
        | Sqrt -> "sqrt"
        | Exp -> "exp"
        | Expm1 -> "expm1"
        | Log -> "log"
        | Log1p -> "log1p"
        | Sin -> "sin"
        | Cos -> "cos"
        | Tanh -> "tanh"
        | Sigmoid -> "sigmoid"
        | Erf -> "erf"
        | Erfinv -> "erfinv"
        | Floor -> "floor"
        | Ceil -> "ceil"
        | Round -> "round"

/// Functions of two elements of the same type.
[<RequireQualifiedAccess>]
type BinaryOp =
    | Add
    | Sub
    | Mul
    | Div
    | Maximum
    | Minimum
    | Pow
    | Atan2

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | Add -> "add"
        | Sub -> "sub"
        | Mul -> "mul"
        | Div -> "div"
        | Maximum -> "maximum"
        | Minimum -> "minimum"
        | Pow -> "pow"
        | Atan2 -> "atan2"

/// Comparisons; the result is boolean.
[<RequireQualifiedAccess>]
type CompareOp =
    | Equal
    | NotEqual
    | Less
    | LessEqual
    | Greater
    | GreaterEqual

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | Equal -> "equal"
        | NotEqual -> "notequal"
        | Less -> "less"
        | LessEqual -> "lessequal"
        | Greater -> "greater"
        | GreaterEqual -> "greaterequal"

/// How a reduction folds the elements of the reduced axes.
[<RequireQualifiedAccess>]
type ReduceOp =
    | Sum
    | Max
    | Min
    | Product

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | Sum -> "sum"
        | Max -> "max"
        | Min -> "min"
        | Product -> "product"

/// Which element an arg-reduction looks for.
[<RequireQualifiedAccess>]
type ArgOp =
    | ArgMax
    | ArgMin

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | ArgMax -> "argmax"
        | ArgMin -> "argmin"

/// The elements `start, start + step, …`, `count` of them, of one axis. `step` is not zero and may be
/// negative.
[<Struct>]
type Span = { Start: int; Step: int; Count: int }

/// Which of the three tensors of a convolution is computed from the other two.
[<RequireQualifiedAccess>]
type ConvolutionPart =
    /// `y`, of the operands `x` and `w`.
    | Output
    /// `x`, of the operands `y` and `w`.
    | Input
    /// `w`, of the operands `x` and `y`.
    | Weight

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | Output -> "output"
        | Input -> "input"
        | Weight -> "weight"

/// How the elements of `x: [batch; channels; input…]`, `w: [filters; channels / groups; kernel…]` and
/// `y: [batch; filters; output…]` meet: `y[n, f, p]`, `x[n, c, stride · p + dilation · k - before]` and
/// `w[f, c, k]` belong together, with the channels `c` of the group of the filter `f`, at all places that are
/// inside `x`. Each part of a convolution is the sum of the products of the two others over these. Lists have
/// a number for each spatial axis, outermost first.
type ConvolutionSpec = {
    /// Into how many parts channels and filters are cut; only those of one part meet.
    Groups: int
    /// Places from one window to the next.
    Stride: int[]
    /// Distance of neighbours in a window.
    Dilation: int[]
    /// Zeros before the first place. Those behind the last are as many as the windows reach over.
    Before: int[]
    /// The spatial sizes of `x`.
    Input: int[]
    /// The spatial sizes of `w`.
    Kernel: int[]
    /// The spatial sizes of `y`.
    Output: int[]
} with

    /// `[groups 1; stride 2 2; …]`, as printed programs have it.
    override this.ToString() =
        let line (name: string, numbers: int[]) =
            name + " " + System.String.Join(" ", numbers)

        let lines = [
            "groups", [| this.Groups |]
            "stride", this.Stride
            "dilation", this.Dilation
            "before", this.Before
            "input", this.Input
            "kernel", this.Kernel
            "output", this.Output
        ]

        "[" + System.String.Join("; ", List.map line lines) + "]"

/// A derivative rule that is not built in: a user's own, or that of a recomputed part. Equal only to itself.
/// What it does is known where derivatives are (`NodeRule`); here it has a name for messages.
[<AbstractClass>]
type CustomRule(name: string) =

    /// What messages and printed graphs call it.
    member _.Name = name

/// One primitive with its operands of type `'x`: nodes in a graph, value numbers in a program, shapes in a
/// shape rule. The union is closed: every rule (shape, derivative, transpose, kernels) matches on all of it,
/// so that a missing rule does not compile. Operands of elementwise cases have equal shapes and types:
/// broadcasting and casts are primitives of their own.
[<RequireQualifiedAccess>]
type Prim<'x> =
    /// A tensor whose elements all have the value of the literal.
    | Constant of literal: Literal * shape: Shape
    /// The whole numbers `0 … length - 1`.
    | Iota of dtype: DType * length: int
    /// Random elements that depend on the key (int32, two words on its last axis) and the stream's number
    /// alone: whole numbers fill their type, real ones are uniform in [0, 1). Leading axes of the key are
    /// those of the result: each key has numbers of its own.
    | Random of dtype: DType * shape: Shape * stream: uint32 * key: 'x
    | Unary of op: UnaryOp * x: 'x
    | Binary of op: BinaryOp * a: 'x * b: 'x
    | Compare of op: CompareOp * a: 'x * b: 'x
    /// `whenTrue` where `condition` holds, else `whenFalse`; the other side is not looked at, so it may be
    /// NaN.
    | Select of condition: 'x * whenTrue: 'x * whenFalse: 'x
    | Cast of dtype: DType * x: 'x
    /// Folds the axes, which stay with size 1.
    | Reduce of op: ReduceOp * axes: int[] * x: 'x
    /// The position (int64) of the extreme along the axis, which stays with size 1; the first of several, and
    /// NaN wins.
    | Arg of op: ArgOp * axis: int * x: 'x
    /// For each window of the last axes the flat place on them (int64) of its largest element; the first of
    /// several, and NaN wins. There are `count` windows; window `o` has the elements `step · o + dilation · k -
    /// before`, of which those outside the operand never win. Lists have a number for each of these axes.
    | ArgWindow of kernel: int[] * step: int[] * dilation: int[] * before: int[] * count: int[] * x: 'x
    | Reshape of shape: Shape * x: 'x
    /// Axis `i` of the result is axis `axes[i]` of the operand.
    | Permute of axes: int[] * x: 'x
    /// Stretches axes of size 1; the rank stays.
    | Expand of shape: Shape * x: 'x
    /// Picks a span of each axis.
    | Slice of spans: Span[] * x: 'x
    /// Zeros of `shape`, with the operand written at the spans: the transpose of `Slice`.
    | Embed of shape: Shape * spans: Span[] * x: 'x
    /// Joins operands along an axis.
    | Concat of axis: int * xs: 'x[]
    /// `[…; m; k] · […; k; n]` with equal leading (batch) axes.
    | MatMul of a: 'x * b: 'x
    /// One part of a convolution, from the other two: `x` and `w` give `y`, `y` and `w` give `x`, `x` and `y`
    /// give `w`.
    | Convolution of part: ConvolutionPart * spec: ConvolutionSpec * a: 'x * b: 'x
    /// `result[i, j, k] = source[i, index[i, j, k], k]` with the axis in the middle; all other sizes agree.
    | Gather of axis: int * source: 'x * index: 'x
    /// The transpose of `Gather`: zeros with `length` places on the axis, and `source` added at `index`, in
    /// order.
    | ScatterAdd of axis: int * length: int * source: 'x * index: 'x
    /// Runs along an axis: `h[k] = decay[k] · h[k - 1] + input[k]`, with `h[-1] = 0`. Sums and products up to
    /// each place are such runs, and so are its own derivative and transpose.
    | Recurrence of axis: int * decay: 'x * input: 'x
    /// The positions (int64) that sort the elements of an axis; equal ones keep their order, NaN counts as
    /// largest.
    | ArgSort of axis: int * descending: bool * x: 'x
    /// All windows of `size` elements, `dilation` apart, that start every `step` places of an axis: the axis
    /// counts windows, and a new last axis the elements of a window.
    | Windows of axis: int * size: int * step: int * dilation: int * x: 'x
    /// The transpose of `Windows`: zeros with `length` places on the axis, and each window added where it was
    /// taken from.
    | Overlap of axis: int * length: int * step: int * dilation: int * x: 'x
    /// The lower triangular `L` with `L · Lᵀ = x`, for symmetric matrices of which the lower triangle is
    /// read.
    | Cholesky of x: 'x
    /// `X` with `a · X = b`, by the lower or upper triangle of `a` alone.
    | TriangularSolve of lower: bool * a: 'x * b: 'x
    /// `X` with `a · X = b`.
    | Solve of a: 'x * b: 'x
    /// The determinant of matrices, whose two axes stay with size 1.
    | Determinant of x: 'x
    /// The operand, as a constant of every derivative.
    | StopGradient of x: 'x
    /// The operand, as the variable of a derivative in progress.
    | Variable of x: 'x
    /// The operand, not looked at before all of `after` are computed: what is made of it is computed again,
    /// and late.
    | Barrier of x: 'x * after: 'x[]
    /// `value`, which is result number `output` of a function of the `inputs` whose derivative is that of the
    /// rule.
    | Custom of rule: CustomRule * output: int * value: 'x * inputs: 'x[]

/// The operands of a primitive: a few by themselves, then those of an array.
[<Struct; NoEquality; NoComparison>]
type internal Operands<'x> private (few: int, first: 'x, second: 'x, third: 'x, rest: 'x[]) =

    static member None: Operands<'x> =
        Operands(0, Unchecked.defaultof<'x>, Unchecked.defaultof<'x>, Unchecked.defaultof<'x>, null)

    static member Of(x: 'x) : Operands<'x> = Operands(1, x, x, x, null)
    static member Of(a: 'x, b: 'x) : Operands<'x> = Operands(2, a, b, b, null)
    static member Of(a: 'x, b: 'x, c: 'x) : Operands<'x> = Operands(3, a, b, c, null)
    static member Join(x: 'x, xs: 'x[]) : Operands<'x> = Operands(1, x, x, x, xs)

    static member All(xs: 'x[]) : Operands<'x> =
        Operands(0, Unchecked.defaultof<'x>, Unchecked.defaultof<'x>, Unchecked.defaultof<'x>, xs)

    member _.Count = few + (if isNull rest then 0 else rest.Length)

    member _.Item
        with get i =
            if i >= few then rest[i - few]
            elif i = 0 then first
            elif i = 1 then second
            else third

    member this.Exists(condition: 'x -> bool) =
        let mutable i = 0

        while i < this.Count && not (condition this[i]) do
            i <- i + 1

        i < this.Count

/// Walking the operands of a primitive.
[<RequireQualifiedAccess>]
module Prim =

    /// The same primitive with every operand replaced.
    let map (f: 'x -> 'y) (prim: Prim<'x>) : Prim<'y> =
        match prim with
        | Prim.Constant(literal, shape) -> Prim.Constant(literal, shape)
        | Prim.Iota(dtype, length) -> Prim.Iota(dtype, length)
        | Prim.Random(dtype, shape, stream, key) -> Prim.Random(dtype, shape, stream, f key)
        | Prim.Unary(op, x) -> Prim.Unary(op, f x)
        | Prim.Binary(op, a, b) -> Prim.Binary(op, f a, f b)
        | Prim.Compare(op, a, b) -> Prim.Compare(op, f a, f b)
        | Prim.Select(c, a, b) -> Prim.Select(f c, f a, f b)
        | Prim.Cast(dtype, x) -> Prim.Cast(dtype, f x)
        | Prim.Reduce(op, axes, x) -> Prim.Reduce(op, axes, f x)
        | Prim.Arg(op, axis, x) -> Prim.Arg(op, axis, f x)
        | Prim.ArgWindow(kernel, step, dilation, before, count, x) ->
            Prim.ArgWindow(kernel, step, dilation, before, count, f x)
        | Prim.Reshape(shape, x) -> Prim.Reshape(shape, f x)
        | Prim.Permute(axes, x) -> Prim.Permute(axes, f x)
        | Prim.Expand(shape, x) -> Prim.Expand(shape, f x)
        | Prim.Slice(spans, x) -> Prim.Slice(spans, f x)
        | Prim.Embed(shape, spans, x) -> Prim.Embed(shape, spans, f x)
        | Prim.Concat(axis, xs) -> Prim.Concat(axis, Array.map f xs)
        | Prim.MatMul(a, b) -> Prim.MatMul(f a, f b)
        | Prim.Convolution(part, spec, a, b) -> Prim.Convolution(part, spec, f a, f b)
        | Prim.Gather(axis, source, index) -> Prim.Gather(axis, f source, f index)
        | Prim.ScatterAdd(axis, length, source, index) -> Prim.ScatterAdd(axis, length, f source, f index)
        | Prim.Recurrence(axis, decay, input) -> Prim.Recurrence(axis, f decay, f input)
        | Prim.ArgSort(axis, descending, x) -> Prim.ArgSort(axis, descending, f x)
        | Prim.Windows(axis, size, step, dilation, x) -> Prim.Windows(axis, size, step, dilation, f x)
        | Prim.Overlap(axis, length, step, dilation, x) -> Prim.Overlap(axis, length, step, dilation, f x)
        | Prim.Cholesky x -> Prim.Cholesky(f x)
        | Prim.TriangularSolve(lower, a, b) -> Prim.TriangularSolve(lower, f a, f b)
        | Prim.Solve(a, b) -> Prim.Solve(f a, f b)
        | Prim.Determinant x -> Prim.Determinant(f x)
        | Prim.StopGradient x -> Prim.StopGradient(f x)
        | Prim.Variable x -> Prim.Variable(f x)
        | Prim.Barrier(x, after) -> Prim.Barrier(f x, Array.map f after)
        | Prim.Custom(rule, output, value, inputs) -> Prim.Custom(rule, output, f value, Array.map f inputs)

    /// The operands in order, for walks of many nodes: nothing is allocated for primitives of up to three.
    let internal operandList (prim: Prim<'x>) : Operands<'x> =
        match prim with
        | Prim.Constant _
        | Prim.Iota _ -> Operands.None
        | Prim.Random(_, _, _, x)
        | Prim.Unary(_, x)
        | Prim.Cast(_, x)
        | Prim.Reduce(_, _, x)
        | Prim.Arg(_, _, x)
        | Prim.ArgWindow(_, _, _, _, _, x)
        | Prim.Reshape(_, x)
        | Prim.Permute(_, x)
        | Prim.Expand(_, x)
        | Prim.Slice(_, x)
        | Prim.Embed(_, _, x)
        | Prim.ArgSort(_, _, x)
        | Prim.Cholesky x
        | Prim.Determinant x
        | Prim.Windows(_, _, _, _, x)
        | Prim.Overlap(_, _, _, _, x)
        | Prim.StopGradient x
        | Prim.Variable x -> Operands.Of(x)
        | Prim.Binary(_, a, b)
        | Prim.Compare(_, a, b)
        | Prim.MatMul(a, b)
        | Prim.Convolution(_, _, a, b)
        | Prim.Gather(_, a, b)
        | Prim.Recurrence(_, a, b)
        | Prim.TriangularSolve(_, a, b)
        | Prim.Solve(a, b)
        | Prim.ScatterAdd(_, _, a, b) -> Operands.Of(a, b)
        | Prim.Select(c, a, b) -> Operands.Of(c, a, b)
        | Prim.Concat(_, xs) -> Operands.All xs
        | Prim.Barrier(x, xs)
        | Prim.Custom(_, _, x, xs) -> Operands.Join(x, xs)

    /// The operands in order.
    let operands (prim: Prim<'x>) : 'x[] =
        let all = operandList prim
        Array.init all.Count (fun i -> all[i])

    /// The name that messages and printed graphs use: `add`, `matmul`, `sum`.
    let name (prim: Prim<'x>) =
        match prim with
        | Prim.Constant _ -> "constant"
        | Prim.Iota _ -> "iota"
        | Prim.Random _ -> "random"
        | Prim.Unary(op, _) -> op.ToString()
        | Prim.Binary(op, _, _) -> op.ToString()
        | Prim.Compare(op, _, _) -> op.ToString()
        | Prim.Select _ -> "select"
        | Prim.Cast _ -> "cast"
        | Prim.Reduce(op, _, _) -> op.ToString()
        | Prim.Arg(op, _, _) -> op.ToString()
        | Prim.ArgWindow _ -> "argwindow"
        | Prim.Reshape _ -> "reshape"
        | Prim.Permute _ -> "permute"
        | Prim.Expand _ -> "expand"
        | Prim.Slice _ -> "slice"
        | Prim.Embed _ -> "embed"
        | Prim.Concat _ -> "concat"
        | Prim.MatMul _ -> "matmul"
        | Prim.Convolution(part, _, _, _) ->
            match part with
            | ConvolutionPart.Output -> "convolutionoutput"
            | ConvolutionPart.Input -> "convolutioninput"
            | ConvolutionPart.Weight -> "convolutionweight"
        | Prim.Gather _ -> "gather"
        | Prim.ScatterAdd _ -> "scatteradd"
        | Prim.Recurrence _ -> "recurrence"
        | Prim.ArgSort _ -> "argsort"
        | Prim.Windows _ -> "windows"
        | Prim.Overlap _ -> "overlap"
        | Prim.Cholesky _ -> "cholesky"
        | Prim.TriangularSolve _ -> "triangularsolve"
        | Prim.Solve _ -> "solve"
        | Prim.Determinant _ -> "determinant"
        | Prim.StopGradient _ -> "stopgradient"
        | Prim.Variable _ -> "variable"
        | Prim.Barrier _ -> "barrier"
        | Prim.Custom(rule, _, _, _) -> rule.Name
