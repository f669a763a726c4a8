using System.Numerics;

namespace FunctionalDL.Kernels;

/// <summary>
/// Work along one axis, line by line. Operands are contiguous and row-major, [outer, length, inner]; lines do not depend on each
/// other, so results do not depend on the number of threads.
/// </summary>
public static class Lines
{
    /// <summary>target[k] = decay[k] · target[k - 1] + input[k], starting from 0.</summary>
    /// <param name="pool">The threads; small operands are done by the caller alone.</param>
    /// <param name="type">Float32 or Float64.</param>
    /// <param name="outer">The size before the axis.</param>
    /// <param name="length">The size of the axis.</param>
    /// <param name="inner">The size behind the axis.</param>
    /// <param name="decay">[outer, length, inner].</param>
    /// <param name="input">[outer, length, inner].</param>
    /// <param name="target">[outer, length, inner].</param>
    public static void Recurrence(
        WorkerPool pool, ElementType type, long outer, long length, long inner, nint decay, nint input, nint target)
    {
        LineShape shape = new(outer, length, inner);
        if (type == ElementType.Float32)
            shape.Run(pool, new RecurrenceJob<float>(shape, decay, input, target));
        else if (type == ElementType.Float64)
            shape.Run(pool, new RecurrenceJob<double>(shape, decay, input, target));
        else
            throw new ArgumentException($"{type} has no recurrence", nameof(type));
    }

    /// <summary>The positions that sort each line; equal elements keep their order, NaN counts as largest.</summary>
    /// <param name="pool">The threads; small operands are done by the caller alone.</param>
    /// <param name="type">A number, not UInt8 or Bool.</param>
    /// <param name="descending">Whether the largest comes first.</param>
    /// <param name="outer">The size before the axis.</param>
    /// <param name="length">The size of the axis.</param>
    /// <param name="inner">The size behind the axis.</param>
    /// <param name="source">[outer, length, inner].</param>
    /// <param name="target">Int64 [outer, length, inner].</param>
    public static void ArgSort(
        WorkerPool pool, ElementType type, bool descending, long outer, long length, long inner, nint source, nint target)
    {
        LineShape shape = new(outer, length, inner);
        IBlockJob job = type switch
        {
            ElementType.Int32 => new ArgSortJob<int>(shape, descending, source, target),
            ElementType.Int64 => new ArgSortJob<long>(shape, descending, source, target),
            ElementType.Float32 => new ArgSortJob<float>(shape, descending, source, target),
            ElementType.Float64 => new ArgSortJob<double>(shape, descending, source, target),
            _ => throw new ArgumentException($"{type} is not sorted", nameof(type)),
        };
        shape.Run(pool, job);
    }

    /// <summary>
    /// Adds windows back to where they were taken from: target[o, k · step + j · dilation, i] += source[o, k, i, j], on zeros, in
    /// order of k and j.
    /// </summary>
    /// <param name="pool">The threads; small operands are done by the caller alone.</param>
    /// <param name="type">A number, not UInt8 or Bool.</param>
    /// <param name="outer">The size before the axis.</param>
    /// <param name="length">The size of the axis in the target.</param>
    /// <param name="inner">The size behind the axis, without the windows' own.</param>
    /// <param name="count">The number of windows.</param>
    /// <param name="size">The elements of a window.</param>
    /// <param name="step">The places from one window to the next.</param>
    /// <param name="dilation">The places from one element of a window to the next.</param>
    /// <param name="source">[outer, count, inner, size].</param>
    /// <param name="target">[outer, length, inner].</param>
    public static void Overlap(
        WorkerPool pool, ElementType type, long outer, long length, long inner, long count, long size, long step, long dilation,
        nint source, nint target)
    {
        LineShape shape = new(outer, length, inner);
        WindowShape windows = new(count, size, step, dilation);
        IBlockJob job = type switch
        {
            ElementType.Int32 => new OverlapJob<int>(shape, windows, source, target),
            ElementType.Int64 => new OverlapJob<long>(shape, windows, source, target),
            ElementType.Float32 => new OverlapJob<float>(shape, windows, source, target),
            ElementType.Float64 => new OverlapJob<double>(shape, windows, source, target),
            _ => throw new ArgumentException($"{type} cannot be added", nameof(type)),
        };
        shape.Run(pool, job);
    }
}

/// <summary>Lines as blocks: a block is a number of lines that is worth a thread's while.</summary>
internal readonly record struct LineShape(long Outer, long Length, long Inner)
{
    private const long SerialElements = 1 << 14;

    public long Lines => Outer * Inner;

    private long LinesPerBlock => Math.Max(1, SerialElements / Math.Max(1, Length));

    public void Run(WorkerPool pool, IBlockJob job) =>
        pool.Run(checked((int)((Lines + LinesPerBlock - 1) / LinesPerBlock)), job);

    /// <summary>The lines of a block.</summary>
    public (long First, long End) Block(int block) =>
        (block * LinesPerBlock, Math.Min((block + 1) * LinesPerBlock, Lines));

    /// <summary>The first element of a line; its elements are <see cref="Inner"/> apart.</summary>
    public long Start(long line)
    {
        (long o, long i) = Math.DivRem(line, Inner);
        return o * Length * Inner + i;
    }
}

/// <summary>The windows of a line.</summary>
internal readonly record struct WindowShape(long Count, long Size, long Step, long Dilation);

internal sealed unsafe class RecurrenceJob<T>(LineShape shape, nint decay, nint input, nint target) : IBlockJob
    where T : unmanaged, INumber<T>
{
    public void Execute(int block, int worker)
    {
        (long first, long end) = shape.Block(block);
        for (long line = first; line < end; line++)
        {
            long at = shape.Start(line);
            T run = T.Zero;
            for (long k = 0; k < shape.Length; k++, at += shape.Inner)
            {
                run = ((T*)decay)[at] * run + ((T*)input)[at];
                ((T*)target)[at] = run;
            }
        }
    }
}

internal sealed unsafe class ArgSortJob<T>(LineShape shape, bool descending, nint source, nint target) : IBlockJob
    where T : unmanaged, INumber<T>
{
    public void Execute(int block, int worker)
    {
        (long first, long end) = shape.Block(block);
        var keys = new (T Value, long Position)[shape.Length];
        for (long line = first; line < end; line++)
        {
            long start = shape.Start(line);
            for (long k = 0; k < shape.Length; k++)
                keys[k] = (((T*)source)[start + k * shape.Inner], k);
            Array.Sort(keys, Compare);
            for (long k = 0; k < shape.Length; k++)
                ((long*)target)[start + k * shape.Inner] = keys[k].Position;
        }
    }

    private int Compare((T Value, long Position) a, (T Value, long Position) b)
    {
        int order = (T.IsNaN(a.Value), T.IsNaN(b.Value)) switch
        {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => -1,
            // Not CompareTo, for which -0 and 0 may differ.
            _ => a.Value < b.Value ? -1 : a.Value > b.Value ? 1 : 0,
        };
        return order == 0 ? a.Position.CompareTo(b.Position) : descending ? -order : order;
    }
}

internal sealed unsafe class OverlapJob<T>(LineShape shape, WindowShape windows, nint source, nint target) : IBlockJob
    where T : unmanaged, INumber<T>
{
    public void Execute(int block, int worker)
    {
        (long first, long end) = shape.Block(block);
        for (long line = first; line < end; line++)
        {
            T* to = (T*)target + shape.Start(line);
            for (long k = 0; k < shape.Length; k++)
                to[k * shape.Inner] = T.Zero;

            (long o, long i) = Math.DivRem(line, shape.Inner);
            for (long window = 0; window < windows.Count; window++)
            {
                T* from = (T*)source + ((o * windows.Count + window) * shape.Inner + i) * windows.Size;
                for (long j = 0; j < windows.Size; j++)
                    to[(window * windows.Step + j * windows.Dilation) * shape.Inner] += from[j];
            }
        }
    }
}
