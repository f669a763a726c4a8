using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// A product whose right operand has rows at any addresses, as the planes of <see cref="FlatPictures{T}"/> have for
/// the taps of a kernel: a tile of <typeparamref name="TRows"/> rows stays in registers, as in <see
/// cref="MicroKernel{TVector, T, TRows, TColumns}"/>; up to three rows of four vectors, or up to twelve of two.
/// </summary>
internal static unsafe class TapKernel<TVector, T, TRows>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
    where TRows : struct, ISize
{
    /// <summary>c[r, j] = Σ a[p, r] · b[offsets[p] + j], each a chain of multiply-adds in order of p from zero.</summary>
    /// <param name="steps">The number of steps p.</param>
    /// <param name="a">[steps, rows], contiguous.</param>
    /// <param name="offsets">Where the row of b is for each step, in bytes.</param>
    /// <param name="b">What they are counted from.</param>
    /// <param name="c">The tile's first element.</param>
    /// <param name="cRow">The bytes from one of its rows to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(nint steps, T* a, nint* offsets, byte* b, byte* c, nint cRow)
    {
        bool isWide = TRows.Value <= 3;
        nint vector = TVector.Count * sizeof(T);
        TVector c00 = default, c01 = default, c02 = default, c03 = default;
        TVector c10 = default, c11 = default, c12 = default, c13 = default;
        TVector c20 = default, c21 = default, c22 = default, c23 = default;
        TVector c30 = default, c31 = default;
        TVector c40 = default, c41 = default;
        TVector c50 = default, c51 = default;
        TVector c60 = default, c61 = default;
        TVector c70 = default, c71 = default;
        TVector c80 = default, c81 = default;
        TVector c90 = default, c91 = default;
        TVector ca0 = default, ca1 = default;
        TVector cb0 = default, cb1 = default;

        for (nint p = 0; p < steps; p++)
        {
            byte* at = b + offsets[p];
            TVector b0 = TVector.Load((T*)at);
            TVector b1 = TVector.Load((T*)(at + vector));
            TVector b2 = isWide ? TVector.Load((T*)(at + 2 * vector)) : default;
            TVector b3 = isWide ? TVector.Load((T*)(at + 3 * vector)) : default;

            {
                TVector x = TVector.Splat(a[0]);
                c00 = TVector.MultiplyAdd(x, b0, c00);
                c01 = TVector.MultiplyAdd(x, b1, c01);
                if (isWide)
                {
                    c02 = TVector.MultiplyAdd(x, b2, c02);
                    c03 = TVector.MultiplyAdd(x, b3, c03);
                }
            }

            if (TRows.Value > 1)
            {
                TVector x = TVector.Splat(a[1]);
                c10 = TVector.MultiplyAdd(x, b0, c10);
                c11 = TVector.MultiplyAdd(x, b1, c11);
                if (isWide)
                {
                    c12 = TVector.MultiplyAdd(x, b2, c12);
                    c13 = TVector.MultiplyAdd(x, b3, c13);
                }
            }

            if (TRows.Value > 2)
            {
                TVector x = TVector.Splat(a[2]);
                c20 = TVector.MultiplyAdd(x, b0, c20);
                c21 = TVector.MultiplyAdd(x, b1, c21);
                if (isWide)
                {
                    c22 = TVector.MultiplyAdd(x, b2, c22);
                    c23 = TVector.MultiplyAdd(x, b3, c23);
                }
            }

            if (TRows.Value > 3)
            {
                TVector x = TVector.Splat(a[3]);
                c30 = TVector.MultiplyAdd(x, b0, c30);
                c31 = TVector.MultiplyAdd(x, b1, c31);
            }

            if (TRows.Value > 4)
            {
                TVector x = TVector.Splat(a[4]);
                c40 = TVector.MultiplyAdd(x, b0, c40);
                c41 = TVector.MultiplyAdd(x, b1, c41);
            }

            if (TRows.Value > 5)
            {
                TVector x = TVector.Splat(a[5]);
                c50 = TVector.MultiplyAdd(x, b0, c50);
                c51 = TVector.MultiplyAdd(x, b1, c51);
            }

            if (TRows.Value > 6)
            {
                TVector x = TVector.Splat(a[6]);
                c60 = TVector.MultiplyAdd(x, b0, c60);
                c61 = TVector.MultiplyAdd(x, b1, c61);
            }

            if (TRows.Value > 7)
            {
                TVector x = TVector.Splat(a[7]);
                c70 = TVector.MultiplyAdd(x, b0, c70);
                c71 = TVector.MultiplyAdd(x, b1, c71);
            }

            if (TRows.Value > 8)
            {
                TVector x = TVector.Splat(a[8]);
                c80 = TVector.MultiplyAdd(x, b0, c80);
                c81 = TVector.MultiplyAdd(x, b1, c81);
            }

            if (TRows.Value > 9)
            {
                TVector x = TVector.Splat(a[9]);
                c90 = TVector.MultiplyAdd(x, b0, c90);
                c91 = TVector.MultiplyAdd(x, b1, c91);
            }

            if (TRows.Value > 10)
            {
                TVector x = TVector.Splat(a[10]);
                ca0 = TVector.MultiplyAdd(x, b0, ca0);
                ca1 = TVector.MultiplyAdd(x, b1, ca1);
            }

            if (TRows.Value > 11)
            {
                TVector x = TVector.Splat(a[11]);
                cb0 = TVector.MultiplyAdd(x, b0, cb0);
                cb1 = TVector.MultiplyAdd(x, b1, cb1);
            }

            a += TRows.Value;
        }

        StoreRow(c00, c01, c02, c03, c + 0 * cRow);
        if (TRows.Value > 1)
            StoreRow(c10, c11, c12, c13, c + 1 * cRow);
        if (TRows.Value > 2)
            StoreRow(c20, c21, c22, c23, c + 2 * cRow);
        if (TRows.Value > 3)
            StoreRow(c30, c31, default, default, c + 3 * cRow);
        if (TRows.Value > 4)
            StoreRow(c40, c41, default, default, c + 4 * cRow);
        if (TRows.Value > 5)
            StoreRow(c50, c51, default, default, c + 5 * cRow);
        if (TRows.Value > 6)
            StoreRow(c60, c61, default, default, c + 6 * cRow);
        if (TRows.Value > 7)
            StoreRow(c70, c71, default, default, c + 7 * cRow);
        if (TRows.Value > 8)
            StoreRow(c80, c81, default, default, c + 8 * cRow);
        if (TRows.Value > 9)
            StoreRow(c90, c91, default, default, c + 9 * cRow);
        if (TRows.Value > 10)
            StoreRow(ca0, ca1, default, default, c + 10 * cRow);
        if (TRows.Value > 11)
            StoreRow(cb0, cb1, default, default, c + 11 * cRow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(TVector c0, TVector c1, TVector c2, TVector c3, byte* c)
    {
        TVector.Store(c0, (T*)c);
        TVector.Store(c1, (T*)c + TVector.Count);
        if (TRows.Value > 3)
            return;
        TVector.Store(c2, (T*)c + 2 * TVector.Count);
        TVector.Store(c3, (T*)c + 3 * TVector.Count);
    }
}

/// <summary>The tap kernels of one vector type, by rows. Each is compiled when it is first used.</summary>
internal static unsafe class TapKernels<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>The places of a tile with these rows.</summary>
    public static int Places(int rows) => (rows <= 3 ? 4 : 2) * TVector.Count;

    /// <summary>The address of <see cref="TapKernel{TVector, T, TRows}.Run"/> for 1 to 12 rows.</summary>
    public static nint Find(int rows) => rows switch
    {
        1 => Of<Size1>(),
        2 => Of<Size2>(),
        3 => Of<Size3>(),
        4 => Of<Size4>(),
        5 => Of<Size5>(),
        6 => Of<Size6>(),
        7 => Of<Size7>(),
        8 => Of<Size8>(),
        9 => Of<Size9>(),
        10 => Of<Size10>(),
        11 => Of<Size11>(),
        _ => Of<Size12>(),
    };

    private static nint Of<TRows>()
        where TRows : struct, ISize
    {
        delegate*<nint, T*, nint*, byte*, byte*, nint, void> kernel = &TapKernel<TVector, T, TRows>.Run;
        return (nint)kernel;
    }
}
