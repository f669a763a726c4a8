/// Stochastic gradient descent, number by number, and hyper-parameters between steps.
module FunctionalDL.Tests.Optim.SgdTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// Four steps from 1 on the loss p².
let private fourSteps on (optimiser: Optimiser) =
    let mutable parameters = Branch [ "p", Leaf(Tensor.full DType.Float64 [] 1.0) ]
    let mutable state = Optimiser.init parameters optimiser

    [|
        for _ in 1..4 do
            let gradients =
                grad (fun tree -> let p: Tensor = Tree.find "p" tree in p * p) parameters

            let next, nextState = Optimiser.update gradients state parameters optimiser
            parameters <- next
            state <- nextState
            itemOn on (Tree.find "p" parameters)
    |]

let private sgd change =
    Optimiser.sgdWith (change { SgdOptions.Default with Lr = 0.1 })

/// lessons.md, section 1.6, G-3 (as PyTorch computes them).
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``stochastic gradient descent takes PyTorch's steps (row 44, G-3)`` (engine: string) =
    let rows: (string * Optimiser * float[]) list = [
        "plain", Optimiser.sgd 0.1, [| 0.8; 0.64; 0.512; 0.4096 |]
        "momentum", sgd (fun o -> { o with Momentum = 0.9 }), [| 0.8; 0.46; 0.062; -0.3086 |]
        "dampening",
        sgd (fun o -> {
            o with
                Momentum = 0.9
                Dampening = 0.5
        }),
        [| 0.8; 0.54; 0.252; -0.0324 |]
        "nesterov",
        sgd (fun o -> {
            o with
                Momentum = 0.9
                Nesterov = true
        }),
        [| 0.62; 0.2224; -0.108352; -0.32482304 |]
        "weight decay", sgd (fun o -> { o with WeightDecay = 0.1 }), [| 0.79; 0.6241; 0.493039; 0.38950081 |]
        "momentum and weight decay",
        sgd (fun o -> {
            o with
                Momentum = 0.9
                WeightDecay = 0.1
        }),
        [| 0.79; 0.4351; 0.024319; -0.35049089 |]
    ]

    for name, optimiser, expected in rows do
        // The table is exact; the steps round.
        shouldBeClose name 1e-15 expected (fourSteps (engineOf engine) optimiser)

[<Test>]
let ``options that are not possible are refused (row 44)`` () =
    let refused message change =
        raises<OptionException> message (fun () -> sgd change |> ignore)

    refused "lr: -0.1 is not possible; it is 0 or more" (fun o -> { o with Lr = -0.1 })
    refused "lr: NaN is not possible; it is 0 or more" (fun o -> { o with Lr = nan })
    refused "momentum: -1 is not possible; it is 0 or more" (fun o -> { o with Momentum = -1.0 })
    refused "weight_decay: -2 is not possible; it is 0 or more" (fun o -> { o with WeightDecay = -2.0 })
    let nesterov = "nesterov: it needs a momentum above 0 and a dampening of 0"
    refused nesterov (fun o -> { o with Nesterov = true })

    refused nesterov (fun o -> {
        o with
            Nesterov = true
            Momentum = 0.9
            Dampening = 0.1
    })

    let state = Optimiser.init Tree.empty (Optimiser.sgd 0.1)

    raises<OptionException>
        "beta: this optimiser has no such hyper-parameter; it has lr (one that was 0 when the optimiser was made is left out)"
        (fun () -> Optimiser.withHyper "beta" 0.9 state |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a hyper-parameter changed in the state acts, whether or not it was 0 at first`` (engine: string) =
    let on = engineOf engine
    let optimiser = Optimiser.sgd 0.1
    let parameters = Branch [ "p", Leaf(Tensor.full DType.Float64 [] 1.0) ]
    let gradients = Branch [ "p", Leaf(Tensor.full DType.Float64 [] 2.0) ]

    let step name value =
        match
            try
                Optimiser.init parameters optimiser |> Optimiser.withHyper name value |> Some
            with :? OptionException ->
                None
        with
        | Some state ->
            Optimiser.update gradients state parameters optimiser
            |> fst
            |> Tree.find "p"
            |> itemOn on
            |> Some
        | None -> None

    shouldEqual (Some 0.0) (step "lr" 0.5)
    // One of the two: it acts (1 - 0.1·(2 + 0.5·1)), or it is refused. Accepting it and doing nothing is neither.
    let decayed = step "weight_decay" 0.5
    ensure $"weight_decay was accepted and ignored: {decayed}" (decayed = Some 0.75 || decayed = None)
