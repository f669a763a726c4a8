using NUnit.Framework;

namespace FunctionalDL.Tests;

public class TensorTests
{
    private static readonly Tensor Matrix = Tensor.From(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } });

    [Test]
    public void From_KeepsValuesShapeAndType()
    {
        Assert.That(Matrix.Shape.ToArray(), Is.EqualTo(new[] { 2, 3 }));
        Assert.That(Matrix.DType, Is.EqualTo(DType.Float64));
        Check.Values(Matrix, 1, 2, 3, 4, 5, 6);
        Assert.That(Tensor.From([1f, 2f]).DType, Is.EqualTo(DType.Float32));
        Assert.That(Tensor.From([1L, 2L]).DType, Is.EqualTo(DType.Int64));
        Assert.That(Tensor.From([1, 2]).DType, Is.EqualTo(DType.Int32));
        Assert.That(Tensor.From(new byte[] { 1, 255 }).DType, Is.EqualTo(DType.UInt8));
        Assert.That(Tensor.From([true, false]).DType, Is.EqualTo(DType.Bool));
    }

    [Test]
    public void From_CopiesTheArray()
    {
        var values = new[] { 1f, 2f };
        var x = Tensor.From(values);
        values[0] = 9;
        Check.Values(x, 1, 2);
    }

    [Test]
    public void From_RaisesShapeException_WhenCountDiffers() =>
        Assert.That(
            () => Tensor.From([1f, 2f, 3f], [2, 2]),
            Throws.TypeOf<Core.ShapeException>().With.Message.Contains("[2; 2]"));

    [Test]
    public void ToArray_ConvertsToEveryType()
    {
        var x = Tensor.From([0.0, 1.9, -1.9, 200.0]);
        Assert.That(x.ToArray<double>(), Is.EqualTo(new[] { 0.0, 1.9, -1.9, 200.0 }));
        Assert.That(x.ToArray<float>(), Is.EqualTo(new[] { 0f, 1.9f, -1.9f, 200f }));
        Assert.That(x.ToArray<long>(), Is.EqualTo(new[] { 0L, 1L, -1L, 200L }));
        Assert.That(x.ToArray<int>(), Is.EqualTo(new[] { 0, 1, -1, 200 }));
        Assert.That(Tensor.From([0L, 7L, 255L]).ToArray<byte>(), Is.EqualTo(new byte[] { 0, 7, 255 }));
        Assert.That(x.ToArray<bool>(), Is.EqualTo(new[] { false, true, true, true }));
        Assert.That(x.ToArray<decimal>, Throws.TypeOf<Core.DTypeException>());
    }

    [Test]
    public void Operators_MixTensorsAndNumbers()
    {
        var x = Tensor.From([1.0, 2.0]);
        Check.Values(x + x, 2, 4);
        Check.Values(x + 1, 2, 3);
        Check.Values(0.5 + x, 1.5, 2.5);
        Check.Values(x - x, 0, 0);
        Check.Values(x - 1.5, -0.5, 0.5);
        Check.Values(3 - x, 2, 1);
        Check.Values(x * x, 1, 4);
        Check.Values(x * 2, 2, 4);
        Check.Values(0.5 * x, 0.5, 1);
        Check.Values(x / x, 1, 1);
        Check.Values(x / 2, 0.5, 1);
        Check.Values(2.0 / x, 2, 1);
        Check.Values(-x, -1, -2);
    }

    [Test]
    public void Operators_ChooseTypesAsPyTorch()
    {
        var whole = Tensor.From([1L, 2L]);
        Assert.That((whole + 1).DType, Is.EqualTo(DType.Int64));
        Assert.That((whole + 0.5).DType, Is.EqualTo(DType.Float32));
        Assert.That((whole / 2).DType, Is.EqualTo(DType.Float32));
        Assert.That((Tensor.From([1f]) * 0.1).DType, Is.EqualTo(DType.Float32));
        Assert.That((Tensor.From([1.0]) + Tensor.From([1f])).DType, Is.EqualTo(DType.Float64));
        // Furnace, whose numbers minus integers multiply: style.md 1.4.
        Check.Values(0.5 - Tensor.From([1, 2, 3]), -0.5, -1.5, -2.5);
    }

    [Test]
    public void Indexing_PicksRowsAndRanges()
    {
        Check.Values(Matrix[1], 4, 5, 6);
        Check.Values(Matrix[-1], 4, 5, 6);
        Check.Values(Matrix[^2], 1, 2, 3);
        Assert.That(Matrix[0..1].Shape.ToArray(), Is.EqualTo(new[] { 1, 3 }));
        Assert.That(Matrix[1..100].Shape.ToArray(), Is.EqualTo(new[] { 1, 3 }), "cut to what there is");
        Assert.That(Matrix[5..].Size, Is.Zero);
        Assert.That(() => Matrix[2], Throws.TypeOf<Core.ShapeException>().With.Message.Contains("position 2"));
        Assert.That(() => Tensor.Scalar(1)[0], Throws.TypeOf<Core.ShapeException>());
    }

    [Test]
    public void Shapes_Change()
    {
        Assert.That(Matrix.T.Shape.ToArray(), Is.EqualTo(new[] { 3, 2 }));
        Check.Values(Matrix.T, 1, 4, 2, 5, 3, 6);
        Check.Values(Matrix.Transpose(0, -1), 1, 4, 2, 5, 3, 6);
        Check.Values(Matrix.Permute(1, 0), 1, 4, 2, 5, 3, 6);
        Assert.That(Matrix.Reshape(3, -1).Shape.ToArray(), Is.EqualTo(new[] { 3, 2 }));
        Assert.That(Matrix.Flatten().Shape.ToArray(), Is.EqualTo(new[] { 6 }));
        var deep = Tensor.Zeros([2, 3, 4, 5]);
        Assert.That(deep.Flatten(1).Shape.ToArray(), Is.EqualTo(new[] { 2, 60 }));
        Assert.That(deep.Flatten(1, 2).Shape.ToArray(), Is.EqualTo(new[] { 2, 12, 5 }));
        Assert.That(Matrix.Unsqueeze(-1).Shape.ToArray(), Is.EqualTo(new[] { 2, 3, 1 }));
        Assert.That(Matrix.Unsqueeze(0).Squeeze(0).Shape.ToArray(), Is.EqualTo(new[] { 2, 3 }));
        Check.Values(Tensor.From([1.0, 2.0]).Unsqueeze(1).Expand(2, 2), 1, 1, 2, 2);
        Check.Values(Matrix.Narrow(1, 1, 2), 2, 3, 5, 6);
        Check.Values(Tensor.Cat([Matrix, Matrix], 1)[0], 1, 2, 3, 1, 2, 3);
        Assert.That(Tensor.Stack([Matrix, Matrix]).Shape.ToArray(), Is.EqualTo(new[] { 2, 2, 3 }));
    }

    [Test]
    public void Reductions_TakeDimAndKeepdim()
    {
        Check.Values(Matrix.Sum(), 21);
        Check.Values(Matrix.Sum(0), 5, 7, 9);
        Assert.That(Matrix.Sum(1, keepdim: true).Shape.ToArray(), Is.EqualTo(new[] { 2, 1 }));
        Check.Values(Matrix.Mean(-1), 2, 5);
        Check.Values(Matrix.Amax(1), 3, 6);
        Check.Values(Matrix.Amax(), 6);
        Check.Values(Matrix.Std(1), 1, 1);
        Check.Values(Matrix.Var(1, correction: 0), 2.0 / 3, 2.0 / 3);
        Check.Values(Matrix.Argmax(1), 2, 2);
        Assert.That(Matrix.Argmax(1, keepdim: true).Shape.ToArray(), Is.EqualTo(new[] { 2, 1 }));
        Check.Values(Matrix.Argmax(), 5);
        Check.Values(Matrix.Argmin(0), 0, 0, 0);
        var (values, indices) = Matrix.Max(1);
        Check.Values(values, 3, 6);
        Check.Values(indices, 2, 2);
        Check.Values(Tensor.From([2.0, 1.0, 0.0]).LogSumExp(0), 2.4076059644);
        Check.Values(Tensor.From([2.0, 1.0, 0.0]).Softmax(0), 0.665240956, 0.244728471, 0.090030573);
        Check.Values(Tensor.From([1000.0, 1000.0, 1000.0]).LogSumExp(0), 1001.09861229);
        Assert.That(() => Matrix.Sum(2), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("axis 2"));
    }

    [Test]
    public void Comparisons_TakeTensorsAndNumbers()
    {
        var x = Tensor.From([1.0, 2.0, 3.0]);
        var two = Tensor.From([2.0, 2.0, 2.0]);
        Check.Values(x.Eq(two), 0, 1, 0);
        Check.Values(x.Ne(2), 1, 0, 1);
        Check.Values(x.Lt(2), 1, 0, 0);
        Check.Values(x.Le(two), 1, 1, 0);
        Check.Values(x.Gt(2), 0, 0, 1);
        Check.Values(x.Ge(2), 0, 1, 1);
        Check.Values(Tensor.From([1L, 2L]).Gt(1.5), 0, 1);
        Check.Values(Tensor.Where(x.Gt(1.5), x, -x), -1, 2, 3);
    }

    [Test]
    public void Products_AndPicking()
    {
        Check.Values(Matrix.MatMul(Matrix.T), 14, 32, 32, 77);
        Check.Values(Matrix.MatMul(Tensor.From([1.0, 0.0, 1.0])), 4, 10);
        Check.Values(Matrix.Gather(1, Tensor.From(new long[,] { { 2 }, { 0 } })), 3, 4);
        Check.Values(Matrix.IndexSelect(1, Tensor.From([2L, 0L])), 3, 1, 6, 4);
        Check.Values(Tensor.From([1L, 0L]).OneHot(3), 0, 1, 0, 1, 0, 0);
        Assert.That(
            () => Matrix.MatMul(Matrix),
            Throws.TypeOf<Core.ShapeException>().With.Message.Contains("matmul").And.Message.Contains("[2; 3]"));
    }

    [Test]
    public void Text_IsPyTorchs()
    {
        Assert.That(Tensor.Scalar(0.34651).ToString(), Is.EqualTo("tensor(0.3465)"));
        Assert.That(Tensor.From([5L]).Sum().ToString(), Is.EqualTo("tensor(5)"));
        Assert.That(Tensor.From([1f, 2f]).ToString(), Is.EqualTo("tensor([1., 2.])"));
        Assert.That(new Shape(64, 784).ToString(), Is.EqualTo("[64; 784]"));
    }

    [Test]
    public void Item_RaisesShapeException_WhenThereAreSeveral()
    {
        Assert.That(Matrix.Sum().Item(), Is.EqualTo(21.0));
        Assert.That(() => Matrix.Item(), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("[2; 3]"));
    }

    [Test]
    public void Random_FollowsFromTheGenerator()
    {
        Check.Same(Tensor.Rand([4], new Generator(1)), Tensor.Rand([4], new Generator(1)));
        Assert.That(Check.Bits(Tensor.Rand([4], new Generator(1))), Is.Not.EqualTo(Check.Bits(Tensor.Rand([4], new Generator(2)))));
        Assert.That(Check.Bits(Tensor.Rand([4])), Is.Not.EqualTo(Check.Bits(Tensor.Rand([4]))));

        var generator = new Generator(1);
        Assert.That(Check.Bits(Tensor.Rand([4], generator)), Is.Not.EqualTo(Check.Bits(Tensor.Rand([4], generator))));

        var normal = Tensor.Randn([20_000], new Generator(3), DType.Float64);
        Assert.That(normal.Mean().Item(), Is.EqualTo(0).Within(0.03));
        Assert.That(normal.Std().Item(), Is.EqualTo(1).Within(0.03));
        Assert.That(Tensor.RandPerm(10, new Generator(1)).ToArray<int>(), Is.EquivalentTo(Enumerable.Range(0, 10)));
    }

    [Test]
    public void Shape_IsAValue()
    {
        Assert.That(new Shape(2, 3), Is.EqualTo(new Shape(2, 3)));
        Assert.That(new Shape(2, 3) != new Shape(3, 2), Is.True);
        Assert.That(new Shape(2, 3).GetHashCode(), Is.EqualTo(new Shape(2, 3).GetHashCode()));
        Assert.That(new Shape(2, 3)[-1], Is.EqualTo(3));
        Assert.That(default(Shape).Size, Is.EqualTo(1));
        Assert.That(new Shape(2, 3).Sum(), Is.EqualTo(5));
        Assert.That(() => new Shape(-1), Throws.TypeOf<Core.ShapeException>());
    }
}
