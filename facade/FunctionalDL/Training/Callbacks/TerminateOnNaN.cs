using FunctionalDL.Core;
using FunctionalDL.Fitting;

namespace FunctionalDL;

/// <summary>
/// Ends the fit when a loss or a parameter is no longer a finite number, and says where that began: the operation,
/// forward or backward, and the layer. The module keeps the parameters from before that batch.
/// </summary>
public sealed class TerminateOnNaN : Callback
{
    private State? _before;

    /// <summary>Where it began, in words; null when all went well.</summary>
    public string? Found { get; private set; }

    internal override bool SeesModel => false;

    /// <inheritdoc/>
    public override Decision BeforeFit(FitContext fit)
    {
        (_before, Found) = (null, null);
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision BeforeBatch(FitContext fit)
    {
        _before = (fit.Run as PureRun)?.State;
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision AfterBatch(FitContext fit)
    {
        if (!fit.IsTraining || IsGood(fit))
        {
            return Decision.Continue;
        }

        fit.Say($"Epoch/Batch ({fit.Epoch}/{fit.BatchIndex}): Invalid loss, terminating training.");

        if (fit.Run is PureRun run && _before is { } before)
        {
            Found = run.WhereItBegan(before, fit.Model, fit.Batch);
            run.State = before;
            run.Commit();
            fit.Say(Found);
        }

        return Decision.StopFit;
    }

    /// <summary>A NaN in a gradient is seen in the parameters that it moved.</summary>
    private static bool IsGood(FitContext fit) =>
        double.IsFinite(fit.Loss.Item()) && (fit.Run is not PureRun run || run.IsFinite);
}
