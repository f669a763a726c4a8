/// Picking, putting, cutting, folding and making tensors, against plain loops.
module FunctionalDL.Tests.IndexingTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.FamilySupport

let private whole shape (values: int list) =
    Tensor.ofInt64s shape (values |> List.map int64 |> Array.ofList)

let private shape = [ 3; 4; 2 ]
let private values = numbers 60 shape
let private x = float64s shape values

let private onBoth (check: IEngine -> unit) =
    engineNames |> List.iter (engineOf >> check)

/// Fails unless the items pick these positions of `x`, in this shape, and hand each its derivative.
let private picks what items expectedShape (expected: int list list) =
    onBoth (fun engine ->
        let y = Indexing.get items x
        shouldEqual expectedShape (dimsOf y)

        floatsOn engine y
        |> shouldBeExactly what (expected |> List.map (at shape values))

        let count p =
            expected |> List.filter ((=) p) |> List.length |> float

        gradientOn engine (Indexing.get items) x
        |> shouldBeExactly $"{what}: gradient" (positions shape |> List.map count)

        gradientIsDifference what engine (Indexing.get items) shape values)

let private all (axes: int list list) : int list list =
    List.foldBack
        (fun choices rest -> [
            for c in choices do
                for r in rest -> c :: r
        ])
        axes
        [ [] ]

[<Test>]
let ``a position drops its axis, from either end`` () =
    picks "x[1]" [ Pick.At 1 ] [ 4; 2 ] (all [ [ 1 ]; [ 0..3 ]; [ 0; 1 ] ])
    picks "x[:, -1]" [ Pick.All; Pick.At -1 ] [ 3; 2 ] (all [ [ 0..2 ]; [ 3 ]; [ 0; 1 ] ])
    picks "x[2, 0, -2]" [ Pick.At 2; Pick.At 0; Pick.At -2 ] [] [ [ 2; 0; 0 ] ]

[<Test>]
let ``ranges are Python's`` () =
    let along start stop step = [ Pick.All; Pick.Range(start, stop, step) ]

    for start in [ None; Some -9; Some -2; Some 0; Some 1; Some 9 ] do
        for stop in [ None; Some -9; Some -1; Some 0; Some 3; Some 9 ] do
            for step in [ 1; 2; -1; -3 ] do
                // Python's own rule: clip to 0..4 forwards and to -1..3 backwards.
                let low, high = if step > 0 then 0, 4 else -1, 3

                let clip i =
                    Math.Clamp((if i < 0 then i + 4 else i), low, high)

                let first =
                    start |> Option.map clip |> Option.defaultValue (if step > 0 then low else high)

                let last =
                    stop |> Option.map clip |> Option.defaultValue (if step > 0 then high else low)

                let found =
                    [ first..step .. last - sign step ]
                    |> List.filter (fun i -> (last - i) * sign step > 0)

                picks
                    $"{start}:{stop}:{step}"
                    (along start stop step)
                    [ 3; found.Length; 2 ]
                    (all [ [ 0..2 ]; found; [ 0; 1 ] ])

[<Test>]
let ``new axes and the rest stand where they are written`` () =
    picks "x[None, 1]" [ Pick.NewAxis; Pick.At 1 ] [ 1; 4; 2 ] (all [ [ 1 ]; [ 0..3 ]; [ 0; 1 ] ])
    picks "x[..., 0]" [ Pick.Rest; Pick.At 0 ] [ 3; 4 ] (all [ [ 0..2 ]; [ 0..3 ]; [ 0 ] ])

    picks
        "x[0, ..., None]"
        [ Pick.At 0; Pick.Rest; Pick.NewAxis ]
        [ 4; 2; 1 ]
        (all [ [ 0 ]; [ 0..3 ]; [ 0; 1 ] ])

[<Test>]
let ``positions in a tensor take the place of their axis`` () =
    picks
        "x[[0, -1, 0]]"
        [ Pick.Positions(whole [ 3 ] [ 0; -1; 0 ]) ]
        [ 3; 4; 2 ]
        (all [ [ 0; 2; 0 ]; [ 0..3 ]; [ 0; 1 ] ])

    picks
        "x[:, [[1, 1], [3, 0]]]"
        [ Pick.All; Pick.Positions(whole [ 2; 2 ] [ 1; 1; 3; 0 ]) ]
        [ 3; 2; 2; 2 ]
        (all [ [ 0..2 ]; [ 1; 1; 3; 0 ]; [ 0; 1 ] ])

[<Test>]
let ``several tensors of positions pick together, and stay in place when side by side`` () =
    let i, j =
        Pick.Positions(whole [ 3 ] [ 0; 1; 2 ]), Pick.Positions(whole [ 3 ] [ 3; 0; 3 ])

    picks
        "x[[0,1,2],[3,0,3]]"
        [ i; j ]
        [ 3; 2 ]
        (List.concat [
            all [ [ 0 ]; [ 3 ]; [ 0; 1 ] ]
            all [ [ 1 ]; [ 0 ]; [ 0; 1 ] ]
            all [ [ 2 ]; [ 3 ]; [ 0; 1 ] ]
        ])

    let k = Pick.Positions(whole [ 2; 1 ] [ 1; 0 ])

    picks "broadcast, side by side, behind an axis" [ Pick.All; Pick.Positions(whole [ 2 ] [ -1; 1 ]); k ] [
        3
        2
        2
    ] [
        for a in 0..2 do
            for c in [ 1; 0 ] do
                for b in [ 3; 1 ] -> [ a; b; c ]
    ]

    picks
        "apart: in front"
        [ Pick.Positions(whole [ 2 ] [ 2; 0 ]); Pick.All; Pick.Positions(whole [ 2 ] [ 1; 1 ]) ] [ 2; 4 ] [
            for a, c in [ 2, 1; 0, 1 ] do
                for b in 0..3 -> [ a; b; c ]
        ]

    picks
        "a position beside them drops its axis first"
        [ Pick.Positions(whole [ 2 ] [ 2; 0 ]); Pick.At 1; Pick.Positions(whole [ 2 ] [ 1; 0 ]) ] [ 2 ] [
            [ 2; 1; 1 ]
            [ 0; 1; 0 ]
        ]

[<Test>]
let ``a mask picks where it holds`` () =
    let mask = Tensor.ofBools [ 3; 4 ] (Array.init 12 (fun i -> i % 5 = 0))

    picks "x[mask]" [ Pick.Mask mask ] [ 3; 2 ] [
        for i in [ 0; 5; 10 ] do
            for c in 0..1 -> [ i / 4; i % 4; c ]
    ]

    picks
        "x[:, mask]"
        [ Pick.All; Pick.Mask(Tensor.ofBools [ 4 ] [| true; false; false; true |]) ]
        [ 3; 2; 2 ]
        (all [ [ 0..2 ]; [ 0; 3 ]; [ 0; 1 ] ])

    picks "a mask of nothing" [ Pick.Mask(Tensor.ofBools [ 3 ] [| false; false; false |]) ] [ 0; 4; 2 ] []
    let positive = Tensor.gt x (Tensor.zerosLike x)

    floatsOn Reference.engine (Indexing.maskedSelect positive x)
    |> shouldBeExactly "maskedSelect" (values |> Array.filter (fun v -> v > 0.0))

    gradientOn Reference.engine (fun x -> Indexing.maskedSelect (Tensor.gt x (Tensor.zerosLike x)) (x * x)) x
    |> shouldBeExactly
        "maskedSelect: gradient"
        (values |> Array.map (fun v -> if v > 0.0 then 2.0 * v else 0.0))

    floatsOn Reference.engine (Indexing.nonzero mask)
    |> shouldBeExactly "nonzero" [ 0.0; 0.0; 1.0; 1.0; 2.0; 2.0 ]

[<Test>]
let ``a mask cannot be traced`` () =
    (fun () ->
        Compile.run (fun (x: Tensor) -> Indexing.maskedSelect (Tensor.gt x (Tensor.zerosLike x)) x) x
        |> ignore)
    |> raises<TraceException>(
        "nonzero: the shape of the result would depend on the values of bool[24], which are not known while a "
        + "function is traced; use where or maskedFill, which keep the shape"
    )

let private refused<'e when 'e :> exn> items message =
    (fun () -> Indexing.get items x |> ignore) |> raises<'e> message

[<Test>]
let ``impossible indices are refused`` () =
    refused<ShapeException>
        [ Pick.At 3 ]
        "index: position 3 leaves axis 0 of shape [3; 4; 2], which has 3 places"

    refused<ShapeException>
        (List.replicate 4 Pick.All)
        "index: 4 axes are asked for, and shape [3; 4; 2] has 3"

    refused<OptionException> [ Pick.Rest; Pick.Rest ] "index: Rest stands twice; what it leaves must be clear"

    refused<OptionException> [ Pick.Range(None, None, 0) ] "slice: the step is 0; it needs to move"

    refused<DTypeException>
        [ Pick.Positions x ]
        "index: the index is float64[3; 4; 2]; it needs whole numbers (int64 or int32)"

    refused<ShapeException>
        [ Pick.Mask(Tensor.ofBools [ 2 ] [| true; true |]) ]
        "index: the mask is [2] and the axes that it stands for [3]"

    // A position that leaves its axis must not reach into the next row.
    onBoth (fun engine ->
        let items = [ Pick.Positions(whole [ 1 ] [ 0 ]); Pick.Positions(whole [ 1 ] [ 4 ]) ]

        (fun () -> floatsOn engine (Indexing.get items x) |> ignore)
        |> messageOf<ValueException>
        |> shouldContain [ "index 4"; "outside 0 to 3" ])

[<Test>]
let ``take reads a tensor as one axis`` () =
    onBoth (fun engine ->
        floatsOn engine (Indexing.take (whole [ 2; 2 ] [ 0; -1; 5; 5 ]) x)
        |> shouldBeExactly "take" [ values[0]; values[23]; values[5]; values[5] ])

[<Test>]
let ``gather takes an index that is smaller elsewhere`` () =
    let index = whole [ 2; 5; 1 ] [ 0; 3; 1; 1; 2; 3; 3; 0; 0; 1 ]
    let flat = [| 0; 3; 1; 1; 2; 3; 3; 0; 0; 1 |]

    onBoth (fun engine ->
        floatsOn engine (Tensor.gather 1 index x)
        |> shouldBeExactly "gather" [
            for p in positions [ 2; 5 ] -> at shape values [ p[0]; flat[p[0] * 5 + p[1]]; 0 ]
        ]

        gradientIsDifference "gather" engine (Tensor.gather 1 index) shape values)

    (fun () -> Tensor.gather 0 (whole [ 1; 5; 1 ] [ 0; 0; 0; 0; 0 ]) x |> ignore)
    |> raises<ShapeException> "gather: index [1; 5; 1] has 5 places at axis 1 and source [3; 4; 2] only 4"

// ---- putting
// -------------------------------------------------------------------------------------------------------

let private index = whole [ 2; 3 ] [ 0; 3; 0; 2; 2; 2 ]
let private indexAt = [| 0; 3; 0; 2; 2; 2 |]
let private source = numbers 61 [ 2; 4 ]
let private base' = numbers 62 [ 3; 4 ]

/// `base'` with the elements of `source` put or added one after another along axis 1.
let private putting (combine: float -> float -> float) =
    let result = Array.copy base'

    for i in 0..1 do
        for j in 0..2 do
            let target = i * 4 + indexAt[i * 3 + j]
            result[target] <- combine result[target] source[i * 4 + j]

    result

[<Test>]
let ``scatterAdd adds what meets, scatter keeps the last`` () =
    for what, f, combine in
        [
            "add", Indexing.scatterAdd, (fun old next -> old + next)
            "put", Indexing.scatter, (fun _ next -> next)
        ] do
        onBoth (fun engine ->
            floatsOn engine (f 1 index (float64s [ 2; 4 ] source) (float64s [ 3; 4 ] base'))
            |> shouldBeClose what 1e-15 (putting combine)

            gradientIsDifference
                $"{what}, source"
                engine
                (fun s -> f 1 index s (float64s [ 3; 4 ] base'))
                [ 2; 4 ]
                source

            gradientIsDifference
                $"{what}, input"
                engine
                (f 1 index (float64s [ 2; 4 ] source))
                [ 3; 4 ]
                base')

    floatsOn Reference.engine (Indexing.scatterFill 1 index 7.0 (float64s [ 3; 4 ] base'))
    |> shouldBeExactly "fill" (putting (fun _ _ -> 7.0))

[<Test>]
let ``indexAdd adds slices`` () =
    let x = numbers 63 [ 4; 2 ]
    let rows = numbers 64 [ 3; 2 ]
    let expected = Array.copy x

    for i, target in [ 0, 3; 1, 0; 2, 3 ] do
        for c in 0..1 do
            expected[target * 2 + c] <- expected[target * 2 + c] + rows[i * 2 + c]

    onBoth (fun engine ->
        floatsOn
            engine
            (Indexing.indexAdd 0 (whole [ 3 ] [ 3; 0; 3 ]) (float64s [ 3; 2 ] rows) (float64s [ 4; 2 ] x))
        |> shouldBeClose "indexAdd" 1e-15 expected)

[<Test>]
let ``what is put must fit`` () =
    let x = float64s [ 3; 4 ] base'

    (fun () ->
        Indexing.scatter 1 (whole [ 2; 5 ] (List.replicate 10 0)) (float64s [ 2; 4 ] source) x
        |> ignore)
    |> raises<ShapeException> "scatter: index [2; 5] is larger at axis 1 than source [2; 4] or input [3; 4]"

    (fun () ->
        Indexing.scatterAdd 1 (whole [ 2 ] [ 0; 0 ]) (float64s [ 2; 4 ] source) x
        |> ignore)
    |> raises<ShapeException> "scatterAdd: input [3; 4], index [2] and source [2; 4] need equal ranks"

[<Test>]
let ``an embedding's padding row learns nothing`` () =
    let table = float64s [ 3; 2 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]
    let index = whole [ 2; 2 ] [ 0; 2; 2; 1 ]

    for padding, gradient in
        [
            None, [ 1.0; 1.0; 1.0; 1.0; 2.0; 2.0 ]
            Some 2, [ 1.0; 1.0; 1.0; 1.0; 0.0; 0.0 ]
            Some -1, [ 1.0; 1.0; 1.0; 1.0; 0.0; 0.0 ]
        ] do
        onBoth (fun engine ->
            let y = Indexing.embedding padding index table
            shouldEqual [ 2; 2; 2 ] (dimsOf y)

            floatsOn engine y
            |> shouldBeExactly "rows" [ 1.0; 2.0; 5.0; 6.0; 5.0; 6.0; 3.0; 4.0 ]

            gradientOn engine (Indexing.embedding padding index) table
            |> shouldBeExactly "gradient" gradient)

    (fun () -> Indexing.embedding (Some 3) index table |> ignore)
    |> raises<OptionException> "embedding: the padding row 3 does not exist; the table is [3; 2]"

// ---- cutting and moving
// --------------------------------------------------------------------------------------------

[<Test>]
let ``movedim moves axes and keeps the others in order`` () =
    shouldEqual [ 4; 2; 3 ] (dimsOf (Arrange.movedim [ 0 ] [ -1 ] x))
    shouldEqual [ 2; 3; 4 ] (dimsOf (Arrange.movedim [ 2; 0 ] [ 0; 1 ] x))

    floatsOn Reference.engine (Arrange.movedim [ 0 ] [ 2 ] x)
    |> shouldBeExactly "elements" [ for p in positions [ 4; 2; 3 ] -> at shape values [ p[2]; p[0]; p[1] ] ]

    (fun () -> Arrange.movedim [ 0; 0 ] [ 1; 2 ] x |> ignore)
    |> raises<ShapeException> "movedim: an axis is named twice in [0; 0] or [1; 2]"

[<Test>]
let ``parts of an axis join to the whole`` () =
    let sizes parts =
        parts |> List.map (fun (p: Tensor) -> p.Shape[0])

    let line = Tensor.arange 7
    shouldEqual [ 3; 3; 1 ] (sizes (Arrange.split 3 0 line))
    shouldEqual [ 2; 2; 2; 1 ] (sizes (Arrange.chunk 4 0 line))
    shouldEqual [ 2; 2; 2; 1 ] (sizes (Arrange.chunk 5 0 line))
    shouldEqual [ 1; 0; 6 ] (sizes (Arrange.splitSizes [ 1; 0; 6 ] 0 line))

    shouldBeExactly
        "joined"
        [ 0.0 .. 6.0 ]
        (floatsOn Reference.engine (Tensor.cat 0 (Arrange.split 3 0 line)))

    shouldEqual [ [ 3; 2 ]; [ 3; 2 ]; [ 3; 2 ]; [ 3; 2 ] ] (Arrange.unbind 1 x |> List.map dimsOf)

    (fun () -> Arrange.splitSizes [ 3; 3 ] 0 line |> ignore)
    |> raises<ShapeException> "split: sizes [3; 3] add up to 6; axis 0 of [7] has 7 places"

[<Test>]
let ``a grid repeats each vector along the others' axes`` () =
    match Arrange.meshgrid [ float64s [ 2 ] [ 1.0; 2.0 ]; float64s [ 3 ] [ 5.0; 6.0; 7.0 ] ] with
    | [ a; b ] ->
        shouldBeExactly "first" [ 1.0; 1.0; 1.0; 2.0; 2.0; 2.0 ] (floatsOn Reference.engine a)
        shouldBeExactly "second" [ 5.0; 6.0; 7.0; 5.0; 6.0; 7.0 ] (floatsOn Reference.engine b)
        shouldEqual [ 2; 3 ] (dimsOf b)
    | other -> Assert.Fail $"{other.Length} tensors"

// ---- folds
// ---------------------------------------------------------------------------------------------------------

[<Test>]
let ``norms are the roots of sums of powers, with slope 0 at 0`` () =
    // Away from 0, where powers below 1 are steep.
    let values = values |> Array.map (fun v -> v + float (sign v))
    let x = float64s shape values
    let row (p: int list) = [ for j in 0..3 -> abs (at shape values [ p[0]; j; p[1] ]) ]

    for p in [ 0.5; 1.0; 1.5; 2.0; 3.0; -1.0; infinity; -infinity; 0.0 ] do
        let size (r: float list) =
            if p = infinity then List.max r
            elif p = -infinity then List.min r
            elif p = 0.0 then 4.0
            else (r |> List.sumBy (fun v -> v ** p)) ** (1.0 / p)

        onBoth (fun engine ->
            floatsOn engine (Reduce.norm p [ 1 ] x)
            |> shouldBeClose $"norm {p}" 1e-12 [| for i in positions [ 3; 2 ] -> size (row i) |]

            if p <> 0.0 then
                gradientIsDifference $"norm {p}" engine (Reduce.norm p [ 1 ]) shape values)

    for p in [ 0.5; 1.0; 1.5; 2.0; 3.0 ] do
        gradientOn Reference.engine (Reduce.norm p []) (float64s [ 2 ] [ 0.0; 0.0 ])
        |> shouldBeExactly $"slope of norm {p} at 0" [ 0.0; 0.0 ]

    shouldEqual [ 1; 4; 1 ] (dimsOf (Reduce.normKeep 2.0 [ 0; 2 ] x))

[<Test>]
let ``max and min with positions give all to the first`` () =
    let x = float64s [ 2; 4 ] [ 1.0; 3.0; 3.0; 0.0; 5.0; 5.0; nan; 7.0 ]

    onBoth (fun engine ->
        let largest, where = Reduce.max 1 x
        shouldBeExactly "values" [ 3.0; nan ] (floatsOn engine largest)
        shouldBeExactly "positions" [ 1.0; 2.0 ] (floatsOn engine where)

        gradientOn engine (Reduce.max 1 >> fst) x
        |> shouldBeExactly "gradient" [ 0.0; 1.0; 0.0; 0.0; 0.0; 0.0; 1.0; 0.0 ]

        let smallest, where = Reduce.minKeep 1 (Tensor.narrow 0 0 1 x)
        shouldEqual [ 1; 1 ] (dimsOf smallest)

        shouldBeExactly "smallest" [ 0.0; 3.0 ] [
            yield! floatsOn engine smallest
            yield! floatsOn engine where
        ])

    shouldBeExactly "argmax of all" [ 6.0 ] (floatsOn Reference.engine (Reduce.argmax x))

    shouldBeExactly
        "argmin of none but numbers"
        [ 3.0 ]
        (floatsOn Reference.engine (Reduce.argmin (Tensor.narrow 0 0 1 x)))

[<Test>]
let ``any, all and counts look at zeros`` () =
    let x = float64s [ 3; 2 ] [ 0.0; 0.0; 1.0; nan; 0.0; 2.0 ]
    shouldBeExactly "any" [ 0.0; 1.0; 1.0 ] (floatsOn Reference.engine (Reduce.any [ 1 ] x))
    shouldBeExactly "all" [ 0.0; 1.0; 0.0 ] (floatsOn Reference.engine (Reduce.all [ 1 ] x))
    shouldBeExactly "count" [ 3.0 ] (floatsOn Reference.engine (Reduce.countNonzero [] x))

[<Test>]
let ``log-sum-exp over several axes takes infinities`` () =
    let inf = infinity

    let on axes shape values =
        floatsOn Reference.engine (Tensor.logSumExpAxes axes (float64s shape values))

    shouldBeExactly "inf" [ inf ] (on [] [ 2; 2 ] [ 1.0; inf; -inf; 2.0 ])
    shouldBeExactly "-inf alone" [ -inf ] (on [ 0; 1 ] [ 2; 2 ] [ -inf; -inf; -inf; -inf ])

    shouldBeClose
        "large"
        1e-15
        [| 1000.0 + log 2.0 |]
        (on [ 0; 1 ] [ 2; 2 ] [ 1000.0; -inf; 1000.0; -1000.0 ])

    onBoth (fun engine ->
        gradientIsDifference "logSumExp" engine (Tensor.logSumExpAxes [ 0; 2 ]) shape values)

[<Test>]
let ``a deviation of 0 has slope 0`` () =
    let f = Tensor.stdAxesKeep 1 [ 1 ]
    let x = float64s [ 2; 2 ] [ 3.0; 3.0; 1.0; 3.0 ]
    shouldBeClose "value" 1e-15 [| 0.0; sqrt 2.0 |] (floatsOn Reference.engine (f x))
    shouldBeClose "slope" 1e-15 [| 0.0; 0.0; -(sqrt 0.5); sqrt 0.5 |] (gradientOn Reference.engine f x)

// ---- making
// --------------------------------------------------------------------------------------------------------

[<Test>]
let ``ranges have their ends and types`` () =
    let on = floatsOn Reference.engine
    shouldBeExactly "arange" [ 0.0; 0.5; 1.0; 1.5 ] (on (Create.arange DType.Float32 0.0 2.0 0.5))
    shouldBeExactly "backwards" [ 5.0; 3.0; 1.0 ] (on (Create.arange DType.Int64 5.0 0.0 -2.0))
    shouldBeExactly "nothing" [] (on (Create.arange DType.Int64 5.0 5.0 1.0))
    shouldEqual DType.Int32 (Create.arange DType.Int32 0.0 3.0 1.0).DType
    let line = on (Create.linspace DType.Float64 0.1 0.7 7)
    shouldBeClose "linspace" 1e-16 [| 0.1; 0.2; 0.3; 0.4; 0.5; 0.6; 0.7 |] line
    shouldBeExactly "both ends are exact" [ 0.1; 0.7 ] [ line[0]; line[6] ]
    shouldBeExactly "one point" [ 2.0 ] (on (Create.linspace DType.Float32 2.0 5.0 1))
    shouldBeExactly "eye" [ 1.0; 0.0; 0.0; 0.0; 1.0; 0.0 ] (on (Create.eye DType.Float64 2 3))

    (fun () -> Create.arange DType.Int64 0.0 5.0 -1.0 |> ignore)
    |> raises<OptionException> "arange: steps of -1 lead away from 5 when they start at 0"

    (fun () -> Create.arange DType.Int64 0.0 5.0 0.0 |> ignore)
    |> raises<OptionException> "arange: from 0 to 5 in steps of 0 has no end"

[<Test>]
let ``random integers, coins and orders come from the key alone`` () =
    onBoth (fun engine ->
        let key = Key.ofSeed 5L
        let dice = floatsOn engine (Key.integers 1L 7L [ 6000 ] key)

        for face in 1.0 .. 6.0 do
            let count = dice |> Array.filter ((=) face) |> Array.length
            ensure $"{count} of 6000 throws are {face}" (abs (count - 1000) < 130)

        let chance =
            Tensor.ofFloat32s [ 3 ] [| 0.0f; 0.25f; 1.0f |]
            |> Tensor.unsqueeze 1
            |> Tensor.expand [ 3; 4000 ]

        let heads = floatsOn engine (Tensor.sumAxes [ 1 ] (Key.bernoulli chance key))
        shouldBeExactly "certain" [ 0.0; 4000.0 ] [ heads[0]; heads[2] ]
        ensure $"{heads[1]} of 4000" (abs (heads[1] - 1000.0) < 120.0)
        let order = floatsOn engine (Key.shuffled 100 key)
        shouldBeExactly "a permutation" [ 0.0 .. 99.0 ] (Array.sort order)
        shouldBeExactly "that of Key.permutation" (Key.permutation 100 key |> Array.map float) order)

    (fun () -> Key.integers 3L 3L [ 2 ] (Key.ofSeed 1L) |> ignore)
    |> raises<OptionException> "integers: from 3 up to, but without, 3 there is no number"

// ---- products
// ------------------------------------------------------------------------------------------------------

[<Test>]
let ``outer, dot, trace and bilinear are their sums`` () =
    let a, b = numbers 70 [ 3 ], numbers 71 [ 4 ]

    onBoth (fun engine ->
        floatsOn engine (Linalg.outer (float64s [ 3 ] a) (float64s [ 4 ] b))
        |> shouldBeExactly "outer" [
            for v in a do
                for w in b -> v * w
        ]

        floatsOn engine (Linalg.dot (float64s [ 3 ] a) (float64s [ 3 ] a))
        |> shouldBeClose "dot" 1e-14 [| Array.sumBy (fun v -> v * v) a |]

        floatsOn engine (Linalg.trace (float64s [ 2; 2 ] [ 1.0; 2.0; 3.0; 4.0 ]))
        |> shouldBeExactly "trace" [ 5.0 ]

        let x1, x2, w, bias =
            numbers 72 [ 2; 3 ], numbers 73 [ 2; 2 ], numbers 74 [ 4; 3; 2 ], numbers 75 [ 4 ]

        let expected = [|
            for n in 0..1 do
                for o in 0..3 ->
                    bias[o]
                    + Seq.sum (
                        seq {
                            for i in 0..2 do
                                for j in 0..1 -> x1[n * 3 + i] * w[o * 6 + i * 2 + j] * x2[n * 2 + j]
                        }
                    )
        |]

        let bilinear w x1 x2 =
            Linalg.bilinear w (Some(float64s [ 4 ] bias)) x1 x2

        let w', x1', x2' =
            float64s [ 4; 3; 2 ] w, float64s [ 2; 3 ] x1, float64s [ 2; 2 ] x2

        floatsOn engine (bilinear w' x1' x2') |> shouldBeClose "bilinear" 1e-13 expected
        gradientIsDifference "bilinear, weight" engine (fun w -> bilinear w x1' x2') [ 4; 3; 2 ] w
        gradientIsDifference "bilinear, left" engine (fun x1 -> bilinear w' x1 x2') [ 2; 3 ] x1
        gradientIsDifference "bilinear, right" engine (fun x2 -> bilinear w' x1' x2) [ 2; 2 ] x2)

    (fun () -> Linalg.dot (float64s [ 3 ] a) (float64s [ 4 ] b) |> ignore)
    |> raises<ShapeException> "dot: operands are [3] and [4]; they need one axis each, of equal size"
