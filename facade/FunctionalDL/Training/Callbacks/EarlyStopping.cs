namespace FunctionalDL;

/// <summary>
/// Ends the fit when a figure has not become better for more than <c>patience</c> epochs, as fastai: with
/// patience 3 and nothing better after epoch 0, in epoch 4.
/// </summary>
/// <param name="monitor">The column that is followed.</param>
/// <param name="mode">Which of two values is better.</param>
/// <param name="minDelta">By how much a value must be better than the best to count.</param>
/// <param name="patience">How many epochs without a better value are borne.</param>
public sealed class EarlyStopping(
    string monitor = "valid_loss", MonitorMode mode = MonitorMode.Auto, double minDelta = 0, int patience = 0)
    : Monitor(monitor, mode, minDelta)
{
    /// <inheritdoc/>
    protected override Decision NotImproved(FitContext fit)
    {
        if (Waited <= patience)
        {
            return Decision.Continue;
        }

        fit.Say($"Epoch {fit.Epoch}: early stopping");
        return Decision.StopFit;
    }
}
