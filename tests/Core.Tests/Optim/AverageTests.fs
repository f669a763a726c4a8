/// Look-ahead, means of parameters, and gradients that are gathered.
module FunctionalDL.Tests.Optim.AverageTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Optim.OptimiserSupport

[<Test>]
let ``look-ahead with k 1 and alpha 1 is the optimiser itself, to the bit`` () =
    for name, optimiser in all do
        let ahead = optimiser |> Optimiser.lookahead 1 1.0 |> onCpu 6
        List.iter2 (shouldBeExactly name) (onCpu 6 optimiser) ahead

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``look-ahead goes back to alpha of the way at every k-th step, and starts there`` (engine: string) =
    let on = engineOf engine
    let k, alpha = 3, 0.25
    let sgd = Optimiser.sgd 0.1
    let gradients t = flat on (gradientsOf t)

    // Plain descent can be written out: fast weights, and slow ones at steps 3 and 6.
    let folder (fast: float[], slow: float[]) t =
        let fast = Array.map2 (fun p g -> p - 0.1 * g) fast (gradients t)

        if t % k = 0 then
            let slow = Array.map2 (fun s f -> s + alpha * (f - s)) slow fast
            slow, (slow, slow)
        else
            fast, (fast, slow)

    let start = flat on (parameters ())
    let expected = [ 1..7 ] |> List.mapFold folder (start, start) |> fst

    sgd
    |> Optimiser.lookahead k alpha
    |> steps on 7
    |> sameSteps "look-ahead" expected

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``the average of parameters fades as its decay says, and changes no parameter`` (engine: string) =
    let on = engineOf engine

    for name, optimiser in all do
        let averaged = optimiser |> Optimiser.ema 0.75
        let expected = steps on 4 optimiser
        List.iter2 (shouldBeExactly name) expected (steps on 4 averaged)

        let folder (p, state) t =
            let p, state = Optimiser.update (gradientsOf t) state p averaged
            p, state

        let p = parameters ()
        let _, state = [ 1..4 ] |> List.fold folder (p, Optimiser.init p averaged)

        let mean =
            expected |> List.fold (Array.map2 (fun a x -> 0.75 * a + 0.25 * x)) (flat on p)

        shouldBeClose name 1e-14 mean (flat on (Optimiser.average state))

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``accumulating n gradients is a step along their mean, and nothing moves before`` (engine: string) =
    let on = engineOf engine

    for name, optimiser in all do
        let third = optimiser |> Optimiser.accumulate 3 |> steps on 7

        let mean first =
            [ first .. first + 2 ]
            |> List.map gradientsOf
            |> List.reduce (Tree.map2 (+))
            |> Tree.map (fun (x: Tensor) -> x / 3.0)

        let folder (p, state) first =
            let p, state = Optimiser.update (mean first) state p optimiser
            flat on p, (p, state)

        let p = parameters ()
        let whole = [ 1; 4 ] |> List.mapFold folder (p, Optimiser.init p optimiser) |> fst
        let start = flat on p
        let expected = [ start; start; whole[0]; whole[0]; whole[0]; whole[1]; whole[1] ]
        List.iter2 (shouldBeClose name 1e-14) expected third
