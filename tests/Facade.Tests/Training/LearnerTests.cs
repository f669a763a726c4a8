using NUnit.Framework;

namespace FunctionalDL.Tests;

public class LearnerTests
{
    private static readonly TensorDataset Train = Blobs(90, 1);
    private static readonly TensorDataset Valid = Blobs(31, 2);

    /// <summary>Three clouds of points, one for each class.</summary>
    private static TensorDataset Blobs(int count, long seed)
    {
        var label = Enumerable.Range(0, count).Select(i => (long)(i % 3)).ToArray();
        var centre = Tensor.From(new float[,] { { 2, 0 }, { -2, 1 }, { 0, -2 } });
        var x = centre.IndexSelect(0, Tensor.From(label)) + 0.4 * Tensor.Randn([count, 2], new Generator(seed));
        return new TensorDataset(x, Tensor.From(label));
    }

    private static Sequential Net() => new(new Linear(2, 8), new ReLU(), new Linear(8, 3));

    private static Learner Make(
        Module? model = null, long? seed = 1, int? threads = null, bool compile = true, TextWriter? output = null) =>
        new(
            new DataLoaders(Train, Valid, 8),
            model ?? Net(),
            Losses.CrossEntropy,
            metrics: [Metrics.Accuracy],
            seed: seed,
            device: Device.Cpu(threads),
            compile: compile,
            output: output,
            silent: output is null);

    private static long[] Bits(Module module) => [.. module.Parameters().SelectMany(p => Check.Bits(p))];

    [Test]
    public void Fit_LearnsThreeClouds()
    {
        var learn = Make();
        var before = learn.Validate();
        var epochs = learn.Fit(5, 0.1);

        Assert.That(before.Loss, Is.GreaterThan(0.6));
        Assert.That(epochs, Has.Count.EqualTo(5));
        Assert.That(epochs[^1].Valid.Loss, Is.LessThan(0.1));
        Assert.That(epochs[^1].Valid.Metrics["accuracy"], Is.GreaterThan(0.96));
        Assert.That(epochs[^1].TrainLoss, Is.LessThan(epochs[0].TrainLoss));
        Assert.That(epochs[^1].Valid.Items, Is.EqualTo(31));
        Assert.That(learn.Recorder.Losses, Has.Count.EqualTo(5 * 12));
        Assert.That(learn.Recorder.Epochs, Is.EqualTo(epochs));
    }

    [Test]
    public void Fit_GivesTheSameBits_FromTheSameSeed()
    {
        (long[] Bits, double[] Losses) Run(long? seed, int threads)
        {
            var learn = Make(seed: seed, threads: threads);
            learn.Fit(3, 0.1);
            return (Bits(learn.Model), [.. learn.Recorder.Losses]);
        }

        var first = Run(1, 1);
        Assert.That(Run(1, 1), Is.EqualTo(first));
        Assert.That(Run(1, 2), Is.EqualTo(first), "threads");
        Assert.That(Run(2, 1), Is.Not.EqualTo(first));
        Assert.That(Run(null, 1), Is.Not.EqualTo(Run(null, 1)));
    }

    [Test]
    public void Fit_GivesTheSameBits_Compiled_Uncompiled_AndByHand()
    {
        Module Fitted(bool compile)
        {
            var learn = Make(compile: compile);
            learn.Fit(2, 0.1);
            return learn.Model;
        }

        Assert.That(Bits(Fitted(compile: false)), Is.EqualTo(Bits(Fitted(compile: true))));

        var ordered = new DataLoader(Train, 8);
        var hand = Net();
        hand.Initialize(4);
        var opt = new SGD(hand.Parameters(), 0.1, momentum: 0.9);

        for (var epoch = 0; epoch < 2; epoch++)
        {
            foreach (var (x, y) in ordered)
            {
                var loss = Losses.CrossEntropy(hand.Call(x), y);
                loss.Backward();
                opt.Step();
                opt.ZeroGrad();
            }
        }

        var fitted = Net();
        fitted.Initialize(4);
        new Learner(
            new DataLoaders(ordered, ordered), fitted, Losses.CrossEntropy, (ps, lr) => new SGD(ps, lr, momentum: 0.9), silent: true)
            .Fit(2, 0.1);
        Assert.That(Bits(fitted), Is.EqualTo(Bits(hand)));
    }

    [Test]
    public void Seed_DrawsOnlyValuesThatNobodyChose()
    {
        var chosen = new Sequential(new Linear(2, 8, generator: new Generator(9)), new ReLU(), new Linear(8, 3));
        var set = ((Linear)chosen[2]).Bias!;
        set.Value = Tensor.From([1f, 2f, 3f]);
        var before = Check.Bits(((Linear)chosen[0]).Weight);
        var weight = Check.Bits(((Linear)chosen[2]).Weight);

        Make(chosen);

        Assert.That(Check.Bits(((Linear)chosen[0]).Weight), Is.EqualTo(before));
        Check.Values(set, 1, 2, 3);
        Assert.That(Check.Bits(((Linear)chosen[2]).Weight), Is.Not.EqualTo(weight));
    }

    /// <summary>Checklist row 85.</summary>
    [Test]
    public void Fit_PrintsFastaisTable_WhenTheOutputIsNoTerminal()
    {
        var output = new StringWriter();
        Make(output: output).Fit(2, 0.1);
        var lines = output.ToString().TrimEnd().Split(Environment.NewLine);
        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(lines[0], Is.EqualTo("epoch     train_loss  valid_loss  accuracy  time"));
        Assert.That(lines[1], Does.Match(@"^0         \d\.\d{6}    \d\.\d{6}    \d\.\d{6}  \d\d:\d\d$"));
        Assert.That(lines[2], Does.StartWith("1         "));
    }

    [Test]
    public void Validate_WeighsBatchesByTheirSize_Row54_Row85()
    {
        var learn = Make();
        var whole = new DataLoader(Valid, Valid.Count);
        var (a, b) = (learn.Validate(), learn.Validate(whole));
        Assert.That(learn.Data.Valid.Count, Is.EqualTo(2), "16 and 15");
        Assert.That(a.Loss, Is.EqualTo(b.Loss).Within(1e-6));
        Assert.That(a.Metrics["accuracy"], Is.EqualTo(b.Metrics["accuracy"]));

        using (Autograd.NoGrad())
        {
            var (x, y) = Valid[..];
            Assert.That(b.Loss, Is.EqualTo(Losses.CrossEntropy(learn.Model.Call(x), y).Item()).Within(1e-6));
            Assert.That(b.Metrics["accuracy"], Is.EqualTo(Metrics.Accuracy(learn.Model.Call(x), y).Item()).Within(1e-6));
        }
    }

    [Test]
    public void OwnMetric_IsWeightedToo_AndNamesItsColumn()
    {
        static Tensor ErrorRate(Tensor output, Tensor target) => 1 - Metrics.Accuracy(output, target);
        var learn = new Learner(
            new DataLoaders(Train, Valid, 8), Net(), Losses.CrossEntropy, metrics: [Metrics.Accuracy, ErrorRate], seed: 1, silent: true);
        var found = learn.Validate().Metrics;
        Assert.That(found.Keys, Is.EqualTo(new[] { "accuracy", "error_rate" }));
        Assert.That(found["error_rate"], Is.EqualTo(1 - found["accuracy"]).Within(1e-6));
    }

    /// <summary>softmax([0, ln 2, ln 5]) is [1/8, 2/8, 5/8]; exp of the logarithms of these is the same.</summary>
    [Test]
    public void Predict_GivesProbabilities_ForLossesAsModulesToo_Row89()
    {
        double[] expected = [0.125, 0.25, 0.625];
        var data = new DataLoaders(Train, Valid, 8);
        var scores = Tensor.From(new[,] { { 0, Math.Log(2), Math.Log(5) } });
        var inputs = new Sample([scores[0]], []);
        var crossEntropy = new Learner(data, new Identity(), new CrossEntropyLoss(labelSmoothing: 0.1));
        var nll = new Learner(data, new Identity(), new NLLLoss());

        Check.Close(crossEntropy.Predict(scores), 1e-12, expected);
        Check.Close(nll.Predict(Tensor.From(new[,] { { Math.Log(0.125), Math.Log(0.25), Math.Log(0.625) } })), 1e-12, expected);
        Assert.That(crossEntropy.Predict(inputs).Index, Is.EqualTo(2), "a class, as with Losses.CrossEntropy");
        Check.Close(new Learner(data, new Identity(), new MSELoss()).Predict(scores), 1e-12, scores.ToArray<double>());

        var path = Path.Combine(House.Temporary(), "scores.safetensors");
        crossEntropy.Export(path);
        Check.Close(Learner.Import(path).Predict(scores), 1e-12, expected);
    }

    [Test]
    public void Predict_GivesProbabilities_AndGetPredictionsAllOfThem()
    {
        var learn = Make();
        learn.Fit(3, 0.1);
        var (predictions, targets) = learn.GetPredictions();
        Assert.That(predictions.Shape.ToArray(), Is.EqualTo(new[] { 31, 3 }));
        Check.Close(predictions.Sum(1), 1e-6, [.. Enumerable.Repeat(1.0, 31)]);
        Check.Same(targets, Valid.Targets[0]);
        Assert.That(Metrics.Accuracy(predictions, targets).Item(), Is.GreaterThan(0.96));
        Check.Close(learn.Predict(Valid.Inputs[0]), 1e-6, predictions.ToArray<double>());
        Assert.That(learn.Predict(Valid.Inputs[0]).RequiresGrad, Is.False);
    }

    [Test]
    public void Predict_IsRight_OnEightThreadsAtOnce()
    {
        var learn = Make();
        var expected = Check.Bits(learn.Predict(Valid.Inputs[0]));
        var wrong = 0;
        var threads = Enumerable.Range(0, 8).Select(i => new Thread(() =>
        {
            for (var n = 0; n < 20; n++)
            {
                if (!Check.Bits(learn.Predict(Valid.Inputs[0])).SequenceEqual(expected))
                {
                    Interlocked.Increment(ref wrong);
                }

                if (i == 0)
                {
                    GC.Collect();
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        Assert.That(wrong, Is.Zero);
    }

    [Test]
    public void SaveAndLoad_GiveTheSamePredictions()
    {
        var path = Path.Combine(House.Temporary(), "model.safetensors");
        var learn = Make();
        learn.Fit(1, 0.1);
        learn.Save(path);
        var other = Make(seed: 5).Load(path);
        Check.Same(other.Predict(Valid.Inputs[0]), learn.Predict(Valid.Inputs[0]));

        learn.Fit(1, 0.1);
        Assert.That(Check.Bits(other.Predict(Valid.Inputs[0])), Is.Not.EqualTo(Check.Bits(learn.Predict(Valid.Inputs[0]))));
    }

    [Test]
    public void Fit_GoesOn_FromValuesWrittenInBetween()
    {
        var model = new Sequential(new Linear(2, 3));
        var learn = Make(model);
        learn.Fit(1, 0.1);
        var bias = ((Linear)model[0]).Bias!;
        bias.Value = Tensor.From([100f, 0f, 0f]);
        learn.Fit(1, 0.0);
        Check.Values(bias, 100, 0, 0);
        learn.Fit(1, 0.1);
        Assert.That(bias.Value.ToArray<double>()[0], Is.LessThan(100).And.GreaterThan(90));
    }

    [Test]
    public void FrozenParameters_StayAsTheyAre()
    {
        var model = Net();
        var frozen = ((Linear)model[0]).Weight;
        frozen.RequiresGrad = false;
        var learn = Make(model);
        var (before, moving) = (Check.Bits(frozen), Check.Bits(((Linear)model[2]).Weight));
        learn.Fit(1, 0.1);
        Assert.That(Check.Bits(frozen), Is.EqualTo(before));
        Assert.That(Check.Bits(((Linear)model[2]).Weight), Is.Not.EqualTo(moving));

        frozen.RequiresGrad = true;
        learn.Fit(1, 0.1);
        Assert.That(Check.Bits(frozen), Is.Not.EqualTo(before));
    }

    private sealed class Watching : Module
    {
        private readonly Linear _fc = new(2, 3);

        public ModuleBuffer Steps { get; } = new(Tensor.Zeros([], DType.Int64));

        public override Tensor Forward(Tensor input)
        {
            if (Training)
            {
                Steps.Value += 1;
            }

            return _fc.Call(input);
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Buffers_AreCountedByTrainingStepsAlone(bool compile)
    {
        var model = new Watching();
        var learn = Make(model, compile: compile);
        learn.Fit(2, 0.1);
        Check.Values(model.Steps, 24);
        learn.Validate();
        learn.Predict(Valid.Inputs[0]);
        Check.Values(model.Steps, 24);
        Assert.That(model.Training, Is.False, "as after the last validation");
    }

    [Test]
    public void FailedStep_WritesNothing_AndKeepsThoseBefore()
    {
        // The second batch has a class that does not exist.
        var bad = new TensorDataset(Tensor.Ones([4, 2]), Tensor.From([0L, 1L, 2L, 9L]));

        long[] After(TensorDataset data, bool fails)
        {
            var model = new Watching();
            model.Initialize(1);
            var learn = new Learner(
                new DataLoaders(new DataLoader(data, 2), new DataLoader(Valid)), model, Losses.CrossEntropy, silent: true);
            Assert.That(() => learn.Fit(1, 0.1), fails ? Throws.TypeOf<Core.ValueException>().With.Message.Contains("9") : Throws.Nothing);
            Check.Values(model.Steps, 1);
            Assert.That(learn.Recorder.Losses, Has.Count.EqualTo(1));
            return Bits(model);
        }

        var first = new TensorDataset(bad.Inputs[0][..2], bad.Targets[0][..2]);
        Assert.That(After(bad, fails: true), Is.EqualTo(After(first, fails: false)));
    }

    [Test]
    public void Fit_EndsWhenCancelled_AndKeepsWhatWasLearned()
    {
        using var stop = new CancellationTokenSource();
        var steps = 0;
        var model = Net();
        model.Initialize(1);
        var before = Bits(model);
        var learn = new Learner(
            new DataLoaders(Train, Valid, 8),
            model,
            (output, target) =>
            {
                if (++steps == 3)
                {
                    stop.Cancel();
                }

                return Losses.CrossEntropy(output, target);
            },
            compile: false,
            silent: true);
        Assert.That(learn.Fit(5, 0.1, cancellationToken: stop.Token), Is.Empty);
        Assert.That(learn.Recorder.Losses, Has.Count.EqualTo(3));
        Assert.That(Bits(model), Is.Not.EqualTo(before));
    }

    [Test]
    public void Forward_IsTracedOnce_ForEachSizeOfBatch()
    {
        var calls = 0;
        var learn = new Learner(
            new DataLoaders(Train, Valid, 8),
            Net(),
            (output, target) =>
            {
                calls++;
                return Losses.CrossEntropy(output, target);
            },
            silent: true);
        learn.Fit(3, 0.1);
        Assert.That(calls, Is.EqualTo(4), "8 and 2 to train on, 16 and 15 to judge by");
    }

    private sealed class Two : Module
    {
        private readonly Linear _left = new(2, 3), _right = new(1, 3);

        public override Tensor Forward(params Tensor[] inputs) => _left.Call(inputs[0]) + _right.Call(inputs[1]);
    }

    [Test]
    public void SeveralInputs_AreTrained()
    {
        var data = new TensorDataset([Train.Inputs[0], Tensor.Ones([90, 1])], Train.Targets);
        var learn = new Learner(new DataLoaders(data, data, 8), new Two(), Losses.CrossEntropy, seed: 1, silent: true);
        Assert.That(learn.Fit(3, 0.1)[^1].Valid.Loss, Is.LessThan(0.3));
    }

    [Test]
    public void ParametersOutsideTheModel_AreAnError_NotSilentlyUntrained()
    {
        var temperature = new Parameter(Tensor.Scalar(1));
        var learn = new Learner(
            new DataLoaders(Train, Valid, 8), Net(), (o, t) => Losses.CrossEntropy(o * temperature, t), silent: true);
        Assert.That(() => learn.Fit(1, 0.1), Throws.InvalidOperationException.With.Message.Contains("does not belong"));
    }

    private sealed class Idle : Module
    {
        private readonly Linear _used = new(2, 3), _unused = new(2, 3), _detached = new(2, 3), _frozen = new(2, 3);

        public Idle() => _frozen.Apply(m => m.Parameters().ToList().ForEach(p => p.RequiresGrad = false));

        public override Tensor Forward(Tensor input) => _used.Call(input) + _detached.Call(input).Detach() + _frozen.Call(input);
    }

    private sealed class Plain(IEnumerable<Parameter> parameters, double lr) : Optimizer(parameters, lr)
    {
        public override void Step()
        {
            using (Autograd.NoGrad())
            {
                foreach (var p in Parameters.Where(p => p.Grad is not null))
                {
                    p.Value -= Lr * p.Grad!;
                }
            }
        }
    }

    /// <summary>Compiled or not, by an optimiser of one's own, and where steps are looked into; once in all fits.</summary>
    [Test]
    public void ParametersThatNoGradientReaches_AreNamedOnce([Values] bool compile, [Values] bool isOwn, [Values] bool isHooked)
    {
        string[] expected = ["unused.weight", "unused.bias", "detached.weight", "detached.bias"];
        var output = new StringWriter();
        var model = new Idle();
        var learn = new Learner(
            new DataLoaders(Train, Valid, 8),
            model,
            Losses.CrossEntropy,
            isOwn ? (ps, lr) => new Plain(ps, lr) : null,
            compile: compile,
            output: output);
        using var hook = isHooked ? model.RegisterForwardHook((_, _, _) => { }) : null;
        Assert.That(learn.Unreached, Is.Empty, "nothing was trained yet");
        learn.Fit(2, 0.1);
        learn.Fit(1, 0.1);
        Assert.That(learn.Unreached, Is.EqualTo(expected));
        Assert.That(output.ToString().Split("Warning"), Has.Length.EqualTo(2), "once");
        Assert.That(output.ToString(), Does.Contain(string.Join(", ", expected)));

        var sound = Make(output: output);
        sound.Fit(1, 0.1);
        Assert.That(sound.Unreached, Is.Empty);
        Assert.That(output.ToString().Split("Warning"), Has.Length.EqualTo(2));
    }

    private sealed class Writing : Module
    {
        private readonly Linear _fc = new(2, 3);

        public override Tensor Forward(Tensor input)
        {
            _fc.Bias!.Value = Tensor.Zeros([3]);
            return _fc.Call(input);
        }
    }

    [Test]
    public void ParametersWrittenWhileTraced_AreAnError() =>
        Assert.That(() => Make(new Writing()).Fit(1, 0.1), Throws.InvalidOperationException.With.Message.Contains("traced"));

    private sealed class Looking : Module
    {
        private readonly Linear _fc = new(2, 3);

        public override Tensor Forward(Tensor input) => input.Sum().Item() > 0 ? _fc.Call(input) : _fc.Call(-input);
    }

    [Test]
    public void LookingAtValues_IsAnError_UnlessUncompiled()
    {
        Assert.That(() => Make(new Looking()).Fit(1, 0.1), Throws.TypeOf<Core.TraceException>());
        Assert.That(() => Make(new Looking(), compile: false).Fit(1, 0.1), Throws.Nothing);
    }

    [Test]
    public void Options_AreChecked()
    {
        var learn = Make();
        Assert.That(() => learn.Fit(0, 0.1), Throws.TypeOf<Core.OptionException>().With.Message.Contains("epochs"));
        Assert.That(() => learn.Fit(1, -1), Throws.TypeOf<Core.OptionException>().With.Message.Contains("lr"));
        Assert.That(() => learn.Fit(1, double.NaN), Throws.TypeOf<Core.OptionException>());
        Assert.That(() => Make(new Sequential(new ReLU())).Fit(1, 0.1), Throws.InvalidOperationException.With.Message.Contains("no parameters"));
        Assert.That(() => Device.Cpu(0), Throws.TypeOf<Core.OptionException>().With.Message.Contains("threads"));
        var empty = new Learner(
            new DataLoaders(new DataLoader(Train, 100, dropLast: true), new DataLoader(Valid)), Net(), Losses.CrossEntropy, silent: true);
        Assert.That(() => empty.Fit(1, 0.1), Throws.InvalidOperationException.With.Message.Contains("training loader is empty"));
        Assert.That(
            () => Make(new Sequential(new Linear(5, 3))).Fit(1, 0.1),
            Throws.TypeOf<Core.ShapeException>().With.Message.StartsWith("0: linear: input [8; 2]"));
    }
}
