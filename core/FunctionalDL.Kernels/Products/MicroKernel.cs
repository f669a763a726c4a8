using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Products;

/// <summary>
/// The innermost product: a tile of C, <typeparamref name="TRows"/> rows by <typeparamref name="TColumns"/>
/// vectors, stays in registers while a column of A and a row of B are read for each step of k.
/// </summary>
/// <remarks>
/// <para>
/// Twelve rows by two vectors need 24 accumulators, two vectors of B and one element of A: 27 of the 32
/// registers of AVX-512 and NEON, and enough independent additions to hide their latency. With 16 registers
/// six rows are used. All sizes share this text: rows and vectors beyond the type parameters are constants
/// for the compiler, which removes them.
/// </para>
/// <para>
/// Each element of C is one chain of multiply-adds in order of k, starting from zero, whatever the tile, the
/// vector width or the position; this is what makes a product's bits independent of how it is cut.
/// </para>
/// </remarks>
internal static unsafe class MicroKernel<TVector, T, TRows, TColumns>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
    where TRows : struct, ISize
    where TColumns : struct, ISize
{
    /// <summary>C = A · B, or C += A · B.</summary>
    /// <param name="k">The number of steps.</param>
    /// <param name="a">The tile's first element of A.</param>
    /// <param name="aRow">The bytes from one row of A to the next.</param>
    /// <param name="aStep">The bytes from one column of A to the next.</param>
    /// <param name="b">
    /// The tile's first element of B; a row's elements are adjacent and all of the tile's columns can be
    /// read.
    /// </param>
    /// <param name="bStep">The bytes from one row of B to the next.</param>
    /// <param name="c">The tile of C; a row's elements are adjacent.</param>
    /// <param name="cRow">The bytes from one row of C to the next.</param>
    /// <param name="accumulate">Whether to add to what C holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        nint k, byte* a, nint aRow, nint aStep, byte* b, nint bStep, byte* c, nint cRow, bool accumulate)
    {
        bool two = TColumns.Value == 2;
        nint vector = TVector.Count * sizeof(T);

        TVector c00 = default, c01 = default;
        TVector c10 = default, c11 = default;
        TVector c20 = default, c21 = default;
        TVector c30 = default, c31 = default;
        TVector c40 = default, c41 = default;
        TVector c50 = default, c51 = default;
        TVector c60 = default, c61 = default;
        TVector c70 = default, c71 = default;
        TVector c80 = default, c81 = default;
        TVector c90 = default, c91 = default;
        TVector ca0 = default, ca1 = default;
        TVector cb0 = default, cb1 = default;

        PrefetchRows(c, cRow);

        // Six base pointers with one row stride each reach twelve rows without twelve registers for
        // addresses.
        byte* a0 = a;
        byte* a1 = a0 + 2 * aRow;
        byte* a2 = a1 + 2 * aRow;
        byte* a3 = a2 + 2 * aRow;
        byte* a4 = a3 + 2 * aRow;
        byte* a5 = a4 + 2 * aRow;
        for (; k > 0; k--)
        {
            TVector b0 = TVector.Load((T*)b);
            TVector b1 = two ? TVector.Load((T*)(b + vector)) : default;
            b += bStep;

            {
                TVector x = TVector.Splat(*(T*)a0);
                c00 = TVector.MultiplyAdd(x, b0, c00);
                if (two)
                    c01 = TVector.MultiplyAdd(x, b1, c01);
            }

            if (TRows.Value > 1)
            {
                TVector x = TVector.Splat(*(T*)(a0 + aRow));
                c10 = TVector.MultiplyAdd(x, b0, c10);
                if (two)
                    c11 = TVector.MultiplyAdd(x, b1, c11);
            }

            if (TRows.Value > 2)
            {
                TVector x = TVector.Splat(*(T*)a1);
                c20 = TVector.MultiplyAdd(x, b0, c20);
                if (two)
                    c21 = TVector.MultiplyAdd(x, b1, c21);
            }

            if (TRows.Value > 3)
            {
                TVector x = TVector.Splat(*(T*)(a1 + aRow));
                c30 = TVector.MultiplyAdd(x, b0, c30);
                if (two)
                    c31 = TVector.MultiplyAdd(x, b1, c31);
            }

            if (TRows.Value > 4)
            {
                TVector x = TVector.Splat(*(T*)a2);
                c40 = TVector.MultiplyAdd(x, b0, c40);
                if (two)
                    c41 = TVector.MultiplyAdd(x, b1, c41);
            }

            if (TRows.Value > 5)
            {
                TVector x = TVector.Splat(*(T*)(a2 + aRow));
                c50 = TVector.MultiplyAdd(x, b0, c50);
                if (two)
                    c51 = TVector.MultiplyAdd(x, b1, c51);
            }

            if (TRows.Value > 6)
            {
                TVector x = TVector.Splat(*(T*)a3);
                c60 = TVector.MultiplyAdd(x, b0, c60);
                if (two)
                    c61 = TVector.MultiplyAdd(x, b1, c61);
            }

            if (TRows.Value > 7)
            {
                TVector x = TVector.Splat(*(T*)(a3 + aRow));
                c70 = TVector.MultiplyAdd(x, b0, c70);
                if (two)
                    c71 = TVector.MultiplyAdd(x, b1, c71);
            }

            if (TRows.Value > 8)
            {
                TVector x = TVector.Splat(*(T*)a4);
                c80 = TVector.MultiplyAdd(x, b0, c80);
                if (two)
                    c81 = TVector.MultiplyAdd(x, b1, c81);
            }

            if (TRows.Value > 9)
            {
                TVector x = TVector.Splat(*(T*)(a4 + aRow));
                c90 = TVector.MultiplyAdd(x, b0, c90);
                if (two)
                    c91 = TVector.MultiplyAdd(x, b1, c91);
            }

            if (TRows.Value > 10)
            {
                TVector x = TVector.Splat(*(T*)a5);
                ca0 = TVector.MultiplyAdd(x, b0, ca0);
                if (two)
                    ca1 = TVector.MultiplyAdd(x, b1, ca1);
            }

            if (TRows.Value > 11)
            {
                TVector x = TVector.Splat(*(T*)(a5 + aRow));
                cb0 = TVector.MultiplyAdd(x, b0, cb0);
                if (two)
                    cb1 = TVector.MultiplyAdd(x, b1, cb1);
            }

            a0 += aStep;
            a1 += aStep;
            a2 += aStep;
            a3 += aStep;
            a4 += aStep;
            a5 += aStep;
        }

        if (accumulate)
        {
            // All loads before the first store: the rows of a large C share the low bits of their addresses, and
            // a load would wait for such a store.
            AddRow(ref c00, ref c01, c + 0 * cRow);
            if (TRows.Value > 1)
                AddRow(ref c10, ref c11, c + 1 * cRow);
            if (TRows.Value > 2)
                AddRow(ref c20, ref c21, c + 2 * cRow);
            if (TRows.Value > 3)
                AddRow(ref c30, ref c31, c + 3 * cRow);
            if (TRows.Value > 4)
                AddRow(ref c40, ref c41, c + 4 * cRow);
            if (TRows.Value > 5)
                AddRow(ref c50, ref c51, c + 5 * cRow);
            if (TRows.Value > 6)
                AddRow(ref c60, ref c61, c + 6 * cRow);
            if (TRows.Value > 7)
                AddRow(ref c70, ref c71, c + 7 * cRow);
            if (TRows.Value > 8)
                AddRow(ref c80, ref c81, c + 8 * cRow);
            if (TRows.Value > 9)
                AddRow(ref c90, ref c91, c + 9 * cRow);
            if (TRows.Value > 10)
                AddRow(ref ca0, ref ca1, c + 10 * cRow);
            if (TRows.Value > 11)
                AddRow(ref cb0, ref cb1, c + 11 * cRow);
        }

        StoreRow(c00, c01, c + 0 * cRow);
        if (TRows.Value > 1)
            StoreRow(c10, c11, c + 1 * cRow);
        if (TRows.Value > 2)
            StoreRow(c20, c21, c + 2 * cRow);
        if (TRows.Value > 3)
            StoreRow(c30, c31, c + 3 * cRow);
        if (TRows.Value > 4)
            StoreRow(c40, c41, c + 4 * cRow);
        if (TRows.Value > 5)
            StoreRow(c50, c51, c + 5 * cRow);
        if (TRows.Value > 6)
            StoreRow(c60, c61, c + 6 * cRow);
        if (TRows.Value > 7)
            StoreRow(c70, c71, c + 7 * cRow);
        if (TRows.Value > 8)
            StoreRow(c80, c81, c + 8 * cRow);
        if (TRows.Value > 9)
            StoreRow(c90, c91, c + 9 * cRow);
        if (TRows.Value > 10)
            StoreRow(ca0, ca1, c + 10 * cRow);
        if (TRows.Value > 11)
            StoreRow(cb0, cb1, c + 11 * cRow);
    }

    /// <summary>
    /// Asks for the tile of C while the sum is computed: its rows are far apart, so that the processor does
    /// not foresee them. (Only x86 has a way to say so; elsewhere nothing happens.)
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchRows(byte* c, nint cRow)
    {
        if (!Sse.IsSupported)
            return;
        for (int row = 0; row < TRows.Value; row++)
        {
            Sse.Prefetch0(c + row * cRow);
            if (TColumns.Value == 2)
                Sse.Prefetch0(c + row * cRow + TVector.Count * sizeof(T));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow(ref TVector c0, ref TVector c1, byte* c)
    {
        c0 += TVector.Load((T*)c);
        if (TColumns.Value == 2)
            c1 += TVector.Load((T*)c + TVector.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow(TVector c0, TVector c1, byte* c)
    {
        TVector.Store(c0, (T*)c);
        if (TColumns.Value == 2)
            TVector.Store(c1, (T*)c + TVector.Count);
    }
}
