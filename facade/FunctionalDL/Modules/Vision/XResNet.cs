using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>fastai's convolution with its norm and, where wanted, its rectifier.</summary>
/// <param name="modules">The parts, one after the other.</param>
public sealed class ConvLayer(params (string Name, Module Module)[] modules) : Sequential(modules)
{
    internal static ConvLayer Of(
        int inChannels, int outChannels, int kernel, int stride, bool isActive, Generator? generator) => new(
        [
            ("0", ResNet.Convolution(inChannels, outChannels, kernel, stride, generator)),
            ("1", new BatchNorm2d(outChannels)),
            .. isActive ? [("2", (Module)new ReLU())] : Array.Empty<(string, Module)>(),
        ]);
}

/// <summary>fastai's residual block: <c>act(convpath(x) + idpath(x))</c>.</summary>
/// <param name="convpath">The convolutions.</param>
/// <param name="idpath">What goes around: nothing, or an average and a convolution where sizes change.</param>
/// <param name="act">The rectifier behind the sum.</param>
public sealed class ResBlock(Sequential convpath, Sequential idpath, ReLU act) : Module
{
    /// <summary>The convolutions.</summary>
    public Sequential Convpath { get; } = convpath;

    /// <summary>What goes around.</summary>
    public Sequential Idpath { get; } = idpath;

    /// <summary>The rectifier behind the sum.</summary>
    public ReLU Act { get; } = act;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Act.Call(Convpath.Call(input) + Idpath.Call(input));

    internal static ResBlock Of(ResidualBlock block, Generator? generator)
    {
        var (width, stride) = (block.Width, block.Stride);
        ConvLayer Layer(int inChannels, int outChannels, int kernel, int step, bool isActive) =>
            ConvLayer.Of(inChannels, outChannels, kernel, step, isActive, generator);

        var convolutions = block.Kind.IsBasic
            ? new Sequential(Layer(block.InChannels, width, 3, stride, true), Layer(width, width, 3, 1, false))
            : new Sequential(
                Layer(block.InChannels, width, 1, 1, true),
                Layer(width, width, 3, stride, true),
                Layer(width, block.OutChannels, 1, 1, false));

        List<Module> shortcut = [];

        if (stride > 1)
        {
            shortcut.Add(new AvgPool2d(stride, ceilMode: true));
        }

        if (block.ChangesChannels)
        {
            shortcut.Add(Layer(block.InChannels, block.OutChannels, 1, 1, false));
        }

        return new(convolutions, new Sequential([.. shortcut]), new ReLU());
    }
}

/// <summary>
/// fastai's XResNets (T. He and others, CVPR 2019): three small convolutions at the start, shortcuts that average, and blocks
/// that begin as the identity. <c>[batch; channels; height; width] → [batch; classes]</c>, named and begun as fastai's.
/// </summary>
/// <param name="modules">The parts, one after the other.</param>
public sealed class XResNet(params (string Name, Module Module)[] modules) : Sequential(modules)
{
    /// <summary>The network of 18 layers with weights.</summary>
    /// <param name="numClasses">How many numbers come out.</param>
    /// <param name="inChannels">The channels of the pictures: 3 for colour.</param>
    /// <param name="dropout">The probability of dropout in front of the last layer.</param>
    /// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
    /// <exception cref="OptionException">A number is less than 1, or the dropout is no probability.</exception>
    public static XResNet XResNet18(
        int numClasses = 1000, int inChannels = 3, double dropout = 0, Generator? generator = null) =>
        OfDepth(18, numClasses, inChannels, dropout, generator);

    /// <summary>The network of 34 layers with weights.</summary>
    /// <inheritdoc cref="XResNet18"/>
    public static XResNet XResNet34(
        int numClasses = 1000, int inChannels = 3, double dropout = 0, Generator? generator = null) =>
        OfDepth(34, numClasses, inChannels, dropout, generator);

    /// <summary>The network of 50 layers with weights, in bottlenecks.</summary>
    /// <inheritdoc cref="XResNet18"/>
    public static XResNet XResNet50(
        int numClasses = 1000, int inChannels = 3, double dropout = 0, Generator? generator = null) =>
        OfDepth(50, numClasses, inChannels, dropout, generator);

    /// <summary>The network of 101 layers with weights, in bottlenecks.</summary>
    /// <inheritdoc cref="XResNet18"/>
    public static XResNet XResNet101(
        int numClasses = 1000, int inChannels = 3, double dropout = 0, Generator? generator = null) =>
        OfDepth(101, numClasses, inChannels, dropout, generator);

    private static XResNet OfDepth(int depth, int numClasses, int inChannels, double dropout, Generator? generator)
    {
        var spec = ResidualNetwork.ofDepth(depth, inChannels, numClasses);
        int[] stem = [inChannels, .. Core.XResNet.stem];

        Module[] modules =
        [
            .. stem.Zip(stem.Skip(1), (from, to) => (from, to)).Select((channels, i) =>
                ConvLayer.Of(channels.from, channels.to, 3, i == 0 ? 2 : 1, isActive: true, generator)),
            new MaxPool2d(3, stride: 2, padding: 1),
            .. ResidualNetwork.stages(spec).Select(stage =>
                new Sequential([.. stage.Select(block => ResBlock.Of(block, generator))])),
            new AdaptiveAvgPool2d(1),
            new Flatten(),
            new Dropout(dropout),
            new Linear(ResidualNetwork.features(spec), numClasses, generator: generator),
        ];

        return new XResNet([.. modules.Select((module, i) => ($"{i}", module))])
            .DrawnBy((path, start, layer) => Core.XResNet.firstValues(spec.Kind, path, start, layer));
    }
}
