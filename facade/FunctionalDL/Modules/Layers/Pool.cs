using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>What pools share: the specification of the core.</summary>
internal static class PoolOf
{
    public static Core.Layer Max(
        int axes, Sizes kernel, Sizes? stride, Sizes padding, Sizes dilation, bool ceilMode) => Core.Layer.NewPool(
        PoolSpec.NewMax(
            Fs.Sizes(kernel.For("kernelSize", axes)),
            new MaxPoolOptions(
                Fs.Sizes((stride ?? kernel).For("stride", axes)),
                Fs.Sizes(padding.For("padding", axes)),
                Fs.Sizes(dilation.For("dilation", axes)),
                ceilMode)));

    public static Core.Layer Average(
        int axes, Sizes kernel, Sizes? stride, Sizes padding, bool ceilMode, bool countIncludePad, int? divisorOverride) =>
        Core.Layer.NewPool(
            PoolSpec.NewAverage(
                Fs.Sizes(kernel.For("kernelSize", axes)),
                new AveragePoolOptions(
                    Fs.Sizes((stride ?? kernel).For("stride", axes)),
                    Fs.Sizes(padding.For("padding", axes)),
                    ceilMode,
                    countIncludePad,
                    Fs.Option(divisorOverride))));

    public static Core.Layer Adaptive(Func<Microsoft.FSharp.Collections.FSharpList<int>, PoolSpec> kind, int axes, Sizes size) =>
        Core.Layer.NewPool(kind(Fs.Sizes(size.For("outputSize", axes))));

    public static string Text(Sizes kernel, Sizes? stride, Sizes? padding) =>
        $"kernel_size={kernel}, stride={stride ?? kernel}, padding={padding ?? 0}";
}

/// <summary>The largest element of each window of one axis: <c>[batch; channels; length] → [batch; channels; …]</c>.</summary>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
/// <param name="padding">Places added before and after each axis, never the largest; none when not given.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="ceilMode">Whether a last window that reaches over the end counts.</param>
public sealed class MaxPool1d(
    Sizes kernelSize, Sizes? stride = null, Sizes? padding = null, Sizes? dilation = null, bool ceilMode = false) : Layer(
    PoolOf.Max(1, kernelSize, stride, padding ?? 0, dilation ?? 1, ceilMode),
    $"{PoolOf.Text(kernelSize, stride, padding)}, dilation={dilation ?? 1}, ceil_mode={ceilMode}");

/// <summary>The largest element of each window of two axes: <c>[batch; channels; height; width] → [batch; channels; …]</c>.</summary>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
/// <param name="padding">Places added before and after each axis, never the largest; none when not given.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="ceilMode">Whether a last window that reaches over the end counts.</param>
public sealed class MaxPool2d(
    Sizes kernelSize, Sizes? stride = null, Sizes? padding = null, Sizes? dilation = null, bool ceilMode = false) : Layer(
    PoolOf.Max(2, kernelSize, stride, padding ?? 0, dilation ?? 1, ceilMode),
    $"{PoolOf.Text(kernelSize, stride, padding)}, dilation={dilation ?? 1}, ceil_mode={ceilMode}");

/// <summary>The largest element of each window of three axes: <c>[batch; channels; depth; height; width] → [batch; channels; …]</c>.</summary>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
/// <param name="padding">Places added before and after each axis, never the largest; none when not given.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="ceilMode">Whether a last window that reaches over the end counts.</param>
public sealed class MaxPool3d(
    Sizes kernelSize, Sizes? stride = null, Sizes? padding = null, Sizes? dilation = null, bool ceilMode = false) : Layer(
    PoolOf.Max(3, kernelSize, stride, padding ?? 0, dilation ?? 1, ceilMode),
    $"{PoolOf.Text(kernelSize, stride, padding)}, dilation={dilation ?? 1}, ceil_mode={ceilMode}");

/// <summary>The mean of each window of one axis: <c>[batch; channels; length] → [batch; channels; …]</c>.</summary>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
/// <param name="padding">Zeros added before and after each axis; none when not given.</param>
/// <param name="ceilMode">Whether a last window that reaches over the end counts.</param>
/// <param name="countIncludePad">Whether the zeros of the padding are counted.</param>
/// <param name="divisorOverride">What every sum is divided by in place of the number of elements.</param>
public sealed class AvgPool1d(
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    bool ceilMode = false,
    bool countIncludePad = true,
    int? divisorOverride = null) : Layer(
    PoolOf.Average(1, kernelSize, stride, padding ?? 0, ceilMode, countIncludePad, divisorOverride),
    $"kernel_size=({kernelSize},), stride=({stride ?? kernelSize},), padding=({padding ?? 0},)");

/// <summary>The mean of each window of two axes: <c>[batch; channels; height; width] → [batch; channels; …]</c>.</summary>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
/// <param name="padding">Zeros added before and after each axis; none when not given.</param>
/// <param name="ceilMode">Whether a last window that reaches over the end counts.</param>
/// <param name="countIncludePad">Whether the zeros of the padding are counted.</param>
/// <param name="divisorOverride">What every sum is divided by in place of the number of elements.</param>
public sealed class AvgPool2d(
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    bool ceilMode = false,
    bool countIncludePad = true,
    int? divisorOverride = null) : Layer(
    PoolOf.Average(2, kernelSize, stride, padding ?? 0, ceilMode, countIncludePad, divisorOverride),
    PoolOf.Text(kernelSize, stride, padding));

/// <summary>The mean of each window of three axes: <c>[batch; channels; depth; height; width] → [batch; channels; …]</c>.</summary>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
/// <param name="padding">Zeros added before and after each axis; none when not given.</param>
/// <param name="ceilMode">Whether a last window that reaches over the end counts.</param>
/// <param name="countIncludePad">Whether the zeros of the padding are counted.</param>
/// <param name="divisorOverride">What every sum is divided by in place of the number of elements.</param>
public sealed class AvgPool3d(
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    bool ceilMode = false,
    bool countIncludePad = true,
    int? divisorOverride = null) : Layer(
    PoolOf.Average(3, kernelSize, stride, padding ?? 0, ceilMode, countIncludePad, divisorOverride),
    PoolOf.Text(kernelSize, stride, padding));

/// <summary>The means of as many windows of one axis as are wanted, which cover the input evenly.</summary>
/// <param name="outputSize">How many windows each axis has.</param>
public sealed class AdaptiveAvgPool1d(Sizes outputSize)
    : Layer(PoolOf.Adaptive(PoolSpec.NewAdaptiveAverage, 1, outputSize), $"output_size={outputSize}");

/// <summary>The means of as many windows of two axes as are wanted, which cover the input evenly.</summary>
/// <param name="outputSize">How many windows each axis has.</param>
public sealed class AdaptiveAvgPool2d(Sizes outputSize)
    : Layer(PoolOf.Adaptive(PoolSpec.NewAdaptiveAverage, 2, outputSize), $"output_size={outputSize}");

/// <summary>The means of as many windows of three axes as are wanted, which cover the input evenly.</summary>
/// <param name="outputSize">How many windows each axis has.</param>
public sealed class AdaptiveAvgPool3d(Sizes outputSize)
    : Layer(PoolOf.Adaptive(PoolSpec.NewAdaptiveAverage, 3, outputSize), $"output_size={outputSize}");

/// <summary>The largest elements of as many windows of one axis as are wanted, which cover the input evenly.</summary>
/// <param name="outputSize">How many windows each axis has.</param>
public sealed class AdaptiveMaxPool1d(Sizes outputSize)
    : Layer(PoolOf.Adaptive(PoolSpec.NewAdaptiveMax, 1, outputSize), $"output_size={outputSize}");

/// <summary>The largest elements of as many windows of two axes as are wanted, which cover the input evenly.</summary>
/// <param name="outputSize">How many windows each axis has.</param>
public sealed class AdaptiveMaxPool2d(Sizes outputSize)
    : Layer(PoolOf.Adaptive(PoolSpec.NewAdaptiveMax, 2, outputSize), $"output_size={outputSize}");

/// <summary>The largest elements of as many windows of three axes as are wanted, which cover the input evenly.</summary>
/// <param name="outputSize">How many windows each axis has.</param>
public sealed class AdaptiveMaxPool3d(Sizes outputSize)
    : Layer(PoolOf.Adaptive(PoolSpec.NewAdaptiveMax, 3, outputSize), $"output_size={outputSize}");

/// <summary>
/// fastai's pool of both kinds: the largest elements, then the means, one after the other: twice as many channels.
/// </summary>
/// <param name="ap">The means.</param>
/// <param name="mp">The largest elements.</param>
public sealed class AdaptiveConcatPool2d(AdaptiveAvgPool2d ap, AdaptiveMaxPool2d mp) : Module
{
    /// <summary>Pools that both give windows of this number.</summary>
    /// <param name="outputSize">How many windows each of the two axes has; 1 when not given.</param>
    public AdaptiveConcatPool2d(Sizes? outputSize = null)
        : this(new AdaptiveAvgPool2d(outputSize ?? 1), new AdaptiveMaxPool2d(outputSize ?? 1))
    {
    }

    /// <summary>The means.</summary>
    public AdaptiveAvgPool2d Ap { get; } = ap;

    /// <summary>The largest elements.</summary>
    public AdaptiveMaxPool2d Mp { get; } = mp;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Tensor.Cat([Mp.Call(input), Ap.Call(input)], dim: 1);
}
