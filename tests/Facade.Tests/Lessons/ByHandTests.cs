using System.Globalization;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>What the course builds by hand before it takes the library's (lessons.md, sections 1.1, 1.4, 1.5 and 2), on the public surface.</summary>
public class ByHandTests
{
    /// <summary>Model 3: registration by assignment, as a user writes it. A name with an underscore is not registered.</summary>
    private sealed class DummyModule
    {
        private readonly OrderedDictionary<string, object> _modules = [];

        public DummyModule(int inputs, int hidden, int outputs)
        {
            this["_modules"] = _modules;
            this["l1"] = new Linear(inputs, hidden);
            this["_secret"] = new Linear(1, 1);
            this["l2"] = new Linear(hidden, outputs);
        }

        public object this[string name]
        {
            get => _modules[name];
            set => _ = name.StartsWith('_') ? null : _modules[name] = value;
        }

        public IEnumerable<Parameter> Parameters() => _modules.Values.Cast<Module>().SelectMany(module => module.Parameters());

        public Tensor Call(Tensor x) => ((Module)this["l2"]).Call(((Module)this["l1"]).Call(x).Relu());

        public override string ToString() => "{" + string.Join(", ", _modules.Select(m => $"'{m.Key}': {m.Value}")) + "}";
    }

    /// <summary>Row 34 (E03-14, E03-15).</summary>
    [Test]
    public void DummyModule_RegistersByAssignment_AndTrains_Row34()
    {
        var model = new DummyModule(784, 50, 10);
        Assert.That(
            model.ToString(),
            Is.EqualTo(
                "{'l1': Linear(in_features=784, out_features=50, bias=True), 'l2': Linear(in_features=50, out_features=10, bias=True)}"));
        Assert.That(
            model.Parameters().Select(p => p.Shape.ToString()), Is.EqualTo(new[] { "[50; 784]", "[50]", "[10; 50]", "[10]" }));

        var small = new DummyModule(2, 8, 3);
        var opt = new SGD(small.Parameters(), 0.5);
        var (x, y) = Clouds.Train[..];
        var first = Losses.CrossEntropy(small.Call(x), y).Item();

        for (var step = 0; step < 50; step++)
        {
            Losses.CrossEntropy(small.Call(x), y).Backward();
            opt.Step();
            opt.ZeroGrad();
        }

        Assert.That(Losses.CrossEntropy(small.Call(x), y).Item(), Is.LessThan(first / 4));
    }

    /// <summary>Loop 7 as the course writes it: the mean of the batches' figures, unweighted.</summary>
    private static (double Loss, double Accuracy) Fit(
        int epochs,
        Module model,
        Func<Tensor, Tensor, Tensor> lossFunc,
        Optimizer opt,
        DataLoader train,
        DataLoader valid,
        TextWriter output)
    {
        var (loss, accuracy) = (0.0, 0.0);

        for (var epoch = 0; epoch < epochs; epoch++)
        {
            model.Train();

            foreach (var (x, y) in train)
            {
                lossFunc(model.Call(x), y).Backward();
                opt.Step();
                opt.ZeroGrad();
            }

            model.Eval();

            using (Autograd.NoGrad())
            {
                (loss, accuracy) = (0, 0);

                foreach (var (x, y) in valid)
                {
                    var predicted = model.Call(x);
                    loss += lossFunc(predicted, y).Item() / valid.Count;
                    accuracy += Metrics.Accuracy(predicted, y).Item() / valid.Count;
                }
            }

            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{epoch} {loss:F6} {accuracy:F6}"));
        }

        return (loss, accuracy);
    }

    /// <summary>Notes in which mode it runs, and whether gradients were wanted.</summary>
    private sealed class Noting : Module
    {
        private readonly Linear _fc = new(2, 3, generator: new Generator(1));
        private readonly Dropout _inner = new(0.5);

        [Unregistered]
        public List<(bool Training, bool Inner, bool Tracked)> Calls { get; } = [];

        public override Tensor Forward(Tensor input)
        {
            var output = _fc.Call(input);
            Calls.Add((Training, _inner.Training, output.RequiresGrad));
            return output;
        }
    }

    /// <summary>
    /// Row 53: a line for each epoch, modes that reach the children, no gradients in validation, the last figures; and row
    /// 54: where the last batch is smaller, the means of batches are not those of items, which a Learner gives.
    /// </summary>
    [Test]
    public void Fit_ByHand_PrintsTogglesAndReturns_AndDiffersFromTheWeightedMeans_Row53_Row54()
    {
        var model = new Noting();
        var (train, valid) = (new DataLoader(Clouds.Train, 8), new DataLoader(Clouds.Valid, 16));
        var output = new StringWriter();
        var (loss, accuracy) = Fit(2, model, Losses.CrossEntropy, new SGD(model.Parameters(), 0.05), train, valid, output);
        var lines = output.ToString().TrimEnd().Split(Environment.NewLine);
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[0], Does.Match(@"^0 \d\.\d{6} \d\.\d{6}$"));
        Assert.That(lines[1], Is.EqualTo(string.Create(CultureInfo.InvariantCulture, $"1 {loss:F6} {accuracy:F6}")));
        (bool, bool, bool)[] epoch =
            [.. Enumerable.Repeat((true, true, true), 12), .. Enumerable.Repeat((false, false, false), 2)];
        Assert.That(model.Calls, Is.EqualTo(epoch.Concat(epoch)));

        var learn = new Learner(new DataLoaders(train, valid), model, Losses.CrossEntropy, metrics: [Metrics.Accuracy], silent: true);
        double[] batches =
            [.. valid.Select(batch => learn.Validate(new DataLoader(new TensorDataset(batch.Inputs, batch.Targets), 16)).Loss)];
        Assert.That(loss, Is.EqualTo(batches.Average()).Within(1e-6), "batches of 16 and 15");
        Assert.That(learn.Validate().Loss, Is.EqualTo(((16 * batches[0]) + (15 * batches[1])) / 31).Within(1e-6));
        Assert.That(learn.Validate().Loss, Is.Not.EqualTo(loss).Within(1e-6));
    }

    /// <summary>A layer that knows its own gradients, by a rule for those of its weight.</summary>
    private sealed class Lin(Tensor w, Tensor b, Func<Tensor, Tensor, Tensor> weightGradient)
    {
        private Tensor? _input;

        public (Tensor W, Tensor B) Gradients { get; private set; }

        public Tensor Forward(Tensor input) => (_input = input).MatMul(w) + b;

        public Tensor Backward(Tensor gradient)
        {
            Gradients = (weightGradient(_input!, gradient), gradient.Sum(0));
            return gradient.MatMul(w.Transpose(0, 1));
        }
    }

    private static readonly Dictionary<string, Func<Tensor, Tensor, Tensor>> WeightGradients = new()
    {
        ["outer products"] = (x, g) => (x.Unsqueeze(2) * g.Unsqueeze(1)).Sum(0),
        ["einsum"] = (x, g) => Tensor.Einsum("bi,bj->ij", x, g),
        ["a product of matrices"] = (x, g) => x.Transpose(0, 1).MatMul(g),
    };

    private static IEnumerable<string> Ways => WeightGradients.Keys;

    /// <summary>
    /// Row 55 (E02-18, E02-20, E02-22, E02-24): linear, ReLU shifted by 0.5, linear, and the mean square, backwards by hand.
    /// </summary>
    [TestCaseSource(nameof(Ways))]
    public void GradientsByHand_AreThoseOfBackward_Row55(string way)
    {
        Tensor Draw(int seed, params int[] shape) => Tensor.Randn(shape, new Generator(seed), DType.Float64);
        Parameter[] cells = [new(Draw(1, 20, 7)), new(Draw(2, 7, 5)), new(Draw(3, 5)), new(Draw(4, 5, 1)), new(Draw(5, 1))];
        var target = Draw(6, 20);
        var loss = ((cells[0].Value.MatMul(cells[1]) + cells[2]).ClampMin(0) - 0.5).MatMul(cells[3]) + cells[4];
        (loss.Squeeze(-1) - target).Square().Mean().Backward();

        Tensor[] values = [.. cells.Select(c => c.Value.Detach())];
        var (first, second) =
            (new Lin(values[1], values[2], WeightGradients[way]), new Lin(values[3], values[4], WeightGradients[way]));
        var inner = first.Forward(values[0]);
        var output = second.Forward(inner.ClampMin(0) - 0.5);
        var gradient = 2 * (output.Squeeze(-1) - target).Unsqueeze(1) / 20;
        var input = first.Backward(second.Backward(gradient) * (inner > 0).To(DType.Float64));

        Tensor[] byHand = [input, first.Gradients.W, first.Gradients.B, second.Gradients.W, second.Gradients.B];

        foreach (var (cell, found) in cells.Zip(byHand))
        {
            Check.Close(found, 1e-12, cell.Grad!.ToArray<double>());
        }
    }

    /// <summary>Row 55 (E01-01 to E01-07), with the strides of what is stretched.</summary>
    [Test]
    public void Broadcasting_IsNotCopying_Row55()
    {
        var m = Tensor.From(new float[,] { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } });
        var c = Tensor.From([10f, 20f, 30f]);
        Check.Close((Tensor.From([10f, 6f, -4f]) < Tensor.From([2f, 8f, 7f])).To(DType.Float32).Mean(), 5e-5, 0.6667);
        Check.Close(m.Square().Sum().Sqrt(), 5e-5, 16.8819);
        Check.Values(m + c, 11, 22, 33, 14, 25, 36, 17, 28, 39);
        Check.Values(m + c.Unsqueeze(1), 11, 12, 13, 24, 25, 26, 37, 38, 39);
        Check.Values(c.Unsqueeze(0) * c.Unsqueeze(1), 100, 200, 300, 200, 400, 600, 300, 600, 900);

        var t = c.ExpandAs(m);
        Assert.That((t.Shape, t.StorageLength), Is.EqualTo((new Shape(3, 3), 3)));
        Assert.That(t.Stride(), Is.EqualTo(new[] { 0, 1 }));
        Assert.That(c.Unsqueeze(1).ExpandAs(m).Stride(), Is.EqualTo(new[] { 1, 0 }));
        Assert.That(m.Transpose(0, 1).Stride(), Is.EqualTo(new[] { 1, 3 }));
        Assert.That((m + 1).Stride(), Is.EqualTo(new[] { 3, 1 }));
        Check.Values(t, 10, 20, 30, 10, 20, 30, 10, 20, 30);
    }

    /// <summary>Row 55 (E01-08): five ways to a product of (5, 784) and (784, 10).</summary>
    [Test]
    public void FiveWaysToMultiply_Agree_Row55()
    {
        var (a, b) = (Tensor.Randn([5, 784], new Generator(1)), Tensor.Randn([784, 10], new Generator(2)));
        var (x, y) = (a.ToArray<double>(), b.ToArray<double>());
        var places = Enumerable.Range(0, 50).Select(at => (Row: at / 10, Column: at % 10)).ToList();
        double[] loops =
            [.. places.Select(at => Enumerable.Range(0, 784).Sum(k => x[(784 * at.Row) + k] * y[(10 * k) + at.Column]))];
        var rowByColumn = Tensor.Stack([.. places.Select(at => (a[at.Row] * b[.., at.Column]).Sum())]);
        var broadcast = Tensor.Stack([.. Enumerable.Range(0, 5).Select(i => (a[i].Unsqueeze(1) * b).Sum(0))]);

        foreach (var found in new[] { rowByColumn, broadcast, Tensor.Einsum("ik,kj->ij", a, b), a.MatMul(b) })
        {
            Check.Close(found, 1e-4, loops);
        }
    }
}
