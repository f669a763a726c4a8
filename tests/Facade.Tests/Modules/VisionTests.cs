using Microsoft.FSharp.Collections;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Networks for pictures: the facade's modules are the core's networks, by name and to the bit.</summary>
public class VisionTests
{
    private static readonly Core.ResidualNetworkSpec Basic = Core.ResidualNetwork.ofDepth(18, 3, 5);
    private static readonly Core.ResidualNetworkSpec Narrow = Core.ResidualNetwork.ofDepth(50, 1, 5);

    private static Core.HeadSpec HeadOf(bool concatPool, bool bnFinal) =>
        new(3, 4, ListModule.OfSeq([6]), ListModule.OfSeq([0.5]), concatPool, bnFinal);

    private static Core.SimpleCnnSpec Cnn { get; } =
        new(ListModule.OfSeq([3, 8, 6]), ListModule.OfSeq([5, 3]), ListModule.OfSeq([1, 2]), true);

    private static readonly Dictionary<string, (Func<Module> Module, Core.Layer Layer, Func<Core.Start, Core.Layer, Core.Variables> First)>
        Networks = new()
        {
            ["resnet18"] = (() => ResNet.ResNet18(numClasses: 5), Core.ResNet.layer(Basic), Core.ResNet.variables),
            ["resnet50"] = (() => ResNet.ResNet50(numClasses: 5, inChannels: 1), Core.ResNet.layer(Narrow), Core.ResNet.variables),
            ["xresnet18"] = (
                () => XResNet.XResNet18(numClasses: 5, dropout: 0.3),
                Core.XResNet.layer(0.3, Basic),
                (start, layer) => Core.XResNet.variables(Basic.Kind, start, layer)),
            ["xresnet50"] = (
                () => XResNet.XResNet50(numClasses: 5, inChannels: 1),
                Core.XResNet.layer(0.0, Narrow),
                (start, layer) => Core.XResNet.variables(Narrow.Kind, start, layer)),
            ["simple cnn"] = (
                () => SimpleCnn.Of([3, 8, 6], [5, 3], [1, 2], bn: true), Core.SimpleCnn.layer(Cnn), Core.SimpleCnn.variables),
            ["head"] = (() => VisionHead.Create(3, 4, linFtrs: [6]), Core.Head.layer(HeadOf(true, false)), Core.Head.variables),
            ["head with one pool"] = (
                () => VisionHead.Create(3, 4, linFtrs: [6], concatPool: false, bnFinal: true),
                Core.Head.layer(HeadOf(false, true)),
                Core.Head.variables),
        };

    private static IEnumerable<string> Names => Networks.Keys;

    [TestCaseSource(nameof(Names))]
    public void AModule_IsTheCoresNetwork_ByName_FirstValues_AndOutputs(string name)
    {
        var (make, layer, first) = Networks[name];
        var variables = first(new Core.Start(Core.DType.Float32, Core.KeyModule.ofSeed(5)), layer);
        var module = make().Initialize(5).Eval();

        var expected = Core.Tree.leaves(variables.Parameters).Concat(Core.Tree.leaves(variables.State))
            .ToDictionary(leaf => leaf.Item1, leaf => leaf.Item2);
        var state = module.StateDict();
        Assert.That(state.Keys, Is.EquivalentTo(expected.Keys));

        foreach (var (path, value) in state)
        {
            Assert.That(value.Shape, Is.EqualTo(expected[path].Shape.ToArray()), path);
            Assert.That(Check.Bits(value), Is.EqualTo(Bits(expected[path])), path);
        }

        var channels = name.EndsWith("50", StringComparison.Ordinal) ? 1 : 3;
        var picture = Tensor.Randn([2, channels, 37, 33], new Generator(4));
        var numbers = Core.TensorModule.ofFloats(
            ListModule.OfSeq([2, channels, 37, 33]), picture.ToArray<double>());
        var output = Core.LayerModule.predict(layer, variables, Core.TensorModule.cast(Core.DType.Float32, numbers));
        var actual = module.Call(picture);
        Assert.That(Check.Bits(actual), Is.EqualTo(Bits(output)));
        Assert.That(actual.Abs().Max().Item(), Is.GreaterThan(1e-3), "there is something to compare");
    }

    private static long[] Bits(Core.Tensor x) =>
        [.. Core.TensorModule.toFloats(x).Select(BitConverter.DoubleToInt64Bits)];

    [Test]
    public void AResNet_PrintsAsPyTorchs()
    {
        var lines = $"{ResNet.ResNet18(numClasses: 7)}".ReplaceLineEndings("\n").Split('\n');
        const string norm = "eps=1e-05, momentum=0.1, affine=True, track_running_stats=True";

        Assert.That(lines.Take(13), Is.EqualTo(new[]
        {
            "ResNet(",
            "  (conv1): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)",
            $"  (bn1): BatchNorm2d(64, {norm})",
            "  (relu): ReLU()",
            "  (maxpool): MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)",
            "  (layer1): Sequential(",
            "    (0): BasicBlock(",
            "      (conv1): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)",
            $"      (bn1): BatchNorm2d(64, {norm})",
            "      (relu): ReLU()",
            "      (conv2): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)",
            $"      (bn2): BatchNorm2d(64, {norm})",
            "    )",
        }));
        Assert.That(lines.SkipWhile(line => line != "  (layer2): Sequential(").Skip(7).Take(5), Is.EqualTo(new[]
        {
            "      (downsample): Sequential(",
            "        (0): Conv2d(64, 128, kernel_size=(1, 1), stride=(2, 2), bias=False)",
            $"        (1): BatchNorm2d(128, {norm})",
            "      )",
            "    )",
        }));
        Assert.That(lines.TakeLast(3), Is.EqualTo(new[]
        {
            "  (avgpool): AdaptiveAvgPool2d(output_size=1)", "  (fc): Linear(in_features=512, out_features=7, bias=True)", ")",
        }));
    }

    [Test]
    public void AHead_PrintsAsFastais_Row80()
    {
        Assert.That($"{VisionHead.Create(512, 37)}".ReplaceLineEndings("\n"), Is.EqualTo(
            """
            Sequential(
              (0): AdaptiveConcatPool2d(
                (ap): AdaptiveAvgPool2d(output_size=1)
                (mp): AdaptiveMaxPool2d(output_size=1)
              )
              (1): Flatten(start_dim=1, end_dim=-1)
              (2): BatchNorm1d(1024, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
              (3): Dropout(p=0.25)
              (4): Linear(in_features=1024, out_features=512, bias=True)
              (5): ReLU()
              (6): BatchNorm1d(512, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
              (7): Dropout(p=0.5)
              (8): Linear(in_features=512, out_features=37, bias=True)
            )
            """.ReplaceLineEndings("\n")));
    }

    [Test]
    public void ALearnersSeed_BeginsNetworksByTheirOwnRule_AndKeepsGivenWeights()
    {
        var data = new DataLoaders(Clouds.Train, Clouds.Valid);
        static double Deviation(Parameter p) => Math.Sqrt(p.Value.Square().Mean().Item());
        var net = SimpleCnn.Of([3, 64, 64]);
        _ = new Learner(data, net, Losses.CrossEntropy, seed: 3, silent: true);

        // Kaiming's √(2 / 576), not the usual 1 / √(3 · 576); 36,864 numbers vary by a third of a hundredth.
        var weight = ((Conv2d)((Sequential)net[1])[0]).Weight;
        Assert.That(Deviation(weight) / Math.Sqrt(2.0 / 576), Is.EqualTo(1).Within(0.02));

        var given = SimpleCnn.Of([3, 4, 4], generator: new Generator(8));
        var bits = Clouds.Bits(given);
        _ = new Learner(data, given, Losses.CrossEntropy, seed: 3, silent: true);
        Assert.That(Clouds.Bits(given), Is.EqualTo(bits));
        Assert.That(Clouds.Bits(SimpleCnn.Of([3, 4, 4], generator: new Generator(8))), Is.EqualTo(bits));
    }

    [TestCase("resnet18")]
    [TestCase("resnet50")]
    [TestCase("xresnet18")]
    [TestCase("head")]
    public void ANetwork_IsExportedAndImported(string name)
    {
        var path = Path.Combine(House.Temporary(), "model.safetensors");
        var network = Networks[name].Module();
        new Learner(new DataLoaders(Clouds.Train, Clouds.Valid), network, Losses.Mse, silent: true).Export(path);
        var copy = Learner.Import(path).Model;
        Assert.That(copy, Is.TypeOf(network.GetType()));
        Assert.That($"{copy}", Is.EqualTo($"{network}"));
        Assert.That(Clouds.Bits(copy), Is.EqualTo(Clouds.Bits(network)));
    }
}
