using System.Diagnostics;
using NUnit.Framework;

namespace FunctionalDL.Tests;

public class ResumeTests
{
    private static Learner Make(long? seed, Module? model = null) => new(
        new DataLoaders(Clouds.Train, Clouds.Valid, 8),
        model ?? new Sequential(new Linear(2, 8), new ReLU(), new Dropout(0.2), new Linear(8, 3)),
        Losses.CrossEntropy,
        (ps, lr) => new SGD(ps, lr, momentum: 0.9),
        seed: seed,
        silent: true);

    private sealed class StopAt(CancellationTokenSource stop, int iteration) : Callback
    {
        public override Decision AfterBatch(FitContext fit)
        {
            if (fit.IsTraining && fit.Iteration == iteration)
            {
                stop.Cancel();
            }

            return Decision.Continue;
        }
    }

    /// <summary>In the middle of an epoch, at its last batch, and with no seed: what follows has the same bits.</summary>
    [TestCase(17, 1L)]
    [TestCase(11, 1L)]
    [TestCase(17, null)]
    public void ARunThatIsResumed_HasTheSameBits_Row89(int iteration, long? seed)
    {
        var path = Path.Combine(House.Temporary(), "state.safetensors");
        var whole = Make(seed);
        whole.Fit(1, 0.05);
        var start = Path.Combine(House.Temporary(), "start.safetensors");
        whole.SaveState(start);
        whole.FitOneCycle(3, 0.1);

        using var stop = new CancellationTokenSource();
        var broken = Make(seed: 77).Resume(start);
        broken.FitOneCycle(3, 0.1, callbacks: [new StopAt(stop, iteration)], cancellationToken: stop.Token);
        broken.SaveState(path);

        var resumed = Make(seed: 5).Resume(path);
        var epochs = resumed.FitOneCycle(3, 0.1);
        Assert.That(Clouds.Bits(resumed.Model), Is.EqualTo(Clouds.Bits(whole.Model)));
        Assert.That(epochs[^1].Valid.Loss, Is.EqualTo(whole.Recorder.Epochs[^1].Valid.Loss));
        Assert.That(resumed.Recorder.LearningRates, Is.EqualTo(whole.Recorder.LearningRates.Skip(12 + iteration + 1)));
    }

    private sealed class SaveEach(string path) : Callback
    {
        public override Decision AfterEpoch(FitContext fit)
        {
            if (fit.Epoch == 1)
            {
                fit.Learner.SaveState(path);
            }

            return Decision.Continue;
        }
    }

    [Test]
    public void AStateSavedByACallback_IsThatOfTheNextEpoch_Row89()
    {
        var path = Path.Combine(House.Temporary(), "state.safetensors");
        var whole = Make(1);
        whole.Fit(4, 0.05, [new SaveEach(path)]);
        var resumed = Make(2).Resume(path);
        Assert.That(resumed.Fit(4, 0.05).Select(e => e.Epoch), Is.EqualTo(new[] { 2, 3 }));
        Assert.That(Clouds.Bits(resumed.Model), Is.EqualTo(Clouds.Bits(whole.Model)));
        Assert.That(() => Make(2).Resume(path).Fit(2, 0.05), Throws.TypeOf<Core.OptionException>().With.Message.Contains("2"));
    }

    /// <summary>Counts events in its own memory.</summary>
    private sealed class Counting : Callback
    {
        public int Count { get; private set; }

        public override Decision BeforeFit(FitContext fit)
        {
            Count = 0;
            return Decision.Continue;
        }

        public override Decision AfterBatch(FitContext fit)
        {
            Count++;
            return Decision.Continue;
        }

        public override IReadOnlyDictionary<string, Tensor> StateDict() =>
            new Dictionary<string, Tensor> { ["count"] = Tensor.Scalar(Count, DType.Int64) };

        public override void LoadStateDict(IReadOnlyDictionary<string, Tensor> state) => Count = (int)state["count"].Item();
    }

    /// <summary>Saves after a batch, of training or validation, or after an epoch; last of all that see the event.</summary>
    private sealed class SaveOnce(string path, int epoch, int? batch, bool isTraining) : Callback
    {
        public override int Order => 1000;

        public override Decision AfterBatch(FitContext fit) =>
            Save(fit, fit.BatchIndex == batch && fit.IsTraining == isTraining);

        public override Decision AfterEpoch(FitContext fit) => Save(fit, batch is null);

        private Decision Save(FitContext fit, bool isNow)
        {
            if (isNow && fit.Epoch == epoch)
            {
                fit.Learner.SaveState(path);
            }

            return Decision.Continue;
        }
    }

    /// <summary>
    /// The figure never becomes better by 10, so that the rate falls and the fit ends after a number of epochs that only
    /// callbacks know. After an epoch, in the middle of one, and while one is judged.
    /// </summary>
    [TestCase(1, null, true)]
    [TestCase(2, 4, true)]
    [TestCase(2, 0, false)]
    public void CallbacksGoOn_WhereTheyWere_Rows88And89(int epoch, int? batch, bool isTraining)
    {
        var path = Path.Combine(House.Temporary(), "state.safetensors");
        var best = Path.Combine(House.Temporary(), "best.safetensors");

        (Learner Learn, List<EpochResult> Epochs, Counting Counting, ReduceLROnPlateau Plateau) Run(params Callback[] more)
        {
            var learn = more.Length > 0 ? Make(1) : Make(2).Resume(path);
            var (counting, plateau) = (new Counting(), new ReduceLROnPlateau(minDelta: 10, patience: 1, factor: 0.5, minLr: 1e-6));
            var epochs = learn.Fit(
                20, 0.1, [new EarlyStopping(minDelta: 10, patience: 3), plateau, new SaveBest(best), counting, .. more]);
            return (learn, [.. epochs], counting, plateau);
        }

        var whole = Run(new SaveOnce(path, epoch, batch, isTraining));
        Assert.That(whole.Epochs, Has.Count.EqualTo(5), "epoch 0 is the best, and three are borne");
        var resumed = Run();
        Assert.That(Figures(resumed.Epochs), Is.EqualTo(Figures(whole.Epochs.TakeLast(resumed.Epochs.Count))));
        Assert.That(resumed.Epochs[^1].Epoch, Is.EqualTo(4));
        Assert.That(Clouds.Bits(resumed.Learn.Model), Is.EqualTo(Clouds.Bits(whole.Learn.Model)));
        Assert.That(resumed.Counting.Count, Is.EqualTo(whole.Counting.Count + (isTraining ? 0 : 1)), "a validation begins anew");
        Assert.That((resumed.Plateau.Best, resumed.Plateau.Waited), Is.EqualTo((whole.Plateau.Best, whole.Plateau.Waited)));
        Assert.That(
            resumed.Learn.Recorder.LearningRates,
            Is.EqualTo(whole.Learn.Recorder.LearningRates.TakeLast(resumed.Learn.Recorder.LearningRates.Count)));
        Assert.That(
            resumed.Learn.Recorder.SmoothLosses,
            Is.EqualTo(whole.Learn.Recorder.SmoothLosses.TakeLast(resumed.Learn.Recorder.SmoothLosses.Count)));
        Assert.That(whole.Learn.Recorder.LearningRates[^1], Is.EqualTo(0.05).Within(1e-7), "the plateau had its part in it");

        static List<(int, double, double)> Figures(IEnumerable<EpochResult> epochs) =>
            [.. epochs.Select(e => (e.Epoch, e.TrainLoss, e.Valid.Loss))];
    }

    [Test]
    public void FitUntil_KeepsTheBestOfBeforeTheBreak_Row89()
    {
        var path = Path.Combine(House.Temporary(), "state.safetensors");
        // With so high a rate the first epochs are the best.
        var whole = Make(1);
        var epochs = whole.FitUntil(2.0, patience: 4, callbacks: [new SaveOnce(path, 3, null, true)]);
        Assert.That(epochs.MinBy(e => e.Valid.Loss)!.Epoch, Is.LessThan(4), "the best one is before the break");
        var resumed = Make(2).Resume(path);
        Assert.That(resumed.FitUntil(2.0, patience: 4)[^1].Epoch, Is.EqualTo(epochs[^1].Epoch));
        Assert.That(Clouds.Bits(resumed.Model), Is.EqualTo(Clouds.Bits(whole.Model)));
    }

    [Test]
    public void AResumedFit_OfOtherRatesOrCallbacks_SaysSo()
    {
        var path = Path.Combine(House.Temporary(), "state.safetensors");
        Make(1).Fit(3, 0.1, [new EarlyStopping(patience: 9), new SaveOnce(path, 1, null, true)]);
        var output = new StringWriter();
        var learn = new Learner(
            new DataLoaders(Clouds.Train, Clouds.Valid, 8),
            new Sequential(new Linear(2, 8), new ReLU(), new Dropout(0.2), new Linear(8, 3)),
            Losses.CrossEntropy,
            (ps, lr) => new SGD(ps, lr, momentum: 0.9),
            output: output);
        learn.Resume(path).Fit(3, 0.25);
        Assert.That(learn.Recorder.LearningRates, Is.All.EqualTo(0.25));
        Assert.That(output.ToString(), Does.Contain("Warning").And.Contain("EarlyStopping"));
    }

    [Test]
    public void AStateOfAnotherArchitecture_IsRefused_AndChangesNothing()
    {
        var path = Path.Combine(House.Temporary(), "state.safetensors");
        var learn = Make(1);
        learn.Fit(1, 0.05);
        learn.SaveState(path);

        void Refuses<T>(Module model, params string[] parts)
            where T : Exception
        {
            var other = Make(3, model);
            var before = Clouds.Bits(model);
            var error = Assert.Throws<T>(() => other.Resume(path))!;
            Assert.That(parts, Is.All.Matches<string?>(part => error.Message.Contains(part!)), error.Message);
            Assert.That(error.Message, Does.Not.Contain("\n"));
            Assert.That(Clouds.Bits(model), Is.EqualTo(before));
            Assert.That(other.Fit(1, 0.05), Has.Count.EqualTo(1));
        }

        Refuses<Core.ShapeException>(new Sequential(new Linear(2, 9), new ReLU(), new Dropout(0.2), new Linear(9, 3)), "0.weight", "[8; 2]", "[9; 2]");
        Refuses<Core.OptionException>(new Sequential(new Linear(2, 8), new Linear(8, 3)), "another model", "3.weight", "1.weight");

        var model = Path.Combine(House.Temporary(), "model.safetensors");
        learn.Save(model);
        Assert.That(() => Make(1).Resume(model), Throws.TypeOf<FunctionalDL.Data.DataException>().With.Message.Contains("SaveState"));
        Assert.That(() => Make(1).SaveState(model), Throws.InvalidOperationException);
        Assert.That(Make(4).Resume(path).Fit(1, 0.05), Has.Count.EqualTo(1), "the earlier one still loads");
    }

    /// <summary>A disk of 64 KiB that is full.</summary>
    [Test]
    public void AFullDisk_IsToldInOneMessage_AndTheEarlierFileStays()
    {
        var disk = House.Temporary();

        if (Environment.UserName != "root" || Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk) != 0)
        {
            Assert.Ignore("a small disk cannot be mounted here");
        }

        try
        {
            var path = Path.Combine(disk, "best.safetensors");
            var learn = Make(1);
            learn.Save(path);
            var before = Clouds.Bits(learn.Model);
            Assert.That(() => File.WriteAllBytes(Path.Combine(disk, "filler"), new byte[128 * 1024]), Throws.InstanceOf<IOException>());
            var error = Assert.Throws<CallbackException>(() => learn.Fit(3, 0.05, [new SaveBest(path)]))!;
            Assert.That(error.Message, Does.Contain(path).And.Not.Contain("\n"));
            Assert.That(error.InnerException, Is.TypeOf<FunctionalDL.Data.DataException>());
            learn.Load(path);
            Assert.That(Clouds.Bits(learn.Model), Is.EqualTo(before));
        }
        finally
        {
            _ = Run("umount", disk);
        }
    }

    private static int Run(string program, params string[] args)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }
}
