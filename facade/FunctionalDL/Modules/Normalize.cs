using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// <c>(x - mean) / std</c> as the first layer of a network: pictures stay bytes until here, and the figures that were fitted on
/// the training part are buffers, so that they travel with the model and are saved with it.
/// </summary>
public sealed class Normalize : Module
{
    private const int ElementsAtOnce = 1 << 22;

    /// <summary>A layer with known figures.</summary>
    /// <param name="mean">The mean of the elements, in their own unit (0 to 255 for bytes).</param>
    /// <param name="std">Their standard deviation, in the same unit.</param>
    /// <exception cref="OptionException">The deviation is not above 0.</exception>
    public Normalize(double mean, double std)
    {
        if (!(std > 0.0))
        {
            throw new OptionException(
                $"normalize: the standard deviation is {std}; it needs to be above 0: are all elements equal?");
        }

        Mean = new ModuleBuffer(Tensor.Scalar(mean));
        Std = new ModuleBuffer(Tensor.Scalar(std));
    }

    /// <summary>The mean of the elements (a scalar).</summary>
    public ModuleBuffer Mean { get; }

    /// <summary>The standard deviation of the elements (a scalar).</summary>
    public ModuleBuffer Std { get; }

    /// <inheritdoc/>
    protected internal override string ExtraRepr =>
        FormattableString.Invariant($"mean={Mean.Value.Item():G6}, std={Std.Value.Item():G6}");

    /// <summary>
    /// The layer that gives the elements of a training part mean 0 and standard deviation 1.
    /// </summary>
    /// <param name="training">
    /// The items of the training part along the first axis: pictures as bytes, or numbers.
    /// </param>
    /// <exception cref="OptionException">All elements are equal.</exception>
    public static Normalize Fit(Tensor training)
    {
        // In parts, so that a float64 copy of all pictures never exists. Sums of bytes are exact in any order.
        var items = training.Shape[0];
        var rows = Math.Max(1, ElementsAtOnce / Math.Max(1, training[0].Size));
        var parts = Enumerable.Range(0, (items + rows - 1) / rows).Select(i => training[(i * rows)..((i + 1) * rows)]);

        Tensor Total(Func<Tensor, Tensor> of) => parts.Aggregate(
            Tensor.Scalar(0.0, DType.Float64),
            (sum, part) => Computed(sum + of(part.To(DType.Float64)).Sum()));

        var mean = Total(x => x) / training.Size;
        var variance = Total(x => (x - mean).Square()) / training.Size;
        return new Normalize(mean.Item(), variance.Sqrt().Item());
    }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => (input.To(Mean.DType) - Mean.Value) / Std.Value;

    private static Tensor Computed(Tensor x)
    {
        Interop.Fs.Evaluate([x.Inner]);
        return x;
    }
}
