using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>Raises the learning rate from batch to batch, and ends the fit when the loss has gone.</summary>
internal sealed class RateSearcher(double first, double last, int count, bool stopsWhenDiverged) : Callback
{
    private readonly List<double> _rates = [];
    private double _best = double.PositiveInfinity;

    public IReadOnlyList<double> Rates => _rates;

    public override int Order => 100;

    internal override bool SeesModel => false;

    public override Decision BeforeFit(FitContext fit)
    {
        _ = RateSearch.rate(first, last, count, 0); // The core's check of the options.
        return Decision.Continue;
    }

    public override Decision BeforeBatch(FitContext fit)
    {
        _rates.Add(RateSearch.rate(first, last, count, fit.Iteration));
        fit.SetHyper("lr", _rates[^1]);
        return Decision.Continue;
    }

    public override Decision AfterBatch(FitContext fit)
    {
        var loss = fit.SmoothLoss;

        if (_rates.Count == count || (stopsWhenDiverged && RateSearch.isDiverged(_best, loss)))
        {
            return Decision.StopFit;
        }

        _best = Math.Min(_best, loss);
        return Decision.Continue;
    }
}
