using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Convolutions;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

/// <summary>
/// Where the largest element of each window of planes lies: what max-pooling picks. Windows lie as those of a
/// convolution do; places outside a plane are no candidates.
/// </summary>
public sealed unsafe class WindowMaximum
{
    private readonly ConvolutionShape _shape;
    private readonly AxisMeetings _last;
    private readonly int _outerTaps; // the kernel's places on all axes but the last
    private readonly int _rows; // of the output: its places on all axes but the last
    private readonly int[] _starts; // [_rows, _outerTaps]: where a row of the plane starts, or -1
    private readonly int[] _offsets; // [_rows, taps]: where an element of the window at the row's first place lies

    /// <summary>Prepares.</summary>
    /// <param name="element">The type of the planes' elements: Float32 or Float64.</param>
    /// <param name="planes">The number of planes.</param>
    /// <param name="input">The sizes of a plane.</param>
    /// <param name="kernel">The sizes of a window, at most 2²⁴ elements.</param>
    /// <param name="stride">The places from one window to the next, for each axis.</param>
    /// <param name="before">The places by which the first window starts in front of the plane.</param>
    /// <param name="dilation">The places from one element of a window to the next.</param>
    /// <param name="output">The numbers of windows. Each has an element inside.</param>
    /// <exception cref="ArgumentException">A size makes no sense, or the type is another one.</exception>
    public WindowMaximum(
        ElementType element, int planes, int[] input, int[] kernel, int[] stride, int[] before, int[] dilation,
        int[] output)
    {
        if (element is not (ElementType.Float32 or ElementType.Float64))
            throw new ArgumentException($"windows of {element} have no maximum here", nameof(element));
        _shape = new(element, planes, 1, 1, 1, input, kernel, stride, before, dilation, output);
        _shape.Check();
        if (_shape.Taps > 1 << 24)
            throw new ArgumentException($"a window of {_shape.Taps} elements is too large", nameof(kernel));
        _last = AxisMeetings.Of(_shape, _shape.Rank - 1);
        _outerTaps = _shape.Taps / Math.Max(1, _last.Shifts.Length);
        _rows = _shape.OutputSize / Math.Max(1, _last.Output);
        _starts = new int[_rows * _outerTaps];
        _offsets = new int[_rows * _shape.Taps];
        for (int row = 0; row < _rows; row++)
        {
            for (int tap = 0; tap < _outerTaps; tap++)
            {
                int start = AxisMeetings.OuterStart(_shape, tap, row);
                _starts[row * _outerTaps + tap] = start < 0 ? -1 : start * input[^1];
                for (int k = 0; k < kernel[^1]; k++)
                    _offsets[(row * _outerTaps + tap) * kernel[^1] + k] = start * input[^1] + k * dilation[^1] - before[^1];
            }
        }
    }

    /// <summary>
    /// target[plane, window] = the flat place in the plane of the window's largest element: the first of equal
    /// ones, and the first NaN if there is one.
    /// </summary>
    /// <param name="pool">The threads; small planes are done by the caller alone.</param>
    /// <param name="source">The planes.</param>
    /// <param name="targetInt64">The places, Int64.</param>
    public void Run(WorkerPool pool, nint source, nint targetInt64)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (_shape.Element == ElementType.Float32)
            RunByWidth<float>(pool, source, targetInt64);
        else
            RunByWidth<double>(pool, source, targetInt64);
    }

    private void RunByWidth<T>(WorkerPool pool, nint source, nint target)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (Vector512.IsHardwareAccelerated)
            new Job<Wide512<T>, T>(this, source, target).Run(pool);
        else if (Vector256.IsHardwareAccelerated)
            new Job<Wide256<T>, T>(this, source, target).Run(pool);
        else
            new Job<Wide128<T>, T>(this, source, target).Run(pool);
    }

    /// <summary>
    /// A block is a number of the output's rows. For each, the kernel's rows are compared column by column, then
    /// what is best in neighbouring columns; a candidate goes with its number in the window, so that the first of
    /// equal ones is known in whatever order they are met.
    /// </summary>
    private sealed class Job<TVector, T>(WindowMaximum windows, nint source, nint target) : IBlockJob
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        private const long BlockElements = 1 << 14;

        private readonly int _width = windows._shape.Input[^1];
        private readonly int _before = windows._shape.PaddingBefore[^1];
        private readonly int _dilation = windows._shape.Dilation[^1];
        private readonly int _rowTaps = windows._shape.Kernel[^1];

        private long Units => (long)windows._shape.Batch * windows._rows;

        private long RowElements => (long)windows._outerTaps * _width + (long)_rowTaps * Span;

        private long UnitsPerBlock => Math.Max(1, BlockElements / Math.Max(1, RowElements));

        /// <summary>The places from the first window of a row to the last.</summary>
        private int Span => Math.Max(0, (windows._last.Output - 1) * windows._last.Stride + 1);

        /// <summary>The places that the windows of a row reach over, those outside too, and a vector more.</summary>
        private int Reach => Math.Max(_before + _width, Span + (_rowTaps - 1) * _dilation) + TVector.Count;

        public void Run(WorkerPool pool)
        {
            long blocks = (Units + UnitsPerBlock - 1) / UnitsPerBlock;
            (blocks < 2 ? WorkerPool.CallerOnly : pool).Run(checked((int)blocks), this);
        }

        public void Execute(int block, int worker)
        {
            int reach = Reach;
            int taps = windows._shape.Taps;
            T* best = (T*)Scratch.Get(3L * reach * sizeof(T));
            T* numbers = best + reach;
            T* chosen = numbers + reach;

            // What lies outside loses against everything.
            new Span<T>(best, reach).Fill(T.NegativeInfinity);
            new Span<T>(numbers, reach).Fill(T.CreateTruncating(taps));

            long end = Math.Min(Units, (block + 1) * UnitsPerBlock);
            for (long unit = block * UnitsPerBlock; unit < end; unit++)
            {
                (long plane, long row) = Math.DivRem(unit, windows._rows);
                ReadOnlySpan<int> starts = windows._starts.AsSpan((int)row * windows._outerTaps, windows._outerTaps);
                FindColumns((T*)source + plane * windows._shape.InputSize, starts, best + _before, numbers + _before);
                FindWindows(best, numbers, chosen);
                WritePlaces(chosen, windows._offsets.AsSpan((int)row * taps, taps), (long*)target + unit * windows._last.Output);
            }
        }

        /// <summary>
        /// The largest element of each column of the rows that the windows of one row of the output meet, and
        /// the number in the window of the first element of the kernel's row that meets it.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void FindColumns(T* plane, ReadOnlySpan<int> starts, T* best, T* numbers)
        {
            int first = starts.IndexOfAnyExcept(-1);
            new ReadOnlySpan<T>(plane + starts[first], _width).CopyTo(new Span<T>(best, _width));
            new Span<T>(numbers, _width).Fill(T.CreateTruncating(first * _rowTaps));
            for (int tap = first + 1; tap < starts.Length; tap++)
            {
                if (starts[tap] >= 0)
                    Replace(plane + starts[tap], T.CreateTruncating(tap * _rowTaps), best, numbers);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Replace(T* row, T number, T* best, T* numbers)
        {
            int i = 0;
            while (i + TVector.Count <= _width)
            {
                TVector candidate = TVector.Load(row + i);
                TVector kept = TVector.Load(best + i);
                TVector isBetter = TVector.Less(kept, candidate) | (IsNaN(candidate) & ~IsNaN(kept));
                TVector.Store(TVector.Select(isBetter, candidate, kept), best + i);
                TVector.Store(TVector.Select(isBetter, TVector.Splat(number), TVector.Load(numbers + i)), numbers + i);
                i += TVector.Count;

                // What is looked at twice is no better the second time.
                if (i < _width && i + TVector.Count > _width && _width >= TVector.Count)
                    i = _width - TVector.Count;
            }

            for (; i < _width; i++)
            {
                if (row[i] > best[i] || (T.IsNaN(row[i]) && !T.IsNaN(best[i])))
                    (best[i], numbers[i]) = (row[i], number);
            }
        }

        /// <summary>The number of the largest element of the windows that start at each place.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void FindWindows(T* best, T* numbers, T* chosen)
        {
            for (int i = 0; i < Span; i += TVector.Count)
            {
                TVector kept = TVector.Load(best + i);
                TVector keptNumber = TVector.Load(numbers + i);
                for (int k = 1; k < _rowTaps; k++)
                {
                    TVector candidate = TVector.Load(best + i + k * _dilation);
                    TVector number = TVector.Load(numbers + i + k * _dilation) + TVector.Constant(k);
                    TVector isEarlier = TVector.Less(number, keptNumber);
                    TVector isBetter = TVector.Less(kept, candidate)
                        | (TVector.Equal(kept, candidate) & isEarlier)
                        | (IsNaN(candidate) & (~IsNaN(kept) | isEarlier));
                    kept = TVector.Select(isBetter, candidate, kept);
                    keptNumber = TVector.Select(isBetter, number, keptNumber);
                }

                TVector.Store(keptNumber, chosen + i);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void WritePlaces(T* chosen, ReadOnlySpan<int> offsets, long* places)
        {
            int step = windows._last.Stride;
            int count = windows._last.Output;
            for (int o = 0, i = 0; o < count; o++, i += step)
                places[o] = offsets[int.CreateTruncating(chosen[i])] + i;
        }

        private static TVector IsNaN(TVector a) => ~TVector.Equal(a, a);
    }
}
