/// A user's own optimisers, and what is refused.
module FunctionalDL.Tests.Optim.UserTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Optim.OptimiserSupport

// ---- written by a user ---------------------------------------------------------------------------------------------

/// Adam as a user may write it: a statistic that is remembered, and a stepper that uses it.
let private ownAdam =
    Transformation.withSlots
        "own"
        [ "lr"; "mom"; "sqr" ]
        [ "avg", Tensor.zerosLike; "sqr_avg", Tensor.zerosLike ]
        (fun turn p g ->
            let avg = turn["mom"] * turn.Slot "avg" + (1.0 - turn["mom"]) * g
            let sqr = turn["sqr"] * turn.Slot "sqr_avg" + (1.0 - turn["sqr"]) * g * g
            let debias rate x = x / (1.0 - Tensor.pow rate turn.Step)

            (p
             - turn["lr"] * debias turn["mom"] avg
               / (Tensor.sqrt (debias turn["sqr"] sqr) + 1e-8),
             g),
            [ avg; sqr ])

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a user's own stepper and statistics in a few lines are Adam (row 45)`` (engine: string) =
    let own =
        Optimiser.create [ "lr", 0.1; "mom", 0.9; "sqr", 0.999; "weight_decay", 0.2 ] [ Steps.decay; ownAdam ]

    let adamW =
        Optimiser.adamWWith {
            AdamOptions.DefaultW with
                Lr = 0.1
                WeightDecay = 0.2
        }

    List.iter2
        (shouldBeClose "own Adam" 1e-12)
        (steps (engineOf engine) 6 adamW)
        (steps (engineOf engine) 6 own)

[<Test>]
let ``a stepper of one line works in groups, schedules and with decay`` () =
    let sign =
        Transformation.onParameter "sign" [ "lr" ] (fun turn p g -> p - turn["lr"] * Tensor.sign g)

    let optimiser =
        Optimiser.create [ "lr", 0.5; "weight_decay", 0.0 ] [ sign ]
        |> Optimiser.decoupledDecay 0.1
        |> Optimiser.group ((=) "b") [ "lr", 0.25 ]

    let moved =
        optimiser |> once Reference.engine (pair [ 2.0; -3.0; 0.0 ] [ 1.0; 1.0 ])

    let kept rate = 1.0 - rate * 0.1

    let expected = [
        1.0 * kept 0.5 - 0.5
        -2.0 * kept 0.5 + 0.5
        0.5 * kept 0.5
        3.0 * kept 0.25 - 0.25
        -0.25 * kept 0.25 - 0.25
    ]

    shouldBeClose "parameters" 1e-15 (Array.ofList expected) moved

// ---- what is refused -----------------------------------------------------------------------------------------------

[<Test>]
let ``options that no optimiser can have are refused by name`` () =
    let adam = AdamOptions.Default

    let rows: (string * (unit -> Optimiser)) list = [
        "lr: -0.1 is not possible; it is 0 or more", fun () -> Optimiser.adam -0.1
        "beta1: 1 is not possible; it is in [0, 1)",
        fun () -> Optimiser.adamWith { adam with Betas = 1.0, 0.9 }
        "beta2: -0.5 is not possible; it is in [0, 1)",
        fun () -> Optimiser.adamWWith { adam with Betas = 0.9, -0.5 }
        "eps: NaN is not possible; it is 0 or more", fun () -> Optimiser.adamWith { adam with Eps = nan }
        "weight_decay: -1 is not possible; it is 0 or more",
        fun () ->
            Optimiser.lionWith {
                LionOptions.Default with
                    WeightDecay = -1.0
            }
        "alpha: 1.5 is not possible; it is in [0, 1]",
        fun () ->
            Optimiser.rmsPropWith {
                RmsPropOptions.Default with
                    Alpha = 1.5
            }
        "rho: 2 is not possible; it is in [0, 1]",
        fun () ->
            Optimiser.adadeltaWith {
                AdadeltaOptions.Default with
                    Rho = 2.0
            }
        "initial_accumulator_value: -1 is not possible; it is 0 or more",
        fun () ->
            Optimiser.adagradWith {
                AdagradOptions.Default with
                    InitialAccumulatorValue = -1.0
            }
        "max_norm: 0 is not possible; it is above 0", fun () -> Optimiser.sgd 0.1 |> Optimiser.clipNorm 0.0
        "lookahead: k is 0; it is 1 or more", fun () -> Optimiser.sgd 0.1 |> Optimiser.lookahead 0 0.5
        "lookahead_alpha: 2 is not possible; it is in [0, 1]",
        fun () -> Optimiser.sgd 0.1 |> Optimiser.lookahead 1 2.0
        "accumulate: 0 is not possible; it is 1 or more",
        fun () -> Optimiser.sgd 0.1 |> Optimiser.accumulate 0
        "clip_value: an optimiser has only one hyper-parameter of this name",
        fun () -> Optimiser.sgd 0.1 |> Optimiser.clipValue 1.0 |> Optimiser.clipValue 2.0
        "descend: an optimiser has only one transformation of this name",
        fun () -> Optimiser.create [ "lr", 0.1 ] [ Steps.descend; Steps.descend ]
        "descend: it reads 'lr', which is not among the hyper-parameters",
        fun () -> Optimiser.create [] [ Steps.descend ]
    ]

    for message, make in rows do
        raises<OptionException> message (fun () -> make () |> ignore)

[<Test>]
let ``hyper-parameters that are not there, or out of range, are refused in groups and between steps`` () =
    raises<OptionException>
        "beta1: this optimiser has no such hyper-parameter; it has lr, weight_decay, momentum, dampening (one that was 0 when the optimiser was made is left out)"
        (fun () -> Optimiser.sgd 0.1 |> Optimiser.group ((=) "a") [ "beta1", 0.5 ] |> ignore)

    raises<OptionException> "lr: -1 is not possible; it is 0 or more" (fun () ->
        Optimiser.sgd 0.1 |> Optimiser.group ((=) "a") [ "lr", -1.0 ] |> ignore)

    let state = Optimiser.init (parameters ()) (Optimiser.adam 0.1)

    raises<OptionException> "beta1: 1 is not possible; it is in [0, 1)" (fun () ->
        Optimiser.withHyper "beta1" 1.0 state |> ignore)

    shouldEqual "beta1" (Optimiser.momentumName (Optimiser.adam 0.1))
    shouldEqual "momentum" (Optimiser.momentumName (snd all[1]))

    raises<OptionException> "momentum: this optimiser has neither 'momentum' nor 'beta1'" (fun () ->
        Optimiser.momentumName (Optimiser.sgd 0.1) |> ignore)

[<Test>]
let ``a rule that asks for what it does not have, or makes another shape, is told so`` () =
    let run transformation =
        let optimiser = Optimiser.create [ "lr", 0.1 ] [ transformation ]
        once Reference.engine (gradientsOf 1) optimiser |> ignore

    raises<OptionException> "own: its rule asks for the hyper-parameter 'rate'; there is: lr" (fun () ->
        run (Transformation.onParameter "own" [ "lr" ] (fun turn p _ -> p * turn["rate"])))

    raises<OptionException> "own: its rule asks for the slot 'v'; there is: m" (fun () ->
        run (
            Transformation.withSlots "own" [] [ "m", Tensor.zerosLike ] (fun turn p g ->
                (p, g), [ turn.Slot "v" ])
        ))

    raises<OptionException> "own: its rule gives 0 slots; it has 1" (fun () ->
        run (Transformation.withSlots "own" [] [ "m", Tensor.zerosLike ] (fun _ p g -> (p, g), [])))

    raises<ShapeException> "own: 'a' has shape [3]; the rule made [] of it" (fun () ->
        run (Transformation.onParameter "own" [] (fun _ p _ -> Tensor.sum p)))
