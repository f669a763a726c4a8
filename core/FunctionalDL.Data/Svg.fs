namespace FunctionalDL.Data

open System
open System.Globalization
open System.Net

/// Writing text and numbers into HTML and SVG.
module internal Markup =

    /// `text` with everything that markup gives a meaning to escaped: safe between tags and in quoted
    /// attributes.
    let escape (text: string) : string =
        WebUtility.HtmlEncode(Text.oneLine text)

    /// A coordinate: two decimals, with a point in every culture.
    let coordinate (value: float) : string =
        value.ToString("0.##", CultureInfo.InvariantCulture)

/// Where an axis has ticks, and what they say.
module internal Ticks =

    /// A distance of 1, 2 or 5 times a power of ten.
    type Step = { Mantissa: float; Exponent: int }

    /// The tick of number `i`. Dividing by powers of ten is exact where multiplying by 0.1 is not.
    let at (step: Step) (i: float) : float =
        if step.Exponent < 0 then
            i * step.Mantissa / 10.0 ** float -step.Exponent
        else
            i * step.Mantissa * 10.0 ** float step.Exponent

    /// The smallest nice distance that divides `span` into at most `count` parts.
    let step (count: int) (isWhole: bool) (span: float) : Step =
        let raw = span / float count
        let exponent = int (floor (log10 raw))
        let mantissa = raw / 10.0 ** float exponent

        // A little room, so that rounding does not make a fifth into two fifths.
        match List.tryFind (fun nice -> mantissa <= nice * (1.0 + 1e-9)) [ 1.0; 2.0; 5.0 ] with
        | _ when isWhole && exponent < 0 -> { Mantissa = 1.0; Exponent = 0 }
        | Some nice -> { Mantissa = nice; Exponent = exponent }
        | None -> {
            Mantissa = 1.0
            Exponent = exponent + 1
          }

    /// A tick's value with as many decimals as its step needs.
    let label (step: Step) (value: float) : string =
        let format =
            if abs step.Exponent > 5 then
                "0.###e0"
            else
                $"F{max 0 -step.Exponent}"

        value.ToString(format, CultureInfo.InvariantCulture)

/// Figures as SVG text.
[<RequireQualifiedAccess>]
module Svg =

    [<Literal>]
    let private Width = 420.0

    [<Literal>]
    let private Height = 290.0

    /// About as wide as a character of the labels, in a font that we do not know.
    [<Literal>]
    let private CharacterWidth = 7.2

    /// More marks than this hide the line.
    [<Literal>]
    let private MostMarks = 60

    /// Values beyond this are not drawn: the difference of two of them need not be finite.
    [<Literal>]
    let private Largest = 1e300

    /// Plotly's.
    let private colours = [|
        "#1f77b4"
        "#ff7f0e"
        "#2ca02c"
        "#d62728"
        "#9467bd"
        "#8c564b"
        "#e377c2"
        "#7f7f7f"
        "#bcbd22"
        "#17becf"
    |]

    /// An axis with its range and its ticks: what is needed to place a value.
    type private Scale = {
        Low: float
        High: float
        Ticks: (float * string) list
    }

    let private isDrawable (x: float) = abs x <= Largest

    /// The range of values and, so that there is something to divide, some room around a single one.
    let private range (axis: Axis) (values: float list) : float * float =
        let values =
            match axis.RangeMode with
            | RangeMode.Normal -> values
            | RangeMode.ToZero -> 0.0 :: values

        let low, high = List.min values, List.max values
        let size = max (abs low) (abs high)

        if high - low > 1e-9 * size then low, high
        elif axis.IsWhole then low - 1.0, high + 1.0
        elif size = 0.0 then 0.0, 1.0
        else low - 0.05 * size, high + 0.05 * size

    /// An axis of at most `parts` parts; it begins and ends at ticks if it is `rounded`.
    let private scale parts rounded (axis: Axis) (values: float list) : Scale =
        let low, high = range axis values
        let step = Ticks.step parts axis.IsWhole (high - low)
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
            Ticks = ticks |> List.map (fun tick -> tick, Ticks.label step tick)
        }

    let private text (x: float) (y: float) (attributes: string) (content: string) =
        $"<text x=\"{Markup.coordinate x}\" y=\"{Markup.coordinate y}\"{attributes}>{Markup.escape content}</text>"

    let private line (x1: float) (y1: float) (x2: float) (y2: float) (stroke: string) =
        $"<line x1=\"{Markup.coordinate x1}\" y1=\"{Markup.coordinate y1}\" x2=\"{Markup.coordinate x2}\" "
        + $"y2=\"{Markup.coordinate y2}\" stroke=\"{stroke}\"/>"

    let private circle (x: float) (y: float) (fill: string) (title: string) =
        $"<circle cx=\"{Markup.coordinate x}\" cy=\"{Markup.coordinate y}\" r=\"3.5\" fill=\"{fill}\">"
        + $"<title>{Markup.escape title}</title></circle>"

    let private number (value: float) =
        value.ToString("G6", CultureInfo.InvariantCulture)

    /// The points of a trace that can be drawn, in runs without a gap.
    let private runs (scatter: Scatter) : (float * float) list list =
        let folder point done' =
            match point, done' with
            | (x, y), run :: rest when isDrawable x && isDrawable y -> ((x, y) :: run) :: rest
            | _, [] :: _ -> done'
            | _ -> [] :: done'

        List.foldBack folder (List.zip scatter.X scatter.Y) [ [] ]
        |> List.filter (not << List.isEmpty)

    let private drawScatter (placeX: float -> float) (placeY: float -> float) colour (scatter: Scatter) =
        let runs = runs scatter

        let path (run: (float * float) list) =
            let points =
                run
                |> List.map (fun (x, y) -> $"{Markup.coordinate (placeX x)},{Markup.coordinate (placeY y)}")
                |> String.concat " "

            $"<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"

        let mark (x, y) =
            circle (placeX x) (placeY y) colour $"{scatter.Name} at {number x}: {number y}"

        let marks () = runs |> List.concat |> List.map mark
        let hasFew = List.sumBy List.length runs <= MostMarks

        match scatter.Mode with
        | ScatterMode.Markers -> marks ()
        | ScatterMode.LinesMarkers when hasFew -> List.map path runs @ marks ()
        | ScatterMode.LinesMarkers
        | ScatterMode.Lines -> List.map path runs

    /// The names of the traces beside their colours, in rows, and the height of the rows.
    let private legend (traces: Scatter list) : string list * float =
        let rowHeight = 20.0

        let place (x, row, drawn) (i, trace: Scatter) =
            let width = 26.0 + CharacterWidth * float trace.Name.Length

            let x, row =
                if x > 0.0 && x + width > Width then
                    0.0, row + 1
                else
                    x, row

            let y = 40.0 + rowHeight * float row
            let colour = colours[i % colours.Length]

            let parts = [
                $"<rect x=\"{Markup.coordinate (x + 10.0)}\" y=\"{Markup.coordinate (y - 7.0)}\" width=\"14\" "
                + $"height=\"4\" fill=\"{colour}\"/>"
                text (x + 29.0) y "" trace.Name
            ]

            x + width + 12.0, row, drawn @ parts

        let _, row, drawn = List.indexed traces |> List.fold place (0.0, 0, [])
        drawn, rowHeight * float (row + 1)

    /// The figure as an `svg` element to stand in an HTML page: it fills the width that it is given. All of
    /// its text is escaped.
    let inHtml (figure: Figure) : string =
        let layout = figure.Layout
        let traces = figure.Data |> List.map (fun (Trace.Scatter scatter) -> scatter)
        let points = traces |> List.collect runs |> List.concat
        let legend, legendHeight = legend traces

        let plot =
            if points.IsEmpty then
                [ text 12.0 (60.0 + legendHeight) "" "There is nothing to draw." ]
            else
                let x = scale 6 false layout.XAxis (List.map fst points)
                let y = scale 5 true layout.YAxis (List.map snd points)
                let widest = y.Ticks |> List.map (fun (_, label) -> label.Length) |> List.max
                let left = 36.0 + CharacterWidth * float widest
                let right, top, bottom = Width - 16.0, 34.0 + legendHeight, Height - 46.0
                // Room for half a mark at both ends.
                let inset = 10.0

                let placeX value =
                    left + inset + (value - x.Low) / (x.High - x.Low) * (right - left - 2.0 * inset)

                let placeY value =
                    bottom - (value - y.Low) / (y.High - y.Low) * (bottom - top)

                let middle = (top + bottom) / 2.0

                [
                    for value, label in y.Ticks do
                        line left (placeY value) right (placeY value) "#e3e6ea"
                        text (left - 7.0) (placeY value + 4.5) " text-anchor=\"end\"" label

                    line left bottom right bottom "#6b7280"

                    for value, label in x.Ticks do
                        line (placeX value) bottom (placeX value) (bottom + 5.0) "#6b7280"
                        text (placeX value) (bottom + 19.0) " text-anchor=\"middle\"" label

                    text ((left + right) / 2.0) (Height - 8.0) " text-anchor=\"middle\"" layout.XAxis.Title

                    text
                        15.0
                        middle
                        $" text-anchor=\"middle\" transform=\"rotate(-90 15 {Markup.coordinate middle})\""
                        layout.YAxis.Title

                    for i, trace in List.indexed traces do
                        yield! drawScatter placeX placeY colours[i % colours.Length] trace
                ]

        String.Join(
            "\n",
            [
                $"<svg viewBox=\"0 0 {Markup.coordinate Width} {Markup.coordinate Height}\" role=\"img\" "
                + $"aria-label=\"{Markup.escape layout.Title}\" font-family=\"system-ui, sans-serif\" "
                + "font-size=\"13\" fill=\"#374151\">"
                text 10.0 19.0 " font-weight=\"600\" font-size=\"15\" fill=\"#111827\"" layout.Title
                yield! legend
                yield! plot
                "</svg>"
            ]
        )
