namespace FunctionalDL.Data

open System

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
    X: float[]
    Y: float[]
    Mode: ScatterMode
}

/// A bar from 0 to its value for each category. Bars of several traces stand side by side.
type Bar = {
    Name: string
    X: string[]
    Y: float[]
}

/// Intervals of one size from `Start` to `End`, each with its lower bound and without its upper one.
type Bins = {
    Start: float
    End: float
    Size: float
}

/// How many of the values `X` lie in each bin; those outside all bins are not counted.
type Histogram = {
    Name: string
    X: float[]
    XBins: Bins
}

/// What colours a heat map has. Both can be told apart by the colour-blind.
[<RequireQualifiedAccess>]
type ColorScale =
    /// From dark blue over green to yellow, for values that grow from nothing to much.
    | Viridis
    /// From black over red to pale yellow, for maps that lie over pictures.
    | Magma
    /// From blue over white to red, for values that lie on both sides of a middle.
    | RdBu

/// A colour for each value of a matrix.
type Heatmap = {
    /// What the values are: the title of the bar of colours.
    Name: string
    /// The centre of each column, evenly spaced.
    X: float[]
    /// The centre of each row, evenly spaced; the first is the lowest.
    Y: float[]
    /// The rows. What is not finite has no colour.
    Z: float[][]
    ColorScale: ColorScale
    /// The value of the first colour.
    ZMin: float
    /// The value of the last colour.
    ZMax: float
}

/// A picture whose pixel `(column, row)` is at that place; rows go down.
type Image = { Width: int; Height: int; Png: byte[] }

/// What is drawn, by its form. The names of this file are those of Plotly's schema.
[<RequireQualifiedAccess>]
type Trace =
    | Scatter of Scatter
    | Bar of Bar
    | Histogram of Histogram
    | Heatmap of Heatmap
    | Image of Image

/// Where an axis begins and ends.
[<RequireQualifiedAccess>]
type AxisRange =
    /// With the least value and the greatest.
    | Normal
    /// And 0 is always on it. (On an axis of powers 0 is nowhere.)
    | ToZero
    /// With these values. What lies outside is cut off.
    | Fixed of low: float * high: float

/// An axis. Where bars are drawn, the x axis has their categories.
type Axis = {
    Title: string
    Range: AxisRange
    /// Equal factors are equal lengths; what is not above 0 leaves a gap.
    IsLog: bool
    /// Ticks are whole numbers: epochs, counts.
    IsWhole: bool
}

/// A few words at a point.
type Annotation = { X: float; Y: float; Text: string }

/// Traces over one pair of axes.
type Subplot = {
    Title: string
    XAxis: Axis
    YAxis: Axis
    Data: Trace[]
    Annotations: Annotation[]
}

/// A picture of numbers: what to show, not how to draw it. Traces of one name have one colour, and stand once
/// in the legend; those without a name do not.
type Figure = {
    /// The heading of several subplots; empty for one, which has its own.
    Title: string
    /// How many subplots stand side by side, where there is room.
    Columns: int
    Subplots: Subplot[]
}

/// Making axes.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Axis =

    /// An axis that shows the range of its values.
    let named title = {
        Title = title
        Range = AxisRange.Normal
        IsLog = false
        IsWhole = false
    }

    /// An axis with 0 on it.
    let fromZero title = {
        named title with
            Range = AxisRange.ToZero
    }

    /// An axis of whole numbers.
    let whole title = { named title with IsWhole = true }

    /// A logarithmic axis.
    let log title = { named title with IsLog = true }

    /// An axis from `low` to `high`. Raises ArgumentException unless they are finite and in order.
    let between (low: float) (high: float) title =
        if not (Double.IsFinite low && Double.IsFinite high && low < high) then
            invalidArg (nameof high) $"{title}: an axis from {low} to {high} has no length"

        {
            named title with
                Range = AxisRange.Fixed(low, high)
        }
