using System.Globalization;

namespace FunctionalDL;

/// <summary>What an epoch gave: a row of the table that <see cref="Learner.Fit"/> prints.</summary>
/// <param name="Epoch">Its number within the fit, from 0.</param>
/// <param name="TrainLoss">
/// The mean loss over the items trained on, each as its batch's parameters were.
/// </param>
/// <param name="Valid">
/// Loss and metrics over the validation part, after the epoch; of 0 items when it was not validated.
/// </param>
/// <param name="Time">How long it took.</param>
public sealed record EpochResult(int Epoch, double TrainLoss, Evaluation Valid, TimeSpan Time)
{
    /// <summary>
    /// A figure by the name of its column: <c>train_loss</c>, <c>valid_loss</c> or a metric; null when the epoch was
    /// not validated.
    /// </summary>
    /// <param name="column">The name.</param>
    /// <exception cref="Core.OptionException">There is no such column.</exception>
    public double? Value(string column) =>
        column == "train_loss" ? TrainLoss
        : column == "valid_loss" ? Judged(Valid.Loss)
        : Valid.Metrics.TryGetValue(column, out var value) ? Judged(value)
        : throw Unknown(column, ["train_loss", "valid_loss", .. Valid.Metrics.Keys]);

    /// <summary>The row as fastai prints it.</summary>
    internal IReadOnlyList<string> Cells() =>
    [
        Epoch.ToString(CultureInfo.InvariantCulture),
        Number(TrainLoss),
        Number(Judged(Valid.Loss)),
        .. Valid.Metrics.Values.Select(value => Number(Judged(value))),
        Time.ToString(Time.TotalHours < 1 ? @"mm\:ss" : @"h\:mm\:ss", CultureInfo.InvariantCulture),
    ];

    internal static Core.OptionException Unknown(string column, IEnumerable<string> known) =>
        new($"{column}: there is no such figure; there is {string.Join(", ", known)}");

    private static string Number(double? value) => value?.ToString("F6", CultureInfo.InvariantCulture) ?? "#na#";

    private double? Judged(double value) => Valid.Items == 0 ? null : value;
}
