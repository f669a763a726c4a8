using NUnit.Framework;

namespace FunctionalDL.Tests;

public class MetricTests
{
    private static readonly Tensor Logits = Tensor.From(new float[,] { { 3, 1, 0 }, { 0, 2, 1 }, { 0, 1, 2 }, { 2, 1, 0 }, { 0, 5, 1 } });
    private static readonly Tensor Labels = Tensor.From([0L, 1L, 1L, 2L, 1L]);

    /// <summary>Class 0: 1 right of 2 taken; class 1: 2 of 2, of 3 there are; class 2: 0 of 1 taken and of 1 there is.</summary>
    [Test]
    public void Figures_OfClasses_AreThoseCountedByHand()
    {
        Check.Values(Metrics.Accuracy(Logits, Labels), 0.6);
        Check.Values(Metrics.ErrorRate(Logits, Labels), 0.4);
        Check.Values(Metrics.TopKAccuracy(2)(Logits, Labels), 0.8);
        Check.Values(Metrics.Precision(3)(Logits, Labels), (0.5 + 1.0 + 0.0) / 3);
        Check.Values(Metrics.Recall(3)(Logits, Labels), (1.0 + (2.0 / 3) + 0.0) / 3);
        Check.Values(Metrics.F1(3)(Logits, Labels), ((2.0 / 3) + 0.8 + 0.0) / 3);
    }

    [Test]
    public void Figures_OfNumbers_AreThoseCountedByHand()
    {
        var output = Tensor.From([1.0, 2.0, 3.0, 6.0]);
        var target = Tensor.From([2.0, 2.0, 5.0, 3.0]);
        Check.Values(Metrics.Mse(output, target), 14.0 / 4);
        Check.Values(Metrics.Rmse(output, target), Math.Sqrt(14.0 / 4));
        Check.Values(Metrics.Mae(output, target), 6.0 / 4);
        Check.Values(Metrics.R2(output, target), 1 - (14.0 / 6));
    }

    /// <summary>Row 67: batches of two items and of one, where the golden example has three.</summary>
    [Test]
    public void ExpRmspe_IsAccumulatedByTheLearner_AndAveragedOnDemand_Row67()
    {
        var guesses = Tensor.From([100.0, 220.0, 90.0]).Log().Unsqueeze(1);
        var sales = Tensor.From([100.0, 200.0, 100.0]).Log();
        var items = new TensorDataset(guesses, sales);
        var learn = new Learner(
            new DataLoaders(items, items, 2),
            new Shift(),
            (output, target) => Losses.Mse(output, target.Unsqueeze(1)),
            metrics: [Metrics.ExpRmspe, Metrics.Averaged(Metrics.ExpRmspe)],
            silent: true);
        var found = learn.Validate(new DataLoader(items, 2)).Metrics;
        Assert.That(found.Keys, Is.EqualTo(new[] { "exp_rmspe", "exp_rmspe_averaged" }));
        Assert.That(found["exp_rmspe"], Is.EqualTo(0.0816497).Within(5e-8));
        Assert.That(found["exp_rmspe_averaged"], Is.EqualTo(((2 * Math.Sqrt(0.005)) + 0.1) / 3).Within(1e-12));
        Assert.That(() => Metrics.ExpRmspe(guesses, sales[..2]), Throws.TypeOf<Core.ShapeException>());
    }

    private sealed class Shift : Module
    {
        private readonly Parameter _by = new(Tensor.From([0.0]));

        public override Tensor Forward(Tensor input) => input + _by;
    }
}
