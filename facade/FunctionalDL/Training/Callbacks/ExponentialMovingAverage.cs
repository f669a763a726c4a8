using FunctionalDL.Core;
using FunctionalDL.Fitting;

namespace FunctionalDL;

/// <summary>
/// Keeps an exponential mean of the parameters: <c>mean ← decay · mean + (1 - decay) · p</c> after each step. The
/// epochs are judged with the mean, and the module has it when the fit is over; training itself goes on from
/// the parameters. Part of the compiled step.
/// </summary>
/// <param name="decay">How much of the mean stays at each step, such as 0.999.</param>
public sealed class ExponentialMovingAverage(double decay) : Callback
{
    /// <summary>After all that save or keep what was judged.</summary>
    public override int Order => 100;

    internal override bool SeesModel => false;

    /// <inheritdoc/>
    public override Decision BeforeValidate(FitContext fit) => UseMean(fit);

    /// <inheritdoc/>
    public override Decision AfterEpoch(FitContext fit)
    {
        fit.Run.Commit();
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision AfterFit(FitContext fit)
    {
        if (fit.Error is null && !fit.IsCancelled)
        {
            return UseMean(fit);
        }

        fit.Run.Commit();
        return Decision.Continue;
    }

    internal override Optimiser Change(Optimiser optimiser) => OptimiserModule.ema(decay, optimiser);

    private static Decision UseMean(FitContext fit)
    {
        var state = ((PureRun)fit.Run).State;
        fit.Learner.Variables = new Variables(OptimiserModule.average(state.Optimiser), state.Variables.State);
        return Decision.Continue;
    }
}
