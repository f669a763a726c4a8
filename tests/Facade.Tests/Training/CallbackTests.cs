using NUnit.Framework;

namespace FunctionalDL.Tests;

public class CallbackTests
{
    /// <summary>Two batches to train on, one to judge by.</summary>
    private static DataLoaders TwoBatches() =>
        new(new DataLoader(new Subset(Clouds.Train, ..16), 8), new DataLoader(new Subset(Clouds.Valid, ..8), 8));

    /// <summary>Says at each event what a function decides, and writes the events down.</summary>
    private sealed class Script(Func<FitEvent, FitContext, Decision>? decide = null, int order = 0, List<string>? into = null) : Callback
    {
        public List<string> Seen { get; } = into ?? [];

        public override int Order => order;

        public override Decision BeforeFit(FitContext fit) => At(fit);

        public override Decision BeforeEpoch(FitContext fit) => At(fit);

        public override Decision BeforeTrain(FitContext fit) => At(fit);

        public override Decision BeforeBatch(FitContext fit) => At(fit);

        public override Decision AfterPred(FitContext fit) => At(fit);

        public override Decision AfterLoss(FitContext fit) => At(fit);

        public override Decision BeforeBackward(FitContext fit) => At(fit);

        public override Decision AfterBackward(FitContext fit) => At(fit);

        public override Decision BeforeStep(FitContext fit) => At(fit);

        public override Decision AfterStep(FitContext fit) => At(fit);

        public override Decision AfterCancelBatch(FitContext fit) => At(fit);

        public override Decision AfterBatch(FitContext fit) => At(fit);

        public override Decision AfterCancelTrain(FitContext fit) => At(fit);

        public override Decision AfterTrain(FitContext fit) => At(fit);

        public override Decision BeforeValidate(FitContext fit) => At(fit);

        public override Decision AfterCancelValidate(FitContext fit) => At(fit);

        public override Decision AfterValidate(FitContext fit) => At(fit);

        public override Decision AfterCancelEpoch(FitContext fit) => At(fit);

        public override Decision AfterEpoch(FitContext fit) => At(fit);

        public override Decision AfterCancelFit(FitContext fit) => At(fit);

        public override Decision AfterFit(FitContext fit) => At(fit);

        private Decision At(FitContext fit)
        {
            Seen.Add(order == 0 ? $"{fit.Event}" : $"{fit.Event} {order}");
            return decide?.Invoke(fit.Event, fit) ?? Decision.Continue;
        }
    }

    private const string TrainBatch =
        "BeforeBatch AfterPred AfterLoss BeforeBackward AfterBackward BeforeStep AfterStep AfterBatch";

    private const string ValidBatch = "BeforeBatch AfterPred AfterLoss AfterBatch";

    private static string Trace(Func<FitEvent, FitContext, Decision>? decide = null, int epochs = 1)
    {
        var script = new Script(decide);
        Clouds.Learner(data: TwoBatches()).Fit(epochs, 0.1, [script]);
        return string.Join(' ', script.Seen);
    }

    /// <summary>Checklist row 85: fastai's order.</summary>
    [Test]
    public void Events_OfOneEpoch_ComeInFastaisOrder_Row85() => Assert.That(
        Trace(),
        Is.EqualTo(
            $"BeforeFit BeforeEpoch BeforeTrain {TrainBatch} {TrainBatch} AfterTrain "
            + $"BeforeValidate {ValidBatch} AfterValidate AfterEpoch AfterFit"));

    [Test]
    public void SkipBatch_LeavesTheBatch_AndTrainsOnTheOther_Row88()
    {
        static Decision Decide(FitEvent at, FitContext fit) =>
            at == FitEvent.AfterLoss && fit.IsTraining && fit.BatchIndex == 0 ? Decision.SkipBatch : Decision.Continue;

        Assert.That(
            Trace(Decide),
            Is.EqualTo(
                "BeforeFit BeforeEpoch BeforeTrain BeforeBatch AfterPred AfterLoss BeforeBackward AfterCancelBatch AfterBatch "
                + $"{TrainBatch} AfterTrain BeforeValidate {ValidBatch} AfterValidate AfterEpoch AfterFit"));

        var skipping = Clouds.Learner(data: TwoBatches());
        skipping.Fit(1, 0.1, [new Script(Decide)]);
        Assert.That(skipping.Recorder.Losses, Has.Count.EqualTo(1));

        var second = new DataLoader(new Subset(Clouds.Train, 8..16), 8);
        var alone = Clouds.Learner(data: new DataLoaders(second, second));
        alone.Fit(1, 0.1);
        Assert.That(Clouds.Bits(skipping.Model), Is.EqualTo(Clouds.Bits(alone.Model)));
    }

    [TestCase(FitEvent.AfterBatch, Decision.StopTraining, $"{TrainBatch} AfterCancelTrain AfterTrain BeforeValidate {ValidBatch} AfterValidate AfterEpoch AfterFit")]
    [TestCase(FitEvent.BeforeTrain, Decision.StopTraining, $"AfterCancelTrain AfterTrain BeforeValidate {ValidBatch} AfterValidate AfterEpoch AfterFit")]
    [TestCase(FitEvent.AfterStep, Decision.StopEpoch, "BeforeBatch AfterPred AfterLoss BeforeBackward AfterBackward BeforeStep AfterStep AfterCancelEpoch AfterEpoch AfterFit")]
    [TestCase(FitEvent.AfterBatch, Decision.StopFit, $"{TrainBatch} AfterCancelFit AfterFit")]
    [TestCase(FitEvent.BeforeValidate, Decision.SkipValidation, $"{TrainBatch} {TrainBatch} AfterTrain BeforeValidate AfterCancelValidate AfterValidate AfterEpoch AfterFit")]
    public void Decisions_EndWhatTheyName_Row88(FitEvent when, Decision decision, string rest) => Assert.That(
        Trace((at, fit) => at == when && (fit.IsTraining || at == FitEvent.BeforeValidate) ? decision : Decision.Continue),
        Is.EqualTo($"BeforeFit BeforeEpoch BeforeTrain {rest}"));

    [Test]
    public void Decision_ThatReachesFurthest_Counts()
    {
        var near = new Script((at, fit) => at == FitEvent.AfterBatch && fit.IsTraining ? Decision.StopTraining : Decision.Continue);
        var far = new Script((at, _) => at == FitEvent.AfterBatch ? Decision.StopFit : Decision.Continue, -1);
        Assert.That(Clouds.Learner(data: TwoBatches()).Fit(3, 0.1, [near, far]), Is.Empty);
        Assert.That(near.Seen[^3..], Is.EqualTo(new[] { "AfterBatch", "AfterCancelFit", "AfterFit" }), "both see the event");
    }

    [Test]
    public void Decision_ThatHasNothingToEnd_IsAnError()
    {
        var script = new Script((at, _) => at == FitEvent.AfterEpoch ? Decision.SkipBatch : Decision.Continue);
        Assert.That(
            () => Clouds.Learner(data: TwoBatches()).Fit(1, 0.1, [script]),
            Throws.TypeOf<CallbackException>().With.Message.Contains("Script failed in AfterEpoch (epoch 0)")
                .And.Message.Contains("SkipBatch").And.Message.Contains("Continue, StopFit"));
    }

    [Test]
    public void Callbacks_SeeEventsInTheirOrder_AndThenAsGiven()
    {
        var seen = new List<string>();
        Script Make(int order) => new(null, order, seen);
        Clouds.Learner(callbacks: [Make(5), Make(1)], data: TwoBatches()).Fit(1, 0.1, [Make(3)]);
        Assert.That(seen[..3], Is.EqualTo(new[] { "BeforeFit 1", "BeforeFit 3", "BeforeFit 5" }));
    }

    [Test]
    public void CallbacksOfOneFit_DoNotStay_EvenWhenItFails()
    {
        var learn = Clouds.Learner(data: TwoBatches());
        var script = new Script((at, _) => at == FitEvent.AfterBatch ? throw new InvalidOperationException("no") : Decision.Continue);
        Assert.That(() => learn.Fit(1, 0.1, [script]), Throws.TypeOf<CallbackException>());
        var seen = script.Seen.Count;
        learn.Fit(1, 0.1);
        Assert.That(script.Seen, Has.Count.EqualTo(seen));
    }

    private static readonly FitEvent[] Ordinary = [.. Enum.GetValues<FitEvent>().Where(e => !$"{e}".Contains("Cancel"))];

    /// <summary>A callback may fail anywhere: it is named, and what was saved before still loads.</summary>
    [TestCaseSource(nameof(Ordinary))]
    public void FailingCallback_IsNamed_WithItsEvent_Row88(FitEvent when)
    {
        var learn = Clouds.Learner(data: TwoBatches());
        var path = Path.Combine(House.Temporary(), "model.safetensors");
        learn.Save(path);
        var before = Clouds.Bits(learn.Model);
        var script = new Script((at, _) => at == when ? throw new FormatException("that went wrong") : Decision.Continue);
        var error = Assert.Throws<CallbackException>(() => learn.Fit(1, 0.1, [script]))!;
        Assert.That(error.Message, Does.StartWith($"callback Script failed in {when}").And.EndsWith("that went wrong"));
        Assert.That((error.Callback, error.Event), Is.EqualTo(("Script", when)));
        Assert.That(error.InnerException, Is.TypeOf<FormatException>());
        Assert.That(script.Seen.Count(e => e == "AfterFit"), Is.EqualTo(1), "the fit is over for all callbacks");
        learn.Load(path);
        Assert.That(Clouds.Bits(learn.Model), Is.EqualTo(before));
        Assert.That(learn.Fit(1, 0.1), Has.Count.EqualTo(1), "and it can be trained");
    }

    /// <summary>The events of what was left early are no exception.</summary>
    [TestCase(FitEvent.AfterCancelBatch, FitEvent.BeforeBatch, Decision.SkipBatch)]
    [TestCase(FitEvent.AfterCancelTrain, FitEvent.AfterBatch, Decision.StopTraining)]
    [TestCase(FitEvent.AfterCancelValidate, FitEvent.BeforeValidate, Decision.SkipValidation)]
    [TestCase(FitEvent.AfterCancelEpoch, FitEvent.AfterStep, Decision.StopEpoch)]
    [TestCase(FitEvent.AfterCancelFit, FitEvent.AfterBatch, Decision.StopFit)]
    public void FailingCallback_IsNamed_WhenSomethingWasLeft_Row88(FitEvent when, FitEvent leave, Decision decision)
    {
        var learn = Clouds.Learner(data: TwoBatches());
        var script = new Script((at, _) =>
            at == when ? throw new FormatException("that went wrong") : at == leave ? decision : Decision.Continue);
        var error = Assert.Throws<CallbackException>(() => learn.Fit(1, 0.1, [script]))!;
        Assert.That(error.Message, Does.StartWith($"callback Script failed in {when}").And.EndsWith("that went wrong"));
        Assert.That(script.Seen.Count(e => e == "AfterFit"), Is.EqualTo(1), "the fit is over for all callbacks");
        Assert.That(learn.Fit(1, 0.1), Has.Count.EqualTo(1), "and it can be trained");
    }

    [Test]
    public void AfterFit_IsToldOfAnError_WhichItDoesNotHide()
    {
        Exception? told = null;
        var bad = new TensorDataset(Tensor.Ones([4, 2]), Tensor.From([0L, 1L, 2L, 9L]));
        var learn = Clouds.Learner(data: new DataLoaders(new DataLoader(bad, 2), new DataLoader(Clouds.Valid)));
        var script = new Script((at, fit) =>
        {
            told = fit.Error;
            return at == FitEvent.AfterFit ? throw new InvalidOperationException("another") : Decision.Continue;
        });
        var error = Assert.Throws<Core.ValueException>(() => learn.Fit(1, 0.1, [script]));
        Assert.That(told, Is.SameAs(error));
    }

    /// <summary>Whole steps and steps in parts give the same bits.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void LookingInside_ChangesNoBit(bool compile)
    {
        long[] Fitted(params Callback[] callbacks)
        {
            var learn = Clouds.Learner(optFunc: (ps, lr) => new SGD(ps, lr, momentum: 0.9, weightDecay: 0.01), compile: compile);
            learn.Fit(2, 0.1, callbacks);
            return [.. Clouds.Bits(learn.Model), .. learn.Recorder.Losses.Select(BitConverter.DoubleToInt64Bits)];
        }

        Assert.That(Fitted(new Script()), Is.EqualTo(Fitted()));
    }

    private sealed class Replacing(
        Func<Batch, Batch>? batch = null,
        Func<Tensor, Tensor>? prediction = null,
        Func<FitContext, Tensor>? loss = null,
        Action<IReadOnlyList<Parameter>>? gradients = null) : Callback
    {
        public override Decision BeforeBatch(FitContext fit)
        {
            fit.Batch = batch?.Invoke(fit.Batch) ?? fit.Batch;
            return Decision.Continue;
        }

        public override Decision AfterPred(FitContext fit)
        {
            fit.Prediction = prediction?.Invoke(fit.Prediction) ?? fit.Prediction;
            return Decision.Continue;
        }

        public override Decision AfterLoss(FitContext fit)
        {
            fit.Loss = loss?.Invoke(fit) ?? fit.Loss;
            return Decision.Continue;
        }

        public override Decision BeforeStep(FitContext fit)
        {
            gradients?.Invoke(fit.Model.Parameters());
            return Decision.Continue;
        }
    }

    /// <summary>One step of descent from weight 1 and bias 0 on x = 2, y = 5 with the squared error.</summary>
    private static double[] OneStep(Callback callback)
    {
        var model = new Linear(1, 1);
        model.Weight.Value = Tensor.From(new float[,] { { 1 } });
        model.Bias!.Value = Tensor.From([0f]);
        var data = new DataLoader(new TensorDataset(Tensor.From(new float[,] { { 2 } }), Tensor.From(new float[,] { { 5 } })));
        new Learner(new DataLoaders(data, data), model, Losses.Mse, silent: true).Fit(1, 0.1, [callback]);
        return [model.Weight.Value.Item(), model.Bias.Value.Item()];
    }

    [Test]
    public void WhatCallbacksWrite_IsWhatIsTrainedWith_Row88()
    {
        // w - 0.1 · 2 (w x + b - y) x.
        Assert.That(OneStep(new Replacing()), Is.EqualTo(new[] { 2.2, 0.6 }).Within(1e-6));

        // x = 1: 1 + 0.2 · 4 · 1.
        Assert.That(
            OneStep(new Replacing(batch: b => new Batch(b.Inputs[0] / 2, b.Targets[0]))), Is.EqualTo(new[] { 1.8, 0.8 }).Within(1e-6));

        // The output is doubled: 1 - 0.2 · (4 - 5) · 2 · 2.
        Assert.That(OneStep(new Replacing(prediction: p => p * 2)), Is.EqualTo(new[] { 1.8, 0.4 }).Within(1e-6));

        // 3 w² is added to the loss: 1 - 0.1 · (-12 + 6).
        Assert.That(
            OneStep(new Replacing(loss: fit => fit.Loss + 3 * ((Linear)fit.Model).Weight.Value.Square().Sum())),
            Is.EqualTo(new[] { 1.6, 0.6 }).Within(1e-6));

        // The gradients are replaced.
        Assert.That(
            OneStep(new Replacing(gradients: ps => ps[0].Grad = Tensor.From(new float[,] { { 1 } }))),
            Is.EqualTo(new[] { 0.9, 0.6 }).Within(1e-6));
    }

    [Test]
    public void Writing_WhereItHasNoMeaning_IsAnError()
    {
        string Message(FitEvent when, Action<FitContext> write)
        {
            var script = new Script((at, fit) =>
            {
                if (at == when)
                {
                    write(fit);
                }

                return Decision.Continue;
            });
            return Assert.Throws<CallbackException>(() => Clouds.Learner(data: TwoBatches()).Fit(1, 0.1, [script]))!.Message;
        }

        Assert.That(Message(FitEvent.AfterLoss, fit => fit.Batch = fit.Batch), Does.Contain("batch may be replaced in BeforeBatch"));
        Assert.That(Message(FitEvent.BeforeBatch, fit => _ = fit.Prediction), Does.Contain("prediction").And.Contain("AfterPred"));
        Assert.That(Message(FitEvent.BeforeFit, fit => fit.SetHyper("beta7", 1)), Does.Contain("beta7").And.Contain("lr"));
        Assert.That(Message(FitEvent.BeforeFit, fit => fit.SetHyper("lr", -1)), Does.Contain("lr"));
    }

    private sealed class Clamping : Callback
    {
        public override Decision AfterStep(FitContext fit)
        {
            using (Autograd.NoGrad())
            {
                foreach (var parameter in fit.Model.Parameters())
                {
                    parameter.Value = parameter.Value.Clamp(-0.1, 0.1);
                }
            }

            return Decision.Continue;
        }
    }

    [Test]
    public void ParametersWrittenBetweenBatches_AreTrainedOn()
    {
        var learn = Clouds.Learner();
        learn.Fit(2, 0.5, [new Clamping()]);
        var values = learn.Model.Parameters().SelectMany(p => p.Value.ToArray<double>()).ToList();
        Assert.That(values.Max(Math.Abs), Is.EqualTo(0.1).Within(1e-6));
        Assert.That(learn.Recorder.Losses[^1], Is.GreaterThan(0.5), "so little weight cannot tell the clouds apart");
    }

    [Test]
    public void State_CountsEpochsAndBatches()
    {
        var seen = new List<(int, int, int, double)>();
        var script = new Script((at, fit) =>
        {
            if (at == FitEvent.BeforeBatch && fit.IsTraining)
            {
                seen.Add((fit.Epoch, fit.BatchIndex, fit.Iteration, fit.Progress));
            }

            return Decision.Continue;
        });
        Clouds.Learner(data: TwoBatches()).Fit(2, 0.1, [script]);
        Assert.That(seen, Is.EqualTo(new[] { (0, 0, 0, 0.0), (0, 1, 1, 0.25), (1, 0, 2, 0.5), (1, 1, 3, 0.75) }));
    }
}
