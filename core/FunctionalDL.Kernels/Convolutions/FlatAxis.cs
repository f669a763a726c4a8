namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// One axis of a picture cut by the stride: place i of x becomes place (i + paddingBefore) / stride of the plane of
/// its residue, so that every tap meets adjacent places of one plane at adjacent places of the output.
/// </summary>
/// <param name="Input">The places of x.</param>
/// <param name="Output">The places of the output.</param>
/// <param name="Stride">The places from one window to the next.</param>
/// <param name="Padding">The zeros in front of x.</param>
/// <param name="Residues">For each tap, the residue of the plane that it meets.</param>
/// <param name="Offsets">For each tap, how far from the output's place it meets it.</param>
internal sealed record FlatAxis(int Input, int Output, int Stride, int Padding, int[] Residues, int[] Offsets)
{
    /// <summary>An axis of one place.</summary>
    public static FlatAxis Single { get; } = new(1, 1, 1, 0, [0], [0]);

    /// <summary>The largest offset: the places by which a plane is longer than the output.</summary>
    public int Reach { get; } = Offsets.Length == 0 ? 0 : Offsets.Max();

    /// <summary>The places of a plane that some tap can meet.</summary>
    public int Length => Output + Reach;

    /// <summary>The places of a plane that some tap can meet and that may be in x; at least 1.</summary>
    public int MetPlaces => Math.Max(1, Math.Min(Length, (Input - 1 + Padding) / Stride + 1));

    /// <summary>The residues that some tap has, in order: their planes are needed.</summary>
    public int[] Planes { get; } = [.. Residues.Distinct().Order()];

    public static FlatAxis Of(ConvolutionShape shape, int axis)
    {
        int stride = shape.Stride[axis], dilation = shape.Dilation[axis];
        int[] places = [.. Enumerable.Range(0, shape.Kernel[axis]).Select(tap => tap * dilation)];
        return new(
            shape.Input[axis], shape.Output[axis], stride, shape.PaddingBefore[axis],
            [.. places.Select(place => place % stride)], [.. places.Select(place => place / stride)]);
    }

    /// <summary>
    /// The places of x in the plane of a residue: the first, where it lies in the plane, and how many there are
    /// that a tap can meet; the next are the stride apart.
    /// </summary>
    public (int First, int At, int Count) PlacesOf(int residue)
    {
        int first = ((residue - Padding) % Stride + Stride) % Stride;
        int at = (first + Padding) / Stride;
        int count = first < Input ? (Input - 1 - first) / Stride + 1 : 0;
        return (first, at, Math.Clamp(Length - at, 0, count));
    }
}
