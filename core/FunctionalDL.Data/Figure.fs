namespace FunctionalDL.Data

/// What a scatter draws at its points.
[<RequireQualifiedAccess>]
type ScatterMode =
    /// Lines from point to point.
    | Lines
    /// A mark at each point.
    | Markers
    /// Both.
    | LinesMarkers

/// Points with x and y, in the order in which a line joins them. A value that is not finite leaves a gap.
type Scatter = {
    Name: string
    X: float list
    Y: float list
    Mode: ScatterMode
}

/// What is drawn, by its form. The names of this file are those of Plotly's schema.
[<RequireQualifiedAccess>]
type Trace = Scatter of Scatter

/// How an axis gets its range from the values.
[<RequireQualifiedAccess>]
type RangeMode =
    /// From the least value to the greatest.
    | Normal
    /// And 0 is always on it.
    | ToZero

/// An axis.
type Axis = {
    Title: string
    RangeMode: RangeMode
    /// Ticks are whole numbers: epochs, counts.
    IsWhole: bool
}

/// What is around the traces.
type Layout = {
    Title: string
    XAxis: Axis
    YAxis: Axis
}

/// A picture of numbers: what to show, not how to draw it.
type Figure = { Data: Trace list; Layout: Layout }

/// Making axes.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Axis =

    /// An axis that shows the range of its values.
    let named title = {
        Title = title
        RangeMode = RangeMode.Normal
        IsWhole = false
    }

    /// An axis with 0 on it.
    let fromZero title = {
        named title with
            RangeMode = RangeMode.ToZero
    }

    /// An axis of whole numbers.
    let whole title = { named title with IsWhole = true }

/// Making figures.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Figure =

    /// A line with marks at its points. Raises ArgumentException unless there are as many `ys` as `xs`.
    let line name (xs: float seq) (ys: float seq) =
        let x, y = List.ofSeq xs, List.ofSeq ys

        if x.Length <> y.Length then
            invalidArg (nameof ys) $"{name}: {x.Length} values of x and {y.Length} of y"

        Trace.Scatter {
            Name = name
            X = x
            Y = y
            Mode = ScatterMode.LinesMarkers
        }

    /// The figure with these axes and traces.
    let create title xAxis yAxis (traces: Trace seq) = {
        Data = List.ofSeq traces
        Layout = {
            Title = title
            XAxis = xAxis
            YAxis = yAxis
        }
    }
