using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// fastai's <c>simple_cnn</c>: convolutions, each with a ReLU, and the mean of each channel: <c>[batch; channels; height; width] →
/// [batch; last channels]</c>.
/// </summary>
/// <param name="modules">The parts, one after the other.</param>
public sealed class SimpleCnn(params (string Name, Module Module)[] modules) : Sequential(modules)
{
    /// <summary>A network of these channels.</summary>
    /// <param name="channels">Of the pictures, and then of what each convolution gives: <c>[3, 16, 16, 2]</c>.</param>
    /// <param name="kernelSizes">One for each convolution; 3 when not given.</param>
    /// <param name="strides">One for each convolution; 2 when not given.</param>
    /// <param name="bn">Whether batch norm is behind each but the last.</param>
    /// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
    /// <exception cref="OptionException">There is no convolution, or not a kernel and a stride for each.</exception>
    public static SimpleCnn Of(
        IReadOnlyList<int> channels,
        IReadOnlyList<int>? kernelSizes = null,
        IReadOnlyList<int>? strides = null,
        bool bn = false,
        Generator? generator = null)
    {
        var usual = Core.SimpleCnn.spec(Fs.Sizes(channels));
        var spec = new SimpleCnnSpec(
            usual.Channels,
            kernelSizes is null ? usual.Kernels : Fs.Sizes(kernelSizes),
            strides is null ? usual.Strides : Fs.Sizes(strides),
            bn);

        Sequential Convolved((int In, int Out, int Kernel, int Stride, bool HasNorm) c)
        {
            var convolution = new Conv2d(
                c.In, c.Out, c.Kernel, stride: c.Stride, padding: (c.Kernel - 1) / 2, bias: !c.HasNorm, generator: generator);
            return c.HasNorm
                ? new(convolution, new ReLU(), new BatchNorm2d(c.Out))
                : new(convolution, new ReLU());
        }

        Sequential[] modules =
        [
            .. Core.SimpleCnn.convolutions(spec).Select(c => Convolved((c.Item1, c.Item2, c.Item3, c.Item4, c.Item5))),
            new(new AdaptiveAvgPool2d(1), new Flatten()),
        ];

        return new SimpleCnn([.. modules.Select((module, i) => ($"{i}", (Module)module))]).DrawnBy(Core.FirstValues.kaiming);
    }
}
