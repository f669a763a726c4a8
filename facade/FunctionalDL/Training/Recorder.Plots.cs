using FunctionalDL.Data;

namespace FunctionalDL;

/// <content>What was recorded, drawn as SVG files.</content>
public sealed partial class Recorder
{
    /// <summary>
    /// Draws the smoothed loss by batches, and the validation loss where its epoch was over.
    /// </summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="skipStart">How many batches are left out at the start.</param>
    /// <param name="skipEnd">How many batches are left out at the end.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotLosses(string path, int skipStart = 0, int skipEnd = 0)
    {
        var count = Math.Max(0, Losses.Count - skipStart - skipEnd);
        var judged = Epochs.Zip(Batches).Where(e => e.First.Valid.Items > 0 && e.Second >= skipStart && e.Second <= skipStart + count).ToList();

        Write(
            path,
            "Loss",
            AxisModule.named("loss"),
            TraceModule.line("training", Numbers(skipStart + 1, count), SmoothLosses.Skip(skipStart).Take(count)),
            TraceModule.lineWithMarks(
                "validation", judged.Select(e => (double)e.Second), judged.Select(e => e.First.Valid.Loss)));
    }

    /// <summary>Draws the learning rate by batches.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotLearningRates(string path) => Write(
        path,
        "Learning rate",
        AxisModule.fromZero("learning rate"),
        TraceModule.line("learning rate", Numbers(1, LearningRates.Count), LearningRates));

    /// <summary>Draws the momentum by batches, Adam's first beta; a gap where there was none.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotMomenta(string path) => Write(
        path,
        "Momentum",
        AxisModule.named("momentum"),
        TraceModule.line("momentum", Numbers(1, Momenta.Count), Momenta.Select(m => m ?? double.NaN)));

    /// <summary>Draws the metrics of the validation part by batches.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="InvalidOperationException">There are no metrics.</exception>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void PlotMetrics(string path)
    {
        var names = Epochs.SelectMany(e => e.Valid.Metrics.Keys).Distinct().ToList();

        if (names.Count == 0)
        {
            throw new InvalidOperationException("There are no metrics to plot.");
        }

        var at = Batches.Select(count => (double)count).ToList();

        Write(
            path,
            "Metrics",
            AxisModule.named("validation"),
            [.. names.Select(name => TraceModule.lineWithMarks(name, at, Epochs.Select(e => e.Valid.Metrics.GetValueOrDefault(name, double.NaN))))]);
    }

    private static IEnumerable<double> Numbers(int first, int count) => Enumerable.Range(first, count).Select(n => (double)n);

    private static void Write(string path, string title, Axis axis, params Trace[] traces) =>
        Svg.write(path, FigureModule.create(title, AxisModule.whole("batches processed"), axis, traces));
}
