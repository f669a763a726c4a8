namespace FunctionalDL.Data

/// Places on an axis: from 0 at its low end to 1 at its high one.
type internal Scale = {
    /// The low end: a value, its logarithm to base 10 on a logarithmic axis, or half a place before the
    /// first category.
    Low: float
    High: float
    IsLog: bool
    /// Where the ticks are (as `Low` counts), and what they say.
    Ticks: (float * string) list
}

/// Making scales, and placing values on them.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Scale =

    /// Values beyond this are not drawn: the difference of two of them need not be finite.
    [<Literal>]
    let private Largest = 1e300

    /// Whether an axis has a place for the value.
    let isDrawable isLog (value: float) =
        abs value <= Largest && (not isLog || value > 0.0)

    let private linear parts rounded (isWhole: bool) (low: float) (high: float) : Scale =
        let step = Ticks.step parts isWhole (high - low)
        let size = Ticks.at step 1.0
        // A value that is a tick but for rounding is one.
        let slack = 1e-6

        let first, last =
            if rounded then
                floor (low / size + slack), ceil (high / size - slack)
            else
                ceil (low / size - slack), floor (high / size + slack)

        let ticks = [ first..last ] |> List.map (Ticks.at step)

        {
            Low = if rounded then ticks.Head else low
            High = if rounded then List.last ticks else high
            IsLog = false
            Ticks = ticks |> List.map (fun tick -> tick, Ticks.label step tick)
        }

    /// Powers of ten; where there are few, 2 and 5 times them too. `low` and `high` are exponents.
    let private logarithmic parts rounded (low: float) (high: float) : Scale =
        let span = high - low
        let mantissas = if span <= 1.5 then [ 1.0; 2.0; 5.0 ] else [ 1.0 ]

        // Every power of ten, every second, every fifth, ….
        let every = int (Ticks.at (Ticks.step parts true (max 1.0 span)) 1.0)
        // A value that is a tick but for rounding is one.
        let slack = 1e-9
        let first = int (floor (low / float every + slack)) * every
        let last = int (ceil (high / float every - slack)) * every

        let candidates = [
            for exponent in first..every..last do
                for mantissa in mantissas do
                    float exponent + log10 mantissa, Ticks.logLabel mantissa exponent
        ]

        let low, high =
            if not rounded then
                low, high
            elif every > 1 then
                // To whole powers; the next tick may be far away.
                floor (low + slack), ceil (high - slack)
            else
                let places = List.map fst candidates

                places |> List.filter (fun tick -> tick <= low + slack) |> List.max,
                places |> List.filter (fun tick -> tick >= high - slack) |> List.min

        {
            Low = low
            High = high
            IsLog = true
            Ticks =
                candidates
                |> List.filter (fun (tick, _) -> tick >= low - slack && tick <= high + slack)
        }

    /// The range of values and, so that there is something to divide, some room around a single one.
    let private range (axis: Axis) (values: float[]) : float * float =
        let values =
            match axis.Range with
            | AxisRange.ToZero when not axis.IsLog -> Array.append [| 0.0 |] values
            | AxisRange.ToZero
            | AxisRange.Normal -> values
            | AxisRange.Fixed(low, high) -> [| low; high |]

        let low, high = Array.min values, Array.max values
        let size = max (abs low) (abs high)

        if axis.IsLog then
            if high > low * (1.0 + 1e-9) then
                low, high
            else
                low / 2.0, high * 2.0
        elif high - low > 1e-9 * size then
            low, high
        elif axis.IsWhole then
            low - 1.0, high + 1.0
        elif size = 0.0 then
            0.0, 1.0
        else
            low - 0.05 * size, high + 0.05 * size

    /// A scale of at most `parts` parts for an axis with these values, all of which have a place on it. It
    /// begins and ends at ticks if it is `rounded`, unless the axis fixes its ends.
    let ofValues parts rounded (axis: Axis) (values: float[]) : Scale =
        let low, high = range axis values

        let rounded =
            rounded
            && match axis.Range with
               | AxisRange.Fixed _ -> false
               | AxisRange.Normal
               | AxisRange.ToZero -> true

        if axis.IsLog then
            logarithmic parts rounded (log10 low) (log10 high)
        else
            linear parts rounded axis.IsWhole low high

    /// A place for each category, the first at 0.
    let ofCategories (names: string[]) : Scale = {
        Low = -0.5
        High = float names.Length - 0.5
        IsLog = false
        Ticks = names |> Array.mapi (fun i name -> float i, name) |> List.ofArray
    }

    /// A scale without ticks: for the pixels of a picture.
    let bare (low: float) (high: float) : Scale = {
        Low = low
        High = high
        IsLog = false
        Ticks = []
    }

    /// The place of a tick.
    let shareOfTick (scale: Scale) (tick: float) : float =
        (tick - scale.Low) / (scale.High - scale.Low)

    /// The place of a value.
    let share (scale: Scale) (value: float) : float =
        shareOfTick scale (if scale.IsLog then log10 value else value)
