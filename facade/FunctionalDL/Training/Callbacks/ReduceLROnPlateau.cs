using System.Globalization;

namespace FunctionalDL;

/// <summary>
/// Multiplies the learning rates by a factor when a figure has not become better for more than <c>patience</c>
/// epochs.
/// </summary>
/// <param name="monitor">The column that is followed.</param>
/// <param name="mode">Which of two values is better.</param>
/// <param name="minDelta">By how much a value must be better than the best to count.</param>
/// <param name="patience">How many epochs without a better value are borne.</param>
/// <param name="factor">What rates are multiplied by.</param>
/// <param name="minLr">Rates that are not above this stay.</param>
public sealed class ReduceLROnPlateau(
    string monitor = "valid_loss",
    MonitorMode mode = MonitorMode.Auto,
    double minDelta = 0,
    int patience = 0,
    double factor = 0.2,
    double minLr = 1e-3)
    : Monitor(monitor, mode, minDelta)
{
    /// <inheritdoc/>
    protected override Decision NotImproved(FitContext fit)
    {
        if (Waited > patience && fit.LearningRate > minLr)
        {
            fit.SetHyper("lr", [.. fit.Hyper("lr").Select(rate => rate > minLr ? rate * factor : rate)]);
            fit.Say(string.Create(CultureInfo.InvariantCulture, $"Epoch {fit.Epoch}: reducing lr to {fit.LearningRate}"));
            ResetWaited();
        }

        return Decision.Continue;
    }
}
