using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>torchvision's block of two convolutions: <c>relu(bn2(conv2(relu(bn1(conv1(x))))) + downsample(x))</c>.</summary>
/// <param name="conv1">The first convolution, which has the stride.</param>
/// <param name="bn1">Its norm.</param>
/// <param name="relu">Called behind the first norm and behind the sum.</param>
/// <param name="conv2">The second convolution.</param>
/// <param name="bn2">Its norm.</param>
/// <param name="downsample">What goes around, where sizes change; null for the input itself.</param>
public sealed class BasicBlock(
    Conv2d conv1, BatchNorm2d bn1, ReLU relu, Conv2d conv2, BatchNorm2d bn2, Sequential? downsample = null) : Module
{
    /// <summary>The first convolution.</summary>
    public Conv2d Conv1 { get; } = conv1;

    /// <summary>Its norm.</summary>
    public BatchNorm2d Bn1 { get; } = bn1;

    /// <summary>The rectifier behind the first norm and behind the sum.</summary>
    public ReLU Relu { get; } = relu;

    /// <summary>The second convolution.</summary>
    public Conv2d Conv2 { get; } = conv2;

    /// <summary>Its norm.</summary>
    public BatchNorm2d Bn2 { get; } = bn2;

    /// <summary>What goes around; null for the input itself.</summary>
    public Sequential? Downsample { get; } = downsample;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input)
    {
        var x = Bn2.Call(Conv2.Call(Relu.Call(Bn1.Call(Conv1.Call(input)))));
        return Relu.Call(x + (Downsample?.Call(input) ?? input));
    }

    internal static BasicBlock Of(ResidualBlock block, Generator? generator) => new(
        ResNet.Convolution(block.InChannels, block.Width, 3, block.Stride, generator),
        new BatchNorm2d(block.Width),
        new ReLU(),
        ResNet.Convolution(block.Width, block.OutChannels, 3, 1, generator),
        new BatchNorm2d(block.OutChannels),
        ResNet.Shortcut(block, generator));
}
