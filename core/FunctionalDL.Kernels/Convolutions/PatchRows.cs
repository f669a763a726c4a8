using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The matrix of patches of one picture, [channels · taps, places of the output]: row (c, k), column o is
/// x[c, o · stride + k · dilation - paddingBefore]. It is never made whole; parts of its rows are copied on
/// demand.
/// </summary>
internal sealed unsafe class PatchRows<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private readonly int _inputSize;
    private readonly int _rowTaps; // the kernel's rows: its places on all axes but the last
    private readonly int _outputRows;
    private readonly int[] _rowStarts; // [_rowTaps, _outputRows]: where a row meets x, or -1
    private readonly int _width; // of the output's rows
    private readonly int _step;
    private readonly int[] _shifts; // for each tap of a row: where it meets x from the row's start, at place 0
    private readonly int[] _firsts; // for each tap of a row: the first place inside x,
    private readonly int[] _ends; // and the first behind

    public PatchRows(ConvolutionShape shape)
    {
        Taps = shape.Taps;
        Size = shape.OutputSize;
        _inputSize = shape.InputSize;
        AxisMeetings last = shape.Rank == 0 ? AxisMeetings.Single : AxisMeetings.Of(shape, shape.Rank - 1);
        _width = last.Output;
        _step = last.Stride;
        _shifts = last.Shifts;
        _firsts = last.Firsts;
        _ends = last.Ends;
        _rowTaps = Taps / Math.Max(1, _shifts.Length);
        _outputRows = Size / Math.Max(1, _width);
        _rowStarts = new int[_rowTaps * _outputRows];
        int inputWidth = shape.Rank == 0 ? 1 : shape.Input[^1];
        for (int tap = 0; tap < _rowTaps; tap++)
        {
            for (int row = 0; row < _outputRows; row++)
            {
                int start = AxisMeetings.OuterStart(shape, tap, row);
                _rowStarts[tap * _outputRows + row] = start < 0 ? -1 : start * inputWidth;
            }
        }
    }

    public int Taps { get; }

    /// <summary>The columns: the places of the output.</summary>
    public int Size { get; }

    /// <summary>
    /// target[r · pitch + j] = row <paramref name="row"/> + r, column <paramref name="column"/> + j, for
    /// <paramref name="rows"/> rows and <paramref name="count"/> columns.
    /// </summary>
    public void Copy(T* picture, int row, int rows, int column, int count, T* target, long pitch)
    {
        while (count > 0)
        {
            (int outputRow, int place) = Math.DivRem(column, _width);
            int run = Math.Min(count, _width - place);
            CopyRun(picture, row, rows, outputRow, place, run, target, pitch);
            column += run;
            target += run;
            count -= run;
        }
    }

    /// <summary>Columns of one row of the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyRun(
        T* picture, int row, int rows, int outputRow, int place, int count, T* target, long pitch)
    {
        int rowLength = _shifts.Length;
        (int channel, int tap) = Math.DivRem(row, Taps);
        (int rowTap, int first) = Math.DivRem(tap, rowLength);
        T* source = picture + (long)channel * _inputSize;
        while (rows > 0)
        {
            int end = Math.Min(rowLength, first + rows);
            int start = _rowStarts[rowTap * _outputRows + outputRow];
            for (int t = first; t < end; t++, target += pitch)
            {
                if (start < 0)
                    new Span<T>(target, count).Clear();
                else
                    CopyTap(source + start, t, place, count, target);
            }

            rows -= end - first;
            first = 0;
            if (++rowTap == _rowTaps)
            {
                rowTap = 0;
                source += _inputSize;
            }
        }
    }

    /// <summary>What one tap of the kernel's row meets from one place of the output's row on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CopyTap(T* source, int tap, int place, int count, T* target)
    {
        int front = _firsts[tap] - place;
        int end = _ends[tap] - place;
        if (front > 0 || end < count)
        {
            front = Math.Clamp(front, 0, count);
            end = Math.Clamp(end, front, count);
            new Span<T>(target, front).Clear();
            new Span<T>(target + end, count - end).Clear();
            source += (long)front * _step;
            target += front;
            count = end - front;
        }

        source += (long)place * _step + _shifts[tap];
        if (_step == 1)
            CopyAdjacent(source, target, count);
        else
            CopyApart(source, target, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyAdjacent(T* source, T* target, int count)
    {
        int i = 0;
        for (; i + TVector.Count <= count; i += TVector.Count)
            TVector.Store(TVector.Load(source + i), target + i);
        if (i == count)
            return;
        if (count >= TVector.Count)
        {
            i = count - TVector.Count;
            TVector.Store(TVector.Load(source + i), target + i);
            return;
        }

        for (; i < count; i++)
            target[i] = source[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CopyApart(T* source, T* target, int count)
    {
        long step = _step;
        int i = 0;
        for (; i + 4 <= count; i += 4, source += 4 * step)
        {
            target[i] = source[0];
            target[i + 1] = source[step];
            target[i + 2] = source[2 * step];
            target[i + 3] = source[3 * step];
        }

        for (; i < count; i++, source += step)
            target[i] = *source;
    }
}
