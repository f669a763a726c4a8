using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Layers as functions of their weights, PyTorch's <c>torch.nn.functional</c>: for modules that keep their parameters
/// themselves. What has no weights is a method of <see cref="Tensor"/> too.
/// </summary>
public static class Functional
{
    /// <summary><c>x · weightᵀ + bias</c>: <c>[…; inFeatures] → […; outFeatures]</c>.</summary>
    /// <param name="input">The input.</param>
    /// <param name="weight"><c>[outFeatures; inFeatures]</c>.</param>
    /// <param name="bias"><c>[outFeatures]</c>; none when not given.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public static Tensor Linear(Tensor input, Tensor weight, Tensor? bias = null) =>
        Made(TensorModule.linear(weight.Inner, Fs.Option(bias?.Inner), input.Inner), input, weight, bias);

    /// <summary>A convolution over one axis: <c>[batch; inChannels; length]</c>.</summary>
    /// <inheritdoc cref="Conv2d"/>
    public static Tensor Conv1d(
        Tensor input,
        Tensor weight,
        Tensor? bias = null,
        Sizes? stride = null,
        Sizes? padding = null,
        Sizes? dilation = null,
        int groups = 1) => Conv(1, input, weight, bias, stride, padding, dilation, groups);

    /// <summary>A convolution over two axes: <c>[batch; inChannels; height; width]</c>.</summary>
    /// <param name="input">The input.</param>
    /// <param name="weight"><c>[outChannels; inChannels / groups; kernel…]</c>.</param>
    /// <param name="bias"><c>[outChannels]</c>; none when not given.</param>
    /// <param name="stride">Places from one window to the next; 1 when not given.</param>
    /// <param name="padding">Zeros added before and after each axis; none when not given.</param>
    /// <param name="dilation">Distance of neighbours in a window; 1 when not given.</param>
    /// <param name="groups">Into how many parts the channels are cut.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    /// <exception cref="OptionException">An option is out of range.</exception>
    public static Tensor Conv2d(
        Tensor input,
        Tensor weight,
        Tensor? bias = null,
        Sizes? stride = null,
        Sizes? padding = null,
        Sizes? dilation = null,
        int groups = 1) => Conv(2, input, weight, bias, stride, padding, dilation, groups);

    /// <summary>A convolution over three axes: <c>[batch; inChannels; depth; height; width]</c>.</summary>
    /// <inheritdoc cref="Conv2d"/>
    public static Tensor Conv3d(
        Tensor input,
        Tensor weight,
        Tensor? bias = null,
        Sizes? stride = null,
        Sizes? padding = null,
        Sizes? dilation = null,
        int groups = 1) => Conv(3, input, weight, bias, stride, padding, dilation, groups);

    /// <summary>The rows of a table at whole numbers of any shape: <c>[…] → […; features]</c>.</summary>
    /// <param name="input">The row numbers (int32 or int64).</param>
    /// <param name="weight"><c>[rows; features]</c>.</param>
    /// <param name="paddingIdx">A row that learns nothing.</param>
    /// <exception cref="ValueException">When computed: a row does not exist.</exception>
    public static Tensor Embedding(Tensor input, Tensor weight, int? paddingIdx = null) =>
        Made(Indexing.embedding(Fs.Option(paddingIdx), input.Inner, weight.Inner), weight);

    /// <summary>The largest element of each window of <c>[batch; channels; height; width]</c>.</summary>
    /// <param name="input">The input.</param>
    /// <param name="kernelSize">The size of a window.</param>
    /// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
    /// <param name="padding">Places added before and after each axis, never the largest.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public static Tensor MaxPool2d(Tensor input, Sizes kernelSize, Sizes? stride = null, Sizes? padding = null) =>
        new MaxPool2d(kernelSize, stride, padding).Forward(input);

    /// <summary>The mean of each window of <c>[batch; channels; height; width]</c>.</summary>
    /// <param name="input">The input.</param>
    /// <param name="kernelSize">The size of a window.</param>
    /// <param name="stride">Places from one window to the next; the kernel's size when not given.</param>
    /// <param name="padding">Zeros added before and after each axis.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public static Tensor AvgPool2d(Tensor input, Sizes kernelSize, Sizes? stride = null, Sizes? padding = null) =>
        new AvgPool2d(kernelSize, stride, padding).Forward(input);

    /// <summary>The means of as many windows as are wanted, which cover the input evenly.</summary>
    /// <param name="input">The input.</param>
    /// <param name="outputSize">How many windows each of the two axes has.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public static Tensor AdaptiveAvgPool2d(Tensor input, Sizes outputSize) =>
        new AdaptiveAvgPool2d(outputSize).Forward(input);

    /// <summary>Longer axes: so many places before and after each of the last axes.</summary>
    /// <param name="input">The input.</param>
    /// <param name="pad">Places (before, after) for each of the last axes, in their order.</param>
    /// <param name="mode">What stands in them.</param>
    /// <param name="value">The number that stands there instead of 0, for <see cref="PaddingMode.Zeros"/>.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public static Tensor Pad(
        Tensor input, IReadOnlyList<(int Before, int After)> pad, PaddingMode mode = PaddingMode.Zeros, double value = 0) =>
        Made(
            Padding.pad(
                mode == PaddingMode.Zeros ? Core.PaddingMode.NewConstant(value) : mode.ToCore(),
                Fs.List(pad.Select(p => Tuple.Create(p.Before, p.After))),
                input.Inner),
            input);

    /// <summary><c>x</c> above 0, <c>negativeSlope · x</c> below.</summary>
    /// <param name="input">The input.</param>
    /// <param name="negativeSlope">The slope below 0.</param>
    public static Tensor LeakyRelu(Tensor input, double negativeSlope = 0.01) =>
        Made(Activation.leakyRelu(negativeSlope, input.Inner), input);

    /// <summary><c>x · Φ(x)</c>, where Φ is the normal distribution's function.</summary>
    /// <param name="input">The input.</param>
    public static Tensor Gelu(Tensor input) => Made(Activation.gelu(input.Inner), input);

    /// <summary><c>x · sigmoid(x)</c>.</summary>
    /// <param name="input">The input.</param>
    public static Tensor Silu(Tensor input) => Made(Activation.silu(input.Inner), input);

    /// <summary><c>log(1 + exp(x))</c>, without overflow.</summary>
    /// <param name="input">The input.</param>
    public static Tensor Softplus(Tensor input) => Made(Activation.softplus(input.Inner), input);

    /// <summary><c>log(sigmoid(x))</c>, without overflow.</summary>
    /// <param name="input">The input.</param>
    public static Tensor LogSigmoid(Tensor input) => Made(Activation.logSigmoid(input.Inner), input);

    /// <summary>
    /// While training each element becomes 0 with a probability, and the others are divided by what is left of 1.
    /// </summary>
    /// <param name="input">The input.</param>
    /// <param name="p">The probability.</param>
    /// <param name="training">Whether anything happens.</param>
    /// <param name="generator">Where it draws from; when not given it differs from call to call.</param>
    /// <exception cref="OptionException">It is no probability.</exception>
    public static Tensor Dropout(Tensor input, double p = 0.5, bool training = true, Generator? generator = null) =>
        ((Dropout)new Dropout(p, generator).Train(training)).Forward(input);

    /// <summary>Normalisation over the last axes, which have these sizes.</summary>
    /// <param name="input">The input.</param>
    /// <param name="normalizedShape">The sizes.</param>
    /// <param name="weight">The scale of each element; none when not given.</param>
    /// <param name="bias">The shift of each element; none when not given.</param>
    /// <param name="eps">What is added to the variance.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public static Tensor LayerNorm(
        Tensor input, IReadOnlyList<int> normalizedShape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
        Made(
            Norm.layerNorm(Fs.Sizes(normalizedShape), eps, Fs.Option(weight?.Inner), Fs.Option(bias?.Inner), input.Inner),
            input,
            weight,
            bias);

    private static Tensor Conv(
        int axes, Tensor input, Tensor weight, Tensor? bias, Sizes? stride, Sizes? padding, Sizes? dilation, int groups)
    {
        var kernel = Sizes.Of(weight.Shape.Skip(2));
        var options = ConvolutionOptionsOf.Plain(axes, kernel, stride, padding, dilation, groups, PaddingMode.Zeros);
        var result = Core.Convolution.conv(options, weight.Inner, Fs.Option(bias?.Inner), input.Inner);
        return Made(result, input, weight, bias);
    }

    private static Tensor Made(Core.Tensor result, params ReadOnlySpan<Tensor?> from)
    {
        Sources? sources = null;

        foreach (var tensor in from)
        {
            sources = Sources.Union(sources, tensor?.Sources);
        }

        return new(result, sources);
    }
}
