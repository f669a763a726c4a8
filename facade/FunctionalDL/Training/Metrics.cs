using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Figures of merit, each a <c>Func&lt;Tensor, Tensor, Tensor&gt;</c> of the network's output and the target
/// that gives the mean over a batch. Any other such function is a metric too; its method's name is its
/// column's.
/// </summary>
public static class Metrics
{
    /// <summary>
    /// The share (0 to 1, float32) of items whose largest output is at the target's class; the first of equal
    /// ones counts.
    /// </summary>
    /// <param name="input">The network's output: <c>[batch; classes]</c>.</param>
    /// <param name="target">The class of each item: <c>[batch]</c>.</param>
    /// <exception cref="ShapeException">The sizes do not meet.</exception>
    public static Tensor Accuracy(Tensor input, Tensor target) =>
        new Tensor(MetricModule.accuracy.Sum.Invoke(target.Inner).Invoke(input.Inner)) / target.Size;

    /// <summary>
    /// The core's metric for a function: a sum over items, so that means over unequal batches are exact.
    /// </summary>
    internal static Metric ToCore(Func<Tensor, Tensor, Tensor> metric)
    {
        if (metric == Accuracy)
        {
            return MetricModule.accuracy;
        }

        Core.Tensor Sum(Core.Tensor target, Core.Tensor output)
        {
            var mean = metric(new Tensor(output), new Tensor(target));
            return (mean.To(DType.Float64) * output.Shape[0]).Inner;
        }

        return new Metric(NameOf(metric), Fs.Function<Core.Tensor, Core.Tensor, Core.Tensor>(Sum));
    }

    /// <summary>
    /// The column's name: <c>TopKAccuracy</c> is <c>top_k_accuracy</c>; a lambda has no name of its own.
    /// </summary>
    private static string NameOf(Func<Tensor, Tensor, Tensor> metric)
    {
        var name = metric.Method.Name;

        // A local function is compiled to <Outer>g__Name|0_0, a lambda to <Outer>b__0_0.
        if (name.IndexOf(">g__", StringComparison.Ordinal) is >= 0 and var at)
        {
            name = name[(at + 4)..].Split('|')[0];
        }

        return name.StartsWith('<') ? "metric" : Discovery.PartNames.Of(name);
    }
}
