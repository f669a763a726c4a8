namespace FunctionalDL.Kernels;

/// <summary>The type of one element in a kernel's memory.</summary>
public enum ElementType : byte
{
    /// <summary>One byte, 0 or 1. Kernels never write another value and may rely on reading none.</summary>
    Bool,

    /// <summary>
    /// Unsigned, 8 bits. A storage type: it is copied, compared, selected and cast, not computed with.
    /// </summary>
    UInt8,

    /// <summary>Two's complement, 32 bits; arithmetic wraps.</summary>
    Int32,

    /// <summary>Two's complement, 64 bits; arithmetic wraps.</summary>
    Int64,

    /// <summary>IEEE 754 binary32.</summary>
    Float32,

    /// <summary>IEEE 754 binary64.</summary>
    Float64,
}

/// <summary>Facts about <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    /// <summary>The bytes of one element.</summary>
    public static int Size(ElementType type) => type switch
    {
        ElementType.Bool or ElementType.UInt8 => 1,
        ElementType.Int32 or ElementType.Float32 => 4,
        ElementType.Int64 or ElementType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not an element type"),
    };
}
