/// One row for each primitive: functions made of it through the public interface, with inputs on which they are smooth.
/// Derivatives, `vmap`, compiled runs and the printed form are checked on every row. A union case without a row does not
/// compile.
module FunctionalDL.Tests.PrimTable

open System
open FSharp.Reflection
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// A function of float64 tensors, and inputs inside its domain, away from kinks.
type Case = {
    Inputs: (int list * float[]) list
    Apply: Tensor list -> Tensor
}

type Row = {
    /// The name that messages and printed graphs use.
    Name: string
    /// A case for each state of the generator: shapes and metadata differ from one to the next.
    Case: Random -> Case
}

// ---- shapes and domains ------------------------------------------------------------------------------------------

/// Small shapes with scalars, axes of size 1 and primes among them.
let private anyShape rng =
    oneOf rng [ []; [ 1 ]; [ 5 ]; [ 3; 1 ]; [ 1; 7 ]; [ 2; 3 ]; [ 2; 1; 3 ]; [ 3; 2; 2 ] ]

/// Shapes with at least one axis.
let private axisShape rng =
    oneOf rng [ [ 1 ]; [ 5 ]; [ 3; 1 ]; [ 1; 7 ]; [ 2; 3 ]; [ 2; 1; 3 ]; [ 3; 2; 2 ] ]

let private one (shape: int list) values apply = {
    Inputs = [ shape, values ]
    Apply =
        function
        | [ x ] -> apply x
        | xs -> invalidArg (nameof xs) "one input"
}

let private two first second apply = {
    Inputs = [ first; second ]
    Apply =
        function
        | [ a; b ] -> apply a b
        | xs -> invalidArg (nameof xs) "two inputs"
}

/// Either sign, no closer to 0 than `low`.
let private awayFromZero (rng: Random) low high shape =
    uniform rng low high shape
    |> Array.map (fun x -> if rng.Next 2 = 0 then x else -x)

/// Whole numbers with something from [low, high] added: no closer to a step than that is to it.
let private betweenSteps (rng: Random) low high shape =
    uniform rng low high shape |> Array.map (fun x -> float (rng.Next(-2, 3)) + x)

/// Some of the elements, often none, are 0.
let private withZeros (rng: Random) (values: float[]) =
    let zeros = rng.Next 3
    let places = Array.init zeros (fun _ -> rng.Next(max 1 values.Length))
    values |> Array.mapi (fun i x -> if Array.contains i places then 0.0 else x)

let private constants (rng: Random) shape =
    Tensor.ofFloats shape (uniform rng -2.0 2.0 shape)

// ---- rows of functions of elements -------------------------------------------------------------------------------

let private unaryRow op : Random -> Case =
    let within low high f rng =
        let shape = anyShape rng
        one shape (uniform rng low high shape) f

    match op with
    | UnaryOp.Neg -> within -2.0 2.0 Tensor.neg
    | UnaryOp.Abs ->
        fun rng ->
            let shape = anyShape rng
            one shape (awayFromZero rng 0.25 2.0 shape) Tensor.abs
    | UnaryOp.Sign ->
        fun rng ->
            let shape = anyShape rng
            one shape (awayFromZero rng 0.25 2.0 shape) Tensor.sign
    // The five-point difference is off by h⁴/30 of the fifth derivative: 105/32 x^-4.5 here, and 24 x^-5 for log.
    | UnaryOp.Sqrt -> within 0.5 4.0 Tensor.sqrt
    | UnaryOp.Exp -> within -2.0 2.0 Tensor.exp
    | UnaryOp.Expm1 -> within -2.0 2.0 Tensor.expm1
    | UnaryOp.Log -> within 0.5 4.0 Tensor.log
    | UnaryOp.Log1p -> within -0.5 4.0 Tensor.log1p
    | UnaryOp.Sin -> within -3.0 3.0 Tensor.sin
    | UnaryOp.Cos -> within -3.0 3.0 Tensor.cos
    | UnaryOp.Tanh -> within -2.0 2.0 Tensor.tanh
    | UnaryOp.Sigmoid -> within -3.0 3.0 Tensor.sigmoid
    | UnaryOp.Erf -> within -2.0 2.0 Tensor.erf
    | UnaryOp.Erfinv -> within -0.5 0.5 Tensor.erfinv
    | UnaryOp.Floor ->
        fun rng ->
            let shape = anyShape rng
            one shape (betweenSteps rng 0.25 0.75 shape) Tensor.floor
    | UnaryOp.Ceil ->
        fun rng ->
            let shape = anyShape rng
            one shape (betweenSteps rng 0.25 0.75 shape) Tensor.ceil
    | UnaryOp.Round ->
        fun rng ->
            let shape = anyShape rng
            one shape (betweenSteps rng -0.25 0.25 shape) Tensor.round

/// Two shapes that broadcast to one another.
let private shapePair rng =
    oneOf rng [
        [], []
        [ 4 ], []
        [], [ 2; 3 ]
        [ 2; 3 ], [ 2; 3 ]
        [ 3; 1 ], [ 1; 4 ]
        [ 2; 1; 3 ], [ 5; 1 ]
        [ 1 ], [ 3 ]
    ]

let private pair (rng: Random) low high f =
    let a, b = shapePair rng
    two (a, uniform rng low high a) (b, uniform rng low high b) f

/// Two operands none of whose elements meet: one on even and one on odd sixteenths.
let private untied (rng: Random) f =
    let a, b = shapePair rng
    let odd = uniform rng -2.0 2.0 b |> Array.map (fun x -> coarse x + 0.0625)
    two (a, uniform rng -2.0 2.0 a |> Array.map coarse) (b, odd) f

/// Positive bases with any exponents, among them those that kernels compute in other ways; bases of either
/// sign with whole exponents, which are constants.
let private powCase (rng: Random) =
    let a, b = shapePair rng
    let bases = uniform rng 0.75 2.0 a

    match rng.Next 3 with
    | 0 -> two (a, bases) (b, uniform rng -1.0 3.0 b) Tensor.pow
    | 1 ->
        let usual =
            Array.init (elements b) (fun _ -> oneOf rng [ -1.0; 0.0; 0.5; 1.0; 2.0; 3.0 ])

        two (a, bases) (b, usual) Tensor.pow
    | _ ->
        let exponent = oneOf rng [ -2.0; -1.0; 0.0; 1.0; 2.0; 3.0; 4.0 ]
        one a (awayFromZero rng 0.75 2.0 a) (Tensor.powScalar exponent)

let private binaryRow op : Random -> Case =
    match op with
    | BinaryOp.Add -> fun rng -> pair rng -2.0 2.0 (+)
    | BinaryOp.Sub -> fun rng -> pair rng -2.0 2.0 (-)
    | BinaryOp.Mul -> fun rng -> pair rng -2.0 2.0 (*)
    | BinaryOp.Div ->
        fun rng ->
            let a, b = shapePair rng
            two (a, uniform rng -2.0 2.0 a) (b, awayFromZero rng 0.75 2.0 b) (/)
    | BinaryOp.Maximum -> fun rng -> untied rng Tensor.maximum
    | BinaryOp.Minimum -> fun rng -> untied rng Tensor.minimum
    | BinaryOp.Pow -> powCase
    | BinaryOp.Atan2 ->
        // Away from the origin, and from the half-line where the angle jumps.
        fun rng ->
            let a, b = shapePair rng
            two (a, awayFromZero rng 0.75 2.0 a) (b, awayFromZero rng 0.75 2.0 b) Tensor.atan2

let private compareRow op : Random -> Case =
    let compare =
        match op with
        | CompareOp.Equal -> Tensor.eq
        | CompareOp.NotEqual -> Tensor.ne
        | CompareOp.Less -> Tensor.lt
        | CompareOp.LessEqual -> Tensor.le
        | CompareOp.Greater -> Tensor.gt
        | CompareOp.GreaterEqual -> Tensor.ge

    // The truth is a constant of the derivative: what it is multiplied with is not.
    fun rng -> untied rng (fun a b -> Tensor.cast DType.Float64 (compare a b) * a + b)

// ---- rows of folds -----------------------------------------------------------------------------------------------

let private someAxes (rng: Random) (shape: int list) =
    match [ 0 .. shape.Length - 1 ] |> List.filter (fun _ -> rng.Next 2 = 0) with
    | [] -> [ rng.Next shape.Length ]
    | axes -> axes

let private reduceRow op : Random -> Case =
    fun rng ->
        let shape = axisShape rng
        let axes = someAxes rng shape

        match op with
        | ReduceOp.Sum -> one shape (uniform rng -2.0 2.0 shape) (Tensor.sumAxes axes)
        | ReduceOp.Max -> one shape (distinct rng shape) (Tensor.amaxAxes axes)
        | ReduceOp.Min -> one shape (distinct rng shape) (Tensor.aminAxes axes)
        | ReduceOp.Product -> one shape (uniform rng -1.5 1.5 shape |> withZeros rng) (Tensor.prodAxes axes)

let private argRow op : Random -> Case =
    let arg =
        match op with
        | ArgOp.ArgMax -> Tensor.argmax
        | ArgOp.ArgMin -> Tensor.argmin

    fun rng ->
        let shape = axisShape rng
        let axis = rng.Next shape.Length

        one shape (distinct rng shape) (fun x ->
            x * Tensor.cast DType.Float64 (Tensor.unsqueeze axis (arg axis x)))

let private recurrenceCase (rng: Random) =
    let shape = axisShape rng
    let axis = rng.Next shape.Length

    if rng.Next 3 = 0 then
        one shape (uniform rng -2.0 2.0 shape) (Tensor.cumsum axis)
    else
        one shape (uniform rng -1.5 1.5 shape |> withZeros rng) (Tensor.cumprod axis)

/// As for `argRow`, the positions are a constant of the derivative.
let private argSortCase (rng: Random) =
    let shape = axisShape rng
    let axis, descending = rng.Next shape.Length, rng.Next 2 = 0

    one shape (distinct rng shape) (fun x -> x * Tensor.cast DType.Float64 (Tensor.argsort axis descending x))

/// The same, for windows of planes.
let private argWindowCase (rng: Random) =
    let shape = [ 1 + rng.Next 2; 2; 3 + rng.Next 4; 3 + rng.Next 4 ]

    let options = {
        Pooling.maxDefaults with
            Stride = [ 1 + rng.Next 3; 1 + rng.Next 3 ]
            Padding = [ rng.Next 2; rng.Next 2 ]
    }

    one shape (distinct rng shape) (fun x ->
        let largest, places = Pooling.maxWithIndices options [ 3; 2 ] x
        largest * Tensor.cast DType.Float64 places)

// ---- rows of movements -------------------------------------------------------------------------------------------

let private narrowing (rng: Random) (shape: int list) =
    let axis = rng.Next shape.Length
    let start = rng.Next shape[axis]
    axis, start, 1 + rng.Next(shape[axis] - start)

let private concatCase (rng: Random) =
    let axis = rng.Next 2

    let shapes =
        if axis = 0 then
            [ [ 1; 3 ]; [ 2; 3 ]; [ 0; 3 ] ]
        else
            [ [ 2; 2 ]; [ 2; 1 ]; [ 2; 3 ] ]

    {
        Inputs = shapes |> List.map (fun s -> s, uniform rng -2.0 2.0 s)
        Apply = Tensor.cat axis
    }

let private matMulCase rng =
    let a, b =
        oneOf rng [
            [ 3 ], [ 3 ]
            [ 2; 3 ], [ 3 ]
            [ 3 ], [ 3; 2 ]
            [ 2; 3 ], [ 3; 4 ]
            [ 1; 1 ], [ 1; 1 ]
            [ 2; 2; 3 ], [ 2; 3; 1 ]
            [ 2; 1; 2; 3 ], [ 2; 3; 2 ]
        ]

    two (a, uniform rng -2.0 2.0 a) (b, uniform rng -2.0 2.0 b) Tensor.matmul

let private convolutionCase part (rng: Random) =
    let geometry = ConvolutionCases.geometry rng (1 + rng.Next 2) 2
    let a, b = ConvolutionCases.operandsOf part geometry

    two (a, uniform rng -2.0 2.0 a) (b, uniform rng -2.0 2.0 b) (ConvolutionCases.compute part geometry.Spec)

/// Windows along an axis, and how many places they need there: their size, step and dilation.
let private windowsCase (rng: Random) =
    let rank, axis = 1 + rng.Next 2, rng.Next 2
    let axis = axis % rank
    let size, step, dilation = 1 + rng.Next 3, 1 + rng.Next 3, 1 + rng.Next 2
    let covered = (size - 1) * dilation + 1
    let length = covered + rng.Next 5
    let shape = List.init rank (fun a -> if a = axis then length else 2)
    shape, Tensor.unfold axis size step dilation

/// Reached as what transposes windows.
let private overlapCase (rng: Random) =
    let shape, windows = windowsCase rng
    let whole = Tensor.full DType.Float64 shape 0.0
    let parts = dimsOf (windows whole)
    one parts (uniform rng -2.0 2.0 parts) (fun x -> snd (vjp windows whole) x)

/// An index for each element of `shape`, below `length`; repeated ones are likely.
let private indexOf (rng: Random) length shape =
    Tensor.ofInt64s shape (Array.init (elements shape) (fun _ -> int64 (rng.Next length)))

let private gatherCase (rng: Random) =
    let shape = axisShape rng
    let axis = rng.Next shape.Length
    let count = 1 + rng.Next 4
    let index = indexOf rng shape[axis] (List.updateAt axis count shape)
    one shape (uniform rng -2.0 2.0 shape) (Tensor.gather axis index)

let private scatterCase (rng: Random) =
    let shape = axisShape rng
    let axis = rng.Next shape.Length
    let length = 1 + rng.Next 5
    let index = indexOf rng length shape
    one shape (uniform rng -2.0 2.0 shape) (Tensor.scatterAdd axis length index)

let private movementCase (move: Random -> int list -> Tensor -> Tensor) (rng: Random) =
    let shape = axisShape rng
    one shape (uniform rng -2.0 2.0 shape) (move rng shape)

let private permutation (rng: Random) rank =
    let axes = Array.init rank id
    rng.Shuffle axes
    List.ofArray axes

// ---- rows of matrices --------------------------------------------------------------------------------------------

let private squareShape rng =
    oneOf rng [ [ 1; 1 ]; [ 2; 2 ]; [ 3; 3 ]; [ 4; 4 ]; [ 2; 3; 3 ]; [ 2; 1; 2; 2 ] ]

let private plusIdentity factor (x: Tensor) =
    x + factor * Tensor.cast DType.Float64 (Tensor.eye x.Shape[-1])

/// Positive definite for every `x`, with no eigenvalue below 2.
let private definite (x: Tensor) =
    plusIdentity 2.0 (Tensor.matmul x (Tensor.transpose -2 -1 x))

/// Its diagonal is larger than the rest of a row together, for `x` in [-0.75, 0.75] and up to four rows: far
/// from singular.
let private dominant (x: Tensor) = plusIdentity 4.0 x

let private matrix f (rng: Random) =
    let shape = squareShape rng
    one shape (uniform rng -0.75 0.75 shape) f

let private system solve (rng: Random) =
    let shape = squareShape rng
    let right = List.updateAt (shape.Length - 1) (1 + rng.Next 3) shape

    two (shape, uniform rng -0.75 0.75 shape) (right, uniform rng -2.0 2.0 right) (fun a b ->
        solve (dominant a) b)

// ---- the table ---------------------------------------------------------------------------------------------------

/// The row of a primitive (only its case, and its operation where it has one, are looked at). Exhaustive, without a
/// wildcard: whoever adds a primitive is sent here by the compiler.
let rowOf (prim: Prim<int>) : Row =
    let case: Random -> Case =
        match prim with
        | Prim.Constant _ ->
            fun rng ->
                let shape = anyShape rng
                let value = uniform rng -2.0 2.0 []
                one shape (uniform rng -2.0 2.0 shape) (fun x -> x * Tensor.full DType.Float64 shape value[0])
        | Prim.Iota _ ->
            fun rng ->
                let shape = oneOf rng [ [ 1 ]; [ 5 ]; [ 2; 3 ] ]
                let count = List.last shape

                one shape (uniform rng -2.0 2.0 shape) (fun x ->
                    x * Tensor.cast DType.Float64 (Tensor.arange count))
        | Prim.Random _ ->
            fun rng ->
                let shape = anyShape rng
                let key = Key.ofSeed (rng.NextInt64())
                one shape (uniform rng -2.0 2.0 shape) (fun x -> x * Key.uniform DType.Float64 shape key)
        | Prim.Unary(op, _) -> unaryRow op
        | Prim.Binary(op, _, _) -> binaryRow op
        | Prim.Compare(op, _, _) -> compareRow op
        | Prim.Select _ ->
            fun rng ->
                let a, b = shapePair rng
                let mask = Tensor.ofBools [ 1 ] [| rng.Next 2 = 0 |]
                let masks = Tensor.gt (constants rng a) (Tensor.zerosLike (constants rng a))
                let condition = if rng.Next 2 = 0 then mask else masks

                two (a, uniform rng -2.0 2.0 a) (b, uniform rng -2.0 2.0 b) (Tensor.where condition)
        | Prim.Cast _ ->
            // Inputs, steps and directions are on grids that float32 holds exactly.
            movementCase (fun _ _ -> Tensor.cast DType.Float32 >> Tensor.cast DType.Float64)
        | Prim.Reduce(op, _, _) -> reduceRow op
        | Prim.Arg(op, _, _) -> argRow op
        | Prim.ArgWindow _ -> argWindowCase
        | Prim.Reshape _ ->
            movementCase (fun rng shape ->
                let count = elements shape
                let shapes = [ [ count ]; [ 1; count ]; [ count; 1 ]; List.rev shape @ [ 1 ] ]
                Tensor.reshape (oneOf rng shapes))
        | Prim.Permute _ ->
            movementCase (fun rng shape ->
                let axes = permutation rng shape.Length
                Tensor.permute axes)
        | Prim.Expand _ ->
            fun rng ->
                let from, target =
                    oneOf rng [
                        [], [ 3 ]
                        [ 1 ], [ 4 ]
                        [ 3; 1 ], [ 3; 2 ]
                        [ 1; 3 ], [ 2; 2; 3 ]
                        [ 2; 1; 1 ], [ 2; 3; 2 ]
                    ]

                one from (uniform rng -2.0 2.0 from) (Tensor.expand target)
        | Prim.Slice _ ->
            movementCase (fun rng shape ->
                let axis, start, count = narrowing rng shape

                match rng.Next 3 with
                | 0 -> Tensor.narrow axis start count
                | 1 -> Tensor.slice axis 0 shape[axis] 2
                // From the last place back to the first.
                | _ -> Tensor.slice axis -1 (-1 - shape[axis]) (-1 - rng.Next 2))
        | Prim.Embed _ ->
            // Reached as what transposes a slice.
            movementCase (fun rng shape ->
                let axis = rng.Next shape.Length
                let start = rng.Next 3
                let whole = List.updateAt axis (shape[axis] + start + rng.Next 2) shape
                let slice = Tensor.narrow axis start shape[axis]
                fun x -> snd (vjp slice (Tensor.full DType.Float64 whole 0.0)) x)
        | Prim.Concat _ -> concatCase
        | Prim.MatMul _ -> matMulCase
        | Prim.Convolution(part, _, _, _) -> convolutionCase part
        | Prim.Gather _ -> gatherCase
        | Prim.ScatterAdd _ -> scatterCase
        | Prim.Recurrence _ -> recurrenceCase
        | Prim.ArgSort _ -> argSortCase
        | Prim.Windows _ ->
            fun rng ->
                let shape, windows = windowsCase rng
                one shape (uniform rng -2.0 2.0 shape) windows
        | Prim.Overlap _ -> overlapCase
        | Prim.Cholesky _ -> matrix (definite >> Linalg.cholesky)
        | Prim.TriangularSolve _ ->
            fun rng ->
                let lower = rng.Next 2 = 0
                system (Linalg.triangularSolve lower) rng
        | Prim.Solve _ -> system Linalg.solve
        | Prim.Determinant _ -> matrix (dominant >> Linalg.det)
        | Prim.StopGradient _ ->
            // What it stops must be no part of a difference: the kinks have the row where it is.
            fun rng ->
                let shape = anyShape rng
                let factor = constants rng shape
                one shape (uniform rng -2.0 2.0 shape) (fun x -> x * Tensor.stopGradient factor)
        | Prim.Variable _ ->
            // A derivative of a derivative is a function like any other.
            fun rng ->
                let shape = anyShape rng
                one shape (uniform rng -2.0 2.0 shape) (fun x -> snd (jvp (fun z -> z * z * z) x x))
        | Prim.Barrier _ ->
            // Reverse mode through a checkpoint makes it: the case is a gradient.
            fun rng ->
                let shape = anyShape rng
                let part = checkpoint (fun z -> Tensor.sin z * z)
                one shape (uniform rng -2.0 2.0 shape) (grad (part >> Tensor.square >> Tensor.sum))
        | Prim.Custom _ ->
            // Reverse mode transposes the forward rule, or takes its own where there is one.
            fun rng ->
                let a, b = shapePair rng
                let value (a: Tensor, b: Tensor) = a * b
                let tangent (a, b) (s: Tensor, t: Tensor) = s * b + a * t
                let cotangent (a: Tensor, b: Tensor) (ct: Tensor) = ct * b, ct * a

                let product =
                    if a = b then
                        Custom.withBoth "product" value tangent cotangent
                    else
                        Custom.withDerivative "product" value tangent

                two (a, uniform rng -2.0 2.0 a) (b, uniform rng -2.0 2.0 b) (fun a b -> product (a, b))

    { Name = Prim.name prim; Case = case }

/// A rule that stands for any, known by the name of its primitive.
let private placeholder (name: string) = {
    new CustomRule(name) with
        override this.ToString() = this.Name
}

/// A value of a type that does not matter, or all values of an enumeration of operations. `case` names what
/// it is for.
let private samples (case: string) (t: Type) : obj list =
    let isOperation =
        FSharpType.IsUnion t
        && FSharpType.GetUnionCases t |> Array.forall (fun c -> c.GetFields().Length = 0)
        && t <> typeof<DType>

    if isOperation then
        [ for case in FSharpType.GetUnionCases t -> FSharpValue.MakeUnion(case, [||]) ]
    elif t = typeof<CustomRule> then
        [ placeholder (case.ToLowerInvariant()) ]
    elif t.IsValueType then
        [ Activator.CreateInstance t ]
    else
        [ null ]

/// Every primitive there is: each case of the union, with each operation where it has one. Its operands and other fields
/// are placeholders.
let everyPrim: Prim<int> list = [
    for case in FSharpType.GetUnionCases typeof<Prim<int>> do
        let choices =
            case.GetFields()
            |> Array.map (fun f -> samples case.Name f.PropertyType)
            |> List.ofArray

        let rec all choices =
            match choices with
            | [] -> [ [] ]
            | first :: rest -> [
                for x in first do
                    for others in all rest -> x :: others
              ]

        for arguments in all choices -> FSharpValue.MakeUnion(case, List.toArray arguments) :?> Prim<int>
]

/// The table.
let rows: Row list = everyPrim |> List.map rowOf

let row name =
    rows |> List.find (fun r -> r.Name = name)

let tensorsOf (case: Case) =
    case.Inputs |> List.map (fun (shape, values) -> Tensor.ofFloats shape values)
