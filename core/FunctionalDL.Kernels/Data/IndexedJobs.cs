using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FunctionalDL.Kernels;

/// <summary>A job that checks indices as it goes.</summary>
internal abstract class IndexedJob : IBlockJob
{
    private const long SerialElements = 1 << 15;

    private long _firstBad = long.MaxValue;

    public abstract void Execute(int block, int worker);

    /// <summary>Runs the blocks and gives the first bad position, or -1.</summary>
    protected long Run(WorkerPool pool, long blocks, long elements)
    {
        ArgumentNullException.ThrowIfNull(pool);
        (elements < SerialElements ? WorkerPool.CallerOnly : pool).Run(checked((int)blocks), this);
        return _firstBad == long.MaxValue ? -1 : _firstBad;
    }

    /// <summary>Notes a bad index; the first position wins, whichever thread comes first.</summary>
    protected void Report(long position)
    {
        long seen = Volatile.Read(ref _firstBad);
        while (position < seen)
        {
            long before = Interlocked.CompareExchange(ref _firstBad, position, seen);
            if (before == seen)
                return;
            seen = before;
        }
    }

    /// <summary>
    /// Whether all indices of a row are the first one, as they are when whole rows are meant.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static unsafe bool AllSame<TIndex>(TIndex* index, long count)
        where TIndex : unmanaged, IEquatable<TIndex> =>
        count <= int.MaxValue && !new ReadOnlySpan<TIndex>(index, (int)count).ContainsAnyExcept(*index);
}

/// <summary>A block is a number of index rows.</summary>
internal sealed unsafe class GatherJob<T, TIndex>(IndexedShape shape) : IndexedJob
    where T : unmanaged
    where TIndex : unmanaged, IBinaryInteger<TIndex>
{
    private readonly long _rows = Math.Max(1, (1 << 13) / Math.Max(1, shape.Inner));

    public long Run(WorkerPool pool)
    {
        long rows = shape.Outer * shape.IndexLength;
        return Run(pool, shape.Inner == 0 ? 0 : (rows + _rows - 1) / _rows, rows * shape.Inner);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(int block, int worker)
    {
        long end = Math.Min((block + 1) * _rows, shape.Outer * shape.IndexLength);
        (long outer, long place) = Math.DivRem(block * _rows, shape.IndexLength);
        T* source = (T*)shape.Source + outer * shape.AxisLength * shape.Inner;
        for (long row = block * _rows; row < end; row++, place++)
        {
            if (place == shape.IndexLength)
            {
                source += shape.AxisLength * shape.Inner;
                place = 0;
            }

            TIndex* index = (TIndex*)shape.Index + row * shape.Inner;
            T* target = (T*)shape.Target + row * shape.Inner;
            long bad = shape.Inner >= 8 && AllSame(index, shape.Inner)
                ? CopyRow(source, long.CreateTruncating(*index), target)
                : CopyElements(source, index, target);
            if (bad >= 0)
            {
                Report(row * shape.Inner + bad);
                return;
            }
        }
    }

    private long CopyRow(T* source, long position, T* target)
    {
        if ((ulong)position >= (ulong)shape.AxisLength)
            return 0;
        long bytes = shape.Inner * sizeof(T);
        Buffer.MemoryCopy(source + position * shape.Inner, target, bytes, bytes);
        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long CopyElements(T* source, TIndex* index, T* target)
    {
        long inner = shape.Inner;
        for (long i = 0; i < inner; i++)
        {
            long position = long.CreateTruncating(index[i]);
            if ((ulong)position >= (ulong)shape.AxisLength)
                return i;
            target[i] = source[position * inner + i];
        }

        return -1;
    }
}

/// <summary>
/// A block owns the results of one outer index and a range of inner ones, so no two threads add to the same
/// place.
/// </summary>
internal sealed unsafe class ScatterAddJob<T, TIndex> : IndexedJob
    where T : unmanaged, IAdditionOperators<T, T, T>
    where TIndex : unmanaged, IBinaryInteger<TIndex>
{
    private readonly IndexedShape _shape;
    private readonly long _width;
    private readonly long _parts;

    public ScatterAddJob(IndexedShape shape)
    {
        _shape = shape;

        // A few outer indices are not enough for many threads; then the inner ones are cut too, at cache
        // lines.
        long wanted = Math.Max(1, 32 / Math.Max(1, shape.Outer));
        long line = 64 / sizeof(T);
        _width = Math.Max(1, Math.Max(line, ((shape.Inner + wanted - 1) / wanted + line - 1) / line * line));
        _parts = (shape.Inner + _width - 1) / _width;
    }

    public long Run(WorkerPool pool)
    {
        long elements = _shape.Outer * _shape.Inner * (_shape.IndexLength + _shape.AxisLength);
        return Run(pool, _shape.Outer * _parts, elements);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Execute(int block, int worker)
    {
        (long outer, long part) = Math.DivRem(block, _parts);
        long inner = _shape.Inner;
        long first = part * _width;
        int width = (int)Math.Min(_width, inner - first);
        T* target = (T*)_shape.Target + outer * _shape.AxisLength * inner + first;
        if (width == inner)
            Copies.Zero(target, _shape.AxisLength * inner);
        for (long a = 0; width < inner && a < _shape.AxisLength; a++)
            new Span<T>(target + a * inner, width).Clear();

        long start = outer * _shape.IndexLength * inner + first;
        TIndex* index = (TIndex*)_shape.Index + start;
        T* source = (T*)_shape.Source + start;
        for (long j = 0; j < _shape.IndexLength; j++, index += inner, source += inner)
        {
            if (width >= 8 && AllSame(index, width))
            {
                long position = long.CreateTruncating(*index);
                if ((ulong)position >= (ulong)_shape.AxisLength)
                {
                    Report(start + j * inner);
                    return;
                }

                AddRow(source, target + position * inner, width);
                continue;
            }

            for (int i = 0; i < width; i++)
            {
                long position = long.CreateTruncating(index[i]);
                if ((ulong)position >= (ulong)_shape.AxisLength)
                {
                    Report(start + j * inner + i);
                    return;
                }

                target[position * inner + i] += source[i];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow(T* source, T* target, int count)
    {
        int i = 0;
        for (; i + Vector256<T>.Count <= count; i += Vector256<T>.Count)
            (Vector256.Load(target + i) + Vector256.Load(source + i)).Store(target + i);
        for (; i < count; i++)
            target[i] += source[i];
    }
}

/// <summary>A block is a number of rows.</summary>
internal sealed unsafe class TakeRowsJob<TIndex>(
    long rows, long rowBytes, nint source, nint index, long count, nint target) : IndexedJob
    where TIndex : unmanaged, IBinaryInteger<TIndex>
{
    private readonly long _rowsPerBlock = Math.Max(1, (1 << 16) / Math.Max(1, rowBytes));

    public long Run(WorkerPool pool) =>
        Run(pool, (count + _rowsPerBlock - 1) / _rowsPerBlock, count * rowBytes / 4);

    public override void Execute(int block, int worker)
    {
        long end = Math.Min((block + 1) * _rowsPerBlock, count);
        for (long i = block * _rowsPerBlock; i < end; i++)
        {
            long row = long.CreateTruncating(((TIndex*)index)[i]);
            if ((ulong)row >= (ulong)rows)
            {
                Report(i);
                return;
            }

            byte* to = (byte*)target + i * rowBytes;
            Buffer.MemoryCopy((byte*)source + row * rowBytes, to, rowBytes, rowBytes);
        }
    }
}
