using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Summaries in fastai's format.</summary>
public class SummaryTests
{
    private static DataLoaders NoPictures { get; } =
        new(new TensorDataset(Tensor.Zeros([1, 3, 32, 32]), Tensor.From([0L])), new TensorDataset(Tensor.Zeros([1, 3, 32, 32]), Tensor.From([0L])));

    [Test]
    public void Summary_OfResNet34WithItsHead_HasTheGoldenTotalsAndRows_Row79()
    {
        var learn = new VisionLearner(NoPictures, ResNet.ResNet34(), pretrained: true, classes: 37, bnFinal: true, silent: true);
        var summary = learn.Model.Summary([3, 352, 352]);
        var lines = summary.ToString().Split('\n');

        Assert.That(summary.Layers, Has.Count.EqualTo(101));
        Assert.That(
            summary.Layers.GroupBy(l => l.Kind).ToDictionary(g => g.Key, g => g.Count()),
            Is.EquivalentTo(new Dictionary<string, int>
            {
                ["Conv2d"] = 36,
                ["BatchNorm2d"] = 36,
                ["ReLU"] = 18,
                ["MaxPool2d"] = 1,
                ["AdaptiveAvgPool2d"] = 1,
                ["AdaptiveMaxPool2d"] = 1,
                ["Flatten"] = 1,
                ["BatchNorm1d"] = 3,
                ["Dropout"] = 2,
                ["Linear"] = 2,
            }));
        Assert.That(lines[0], Is.EqualTo("Sequential"));
        Assert.That(lines[1], Is.EqualTo(new string('=', 70)));
        Assert.That(lines[2], Is.EqualTo("Layer (type)         Output Shape         Param #    Trainable "));
        Assert.That(lines[4], Is.EqualTo("Conv2d               [64, 176, 176]       9,408      False     "));
        Assert.That(lines[5], Is.EqualTo(new string('_', 70)));
        Assert.That(lines[6], Is.EqualTo("BatchNorm2d          [64, 176, 176]       128        True      "));
        Assert.That(lines[8], Is.EqualTo("ReLU                 [64, 176, 176]       0          False     "));
        Assert.That(lines[10], Is.EqualTo("MaxPool2d            [64, 88, 88]         0          False     "));
        Assert.That(
            summary.Layers.TakeLast(12).Select(l => (l.Kind, $"{l.OutputShape}", l.Parameters)),
            Is.EqualTo(new[]
            {
                ("AdaptiveAvgPool2d", "[512; 1; 1]", 0L), ("AdaptiveMaxPool2d", "[512; 1; 1]", 0L), ("Flatten", "[1024]", 0L),
                ("BatchNorm1d", "[1024]", 2048L), ("Dropout", "[1024]", 0L), ("Linear", "[512]", 524_800L), ("ReLU", "[512]", 0L),
                ("BatchNorm1d", "[512]", 1024L), ("Dropout", "[512]", 0L), ("Linear", "[37]", 18_981L), ("BatchNorm1d", "[37]", 74L),
            }.Prepend(("BatchNorm2d", "[512; 11; 11]", 1024L))));
        Assert.That(
            lines.TakeLast(5),
            Is.EqualTo(new[]
            {
                "", "Total params: 21,831,599", "Total trainable params: 563,951", "Total non-trainable params: 21,267,648", "",
            }));
    }

    [Test]
    public void ModelSizes_FollowThePictureDown_Row12()
    {
        var net = new Sequential(
            new Conv2d(1, 8, 5, stride: 2, padding: 2), new Conv2d(8, 16, 3, stride: 2, padding: 1),
            new Conv2d(16, 32, 3, stride: 2, padding: 1), new Conv2d(32, 1, 3, stride: 2, padding: 1),
            new AdaptiveAvgPool2d(1));
        Assert.That(net.ModelSizes(1, 28, 28).Select(s => s[-1]), Is.EqualTo(new[] { 14, 7, 4, 2, 1 }));
        Assert.That(net.ModelSizes(1, 28, 28)[2], Is.EqualTo(new Shape(1, 32, 4, 4)));
    }

    [Test]
    public void Summary_ChangesNothing_AndNamesWhatDoesNotFit()
    {
        var net = new Sequential(("norm", new BatchNorm1d(4)), ("shared", new Linear(4, 4)), ("last", new Linear(5, 2)));
        Assert.That(() => net.Summary([4]), Throws.TypeOf<Core.ShapeException>().With.Message.StartsWith("last"));

        var model = net[..2];
        var text = model.Summary(Tensor.Ones([3, 4])).ToString();
        Assert.That(text, Does.Contain("Total params: 28"));
        Assert.That(((BatchNorm1d)net["norm"]).NumBatchesTracked!.Value.Item(), Is.Zero);
        Assert.That(net.Training, Is.True);
    }
}
