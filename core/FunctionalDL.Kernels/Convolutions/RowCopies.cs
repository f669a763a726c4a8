using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>Copies of many rows, short ones among them, whose elements may lie apart on either side.</summary>
internal static unsafe class RowCopies
{
    /// <summary>target[r, i] = source[r, i]; rows do not overlap, all distances count elements.</summary>
    /// <param name="source">The first element.</param>
    /// <param name="sourceRow">From one of its rows to the next.</param>
    /// <param name="sourceStep">From one of its elements to the next.</param>
    /// <param name="target">Where the first goes.</param>
    /// <param name="targetRow">From one row there to the next.</param>
    /// <param name="targetStep">From one element there to the next.</param>
    /// <param name="rows">The number of rows.</param>
    /// <param name="count">The elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<T>(
        T* source, long sourceRow, int sourceStep, T* target, long targetRow, int targetStep, int rows, int count)
        where T : unmanaged
    {
        if (sourceStep == 1 && targetStep == 1)
        {
            for (; rows > 0; rows--, source += sourceRow, target += targetRow)
                CopyAdjacent(source, target, count);
            return;
        }

        for (; rows > 0; rows--, source += sourceRow, target += targetRow)
        {
            int done = sourceStep == 2 && targetStep == 1 ? CopyEvens(source, target, count) : 0;
            T* from = source + (long)done * sourceStep;
            T* to = target + (long)done * targetStep;
            for (int i = done; i < count; i++, from += sourceStep, to += targetStep)
                *to = *from;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyAdjacent<T>(T* source, T* target, int count)
        where T : unmanaged
    {
        int i = 0;
        for (; i + Vector256<T>.Count <= count; i += Vector256<T>.Count)
            Vector256.Load(source + i).Store(target + i);
        if (i + Vector128<T>.Count <= count)
        {
            Vector128.Load(source + i).Store(target + i);
            i += Vector128<T>.Count;
        }

        for (; i < count; i++)
            target[i] = source[i];
    }

    /// <summary>Copies the most of every second element; the number of those copied.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int CopyEvens<T>(T* source, T* target, int count)
        where T : unmanaged
    {
        // Each vector also reads the element behind its last: the row's last element needs none.
        int i = 0;
        for (; i + Vector128<T>.Count < count; i += Vector128<T>.Count)
            Squares.Evens(source + 2 * i, target + i);
        return i;
    }
}
