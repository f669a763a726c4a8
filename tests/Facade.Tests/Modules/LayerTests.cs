using System.Reflection;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>What PyTorch's figures do not show: randomness, running statistics over steps, containers, errors.</summary>
public class LayerTests
{
    private sealed class Hand : Module
    {
        private readonly LSTM _lstm = new(3, 4, batchFirst: true, generator: new Generator(1));
        private readonly Linear _out = new(4, 2, generator: new Generator(2));

        public override Tensor Forward(Tensor input)
        {
            var (_, (hidden, _)) = _lstm.CallWithState(input);
            return _out.Call(hidden[^1]);
        }
    }

    /// <summary>What the graph holds of a tensor, which has no public name.</summary>
    private static object Node(Tensor tensor)
    {
        static object Hidden(object of, string name) =>
            of.GetType().GetProperty(name, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(of)!;

        return Hidden(Hidden(tensor, "Inner"), "Node");
    }

    private static Tensor Input(params int[] shape) => Tensor.Randn(shape, new Generator(9), DType.Float64);

    [Test]
    public void Dropout_DropsInTrainingAlone_AndScales_Row69()
    {
        var dropout = new Dropout(0.5, new Generator(1));
        var ones = Tensor.Ones([10_000], DType.Float64);
        var trained = dropout.Call(ones).ToArray<double>();
        Assert.That(trained.Distinct().Order(), Is.EqualTo(new[] { 0.0, 2.0 }));
        Assert.That(trained.Average(), Is.EqualTo(1).Within(0.05));
        Assert.That(dropout.Call(ones).ToArray<double>(), Is.Not.EqualTo(trained), "a new mask for each call");
        Check.Same(dropout.Eval().Call(ones), ones);
        Assert.That(() => new Dropout(1.5), Throws.TypeOf<Core.OptionException>().With.Message.Contains("1.5"));
    }

    [Test]
    public void Dropout_UsesOneMask_ForValueAndGradient_Row69()
    {
        var dropout = new Dropout(0.3, new Generator(1));
        var x = new Parameter(Tensor.Ones([50], DType.Float64));
        var y = dropout.Call(x);
        y.Sum().Backward();
        Check.Same(x.Grad!, y);
    }

    [Test]
    public void Dropout2d_DropsWholeChannels()
    {
        var y = new Dropout2d(0.5, new Generator(3)).Call(Tensor.Ones([8, 16, 2, 3], DType.Float64));
        Check.Same(y.Amin([2, 3]), y.Amax([2, 3]));
        Assert.That(y.ToArray<double>().Distinct().Order(), Is.EqualTo(new[] { 0.0, 2.0 }));
    }

    [Test]
    public void Dropout_RepeatsAfterInitialisingFromASeed()
    {
        var net = new Sequential(new Linear(4, 32), new Dropout(0.5));
        Tensor Run() => net.Initialize(3).Call(Tensor.Ones([2, 4]));
        Check.Same(Run(), Run());
        Assert.That(Check.Bits(net.Initialize(4).Call(Tensor.Ones([2, 4]))), Is.Not.EqualTo(Check.Bits(Run())));
    }

    [Test]
    public void BatchNorm_KeepsStatisticsOverSteps_Row71()
    {
        // G-4 of the lessons: one batch of 1, 2, 3, 6, twice, and then in evaluation.
        var norm = new BatchNorm1d(1);
        norm.To(DType.Float64);
        var x = Tensor.From(new[,] { { 1.0 }, { 2.0 }, { 3.0 }, { 6.0 } });
        Check.Close(norm.Call(x), 1e-5, -1.069043, -0.534522, 0, 1.603565);
        Check.Close(norm.RunningMean!.Value, 1e-6, 0.3);
        Check.Close(norm.RunningVar!.Value, 1e-6, 1.366667);
        norm.Call(x).Sum().Backward();
        Check.Close(norm.RunningMean.Value, 1e-6, 0.57);
        Check.Close(norm.RunningVar.Value, 1e-6, 1.696667);
        Assert.That(norm.NumBatchesTracked!.Value.Item(), Is.EqualTo(2));
        Check.Close(norm.Eval().Call(x), 1e-5, 0.330118, 1.097834, 1.865549, 4.168696);
        Assert.That(norm.NumBatchesTracked.Value.Item(), Is.EqualTo(2), "evaluation changes nothing");
        Assert.That(
            () => norm.Train().Call(x[..1]), Throws.TypeOf<Core.ShapeException>(), "one value for a channel has no variance");
        Assert.That(
            () => new BatchNorm2d(4).Call(x), Throws.TypeOf<Core.ShapeException>().With.Message.Contains("BatchNorm2d"));
    }

    [Test]
    public void BatchNorm_DoesNotGrow_WhenNobodyLooks()
    {
        var norm = new BatchNorm1d(3);
        var x = Tensor.Randn([16, 3], new Generator(1));

        // Each call's statistics are built on those of the one before.
        for (var i = 0; i < 2000; i++)
        {
            _ = norm.Call(x);
        }

        Check.Close(norm.RunningMean!.Value, 1e-5, x.Mean(0).ToArray<double>());
        Assert.That(norm.NumBatchesTracked!.Value.Item(), Is.EqualTo(2000));
    }

    [Test]
    public void RunningStatistics_DoNotKeepTheStepsBeforeThem()
    {
        var net = new Sequential(new Linear(8, 8, generator: new Generator(1)), new BatchNorm1d(8));
        var optimizer = new SGD(net.Parameters(), lr: 0.01);

        WeakReference Step()
        {
            var hidden = net[0].Call(Tensor.Randn([16, 8], new Generator(1)));
            net[1].Call(hidden).Square().Mean().Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            return new WeakReference(Node(hidden));
        }

        var first = Step();
        _ = Step();
        _ = net.StateDict();
        GC.Collect();
        Assert.That(first.IsAlive, Is.False);
    }

    [Test]
    public void Recurrent_GivesItsLastState()
    {
        var lstm = new LSTM(3, 4, generator: new Generator(1));
        lstm.To(DType.Float64);
        var x = Input(5, 2, 3);
        var (output, (hidden, cell)) = lstm.CallWithState(x);
        Check.Same(hidden[0], output[^1]);
        Check.Same(lstm.Call(x), output);

        // The second half goes on where the first stopped.
        var (_, state) = lstm.CallWithState(x[..2]);
        var (rest, (_, last)) = lstm.CallWithState(x[2..], state);
        Assert.That(rest.AllClose(output[2..], 1e-12, 1e-12), Is.True);
        Assert.That(last.AllClose(cell, 1e-12, 1e-12), Is.True);
        Assert.That(lstm["weight_hh_l0"].Shape, Is.EqualTo(new Shape(16, 4)));
        Assert.That(() => lstm["weight"], Throws.TypeOf<KeyNotFoundException>());

        var gru = new GRU(3, 4, generator: new Generator(1));
        gru.To(DType.Float64);
        var (short_, _) = gru.CallWithState(x, lengths: Tensor.From([5L, 2L]));
        Check.Values(short_[2.., 1].Abs().Sum(), 0);
        Assert.That(short_[.., 0].AllClose(gru.Call(x)[.., 0], 1e-12, 1e-12), Is.True);
    }

    [Test]
    public void Attention_LooksWhereItMay()
    {
        var attention = new MultiheadAttention(4, 2, batchFirst: true, generator: new Generator(1));
        attention.To(DType.Float64);
        var x = Input(2, 3, 4);
        var (output, weights) = attention.CallWithWeights(x, x, x);
        Assert.That(weights.Sum(-1).AllClose(Tensor.Ones([2, 3], DType.Float64)), Is.True);
        Check.Same(attention.Call(x), output);

        var mask = Tensor.Ones([3, 3]).Triu(1).Bool();
        var (causal, _) = attention.CallWithWeights(x, x, x, attnMask: mask);
        var (first, _) = attention.CallWithWeights(x[.., ..1], x[.., ..1], x[.., ..1]);
        Assert.That(causal[.., ..1].AllClose(first, 1e-12, 1e-12), Is.True, "the first place sees itself alone");

        var (_, padded) = attention.CallWithWeights(x, x, x, keyPaddingMask: Tensor.From(new[,] { { false, false, true }, { false, false, false } }));
        Check.Values(padded[0, .., 2], 0, 0, 0);
    }

    [Test]
    public void EveryLayer_LearnsInAHandWrittenModule()
    {
        var model = new Hand();
        model.To(DType.Float64);
        var x = Input(4, 3, 3);
        model.Call(x).Square().Mean().Backward();
        var weight = model.NamedParameters().Single(p => p.Name == "lstm.weight_ih_l0").Parameter;
        var at = weight.Value.Detach();

        Tensor Loss(Tensor value)
        {
            using (Autograd.NoGrad())
            {
                weight.Value = value.Detach();
                return model.Call(x).Square().Mean();
            }
        }

        var slope = Check.Slope(Loss, at);
        weight.Value = at;
        Assert.That(weight.Grad!.ToArray<double>(), Is.EqualTo(slope).Within(1e-7));
    }

    [Test]
    public void Containers_HoldNameAndCombine()
    {
        var dictionary = new ModuleDictionary(("left", new Linear(2, 3)), ("right", new ReLU()));
        dictionary["more"] = new Tanh();
        Assert.That(dictionary.NamedChildren().Select(c => c.Name), Is.EqualTo(new[] { "left", "right", "more" }));
        Assert.That(
            $"{dictionary}",
            Is.EqualTo("ModuleDictionary(\n  (left): Linear(in_features=2, out_features=3, bias=True)\n  (right): ReLU()\n  (more): Tanh()\n)"));
        Assert.That(() => dictionary["none"], Throws.TypeOf<KeyNotFoundException>().With.Message.Contains("left, right, more"));
        Assert.That(() => dictionary.Add("a.b", new ReLU()), Throws.ArgumentException);

        var x = Tensor.From(new[,] { { 1.0, -2.0 } });
        Check.Values(new Residual(new ReLU()).Call(x), 2, -2);
        Check.Values(new Residual(new ReLU(), new Lambda(y => -y)).Call(x), 0, 2);
        Check.Values(new ConcatBranches([new ReLU(), new Identity()]).Call(x), 1, 0, 1, -2);
        Check.Values(new Sequential(new View(-1), new Unflatten(0, 2, 1)).Call(x).T, 1, -2);
    }

    [Test]
    public void RReLU_DrawsSlopes_BetweenItsBounds()
    {
        var layer = new RReLU(0.1, 0.3, new Generator(1));
        var slopes = layer.Call(-Tensor.Ones([1000], DType.Float64)).Neg();
        Assert.That(slopes.Min().Item(), Is.InRange(0.1, 0.12));
        Assert.That(slopes.Max().Item(), Is.InRange(0.28, 0.3));
        Check.Close(layer.Eval().Call(Tensor.From([-1.0, 1.0])), 1e-12, -0.2, 1);
    }

    [Test]
    public void Embedding_PicksRows_AndRepeatedOnesAddUp_Row66()
    {
        var table = new Embedding(5, 3, paddingIdx: 1, generator: new Generator(1));
        Check.Values(table.Weight.Value[1], 0, 0, 0);
        table.Call(Tensor.From(new[,] { { 4L, 4L }, { 1L, 0L } })).Sum().Backward();
        Check.Values(table.Weight.Grad!.Sum(1), 3, 0, 0, 0, 6);
        Assert.That($"{table}", Is.EqualTo("Embedding(5, 3, padding_idx=1)"));
    }

    [Test]
    public void Options_AreRefusedByName()
    {
        Assert.That(() => new Conv2d(3, 4, 3, groups: 2), Throws.TypeOf<Core.OptionException>().With.Message.Contains("groups"));
        Assert.That(() => new Conv2d(3, 4, (1, 2, 3)), Throws.TypeOf<Core.OptionException>().With.Message.Contains("2 spatial axes"));
        Assert.That(() => new GELU("erf"), Throws.TypeOf<Core.OptionException>().With.Message.Contains("'tanh'"));
        Assert.That(() => new MultiheadAttention(5, 2), Throws.TypeOf<Core.OptionException>().With.Message.Contains("heads"));
    }
}
