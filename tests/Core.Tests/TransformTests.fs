/// Jacobians, Hessians and their products: against what is known on paper, against each other, and in every
/// form of argument.
module FunctionalDL.Tests.TransformTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

let private vector values = float64s [ List.length values ] values

/// A layer and a half, as a user writes parameters.
type private Net = {
    Weight: Tensor
    Bias: Tensor
    Out: Tensor
}

let private net (rng: Random) = {
    Weight = float64s [ 3; 4 ] (uniform rng -1.0 1.0 [ 3; 4 ])
    Bias = float64s [ 4 ] (uniform rng -1.0 1.0 [ 4 ])
    Out = float64s [ 4 ] (uniform rng -1.0 1.0 [ 4 ])
}

let private inputs = float64s [ 5; 3 ] (uniform (Random 4) -1.0 1.0 [ 5; 3 ])

let private loss (n: Net) =
    Tensor.mean (
        Tensor.square (Tensor.matmul (Tensor.tanh (Tensor.matmul inputs n.Weight + n.Bias)) n.Out - 0.5)
    )

// ---- Jacobians ---------------------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the Jacobian of a linear map is its matrix, in both modes`` (engine: string) =
    let on = engineOf engine
    let a = float64s [ 2; 3 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]
    let f (x: Tensor) = Tensor.matmul a x

    for mode in [ jacobian; jacobianForward; jacobianReverse ] do
        let j = mode f (vector [ 0.5; 0.25; 2.0 ])
        shouldEqual [ 2; 3 ] (dimsOf j)
        shouldBeExactly $"Jacobian on {engine}" [ 1.0 .. 6.0 ] (floatsOn on j)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``both modes agree on tensors of any rank, and with the directions one by one`` (engine: string) =
    let on = engineOf engine
    let x = float64s [ 2; 3 ] (uniform (Random 1) -1.0 1.0 [ 2; 3 ])

    let f (x: Tensor) =
        Tensor.sin (Tensor.matmul (Tensor.transpose 0 1 x) x) * Tensor.sum x

    let forward, reverse = jacobianForward f x, jacobianReverse f x
    shouldEqual [ 3; 3; 2; 3 ] (dimsOf forward)
    shouldEqual [ 3; 3; 2; 3 ] (dimsOf reverse)
    shouldBeClose "modes" 1e-13 (floatsOn on forward) (floatsOn on reverse)

    let columns =
        Array.init 6 (fun i ->
            let unit =
                Tensor.ofFloats [ 2; 3 ] (Array.init 6 (fun k -> if k = i then 1.0 else 0.0))

            floatsOn on (snd (jvp f x unit)))

    let expected = Array.init 54 (fun k -> columns[k % 6][k / 6])
    shouldBeClose "columns" 1e-13 expected (floatsOn on forward)

[<Test>]
let ``the mode follows the sizes`` () =
    // Wide functions are cheap in forward mode: the rule of the custom function tells which one was taken.
    let f (count: int) =
        Custom.withGradient "onlyReverse" (fun (x: Tensor) -> Tensor.expand [ count; 3 ] x) (fun _ ct ->
            Tensor.sumAxes [ 0 ] ct)

    let x = vector [ 1.0; 2.0; 3.0 ]
    shouldEqual [ 1; 3; 3 ] (dimsOf (jacobian (f 1) x))

    messageOf<DerivativeException>(fun () -> jacobian (f 2) x |> ignore)
    |> shouldContain [ "onlyReverse" ]

[<Test>]
let ``Jacobians have the form of the argument, one for each result`` () =
    let f (a: Tensor, b: Tensor) = Tensor.sum a * b
    let forA, forB = jacobian f (vector [ 1.0; 2.0 ], vector [ 3.0; 4.0; 5.0 ])
    shouldBeExactly "a" [ 3.0; 3.0; 4.0; 4.0; 5.0; 5.0 ] (Tensor.toFloats forA)
    shouldBeExactly "b" [ 3.0; 0.0; 0.0; 0.0; 3.0; 0.0; 0.0; 0.0; 3.0 ] (Tensor.toFloats forB)

    let both =
        jacobians
            (fun (a: Tensor, b: Tensor) -> Map [ "double", 2.0 * a; "none", Tensor.onesLike b ])
            (vector [ 1.0; 2.0 ], vector [ 3.0 ])

    shouldEqual 2 both.Length
    shouldBeExactly "double by a" [ 2.0; 0.0; 0.0; 2.0 ] (Tensor.toFloats (fst both[0]))
    shouldBeExactly "none by a" [ 0.0; 0.0 ] (Tensor.toFloats (fst both[1]))
    shouldEqual [ 1; 1 ] (dimsOf (snd both[1]))

[<Test>]
let ``a Jacobian of nothing is empty`` () =
    let j = jacobian (fun (x: Tensor) -> x * x) (Tensor.full DType.Float64 [ 0 ] 0.0)
    shouldEqual [ 0; 0 ] (dimsOf j)
    shouldBeExactly "elements" [] (Tensor.toFloats j)

[<Test>]
let ``whole numbers have no Jacobian`` () =
    messageOf<DTypeException>(fun () -> jacobian (fun (x: Tensor) -> x * x) (Tensor.arange 3) |> ignore)
    |> shouldContain [ "jacobian: there is no derivative with respect to int64[3]" ]

    messageOf<DTypeException>(fun () -> jacobian (Tensor.cast DType.Int64) (vector [ 1.0 ]) |> ignore)
    |> shouldContain [ "jacobian: a result is int64[1]" ]

// ---- Hessians ----------------------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the Hessian of a quadratic form is the sum of its matrix and the transpose`` (engine: string) =
    let a = float64s [ 3; 3 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 8.0; 9.0 ]
    let f (x: Tensor) = Tensor.sum (x * Tensor.matmul a x)
    let h = hessian f (vector [ 0.5; -1.0; 2.0 ])

    shouldBeExactly
        "Hessian"
        [ 2.0; 6.0; 10.0; 6.0; 10.0; 14.0; 10.0; 14.0; 18.0 ]
        (floatsOn (engineOf engine) h)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the Hessian of a small network is the Jacobian of its gradient, and symmetric`` (engine: string) =
    let on = engineOf engine
    let n = net (Random 2)
    let blocks = hessians loss n
    let gradient = jacobians (grad loss) n
    let part i (n: Net) = List.item i [ n.Weight; n.Bias; n.Out ]

    for i in 0..2 do
        for j in 0..2 do
            let block = part j blocks[i]
            let sizeI, sizeJ = (part i n).Shape.Size, (part j n).Shape.Size
            shouldBeClose $"block {i}, {j}" 1e-12 (floatsOn on (part j gradient[i])) (floatsOn on block)
            let mirrored = floatsOn on (part i blocks[j])

            let transposed =
                Array.init (sizeI * sizeJ) (fun k -> mirrored[k % sizeJ * sizeI + k / sizeJ])

            shouldBeClose $"block {i}, {j} mirrored" 1e-12 transposed (floatsOn on block)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a Hessian-vector product is the Hessian times the vector`` (engine: string) =
    let on = engineOf engine

    let f (x: Tensor) =
        Tensor.sum (Tensor.exp (x * Tensor.cumsum 0 x)) + Tensor.prod x

    let x, v = vector [ 0.5; -0.25; 1.0 ], vector [ 1.0; 2.0; -1.0 ]
    let expected = Tensor.matmul (hessian f x) v
    shouldBeClose "product" 1e-12 (floatsOn on expected) (floatsOn on (hvp f x v))
    // For a tree, and compiled.
    let n, direction = net (Random 3), net (Random 9)
    let eager = hvp loss n direction
    let compiled = Compile.on on (fun (n, d) -> hvp loss n d) (n, direction)
    shouldBeClose "compiled" 1e-12 (floatsOn on eager.Weight) (floatsOn on compiled.Weight)
    let byBlocks = hessians loss n
    let dot (block: Tensor) (v: Tensor) = Tensor.sum (block * v)

    let expected =
        dot byBlocks[1].Weight direction.Weight
        + dot byBlocks[1].Bias direction.Bias
        + dot byBlocks[1].Out direction.Out

    shouldBeClose "sum of the bias" 1e-12 (floatsOn on expected) (floatsOn on (Tensor.sum eager.Bias))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``Jacobians nest in gradients, maps and compiled functions`` (engine: string) =
    let on = engineOf engine
    // ‖J‖² of x ↦ x³ is Σ 9x⁴, whose gradient is 36x³.
    let penalty x =
        Tensor.sum (Tensor.square (jacobian (fun (x: Tensor) -> x * x * x) x))

    let x = vector [ 0.5; -1.0; 2.0 ]
    let expected = Tensor.toFloats x |> Array.map (fun x -> 36.0 * x ** 3.0)
    shouldBeClose "gradient" 1e-12 expected (floatsOn on (grad penalty x))
    shouldBeClose "compiled" 1e-12 expected (floatsOn on (Compile.on on (grad penalty) x))
    let rows = Tensor.stack 0 [ x; 2.0 * x ]
    let mapped = vmap (hessian (fun x -> Tensor.sum (x * x * x))) rows
    shouldEqual [ 2; 3; 3 ] (dimsOf mapped)
    let diagonal = Tensor.diagonal 0 mapped
    shouldBeClose "mapped Hessians" 1e-12 (floatsOn on (6.0 * rows)) (floatsOn on diagonal)

[<Test>]
let ``the third derivatives of a function of several numbers are a Jacobian of the Hessian`` () =
    let f (x: Tensor) = Tensor.prod x
    let third = jacobian (hessian f) (vector [ 2.0; 3.0; 5.0 ])
    // ∂³(xyz)/∂x∂y∂z is 1 where all three differ, else 0.
    let expected = [
        for i in 0..2 do
            for j in 0..2 do
                for k in 0..2 -> if i <> j && j <> k && i <> k then 1.0 else 0.0
    ]

    shouldBeClose "third" 1e-12 (Array.ofList expected) (Tensor.toFloats third)
