namespace FunctionalDL.Data

open System

/// Making bins.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Bins =

    /// How many there are.
    let count (bins: Bins) : int =
        int (round ((bins.End - bins.Start) / bins.Size))

    /// Bins of a nice size (1, 2 or 5 times a power of ten) that hold all finite values, about `count` of
    /// them.
    let around (count: int) (values: float seq) : Bins =
        let values = values |> Seq.filter Double.IsFinite |> Seq.toArray

        let low, high =
            if values.Length = 0 then
                0.0, 1.0
            else
                Array.min values, Array.max values

        let span = if high > low then high - low else max 1.0 (abs low)
        let size = Ticks.at (Ticks.step (max 1 count) false span) 1.0
        let first = floor (low / size)
        // The largest value lies below the end: a bin does not have its upper bound.
        let last = floor (high / size) + 1.0

        {
            Start = first * size
            End = last * size
            Size = size
        }

    /// How many of the values lie in each bin.
    let fill (bins: Bins) (values: float seq) : int[] =
        let counts = Array.zeroCreate (count bins)

        for value in values do
            let bin = floor ((value - bins.Start) / bins.Size)

            if bin >= 0.0 && bin < float counts.Length then
                counts[int bin] <- counts[int bin] + 1

        counts

/// Making traces.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Trace =

    let private requireEqual (name: string) (parameter: string) (xs: 'x[]) (ys: 'y[]) =
        if xs.Length <> ys.Length then
            invalidArg parameter $"{name}: {xs.Length} values of x and {ys.Length} of y"

    let private scatter mode name (xs: float seq) (ys: float seq) =
        let x, y = Seq.toArray xs, Seq.toArray ys
        requireEqual name (nameof ys) x y

        Trace.Scatter {
            Name = name
            X = x
            Y = y
            Mode = mode
        }

    /// A line through points. Raises ArgumentException unless there are as many `ys` as `xs`.
    let line name xs ys = scatter ScatterMode.Lines name xs ys

    /// A line with marks at its points. Raises ArgumentException unless there are as many `ys` as `xs`.
    let lineWithMarks name xs ys =
        scatter ScatterMode.LinesMarkers name xs ys

    /// Points. Raises ArgumentException unless there are as many `ys` as `xs`.
    let points name xs ys = scatter ScatterMode.Markers name xs ys

    /// Bars for categories. Raises ArgumentException unless there are as many `heights` as `categories`, and
    /// each category is there once.
    let bar name (categories: string seq) (heights: float seq) =
        let x, y = Seq.toArray categories, Seq.toArray heights
        requireEqual name (nameof heights) x y

        if (Array.distinct x).Length <> x.Length then
            invalidArg (nameof categories) $"{name}: a category is there twice"

        Trace.Bar { Name = name; X = x; Y = y }

    /// How many values lie in each bin.
    let histogramIn bins name (values: float seq) =
        Trace.Histogram {
            Name = name
            X = Seq.toArray values
            XBins = bins
        }

    /// How many values lie in each of about 40 bins around them.
    let histogram name (values: float seq) =
        let values = Seq.toArray values
        histogramIn (Bins.around 40 values) name values

    let private requireEven (what: string) (centres: float[]) =
        let step = if centres.Length > 1 then centres[1] - centres[0] else 1.0

        let isEven (a: float, b: float) = abs (b - a - step) <= 1e-6 * abs step

        if not (step > 0.0 && Array.forall isEven (Array.pairwise centres)) then
            invalidArg what $"heat map: the centres of {what} do not rise by equal steps"

    let private heatmapOf scale range name (xs: float seq) (ys: float seq) (rows: seq<#seq<float>>) =
        let x, y = Seq.toArray xs, Seq.toArray ys
        let z = rows |> Seq.map Seq.toArray |> Seq.toArray

        if
            x.Length = 0
            || z.Length <> y.Length
            || Array.exists (fun (row: float[]) -> row.Length <> x.Length) z
        then
            invalidArg
                (nameof rows)
                $"{name}: a heat map of {x.Length} columns and {y.Length} rows needs as many values"

        requireEven (nameof xs) x
        requireEven (nameof ys) y

        let low, high = z |> Array.concat |> Array.filter Double.IsFinite |> range

        Trace.Heatmap {
            Name = name
            X = x
            Y = y
            Z = z
            ColorScale = scale
            ZMin = low
            ZMax = high
        }

    /// A heat map in Viridis, from the least value to the greatest; `name` says what the values are, `xs` and
    /// `ys` are the centres of columns and rows. Raises ArgumentException unless they rise by equal steps and
    /// there is a value for each column of each row.
    let heatmap name xs ys rows =
        let range (values: float[]) =
            if values.Length = 0 then
                0.0, 1.0
            else
                Array.min values, Array.max values

        heatmapOf ColorScale.Viridis range name xs ys rows

    /// A heat map from blue over white to red, with white at 0. Errors as `heatmap`.
    let signedHeatmap name xs ys rows =
        let range (values: float[]) =
            let size = values |> Array.map abs |> Array.fold max 0.0
            -size, size

        heatmapOf ColorScale.RdBu range name xs ys rows

    /// A grey picture, row by row, 0 for black. Raises ArgumentException unless there are `width * height`
    /// bytes, at least one.
    let greyImage width height (pixels: byte[]) =
        Trace.Image {
            Width = width
            Height = height
            Png = Png.grey width height pixels
        }

    /// A picture of red, green and blue samples, pixel by pixel, row by row. Raises ArgumentException unless
    /// there are `3 * width * height` bytes, at least three.
    let rgbImage width height (pixels: byte[]) =
        Trace.Image {
            Width = width
            Height = height
            Png = Png.rgb width height pixels
        }

    /// Its name; empty for pictures and heat maps, which have no place in a legend.
    let internal legendName (trace: Trace) : string =
        match trace with
        | Trace.Scatter scatter -> scatter.Name
        | Trace.Bar bar -> bar.Name
        | Trace.Histogram histogram -> histogram.Name
        | Trace.Heatmap _
        | Trace.Image _ -> ""
