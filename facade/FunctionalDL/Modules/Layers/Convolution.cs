using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>What stands beyond the edges of a padded tensor.</summary>
public enum PaddingMode
{
    /// <summary>Zeros.</summary>
    Zeros,

    /// <summary>The elements mirrored at the edge, which is not repeated.</summary>
    Reflect,

    /// <summary>The element at the edge.</summary>
    Replicate,

    /// <summary>The elements from the other end.</summary>
    Circular,
}

/// <summary>What convolutions over one, two and three axes share: the options as the core has them, and as printed.</summary>
internal static class ConvolutionOptionsOf
{
    public static ConvolutionOptions Plain(
        int axes, Sizes kernel, Sizes? stride, Sizes? padding, Sizes? dilation, int groups, PaddingMode mode)
    {
        var spread = dilation ?? 1;

        var pairs = padding is { IsSame: true }
            ? Padding.same(Fs.Sizes(kernel.For("kernelSize", axes)), Fs.Sizes(spread.For("dilation", axes)))
            : Padding.symmetric(Fs.Sizes((padding ?? 0).For("padding", axes)));

        return new(
            Fs.Sizes((stride ?? 1).For("stride", axes)), pairs, mode.ToCore(), Fs.Sizes(spread.For("dilation", axes)), groups);
    }

    public static TransposedConvolutionOptions Transposed(
        int axes, Sizes? stride, Sizes? padding, Sizes? outputPadding, int groups, Sizes? dilation) => new(
        Fs.Sizes((stride ?? 1).For("stride", axes)),
        Fs.Sizes((padding ?? 0).For("padding", axes)),
        Fs.Sizes((outputPadding ?? 0).For("outputPadding", axes)),
        Fs.Sizes((dilation ?? 1).For("dilation", axes)),
        groups);

    public static string Text(
        int axes,
        int inChannels,
        int outChannels,
        Sizes kernel,
        Sizes? stride,
        Sizes? padding,
        Sizes? outputPadding,
        Sizes? dilation,
        int groups,
        bool bias,
        PaddingMode mode)
    {
        string Tuple(Sizes sizes) => Repr.Tuple(sizes.For("size", axes));
        bool Differs(Sizes? sizes, int usual) => sizes is { } given && given.For("size", axes).Any(size => size != usual);

        return Repr.Join(
            $"{inChannels}, {outChannels}, kernel_size={Tuple(kernel)}, stride={Tuple(stride ?? 1)}",
            padding is { IsSame: true } ? (true, "padding=same") : (Differs(padding, 0), $"padding={Tuple(padding ?? 0)}"),
            (Differs(dilation, 1), $"dilation={Tuple(dilation ?? 1)}"),
            (Differs(outputPadding, 0), $"output_padding={Tuple(outputPadding ?? 0)}"),
            (groups != 1, $"groups={groups}"),
            (!bias, "bias=False"),
            (mode != PaddingMode.Zeros, $"padding_mode={mode.ToString().ToLowerInvariant()}"));
    }

    public static Core.PaddingMode ToCore(this PaddingMode mode) => mode switch
    {
        PaddingMode.Zeros => Padding.zeros,
        PaddingMode.Reflect => Core.PaddingMode.Reflect,
        PaddingMode.Replicate => Core.PaddingMode.Replicate,
        PaddingMode.Circular => Core.PaddingMode.Circular,
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "there is no such padding"),
    };
}

/// <summary>A convolution over as many axes as the layer's name says.</summary>
public abstract class ConvolutionLayer : Layer
{
    private protected ConvolutionLayer(
        int axes,
        int inChannels,
        int outChannels,
        Sizes kernelSize,
        Sizes? stride,
        Sizes? padding,
        Sizes? dilation,
        int groups,
        bool bias,
        PaddingMode paddingMode,
        Generator? generator)
        : base(
            Core.Layer.NewConv(new ConvSpec(
                inChannels,
                outChannels,
                Fs.Sizes(kernelSize.For("kernelSize", axes)),
                ConvolutionOptionsOf.Plain(axes, kernelSize, stride, padding, dilation, groups, paddingMode),
                bias)),
            ConvolutionOptionsOf.Text(
                axes, inChannels, outChannels, kernelSize, stride, padding, null, dilation, groups, bias, paddingMode),
            generator) => (InChannels, OutChannels) = (inChannels, outChannels);

    private protected ConvolutionLayer(
        int axes,
        int inChannels,
        int outChannels,
        Sizes kernelSize,
        Sizes? stride,
        Sizes? padding,
        Sizes? outputPadding,
        int groups,
        bool bias,
        Sizes? dilation,
        Generator? generator)
        : base(
            Core.Layer.NewConvTranspose(new ConvTransposeSpec(
                inChannels,
                outChannels,
                Fs.Sizes(kernelSize.For("kernelSize", axes)),
                ConvolutionOptionsOf.Transposed(axes, stride, padding, outputPadding, groups, dilation),
                bias)),
            ConvolutionOptionsOf.Text(
                axes, inChannels, outChannels, kernelSize, stride, padding, outputPadding, dilation, groups, bias, PaddingMode.Zeros),
            generator) => (InChannels, OutChannels) = (inChannels, outChannels);

    /// <summary>The size of the input's axis 1.</summary>
    public int InChannels { get; }

    /// <summary>The size of the output's axis 1.</summary>
    public int OutChannels { get; }

    /// <summary>
    /// <c>[outChannels; inChannels / groups; kernel…]</c>; of a transposed convolution <c>[inChannels; outChannels / groups;
    /// kernel…]</c>.
    /// </summary>
    public Parameter Weight => Own("weight");

    /// <summary><c>[outChannels]</c>; null when there is none.</summary>
    public Parameter? Bias => OwnOrNull("bias");
}

/// <summary>
/// A convolution over one axis: <c>[batch; inChannels; length] → [batch; outChannels; …]</c>. First values are PyTorch's,
/// uniform in ±1/√(inChannels / groups · kernel): Kaiming's bound for a slope of √5.
/// </summary>
/// <param name="inChannels">The size of the input's axis 1.</param>
/// <param name="outChannels">The size of the output's axis 1.</param>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; 1 when not given.</param>
/// <param name="padding">Places added before and after each axis; none when not given. <see cref="Sizes.Same"/> keeps sizes.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="groups">Into how many parts the channels are cut.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="paddingMode">What stands in the added places.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class Conv1d(
    int inChannels,
    int outChannels,
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    Sizes? dilation = null,
    int groups = 1,
    bool bias = true,
    PaddingMode paddingMode = PaddingMode.Zeros,
    Generator? generator = null)
    : ConvolutionLayer(
        1, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode, generator);

/// <summary>
/// A convolution over two axes: <c>[batch; inChannels; height; width] → [batch; outChannels; …]</c>. First values are PyTorch's,
/// uniform in ±1/√(inChannels / groups · kernel): Kaiming's bound for a slope of √5.
/// </summary>
/// <param name="inChannels">The size of the input's axis 1.</param>
/// <param name="outChannels">The size of the output's axis 1.</param>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; 1 when not given.</param>
/// <param name="padding">Places added before and after each axis; none when not given. <see cref="Sizes.Same"/> keeps sizes.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="groups">Into how many parts the channels are cut.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="paddingMode">What stands in the added places.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class Conv2d(
    int inChannels,
    int outChannels,
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    Sizes? dilation = null,
    int groups = 1,
    bool bias = true,
    PaddingMode paddingMode = PaddingMode.Zeros,
    Generator? generator = null)
    : ConvolutionLayer(
        2, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode, generator);

/// <summary>
/// A convolution over three axes: <c>[batch; inChannels; depth; height; width] → [batch; outChannels; …]</c>. First values are PyTorch's,
/// uniform in ±1/√(inChannels / groups · kernel): Kaiming's bound for a slope of √5.
/// </summary>
/// <param name="inChannels">The size of the input's axis 1.</param>
/// <param name="outChannels">The size of the output's axis 1.</param>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places from one window to the next; 1 when not given.</param>
/// <param name="padding">Places added before and after each axis; none when not given. <see cref="Sizes.Same"/> keeps sizes.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="groups">Into how many parts the channels are cut.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="paddingMode">What stands in the added places.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class Conv3d(
    int inChannels,
    int outChannels,
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    Sizes? dilation = null,
    int groups = 1,
    bool bias = true,
    PaddingMode paddingMode = PaddingMode.Zeros,
    Generator? generator = null)
    : ConvolutionLayer(
        3, inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode, generator);

/// <summary>
/// A transposed convolution over one axis: <c>[batch; inChannels; length] → [batch; outChannels; …]</c>. First values are
/// PyTorch's, uniform in ±1/√fanIn.
/// </summary>
/// <param name="inChannels">The size of the input's axis 1.</param>
/// <param name="outChannels">The size of the output's axis 1.</param>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places of the output from one window to the next; 1 when not given.</param>
/// <param name="padding">Places cut off both ends of each axis of the output; none when not given.</param>
/// <param name="outputPadding">Places added after each axis of the output; none when not given.</param>
/// <param name="groups">Into how many parts the channels are cut.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class ConvTranspose1d(
    int inChannels,
    int outChannels,
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    Sizes? outputPadding = null,
    int groups = 1,
    bool bias = true,
    Sizes? dilation = null,
    Generator? generator = null)
    : ConvolutionLayer(
        1, inChannels, outChannels, kernelSize, stride, padding, outputPadding, groups, bias, dilation, generator);

/// <summary>
/// A transposed convolution over two axes: <c>[batch; inChannels; height; width] → [batch; outChannels; …]</c>. First values are
/// PyTorch's, uniform in ±1/√fanIn.
/// </summary>
/// <param name="inChannels">The size of the input's axis 1.</param>
/// <param name="outChannels">The size of the output's axis 1.</param>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places of the output from one window to the next; 1 when not given.</param>
/// <param name="padding">Places cut off both ends of each axis of the output; none when not given.</param>
/// <param name="outputPadding">Places added after each axis of the output; none when not given.</param>
/// <param name="groups">Into how many parts the channels are cut.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class ConvTranspose2d(
    int inChannels,
    int outChannels,
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    Sizes? outputPadding = null,
    int groups = 1,
    bool bias = true,
    Sizes? dilation = null,
    Generator? generator = null)
    : ConvolutionLayer(
        2, inChannels, outChannels, kernelSize, stride, padding, outputPadding, groups, bias, dilation, generator);

/// <summary>
/// A transposed convolution over three axes: <c>[batch; inChannels; depth; height; width] → [batch; outChannels; …]</c>. First values are
/// PyTorch's, uniform in ±1/√fanIn.
/// </summary>
/// <param name="inChannels">The size of the input's axis 1.</param>
/// <param name="outChannels">The size of the output's axis 1.</param>
/// <param name="kernelSize">The size of a window.</param>
/// <param name="stride">Places of the output from one window to the next; 1 when not given.</param>
/// <param name="padding">Places cut off both ends of each axis of the output; none when not given.</param>
/// <param name="outputPadding">Places added after each axis of the output; none when not given.</param>
/// <param name="groups">Into how many parts the channels are cut.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class ConvTranspose3d(
    int inChannels,
    int outChannels,
    Sizes kernelSize,
    Sizes? stride = null,
    Sizes? padding = null,
    Sizes? outputPadding = null,
    int groups = 1,
    bool bias = true,
    Sizes? dilation = null,
    Generator? generator = null)
    : ConvolutionLayer(
        3, inChannels, outChannels, kernelSize, stride, padding, outputPadding, groups, bias, dilation, generator);
