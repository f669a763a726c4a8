using System.Runtime.CompilerServices;

namespace FunctionalDL.Kernels;

/// <summary>
/// A copy between two strided layouts whose innermost dimensions are small: the kernels of a convolution, or
/// pictures of a few places. They make a cell, whose elements are found by a table instead of by loops.
/// </summary>
internal sealed unsafe class CellCopy<T> : IBlockJob
    where T : unmanaged
{
    /// <summary>The most elements of a cell.</summary>
    private const int CellLimit = 64;

    /// <summary>
    /// Cells side by side in the source that are copied before the next row: the rows may be a multiple of a power
    /// of two apart, and then only a few cache lines stay until their second half is wanted.
    /// </summary>
    private const int Tile = 8;

    private const int Small = 16;
    private const int UnitElements = 1 << 14;
    private const int SerialBytes = 1 << 18;

    private readonly T* _source;
    private readonly T* _target;
    private readonly long[] _sourceOffsets = [0];
    private readonly long[] _targetOffsets = [0];
    private readonly CopyAxis _row = new(1, 0, 0);
    private readonly CopyAxis _tile = new(1, 0, 0);
    private readonly CopyAxis[] _outer;
    private readonly long _unitRows;
    private readonly long _rowUnits;
    private readonly long _tileUnits;
    private readonly long _units;

    /// <param name="source">The address of the source's first element.</param>
    /// <param name="target">The address of the target's first element.</param>
    /// <param name="axes">The dimensions in order of the target's strides, the largest first.</param>
    public CellCopy(nint source, nint target, ReadOnlySpan<CopyAxis> axes)
    {
        _source = (T*)source;
        _target = (T*)target;
        while (axes.Length > 0 && axes[^1].Size * _sourceOffsets.Length <= CellLimit)
        {
            CopyAxis axis = axes[^1];
            _sourceOffsets = Repeat(_sourceOffsets, axis.Size, axis.Source);
            _targetOffsets = Repeat(_targetOffsets, axis.Size, axis.Target);
            axes = axes[..^1];
        }

        List<CopyAxis> rest = [.. axes];
        if (rest.Count > 0)
        {
            _row = rest[^1];
            rest.RemoveAt(rest.Count - 1);
        }

        if (rest.Count > 0)
        {
            _tile = rest.MinBy(axis => Math.Abs(axis.Source));
            rest.Remove(_tile);
        }

        _outer = [.. rest];
        _unitRows = Math.Clamp(UnitElements / (Tile * _sourceOffsets.Length), 1, _row.Size);
        _rowUnits = (_row.Size + _unitRows - 1) / _unitRows;
        _tileUnits = (_tile.Size + Tile - 1) / Tile;
        _units = _rowUnits * _tileUnits;
        foreach (CopyAxis axis in _outer)
            _units *= axis.Size;
    }

    private long UnitSize => _unitRows * Math.Min(Tile, _tile.Size) * _sourceOffsets.Length;

    private long UnitsPerBlock => Math.Max(1, UnitElements / UnitSize);

    /// <summary>
    /// Whether the innermost of some dimensions is small enough for a cell. Where the source is dense along
    /// another one, squares that are turned in registers are faster.
    /// </summary>
    public static bool Fits(ReadOnlySpan<CopyAxis> axes)
    {
        foreach (CopyAxis axis in axes[..^1])
        {
            if (axis.Source == 1 && axis.Size >= Small)
                return false;
        }

        return axes.Length > 1 && axes[^1].Size < Small;
    }

    public void Run(WorkerPool pool)
    {
        long blocks = (_units + UnitsPerBlock - 1) / UnitsPerBlock;
        (_units * UnitSize * sizeof(T) < SerialBytes ? WorkerPool.CallerOnly : pool).Run(checked((int)blocks), this);
    }

    public void Execute(int block, int worker)
    {
        long end = Math.Min(_units, (block + 1) * UnitsPerBlock);
        for (long unit = block * UnitsPerBlock; unit < end; unit++)
            CopyUnit(unit);
    }

    private void CopyUnit(long unit)
    {
        (long rest, long tileUnit) = Math.DivRem(unit, _tileUnits);
        (rest, long rowUnit) = Math.DivRem(rest, _rowUnits);
        long row = rowUnit * _unitRows;
        long place = tileUnit * Tile;
        T* source = _source + row * _row.Source + place * _tile.Source;
        T* target = _target + row * _row.Target + place * _tile.Target;
        for (int i = _outer.Length - 1; i >= 0; i--)
        {
            (rest, long index) = Math.DivRem(rest, _outer[i].Size);
            source += index * _outer[i].Source;
            target += index * _outer[i].Target;
        }

        Copy(source, target, Math.Min(_unitRows, _row.Size - row), Math.Min(Tile, _tile.Size - place));
    }

    private static long[] Repeat(long[] offsets, long count, long step) =>
        [.. Enumerable.Range(0, (int)count).SelectMany(i => offsets.Select(offset => offset + i * step))];

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Copy(T* source, T* target, long rows, long places)
    {
        int size = _sourceOffsets.Length;
        fixed (long* sources = _sourceOffsets, targets = _targetOffsets)
        {
            for (long r = 0; r < rows; r++)
            {
                T* from = source + r * _row.Source;
                T* to = target + r * _row.Target;
                for (long p = 0; p < places; p++, from += _tile.Source, to += _tile.Target)
                {
                    for (int i = 0; i < size; i++)
                        to[targets[i]] = from[sources[i]];
                }
            }
        }
    }
}
