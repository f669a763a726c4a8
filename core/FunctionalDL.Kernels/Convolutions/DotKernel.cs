using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>Scalar products of a few rows with a few others, in registers.</summary>
internal static unsafe class DotKernel<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private static readonly nint[] s_found = new nint[4 * 6];

    /// <summary>The most rows of the left: with <see cref="MostColumns"/> as many as the registers hold.</summary>
    public static int MostRows => HasManyRegisters ? 4 : 2;

    public static int MostColumns => HasManyRegisters ? 6 : 5;

    /// <summary>The elements that a call writes at most.</summary>
    public static int Lanes => MostRows * MostColumns * TVector.Count;

    private static bool HasManyRegisters => ProductPlan.MaxTileRows == 12;

    /// <summary>
    /// lanes[r, j] = Σ y[r] · x[j], lane by lane, for <paramref name="rows"/> rows and <paramref name="columns"/>
    /// columns.
    /// </summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="vectors">The vectors of each.</param>
    /// <param name="y">The first row.</param>
    /// <param name="yPitch">The elements from one to the next.</param>
    /// <param name="x">What offsets are counted from.</param>
    /// <param name="offsets">Where each column starts, in bytes.</param>
    /// <param name="lanes">[rows, columns] vectors.</param>
    public static void Run(
        int rows, int columns, int vectors, T* y, nint yPitch, T* x, nint* offsets, T* lanes)
    {
        ref nint found = ref s_found[6 * (rows - 1) + columns - 1];
        if (found == 0)
            found = Find(rows, columns);
        ((delegate*<nint, byte*, nint, byte*, nint*, T*, void>)found)(
            vectors, (byte*)y, yPitch * sizeof(T), (byte*)x, offsets, lanes);
    }

    private static nint Find(int rows, int columns) => rows switch
    {
        1 => Find<Size1>(columns),
        2 => Find<Size2>(columns),
        3 => Find<Size3>(columns),
        _ => Find<Size4>(columns),
    };

    private static nint Find<TRows>(int columns)
        where TRows : struct, ISize => columns switch
        {
            1 => Of<TRows, Size1>(),
            2 => Of<TRows, Size2>(),
            3 => Of<TRows, Size3>(),
            4 => Of<TRows, Size4>(),
            5 => Of<TRows, Size5>(),
            _ => Of<TRows, Size6>(),
        };

    private static nint Of<TRows, TColumns>()
        where TRows : struct, ISize
        where TColumns : struct, ISize
    {
        delegate*<nint, byte*, nint, byte*, nint*, T*, void> kernel = &Multiply<TRows, TColumns>;
        return (nint)kernel;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply<TRows, TColumns>(
        nint vectors, byte* y, nint yRow, byte* x, nint* offsets, T* lanes)
        where TRows : struct, ISize
        where TColumns : struct, ISize
    {
        nint vector = TVector.Count * sizeof(T);
        TVector s00 = default, s01 = default, s02 = default, s03 = default, s04 = default, s05 = default;
        TVector s10 = default, s11 = default, s12 = default, s13 = default, s14 = default, s15 = default;
        TVector s20 = default, s21 = default, s22 = default, s23 = default, s24 = default, s25 = default;
        TVector s30 = default, s31 = default, s32 = default, s33 = default, s34 = default, s35 = default;

        byte* x0 = x + offsets[0];
        byte* x1 = TColumns.Value > 1 ? x + offsets[1] : x;
        byte* x2 = TColumns.Value > 2 ? x + offsets[2] : x;
        byte* x3 = TColumns.Value > 3 ? x + offsets[3] : x;
        byte* x4 = TColumns.Value > 4 ? x + offsets[4] : x;
        byte* x5 = TColumns.Value > 5 ? x + offsets[5] : x;
        byte* y2 = y + 2 * yRow;
        for (nint end = vectors * vector, at = 0; at < end; at += vector)
        {
            TVector a0 = TVector.Load((T*)(y + at));
            TVector a1 = TRows.Value > 1 ? TVector.Load((T*)(y + at + yRow)) : default;
            TVector a2 = TRows.Value > 2 ? TVector.Load((T*)(y2 + at)) : default;
            TVector a3 = TRows.Value > 3 ? TVector.Load((T*)(y2 + at + yRow)) : default;
            {
                TVector b = TVector.Load((T*)(x0 + at));
                s00 = TVector.MultiplyAdd(a0, b, s00);
                if (TRows.Value > 1)
                    s10 = TVector.MultiplyAdd(a1, b, s10);
                if (TRows.Value > 2)
                    s20 = TVector.MultiplyAdd(a2, b, s20);
                if (TRows.Value > 3)
                    s30 = TVector.MultiplyAdd(a3, b, s30);
            }

            if (TColumns.Value > 1)
            {
                TVector b = TVector.Load((T*)(x1 + at));
                s01 = TVector.MultiplyAdd(a0, b, s01);
                if (TRows.Value > 1)
                    s11 = TVector.MultiplyAdd(a1, b, s11);
                if (TRows.Value > 2)
                    s21 = TVector.MultiplyAdd(a2, b, s21);
                if (TRows.Value > 3)
                    s31 = TVector.MultiplyAdd(a3, b, s31);
            }

            if (TColumns.Value > 2)
            {
                TVector b = TVector.Load((T*)(x2 + at));
                s02 = TVector.MultiplyAdd(a0, b, s02);
                if (TRows.Value > 1)
                    s12 = TVector.MultiplyAdd(a1, b, s12);
                if (TRows.Value > 2)
                    s22 = TVector.MultiplyAdd(a2, b, s22);
                if (TRows.Value > 3)
                    s32 = TVector.MultiplyAdd(a3, b, s32);
            }

            if (TColumns.Value > 3)
            {
                TVector b = TVector.Load((T*)(x3 + at));
                s03 = TVector.MultiplyAdd(a0, b, s03);
                if (TRows.Value > 1)
                    s13 = TVector.MultiplyAdd(a1, b, s13);
                if (TRows.Value > 2)
                    s23 = TVector.MultiplyAdd(a2, b, s23);
                if (TRows.Value > 3)
                    s33 = TVector.MultiplyAdd(a3, b, s33);
            }

            if (TColumns.Value > 4)
            {
                TVector b = TVector.Load((T*)(x4 + at));
                s04 = TVector.MultiplyAdd(a0, b, s04);
                if (TRows.Value > 1)
                    s14 = TVector.MultiplyAdd(a1, b, s14);
                if (TRows.Value > 2)
                    s24 = TVector.MultiplyAdd(a2, b, s24);
                if (TRows.Value > 3)
                    s34 = TVector.MultiplyAdd(a3, b, s34);
            }

            if (TColumns.Value > 5)
            {
                TVector b = TVector.Load((T*)(x5 + at));
                s05 = TVector.MultiplyAdd(a0, b, s05);
                if (TRows.Value > 1)
                    s15 = TVector.MultiplyAdd(a1, b, s15);
                if (TRows.Value > 2)
                    s25 = TVector.MultiplyAdd(a2, b, s25);
                if (TRows.Value > 3)
                    s35 = TVector.MultiplyAdd(a3, b, s35);
            }
        }

        Store<TColumns>(s00, s01, s02, s03, s04, s05, lanes + 0 * TColumns.Value * TVector.Count);
        if (TRows.Value > 1)
            Store<TColumns>(s10, s11, s12, s13, s14, s15, lanes + 1 * TColumns.Value * TVector.Count);
        if (TRows.Value > 2)
            Store<TColumns>(s20, s21, s22, s23, s24, s25, lanes + 2 * TColumns.Value * TVector.Count);
        if (TRows.Value > 3)
            Store<TColumns>(s30, s31, s32, s33, s34, s35, lanes + 3 * TColumns.Value * TVector.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TColumns>(
        TVector s0, TVector s1, TVector s2, TVector s3, TVector s4, TVector s5, T* lanes)
        where TColumns : struct, ISize
    {
        TVector.Store(s0, lanes);
        if (TColumns.Value > 1)
            TVector.Store(s1, lanes + 1 * TVector.Count);
        if (TColumns.Value > 2)
            TVector.Store(s2, lanes + 2 * TVector.Count);
        if (TColumns.Value > 3)
            TVector.Store(s3, lanes + 3 * TVector.Count);
        if (TColumns.Value > 4)
            TVector.Store(s4, lanes + 4 * TVector.Count);
        if (TColumns.Value > 5)
            TVector.Store(s5, lanes + 5 * TVector.Count);
    }
}
