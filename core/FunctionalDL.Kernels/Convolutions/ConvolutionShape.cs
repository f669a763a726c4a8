namespace FunctionalDL.Kernels;

/// <summary>
/// Which operand of y = convolution(x, w) is computed from the other two: the three parts are the contractions
/// of one trilinear form, Σ x · w · y.
/// </summary>
public enum ConvolutionPart
{
    /// <summary>y from x and w: the convolution itself.</summary>
    Output,

    /// <summary>x from w and y: the gradient of the input when y is that of the output.</summary>
    Input,

    /// <summary>w from x and y: the gradient of the weights when y is that of the output.</summary>
    Weight,
}

/// <summary>
/// A convolution (in the sense of neural networks: a cross-correlation) of pictures with any number of axes.
/// Operands are contiguous and row-major: x [batch; channels; input…], w [filters; channels / groups; kernel…],
/// y [batch; filters; output…].
/// </summary>
/// <remarks>
/// y[b, f, o] = Σ x[b, c, o · stride + k · dilation - paddingBefore] · w[f, c, k] over the channels c of f's
/// group and all k; x is zero outside. What is behind the last window does not matter.
/// </remarks>
/// <param name="Element">The type of all three operands.</param>
/// <param name="Batch">The number of pictures.</param>
/// <param name="Groups">The number of parts that the channels and the filters are cut into.</param>
/// <param name="Channels">The channels of x; a multiple of the groups.</param>
/// <param name="Filters">The channels of y; a multiple of the groups.</param>
/// <param name="Input">The sizes of x's spatial axes.</param>
/// <param name="Kernel">The sizes of w's spatial axes.</param>
/// <param name="Stride">The places from one window to the next, at least 1, for each axis.</param>
/// <param name="PaddingBefore">The zeros in front of x on each axis.</param>
/// <param name="Dilation">The places from one element of a window to the next, at least 1.</param>
/// <param name="Output">The sizes of y's spatial axes.</param>
public sealed record ConvolutionShape(
    ElementType Element, int Batch, int Groups, int Channels, int Filters,
    int[] Input, int[] Kernel, int[] Stride, int[] PaddingBefore, int[] Dilation, int[] Output)
{
    internal int Rank => Input.Length;

    internal int GroupChannels => Channels / Groups;

    internal int GroupFilters => Filters / Groups;

    /// <summary>The places of one picture of x.</summary>
    internal int InputSize => Product(Input);

    /// <summary>The places of one filter.</summary>
    internal int Taps => Product(Kernel);

    /// <summary>The places of one picture of y.</summary>
    internal int OutputSize => Product(Output);

    /// <summary>Whether each picture of y is one product of the weights and the picture of x.</summary>
    internal bool IsPlainProduct =>
        Kernel.All(k => k == 1) && Stride.All(s => s == 1) && PaddingBefore.All(p => p == 0) && Input.SequenceEqual(Output);

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Batch);
        ArgumentOutOfRangeException.ThrowIfLessThan(Groups, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Channels);
        ArgumentOutOfRangeException.ThrowIfNegative(Filters);
        if (Channels % Groups != 0 || Filters % Groups != 0)
            throw new ArgumentException($"{Channels} channels or {Filters} filters are no multiple of {Groups} groups");
        foreach (int[] axes in new[] { Kernel, Stride, PaddingBefore, Dilation, Output })
        {
            if (axes.Length != Rank)
                throw new ArgumentException($"{axes.Length} numbers for {Rank} axes");
        }

        if (Input.Any(n => n < 0) || Kernel.Any(n => n < 0) || Output.Any(n => n < 0))
            throw new ArgumentException("a size is negative");
        if (Stride.Any(n => n < 1) || Dilation.Any(n => n < 1))
            throw new ArgumentException("strides and dilations are at least 1");
    }

    private static int Product(int[] sizes) => sizes.Aggregate(1, (product, size) => checked(product * size));
}
