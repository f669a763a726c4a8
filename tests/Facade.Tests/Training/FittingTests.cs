using NUnit.Framework;

namespace FunctionalDL.Tests;

public class FittingTests
{
    private static Tensor SumOfSquares(Tensor p) => p.Square().Sum();

    private static Learner Grouped(bool trainBn = true) => new(
        new DataLoaders(Clouds.Train, Clouds.Valid, 8),
        Clouds.Net(),
        Losses.CrossEntropy,
        splitter: model => [((Sequential)model)[0].Parameters(), ((Sequential)model)[2].Parameters()],
        trainBn: trainBn,
        seed: 1,
        silent: true);

    private static readonly double[] CycleOfTen =
        [4e-05, 0.00028, 0.00076, 0.001, 0.00095048463, 0.00081174565, 0.00061126202, 0.00038874198, 0.00018825835, 4.9519368e-05];

    private static readonly double[] MomentaOfTen =
        [.95, .925, .875, .85, .854952, .868826, .888874, .911126, .931174, .945048];

    private static readonly double[] CycleOfTwenty =
    [
        4e-05, .00010430781, .00028, .00052, .00076, .00093569219, .001, .00098746401, .00095048463, .00089091618, .00081174565,
        .000716943, .00061126202, .000500002, .00038874198, .000283061, .00018825835, .00010908782, 4.9519368e-05, 1.2539994e-05,
    ];

    [Test]
    public void OneCycle_GivesTheGoldenLists_Row86()
    {
        var learn = new Single(1).Learner(SumOfSquares, 10, (ps, lr) => new SGD(ps, lr, momentum: 0.9));
        learn.FitOneCycle(1, 1e-3);
        Assert.That(learn.Recorder.LearningRates, Is.EqualTo(CycleOfTen).Within(1e-5).Percent);
        Assert.That(learn.Recorder.Momenta, Is.EqualTo(MomentaOfTen).Within(1e-6));

        var two = new Single(1).Learner(SumOfSquares, 10);
        two.FitOneCycle(2, 1e-3);
        Assert.That(two.Recorder.LearningRates, Is.EqualTo(CycleOfTwenty).Within(1e-3).Percent);
        Assert.That(two.Recorder.Momenta, Is.All.Null, "descent without momentum has the cycle of the rate alone");
    }

    private sealed class Rates : Callback
    {
        public List<double[]> Seen { get; } = [];

        public override Decision AfterStep(FitContext fit)
        {
            Seen.Add([.. fit.Hyper("lr")]);
            return Decision.Continue;
        }
    }

    [Test]
    public void OneCycle_OfASlice_HasACycleForEachGroup_Row86()
    {
        var rates = new Rates();
        Grouped().FitOneCycle(1, LearningRates.Slice(1e-4, 1e-2), callbacks: [rates]);
        Assert.That(rates.Seen[0], Is.EqualTo(new[] { 1e-4 / 25, 1e-2 / 25 }).Within(1e-9).Percent);
        Assert.That(rates.Seen.Select(r => r[1] / r[0]), Is.All.EqualTo(100).Within(1e-9));
    }

    [Test]
    public void Slices_SpreadOverGroups_Row82()
    {
        Assert.That(LearningRates.Slice(1e-6, 1e-3).For(3), Is.EqualTo(new[] { 1e-6, 3.1622776602e-5, 1e-3 }).Within(1e-8).Percent);
        Assert.That(LearningRates.Slice(1e-2).For(3), Is.EqualTo(new[] { 1e-3, 1e-3, 1e-2 }).Within(1e-12));
        Assert.That(((LearningRates)0.1).For(3), Is.EqualTo(new[] { 0.1, 0.1, 0.1 }));
        Assert.That(((LearningRates)new[] { 0.1, 0.2 }).For(2), Is.EqualTo(new[] { 0.1, 0.2 }));
        Assert.That(() => ((LearningRates)new[] { 0.1, 0.2 }).For(3), Throws.TypeOf<Core.OptionException>());
    }

    /// <summary>The first group has rate 0: it stays, the other moves as always.</summary>
    [Test]
    public void RatesOfGroups_AreThoseOfTheirParameters_Row86()
    {
        var learn = Grouped();
        var before = learn.Model.Parameters().Select(p => Check.Bits(p)).ToList();
        learn.Fit(1, new[] { 0.0, 0.1 });
        var after = learn.Model.Parameters().Select(p => Check.Bits(p)).ToList();
        Assert.That(after[..2], Is.EqualTo(before[..2]));
        Assert.That(after[2], Is.Not.EqualTo(before[2]));
    }

    [Test]
    public void Freeze_KeepsTheFirstGroups_ToTheBit_Row82()
    {
        var learn = Grouped();
        var before = learn.Model.Parameters().Select(p => Check.Bits(p)).ToList();
        learn.Freeze();
        Assert.That(learn.Model.Parameters().Select(p => p.RequiresGrad), Is.EqualTo(new[] { false, false, true, true }));
        learn.Fit(1, 0.1);
        var frozen = learn.Model.Parameters().Select(p => Check.Bits(p)).ToList();
        Assert.That(frozen[..2], Is.EqualTo(before[..2]));
        Assert.That(frozen[2], Is.Not.EqualTo(before[2]));

        learn.Unfreeze();
        learn.Fit(1, 0.1);
        Assert.That(learn.Model.Parameters().Zip(frozen).All(p => !Check.Bits(p.First).SequenceEqual(p.Second)));
        Assert.That(() => learn.FreezeTo(2), Throws.TypeOf<Core.OptionException>().With.Message.Contains("2"));
        Assert.That(() => Clouds.Learner().Freeze(), Throws.TypeOf<Core.OptionException>().With.Message.Contains("splitter"));
    }

    [Test]
    public void Freeze_StillTrainsBatchNorms_UnlessTold_Row82()
    {
        static Learner Make(bool trainBn) => new(
            new DataLoaders(Clouds.Train, Clouds.Valid, 8),
            new Sequential(new Linear(2, 8), new BatchNorm1d(8), new ReLU(), new Linear(8, 3)),
            Losses.CrossEntropy,
            splitter: m => [((Sequential)m)[..3].Parameters(), ((Sequential)m)[3].Parameters()],
            trainBn: trainBn,
            silent: true);

        bool[] Trained(bool trainBn)
        {
            var learn = Make(trainBn);
            learn.Freeze();
            return [.. learn.Model.Parameters().Select(p => p.RequiresGrad)];
        }

        Assert.That(Trained(true), Is.EqualTo(new[] { false, false, true, true, true, true }));
        Assert.That(Trained(false), Is.EqualTo(new[] { false, false, false, false, true, true }));
    }

    [Test]
    public void FineTune_TrainsTheLastGroupFirst()
    {
        var learn = Grouped();
        var first = Check.Bits(learn.Model.Parameters()[0]);
        Assert.That(learn.FineTune(2, baseLr: 0.2), Has.Count.EqualTo(3));
        Assert.That(Check.Bits(learn.Model.Parameters()[0]), Is.Not.EqualTo(first));
        Assert.That(learn.Recorder.LearningRates.Take(12).Max(), Is.LessThanOrEqualTo(0.2));
        Assert.That(learn.Recorder.LearningRates.Skip(12).Max(), Is.EqualTo(0.1).Within(1e-9), "half of it");
        Assert.That(learn.Model.Parameters().Select(p => p.RequiresGrad), Is.All.True);
    }

    [Test]
    public void FitUntil_EndsByPatience_AndKeepsTheBest()
    {
        // p goes 1 → -1.2 → 1.44: the first epoch is the best.
        var model = new Single(1);
        var epochs = model.Learner(SumOfSquares).FitUntil(1.1, patience: 2);
        Assert.That(epochs, Has.Count.EqualTo(4));
        Assert.That(model.Values[0], Is.EqualTo(-1.2).Within(1e-12));
    }

    [Test]
    public void FitUntil_EndsByTime_AndValidatesWhatThereIs()
    {
        var learn = Clouds.Learner();
        var epochs = learn.FitUntil(0.01, time: TimeSpan.FromMilliseconds(1));
        Assert.That(epochs, Has.Count.EqualTo(1));
        Assert.That(learn.Recorder.Losses, Has.Count.LessThan(12), "within the epoch");
        Assert.That(epochs[0].Valid.Items, Is.EqualTo(31));
        Assert.That(() => learn.FitUntil(0.1), Throws.TypeOf<Core.OptionException>());
        Assert.That(() => learn.FitUntil(0.1, TimeSpan.Zero), Throws.TypeOf<Core.OptionException>());
    }

    private sealed class CancelAt(CancellationTokenSource stop, int iteration) : Callback
    {
        public override Decision AfterStep(FitContext fit)
        {
            if (fit.Iteration == iteration)
            {
                stop.Cancel();
            }

            return Decision.Continue;
        }
    }

    [Test]
    public void Cancelling_GivesTheBestSoFar()
    {
        // The second epoch is worse than the first, and the third is cancelled in its middle.
        using var stop = new CancellationTokenSource();
        var model = new Single(1);
        var epochs = model.Learner(SumOfSquares, batches: 2)
            .Fit(5, 1.1, [new CancelAt(stop, 4)], stop.Token);
        Assert.That(epochs, Has.Count.EqualTo(2));
        Assert.That(model.Values[0], Is.EqualTo(1.44).Within(1e-12), "after epoch 0: two steps by -1.2");
    }

    [Test]
    public void WeightDecay_IsTrueDecay_OrTheOptimisersOwn_Row90()
    {
        double[] Steps(double? wd, Func<IReadOnlyList<Parameter>, double, Optimizer> opt)
        {
            var model = new Single(1);
            var learn = model.Learner(SumOfSquares, 1, opt, wd);
            return [.. Enumerable.Range(0, 4).Select(_ =>
            {
                learn.Fit(1, 0.1);
                return model.Values[0];
            })];
        }

        // G-3, and momentum is kept from fit to fit.
        Assert.That(
            Steps(null, (ps, lr) => new SGD(ps, lr, momentum: 0.9)), Is.EqualTo(new[] { 0.8, 0.46, 0.062, -0.3086 }).Within(1e-12));
        Assert.That(
            Steps(null, (ps, lr) => new SGD(ps, lr, momentum: 0.9, weightDecay: 0.1)),
            Is.EqualTo(new[] { 0.79, 0.4351, 0.024319, -0.35049089 }).Within(1e-8));

        // p ← p (1 - 0.01) - 0.1 v with v ← 0.9 v + 2 p.
        var (p, v, expected) = (1.0, 0.0, new List<double>());

        for (var i = 0; i < 4; i++)
        {
            v = (0.9 * v) + (2 * p);
            p = (p * 0.99) - (0.1 * v);
            expected.Add(p);
        }

        Assert.That(Steps(0.1, (ps, lr) => new SGD(ps, lr, momentum: 0.9)), Is.EqualTo(expected).Within(1e-12));
        Assert.That(
            Steps(0.1, (ps, lr) => new SGD(ps, lr, momentum: 0.9, weightDecay: 0.5)),
            Is.EqualTo(expected).Within(1e-12),
            "it takes the place of the optimiser's own");
    }

    [TestCase(true)]
    [TestCase(false)]
    public void WeightDecay_LeavesBiasesAndNorms_WhenTold_Row90(bool wdBnBias)
    {
        var model = new Sequential(new Linear(2, 2), new BatchNorm1d(2));
        model.Initialize(2);

        foreach (var parameter in model.Parameters())
        {
            parameter.Value = Tensor.Ones(parameter.Shape.ToArray());
        }

        // Without gradients only the decay moves: 1 · (1 - 0.1 · 0.5).
        var learn = new Learner(
            new DataLoaders(Clouds.Train, Clouds.Valid, 90),
            model,
            (output, _) => 0 * output.Sum(),
            wd: 0.5,
            wdBnBias: wdBnBias,
            silent: true);
        learn.Fit(1, 0.1);
        var first = learn.Model.NamedParameters().ToDictionary(x => x.Name, x => x.Parameter.Value.ToArray<double>()[0]);
        Assert.That(first["0.weight"], Is.EqualTo(0.95).Within(1e-6));

        foreach (var name in new[] { "0.bias", "1.weight", "1.bias" })
        {
            Assert.That(first[name], Is.EqualTo(wdBnBias ? 0.95 : 1).Within(1e-6), name);
        }
    }

    [Test]
    public void Splitter_MustGiveEachParameterOnce()
    {
        var learn = new Learner(
            new DataLoaders(Clouds.Train, Clouds.Valid),
            Clouds.Net(),
            Losses.CrossEntropy,
            splitter: m => [((Sequential)m)[0].Parameters()],
            silent: true);
        Assert.That(() => learn.Fit(1, 0.1), Throws.TypeOf<Core.OptionException>().With.Message.Contains("splitter"));
    }

    [Test]
    public void LearningRateFinder_GoesThroughTheRates_AndLeavesNothing_Row87()
    {
        var (with, without) = (Clouds.Learner(), Clouds.Learner());
        with.Fit(1, 0.1);
        without.Fit(1, 0.1);
        var before = Clouds.Bits(with.Model);
        var curve = with.LearningRateFinder(stopDiv: false);
        Assert.That(curve.Rates, Has.Count.EqualTo(100));
        Assert.That(
            new[] { curve.Rates[0], curve.Rates[1], curve.Rates[2], curve.Rates[10], curve.Rates[50], curve.Rates[99] },
            Is.EqualTo(new[] { 1e-7, 1.20226e-07, 1.44544e-07, 6.30957e-07, 0.001, 8.31764 }).Within(1e-3).Percent);
        Assert.That(curve.SmoothLosses, Has.Count.EqualTo(100));
        Assert.That(Clouds.Bits(with.Model), Is.EqualTo(before));

        // And what comes after has the same bits as without it.
        with.Fit(2, 0.1);
        without.Fit(2, 0.1);
        Assert.That(Clouds.Bits(with.Model), Is.EqualTo(Clouds.Bits(without.Model)));
        Assert.That(with.Recorder.Losses, Is.EqualTo(without.Recorder.Losses));
    }

    [Test]
    public void LearningRateFinder_StopsWhenTheLossHasGone_AndSuggests_Row87()
    {
        var output = new StringWriter();
        var learn = Clouds.Learner(output: output);
        var curve = learn.LearningRateFinder(endLr: 1e4, numIt: 200);
        Assert.That(curve.Rates, Has.Count.LessThan(200));
        Assert.That(curve.SmoothLosses[^1], Is.GreaterThan(4 * curve.SmoothLosses.SkipLast(1).Min()).Or.NaN);
        Assert.That(output.ToString(), Does.StartWith("LR Finder is complete"));
        var least = curve.Rates[curve.SmoothLosses.ToList().IndexOf(curve.SmoothLosses.Min())];
        Assert.That(curve.MinimumOverTen, Is.EqualTo(least / 10));
        Assert.That(curve.Steepest, Is.LessThan(least));
        Assert.That(curve.Valley, Is.LessThan(least));
        var path = Path.Combine(House.Temporary(), "lr.svg");
        curve.Plot(path);
        Assert.That(File.ReadAllText(path), Does.Contain("learning rate").And.Contain("suggested"), "the plot shows the suggestion");
        Assert.That(() => learn.LearningRateFinder(1, 0.1), Throws.InstanceOf<Exception>().With.Message.Contains("learning-rate finder"));
    }
}
