using System.Text.Json;
using NUnit.Framework;

namespace FunctionalDL.Tests;

public class BuiltInCallbackTests
{
    private static double Square(double x) => x * x;

    private static Tensor SumOfSquares(Tensor p) => p.Square().Sum();

    private static string Temporary(string name) => Path.Combine(House.Temporary(), name);

    /// <summary>Patience 3 with nothing better after epoch 0 ends in epoch 4.</summary>
    [Test]
    public void EarlyStopping_EndsAtEpochPatiencePlusOne_Row88()
    {
        var output = new StringWriter();
        var learn = Clouds.Learner(output: output);
        Assert.That(learn.Fit(20, 0.0, [new EarlyStopping(patience: 3)]), Has.Count.EqualTo(5));
        Assert.That(output.ToString().TrimEnd(), Does.EndWith("Epoch 4: early stopping"));
        Assert.That(learn.Fit(20, 0.0, [new EarlyStopping()]), Has.Count.EqualTo(2), "patience 0");
    }

    [Test]
    public void EarlyStopping_GoesOn_WhileItBecomesBetter()
    {
        var learn = new Single(1, 2).Learner(SumOfSquares);
        Assert.That(learn.Fit(6, 0.1, [new EarlyStopping()]), Has.Count.EqualTo(6));

        // p shrinks by 0.8 an epoch: the loss falls by less than 1 from 5 · 0.64² = 2.048 on.
        Assert.That(new Single(1, 2).Learner(SumOfSquares).Fit(6, 0.1, [new EarlyStopping(minDelta: 1)]), Has.Count.EqualTo(3));
        Assert.That(
            new Single(1, 2).Learner(SumOfSquares).Fit(6, 0.1, [new EarlyStopping(mode: MonitorMode.Max)]), Has.Count.EqualTo(2));
    }

    [Test]
    public void Monitor_OfAnUnknownFigure_IsToldBeforeTraining()
    {
        var learn = Clouds.Learner();
        Assert.That(
            () => learn.Fit(1, 0.1, [new EarlyStopping("acuracy")]),
            Throws.TypeOf<CallbackException>().With.Message.Contains("acuracy").And.Message.Contains("valid_loss, accuracy"));
        Assert.That(learn.Recorder.Losses, Is.Empty);
    }

    [Test]
    public void SaveBest_SavesAndLoadsTheBestEpoch_Row88()
    {
        // p goes 1 → -1.2 → 1.44 → …: the loss only rises.
        var model = new Single(1);
        var path = Temporary("best.safetensors");
        model.Learner(SumOfSquares).Fit(4, 1.1, [new SaveBest(path)]);
        Assert.That(model.Values[0], Is.EqualTo(-1.2).Within(1e-12), "after epoch 0");
        Assert.That(Safetensors.Load(path)["p"].ToArray<double>()[0], Is.EqualTo(-1.2).Within(1e-12));

        var output = new StringWriter();
        Clouds.Learner(output: output).Fit(1, 0.1, [new SaveBest(path)]);
        Assert.That(output.ToString(), Does.Match(@"Better model found at epoch 0 with valid_loss value: 0\.\d+\."));
    }

    [Test]
    public void SaveBest_OfEveryEpoch_KeepsAll()
    {
        var model = new Single(1);
        var path = Temporary("model.safetensors");
        model.Learner(SumOfSquares).Fit(2, 0.1, [new SaveBest(path, everyEpoch: true)]);
        Assert.That(Safetensors.Load(path.Replace(".safe", "_0.safe"))["p"].ToArray<double>()[0], Is.EqualTo(0.8).Within(1e-12));
        Assert.That(Safetensors.Load(path.Replace(".safe", "_1.safe"))["p"].ToArray<double>()[0], Is.EqualTo(0.64).Within(1e-12));
    }

    [Test]
    public void ReduceLROnPlateau_MultipliesTheRate_AfterPatience()
    {
        static Tensor Constant(Tensor output, Tensor target) => 0 * output.Sum() + 3;
        var learn = new Single(1).Learner(SumOfSquares, metrics: [Constant]);
        learn.Fit(8, 0.1, [new ReduceLROnPlateau("constant", patience: 1)]);
        Assert.That(
            learn.Recorder.LearningRates, Is.EqualTo(new[] { 0.1, 0.1, 0.1, 0.02, 0.02, 0.004, 0.004, 0.0008 }).Within(1e-12));
    }

    [Test]
    public void CsvLogger_WritesTheTableThatIsPrinted_Row88()
    {
        var path = Temporary("history.csv");
        var output = new StringWriter();
        var learn = Clouds.Learner(output: output);
        learn.Fit(2, 0.1, [new CsvLogger(path)]);
        static string[] Cells(string text, char[] by) =>
            [.. text.Split('\n').SelectMany(line => line.Split(by, StringSplitOptions.RemoveEmptyEntries)).Select(c => c.Trim()).Where(c => c != "")];
        Assert.That(Cells(File.ReadAllText(path), [',']), Is.EqualTo(Cells(output.ToString(), [' '])));

        learn.Fit(1, 0.1, [new CsvLogger(path, append: true)]);
        Assert.That(File.ReadAllLines(path), Has.Length.EqualTo(4), "one header");
    }

    [Test]
    public void JsonLogger_WritesALineForEachEpoch()
    {
        var path = Temporary("history.jsonl");
        var epochs = Clouds.Learner().Fit(2, 0.1, [new JsonLogger(path)]);
        var lines = File.ReadAllLines(path).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.That(lines.Select(l => l.GetProperty("epoch").GetInt32()), Is.EqualTo(new[] { 0, 1 }));
        Assert.That(lines.Select(l => l.GetProperty("valid_loss").GetDouble()), Is.EqualTo(epochs.Select(e => e.Valid.Loss)));
        Assert.That(lines[1].GetProperty("accuracy").GetDouble(), Is.EqualTo(epochs[1].Valid.Metrics["accuracy"]));
        Assert.That(lines[0].GetProperty("lr").GetDouble(), Is.EqualTo(0.1));
    }

    [Test]
    public void LogFile_ThatCannotBeWritten_IsNamed_BeforeTraining()
    {
        var path = Path.Combine(House.Temporary(), "missing", "history.csv");
        var learn = Clouds.Learner();
        Assert.That(() => learn.Fit(1, 0.1, [new CsvLogger(path)]), Throws.TypeOf<CallbackException>().With.Message.Contains(path));
        Assert.That(learn.Recorder.Losses, Is.Empty);
    }

    /// <summary>Gradients (3, 4, 12) have length 13.</summary>
    [Test]
    public void GradientClipping_GivesTheGoldenValues_Row88()
    {
        var model = new Single(0, 0, 0);
        var slopes = Tensor.From([3.0, 4.0, 12.0]);
        model.Learner(p => (p * slopes).Sum()).Fit(1, 1.0, [new GradientClipping(1)]);
        Assert.That(model.Values, Is.EqualTo(new[] { -0.230769, -0.307692, -0.923077 }).Within(1e-6));

        // A fit without it is not clipped.
        model.Learner(p => (p * slopes).Sum()).Fit(1, 1.0);
        Assert.That(model.Values[2], Is.EqualTo(-12.923077).Within(1e-6));
    }

    [Test]
    public void GradientAccumulation_TakesTheStepOfLargerBatches()
    {
        Module Fitted(int size, params Callback[] callbacks)
        {
            var train = new DataLoader(new Subset(Clouds.Train, ..64), size);
            var model = Clouds.Net();
            model.Initialize(3);
            Clouds.Learner(model, data: new DataLoaders(train, train)).Fit(2, 0.1, callbacks);
            return model;
        }

        var accumulated = Fitted(8, new GradientAccumulation(2)).Parameters();
        var whole = Fitted(16).Parameters();

        foreach (var (a, b) in accumulated.Zip(whole))
        {
            Check.Close(a.Value, 1e-5, b.Value.ToArray<double>());
        }
    }

    /// <summary>p goes 0, -0.1, -0.2, -0.3; its mean with decay 0.5 goes 0, -0.05, -0.125, -0.2125.</summary>
    [Test]
    public void ExponentialMovingAverage_IsJudgedBy_AndIsTheModelInTheEnd()
    {
        var model = new Single(0);
        var learn = model.Learner(p => p.Sum(), batches: 3);
        var epochs = learn.Fit(1, 0.1, [new ExponentialMovingAverage(0.5)]);
        Assert.That(epochs[0].Valid.Loss, Is.EqualTo(-0.2125).Within(1e-12));
        Assert.That(model.Values[0], Is.EqualTo(-0.2125).Within(1e-12));

        // In between, training goes on from the parameters themselves.
        var two = new Single(0);
        var seen = two.Learner(p => p.Sum(), batches: 3).Fit(2, 0.1, [new ExponentialMovingAverage(0.5)]);
        Assert.That(seen[1].TrainLoss, Is.EqualTo((-0.3 - 0.4 - 0.5) / 3).Within(1e-12));
    }

    [Test]
    public void ParameterScheduler_FollowsProgress()
    {
        var learn = new Single(1).Learner(SumOfSquares, batches: 2);
        learn.Fit(2, 0.1, [new ParameterScheduler("lr", Schedules.Linear(0.4, 0.0))]);
        Assert.That(learn.Recorder.LearningRates, Is.EqualTo(new[] { 0.4, 0.3, 0.2, 0.1 }).Within(1e-12));
        Assert.That(
            () => learn.Fit(1, 0.1, [new ParameterScheduler("momentun", Schedules.Constant(1))]),
            Throws.TypeOf<CallbackException>().With.Message.Contains("momentun"));
    }

    [Test]
    public void ChangesOfTheRule_AreRefusedByOnesOwnOptimiser()
    {
        var learn = new Single(1).Learner(SumOfSquares, optFunc: (ps, lr) => new Own(ps, lr));
        Assert.That(
            () => learn.Fit(1, 0.1, [new GradientClipping(1)]),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("GradientClipping").And.Message.Contains("Own"));
        Assert.That(() => learn.SaveState(Temporary("state")), Throws.InvalidOperationException.With.Message.Contains("your own"));
        learn.Fit(1, 0.1);
        Assert.That(((Single)learn.Model).Values[0], Is.EqualTo(0.8).Within(1e-12));
    }

    private sealed class Own(IEnumerable<Parameter> parameters, double lr) : Optimizer(parameters, lr)
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

    private sealed class Logarithm : Module
    {
        public override Tensor Forward(Tensor input) => input.Log();
    }

    private sealed class Root : Module
    {
        // Finite at 0, but not its derivative.
        public override Tensor Forward(Tensor input) => (input * 0).Sqrt();
    }

    [Test]
    public void TerminateOnNaN_NamesOperationAndLayer_Forward_Row88()
    {
        var model = new Sequential(("first", new Linear(2, 3)), ("log", new Logarithm()));
        model.Initialize(1);
        var before = Clouds.Bits(model);
        var output = new StringWriter();
        var guard = new TerminateOnNaN();
        var learn = Clouds.Learner(model, output: output);
        Assert.That(learn.Fit(3, 0.1, [guard]), Is.Empty);
        Assert.That(output.ToString(), Does.Contain("Epoch/Batch (0/0): Invalid loss, terminating training."));
        Assert.That(guard.Found, Does.StartWith("log").And.Contain("forward").And.EndWith("in the output of log"));
        Assert.That(Clouds.Bits(model), Is.EqualTo(before), "the parameters from before");
    }

    [Test]
    public void TerminateOnNaN_NamesOperationAndLayer_Backward_Row88()
    {
        var model = new Sequential(("first", new Linear(2, 3)), ("root", new Root()));
        model.Initialize(1);
        var before = Clouds.Bits(model);
        var guard = new TerminateOnNaN();
        Assert.That(Clouds.Learner(model).Fit(3, 0.1, [guard]), Is.Empty);
        Assert.That(guard.Found, Does.Contain("backward").And.EndWith("in the gradient of first"));
        Assert.That(Clouds.Bits(model), Is.EqualTo(before));

        Assert.That(Clouds.Learner().Fit(2, 0.1, [guard]), Has.Count.EqualTo(2));
        Assert.That(guard.Found, Is.Null);
    }

    [Test]
    public void Recorder_SmoothsAsFastai_AndDraws()
    {
        // The losses are p² before each step: 1, 0.64, …; the smoothed ones by hand, beta 0.98, debiased.
        var learn = new Single(1).Learner(SumOfSquares, batches: 3);
        learn.Fit(1, 0.1);
        var losses = new[] { 1, Square(0.8), Square(0.64) };
        Assert.That(learn.Recorder.Losses, Is.EqualTo(losses).Within(1e-12));
        var (sum, expected) = (0.0, new List<double>());

        for (var i = 0; i < 3; i++)
        {
            sum = (0.98 * sum) + (0.02 * losses[i]);
            expected.Add(sum / (1 - Math.Pow(0.98, i + 1)));
        }

        Assert.That(learn.Recorder.SmoothLosses, Is.EqualTo(expected).Within(1e-12));
        Assert.That(learn.Recorder.Momenta, Is.All.Null);
        var path = Temporary("losses.svg");
        learn.Recorder.PlotLosses(path);
        Assert.That(File.ReadAllText(path), Does.StartWith("<").And.Contains("batches processed").And.Contains("validation"));
        Assert.That(() => learn.Recorder.PlotMetrics(path), Throws.InvalidOperationException.With.Message.EqualTo("There are no metrics to plot."));
    }
}
