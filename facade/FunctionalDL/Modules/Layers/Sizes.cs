using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// One whole number for all spatial axes (<c>3</c>), or one for each: <c>(3, 5)</c>. Numbers and tuples are converted by
/// themselves.
/// </summary>
public readonly struct Sizes
{
    private readonly int[]? _values;

    private Sizes(params int[] values) => _values = values;

    private int[] Values => _values ?? [0];

    /// <summary>As padding: what keeps the sizes in a convolution of stride 1, PyTorch's <c>padding='same'</c>.</summary>
    public static Sizes Same { get; } = new([]);

    /// <summary>One number for all axes.</summary>
    /// <param name="all">The number.</param>
    public static implicit operator Sizes(int all) => new(all);

    /// <summary>A number for each of two axes: height and width.</summary>
    /// <param name="sizes">The numbers.</param>
    public static implicit operator Sizes((int Height, int Width) sizes) => new(sizes.Height, sizes.Width);

    /// <summary>A number for each of three axes: depth, height and width.</summary>
    /// <param name="sizes">The numbers.</param>
    public static implicit operator Sizes((int Depth, int Height, int Width) sizes) =>
        new(sizes.Depth, sizes.Height, sizes.Width);

    /// <summary>The number, or the numbers in parentheses.</summary>
    public override string ToString() => IsSame ? "same" : Values is [var all] ? $"{all}" : Repr.Tuple(Values);

    internal static Sizes Of(IEnumerable<int> sizes) => new([.. sizes]);

    internal bool IsSame => Values is [];

    /// <summary>The number of each axis.</summary>
    internal int[] For(string what, int axes) =>
        Values is [var all] ? [.. Enumerable.Repeat(all, axes)]
        : Values.Length == axes ? Values
        : throw new OptionException(
            $"{what}: {this} does not give one number for each of {axes} spatial axes; give {axes} numbers, or one for all");
}
