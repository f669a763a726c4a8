/// What is refused while a graph is built, in which words, and which shapes and element types results have.
module FunctionalDL.Tests.TypingTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// A float32 tensor of a shape; nothing is ever computed for it.
let private f shape = Tensor.zeros shape

let private whole shape = Tensor.full DType.Int64 shape 0.0

let private node dtype shape =
    Graph.symbol "x" {
        DType = dtype
        Shape = Shape.ofList shape
    }

let private shapeError message (run: unit -> Tensor) =
    raises<ShapeException> message (run >> ignore)

let private dtypeError message (run: unit -> Tensor) =
    raises<DTypeException> message (run >> ignore)

let private shapeRule message prim =
    raises<ShapeException> message (fun () -> Graph.make prim |> ignore)

let private dtypeRule message prim =
    raises<DTypeException> message (fun () -> Graph.make prim |> ignore)

// ---- shapes ------------------------------------------------------------------------------------------------------

[<Test>]
let ``matmul names both shapes and guesses which operand to transpose`` () =
    shapeError
        "matmul: inner sizes differ: [32; 10] · [12; 10]; did you mean the transpose of the second?"
        (fun () -> Tensor.matmul (f [ 32; 10 ]) (f [ 12; 10 ]))

    shapeError
        "matmul: inner sizes differ: [10; 32] · [10; 12]; did you mean the transpose of the first?"
        (fun () -> Tensor.matmul (f [ 10; 32 ]) (f [ 10; 12 ]))

    shapeError "matmul: inner sizes differ: [2; 3] · [4; 5]" (fun () ->
        Tensor.matmul (f [ 2; 3 ]) (f [ 4; 5 ]))

    shapeError "matmul: operands are [] and [4; 5]; they need at least one axis each" (fun () ->
        Tensor.matmul (f []) (f [ 4; 5 ]))

    shapeRule
        "matmul: batch sizes differ at axis 0: [2; 3; 4] · [5; 4; 3]"
        (Prim.MatMul(node DType.Float32 [ 2; 3; 4 ], node DType.Float32 [ 5; 4; 3 ]))

    shapeRule
        "matmul: operands are [3] and [3; 4]; they need equal ranks of at least 2"
        (Prim.MatMul(node DType.Float32 [ 3 ], node DType.Float32 [ 3; 4 ]))

/// A kernel of 3 that moves by 2 over 8 places with a zero before, in two groups.
let private spec = {
    Groups = 2
    Stride = [| 2 |]
    Dilation = [| 1 |]
    Before = [| 1 |]
    Input = [| 8 |]
    Kernel = [| 3 |]
    Output = [| 4 |]
}

let private convolution part spec a b =
    Prim.Convolution(part, spec, node DType.Float32 a, node DType.Float32 b)

[<Test>]
let ``each part of a convolution has the shape that the others leave`` () =
    let x, w, y = [ 5; 4; 8 ], [ 6; 2; 3 ], [ 5; 6; 4 ]

    for part, a, b, expected in
        [ ConvolutionPart.Output, x, w, y; ConvolutionPart.Input, y, w, x; ConvolutionPart.Weight, x, y, w ] do
        let made = Graph.make (convolution part spec a b)
        shouldEqual expected (List.ofArray (made.Type.Shape.ToArray()))

[<Test>]
let ``a convolution refuses sizes that do not meet`` () =
    let said = "[groups 2; stride 2; dilation 1; before 1; input 8; kernel 3; output 4]"

    for part, a, b in
        [
            ConvolutionPart.Output, [ 5; 3; 8 ], [ 6; 2; 3 ]
            ConvolutionPart.Output, [ 5; 4; 7 ], [ 6; 2; 3 ]
            ConvolutionPart.Output, [ 5; 4; 8 ], [ 5; 2; 3 ]
            ConvolutionPart.Input, [ 5; 4; 4 ], [ 6; 2; 3 ]
            ConvolutionPart.Input, [ 5; 6; 5 ], [ 6; 2; 3 ]
            ConvolutionPart.Weight, [ 5; 4; 8 ], [ 4; 6; 4 ]
            ConvolutionPart.Weight, [ 5; 3; 8 ], [ 5; 6; 4 ]
            ConvolutionPart.Weight, [ 5; 4; 8 ], [ 5; 6; 4; 1 ]
        ] do
        let operands = $"{Shape.ofList a} and {Shape.ofList b}"

        shapeRule
            $"convolution{part}: operands {operands} do not meet under {said}"
            (convolution part spec a b)

    shapeRule
        "convolutionoutput: stride [0] needs 1 numbers of at least 1"
        (convolution ConvolutionPart.Output { spec with Stride = [| 0 |] } [ 5; 4; 8 ] [ 6; 2; 3 ])

    dtypeRule
        "convolutionoutput: operands are float32[5; 4; 8] and float64[6; 2; 3]; cast one to the other's type"
        (Prim.Convolution(
            ConvolutionPart.Output,
            spec,
            node DType.Float32 [ 5; 4; 8 ],
            node DType.Float64 [ 6; 2; 3 ]
        ))

[<Test>]
let ``matmul names both shapes when batches do not broadcast`` () =
    messageOf<ShapeException>(fun () -> Tensor.matmul (f [ 2; 3; 4 ]) (f [ 5; 4; 6 ]) |> ignore)
    |> shouldContain [ "matmul"; "[2; 3; 4]"; "[5; 4; 6]" ]

[<Test>]
let ``operations on two tensors name the operation, both shapes and the axis that does not fit`` () =
    let message operation =
        $"{operation}: shapes [2; 3] and [4] do not broadcast: sizes 3 and 4 at axis -1 differ and neither is 1"

    let operations: (string * (Tensor -> Tensor -> Tensor)) list = [
        "add", (+)
        "sub", (-)
        "mul", (*)
        "div", (/)
        "maximum", Tensor.maximum
        "minimum", Tensor.minimum
        "equal", Tensor.eq
        "notequal", Tensor.ne
        "less", Tensor.lt
        "lessequal", Tensor.le
        "greater", Tensor.gt
        "greaterequal", Tensor.ge
        "where", Tensor.where (Tensor.ofBools [] [| true |])
    ]

    for name, operation in operations do
        shapeError (message name) (fun () -> operation (f [ 2; 3 ]) (f [ 4 ]))

    shapeError
        "where: shapes [5] and [2; 3] do not broadcast: sizes 5 and 3 at axis -1 differ and neither is 1"
        (fun () -> Tensor.where (f [ 5 ]) (f [ 2; 3 ]) (f [ 3 ]))

[<Test>]
let ``movements say what does not fit`` () =
    shapeError "reshape: [2; 3] has 6 elements and [4] has 4" (fun () -> Tensor.reshape [ 4 ] (f [ 2; 3 ]))

    shapeError "reshape: 6 elements of shape [2; 3] do not divide into [4; -1]" (fun () ->
        Tensor.reshape [ 4; -1 ] (f [ 2; 3 ]))

    shapeError "reshape: only one size may be -1, of [-1; -1]" (fun () ->
        Tensor.reshape [ -1; -1 ] (f [ 2; 3 ]))

    shapeError "permute: [0; 0] does not order the axes of [2; 3]" (fun () ->
        Tensor.permute [ 0; 0 ] (f [ 2; 3 ]))

    shapeError "permute: [0] does not order the axes of [2; 3]" (fun () -> Tensor.permute [ 0 ] (f [ 2; 3 ]))

    shapeError "transpose: axis 2 of shape [2; 3] does not exist; axes go from -2 to 1" (fun () ->
        Tensor.transpose 0 2 (f [ 2; 3 ]))

    shapeError "t: shape [3] is not a matrix; use transpose with two axes" (fun () -> Tensor.t (f [ 3 ]))
    shapeError "unsqueeze: axis 3 does not fit shape [2]; -2 to 1 do" (fun () -> Tensor.unsqueeze 3 (f [ 2 ]))

    shapeError "expand: [2; 3] does not stretch to [2; 4]: only axes of size 1 stretch" (fun () ->
        Tensor.expand [ 2; 4 ] (f [ 2; 3 ]))

    shapeError "expand: shape [2; 3] has more axes than [3]" (fun () -> Tensor.expand [ 3 ] (f [ 2; 3 ]))

    messageOf<ShapeException>(fun () -> Tensor.narrow 1 2 2 (f [ 2; 3 ]) |> ignore)
    |> shouldContain [ "start 2"; "count 2"; "axis 1"; "[2; 3]" ]

    messageOf<ShapeException>(fun () -> Tensor.narrow 0 0 -1 (f [ 2; 3 ]) |> ignore)
    |> shouldContain [ "count -1" ]

    shapeError "narrow: axis -3 of shape [2; 3] does not exist; axes go from -2 to 1" (fun () ->
        Tensor.narrow -3 0 1 (f [ 2; 3 ]))

    shapeError "flatten: axis 2 of shape [2; 3] does not exist; axes go from -2 to 1" (fun () ->
        Tensor.flatten 2 (f [ 2; 3 ]))

    shapeError "cat: there is nothing to join" (fun () -> Tensor.cat 0 [])

    messageOf<ShapeException>(fun () -> Tensor.cat 0 [ f [ 2; 3 ]; f [ 2; 4 ] ] |> ignore)
    |> shouldContain [ "[2; 3]"; "[2; 4]"; "must agree on every axis but 0" ]

[<Test>]
let ``folds say which axis is missing`` () =
    shapeError "sum: axis 2 of shape [2; 3] does not exist; axes go from -2 to 1" (fun () ->
        Tensor.sumAxes [ 2 ] (f [ 2; 3 ]))

    shapeError "sum: axis 0 of shape [] does not exist; a scalar has no axes" (fun () ->
        Tensor.sumAxes [ 0 ] (f []))

    shapeError "amax: an axis is named twice in [1; -1]" (fun () -> Tensor.amaxAxes [ 1; -1 ] (f [ 2; 3 ]))

    shapeError "max: shape [0; 3] has no elements on a reduced axis, so there is no extreme one" (fun () ->
        Tensor.amax (f [ 0; 3 ]))

    shapeError "argmax: axis 0 of shape [0; 3] has no elements" (fun () -> Tensor.argmax 0 (f [ 0; 3 ]))

    shapeError "argmin: axis 5 of shape [3] does not exist; axes go from -1 to 0" (fun () ->
        Tensor.argmin 5 (f [ 3 ]))

[<Test>]
let ``picking says what does not fit`` () =
    shapeError "gather: index [3] and source [2; 3] need equal ranks" (fun () ->
        Tensor.gather 1 (whole [ 3 ]) (f [ 2; 3 ]))

    shapeError "gather: index [4; 1] has 4 places at axis 0 and source [2; 3] only 2" (fun () ->
        Tensor.gather 1 (whole [ 4; 1 ]) (f [ 2; 3 ]))

    dtypeError "gather: the index is float32[2; 1]; it needs whole numbers (int64 or int32)" (fun () ->
        Tensor.gather 1 (f [ 2; 1 ]) (f [ 2; 3 ]))

    shapeError "scatteradd: source [2; 3] and index [2; 2] need equal shapes" (fun () ->
        Tensor.scatterAdd 1 4 (whole [ 2; 2 ]) (f [ 2; 3 ]))

    shapeError "indexSelect: the index has shape [1; 2]; it needs one axis" (fun () ->
        Tensor.indexSelect 0 (whole [ 1; 2 ]) (f [ 3 ]))

    shapeError
        "linear: input [64; 784] does not fit weight [10; 50]: its last axis needs the weight's second size"
        (fun () -> Tensor.linear (f [ 10; 50 ]) None (f [ 64; 784 ]))

[<Test>]
let ``data has as many values as its shape`` () =
    shapeError "tensor: 5 values for shape [2; 3], which has 6" (fun () ->
        Tensor.ofFloats [ 2; 3 ] (Array.zeroCreate 5))

    shapeError "shape [2; -3]: a size is negative" (fun () -> Tensor.zeros [ 2; -3 ])

    raises<ShapeException> "item: shape [2] has 2 elements; it needs exactly one: reduce it first" (fun () ->
        Tensor.item (f [ 2 ]) |> ignore)

[<Test>]
let ``no result has more elements than can be counted`` () =
    // 65536 · 65536 = 2³², which 32 bits take for 0: kernels would then write where nothing was reserved.
    let column, row = f [ 65536; 1 ], f [ 1; 65536 ]

    let isRefused what (run: unit -> Tensor) =
        messageOf<ShapeException>(run >> ignore) |> shouldContain [ what ]

    isRefused "65536" (fun () -> Tensor.zeros [ 65536; 65536 ])
    isRefused "65536" (fun () -> Tensor.expand [ 65536; 65536 ] column)
    isRefused "65536" (fun () -> column + row)
    isRefused "65536" (fun () -> Tensor.matmul column row)
    let half = Tensor.expand [ 32768; 32768 ] (f [ 1; 1 ])
    isRefused "32768" (fun () -> Tensor.cat 0 [ half; half; half; half ])
    isRefused "65536" (fun () -> Tensor.scatterAdd 1 65536 (whole [ 65536; 1 ]) column)

// ---- rules of single primitives ----------------------------------------------------------------------------------

[<Test>]
let ``primitives refuse operands that do not belong together`` () =
    let x, y = node DType.Float32 [ 2 ], node DType.Float32 [ 3 ]
    shapeRule "add: operands are [2] and [3]; they need equal shapes" (Prim.Binary(BinaryOp.Add, x, y))

    dtypeRule
        "add: operands are float32[2] and float64[2]; cast one to the other's type"
        (Prim.Binary(BinaryOp.Add, x, node DType.Float64 [ 2 ]))

    shapeRule "less: operands are [2] and [3]; they need equal shapes" (Prim.Compare(CompareOp.Less, x, y))
    dtypeRule "select: the condition is float32[2]; it needs bool" (Prim.Select(x, x, x))
    shapeRule "select: the condition is [3] and the values are [2]" (Prim.Select(node DType.Bool [ 3 ], x, x))
    shapeRule "concat: there is nothing to join" (Prim.Concat(0, [||]))

    dtypeRule
        "concat: operands are float32[2] and int64[2]; cast one to the other's type"
        (Prim.Concat(0, [| x; node DType.Int64 [ 2 ] |]))

    dtypeRule
        "matmul: operands are float32[2; 2] and float64[2; 2]; cast one to the other's type"
        (Prim.MatMul(node DType.Float32 [ 2; 2 ], node DType.Float64 [ 2; 2 ]))

    dtypeRule
        "random: the key is int64[2]; it needs int32[2]"
        (Prim.Random(DType.Float32, Shape.ofList [ 3 ], 0u, node DType.Int64 [ 2 ]))

    dtypeRule
        "iota: operand is bool[3]; cast it to a number type to compute with first"
        (Prim.Iota(DType.Bool, 3))

    shapeRule
        "slice: 2 spans for shape [2]; it needs one for each axis"
        (Prim.Slice([| { Start = 0; Step = 1; Count = 1 }; { Start = 0; Step = 1; Count = 1 } |], x))

    shapeRule
        "slice: start 0, step 0, count 1 leaves axis 0 of shape [2]"
        (Prim.Slice([| { Start = 0; Step = 0; Count = 1 } |], x))

    shapeRule
        "slice: start 1, step -1, count 3 leaves axis 0 of shape [2]"
        (Prim.Slice([| { Start = 1; Step = -1; Count = 3 } |], x))

    shapeRule
        "embed: the spans pick a part of [4] that does not have the operand's shape [2]"
        (Prim.Embed(Shape.ofList [ 4 ], [| { Start = 0; Step = 1; Count = 3 } |], x))

    dtypeRule
        "scatteradd: operand is bool[2]; cast it to a number type to compute with first"
        (Prim.ScatterAdd(0, 2, node DType.Bool [ 2 ], node DType.Int64 [ 2 ]))

// ---- element types -----------------------------------------------------------------------------------------------

[<Test>]
let ``functions of real numbers refuse whole ones and say how to get there`` () =
    let functions: (string * (Tensor -> Tensor)) list = [
        "sqrt", Tensor.sqrt
        "exp", Tensor.exp
        "expm1", Tensor.expm1
        "log", Tensor.log
        "log1p", Tensor.log1p
        "sin", Tensor.sin
        "cos", Tensor.cos
        "tanh", Tensor.tanh
        "sigmoid", Tensor.sigmoid
    ]

    for name, apply in functions do
        dtypeError
            $"{name}: operand is int64[3]; it needs a floating-point type: cast it to float32 first"
            (fun () -> apply (whole [ 3 ]))

[<Test>]
let ``bytes and booleans are stored, not computed with`` () =
    let bytes, truths =
        Tensor.ofBytes [ 2 ] [| 1uy; 2uy |], Tensor.ofBools [ 2 ] [| true; false |]

    dtypeError "add: operand is uint8[2]; cast it to a number type to compute with first" (fun () ->
        bytes + bytes)

    dtypeError "mul: operand is bool[2]; cast it to a number type to compute with first" (fun () ->
        truths * truths)

    dtypeError "neg: operand is bool[2]; cast it to a number type to compute with first" (fun () -> -truths)

    dtypeError "max: operand is uint8[2]; cast it to a number type to compute with first" (fun () ->
        Tensor.amax bytes)

let private dtypes = [ DType.Bool; DType.UInt8; DType.Int32; DType.Int64; DType.Float32; DType.Float64 ]

[<Test>]
let ``two tensors with axes meet in the wider type`` () =
    for i, a in List.indexed dtypes do
        for j, b in List.indexed dtypes do
            let expected = dtypes[max i j]
            shouldEqual expected (DType.promote a b)
            let x, y = Tensor.full a [ 2 ] 1.0, Tensor.full b [ 2 ] 1.0
            shouldEqual expected (Tensor.where (Tensor.ofBools [ 2 ] [| true; false |]) x y).DType
            shouldEqual DType.Bool (Tensor.eq x y).DType
            shouldEqual expected (Tensor.cat 0 [ x; y ]).DType

            if j >= 2 || i >= 2 then
                shouldEqual expected (x + y).DType

[<Test>]
let ``a scalar tensor widens another only when it is of a wider kind`` () =
    let meet scalar other =
        (Tensor.maximum (Tensor.full scalar [] 1.0) (Tensor.full other [ 2 ] 1.0)).DType

    shouldEqual DType.Float32 (meet DType.Float64 DType.Float32)
    shouldEqual DType.Float64 (meet DType.Float32 DType.Float64)
    shouldEqual DType.Float32 (meet DType.Int64 DType.Float32)
    shouldEqual DType.Float64 (meet DType.Float64 DType.Int32)
    shouldEqual DType.Int32 (meet DType.Int64 DType.Int32)
    shouldEqual DType.Int64 (meet DType.Int32 DType.Int64)
    shouldEqual DType.Int32 (meet DType.Bool DType.Int32)
    shouldEqual DType.Int64 (meet DType.Int64 DType.Bool)
    // Two scalars meet like any two tensors.
    shouldEqual DType.Float64 (Tensor.full DType.Float32 [] 1.0 + Tensor.full DType.Float64 [] 1.0).DType

[<Test>]
let ``a plain number takes the tensor's type unless it is of a wider kind`` () =
    let x dtype = Tensor.full dtype [ 2 ] 1.0
    shouldEqual DType.Float32 (x DType.Float32 + 1.5).DType
    shouldEqual DType.Float64 (1.5 * x DType.Float64).DType
    shouldEqual DType.Float32 (x DType.Int64 + 1.5).DType
    shouldEqual DType.Int32 (x DType.Int32 + 1).DType
    shouldEqual DType.Int64 (1 - x DType.Bool).DType
    shouldEqual DType.Float64 (x DType.Float64 + 1).DType
    shouldEqual DType.Float64 (Tensor.full DType.Float64 [] 1.0 + 0.1).DType
    // Whole numbers have no quotient among them.
    shouldEqual DType.Float32 (x DType.Int64 / x DType.Int64).DType
    shouldEqual DType.Float32 (x DType.Int32 / 2).DType

[<Test>]
let ``sums of whole numbers and truths are counted in int64, means are real`` () =
    shouldEqual DType.Int64 (Tensor.sum (Tensor.full DType.Bool [ 3 ] 1.0)).DType
    shouldEqual DType.Int64 (Tensor.sum (Tensor.full DType.UInt8 [ 3 ] 1.0)).DType
    shouldEqual DType.Int64 (Tensor.sum (Tensor.full DType.Int32 [ 3 ] 1.0)).DType
    shouldEqual DType.Float32 (Tensor.sum (f [ 3 ])).DType
    shouldEqual DType.Float32 (Tensor.mean (whole [ 3 ])).DType
    shouldEqual DType.Int64 (Tensor.argmax 0 (f [ 3 ])).DType
    shouldEqual DType.Int64 (Tensor.oneHot 4 (whole [ 3 ])).DType
    shouldEqual DType.Int32 (Tensor.amax (Tensor.full DType.Int32 [ 3 ] 1.0)).DType

// ---- shapes of results -------------------------------------------------------------------------------------------

[<Test>]
let ``results have the shapes that PyTorch gives them`` () =
    let is expected (x: Tensor) = shouldEqual expected (dimsOf x)
    is [ 2; 3 ] (f [ 2; 3 ] + f [])
    is [ 2; 3 ] (f [ 3 ] + f [ 2; 1 ])
    is [ 4; 2; 3 ] (f [ 4; 1; 3 ] * f [ 2; 1 ])
    is [ 0; 3 ] (f [ 0; 1 ] + f [ 3 ])
    is [ 0 ] (f [ 0 ] + f [ 1 ])
    is [ 2; 4 ] (Tensor.matmul (f [ 2; 3 ]) (f [ 3; 4 ]))
    is [ 4 ] (Tensor.matmul (f [ 3 ]) (f [ 3; 4 ]))
    is [ 2 ] (Tensor.matmul (f [ 2; 3 ]) (f [ 3 ]))
    is [] (Tensor.matmul (f [ 3 ]) (f [ 3 ]))
    is [ 7; 2; 4 ] (Tensor.matmul (f [ 7; 2; 3 ]) (f [ 3; 4 ]))
    is [ 7; 5; 2; 4 ] (Tensor.matmul (f [ 7; 1; 2; 3 ]) (f [ 5; 3; 4 ]))
    is [ 5; 4 ] (Tensor.matmul (f [ 3 ]) (f [ 5; 3; 4 ]))
    is [ 3 ] (Tensor.sumAxes [ 0 ] (f [ 2; 3 ]))
    is [ 1; 3 ] (Tensor.sumAxesKeep [ -2 ] (f [ 2; 3 ]))
    is [] (Tensor.sum (f [ 2; 3 ]))
    is [] (Tensor.sum (f []))
    is [ 2 ] (Tensor.argmax -1 (f [ 2; 3 ]))
    is [ 3; 2 ] (Tensor.reshape [ -1; 2 ] (f [ 2; 3 ]))
    is [ 2; 12 ] (Tensor.flatten 1 (f [ 2; 3; 4 ]))
    is [ 1 ] (Tensor.flatten 0 (f []))
    is [ 3; 4; 2 ] (Tensor.permute [ 1; 2; 0 ] (f [ 2; 3; 4 ]))
    is [ 4; 3; 2 ] (Tensor.transpose 0 -1 (f [ 2; 3; 4 ]))
    is [ 2; 3; 1 ] (Tensor.unsqueeze -1 (f [ 2; 3 ]))
    is [ 2; 3 ] (Tensor.squeeze 1 (f [ 2; 1; 3 ]))
    is [ 2; 3 ] (Tensor.squeeze 1 (f [ 2; 3 ]))
    is [ 5; 2; 3 ] (Tensor.expand [ 5; 2; 3 ] (f [ 2; 1 ]))
    is [ 2; 5 ] (Tensor.cat 1 [ f [ 2; 3 ]; f [ 2; 2 ] ])
    is [ 2; 3; 4 ] (Tensor.stack -1 (List.replicate 4 (f [ 2; 3 ])))
    is [ 2; 2 ] (Tensor.gather 1 (whole [ 2; 2 ]) (f [ 2; 3 ]))
    is [ 2; 7 ] (Tensor.scatterAdd 1 7 (whole [ 2; 3 ]) (f [ 2; 3 ]))
    is [ 4; 3 ] (Tensor.indexSelect 0 (whole [ 4 ]) (f [ 2; 3 ]))
    is [ 3; 4 ] (Tensor.oneHot 4 (whole [ 3 ]))
