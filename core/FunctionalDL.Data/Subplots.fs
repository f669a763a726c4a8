namespace FunctionalDL.Data

/// Making subplots, and asking what kind they are of.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Subplot =

    /// The categories of its bars, each once, in the order in which they come.
    let categories (subplot: Subplot) : string[] =
        subplot.Data
        |> Array.collect (fun trace ->
            match trace with
            | Trace.Bar bar -> bar.X
            | Trace.Scatter _
            | Trace.Histogram _
            | Trace.Heatmap _
            | Trace.Image _ -> [||])
        |> Array.distinct

    /// Its picture, whose pixels are then its places.
    let image (subplot: Subplot) : Image option =
        subplot.Data
        |> Array.tryPick (fun trace ->
            match trace with
            | Trace.Image image -> Some image
            | Trace.Scatter _
            | Trace.Bar _
            | Trace.Histogram _
            | Trace.Heatmap _ -> None)

    let create title xAxis yAxis (traces: Trace seq) : Subplot =
        let data = Seq.toArray traces

        let isBar trace =
            match trace with
            | Trace.Bar _ -> true
            | Trace.Scatter _
            | Trace.Histogram _
            | Trace.Heatmap _
            | Trace.Image _ -> false

        if Array.exists isBar data && not (Array.forall isBar data) then
            invalidArg (nameof traces) $"{title}: bars have categories for x; other traces have numbers"

        for axis in [ xAxis; yAxis ] do
            match axis.Range with
            | AxisRange.Fixed(low, _) when axis.IsLog && low <= 0.0 ->
                invalidArg (nameof xAxis) $"{axis.Title}: a logarithmic axis cannot begin at {low}"
            | AxisRange.Fixed _
            | AxisRange.Normal
            | AxisRange.ToZero -> ()

        {
            Title = title
            XAxis = xAxis
            YAxis = yAxis
            Data = data
            Annotations = [||]
        }

/// Making figures.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Figure =

    /// The figure with these axes and traces. Raises ArgumentException for bars beside traces of another
    /// form.
    let create title xAxis yAxis (traces: Trace seq) : Figure = {
        Title = ""
        Columns = 1
        Subplots = [| Subplot.create title xAxis yAxis traces |]
    }

    /// The figure with a trace more in its last subplot. Errors as `create`.
    let add (trace: Trace) (figure: Figure) : Figure =
        let last = figure.Subplots.Length - 1

        let add (subplot: Subplot) = {
            Subplot.create subplot.Title subplot.XAxis subplot.YAxis (Array.append subplot.Data [| trace |]) with
                Annotations = subplot.Annotations
        }

        {
            figure with
                Subplots = figure.Subplots |> Array.mapi (fun i s -> if i = last then add s else s)
        }

    /// A picture by itself; other traces over it have their places in its pixels.
    let picture title (traces: Trace seq) : Figure =
        create title (Axis.named "") (Axis.named "") traces

    /// The figure with words at a point of its last subplot.
    let annotate (x: float) (y: float) text (figure: Figure) : Figure =
        let add (subplot: Subplot) = {
            subplot with
                Annotations = Array.append subplot.Annotations [| { X = x; Y = y; Text = text } |]
        }

        let last = figure.Subplots.Length - 1

        {
            figure with
                Subplots = figure.Subplots |> Array.mapi (fun i s -> if i = last then add s else s)
        }

    /// The subplots of some figures as one figure, `columns` of them side by side. Raises ArgumentException
    /// for fewer than one column or no figure.
    let grid title (columns: int) (figures: Figure seq) : Figure =
        let subplots = figures |> Seq.toArray |> Array.collect _.Subplots

        if columns < 1 || subplots.Length = 0 then
            invalidArg
                (nameof columns)
                $"{title}: {subplots.Length} figures in {columns} columns are nothing to see"

        {
            Title = title
            Columns = columns
            Subplots = subplots
        }

    /// The names of all traces, each once, in the order in which they come: a trace's colour is that of its
    /// name's place.
    let internal names (figure: Figure) : string[] =
        figure.Subplots
        |> Array.collect _.Data
        |> Array.map Trace.legendName
        |> Array.filter (fun name -> name <> "")
        |> Array.distinct
