namespace FunctionalDL.Data

open System
open System.Globalization

/// A name and its value.
type Fact = { Name: string; Value: string }

/// A picture with lines of text below it.
type Picture = {
    /// Where it is: a `data:` address, for a page that is whole in one file. Empty for a caption alone.
    Source: string
    /// What it shows, for those who do not see it.
    Description: string
    Caption: string list
}

/// A part of a page.
[<RequireQualifiedAccess>]
type Block =
    /// A paragraph.
    | Paragraph of string
    /// Formulas or code, line by line as they are.
    | Code of string
    /// A few facts that are to be seen first.
    | Highlights of Fact list
    /// Any number of facts.
    | Facts of Fact list
    /// A table; all rows have the columns' length.
    | Table of columns: string list * rows: string list list
    /// A table of words, which wrap; on a narrow screen the cells of a row stand below one another, under
    /// their columns' names. All rows have the columns' length.
    | Records of columns: string list * rows: string list list
    /// Figures side by side.
    | Figures of Figure list
    /// How many items of each class (a row) were taken for which class (a column), row by row.
    | Confusion of classes: string list * counts: int64 list
    /// Pictures in a grid.
    | Pictures of Picture list

/// Blocks under a heading.
type Section = { Title: string; Blocks: Block list }

/// Where an interactive page gets plotly.js from: the file `plotly.min.js` of the npm package
/// `plotly.js-dist-min` or of a release. It is not part of this library (it has 4.8 MB).
[<RequireQualifiedAccess>]
type PlotlyScript =
    /// From an address: `plotly.min.js` for a file beside the page.
    | At of address: string
    /// From the page itself: the text of the file.
    | Inline of source: string

/// HTML pages. `html` makes pages that are whole in one file: no script, no address of anything outside.
[<RequireQualifiedAccess>]
module Page =

    let private style =
        """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f6f8; color: #1f2937; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { margin: 0 0 20px; font-size: 26px; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 0 0 12px; font-size: 18px; }
p { margin: 0 0 12px; color: #4b5563; }
section { margin: 0 0 20px; padding: 18px 20px; background: #fff; border: 1px solid #e3e6ea; border-radius: 10px; }
section > :last-child { margin-bottom: 0; }
.highlights { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0 0 12px; }
.highlights div { padding: 10px 14px; background: #f5f6f8; border-radius: 8px; }
.highlights dt { color: #4b5563; font-size: 13px; }
.highlights dd { margin: 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(310px, 1fr)); gap: 0 32px; margin: 0 0 12px; }
.facts div { display: flex; justify-content: space-between; gap: 16px; padding: 5px 0; border-bottom: 1px solid #eef0f3; }
.facts dt { color: #4b5563; }
.facts dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); gap: 16px; }
.figures > svg, .figures > .plot { display: block; width: 100%; height: auto; margin: 0 auto; }
.figures > svg, .figures > .plot > svg { max-width: 520px; }
.figures > .plot { min-width: 0; overflow: hidden; }
.figures > .subplots { grid-column: 1 / -1; }
h3 { margin: 0 0 6px; font-size: 16px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 14px; }
.legend svg { display: inline-block; width: 18px; height: 11px; margin-right: 6px; }
pre { margin: 0 0 12px; padding: 10px 14px; overflow-x: auto; background: #f5f6f8; border-radius: 8px;
  font: 14px/1.5 ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.scroll { overflow-x: auto; margin: 0 0 12px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.rows { width: 100%; }
.rows th, .rows td { padding: 5px 10px; text-align: right; border-bottom: 1px solid #eef0f3; white-space: nowrap; }
.rows th { color: #4b5563; font-weight: 600; }
.records { width: 100%; margin: 0 0 12px; }
.records th, .records td { padding: 6px 10px; text-align: left; vertical-align: top; border-bottom: 1px solid #eef0f3; }
.records th { color: #4b5563; font-weight: 600; }
.confusion { margin: 0 auto; }
.confusion th, .confusion td { min-width: 46px; height: 36px; padding: 2px 4px; text-align: center; }
.confusion td { border: 1px solid #fff; }
.confusion th { color: #4b5563; font-weight: 600; }
.confusion .axis { font-weight: 400; font-size: 13px; white-space: nowrap; }
.confusion .turned { writing-mode: vertical-rl; transform: rotate(180deg); min-width: 0; padding: 0; }
.confusion .none { color: #b6bcc6; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(124px, 1fr)); gap: 14px; }
figure { margin: 0; }
figure img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; border-radius: 6px;
  image-rendering: pixelated; }
figcaption { margin-top: 4px; font-size: 13px; line-height: 1.4; font-variant-numeric: tabular-nums; }
figcaption span { display: block; }
figcaption span:first-child { font-weight: 600; }
@media (max-width: 600px) {
  main { padding: 16px 10px 32px; }
  section { padding: 14px 12px; }
  h1 { font-size: 22px; }
  .highlights { grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); }
  .facts { grid-template-columns: 1fr; }
  .rows { font-size: 12px; }
  .rows th, .rows td { padding: 5px 3px; }
  .records, .records tbody, .records tr, .records td { display: block; }
  .records tr:first-child { display: none; }
  .records tr { padding: 6px 0; border-bottom: 1px solid #e3e6ea; }
  .records td { display: flex; gap: 10px; padding: 1px 0; border: 0; overflow-wrap: anywhere; }
  .records td::before { content: attr(data-column); flex: 0 0 76px; color: #4b5563; }
  pre { padding: 8px 10px; font-size: 12px; }
  .confusion { font-size: 11px; }
  .confusion th, .confusion td { min-width: 25px; height: 26px; padding: 1px; }
  .pictures { grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 10px; }
  figcaption { font-size: 12px; }
}
"""

    let private escape = Markup.escape

    let private lines = Markup.lines

    let private facts (name: string) (facts: Fact list) =
        lines [
            $"<dl class=\"{name}\">"
            for fact in facts do
                $"<div><dt>{escape fact.Name}</dt><dd>{escape fact.Value}</dd></div>"
            "</dl>"
        ]

    let private table (columns: string list) (rows: string list list) =
        let row tag cells =
            let cells =
                cells
                |> List.map (fun cell -> $"<{tag}>{escape cell}</{tag}>")
                |> String.concat ""

            $"<tr>{cells}</tr>"

        lines [
            "<div class=\"scroll\"><table class=\"rows\">"
            row "th" columns
            yield! List.map (row "td") rows
            "</table></div>"
        ]

    let private records (columns: string list) (rows: string list list) =
        let row cells =
            let cells =
                List.map2
                    (fun column cell -> $"<td data-column=\"{escape column}\">{escape cell}</td>")
                    columns
                    cells
                |> String.concat ""

            $"<tr>{cells}</tr>"

        let names =
            columns |> List.map (fun name -> $"<th>{escape name}</th>") |> String.concat ""

        lines [ "<table class=\"records\">"; $"<tr>{names}</tr>"; yield! List.map row rows; "</table>" ]

    /// A cell's colour: blue where the class was right, red where it was not, stronger for a larger share of
    /// its row, and always light enough for dark text.
    let private shade isRight (share: float) =
        let colour = if isRight then "37, 99, 235" else "220, 38, 38"
        // Mistakes are few: a square root makes one in a hundred visible.
        let strength = 0.5 * if isRight then share else sqrt share
        let alpha = strength.ToString("0.###", CultureInfo.InvariantCulture)
        $"background: rgba({colour}, {alpha})"

    let private confusion (classes: string list) (counts: int64 list) =
        let size = classes.Length

        if counts.Length <> size * size then
            invalidArg (nameof counts) $"{counts.Length} counts are not a square of {size} classes"

        let cell row total column (count: int64) =
            if count = 0L then
                "<td class=\"none\">0</td>"
            else
                let style = shade (row = column) (float count / float total)
                $"<td style=\"{style}\">{count}</td>"

        let row i (counts: int64 list) =
            let cells = counts |> List.mapi (cell i (List.sum counts)) |> String.concat ""

            let side =
                if i = 0 then
                    $"<th class=\"axis turned\" rowspan=\"{size}\">true class</th>"
                else
                    ""

            $"<tr>{side}<th>{escape classes[i]}</th>{cells}</tr>"

        let names =
            classes |> List.map (fun name -> $"<th>{escape name}</th>") |> String.concat ""

        lines [
            "<div class=\"scroll\"><table class=\"confusion\">"
            $"<tr><td></td><td></td><th class=\"axis\" colspan=\"{size}\">predicted class</th></tr>"
            $"<tr><td></td><td></td>{names}</tr>"
            yield! counts |> List.chunkBySize (max 1 size) |> List.mapi row
            "</table></div>"
        ]

    let private pictures (pictures: Picture list) =
        lines [
            "<div class=\"pictures\">"
            for picture in pictures do
                let caption =
                    picture.Caption
                    |> List.map (fun line -> $"<span>{escape line}</span>")
                    |> String.concat ""

                let image =
                    if picture.Source = "" then
                        ""
                    else
                        $"<img src=\"{escape picture.Source}\" alt=\"{escape picture.Description}\">"

                $"<figure>{image}<figcaption>{caption}</figcaption></figure>"
            "</div>"
        ]

    /// Text on several lines, with what markup gives a meaning to escaped.
    let private code (text: string) =
        let lines = text.Split '\n' |> Array.map escape
        "<pre>" + String.Join("\n", lines) + "</pre>"

    let private block draw (block: Block) =
        match block with
        | Block.Paragraph text -> $"<p>{escape text}</p>"
        | Block.Code text -> code text
        | Block.Highlights values -> facts "highlights" values
        | Block.Facts values -> facts "facts" values
        | Block.Table(columns, rows) -> table columns rows
        | Block.Records(columns, rows) -> records columns rows
        | Block.Figures figures -> lines [ "<div class=\"figures\">"; yield! List.map draw figures; "</div>" ]
        | Block.Confusion(classes, counts) -> confusion classes counts
        | Block.Pictures values -> pictures values

    let private page draw (scripts: string list) (title: string) (sections: Section seq) : string =
        lines [
            "<!DOCTYPE html>"
            "<html lang=\"en\">"
            "<head>"
            "<meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
            $"<title>{escape title}</title>"
            $"<style>{style}</style>"
            "</head>"
            "<body>"
            "<main>"
            $"<h1>{escape title}</h1>"
            for section in sections do
                "<section>"

                if section.Title <> "" then
                    $"<h2>{escape section.Title}</h2>"

                yield! List.map (block draw) section.Blocks
                "</section>"
            "</main>"
            yield! scripts
            "</body>"
            "</html>"
            ""
        ]

    /// The page of some sections. All text is escaped.
    let html (title: string) (sections: Section seq) : string = page Svg.inHtml [] title sections

    /// A figure as SVG, which plotly.js replaces when it is there.
    let private interactiveFigure (figure: Figure) =
        let json = Plotly.jsonOfSubplots figure

        // Zooming into a picture shows no more of it.
        let isPicture i =
            (Subplot.image figure.Subplots[i]).IsSome

        let around i svg =
            if isPicture i then
                svg
            else
                Markup.lines [
                    "<div class=\"plot\">"
                    svg
                    $"<script type=\"application/json\">{json[i]}</script>"
                    "</div>"
                ]

        Svg.inHtmlWith around figure

    /// Hands each figure's JSON to plotly.js, if that was found; the SVG stays otherwise.
    let private starter =
        """<script>
if (window.Plotly) for (const plot of document.querySelectorAll(".plot")) {
  const figure = JSON.parse(plot.querySelector("script").textContent);
  plot.replaceChildren();
  Plotly.newPlot(plot, figure.data, figure.layout, { responsive: true, displaylogo: false });
}
</script>"""

    /// The page of some sections with figures that can be zoomed and asked for their values, if plotly.js is
    /// found; where it is not, the page shows what `html` shows. All text is escaped.
    let interactive (plotly: PlotlyScript) (title: string) (sections: Section seq) : string =
        let script =
            match plotly with
            | PlotlyScript.At address -> $"<script src=\"{escape address}\"></script>"
            // The one sequence that would end the element; in a script's strings `<\/` says the same.
            | PlotlyScript.Inline source ->
                "<script>"
                + source.Replace("</script", "<\\/script", StringComparison.OrdinalIgnoreCase)
                + "</script>"

        page interactiveFigure [ script; starter ] title sections

    /// Writes a page as a file, all of it or nothing. Raises DataException when it cannot be written.
    let write (path: string) (html: string) : unit =
        let bytes = Text.Encoding.UTF8.GetBytes html
        Atomic.write path (fun stream -> stream.Write(ReadOnlySpan bytes))
