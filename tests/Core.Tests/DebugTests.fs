/// Looking into graphs, plans and programs, and finding where a number stopped being one.
module FunctionalDL.Tests.DebugTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private vector values = float64s [ List.length values ] values

// ---- graphs and plans --------------------------------------------------------------------------------------------

[<Test>]
let ``a graph is printed a line for each node`` () =
    let text =
        Debug.graph
            (fun (x: Tensor, y: Tensor) -> Tensor.sumAxes [ 0 ] (x * y))
            (Tensor.zeros [ 2; 3 ], Tensor.zeros [ 2; 3 ])

    shouldEqual
        [
            "%0 = argument 0 : float32[2; 3]"
            "%1 = argument 1 : float32[2; 3]"
            "%2 = mul %0 %1 : float32[2; 3]"
            "%3 = sum %2 axes=[0] : float32[1; 3]"
            "%4 = reshape %3 shape=[3] : float32[3]"
            "return %4"
        ]
        (text.Split('\n') |> List.ofArray)

[<Test>]
let ``pending tensors show what is computed and what reverse mode made`` () =
    let x = vector [ 1.0; 2.0 ]
    let y = Tensor.exp x
    let g = grad (fun x -> Tensor.sum (Tensor.sin x)) x

    Debug.pending (y, g)
    |> shouldContain [ "stored"; "exp %"; "cos %"; ", backward" ]

    Tensor.eval [ y ]
    let shown = Debug.pending y
    ensure shown (shown.StartsWith "%0 = stored : float64[2]")

[<Test>]
let ``a graph is drawn in Graphviz's language`` () =
    let text =
        Debug.dot (valueAndGrad (fun x -> Tensor.sum (x * x))) (vector [ 1.0; 2.0 ])

    text
    |> shouldContain [
        "digraph {"
        "label=\"argument 0\\nfloat64[2]\", shape=box]"
        "label=\"mul\\nfloat64[2]\", shape=ellipse"
        "peripheries=2"
        "fillcolor=lightgrey"
        "n0 -> n"
    ]

    ensure "closed" (text.EndsWith "}")

[<Test>]
let ``a plan shows loops with their instructions, buffers with their places, and the arena`` () =
    let f (x: Tensor, w: Tensor) =
        Tensor.sum (Tensor.tanh (Tensor.matmul x w) * 2.0)

    Debug.plan f (Tensor.zeros [ 4; 3 ], Tensor.zeros [ 3; 5 ])
    |> shouldContain [
        "0: matmul b0 b1 ->"
        "loop [4; 5]"
        "= tanh %"
        "<- sum %"
        "b0: float32[4; 3], input 0"
        "arena from 0"
        "result of 4 bytes"
        "return b"
        " bytes"
    ]

    Debug.planOn Reference.engine f (Tensor.zeros [ 4; 3 ], Tensor.zeros [ 3; 5 ])
    |> shouldContain [ "reference"; "matmul %0 %1" ]

// ---- where the time goes ----------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the slowest step of a function is told first, and the steps are those of the plan`` (engine: string) =
    let engine = engineOf engine
    // 128³ multiply-adds against 128² additions.
    let f (a: Tensor, b: Tensor) = Tensor.matmul a b + 1.0
    let x = Tensor.ones [ 128; 128 ], Tensor.ones [ 128; 128 ]
    let profile = Debug.profileOn engine 3 f x
    let steps = profile.Steps |> List.map fst
    let product = steps |> List.findIndex (fun step -> step.Contains "matmul")
    ensure $"{profile}" (profile.Steps |> List.forall (fun (_, seconds) -> seconds >= 0.0))
    ensure $"{profile}" (snd profile.Steps[product] > 0.5 * profile.Total)
    shouldBeClose "total" 1e-12 [| List.sumBy snd profile.Steps |] [| profile.Total |]
    let first = (string profile).Split('\n')[0]
    ensure first (first.Contains $"%%  {product}: {steps[product]}")

    if engine.Name = "cpu" then
        let plan = Debug.planOn engine f x
        let name (step: string) = step.Substring(0, step.IndexOf ':')
        steps |> List.iteri (fun i step -> shouldContain [ $"{i}: {name step}" ] plan)

[<Test>]
let ``a profile of no run is refused`` () =
    messageOf<OptionException>(fun () -> Debug.profile 0 Tensor.exp (vector [ 1.0 ]) |> ignore)
    |> shouldContain [ "0 runs are too few" ]

// ---- the printed form, back again --------------------------------------------------------------------------------

let private shouldReadBack program =
    let text = Program.print program
    let again = Program.parse text

    ensure
        text
        (program.Inputs = again.Inputs
         && program.Steps = again.Steps
         && program.Outputs = again.Outputs)

    shouldEqual text (Program.print again)

let rowNames = PrimTable.rows |> List.map _.Name

[<TestCaseSource(nameof rowNames)>]
let ``a printed program is read back as itself`` (name: string) =
    for seed in 1..12 do
        let case = (PrimTable.row name).Case(Random seed)
        shouldReadBack (Compile.program case.Apply (PrimTable.tensorsOf case))

[<Test>]
let ``literals of any bits and operands of any type are read back as themselves`` () =
    let x = vector [ 1.0; 2.0 ]
    let key = Key.ofSeed 1L

    shouldReadBack (
        Compile.program
            (fun (x: Tensor) ->
                x * 0.1 - Tensor.full DType.Float64 [] -0.0
                + Tensor.full DType.Float64 [] nan
                + Tensor.full DType.Float64 [] -infinity)
            x
    )

    shouldReadBack (
        Compile.program
            (fun x -> Tensor.sum (Key.uniform DType.Float32 [ 3 ] key) + Tensor.cast DType.Float32 x)
            x
    )

[<Test>]
let ``what is no program is refused`` () =
    raises<OptionException> "program: '%0 is x' is not a line of a program" (fun () ->
        Program.parse "%0 is x\nreturn %0" |> ignore)

    raises<OptionException> "program: there is no primitive 'frob'" (fun () ->
        Program.parse "%0 = input : float32[]\n%1 = frob %0 : float32[]\nreturn %1"
        |> ignore)

    raises<OptionException> "program: sum needs 'axes'" (fun () ->
        Program.parse "%0 = input : float32[2]\n%1 = sum %0 : float32[1]\nreturn %1"
        |> ignore)

// ---- numbers that stopped being numbers --------------------------------------------------------------------------

let private found f x =
    match Debug.findNonFinite f x with
    | Some found -> found
    | None -> failwith "nothing was found"

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the first operation that makes a NaN is named, with shapes and ranges`` (engine: string) =
    let f (x: Tensor) = Tensor.sum (Tensor.log (x - 2.0) * 3.0)

    match Debug.findNonFiniteOn (engineOf engine) f (vector [ 1.0; 4.0; 8.0 ]) with
    | Some found ->
        shouldContain [ "log %" ] found.Operation
        shouldEqual Pass.Forward found.Pass
        shouldEqual 1 found.Result.NaNs
        shouldEqual (Some(-1.0, 6.0)) found.Operands.Head.Range

        string found
        |> shouldContain [ "in the forward pass gives float64[3]"; "1 NaN"; "from float64[3] (-1 to 6)" ]
    | None -> Assert.Fail "nothing was found"

[<Test>]
let ``an infinity of the backward pass is told from one of the forward pass`` () =
    // The square root has no slope at 0.
    let backward =
        found (grad (fun x -> Tensor.sum (Tensor.sqrt x))) (vector [ 0.0; 4.0 ])

    shouldContain [ "div %" ] backward.Operation
    shouldEqual Pass.Backward backward.Pass
    shouldEqual 1 backward.Result.Infinities
    string backward |> shouldContain [ "in the backward pass"; "1 infinite" ]

    let forward =
        found (grad (fun x -> Tensor.sum (Tensor.exp x))) (vector [ 1.0; 800.0 ])

    shouldContain [ "exp %" ] forward.Operation
    shouldEqual Pass.Forward forward.Pass

[<Test>]
let ``the two passes are told apart through maps and steps that follow`` () =
    let g (x: Tensor) =
        grad (fun x -> Tensor.sum (Tensor.sqrt x)) x

    shouldEqual Pass.Backward (found (vmap g) (float64s [ 2; 1 ] [ 0.0; 1.0 ])).Pass
    // What is made of a gradient afterwards is no part of the backward pass.
    let step (x: Tensor) = Tensor.log (g x - 0.25)
    shouldEqual Pass.Forward (found step (vector [ 4.0 ])).Pass

[<Test>]
let ``an argument that is bad already is what is found`` () =
    let bad =
        found (fun (x: Tensor, y: Tensor) -> x * y) (vector [ 1.0 ], vector [ nan ])

    shouldEqual "argument 1" bad.Operation
    shouldEqual 1 bad.Result.NaNs

[<Test>]
let ``infinite constants are no trouble, and what is finite passes`` () =
    let masked (x: Tensor) =
        Tensor.softmax 0 (Tensor.maskedFill (Tensor.gt x (Tensor.onesLike x)) -infinity x)

    shouldEqual None (Debug.findNonFinite masked (vector [ 0.5; 2.0; 1.0 ]))
    let y = Debug.checkFinite masked (vector [ 0.5; 2.0; 1.0 ])
    shouldEqual 3 y.Shape.Size

    messageOf<ValueException>(fun () -> Debug.checkFinite Tensor.log (vector [ -1.0 ]) |> ignore)
    |> shouldContain [
        "log %0 in the forward pass gives float64[1] (no finite element, 1 NaN)"
        "from float64[1] (-1 to -1)"
    ]
