namespace FunctionalDL;

/// <summary>The core's means over batches, in C#'s types.</summary>
internal static class Reports
{
    public static Evaluation Of(IEnumerable<(int Items, Core.Metrics Metrics)> measured, IEnumerable<string> metrics)
    {
        var report = Core.Train.report(measured.Select(m => Tuple.Create(m.Items, m.Metrics)));
        var means = new OrderedDictionary<string, double>();

        foreach (var name in metrics)
        {
            // Without a batch there is nothing to average.
            means.Add(name, report.Metrics.TryGetValue(name, out var mean) ? mean : double.NaN);
        }

        return new Evaluation(report.Items == 0 ? double.NaN : report.Loss, means, report.Items);
    }
}
