using System.Collections.Immutable;
using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Text, tables and plots as one HTML file, which opens without a network and reads well on a narrow screen. A
/// value: each method gives a new page with something more.
/// </summary>
public sealed class HtmlPage
{
    private readonly string _title;
    private readonly ImmutableList<(string Title, ImmutableList<Block> Blocks)> _sections;

    private HtmlPage(string title, ImmutableList<(string Title, ImmutableList<Block> Blocks)> sections) =>
        (_title, _sections) = (title, sections);

    /// <summary>A page with a heading and nothing else yet.</summary>
    public HtmlPage(string title)
        : this(title, [])
    {
    }

    /// <summary>Begins a section; what is added next stands under its heading.</summary>
    public HtmlPage Section(string title) => new(_title, _sections.Add((title, [])));

    /// <summary>Adds a paragraph.</summary>
    public HtmlPage Text(string paragraph) => With(Block.NewParagraph(paragraph));

    /// <summary>Adds formulas or code, line by line as they are.</summary>
    public HtmlPage Code(string lines) => With(Block.NewCode(lines));

    /// <summary>Adds plots side by side, where there is room.</summary>
    public HtmlPage Plots(params IEnumerable<Plot> plots) => With(Block.NewFigures(Fs.List(plots.Select(plot => plot.Inner))));

    /// <summary>Adds a table.</summary>
    /// <param name="columns">The names of the columns.</param>
    /// <param name="rows">A text for each column of each row.</param>
    /// <exception cref="ArgumentException">A row does not have as many texts as there are columns.</exception>
    public HtmlPage Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        var all = rows.ToList();

        if (all.Find(row => row.Count != columns.Count) is { } odd)
        {
            throw new ArgumentException($"table: a row has {odd.Count} texts; there are {columns.Count} columns", nameof(rows));
        }

        return With(Block.NewRecords(Fs.List(columns), Fs.List(all.Select(row => Fs.List(row)))));
    }

    /// <summary>The text of the file.</summary>
    /// <param name="plotly">
    /// The text of <c>plotly.min.js</c>, which is not part of this library: it becomes part of the page, and plots can be
    /// zoomed and asked for their values. Plots are SVG without it.
    /// </param>
    public string ToHtml(string? plotly = null)
    {
        var sections = _sections.Select(section => new Section(section.Title, Fs.List(section.Blocks)));
        return plotly is null
            ? Page.html(_title, sections)
            : Page.interactive(PlotlyScript.NewInline(plotly), _title, sections);
    }

    /// <summary>Writes the page, all of it or nothing.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="plotly">The text of <c>plotly.min.js</c>, for plots that can be zoomed.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void Write(string path, string? plotly = null) => Page.write(path, ToHtml(plotly));

    private HtmlPage With(Block block)
    {
        var sections = _sections.IsEmpty ? [("", [])] : _sections;
        var (title, blocks) = sections[^1];
        return new(_title, sections.SetItem(sections.Count - 1, (title, blocks.Add(block))));
    }
}
