using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Brackets, comparisons and conversions as a user of PyTorch writes them.</summary>
public class IndexTests
{
    private static readonly Tensor X = Tensor.Arange(24).Reshape(2, 3, 4);

    [Test]
    public void Brackets_TakeWhatPyTorchsTake()
    {
        Check.Values(X[0, 1..3, ^1], 7, 11);
        Check.Values(X[^1, -1, 0], 20);
        Check.Values(X[.., 0, 0], 0, 12);
        Check.Values(X[TensorIndex.Ellipsis, 1], 1, 5, 9, 13, 17, 21);
        Check.Values(X[1, TensorIndex.Slice(step: -2), 0], 20, 12);
        Check.Values(X[0, 0, TensorIndex.Slice(1, null, 2)], 1, 3);
        Assert.That(X[TensorIndex.NewAxis].Shape, Is.EqualTo(new Shape(1, 2, 3, 4)));
        Assert.That(X[.., TensorIndex.NewAxis, 0].Shape, Is.EqualTo(new Shape(2, 1, 4)));
        Assert.That(X[TensorIndex.Ellipsis, TensorIndex.NewAxis].Shape, Is.EqualTo(new Shape(2, 3, 4, 1)));
        Assert.That(X[0, 1..100].Shape, Is.EqualTo(new Shape(2, 4)), "ranges are cut to what there is");
    }

    /// <summary>Checklist row 27: x[[0, 1, 2], [5, 0, 4]] picks three values.</summary>
    [Test]
    public void Brackets_TakeTensorsOfPositions_AndRepeatedOnesAddUp_Row27()
    {
        var logits = Tensor.Arange(30).Reshape(3, 10).To(DType.Float64);
        Check.Values(logits[Tensor.From([0L, 1L, 2L]), Tensor.From([5L, 0L, 4L])], 5, 10, 24);
        Check.Values(logits[new[] { 2, 0 }, 0], 20, 0);
        var gradient = Check.Gradient(x => x[Tensor.From([1L, 1L]), Tensor.From([3L, 3L])].Sum(), logits);
        Assert.That(gradient[1, 3].Item(), Is.EqualTo(2));
        Assert.That(gradient.Sum().Item(), Is.EqualTo(2));
    }

    [Test]
    public void Brackets_TakeMasks()
    {
        Check.Values(X[X > 20], 21, 22, 23);
        Check.Values(X[Tensor.From([false, true]), 0, 0], 12);
        Check.Values(X[(X < 2) | (X >= 23)], 0, 1, 23);
        Check.Values(X[(X > 2) & (X <= 4)], 3, 4);
        Check.Values(X[~(X > 0)], 0);
        Check.Values(X[(X > 0) ^ (X > 1)], 1);
        Check.Values((X > 20).Nonzero(), 1, 2, 1, 1, 2, 2, 1, 2, 3);
    }

    [Test]
    public void Brackets_RaiseShapeException_ForTooManyItemsAndMissingPlaces()
    {
        Assert.That(
            () => X[0, 0, 0, 0], Throws.TypeOf<Core.ShapeException>().With.Message.Contains("4 axes").And.Message.Contains("[2; 3; 4]"));
        Assert.That(() => X[0, 3], Throws.TypeOf<Core.ShapeException>().With.Message.Contains("position 3"));
        Assert.That(() => Tensor.Scalar(1)[0], Throws.TypeOf<Core.ShapeException>().With.Message.Contains("Item()"));
    }

    [Test]
    public void TruthValues_AreCountedAndAsked()
    {
        var x = Tensor.From(new[,] { { 1.0, 0.0 }, { double.NaN, double.PositiveInfinity } });
        Check.Values(x.IsNaN(), 0, 0, 1, 0);
        Check.Values(x.IsInf(), 0, 0, 0, 1);
        Check.Values(x.IsFinite(), 1, 1, 0, 0);
        Check.Values(x.CountNonzero(1), 1, 2);
        Check.Values(x.Any(0), 1, 1);
        Check.Values(x.All(1), 0, 1);
        Assert.That((bool)x.All(), Is.False);
        Assert.That(x.AllEqual(x), Is.False, "NaN differs from itself");
        Assert.That(X.AllEqual(Tensor.Arange(0, 24, dtype: DType.Int64).View(2, 3, 4)), Is.True);
        Assert.That(Tensor.From([1.0]).AllClose(Tensor.From([1.000001])), Is.True);
        Assert.That(Tensor.From([1.0]).AllClose(Tensor.From([1.0001])), Is.False);
        Assert.That(Tensor.From([1.0]).AllClose(Tensor.From([1.0, 1.0])), Is.False);
    }

    [Test]
    public void Spans_AndArrays_GoInAndOut()
    {
        Check.Values(Tensor.From(stackalloc float[] { 1, 2, 3 }, [3, 1]), 1, 2, 3);
        Check.Values(Tensor.From(new[, ,] { { { 1f, 2f } }, { { 3f, 4f } } })[1, 0], 3, 4);
        Assert.That(Tensor.From(new byte[1, 2, 3, 4]).Shape, Is.EqualTo(new Shape(1, 2, 3, 4)));
        Span<int> room = [7, 7, 7];
        Tensor.From([1.9, -1.9]).CopyTo(room);
        Assert.That(room.ToArray(), Is.EqualTo(new[] { 1, -1, 7 }));
        Assert.That(() => X.CopyTo(new float[3]), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("24"));
        Assert.That(() => Tensor.From(new decimal[1, 1]), Throws.TypeOf<Core.DTypeException>());
        Assert.That((double)X[1, 2, 3], Is.EqualTo(23.0));
        Assert.That((int)X[1, 2, 3] + (long)X[0, 0, 1] + (float)X[0, 0, 2], Is.EqualTo(26f));
        Assert.That(() => X.Item<float>(), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("24 elements"));
    }

    [Test]
    public void Numbers_DoNotWidenTensors()
    {
        Assert.That((Tensor.From([1f]) + (Tensor)0.5).DType, Is.EqualTo(DType.Float32));
        Assert.That(Tensor.Where(Tensor.From([true]), 0, Tensor.From([1f])).DType, Is.EqualTo(DType.Float32));
        Check.Close(Tensor.From([1.0]).Maximum(1.1), 0, 1.1);
    }

    [Test]
    public void Makers_GiveWhatTheyAreCalled()
    {
        Check.Values(Tensor.Eye(2, 3), 1, 0, 0, 0, 1, 0);
        Check.Values(Tensor.Arange(1, 2, 0.25), 1, 1.25, 1.5, 1.75);
        Check.Values(Tensor.Linspace(0, 1, 5), 0, 0.25, 0.5, 0.75, 1);
        Check.Values(Tensor.FullLike(Tensor.From([1L, 2L]), 3), 3, 3);
        Assert.That(Tensor.ZerosLike(X).DType, Is.EqualTo(DType.Int64));
        Check.Values(Tensor.OnesLike(Tensor.From([4.0])), 1);
        var drawn = Tensor.RandInt(-2, 3, [1000], new Generator(1)).ToArray<int>();
        Assert.That(drawn.Distinct().Order(), Is.EqualTo(new[] { -2, -1, 0, 1, 2 }));
        Assert.That(Tensor.Bernoulli(Tensor.Full([10_000], 0.3), new Generator(1)).Mean().Item(), Is.EqualTo(0.3).Within(0.02));
        Check.Values(Tensor.From([3.0, 1.0, 2.0]).Argsort(), 1, 2, 0);
        Check.Values(Tensor.From([1.9, -1.9]).Long(), 1, -1);
        Assert.That(Tensor.From([1.9]).Float().DType, Is.EqualTo(DType.Float32));
        Check.Values(Tensor.From([0.0, 2.0]).Bool(), 0, 1);
        Check.Values(Tensor.From([2.5]).Int().Double(), 2);
    }
}
