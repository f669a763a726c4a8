using NUnit.Framework;

namespace FunctionalDL.Tests;

public class ExportTests
{
    private static string Temporary() => Path.Combine(House.Temporary(), "model.safetensors");

    [Test]
    public void AnImportedModel_PredictsTheSameBits_Row89()
    {
        var data = new DataLoaders(Clouds.Train, Clouds.Valid, 8) { Classes = ["red", "green", "blue"] };
        var model = new Sequential(
            Normalize.Fit(Clouds.Train.Inputs[0]), new Linear(2, 8), new BatchNorm1d(8), new LeakyReLU(0.1), new Dropout(0.3), new Linear(8, 3));
        var learn = new Learner(data, model, Losses.CrossEntropy, seed: 1, silent: true);
        learn.Fit(2, 0.1);
        var path = Temporary();
        learn.Export(path);
        var other = Learner.Import(path);
        Check.Same(other.Predict(Clouds.Valid.Inputs[0]), learn.Predict(Clouds.Valid.Inputs[0]));
        Assert.That($"{other.Model}", Is.EqualTo($"{learn.Model}"));

        var (name, index, output) = other.Predict(Clouds.Valid[1]);
        Assert.That((name, index), Is.EqualTo(("green", 1)));
        Assert.That(output.Sum().Item(), Is.EqualTo(1).Within(1e-6), "after softmax");
        Assert.That(() => other.Fit(1, 0.1), Throws.InvalidOperationException.With.Message.Contains("training loader is empty"));
    }

    /// <summary>Kinds of options: pairs, numbers that are left out, words, parts in parts.</summary>
    [Test]
    public void Recipes_SayWhatNetworksAreMadeOf()
    {
        Module[] networks =
        [
            new Sequential(("body", new Sequential(new Conv2d(1, 4, (3, 5), stride: 2, padding: (1, 2), bias: false), new ReLU())), ("pool", new AdaptiveAvgPool2d(1)), ("flat", new Flatten()), ("head", new Linear(4, 2))),
            new Sequential(new Conv2d(2, 4, 3, padding: 1, groups: 2, paddingMode: PaddingMode.Reflect), new MaxPool2d(2)),
            new Sequential(new Residual(new Linear(3, 3)), new Residual(new Linear(3, 2), new Linear(3, 2, bias: false))),
            new Linear(2, 3),
            new Sequential(),
        ];

        foreach (var network in networks)
        {
            var path = Temporary();
            new Learner(new DataLoaders(Clouds.Train, Clouds.Valid), network, Losses.Mse, silent: true).Export(path);
            var copy = Learner.Import(path).Model;
            Assert.That($"{copy}", Is.EqualTo($"{network}"));
            Assert.That(copy.StateDict().Keys, Is.EqualTo(network.StateDict().Keys));
            Assert.That(Clouds.Bits(copy), Is.EqualTo(Clouds.Bits(network)));
        }
    }

    private sealed class Mine : Module
    {
        public override Tensor Forward(Tensor input) => input;
    }

    [Test]
    public void ClassesOfOnesOwn_AreRefused_BeforeAnythingIsWritten()
    {
        var path = Temporary();
        var learn = Clouds.Learner(new Sequential(new Linear(2, 3), new Mine()));
        Assert.That(() => learn.Export(path), Throws.TypeOf<Core.OptionException>().With.Message.Contains("Mine").And.Message.Contains("Save"));
        Assert.That(File.Exists(path), Is.False);
        learn.Save(path);
        Assert.That(() => Learner.Import(path), Throws.TypeOf<FunctionalDL.Data.DataException>().With.Message.Contains("Export"));
    }

    /// <summary>Checklist row 9: one's own initialisation on the public surface, in place and outside the tape.</summary>
    [TestCase(0.0, 0.489898)]
    [TestCase(2.2360679775, 0.2)]
    public void AnInitialisationOfOnesOwn_HasItsBound_Row9(double slope, double expected)
    {
        var conv = new Conv2d(1, 32, 5);
        var fan = conv.Weight.Shape[1] * conv.Weight.Value[0, 0].Size;
        var bound = Math.Sqrt(3) * Math.Sqrt(2 / (1 + (slope * slope))) / Math.Sqrt(fan);

        using (Autograd.NoGrad())
        {
            conv.Weight.Value = ((2 * Tensor.Rand(conv.Weight.Shape.ToArray(), new Generator(1))) - 1) * bound;
        }

        Assert.That(bound, Is.EqualTo(expected).Within(1e-6));
        var largest = conv.Weight.Value.Abs().Max().Item();
        Assert.That(largest, Is.LessThanOrEqualTo(expected + 1e-6).And.GreaterThan(0.97 * expected));
        Assert.That(conv.Weight.Value.Std().Item(), Is.EqualTo(expected / Math.Sqrt(3)).Within(0.03 * expected));
        Assert.That(conv.Weight.RequiresGrad);
    }
}
