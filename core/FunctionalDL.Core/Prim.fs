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

/// Functions of two elements of the same type.
[<RequireQualifiedAccess>]
type BinaryOp =
    | Add
    | Sub
    | Mul
    | Div
    | Maximum
    | Minimum

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | Add -> "add"
        | Sub -> "sub"
        | Mul -> "mul"
        | Div -> "div"
        | Maximum -> "maximum"
        | Minimum -> "minimum"

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

    /// The name that messages use. (The one that F# would generate takes a thousand times as long.)
    override this.ToString() =
        match this with
        | Sum -> "sum"
        | Max -> "max"

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
    /// Random elements that depend on the key (int32, two words) and the stream's number alone: whole numbers
    /// fill their type, real ones are uniform in [0, 1).
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
    /// `result[i, j, k] = source[i, index[i, j, k], k]` with the axis in the middle; all other sizes agree.
    | Gather of axis: int * source: 'x * index: 'x
    /// The transpose of `Gather`: zeros with `length` places on the axis, and `source` added at `index`, in
    /// order.
    | ScatterAdd of axis: int * length: int * source: 'x * index: 'x
    /// The operand, as a constant of every derivative.
    | StopGradient of x: 'x
    /// The operand, as the variable of a derivative in progress.
    | Variable of x: 'x

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
        | Prim.Reshape(shape, x) -> Prim.Reshape(shape, f x)
        | Prim.Permute(axes, x) -> Prim.Permute(axes, f x)
        | Prim.Expand(shape, x) -> Prim.Expand(shape, f x)
        | Prim.Slice(spans, x) -> Prim.Slice(spans, f x)
        | Prim.Embed(shape, spans, x) -> Prim.Embed(shape, spans, f x)
        | Prim.Concat(axis, xs) -> Prim.Concat(axis, Array.map f xs)
        | Prim.MatMul(a, b) -> Prim.MatMul(f a, f b)
        | Prim.Gather(axis, source, index) -> Prim.Gather(axis, f source, f index)
        | Prim.ScatterAdd(axis, length, source, index) -> Prim.ScatterAdd(axis, length, f source, f index)
        | Prim.StopGradient x -> Prim.StopGradient(f x)
        | Prim.Variable x -> Prim.Variable(f x)

    /// The operands in order.
    let operands (prim: Prim<'x>) : 'x[] =
        match prim with
        | Prim.Constant _
        | Prim.Iota _ -> Array.empty
        | Prim.Random(_, _, _, x)
        | Prim.Unary(_, x)
        | Prim.Cast(_, x)
        | Prim.Reduce(_, _, x)
        | Prim.Arg(_, _, x)
        | Prim.Reshape(_, x)
        | Prim.Permute(_, x)
        | Prim.Expand(_, x)
        | Prim.Slice(_, x)
        | Prim.Embed(_, _, x)
        | Prim.StopGradient x
        | Prim.Variable x -> [| x |]
        | Prim.Binary(_, a, b)
        | Prim.Compare(_, a, b)
        | Prim.MatMul(a, b)
        | Prim.Gather(_, a, b)
        | Prim.ScatterAdd(_, _, a, b) -> [| a; b |]
        | Prim.Select(c, a, b) -> [| c; a; b |]
        | Prim.Concat(_, xs) -> xs

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
        | Prim.Reshape _ -> "reshape"
        | Prim.Permute _ -> "permute"
        | Prim.Expand _ -> "expand"
        | Prim.Slice _ -> "slice"
        | Prim.Embed _ -> "embed"
        | Prim.Concat _ -> "concat"
        | Prim.MatMul _ -> "matmul"
        | Prim.Gather _ -> "gather"
        | Prim.ScatterAdd _ -> "scatteradd"
        | Prim.StopGradient _ -> "stopgradient"
        | Prim.Variable _ -> "variable"
