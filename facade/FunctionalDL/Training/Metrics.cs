using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

using Figure = Func<Tensor, Tensor, Tensor>;

/// <summary>
/// Figures of merit, each a <c>Func&lt;Tensor, Tensor, Tensor&gt;</c> of the network's output and the target
/// that gives the figure of a batch, in the output's type. The <see cref="Learner"/> gives the exact figure of all
/// items, whatever the sizes of their batches. Any other such function is a metric too: its mean over batches is
/// weighted by their items, and its method's name is its column's.
/// </summary>
/// <remarks>
/// Classes are judged by outputs <c>[batch; classes]</c> and targets <c>[batch]</c>, of equal outputs the first
/// counts; numbers by outputs and targets of one shape, axes of size 1 aside. Others are refused with a
/// <see cref="ShapeException"/>.
/// </remarks>
public static class Metrics
{
    /// <summary>The share (0 to 1) of items whose largest output is at the target's class.</summary>
    public static Figure Accuracy { get; } = Of(MetricModule.accuracy);

    /// <summary>The share of the other items: 1 less the accuracy.</summary>
    public static Figure ErrorRate { get; } = Of(MetricModule.errorRate);

    /// <summary>The mean square of the differences.</summary>
    public static Figure Mse { get; } = Of(MetricModule.mse);

    /// <summary>The root of the mean square of the differences, in the targets' unit.</summary>
    public static Figure Rmse { get; } = Of(MetricModule.rmse);

    /// <summary>The mean size of the differences, in the targets' unit.</summary>
    public static Figure Mae { get; } = Of(MetricModule.mae);

    /// <summary>
    /// The root of the mean square of the relative errors of numbers whose natural logarithms the network gives.
    /// </summary>
    public static Figure ExpRmspe { get; } = Of(MetricModule.expRmspe);

    /// <summary>The share of the targets' variance that the outputs explain: 1 at best.</summary>
    public static Figure R2 { get; } = Of(MetricModule.r2);

    /// <summary>
    /// The share of items whose target is among the <paramref name="k"/> classes of the largest outputs.
    /// </summary>
    /// <param name="k">1 to the number of classes.</param>
    public static Figure TopKAccuracy(int k) => Of(MetricModule.topKAccuracy(k));

    /// <summary>Of the items taken for a class, the share that are of it: the mean over the classes.</summary>
    /// <param name="classes">How many classes there are.</param>
    public static Figure Precision(int classes) => Of(MetricModule.precision(Averaging.Macro, classes));

    /// <summary>Of the items of a class, the share that were taken for it: the mean over the classes.</summary>
    /// <param name="classes">How many classes there are.</param>
    public static Figure Recall(int classes) => Of(MetricModule.recall(Averaging.Macro, classes));

    /// <summary>The harmonic mean of a class's precision and recall: the mean over the classes.</summary>
    /// <param name="classes">How many classes there are.</param>
    public static Figure F1(int classes) => Of(MetricModule.f1(Averaging.Macro, classes));

    /// <summary>
    /// The mean of the batches' own figures, each weighing its items: for a root of a mean such as
    /// <see cref="ExpRmspe"/> it is not the figure of all items, but what fastai prints for functions.
    /// </summary>
    /// <param name="metric">Output and target to the figure of a batch.</param>
    public static Figure Averaged(Figure metric) => Of(MetricModule.averaged(ToCore(metric)));

    /// <summary>The core's metric for a function.</summary>
    internal static Metric ToCore(Figure metric) =>
        metric.Target is CoreMetric known ? known.Metric : MeanOfBatches(metric);

    private static Figure Of(Metric metric) => new CoreMetric(metric).OfBatch;

    /// <summary>A function that someone wrote, of which nothing is known but what it gives for a batch.</summary>
    private static Metric MeanOfBatches(Figure metric)
    {
        Core.Tensor Value(Core.Tensor target, Core.Tensor output) =>
            metric(new Tensor(output), new Tensor(target)).Inner;

        return MetricModule.meanOfBatches(NameOf(metric), Fs.Function<Core.Tensor, Core.Tensor, Core.Tensor>(Value));
    }

    /// <summary>
    /// The column's name: <c>TopKAccuracy</c> is <c>top_k_accuracy</c>; a lambda has no name of its own.
    /// </summary>
    private static string NameOf(Figure metric)
    {
        var name = metric.Method.Name;

        // A local function is compiled to <Outer>g__Name|0_0, a lambda to <Outer>b__0_0.
        if (name.IndexOf(">g__", StringComparison.Ordinal) is >= 0 and var at)
        {
            name = name[(at + 4)..].Split('|')[0];
        }

        return name.StartsWith('<') ? "metric" : Discovery.PartNames.Of(name);
    }

    /// <summary>What a delegate of the core's metrics is bound to, by which it is known again.</summary>
    private sealed class CoreMetric(Metric metric)
    {
        public Metric Metric => metric;

        public Tensor OfBatch(Tensor input, Tensor target) =>
            new Tensor(MetricModule.ofBatch(metric, target.Inner, input.Inner)).To(input.DType);
    }
}
