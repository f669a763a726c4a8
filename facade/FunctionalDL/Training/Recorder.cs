namespace FunctionalDL;

/// <summary>What a <see cref="Learner"/> has seen so far, over all its fits.</summary>
public sealed class Recorder
{
    private readonly List<double> _losses = [];
    private readonly List<EpochResult> _epochs = [];

    internal Recorder()
    {
    }

    /// <summary>The loss of every batch that was trained on, before its step.</summary>
    public IReadOnlyList<double> Losses => _losses;

    /// <summary>Every epoch that was finished.</summary>
    public IReadOnlyList<EpochResult> Epochs => _epochs;

    internal void Add(IEnumerable<double> losses) => _losses.AddRange(losses);

    internal void Add(EpochResult epoch) => _epochs.Add(epoch);
}
