using NUnit.Framework;

namespace FunctionalDL.Tests;

public class LossTests
{
    private static readonly Tensor Logits = Tensor.From(new double[,] { { 2, 1, 0 }, { 0, 1, 3 } });
    private static readonly Tensor Target = Tensor.From([0L, 1L]);

    /// <summary>Checklist row 28 (G-4).</summary>
    [Test]
    public void CrossEntropy_GivesTheGoldenValue_InEachReduction()
    {
        Check.Close(Losses.CrossEntropy(Logits, Target), 5e-7, 1.288726);
        Check.Close(Losses.Nll(Logits.LogSoftmax(-1), Target), 5e-7, 1.288726);
        Check.Close(Losses.CrossEntropy(Logits, Target, Reduction.Sum), 1e-6, 2.577452);
        Check.Close(Losses.CrossEntropy(Logits, Target, Reduction.None), 1e-6, 0.407606, 2.169846);
    }

    [Test]
    public void CrossEntropy_Differentiates() =>
        Check.Close(
            Check.Gradient(x => Losses.CrossEntropy(x, Target), Logits),
            1e-7,
            Check.Slope(x => Losses.CrossEntropy(x, Target), Logits));

    [Test]
    public void Mse_ComparesEqualShapesOnly()
    {
        Check.Values(Losses.Mse(Tensor.From([1.0, 2.0]), Tensor.From([1.0, 4.0])), 2);
        Check.Values(Losses.Mse(Tensor.From([1.0, 2.0]), Tensor.From([1.0, 4.0]), Reduction.Sum), 4);
        Check.Values(Check.Gradient(x => Losses.Mse(x, Tensor.From([1.0, 4.0])), Tensor.From([1.0, 2.0])), 0, -2);
        Assert.That(
            () => Losses.Mse(Tensor.Zeros([4, 1]), Tensor.Zeros([4])),
            Throws.TypeOf<Core.ShapeException>().With.Message.Contains("[4; 1]").And.Message.Contains("squeeze"));
    }

    [Test]
    public void CrossEntropy_Raises_WhenShapesOrClassesAreWrong()
    {
        Assert.That(() => Losses.CrossEntropy(Logits, Tensor.From([0L])), Throws.TypeOf<Core.ShapeException>());
        Assert.That(
            () => Losses.CrossEntropy(Logits, Tensor.From([0L, 3L])).Item(),
            Throws.TypeOf<Core.ValueException>().With.Message.Contains("3"));
    }

    /// <summary>Checklist row 30.</summary>
    [Test]
    public void Accuracy_IsAFloat32Mean_AndTiesGoToTheFirst()
    {
        var output = Tensor.From(new float[,] { { 1, 1, 0 }, { 0, 2, 2 }, { 0, 0, 1 } });
        var accuracy = Metrics.Accuracy(output, Tensor.From([0L, 2L, 2L]));
        Assert.That(accuracy.DType, Is.EqualTo(DType.Float32));
        Check.Values(accuracy, 2.0 / 3);
        Assert.That(() => Metrics.Accuracy(output, Tensor.From(new long[,] { { 0 }, { 2 }, { 2 } })), Throws.TypeOf<Core.ShapeException>());
    }
}
