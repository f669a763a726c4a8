/// What must hold of every optimiser.
module FunctionalDL.Tests.Optim.PropertyTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Optim.OptimiserSupport

[<Test>]
let ``every optimiser descends to the minimum of a bowl`` () =
    for name, optimiser in all do
        let target = parameters ()

        let loss (p: Tree<Tensor>) =
            Tree.map2 (fun (a: Tensor) b -> Tensor.sum (Tensor.square (a - b))) p target
            |> Structure.leaves
            |> Array.reduce (+)

        let step =
            Compile.run (fun (state, p) ->
                let value, gradients = valueAndGrad loss p
                value, Optimiser.update gradients state p optimiser)

        // Adagrad's rate falls by itself.
        let rate t =
            if name = "adagrad" then 0.1 else 0.1 * 0.98 ** float t

        let rec go t state p lowest =
            let value, (p, state) = step (state, p)
            let lowest = min lowest (Tensor.item value)

            if t = 300 then
                lowest
            else
                go (t + 1) (Optimiser.withHyper "lr" (rate t) state) p lowest

        let start = target |> Tree.map (fun p -> p + 1.0)
        let lowest = go 1 (Optimiser.init start optimiser) start infinity
        // From 5. LARS and Adadelta start with very small steps.
        let bound = if name = "lars" || name = "adadelta" then 4.99 else 0.05
        ensure $"{name}: the loss is {lowest} at best" (lowest < bound)

[<Test>]
let ``a changed rate keeps what an optimiser remembers, and traces nothing anew (row 90)`` () =
    for name, optimiser in all do
        let compiled =
            Compile.create Compile.defaults (fun (gradients, state, parameters) ->
                Optimiser.update gradients state parameters optimiser)

        let step t rate (parameters, state) =
            compiled.Invoke(gradientsOf t, Optimiser.withHyper "lr" rate state, parameters)

        let start = parameters (), Optimiser.init (parameters ()) optimiser
        let once = step 1 0.1 start
        let slow, slowState = step 2 0.01 once
        let fast, fastState = step 2 0.02 once
        let moved = flat Cpu.engine (fst once)

        // What is remembered does not depend on the rate (in LARS, whose paper puts the rate into it, it does).
        if name <> "lars" then
            shouldBeExactly
                $"{name}, memory"
                (flat Cpu.engine slowState.Slots)
                (flat Cpu.engine fastState.Slots)
            // And the rate is all that differs: the movement without weight decay is proportional to it.
            if name <> "adamw" then
                let way (p: Tree<Tensor>) =
                    Array.map2 (-) (flat Cpu.engine p) moved

                shouldBeClose name 1e-14 (way slow |> Array.map (fun x -> 2.0 * x)) (way fast)

        shouldEqual 1 compiled.Traces.Count

[<Test>]
let ``parameters of float32 stay so, with and without axes, and so does the memory`` () =
    for name, optimiser in all do
        let p =
            Branch [ "scalar", Leaf(Tensor.scalar 1.0); "vector", Leaf(Tensor.ones [ 3 ]) ]

        let optimiser =
            optimiser
            |> Optimiser.clipNorm 1.0
            |> Optimiser.clipValue 1.0
            |> Optimiser.lookahead 2 0.5
            |> Optimiser.ema 0.9

        let state = Optimiser.init p optimiser
        let moved, next = Optimiser.update p state p optimiser

        let types value =
            Structure.leaves value |> Array.map (fun x -> x.DType, x.Shape)

        shouldEqual (types (p, state)) (types (moved, next))
        ensure name (Array.forall (fun x -> x < 1.0) (flat Cpu.engine moved))

[<Test>]
let ``the plan of an Adam step is one loop for all parameters of a shape`` () =
    let optimiser = Optimiser.adam 0.1
    let ps = Branch [ for i in 1..4 -> string i, Leaf(Tensor.ones [ 64; 64 ]) ]

    let compiled =
        Compile.create Compile.defaults (fun (gradients, state, parameters) ->
            Optimiser.update gradients state parameters optimiser)

    compiled.Invoke(ps, Optimiser.init ps optimiser, ps) |> ignore

    let loops =
        (Seq.head compiled.Plans).Split '\n'
        |> Array.choose (fun line ->
            match line.IndexOf ": loop " with
            | -1 -> None
            | at -> Some(line[at + 7 ..].Split(" b")[0]))

    // What is the same for all elements is worked out once, in the first.
    shouldEqual [| "[]"; "[64; 64]" |] loops
