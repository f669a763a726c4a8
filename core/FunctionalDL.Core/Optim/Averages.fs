namespace FunctionalDL.Core

/// Transformations that come after the parameters have moved.
[<RequireQualifiedAccess>]
module Averages =

    /// Look-ahead: every `k` steps the parameters go back to `slow + lookahead_alpha · (p - slow)`, from where
    /// `slow` goes on. M. Zhang and others, "Lookahead optimizer: k steps forward, 1 step back", NeurIPS 2019,
    /// algorithm 1. With `k` 1 and alpha 1 it changes no bit.
    let lookahead (k: int) =
        if k < 1 then
            Fail.option $"lookahead: k is {k}; it is 1 or more"

        Transformation.withSlots "lookahead" [ "lookahead_alpha" ] [ "slow", id ] (fun turn p u ->
            let k = Tensor.full DType.Float64 [] (float k)

            let isDue =
                Tensor.eq (turn.Step - k * Tensor.floor (turn.Step / k)) (Tensor.zerosLike k)

            let slow = turn.Slot "slow"
            // Written from the end `p`, so that alpha 1 is exactly `p`.
            let met = p - (1.0 - turn["lookahead_alpha"]) * (p - slow)
            (Tensor.where isDue met p, u), [ Tensor.where isDue met slow ])

    /// The name of `ema` and its only slot.
    let internal emaPath = "ema", "average"

    /// Keeps the exponential mean of the parameters: `average <- ema_decay · average + (1 - ema_decay) · p`,
    /// from their first values on. `Optimiser.average` reads it.
    let ema =
        let name, slot = emaPath

        Transformation.withSlots name [ "ema_decay" ] [ slot, id ] (fun turn p u ->
            (p, u), [ Steps.average turn["ema_decay"] (turn.Slot slot) p ])
