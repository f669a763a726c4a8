namespace FunctionalDL.Kernels;

/// <summary>How a <see cref="TileFold"/> combines elements.</summary>
public enum FoldKind : byte
{
    /// <summary>The sum; 0 of nothing.</summary>
    Sum,

    /// <summary>The largest; NaN if any is NaN. Of nothing: the least value of the type.</summary>
    Max,

    /// <summary>The smallest; NaN if any is NaN. Of nothing: the greatest value of the type.</summary>
    Min,

    /// <summary>The product; 1 of nothing.</summary>
    Product,
}
