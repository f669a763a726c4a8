namespace FunctionalDL.Data

open System
open System.Text.Json.Nodes

/// Figures as the JSON that plotly.js takes. (The names are those of its schema, https://plotly.com/javascript/reference/.)
[<RequireQualifiedAccess>]
module Plotly =

    let private text (value: string) : JsonNode = JsonValue.Create value
    let private whole (value: int) : JsonNode = JsonValue.Create value
    let private flag (value: bool) : JsonNode = JsonValue.Create value

    /// JSON has no numbers that are not finite; plotly.js leaves a gap at null.
    let private number (value: float) : JsonNode =
        if Double.IsFinite value then
            JsonValue.Create value
        else
            null

    let private list (items: JsonNode seq) : JsonNode = JsonArray(Seq.toArray items)
    let private numbers (values: float seq) = list (Seq.map number values)
    let private texts (values: string seq) = list (Seq.map (fun v -> text v) values)

    let private object (properties: (string * JsonNode) list) : JsonNode =
        let node = JsonObject()

        for key, value in properties do
            node.Add(key, value)

        node

    /// Words that plotly.js shows as they are: it takes tags in them for formatting.
    let private words (value: string) =
        text (value.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;"))

    let private titled (title: string) = object [ "text", words title ]

    /// The suffix of an axis: nothing for the first.
    let private suffix i = if i = 0 then "" else string (i + 1)

    // ---- traces ----------------------------------------

    let private colour (struct (colour: string, _)) = object [ "color", text colour ]

    let private line (struct (colour: string, isDashed)) =
        object [ "color", text colour; "dash", text (if isDashed then "dash" else "solid") ]

    let private mode (mode: ScatterMode) =
        match mode with
        | ScatterMode.Lines -> "lines"
        | ScatterMode.Markers -> "markers"
        | ScatterMode.LinesMarkers -> "lines+markers"

    let private colorScale (scale: ColorScale) =
        let stops = Colours.stops scale

        stops
        |> Array.mapi (fun i stop -> list [ number (float i / float (stops.Length - 1)); text stop ])
        |> list

    /// Beside the subplot of this number, where there are several.
    let private colorBar (figure: Figure) i (map: Heatmap) =
        let columns = min figure.Columns figure.Subplots.Length
        let rows = (figure.Subplots.Length + columns - 1) / columns
        let column, row = i % columns, i / columns

        object [
            "title", titled map.Name
            "thickness", whole 12
            "x", number (float (column + 1) / float columns - 0.02)
            "y", number (1.0 - (float row + 0.5) / float rows)
            "len", number (1.0 / float rows)
        ]

    let private ofTrace figure i colours (trace: Trace) =
        match trace with
        | Trace.Scatter s -> [
            "type", text "scatter"
            "name", words s.Name
            "mode", text (mode s.Mode)
            "x", numbers s.X
            "y", numbers s.Y
            "line", line colours
            "marker", colour colours
          ]
        | Trace.Bar bar -> [
            "type", text "bar"
            "name", words bar.Name
            "x", texts bar.X
            "y", numbers bar.Y
            "marker", colour colours
          ]
        | Trace.Histogram h -> [
            "type", text "histogram"
            "name", words h.Name
            "x", numbers h.X
            "xbins",
            object [ "start", number h.XBins.Start; "end", number h.XBins.End; "size", number h.XBins.Size ]
            "opacity", number 0.55
            "marker", colour colours
          ]
        | Trace.Heatmap map -> [
            "type", text "heatmap"
            "name", words map.Name
            "x", numbers map.X
            "y", numbers map.Y
            "z", map.Z |> Seq.map numbers |> list
            "zmin", number map.ZMin
            "zmax", number map.ZMax
            "colorscale", colorScale map.ColorScale
            "colorbar", colorBar figure i map
          ]
        | Trace.Image image -> [ "type", text "image"; "source", text (Png.dataUri image.Png) ]

    /// All traces; each name stands in the legend once, and its traces are shown and hidden together.
    let private data (names: string[]) (figure: Figure) : JsonNode =
        let add (seen, done') (i, j, trace) =
            let name = Trace.legendName trace
            let at = Array.IndexOf<string>(names, name)
            let colours = Colours.ofTrace (if at < 0 then j else at)

            let node =
                object [
                    yield! ofTrace figure i colours trace
                    "xaxis", text ("x" + suffix i)
                    "yaxis", text ("y" + suffix i)
                    if at >= 0 then
                        "legendgroup", words name
                        "showlegend", flag (not (Set.contains name seen))
                ]

            Set.add name seen, node :: done'

        [
            for i, subplot in Array.indexed figure.Subplots do
                for j, trace in Array.indexed subplot.Data do
                    i, j, trace
        ]
        |> List.fold add (Set.empty, [])
        |> snd
        |> List.rev
        |> list

    // ---- layout ----------------------------------------

    /// A value as a place on an axis: plotly.js counts the places of a logarithmic one in powers of ten.
    let private place (axis: Axis) (value: float) =
        number (if axis.IsLog then log10 value else value)

    let private range (axis: Axis) =
        match axis.Range with
        | AxisRange.Normal -> "rangemode", text "normal"
        | AxisRange.ToZero -> "rangemode", text "tozero"
        | AxisRange.Fixed(low, high) -> "range", list [ place axis low; place axis high ]

    let private axisOf isCategory (axis: Axis) = [
        "title", titled axis.Title
        "type",
        text (
            if isCategory then "category"
            elif axis.IsLog then "log"
            else "linear"
        )
        if not isCategory then
            range axis
        if axis.IsWhole then
            "tickformat", text "d"
        if axis.IsLog then
            "exponentformat", text "power"
        "automargin", flag true
    ]

    /// The axes of a subplot. Those of a picture are hidden, and its pixels are square.
    let private axes i (subplot: Subplot) =
        let anchor name = "anchor", text (name + suffix i)

        let ofImage, ofYImage =
            match Subplot.image subplot with
            | Some _ ->
                [ "visible", flag false ],
                [ "visible", flag false; "autorange", text "reversed"; "scaleanchor", text ("x" + suffix i) ]
            | None -> [], []

        [
            "xaxis" + suffix i,
            object [
                yield! axisOf ((Subplot.categories subplot).Length > 0) subplot.XAxis
                anchor "y"
                yield! ofImage
            ]
            "yaxis" + suffix i, object [ yield! axisOf false subplot.YAxis; anchor "x"; yield! ofYImage ]
        ]

    /// What is written into a subplot: words at points, and its title where there are several.
    let private annotations (figure: Figure) i (subplot: Subplot) = [
        for annotation in subplot.Annotations do
            object [
                "text", words annotation.Text
                "xref", text ("x" + suffix i)
                "yref", text ("y" + suffix i)
                "x", place subplot.XAxis annotation.X
                "y", place subplot.YAxis annotation.Y
                "showarrow", flag true
            ]
        if figure.Subplots.Length > 1 then
            object [
                "text", words subplot.Title
                "xref", text ("x" + suffix i + " domain")
                "yref", text ("y" + suffix i + " domain")
                "x", number 0.5
                "y", number 1.0
                "xanchor", text "center"
                "yanchor", text "bottom"
                "showarrow", flag false
            ]
    ]

    /// The title, on the left below the buttons of plotly.js, in lines that fit a narrow screen.
    let private heading (height: int) (title: string) =
        let lines = Room.wrap 16.0 380.0 title |> List.map (fun line -> string (words line))

        object [
            "text", text (String.Join("<br>", lines))
            "x", number 0.02
            "xanchor", text "left"
            "y", number (1.0 - 28.0 / float height)
            "yref", text "container"
            "yanchor", text "top"
            "font", object [ "size", whole 16 ]
        ]

    /// Names in a row above the subplots, and above the titles of those.
    let private legend rows =
        object [
            "orientation", text "h"
            "x", whole 0
            "y", number (if rows = 1 then 1.02 else 1.0 + 0.08 / float rows)
            "yanchor", text "bottom"
        ]

    let private layout hasLegend (figure: Figure) : JsonNode =
        let columns = min figure.Columns figure.Subplots.Length
        let rows = (figure.Subplots.Length + columns - 1) / columns

        let hasHistogram =
            figure.Subplots
            |> Array.collect _.Data
            |> Array.exists (fun trace ->
                match trace with
                | Trace.Histogram _ -> true
                | Trace.Scatter _
                | Trace.Bar _
                | Trace.Heatmap _
                | Trace.Image _ -> false)

        let height = 120 + 280 * rows

        let title =
            if figure.Subplots.Length = 1 then
                figure.Subplots[0].Title
            else
                figure.Title

        object [
            "title", heading height title
            "height", whole height
            "margin", object [ "l", whole 60; "r", whole 20; "t", whole 110; "b", whole 50 ]
            "showlegend", flag hasLegend
            "legend", legend rows
            "barmode", text (if hasHistogram then "overlay" else "group")
            "grid", object [ "rows", whole rows; "columns", whole columns; "pattern", text "independent" ]
            for i, subplot in Array.indexed figure.Subplots do
                yield! axes i subplot
            "annotations",
            figure.Subplots
            |> Seq.indexed
            |> Seq.collect (fun (i, subplot) -> annotations figure i subplot)
            |> list
        ]

    let private written hasLegend names (figure: Figure) =
        (object [ "data", data names figure; "layout", layout hasLegend figure ]).ToJsonString()

    /// The figure as a JSON object with `data` and `layout`, the arguments of `Plotly.newPlot`. What markup
    /// gives a meaning to is escaped, so that it may stand in a `script` element.
    let json (figure: Figure) : string =
        let names = Figure.names figure
        written (names.Length > 0) names figure

    /// Its subplots as figures of their own, in the colours that they have together. Several have no legends:
    /// what holds them has one.
    let internal jsonOfSubplots (figure: Figure) : string[] =
        let names = Figure.names figure
        let hasLegend = names.Length > 0 && figure.Subplots.Length = 1

        figure.Subplots
        |> Array.map (fun subplot ->
            written hasLegend names {
                Title = ""
                Columns = 1
                Subplots = [| subplot |]
            })
