using NUnit.Framework;

namespace FunctionalDL.Tests;

public class InterpretationTests
{
    /// <summary>Scores given as they are: items 1, 4 and 5 are taken for another class, 4 and 5 for the same one.</summary>
    private static Interpretation Made(Func<Tensor, Tensor, Tensor> lossFunc)
    {
        var scores = Tensor.From(new double[,] { { 3, 0, 0 }, { 2, 1, 0 }, { 0, 0, 4 }, { 0, 5, 0 }, { 0, 0, 6 }, { 0, 0, 1 } });
        var items = new TensorDataset(scores, Tensor.From([0L, 1L, 2L, 1L, 0L, 0L]));
        var data = new DataLoaders(new DataLoader(items, 4), new DataLoader(items, 4)) { Classes = ["ant", "bee", "cat"] };
        return new Learner(data, new Identity(), lossFunc, silent: true).Interpret();
    }

    [Test]
    public void ClassesThatAreTakenForOthers_AreCounted()
    {
        var seen = Made(Losses.CrossEntropy);
        Check.Values(seen.ConfusionMatrix(), 1, 0, 2, 1, 1, 0, 0, 0, 1);
        Assert.That(seen.MostConfused(), Is.EqualTo(new[] { ("ant", "cat", 2), ("bee", "ant", 1) }));
        Assert.That(seen.MostConfused(2), Is.EqualTo(new[] { ("ant", "cat", 2) }));
        Assert.That(seen.Decoded, Is.EqualTo(new[] { 0, 0, 2, 1, 2, 2 }));
        Check.Close(seen.Predictions.Sum(1), 1e-12, 1, 1, 1, 1, 1, 1);
    }

    /// <summary>log(exp(6) + 2) is the loss of item 4; a loss of one's own gives the same, item by item.</summary>
    [Test]
    public void TopLosses_AreTheWorstItems()
    {
        foreach (var seen in new[] { Made(Losses.CrossEntropy), Made((x, y) => Losses.CrossEntropy(x, y)), Made(new CrossEntropyLoss()) })
        {
            var top = seen.TopLosses(3);
            Assert.That(top.Select(t => t.Index), Is.EqualTo(new[] { 4, 5, 1 }));
            Assert.That(
                top.Select(t => t.Loss),
                Is.EqualTo(new[] { Math.Log(Math.Exp(6) + 2), Math.Log(Math.E + 2), Math.Log(Math.Exp(2) + Math.E + 1) - 1 }).Within(1e-12));
            Assert.That(seen.TopLosses(largest: false)[0].Index, Is.EqualTo(3));
            Assert.That(seen.TopLosses(), Has.Count.EqualTo(6));
        }
    }

    [Test]
    public void WhatIsNoClassifier_HasLossesAlone()
    {
        var items = new TensorDataset(Tensor.From(new double[,] { { 1 }, { 5 } }), Tensor.From(new double[,] { { 1 }, { 2 } }));
        var learn = new Learner(new DataLoaders(items, items, 2), new Identity(), Losses.Mse, silent: true);
        var seen = learn.Interpret();
        Assert.That(seen.TopLosses(), Is.EqualTo(new[] { (9.0, 1), (0.0, 0) }));
        Assert.That(() => seen.ConfusionMatrix(), Throws.InvalidOperationException.With.Message.Contains("classifier"));
        var none = new DataLoader(items, 4, dropLast: true);
        Assert.That(() => learn.Interpret(none), Throws.InvalidOperationException.With.Message.Contains("empty"));
    }
}
