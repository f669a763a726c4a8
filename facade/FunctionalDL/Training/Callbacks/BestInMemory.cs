using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Keeps the parameters of the epoch with the least validation loss, and gives them to the module when the fit
/// is over: always, or only when it was left before its end.
/// </summary>
internal sealed class BestInMemory(bool always) : Callback
{
    private double _least = double.PositiveInfinity;
    private int _epoch;
    private Variables? _best;

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

    public override IReadOnlyDictionary<string, Tensor> StateDict()
    {
        if (_best is null)
        {
            return base.StateDict();
        }

        IEnumerable<(string Name, Tensor Value)> Of(string part, Tree<Core.Tensor> tree) =>
            Fs.Leaves(tree).Select(leaf => (part + leaf.Path, new Tensor(leaf.Value)));

        return Of(ParametersPart, _best.Parameters)
            .Concat(Of(StatePart, _best.State))
            .Append(("least", Tensor.Scalar(_least, DType.Float64)))
            .Append(("epoch", Tensor.Scalar(_epoch, DType.Int64)))
            .ToDictionary(x => x.Item1, x => x.Item2);
    }

    public override void LoadStateDict(IReadOnlyDictionary<string, Tensor> state)
    {
        Tree<Core.Tensor> Part(string part) => Fs.TreeOf(
            state.Where(s => s.Key.StartsWith(part, StringComparison.Ordinal)).Select(s => (s.Key[part.Length..], s.Value.Inner)));

        (_least, _epoch) = (Saved(state, "least").Item(), (int)Saved(state, "epoch").Item());
        _best = new Variables(Part(ParametersPart), Part(StatePart));
    }

    private const string ParametersPart = "parameters.";
    private const string StatePart = "state.";

    private void Restore(FitContext fit)
    {
        if (_best is { } best && !fit.Learner.Holds(best))
        {
            fit.Learner.Variables = best;
            fit.Say($"the parameters are those of epoch {_epoch}, the best so far");
        }
    }
}
