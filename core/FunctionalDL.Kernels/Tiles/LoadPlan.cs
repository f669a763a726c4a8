using System.Runtime.CompilerServices;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>
/// How a tile of one operand is found: in the operand itself where its elements are adjacent, else gathered
/// into scratch memory. The operand's dimensions are merged as far as its own strides allow, independently of
/// other operands, since a tile is a range of the flat iteration space.
/// </summary>
internal sealed unsafe class LoadPlan
{
    private const int MaxPeriod = 1024;

    private readonly long[] _dims;
    private readonly long[] _strides;
    private readonly int _size;
    private readonly long _period;

    public LoadPlan(int[] dims, long[] strides, int size)
    {
        _size = size;
        (_dims, _strides) = StridedSpace.Merge(dims, strides);
        long first = 0, last = 0, elements = 1;
        for (int i = 0; i < _dims.Length; i++)
        {
            long reach = (_dims[i] - 1) * _strides[i];
            first += Math.Min(0, reach);
            last += Math.Max(0, reach);
            elements *= _dims[i];
        }

        Extent = elements == 0 ? (0, 0) : (first, last + 1);
        _period = _dims.Length > 1 && _strides[0] == 0 ? elements / Math.Max(1, _dims[0]) : long.MaxValue;
        Kind = last == 0 && first == 0 ? ValueKind.Splat
            : _period <= MaxPeriod ? ValueKind.Pattern
            : ValueKind.Load;
    }

    public ValueKind Kind { get; }

    /// <summary>
    /// The first element that is read, and one beyond the last, relative to the one at the origin.
    /// </summary>
    public (long First, long End) Extent { get; }

    /// <summary>How many neighbours are the same element, where rows of them are looked up; else 1.</summary>
    public long RunLength => Kind == ValueKind.Load && _strides[^1] == 0 ? _dims[^1] : 1;

    /// <summary>The bytes that a pattern needs: a period, and a tile that may start anywhere in it.</summary>
    public long PatternBytes => (_period + TileProgram.TileSize + 2 * TileProgram.Grain) * _size;

    /// <summary>Writes a pattern out, so that tiles can be read at any phase of it.</summary>
    /// <param name="source">The element at the origin.</param>
    /// <param name="elements">The most elements that will be read.</param>
    /// <param name="home">The place for the pattern.</param>
    public void MakePattern(byte* source, long elements, byte* home)
    {
        Gather(source, 0, (int)_period, home);
        long bytes = (_period + Math.Min(elements, TileProgram.TileSize)) * _size;
        for (long filled = _period * _size; filled < bytes;)
        {
            long more = Math.Min(filled, bytes - filled);
            Buffer.MemoryCopy(home, home + filled, more, more);
            filled += more;
        }
    }

    /// <summary>The address of a tile's elements.</summary>
    /// <param name="source">The element at the origin.</param>
    /// <param name="start">The tile's first element in the flat iteration space.</param>
    /// <param name="count">The tile's elements.</param>
    /// <param name="readable">
    /// The elements that the kernels will touch, at least <paramref name="count"/>.
    /// </param>
    /// <param name="home">A place to gather to; for a pattern, where it was made.</param>
    /// <param name="step">1, or 0 if one element in 64 bytes stands for all.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public byte* Resolve(byte* source, long start, int count, int readable, byte* home, out nint step)
    {
        step = 1;
        if (Kind == ValueKind.Pattern)
            return home + start % _period * _size;

        int inner = _dims.Length - 1;
        long position = start;
        long left = _dims[inner];
        if (inner > 0)
        {
            position = Locate(start, out long innermost);
            left -= innermost;
        }
        else
        {
            position = start * _strides[0];
            left -= start;
        }

        if (left >= count)
        {
            if (_strides[inner] == 1 && position + readable <= Extent.End)
                return source + position * _size;
            if (_strides[inner] == 0)
            {
                step = 0;
                Runs.Splat(source + position * _size, _size, home);
                return home;
            }
        }

        Gather(source, start, count, home);
        return home;
    }

    /// <summary>Where elements lie side by side; null where they do not.</summary>
    /// <param name="source">The element at the origin.</param>
    /// <param name="start">The first element in the flat iteration space.</param>
    /// <param name="count">The number of elements.</param>
    public byte* Adjacent(byte* source, long start, int count)
    {
        int inner = _dims.Length - 1;
        if (Kind != ValueKind.Load || _strides[inner] != 1)
            return null;
        long position = Locate(start, out long innermost);
        return innermost + count <= _dims[inner] ? source + position * _size : null;
    }

    /// <summary>
    /// The offset of an element of the flat iteration space, and its index in the innermost dimension.
    /// </summary>
    private long Locate(long flat, out long innermost)
    {
        int inner = _dims.Length - 1;
        (flat, innermost) = Math.DivRem(flat, _dims[inner]);
        long position = innermost * _strides[inner];
        for (int d = inner - 1; d > 0; d--)
        {
            (flat, long index) = Math.DivRem(flat, _dims[d]);
            position += index * _strides[d];
        }

        return inner > 0 ? position + flat * _strides[0] : position;
    }

    private void Gather(byte* source, long start, int count, byte* target)
    {
        if (_size == 4)
            Gather((uint*)source, start, count, (uint*)target);
        else if (_size == 8)
            Gather((ulong*)source, start, count, (ulong*)target);
        else
            Gather<byte>(source, start, count, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Gather<T>(T* source, long start, int count, T* target)
        where T : unmanaged
    {
        int inner = _dims.Length - 1;
        long* index = stackalloc long[inner + 1];
        long position = 0;
        for (int d = inner; d >= 0; d--)
        {
            (start, index[d]) = Math.DivRem(start, _dims[d]);
            position += index[d] * _strides[d];
        }

        long stride = _strides[inner];
        while (true)
        {
            int run = (int)Math.Min(count, _dims[inner] - index[inner]);
            if (stride == 1)
                Runs.Copy(source + position, target, run);
            else if (stride == 0)
                Runs.Fill(source[position], target, run);
            else
                Runs.CopyStrided(source + position, stride, target, run);
            target += run;
            count -= run;
            if (count == 0)
                return;

            position -= index[inner] * stride;
            index[inner] = 0;
            int d = inner - 1;
            for (; index[d] == _dims[d] - 1; d--)
            {
                position -= index[d] * _strides[d];
                index[d] = 0;
            }

            index[d]++;
            position += _strides[d];
        }
    }
}
