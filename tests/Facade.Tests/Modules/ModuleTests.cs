using System.Text.RegularExpressions;
using NUnit.Framework;

namespace FunctionalDL.Tests;

public class ModuleTests
{
    private sealed class Model : Module
    {
        public readonly Linear L1 = new(784, 50);
        public readonly Linear L2 = new(50, 10);

        public override Tensor Forward(Tensor input) => L2.Call(L1.Call(input).Relu());
    }

    private sealed class SequentialModel(params Module[] modules) : Module
    {
        private readonly ModuleList _layers = new(modules);

        public override Tensor Forward(Tensor input) => _layers.Aggregate(input, (x, layer) => layer.Call(x));
    }

    private sealed class AddedModel : Module
    {
        [Unregistered]
        private readonly IReadOnlyList<Module> _layers;

        public AddedModel(IReadOnlyList<Module> layers)
        {
            _layers = layers;

            for (var i = 0; i < layers.Count; i++)
            {
                AddModule($"layer_{i}", layers[i]);
            }
        }

        public override Tensor Forward(Tensor input) => _layers.Aggregate(input, (x, layer) => layer.Call(x));
    }

    private sealed class UnregisteredModel(params Module[] layers) : Module
    {
        [Unregistered]
        private readonly Module[] _layers = layers;

        public override Tensor Forward(Tensor input) => _layers.Aggregate(input, (x, layer) => layer.Call(x));
    }

    private sealed class TwoInputs : Module
    {
        public readonly Linear Left = new(2, 3);
        public readonly Linear Right = new(4, 3);

        public override Tensor Forward(params Tensor[] inputs) => Left.Call(inputs[0]) + Right.Call(inputs[1]);
    }

    private sealed class Counting : Module
    {
        public readonly ModuleBuffer Calls = new(Tensor.Zeros([], DType.Int64));
        public readonly Parameter Scale = new(Tensor.Ones([1]));

        public override Tensor Forward(Tensor input)
        {
            Calls.Value += 1;
            return input * Scale;
        }
    }

    /// <summary>Checklist row 33 (E03-10, E03-11, E03-12).</summary>
    [Test]
    public void Text_OfModel2_IsPyTorchs()
    {
        var model = new Model();
        Assert.That(
            model.NamedChildren().Select(c => $"{c.Name}: {c.Module}"),
            Is.EqualTo(new[]
            {
                "l1: Linear(in_features=784, out_features=50, bias=True)",
                "l2: Linear(in_features=50, out_features=10, bias=True)",
            }));
        Assert.That(
            model.ToString(),
            Is.EqualTo(
                "Model(\n  (l1): Linear(in_features=784, out_features=50, bias=True)\n"
                + "  (l2): Linear(in_features=50, out_features=10, bias=True)\n)"));
    }

    /// <summary>Checklist rows 32, 35, 36, 37 (E03-15, E03-16, E03-17, E03-20).</summary>
    [Test]
    public void Text_AndParameters_OfModels1And4To6_Row32_Row35_Row36_Row37()
    {
        Module[] layers = [new Linear(784, 50), new ReLU(), new Linear(50, 10)];
        const string Inner =
            "(0): Linear(in_features=784, out_features=50, bias=True)\n(1): ReLU()\n(2): Linear(in_features=50, out_features=10, bias=True)";

        var one = new UnregisteredModel(layers);
        Assert.That(one.Parameters(), Is.Empty);
        Assert.That(one.Call(Tensor.Zeros([2, 784])).Shape.ToArray(), Is.EqualTo(new[] { 2, 10 }));

        var four = new AddedModel(layers);
        Assert.That(
            four.ToString(),
            Is.EqualTo($"AddedModel(\n  {Regex.Replace(Inner, @"\((\d)\)", "(layer_$1)").Replace("\n", "\n  ")}\n)"));

        var five = new SequentialModel(layers);
        Assert.That(
            five.ToString(),
            Is.EqualTo($"SequentialModel(\n  (layers): ModuleList(\n    {Inner.Replace("\n", "\n    ")}\n  )\n)"));

        var six = new Sequential(layers);
        Assert.That(six.ToString(), Is.EqualTo($"Sequential(\n  {Inner.Replace("\n", "\n  ")}\n)"));
        Assert.That(six.NamedParameters().Select(p => p.Name), Is.EqualTo(new[] { "0.weight", "0.bias", "2.weight", "2.bias" }));
        Assert.That(
            six.Parameters().Select(p => p.Shape.ToString()), Is.EqualTo(new[] { "[50; 784]", "[50]", "[10; 50]", "[10]" }));

        // Row 38: the same objects in all of them.
        Assert.That(five.Parameters(), Is.EqualTo(six.Parameters()));
        Assert.That(four.Parameters(), Is.EqualTo(six.Parameters()));
    }

    [Test]
    public void Text_OfLayersWithOptions()
    {
        Assert.That(new Linear(2, 3, bias: false).ToString(), Is.EqualTo("Linear(in_features=2, out_features=3, bias=False)"));
        Assert.That(new Flatten().ToString(), Is.EqualTo("Flatten(start_dim=1, end_dim=-1)"));
        Assert.That(new Sequential().ToString(), Is.EqualTo("Sequential()"));
    }

    [Test]
    public void Sequential_IsNamedIndexedAndSliced()
    {
        var (first, second) = (new Linear(2, 3), new ReLU());
        var named = new Sequential(("fc1", first), ("act", second));
        Assert.That(named.NamedParameters().Select(p => p.Name), Is.EqualTo(new[] { "fc1.weight", "fc1.bias" }));
        Assert.That(named["fc1"], Is.SameAs(first));
        Assert.That(named[1], Is.SameAs(second));
        Assert.That(named[^1], Is.SameAs(second));
        Assert.That(named[..1].Single(), Is.SameAs(first));
        Assert.That(named.Count, Is.EqualTo(2));
        Assert.That(() => named["fc2"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("fc1, act"));
    }

    [Test]
    public void ModuleList_GrowsAndHasNoForward_Row36()
    {
        var list = new ModuleList(new ReLU());
        list.Append(new Linear(2, 3));
        Assert.That(list.NamedParameters().Select(p => p.Name), Is.EqualTo(new[] { "1.weight", "1.bias" }));
        Assert.That(list[1], Is.TypeOf<Linear>());
        Assert.That(list, Has.Count.EqualTo(2));
        Assert.That(() => list.Call(Tensor.Zeros([2])), Throws.TypeOf<NotImplementedException>().With.Message.Contains("ModuleList"));
    }

    [Test]
    public void Linear_ComputesValuesAndGradients()
    {
        var layer = new Linear(3, 2);
        layer.To(DType.Float64);
        layer.Weight.Value = Tensor.From(new double[,] { { 1, 2, 3 }, { -1, 0, 1 } });
        layer.Bias!.Value = Tensor.From([0.5, -0.5]);
        var x = Tensor.From(new double[,] { { 1, 1, 1 }, { 0, 1, 2 } });
        var y = layer.Call(x);
        Check.Values(y, 6.5, -0.5, 8.5, 1.5);

        (y * Tensor.From(new double[,] { { 1, 2 }, { 3, 4 } })).Sum().Backward();
        Check.Values(layer.Weight.Grad!, 1, 4, 7, 2, 6, 10);
        Check.Values(layer.Bias.Grad!, 4, 6);
        Check.Close(Check.Gradient(v => layer.Call(v).Square().Sum(), x), 1e-6, Check.Slope(v => layer.Call(v).Square().Sum(), x));
    }

    [Test]
    public void ReLU_AndFlatten_ComputeValuesAndGradients()
    {
        var x = Tensor.From([-1.0, 0.0, 2.0, 3.0], [1, 2, 2]);
        var net = new Sequential(new Flatten(), new ReLU());
        Assert.That(net.Call(x).Shape.ToArray(), Is.EqualTo(new[] { 1, 4 }));
        Check.Values(net.Call(x), 0, 0, 2, 3);
        Check.Values(Check.Gradient(v => net.Call(v).Sum(), x), 0, 0, 1, 1);
    }

    [Test]
    public void Normalize_FitsTheTrainingPart()
    {
        var bytes = Tensor.From(new byte[] { 0, 10, 20, 250 }, [2, 2]);
        var layer = Normalize.Fit(bytes);
        Check.Close(layer.Mean, 1e-5, 70);
        Check.Close(layer.Std, 1e-4, 104.163333);
        Check.Close(layer.Call(bytes), 1e-6, -0.672021, -0.576018, -0.480015, 1.728055);
        Check.Values(Check.Gradient(x => layer.Call(x).Sum(), Tensor.From([5f])), 1 / 104.163333);
        Assert.That(new Sequential(layer).StateDict().Keys, Is.EqualTo(new[] { "0.mean", "0.std" }));
        Assert.That(() => Normalize.Fit(Tensor.Zeros([3, 2])), Throws.TypeOf<Core.OptionException>());
    }

    [Test]
    public void Forward_TakesSeveralInputs()
    {
        var module = new TwoInputs();
        var (a, b) = (Tensor.Ones([5, 2]), Tensor.Ones([5, 4]));
        Check.Same(module.Call(a, b), module.Left.Call(a) + module.Right.Call(b));
        module.Call(a, b).Sum().Backward();
        Assert.That(module.Parameters().All(p => p.Grad is not null), Is.True);
        Assert.That(() => new Model().Call(a, b), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("takes one"));
    }

    [Test]
    public void Forward_RaisesShapeException_WithThePathOfTheLayer()
    {
        var model = new Sequential(("body", new Sequential(new Linear(4, 3), new Linear(2, 1))));
        Assert.That(
            () => model.Call(Tensor.Zeros([1, 4])),
            Throws.TypeOf<Core.ShapeException>().With.Message.StartsWith("body.1: linear:").And.Message.Contains("[1; 3]"));
    }

    /// <summary>Checklist row 38.</summary>
    [Test]
    public void TrainAndEval_ReachEveryModule()
    {
        var model = new Sequential(new Model(), new ReLU());
        Assert.That(model.NamedModules().All(m => m.Module.Training), Is.True);
        model.Eval();
        Assert.That(model.NamedModules().Any(m => m.Module.Training), Is.False);
        model.Train();
        Assert.That(model.NamedModules().All(m => m.Module.Training), Is.True);
    }

    [Test]
    public void Apply_VisitsInnerModulesFirst()
    {
        var seen = new List<string>();
        new Model().Apply(m => seen.Add(m.GetType().Name));
        Assert.That(seen, Is.EqualTo(new[] { "Linear", "Linear", "Model" }));
    }

    [Test]
    public void ZeroGrad_ForgetsAllGradients()
    {
        var model = new Model();
        model.Call(Tensor.Ones([1, 784])).Sum().Backward();
        Assert.That(model.Parameters().All(p => p.Grad is not null), Is.True);
        model.ZeroGrad();
        Assert.That(model.Parameters().All(p => p.Grad is null), Is.True);
    }

    [Test]
    public void To_ConvertsParametersAndFloatBuffers()
    {
        var module = new Counting();
        module.To(DType.Float64);
        Assert.That(module.Scale.DType, Is.EqualTo(DType.Float64));
        Assert.That(module.Calls.DType, Is.EqualTo(DType.Int64));
        Assert.That(() => module.To(DType.Int64), Throws.TypeOf<Core.DTypeException>());
    }

    [Test]
    public void Buffers_AreWrittenByForward_AndSaved()
    {
        var module = new Counting();
        module.Call(Tensor.Ones([1]));
        module.Call(Tensor.Ones([1]));
        Check.Values(module.Calls, 2);
        Assert.That(module.StateDict().Keys, Is.EqualTo(new[] { "calls", "scale" }));
        Assert.That(module.NamedBuffers().Single().Name, Is.EqualTo("calls"));
        Assert.That(() => module.Calls.Value = Tensor.From([1L]), Throws.TypeOf<Core.ShapeException>());
    }

    [Test]
    public void Initialize_FollowsFromSeedAndPathAlone()
    {
        var small = new Sequential(new Linear(3, 2));
        var large = new Sequential(new Linear(3, 2), new ReLU(), new Linear(2, 2));
        small.Initialize(7);
        large.Initialize(7);
        Check.Same(((Linear)small[0]).Weight, ((Linear)large[0]).Weight);
        Assert.That(Check.Bits(((Linear)large[0]).Bias!), Is.Not.EqualTo(Check.Bits(((Linear)large[2]).Bias!)));

        var before = Check.Bits(((Linear)small[0]).Weight);
        small.Initialize(8);
        Assert.That(Check.Bits(((Linear)small[0]).Weight), Is.Not.EqualTo(before));
        Assert.That(
            ((Linear)small[0]).Weight.Value.Abs().Amax().Item(), Is.LessThanOrEqualTo(1 / Math.Sqrt(3)).And.GreaterThan(0.1));
    }

    [Test]
    public void Initialize_GivesTheCoresParameters()
    {
        var module = new Sequential(new Linear(4, 3), new ReLU(), new Linear(3, 2));
        module.Initialize(5);

        var layer = Core.LayerModule.sequential(
            Microsoft.FSharp.Collections.ListModule.OfSeq(
                [Core.LayerModule.linear(4, 3), Core.Layer.ReLU, Core.LayerModule.linear(3, 2)]));
        var shapes = Microsoft.FSharp.Collections.ListModule.OfSeq([Core.ShapeModule.ofSeq([1, 4])]);
        var core = Core.Tree.leaves(Core.LayerModule.init(Core.KeyModule.ofSeed(5), shapes, layer).Parameters);

        Assert.That(core.Select(leaf => leaf.Item1), Is.EqualTo(module.NamedParameters().Select(p => p.Name)));
        Assert.That(
            core.SelectMany(leaf => Core.TensorModule.toFloats(leaf.Item2)),
            Is.EqualTo(module.Parameters().SelectMany(p => p.Value.ToArray<double>())));
    }

    [Test]
    public void Linear_DrawsFromItsGenerator()
    {
        Check.Same(new Linear(3, 2, generator: new Generator(1)).Weight, new Linear(3, 2, generator: new Generator(1)).Weight);
        Assert.That(Check.Bits(new Linear(3, 2).Weight), Is.Not.EqualTo(Check.Bits(new Linear(3, 2).Weight)));
        Assert.That(() => new Linear(0, 2), Throws.TypeOf<Core.OptionException>());
    }
}
