using FunctionalDL.Core;
using FunctionalDL.Fitting;

namespace FunctionalDL;

/// <content>Fitting.</content>
public partial class Learner
{
    /// <summary>
    /// Trains for some epochs and prints a line for each. The optimiser's memory is kept from one fit to the
    /// next; only the rate is replaced. The module has the new parameters after each epoch; when a step fails,
    /// those of the last step that succeeded; when the fit is cancelled, those of the epoch with the least
    /// validation loss, or of the last step when no epoch was finished.
    /// </summary>
    /// <param name="epochs">How often each item is trained on, at least 1.</param>
    /// <param name="lr">The learning rate, or one for each layer group.</param>
    /// <param name="callbacks">What takes part in this fit, after those of the learner.</param>
    /// <param name="cancellationToken">Ends the fit after the step under way.</param>
    /// <returns>The epochs that were finished.</returns>
    /// <exception cref="OptionException">An option is out of range.</exception>
    /// <exception cref="CallbackException">A callback failed.</exception>
    /// <exception cref="InvalidOperationException">
    /// There is nothing to train, or nothing to train on.
    /// </exception>
    public IReadOnlyList<EpochResult> Fit(
        int epochs,
        LearningRates lr,
        IReadOnlyList<Callback>? callbacks = null,
        CancellationToken cancellationToken = default) =>
        FitWith(epochs, lr.For(_groups.All().Count), callbacks ?? [], cancellationToken);

    /// <summary>
    /// Trains with fastai's one cycle: the rate goes up from <c>maxLr / divFactor</c> to <c>maxLr</c> and down to
    /// <c>maxLr / finalDiv</c> along cosines, the momentum (Adam's first beta) down and up again. An optimiser
    /// without momentum has the cycle of the rate alone.
    /// </summary>
    /// <param name="epochs">How often each item is trained on, at least 1.</param>
    /// <param name="maxLr">The highest learning rate, or one for each layer group.</param>
    /// <param name="moms">The momentum at the lowest rate and at the highest; 0.95 and 0.85 when not given.</param>
    /// <param name="divFactor">What the first rate is divided by.</param>
    /// <param name="finalDiv">What the last rate is divided by; 10,000 times <paramref name="divFactor"/> when not given.</param>
    /// <param name="pctStart">The part of all steps in which the rate grows, in (0, 1).</param>
    /// <param name="callbacks">What takes part in this fit, after those of the learner.</param>
    /// <param name="cancellationToken">Ends the fit after the step under way.</param>
    /// <returns>The epochs that were finished.</returns>
    /// <exception cref="OptionException">An option is out of range.</exception>
    /// <exception cref="CallbackException">A callback failed.</exception>
    public IReadOnlyList<EpochResult> FitOneCycle(
        int epochs,
        LearningRates maxLr,
        (double High, double Low)? moms = null,
        double divFactor = 25,
        double? finalDiv = null,
        double pctStart = 0.3,
        IReadOnlyList<Callback>? callbacks = null,
        CancellationToken cancellationToken = default)
    {
        var rates = maxLr.For(_groups.All().Count);
        var (high, low) = moms ?? (0.95, 0.85);
        var steps = Math.Max(2, epochs * Data.Train.Count);
        var cycle = rates.Select(rate => ScheduleModule.oneCycleOver(
            steps, new OneCycleOptions(rate, divFactor, finalDiv ?? divFactor * 1e4, pctStart, Tuple.Create(high, low)))).ToList();
        var schedules = new List<(string, IReadOnlyList<Func<double, double>>)>
        {
            ("lr", [.. cycle.Select(c => (Func<double, double>)c.Item1.Invoke)]),
        };

        if (Run(Current(), rates[^1]).MomentumName is { } name)
        {
            schedules.Add((name, [cycle[^1].Item2.Invoke]));
        }

        return FitWith(epochs, rates, [new ParameterScheduler(schedules), .. callbacks ?? []], cancellationToken);
    }

    /// <summary>
    /// fastai's way to go on from a model that was trained for something else: the last layer group alone for
    /// <paramref name="freezeEpochs"/>, then all groups with lower rates for the first ones; one cycle each.
    /// </summary>
    /// <param name="epochs">How many epochs all groups are trained for.</param>
    /// <param name="baseLr">The rate of the first part; the last group then has half of it.</param>
    /// <param name="freezeEpochs">How many epochs the last group is trained for alone.</param>
    /// <param name="lrMult">What the first group's rate is divided by.</param>
    /// <param name="callbacks">What takes part in both parts, after those of the learner.</param>
    /// <param name="cancellationToken">Ends the fit after the step under way.</param>
    /// <returns>The epochs of both parts that were finished.</returns>
    /// <exception cref="OptionException">An option is out of range, or there is only one layer group.</exception>
    public IReadOnlyList<EpochResult> FineTune(
        int epochs,
        double baseLr = 2e-3,
        int freezeEpochs = 1,
        double lrMult = 100,
        IReadOnlyList<Callback>? callbacks = null,
        CancellationToken cancellationToken = default)
    {
        Freeze();
        var frozen = FitOneCycle(
            freezeEpochs, LearningRates.Slice(baseLr), pctStart: 0.99, callbacks: callbacks, cancellationToken: cancellationToken);
        Unfreeze();

        return cancellationToken.IsCancellationRequested
            ? frozen
            :
            [
                .. frozen,
                .. FitOneCycle(
                    epochs,
                    LearningRates.Slice(baseLr / 2 / lrMult, baseLr / 2),
                    divFactor: 5,
                    callbacks: callbacks,
                    cancellationToken: cancellationToken),
            ];
    }

    /// <summary>
    /// Trains until a time is over, or until the validation loss has not become better for some epochs, whichever
    /// comes first. The module then has the parameters of the best epoch.
    /// </summary>
    /// <param name="lr">The learning rate, or one for each layer group.</param>
    /// <param name="time">After which the fit ends with the step under way; no limit when not given.</param>
    /// <param name="patience">How many epochs may pass without a better one; no limit when not given.</param>
    /// <param name="maxEpochs">The most epochs there will be.</param>
    /// <param name="callbacks">What takes part in this fit, after those of the learner.</param>
    /// <param name="cancellationToken">Ends the fit after the step under way.</param>
    /// <returns>The epochs that were finished.</returns>
    /// <exception cref="OptionException">An option is out of range, or there is neither a time nor a patience.</exception>
    public IReadOnlyList<EpochResult> FitUntil(
        LearningRates lr,
        TimeSpan? time = null,
        int? patience = null,
        int maxEpochs = 1000,
        IReadOnlyList<Callback>? callbacks = null,
        CancellationToken cancellationToken = default)
    {
        if (time is null && patience is null)
        {
            throw new OptionException("FitUntil: give a time, a patience, or both");
        }

        List<Callback> ends = [new BestInMemory(always: true)];

        if (time is { } limit)
        {
            ends.Add(new TimeLimit(limit));
        }

        if (patience is { } epochs)
        {
            ends.Add(new EarlyStopping(patience: epochs));
        }

        return Fit(maxEpochs, lr, [.. callbacks ?? [], .. ends], cancellationToken);
    }

    /// <summary>
    /// Finds out which learning rates suit: trains with rates that grow from batch to batch, and gives the losses.
    /// It works on a copy: parameters, optimiser, orders and recorder are as before, to the bit.
    /// </summary>
    /// <param name="startLr">The first rate.</param>
    /// <param name="endLr">The rate that is approached.</param>
    /// <param name="numIt">How many batches there are at most.</param>
    /// <param name="stopDiv">Whether it ends when the smoothed loss is four times the best, or not a number.</param>
    /// <returns>The curve and what it suggests.</returns>
    /// <exception cref="OptionException">An option is out of range.</exception>
    public LearningRateCurve LearningRateFinder(
        double startLr = 1e-7, double endLr = 10, int numIt = 100, bool stopDiv = true)
    {
        var search = new RateSearcher(startLr, endLr, numIt, stopDiv);
        var epochs = (numIt + Math.Max(1, Data.Train.Count) - 1) / Math.Max(1, Data.Train.Count);
        RequireBatches(epochs);
        var compiled = Current();
        var (variables, recorder) = (compiled.Module.Read(), Recorder);
        Recorder = new Recorder();

        try
        {
            var rates = Enumerable.Repeat(startLr, _groups.All().Count).ToList();
            var order = new Generator(KeyModule.child("learning rate finder", _key));
            IEnumerable<Batch> Batches(int epoch, int first) =>
                Data.Train.Pass(Data.Train.IsRandom ? order.At(epoch) : null, first);

            var plan = new FitPlan(epochs, rates, Batches) { Validates = false };
            new FitLoop(this, compiled, NewRun(compiled, startLr), [.. _callbacks, search], plan, null, default).Run();
            var curve = new LearningRateCurve(search.Rates, Recorder.SmoothLosses, Recorder.Losses);
            Say("LR Finder is complete: Plot shows the curve.");
            return curve;
        }
        finally
        {
            compiled.Module.Write(variables);
            Recorder = recorder;
        }
    }

    /// <summary>Trains the last layer group alone: <c>FreezeTo(-1)</c>.</summary>
    /// <exception cref="OptionException">There is only one layer group.</exception>
    public void Freeze()
    {
        if (_groups.All().Count < 2)
        {
            throw new OptionException("freeze: there is one layer group; give the learner a splitter that makes several");
        }

        FreezeTo(-1);
    }

    /// <summary>
    /// Trains the layer groups from one on: those before it keep their parameters, except in batch norms. The
    /// next fit begins with a new optimiser.
    /// </summary>
    /// <param name="first">The first group that is trained; negative numbers count from the end.</param>
    /// <exception cref="OptionException">There is no such group.</exception>
    public void FreezeTo(int first) => _groups.FreezeTo(first);

    /// <summary>Trains all layer groups: <c>FreezeTo(0)</c>.</summary>
    public void Unfreeze() => FreezeTo(0);

    private IReadOnlyList<EpochResult> FitWith(
        int epochs, IReadOnlyList<double> rates, IReadOnlyList<Callback> callbacks, CancellationToken cancel)
    {
        RequireBatches(epochs);
        var compiled = Current();
        var run = Run(compiled, rates[^1]);
        var (first, resumed) = Begin(epochs);
        var orders = _orders - first.Epoch;

        var plan = new FitPlan(epochs, rates, (epoch, batch) => Batches(orders + epoch, batch))
        {
            FirstEpoch = first.Epoch,
            FirstBatch = first.Batch,
            Resumed = resumed,
            Reached = (epoch, batch) => (_position, _orders) = ((epoch, batch), orders + epoch),
        };

        IEnumerable<Callback> all = [.. _callbacks, .. callbacks];
        all = cancel.CanBeCanceled ? all.Append(new BestInMemory(always: false)) : all;
        var loop = _loop = new FitLoop(this, compiled, run, all, plan, _display, cancel);
        var done = loop.Run();

        if (!loop.WasCancelled)
        {
            // What a cancelled fit leaves behind can be saved and resumed; one that is over cannot.
            EndPosition();
            _loop = null;
        }

        return done;
    }

    private void RequireBatches(int epochs)
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
    }

    /// <summary>
    /// Where a fit begins: where the state that was resumed was, and with what it remembered; otherwise at the start.
    /// </summary>
    private ((int Epoch, int Batch) First, FitState? Resumed) Begin(int epochs)
    {
        if (_resumed is null)
        {
            EndPosition();
        }
        else if (_position.Epoch >= epochs)
        {
            throw new OptionException(
                $"epochs: the fit that was resumed has finished {_position.Epoch} of its epochs; {epochs} leaves none");
        }

        var resumed = _resumed;
        _resumed = null;
        return (_position, resumed);
    }

    /// <summary>Gives up an epoch under way: its order is used up.</summary>
    private void EndPosition()
    {
        _orders += _position.Batch > 0 ? 1 : 0;
        _position = (0, 0);
    }

    /// <summary>The training batches in the order with this number, from the one with this number on.</summary>
    private IEnumerable<Batch> Batches(int order, int first) =>
        Data.Train.Pass(Data.Train.OrderAt(order, new Generator(KeyModule.child("order", _key))), first);
}
