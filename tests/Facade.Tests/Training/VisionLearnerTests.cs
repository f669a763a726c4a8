using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Learners for pictures: where networks are cut, what their groups are, and that going on from weights helps.</summary>
public class VisionLearnerTests
{
    /// <summary>Pictures of noise with a square of one colour, which is their class.</summary>
    private static TensorDataset Squares(int count, int classes, long seed)
    {
        var labels = Enumerable.Range(0, count).Select(i => (long)(i % classes)).ToArray();
        var pictures = (0.3 * Tensor.Randn([count, 3, 32, 32], new Generator(seed))).ToArray<float>();

        for (var i = 0; i < pictures.Length; i++)
        {
            var (x, y, channel, item) = (i % 32, i / 32 % 32, i / (32 * 32) % 3, i / (3 * 32 * 32));
            pictures[i] += channel == labels[item] && (x + item) % 32 < 12 && y is >= 8 and < 20 ? 1 : 0;
        }

        return new TensorDataset(Tensor.From(pictures, [count, 3, 32, 32]), Tensor.From(labels));
    }

    private static DataLoaders Data(int classes = 2) => new(Squares(32, classes, 1), Squares(16, classes, 2), 8)
    {
        Classes = [.. Enumerable.Range(0, classes).Select(i => $"colour {i}")],
    };

    private static VisionLearner Small(bool pretrained = false, Module? arch = null) => new(
        Data(), arch ?? SimpleCnn.Of([3, 8, 8], bn: true), pretrained, linFtrs: [], optFunc: (p, lr) => new Adam(p, lr), seed: 1, metrics: [Metrics.Accuracy], silent: true);

    [Test]
    public void ResNets_AreCutBehindTheirBlocks_InThreeGroups_Row79()
    {
        var arch = ResNet.ResNet18();
        var learn = new VisionLearner(Data(), arch, silent: true);
        Assert.That(learn.Body.Count, Is.EqualTo(8));
        Assert.That(learn.Body[0], Is.SameAs(arch.Conv1));
        Assert.That(learn.Body[7], Is.SameAs(arch.Layer4));
        Assert.That(learn.Model.StateDict().Keys, Does.Contain("0.4.0.conv1.weight").And.Contain("1.2.weight").And.Contain("1.8.bias"));
        Assert.That(((Linear)((Sequential)learn.Head)[8]).OutFeatures, Is.EqualTo(2), "as many as there are classes");

        // A cell of 1 for each group, by freezing: 3 groups, of which the second begins with layer 3.
        learn.FreezeTo(1);
        Assert.That(arch.Layer2.Parameters()[0].RequiresGrad, Is.False);
        Assert.That(arch.Layer3.Parameters()[0].RequiresGrad, Is.True);
        learn.FreezeTo(2);
        Assert.That(arch.Layer4.Parameters()[0].RequiresGrad, Is.False);
        Assert.That(learn.Head.Parameters().All(p => p.RequiresGrad), Is.True);
        Assert.That(() => learn.FreezeTo(3), Throws.TypeOf<Core.OptionException>());
    }

    [Test]
    public void OtherNetworks_AreCutBeforeTheirLastPool()
    {
        var xresnet = new VisionLearner(Data(), XResNet.XResNet18(), silent: true);
        Assert.That(xresnet.Body.Count, Is.EqualTo(8));
        xresnet.FreezeTo(1);
        Assert.That(xresnet.Body[2].Parameters()[0].RequiresGrad, Is.False);
        Assert.That(xresnet.Body[4].Parameters()[0].RequiresGrad, Is.True);

        var cnn = Small();
        Assert.That(cnn.Body.Count, Is.EqualTo(2));
        Assert.That(((BatchNorm1d)((Sequential)cnn.Head)[2]).NumFeatures, Is.EqualTo(16), "twice 8 channels");
        cnn.FreezeTo(-1);
        Assert.That(() => cnn.FreezeTo(2), Throws.TypeOf<Core.OptionException>());

        var early = new VisionLearner(Data(), ResNet.ResNet18(), cut: -4, splitOn: [2, 4], silent: true);
        Assert.That(early.Body.Count, Is.EqualTo(6));
        early.FreezeTo(3);
    }

    [Test]
    public void WhatCannotBeCut_IsRefused()
    {
        var noPool = new Sequential(new Conv2d(3, 4, 3), new Flatten());
        Assert.That(
            () => new VisionLearner(Data(), noPool, silent: true),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("no part behind others that pools"));
        Assert.That(
            () => new VisionLearner(Data(), ResNet.ResNet18(), cut: -10, silent: true),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("-10 leaves no body of the 10 parts"));
        Assert.That(
            () => new VisionLearner(Data(), noPool, cut: 2, silent: true),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("does not give channels of faces"));
        Assert.That(
            () => new VisionLearner(new DataLoaders(Squares(4, 2, 1), Squares(4, 2, 1)), ResNet.ResNet18(), silent: true),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("say how many"));
        Assert.That(
            () => new VisionLearner(Data(), ResNet.ResNet18(), pretrained: true, splitOn: [6, 6], silent: true),
            Throws.TypeOf<Core.OptionException>().With.Message.Contains("6, 6 does not cut"));
    }

    /// <summary>Frozen weights keep their bits in a step, norms and the head do not; then all move.</summary>
    [Test]
    public void APretrainedBody_IsFrozen_ButForItsNorms_Row82()
    {
        var learn = Small(pretrained: true);
        var (norms, others) = (new List<Parameter>(), new List<Parameter>());

        foreach (var (_, module) in learn.Body.NamedModules().Where(m => m.Module is Layer))
        {
            (module is BatchNorm2d ? norms : others).AddRange(module.Parameters());
        }

        Assert.That(others.Count + norms.Count, Is.EqualTo(learn.Body.Parameters().Count));
        Assert.That(others.Any(p => p.RequiresGrad), Is.False);
        Assert.That(norms.Concat(learn.Head.Parameters()).All(p => p.RequiresGrad), Is.True);

        static long[][] Bits(IEnumerable<Parameter> parameters) => [.. parameters.Select(p => Check.Bits(p))];
        var (frozen, moving, head) = (Bits(others), Bits(norms), Bits(learn.Head.Parameters()));
        learn.Fit(1, 0.1);
        Assert.That(Bits(others), Is.EqualTo(frozen));
        Assert.That(Bits(norms).Zip(moving).All(p => !p.First.SequenceEqual(p.Second)), Is.True);
        Assert.That(Bits(learn.Head.Parameters()).Zip(head).All(p => !p.First.SequenceEqual(p.Second)), Is.True);

        learn.Unfreeze();
        learn.Fit(1, LearningRates.Slice(0.01, 0.1));
        Assert.That(Bits(others).Zip(frozen).All(p => !p.First.SequenceEqual(p.Second)), Is.True);
    }

    [Test]
    public void AVisionLearner_LearnsTheColours_AndItsBodyHelpsWithOthers()
    {
        var learn = Small();
        var before = learn.Validate().Metrics["accuracy"];
        learn.Fit(3, 0.02);
        Assert.That(learn.Validate().Metrics["accuracy"], Is.EqualTo(1).And.GreaterThan(before));

        var other = Small(pretrained: true, arch: new Sequential(learn.Body[0], learn.Body[1], new AdaptiveAvgPool2d(1)));
        Assert.That(other.FineTune(2, 0.02), Has.Count.EqualTo(3));
        Assert.That(other.Validate().Metrics["accuracy"], Is.EqualTo(1));
    }

    [Test]
    public void AVisionLearner_IsExportedAndImported()
    {
        var learn = Small(arch: ResNet.ResNet18());
        var path = Path.Combine(House.Temporary(), "model.safetensors");
        learn.Export(path);
        var x = Squares(2, 2, 5).Inputs[0];
        var copy = Learner.Import(path);
        Check.Same(copy.Predict(x), learn.Predict(x));
        Assert.That(copy.Data.Classes, Is.EqualTo(learn.Data.Classes));
    }
}
