using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using FunctionalDL.Core;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Plots and pages from C#: what is drawn where, what goes to plotly.js, and what is refused.</summary>
public class PlotTests
{
    private static readonly double[] Z = [.. Enumerable.Range(-10, 21).Select(i => i / 2.0)];

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static List<XElement> Elements(string svg, string name) =>
        [.. XDocument.Parse(svg).Descendants().Where(e => e.Name.LocalName == name)];

    private static string Attribute(XElement element, string name) => element.Attribute(name)!.Value;

    /// <summary>The heights of a line's points, in values of the vertical axis by its lowest and highest labels.</summary>
    private static List<double> Values(string svg, int line)
    {
        var ticks = Elements(svg, "text")
            .Where(e => e.Attribute("text-anchor")?.Value == "end")
            .Select(e => (Value: Number(e.Value), Place: Number(Attribute(e, "y")) - 4.5))
            .ToList();
        var (low, high) = (ticks.MinBy(t => t.Value), ticks.MaxBy(t => t.Value));

        return
        [
            .. Attribute(Elements(svg, "polyline")[line], "points").Split(' ')
                .Select(pair => Number(pair.Split(',')[1]))
                .Select(y => low.Value + (y - low.Place) / (high.Place - low.Place) * (high.Value - low.Value)),
        ];
    }

    [Test]
    public void SoftmaxAndCrossEntropy_AreDrawnIntoAFile_ByTheirFormulas_row31()
    {
        var z = Tensor.From(Z);
        var logits = Tensor.Stack([z, Tensor.ZerosLike(z)], 1);
        var softmax = logits.Softmax(1).ToArray<double>().Where((_, i) => i % 2 == 0);
        var loss = Losses.CrossEntropy(logits, Tensor.Zeros([Z.Length], DType.Int64), Reduction.None).ToArray<double>();
        var path = Path.Combine(House.Temporary(), "curves.svg");

        new Plot("Two classes", "z", PlotAxis.FromZero("value"))
            .Line("softmax", Z, softmax)
            .Line("cross entropy", Z, loss)
            .WriteSvg(path);

        var svg = File.ReadAllText(path);
        Assert.That(Values(svg, 0), Is.EqualTo(Z.Select(x => 1 / (1 + Math.Exp(-x)))).Within(0.001));
        Assert.That(Values(svg, 1), Is.EqualTo(Z.Select(x => Math.Log(1 + Math.Exp(-x)))).Within(0.001));
        Assert.That(Elements(svg, "text").Select(e => e.Value), Does.Contain("softmax").And.Contain("cross entropy").And.Contain("z"));
    }

    [Test]
    public void EveryKindOfTrace_ReachesPlotly_WithItsValues()
    {
        var plot = new Plot("all", PlotAxis.Log("x"), PlotAxis.Between(-1, 8, "y"))
            .Points("p", [1, 10], [3, 4.5])
            .Line("l", [1, 10], [0.5, double.NaN], marks: true)
            .Histogram("h", [1, 2, 3], 0, 4, 2)
            .Heatmap("m", [1, 2], [1], [[5, 7]], signed: true)
            .Annotate(10, 4.5, "here");
        using var document = JsonDocument.Parse(plot.ToJson());
        var (data, layout) = (document.RootElement.GetProperty("data"), document.RootElement.GetProperty("layout"));

        Assert.That(
            data.EnumerateArray().Select(trace => trace.GetProperty("type").GetString()),
            Is.EqualTo(new[] { "scatter", "scatter", "histogram", "heatmap" }));
        Assert.That(data[0].GetProperty("y").EnumerateArray().Select(y => y.GetDouble()), Is.EqualTo(new[] { 3, 4.5 }));
        Assert.That(data[1].GetProperty("mode").GetString(), Is.EqualTo("lines+markers"));
        Assert.That(data[1].GetProperty("y")[1].ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(data[2].GetProperty("xbins").GetProperty("size").GetDouble(), Is.EqualTo(2));
        Assert.That(data[3].GetProperty("zmin").GetDouble(), Is.EqualTo(-7));
        Assert.That(layout.GetProperty("xaxis").GetProperty("type").GetString(), Is.EqualTo("log"));
        Assert.That(layout.GetProperty("yaxis").GetProperty("range").EnumerateArray().Select(y => y.GetDouble()), Is.EqualTo(new[] { -1, 8 }));
        Assert.That(layout.GetProperty("annotations")[0].GetProperty("x").GetDouble(), Is.EqualTo(1), "places on it are exponents");
    }

    [Test]
    public void Bars_AndGrids_KeepTheirValues()
    {
        var bars = new Plot("bars").Bars("b", ["u", "v"], [1, 2]);
        using var document = JsonDocument.Parse(Plot.Grid("both", 2, bars, bars).ToJson());
        var data = document.RootElement.GetProperty("data");

        Assert.That(data.GetArrayLength(), Is.EqualTo(2));
        Assert.That(data[1].GetProperty("x")[1].GetString(), Is.EqualTo("v"));
        Assert.That(data[1].GetProperty("y")[1].GetDouble(), Is.EqualTo(2));
        Assert.That(data[1].GetProperty("xaxis").GetString(), Is.EqualTo("x2"));
    }

    [Test]
    public void APlot_IsAValue_ThatMethodsDoNotChange()
    {
        var empty = new Plot("title");
        var before = empty.ToSvg();
        var one = empty.Line("a", [0, 1], [0, 1]);

        Assert.That(empty.ToSvg(), Is.EqualTo(before));
        Assert.That(Elements(one.ToSvg(), "polyline"), Has.Count.EqualTo(1));
        Assert.That(Elements(one.Line("b", [0, 1], [1, 0]).ToSvg(), "polyline"), Has.Count.EqualTo(2));
    }

    [Test]
    public void Pictures_AreRefused_UnlessTheyAreBytesOfOneOrThreeChannels()
    {
        Assert.That(new Plot("grey").Image(Tensor.Zeros([2, 3], DType.UInt8)).ToJson(), Does.Contain("data:image/png;base64,"));
        Assert.That(new Plot("rgb").Image(Tensor.Zeros([3, 2, 2], DType.UInt8)).ToJson(), Does.Contain("data:image/png;base64,"));
        Assert.That(
            () => new Plot("float").Image(Tensor.Zeros([2, 3])),
            Throws.TypeOf<ShapeException>().With.Message.Contains("uint8").And.Message.Contains("Float32"));
        Assert.That(() => new Plot("line").Line("l", [1, 2], [1]), Throws.ArgumentException.With.Message.Contains("2 values of x and 1 of y"));
    }

    [Test]
    public void APage_HoldsItsSections_AndNeedsNothingElse()
    {
        var page = new HtmlPage("A & B")
            .Section("First")
            .Text("x < y")
            .Table(["name", "value"], [["a", "1"]])
            .Section("Second")
            .Plots(new Plot("p").Line("l", [0, 1], [2, 3]));
        var html = page.ToHtml();

        Assert.That(html, Does.Contain("<h1>A &amp; B</h1>").And.Contain("<p>x &lt; y</p>").And.Contain("<td data-column=\"value\">1</td>"));
        Assert.That(html.IndexOf("<h2>Second</h2>", StringComparison.Ordinal), Is.LessThan(html.IndexOf("<svg", StringComparison.Ordinal)));
        Assert.That(html, Does.Not.Contain("<script"));
        Assert.That(page.ToHtml("const plotly = 1;"), Does.Contain("<script>const plotly = 1;</script>").And.Contain("\"y\":[2,3]"));
        Assert.That(() => page.Table(["a"], [["1", "2"]]), Throws.ArgumentException.With.Message.Contains("2 texts"));
    }
}
