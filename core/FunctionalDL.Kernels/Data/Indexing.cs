using System.Numerics;

namespace FunctionalDL.Kernels;

/// <summary>
/// Reading and writing at computed places. Operands are contiguous and row-major; indices are
/// <see cref="ElementType.Int32"/> or <see cref="ElementType.Int64"/>.
/// </summary>
/// <remarks>
/// Methods that take an index return -1, or the flat position in the index of the first one that is outside
/// its axis (negative ones too); then the output is unspecified, but nothing outside the operands was
/// touched.
/// </remarks>
public static unsafe class Indexing
{
    /// <summary>target[o, j, i] = source[o, index[o, j, i], i].</summary>
    /// <param name="pool">The threads; small operands are done by the caller alone.</param>
    /// <param name="type">The type of source and target.</param>
    /// <param name="outer">The size before the axis.</param>
    /// <param name="axisLength">The size of the axis in the source.</param>
    /// <param name="indexLength">The size of the axis in index and target.</param>
    /// <param name="inner">The size behind the axis.</param>
    /// <param name="source">[outer, axisLength, inner].</param>
    /// <param name="indexType">The type of the indices.</param>
    /// <param name="index">[outer, indexLength, inner].</param>
    /// <param name="target">[outer, indexLength, inner].</param>
    public static long Gather(
        WorkerPool pool, ElementType type, long outer, long axisLength, long indexLength, long inner,
        nint source, ElementType indexType, nint index, nint target)
    {
        IndexedShape shape = new(outer, axisLength, indexLength, inner, source, index, target);
        return (ElementTypes.Size(type), IsInt32(indexType)) switch
        {
            (1, true) => new GatherJob<byte, int>(shape).Run(pool),
            (1, false) => new GatherJob<byte, long>(shape).Run(pool),
            (4, true) => new GatherJob<uint, int>(shape).Run(pool),
            (4, false) => new GatherJob<uint, long>(shape).Run(pool),
            (_, true) => new GatherJob<ulong, int>(shape).Run(pool),
            (_, false) => new GatherJob<ulong, long>(shape).Run(pool),
        };
    }

    /// <summary>
    /// target[o, index[o, j, i], i] += source[o, j, i], on a target that is zeroed first; in order of j, so
    /// that the sums have the same bits for any number of threads.
    /// </summary>
    /// <param name="pool">The threads; small operands are done by the caller alone.</param>
    /// <param name="type">The type of source and target: a number, not UInt8 or Bool.</param>
    /// <param name="outer">The size before the axis.</param>
    /// <param name="axisLength">The size of the axis in the target.</param>
    /// <param name="indexLength">The size of the axis in index and source.</param>
    /// <param name="inner">The size behind the axis.</param>
    /// <param name="source">[outer, indexLength, inner].</param>
    /// <param name="indexType">The type of the indices.</param>
    /// <param name="index">[outer, indexLength, inner].</param>
    /// <param name="target">[outer, axisLength, inner].</param>
    public static long ScatterAdd(
        WorkerPool pool, ElementType type, long outer, long axisLength, long indexLength, long inner,
        nint source, ElementType indexType, nint index, nint target)
    {
        IndexedShape shape = new(outer, axisLength, indexLength, inner, source, index, target);
        bool narrow = IsInt32(indexType);
        return type switch
        {
            ElementType.Int32 => ScatterAdd<int>(pool, shape, narrow),
            ElementType.Int64 => ScatterAdd<long>(pool, shape, narrow),
            ElementType.Float32 => ScatterAdd<float>(pool, shape, narrow),
            ElementType.Float64 => ScatterAdd<double>(pool, shape, narrow),
            _ => throw new ArgumentException($"{type} cannot be added", nameof(type)),
        };
    }

    /// <summary>target[j] = source[index[j]] for whole rows.</summary>
    /// <param name="pool">The threads; small operands are done by the caller alone.</param>
    /// <param name="elementSize">The bytes of an element.</param>
    /// <param name="rows">The rows of the source.</param>
    /// <param name="rowLength">The elements of a row.</param>
    /// <param name="source">[rows, rowLength].</param>
    /// <param name="indexType">The type of the indices.</param>
    /// <param name="index">[count].</param>
    /// <param name="count">The number of rows taken.</param>
    /// <param name="target">[count, rowLength].</param>
    public static long TakeRows(
        WorkerPool pool, int elementSize, long rows, long rowLength, nint source, ElementType indexType,
        nint index, long count, nint target)
    {
        long bytes = elementSize * rowLength;
        return IsInt32(indexType)
            ? new TakeRowsJob<int>(rows, bytes, source, index, count, target).Run(pool)
            : new TakeRowsJob<long>(rows, bytes, source, index, count, target).Run(pool);
    }

    /// <summary>
    /// target[o, i] = the position along the middle of the largest (or smallest) source[o, ·, i]: the first
    /// of equal ones, and the first NaN if there is one. The middle must not be empty unless the result is.
    /// </summary>
    /// <param name="pool">The threads; small operands are done by the caller alone.</param>
    /// <param name="maximum">Whether the largest is looked for; else the smallest.</param>
    /// <param name="type">The type of the source, not Bool.</param>
    /// <param name="outer">The size before the axis.</param>
    /// <param name="reduced">The size of the axis.</param>
    /// <param name="inner">The size behind the axis.</param>
    /// <param name="source">[outer, reduced, inner].</param>
    /// <param name="targetInt64">[outer, inner], Int64.</param>
    public static void ArgExtreme(
        WorkerPool pool, bool maximum, ElementType type, long outer, long reduced, long inner, nint source,
        nint targetInt64)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (outer == 0 || inner == 0)
            return;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(reduced);
        switch (type)
        {
            case ElementType.UInt8: Find<byte>(); break;
            case ElementType.Int32: Find<int>(); break;
            case ElementType.Int64: Find<long>(); break;
            case ElementType.Float32: Find<float>(); break;
            case ElementType.Float64: Find<double>(); break;
            default: throw new ArgumentException($"{type} has no order", nameof(type));
        }

        void Find<T>()
            where T : unmanaged, INumber<T> =>
            new ArgExtremeJob<T>(maximum, outer, reduced, inner, source, targetInt64).Run(pool);
    }

    private static long ScatterAdd<T>(WorkerPool pool, in IndexedShape shape, bool narrow)
        where T : unmanaged, IAdditionOperators<T, T, T> =>
        narrow ? new ScatterAddJob<T, int>(shape).Run(pool) : new ScatterAddJob<T, long>(shape).Run(pool);

    private static bool IsInt32(ElementType type) => type switch
    {
        ElementType.Int32 => true,
        ElementType.Int64 => false,
        _ => throw new ArgumentException($"an index of {type}", nameof(type)),
    };
}

/// <summary>The operands of a gather or scatter.</summary>
internal readonly record struct IndexedShape(
    long Outer, long AxisLength, long IndexLength, long Inner, nint Source, nint Index, nint Target);
