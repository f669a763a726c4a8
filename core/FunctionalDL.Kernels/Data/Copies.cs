using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

/// <summary>Moves elements about in memory.</summary>
public static unsafe class Copies
{
    /// <summary>target[i, j, …] = source[i, j, …] for all indices below <paramref name="dims"/>.</summary>
    /// <remarks>
    /// A source stride may be anything, 0 too (a broadcast); different indices must have different places in
    /// the target, and the two must not overlap.
    /// </remarks>
    /// <param name="pool">The threads; small copies are done by the caller alone.</param>
    /// <param name="elementSize">The bytes of an element: 1, 4 or 8.</param>
    /// <param name="dims">The sizes.</param>
    /// <param name="source">The address of the source's element at the origin.</param>
    /// <param name="sourceStrides">
    /// The source's elements from one index to the next, for each dimension.
    /// </param>
    /// <param name="target">The address of the target's element at the origin.</param>
    /// <param name="targetStrides">
    /// The target's elements from one index to the next, for each dimension.
    /// </param>
    /// <exception cref="ArgumentException">
    /// The numbers of strides and dimensions differ, or the element has another size.
    /// </exception>
    public static void Strided(
        WorkerPool pool, int elementSize, int[] dims, nint source, long[] sourceStrides, nint target,
        long[] targetStrides)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (sourceStrides.Length != dims.Length || targetStrides.Length != dims.Length)
        {
            throw new ArgumentException(
                $"{sourceStrides.Length} and {targetStrides.Length} strides for {dims.Length} dimensions");
        }

        foreach (int d in dims)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(d, nameof(dims));
            if (d == 0)
                return;
        }

        switch (elementSize)
        {
            case 1: Copy<byte>(); break;
            case 4: Copy<uint>(); break;
            case 8: Copy<ulong>(); break;
            default: throw new ArgumentException($"elements of {elementSize} bytes", nameof(elementSize));
        }

        void Copy<T>()
            where T : unmanaged
        {
            Span<CopyAxis> axes = dims.Length <= 16 ? stackalloc CopyAxis[dims.Length + 1] : new CopyAxis[dims.Length + 1];
            axes = axes[..CopyAxis.Simplify(dims, sourceStrides, targetStrides, axes)];
            if (CellCopy<T>.Fits(axes))
                new CellCopy<T>(source, target, axes).Run(pool);
            else
                new StridedCopy<T>(source, target, axes).Run(pool);
        }
    }

    /// <summary>Sets <paramref name="count"/> adjacent elements to one value.</summary>
    /// <param name="type">The type of the elements.</param>
    /// <param name="target">The address of the first.</param>
    /// <param name="count">The number of elements.</param>
    /// <param name="bits">The bits of the value, in the low bytes.</param>
    public static void Fill(ElementType type, nint target, long count, long bits)
    {
        const int Part = 1 << 28;
        int size = ElementTypes.Size(type);
        for (; count > 0; count -= Part, target += (nint)Part * size)
            Tiles.Runs.FillExactly((byte*)&bits, size, (byte*)target, (int)Math.Min(count, Part));
    }

    /// <summary>Sets adjacent elements to zero.</summary>
    internal static void Zero<T>(T* target, long count)
        where T : unmanaged
    {
        const int Part = 1 << 28;
        for (; count > 0; count -= Part, target += Part)
            new Span<T>(target, (int)Math.Min(count, Part)).Clear();
    }
}

/// <summary>
/// A copy between two strided layouts, cut into rectangles of its two innermost dimensions.
/// </summary>
internal sealed unsafe class StridedCopy<T> : IBlockJob
    where T : unmanaged
{
    private const int UnitElements = 1 << 15;
    private const int TransposedColumns = 256; // so that a unit has many rows too
    private const int SerialBytes = 1 << 18;

    private readonly T* _source;
    private readonly T* _target;
    private readonly CopyAxis[] _outer;
    private readonly CopyAxis _row;
    private readonly CopyAxis _column;
    private readonly long _unitRows;
    private readonly long _unitColumns;
    private readonly long _rowUnits;
    private readonly long _columnUnits;
    private readonly long _units;

    /// <param name="source">The address of the source's first element.</param>
    /// <param name="target">The address of the target's first element.</param>
    /// <param name="axes">The dimensions in order of the target's strides, the largest first; overwritten.</param>
    public StridedCopy(nint source, nint target, Span<CopyAxis> axes)
    {
        _source = (T*)source;
        _target = (T*)target;

        // The columns are where the target is densest; the rows where the source is, so that rectangles are
        // dense in both.
        _column = axes[^1];
        axes = axes[..^1];
        _row = new CopyAxis(1, 0, 0);
        _outer = [];
        if (axes.Length > 0)
        {
            int densest = axes.Length - 1;
            for (int i = densest; i >= 0 && Math.Abs(_column.Source) != 1; i--)
            {
                if (Math.Abs(axes[i].Source) == 1)
                    densest = i;
            }

            _row = axes[densest];
            axes[(densest + 1)..].CopyTo(axes[densest..]);
            _outer = axes[..^1].ToArray();
        }

        _unitColumns = Math.Min(_column.Size, IsTransposition ? TransposedColumns : UnitElements);
        _unitRows = Math.Clamp(UnitElements / _unitColumns, 1, _row.Size);
        _columnUnits = (_column.Size + _unitColumns - 1) / _unitColumns;
        _rowUnits = (_row.Size + _unitRows - 1) / _unitRows;
        _units = _columnUnits * _rowUnits;
        foreach (CopyAxis axis in _outer)
            _units *= axis.Size;
    }

    private bool IsTransposition =>
        _column.Source != 1 && _column.Target == 1 && _row.Source == 1 && sizeof(T) >= 4;

    public void Run(WorkerPool pool)
    {
        long elements = _units * _unitRows * _unitColumns;
        long perBlock = Math.Max(1, UnitElements / (_unitRows * _unitColumns));
        int blocks = checked((int)((_units + perBlock - 1) / perBlock));
        (elements * sizeof(T) < SerialBytes ? WorkerPool.CallerOnly : pool).Run(blocks, this);
    }

    public void Execute(int block, int worker)
    {
        long perBlock = Math.Max(1, UnitElements / (_unitRows * _unitColumns));
        long end = Math.Min(_units, (block + 1) * perBlock);
        for (long unit = block * perBlock; unit < end; unit++)
        {
            (long rest, long columnUnit) = Math.DivRem(unit, _columnUnits);
            (rest, long rowUnit) = Math.DivRem(rest, _rowUnits);
            long row = rowUnit * _unitRows;
            long column = columnUnit * _unitColumns;
            T* source = _source + row * _row.Source + column * _column.Source;
            T* target = _target + row * _row.Target + column * _column.Target;
            for (int i = _outer.Length - 1; i >= 0; i--)
            {
                (rest, long index) = Math.DivRem(rest, _outer[i].Size);
                source += index * _outer[i].Source;
                target += index * _outer[i].Target;
            }

            long rows = Math.Min(_unitRows, _row.Size - row);
            long columns = Math.Min(_unitColumns, _column.Size - column);
            CopyRectangle(source, target, rows, columns);
        }
    }

    private void CopyRectangle(T* source, T* target, long rows, long columns)
    {
        if (_column.Source == 1 && _column.Target == 1)
            CopyRows(source, target, rows, columns);
        else if (IsTransposition)
            Transpose(source, target, rows, columns);
        else
            CopyElements(source, target, 0, rows, 0, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyRows(T* source, T* target, long rows, long columns)
    {
        for (long r = 0; r < rows; r++, source += _row.Source, target += _row.Target)
            Tiles.Runs.Copy(source, target, (int)columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyElements(T* source, T* target, long firstRow, long rows, long firstColumn, long columns)
    {
        for (long r = firstRow; r < rows; r++)
        {
            T* from = source + r * _row.Source + firstColumn * _column.Source;
            T* to = target + r * _row.Target + firstColumn * _column.Target;
            for (long c = firstColumn; c < columns; c++, from += _column.Source, to += _column.Target)
                *to = *from;
        }
    }

    /// <summary>
    /// The source is dense along rows, the target along columns: whole cache lines of both, turned in
    /// registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Transpose(T* source, T* target, long rows, long columns)
    {
        int square = 16 / sizeof(T);
        int line = 64 / sizeof(T);
        long wholeRows = rows - rows % line;
        long wholeColumns = columns - columns % line;
        for (long r = 0; r < wholeRows; r += line)
        {
            for (long c = 0; c < wholeColumns; c += line)
            {
                // Lines of the target are finished one after the other: with a stride of a power of two they
                // fall on the same few places of the cache, which cannot hold a block of half-written ones.
                for (long i = r; i < r + line; i += square)
                {
                    for (long j = c; j < c + line; j += square)
                    {
                        T* from = source + j * _column.Source + i;
                        Squares.Transpose(from, _column.Source, target + i * _row.Target + j, _row.Target);
                    }
                }
            }
        }

        CopyElements(source, target, wholeRows, rows, 0, wholeColumns);
        CopyElements(source, target, 0, rows, wholeColumns, columns);
    }
}
