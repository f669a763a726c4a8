using FunctionalDL.Core;
using FunctionalDL.Fitting;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Trains a module, as fastai's learner: <c>new Learner(data, model, Losses.CrossEntropy, metrics:
/// [Metrics.Accuracy])</c>, then <c>Fit</c>. It runs the module's <c>Forward</c> once on symbols, turns it
/// into a pure step, compiles that, and writes the parameters back after each epoch. Equal seeds give equal
/// results, to the bit, whatever the number of threads.
/// </summary>
public partial class Learner
{
    private readonly Func<Tensor, Tensor, Tensor> _lossFunc;
    private readonly Func<IReadOnlyList<Parameter>, double, Optimizer> _optFunc;
    private readonly IReadOnlyList<Func<Tensor, Tensor, Tensor>> _metrics;
    private readonly IReadOnlyList<Callback> _callbacks;
    private readonly LayerGroups _groups;
    private readonly bool _isCompiled;
    private readonly Display? _display;
    private Key _key;
    private Compiled? _compiled;
    private IRun? _run;

    /// <summary>The parameters that were told to be out of reach.</summary>
    private readonly HashSet<string> _told = [];

    /// <summary>How many orders of the training items have been used up.</summary>
    private int _orders;

    /// <summary>Where the fit under way is; the next one begins there when its state was resumed.</summary>
    private (int Epoch, int Batch) _position;

    /// <summary>What the fit remembered whose state was resumed in its middle, until the next one takes it.</summary>
    private FitState? _resumed;

    /// <summary>The fit under way, or the last one.</summary>
    private FitLoop? _loop;

    /// <summary>A learner for a module and its data.</summary>
    /// <param name="data">Batches to train on and to judge by.</param>
    /// <param name="model">What is trained, in place.</param>
    /// <param name="lossFunc">
    /// Output and target to the batch's mean loss, such as <see cref="Losses.CrossEntropy(Tensor, Tensor)"/>.
    /// </param>
    /// <param name="optFunc">
    /// Makes the optimiser for parameters and a learning rate; <see cref="SGD"/> when not given.
    /// </param>
    /// <param name="metrics">
    /// Output and target to a batch's mean, such as <see cref="Metrics.Accuracy"/>.
    /// </param>
    /// <param name="callbacks">What takes part in all fits.</param>
    /// <param name="splitter">
    /// The parameters of the model in layer groups, from the input to the output, for discriminative rates and
    /// freezing; all parameters in one group when not given.
    /// </param>
    /// <param name="wd">
    /// True weight decay, in place of the optimiser's own: <c>p ← p · (1 - lr · wd)</c> before a step.
    /// </param>
    /// <param name="wdBnBias">Whether biases and the parameters of norms decay too.</param>
    /// <param name="trainBn">Whether the parameters of batch norms are trained in frozen groups.</param>
    /// <param name="seed">
    /// What the run follows from: the orders of loaders without a seed of their own, randomness in layers,
    /// and first values of parameters that were drawn without a generator and not replaced since. When not
    /// given, runs differ.
    /// </param>
    /// <param name="device">What computes; the processor with all its cores when not given.</param>
    /// <param name="compile">
    /// Whether steps are traced and compiled. Without it Forward runs for each batch, so that it may look at
    /// values; the results are the same to the bit. A user's own optimiser always runs that way.
    /// </param>
    /// <param name="output">
    /// Where the table goes; the console, with a progress bar if it is a terminal, when not given.
    /// </param>
    /// <param name="silent">Whether nothing is printed.</param>
    public Learner(
        DataLoaders data,
        Module model,
        Func<Tensor, Tensor, Tensor> lossFunc,
        Func<IReadOnlyList<Parameter>, double, Optimizer>? optFunc = null,
        IReadOnlyList<Func<Tensor, Tensor, Tensor>>? metrics = null,
        IReadOnlyList<Callback>? callbacks = null,
        Func<Module, IReadOnlyList<IReadOnlyList<Parameter>>>? splitter = null,
        double? wd = null,
        bool wdBnBias = true,
        bool trainBn = true,
        long? seed = null,
        Device? device = null,
        bool compile = true,
        TextWriter? output = null,
        bool silent = false)
    {
        (Data, Model, _lossFunc) = (data, model, lossFunc);
        _optFunc = optFunc ?? ((parameters, lr) => new SGD(parameters, lr));
        _metrics = metrics ?? [];
        _callbacks = callbacks ?? [];
        _groups = new LayerGroups(model, splitter, wd, wdBnBias, trainBn);
        _key = seed is { } number ? KeyModule.ofSeed(number) : KeyModule.unseeded();
        Device = device ?? Device.Cpu();
        _isCompiled = compile;
        _display = silent ? null : Display.For(output);

        if (seed is not null)
        {
            model.Initialize(KeyModule.child("init", _key), parameter => parameter.IsUnseeded);
        }
    }

    /// <summary>Batches to train on and to judge by.</summary>
    public DataLoaders Data { get; }

    /// <summary>What is trained.</summary>
    public Module Model { get; }

    /// <summary>What computes.</summary>
    public Device Device { get; }

    /// <summary>Losses and epochs so far.</summary>
    public Recorder Recorder { get; private set; } = new();

    /// <summary>
    /// The paths of the parameters that are to be trained and that no gradient reaches, because the loss does not depend on
    /// them; a fit warns of them once. Empty before the first step.
    /// </summary>
    public IReadOnlyList<string> Unreached => _run?.Unreached ?? [];

    /// <summary>The core's functions for the module as it is now.</summary>
    private Compiled Current()
    {
        var module = new PureModule(Model);
        var compiled = _compiled;

        if (compiled is null || !compiled.Module.IsSameAs(module))
        {
            compiled = new Compiled(module, _lossFunc, _metrics, Device, _isCompiled);
            _compiled = compiled;
        }

        return compiled;
    }

    /// <summary>The columns of the table.</summary>
    internal IReadOnlyList<string> Columns => ["epoch", "train_loss", "valid_loss", .. Current().MetricNames, "time"];

    /// <summary>The values that the cells of the module hold now.</summary>
    internal Variables Variables
    {
        get => Current().Module.Read();
        set => Current().Module.Write(value);
    }

    /// <summary>Whether the cells hold these very values.</summary>
    internal bool Holds(Variables variables) => Current().Module.Holds(variables);

    /// <summary>Prints a line.</summary>
    internal void Say(string text) => _display?.Say(text);

    /// <summary>Warns, once, of parameters that no gradient reaches.</summary>
    internal void Tell(IReadOnlyList<string> unreached)
    {
        var news = unreached.Where(_told.Add).ToList();

        if (news.Count > 0)
        {
            Say(
                $"Warning: no gradient reaches {string.Join(", ", news)}: the loss does not depend on them, so that they stay as "
                + "they are. Use them in Forward, or set RequiresGrad to false.");
        }
    }

    /// <summary>A run with a new optimiser.</summary>
    private IRun NewRun(Compiled compiled, double lr)
    {
        var trained = Model.Parameters().Where(p => p.RequiresGrad).ToList();

        if (trained.Count == 0)
        {
            throw new InvalidOperationException(
                $"{Model.TypeName} has no parameters to train: does it hold its layers where they are found?");
        }

        var optimizer = _optFunc(trained, lr);

        return optimizer.Recipe is { } recipe
            ? new PureRun(compiled, _groups.Rule(recipe), _key)
            : new EagerRun(compiled, Model, _lossFunc, optimizer, _key);
    }

    /// <summary>The run that a new fit goes on with.</summary>
    private IRun Run(Compiled compiled, double lr)
    {
        if (_run is null || !_run.Continues(compiled))
        {
            _run = NewRun(compiled, lr);
        }

        return _run;
    }
}
