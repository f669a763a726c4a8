namespace FunctionalDL.Data

open System

/// The part of a picture between the axes, and where values are in it.
type internal Area = {
    Left: float
    Right: float
    Top: float
    Bottom: float
    /// Room for half a mark at the left and the right end.
    Inset: float
    X: Scale
    Y: Scale
    /// Rows of a picture go down.
    IsDown: bool
}

/// Placing values.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Area =

    let private across (area: Area) share =
        area.Left + area.Inset + share * (area.Right - area.Left - 2.0 * area.Inset)

    let private up (area: Area) share =
        if area.IsDown then
            area.Top + share * (area.Bottom - area.Top)
        else
            area.Bottom - share * (area.Bottom - area.Top)

    /// Where a value of x is.
    let x (area: Area) (value: float) : float = across area (Scale.share area.X value)

    /// Where a value of y is.
    let y (area: Area) (value: float) : float = up area (Scale.share area.Y value)

    /// Where a tick of the x axis is.
    let xOfTick (area: Area) (tick: float) : float =
        across area (Scale.shareOfTick area.X tick)

    /// Where a tick of the y axis is.
    let yOfTick (area: Area) (tick: float) : float = up area (Scale.shareOfTick area.Y tick)

    /// Where the bottom of a bar is: at 0, or at the low end of an axis without 0.
    let floor (area: Area) : float =
        if area.Y.IsLog then
            area.Bottom
        else
            y area (Math.Clamp(0.0, area.Y.Low, area.Y.High))

/// Traces as elements of SVG.
module internal Marks =

    /// More marks than this hide the line.
    [<Literal>]
    let private MostMarks = 60

    let private number = Markup.number
    let private coordinate = Markup.coordinate

    let private titled (title: string) =
        Markup.element "title" [] (Markup.escape title)

    /// The points of a trace that can be drawn, in runs without a gap.
    let runs (xIsLog: bool) (yIsLog: bool) (scatter: Scatter) : (float * float) list list =
        let folder (x, y) done' =
            match Scale.isDrawable xIsLog x && Scale.isDrawable yIsLog y, done' with
            | true, run :: rest -> ((x, y) :: run) :: rest
            | _, [] :: _ -> done'
            | _ -> [] :: done'

        Seq.foldBack folder (Seq.zip scatter.X scatter.Y) [ [] ]
        |> List.filter (not << List.isEmpty)

    let private dashes isDashed =
        if isDashed then [ "stroke-dasharray", "6 4" ] else []

    let private scatter (area: Area) (struct (colour: string, isDashed)) (scatter: Scatter) : string list =
        let runs = runs area.X.IsLog area.Y.IsLog scatter

        let path (run: (float * float) list) =
            let points =
                run
                |> List.map (fun (x, y) -> $"{coordinate (Area.x area x)},{coordinate (Area.y area y)}")
                |> String.concat " "

            Markup.element
                "polyline"
                [
                    "points", points
                    "fill", "none"
                    "stroke", colour
                    "stroke-width", "2"
                    "stroke-linejoin", "round"
                    yield! dashes isDashed
                ]
                ""

        let mark (x, y) =
            let at =
                if scatter.Name = "" then
                    number x
                else
                    $"{scatter.Name} at {number x}"

            titled $"{at}: {number y}"
            |> Markup.element "circle" [
                "cx", coordinate (Area.x area x)
                "cy", coordinate (Area.y area y)
                "r", "3.5"
                "fill", colour
            ]

        let marks () = runs |> List.concat |> List.map mark
        let hasFew = List.sumBy List.length runs <= MostMarks

        match scatter.Mode with
        | ScatterMode.Markers -> marks ()
        | ScatterMode.LinesMarkers when hasFew -> List.map path runs @ marks ()
        | ScatterMode.LinesMarkers
        | ScatterMode.Lines -> List.map path runs

    /// A bar between two values of x (as places) and from the floor to a value of y.
    let private block (area: Area) left right y attributes title =
        let height, floor = Area.y area y, Area.floor area

        titled title
        |> Markup.element "rect" [
            "x", coordinate left
            "y", coordinate (min height floor)
            "width", coordinate (right - left)
            "height", coordinate (abs (height - floor))
            yield! attributes
        ]

    /// The bars of one of `count` traces that stand side by side.
    let private bars (area: Area) categories (index, count) (struct (colour: string, _)) (bar: Bar) =
        // A fifth of each place stays free.
        let width = 0.8 / float count

        [
            for name, y in Array.zip bar.X bar.Y do
                if Scale.isDrawable area.Y.IsLog y then
                    let middle = float (Array.IndexOf<string>(categories, name))
                    let left = middle - 0.4 + width * float index

                    block
                        area
                        (Area.x area left)
                        (Area.x area (left + width))
                        y
                        [ "fill", colour ]
                        $"{bar.Name} {name}: {number y}"
        ]

    let private histogram (area: Area) (struct (colour: string, _)) (histogram: Histogram) =
        let bins = histogram.XBins

        [
            for bin, count in Array.indexed (Bins.fill bins histogram.X) do
                if count > 0 then
                    let low = bins.Start + bins.Size * float bin
                    let high = low + bins.Size

                    block
                        area
                        (Area.x area low)
                        (Area.x area high)
                        (float count)
                        [ "fill", colour; "fill-opacity", "0.55" ]
                        $"{histogram.Name} {number low} to {number high}: {count}"
        ]

    /// A picture that fills the places from `low` to `high` on both axes.
    let private picture (area: Area) (xLow, xHigh) (yLow, yHigh) (png: byte[]) =
        let x, y = Area.x area xLow, min (Area.y area yLow) (Area.y area yHigh)

        Markup.element
            "image"
            [
                "x", coordinate x
                "y", coordinate y
                "width", coordinate (Area.x area xHigh - x)
                "height", coordinate (abs (Area.y area yHigh - Area.y area yLow))
                "preserveAspectRatio", "none"
                "style", "image-rendering: pixelated"
                "href", Png.dataUri png
            ]
            ""

    /// The first and the last edge of cells with these centres.
    let edges (centres: float[]) : float * float =
        let half =
            if centres.Length > 1 then
                (centres[1] - centres[0]) / 2.0
            else
                0.5

        centres[0] - half, Array.last centres + half

    /// The elements of a trace. `index` of `count` is its place among bars side by side.
    let ofTrace area categories (index, count) colour (trace: Trace) : string list =
        match trace with
        | Trace.Scatter s -> scatter area colour s
        | Trace.Bar bar -> bars area categories (index, count) colour bar
        | Trace.Histogram h -> histogram area colour h
        | Trace.Heatmap map -> [ picture area (edges map.X) (edges map.Y) (Colours.ofHeatmap map) ]
        | Trace.Image image -> [
            picture area (-0.5, float image.Width - 0.5) (-0.5, float image.Height - 0.5) image.Png
          ]

    /// The values of x and of y that a trace needs room for.
    let extent (xIsLog: bool) (yIsLog: bool) (trace: Trace) : float[] * float[] =
        let both (low, high) = [| low; high |]

        match trace with
        | Trace.Scatter s ->
            let points = runs xIsLog yIsLog s |> List.concat |> List.toArray
            Array.map fst points, Array.map snd points
        | Trace.Bar bar ->
            let heights = Array.filter (Scale.isDrawable yIsLog) bar.Y
            [||], (if yIsLog then heights else Array.append [| 0.0 |] heights)
        | Trace.Histogram h ->
            let counts =
                Bins.fill h.XBins h.X
                |> Array.map float
                |> Array.filter (Scale.isDrawable yIsLog)

            [| h.XBins.Start; h.XBins.End |], (if yIsLog then counts else Array.append [| 0.0 |] counts)
        | Trace.Heatmap map -> both (edges map.X), both (edges map.Y)
        | Trace.Image image -> both (-0.5, float image.Width - 0.5), both (-0.5, float image.Height - 0.5)

    /// Whether a trace fills its axes to their ends.
    let isTight (trace: Trace) : bool =
        match trace with
        | Trace.Scatter _ -> false
        | Trace.Bar _
        | Trace.Histogram _
        | Trace.Heatmap _
        | Trace.Image _ -> true
