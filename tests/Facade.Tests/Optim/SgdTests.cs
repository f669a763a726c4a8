using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Golden table G-3 (checklist row 44): p0 = 1, loss p², lr 0.1, four steps, float64.</summary>
public class SgdTests
{
    private static readonly object[][] Golden =
    [
        [0.0, 0.0, 0.0, false, new[] { 0.8, 0.64, 0.512, 0.4096 }],
        [0.9, 0.0, 0.0, false, new[] { 0.8, 0.46, 0.062, -0.3086 }],
        [0.9, 0.5, 0.0, false, new[] { 0.8, 0.54, 0.252, -0.0324 }],
        [0.9, 0.0, 0.0, true, new[] { 0.62, 0.2224, -0.108352, -0.32482304 }],
        [0.0, 0.0, 0.1, false, new[] { 0.79, 0.6241, 0.493039, 0.38950081 }],
        [0.9, 0.0, 0.1, false, new[] { 0.79, 0.4351, 0.024319, -0.35049089 }],
    ];

    private sealed class Square : Module
    {
        public readonly Parameter P = new(Tensor.Scalar(1, DType.Float64));

        public override Tensor Forward(Tensor input) => P.Value * P.Value + 0 * input.Sum();
    }

    [TestCaseSource(nameof(Golden))]
    public void Step_GivesTheGoldenValues(double momentum, double dampening, double weightDecay, bool nesterov, double[] golden)
    {
        var p = new Parameter(Tensor.Scalar(1, DType.Float64));
        var opt = new SGD([p], 0.1, momentum, dampening, weightDecay, nesterov);

        foreach (var expected in golden)
        {
            p.Value.Square().Backward();
            opt.Step();
            opt.ZeroGrad();
            Check.Close(p, 1e-12, expected);
        }
    }

    [TestCaseSource(nameof(Golden))]
    public void Fit_GivesTheGoldenValues(double momentum, double dampening, double weightDecay, bool nesterov, double[] golden)
    {
        var model = new Square();
        var one = new DataLoader(new TensorDataset(Tensor.Zeros([1, 1], DType.Float64), Tensor.Zeros([1])));
        var learn = new Learner(
            new DataLoaders(one, one),
            model,
            (output, _) => output,
            (ps, lr) => new SGD(ps, lr, momentum, dampening, weightDecay, nesterov),
            silent: true);

        foreach (var expected in golden)
        {
            learn.Fit(1, 0.1);
            Check.Close(model.P, 1e-12, expected);
        }
    }

    [Test]
    public void Step_StartsTheMomentumOfAParameter_WithItsFirstGradient()
    {
        var p = new Parameter(Tensor.Scalar(1, DType.Float64));
        var late = new Parameter(Tensor.Scalar(1, DType.Float64));
        var opt = new SGD([p, late], 0.1, momentum: 0.9, dampening: 0.5);
        p.Value.Square().Backward();
        opt.Step();
        opt.ZeroGrad();
        Check.Values(late, 1);

        late.Value.Square().Backward();
        opt.Step();
        Check.Close(late, 1e-12, 0.8);
        Check.Close(p, 1e-12, 0.8);
    }

    [Test]
    public void Lr_ChangesWithoutLosingTheMomentum()
    {
        var p = new Parameter(Tensor.Scalar(1, DType.Float64));
        var opt = new SGD([p], 0.1, momentum: 0.9);
        p.Value.Square().Backward();
        opt.Step();
        opt.ZeroGrad();
        opt.Lr = 0.01;
        p.Value.Square().Backward();
        opt.Step();
        Check.Close(p, 1e-12, 0.8 - 0.01 * (0.9 * 2 + 1.6));
        Assert.That(() => opt.Lr = -1, Throws.TypeOf<Core.OptionException>());
    }

    [Test]
    public void Options_AreChecked()
    {
        var p = new Parameter(Tensor.Scalar(1));
        Assert.That(() => new SGD([p], -0.1), Throws.TypeOf<Core.OptionException>().With.Message.Contains("lr"));
        Assert.That(() => new SGD([p], 0.1, nesterov: true), Throws.TypeOf<Core.OptionException>().With.Message.Contains("nesterov"));
        Assert.That(() => new SGD([p], 0.1, 0.9, 0.5, nesterov: true), Throws.TypeOf<Core.OptionException>());
        Assert.That(() => new SGD([p, p], 0.1), Throws.ArgumentException.With.Message.Contains("twice"));
        Assert.That(() => new SGD([], 0.1), Throws.ArgumentException.With.Message.Contains("no parameters"));
    }

    /// <summary>Checklist row 41.</summary>
    [Test]
    public void Step_LeavesParametersWithoutGradient_AndFrozenOnes()
    {
        var (p, frozen) = (new Parameter(Tensor.Scalar(1)), new Parameter(Tensor.Scalar(1)));
        frozen.RequiresGrad = false;
        frozen.Grad = Tensor.Scalar(5);
        new SGD([p, frozen], 0.1).Step();
        Check.Values(p, 1);
        Check.Values(frozen, 1);
    }

    /// <summary>Checklist row 43: the lesson's own optimiser.</summary>
    private sealed class OwnOptimizer(IEnumerable<Parameter> parameters, double lr = 0.5) : Optimizer(parameters, lr)
    {
        public override void Step()
        {
            using var _ = Autograd.NoGrad();

            foreach (var p in Parameters.Where(p => p.Grad is not null))
            {
                p.Value -= p.Grad! * Lr;
            }
        }
    }

    [Test]
    public void OwnOptimizer_GivesTheBitsOfTheLibrarys_InLoopsAndInFit()
    {
        static Sequential Net() => (Sequential)new Sequential(new Linear(4, 3), new ReLU(), new Linear(3, 2)).Initialize(1);
        var (x, y) = (Tensor.Randn([10, 4], new Generator(2)), Tensor.From([0L, 1L, 0L, 1L, 0L, 1L, 0L, 1L, 0L, 1L]));
        var loader = new DataLoader(new TensorDataset(x, y), 4);

        Module Loop(Func<IEnumerable<Parameter>, Optimizer> optimizer)
        {
            var net = Net();
            var opt = optimizer(net.Parameters());

            foreach (var (xb, yb) in loader)
            {
                Losses.CrossEntropy(net.Call(xb), yb).Backward();
                opt.Step();
                opt.ZeroGrad();
            }

            return net;
        }

        Module Fitted(Func<IReadOnlyList<Parameter>, double, Optimizer> optimizer)
        {
            var net = Net();
            new Learner(new DataLoaders(loader, loader), net, Losses.CrossEntropy, optimizer, silent: true).Fit(1, 0.5);
            return net;
        }

        var expected = Loop(ps => new SGD(ps, 0.5)).Parameters().SelectMany(p => Check.Bits(p)).ToArray();
        Assert.That(Loop(ps => new OwnOptimizer(ps)).Parameters().SelectMany(p => Check.Bits(p)), Is.EqualTo(expected));
        Assert.That(Fitted((ps, lr) => new OwnOptimizer(ps, lr)).Parameters().SelectMany(p => Check.Bits(p)), Is.EqualTo(expected));
        Assert.That(Fitted((ps, lr) => new SGD(ps, lr)).Parameters().SelectMany(p => Check.Bits(p)), Is.EqualTo(expected));
    }
}
