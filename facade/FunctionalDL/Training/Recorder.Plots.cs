using FunctionalDL.Data;

namespace FunctionalDL;

/// <content>What was recorded, as plots and as SVG files.</content>
public sealed partial class Recorder
{
    /// <summary>The smoothed loss by batches, and the validation loss where its epoch was over.</summary>
    /// <param name="skipStart">How many batches are left out at the start.</param>
    /// <param name="skipEnd">How many batches are left out at the end.</param>
    public Plot LossPlot(int skipStart = 0, int skipEnd = 0)
    {
        var count = Math.Max(0, Losses.Count - skipStart - skipEnd);
        var judged = Epochs.Zip(Batches).Where(e => e.First.Valid.Items > 0 && e.Second >= skipStart && e.Second <= skipStart + count).ToList();

        return ByBatches("Loss", "loss")
            .Line("training", Numbers(skipStart + 1, count), SmoothLosses.Skip(skipStart).Take(count))
            .Line("validation", judged.Select(e => (double)e.Second), judged.Select(e => e.First.Valid.Loss), marks: true);
    }

    /// <summary>The learning rate by batches.</summary>
    public Plot LearningRatePlot() => ByBatches("Learning rate", PlotAxis.FromZero("learning rate"))
        .Line("learning rate", Numbers(1, LearningRates.Count), LearningRates);

    /// <summary>The momentum by batches, Adam's first beta; a gap where there was none.</summary>
    public Plot MomentumPlot() => ByBatches("Momentum", "momentum")
        .Line("momentum", Numbers(1, Momenta.Count), Momenta.Select(m => m ?? double.NaN));

    /// <summary>The metrics of the validation part by batches.</summary>
    /// <exception cref="InvalidOperationException">There are no metrics.</exception>
    public Plot MetricPlot()
    {
        var names = Epochs.SelectMany(e => e.Valid.Metrics.Keys).Distinct().ToList();

        if (names.Count == 0)
        {
            throw new InvalidOperationException("There are no metrics to plot.");
        }

        var at = Batches.Select(count => (double)count).ToList();
        return names.Aggregate(ByBatches("Metrics", "validation"), (plot, name) =>
            plot.Line(name, at, Epochs.Select(e => e.Valid.Metrics.GetValueOrDefault(name, double.NaN)), marks: true));
    }

    /// <summary>Draws <see cref="LossPlot"/> as an SVG file.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="skipStart">How many batches are left out at the start.</param>
    /// <param name="skipEnd">How many batches are left out at the end.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotLosses(string path, int skipStart = 0, int skipEnd = 0) => LossPlot(skipStart, skipEnd).WriteSvg(path);

    /// <summary>Draws <see cref="LearningRatePlot"/> as an SVG file.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotLearningRates(string path) => LearningRatePlot().WriteSvg(path);

    /// <summary>Draws <see cref="MomentumPlot"/> as an SVG file.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotMomenta(string path) => MomentumPlot().WriteSvg(path);

    /// <summary>Draws <see cref="MetricPlot"/> as an SVG file.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="InvalidOperationException">There are no metrics.</exception>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotMetrics(string path) => MetricPlot().WriteSvg(path);

    private static IEnumerable<double> Numbers(int first, int count) => Enumerable.Range(first, count).Select(n => (double)n);

    private static Plot ByBatches(string title, PlotAxis y) => new(title, PlotAxis.Whole("batches processed"), y);
}
