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
            Fail.shape
                $"reshape: {x.Shape.Size} elements of shape {x.Shape} do not divide into {Text.bracketed shape}"

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

    let private arg op operation axis (x: Tensor) =
        let axis = Shape.axis operation x.Shape axis
        let kept = Graph.make (Prim.Arg(op, axis, x.Node))
        Tensor(Build.reshape (Shape.dropAxes [| axis |] x.Shape) kept)

    /// The position of the largest element along an axis; the first of several.
    let argmax axis x = arg ArgOp.ArgMax "argmax" axis x

    /// The position of the smallest element along an axis; the first of several.
    let argmin axis x = arg ArgOp.ArgMin "argmin" axis x

    /// The variance along axes, which stay with size 1: the mean square of the centred elements, with `n -
    /// correction` for `n`.
    let private varAxesKeep correction axes (x: Tensor) =
        let centred = x - meanAxesKeep axes x
        let n = count "var" axes x - correction
        sumAxesKeep axes (square centred) / float (max 0 n)

    /// The variance along axes; `correction` 1 divides by `n - 1` (the sample's), 0 by `n`.
    let var correction axes x =
        varAxesKeep correction axes x |> drop "var" axes

    /// The standard deviation along axes; `correction` 1 divides by `n - 1` (the sample's), 0 by `n`.
    let std correction axes x = sqrt (var correction axes x)

    /// `log (sum (exp x))` along an axis, which stays with size 1; shifted by the row's own maximum, so that
    /// nothing overflows.
    let logSumExpKeep axis (x: Tensor) =
        let top = stopGradient (amaxAxesKeep [ axis ] x)
        // An infinite maximum must not be subtracted from itself.
        let shift = where (lt (abs top) (full x.DType [] infinity)) top (zerosLike top)
        log (sumAxesKeep [ axis ] (exp (x - shift))) + shift

    /// `log (sum (exp x))` along an axis.
    let logSumExp axis x =
        logSumExpKeep axis x |> drop "logsumexp" [ axis ]

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

    /// `result[i, j] = x[i, index[i, j]]` for axis 1, and so on: `index` has the rank of `x` and may differ
    /// in size on `axis` alone.
    let gather axis (index: Tensor) (x: Tensor) =
        if index.Rank <> x.Rank then
            Fail.shape $"gather: index {index.Shape} and source {x.Shape} need equal ranks"

        make (Prim.Gather(Shape.axis "gather" x.Shape axis, x.Node, index.Node))

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
