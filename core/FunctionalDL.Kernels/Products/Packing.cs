using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Products;

/// <summary>
/// Copies parts of matrices into panels, in the order in which the micro-kernel reads them.
/// </summary>
internal static unsafe class Packing<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>
    /// target[p, r] = source[r · line + p · step] for r below <paramref name="count"/>, zero from there to
    /// <paramref name="width"/>.
    /// </summary>
    /// <param name="source">The first element.</param>
    /// <param name="line">The elements from one line (a row of a, a column of b) to the next.</param>
    /// <param name="step">The elements from one step of k to the next.</param>
    /// <param name="count">The number of lines.</param>
    /// <param name="k">The number of steps.</param>
    /// <param name="target">The panel: [k, width], contiguous.</param>
    /// <param name="width">The lines that the panel has room for.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(T* source, long line, long step, int count, int k, T* target, int width)
    {
        if (count < width)
            Pad(count, k, target, width);
        if (line == 1)
            CopyLines(source, step, count, k, target, width);
        else if (step == 1)
            Transpose(source, line, count, k, target, width);
        else
            CopyElements(source, line, step, count, k, target, width);
    }

    private static void Pad(int count, int k, T* target, int width)
    {
        for (int p = 0; p < k; p++)
            new Span<T>(target + (long)p * width + count, width - count).Clear();
    }

    private static void CopyElements(T* source, long line, long step, int count, int k, T* target, int width)
    {
        for (int p = 0; p < k; p++, source += step, target += width)
        {
            for (int r = 0; r < count; r++)
                target[r] = source[r * line];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void CopyLines(T* source, long step, int count, int k, T* target, int width)
    {
        int wide = count - count % TVector.Count;
        int narrow = count - count % Vector128<T>.Count;
        for (int p = 0; p < k; p++, source += step, target += width)
        {
            int r = 0;
            for (; r < wide; r += TVector.Count)
                TVector.Store(TVector.Load(source + r), target + r);
            for (; r < narrow; r += Vector128<T>.Count)
                Vector128.Store(Vector128.Load(source + r), target + r);
            for (; r < count; r++)
                target[r] = source[r];
        }
    }

    /// <summary>
    /// Lines are contiguous along k. Squares as wide as a 128-bit vector are turned in registers; the steps
    /// of one cache line are done for all lines before the next, so that the panel is written front to back.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(T* source, long line, int count, int k, T* target, int width)
    {
        int square = Vector128<T>.Count;
        int steps = 64 / sizeof(T);
        int lines = count - count % square;
        int p = 0;
        for (; p + steps <= k; p += steps)
        {
            for (int r = 0; r < lines; r += square)
            {
                T* from = source + p + r * line;
                T* to = target + (long)p * width + r;
                for (int i = 0; i < steps; i += square)
                    Squares.Transpose(from + i, line, to + (long)i * width, width);
            }
        }

        for (int q = p; q < k; q++)
        {
            for (int r = 0; r < lines; r++)
                target[(long)q * width + r] = source[r * line + q];
        }

        for (int r = lines; r < count; r++)
        {
            for (int q = 0; q < k; q++)
                target[(long)q * width + r] = source[r * line + q];
        }
    }
}
