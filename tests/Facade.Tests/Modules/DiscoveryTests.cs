using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Every way a module can hold its parts, and the ways in which it must not.</summary>
public class DiscoveryTests
{
    private static IEnumerable<string> Names(Module module) => module.NamedParameters().Select(p => p.Name);

    private static Linear Small() => new(2, 2, bias: false);

    [Test]
    public void Fields_CountWhateverTheirAccess_UnderPyTorchsNames()
    {
        var module = new Fields();
        Assert.That(
            Names(module),
            Is.EqualTo(new[] { "running_mean", "fc1.weight", "fc2.weight", "late.weight", "output_layer.weight", "http_head.weight" }));
        Assert.That(module.NamedParameters()[1].Parameter, Is.SameAs(module.First.Weight));
    }

    private class Fields : Module
    {
        private readonly Linear _fc1 = Small();
        public Linear fc2 = Small();
        private readonly Parameter _runningMean = new(Tensor.Zeros([2]));
        private readonly Linear? _absent = null;
        private readonly string _name = "not a part";
        private readonly Tensor _constant = Tensor.Zeros([2]);
        private readonly Func<Tensor, Tensor> _function = x => x;
        private readonly int[] _numbers = [1, 2];
        private readonly Linear _late;

        public Fields() => _late = Small();

        public Linear First => _fc1;

        // The compiler puts the fields of properties after those that are written out.
        protected Linear OutputLayer { get; } = Small();

        public Linear HTTPHead { get; init; } = Small();

        public override string ToString() => $"{_absent}{_name}{_constant}{_function}{_numbers.Length}{_late}{_runningMean}";
    }

    [Test]
    public void InheritedFields_ComeFirst()
    {
        Assert.That(Names(new Derived()), Is.EqualTo(new[] { "base_layer.weight", "own.weight" }));
    }

    private class Base : Module
    {
        private readonly Linear _baseLayer = Small();

        public Linear Layer => _baseLayer;
    }

    private sealed class Derived : Base
    {
        private readonly Linear _own = Small();

        public Linear Own => _own;
    }

    [Test]
    public void Collections_NameTheirItems()
    {
        Assert.That(
            Names(new Collections()),
            Is.EqualTo(new[]
            {
                "scales.0", "layers.0.weight", "layers.1.weight", "array.0.weight", "grid.0.0.weight", "grid.1.0.weight",
                "heads.left.weight", "heads.right.weight", "any.0.weight", "by_interface.0.weight",
            }));
    }

    private sealed class Collections : Module
    {
        public readonly List<Module> Layers = [Small(), new ReLU(), Small()];
        public readonly Linear[] Array = [Small()];
        public readonly List<Linear[]> Grid = [[Small()], [Small()]];
        public readonly Dictionary<string, Module> Heads = new() { ["left"] = Small(), ["right"] = Small() };
        public readonly Parameter[] Scales = [new(Tensor.Zeros([1]))];
        public readonly object[] Any = [Small(), "text"];
        public readonly IReadOnlyList<Module> ByInterface = [Small()];

        public Collections() => Layers.RemoveAt(1);
    }

    [Test]
    public void Object_AndInterfaceFields_AreLookedIntoByTheirValue() =>
        Assert.That(Names(new Loose()), Is.EqualTo(new[] { "anything.weight", "sequence.0.weight" }));

    private sealed class Loose : Module
    {
        public object Anything = Small();
        public IEnumerable<Module> Sequence = new List<Module> { Small() };
    }

    [Test]
    public void PrimaryConstructorParameters_Count() =>
        Assert.That(Names(new Primary(Small())), Is.EqualTo(new[] { "inner.weight" }));

    private sealed class Primary(Linear inner) : Module
    {
        public override Tensor Forward(Tensor input) => inner.Call(input);
    }

    [Test]
    public void Unregistered_OptsOut_OnFieldsAndProperties() =>
        Assert.That(Names(new OptedOut()), Is.EqualTo(new[] { "seen.weight" }));

    private sealed class OptedOut : Module
    {
        [Unregistered]
        public readonly List<Module> Layers = [Small()];

        [Unregistered]
        public Linear Property { get; } = Small();

        public Linear Seen { get; } = Small();
    }

    [Test]
    public void AddedParts_ComeLast_AndNamesAreChecked()
    {
        var module = new OptedOut();
        module.AddModule("layer_0", module.Layers[0]);
        Assert.That(Names(module), Is.EqualTo(new[] { "seen.weight", "layer_0.weight" }));
        Assert.That(() => module.AddModule("layer_0", Small()), Throws.ArgumentException.With.Message.Contains("layer_0"));
        Assert.That(() => module.AddModule("seen", Small()), Throws.ArgumentException);
        Assert.That(() => module.AddModule("a.b", Small()), Throws.ArgumentException.With.Message.Contains("a.b"));
        Assert.That(() => module.AddModule("", Small()), Throws.ArgumentException);
    }

    [Test]
    public void Parts_AreFoundAsTheyAreNow()
    {
        var module = new Collections();
        var before = module.Parameters().Count;
        module.Layers.Add(Small());
        Assert.That(module.Parameters(), Has.Count.EqualTo(before + 1));
    }

    [Test]
    public void SharedParts_CountOnce_UnderTheirFirstPath()
    {
        var module = new Shared();
        Assert.That(Names(module), Is.EqualTo(new[] { "first.weight" }));
        Assert.That(module.StateDict().Keys, Is.EqualTo(new[] { "first.weight" }));
        Assert.That(module.NamedModules().Select(m => m.Name), Is.EqualTo(new[] { "", "first" }));
    }

    private sealed class Shared : Module
    {
        public readonly Linear First;
        public readonly Linear Second;
        public readonly Parameter Tied;

        public Shared() => (First, Second, Tied) = (Small(), null!, null!);

        public Shared(Linear layer) => (First, Second, Tied) = (layer, layer, layer.Weight);
    }

    [Test]
    public void SharedParts_LoadUnderAnyOfTheirPaths()
    {
        var module = new Shared(Small());
        Assert.That(Names(module), Is.EqualTo(new[] { "tied" }), "a module's own cells come before those of modules in it");
        var value = Tensor.From(new float[,] { { 1, 2 }, { 3, 4 } });

        // PyTorch writes an entry for each path.
        module.LoadStateDict(new Dictionary<string, Tensor>
        {
            ["first.weight"] = value,
            ["second.weight"] = value,
            ["tied"] = value,
        });
        Check.Values(module.First.Weight, 1, 2, 3, 4);

        module.LoadStateDict(new Dictionary<string, Tensor> { ["second.weight"] = value + 1 });
        Check.Values(module.First.Weight, 2, 3, 4, 5);
    }

    [Test]
    public void Cycles_EndWhereTheyBegan()
    {
        var parent = new Parent();
        parent.Child.Owner = parent;
        Assert.That(Names(parent), Is.EqualTo(new[] { "child.own.weight" }));
        Assert.That(Names(parent.Child), Is.EqualTo(new[] { "own.weight" }));
        Assert.That(parent.ToString(), Does.Contain("(child): Child("));
    }

    private sealed class Parent : Module
    {
        public readonly Child Child = new();
    }

    private sealed class Child : Module
    {
        public readonly Linear Own = Small();
        public Module? Owner;
    }

    [TestCaseSource(nameof(HiddenParts))]
    public void HiddenParts_AreAnError(Module module)
    {
        static NUnit.Framework.Constraints.IResolveConstraint Refused() =>
            Throws.InvalidOperationException.With.Message.Contains("Hiding.Place")
                .And.Message.Contains("neither trained nor saved").And.Message.Contains("[Unregistered]");

        Assert.That(() => module.Parameters(), Refused());
        Assert.That(() => module.StateDict(), Refused());
        Assert.That(() => new Sequential(module).Parameters(), Refused(), "deeper down too");
    }

    private static IEnumerable<TestCaseData> HiddenParts()
    {
        static TestCaseData Case(string name, object place) =>
            new TestCaseData(new Hiding { Place = place }).SetArgDisplayNames(name);
        yield return Case("struct", new Pair { Left = Small() });
        yield return Case("tuple", (Small(), 1));
        yield return Case("class", new Helper { Layer = Small() });
        yield return Case("class in class", new Helper { More = new Helper { Layer = Small() } });
        yield return Case("parameter", new Helper { Scale = new Parameter(Tensor.Zeros([1])) });
        yield return Case("created lazy value", Created(Small()));
        yield return Case("list of structs", new List<Pair> { new() { Left = Small() } });
        yield return Case("key of a dictionary", new Holder<Linear>(Small()));

        static Lazy<Linear> Created(Linear layer)
        {
            var lazy = new Lazy<Linear>(layer);
            _ = lazy.Value;
            return lazy;
        }
    }

    private sealed class Hiding : Module
    {
        public object? Place;
    }

    private struct Pair
    {
        public Module? Left;
    }

    private sealed class Helper
    {
        public Linear? Layer;
        public Helper? More;
        public Parameter? Scale;
    }

    private sealed class Holder<T>(T value)
    {
        public T Value { get; } = value;
    }

    [Test]
    public void LazySequences_AreAnError() =>
        Assert.That(
            () => new Lazily().Parameters(),
            Throws.InvalidOperationException.With.Message.Contains("lazy sequence").And.Message.Contains("ToList()"));

    private sealed class Lazily : Module
    {
        public IEnumerable<Module> Layers = Enumerable.Range(0, 2).Select(_ => Small());
    }

    [Test]
    public void Helpers_MayPointToPartsThatAreFound()
    {
        var layer = Small();
        var module = new Sequential(layer, new Hiding { Place = new Helper { Layer = layer } });
        Assert.That(Names(module), Is.EqualTo(new[] { "0.weight" }));

        var outer = new Parent();
        var inner = new Hiding();
        outer.AddModule("inner", inner);
        inner.Place = new Holder<Module>(outer);
        Assert.That(() => inner.Parameters(), Throws.Nothing, "it holds a module that holds it");
    }

    [Test]
    public void TwoPartsOfOneName_AreAnError() =>
        Assert.That(
            () => new Twice().Parameters(), Throws.InvalidOperationException.With.Message.Contains("'fc1'"));

    private sealed class Twice : Module
    {
        public readonly Linear Fc1 = Small();
        public readonly Linear _fc1 = Small();
    }
}
