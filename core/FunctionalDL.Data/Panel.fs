namespace FunctionalDL.Data

/// One subplot as elements of SVG.
module internal Panel =

    open Frame

    let private heatmap (subplot: Subplot) : Heatmap option =
        subplot.Data
        |> Array.tryPick (fun trace ->
            match trace with
            | Trace.Heatmap map -> Some map
            | Trace.Scatter _
            | Trace.Bar _
            | Trace.Histogram _
            | Trace.Image _ -> None)

    /// The area of a picture: as wide as there is room, with square pixels.
    let private areaOfImage top (image: Image) : Area =
        let rows, columns = float image.Height, float image.Width
        let width = min (Width - 2.0 * Margin) (300.0 * columns / rows)

        {
            Left = Margin
            Right = Margin + width
            Top = top
            Bottom = top + width * rows / columns
            Inset = 0.0
            X = Scale.bare -0.5 (columns - 0.5)
            Y = Scale.bare -0.5 (rows - 0.5)
            IsDown = true
        }

    /// Turned labels end below their bar and begin left of it: the first one needs room there.
    let private withRoomForTurned (area: Area) =
        if fits area then
            area
        else
            let tick, label = area.X.Ticks.Head
            let begins = Area.xOfTick area tick - 0.77 * width label

            {
                area with
                    Area.Left = area.Left + max 0.0 (6.0 - begins)
            }

    /// The area of values of x and y, with room for labels on the left and for a bar of colours on the right.
    let private areaOfValues top (subplot: Subplot) (xs: float[]) (ys: float[]) : Area =
        let hasMap = (heatmap subplot).IsSome
        let y = Scale.ofValues 5 (not hasMap) subplot.YAxis ys
        let widest = y.Ticks |> List.map (snd >> width) |> List.fold max 0.0
        let categories = Subplot.categories subplot

        let frame = {
            Left = Margin + 7.0 + widest
            Right = Width - (if hasMap then BarOfColours + 64.0 else 16.0)
            Top = top
            Bottom = top + PlotHeight
            Inset =
                if Array.exists Marks.isTight subplot.Data then
                    0.0
                else
                    10.0
            X = Scale.ofCategories categories
            Y = y
            IsDown = false
        }

        if categories.Length > 0 then
            withRoomForTurned frame
        else
            fitting frame (fun parts -> Scale.ofValues parts false subplot.XAxis xs)

    let private isFixed (axis: Axis) =
        match axis.Range with
        | AxisRange.Fixed _ -> true
        | AxisRange.Normal
        | AxisRange.ToZero -> false

    /// Marks without what lies outside of axes that fix their ends.
    let private clipped (subplot: Subplot) (area: Area) (marks: string list) : string list =
        if isFixed subplot.XAxis || isFixed subplot.YAxis then
            let x, y = coordinate area.Left, coordinate area.Top
            let w, h = coordinate (area.Right - area.Left), coordinate (area.Bottom - area.Top)

            [
                Markup.element
                    "svg"
                    [ "x", x; "y", y; "width", w; "height", h; "viewBox", $"{x} {y} {w} {h}" ]
                    (Markup.lines marks)
            ]
        else
            marks

    let private marks colourOf (subplot: Subplot) (area: Area) : string list =
        subplot.Data
        |> Array.indexed
        |> List.ofArray
        |> List.collect (fun (i, trace) ->
            Marks.ofTrace area (Subplot.categories subplot) (i, subplot.Data.Length) (colourOf i trace) trace)
        |> clipped subplot area

    /// The axes and all between them from `top` down, and where it ends.
    let private plot colourOf (subplot: Subplot) top : string list * float =
        let extents =
            subplot.Data |> Array.map (Marks.extent subplot.XAxis.IsLog subplot.YAxis.IsLog)

        let xs, ys = Array.collect fst extents, Array.collect snd extents

        match Subplot.image subplot with
        | Some image ->
            let area = areaOfImage top image
            marks colourOf subplot area @ annotations area subplot.Annotations, area.Bottom + Margin
        | None when ys.Length = 0 ->
            [ text Margin (top + Line) [] "There is nothing to draw." ], top + 2.0 * Line
        | None ->
            let area = areaOfValues top subplot xs ys
            let labels, height = xAxis area

            let name, nameHeight =
                paragraph
                    LabelSize
                    ((area.Left + area.Right) / 2.0)
                    (area.Bottom + height + 13.0)
                    middle
                    subplot.XAxis.Title

            [
                yield! yAxis area
                yield! marks colourOf subplot area
                yield! labels
                yield! name
                yield! annotations area subplot.Annotations
                match heatmap subplot with
                | Some map -> yield! colourBar area map
                | None -> ()
            ],
            area.Bottom + height + nameHeight + 6.0

    /// A subplot and how high it is. What its values are stands above the axis: level text is read more
    /// easily, and leaves room for the plot.
    let drawn colourOf (names: (string * struct (string * bool)) list) (subplot: Subplot) =
        let heading, headingHeight = title 6.0 subplot.Title
        let legend, legendHeight = legend Width (8.0 + headingHeight) names

        let yTitle =
            match heatmap subplot with
            | Some map when map.Name <> "" && subplot.YAxis.Title <> "" ->
                $"{subplot.YAxis.Title}; colour: {map.Name}"
            | Some map when map.Name <> "" -> map.Name
            | Some _
            | None -> subplot.YAxis.Title

        let axis, axisHeight =
            paragraph LabelSize Margin (23.0 + headingHeight + legendHeight) [] yTitle

        let top = 21.0 + headingHeight + legendHeight + axisHeight
        let plot, bottom = plot colourOf subplot top
        heading @ legend @ axis @ plot, bottom
