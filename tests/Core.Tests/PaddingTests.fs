/// Padding, against loops that look every place up in the input.
module FunctionalDL.Tests.PaddingTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Slopes

/// The place of the input that stands at `i` of an axis of `size` places, negative or beyond the end; None
/// for the constant.
let private lookUp mode size i =
    match mode with
    | _ when i >= 0 && i < size -> Some i
    | PaddingMode.Constant _ -> None
    | PaddingMode.Reflect -> Some(if i < 0 then -i else 2 * (size - 1) - i)
    | PaddingMode.Replicate -> Some(Math.Clamp(i, 0, size - 1))
    | PaddingMode.Circular -> Some((i % size + size) % size)

let private padded mode (amounts: (int * int) list) (sizes: int list) : Operation =
    // Pairs by axis, in the order of the axes.
    let pairs = List.replicate (sizes.Length - amounts.Length) (0, 0) @ List.rev amounts

    let result =
        List.map2 (fun size (before, after) -> size + before + after) sizes pairs

    let constant =
        match mode with
        | PaddingMode.Constant value -> value
        | _ -> nan

    let element (x: float[]) position =
        let places =
            List.map3 (fun i (before, _) size -> lookUp mode size (i - before)) position pairs sizes

        if List.forall Option.isSome places then
            at sizes x (List.map Option.get places)
        else
            constant

    {
        Name = $"pad %A{mode} %A{amounts} of %A{sizes}"
        Apply = fun xs -> Padding.pad mode amounts xs.Head
        Loop = fun xs -> build result (element xs.Head)
        Inputs = [ sizes, uniform (Random 1) -2.0 2.0 sizes ]
    }

let private modes = [
    PaddingMode.Constant 0.0
    PaddingMode.Constant 0.5
    PaddingMode.Reflect
    PaddingMode.Replicate
    PaddingMode.Circular
]

[<Test>]
let ``every mode looks up the places it names`` () =
    for mode in modes do
        for amounts, sizes in
            [
                [ 1, 2 ], [ 4 ]
                [ 3, 3 ], [ 2; 4 ]
                [ 1, 0; 0, 2 ], [ 2; 3; 2 ]
                [ 2, 1; 1, 1; 1, 2 ], [ 2; 3; 2; 3 ]
            ] do
            check (padded mode amounts sizes)

[<Test>]
let ``negative amounts cut, beside positive ones too`` () =
    for mode in modes do
        for amounts in [ [ -1, -2 ]; [ -1, 2 ]; [ 2, -1; -1, 1 ] ] do
            check (padded mode amounts [ 3; 4 ])

[<Test>]
let ``the modes as their documentation draws them`` () =
    let x = float64s [ 3 ] [ 1.0; 2.0; 3.0 ]

    for mode, expected in
        [
            PaddingMode.Constant 9.0, [ 9; 9; 1; 2; 3; 9; 9 ]
            PaddingMode.Reflect, [ 3; 2; 1; 2; 3; 2; 1 ]
            PaddingMode.Replicate, [ 1; 1; 1; 2; 3; 3; 3 ]
            PaddingMode.Circular, [ 2; 3; 1; 2; 3; 1; 2 ]
        ] do
        for engine in engineNames do
            Padding.pad mode [ 2, 2 ] x
            |> floatsOn (engineOf engine)
            |> shouldBeExactly $"{mode}" (List.map float expected)

[<Test>]
let ``the gradient of replicated edges counts the copies`` () =
    let pulled =
        grad (Padding.pad PaddingMode.Replicate [ 2, 1 ] >> Tensor.sum) (float64s [ 3 ] [ 1.0; 2.0; 3.0 ])

    shouldBeExactly "gradient" [ 3.0; 1.0; 2.0 ] (Tensor.toFloats pulled)

[<Test>]
let ``infinite constants stay outside, and infinite elements inside`` () =
    for engine in engineNames do
        Padding.pad (PaddingMode.Constant -infinity) [ 1, 1 ] (float64s [ 2 ] [ infinity; nan ])
        |> floatsOn (engineOf engine)
        |> shouldBeExactly engine [ -infinity; infinity; nan; -infinity ]

[<Test>]
let ``whole numbers and booleans are padded as what they are`` () =
    for mode in modes do
        let x = Padding.pad mode [ 1, 1 ] (Tensor.ofInt64s [ 2 ] [| 3L; 4L |])
        shouldEqual DType.Int64 x.DType

    let whole =
        Padding.pad (PaddingMode.Constant 7.0) [ 1, 0 ] (Tensor.ofInt64s [ 2 ] [| 3L; 4L |])

    shouldEqual [| 7L; 3L; 4L |] (Tensor.toInt64s whole)

    let logical =
        Padding.pad (PaddingMode.Constant 1.0) [ 0, 1 ] (Tensor.ofBools [ 2 ] [| false; true |])

    shouldEqual [| false; true; true |] (Tensor.toBools logical)

[<Test>]
let ``empty axes and no amounts are fine`` () =
    let x = Tensor.zeros [ 0; 2 ]

    shouldEqual
        [ 0; 5 ]
        (dimsOf (
            Padding.pad PaddingMode.Reflect [ 1, 1; 0, 0 ] x
            |> Padding.pad Padding.zeros [ 1, 0 ]
        ))

    shouldEqual [ 2; 2 ] (dimsOf (Padding.pad (PaddingMode.Constant 1.0) [ 0, 0; 1, 1 ] x))
    shouldEqual 2.0 (Tensor.item (Padding.pad PaddingMode.Circular [] (Tensor.scalar 2.0)))

[<Test>]
let ``pairs for both ends alike, and those that keep sizes`` () =
    shouldEqual [ 1, 1; 2, 2 ] (Padding.symmetric [ 1; 2 ])
    shouldEqual [ 1, 1; 1, 2; 2, 2 ] (Padding.same [ 3; 4; 3 ] [ 1; 1; 2 ])

[<Test>]
let ``what cannot be padded is refused in these words`` () =
    let pad mode amounts shape () =
        Padding.pad mode amounts (Tensor.zeros shape) |> ignore

    raises<ShapeException>
        "pad: 3 pairs for input [2; 3], which has 2 axes; give a pair for each of the last axes"
        (pad Padding.zeros [ 1, 1; 1, 1; 1, 1 ] [ 2; 3 ])

    raises<ShapeException>
        "pad: axis 1 of input [2; 3] has 3 places; -2 and -2 take away more than there are"
        (pad Padding.zeros [ -2, -2 ] [ 2; 3 ])

    raises<ShapeException>
        "pad: 3 places beyond axis 1 of input [2; 3], which has 3; reflect needs fewer than the axis has: pad less, or use replicate"
        (pad PaddingMode.Reflect [ 1, 3 ] [ 2; 3 ])

    raises<ShapeException>
        "pad: 4 places beyond axis 1 of input [2; 3], which has 3; circular takes at most as many as the axis has: pad less, or use replicate"
        (pad PaddingMode.Circular [ 4, 0 ] [ 2; 3 ])

    raises<ShapeException>
        "pad: 1 places beyond axis 0 of input [0], which has 0; there is no edge to repeat"
        (pad PaddingMode.Replicate [ 0, 1 ] [ 0 ])
