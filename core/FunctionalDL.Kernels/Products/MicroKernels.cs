using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Products;

/// <summary>The micro-kernels of one vector type, by size. Each is compiled when it is first used.</summary>
internal static unsafe class MicroKernels<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private static readonly nint[] s_found = new nint[2 * 12];

    /// <summary>
    /// The address of <see cref="MicroKernel{TVector, T, TRows, TColumns}.Run"/> for a size.
    /// </summary>
    /// <param name="rows">The rows, 1 … 12.</param>
    /// <param name="vectors">The vectors in a row, 1 or 2.</param>
    public static nint Find(int rows, int vectors)
    {
        ref nint found = ref s_found[2 * (rows - 1) + vectors - 1];
        if (found == 0)
            found = rows switch
            {
                1 => OfRows<Size1>(vectors),
                2 => OfRows<Size2>(vectors),
                3 => OfRows<Size3>(vectors),
                4 => OfRows<Size4>(vectors),
                5 => OfRows<Size5>(vectors),
                6 => OfRows<Size6>(vectors),
                7 => OfRows<Size7>(vectors),
                8 => OfRows<Size8>(vectors),
                9 => OfRows<Size9>(vectors),
                10 => OfRows<Size10>(vectors),
                11 => OfRows<Size11>(vectors),
                _ => OfRows<Size12>(vectors),
            };
        return found;
    }

    private static nint OfRows<TRows>(int vectors)
        where TRows : struct, ISize
    {
        delegate*<nint, byte*, nint, nint, byte*, nint, byte*, nint, bool, void> kernel = vectors == 2
            ? &MicroKernel<TVector, T, TRows, Size2>.Run
            : &MicroKernel<TVector, T, TRows, Size1>.Run;
        return (nint)kernel;
    }
}

/// <summary>A number that is known to the compiler.</summary>
internal interface ISize
{
    static abstract int Value { get; }
}

internal readonly struct Size1 : ISize
{
    public static int Value => 1;
}

internal readonly struct Size2 : ISize
{
    public static int Value => 2;
}

internal readonly struct Size3 : ISize
{
    public static int Value => 3;
}

internal readonly struct Size4 : ISize
{
    public static int Value => 4;
}

internal readonly struct Size5 : ISize
{
    public static int Value => 5;
}

internal readonly struct Size6 : ISize
{
    public static int Value => 6;
}

internal readonly struct Size7 : ISize
{
    public static int Value => 7;
}

internal readonly struct Size8 : ISize
{
    public static int Value => 8;
}

internal readonly struct Size9 : ISize
{
    public static int Value => 9;
}

internal readonly struct Size10 : ISize
{
    public static int Value => 10;
}

internal readonly struct Size11 : ISize
{
    public static int Value => 11;
}

internal readonly struct Size12 : ISize
{
    public static int Value => 12;
}
