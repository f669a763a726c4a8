using System.Diagnostics;
using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Ends the training of an epoch with the step under way when a time is over; the epoch is validated, and the
/// fit is over.
/// </summary>
public sealed class TimeLimit : Callback
{
    private readonly TimeSpan _time;
    private Stopwatch _clock = new();
    private TimeSpan _before;

    /// <summary>A limit.</summary>
    /// <param name="time">How long a fit may train, above 0.</param>
    /// <exception cref="OptionException">The time is not above 0.</exception>
    public TimeLimit(TimeSpan time) =>
        _time = time > TimeSpan.Zero ? time : throw new OptionException($"time: {time} is not possible; it is above 0");

    internal override bool SeesModel => false;

    /// <inheritdoc/>
    public override Decision BeforeFit(FitContext fit)
    {
        (_clock, _before) = (Stopwatch.StartNew(), TimeSpan.Zero);
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> StateDict() =>
        new Dictionary<string, Tensor> { ["seconds"] = Tensor.Scalar(Elapsed.TotalSeconds, DType.Float64) };

    /// <inheritdoc/>
    public override void LoadStateDict(IReadOnlyDictionary<string, Tensor> state) =>
        _before = TimeSpan.FromSeconds(Saved(state, "seconds").Item());

    /// <inheritdoc/>
    public override Decision AfterBatch(FitContext fit) =>
        fit.IsTraining && Elapsed >= _time ? Decision.StopTraining : Decision.Continue;

    /// <inheritdoc/>
    public override Decision AfterEpoch(FitContext fit) =>
        Elapsed >= _time ? Decision.StopFit : Decision.Continue;

    /// <summary>How long the fit has trained, before it was resumed too.</summary>
    private TimeSpan Elapsed => _before + _clock.Elapsed;
}
