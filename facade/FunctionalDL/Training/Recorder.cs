using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>What a <see cref="Learner"/> has seen so far, over all its fits.</summary>
public sealed partial class Recorder
{
    private const int MostPending = 256;
    private const double Beta = 0.98;

    private readonly List<Core.Tensor> _pending = [];
    private readonly List<double> _losses = [];
    private readonly List<double> _smoothLosses = [];
    private readonly List<double> _rates = [];
    private readonly List<double?> _momenta = [];
    private readonly List<EpochResult> _epochs = [];
    private readonly List<int> _batches = [];
    private Smoothed _smoothed = SmoothedModule.start(Beta);

    internal Recorder()
    {
    }

    /// <summary>The loss of every batch that was trained on, before its step.</summary>
    public IReadOnlyList<double> Losses => Read(_losses);

    /// <summary>
    /// The same losses as fastai smooths them: an exponential mean with beta 0.98, without the bias towards its
    /// start; each fit begins anew.
    /// </summary>
    public IReadOnlyList<double> SmoothLosses => Read(_smoothLosses);

    /// <summary>The smoothed loss after the last batch; NaN before the first.</summary>
    public double SmoothLoss => SmoothLosses.Count == 0 ? double.NaN : _smoothLosses[^1];

    /// <summary>The learning rate of every batch, that of the last layer group.</summary>
    public IReadOnlyList<double> LearningRates => _rates;

    /// <summary>The momentum of every batch, Adam's first beta; null where the optimiser has none.</summary>
    public IReadOnlyList<double?> Momenta => _momenta;

    /// <summary>Every epoch that was finished.</summary>
    public IReadOnlyList<EpochResult> Epochs => _epochs;

    /// <summary>How many batches had been trained on when each of <see cref="Epochs"/> was over.</summary>
    public IReadOnlyList<int> Batches => _batches;

    /// <summary>The smoothing after the last batch.</summary>
    internal Smoothed Smoothed
    {
        get
        {
            Read();
            return _smoothed;
        }
    }

    /// <summary>A fit begins, with the smoothing of the one that it resumes.</summary>
    internal void Begin(Smoothed? resumed)
    {
        Read();
        _smoothed = resumed ?? SmoothedModule.start(Beta);
    }

    internal void Add(Core.Tensor loss, double rate, double? momentum)
    {
        _pending.Add(loss);
        _rates.Add(rate);
        _momenta.Add(momentum);

        if (_pending.Count >= MostPending)
        {
            Read();
        }
    }

    internal void Add(EpochResult epoch)
    {
        _epochs.Add(epoch);
        _batches.Add(_rates.Count);
    }

    private List<double> Read(List<double> values)
    {
        Read();
        return values;
    }

    /// <summary>Losses are looked at when somebody asks, or when many lie about.</summary>
    private void Read()
    {
        foreach (var loss in _pending.Select(TensorModule.item))
        {
            _smoothed = SmoothedModule.add(loss, _smoothed);
            _losses.Add(loss);
            _smoothLosses.Add(_smoothed.Value);
        }

        _pending.Clear();
    }
}
