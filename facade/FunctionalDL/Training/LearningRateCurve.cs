using FunctionalDL.Core;
using FunctionalDL.Data;
using Microsoft.FSharp.Core;

namespace FunctionalDL;

/// <summary>What <see cref="Learner.LearningRateFinder"/> found: a loss for each rate, and rates that suit.</summary>
public sealed class LearningRateCurve
{
    private readonly RateSuggestions _suggestions;

    internal LearningRateCurve(IReadOnlyList<double> rates, IReadOnlyList<double> smoothLosses, IReadOnlyList<double> losses)
    {
        (Rates, SmoothLosses, Losses) = (rates, smoothLosses, losses);
        _suggestions = RateSearch.suggest(rates.Zip(smoothLosses).Select(point => Tuple.Create(point.First, point.Second)));
    }

    /// <summary>The learning rates, each used for a batch.</summary>
    public IReadOnlyList<double> Rates { get; }

    /// <summary>The smoothed loss after the batch of each rate.</summary>
    public IReadOnlyList<double> SmoothLosses { get; }

    /// <summary>The loss of the batch of each rate, before its step.</summary>
    public IReadOnlyList<double> Losses { get; }

    /// <summary>Where the smoothed loss falls fastest; null when it never falls.</summary>
    public double? Steepest => Given(_suggestions.Steepest);

    /// <summary>A tenth of the rate of the least smoothed loss; null when it only rises.</summary>
    public double? MinimumOverTen => Given(_suggestions.MinimumOverTen);

    /// <summary>
    /// A rate in the middle third of the longest fall of the smoothed loss, fastai's first choice; null when there is no
    /// clear fall.
    /// </summary>
    public double? Valley => Given(_suggestions.Valley);

    /// <summary>The curve, the rates on a logarithmic axis, with the rate of <see cref="Valley"/> where there is one.</summary>
    /// <param name="skipStart">How many points are left out at the start.</param>
    /// <param name="skipEnd">How many points are left out at the end, where the loss has gone.</param>
    public Plot ToPlot(int skipStart = 10, int skipEnd = 5)
    {
        var shown = Rates.Zip(SmoothLosses).Skip(skipStart).Take(Math.Max(0, Rates.Count - skipStart - skipEnd)).ToList();
        var plot = new Plot("Loss by learning rate", PlotAxis.Log("learning rate"), "smoothed loss")
            .Line("loss", shown.Select(p => p.First), shown.Select(p => p.Second));
        var at = shown.FindIndex(p => p.First == Valley);
        return at < 0 ? plot : plot.Annotate(shown[at].First, shown[at].Second, "suggested");
    }

    /// <summary>Draws <see cref="ToPlot"/> as an SVG file.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="skipStart">How many points are left out at the start.</param>
    /// <param name="skipEnd">How many points are left out at the end, where the loss has gone.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void Plot(string path, int skipStart = 10, int skipEnd = 5) => ToPlot(skipStart, skipEnd).WriteSvg(path);

    private static double? Given(FSharpOption<double>? option) => option?.Value;
}
