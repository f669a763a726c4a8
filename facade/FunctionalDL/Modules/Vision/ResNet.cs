using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// torchvision's residual networks (K. He, X. Zhang, S. Ren, J. Sun, CVPR 2016): <c>ResNet.ResNet34(numClasses: 37)</c>.
/// <c>[batch; channels; height; width] → [batch; classes]</c>. Parts have torchvision's names, so that
/// <see cref="Module.LoadWeights"/> takes its weights. First values are torchvision's.
/// </summary>
/// <param name="conv1">The convolution of 7 × 7.</param>
/// <param name="bn1">Its norm.</param>
/// <param name="relu">The rectifier behind it.</param>
/// <param name="maxpool">The pool behind that.</param>
/// <param name="layer1">Blocks of the first width.</param>
/// <param name="layer2">Blocks of twice as many channels and half the size.</param>
/// <param name="layer3">Blocks of twice as many again.</param>
/// <param name="layer4">Blocks of twice as many again.</param>
/// <param name="avgpool">The mean of each channel.</param>
/// <param name="fc">From channels to classes.</param>
public sealed class ResNet(
    Conv2d conv1,
    BatchNorm2d bn1,
    ReLU relu,
    MaxPool2d maxpool,
    Sequential layer1,
    Sequential layer2,
    Sequential layer3,
    Sequential layer4,
    AdaptiveAvgPool2d avgpool,
    Linear fc) : Module
{
    /// <summary>The convolution of 7 × 7.</summary>
    public Conv2d Conv1 { get; } = conv1;

    /// <summary>Its norm.</summary>
    public BatchNorm2d Bn1 { get; } = bn1;

    /// <summary>The rectifier behind it.</summary>
    public ReLU Relu { get; } = relu;

    /// <summary>The pool behind that.</summary>
    public MaxPool2d Maxpool { get; } = maxpool;

    /// <summary>Blocks of the first width.</summary>
    public Sequential Layer1 { get; } = layer1;

    /// <summary>Blocks of twice as many channels and half the size.</summary>
    public Sequential Layer2 { get; } = layer2;

    /// <summary>Blocks of twice as many again.</summary>
    public Sequential Layer3 { get; } = layer3;

    /// <summary>Blocks of twice as many again.</summary>
    public Sequential Layer4 { get; } = layer4;

    /// <summary>The mean of each channel.</summary>
    public AdaptiveAvgPool2d Avgpool { get; } = avgpool;

    /// <summary>From channels to classes.</summary>
    public Linear Fc { get; } = fc;

    /// <summary>The network of 18 layers with weights: 11,689,512 parameters for 1000 classes.</summary>
    /// <param name="numClasses">How many numbers come out.</param>
    /// <param name="inChannels">The channels of the pictures: 3 for colour.</param>
    /// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
    /// <exception cref="OptionException">A number is less than 1.</exception>
    public static ResNet ResNet18(int numClasses = 1000, int inChannels = 3, Generator? generator = null) =>
        OfDepth(18, numClasses, inChannels, generator);

    /// <summary>The network of 34 layers with weights: 21,797,672 parameters for 1000 classes.</summary>
    /// <inheritdoc cref="ResNet18"/>
    public static ResNet ResNet34(int numClasses = 1000, int inChannels = 3, Generator? generator = null) =>
        OfDepth(34, numClasses, inChannels, generator);

    /// <summary>The network of 50 layers with weights, in bottlenecks: 25,557,032 parameters for 1000 classes.</summary>
    /// <inheritdoc cref="ResNet18"/>
    public static ResNet ResNet50(int numClasses = 1000, int inChannels = 3, Generator? generator = null) =>
        OfDepth(50, numClasses, inChannels, generator);

    /// <summary>The network of 101 layers with weights, in bottlenecks: 44,549,160 parameters for 1000 classes.</summary>
    /// <inheritdoc cref="ResNet18"/>
    public static ResNet ResNet101(int numClasses = 1000, int inChannels = 3, Generator? generator = null) =>
        OfDepth(101, numClasses, inChannels, generator);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input)
    {
        var x = Maxpool.Call(Relu.Call(Bn1.Call(Conv1.Call(input))));
        x = Layer4.Call(Layer3.Call(Layer2.Call(Layer1.Call(x))));
        return Fc.Call(Avgpool.Call(x).Flatten(1));
    }

    /// <summary>A square convolution without bias, padded so that stride 1 keeps the size.</summary>
    internal static Conv2d Convolution(int inChannels, int outChannels, int kernel, int stride, Generator? generator) =>
        new(inChannels, outChannels, kernel, stride: stride, padding: kernel / 2, bias: false, generator: generator);

    /// <summary>What goes around a block whose sizes change.</summary>
    internal static Sequential? Shortcut(ResidualBlock block, Generator? generator) =>
        block.Stride > 1 || block.ChangesChannels
            ? new(
                Convolution(block.InChannels, block.OutChannels, 1, block.Stride, generator),
                new BatchNorm2d(block.OutChannels))
            : null;

    private static ResNet OfDepth(int depth, int numClasses, int inChannels, Generator? generator)
    {
        var spec = ResidualNetwork.ofDepth(depth, inChannels, numClasses);
        Module Block(ResidualBlock block) =>
            block.Kind.IsBasic ? BasicBlock.Of(block, generator) : Bottleneck.Of(block, generator);
        Sequential[] stages = [.. ResidualNetwork.stages(spec).Select(stage => new Sequential([.. stage.Select(Block)]))];

        return new ResNet(
            Convolution(inChannels, ResidualNetwork.StemChannels, 7, 2, generator),
            new BatchNorm2d(ResidualNetwork.StemChannels),
            new ReLU(),
            new MaxPool2d(3, stride: 2, padding: 1),
            stages[0],
            stages[1],
            stages[2],
            stages[3],
            new AdaptiveAvgPool2d(1),
            new Linear(ResidualNetwork.features(spec), numClasses, generator: generator))
            .DrawnBy(Core.ResNet.firstValues);
    }
}
