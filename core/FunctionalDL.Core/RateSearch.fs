namespace FunctionalDL.Core

open System

/// An exponential mean that is not drawn towards where it began: `sum <- beta · sum + (1 - beta) · x`, and its value is
/// `sum / (1 - beta ^ count)`.
type Smoothed = {
    Beta: float
    Sum: float
    Count: int
} with

    /// NaN before there is anything.
    member this.Value = this.Sum / (1.0 - this.Beta ** float this.Count)

/// Smoothing of losses.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Smoothed =

    /// Nothing yet; fastai's `beta` is 0.98. Raises OptionException outside [0, 1).
    let start beta =
        if not (beta >= 0.0 && beta < 1.0) then
            Fail.option $"smoothed: beta is {beta}; it is in [0, 1)"

        { Beta = beta; Sum = 0.0; Count = 0 }

    /// With one value more.
    let add x (smoothed: Smoothed) = {
        smoothed with
            Sum = smoothed.Beta * smoothed.Sum + (1.0 - smoothed.Beta) * x
            Count = smoothed.Count + 1
    }

/// Learning rates that a curve of losses speaks for; None where it does not say.
type RateSuggestions = {
    /// Where the loss falls fastest along the logarithm of the rate.
    Steepest: float option
    /// A tenth of the rate of the least loss.
    MinimumOverTen: float option
    /// Two thirds down the longest valley: along the longest falling subsequence of losses.
    Valley: float option
}

/// The learning-rate range test. L. Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3; in
/// detail as fastai has it.
[<RequireQualifiedAccess>]
module RateSearch =

    /// The rate of batch `k` of `count`: from `first` by equal factors towards `last`.
    let rate (first: float) (last: float) count k : float =
        if not (first > 0.0 && last > first) then
            Fail.option $"learning-rate finder: from {first} to {last}; it goes up from a rate above 0"

        if count < 1 then
            Fail.option $"learning-rate finder: {count} batches are too few; 1 or more"

        first * (last / first) ** (float k / float count)

    /// Whether the search is over: the loss is not a number, or more than four times the best.
    let isDiverged (best: float) (loss: float) = Double.IsNaN loss || loss > 4.0 * best

    /// Slopes by central differences, one-sided at the ends.
    let private slopes (xs: float[]) (ys: float[]) =
        let last = xs.Length - 1
        let slope i j = (ys[j] - ys[i]) / (xs[j] - xs[i])
        Array.init xs.Length (fun i -> slope (max 0 (i - 1)) (min last (i + 1)))

    let private steepest (points: (float * float)[]) =
        let slopes = slopes (points |> Array.map (fst >> log)) (points |> Array.map snd)

        let at = Seq.init slopes.Length id |> Seq.minBy (fun i -> slopes[i])
        if slopes[at] < 0.0 then Some(fst points[at]) else None

    let private minimumOverTen (points: (float * float)[]) =
        let at = Seq.init points.Length id |> Seq.minBy (fun i -> snd points[i])
        // At the first point the curve only rises: it says nothing.
        if at > 0 then Some(fst points[at] / 10.0) else None

    let private valley (points: (float * float)[]) =
        let losses = points |> Array.map snd
        // The longest falling subsequence that ends at each point.
        let lengths = Array.create losses.Length 1

        for i in 1 .. losses.Length - 1 do
            for j in 0 .. i - 1 do
                if losses[i] < losses[j] && lengths[i] <= lengths[j] then
                    lengths[i] <- lengths[j] + 1

        let last = Seq.init lengths.Length id |> Seq.maxBy (fun i -> lengths[i])
        let first = max 0 (last - lengths[last])
        let third = float (last - first) / 3.0

        if lengths[last] > 3 then
            Some(fst points[first + int third + int (third / 2.0)])
        else
            None

    /// What rates and losses suggest, in the order of the rates. Points whose loss is not finite do not count; fewer than 4
    /// suggest nothing.
    let suggest (curve: (float * float) seq) : RateSuggestions =
        let points = curve |> Seq.filter (snd >> Double.IsFinite) |> Seq.toArray

        if points.Length < 4 then
            {
                Steepest = None
                MinimumOverTen = None
                Valley = None
            }
        else
            {
                Steepest = steepest points
                MinimumOverTen = minimumOverTen points
                Valley = valley points
            }
