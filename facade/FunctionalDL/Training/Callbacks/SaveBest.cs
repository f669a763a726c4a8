using System.Globalization;

namespace FunctionalDL;

/// <summary>
/// Saves the module whenever a figure became better, and loads the best one when the fit is over, cancelled or
/// not.
/// </summary>
/// <param name="path">The safetensors file; it is replaced in one step, so that an older one survives any failure.</param>
/// <param name="monitor">The column that is followed.</param>
/// <param name="mode">Which of two values is better.</param>
/// <param name="minDelta">By how much a value must be better than the best to count.</param>
/// <param name="everyEpoch">
/// Saves each epoch under a name of its own instead, <c>name_N</c>, and loads nothing.
/// </param>
public sealed class SaveBest(
    string path,
    string monitor = "valid_loss",
    MonitorMode mode = MonitorMode.Auto,
    double minDelta = 0,
    bool everyEpoch = false)
    : Monitor(monitor, mode, minDelta)
{
    /// <inheritdoc/>
    public override Decision AfterEpoch(FitContext fit)
    {
        if (everyEpoch)
        {
            fit.Model.Save(Path.Combine(
                Path.GetDirectoryName(path) ?? "",
                $"{Path.GetFileNameWithoutExtension(path)}_{fit.Epoch}{Path.GetExtension(path)}"));
        }

        return base.AfterEpoch(fit);
    }

    /// <inheritdoc/>
    public override Decision AfterFit(FitContext fit)
    {
        if (!everyEpoch && Best is not null && fit.Error is null)
        {
            fit.Model.Load(path);
        }

        return Decision.Continue;
    }

    /// <inheritdoc/>
    protected override Decision Improved(FitContext fit, double value)
    {
        if (!everyEpoch)
        {
            fit.Model.Save(path);
            fit.Say(string.Create(
                CultureInfo.InvariantCulture, $"Better model found at epoch {fit.Epoch} with {Figure} value: {value}."));
        }

        return Decision.Continue;
    }
}
