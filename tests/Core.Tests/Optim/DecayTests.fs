/// Decay of parameters and clipping of gradients.
module FunctionalDL.Tests.Optim.DecayTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Optim.OptimiserSupport

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``decoupled decay shrinks by exactly 1 - lr·wd without gradients, whatever the optimiser (row 90)``
    (engine: string)
    =
    let on = engineOf engine
    let expected = flat on (parameters ()) |> Array.map (fun p -> p * (1.0 - 0.1 * 0.3))

    // The two whose own way has a decay in it move without gradients.
    for name, optimiser in all |> List.filter (fun (name, _) -> name <> "lamb" && name <> "lars") do
        optimiser
        |> Optimiser.decoupledDecay 0.3
        |> once on (noGradients ())
        |> shouldBeExactly name expected

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``decay in a group of biases' own leaves them alone (row 90)`` (engine: string) =
    let on = engineOf engine

    for optimiser in [ Optimiser.adamW 0.1; Optimiser.sgd 0.1 |> Optimiser.decoupledDecay 0.01 ] do
        let p = parameters () |> Structure.leaves |> Array.map (floatsOn on)
        let optimiser = optimiser |> Optimiser.group ((=) "b") [ "weight_decay", 0.0 ]

        shouldBeExactly
            "parameters"
            (Array.append (p[0] |> Array.map (fun x -> x * (1.0 - 0.1 * 0.01))) p[1])
            (once on (noGradients ()) optimiser)

/// The length of what plain descent of rate 1 moves by.
let private movement (gradients: Tree<Tensor>) change =
    let moved = Optimiser.sgd 1.0 |> change |> once Reference.engine gradients
    Array.map2 (-) (flat Reference.engine (parameters ())) moved

[<Test>]
let ``clipping by norm shortens to the norm, keeps the direction, and never lengthens (row 88)`` () =
    let rng = Random 3

    for _ in 1..50 do
        let scale = 10.0 ** (4.0 * rng.NextDouble() - 3.0)
        let gradients = gradientsOf (rng.Next 100) |> Tree.map (fun g -> g * scale)
        let plain = flat Reference.engine gradients
        let clipped = movement gradients (Optimiser.clipNorm 0.5)
        let length = norm plain
        let factor = min 1.0 (0.5 / (length + 1e-6))
        shouldBeClose "movement" 1e-12 (plain |> Array.map (fun g -> g * factor)) clipped
        ensure $"from {length} to {norm clipped}" (norm clipped <= min 0.5 length + 1e-12)

/// lessons.md, section 1.6, G-4: (3, 4) and (12) together have length 13.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``clipping by norm has the golden values of G-4 (row 88)`` (engine: string) =
    let on = engineOf engine
    let gradients = pair [ 3.0; 4.0 ] [ 12.0 ]
    shouldBeExactly "norm" [ 13.0 ] (floatsOn on (Steps.norm gradients))
    let optimiser = Optimiser.sgd 1.0 |> Optimiser.clipNorm 1.0
    let zeros = gradients |> Tree.map Tensor.zerosLike

    let moved, _ =
        Optimiser.update gradients (Optimiser.init zeros optimiser) zeros optimiser

    shouldBeClose "clipped" 5e-7 [| -0.230769; -0.307692; -0.923077 |] (flat on moved)

[<Test>]
let ``clipping by value cuts each element`` () =
    let gradients = pair [ 0.2; -3.0; 3.0 ] [ -0.5; 0.75 ]

    shouldBeClose
        "movement"
        1e-15
        [| 0.2; -0.5; 0.5; -0.5; 0.5 |]
        (movement gradients (Optimiser.clipValue 0.5))
