namespace FunctionalDL.Core

open System
open System.Runtime.InteropServices

/// Operations on tensors. The tensor comes last, so that they chain: `x |> Tensor.relu |> Tensor.sum`.
/// Negative axes count from the end. Two operands broadcast; their types meet in the wider one.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Tensor =

    let private node (x: Tensor) = x.Node
    let private make prim = Tensor.Make prim

    // ---- creation ----------------------------------------

    let private ofElements<'t when 't: struct and 't: (new: unit -> 't) and 't :> ValueType>
        dtype
        shape
        (values: 't[])
        =
        let tensorType = {
            DType = dtype
            Shape = Shape.ofList shape
        }

        let bytes = MemoryMarshal.AsBytes(ReadOnlySpan values)
        Tensor(Graph.stored (HostStorage.ofSpan tensorType bytes))

    /// A float32 tensor of `shape` with a copy of the values, row-major. Raises ShapeException when the count
    /// differs.
    let ofFloat32s shape (values: float32[]) = ofElements DType.Float32 shape values

    /// A float64 tensor of `shape` with a copy of the values.
    let ofFloats shape (values: float[]) = ofElements DType.Float64 shape values

    /// An int64 tensor of `shape` with a copy of the values: labels, indices.
    let ofInt64s shape (values: int64[]) = ofElements DType.Int64 shape values

    /// An int32 tensor of `shape` with a copy of the values.
    let ofInt32s shape (values: int32[]) = ofElements DType.Int32 shape values

    /// A uint8 tensor of `shape` with a copy of the values: the bytes of pictures.
    let ofBytes shape (values: uint8[]) = ofElements DType.UInt8 shape values

    /// A bool tensor of `shape` with a copy of the values.
    let ofBools shape (values: bool[]) = ofElements DType.Bool shape values

    /// A tensor over elements in an engine's memory.
    let ofStorage (storage: Storage) = Tensor(Graph.stored storage)

    /// A tensor of `shape` filled with `value`, of type `dtype`.
    let full dtype shape (value: float) =
        make (Prim.Constant(Literal.ofFloat dtype value, Shape.ofList shape))

    /// A scalar of type float32.
    let scalar (value: float) = full DType.Float32 [] value

    /// Zeros of type float32.
    let zeros shape = full DType.Float32 shape 0.0

    /// Ones of type float32.
    let ones shape = full DType.Float32 shape 1.0

    /// Zeros of the shape and type of `x`.
    let zerosLike (x: Tensor) = Tensor(Build.zeros x.Node)

    /// Ones of the shape and type of `x`.
    let onesLike (x: Tensor) = Tensor(Build.full 1.0 x.Node)

    /// The whole numbers `0 … count - 1` (int64).
    let arange count = make (Prim.Iota(DType.Int64, count))

    // ---- looking ----------------------------------------

    /// Computes tensors together, on an engine, and remembers their elements.
    let evalOn engine (xs: Tensor seq) =
        Evaluate.realise engine (Seq.map node xs)

    /// Computes tensors together.
    let eval xs = evalOn Cpu.engine xs

    let private storage (x: Tensor) =
        eval [ x ]
        x.Node.Value

    let private read<'t when 't: unmanaged and 't: (new: unit -> 't) and 't: struct and 't :> ValueType>
        dtype
        (x: Tensor)
        =
        Storage.toArray<'t>(storage (Tensor(Build.cast dtype x.Node)))

    /// The elements as float64, row-major, whatever their type.
    let toFloats (x: Tensor) : float[] = read DType.Float64 x

    /// The elements as float32, row-major.
    let toFloat32s (x: Tensor) : float32[] = read DType.Float32 x

    /// The elements as int64, row-major; real numbers are cut towards zero.
    let toInt64s (x: Tensor) : int64[] = read DType.Int64 x

    /// The elements as bool, row-major: whether each is not zero.
    let toBools (x: Tensor) : bool[] =
        read<uint8> DType.Bool x |> Array.map (fun b -> b <> 0uy)

    /// The elements in an engine's memory, computed.
    let toStorage (x: Tensor) = storage x

    /// The only element, as float64. Raises ShapeException for more or fewer than one.
    let item (x: Tensor) =
        if x.Shape.Size <> 1 then
            Fail.shape
                $"item: shape {x.Shape} has {x.Shape.Size} elements; it needs exactly one: reduce it first"

        (toFloats x)[0]

    // ---- elementwise ----------------------------------------

    let private unary op x = make (Prim.Unary(op, node x))

    /// `-x`.
    let neg x = unary UnaryOp.Neg x

    /// `|x|`; its derivative at 0 is 0.
    let abs x = unary UnaryOp.Abs x

    /// -1, 0 or 1; its derivative is 0.
    let sign x = unary UnaryOp.Sign x

    /// The square root.
    let sqrt x = unary UnaryOp.Sqrt x

    /// The square root of what is not negative, with slope 0 at 0: a length or a deviation of 0 does not move
    /// either way.
    let internal rootOfSquares (x: Tensor) =
        // Both sides of the choice stay finite: an infinite slope times 0 would be NaN.
        let isZero = Build.compare CompareOp.Equal x.Node (Build.zeros x.Node)
        let safe = make (Prim.Select(isZero, Build.full 1.0 x.Node, x.Node))
        make (Prim.Select(isZero, Build.zeros x.Node, node (sqrt safe)))

    /// `e` to the power of `x`.
    let exp x = unary UnaryOp.Exp x

    /// `exp x - 1`, exact near 0.
    let expm1 x = unary UnaryOp.Expm1 x

    /// The natural logarithm.
    let log x = unary UnaryOp.Log x

    /// `log (1 + x)`, exact near 0.
    let log1p x = unary UnaryOp.Log1p x

    /// The sine of radians.
    let sin x = unary UnaryOp.Sin x

    /// The cosine of radians.
    let cos x = unary UnaryOp.Cos x

    /// The tangent of radians.
    let tan x = sin x / cos x

    /// The angle in radians of the point `(x, y)`, in (-π, π].
    let atan2 y x = Tensor.Binary(BinaryOp.Atan2, y, x)

    /// The angle in (-π/2, π/2) whose tangent is `x`.
    let atan (x: Tensor) = atan2 x (onesLike x)

    /// The angle in [-π/2, π/2] whose sine is `x`; NaN outside [-1, 1].
    let asin (x: Tensor) = atan2 x (sqrt ((1.0 - x) * (1.0 + x)))

    /// The angle in [0, π] whose cosine is `x`; NaN outside [-1, 1].
    let acos (x: Tensor) = atan2 (sqrt ((1.0 - x) * (1.0 + x))) x

    /// The hyperbolic sine, exact near 0.
    let sinh (x: Tensor) = (expm1 x - expm1 (-x)) / 2.0

    /// The hyperbolic cosine.
    let cosh (x: Tensor) = (exp x + exp (-x)) / 2.0

    /// The number whose hyperbolic tangent is `x`; NaN outside [-1, 1].
    let atanh (x: Tensor) = (log1p x - log1p (-x)) / 2.0

    /// The logarithm to base 2.
    let log2 x = log x / Math.Log 2.0

    /// The logarithm to base 10.
    let log10 x = log x / Math.Log 10.0

    /// `1 / x`.
    let reciprocal (x: Tensor) = 1.0 / x

    /// `1 / sqrt x`.
    let rsqrt (x: Tensor) = 1.0 / sqrt x

    /// The error function.
    let erf x = unary UnaryOp.Erf x

    /// The number whose error function is `x`: infinite at ±1, NaN beyond.
    let erfinv x = unary UnaryOp.Erfinv x

    /// The next whole number below; its derivative is 0.
    let floor x = unary UnaryOp.Floor x

    /// The next whole number above; its derivative is 0.
    let ceil x = unary UnaryOp.Ceil x

    /// The nearest whole number, halves to even; its derivative is 0.
    let round x = unary UnaryOp.Round x

    /// `a` to the power of `b`, element by element.
    let pow a b = Tensor.Binary(BinaryOp.Pow, a, b)

    /// `x` to the power of a number.
    let powScalar (exponent: float) (x: Tensor) = pow x (Tensor.FullLike(x, exponent))

    /// The hyperbolic tangent.
    let tanh x = unary UnaryOp.Tanh x

    /// `1 / (1 + exp (-x))`, without overflow.
    let sigmoid x = unary UnaryOp.Sigmoid x

    /// `x * x`.
    let square (x: Tensor) = x * x

    /// The larger of two, element by element; ties share the derivative evenly, NaN wins.
    let maximum a b = Tensor.Binary(BinaryOp.Maximum, a, b)

    /// The smaller of two, element by element; ties share the derivative evenly, NaN wins.
    let minimum a b = Tensor.Binary(BinaryOp.Minimum, a, b)

    /// Whether `a = b`, element by element.
    let eq a b = Tensor.Compare(CompareOp.Equal, a, b)

    /// Whether `a <> b`, element by element.
    let ne a b =
        Tensor.Compare(CompareOp.NotEqual, a, b)

    /// Whether `a < b`, element by element.
    let lt a b = Tensor.Compare(CompareOp.Less, a, b)

    /// Whether `a <= b`, element by element.
    let le a b =
        Tensor.Compare(CompareOp.LessEqual, a, b)

    /// Whether `a > b`, element by element.
    let gt a b = Tensor.Compare(CompareOp.Greater, a, b)

    /// Whether `a >= b`, element by element.
    let ge a b =
        Tensor.Compare(CompareOp.GreaterEqual, a, b)

    /// The elements as another type. Real numbers become whole ones by cutting towards zero.
    let cast dtype (x: Tensor) = Tensor(Build.cast dtype x.Node)

    /// The same elements, as a constant of every derivative.
    let stopGradient x = make (Prim.StopGradient(node x))

    /// `a` where `condition` holds, else `b`; all three broadcast.
    let where (condition: Tensor) (a: Tensor) (b: Tensor) =
        let dtype = DType.promoteTensors (a.DType, a.Rank) (b.DType, b.Rank)

        let shape =
            Shape.broadcast "where" condition.Shape (Shape.broadcast "where" a.Shape b.Shape)

        let fit dtype (x: Tensor) =
            Tensor.Stretch(shape, Build.cast dtype x.Node)

        make (Prim.Select(fit DType.Bool condition, fit dtype a, fit dtype b))

    /// `x` cut to `low … high`; its derivative at the bounds is 1.
    let clamp (low: float) (high: float) (x: Tensor) =
        let bound (value: float) = Tensor.FullLike(x, value)
        where (lt x (bound low)) (bound low) (where (gt x (bound high)) (bound high) x)

    /// `x` raised to `low` where it is below; its derivative at the bound is 1.
    let clampMin low x = clamp low infinity x

    /// `x` cut to `high` where it is above; its derivative at the bound is 1.
    let clampMax high x = clamp -infinity high x

    /// `a + weight · (b - a)`: `a` for weight 0, `b` for weight 1.
    let lerp (weight: Tensor) (a: Tensor) (b: Tensor) = a + weight * (b - a)

    /// `lerp` by a number, exact at both ends.
    let lerpScalar (weight: float) (a: Tensor) (b: Tensor) =
        let way = b - a

        if weight < 0.5 then
            a + weight * way
        else
            b - (1.0 - weight) * way

    /// `value` where `mask` holds, else `x`.
    let maskedFill (mask: Tensor) (value: float) (x: Tensor) =
        where mask (Tensor.FullLike(x, value)) x

    /// `max(x, 0)`; its derivative at 0 is 0, and NaN stays NaN.
    let relu (x: Tensor) =
        let zero = Build.zeros x.Node
        make (Prim.Select(Build.compare CompareOp.LessEqual x.Node zero, zero, x.Node))

    // ---- shape ----------------------------------------

    /// The same elements under another shape; one size may be -1, which is then worked out.
    let reshape (shape: int list) (x: Tensor) =
        let unknown = shape |> List.filter (fun d -> d = -1) |> List.length
        let known = shape |> List.filter (fun d -> d <> -1) |> List.fold (*) 1

        if unknown > 1 then
            Fail.shape $"reshape: only one size may be -1, of {Text.bracketed shape}"

        if unknown = 1 && (known = 0 || x.Shape.Size % known <> 0) then
            Fail.shape (
                $"reshape: {x.Shape.Size} elements of shape {x.Shape} do not divide into "
                + $"{Text.bracketed shape}"
            )

        let dims = shape |> List.map (fun d -> if d = -1 then x.Shape.Size / known else d)
        Tensor(Build.reshape (Shape.ofList dims) x.Node)

    /// Axis `i` of the result is axis `axes[i]` of `x`.
    let permute (axes: int list) (x: Tensor) =
        if axes.Length <> x.Rank then
            Fail.shape $"permute: {Text.bracketed axes} does not order the axes of {x.Shape}"

        make (Prim.Permute(axes |> List.map (Shape.axis "permute" x.Shape) |> List.toArray, x.Node))

    /// Exchanges two axes.
    let transpose axis0 axis1 (x: Tensor) =
        let a, b =
            Shape.axis "transpose" x.Shape axis0, Shape.axis "transpose" x.Shape axis1

        let order =
            Array.init x.Rank (fun i ->
                if i = a then b
                elif i = b then a
                else i)

        make (Prim.Permute(order, x.Node))

    /// The transpose of a matrix.
    let t (x: Tensor) =
        if x.Rank <> 2 then
            Fail.shape $"t: shape {x.Shape} is not a matrix; use transpose with two axes"

        transpose 0 1 x

    /// A new axis of size 1 before `axis`.
    let unsqueeze axis (x: Tensor) =
        if axis < -x.Rank - 1 || axis > x.Rank then
            Fail.shape $"unsqueeze: axis {axis} does not fit shape {x.Shape}; {-x.Rank - 1} to {x.Rank} do"

        let axis = if axis < 0 then axis + x.Rank + 1 else axis
        Tensor(Build.reshape (Shape.insertAxis axis 1 x.Shape) x.Node)

    /// Drops an axis of size 1; an axis of another size stays.
    let squeeze axis (x: Tensor) =
        if x.Rank = 0 then
            x
        else
            let axis = Shape.axis "squeeze" x.Shape axis

            if x.Shape[axis] <> 1 then
                x
            else
                Tensor(Build.reshape (Shape.dropAxes [| axis |] x.Shape) x.Node)

    /// Stretches axes of size 1, and adds leading ones, to reach `shape`. Nothing is copied.
    let expand (shape: int list) (x: Tensor) =
        let shape = Shape.ofList shape

        if shape.Rank < x.Rank then
            Fail.shape $"expand: shape {x.Shape} has more axes than {shape}"

        Tensor(Tensor.Stretch(shape, x.Node))

    /// All axes from `start` on as one.
    let flatten start (x: Tensor) =
        if x.Rank = 0 then
            reshape [ 1 ] x
        else
            let start = Shape.axis "flatten" x.Shape start
            reshape [ yield! x.Shape.Dims[.. start - 1]; yield -1 ] x

    /// `count` elements of an axis from `start` on. Raises ShapeException when the axis does not have them.
    let narrow axis start count (x: Tensor) =
        let axis = Shape.axis "narrow" x.Shape axis

        let span a size =
            if a = axis then
                {
                    Start = start
                    Step = 1
                    Count = count
                }
            else
                { Start = 0; Step = 1; Count = size }

        make (Prim.Slice(Array.mapi span x.Shape.Dims, x.Node))

    /// Joins tensors along an axis they may differ in.
    let cat axis (xs: Tensor list) =
        match xs with
        | [] -> Fail.shape "cat: there is nothing to join"
        | first :: _ ->
            let dtype = xs |> List.map _.DType |> List.reduce DType.promote
            let nodes = xs |> List.map (fun x -> Build.cast dtype x.Node)
            make (Prim.Concat(Shape.axis "cat" first.Shape axis, List.toArray nodes))

    /// Joins tensors of one shape along a new axis.
    let stack axis (xs: Tensor list) =
        xs |> List.map (unsqueeze axis) |> cat axis

    // ---- reductions ----------------------------------------

    /// Folds the axes (all of them for an empty list); they stay with size 1.
    let private reduceKeep operation op (axes: int list) (x: Tensor) =
        make (Prim.Reduce(op, Shape.axes operation x.Shape axes, x.Node))

    let private drop operation (axes: int list) (x: Tensor) =
        Tensor(Build.reshape (Shape.dropAxes (Shape.axes operation x.Shape axes) x.Shape) x.Node)

    /// Booleans are counted as int64; whole numbers sum in int64.
    let private countable (x: Tensor) =
        match x.DType with
        | DType.Bool
        | DType.UInt8
        | DType.Int32 -> cast DType.Int64 x
        | DType.Int64
        | DType.Float32
        | DType.Float64 -> x

    /// The sum along axes, which stay with size 1.
    let sumAxesKeep axes x =
        reduceKeep "sum" ReduceOp.Sum axes (countable x)

    /// The sum along axes.
    let sumAxes axes (x: Tensor) = sumAxesKeep axes x |> drop "sum" axes

    /// The sum of all elements.
    let sum x = sumAxes [] x

    let private count operation (axes: int list) (x: Tensor) =
        Shape.axes operation x.Shape axes |> Array.fold (fun n a -> n * x.Shape[a]) 1

    /// The mean along axes, which stay with size 1.
    let meanAxesKeep axes (x: Tensor) =
        sumAxesKeep axes x / float (count "mean" axes x)

    /// The mean along axes.
    let meanAxes axes (x: Tensor) = meanAxesKeep axes x |> drop "mean" axes

    /// The mean of all elements.
    let mean x = meanAxes [] x

    /// The largest element along axes, which stay with size 1; ties share the derivative evenly.
    let amaxAxesKeep axes x = reduceKeep "amax" ReduceOp.Max axes x

    /// The largest element along axes; ties share the derivative evenly.
    let amaxAxes axes x = amaxAxesKeep axes x |> drop "amax" axes

    /// The largest of all elements; ties share the derivative evenly.
    let amax x = amaxAxes [] x

    /// The smallest element along axes, which stay with size 1; ties share the derivative evenly.
    let aminAxesKeep axes x = reduceKeep "amin" ReduceOp.Min axes x

    /// The smallest element along axes; ties share the derivative evenly.
    let aminAxes axes x = aminAxesKeep axes x |> drop "amin" axes

    /// The smallest of all elements; ties share the derivative evenly.
    let amin x = aminAxes [] x

    /// The product along axes, which stay with size 1; its derivative does not divide by elements, which may
    /// be 0.
    let prodAxesKeep axes x =
        reduceKeep "prod" ReduceOp.Product axes (countable x)

    /// The product along axes; its derivative does not divide by elements, which may be 0.
    let prodAxes axes x = prodAxesKeep axes x |> drop "prod" axes

    /// The product of all elements.
    let prod x = prodAxes [] x

    /// The sum of the elements up to each place of an axis.
    let cumsum axis (x: Tensor) =
        make (Prim.Recurrence(Shape.axis "cumsum" x.Shape axis, node (onesLike x), node x))

    /// The product of the elements up to each place of an axis.
    let cumprod axis (x: Tensor) =
        let axis = Shape.axis "cumprod" x.Shape axis
        let isFirst = Build.isFirst axis x.Node
        let zero = Build.zeros x.Node
        // The first element starts the run; after it each step multiplies.
        make (Prim.Recurrence(axis, Build.select isFirst zero x.Node, Build.select isFirst x.Node zero))

    /// The positions that sort an axis; equal elements keep their order, NaN counts as largest.
    let argsort axis descending (x: Tensor) =
        make (Prim.ArgSort(Shape.axis "argsort" x.Shape axis, descending, x.Node))

    let private arg op operation axis (x: Tensor) =
        let axis = Shape.axis operation x.Shape axis
        let kept = Graph.make (Prim.Arg(op, axis, x.Node))
        Tensor(Build.reshape (Shape.dropAxes [| axis |] x.Shape) kept)

    /// The position of the largest element along an axis; the first of several.
    let argmax axis x = arg ArgOp.ArgMax "argmax" axis x

    /// The position of the smallest element along an axis; the first of several.
    let argmin axis x = arg ArgOp.ArgMin "argmin" axis x

    /// The variance along axes, which stay with size 1: the mean square of the centred elements, with `n -
    /// correction` for `n`. NaN when that is 0.
    let varAxesKeep correction axes (x: Tensor) =
        let centred = x - meanAxesKeep axes x
        let n = count "var" axes x - correction
        sumAxesKeep axes (square centred) / float (max 0 n)

    /// The variance along axes; `correction` 1 divides by `n - 1` (the sample's), 0 by `n`.
    let var correction axes x =
        varAxesKeep correction axes x |> drop "var" axes

    /// The standard deviation along axes, which stay with size 1; its derivative is 0 where it is 0.
    let stdAxesKeep correction axes x =
        rootOfSquares (varAxesKeep correction axes x)

    /// The standard deviation along axes; `correction` 1 divides by `n - 1` (the sample's), 0 by `n`. Its
    /// derivative is 0 where it is 0.
    let std correction axes x =
        stdAxesKeep correction axes x |> drop "std" axes

    /// `log (sum (exp x))` along axes (all of them for an empty list), which stay with size 1; shifted by the
    /// largest element, so that nothing overflows. -inf for elements that are all -inf, inf where one is.
    let logSumExpAxesKeep axes (x: Tensor) =
        let top = stopGradient (amaxAxesKeep axes x)
        // An infinite maximum must not be subtracted from itself.
        let shift = where (lt (abs top) (full x.DType [] infinity)) top (zerosLike top)
        log (sumAxesKeep axes (exp (x - shift))) + shift

    /// `log (sum (exp x))` along axes (all of them for an empty list).
    let logSumExpAxes axes x =
        logSumExpAxesKeep axes x |> drop "logsumexp" axes

    /// `log (sum (exp x))` along an axis, which stays with size 1.
    let logSumExpKeep axis x = logSumExpAxesKeep [ axis ] x

    /// `log (sum (exp x))` along an axis.
    let logSumExp axis x = logSumExpAxes [ axis ] x

    /// `x - log (sum (exp x))` along an axis: the logarithms of probabilities that sum to 1.
    let logSoftmax axis (x: Tensor) =
        let centred = x - stopGradient (amaxAxesKeep [ axis ] x)
        centred - log (sumAxesKeep [ axis ] (exp centred))

    /// `exp x / sum (exp x)` along an axis: probabilities that sum to 1.
    let softmax axis (x: Tensor) =
        let e = exp (x - stopGradient (amaxAxesKeep [ axis ] x))
        e / sumAxesKeep [ axis ] e

    // ---- products and picking ----------------------------------------

    /// The matrix product, as PyTorch has it: vectors are rows on the left and columns on the right, leading
    /// axes are a batch and broadcast. `[batch; m; k] · [batch; k; n] -> [batch; m; n]`.
    let matmul (a: Tensor) (b: Tensor) =
        if a.Rank = 0 || b.Rank = 0 then
            Fail.shape $"matmul: operands are {a.Shape} and {b.Shape}; they need at least one axis each"

        let left = if a.Rank = 1 then unsqueeze 0 a else a
        let right = if b.Rank = 1 then unsqueeze 1 b else b
        let batchOf (x: Tensor) = Shape x.Shape.Dims[.. x.Rank - 3]

        let batch =
            if (batchOf left).Equals(batchOf right) then
                batchOf left
            else
                Shape.broadcast $"matmul of {a.Shape} and {b.Shape}" (batchOf left) (batchOf right)

        let dtype = DType.promote a.DType b.DType

        let fit (x: Tensor) =
            Tensor.Stretch(
                Shape(Array.append batch.Dims x.Shape.Dims[x.Rank - 2 ..]),
                Build.cast dtype x.Node
            )

        let product = make (Prim.MatMul(fit left, fit right))
        let product = if a.Rank = 1 then squeeze -2 product else product
        if b.Rank = 1 then squeeze -1 product else product

    /// `x · weightᵀ + bias`: `[…; inFeatures] -> […; outFeatures]`, with `weight` `[outFeatures;
    /// inFeatures]`.
    let linear (weight: Tensor) (bias: Tensor option) (x: Tensor) =
        if weight.Rank <> 2 || x.Rank = 0 || x.Shape[-1] <> weight.Shape[1] then
            Fail.shape (
                $"linear: input {x.Shape} does not fit weight {weight.Shape}: "
                + "its last axis needs the weight's second size"
            )

        let product = matmul x (t weight)

        match bias with
        | Some bias -> product + bias
        | None -> product

    /// `x` cut to the sizes of `index` on all axes but one.
    let private fitTo operation axis (index: Tensor) (x: Tensor) =
        if index.Rank <> x.Rank then
            Fail.shape $"{operation}: index {index.Shape} and source {x.Shape} need equal ranks"

        let cut (x: Tensor) other =
            let size = index.Shape[other]

            if other = axis || size = x.Shape[other] then
                x
            elif size > x.Shape[other] then
                Fail.shape (
                    $"{operation}: index {index.Shape} has {size} places at axis {other} "
                    + $"and source {x.Shape} only {x.Shape[other]}"
                )
            else
                narrow other 0 size x

        Seq.fold cut x (seq { 0 .. x.Rank - 1 })

    /// `result[i, j] = x[i, index[i, j]]` for axis 1, and so on: `index` (whole numbers) has the rank of `x`,
    /// any size on `axis`, and no more than the size of `x` elsewhere. Raises ShapeException when it does not
    /// fit, ValueException, when evaluated, for an index that leaves the axis.
    let gather axis (index: Tensor) (x: Tensor) =
        let axis = Shape.axis "gather" x.Shape axis
        make (Prim.Gather(axis, (fitTo "gather" axis index x).Node, index.Node))

    /// The elements of an axis in order, and where each came from.
    let sort axis descending (x: Tensor) : Tensor * Tensor =
        let order = argsort axis descending x
        gather axis order x, order

    /// The `count` largest (or smallest) elements of an axis in order, and where each came from.
    let topk count axis largest (x: Tensor) : Tensor * Tensor =
        let order = argsort axis largest x |> narrow axis 0 count
        gather axis order x, order

    /// The transpose of `gather`: zeros with `length` places on `axis`, with each element of `x` added at its
    /// index.
    let scatterAdd axis length (index: Tensor) (x: Tensor) =
        make (Prim.ScatterAdd(Shape.axis "scatterAdd" x.Shape axis, length, x.Node, index.Node))

    /// The elements of an axis at the positions `index` (one axis, whole numbers), in that order; repeated
    /// ones are repeated.
    let indexSelect axis (index: Tensor) (x: Tensor) =
        if index.Rank <> 1 then
            Fail.shape $"indexSelect: the index has shape {index.Shape}; it needs one axis"

        let axis = Shape.axis "indexSelect" x.Shape axis
        let along = Array.init x.Rank (fun a -> if a = axis then index.Shape[0] else 1)

        let shape =
            Array.init x.Rank (fun a -> if a = axis then index.Shape[0] else x.Shape[a])

        let stretched = Build.expand (Shape shape) (Build.reshape (Shape along) index.Node)
        make (Prim.Gather(axis, x.Node, stretched))

    /// 1 at each class, 0 elsewhere (int64): `[…] -> […; classes]`. A class outside `0 … classes - 1` gives
    /// zeros alone.
    let oneHot classes (index: Tensor) =
        eq (unsqueeze -1 index) (arange classes) |> cast DType.Int64

    // ---- windows and parts ----------------------------------------

    /// All windows of `size` elements, `dilation` apart, that start every `step` places of an axis; a new
    /// last axis holds the elements of each. Nothing is copied.
    let unfold axis size step dilation (x: Tensor) =
        make (Prim.Windows(Shape.axis "unfold" x.Shape axis, size, step, dilation, x.Node))

    /// The elements of each axis in reverse order.
    let flip (axes: int list) (x: Tensor) =
        axes
        |> List.map (Shape.axis "flip" x.Shape)
        |> List.fold (fun node axis -> Build.flip axis node) x.Node
        |> Tensor

    /// The elements `start, start + step, …` before `stop` of an axis. Negative positions count from the end,
    /// as in Python; what lies outside is left out. Raises OptionException for a step of 0.
    let slice axis (start: int) (stop: int) (step: int) (x: Tensor) =
        if step = 0 then
            Fail.option "slice: the step is 0; it needs to move"

        let axis = Shape.axis "slice" x.Shape axis
        let size = x.Shape[axis]

        let place low high i =
            (if i < 0 then i + size else i) |> max low |> min high

        let first, last =
            if step > 0 then
                place 0 size start, place 0 size stop
            else
                place -1 (size - 1) start, place -1 (size - 1) stop

        let count = max 0 ((last - first + step - Math.Sign step) / step)

        let span a n =
            if a = axis then
                {
                    Start = (if count = 0 then 0 else first)
                    Step = step
                    Count = count
                }
            else
                { Start = 0; Step = 1; Count = n }

        make (Prim.Slice(Array.mapi span x.Shape.Dims, x.Node))

    /// The elements of an axis moved by `shift` places; those that leave at one end come back at the other.
    let roll (shift: int) axis (x: Tensor) =
        let size = x.Shape[Shape.axis "roll" x.Shape axis]
        let at = if size = 0 then 0 else ((-shift % size) + size) % size
        cat axis [ narrow axis at (size - at) x; narrow axis 0 at x ]

    /// `x` beside itself, `counts[i]` times along axis `i`; leading axes may be new.
    let repeat (counts: int list) (x: Tensor) =
        if counts.Length < x.Rank then
            Fail.shape $"repeat: {Text.bracketed counts} has fewer numbers than {x.Shape} has axes"

        let aligned =
            reshape (List.replicate (counts.Length - x.Rank) 1 @ List.ofArray x.Shape.Dims) x

        counts
        |> List.indexed
        |> List.fold (fun x (axis, n) -> if n = 1 then x else cat axis (List.replicate n x)) aligned

    let private placesOf operation (x: Tensor) =
        if x.Rank < 2 then
            Fail.shape $"{operation}: shape {x.Shape} has no matrices; it needs two axes or more"

        let places size along = arange size |> unsqueeze along
        places x.Shape[-2] 1, places x.Shape[-1] 0

    /// The lower triangle of matrices: elements above the diagonal number `diagonal` are 0.
    let tril (diagonal: int) (x: Tensor) =
        let row, column = placesOf "tril" x
        where (le column (row + diagonal)) x (zerosLike x)

    /// The upper triangle of matrices: elements below the diagonal number `diagonal` are 0.
    let triu (diagonal: int) (x: Tensor) =
        let row, column = placesOf "triu" x
        where (ge column (row + diagonal)) x (zerosLike x)

    /// Diagonal number `offset` of matrices, as a last axis.
    let diagonal (offset: int) (x: Tensor) =
        let rows, columns = x.Shape[-2], x.Shape[-1]
        let top, left = max 0 -offset, max 0 offset
        let count = max 0 (min (rows - top) (columns - left))
        // Along the diagonal of a matrix read row by row, neighbours are one row and one column apart.
        let picked: Tensor = (arange count + top) * columns + (arange count + left)

        reshape [ yield! x.Shape.Dims[.. x.Rank - 3]; rows * columns ] x
        |> indexSelect -1 picked

    /// The identity matrix (float32).
    let eye size =
        eq (arange size |> unsqueeze 1) (arange size) |> cast DType.Float32

    /// `count` numbers from `start` to `stop`, both included, evenly spaced (float32).
    let linspace (start: float) (stop: float) count =
        let step =
            if count < 2 then
                0.0
            else
                (stop - start) / float (count - 1)

        let place = cast DType.Float64 (arange count)
        // The second half is counted from the end, so that both ends are exact.
        where
            (lt place (full DType.Float64 [] (float count / 2.0)))
            (place * step + start)
            (stop - (float count - 1.0 - place) * step)
        |> cast DType.Float32
