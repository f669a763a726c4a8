using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Comparing tensors with numbers.</summary>
internal static class Check
{
    public static void Values(Tensor actual, params double[] expected) => Close(actual, 1e-6, expected);

    public static void Close(Tensor actual, double tolerance, params double[] expected) =>
        Assert.That(actual.ToArray<double>(), Is.EqualTo(expected).Within(tolerance));

    public static void Same(Tensor actual, Tensor expected)
    {
        Assert.That(actual.Shape, Is.EqualTo(expected.Shape));
        Assert.That(Bits(actual), Is.EqualTo(Bits(expected)));
    }

    /// <summary>The elements' bits, so that a difference in the last place shows.</summary>
    public static long[] Bits(Tensor x) => [.. x.ToArray<double>().Select(BitConverter.DoubleToInt64Bits)];

    /// <summary>The gradient of a function of one tensor by central differences.</summary>
    public static double[] Slope(Func<Tensor, Tensor> f, Tensor at)
    {
        const double step = 1e-6;
        var x = at.ToArray<double>();

        double Moved(int i, double by) =>
            f(Tensor.From([.. x.Select((v, j) => i == j ? v + by : v)], at.Shape)).Item();

        return [.. x.Select((_, i) => (Moved(i, step) - Moved(i, -step)) / (2 * step))];
    }

    /// <summary>What Backward finds for a function of one tensor.</summary>
    public static Tensor Gradient(Func<Tensor, Tensor> f, Tensor at)
    {
        var x = new Parameter(at);
        f(x.Value).Backward();
        return x.Grad ?? throw new InvalidOperationException("no gradient");
    }
}
