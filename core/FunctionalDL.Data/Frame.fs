namespace FunctionalDL.Data

open System

/// What stands around and over the marks of a plot: titles, legend, axes, words, bar of colours. A plot is
/// 420 units wide, so that its text can be read on a screen of 400 pixels.
module internal Frame =

    [<Literal>]
    let Width = 420.0

    /// The size of labels, and of titles.
    [<Literal>]
    let LabelSize = 13.0

    [<Literal>]
    let private TitleSize = 15.0

    /// From one line of text to the next.
    [<Literal>]
    let Line = 18.0

    /// Free room at the edges.
    [<Literal>]
    let Margin = 12.0

    [<Literal>]
    let PlotHeight = 200.0

    [<Literal>]
    let BarOfColours = 14.0

    let coordinate = Markup.coordinate

    let text (x: float) (y: float) (attributes: (string * string) list) (content: string) =
        Markup.escape content
        |> Markup.element "text" [ "x", coordinate x; "y", coordinate y; yield! attributes ]

    let private line x1 y1 x2 y2 (stroke: string) =
        Markup.element
            "line"
            [
                "x1", coordinate x1
                "y1", coordinate y1
                "x2", coordinate x2
                "y2", coordinate y2
                "stroke", stroke
            ]
            ""

    let private anchor (name: string) = [ "text-anchor", name ]
    let middle = anchor "middle"
    let width = Room.width LabelSize

    /// Lines of text one below the other, the first with its base at `y`; `size` is that of the font.
    let paragraph size x y attributes (content: string) : string list * float =
        let lines = Room.wrap size (Width - 2.0 * Margin) content
        let drawn = lines |> List.mapi (fun i -> text x (y + Line * float i) attributes)
        drawn, Line * float lines.Length

    let title y (content: string) =
        // Bold letters are wider.
        paragraph
            (1.12 * TitleSize)
            Margin
            (y + 14.0)
            [ "font-weight", "600"; "font-size", coordinate TitleSize; "fill", "#111827" ]
            content

    // ---- the legend ----------------------------------------

    let key x y (struct (colour: string, isDashed)) =
        Markup.element
            "line"
            [
                "x1", coordinate x
                "y1", coordinate y
                "x2", coordinate (x + 16.0)
                "y2", coordinate y
                "stroke", colour
                "stroke-width", "4"
                if isDashed then
                    "stroke-dasharray", "4 2"
            ]
            ""

    /// The names beside their colours, in rows, and the height of the rows.
    let legend wide top (names: (string * struct (string * bool)) list) : string list * float =
        let place (x, row, drawn) (name, colour) =
            let needed = 22.0 + width name

            let x, row =
                if x > Margin && x + needed > wide - Margin then
                    Margin, row + 1
                else
                    x, row

            let y = top + 13.0 + Line * float row
            let parts = [ key x (y - 4.5) colour; text (x + 22.0) y [] name ]
            x + needed + 14.0, row, drawn @ parts

        let _, row, drawn = names |> List.fold place (Margin, 0, [])
        drawn, (if names.IsEmpty then 0.0 else Line * float (row + 1))

    // ---- axes ----------------------------------------

    /// Whether labels stand beside each other without touching.
    let fits (area: Area) =
        area.X.Ticks
        |> List.map (fun (tick, label) -> Area.xOfTick area tick, width label)
        |> List.pairwise
        |> List.forall (fun ((a, wa), (b, wb)) -> b - a >= (wa + wb) / 2.0 + 8.0)

    /// The scale with the most ticks, up to six, whose labels fit.
    let fitting (area: Area) (scaleOf: int -> Scale) =
        [ 6; 5; 4; 3; 2; 1 ]
        |> List.map (fun parts -> { area with Area.X = scaleOf parts })
        |> fun areas -> List.tryFind fits areas |> Option.defaultValue (List.last areas)

    let yAxis (area: Area) = [
        for tick, label in area.Y.Ticks do
            let y = Area.yOfTick area tick
            line area.Left y area.Right y "#e3e6ea"
            text (area.Left - 7.0) (y + 4.5) (anchor "end") label
    ]

    /// Labels below the axis, kept inside the picture; turned when they would touch each other. The second is
    /// the height that they take.
    let xAxis (area: Area) : string list * float =
        let isLevel = fits area

        let slot = (area.Right - area.Left) / float (max 1 area.X.Ticks.Length)

        // Turned labels need a line's height each.
        let every = if isLevel then 1 else int (ceil (Line / slot))

        let labelled =
            area.X.Ticks
            |> List.indexed
            |> List.filter (fun (i, _) -> i % every = 0)
            |> List.map snd

        let drawn = [
            for tick, label in labelled do
                let x = Area.xOfTick area tick
                line x area.Bottom x (area.Bottom + 5.0) "#6b7280"

                if isLevel then
                    let half = width label / 2.0
                    let x = Math.Clamp(x, half + 2.0, Width - half - 2.0)
                    text x (area.Bottom + 19.0) middle label
                else
                    let y = area.Bottom + 14.0

                    text
                        x
                        y
                        [ yield! anchor "end"; "transform", $"rotate(-40 {coordinate x} {coordinate y})" ]
                        label
        ]

        let longest = labelled |> List.map (snd >> width) |> List.fold max 0.0

        let height =
            if labelled.IsEmpty then 8.0
            elif isLevel then 24.0
            else 18.0 + 0.65 * longest

        line area.Left area.Bottom area.Right area.Bottom "#6b7280" :: drawn, height

    // ---- what stands in and beside the plot ----------------------------------------

    /// Words at points, each moved up or down until it covers no other.
    let annotations (area: Area) (annotations: Annotation[]) : string list =
        let place (taken, drawn) (annotation: Annotation) =
            let x, y = Area.x area annotation.X, Area.y area annotation.Y
            let needed = width annotation.Text
            let isLeft = x > (area.Left + area.Right) / 2.0
            let from = if isLeft then x - 8.0 - needed else x + 8.0

            let isFree baseline =
                baseline - 12.0 >= area.Top
                && baseline <= area.Bottom
                && taken
                   |> List.forall (fun (other, upTo, at) ->
                       from > upTo || from + needed < other || abs (baseline - at) >= Line)

            let baseline =
                [ 0.0 .. 12.0 ]
                |> List.collect (fun i -> [ y - 6.0 - Line * i; y + 16.0 + Line * i ])
                |> List.tryFind isFree
                |> Option.defaultValue (y - 6.0)

            let drawn' = [
                Markup.element
                    "circle"
                    [ "cx", coordinate x; "cy", coordinate y; "r", "4"; "fill", "none"; "stroke", "#111827" ]
                    ""
                text
                    from
                    baseline
                    [
                        "fill", "#111827"
                        // A light rim, to be read on dark ground too.
                        "stroke", "#fff"
                        "stroke-width", "3"
                        "paint-order", "stroke"
                    ]
                    annotation.Text
            ]

            (from, from + needed, baseline) :: taken, drawn @ drawn'

        annotations |> Array.fold place ([], []) |> snd

    /// A bar with all colours of a heat map and the values of some of them, right of the plot.
    let colourBar (area: Area) (map: Heatmap) : string list =
        let left = area.Right + 12.0

        let scale =
            Scale.ofValues 4 false (Axis.between map.ZMin (max map.ZMax (map.ZMin + 1e-12)) "") [||]

        let bar = { area with Area.Y = scale }

        let png =
            seq { 255..-1..0 }
            |> Seq.map (fun i -> Colours.at map.ColorScale (float i / 255.0))
            |> Colours.png 1 256

        [
            Markup.element
                "image"
                [
                    "x", coordinate left
                    "y", coordinate area.Top
                    "width", coordinate BarOfColours
                    "height", coordinate (area.Bottom - area.Top)
                    "preserveAspectRatio", "none"
                    "href", Png.dataUri png
                ]
                ""
            for tick, label in scale.Ticks do
                text (left + BarOfColours + 5.0) (Area.yOfTick bar tick + 4.5) [] label
        ]
