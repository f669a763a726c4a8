using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// torchvision's block of three convolutions, of which the middle one has few channels: <c>relu(bn3(conv3(…)) + downsample(x))</c>.
/// </summary>
/// <param name="conv1">The convolution of 1 × 1 that makes the channels few.</param>
/// <param name="bn1">Its norm.</param>
/// <param name="conv2">The convolution of 3 × 3, which has the stride.</param>
/// <param name="bn2">Its norm.</param>
/// <param name="conv3">The convolution of 1 × 1 that makes the channels many.</param>
/// <param name="bn3">Its norm.</param>
/// <param name="relu">Called behind the first two norms and behind the sum.</param>
/// <param name="downsample">What goes around, where sizes change; null for the input itself.</param>
public sealed class Bottleneck(
    Conv2d conv1,
    BatchNorm2d bn1,
    Conv2d conv2,
    BatchNorm2d bn2,
    Conv2d conv3,
    BatchNorm2d bn3,
    ReLU relu,
    Sequential? downsample = null) : Module
{
    /// <summary>The convolution that makes the channels few.</summary>
    public Conv2d Conv1 { get; } = conv1;

    /// <summary>Its norm.</summary>
    public BatchNorm2d Bn1 { get; } = bn1;

    /// <summary>The convolution of 3 × 3.</summary>
    public Conv2d Conv2 { get; } = conv2;

    /// <summary>Its norm.</summary>
    public BatchNorm2d Bn2 { get; } = bn2;

    /// <summary>The convolution that makes the channels many.</summary>
    public Conv2d Conv3 { get; } = conv3;

    /// <summary>Its norm.</summary>
    public BatchNorm2d Bn3 { get; } = bn3;

    /// <summary>The rectifier behind the first two norms and behind the sum.</summary>
    public ReLU Relu { get; } = relu;

    /// <summary>What goes around; null for the input itself.</summary>
    public Sequential? Downsample { get; } = downsample;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input)
    {
        var x = Relu.Call(Bn1.Call(Conv1.Call(input)));
        x = Relu.Call(Bn2.Call(Conv2.Call(x)));
        return Relu.Call(Bn3.Call(Conv3.Call(x)) + (Downsample?.Call(input) ?? input));
    }

    internal static Bottleneck Of(ResidualBlock block, Generator? generator) => new(
        ResNet.Convolution(block.InChannels, block.Width, 1, 1, generator),
        new BatchNorm2d(block.Width),
        ResNet.Convolution(block.Width, block.Width, 3, block.Stride, generator),
        new BatchNorm2d(block.Width),
        ResNet.Convolution(block.Width, block.OutChannels, 1, 1, generator),
        new BatchNorm2d(block.OutChannels),
        new ReLU(),
        ResNet.Shortcut(block, generator));
}
