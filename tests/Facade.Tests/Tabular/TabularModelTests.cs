using FunctionalDL.Core;
using NUnit.Framework;

namespace FunctionalDL.Tests;

public class TabularModelTests
{
    private static readonly (int, int)[] Rossmann =
    [
        .. new[] { 1116, 8, 4, 13, 32, 3, 26, 27, 5, 4, 4, 24, 9, 13, 53, 22, 7, 7, 4, 4, 9, 9, 3, 3 }
            .Zip([81, 5, 3, 7, 11, 3, 10, 10, 4, 3, 3, 9, 5, 7, 15, 9, 5, 5, 3, 3, 5, 5, 3, 3]),
    ];

    private static TabularModel Small(
        IReadOnlyList<double>? ps = null, double embDrop = 0, (double, double)? yRange = null, bool useBn = true, bool bnFinal = false) =>
        new([(3, 2), (4, 3)], 2, 1, [4], ps, embDrop, yRange, useBn, bnFinal, new Generator(1));

    [Test]
    public void RossmannsNetwork_HasItsParametersAndNames_Row63()
    {
        var model = new TabularModel(Rossmann, 16, 1, [1000, 500], [0.001, 0.01], 0.04, (0, 12));
        Assert.That(model.Parameters().Sum(p => (long)p.Value.Size), Is.EqualTo(831_054));
        Assert.That(model.Embeds.Sum(e => (long)((Embedding)e).Weight.Value.Size), Is.EqualTo(93_021));
        Assert.That(((Linear)model.Layers[0]).InFeatures, Is.EqualTo(233));
        var names = model.StateDict().Keys.ToList();
        Assert.That(names[0], Is.EqualTo("embeds.0.weight"));
        Assert.That(
            names.Skip(24),
            Is.EqualTo(new[]
            {
                "bn_cont.weight", "bn_cont.bias", "bn_cont.running_mean", "bn_cont.running_var", "bn_cont.num_batches_tracked",
                "layers.0.weight", "layers.0.bias",
                "layers.2.weight", "layers.2.bias", "layers.2.running_mean", "layers.2.running_var", "layers.2.num_batches_tracked",
                "layers.4.weight", "layers.4.bias",
                "layers.6.weight", "layers.6.bias", "layers.6.running_mean", "layers.6.running_var", "layers.6.num_batches_tracked",
                "layers.8.weight", "layers.8.bias",
            }));
    }

    [Test]
    public void Text_IsFastais_Row64() => Assert.That(
        $"{new TabularModel([(3, 2), (4, 3)], 16, 1, [1000, 500], [0.001, 0.01], 0.04)}",
        Is.EqualTo("""
            TabularModel(
              (embeds): ModuleList(
                (0): Embedding(3, 2)
                (1): Embedding(4, 3)
              )
              (emb_drop): Dropout(p=0.04)
              (bn_cont): BatchNorm1d(16, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
              (layers): Sequential(
                (0): Linear(in_features=21, out_features=1000, bias=True)
                (1): ReLU()
                (2): BatchNorm1d(1000, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
                (3): Dropout(p=0.001)
                (4): Linear(in_features=1000, out_features=500, bias=True)
                (5): ReLU()
                (6): BatchNorm1d(500, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
                (7): Dropout(p=0.01)
                (8): Linear(in_features=500, out_features=1, bias=True)
              )
            )
            """));

    [Test]
    public void Options_AddAndRemoveLayers_Row64()
    {
        string Kinds(TabularModel model) => string.Join(' ', model.Layers.Select(layer => layer.GetType().Name));

        Assert.That(Kinds(Small()), Is.EqualTo("Linear ReLU BatchNorm1d Linear"));
        Assert.That(Kinds(Small(useBn: false)), Is.EqualTo("Linear ReLU Linear"));
        Assert.That(Small(useBn: false).BnCont, Is.Not.Null, "the numbers are normalised either way");
        Assert.That(Kinds(Small(bnFinal: true)), Is.EqualTo("Linear ReLU BatchNorm1d Linear BatchNorm1d"));
        Assert.That(Kinds(Small(ps: [0.5])), Is.EqualTo("Linear ReLU BatchNorm1d Dropout Linear"));
        Assert.That(() => Small(ps: [0.1, 0.2]), Throws.TypeOf<OptionException>().With.Message.Contains("2 probabilities for 1 hidden layers"));
        Assert.That(() => new TabularModel([], 0, 1, [4]), Throws.TypeOf<OptionException>().With.Message.Contains("neither a column of classes nor one of numbers"));
    }

    private static Tensor Sines(int[] shape, double scale, double phase) => Tensor.From(
        [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(k => scale * Math.Sin(phase + (0.7 * k)))], new Shape(shape));

    private static readonly Tensor Codes = Tensor.From(new[,] { { 0L, 3 }, { 2, 1 }, { 1, 1 }, { 2, 0 }, { 0, 3 } });

    /// <summary>Expected: PyTorch 1.13 in float64, as for the core's network.</summary>
    [Test]
    public void OutputsAndGradients_ArePyTorchs_Row64()
    {
        var model = (TabularModel)Small(yRange: (1, 5)).To(DType.Float64);
        var i = 0;

        foreach (var parameter in model.Parameters())
        {
            parameter.Value = Sines([.. parameter.Shape], 0.5, 0.3 * i++);
        }

        var y = model.Call(Codes, Sines([5, 2], 1, 0.2));
        Check.Close(y, 1e-11, 3.410593224953, 3.775483926425, 3.782588038808, 3.588223933473, 3.471370261126);
        (y * Sines([5, 1], 1, 0.9)).Sum().Backward();
        // Rows of the codes 0 and 2 have two items each, whose gradients add up (row 66).
        Check.Close(
            model.Embeds[0].Parameters()[0].Grad!,
            1e-11,
            -0.1939974950236,
            -0.2015903132037,
            0.0564637505388,
            0.05945196362862,
            -0.06168502996403,
            -0.0603478228901);
        Check.Close(model.BnCont!.Weight!.Grad!, 1e-11, -0.2219617901131, 0.02210773550457);
        Check.Close(model.BnCont!.Bias!.Grad!, 1e-11, 0.2138480277676, 0.1654711436268);
        Check.Close(((Linear)model.Layers[3]).Weight.Grad!, 1e-11, 0.8230190736482, -0.1875171110161, -0.3242118388153, -1.220705909752);
        Check.Close(((Linear)model.Layers[3]).Bias!.Grad!, 1e-11, 1.859643467867);
    }

    [Test]
    public void ClassesOnly_AndNumbersOnly_Work_Row64()
    {
        var classes = new TabularModel([(3, 2), (4, 3)], 0, 2, [4], generator: new Generator(1));
        var numbers = new TabularModel([], 2, 2, [4], generator: new Generator(1));
        var x = Sines([5, 2], 1, 0.2).Float();
        classes.Eval();
        numbers.Eval();
        // In evaluation each row is by itself.
        Check.Close(classes.Call(Codes)[3], 1e-6, classes.Call(Codes[3..4])[0].ToArray<double>());
        Check.Close(numbers.Call(x)[3], 1e-6, numbers.Call(x[3..4])[0].ToArray<double>());
        Check.Same(classes.Call(Codes)[0], classes.Call(Codes)[4]);
        Assert.That(() => classes.Call(Codes, x), Throws.TypeOf<ShapeException>().With.Message.Contains("2 inputs; it takes 1: codes of classes"));
        Assert.That(() => numbers.Call(x, x), Throws.TypeOf<ShapeException>().With.Message.Contains("it takes 1: numbers"));
        Assert.That(() => classes.Call(Codes[.., 0..1]), Throws.TypeOf<ShapeException>().With.Message.Contains("it takes [rows; 2]"));
    }

    [Test]
    public void Outputs_LieInsideTheirRange_AndReachAlmostAllOfIt_Row65()
    {
        var model = new TabularModel([], 1, 1, [], yRange: (2, 6));

        foreach (var scale in new[] { 0.1f, 1, 8 })
        {
            ((Linear)model.Layers[0]).Weight.Value = Tensor.Full([1, 1], scale);
            ((Linear)model.Layers[0]).Bias!.Value = Tensor.Zeros([1]);
            var y = model.Call(Tensor.From(new[,] { { -1f }, { 1 } })).ToArray<double>();
            Assert.That(y, Has.All.GreaterThan(2).And.All.LessThan(6));

            if (scale == 8)
            {
                Assert.That(y[1] - y[0], Is.GreaterThan(0.999 * 4));
            }
        }
    }

    [Test]
    public void FirstEmbeddings_AreSmall_AndFollowASeed_Row66()
    {
        var model = new TabularModel([(1000, 50)], 0, 1, [4]);

        for (var i = 0; i < 2; i++)
        {
            var weight = ((Embedding)model.Embeds[0]).Weight.Value;
            Assert.That(weight.Abs().Max().Item(), Is.LessThanOrEqualTo(0.02));
            Assert.That(weight.Std().Item(), Is.EqualTo(0.0087).Within(0.0005));
            model.Initialize(5);
        }

        Check.Same(((Embedding)model.Embeds[0]).Weight, ((Embedding)((TabularModel)new TabularModel([(1000, 50)], 0, 1, [4]).Initialize(5)).Embeds[0]).Weight);
    }

    [Test]
    public void DropoutOfEmbeddings_LeavesTheNumbersAlone_Row70()
    {
        var model = new TabularModel([(3, 2), (4, 3)], 2, 7, [], embDrop: 1, useBn: false, generator: new Generator(1));
        ((Linear)model.Layers[0]).Weight.Value = Tensor.Eye(7);
        ((Linear)model.Layers[0]).Bias!.Value = Tensor.Zeros([7]);
        var x = Sines([5, 2], 1, 0.2).Float();
        var dropped = model.Call(Codes, x);
        Assert.That(dropped[.., 0..5].ToArray<float>(), Has.All.Zero);
        Assert.That(dropped[.., 5..].ToArray<float>(), Has.All.Not.Zero);
        model.Eval();
        Assert.That(model.Call(Codes, x)[.., 0..5].ToArray<float>(), Has.All.Not.Zero);
    }
}
