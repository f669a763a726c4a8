/// Recomputing instead of storing: the same bits, in less memory.
module FunctionalDL.Tests.CheckpointTests

open System
open System.Text.RegularExpressions
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// A perceptron of equal layers, in groups of so many that are computed again (0: all is kept).
let private perceptron activation group (weights: Tensor list) (x: Tensor) =
    let layer h w = activation (Tensor.matmul h w)
    let run h ws = List.fold layer h ws

    if group = 0 then
        run x weights
    else
        weights
        |> List.chunkBySize group
        |> List.fold (fun h ws -> checkpoint (fun h -> run h ws) h) x

let private weights layers width =
    let rng = Random 1

    List.init layers (fun _ ->
        Tensor.ofFloat32s [ width; width ] (uniform rng -0.2 0.2 [ width; width ] |> Array.map float32))

let private input rows width =
    Tensor.ofFloat32s [ rows; width ] (uniform (Random 2) -1.0 1.0 [ rows; width ] |> Array.map float32)

let private loss activation group (ws, x) =
    Tensor.mean (Tensor.square (perceptron activation group ws x))

/// One step of gradient descent on the weights.
let private step activation group (ws: Tensor list, x: Tensor) =
    let value, gradients = valueAndGrad (fun ws -> loss activation group (ws, x)) ws
    value, List.map2 (fun w (g: Tensor) -> w - 0.1 * g) ws gradients

/// The bytes of the memory that a plan keeps its intermediate values in.
let private arena f x =
    int64 (Regex.Match(Debug.plan f x, @"arena (\d+) bytes").Groups[1].Value)

[<Test>]
let ``recomputing halves the memory of the gradient of a 24-layer perceptron`` () =
    let at = weights 24 128, input 512 128

    for name, activation in [ "relu", Tensor.relu; "tanh", Tensor.tanh ] do
        let kept = arena (step activation 0) at
        let again = arena (step activation 4) at

        TestContext.Out.WriteLine
            $"{name}: {kept} bytes kept, {again} bytes recomputed: {float again / float kept:P0}"

        ensure $"{name}: {again} of {kept} bytes" (2L * again <= kept)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``values and gradients are those without a checkpoint, to the bit`` (engine: string) =
    let on = engineOf engine
    let at = weights 6 8, input 5 8

    for group in [ 1; 2; 3; 6 ] do
        let value, updated = step Tensor.tanh 0 at
        let value', updated' = step Tensor.tanh group at
        let compiled, updatedCompiled = Compile.on on (step Tensor.tanh group) at
        shouldEqual (bytesOn on value) (bytesOn on value')
        shouldEqual (bytesOn on value) (bytesOn on compiled)

        for plain, again, planned in List.zip3 updated updated' updatedCompiled do
            shouldEqual (bytesOn on plain) (bytesOn on again)
            shouldEqual (bytesOn on plain) (bytesOn on planned)

[<Test>]
let ``the second computation is there, and it waits for the backward pass`` () =
    let x = float64s [ 3 ] [ 0.1; 0.2; 0.3 ]

    let f x =
        Tensor.sum (checkpoint (fun x -> Tensor.sin (Tensor.exp x)) x)

    let exps (text: string) =
        text.Split('\n') |> Array.filter (fun l -> l.Contains " exp ") |> Array.length

    shouldEqual 1 (exps (Compile.print f x))
    shouldEqual 2 (exps (Compile.print (valueAndGrad f) x))
    shouldEqual 1 (exps (Compile.print (valueAndGrad (fun x -> Tensor.sum (Tensor.sin (Tensor.exp x)))) x))
    Compile.print (valueAndGrad f) x |> shouldContain [ "barrier" ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a checkpoint nests in every transformation`` (engine: string) =
    let on = engineOf engine
    let w = float64s [ 3; 3 ] (uniform (Random 3) -1.0 1.0 [ 3; 3 ])
    let x, v = float64s [ 3 ] [ 0.5; -0.25; 1.0 ], float64s [ 3 ] [ 1.0; 0.5; -1.0 ]

    let body (x: Tensor) =
        Tensor.tanh (Tensor.matmul w (Tensor.sin x))

    let twice (f: Tensor -> Tensor) x = f (f x)

    let same what (f: (Tensor -> Tensor) -> Tensor) =
        shouldBeClose $"{what} on {engine}" 1e-13 (floatsOn on (f body)) (floatsOn on (f (checkpoint body)))
        // A checkpoint in a checkpoint.
        shouldBeClose
            $"{what}, nested, on {engine}"
            1e-13
            (floatsOn on (f (twice body)))
            (floatsOn on (f (checkpoint (twice (checkpoint body)))))

    same "value" (fun f -> f x)
    same "jvp" (fun f -> snd (jvp f x v))
    same "vjp" (fun f -> snd (vjp f x) v)
    same "hvp" (fun f -> hvp (f >> Tensor.square >> Tensor.sum) x v)

    same "gradient of a gradient" (fun f ->
        grad (fun x -> Tensor.sum (Tensor.square (grad (f >> Tensor.sum) x))) x)

    same "Hessian" (fun f -> hessian (f >> Tensor.sum) x)
    same "Jacobian, forward" (fun f -> jacobianForward f x)
    same "Jacobian, reverse" (fun f -> jacobianReverse f x)
    same "mapped" (fun f -> vmap f w)
    same "gradients of a map" (fun f -> grad (fun x -> Tensor.sum (Tensor.square (vmap f x))) w)
    same "map of gradients" (fun f -> vmap (grad (f >> Tensor.sum)) w)
    same "compiled" (fun f -> Compile.on on (grad (f >> Tensor.square >> Tensor.sum)) x)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``parameters that are closed over have their gradients`` (engine: string) =
    let on = engineOf engine
    let x = float64s [ 2; 3 ] (uniform (Random 5) -1.0 1.0 [ 2; 3 ])
    let w = float64s [ 3; 3 ] (uniform (Random 6) -1.0 1.0 [ 3; 3 ])

    let plain w =
        Tensor.sum (Tensor.tanh (Tensor.matmul x (w * w)) * Tensor.sum w)

    let again w =
        Tensor.sum (checkpoint (fun x -> Tensor.tanh (Tensor.matmul x (w * w)) * Tensor.sum w) x)

    shouldBeClose "gradient" 1e-13 (floatsOn on (grad plain w)) (floatsOn on (grad again w))
    shouldBeClose "compiled" 1e-13 (floatsOn on (grad plain w)) (floatsOn on (Compile.on on (grad again) w))
    // The examples of a map that surrounds it, too.
    let scaled f =
        vmap (fun s -> grad (fun w -> f (w * s)) w) (float64s [ 2 ] [ 0.5; 2.0 ])

    shouldBeClose "mapped" 1e-13 (floatsOn on (scaled plain)) (floatsOn on (scaled again))

    let inside f = grad (fun w -> Tensor.sum (vmap f w)) w
    let row (r: Tensor) = Tensor.sum (Tensor.exp r) * r

    let closed (r: Tensor) =
        checkpoint (fun s -> Tensor.sum (Tensor.exp r) * s) r

    shouldBeClose "closing over an example" 1e-13 (floatsOn on (inside row)) (floatsOn on (inside closed))

[<Test>]
let ``structures and whole numbers pass through a checkpoint`` () =
    let f (x: Tensor, i: Tensor) = {|
        Picked = Tensor.exp (Tensor.indexSelect 0 i x)
        Index = i
    |}

    let index = Tensor.ofInt64s [ 2 ] [| 1L; 1L |]
    let x = float64s [ 2 ] [ 0.5; 1.0 ]
    let found = checkpoint f (x, index)
    shouldBeExactly "index" [ 1.0; 1.0 ] (Tensor.toFloats found.Index)
    let g = grad (fun x -> Tensor.sum (checkpoint f (x, index)).Picked) x
    shouldBeClose "gradient" 1e-14 [| 0.0; 2.0 * exp 1.0 |] (Tensor.toFloats g)

    messageOf<TraceException>(fun () -> checkpoint (fun x -> x * Tensor.item (Tensor.sum x)) x |> ignore)
    |> shouldContain [ "'argument of checkpoint' has no value" ]

[<Test>]
let ``a chain of 20,000 checkpoints is differentiated without overflow`` () =
    let f (x: Tensor) =
        (x, seq { 1..20_000 }) ||> Seq.fold (fun x _ -> checkpoint (fun x -> x * 1.0) x)

    shouldBeExactly "gradient" [ 1.0 ] (Tensor.toFloats (grad (f >> Tensor.sum) (float64s [ 1 ] [ 2.0 ])))
