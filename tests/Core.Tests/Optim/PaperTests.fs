/// Optimisers that PyTorch does not have, against their papers' algorithms.
module FunctionalDL.Tests.Optim.PaperTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Optim.OptimiserSupport

/// The parameters after each of some steps of an algorithm, written out element by element. `rule` is made for each
/// tensor, with the memory that it keeps: a step's number, the parameter and its gradient to the new parameter.
let private byHand count (rule: unit -> int -> float[] -> float[] -> float[]) =
    let tensors (tree: Tree<Tensor>) =
        Tree.leaves tree |> List.map (snd >> floatsOn Reference.engine)

    let rules = tensors (parameters ()) |> List.map (fun _ -> rule ())

    let folder ps t =
        let next = List.map3 (fun rule p g -> rule t p g) rules ps (tensors (gradientsOf t))
        Array.concat next, next

    [ 1..count ] |> List.mapFold folder (tensors (parameters ())) |> fst

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``LAMB follows algorithm 2 of its paper`` (engine: string) =
    let lr, beta1, beta2, eps, decay = 0.1, 0.8, 0.95, 1e-3, 0.02

    let rule () =
        let mutable m, v = [||], [||]

        fun t (p: float[]) (g: float[]) ->
            let zeros = Array.map (fun _ -> 0.0) p
            let before x = if t = 1 then zeros else x
            m <- Array.map2 (fun m g -> beta1 * m + (1.0 - beta1) * g) (before m) g
            v <- Array.map2 (fun v g -> beta2 * v + (1.0 - beta2) * g * g) (before v) g

            let way =
                Array.map3
                    (fun m v p ->
                        m / (1.0 - beta1 ** float t) / (sqrt (v / (1.0 - beta2 ** float t)) + eps)
                        + decay * p)
                    m
                    v
                    p

            Array.map2 (fun x w -> x - lr * norm p / norm way * w) p way

    Optimiser.lambWith {
        Lr = lr
        Betas = beta1, beta2
        Eps = eps
        WeightDecay = decay
    }
    |> steps (engineOf engine) 5
    |> sameSteps "lamb" (byHand 5 rule)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``LARS follows algorithm 1 of its paper`` (engine: string) =
    let lr, momentum, decay, trust = 0.5, 0.8, 0.1, 0.3

    let rule () =
        let mutable v = [||]

        fun t (p: float[]) (g: float[]) ->
            let local = trust * norm p / (norm g + decay * norm p)
            let before = if t = 1 then Array.map (fun _ -> 0.0) p else v

            v <- Array.map3 (fun v g p -> momentum * v + lr * local * (g + decay * p)) before g p

            Array.map2 (-) p v

    Optimiser.larsWith {
        Lr = lr
        Momentum = momentum
        WeightDecay = decay
        TrustCoefficient = trust
    }
    |> steps (engineOf engine) 5
    |> sameSteps "lars" (byHand 5 rule)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``Lion follows algorithm 2 of its paper`` (engine: string) =
    let lr, beta1, beta2, decay = 0.1, 0.8, 0.95, 0.2

    let rule () =
        let mutable m = [||]

        fun t (p: float[]) (g: float[]) ->
            let before = if t = 1 then Array.map (fun _ -> 0.0) p else m
            m <- Array.map2 (fun m g -> beta2 * m + (1.0 - beta2) * g) before g

            Array.map3
                (fun p m g -> p - lr * (float (sign (beta1 * m + (1.0 - beta1) * g)) + decay * p))
                p
                before
                g

    Optimiser.lionWith {
        Lr = lr
        Betas = beta1, beta2
        WeightDecay = decay
    }
    |> steps (engineOf engine) 5
    |> sameSteps "lion" (byHand 5 rule)

[<Test>]
let ``LAMB and LARS move a parameter that is zero, or has no gradient, with trust 1`` () =
    let on = Reference.engine

    for name, optimiser, expected in
        [
            "lars",
            Optimiser.larsWith {
                LarsOptions.Default with
                    Lr = 0.5
                    TrustCoefficient = 1.0
            },
            -0.5
            "lamb", Optimiser.lamb 0.5, -0.5
        ] do
        let zero = Branch [ "p", Leaf(vector [ 0.0; 0.0 ]) ]
        let state = Optimiser.init zero optimiser

        let moved, _ =
            Optimiser.update (Branch [ "p", Leaf(vector [ 1.0; 0.0 ]) ]) state zero optimiser
        // Adam's first direction is 1 / (1 + eps).
        shouldBeClose name 1e-6 [| expected; 0.0 |] (flat on moved)
        let still, _ = Optimiser.update zero state zero optimiser
        shouldBeExactly $"{name} without gradients" [ 0.0; 0.0 ] (flat on still)
