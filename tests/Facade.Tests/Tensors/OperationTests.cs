using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>
/// Every operation of a tensor: its value against .NET's own mathematics or numbers worked out by hand, and
/// its gradient against differences, which fails when the face loses a parameter on the way.
/// </summary>
public class OperationTests
{
    private static readonly Tensor X = Tensor.From(new[,] { { 0.3, -0.7, 0.9 }, { -0.2, 0.6, 0.45 } });
    private static readonly Tensor Square = Tensor.From(new[,] { { 2.0, 0.5 }, { 0.3, 1.5 } });

    private static IEnumerable<TestCaseData> Elementwise()
    {
        static TestCaseData Case(string name, Func<Tensor, Tensor> f, Func<double, double> expected, double shift = 0) =>
            new TestCaseData(f, expected, shift).SetName("Elementwise_" + name);

        yield return Case("Abs", x => x.Abs(), Math.Abs);
        yield return Case("Neg", x => x.Neg(), x => -x);
        yield return Case("Reciprocal", x => x.Reciprocal(), x => 1 / x);
        yield return Case("Sqrt", x => x.Sqrt(), Math.Sqrt, 1);
        yield return Case("Rsqrt", x => x.Rsqrt(), x => 1 / Math.Sqrt(x), 1);
        yield return Case("Square", x => x.Square(), x => x * x);
        yield return Case("PowNumber", x => x.Pow(3), x => x * x * x);
        yield return Case("PowTensor", x => x.Pow(x), x => Math.Pow(x, x), 1);
        yield return Case("Exp", x => x.Exp(), Math.Exp);
        yield return Case("Expm1", x => x.Expm1(), x => Math.Exp(x) - 1);
        yield return Case("Log", x => x.Log(), Math.Log, 1);
        yield return Case("Log1p", x => x.Log1p(), x => Math.Log(1 + x));
        yield return Case("Log2", x => x.Log2(), Math.Log2, 1);
        yield return Case("Log10", x => x.Log10(), Math.Log10, 1);
        yield return Case("Sin", x => x.Sin(), Math.Sin);
        yield return Case("Cos", x => x.Cos(), Math.Cos);
        yield return Case("Tan", x => x.Tan(), Math.Tan);
        yield return Case("Asin", x => x.Asin(), Math.Asin);
        yield return Case("Acos", x => x.Acos(), Math.Acos);
        yield return Case("Atan", x => x.Atan(), Math.Atan);
        yield return Case("Atan2", x => x.Atan2(x + 2), x => Math.Atan2(x, x + 2));
        yield return Case("Sinh", x => x.Sinh(), Math.Sinh);
        yield return Case("Cosh", x => x.Cosh(), Math.Cosh);
        yield return Case("Tanh", x => x.Tanh(), Math.Tanh);
        yield return Case("Atanh", x => x.Atanh(), Math.Atanh);
        yield return Case("Sigmoid", x => x.Sigmoid(), x => 1 / (1 + Math.Exp(-x)));
        yield return Case("Relu", x => x.Relu(), x => Math.Max(x, 0));
        yield return Case("ErfinvOfErf", x => x.Erf().Erfinv(), x => x);
        yield return Case("Maximum", x => x.Maximum(0.1), x => Math.Max(x, 0.1));
        yield return Case("Minimum", x => x.Minimum(-x), x => Math.Min(x, -x));
        yield return Case("Clamp", x => x.Clamp(-0.5, 0.5), x => Math.Clamp(x, -0.5, 0.5));
        yield return Case("ClampMin", x => x.ClampMin(0.1), x => Math.Max(x, 0.1));
        yield return Case("ClampMax", x => x.ClampMax(0.1), x => Math.Min(x, 0.1));
        yield return Case("Lerp", x => x.Lerp(2 * x, 0.25), x => 1.25 * x);
        yield return Case("Where", x => Tensor.Where(x > 0, x, 0.0), x => Math.Max(x, 0));
        yield return Case("MaskedFill", x => x.MaskedFill(x < 0, 7), x => x < 0 ? 7 : x);
        yield return Case("LogSoftmaxOfOne", x => x.Reshape(-1, 1).LogSoftmax(1) + x.Reshape(-1, 1), x => x);
        yield return Case("Implicit", x => x + (Tensor)1 + (Tensor)2L + (Tensor)0.5f + (Tensor)true, x => x + 4.5);
    }

    [TestCaseSource(nameof(Elementwise))]
    public void Values_AndGradients(Func<Tensor, Tensor> f, Func<double, double> expected, double shift)
    {
        var at = X + shift;
        Check.Close(f(at), 1e-12, [.. at.ToArray<double>().Select(expected)]);
        RequireGradient(f, at);
    }

    [Test]
    public void StepFunctions_HaveNoGradient()
    {
        Check.Values(X.Sign(), 1, -1, 1, -1, 1, 1);
        Check.Values((2 * X).Floor(), 0, -2, 1, -1, 1, 0);
        Check.Values((2 * X).Ceil(), 1, -1, 2, 0, 2, 1);
        Check.Values((2 * X).Round(), 1, -1, 2, 0, 1, 1);
        var x = new Parameter(X);
        (x + x.Value.Floor()).Sum().Backward();
        Check.Values(x.Grad!, 1, 1, 1, 1, 1, 1);
    }

    private static IEnumerable<TestCaseData> Others()
    {
        static TestCaseData Case(string name, Func<Tensor, Tensor> f, Tensor at, params double[] expected) =>
            new TestCaseData(f, at, expected).SetName("Operation_" + name);

        var rows = Tensor.From([1L, 0L]);
        var index = Tensor.From(new[,] { { 2L, 0L }, { 1L, 1L } });

        yield return Case("SumOfAxes", x => x.Sum([0, 1]), X, 1.35);
        yield return Case("MeanOfAxes", x => x.Mean([0, -1]), X, 0.225);
        yield return Case("Prod", x => x.Prod(1), X, 0.3 * -0.7 * 0.9, -0.2 * 0.6 * 0.45);
        yield return Case("Amin", x => x.Amin(1), X, -0.7, -0.2);
        yield return Case("MaxOfAll", x => x.Max(), X, 0.9);
        yield return Case("MinOfAll", x => x.Min(), X, -0.7);
        yield return Case("Max", x => x.Max(1).Values, X, 0.9, 0.6);
        yield return Case("Min", x => x.Min(0, keepdim: true).Values, X, -0.2, -0.7, 0.45);
        yield return Case("VarOfAxis", x => x.Var(1, correction: 0), Square, 0.5625, 0.36);
        yield return Case("StdOfAxes", x => x.Std([0, 1], correction: 0), Square, Math.Sqrt(0.491875));
        yield return Case("Norm", x => x.Norm(), Square, Math.Sqrt(4 + 0.25 + 0.09 + 2.25));
        yield return Case("Norm1", x => x.Norm(1, [1]), Square, 2.5, 1.8);
        yield return Case("NormInf", x => x.Norm(double.PositiveInfinity, dim: 0), Square, 2, 1.5);
        yield return Case("LogSumExpOfAxes", x => x.LogSumExp([0, 1]), Square * 0, Math.Log(4));
        yield return Case("Softmax", x => x.Softmax(1), Square * 0, 0.5, 0.5, 0.5, 0.5);
        yield return Case("CumSum", x => x.CumSum(1), X, 0.3, -0.4, 0.5, -0.2, 0.4, 0.85);
        yield return Case("CumProd", x => x.CumProd(1), Square, 2, 1, 0.3, 0.45);
        yield return Case("Sort", x => x.Sort(descending: true).Values, X, 0.9, 0.3, -0.7, 0.6, 0.45, -0.2);
        yield return Case("TopK", x => x.TopK(2).Values, X, 0.9, 0.3, 0.6, 0.45);
        yield return Case("TopKSmallest", x => x.TopK(1, dim: 0, largest: false).Values, X, -0.2, -0.7, 0.45);
        yield return Case("MatMul", x => x.MatMul(x.T), Square, 4.25, 1.35, 1.35, 2.34);
        yield return Case("Einsum", x => Tensor.Einsum("ij,kj->ik", x, x), Square, 4.25, 1.35, 1.35, 2.34);
        yield return Case("Dot", x => x[0].Dot(x[1]), Square, 1.35);
        yield return Case("Outer", x => x[0].Outer(x[1]), Square, 0.6, 3, 0.15, 0.75);
        yield return Case("Det", x => x.Det(), Square, 2.85);
        yield return Case("Inverse", x => x.Inverse(), Square, 1.5 / 2.85, -0.5 / 2.85, -0.3 / 2.85, 2 / 2.85);
        yield return Case("Solve", x => x.Solve(x), Square, 1, 0, 0, 1);
        yield return Case("Cholesky", x => x.MatMul(x.T).Cholesky()[0, 0], Square, Math.Sqrt(4.25));
        yield return Case("Trace", x => x.Trace(), Square, 3.5);
        yield return Case("Diagonal", x => x.Diagonal(1), X, -0.7, 0.45);
        yield return Case("Tril", x => x.Tril(), Square, 2, 0, 0.3, 1.5);
        yield return Case("Triu", x => x.Triu(1), Square, 0, 0.5, 0, 0);
        yield return Case("View", x => x.View(3, 2)[2], X, 0.6, 0.45);
        yield return Case("Squeeze", x => x.Unsqueeze(0).Squeeze(), Square, 2, 0.5, 0.3, 1.5);
        yield return Case("ExpandAs", x => x[0].ExpandAs(X), X, 0.3, -0.7, 0.9, 0.3, -0.7, 0.9);
        yield return Case("MoveDim", x => x.Unsqueeze(2).MoveDim(0, -1)[0, 0], X, 0.3, -0.2);
        yield return Case("Split", x => x.Split(2, 1)[1], X, 0.9, 0.45);
        yield return Case("SplitSizes", x => x.Split([1, 2], 1)[0], X, 0.3, -0.2);
        yield return Case("Chunk", x => x.Chunk(2)[1], Square, 0.3, 1.5);
        yield return Case("Unbind", x => x.Unbind(1)[1], Square, 0.5, 1.5);
        yield return Case("Repeat", x => x[0].Repeat(2, 1), Square, 2, 0.5, 2, 0.5);
        yield return Case("Flip", x => x.Flip(0, 1), Square, 1.5, 0.3, 0.5, 2);
        yield return Case("Roll", x => x.Roll(1, 1), X, 0.9, 0.3, -0.7, 0.45, -0.2, 0.6);
        yield return Case("Unfold", x => x.Unfold(1, 2, 1)[0], X, 0.3, -0.7, -0.7, 0.9);
        yield return Case("Stack", x => Tensor.Stack([x, 2 * x], 1)[0], Square, 2, 0.5, 4, 1);
        yield return Case("Select", x => x.Select(1, -1), X, 0.9, 0.45);
        yield return Case("Take", x => x.Take(Tensor.From([0L, -1L, 0L])), X, 0.3, 0.45, 0.3);
        yield return Case("Gather", x => x.Gather(1, index), X, 0.9, 0.3, 0.6, 0.6);
        yield return Case("IndexSelect", x => x.IndexSelect(0, rows), Square, 0.3, 1.5, 2, 0.5);
        yield return Case("MaskedSelect", x => x.MaskedSelect(X > 0.4), X, 0.9, 0.6, 0.45);
        yield return Case("Scatter", x => x.Scatter(0, Tensor.From(new[,] { { 1L, 1L } }), -x), Square, 2, 0.5, -2, -0.5);
        yield return Case("ScatterNumber", x => x.Scatter(1, Tensor.From(new[,] { { 1L }, { 0L } }), 9), Square, 2, 9, 9, 1.5);
        yield return Case("ScatterAdd", x => x.ScatterAdd(0, Tensor.From(new[,] { { 0L, 0L } }), x), Square, 4, 1, 0.3, 1.5);
        yield return Case("IndexAdd", x => x.IndexAdd(0, rows, x), Square, 2.3, 2, 2.3, 2);
    }

    [TestCaseSource(nameof(Others))]
    public void Values_AndGradients(Func<Tensor, Tensor> f, Tensor at, double[] expected)
    {
        Check.Close(f(at), 1e-12, expected);
        RequireGradient(f, at);
    }

    private static void RequireGradient(Func<Tensor, Tensor> f, Tensor at)
    {
        // Weights that differ, so that a gradient in the wrong place shows.
        Tensor Weighted(Tensor x) =>
            (f(x) * (Tensor.Arange(f(x).Size).To(DType.Float64).Reshape(f(x).Shape) * 0.37 + 1)).Sum();

        Assert.That(
            Check.Gradient(Weighted, at).ToArray<double>(), Is.EqualTo(Check.Slope(Weighted, at)).Within(1e-6));
    }
}
