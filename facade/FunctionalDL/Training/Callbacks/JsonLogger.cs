using System.Text.Json;

namespace FunctionalDL;

/// <summary>
/// Writes a JSON object for each epoch, one a line: its figures by their columns, the time in seconds, and the
/// learning rate. Figures that are missing or not finite are null.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="append">Whether lines are added to a file that is there already; otherwise it is replaced.</param>
public sealed class JsonLogger(string path = "history.jsonl", bool append = false) : LogFile(path, append)
{
    private protected override string? Header(FitContext fit) => null;

    private protected override string Line(FitContext fit)
    {
        var line = new OrderedDictionary<string, object?> { ["epoch"] = fit.Epoch };

        foreach (var column in fit.Learner.Columns.Skip(1).SkipLast(1))
        {
            line[column] = fit.Result.Value(column) is { } value && double.IsFinite(value) ? value : null;
        }

        line["time"] = Math.Round(fit.Result.Time.TotalSeconds, 3);
        line["lr"] = fit.LearningRate;
        return JsonSerializer.Serialize(line);
    }
}
