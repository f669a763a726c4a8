using System.Text.Json;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>
/// The optimisers against PyTorch's (<c>torch/make_optimizers.py</c> wrote the figures), groups, clipping, and compiled steps
/// against plain ones.
/// </summary>
public class OptimizerTests
{
    private static readonly Dictionary<string, Func<IReadOnlyList<Parameter>, Optimizer>> Cases = new()
    {
        ["SGD maximize"] = p => new SGD(p, lr: 0.01, momentum: 0.9, maximize: true),
        ["SGD all"] = p => new SGD(p, lr: 0.05, momentum: 0.8, weightDecay: 0.1, nesterov: true),
        ["Adam"] = p => new Adam(p, lr: 0.1),
        ["Adam all"] = p => new Adam(p, lr: 0.1, betas: (0.8, 0.95), eps: 1e-3, weightDecay: 0.1, amsgrad: true),
        ["AdamW"] = p => new AdamW(p, lr: 0.1, weightDecay: 0.2),
        ["NAdam"] = p => new NAdam(p, lr: 0.1, momentumDecay: 0.01),
        ["RAdam"] = p => new RAdam(p, lr: 0.1, betas: (0.7, 0.8), weightDecay: 0.1),
        ["Adamax"] = p => new Adamax(p, lr: 0.1, weightDecay: 0.1),
        ["RMSprop"] = p => new RMSprop(p, lr: 0.05, alpha: 0.9, momentum: 0.5, centered: true),
        ["Adagrad"] = p => new Adagrad(p, lr: 0.5, lrDecay: 0.1, weightDecay: 0.1, initialAccumulatorValue: 0.2),
        ["Adadelta"] = p => new Adadelta(p, lr: 2.0, rho: 0.8, eps: 1e-4, weightDecay: 0.1),
    };

    private static readonly Func<IReadOnlyList<Parameter>, Optimizer>[] WithoutTwin =
        [p => new LAMB(p, lr: 0.1), p => new LARS(p, lr: 0.1), p => new Lion(p, lr: 0.1, weightDecay: 0.1)];

    private static readonly Func<IReadOnlyList<Parameter>, Optimizer>[] All = [.. Cases.Values, .. WithoutTwin];

    private static IEnumerable<string> Names => Cases.Keys;

    private sealed class Net : Module
    {
        public readonly Linear First = new(4, 8);
        public readonly BatchNorm1d Norm = new(8);
        public readonly Linear Last = new(8, 3);
        public readonly Linear Idle = new(2, 2);

        public override Tensor Forward(Tensor input) => Last.Call(Norm.Call(First.Call(input)).Relu());
    }

    private static (Parameter A, Parameter B) Start() => (
        new(Tensor.From([1.0, -0.5, 0.25])),
        new(Tensor.From(new[,] { { 2.0 }, { -1.0 } })));

    private static Tensor Loss(Parameter a, Parameter b) => a.Value.Pow(4).Sum() + (b.Value - 1).Square().Sum();

    private static (Tensor X, Tensor Y) Data(int seed) => (
        Tensor.Randn([6, 4], new Generator(seed)), Tensor.From([0L, 1L, 2L, 0L, 1L, 2L]));

    private static Net Fresh() => (Net)new Net().Initialize(5);

    private static void Steps((Parameter A, Parameter B) at, Optimizer opt, int count)
    {
        for (var i = 0; i < count; i++)
        {
            opt.ZeroGrad();
            Loss(at.A, at.B).Backward();
            opt.Step();
        }
    }

    /// <summary>Through a file, to the bit; a parameter that has had no gradient yet has nothing to remember.</summary>
    [Test]
    public void StateDict_GoesOn_WhereItWas_Row89([Range(0, 13)] int which)
    {
        var path = Path.Combine(House.Temporary(), "optimizer.safetensors");
        var whole = Start();
        var idle = new Parameter(Tensor.From([1.0]));
        var opt = All[which]([whole.A, whole.B, idle]);
        Steps(whole, opt, 3);
        opt.Lr *= 0.5;
        Safetensors.Save(path, opt.StateDict());
        var broken = (A: new Parameter(whole.A.Value.Detach()), B: new Parameter(whole.B.Value.Detach()));
        Steps(whole, opt, 3);

        var other = All[which]([broken.A, broken.B, new Parameter(Tensor.From([1.0]))]);
        other.LoadStateDict(Safetensors.Load(path));
        Assert.That(other.Lr, Is.EqualTo(opt.Lr));
        Steps(broken, other, 3);
        Check.Same(broken.A, whole.A);
        Check.Same(broken.B, whole.B);
    }

    [Test]
    public void StateDict_OfAnotherOptimiser_ChangesNothing()
    {
        var (at, twin) = (Start(), Start());
        var (adam, sgd) = (new Adam([at.A, at.B]), new SGD([at.A, at.B], 0.1, momentum: 0.9));
        Steps(at, adam, 1);
        var state = adam.StateDict();
        Assert.That(state.Keys, Does.Contain("groups.0.lr").And.Contain("state.1.adam.exp_avg"));
        Assert.That(() => sgd.LoadStateDict(state), Throws.TypeOf<Core.OptionException>().With.Message.Contains("another optimiser"));
        Assert.That(
            () => new Adam([at.B, at.A]).LoadStateDict(state), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("[3]"));
        Assert.That(
            () => new Adam([at.A]).LoadStateDict(state), Throws.TypeOf<Core.OptionException>().With.Message.Contains("state.1"));
        var fresh = new Adam([twin.A, twin.B]);
        Assert.That(
            () => fresh.LoadStateDict(new Dictionary<string, Tensor>(state) { ["groups.0.lr"] = Tensor.Scalar(-1) }),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("lr"));
        Steps(twin, fresh, 1);
        Check.Same(twin.A, at.A);
    }

    [TestCaseSource(nameof(Names))]
    public void Step_GoesWherePyTorchGoes_Row45(string name)
    {
        var file = Path.Combine(House.Root, "tests/Facade.Tests/Optim/torch/optimizers.json");
        var path = JsonDocument.Parse(File.ReadAllText(file)).RootElement.GetProperty(name);
        var (a, b) = Start();
        var optimizer = Cases[name]([a, b]);

        foreach (var expected in path.EnumerateArray())
        {
            optimizer.ZeroGrad();
            Loss(a, b).Backward();
            optimizer.Step();
            Check.Close(
                Tensor.Cat([a, b.Value.Flatten()]).Detach(), 1e-9, [.. expected.EnumerateArray().Select(x => x.GetDouble())]);
        }
    }

    /// <summary>G-3 of the lessons: Adam, and the same with true weight decay.</summary>
    [Test]
    public void Adam_GivesTheGoldenTable_Row45()
    {
        void Run(Func<Parameter[], Optimizer> make, params double[] golden)
        {
            var p = new Parameter(Tensor.Scalar(1, DType.Float64));
            var optimizer = make([p]);

            foreach (var expected in golden)
            {
                p.Value.Square().Backward();
                optimizer.Step();
                optimizer.ZeroGrad();
                Check.Close(p, 1e-10, expected);
            }
        }

        Run(p => new Adam(p, 0.1, (0.9, 0.99)), 0.9000000005, 0.8003885676, 0.7014971688, 0.6037236402);
        Run(p => new AdamW(p, 0.1, (0.9, 0.99), weightDecay: 0.01), 0.8990000005, 0.7984951195, 0.6988211868, 0.600381099);
    }

    [Test]
    public void Groups_HaveOptionsOfTheirOwn()
    {
        var (a, b) = Start();
        var optimizer = new SGD([a], lr: 0.1, momentum: 0.5);
        var group = optimizer.AddParamGroup([b], ("lr", 0.01), ("momentum", 0.0));
        Loss(a, b).Backward();
        optimizer.Step();
        Check.Close(a, 1e-12, 1 - 0.1 * 4, -0.5 + 0.1 * 4 * 0.125, 0.25 - 0.1 * 4 * 0.015625);
        Check.Close(b.Value.Flatten(), 1e-12, 2 - 0.01 * 2, -1 + 0.01 * 4);

        group.Lr = 0;
        optimizer.ParamGroups[0]["lr"] = 0;
        Assert.That(optimizer.Lr, Is.Zero);
        var before = Check.Bits(b);
        optimizer.Step();
        Assert.That(Check.Bits(b), Is.EqualTo(before));

        optimizer.Lr = 0.2;
        Assert.That(optimizer.ParamGroups.Select(g => g.Lr), Is.All.EqualTo(0.2));
        Assert.That(() => optimizer.AddParamGroup([a]), Throws.ArgumentException.With.Message.Contains("twice"));
        Assert.That(() => group["beta1"], Throws.TypeOf<Core.OptionException>().With.Message.Contains("momentum"));
        Assert.That(() => group["momentum"] = -1, Throws.TypeOf<Core.OptionException>().With.Message.Contains("momentum"));
        Assert.That(
            () => optimizer.AddParamGroup([new Parameter(Tensor.Scalar(1))], ("wd", 1)),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("weight_decay"));
    }

    /// <summary>G-4 of the lessons: gradients (3, 4) and (12) clipped to the length 1.</summary>
    [Test]
    public void ClipNorm_GivesTheGoldenValues_Row88()
    {
        var a = new Parameter(Tensor.From([0.0, 0.0])) { Grad = Tensor.From([3.0, 4.0]) };
        var b = new Parameter(Tensor.From([0.0])) { Grad = Tensor.From([12.0]) };
        var without = new Parameter(Tensor.From([0.0]));
        Assert.That(Gradients.ClipNorm([a, b, without], 1).Item(), Is.EqualTo(13));
        Check.Close(a.Grad!, 1e-6, 0.230769, 0.307692);
        Check.Close(b.Grad!, 1e-6, 0.923077);
        Gradients.ClipNorm([a, b], 5);
        Check.Close(b.Grad!, 1e-6, 0.923077);
        Gradients.ClipValue([a, b, without], 0.25);
        Check.Close(a.Grad!, 1e-6, 0.230769, 0.25);
        Assert.That(() => Gradients.ClipNorm([a], 0), Throws.TypeOf<Core.OptionException>().With.Message.Contains("maxNorm"));
    }

    [Test]
    public void CompiledSteps_GiveTheBitsOfPlainOnes_WithEveryOptimiser()
    {
        foreach (var make in All)
        {
            var (plain, fast) = (Fresh(), Fresh());
            var optimizer = make(plain.Parameters());
            var compiled = fast.CompileStep(Losses.CrossEntropy, make(fast.Parameters()));
            var name = optimizer.GetType().Name;

            for (var i = 0; i < 4; i++)
            {
                var (x, y) = Data(i);
                var loss = Losses.CrossEntropy(plain.Call(x), y);
                loss.Backward();
                optimizer.Step();
                optimizer.ZeroGrad();
                Check.Same(compiled.Run(x, y), loss);
            }

            foreach (var ((path, expected), (_, actual)) in plain.StateDict().Zip(fast.StateDict()))
            {
                Assert.That(Check.Bits(actual), Is.EqualTo(Check.Bits(expected)), $"{name}: {path}");
            }

            Assert.That(compiled.Unreached, Is.EqualTo(new[] { "idle.weight", "idle.bias" }));
        }
    }

    [Test]
    public void CompiledAndPlainSteps_MayFollowEachOther()
    {
        Net Run(Func<int, bool> isCompiled)
        {
            var net = Fresh();
            var optimizer = new Adam(net.Parameters(), 0.01);
            var group = optimizer.ParamGroups[0];
            var step = net.CompileStep(Losses.CrossEntropy, optimizer);

            for (var i = 0; i < 6; i++)
            {
                var (x, y) = Data(i);
                group.Lr = 0.01 * (i + 1);

                if (isCompiled(i))
                {
                    step.Run(x, y);
                }
                else
                {
                    Losses.CrossEntropy(net.Call(x), y).Backward();
                    optimizer.Step();
                    optimizer.ZeroGrad();
                }
            }

            return net;
        }

        var expected = Run(_ => false).StateDict();

        foreach (var (path, value) in Run(i => i % 2 == 0).StateDict())
        {
            Assert.That(Check.Bits(value), Is.EqualTo(Check.Bits(expected[path])), path);
        }
    }

    [Test]
    public void CompiledModule_GivesTheBitsOfCall_InBothModes_AndSeesNewParameters()
    {
        var (plain, other) = (Fresh(), Fresh());
        var fast = other.Compile();
        var (x, _) = Data(1);
        Check.Same(fast.Call(x), plain.Call(x));
        Assert.That(Check.Bits(other.Norm.RunningMean!), Is.EqualTo(Check.Bits(plain.Norm.RunningMean!)));
        plain.Eval();
        other.Eval();
        Check.Same(fast.Call(x), plain.Call(x));

        foreach (var net in new[] { plain, other })
        {
            using var _ = Autograd.NoGrad();
            net.Last.Weight.Value *= 2;
        }

        Check.Same(fast.Call(x), plain.Call(x));
    }

    [Test]
    public void CompiledSteps_DrawAsALearnerOfTheSeed()
    {
        static Sequential Make() =>
            (Sequential)new Sequential(new Linear(4, 16), new Dropout(0.5), new Linear(16, 3)).Initialize(1);

        var (x, y) = Data(1);
        var loader = new DataLoader(new TensorDataset(x, y), batchSize: 6);
        var (fitted, stepped) = (Make(), Make());
        new Learner(new DataLoaders(loader, loader), fitted, Losses.CrossEntropy, seed: 7, silent: true).Fit(3, 0.1);
        var step = stepped.CompileStep(Losses.CrossEntropy, new SGD(stepped.Parameters(), 0.1), seed: 7);

        for (var i = 0; i < 3; i++)
        {
            step.Run(x, y);
        }

        foreach (var (path, value) in stepped.StateDict())
        {
            Assert.That(Check.Bits(value), Is.EqualTo(Check.Bits(fitted.StateDict()[path])), path);
        }
    }

    [Test]
    public void Learner_GivesOneResult_WithALibrarysAndAUsersOptimiser_DropoutIncluded()
    {
        static Module Fitted(Func<IReadOnlyList<Parameter>, double, Optimizer> optimizer)
        {
            var net = new Sequential(new Linear(4, 16), new BatchNorm1d(16), new Dropout(0.5), new Linear(16, 3));
            var (x, y) = Data(1);
            var loader = new DataLoader(new TensorDataset(x, y), batchSize: 3);
            new Learner(new DataLoaders(loader, loader), net, Losses.CrossEntropy, optimizer, seed: 7, silent: true).Fit(2, 0.1);
            return net;
        }

        var expected = Fitted((ps, lr) => new SGD(ps, lr)).StateDict();

        foreach (var (path, value) in Fitted((ps, lr) => new OwnDescent(ps, lr)).StateDict())
        {
            Assert.That(Check.Bits(value), Is.EqualTo(Check.Bits(expected[path])), path);
        }
    }

    [Test]
    public void Learner_RefusesGroupsThatItWouldNotSee()
    {
        var net = Fresh();
        var (x, y) = Data(1);
        var loader = new DataLoader(new TensorDataset(x, y), batchSize: 3);
        var learn = new Learner(
            new DataLoaders(loader, loader),
            net,
            Losses.CrossEntropy,
            (ps, lr) =>
            {
                var optimizer = new SGD(ps.Take(2), lr);
                optimizer.AddParamGroup(ps.Skip(2), ("lr", 1));
                return optimizer;
            },
            silent: true);

        Assert.That(() => learn.Fit(1, 0.1), Throws.InvalidOperationException.With.Message.Contains("splitter"));
    }

    [Test]
    public void ParametersWithoutGrad_AreNamed()
    {
        var net = Fresh();
        var (x, y) = Data(1);
        Losses.CrossEntropy(net.Call(x), y).Backward();
        Assert.That(net.ParametersWithoutGrad(), Is.EqualTo(new[] { "idle.weight", "idle.bias" }));
    }

    [Test]
    public void CompileStep_RefusesAUsersOwnOptimiser()
    {
        var net = Fresh();
        Assert.That(
            () => net.CompileStep(Losses.CrossEntropy, new Own(net.Parameters())),
            Throws.ArgumentException.With.Message.Contains("Own is not an optimiser of the library"));
    }

    private sealed class OwnDescent(IEnumerable<Parameter> parameters, double lr) : Optimizer(parameters, lr)
    {
        public override void Step()
        {
            using var _ = Autograd.NoGrad();

            foreach (var p in Parameters)
            {
                p.Value -= p.Grad! * Lr;
            }
        }
    }

    private sealed class Own(IEnumerable<Parameter> parameters) : Optimizer(parameters, 0.1)
    {
        public override void Step()
        {
        }
    }
}
