using FunctionalDL.Core;
using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>
/// A picture of numbers: lines, points, bars, histograms, heat maps and pictures over a pair of axes, or several
/// of them in a grid. A value: each method gives a new plot with something more.
/// </summary>
/// <example>
/// <code>
/// new Plot("Loss", PlotAxis.Whole("epoch"), PlotAxis.FromZero("loss"))
///     .Line("training", epochs, training)
///     .Line("validation", epochs, validation)
///     .WriteSvg("loss.svg");
/// </code>
/// </example>
public sealed class Plot
{
    private Plot(Figure inner) => Inner = inner;

    /// <summary>A plot with nothing in it yet.</summary>
    /// <param name="title">What stands above it.</param>
    /// <param name="x">The horizontal axis; one without a name when not given.</param>
    /// <param name="y">The vertical axis; one without a name when not given.</param>
    /// <exception cref="ArgumentException">A logarithmic axis does not begin above 0.</exception>
    public Plot(string title, PlotAxis? x = null, PlotAxis? y = null)
        : this(FigureModule.create(title, (x ?? "").Inner, (y ?? "").Inner, []))
    {
    }

    internal Figure Inner { get; }

    /// <summary>Several plots in a grid, with one legend for all.</summary>
    /// <param name="title">The heading of all.</param>
    /// <param name="columns">How many stand side by side, where there is room.</param>
    /// <param name="plots">The plots, row by row.</param>
    /// <exception cref="ArgumentException">There is no plot, or less than one column.</exception>
    public static Plot Grid(string title, int columns, params IEnumerable<Plot> plots) =>
        new(FigureModule.grid(title, columns, plots.Select(plot => plot.Inner)));

    /// <summary>A line through points; a value that is not finite leaves a gap.</summary>
    /// <param name="name">Its name in the legend; one without a name is not in it.</param>
    /// <param name="x">The points' places on the horizontal axis, in the order of the line.</param>
    /// <param name="y">As many values.</param>
    /// <param name="marks">Whether each point is marked.</param>
    /// <exception cref="ArgumentException">There are not as many values as places, or there are bars already.</exception>
    public Plot Line(string name, IEnumerable<double> x, IEnumerable<double> y, bool marks = false) =>
        With(marks ? TraceModule.lineWithMarks(name, x, y) : TraceModule.line(name, x, y));

    /// <summary>Points.</summary>
    /// <param name="name">Their name in the legend; those without a name are not in it.</param>
    /// <param name="x">The points' places on the horizontal axis.</param>
    /// <param name="y">As many values.</param>
    /// <exception cref="ArgumentException">There are not as many values as places, or there are bars already.</exception>
    public Plot Points(string name, IEnumerable<double> x, IEnumerable<double> y) => With(TraceModule.points(name, x, y));

    /// <summary>A bar for each category, from 0 to its value. Bars of several names stand side by side.</summary>
    /// <param name="name">Their name in the legend; those without a name are not in it.</param>
    /// <param name="categories">The categories, each once.</param>
    /// <param name="heights">As many values.</param>
    /// <exception cref="ArgumentException">
    /// There are not as many values as categories, a category is there twice, or there is something other than bars already.
    /// </exception>
    public Plot Bars(string name, IEnumerable<string> categories, IEnumerable<double> heights) =>
        With(TraceModule.bar(name, categories, heights));

    /// <summary>How many values lie in each of about 40 intervals.</summary>
    /// <param name="name">Its name in the legend; one without a name is not in it.</param>
    /// <param name="values">The values; what is not finite is not counted.</param>
    /// <exception cref="ArgumentException">There are bars already.</exception>
    public Plot Histogram(string name, IEnumerable<double> values) => With(TraceModule.histogram(name, values));

    /// <summary>
    /// How many values lie in each interval of a size: the lower bound belongs to an interval, the upper one to the
    /// next. Values outside are not counted.
    /// </summary>
    /// <param name="name">Its name in the legend; one without a name is not in it.</param>
    /// <param name="values">The values.</param>
    /// <param name="start">Where the first interval begins.</param>
    /// <param name="end">Where the last one ends.</param>
    /// <param name="size">The size of each.</param>
    /// <exception cref="ArgumentException">There are bars already.</exception>
    public Plot Histogram(string name, IEnumerable<double> values, double start, double end, double size) =>
        With(TraceModule.histogramIn(new Bins(start, end, size), name, values));

    /// <summary>A colour for each value of a matrix, from the least to the greatest.</summary>
    /// <param name="name">What the values are.</param>
    /// <param name="x">The centres of the columns, which rise by equal steps.</param>
    /// <param name="y">The centres of the rows, which rise by equal steps; the first is the lowest.</param>
    /// <param name="rows">A value for each column of each row; what is not finite has no colour.</param>
    /// <param name="signed">From blue over white, which is 0, to red.</param>
    /// <exception cref="ArgumentException">
    /// The centres do not rise by equal steps, or there are not as many values; or there are bars already.
    /// </exception>
    public Plot Heatmap(
        string name, IEnumerable<double> x, IEnumerable<double> y, IEnumerable<IEnumerable<double>> rows, bool signed = false) =>
        With(signed ? TraceModule.signedHeatmap(name, x, y, rows) : TraceModule.heatmap(name, x, y, rows));

    /// <summary>A picture; what else is in the plot has its places in its pixels.</summary>
    /// <param name="pixels">
    /// Bytes (<see cref="DType.UInt8"/>): <c>[height, width]</c> for grey, 0 for black, or <c>[3, height, width]</c> for red,
    /// green and blue.
    /// </param>
    /// <exception cref="ShapeException">The tensor is no picture.</exception>
    public Plot Image(Tensor pixels) => (pixels.DType, pixels.Shape) switch
    {
        (DType.UInt8, [var height, var width]) => With(TraceModule.greyImage(width, height, pixels.ToArray<byte>())),
        (DType.UInt8, [3, var height, var width]) =>
            With(TraceModule.rgbImage(width, height, pixels.Permute(1, 2, 0).ToArray<byte>())),
        _ => throw new ShapeException(
            $"image: a picture is uint8 [height, width] or [3, height, width]; this is {pixels.DType} {pixels.Shape}"),
    };

    /// <summary>A few words at a point; in a grid, of the last plot.</summary>
    public Plot Annotate(double x, double y, string text) => new(FigureModule.annotate(x, y, text, Inner));

    /// <summary>The plot as an SVG file's text.</summary>
    public string ToSvg() => Svg.document(Inner);

    /// <summary>
    /// The plot as a JSON object with <c>data</c> and <c>layout</c>, the arguments of plotly.js's <c>Plotly.newPlot</c>.
    /// </summary>
    public string ToJson() => Plotly.json(Inner);

    /// <summary>Writes the plot as an SVG file, all of it or nothing.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void WriteSvg(string path) => Svg.write(path, Inner);

    private Plot With(Trace trace) => new(FigureModule.add(trace, Inner));
}
