namespace FunctionalDL;

/// <summary>
/// The type of a tensor's elements. Operands of different types meet in the wider one, in this order; a plain
/// number or a tensor without axes does not widen a tensor of its own kind.
/// </summary>
public enum DType
{
    /// <summary>False or true, one byte.</summary>
    Bool,

    /// <summary>An unsigned byte, 0 to 255: for storing pictures; cast it before computing.</summary>
    UInt8,

    /// <summary>A 32-bit signed integer.</summary>
    Int32,

    /// <summary>A 64-bit signed integer: labels and indices.</summary>
    Int64,

    /// <summary>IEEE binary32, the default.</summary>
    Float32,

    /// <summary>IEEE binary64.</summary>
    Float64,
}
