using NUnit.Framework;

namespace FunctionalDL.Tests;

public class AutogradTests
{
    private static readonly Tensor Point = Tensor.From([0.5, -1.25, 2.0, 0.75], [2, 2]);

    private static IEnumerable<TestCaseData> Functions()
    {
        static TestCaseData Case(string name, Func<Tensor, Tensor> f) => new TestCaseData(f).SetArgDisplayNames(name);
        var other = Tensor.From([1.5, -0.5, 0.25, 2.0], [2, 2]);
        yield return Case("operators", x => (2 * x + x * other - x / 3 + 1.0 / (x + 4) - -x).Sum());
        yield return Case("quotient", x => (other / (x * x + 1)).Sum());
        yield return Case("abs, sign, square", x => (x.Abs() * x.Sign() + x.Square()).Sum());
        yield return Case("sqrt, log", x => (x.Square() + 1).Sqrt().Log().Sum());
        yield return Case("exp, expm1, log1p", x => (x.Exp() + x.Expm1() + x.Square().Log1p()).Sum());
        yield return Case("sin, cos, tanh, sigmoid", x => (x.Sin() * x.Cos() + x.Tanh() * x.Sigmoid()).Sum());
        yield return Case("relu", x => (x.Relu() * other).Sum());
        yield return Case("maximum, minimum", x => (x.Maximum(other) * x.Minimum(other)).Sum());
        yield return Case("matmul", x => x.MatMul(other).MatMul(x.T).Square().Sum());
        yield return Case("reshape, flatten", x => (x.Reshape(4) * x.Flatten()).Sum());
        yield return Case("permute, transpose", x => (x.Permute(1, 0) * x.Transpose(0, 1) * other).Sum());
        yield return Case("unsqueeze, expand, squeeze", x => x.Unsqueeze(0).Expand(3, 2, 2).Square().Mean(0, keepdim: true).Squeeze(0).Sum());
        yield return Case("narrow, index, range", x => (x.Narrow(1, 0, 1) * x[..1] + x[1]).Square().Sum());
        yield return Case("gather", x => x.Gather(1, Tensor.From(new long[,] { { 1, 1 }, { 0, 1 } })).Square().Sum());
        yield return Case("index select", x => x.IndexSelect(0, Tensor.From([1L, 1L, 0L])).Square().Sum());
        yield return Case("sum, mean", x => (x.Sum(0) * x.Mean(1) + x.Sum(1, keepdim: true).Squeeze(1)).Sum());
        yield return Case("amax, max", x => x.Amax(0).Sum() + x.Max(1).Values.Square().Sum());
        yield return Case("var, std", x => x.Var(1).Sum() + x.Std());
        yield return Case("softmax, log softmax", x => (x.Softmax(1) * other + x.LogSoftmax(0) * other).Sum());
        yield return Case("logsumexp", x => (x.LogSumExp(1) * x.LogSumExp(1, keepdim: true).Squeeze(1)).Sum());
        yield return Case("cat, stack, where", x => Tensor.Where(x.Gt(0), Tensor.Cat([x, x])[..2], Tensor.Stack([x, -x])[1]).Square().Sum());
        yield return Case("cross entropy", x => Losses.CrossEntropy(x, Tensor.From([1L, 0L])));
        yield return Case("mse", x => Losses.Mse(x, other));
    }

    /// <summary>Without .Value: with numbers on either side, with each other, and with tensors.</summary>
    [Test]
    public void Parameters_AreReckonedWith_LikeTensors()
    {
        var (p, q) = (new Parameter(Tensor.From([3.0])), new Parameter(Tensor.From([4.0])));
        var t = Tensor.From([2.0]);
        Tensor[] found =
            [p + 1, p - 1, p * 2, p / 2, 1 + p, 1 - p, 2 * p, 6 / p, 0.5 + p, p - 0.5, p + q, p - q, p * q, p / q, -p, p + t, t - p, t * q, q / t];
        Check.Values(Tensor.Cat(found), 4, 2, 6, 1.5, 4, -2, 6, 2, 3.5, 2.5, 7, -1, 12, 0.75, -3, 5, -1, 8, 2);
        Assert.That(found, Is.All.Matches<Tensor>(x => x!.RequiresGrad && x.DType == DType.Float64));
        (p * q - 1 / p + 2 * p).Sum().Backward();
        Check.Values(p.Grad!, 4 + (1.0 / 9) + 2);
        Check.Values(q.Grad!, 3);
    }

    [TestCaseSource(nameof(Functions))]
    public void Backward_AgreesWithCentralDifferences(Func<Tensor, Tensor> f) =>
        Check.Close(Check.Gradient(f, Point), 1e-7, Check.Slope(f, Point));

    [Test]
    public void Backward_AddsToTheGradient_UntilItIsZeroed_Row16()
    {
        var w = new Parameter(Tensor.From([2.0, 3.0]));
        w.Value.Square().Sum().Backward();
        Check.Values(w.Grad!, 4, 6);
        w.Value.Sum().Backward();
        Check.Values(w.Grad!, 5, 7);
        w.ZeroGrad();
        Assert.That(w.Grad, Is.Null);
    }

    [Test]
    public void Backward_ReachesEveryParameterOnce_AlsoThroughSharedParts()
    {
        var a = new Parameter(Tensor.Scalar(2, DType.Float64));
        var b = new Parameter(Tensor.Scalar(5, DType.Float64));
        var c = new Parameter(Tensor.Scalar(7, DType.Float64));
        var ab = a.Value * b;
        (ab * ab + a).Backward();
        Check.Values(a.Grad!, 2 * 2 * 25 + 1);
        Check.Values(b.Grad!, 2 * 4 * 5);
        Assert.That(c.Grad, Is.Null, "not reached");
    }

    [Test]
    public void Backward_CountsReadsBeforeAndAfterAWrite()
    {
        var w = new Parameter(Tensor.Scalar(2, DType.Float64));
        var before = w.Value.Square();
        w.Value = Tensor.Scalar(10, DType.Float64);
        (before + w.Value.Square()).Backward();
        Check.Values(w.Grad!, 4 + 20);
    }

    [Test]
    public void Backward_ReleasesTheGraph_AndKeepsTheValue()
    {
        var w = new Parameter(Tensor.Scalar(3, DType.Float64));
        var loss = w.Value.Square();
        loss.Backward();
        Assert.That(loss.Item(), Is.EqualTo(9.0));
        Assert.That(loss.RequiresGrad, Is.False);
        Assert.That(() => loss.Backward(), Throws.InvalidOperationException.With.Message.Contains("retainGraph"));

        var kept = w.Value.Square();
        kept.Backward(retainGraph: true);
        kept.Backward();
        Check.Values(w.Grad!, 18);
    }

    [Test]
    public void Backward_DoesNotDependOnLookingAtTheLossBefore()
    {
        Tensor Gradient(bool look)
        {
            var w = new Parameter(Tensor.From([0.3f, -0.7f, 1.1f]));
            var loss = (w.Value.Exp() * w.Value.Sin()).Sum();
            _ = look ? loss.ToString() : "";
            loss.Backward();
            return w.Grad!;
        }

        Check.Same(Gradient(look: true), Gradient(look: false));
    }

    [Test]
    public void Backward_RaisesShapeException_WhenNotASingleNumber() =>
        Assert.That(
            () => new Parameter(Point).Value.Backward(),
            Throws.TypeOf<Core.ShapeException>().With.Message.Contains("[2; 2]"));

    [Test]
    public void Backward_Raises_WhenNoParameterIsReached()
    {
        var w = new Parameter(Point);
        Assert.That(() => Point.Sum().Backward(), Throws.InvalidOperationException);
        Assert.That(() => w.Value.Detach().Sum().Backward(), Throws.InvalidOperationException);
        Assert.That(() => w.Value.Gt(0).Sum().Backward(), Throws.InvalidOperationException);
        w.RequiresGrad = false;
        Assert.That(() => w.Value.Sum().Backward(), Throws.InvalidOperationException);
    }

    [Test]
    public void NoGrad_GivesPlainValues_AndNests()
    {
        var w = new Parameter(Point);

        using (Autograd.NoGrad())
        {
            using (Autograd.NoGrad())
            {
                Assert.That(Autograd.IsEnabled, Is.False);
            }

            Assert.That(Autograd.IsEnabled, Is.False);
            Assert.That(w.Value.RequiresGrad, Is.False);
        }

        Assert.That(Autograd.IsEnabled, Is.True);
        Assert.That(w.Value.RequiresGrad, Is.True);
    }

    [Test]
    public void NoGrad_DoesNotReachOtherThreads()
    {
        using var entered = new ManualResetEventSlim();
        using var looked = new ManualResetEventSlim();
        var other = new Thread(() =>
        {
            using (Autograd.NoGrad())
            {
                entered.Set();
                looked.Wait();
            }
        });
        other.Start();
        entered.Wait();
        Assert.That(Autograd.IsEnabled, Is.True);
        looked.Set();
        other.Join();
    }

    /// <summary>Checklist row 42.</summary>
    [Test]
    public void Update_Raises_OutsideNoGrad_AndWorksInside()
    {
        var w = new Parameter(Tensor.From([1.0, 2.0]));
        w.Value.Square().Sum().Backward();

        Assert.That(
            () => w.Value -= 0.1 * w.Grad!, Throws.InvalidOperationException.With.Message.Contains("NoGrad"));

        using (Autograd.NoGrad())
        {
            w.Value -= 0.1 * w.Grad!;
        }

        Check.Values(w.Value, 0.8, 1.6);
        Assert.That(w.RequiresGrad, Is.True);
        Assert.That(w.Value.RequiresGrad, Is.True);
    }

    [Test]
    public void Update_RefusesOtherShapesAndTypes()
    {
        var w = new Parameter(Tensor.From([1f, 2f]));
        Assert.That(() => w.Value = Tensor.From([1f]), Throws.TypeOf<Core.ShapeException>());
        Assert.That(
            () => w.Value = Tensor.From([1.0, 2.0]),
            Throws.TypeOf<Core.DTypeException>().With.Message.Contains("To(DType.Float32)"));
        Assert.That(() => new Parameter(Tensor.From([1L])), Throws.TypeOf<Core.DTypeException>());
        Assert.That(new Parameter(Tensor.From([1L]), requiresGrad: false).Value.RequiresGrad, Is.False);
    }

    [Test]
    public void Loss_IsFreeToBeCollected_WithAllThatItWasComputedFrom()
    {
        var w = new Parameter(Point);
        var graph = Forward(w);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.That(graph.IsAlive, Is.False);
        GC.KeepAlive(w);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static WeakReference Forward(Parameter w) => new(w.Value.Square().Sum());
    }

    [Test]
    public void Backward_WalksLongChains()
    {
        var w = new Parameter(Tensor.Scalar(1, DType.Float64));
        var x = w.Value;

        for (var i = 0; i < 20_000; i++)
        {
            x += w;
        }

        x.Backward();
        Check.Values(w.Grad!, 20_001);
    }
}
