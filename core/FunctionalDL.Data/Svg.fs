namespace FunctionalDL.Data

open System
open System.Text

/// Figures as SVG text. A subplot is 420 units wide, so that its text can be read on a screen of 400 pixels;
/// it has a `viewBox` and takes the width that it is given.
[<RequireQualifiedAccess>]
module Svg =

    open Frame

    let private font = [
        "font-family", "system-ui, sans-serif"
        "font-size", coordinate LabelSize
        "fill", "#374151"
    ]

    let private svg attributes (label: string) (wide: float) (high: float) (content: string list) =
        Markup.element
            "svg"
            [
                yield! attributes
                "viewBox", $"0 0 {coordinate wide} {coordinate high}"
                "role", "img"
                "aria-label", label
                yield! font
            ]
            ("\n" + Markup.lines content + "\n")

    let private colours (figure: Figure) =
        let names = Figure.names figure

        let colourOf i trace =
            let at = Array.IndexOf<string>(names, Trace.legendName trace)
            Colours.ofTrace (if at < 0 then i else at)

        let named =
            names |> Array.mapi (fun i name -> name, Colours.ofTrace i) |> List.ofArray

        colourOf, named

    /// The legend of several subplots, whose rows follow the width of the page.
    let private legendInHtml named =
        let entry (name: string, colour) =
            let mark = Markup.element "svg" [ "viewBox", "0 0 16 10" ] (key 0.0 5.0 colour)
            $"<span>{mark}{Markup.escape name}</span>"

        "<p class=\"legend\">" + (named |> List.map entry |> String.concat "") + "</p>"

    /// The picture of a subplot that shows nothing else.
    let private onlyImage (subplot: Subplot) =
        match subplot.Data, subplot.Annotations with
        | [| Trace.Image image |], [||] -> Some image
        | _ -> None

    /// Pictures alone stand side by side, small, with their titles below.
    let private gallery (subplots: Subplot[]) (images: Image[]) =
        Markup.lines [
            "<div class=\"pictures\">"
            for subplot, image in Array.zip subplots images do
                let title = Markup.escape subplot.Title

                $"<figure><img src=\"{Png.dataUri image.Png}\" alt=\"{title}\"><figcaption>{title}</figcaption></figure>"
            "</div>"
        ]

    /// `inHtml` with the SVG of each plot put into what `around` makes of its number and the SVG.
    let internal inHtmlWith (around: int -> string -> string) (figure: Figure) : string =
        let colourOf, named = colours figure

        let one names i (subplot: Subplot) =
            let content, high = Panel.drawn colourOf names subplot
            svg [] subplot.Title Width high content |> around i

        let images = Array.choose onlyImage figure.Subplots

        match figure.Subplots with
        | [| subplot |] -> one named 0 subplot
        | subplots ->
            Markup.lines [
                "<div class=\"subplots\">"
                if figure.Title <> "" then
                    $"<h3>{Markup.escape figure.Title}</h3>"
                if not named.IsEmpty then
                    legendInHtml named
                if images.Length = subplots.Length then
                    gallery subplots images
                else
                    "<div class=\"figures\">"
                    yield! Array.mapi (one []) subplots
                    "</div>"
                "</div>"
            ]

    /// The figure to stand in an HTML page: an `svg` element that fills the width that it is given; several,
    /// with a heading, for several subplots. All of its text is escaped.
    let inHtml (figure: Figure) : string = inHtmlWith (fun _ svg -> svg) figure

    /// Subplots in rows from `top` down, and where the last row ends.
    let private gridOf colourOf (figure: Figure) top : string list * float =
        figure.Subplots
        |> Array.map (Panel.drawn colourOf [])
        |> Array.chunkBySize figure.Columns
        |> Array.fold
            (fun (done', top) row ->
                let placed =
                    row
                    |> Array.mapi (fun column (content, _) ->
                        Markup.element
                            "g"
                            [
                                "transform",
                                $"translate({coordinate (Width * float column)} {coordinate top})"
                            ]
                            (Markup.lines content))
                    |> List.ofArray

                done' @ placed, top + (row |> Array.map snd |> Array.max))
            ([], top)

    /// The figure as an SVG file: subplots in rows of as many as the figure has columns, on white.
    let document (figure: Figure) : string =
        let colourOf, named = colours figure

        let content, wide, high =
            match figure.Subplots with
            | [| subplot |] ->
                let content, high = Panel.drawn colourOf named subplot
                content, Width, high
            | subplots ->
                let wide = Width * float (min figure.Columns subplots.Length)
                let heading, headingHeight = title 6.0 figure.Title
                let legend, legendHeight = legend wide (8.0 + headingHeight) named
                let grid, high = gridOf colourOf figure (12.0 + headingHeight + legendHeight)
                heading @ legend @ grid, wide, high

        let label =
            if figure.Title = "" then
                figure.Subplots[0].Title
            else
                figure.Title

        let ground =
            Markup.element "rect" [ "width", "100%"; "height", "100%"; "fill", "#fff" ] ""

        svg
            [
                "xmlns", "http://www.w3.org/2000/svg"
                "width", coordinate (1.5 * wide)
                "style", "max-width: 100%; height: auto"
            ]
            label
            wide
            high
            (ground :: content)
        + "\n"

    /// Writes the figure as an SVG file, all of it or nothing. Raises DataException when it cannot be written.
    let write (path: string) (figure: Figure) : unit =
        let bytes = Encoding.UTF8.GetBytes(document figure)
        Atomic.write path (fun stream -> stream.Write(ReadOnlySpan bytes))
