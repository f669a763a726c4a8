using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Hooks: what they see, when, and that they change nothing.</summary>
public class HookTests
{
    private static Sequential Net() => (Sequential)new Sequential(
        ("body", new Sequential(new Conv2d(1, 4, 3, padding: 1), new BatchNorm2d(4), new ReLU())),
        ("pool", new AdaptiveAvgPool2d(1)),
        ("flatten", new Flatten()),
        ("drop", new Dropout(0.25)),
        ("head", new Linear(4, 3))).Initialize(3);

    private static (Tensor X, Tensor Y) Data() =>
        (Tensor.Randn([6, 1, 5, 5], new Generator(1)), Tensor.From([0L, 1L, 2L, 0L, 1L, 2L]));

    [Test]
    public void HookOutput_KeepsTheOutput_InBothModes_UntilItIsRemoved_Row83()
    {
        var net = Net();
        var (x, _) = Data();

        foreach (var mode in new[] { true, false })
        {
            net.Train(mode);
            using var hook = net["body"].HookOutput();
            Assert.That(hook.Stored, Is.Null);
            net.Call(x);
            Assert.That(hook.Stored!.Shape, Is.EqualTo(new Shape(6, 4, 5, 5)));
            Assert.That(hook.Stored.RequiresGrad, Is.False, "it is detached");
            Assert.That(hook.Stored.Min().Item(), Is.GreaterThanOrEqualTo(0), "a ReLU is the last of the body");
        }

        var gone = net["body"].HookOutput();
        gone.Remove();
        gone.Remove();
        net.Call(x);
        Assert.That(gone.Stored, Is.Null);
        Assert.That(gone.IsRemoved, Is.True);
    }

    [Test]
    public void ForwardHooks_AreGivenInputsAndOutput_InOrder_Row83()
    {
        var net = new Sequential(new ReLU(), new Lambda(x => 2 * x));
        var seen = new List<string>();
        using var before = net[1].RegisterForwardPreHook((m, inputs) => seen.Add($"before {m} {inputs[0]}"));
        using var after = net[1].RegisterForwardHook((m, inputs, output) => seen.Add($"after {inputs[0]} {output}"));
        net.Call(Tensor.From([-1f, 1f]));
        Assert.That(seen, Is.EqualTo(new[] { "before Lambda() tensor([0., 1.])", "after tensor([0., 1.]) tensor([0., 2.])" }));
    }

    /// <summary>PyTorch: a forward hook that returns a value replaces the output; later hooks, and the gradient, see it.</summary>
    [Test]
    public void ReplacedOutputs_Count_InBothPasses_UntilRemoved_Row83()
    {
        var net = new Sequential(new Lambda(x => 2 * x), new Lambda(x => x * x));
        var x = new Parameter(Tensor.From([3.0]));
        var seen = new List<double>();
        var hook = net[0].ReplaceOutput((_, inputs, output) => output + inputs[0]);
        using var later = net[0].RegisterForwardHook((_, _, output) => seen.Add(output.Item()));
        var y = net.Call(x);
        Check.Values(y, 81);
        y.Sum().Backward();
        Check.Values(x.Grad!, 54);
        hook.Remove();
        Check.Values(net.Call(x), 36);
        Assert.That(seen, Is.EqualTo(new[] { 9.0, 6.0 }));
    }

    [Test]
    public void BackwardHooks_AreGivenTheGradientOfTheOutput_Row83()
    {
        var (x, y) = Data();
        var net = Net();
        net.Eval();
        net.To(DType.Float64);
        x = x.To(DType.Float64);

        using var acts = net["body"].HookOutput();
        using var grads = net["body"].HookOutput(grad: true);
        Losses.CrossEntropy(net.Call(x), y).Backward();

        // The rest of the network as a function of the body's output.
        var rest = net[1..];
        var expected = Check.Gradient(h => Losses.CrossEntropy(rest.Call(h), y), acts.Stored!);
        Assert.That(grads.Stored!.AllClose(expected, 1e-12, 1e-12), Is.True);
        Assert.That(grads.Stored.Shape, Is.EqualTo(new Shape(6, 4, 5, 5)));
    }

    [Test]
    public void BackwardHooks_ReachFrozenNetworks_AndComeFromTheLossInwards()
    {
        var (x, _) = Data();
        var net = Net();

        foreach (var parameter in net.Parameters())
        {
            parameter.RequiresGrad = false;
        }

        var order = new List<string>();
        using var body = net["body"].RegisterBackwardHook((_, _) => order.Add("body"));
        using var head = net["head"].RegisterBackwardHook((_, _) => order.Add("head"));
        net.Call(x)[0, 1].Backward();
        Assert.That(order, Is.EqualTo(new[] { "head", "body" }));
        Assert.That(net.Parameters().All(p => p.Grad is null), Is.True);
    }

    [Test]
    public void Hooks_ChangeNoBit_OfEagerCompiledAndFittedTraining_Row83()
    {
        var (x, y) = Data();
        var loader = new DataLoader(new TensorDataset(x, y), batchSize: 3);

        IEnumerable<long> Trained(bool isHooked, Action<Module> train)
        {
            var net = Net();
            var seen = 0;
            using var forward = isHooked ? net["body"].RegisterForwardHook((_, _, output) => seen += output.Mean().Item() > 0 ? 1 : 0) : null;
            using var backward = isHooked ? net["pool"].RegisterBackwardHook((_, g) => seen += g.Norm().Item() > 0 ? 1 : 0) : null;
            train(net);
            Assert.That(seen, isHooked ? Is.GreaterThanOrEqualTo(4) : Is.Zero);
            return net.StateDict().Values.SelectMany(Check.Bits).ToArray();
        }

        void Eager(Module net)
        {
            var optimizer = new Adam(net.Parameters());

            foreach (var (xb, yb) in loader)
            {
                Losses.CrossEntropy(net.Call(xb), yb).Backward();
                optimizer.Step();
                optimizer.ZeroGrad();
            }
        }

        void Compiled(Module net)
        {
            var step = net.CompileStep(Losses.CrossEntropy, new Adam(net.Parameters()), seed: 4);

            foreach (var (xb, yb) in loader)
            {
                step.Run(xb, yb);
            }
        }

        void Fitted(Module net) => new Learner(
            new DataLoaders(loader, loader), net, Losses.CrossEntropy, (ps, lr) => new Adam(ps, lr), seed: 4, silent: true)
            .Fit(1, 1e-3);

        foreach (var train in new Action<Module>[] { Eager, Compiled, Fitted })
        {
            Assert.That(Trained(true, train), Is.EqualTo(Trained(false, train)), train.Method.Name);
        }
    }

    [Test]
    public void HookOutputs_KeepsOneForEachModule()
    {
        var net = Net();
        var (x, _) = Data();
        using var hooks = new HookOutputs(net);
        net.Call(x);
        Assert.That(hooks, Has.Count.EqualTo(5));
        Assert.That(hooks.Stored[4]!.Shape, Is.EqualTo(new Shape(6, 3)));
        Assert.That(hooks[1].Stored!.Shape, Is.EqualTo(new Shape(6, 4, 1, 1)));
        Check.Same(hooks.Stored[2]!, hooks.Stored[1]!.Flatten(1));
        hooks.Dispose();
        Assert.That(hooks.All(hook => hook.IsRemoved), Is.True);
    }

    /// <summary>The toy of the lessons' section 3.14.</summary>
    [Test]
    public void GradCam_GivesTheGoldenMaps_Row84()
    {
        var acts = Tensor.From(new[, ,] { { { 0.0, 1 }, { 2, 3 } }, { { 4, 5 }, { 6, 7 } } });
        var grads = Tensor.From(new[, ,] { { { 1.0, 0 }, { 0, 1 } }, { { -1, -1 }, { 0, 0 } } });
        var (keep, drop) = (new Identity(), acts);
        using var hookActs = keep.HookOutput();
        using var hookGrads = keep.HookOutput(grad: true);
        (keep.Call(drop) * grads).Sum().Backward();

        Check.Values(hookActs.Stored!.Mean(0), 2, 3, 4, 5);
        var weights = hookGrads.Stored!.Mean([1, 2], keepdim: true);
        Check.Values(weights, 0.5, -0.5);
        Check.Values((hookActs.Stored * weights).Mean(0), -1, -1, -1, -1);
        Check.Values((hookActs.Stored * weights).Sum(0).Relu(), 0, 0, 0, 0);
    }

    [Test]
    public void ActivationStats_KeepsMeansAndDeviations_ByLayerAndBatch()
    {
        var (x, y) = Data();
        var loader = new DataLoader(new TensorDataset(x, y), batchSize: 2);
        var net = Net();
        var stats = new ActivationStats();
        new Learner(new DataLoaders(loader, loader), net, Losses.CrossEntropy, seed: 1, silent: true)
            .Fit(2, 0.1, callbacks: [stats]);

        Assert.That(stats.Layers, Is.EqualTo(new[] { "body.0", "body.1", "head" }));
        Assert.That(stats.Stats.Shape, Is.EqualTo(new Shape(2, 3, 6)), "validation is not counted");

        // The first batch of the first layer, by hand.
        var fresh = Net();
        var first = fresh["body"].NamedChildren()[0].Module.Call(x[..2]);
        Assert.That(stats.Stats[0, 0, 0].Item(), Is.EqualTo(first.Mean().Item()).Within(1e-6));
        Assert.That(stats.Stats[1, 0, 0].Item(), Is.EqualTo(first.Std().Item()).Within(1e-6));
        Assert.That(net.HookOutput().IsRemoved, Is.False);

        var file = Path.Combine(House.Temporary(), "stats.svg");
        stats.Plot(file);
        Assert.That(File.ReadAllText(file), Does.StartWith("<svg").And.Contain("body.1"));
    }

    [Test]
    public void Histograms_AreDrawn()
    {
        var net = Net();
        var (x, y) = Data();
        var folder = House.Temporary();
        Assert.That(
            () => Histograms.PlotGradients(Path.Combine(folder, "g.svg"), net),
            Throws.InvalidOperationException.With.Message.Contains("Backward"));
        Losses.CrossEntropy(net.Call(x), y).Backward();
        Histograms.PlotGradients(Path.Combine(folder, "g.svg"), net);
        Histograms.PlotWeights(Path.Combine(folder, "w.svg"), net);

        foreach (var file in Directory.GetFiles(folder))
        {
            foreach (var (name, _) in net.NamedParameters())
            {
                Assert.That(File.ReadAllText(file), Does.Contain(name));
            }
        }
    }
}
