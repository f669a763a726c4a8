/// Hyper-parameters of groups of parameters.
module FunctionalDL.Tests.Optim.GroupTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Optim.OptimiserSupport

[<Test>]
let ``groups equal separate optimisers`` () =
    let hyper = [ "lr", 0.03 ]

    for name, optimiser in all do
        let only path (tree: Tree<Tensor>) = Branch [ path, Tree.child path tree ]

        let alone path (optimiser: Optimiser) =
            let folder (p, state) t =
                let p, state = Optimiser.update (only path (gradientsOf t)) state p optimiser
                flat Cpu.engine p, (p, state)

            let p = only path (parameters ())
            [ 1..5 ] |> List.mapFold folder (p, Optimiser.init p optimiser) |> fst

        let slower = optimiser |> Optimiser.group (fun _ -> true) hyper
        let expected = List.map2 Array.append (alone "a" optimiser) (alone "b" slower)
        let grouped = optimiser |> Optimiser.group ((=) "b") hyper |> onCpu 5
        List.iter2 (shouldBeExactly name) expected grouped
        ensure $"{name}: the group's rate does nothing" (List.last (onCpu 5 optimiser) <> List.last grouped)

[<Test>]
let ``the first group that has a parameter counts, and each group's rate can be set between steps`` () =
    let optimiser =
        Optimiser.sgd 1.0
        |> Optimiser.group ((=) "b") [ "lr", 0.5 ]
        |> Optimiser.group (fun _ -> true) [ "lr", 0.25 ]

    let p, g = pair [ 0.0 ] [ 0.0 ], pair [ 1.0 ] [ 1.0 ]
    let state = Optimiser.init p optimiser

    let moved state =
        Optimiser.update g state p optimiser |> fst |> flat Reference.engine

    shouldBeExactly "at first" [ -0.25; -0.5 ] (moved state)
    shouldBeExactly "one for each" [ -3.0; -2.0 ] (moved (Optimiser.withHypers "lr" [ 1.0; 2.0; 3.0 ] state))
    shouldBeExactly "one for all" [ -4.0; -4.0 ] (moved (Optimiser.withHyper "lr" 4.0 state))

    raises<OptionException>
        "lr: 2 values for 3 groups (the first is of the parameters in no group); give one, or one for each"
        (fun () -> Optimiser.withHypers "lr" [ 1.0; 2.0 ] state |> ignore)

[<Test>]
let ``a decay that only a group has acts there alone`` () =
    let p = flat Reference.engine (parameters ())

    let moved =
        Optimiser.sgd 0.5
        |> Optimiser.group ((=) "a") [ "weight_decay", 0.2 ]
        |> once Reference.engine (noGradients ())

    shouldBeClose "parameters" 1e-15 (p |> Array.mapi (fun i x -> if i < 3 then 0.9 * x else x)) moved
