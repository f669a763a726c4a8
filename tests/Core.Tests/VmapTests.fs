/// `vmap` against a loop over the examples: for every primitive, for every choice of mapped arguments, values
/// and gradients.
module FunctionalDL.Tests.VmapTests

open System
open NUnit.Framework
open FSharp.Reflection
open FunctionalDL.Core
open FunctionalDL.Tests.Support

// ---- one row for each primitive ----------------------------------------------------------------------------------

/// One argument of one example.
[<RequireQualifiedAccess>]
type private Input =
    /// Float64 numbers between two bounds.
    | Real of shape: int list * low: float * high: float
    /// Whole numbers from 0 up to, not including, `length`.
    | Index of shape: int list * length: int
    /// A random key.
    | Key

type private Row = {
    Inputs: Input list
    Apply: Tensor list -> Tensor
}

let private real shape = Input.Real(shape, -2.0, 2.0)
let private positive shape = Input.Real(shape, 0.5, 2.0)

let private one input apply = {
    Inputs = [ input ]
    Apply = fun xs -> apply (List.exactlyOne xs)
}

let private two a b apply = {
    Inputs = [ a; b ]
    Apply =
        fun xs ->
            match xs with
            | [ a; b ] -> apply a b
            | other -> invalidArg (nameof xs) $"{other.Length} inputs"
}

/// A matrix that is far from singular.
let private dominant (x: Tensor) =
    x + Tensor.cast DType.Float64 (Tensor.eye x.Shape[-1]) * 6.0

let private unaryRow op =
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
        | UnaryOp.Erfinv -> fun x -> Tensor.erfinv (x / 4.0)
        | UnaryOp.Floor -> Tensor.floor
        | UnaryOp.Ceil -> Tensor.ceil
        | UnaryOp.Round -> Tensor.round

    [ one (positive [ 2; 3 ]) f; one (positive []) f ]

let private binaryRow op =
    let f: Tensor -> Tensor -> Tensor =
        match op with
        | BinaryOp.Add -> (+)
        | BinaryOp.Sub -> (-)
        | BinaryOp.Mul -> (*)
        | BinaryOp.Div -> (/)
        | BinaryOp.Maximum -> Tensor.maximum
        | BinaryOp.Minimum -> Tensor.minimum
        | BinaryOp.Pow -> Tensor.pow
        | BinaryOp.Atan2 -> Tensor.atan2

    [ two (positive [ 2; 3 ]) (positive [ 2; 3 ]) f; two (positive [ 3 ]) (positive []) f ]

let private compareRow op =
    let f =
        match op with
        | CompareOp.Equal -> Tensor.eq
        | CompareOp.NotEqual -> Tensor.ne
        | CompareOp.Less -> Tensor.lt
        | CompareOp.LessEqual -> Tensor.le
        | CompareOp.Greater -> Tensor.gt
        | CompareOp.GreaterEqual -> Tensor.ge

    [ two (Input.Index([ 4 ], 3)) (Input.Index([ 4 ], 3)) f ]

let private reduceRow op =
    let f =
        match op with
        | ReduceOp.Sum -> Tensor.sumAxes
        | ReduceOp.Max -> Tensor.amaxAxes
        | ReduceOp.Min -> Tensor.aminAxes
        | ReduceOp.Product -> Tensor.prodAxes

    [ for axes in [ [ 0 ]; [ 1 ]; [ 0; 2 ]; [] ] -> one (positive [ 2; 3; 2 ]) (f axes) ]

/// All options at once, with one and with two spatial axes, and in one and in two groups.
let private convolutionRow part = [
    for rank in [ 1; 2 ] do
        for groups in [ 1; 2 ] do
            let geometry =
                Seq.initInfinite (fun seed -> ConvolutionCases.geometry (Random seed) rank 3)
                |> Seq.find (fun g -> g.Spec.Groups = groups)

            let a, b = ConvolutionCases.operandsOf part geometry
            two (real a) (real b) (ConvolutionCases.compute part geometry.Spec)
]

/// The rows of a primitive (only its case and its operation are looked at). Exhaustive, without a wildcard:
/// whoever adds a primitive is sent here by the compiler.
let private rowsOf (prim: Prim<int>) : Row list =
    match prim with
    | Prim.Constant _ -> [ one (real [ 2; 3 ]) (fun x -> x * Tensor.full DType.Float64 [ 3 ] 1.5) ]
    | Prim.Iota _ -> [ one (real [ 2; 3 ]) (fun x -> x * Tensor.cast DType.Float64 (Tensor.arange 3)) ]
    | Prim.Random _ -> [
        for dtype in [ DType.Float64; DType.Float32 ] do
            one Input.Key (fun words -> Key.uniform dtype [ 3; 5 ] { Words = words })
        one Input.Key (fun words -> Key.normal DType.Float64 [ 7 ] { Words = words })
        one Input.Key (fun words -> (Key.split 3 { Words = words } |> List.item 1).Words)
        // 25 random words: each key starts a block of its own.
        one Input.Key (fun words -> Key.uniform DType.Float32 [ 25 ] (Key.child "dropout" { Words = words }))
      ]
    | Prim.Unary(op, _) -> unaryRow op
    | Prim.Binary(op, _, _) -> binaryRow op
    | Prim.Compare(op, _, _) -> compareRow op
    | Prim.Select _ -> [
        {
            Inputs = [ Input.Index([ 2; 3 ], 2); real [ 2; 3 ]; real [ 2; 3 ] ]
            Apply = fun xs -> Tensor.where (Tensor.cast DType.Bool xs[0]) xs[1] xs[2]
        }
      ]
    | Prim.Cast _ -> [
        one (real [ 3 ]) (fun x -> Tensor.cast DType.Float64 (Tensor.cast DType.Float32 x))
        one (real [ 3 ]) (Tensor.cast DType.Int64)
      ]
    | Prim.Reduce(op, _, _) -> reduceRow op
    | Prim.Arg(op, _, _) ->
        let f =
            match op with
            | ArgOp.ArgMax -> Tensor.argmax
            | ArgOp.ArgMin -> Tensor.argmin

        [ one (real [ 3; 4 ]) (f 0); one (real [ 3; 4 ]) (f 1) ]
    | Prim.Reshape _ -> [
        one (real [ 2; 6 ]) (Tensor.reshape [ 3; 4 ])
        one (real [ 1 ]) (Tensor.reshape [])
      ]
    | Prim.Permute _ -> [ one (real [ 2; 3; 4 ]) (Tensor.permute [ 2; 0; 1 ]) ]
    | Prim.Expand _ -> [ one (real [ 2; 1; 3 ]) (Tensor.expand [ 2; 4; 3 ]) ]
    | Prim.Slice _ -> [ one (real [ 5; 3 ]) (Tensor.slice 0 4 0 -2); one (real [ 4 ]) (Tensor.narrow 0 1 2) ]
    | Prim.Embed _ -> [
        one (real [ 2; 3 ]) (fun x ->
            grad
                (fun y -> Tensor.sum (Tensor.slice 1 0 3 2 y * Tensor.narrow 1 0 2 x))
                (Tensor.full DType.Float64 [ 2; 3 ] 0.0))
      ]
    | Prim.Concat _ -> [ two (real [ 2; 3 ]) (real [ 1; 3 ]) (fun a b -> Tensor.cat 0 [ a; b; a ]) ]
    | Prim.MatMul _ -> [
        two (real [ 2; 3 ]) (real [ 3; 4 ]) Tensor.matmul
        two (real [ 3 ]) (real [ 3; 4 ]) Tensor.matmul
        two (real [ 2; 2; 3 ]) (real [ 2; 3; 1 ]) Tensor.matmul
      ]
    | Prim.Convolution(part, _, _, _) -> convolutionRow part
    | Prim.Gather _ -> [
        for axis in [ 0; 1 ] do
            two (real [ 3; 3 ]) (Input.Index((if axis = 0 then [ 5; 3 ] else [ 3; 5 ]), 3)) (fun x i ->
                Tensor.gather axis i x)
        two (real [ 6; 4 ]) (Input.Index([ 3 ], 6)) (fun table i -> Tensor.indexSelect 0 i table)
      ]
    | Prim.ScatterAdd _ -> [
        for axis in [ 0; 1 ] ->
            two (real [ 3; 4 ]) (Input.Index([ 3; 4 ], 5)) (fun x i -> Tensor.scatterAdd axis 5 i x)
      ]
    | Prim.Recurrence _ -> [
        one (positive [ 2; 4 ]) (Tensor.cumprod 1)
        one (real [ 4; 2 ]) (Tensor.cumsum 0)
      ]
    | Prim.ArgSort _ -> [
        one (real [ 3; 4 ]) (Tensor.argsort 1 false)
        one (real [ 4; 2 ]) (fun x -> fst (Tensor.sort 0 true x))
      ]
    | Prim.Windows _ -> [
        one (real [ 7; 2 ]) (Tensor.unfold 0 3 2 1)
        one (real [ 2; 7 ]) (Tensor.unfold 1 2 1 2)
      ]
    | Prim.Overlap _ -> [
        one (real [ 3; 2 ]) (fun x ->
            snd (vjp (Tensor.unfold 0 2 2 1) (Tensor.full DType.Float64 [ 7 ] 0.0)) x)
      ]
    | Prim.Cholesky _ -> [
        one (real [ 3; 3 ]) (fun x -> Linalg.cholesky (dominant (Tensor.matmul x (Tensor.transpose 0 1 x))))
      ]
    | Prim.TriangularSolve _ -> [
        for lower in [ true; false ] ->
            two (real [ 3; 3 ]) (real [ 3; 2 ]) (fun a b -> Linalg.triangularSolve lower (dominant a) b)
      ]
    | Prim.Solve _ -> [
        two (real [ 3; 3 ]) (real [ 3; 2 ]) (fun a b -> Linalg.solve (dominant a) b)
        two (real [ 2; 3; 3 ]) (real [ 2; 3; 1 ]) (fun a b -> Linalg.solve (dominant a) b)
      ]
    | Prim.Determinant _ -> [ one (real [ 3; 3 ]) (fun x -> Linalg.det (dominant x)) ]
    | Prim.StopGradient _ -> [ one (real [ 3 ]) (fun x -> x * Tensor.stopGradient x) ]
    | Prim.Variable _ -> [
        one (real [ 3 ]) (grad (fun x -> Tensor.sum (x * x * x)))
        two (real [ 3 ]) (real [ 3 ]) (fun x v -> snd (jvp (fun x -> Tensor.sin x * Tensor.sum x) x v))
      ]
    | Prim.Barrier _ -> [
        two (real [ 2; 3 ]) (real [ 3; 3 ]) (fun x w ->
            grad
                (fun x ->
                    Tensor.sum (Tensor.square (checkpoint (fun x -> Tensor.tanh (Tensor.matmul x w)) x)))
                x)
      ]
    | Prim.Custom _ -> [
        two (real [ 3 ]) (real [ 3 ]) (fun a b ->
            Custom.withDerivative
                "product"
                (fun (a, b) -> a * b)
                (fun (a: Tensor, b: Tensor) (s, t) -> 2.0 * (s * b) + a * t)
                (a, b))
      ]
    | Prim.Opaque _ -> [
        two (real [ 3 ]) (real [ 3 ]) (fun a b ->
            Custom.withGradient
                "product"
                (fun (a, b) -> a * b)
                (fun (a: Tensor, b: Tensor) (ct: Tensor) -> 2.0 * ct * b, ct * a)
                (a, b))
      ]

/// Every primitive there is, each with each operation it has, over placeholders.
let private everyPrim: Prim<int> list =
    let choices (t: Type) : obj list =
        let isOperation =
            FSharpType.IsUnion t
            && t <> typeof<DType>
            && FSharpType.GetUnionCases t |> Array.forall (fun c -> c.GetFields().Length = 0)

        if isOperation then
            [ for case in FSharpType.GetUnionCases t -> FSharpValue.MakeUnion(case, [||]) ]
        elif t.IsValueType then
            [ Activator.CreateInstance t ]
        else
            [ null ]

    [
        for case in FSharpType.GetUnionCases typeof<Prim<int>> do
            let fields = case.GetFields() |> Array.map (fun f -> choices f.PropertyType)
            let count = fields |> Array.map _.Length |> Array.max

            for i in 0 .. count - 1 ->
                let pick (all: obj list) =
                    if all.Length = count then all[i] else all.Head

                FSharpValue.MakeUnion(case, Array.map pick fields) :?> Prim<int>
    ]

let private nameOf (prim: Prim<int>) =
    match prim with
    | Prim.Custom _ -> "custom"
    | Prim.Opaque _ -> "opaque"
    | other -> Prim.name other

let cases = [
    for prim in everyPrim do
        for engine in engineNames -> TestCaseData(nameOf prim, engine)
]

// ---- examples ----------------------------------------------------------------------------------------------------

let private shapeOf input =
    match input with
    | Input.Real(shape, _, _)
    | Input.Index(shape, _) -> shape
    | Input.Key -> [ 2 ]

let private isReal input =
    match input with
    | Input.Real _ -> true
    | Input.Index _
    | Input.Key -> false

/// Random values of an argument with these leading sizes.
let private values (rng: Random) leading input =
    let shape = leading @ shapeOf input
    let count = elements shape

    match input with
    | Input.Real(_, low, high) -> Tensor.ofFloats shape (uniform rng low high shape)
    | Input.Index(_, length) -> Tensor.ofInt64s shape (Array.init count (fun _ -> int64 (rng.Next length)))
    | Input.Key -> Tensor.ofInt32s shape (Array.init count (fun _ -> rng.Next()))

let private at i (x: Tensor) =
    Tensor.narrow 0 i 1 x |> Tensor.reshape (List.tail (dimsOf x))

/// The non-empty choices of `count` arguments.
let private subsets count = [
    for bits in 1 .. (1 <<< count) - 1 -> List.init count (fun i -> bits &&& (1 <<< i) <> 0)
]

let private examples = 3

/// The loop that `vmap` must agree with.
let private loop mapped apply (xs: Tensor list) =
    List.init examples (fun i -> apply (List.map2 (fun m x -> if m then at i x else x) mapped xs))
    |> Tensor.stack 0

let private axesOf mapped = {
    In = mapped |> List.map (fun m -> if m then Some 0 else None)
    Out = []
}

let private inputsOf rng (row: Row) mapped =
    List.map2 (fun input m -> values rng (if m then [ examples ] else []) input) row.Inputs mapped

/// A weighted sum of the elements, to have gradients of.
let private weighted (y: Tensor) =
    let weights = Array.init y.Shape.Size (fun i -> 1.0 + 0.25 * float (i % 5))
    Tensor.sum (y * Tensor.ofFloats (dimsOf y) weights)

/// The gradients of a function of a list with respect to those of its tensors that are real.
let private gradients (row: Row) f (xs: Tensor list) =
    let isReal = row.Inputs |> List.map isReal
    let reals = List.zip xs isReal |> List.filter snd |> List.map fst

    let fill (reals: Tensor list) =
        let take (x, isReal) (filled, left) =
            match isReal, left with
            | true, first :: rest -> first :: filled, rest
            | _ -> x :: filled, left

        // From the back, so that the filled list is in order.
        List.foldBack take (List.zip xs isReal) ([], List.rev reals) |> fst

    grad (fun reals -> weighted (f (fill reals))) reals

let private forEach name test =
    let prim = everyPrim |> List.find (fun p -> nameOf p = name)

    rowsOf prim
    |> List.iteri (fun i row ->
        for mapped in subsets row.Inputs.Length do
            test row mapped $"{name}, row {i}, mapped %A{mapped}")

[<TestCaseSource(nameof cases)>]
let ``a mapped primitive is a loop`` (name: string) (engine: string) =
    let on = engineOf engine

    forEach name (fun row mapped what ->
        let xs = inputsOf (Random 1) row mapped
        let expected = loop mapped row.Apply xs
        let actual = vmapOver (axesOf mapped) row.Apply xs
        shouldEqual (expected.DType, dimsOf expected) (actual.DType, dimsOf actual)
        shouldBeClose $"{what} on {engine}" 1e-12 (floatsOn on expected) (floatsOn on actual)
        let compiled = Compile.on on (vmapOver (axesOf mapped) row.Apply) xs
        shouldBeClose $"{what}, compiled, on {engine}" 1e-12 (floatsOn on expected) (floatsOn on compiled))

[<TestCaseSource(nameof cases)>]
let ``the gradient of a mapped primitive is that of the loop`` (name: string) (engine: string) =
    let on = engineOf engine

    forEach name (fun row mapped what ->
        let xs = inputsOf (Random 2) row mapped

        if
            List.exists isReal row.Inputs
            && (row.Apply(inputsOf (Random 2) row (List.map (fun _ -> false) mapped))).DType = DType.Float64
        then
            let expected = gradients row (loop mapped row.Apply) xs
            let actual = gradients row (vmapOver (axesOf mapped) row.Apply) xs

            for e, a in List.zip expected actual do
                shouldBeClose $"{what}, gradient on {engine}" 1e-11 (floatsOn on e) (floatsOn on a))

[<TestCaseSource(nameof cases)>]
let ``a primitive mapped twice is a loop in a loop`` (name: string) (engine: string) =
    let on = engineOf engine

    forEach name (fun row mapped what ->
        // The last mapped argument alone goes through the inner map too.
        let inner = mapped |> List.mapi (fun i m -> m && i = List.findIndexBack id mapped)
        let rng = Random 3

        let xs =
            List.map3
                (fun input outer inner ->
                    values
                        rng
                        [
                            if outer then
                                examples
                            if inner then
                                examples
                        ]
                        input)
                row.Inputs
                mapped
                inner

        let expected = loop mapped (loop inner row.Apply) xs
        let actual = vmapOver (axesOf mapped) (vmapOver (axesOf inner) row.Apply) xs
        shouldEqual (dimsOf expected) (dimsOf actual)
        shouldBeClose $"{what}, twice on {engine}" 1e-12 (floatsOn on expected) (floatsOn on actual))

// ---- forms, axes, nesting ----------------------------------------------------------------------------------------

let private matrix = float64s [ 2; 3 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]

[<Test>]
let ``axes may be chosen for arguments and results`` () =
    let f (x: Tensor, y: Tensor) = x * y, Tensor.sum x

    let axes = {
        In = [ Some 1; None ]
        Out = [ -1; 0 ]
    }

    let products, sums = vmapOver axes f (matrix, float64s [ 2 ] [ 10.0; 100.0 ])
    shouldEqual [ 2; 3 ] (dimsOf products)
    shouldBeExactly "products" [ 10.0; 20.0; 30.0; 400.0; 500.0; 600.0 ] (Tensor.toFloats products)
    shouldBeExactly "sums" [ 5.0; 7.0; 9.0 ] (Tensor.toFloats sums)

[<Test>]
let ``a result that no example has a part in is the same for all`` () =
    let y = vmap (fun (_: Tensor) -> float64s [ 2 ] [ 7.0; 8.0 ]) matrix
    shouldEqual [ 2; 2 ] (dimsOf y)
    shouldBeExactly "result" [ 7.0; 8.0; 7.0; 8.0 ] (Tensor.toFloats y)

[<Test>]
let ``no examples give no results`` () =
    let y =
        vmap
            (fun (x: Tensor) -> Tensor.matmul x (Tensor.transpose 0 1 x))
            (Tensor.full DType.Float64 [ 0; 2; 3 ] 0.0)

    shouldEqual [ 0; 2; 2 ] (dimsOf y)
    shouldBeExactly "result" [] (Tensor.toFloats y)

[<Test>]
let ``what cannot be mapped is refused in words`` () =
    raises<ShapeException>
        "vmap: argument 0 has 2 examples and argument 1 has 3; all that is mapped needs as many"
        (fun () ->
            vmap (fun (a: Tensor, b: Tensor) -> Tensor.sum a + Tensor.sum b) (matrix, Tensor.zeros [ 3 ])
            |> ignore)

    raises<ShapeException>
        "vmap: argument 0: axis 0 of shape [] does not exist; a scalar has no axes"
        (fun () -> vmap Tensor.exp (Tensor.scalar 1.0) |> ignore)

    raises<ShapeException>
        "vmap: no tensor of the argument is mapped, so there are no examples; name an axis for one"
        (fun () -> vmapOver { In = [ None ]; Out = [] } Tensor.exp matrix |> ignore)

    raises<ShapeException>
        "vmap: there are 2 axes for the 1 tensors of the argument; it needs one for each"
        (fun () -> vmapOver { In = [ None; Some 0 ]; Out = [] } Tensor.exp matrix |> ignore)

    messageOf<TraceException>(fun () ->
        vmap (fun (x: Tensor) -> if Tensor.item (Tensor.sum x) > 0.0 then x else -x) matrix
        |> ignore)
    |> shouldContain [ "'one example of vmap' has no value" ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``gradients for each example are the gradients of each example`` (engine: string) =
    let on = engineOf engine
    let w = float64s [ 3 ] [ 0.5; -1.0; 2.0 ]

    let loss w (x: Tensor) =
        Tensor.square (Tensor.tanh (Tensor.sum (w * x)))

    let each = vmap (fun x -> grad (fun w -> loss w x) w) matrix

    let expected =
        loop [ true ] (fun xs -> grad (fun w -> loss w xs.Head) w) [
            Tensor.cat 0 [ matrix; Tensor.narrow 0 0 1 matrix ]
        ]

    shouldBeClose "per example" 1e-13 (Array.take 6 (floatsOn on expected)) (floatsOn on each)
    // The other way round: the gradient of the mean of a map.
    let mean = grad (fun w -> Tensor.mean (vmap (loss w) matrix)) w
    shouldBeClose "of the mean" 1e-13 (floatsOn on (Tensor.meanAxes [ 0 ] each)) (floatsOn on mean)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``each example has random numbers of its own, those of its own key`` (engine: string) =
    let on = engineOf engine
    let keys = Key.split 4 (Key.ofSeed 7L)
    let words = keys |> List.map _.Words |> Tensor.stack 0

    let draw words =
        Key.uniform DType.Float32 [ 33 ] { Words = words }

    let mapped = vmap draw words

    let alone =
        keys |> List.collect (fun k -> floatsOn on (draw k.Words) |> List.ofArray)

    shouldBeExactly "numbers" alone (floatsOn on mapped)
    shouldEqual (4 * 33) (Array.distinct (floatsOn on mapped)).Length

[<Test>]
let ``a chain of 100,000 operations is mapped without overflow`` () =
    let chain (x: Tensor) =
        (x, seq { 1..100_000 }) ||> Seq.fold (fun x _ -> x + 1.0)

    let y = vmap (fun (x: Tensor) -> chain x) (Tensor.full DType.Float64 [ 2; 1 ] 0.0)
    shouldBeExactly "chain" [ 100_000.0; 100_000.0 ] (Tensor.toFloats y)
