/// Kinks, ties and extremes, whose values and slopes are agreed and not measured.
module FunctionalDL.Tests.KinkTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// A function at a place where its value or slope is a matter of agreement (PyTorch's), or where a careless formula fails.
type private Kink = {
    Case: string
    Apply: Tensor list -> Tensor
    At: (int list * float list) list
    Value: float list
    /// Of the sum of the elements, for each input; None where nobody has a use for it.
    Gradient: float list list option
}

let private kink case apply at value gradient = {
    Case = case
    Apply = apply
    At = at
    Value = value
    Gradient = Some gradient
}

/// A kink of a function of one vector.
let private kink1 case (apply: Tensor -> Tensor) (at: float list) value gradient =
    kink case (List.head >> apply) [ [ at.Length ], at ] value [ gradient ]

let private kink2 case apply (a: float list) (b: float list) value gradientA gradientB =
    let apply =
        function
        | [ a; b ] -> apply a b
        | xs -> invalidArg (nameof xs) "two inputs"

    kink case apply [ [ a.Length ], a; [ b.Length ], b ] value [ gradientA; gradientB ]

let private valueOnly k = { k with Gradient = None }

let private inf = infinity

let private indices (values: int64 list) =
    Tensor.ofInt64s [ values.Length ] (List.toArray values)

let private mask = Tensor.ofBools [ 3 ] [| true; false; true |]

let private kinks = [
    // Kinks.
    kink1 "relu" Tensor.relu [ -1.0; 0.0; -0.0; 2.0; nan; inf; -inf ] [ 0.0; 0.0; 0.0; 2.0; nan; inf; 0.0 ] [
        0.0
        0.0
        0.0
        1.0
        1.0
        1.0
        0.0
    ]
    kink1 "abs" Tensor.abs [ -2.0; 0.0; -0.0; 3.0; -inf ] [ 2.0; 0.0; 0.0; 3.0; inf ] [
        -1.0
        0.0
        0.0
        1.0
        -1.0
    ]
    kink1 "sign" Tensor.sign [ -2.0; 0.0; 3.0; inf; -inf ] [ -1.0; 0.0; 1.0; 1.0; -1.0 ] [
        0.0
        0.0
        0.0
        0.0
        0.0
    ]
    // Ties.
    kink2 "maximum" Tensor.maximum [ 1.0; 2.0; 0.0; inf ] [ 1.0; 3.0; -0.0; inf ] [ 1.0; 3.0; 0.0; inf ] [
        0.5
        0.0
        0.5
        0.5
    ] [ 0.5; 1.0; 0.5; 0.5 ]
    kink2 "minimum" Tensor.minimum [ 1.0; 2.0; 0.0; -inf ] [ 1.0; 3.0; -0.0; -inf ] [ 1.0; 2.0; 0.0; -inf ] [
        0.5
        1.0
        0.5
        0.5
    ] [ 0.5; 0.0; 0.5; 0.5 ]
    kink2 "maximum with NaN" Tensor.maximum [ nan; 1.0; nan ] [ 1.0; nan; nan ] [ nan; nan; nan ] [] []
    |> valueOnly
    kink2 "minimum with NaN" Tensor.minimum [ nan; 1.0; nan ] [ 1.0; nan; nan ] [ nan; nan; nan ] [] []
    |> valueOnly
    kink1 "amax, one tie" Tensor.amax [ 1.0; 3.0; 3.0; 2.0 ] [ 3.0 ] [ 0.0; 0.5; 0.5; 0.0 ]
    kink1 "amax, all tie" Tensor.amax [ 4.0; 4.0; 4.0; 4.0 ] [ 4.0 ] [ 0.25; 0.25; 0.25; 0.25 ]
    kink1 "amax of -inf" Tensor.amax [ -inf; -inf ] [ -inf ] [ 0.5; 0.5 ]
    kink1 "amax of length 1" Tensor.amax [ -7.0 ] [ -7.0 ] [ 1.0 ]
    kink1 "amax with NaN" Tensor.amax [ 1.0; nan; 3.0 ] [ nan ] [] |> valueOnly
    kink
        "amax, ties over two axes"
        (List.head >> Tensor.amaxAxes [ 0; 2 ])
        [ [ 2; 2; 2 ], [ 5; 1; 0; 2; 5; 5; 2; 1 ] |> List.map float ] [ 5.0; 2.0 ] [
            [ 1.0 / 3.0; 0.0; 0.0; 0.5; 1.0 / 3.0; 1.0 / 3.0; 0.5; 0.0 ]
        ]
    kink1 "argmax, the first of several" (Tensor.argmax 0 >> Tensor.cast DType.Float64) [ 1.0; 3.0; 3.0 ] [
        1.0
    ] [ 0.0; 0.0; 0.0 ]
    kink1 "argmin, the first of several" (Tensor.argmin 0 >> Tensor.cast DType.Float64) [ 3.0; 1.0; 1.0 ] [
        1.0
    ] [ 0.0; 0.0; 0.0 ]
    kink1 "argmax, the first NaN wins" (Tensor.argmax 0 >> Tensor.cast DType.Float64) [ inf; nan; nan; 9.0 ] [
        1.0
    ] []
    |> valueOnly
    kink1 "argmin, the first NaN wins" (Tensor.argmin 0 >> Tensor.cast DType.Float64) [ -inf; 1.0; nan; nan ] [
        2.0
    ] []
    |> valueOnly
    kink1 "argmax of -inf alone" (Tensor.argmax 0 >> Tensor.cast DType.Float64) [ -inf; -inf ] [ 0.0 ] []
    |> valueOnly
    // Powers of 0 and to the power of 0.
    kink2
        "pow, base 0"
        Tensor.pow
        [ 0.0; 0.0; 0.0; 0.0; -0.0 ]
        [ 2.0; 1.0; 0.5; -1.0; 3.0 ]
        [ 0.0; 0.0; 0.0; inf; 0.0 ] [ 0.0; 1.0; inf; -inf; 0.0 ] [ 0.0; 0.0; 0.0; -inf; 0.0 ]
    kink2
        "pow, exponent 0"
        Tensor.pow
        [ 0.0; 2.0; -2.0; inf; nan ]
        [ 0.0; 0.0; 0.0; 0.0; 0.0 ]
        [ 1.0; 1.0; 1.0; 1.0; 1.0 ] [ 0.0; 0.0; 0.0; 0.0; 0.0 ] [ 0.0; 0.6931471805599453; nan; inf; nan ]
    kink2
        "pow, negative base"
        Tensor.pow
        [ -2.0; -2.0; -2.0; -2.0 ]
        [ 3.0; 2.0; -1.0; 0.5 ]
        [ -8.0; 4.0; -0.5; nan ] [ 12.0; -4.0; -0.25; nan ] [ nan; nan; nan; nan ]
    kink2
        "pow, infinities"
        Tensor.pow
        [ inf; inf; -inf; -inf; 2.0; 0.5; 1.0 ]
        [ 2.0; -1.0; 3.0; 0.5; inf; inf; nan ]
        [ inf; 0.0; -inf; inf; inf; 0.0; 1.0 ] [] []
    |> valueOnly
    kink1 "slope of the square at 0" (grad (Tensor.powScalar 2.0 >> Tensor.sum)) [ 0.0; -3.0 ] [ 0.0; -6.0 ] [
        2.0
        2.0
    ]
    kink1 "slope of the first power at 0" (grad (Tensor.powScalar 1.0 >> Tensor.sum)) [ 0.0; 2.0 ] [
        1.0
        1.0
    ] [ 0.0; 0.0 ]
    kink2
        "atan2"
        Tensor.atan2
        [ 0.0; 0.0; -0.0; 1.0; -2.0; inf; inf; 1.0; nan; 1.0 ]
        [ 0.0; -1.0; -1.0; 0.0; 0.0; inf; -inf; inf; 1.0; nan ]
        [
            0.0
            Math.PI
            -Math.PI
            Math.PI / 2.0
            -Math.PI / 2.0
            Math.PI / 4.0
            3.0 * Math.PI / 4.0
            0.0
            nan
            nan
        ] [] []
    |> valueOnly
    kink2
        "atan2, slopes on the axes"
        Tensor.atan2
        [ 0.0; 1.0; 0.0; -2.0 ]
        [ 2.0; 0.0; -1.0; 0.0 ]
        [ 0.0; Math.PI / 2.0; Math.PI; -Math.PI / 2.0 ] [ 0.5; 0.0; -1.0; 0.0 ] [ 0.0; -1.0; 0.0; 0.5 ]
    // Steps.
    kink1 "floor" Tensor.floor [ -1.5; -0.0; 2.0; 2.9; inf; -inf; nan ] [
        -2.0
        0.0
        2.0
        2.0
        inf
        -inf
        nan
    ] [ 0.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0 ]
    kink1 "ceil" Tensor.ceil [ -1.5; 0.0; 2.0; 2.1; inf; -inf; nan ] [ -1.0; 0.0; 2.0; 3.0; inf; -inf; nan ] [
        0.0
        0.0
        0.0
        0.0
        0.0
        0.0
        0.0
    ]
    kink1
        "round, halves to even"
        Tensor.round
        [ -2.5; -1.5; -0.5; 0.5; 1.5; 2.5; 0.49999999999999994; 4503599627370497.0; inf; nan ]
        [ -2.0; -2.0; 0.0; 0.0; 2.0; 2.0; 0.0; 4503599627370497.0; inf; nan ]
        (List.replicate 10 0.0)
    // The least element, as the largest.
    kink1 "amin, one tie" Tensor.amin [ 3.0; 1.0; 1.0; 2.0 ] [ 1.0 ] [ 0.0; 0.5; 0.5; 0.0 ]
    kink1 "amin, all tie" Tensor.amin [ 4.0; 4.0; 4.0; 4.0 ] [ 4.0 ] [ 0.25; 0.25; 0.25; 0.25 ]
    kink1 "amin of inf" Tensor.amin [ inf; inf ] [ inf ] [ 0.5; 0.5 ]
    kink1 "amin with -inf" Tensor.amin [ 1.0; -inf; 2.0 ] [ -inf ] [ 0.0; 1.0; 0.0 ]
    kink1 "amin with NaN" Tensor.amin [ 1.0; nan; 3.0 ] [ nan ] [] |> valueOnly
    kink
        "amin, ties over two axes"
        (List.head >> Tensor.aminAxes [ 0; 2 ])
        [ [ 2; 2; 2 ], [ 0; 1; 2; 4; 0; 0; 3; 2 ] |> List.map float ] [ 0.0; 2.0 ] [
            [ 1.0 / 3.0; 0.0; 0.5; 0.0; 1.0 / 3.0; 1.0 / 3.0; 0.0; 0.5 ]
        ]
    // Products that a division would spoil.
    kink1 "prod, one zero" Tensor.prod [ 2.0; 0.0; 3.0 ] [ 0.0 ] [ 0.0; 6.0; 0.0 ]
    kink1 "prod, two zeros" Tensor.prod [ 2.0; 0.0; 0.0; 3.0 ] [ 0.0 ] [ 0.0; 0.0; 0.0; 0.0 ]
    kink1 "slopes of prod, two zeros" (grad Tensor.prod) [ 2.0; 0.0; 0.0; 3.0 ] [ 0.0; 0.0; 0.0; 0.0 ] [
        0.0
        6.0
        6.0
        0.0
    ]
    kink1 "prod with infinity" Tensor.prod [ 2.0; inf; -3.0 ] [ -inf ] [ -inf; -6.0; inf ]
    kink1 "prod with NaN" Tensor.prod [ 0.0; nan ] [ nan ] [ nan; 0.0 ]
    kink
        "prod over two axes, zeros"
        (List.head >> Tensor.prodAxes [ 0; 2 ])
        [ [ 2; 2; 2 ], [ 2; 0; 0; 1; 3; 5; 0; 4 ] |> List.map float ] [ 0.0; 0.0 ] [
            [ 0.0; 30.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0 ]
        ]
    // Runs.
    kink1 "cumprod, zeros" (Tensor.cumprod 0) [ 2.0; 0.0; 3.0; 0.0 ] [ 2.0; 0.0; 0.0; 0.0 ] [
        1.0
        8.0
        0.0
        0.0
    ]
    kink1 "cumprod, infinity first" (Tensor.cumprod 0) [ inf; 2.0 ] [ inf; inf ] []
    |> valueOnly
    kink1 "cumprod, infinity later" (Tensor.cumprod 0) [ 2.0; inf; 3.0 ] [ 2.0; inf; inf ] []
    |> valueOnly
    kink1 "cumsum with NaN" (Tensor.cumsum 0) [ 1.0; nan; 2.0 ] [ 1.0; nan; nan ] [ 3.0; 2.0; 1.0 ]
    kink1 "cumsum with infinity" (Tensor.cumsum 0) [ inf; 1.0; -inf ] [ inf; inf; nan ] [ 3.0; 2.0; 1.0 ]
    // Orders.
    kink1
        "argsort, ties keep their order"
        (Tensor.argsort 0 false >> Tensor.cast DType.Float64)
        [ 2.0; 1.0; 2.0; 1.0; 0.0; -0.0 ]
        [ 4.0; 5.0; 1.0; 3.0; 0.0; 2.0 ]
        (List.replicate 6 0.0)
    kink1
        "argsort descending, ties keep their order"
        (Tensor.argsort 0 true >> Tensor.cast DType.Float64)
        [ 2.0; 1.0; 2.0; 1.0; 0.0; -0.0 ]
        [ 0.0; 2.0; 1.0; 3.0; 4.0; 5.0 ]
        (List.replicate 6 0.0)
    kink1
        "argsort, NaN is largest"
        (Tensor.argsort 0 false >> Tensor.cast DType.Float64)
        [ nan; 1.0; nan; inf; -inf ] [ 4.0; 1.0; 3.0; 0.0; 2.0 ] []
    |> valueOnly
    kink1
        "argsort descending, NaN is largest"
        (Tensor.argsort 0 true >> Tensor.cast DType.Float64)
        [ nan; 1.0; nan; inf; -inf ] [ 0.0; 2.0; 3.0; 1.0; 4.0 ] []
    |> valueOnly
    kink1
        "sort, ties"
        (Tensor.sort 0 false
         >> fst
         >> fun y -> y * Tensor.ofFloats [ 3 ] [| 1.0; 2.0; 4.0 |])
        [ 5.0; 1.0; 1.0 ] [ 1.0; 2.0; 20.0 ] [ 4.0; 1.0; 2.0 ]
    // Windows.
    kink1 "unfold with step and dilation" (Tensor.unfold 0 2 2 2) [ 1.0; 2.0; 3.0; 4.0; 5.0 ] [
        1.0
        3.0
        3.0
        5.0
    ] [ 1.0; 0.0; 2.0; 0.0; 1.0 ]
    kink1 "unfold that leaves places out" (Tensor.unfold 0 1 3 1) [ 1.0; 2.0; 3.0; 4.0; 5.0 ] [ 1.0; 4.0 ] [
        1.0
        0.0
        0.0
        1.0
        0.0
    ]
    kink1
        "overlap of windows with step and dilation"
        (Tensor.reshape [ 2; 2 ]
         >> fun x -> snd (vjp (Tensor.unfold 0 2 2 2) (Tensor.full DType.Float64 [ 6 ] 0.0)) x)
        [ 1.0; 2.0; 3.0; 4.0 ] [ 1.0; 0.0; 5.0; 0.0; 4.0; 0.0 ] [ 1.0; 1.0; 1.0; 1.0 ]
    // Matrices.
    kink1 "det of a singular matrix" (Tensor.reshape [ 2; 2 ] >> Linalg.det) [ 1.0; 2.0; 2.0; 4.0 ] [ 0.0 ] []
    |> valueOnly
    kink1 "det with exchanged rows" (Tensor.reshape [ 2; 2 ] >> Linalg.det) [ 0.0; 2.0; 3.0; 5.0 ] [ -6.0 ] [
        5.0
        -3.0
        -2.0
        0.0
    ]
    kink1
        "solve with exchanged rows"
        (fun b -> Linalg.solve (Tensor.ofFloats [ 2; 2 ] [| 0.0; 2.0; 4.0; 0.0 |]) b)
        [ 6.0; 8.0 ] [ 2.0; 3.0 ] [ 0.5; 0.25 ]
    kink1
        "triangularSolve looks at one triangle"
        (fun b ->
            Linalg.triangularSolve
                true
                (Tensor.ofFloats [ 2; 2 ] [| 2.0; nan; 1.0; 4.0 |])
                (Tensor.unsqueeze 1 b))
        [ 2.0; 9.0 ] [ 1.0; 2.0 ] [ 0.375; 0.25 ]
    kink1 "cholesky" (Tensor.reshape [ 2; 2 ] >> Linalg.cholesky) [ 4.0; 2.0; 2.0; 5.0 ] [
        2.0
        0.0
        1.0
        2.0
    ] []
    |> valueOnly
    // Repeated places.
    kink1 "gather of one place thrice" (Tensor.gather 0 (indices [ 2L; 2L; 0L; 2L ])) [ 1.0; 2.0; 3.0 ] [
        3.0
        3.0
        1.0
        3.0
    ] [ 1.0; 0.0; 3.0 ]
    kink1
        "scatterAdd to one place thrice"
        (Tensor.scatterAdd 0 3 (indices [ 2L; 2L; 0L; 2L ]))
        [ 1.0; 2.0; 3.0; 4.0 ] [ 3.0; 0.0; 7.0 ] [ 1.0; 1.0; 1.0; 1.0 ]
    kink1 "indexSelect, repeated" (Tensor.indexSelect 0 (indices [ 1L; 1L ])) [ 5.0; 6.0 ] [ 6.0; 6.0 ] [
        0.0
        2.0
    ]
    // What is chosen away may be anything.
    kink2 "where, NaN not chosen" (Tensor.where mask) [ 1.0; nan; 3.0 ] [ nan; 5.0; nan ] [ 1.0; 5.0; 3.0 ] [
        1.0
        0.0
        1.0
    ] [ 0.0; 1.0; 0.0 ]
    // What derivatives stop at.
    kink1 "stopGradient of one factor" (fun x -> x * Tensor.stopGradient x) [ 3.0; -2.0 ] [ 9.0; 4.0 ] [
        3.0
        -2.0
    ]
    kink1 "cast to whole numbers" (Tensor.cast DType.Int64 >> Tensor.cast DType.Float64) [ 2.9; -2.9 ] [
        2.0
        -2.0
    ] [ 0.0; 0.0 ]
    // The edges of domains, infinity, NaN.
    kink1 "sqrt" Tensor.sqrt [ 0.0; 4.0; inf; -1.0; nan ] [ 0.0; 2.0; inf; nan; nan ] [
        inf
        0.25
        0.0
        nan
        nan
    ]
    kink1 "log" Tensor.log [ 0.0; 1.0; inf; -1.0; nan; -inf ] [ -inf; 0.0; inf; nan; nan; nan ] []
    |> valueOnly
    kink1 "log1p" Tensor.log1p [ -1.0; 0.0; inf; -2.0; nan; 1e-20; -inf ] [
        -inf
        0.0
        inf
        nan
        nan
        1e-20
        nan
    ] []
    |> valueOnly
    kink1 "exp" Tensor.exp [ -inf; inf; nan; 0.0 ] [ 0.0; inf; nan; 1.0 ] [ 0.0; inf; nan; 1.0 ]
    kink1 "expm1" Tensor.expm1 [ -inf; inf; nan; 0.0; 1e-20 ] [ -1.0; inf; nan; 0.0; 1e-20 ] [
        0.0
        inf
        nan
        1.0
        1.0
    ]
    kink1 "sin" Tensor.sin [ inf; nan; 0.0 ] [ nan; nan; 0.0 ] [] |> valueOnly
    kink1 "cos" Tensor.cos [ -inf; nan; 0.0 ] [ nan; nan; 1.0 ] [] |> valueOnly
    kink1 "tanh" Tensor.tanh [ -inf; inf; nan; 0.0 ] [ -1.0; 1.0; nan; 0.0 ] [ 0.0; 0.0; nan; 1.0 ]
    kink1 "sigmoid" Tensor.sigmoid [ -inf; inf; nan; 0.0 ] [ 0.0; 1.0; nan; 0.5 ] [ 0.0; 0.0; nan; 0.25 ]
    kink1 "erf" Tensor.erf [ inf; -inf; nan; 0.0; -0.0; 0.5; -1.0; 3.0; 5.5 ] [
        1.0
        -1.0
        nan
        0.0
        0.0
        0.5204998778130465
        -0.8427007929497149
        0.9999779095030014
        0.9999999999999927
    ] [
        0.0
        0.0
        nan
        1.1283791670955126
        1.1283791670955126
        0.8787825789354448
        0.4151074974205947
        0.00013925305194674786
        8.223316045262922e-14
    ]
    kink1 "erfinv" Tensor.erfinv [ 1.0; -1.0; 1.5; -2.0; inf; nan; 0.0; 0.25; -0.5; 0.75 ] [
        inf
        -inf
        nan
        nan
        nan
        nan
        0.0
        0.2253120550121781
        -0.4769362762044699
        0.8134198475976185
    ] [
        inf
        inf
        nan
        nan
        nan
        nan
        0.886226925452758
        0.9323782346059726
        1.1125848189719498
        1.7174997693674523
    ]
    kink2
        "division by zero"
        (/)
        [ 1.0; -1.0; 0.0; 1.0; inf ]
        [ 0.0; 0.0; 0.0; inf; inf ]
        [ inf; -inf; nan; 0.0; nan ] [] []
    |> valueOnly
    kink2 "zero times infinity" (*) [ 0.0; inf ] [ inf; -inf ] [ nan; -inf ] [ inf; -inf ] [ 0.0; inf ]
    kink2 "infinity minus infinity" (-) [ inf; inf ] [ inf; -inf ] [ nan; inf ] [ 1.0; 1.0 ] [ -1.0; -1.0 ]
    // Comparisons with NaN and of zeros.
    kink2
        "eq"
        (fun a b -> Tensor.cast DType.Float64 (Tensor.eq a b))
        [ nan; 0.0; inf ]
        [ nan; -0.0; inf ]
        [ 0.0; 1.0; 1.0 ] [] []
    |> valueOnly
    kink2
        "ne"
        (fun a b -> Tensor.cast DType.Float64 (Tensor.ne a b))
        [ nan; 0.0; inf ]
        [ nan; -0.0; inf ]
        [ 1.0; 0.0; 0.0 ] [] []
    |> valueOnly
    kink2
        "lt"
        (fun a b -> Tensor.cast DType.Float64 (Tensor.lt a b))
        [ nan; -0.0; 1.0 ]
        [ 1.0; 0.0; inf ]
        [ 0.0; 0.0; 1.0 ] [] []
    |> valueOnly
    kink2
        "le"
        (fun a b -> Tensor.cast DType.Float64 (Tensor.le a b))
        [ nan; 0.0; inf ]
        [ 1.0; -0.0; inf ]
        [ 0.0; 1.0; 1.0 ] [] []
    |> valueOnly
    kink2
        "gt"
        (fun a b -> Tensor.cast DType.Float64 (Tensor.gt a b))
        [ 1.0; 0.0; inf ]
        [ nan; -0.0; 1.0 ]
        [ 0.0; 0.0; 1.0 ] [] []
    |> valueOnly
    kink2
        "ge"
        (fun a b -> Tensor.cast DType.Float64 (Tensor.ge a b))
        [ 1.0; -0.0; inf ]
        [ nan; 0.0; inf ]
        [ 0.0; 1.0; 1.0 ] [] []
    |> valueOnly
    // Large and small.
    kink1 "exp of ±300" Tensor.exp [ 300.0; -300.0; 710.0; -746.0 ] [ exp 300.0; exp -300.0; inf; 0.0 ] [
        exp 300.0
        exp -300.0
        inf
        0.0
    ]
    kink1 "expm1 of ±300" Tensor.expm1 [ 300.0; -300.0 ] [ exp 300.0; -1.0 ] [ exp 300.0; exp -300.0 ]
    kink1 "sigmoid of ±300" Tensor.sigmoid [ 300.0; -300.0; 800.0; -800.0 ] [ 1.0; exp -300.0; 1.0; 0.0 ] [
        0.0
        exp -300.0
        0.0
        0.0
    ]
    kink1 "tanh of ±300" Tensor.tanh [ 300.0; -300.0 ] [ 1.0; -1.0 ] [ 0.0; 0.0 ]
    kink1 "erf of ±300" Tensor.erf [ 300.0; -300.0; 1e-20 ] [ 1.0; -1.0; 1.1283791670955125e-20 ] [
        0.0
        0.0
        1.1283791670955126
    ]
    kink1 "erfinv, small" Tensor.erfinv [ 1e-20; -1e-300 ] [ 8.86226925452758e-21; -8.86226925452758e-301 ] [
        0.886226925452758
        0.886226925452758
    ]
    kink2
        "pow, large and small"
        Tensor.pow
        [ 1e200; 1e-200; 2.0 ]
        [ 2.0; 2.0; -1074.0 ]
        [ inf; 0.0; Double.Epsilon ] [] []
    |> valueOnly
    kink1 "prod of 1e±200" Tensor.prod [ 1e200; 1e-200; 1e-100 ] [ 1e-100 ] [ 1e-300; 1e100; 1.0 ]
    kink1 "logSoftmax of ±300" (Tensor.logSoftmax 0) [ 300.0; -300.0 ] [ 0.0; -600.0 ] [ -1.0; 1.0 ]
    kink1 "softmax of ±300" (Tensor.softmax 0) [ 300.0; -300.0 ] [ 1.0; exp -600.0 ] [ 0.0; 0.0 ]
    kink1 "logSumExp of 1000s" (Tensor.logSumExp 0) [ 1000.0; 1000.0; 1000.0 ] [ 1000.0 + log 3.0 ] [
        1.0 / 3.0
        1.0 / 3.0
        1.0 / 3.0
    ]
    kink1 "logSumExp with -inf" (Tensor.logSumExp 0) [ -inf; 2.0 ] [ 2.0 ] [ 0.0; 1.0 ]
    kink1 "logSumExp of -inf alone" (Tensor.logSumExp 0) [ -inf; -inf ] [ -inf ] []
    |> valueOnly
    kink1 "logSumExp with inf" (Tensor.logSumExp 0) [ inf; 2.0 ] [ inf ] []
    |> valueOnly
    // Nothing, and one thing.
    kink1 "sum of nothing" Tensor.sum [] [ 0.0 ] []
    kink1 "prod of nothing" Tensor.prod [] [ 1.0 ] []
    kink1 "cumprod of nothing" (Tensor.cumprod 0) [] [] []
    kink1 "argsort of nothing" (fun x -> x * Tensor.cast DType.Float64 (Tensor.argsort 0 false x)) [] [] []
    kink1 "det of nothing" (Tensor.reshape [ 0; 0 ] >> Linalg.det) [] [ 1.0 ] []
    kink1 "solve of nothing" (fun x -> Linalg.solve (Tensor.reshape [ 0; 0 ] x) x) [] [] []
    kink1 "elementwise on nothing" (fun x -> Tensor.exp x * x) [] [] []
    kink1 "cat with nothing" (fun x -> Tensor.cat 0 [ Tensor.full DType.Float64 [ 0 ] 0.0; x ]) [ 1.0 ] [
        1.0
    ] [ 1.0 ]
    kink1 "gather of nothing" (Tensor.gather 0 (indices [])) [ 1.0; 2.0 ] [] [ 0.0; 0.0 ]
    kink1 "scatterAdd of nothing" (Tensor.scatterAdd 0 2 (indices [])) [] [ 0.0; 0.0 ] []
    kink1 "narrow to nothing" (Tensor.narrow 0 1 0) [ 1.0; 2.0 ] [] [ 0.0; 0.0 ]
    kink1 "mean of length 1" Tensor.mean [ 5.0 ] [ 5.0 ] [ 1.0 ]
    kink1
        "matmul without inner size"
        (fun x -> Tensor.matmul (Tensor.reshape [ 2; 0 ] x) (Tensor.reshape [ 0; 2 ] x))
        [] [ 0.0; 0.0; 0.0; 0.0 ] []
    kink1 "var of a large mean" (Tensor.var 1 []) [ 1e8 + 1.0; 1e8 + 2.0; 1e8 + 3.0 ] [ 1.0 ] [
        -1.0
        0.0
        1.0
    ]
]

let kinksOnEngines = [
    for k in kinks do
        for engine in engineNames -> TestCaseData(k.Case, engine)
]

[<TestCaseSource("kinksOnEngines")>]
let ``kinks, ties and extremes have the agreed values and slopes`` (name: string, engine: string) =
    let kink = kinks |> List.find (fun k -> k.Case = name)
    let on = engineOf engine
    let inputs = kink.At |> List.map (fun (shape, values) -> float64s shape values)

    // Each element is held to its own size: among ±300 the largest says nothing of the smallest.
    let compare what (expected: float list) (actual: float[]) =
        shouldEqual expected.Length actual.Length

        List.iteri2
            (fun i (e: float) a ->
                let isClose =
                    e = a
                    || (Double.IsNaN e && Double.IsNaN a)
                    || abs (e - a) <= 4e-15 * max (abs e) 1e-290

                ensure $"{what}: element {i} is {a:R}, expected {e:R}" isClose)
            expected
            (List.ofArray actual)

    compare "value" kink.Value (floatsOn on (kink.Apply inputs))

    match kink.Gradient with
    | None -> ()
    | Some gradients ->
        let found = grad (kink.Apply >> Tensor.sum) inputs
        List.iter2 (fun expected g -> compare "gradient" expected (floatsOn on g)) gradients found

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``casts saturate, cut towards zero and turn NaN into zero`` (engine: string) =
    let values = [ 2.9; -2.9; 300.0; -1.0; nan; 1e30; -1e30; infinity ]

    let cast dtype =
        float64s [ 8 ] values |> Tensor.cast dtype |> floatsOn (engineOf engine)

    shouldBeExactly "uint8" [ 2.0; 0.0; 255.0; 0.0; 0.0; 255.0; 0.0; 255.0 ] (cast DType.UInt8)
    let top, bottom = float Int32.MaxValue, float Int32.MinValue
    shouldBeExactly "int32" [ 2.0; -2.0; 300.0; -1.0; 0.0; top; bottom; top ] (cast DType.Int32)
    let top, bottom = float Int64.MaxValue, float Int64.MinValue
    shouldBeExactly "int64" [ 2.0; -2.0; 300.0; -1.0; 0.0; top; bottom; top ] (cast DType.Int64)
    shouldBeExactly "bool" [ 1.0; 1.0; 1.0; 1.0; 1.0; 1.0; 1.0; 1.0 ] (cast DType.Bool)
