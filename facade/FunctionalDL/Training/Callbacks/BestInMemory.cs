namespace FunctionalDL;

/// <summary>
/// Keeps the parameters of the epoch with the least validation loss, and gives them to the module when the fit
/// is over: always, or only when it was left before its end.
/// </summary>
internal sealed class BestInMemory(bool always) : Callback
{
    private double _least = double.PositiveInfinity;
    private int _epoch;
    private Core.Variables? _best;

    public override int Order => 50;

    internal override bool SeesModel => false;

    public override Decision AfterEpoch(FitContext fit)
    {
        if (fit.Result.Value("valid_loss") is { } loss && loss < _least)
        {
            (_least, _epoch, _best) = (loss, fit.Epoch, fit.Learner.Variables);
        }

        return Decision.Continue;
    }

    public override Decision AfterCancelFit(FitContext fit)
    {
        if (!always && fit.IsCancelled)
        {
            Restore(fit);
        }

        return Decision.Continue;
    }

    public override Decision AfterFit(FitContext fit)
    {
        if (always && fit.Error is null)
        {
            Restore(fit);
        }

        return Decision.Continue;
    }

    private void Restore(FitContext fit)
    {
        if (_best is { } best && !fit.Learner.Holds(best))
        {
            fit.Learner.Variables = best;
            fit.Say($"the parameters are those of epoch {_epoch}, the best so far");
        }
    }
}
