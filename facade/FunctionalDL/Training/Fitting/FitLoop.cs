using System.Diagnostics;
using FunctionalDL.Interop;

namespace FunctionalDL.Fitting;

/// <summary>
/// A fit, as scopes within scopes: fit, epoch, training or validation, batch. Each has an event before and
/// after it, and a decision that leaves it.
/// </summary>
internal sealed class FitLoop
{
    private readonly Learner _learn;
    private readonly Compiled _compiled;
    private readonly IRun _run;
    private readonly CallbackList _callbacks;
    private readonly FitContext _fit;
    private readonly FitPlan _plan;
    private readonly CancellationToken _cancel;
    private readonly Display? _display;
    private readonly List<EpochResult> _done = [];

    /// <summary>What the batches that the epoch was trained on gave, and those that it was judged by.</summary>
    private List<(int Items, Core.Metrics Metrics)> _trained = [], _judged = [];

    public FitLoop(
        Learner learn,
        Compiled compiled,
        IRun run,
        IEnumerable<Callback> callbacks,
        FitPlan plan,
        Display? display,
        CancellationToken cancel)
    {
        (_learn, _compiled, _run, _plan, _display, _cancel) = (learn, compiled, run, plan, display, cancel);
        _callbacks = new CallbackList(callbacks);
        _fit = new FitContext(learn, run, plan.Epochs, learn.Data.Train.Count)
        {
            Epoch = plan.FirstEpoch,
            Iteration = (plan.FirstEpoch * learn.Data.Train.Count) + plan.FirstBatch,
        };
    }

    /// <summary>Whether it was ended by its token.</summary>
    public bool WasCancelled => _fit.IsCancelled;

    /// <summary>Where it is, to be resumed from there.</summary>
    public FitState State => new(
        _plan.Rates,
        [.. _trained.Select(t => (t.Items, t.Metrics.Loss))],
        _learn.Recorder.Smoothed,
        FitState.Named(_callbacks.All).Select(c => (c.Name, State: c.Callback.StateDict())).Where(c => c.State.Count > 0)
            .ToDictionary(c => c.Name, c => c.State));

    /// <summary>Trains, and gives the epochs that were finished.</summary>
    public IReadOnlyList<EpochResult> Run()
    {
        try
        {
            _learn.Recorder.Begin(_plan.Resumed?.Smoothed);
            _run.Start(_callbacks.All);

            // What callbacks made of the rates is part of the state that a fit of the same rates goes on with.
            if (_plan.Resumed is not { } resumed || !resumed.Rates.SequenceEqual(_plan.Rates))
            {
                _run.SetHyper("lr", _plan.Rates);
            }

            _ = Scope(Decision.StopFit, FitEvent.BeforeFit, Epochs, FitEvent.AfterCancelFit, FitEvent.AfterFit);
            return _done;
        }
        catch (Exception error)
        {
            TellOfFailure(error);
            throw;
        }
    }

    private static Decision Further(Decision a, Decision b) => a > b ? a : b;

    /// <summary>
    /// Something between an event before and one after it. A decision for this scope leaves it, with an event of
    /// its own; one that reaches further is passed on at once.
    /// </summary>
    private Decision Scope(
        Decision own, FitEvent before, Func<Decision> body, FitEvent left, FitEvent after, Action? beforeAfter = null)
    {
        _fit.Open.Add(own);
        var decision = Raise(before);

        if (decision == Decision.Continue)
        {
            decision = body();
        }

        _fit.Open.Remove(own);

        if (decision > own)
        {
            return decision;
        }

        var more = decision == own ? Raise(left) : Decision.Continue;
        beforeAfter?.Invoke();
        return Further(more, Raise(after));
    }

    private Decision Raise(FitEvent at) => _callbacks.Raise(at, _fit);

    /// <summary>Tells the callbacks that the fit is over. What they make of an error never hides it.</summary>
    private void TellOfFailure(Exception error)
    {
        if (_fit.Event == FitEvent.AfterFit)
        {
            return;
        }

        _fit.Error = error;
        _fit.Open.Clear();

        try
        {
            _ = Raise(FitEvent.AfterFit);
        }
        catch (CallbackException)
        {
            // The first error is the one to be told.
        }
    }

    private Decision Epochs()
    {
        Restore();
        _display?.Header(_learn.Columns);

        for (var epoch = _plan.FirstEpoch; epoch < _plan.Epochs; epoch++)
        {
            _fit.Epoch = epoch;

            if (IsCancelled() || Epoch() == Decision.StopFit)
            {
                return Decision.StopFit;
            }
        }

        return Decision.Continue;
    }

    /// <summary>Gives the fit that is resumed, and its callbacks, what they remembered.</summary>
    private void Restore()
    {
        if (_plan.Resumed is not { } resumed)
        {
            return;
        }

        _trained = [.. resumed.Trained.Select(t => (t.Items, new Core.Metrics(t.Loss, Fs.List<Core.Measured>([]))))];
        var callbacks = FitState.Named(_callbacks.All).ToDictionary(c => c.Name, c => c.Callback);

        foreach (var (name, memory) in resumed.Callbacks)
        {
            if (callbacks.TryGetValue(name, out var callback))
            {
                callback.LoadStateDict(memory);
            }
            else if (name != nameof(BestInMemory))
            {
                // That one is the learner's own, for fits that may be cancelled.
                _learn.Say($"Warning: the state that was resumed remembers {name}, which is no callback of this fit.");
            }
        }
    }

    private Decision Epoch()
    {
        var clock = Stopwatch.StartNew();
        var trainLoss = double.NaN;
        Evaluation? valid = null;

        Decision Parts()
        {
            var decision = Scope(
                Decision.StopTraining, FitEvent.BeforeTrain, Train, FitEvent.AfterCancelTrain, FitEvent.AfterTrain);
            trainLoss = Reports.Of(_trained, []).Loss;

            if (decision != Decision.Continue || !_plan.Validates)
            {
                return decision;
            }

            decision = Scope(
                Decision.SkipValidation, FitEvent.BeforeValidate, Validate, FitEvent.AfterCancelValidate, FitEvent.AfterValidate);
            valid = Reports.Of(_judged, _compiled.MetricNames);
            return decision;
        }

        void Ended()
        {
            _trained = [];
            _plan.Reached(_fit.Epoch + 1, 0);
            Add(new EpochResult(_fit.Epoch, trainLoss, valid ?? Reports.Of([], _compiled.MetricNames), clock.Elapsed));
        }

        return Scope(
            Decision.StopEpoch, FitEvent.BeforeEpoch, Parts, FitEvent.AfterCancelEpoch, FitEvent.AfterEpoch, Ended);
    }

    private void Add(EpochResult result)
    {
        _fit.Result = result;
        _done.Add(result);
        _learn.Recorder.Add(result);
        _display?.Row(result);
    }

    /// <summary>The training part of an epoch. Whatever happens, the cells then hold what was learned.</summary>
    private Decision Train()
    {
        _learn.Model.Train();
        _run.Adopt();
        _fit.IsTraining = true;
        var decision = Decision.Continue;

        try
        {
            void Run(Action<Func<double>> afterBatch) => decision = TrainBatches(afterBatch);

            if (_display is null)
            {
                Run(_ => { });
            }
            else
            {
                _display.Epoch($"Epoch {_fit.Epoch + 1}/{_plan.Epochs}", _fit.BatchCount, Run);
            }
        }
        finally
        {
            _run.Commit();
        }

        if (decision <= Decision.StopEpoch)
        {
            _run.EndEpoch();
        }

        return decision;
    }

    private Decision TrainBatches(Action<Func<double>> afterBatch)
    {
        var index = _fit.Epoch == _plan.FirstEpoch ? _plan.FirstBatch : 0;

        foreach (var batch in _plan.Batches(_fit.Epoch, index))
        {
            _fit.Begin(batch, index++);
            var decision = Scope(
                Decision.SkipBatch,
                FitEvent.BeforeBatch,
                Step,
                FitEvent.AfterCancelBatch,
                FitEvent.AfterBatch,
                () => _plan.Reached(_fit.Epoch, _fit.BatchIndex + 1));

            if (_callbacks.SeesModel)
            {
                _run.Adopt();
            }

            _fit.Iteration++;
            afterBatch(() => _learn.Recorder.SmoothLoss);

            if (decision != Decision.Continue)
            {
                return decision;
            }

            // After the last batch the epoch may as well be validated.
            if (index < _fit.BatchCount && IsCancelled())
            {
                return Decision.StopFit;
            }
        }

        return Decision.Continue;
    }

    /// <summary>Whether a callback, or a hook of the model, wants to see what steps compute.</summary>
    private bool LooksInside => _callbacks.LooksInside || _learn.Model.HasHooks;

    private Decision Step()
    {
        if (_callbacks.SeesModel)
        {
            _run.Adopt();
        }

        return LooksInside ? StepInside() : StepWhole();
    }

    private Decision StepWhole()
    {
        var metrics = _run.Step(_fit.Batch);
        _fit.Judged(new Tensor(metrics.Loss));
        Trained(metrics);

        if (_callbacks.SeesModel)
        {
            _run.Commit();
        }

        return Raise(FitEvent.AfterStep);
    }

    /// <summary>A step in parts, with an event after each.</summary>
    private Decision StepInside()
    {
        _fit.Predicted(_run.Forward(_fit.Batch));

        if (Raise(FitEvent.AfterPred) is not Decision.Continue and var afterPred)
        {
            return afterPred;
        }

        _fit.Judged(_compiled.Loss(_fit.Prediction, _fit.Batch));

        if (Further(Raise(FitEvent.AfterLoss), Raise(FitEvent.BeforeBackward)) is not Decision.Continue and var beforeBackward)
        {
            return beforeBackward;
        }

        _learn.Model.ZeroGrad();
        _fit.Loss.Backward();

        if (Further(Raise(FitEvent.AfterBackward), Raise(FitEvent.BeforeStep)) is not Decision.Continue and var beforeStep)
        {
            return beforeStep;
        }

        _run.Update();
        Trained(new Core.Metrics(_fit.Loss.Inner, Fs.List<Core.Measured>([])));
        _run.Commit();
        var decision = Raise(FitEvent.AfterStep);
        _learn.Model.ZeroGrad();
        return decision;
    }

    private void Trained(Core.Metrics metrics)
    {
        _learn.Tell(_run.Unreached);
        _trained.Add((_fit.Batch.Count, metrics));
        _learn.Recorder.Add(metrics.Loss, _run.Hyper("lr")[^1], _run.MomentumName is { } name ? _run.Hyper(name)[^1] : null);
    }

    private Decision Validate()
    {
        _learn.Model.Eval();
        _fit.IsTraining = false;
        _judged = [];
        var variables = _compiled.Module.Read();
        var index = 0;

        foreach (var batch in _learn.Data.Valid)
        {
            _fit.Begin(batch, index++);
            var decision = Scope(
                Decision.SkipBatch,
                FitEvent.BeforeBatch,
                () => LooksInside ? JudgeInside(variables) : JudgeWhole(variables),
                FitEvent.AfterCancelBatch,
                FitEvent.AfterBatch);

            if (decision != Decision.Continue)
            {
                return decision;
            }
        }

        return Decision.Continue;
    }

    private Decision JudgeWhole(Core.Variables variables)
    {
        var metrics = _compiled.Measure(variables, _fit.Batch);
        _fit.Judged(new Tensor(metrics.Loss));
        _judged.Add((_fit.Batch.Count, metrics));
        return Decision.Continue;
    }

    private Decision JudgeInside(Core.Variables variables)
    {
        _fit.Predicted(_compiled.Evaluated(variables, _fit.Batch));

        if (Raise(FitEvent.AfterPred) is not Decision.Continue and var afterPred)
        {
            return afterPred;
        }

        var metrics = _compiled.Judge(_fit.Prediction, _fit.Batch);
        _fit.Judged(new Tensor(metrics.Loss));
        var decision = Raise(FitEvent.AfterLoss);

        if (decision == Decision.Continue)
        {
            _judged.Add((_fit.Batch.Count, new Core.Metrics(_fit.Loss.Inner, metrics.Measured)));
        }

        return decision;
    }

    private bool IsCancelled()
    {
        _fit.IsCancelled |= _cancel.IsCancellationRequested;
        return _fit.IsCancelled;
    }
}
