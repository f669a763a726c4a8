using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>
/// The deterministic trace G-1 of the lessons (checklist row 39): a 784-50-10 network with weights filled by
/// a sine, real MNIST divided by 256, ordered batches of 64, SGD with rate 0.5. In float64 it holds to the
/// printed digits; in float32 within 1e-5 up to step 400 and 1e-4 at 782.
/// </summary>
public class TraceTests
{
    /// <summary>
    /// After so many steps: the last batch's loss before its step, and loss and accuracy on the validation
    /// part.
    /// </summary>
    private static readonly (int Steps, double BatchLoss, double ValidLoss, double ValidAccuracy)[] Golden =
    [
        (1, 2.309341, 2.199652, 0.2238),
        (10, 1.841819, 1.699645, 0.3876),
        (50, 0.439218, 0.533186, 0.8422),
        (100, 0.229137, 0.387096, 0.8808),
        (200, 0.411796, 0.325010, 0.9072),
        (400, 0.310023, 0.224728, 0.9305),
        (782, 0.210385, 0.168221, 0.9492),
    ];

    private static readonly double[] FirstLogits =
        [0.052042, -0.032488, 0.006676, 0.020422, -0.043586, 0.058355, -0.061884, 0.053493, -0.034798, 0.009401];

    private static readonly Lazy<(TensorDataset Train, TensorDataset Valid)> Mnist = new(() =>
    {
        var (x, y) = ImageData.FromIdx(House.Mnist()).Train[..];
        return (new TensorDataset(x[..50_000], y[..50_000]), new TensorDataset(x[50_000..], y[50_000..]));
    });

    /// <summary>The network; pictures arrive as bytes.</summary>
    private sealed class Model : Module
    {
        private readonly Linear _l1 = new(784, 50), _l2 = new(50, 10);

        public Model(DType dtype)
        {
            To(dtype);
            _l1.Weight.Value = Sines(dtype, 50, 784, 1.0 / 28, 0);
            _l2.Weight.Value = Sines(dtype, 10, 50, 1 / Math.Sqrt(50), 1);
            _l1.Bias!.Value = Tensor.Zeros([50], dtype);
            _l2.Bias!.Value = Tensor.Zeros([10], dtype);
        }

        public override Tensor Forward(Tensor input) =>
            _l2.Call(_l1.Call(input.Flatten(1).To(_l1.Weight.DType) / 256).Relu());

        /// <summary>Element k is scale · sin(phase + 0.7 k), worked out in float64.</summary>
        private static Tensor Sines(DType dtype, int rows, int columns, double scale, double phase) =>
            Tensor.From([.. Enumerable.Range(0, rows * columns).Select(k => scale * Math.Sin(phase + (0.7 * k)))], [rows, columns])
                .To(dtype);
    }

    private static double Tolerance(DType dtype, int steps) =>
        dtype == DType.Float64 ? 6e-7 : steps <= 400 ? 1e-5 : 1e-4;

    private static (double Loss, double Accuracy) Judge(Module model, TensorDataset data)
    {
        using var _ = Autograd.NoGrad();
        var (x, y) = data[..];
        var output = model.Call(x);
        return (Losses.CrossEntropy(output, y).Item(), Metrics.Accuracy(output, y).Item());
    }

    [Test]
    public void Untrained_GivesTheGoldenFigures()
    {
        var (train, _) = Mnist.Value;
        var model = new Model(DType.Float64);
        Check.Close(model.Call(train[..1].Inputs[0]), 6e-7, FirstLogits);

        var (loss, accuracy) = Judge(model, train);
        Assert.That(loss, Is.EqualTo(2.306293).Within(6e-7));
        Assert.That(accuracy, Is.EqualTo(0.09496).Within(6e-6));

        var (x, y) = train[..64];
        Losses.CrossEntropy(model.Call(x), y).Backward();
        Assert.That(
            model.Parameters().Select(p => p.Grad!.Square().Sum().Sqrt().Item()),
            Is.EqualTo(new[] { 0.807098, 0.0874718, 0.249594, 0.0898421 }).Within(6e-7));
    }

    [TestCase(DType.Float64)]
    [TestCase(DType.Float32)]
    public void LoopByHand_GivesTheTrace(DType dtype)
    {
        var (train, valid) = Mnist.Value;
        var model = new Model(dtype);
        var opt = new SGD(model.Parameters(), 0.5);
        var steps = 0;

        foreach (var (x, y) in new DataLoader(train, 64))
        {
            var loss = Losses.CrossEntropy(model.Call(x), y);
            loss.Backward();
            opt.Step();
            opt.ZeroGrad();
            steps++;

            foreach (var golden in Golden.Where(g => g.Steps == steps))
            {
                var tolerance = Tolerance(dtype, steps);
                Assert.That(loss.Item(), Is.EqualTo(golden.BatchLoss).Within(tolerance), $"loss at step {steps}");
                var (validLoss, accuracy) = Judge(model, valid);
                Assert.That(validLoss, Is.EqualTo(golden.ValidLoss).Within(tolerance), $"validation after step {steps}");
                Assert.That(accuracy, Is.EqualTo(golden.ValidAccuracy).Within(dtype == DType.Float64 ? 5e-5 : 2e-4));
            }
        }

        Assert.That(steps, Is.EqualTo(782));
    }

    [TestCase(DType.Float64)]
    [TestCase(DType.Float32)]
    public void Fit_GivesTheTrace(DType dtype)
    {
        var (train, valid) = Mnist.Value;
        var learn = new Learner(
            new DataLoaders(new DataLoader(train, 64), new DataLoader(valid, 128)),
            new Model(dtype),
            Losses.CrossEntropy,
            metrics: [Metrics.Accuracy],
            silent: true);

        var epoch = learn.Fit(1, 0.5).Single();

        foreach (var golden in Golden)
        {
            Assert.That(
                learn.Recorder.Losses[golden.Steps - 1],
                Is.EqualTo(golden.BatchLoss).Within(Tolerance(dtype, golden.Steps)),
                $"loss at step {golden.Steps}");
        }

        Assert.That(epoch.Valid.Loss, Is.EqualTo(0.168221).Within(Tolerance(dtype, 782)));
        Assert.That(epoch.Valid.Metrics["accuracy"], Is.EqualTo(0.9492).Within(dtype == DType.Float64 ? 5e-5 : 2e-4));
    }

    /// <summary>Five ordered epochs in float64: size-weighted means, as in G-1's second table.</summary>
    [Test]
    [Category("Slow")]
    public void Fit_GivesTheFiveEpochTable()
    {
        var (train, valid) = Mnist.Value;
        var learn = new Learner(
            new DataLoaders(new DataLoader(train, 64), new DataLoader(valid, 128)),
            new Model(DType.Float64),
            Losses.CrossEntropy,
            metrics: [Metrics.Accuracy],
            silent: true);

        var epochs = learn.Fit(5, 0.5);

        Assert.That(
            epochs.Select(e => e.Valid.Loss),
            Is.EqualTo(new[] { 0.168221, 0.139875, 0.132083, 0.122246, 0.133741 }).Within(6e-7));
        Assert.That(
            epochs.Select(e => e.Valid.Metrics["accuracy"]),
            Is.EqualTo(new[] { 0.9492, 0.9597, 0.9614, 0.9634, 0.9624 }).Within(5e-5));
    }

    [Test]
    public void Fit_AndLoopByHand_EndWithTheSameBits_InFloat32()
    {
        var (train, valid) = Mnist.Value;
        var some = new DataLoader(new Subset(train, ..(20 * 64)), 64);

        var byHand = new Model(DType.Float32);
        var opt = new SGD(byHand.Parameters(), 0.5);

        foreach (var (x, y) in some)
        {
            Losses.CrossEntropy(byHand.Call(x), y).Backward();
            opt.Step();
            opt.ZeroGrad();
        }

        var fitted = new Model(DType.Float32);
        new Learner(
            new DataLoaders(some, new DataLoader(new Subset(valid, ..64))), fitted, Losses.CrossEntropy, silent: true).Fit(1, 0.5);

        Assert.That(
            fitted.Parameters().SelectMany(p => Check.Bits(p)),
            Is.EqualTo(byHand.Parameters().SelectMany(p => Check.Bits(p))));
    }
}
