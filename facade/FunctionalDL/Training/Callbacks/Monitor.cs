using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>A callback that follows a figure of the table, and does something when it became better or did not.</summary>
public abstract class Monitor : Callback
{
    private readonly MonitorMode _mode;
    private readonly double _minDelta;

    /// <summary>Follows a figure.</summary>
    /// <param name="monitor">Its column: <c>valid_loss</c>, <c>train_loss</c> or a metric.</param>
    /// <param name="mode">Which of two values is better.</param>
    /// <param name="minDelta">By how much a value must be better than the best to count.</param>
    /// <exception cref="OptionException"><paramref name="minDelta"/> is negative.</exception>
    protected Monitor(string monitor = "valid_loss", MonitorMode mode = MonitorMode.Auto, double minDelta = 0)
    {
        if (!(minDelta >= 0))
        {
            throw new OptionException($"minDelta: {minDelta} is not possible; it is 0 or more");
        }

        (Figure, _mode, _minDelta) = (monitor, mode, minDelta);
    }

    /// <summary>The column that is followed.</summary>
    public string Figure { get; }

    /// <summary>The best value of the fit so far; null before there is one.</summary>
    public double? Best { get; private set; }

    /// <summary>How many epochs have passed since the best one.</summary>
    public int Waited { get; private set; }

    private bool IsSmallerBetter =>
        _mode == MonitorMode.Min || (_mode == MonitorMode.Auto && (Figure.Contains("loss") || Figure.Contains("error")));

    /// <inheritdoc/>
    public override Decision BeforeFit(FitContext fit)
    {
        if (!fit.Learner.Columns.Contains(Figure))
        {
            throw EpochResult.Unknown(Figure, fit.Learner.Columns);
        }

        (Best, Waited) = (null, 0);
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision AfterEpoch(FitContext fit)
    {
        if (fit.Result.Value(Figure) is not { } value)
        {
            return Decision.Continue;
        }

        if (!double.IsNaN(value) && (Best is not { } best || IsBetter(value, best)))
        {
            (Best, Waited) = (value, 0);
            return Improved(fit, value);
        }

        Waited++;
        return NotImproved(fit);
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new Dictionary<string, Tensor> { ["waited"] = Tensor.Scalar(Waited, DType.Int64) };

        if (Best is { } best)
        {
            state["best"] = Tensor.Scalar(best, DType.Float64);
        }

        return state;
    }

    /// <inheritdoc/>
    public override void LoadStateDict(IReadOnlyDictionary<string, Tensor> state) =>
        (Waited, Best) = ((int)Saved(state, "waited").Item(), state.GetValueOrDefault("best")?.Item());

    /// <summary>The figure became better than ever in this fit.</summary>
    /// <param name="fit">Where the fit is.</param>
    /// <param name="value">The figure.</param>
    protected virtual Decision Improved(FitContext fit, double value) => Decision.Continue;

    /// <summary>The figure did not become better; <see cref="Waited"/> counts it.</summary>
    /// <param name="fit">Where the fit is.</param>
    protected virtual Decision NotImproved(FitContext fit) => Decision.Continue;

    /// <summary>Begins to wait anew.</summary>
    protected void ResetWaited() => Waited = 0;

    private bool IsBetter(double value, double best) =>
        IsSmallerBetter ? value < best - _minDelta : value > best + _minDelta;
}
