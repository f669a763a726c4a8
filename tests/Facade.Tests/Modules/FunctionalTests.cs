using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Functions and losses with their weights as arguments: the bits of the modules, and gradients for all.</summary>
public class FunctionalTests
{
    private static Tensor Random(int seed, params int[] shape) => Tensor.Randn(shape, new Generator(seed), DType.Float64);

    private static IEnumerable<TestCaseData> Functions()
    {
        static TestCaseData Case(string name, Func<Tensor[], Tensor> f, Module module, params int[][] shapes) =>
            new TestCaseData(f, module, shapes).SetName("Functional_" + name);

        yield return Case("Linear", x => Functional.Linear(x[0], x[1], x[2]), new Linear(3, 2), [4, 3], [2, 3], [2]);
        yield return Case("Conv1d", x => Functional.Conv1d(x[0], x[1], x[2], padding: Sizes.Same), new Conv1d(2, 3, 3, padding: Sizes.Same), [1, 2, 5], [3, 2, 3], [3]);
        yield return Case("Conv2d", x => Functional.Conv2d(x[0], x[1], x[2], stride: 2, padding: (1, 0), groups: 2), new Conv2d(2, 4, 3, stride: 2, padding: (1, 0), groups: 2), [1, 2, 5, 4], [4, 1, 3, 3], [4]);
        yield return Case("Conv3d", x => Functional.Conv3d(x[0], x[1], x[2]), new Conv3d(1, 2, 2), [1, 1, 3, 2, 2], [2, 1, 2, 2, 2], [2]);
        yield return Case("LayerNorm", x => Functional.LayerNorm(x[0], [3], x[1], x[2]), new LayerNorm(3), [2, 3], [3], [3]);
        yield return Case("MaxPool2d", x => Functional.MaxPool2d(x[0], 2), new MaxPool2d(2), [[1, 1, 4, 4]]);
        yield return Case("AvgPool2d", x => Functional.AvgPool2d(x[0], 2, stride: 1), new AvgPool2d(2, stride: 1), [[1, 1, 3, 3]]);
        yield return Case("AdaptiveAvgPool2d", x => Functional.AdaptiveAvgPool2d(x[0], 2), new AdaptiveAvgPool2d(2), [[1, 1, 5, 3]]);
        yield return Case("LeakyRelu", x => Functional.LeakyRelu(x[0], 0.1), new LeakyReLU(0.1), [[5]]);
        yield return Case("Gelu", x => Functional.Gelu(x[0]), new GELU(), [[5]]);
        yield return Case("Silu", x => Functional.Silu(x[0]), new SiLU(), [[5]]);
        yield return Case("Softplus", x => Functional.Softplus(x[0]), new Softplus(), [[5]]);
        yield return Case("LogSigmoid", x => Functional.LogSigmoid(x[0]), new LogSigmoid(), [[5]]);
    }

    [TestCaseSource(nameof(Functions))]
    public void Functions_GiveTheBitsOfModules_AndGradientsForEachArgument(
        Func<Tensor[], Tensor> f, Module module, int[][] shapes)
    {
        module.To(DType.Float64);
        var arguments = shapes.Select((shape, i) => Random(i, shape)).ToArray();

        foreach (var (parameter, value) in module.Parameters().Zip(arguments.Skip(1)))
        {
            parameter.Value = value;
        }

        Check.Same(f(arguments), module.Call(arguments[0]).Detach());

        for (var i = 0; i < arguments.Length; i++)
        {
            Tensor Of(Tensor x)
            {
                var y = f([.. arguments[..i], x, .. arguments[(i + 1)..]]);
                return (y * (0.3 * Tensor.Arange(y.Size).Double()).Cos().Reshape(y.Shape)).Sum();
            }

            Assert.That(
                Check.Gradient(Of, arguments[i]).ToArray<double>(), Is.EqualTo(Check.Slope(Of, arguments[i])).Within(1e-6));
        }
    }

    [Test]
    public void Pad_PutsPlacesAroundTheLastAxes()
    {
        var x = Tensor.From(new[,] { { 1.0, 2, 3 } });
        Check.Values(Functional.Pad(x, [(1, 2)], value: 9), 9, 1, 2, 3, 9, 9);
        Check.Values(Functional.Pad(x, [(2, 0)], PaddingMode.Circular), 2, 3, 1, 2, 3);
        Check.Values(Check.Gradient(y => Functional.Pad(y, [(1, 1)], PaddingMode.Replicate).Sum(), x), 2, 1, 2);
    }

    [Test]
    public void Dropout_IsTheIdentity_UnlessItTrains()
    {
        var x = Random(1, 50);
        Check.Same(Functional.Dropout(x, 0.5, training: false), x);
        Check.Same(Functional.Dropout(x, 0.5, generator: new Generator(1)), new Dropout(0.5, new Generator(1)).Call(x));
    }

    private sealed class DrawsInForward : Module
    {
        private readonly Linear _layer = new(2, 2);

        public override Tensor Forward(Tensor input) => Functional.Dropout(_layer.Call(input), 0.5, Training);
    }

    [Test]
    public void Drawing_InForward_IsRefusedWhereItWouldBeFrozen()
    {
        var net = new DrawsInForward();
        var step = net.CompileStep(Losses.Mse, new SGD(net.Parameters(), 0.1));
        Assert.That(
            () => step.Run(Tensor.Ones([1, 2]), Tensor.Ones([1, 2])),
            Throws.InvalidOperationException.With.Message.Contains("Dropout").And.Message.Contains("field"));
    }

    private static double Log(double x) => Math.Log(x);

    private static IEnumerable<TestCaseData> Losses_()
    {
        static TestCaseData Case(string name, LossModule loss, double[] input, Tensor target, double expected) =>
            new TestCaseData(loss, input, target, expected).SetName("Loss_" + name);

        // softmax([2, 1, 0]) is 0.665241, 0.244728, 0.0900306: G-4 of the lessons.
        double[] scores = [2, 1, 0, 0, 1, 3];
        var classes = Tensor.From([0L, 1L]);
        yield return Case("CrossEntropy", new CrossEntropyLoss(), scores, classes, 1.288726);
        yield return Case("CrossEntropySum", new CrossEntropyLoss(reduction: Reduction.Sum), scores, classes, 2 * 1.288726);
        yield return Case("CrossEntropyIgnores", new CrossEntropyLoss(ignoreIndex: 1), scores, classes, -Log(0.66524096));
        yield return Case(
            "CrossEntropySmoothed", new CrossEntropyLoss(labelSmoothing: 0.3), [2, 1, 0], Tensor.From([0L]),
            -0.8 * Log(0.66524096) - 0.1 * Log(0.24472847) - 0.1 * Log(0.09003057));
        yield return Case("Nll", new NLLLoss(Tensor.From([1.0, 3.0, 1.0])), [-1, -2, -3, -4, -5, -6], classes, (1 + 3 * 5) / 4.0);
        yield return Case("Bce", new BCELoss(), [0.2, 0.9], Tensor.From([0.0, 1.0]), -(Log(0.8) + Log(0.9)) / 2);
        yield return Case(
            "BceWithLogits", new BCEWithLogitsLoss(posWeight: 2), [0, 1], Tensor.From([1.0, 0.0]), (2 * Log(2) + Log(1 + Math.E)) / 2);
        yield return Case("Mse", new MSELoss(), [1, 4], Tensor.From([0.0, 1.0]), 5);
        yield return Case("L1", new L1Loss(Reduction.Sum), [1, 4], Tensor.From([0.0, 1.0]), 4);
        yield return Case("SmoothL1", new SmoothL1Loss(beta: 2), [1, 4], Tensor.From([0.0, 1.0]), (1.0 / 4 + 2) / 2);
        yield return Case("Huber", new HuberLoss(delta: 2), [1, 4], Tensor.From([0.0, 1.0]), (0.5 + 2 * 2) / 2);
        yield return Case(
            "KLDiv", new KLDivLoss(Reduction.BatchMean), [-1, -2], Tensor.From(new[,] { { 0.25, 0.75 } }),
            0.25 * (Log(0.25) + 1) + 0.75 * (Log(0.75) + 2));
    }

    /// <summary>Checklist row 28 among them.</summary>
    [TestCaseSource(nameof(Losses_))]
    public void Loss_HasItsFormulasValueAndGradient_Row28(LossModule loss, double[] input, Tensor target, double expected)
    {
        var shape = target.DType == DType.Int64 ? [target.Size, 3] : target.Shape.ToArray();
        var x = Tensor.From(input, shape);
        Assert.That(loss.Call(x, target).Item(), Is.EqualTo(expected).Within(2e-6));
        Assert.That(
            Check.Gradient(y => loss.Call(y, target), x).ToArray<double>(),
            Is.EqualTo(Check.Slope(y => loss.Call(y, target), x)).Within(1e-6));
        Func<Tensor, Tensor, Tensor> function = loss;
        Check.Same(function(x, target), loss.Call(x, target));
        Assert.That($"{loss}", Is.EqualTo($"{loss.GetType().Name}()"));
        Assert.That(() => loss.Call(x), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("target"));
    }
}
