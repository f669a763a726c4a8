using System.Collections;

namespace FunctionalDL;

/// <summary>
/// The sizes of a tensor's axes, outermost first. Immutable; a shape without axes is that of a scalar.
/// </summary>
public readonly struct Shape : IReadOnlyList<int>, IEquatable<Shape>
{
    private readonly int[]? _sizes;

    /// <summary>The shape with these sizes.</summary>
    /// <param name="sizes">Sizes from the outermost axis on; they are copied.</param>
    /// <exception cref="Core.ShapeException">
    /// A size is negative, or there are more than 2³¹ - 1 elements.
    /// </exception>
    public Shape(params IEnumerable<int> sizes) => _sizes = Core.ShapeModule.ofSeq(sizes).ToArray();

    internal Shape(Core.Shape shape) => _sizes = shape.ToArray();

    private int[] Sizes => _sizes ?? [];

    /// <summary>The number of axes; the same as <see cref="Rank"/>.</summary>
    public int Count => Sizes.Length;

    /// <summary>The number of axes.</summary>
    public int Rank => Sizes.Length;

    /// <summary>The number of elements: the product of the sizes, 1 for a scalar.</summary>
    public int Size => ToCore().Size;

    /// <summary>The size of an axis; negative axes count from the end.</summary>
    /// <param name="dim">The axis.</param>
    public int this[int dim] => Sizes[dim < 0 ? dim + Rank : dim];

    /// <summary>Whether two shapes have the same sizes.</summary>
    /// <param name="left">A shape.</param>
    /// <param name="right">Another.</param>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether two shapes differ.</summary>
    /// <param name="left">A shape.</param>
    /// <param name="right">Another.</param>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>A copy of the sizes.</summary>
    public int[] ToArray() => [.. Sizes];

    /// <inheritdoc/>
    public bool Equals(Shape other) => Sizes.AsSpan().SequenceEqual(other.Sizes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => ToCore().GetHashCode();

    /// <summary>The sizes in brackets, as messages show them: <c>[64; 784]</c>.</summary>
    public override string ToString() => ToCore().ToString();

    /// <inheritdoc/>
    public IEnumerator<int> GetEnumerator() => ((IEnumerable<int>)Sizes).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal Core.Shape ToCore() => Core.ShapeModule.ofSeq(Sizes);
}
