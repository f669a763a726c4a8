using FunctionalDL.Fitting;

namespace FunctionalDL;

/// <summary>
/// Where a fit is, for its callbacks: what they may read, and what they may change, each at the events where
/// that has a meaning.
/// </summary>
public sealed class FitContext
{
    private readonly IRun _run;
    private Batch? _batch;
    private Tensor? _prediction;
    private Tensor? _loss;
    private EpochResult? _result;

    internal FitContext(Learner learner, IRun run, int epochs, int batchCount) =>
        (Learner, _run, Epochs, BatchCount) = (learner, run, epochs, batchCount);

    /// <summary>What trains.</summary>
    public Learner Learner { get; }

    /// <summary>What is trained.</summary>
    public Module Model => Learner.Model;

    /// <summary>How many epochs the fit has.</summary>
    public int Epochs { get; }

    /// <summary>The number of the epoch under way within the fit, from 0.</summary>
    public int Epoch { get; internal set; }

    /// <summary>How many batches an epoch trains on.</summary>
    public int BatchCount { get; }

    /// <summary>The number of the batch under way within its part of the epoch, from 0.</summary>
    public int BatchIndex { get; internal set; }

    /// <summary>How many batches the fit has trained on so far; it grows after <see cref="Callback.AfterBatch"/>.</summary>
    public int Iteration { get; internal set; }

    /// <summary>How much of the fit is done: 0 before its first batch, 1 after its last.</summary>
    public double Progress => ((double)Epoch * BatchCount + (IsTraining ? BatchIndex : BatchCount)) / ((double)Epochs * BatchCount);

    /// <summary>Whether this is the training part of an epoch, not its validation.</summary>
    public bool IsTraining { get; internal set; } = true;

    /// <summary>The event under way.</summary>
    public FitEvent Event { get; internal set; }

    /// <summary>The batch under way. Writing replaces it.</summary>
    /// <exception cref="InvalidOperationException">
    /// There is no batch under way; or it is written elsewhere than in <see cref="Callback.BeforeBatch"/>.
    /// </exception>
    public Batch Batch
    {
        get => There(_batch, "batch", FitEvent.BeforeBatch);
        set => _batch = Replacing(value, "batch", FitEvent.BeforeBatch);
    }

    /// <summary>The module's output for the batch. Writing replaces it: the loss is computed from the new one.</summary>
    /// <exception cref="InvalidOperationException">
    /// There is none yet, or none of the callbacks looks inside the step; or it is written elsewhere than in
    /// <see cref="Callback.AfterPred"/>.
    /// </exception>
    public Tensor Prediction
    {
        get => There(_prediction, "prediction", FitEvent.AfterPred);
        set => _prediction = Replacing(value, "prediction", FitEvent.AfterPred);
    }

    /// <summary>The mean loss of the batch. Writing replaces it: gradients are those of the new one.</summary>
    /// <exception cref="InvalidOperationException">
    /// There is none yet; or it is written elsewhere than in <see cref="Callback.AfterLoss"/>.
    /// </exception>
    public Tensor Loss
    {
        get => There(_loss, "loss", FitEvent.AfterLoss);
        set => _loss = Replacing(value, "loss", FitEvent.AfterLoss);
    }

    /// <summary>The smoothed loss of training, as fastai smooths it; NaN before the first batch is over.</summary>
    public double SmoothLoss => Learner.Recorder.SmoothLoss;

    /// <summary>The figures of the epoch that is over.</summary>
    /// <exception cref="InvalidOperationException">No epoch of this fit is over.</exception>
    public EpochResult Result
    {
        get => There(_result, "result", FitEvent.AfterEpoch);
        internal set => _result = value;
    }

    /// <summary>What the fit failed with; null while it goes well.</summary>
    public Exception? Error { get; internal set; }

    /// <summary>The hyper-parameters that the optimiser has, by PyTorch's names: <c>lr</c>, <c>momentum</c>, …</summary>
    public IReadOnlyList<string> HyperNames => _run.HyperNames;

    /// <summary>The learning rate of the last layer group.</summary>
    public double LearningRate => Hyper("lr")[^1];

    /// <summary>The values of a hyper-parameter, one for each layer group.</summary>
    /// <param name="name">Its name, one of <see cref="HyperNames"/>.</param>
    /// <exception cref="Core.OptionException">The optimiser has none of this name.</exception>
    public IReadOnlyList<double> Hyper(string name) => _run.Hyper(name);

    /// <summary>Changes a hyper-parameter from the next step on; nothing is compiled anew.</summary>
    /// <param name="name">Its name, one of <see cref="HyperNames"/>.</param>
    /// <param name="values">One value for all, or one for each layer group.</param>
    /// <exception cref="Core.OptionException">
    /// The optimiser has none of this name, or a value is out of range, or there are neither one nor as many as groups.
    /// </exception>
    public void SetHyper(string name, params IReadOnlyList<double> values) => _run.SetHyper(name, values);

    /// <summary>Prints a line where the learner prints its table; nothing when it is silent.</summary>
    /// <param name="text">The line.</param>
    public void Say(string text) => Learner.Say(text);

    /// <summary>Whether the fit was cancelled from outside.</summary>
    public bool IsCancelled { get; internal set; }

    /// <summary>The run that the fit is part of.</summary>
    internal IRun Run => _run;

    /// <summary>The decisions that have something to end.</summary>
    internal HashSet<Decision> Open { get; } = [];

    /// <summary>The place in words, for messages.</summary>
    internal string Where => Open.Contains(Decision.SkipBatch) || Event == FitEvent.AfterBatch
        ? $" (epoch {Epoch}, {(IsTraining ? "" : "validation ")}batch {BatchIndex})"
        : Open.Contains(Decision.StopEpoch) || Event == FitEvent.AfterEpoch ? $" (epoch {Epoch})" : "";

    /// <summary>A batch begins, and nothing is known of it yet.</summary>
    internal void Begin(Batch batch, int index) => (_batch, BatchIndex, _prediction, _loss) = (batch, index, null, null);

    /// <summary>What the module gave.</summary>
    internal void Predicted(Tensor output) => _prediction = output;

    /// <summary>What the loss function gave.</summary>
    internal void Judged(Tensor loss) => _loss = loss;

    private static T There<T>(T? value, string what, FitEvent from)
        where T : class =>
        value ?? throw new InvalidOperationException(
            $"there is no {what} here: it is there from {from} on"
            + (what == "prediction" ? ", in fits with a callback that overrides that, or LooksInside" : ""));

    private T Replacing<T>(T value, string what, FitEvent at) =>
        Event == at
            ? value
            : throw new InvalidOperationException($"the {what} may be replaced in {at}; this is {Event}");
}
