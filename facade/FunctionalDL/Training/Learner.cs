using System.Diagnostics;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Trains a module, as fastai's learner: <c>new Learner(data, model, Losses.CrossEntropy, metrics:
/// [Metrics.Accuracy])</c>, then <c>Fit</c>. It runs the module's <c>Forward</c> once on symbols, turns it
/// into a pure step, compiles that, and writes the parameters back after each epoch. Equal seeds give equal
/// results, to the bit, whatever the number of threads.
/// </summary>
public sealed class Learner
{
    private readonly Func<Tensor, Tensor, Tensor> _lossFunc;
    private readonly Func<IReadOnlyList<Parameter>, double, Optimizer> _optFunc;
    private readonly IReadOnlyList<Func<Tensor, Tensor, Tensor>> _metrics;
    private readonly Key _key;
    private readonly bool _isSeeded;
    private readonly bool _isCompiled;
    private readonly Display? _display;
    private Compiled? _compiled;
    private IRun? _run;
    private int _epochs;

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
        long? seed = null,
        Device? device = null,
        bool compile = true,
        TextWriter? output = null,
        bool silent = false)
    {
        (Data, Model, _lossFunc) = (data, model, lossFunc);
        _optFunc = optFunc ?? ((parameters, lr) => new SGD(parameters, lr));
        _metrics = metrics ?? [];
        _isSeeded = seed is not null;
        _key = seed is { } number ? KeyModule.ofSeed(number) : KeyModule.unseeded();
        Device = device ?? Device.Cpu();
        _isCompiled = compile;
        _display = silent ? null : Display.For(output);

        if (_isSeeded)
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
    public Recorder Recorder { get; } = new();

    /// <summary>
    /// Trains for some epochs and prints a line for each. The optimiser's memory is kept from one fit to the
    /// next; only the rate is replaced. The module has the new parameters after each epoch; when a step fails
    /// or the fit is cancelled, those of the last step that succeeded.
    /// </summary>
    /// <param name="epochs">How often each item is trained on, at least 1.</param>
    /// <param name="lr">The learning rate.</param>
    /// <param name="cancellationToken">Ends the fit after the step under way.</param>
    /// <returns>The epochs that were finished.</returns>
    /// <exception cref="OptionException">An option is out of range.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is nothing to train, or nothing to train on.
    /// </exception>
    public IReadOnlyList<EpochResult> Fit(int epochs, double lr, CancellationToken cancellationToken = default)
    {
        if (epochs < 1)
        {
            throw new OptionException($"epochs: {epochs} is too few; 1 or more");
        }

        if (Data.Train.Count == 0)
        {
            throw new InvalidOperationException(
                "the training loader is empty: use a smaller batch size "
                + $"(batch size {Data.Train.BatchSize} for {Data.Train.Dataset.Count} items)");
        }

        var run = Start(lr);
        var done = new List<EpochResult>();
        _display?.Header(["epoch", "train_loss", "valid_loss", .. Current().MetricNames, "time"]);

        for (var epoch = 0; epoch < epochs && !cancellationToken.IsCancellationRequested; epoch++)
        {
            var clock = Stopwatch.StartNew();
            var trainLoss = 0.0;
            var name = $"Epoch {epoch + 1}/{epochs}";

            void Train(Action<Func<double>> afterBatch) => trainLoss = TrainEpoch(run, afterBatch, cancellationToken);

            if (_display is null)
            {
                Train(_ => { });
            }
            else
            {
                _display.Epoch(name, Data.Train.Count, Train);
            }

            if (cancellationToken.IsCancellationRequested)
            {
                break;
            }

            var result = new EpochResult(epoch, trainLoss, Validate(), clock.Elapsed);
            done.Add(result);
            Recorder.Add(result);
            _display?.Row(result);
        }

        return done;
    }

    /// <summary>Loss and metrics over batches, in evaluation mode.</summary>
    /// <param name="loader">The batches; the validation part when not given.</param>
    public Evaluation Validate(DataLoader? loader = null)
    {
        Model.Eval();
        var compiled = Current();
        var variables = compiled.Module.Read();
        var measured = (loader ?? Data.Valid).Select(batch => (batch.Count, compiled.Measure(variables, batch)));
        return Reports.Of(measured, compiled.MetricNames);
    }

    /// <summary>
    /// The module's output in evaluation mode, after what turns it into a prediction: softmax for cross
    /// entropy, exp for negative log-likelihood, nothing for other losses. Any number of threads may predict
    /// at once.
    /// </summary>
    /// <param name="inputs">A batch of each input.</param>
    public Tensor Predict(params Tensor[] inputs)
    {
        var compiled = Current();
        return Activated(compiled.Output(compiled.Module.Read(), inputs));
    }

    /// <summary>
    /// Predictions for all batches, as <see cref="Predict"/> gives them, and their targets.
    /// </summary>
    /// <param name="loader">The batches; the validation part when not given.</param>
    public (Tensor Predictions, Tensor Targets) GetPredictions(DataLoader? loader = null) =>
        Over(loader ?? Data.Valid, Activated);

    /// <summary>
    /// Writes the module's parameters and buffers as a safetensors file, all of it or nothing.
    /// </summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="Data.DataException">
    /// The file cannot be written; an older one stays as it was.
    /// </exception>
    public void Save(string path) => Model.Save(path);

    /// <summary>Reads what <see cref="Save"/> wrote into the module.</summary>
    /// <param name="path">The file.</param>
    /// <returns>This learner.</returns>
    /// <exception cref="Data.DataException">
    /// The file is missing or malformed; nothing was changed.
    /// </exception>
    /// <exception cref="StateDictException">It does not fit the module; nothing was changed.</exception>
    public Learner Load(string path)
    {
        Model.Load(path);
        return this;
    }

    /// <summary>The module's outputs for batches, as the loss is given them, and their targets.</summary>
    internal (Tensor Outputs, Tensor Targets) GetOutputs(IEnumerable<Batch> batches) =>
        Over(batches, output => output);

    private (Tensor Outputs, Tensor Targets) Over(IEnumerable<Batch> batches, Func<Tensor, Tensor> after)
    {
        var compiled = Current();
        var variables = compiled.Module.Read();
        var outputs = new List<Tensor>();
        var targets = new List<Tensor>();

        foreach (var batch in batches)
        {
            outputs.Add(after(compiled.Output(variables, batch.Inputs)));
            targets.Add(Batch.Only(batch.Targets, "targets"));
        }

        return (Tensor.Cat(outputs), Tensor.Cat(targets));
    }

    private double TrainEpoch(IRun run, Action<Func<double>> afterBatch, CancellationToken cancellationToken)
    {
        Model.Train();
        var measured = new List<(int Items, Core.Metrics Metrics)>();

        try
        {
            foreach (var batch in Batches())
            {
                var metrics = run.Step(batch);
                measured.Add((batch.Count, metrics));
                afterBatch(() => TensorModule.item(metrics.Loss));

                if (cancellationToken.IsCancellationRequested)
                {
                    break;
                }
            }
        }
        finally
        {
            run.Commit();
            Recorder.Add(measured.Select(m => TensorModule.item(m.Metrics.Loss)));
        }

        return Reports.Of(measured, []).Loss;
    }

    /// <summary>The training batches of the next epoch.</summary>
    private IEnumerable<Batch> Batches()
    {
        var epoch = _epochs++;

        return _isSeeded && Data.Train is { Shuffle: true, IsSeeded: false }
            ? Data.Train.Pass(new Generator(KeyModule.child("order", _key)).At(epoch))
            : Data.Train;
    }

    private IRun Start(double lr)
    {
        if (!double.IsFinite(lr) || lr < 0)
        {
            throw new OptionException($"lr: {lr} is not possible; it is 0 or more");
        }

        var compiled = Current();

        if (_run is null || !_run.Continues(compiled))
        {
            var trained = Model.Parameters().Where(p => p.RequiresGrad).ToList();

            if (trained.Count == 0)
            {
                throw new InvalidOperationException(
                    $"{Model.TypeName} has no parameters to train: does it hold its layers where they are found?");
            }

            var optimizer = _optFunc(trained, lr);

            _run = optimizer.Recipe is { } recipe && _isCompiled
                ? new PureRun(compiled, recipe, _key)
                : new EagerRun(compiled, Model, _lossFunc, optimizer);
        }

        _run.Start(lr);
        return _run;
    }

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

    private Tensor Activated(Tensor output) =>
        _lossFunc == Losses.CrossEntropy ? output.Softmax(-1)
        : _lossFunc == Losses.Nll ? output.Exp()
        : output;
}
