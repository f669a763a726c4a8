namespace FunctionalDL.Core

open System

/// The value of a hyper-parameter as a function of progress: 0 before the first step, 1 after the last.
type Schedule = float -> float

/// Options of the one-cycle schedule, by fastai's names.
type OneCycleOptions = {
    /// The largest rate.
    LrMax: float
    /// The first rate is `LrMax` divided by this.
    DivFactor: float
    /// The last rate is `LrMax` divided by this.
    FinalDiv: float
    /// The part of all steps in which the rate grows, in (0, 1).
    PctStart: float
    /// The momentum at the smallest rate, and at the largest.
    Moms: float * float
} with

    /// fastai's defaults.
    static member Default = {
        LrMax = 1e-3
        DivFactor = 25.0
        FinalDiv = 25.0 * 1e4
        PctStart = 0.3
        Moms = 0.95, 0.85
    }

/// Schedules for any hyper-parameter: pure functions of progress. Bad options raise OptionException when the
/// schedule is made.
[<RequireQualifiedAccess>]
module Schedule =

    let private require holds message =
        if not holds then
            Fail.option message

    /// Always `value`.
    let constant (value: float) : Schedule = fun _ -> value

    /// From `first` to `last` along a line.
    let linear (first: float) (last: float) : Schedule =
        fun progress -> first + progress * (last - first)

    /// From `first` to `last` along half a wave of the cosine: slow at both ends.
    let cosine (first: float) (last: float) : Schedule =
        fun progress -> last + (first - last) / 2.0 * (cos (Math.PI * progress) + 1.0)

    /// From `first` to `last` by equal factors: `first · (last / first) ^ progress`. Both are above 0.
    let exponential (first: float) (last: float) : Schedule =
        require (first > 0.0 && last > 0.0) $"exponential: {first} and {last}; both need to be above 0"
        fun progress -> first * (last / first) ** progress

    /// From `first` to `last` as `last + (first - last) · (1 - progress) ^ degree`; the degree is above 0.
    let polynomial (degree: float) (first: float) (last: float) : Schedule =
        require (degree > 0.0) $"polynomial: the degree is {degree}; it needs to be above 0"
        fun progress -> last + (first - last) * (1.0 - progress) ** degree

    /// `first`, multiplied by `factor` each time a milestone (a progress) is reached.
    let step (first: float) (factor: float) (milestones: float list) : Schedule =
        fun progress ->
            let reached = milestones |> List.filter (fun milestone -> progress >= milestone)
            first * factor ** float reached.Length

    /// Schedules one after the other, each over its share of the whole and seen from its own 0 to 1. The shares
    /// are above 0 and sum to 1. At a boundary the later one holds.
    let combine (parts: (float * Schedule) list) : Schedule =
        let shares = parts |> List.map fst
        let shown = shares |> List.map string |> String.concat "; "
        let isWhole = abs (List.sum shares - 1.0) < 1e-9

        require
            (isWhole && List.forall (fun share -> share > 0.0) shares)
            $"combine: the shares are [{shown}]; they need to be above 0 and sum to 1"

        fun progress ->
            let rec find start parts =
                match parts with
                | [ share, schedule: Schedule ] -> schedule (min 1.0 ((progress - start) / share))
                | (share, schedule) :: _ when progress < start + share ->
                    schedule ((progress - start) / share)
                | (share, _) :: rest -> find (start + share) rest
                | [] -> nan

            find 0.0 parts

    /// `schedule` after a straight way up from `first` to its own first value, over `share` of the whole.
    let warmUp (share: float) (first: float) (schedule: Schedule) : Schedule =
        combine [ share, linear first (schedule 0.0); 1.0 - share, schedule ]

    let private checkOneCycle (options: OneCycleOptions) =
        let isPositive name value =
            require (value > 0.0) $"oneCycle: {name} is {value}; it needs to be above 0"

        isPositive "LrMax" options.LrMax
        isPositive "DivFactor" options.DivFactor
        isPositive "FinalDiv" options.FinalDiv

        require
            (options.PctStart > 0.0 && options.PctStart < 1.0)
            $"oneCycle: PctStart is {options.PctStart}; it is in (0, 1)"

    let private upAndDown options low high last =
        combine [ options.PctStart, cosine low high; 1.0 - options.PctStart, cosine high last ]

    /// fastai's one cycle: the schedules of the rate (cosine up from `LrMax / DivFactor`, then down to `LrMax /
    /// FinalDiv`) and of the momentum (down and up again, mirrored). L. Smith, "A disciplined approach to neural
    /// network hyper-parameters: part 1", 2018, section 4; cosines as in fastai.
    let oneCycle (options: OneCycleOptions) : Schedule * Schedule =
        checkOneCycle options
        let high, low = options.Moms

        upAndDown options (options.LrMax / options.DivFactor) options.LrMax (options.LrMax / options.FinalDiv),
        upAndDown options high low high

    /// `oneCycle` over a number of steps (2 or more), whose way up has a whole number of them, as fastai has it.
    let oneCycleOver (steps: int) (options: OneCycleOptions) : Schedule * Schedule =
        require (steps >= 2) $"oneCycle: there are {steps} steps; it needs 2 or more"
        let up = int (float steps * options.PctStart) |> max 1 |> min (steps - 1)

        oneCycle {
            options with
                PctStart = float up / float steps
        }
