using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>
/// Folds the elements of a tile. All methods are exact about what they write; <c>overread</c> says what they
/// may read.
/// </summary>
internal static unsafe class FoldKernel<TVector, T, TOp>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
    where TOp : struct, IBinaryOp
{
    private const int Accumulators = 4;

    /// <summary>The vectors that <see cref="Accumulate"/> adds to: they hide the latency of an addition on two units.</summary>
    private const int Lanes = 8;

    /// <summary>
    /// target[i] = fold of source[i · length … (i + 1) · length). Segments shorter than a vector are read up
    /// to a whole one.
    /// </summary>
    /// <param name="source">The first element.</param>
    /// <param name="segments">The number of segments, one after the other.</param>
    /// <param name="length">The elements of each, at least 1.</param>
    /// <param name="identity">The element that changes nothing, over 64 bytes.</param>
    /// <param name="target">The results.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Segments(byte* source, int segments, int length, byte* identity, byte* target)
    {
        T* from = (T*)source;
        T* to = (T*)target;
        TVector none = TVector.Load((T*)identity);
        int rest = length % TVector.Count;
        int start = Math.Max(0, length - TVector.Count);
        int done = length < TVector.Count ? 0 : TVector.Count - rest; // lanes that were folded before
        for (int i = 0; i < segments; i++, from += length)
        {
            TVector sum = none;
            if (length >= TVector.Count)
                sum = Vectors(from, length - rest, none);
            if (rest != 0)
                sum = TOp.Apply<TVector, T>(sum, Window(TVector.Load(from + start), done, rest, none));
            to[i] = TVector.Fold<TOp>(sum);
        }
    }

    /// <summary>
    /// Folds elements into eight vectors, in turn; <see cref="Finish"/> makes one element of them. All calls but the last
    /// have a multiple of 1024 elements, so that the order does not depend on how they are cut.
    /// </summary>
    /// <param name="source">The first element.</param>
    /// <param name="count">The number of elements.</param>
    /// <param name="identity">The element that changes nothing, over 64 bytes.</param>
    /// <param name="state">The vectors, at first the identity.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate(byte* source, int count, byte* identity, byte* state)
    {
        T* from = (T*)source;
        T* sums = (T*)state;
        TVector none = TVector.Load((T*)identity);
        TVector s0 = TVector.Load(sums), s1 = TVector.Load(sums + TVector.Count);
        TVector s2 = TVector.Load(sums + 2 * TVector.Count), s3 = TVector.Load(sums + 3 * TVector.Count);
        TVector s4 = TVector.Load(sums + 4 * TVector.Count), s5 = TVector.Load(sums + 5 * TVector.Count);
        TVector s6 = TVector.Load(sums + 6 * TVector.Count), s7 = TVector.Load(sums + 7 * TVector.Count);
        T* end = from + count;
        for (; from + Lanes * TVector.Count <= end; from += Lanes * TVector.Count)
        {
            s0 = TOp.Apply<TVector, T>(s0, TVector.Load(from));
            s1 = TOp.Apply<TVector, T>(s1, TVector.Load(from + TVector.Count));
            s2 = TOp.Apply<TVector, T>(s2, TVector.Load(from + 2 * TVector.Count));
            s3 = TOp.Apply<TVector, T>(s3, TVector.Load(from + 3 * TVector.Count));
            s4 = TOp.Apply<TVector, T>(s4, TVector.Load(from + 4 * TVector.Count));
            s5 = TOp.Apply<TVector, T>(s5, TVector.Load(from + 5 * TVector.Count));
            s6 = TOp.Apply<TVector, T>(s6, TVector.Load(from + 6 * TVector.Count));
            s7 = TOp.Apply<TVector, T>(s7, TVector.Load(from + 7 * TVector.Count));
        }

        for (; from + TVector.Count <= end; from += TVector.Count)
            s0 = TOp.Apply<TVector, T>(s0, TVector.Load(from));
        int rest = (int)(end - from);
        if (rest != 0)
        {
            // The lanes must not depend on what lies before these elements.
            TVector last = none;
            for (int i = 0; i < rest; i++)
                ((T*)&last)[i] = from[i];
            s1 = TOp.Apply<TVector, T>(s1, last);
        }

        TVector.Store(s0, sums);
        TVector.Store(s1, sums + TVector.Count);
        TVector.Store(s2, sums + 2 * TVector.Count);
        TVector.Store(s3, sums + 3 * TVector.Count);
        TVector.Store(s4, sums + 4 * TVector.Count);
        TVector.Store(s5, sums + 5 * TVector.Count);
        TVector.Store(s6, sums + 6 * TVector.Count);
        TVector.Store(s7, sums + 7 * TVector.Count);
    }

    /// <summary>target[0] = target[0] op the fold of what <see cref="Accumulate"/> made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Finish(byte* state, byte* target)
    {
        TVector* sums = (TVector*)state;
        for (int half = Lanes / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
                sums[i] = TOp.Apply<TVector, T>(sums[i], sums[i + half]);
        }

        T* sum = stackalloc T[1];
        *sum = TVector.Fold<TOp>(sums[0]);
        Combine((byte*)sum, 1, target);
    }

    /// <summary>
    /// target[j] = target[j] op source[0, j] op source[1, j] … for j below <paramref name="width"/>. If a row
    /// is narrower than a vector, source and target are accessed up to a whole one: the target must be padded
    /// scratch.
    /// </summary>
    /// <param name="source">The first element of the first row.</param>
    /// <param name="rows">The number of rows, one after the other.</param>
    /// <param name="width">The elements of a row.</param>
    /// <param name="identity">The element that changes nothing, over 64 bytes.</param>
    /// <param name="target">The results so far.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows(byte* source, int rows, int width, byte* identity, byte* target)
    {
        T* from = (T*)source;
        T* to = (T*)target;
        TVector none = TVector.Load((T*)identity);
        int j = 0;
        for (; j + TVector.Count <= width; j += TVector.Count)
        {
            TVector sum = Column(from + j, rows, width, none);
            TVector.Store(TOp.Apply<TVector, T>(TVector.Load(to + j), sum), to + j);
        }

        int rest = width - j;
        if (rest == 0)
            return;
        j = Math.Max(0, width - TVector.Count);
        TVector column = Column(from + j, rows, width, none);
        if (width >= TVector.Count)
            column = Window(column, TVector.Count - rest, rest, none);
        TVector.Store(TOp.Apply<TVector, T>(TVector.Load(to + j), column), to + j);
    }

    /// <summary>target[i] = target[i] op source[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Combine(byte* source, int count, byte* target)
    {
        T* from = (T*)source;
        T* to = (T*)target;
        int i = 0;
        for (; i + TVector.Count <= count; i += TVector.Count)
            TVector.Store(TOp.Apply<TVector, T>(TVector.Load(to + i), TVector.Load(from + i)), to + i);
        if (i == count)
            return;

        // One by one: a vector read from where single elements were just written would wait for them.
        T* result = stackalloc T[64 / sizeof(T)];
        for (; i < count; i++)
        {
            TVector.Store(TOp.Apply<TVector, T>(TVector.Splat(to[i]), TVector.Splat(from[i])), result);
            to[i] = *result;
        }
    }

    /// <summary>The fold of a multiple of the vector's lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Vectors(T* source, int count, TVector none)
    {
        // Eight accumulators hide the latency of an addition on two units.
        T* end = source + count;
        TVector s0 = none, s1 = none, s2 = none, s3 = none, s4 = none, s5 = none, s6 = none, s7 = none;
        for (; source + 8 * TVector.Count <= end; source += 8 * TVector.Count)
        {
            s0 = TOp.Apply<TVector, T>(s0, TVector.Load(source));
            s1 = TOp.Apply<TVector, T>(s1, TVector.Load(source + TVector.Count));
            s2 = TOp.Apply<TVector, T>(s2, TVector.Load(source + 2 * TVector.Count));
            s3 = TOp.Apply<TVector, T>(s3, TVector.Load(source + 3 * TVector.Count));
            s4 = TOp.Apply<TVector, T>(s4, TVector.Load(source + 4 * TVector.Count));
            s5 = TOp.Apply<TVector, T>(s5, TVector.Load(source + 5 * TVector.Count));
            s6 = TOp.Apply<TVector, T>(s6, TVector.Load(source + 6 * TVector.Count));
            s7 = TOp.Apply<TVector, T>(s7, TVector.Load(source + 7 * TVector.Count));
        }

        for (; source < end; source += TVector.Count)
            s0 = TOp.Apply<TVector, T>(s0, TVector.Load(source));
        s0 = TOp.Apply<TVector, T>(TOp.Apply<TVector, T>(s0, s4), TOp.Apply<TVector, T>(s2, s6));
        s1 = TOp.Apply<TVector, T>(TOp.Apply<TVector, T>(s1, s5), TOp.Apply<TVector, T>(s3, s7));
        return TOp.Apply<TVector, T>(s0, s1);
    }

    /// <summary>The fold of one vector of each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Column(T* source, int rows, int width, TVector none)
    {
        if (rows == 1)
            return TVector.Load(source);
        nint row = width;
        TVector s0 = none, s1 = none, s2 = none, s3 = none;
        int r = 0;
        for (; r + Accumulators <= rows; r += Accumulators, source += Accumulators * row)
        {
            s0 = TOp.Apply<TVector, T>(s0, TVector.Load(source));
            s1 = TOp.Apply<TVector, T>(s1, TVector.Load(source + row));
            s2 = TOp.Apply<TVector, T>(s2, TVector.Load(source + 2 * row));
            s3 = TOp.Apply<TVector, T>(s3, TVector.Load(source + 3 * row));
        }

        for (; r < rows; r++, source += row)
            s0 = TOp.Apply<TVector, T>(s0, TVector.Load(source));
        return TOp.Apply<TVector, T>(TOp.Apply<TVector, T>(s0, s2), TOp.Apply<TVector, T>(s1, s3));
    }

    /// <summary>
    /// Keeps <paramref name="count"/> lanes from lane <paramref name="first"/> on, and sets the others to the
    /// identity.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Window(TVector value, int first, int count, TVector none)
    {
        // 64 zeros, 64 times all ones, 64 zeros: each mask of one run of lanes is a vector that starts
        // somewhere in here, one side at a time.
        fixed (byte* mask = LaneMasks.Bytes)
        {
            TVector from = TVector.Load((T*)(mask + 64) - first);
            TVector to = TVector.Load((T*)(mask + 128) - (first + count));
            return TVector.Select(from & to, value, none);
        }
    }
}

/// <summary>The memory from which masks of runs of lanes are read.</summary>
internal static class LaneMasks
{
    public static ReadOnlySpan<byte> Bytes =>
    [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
}
