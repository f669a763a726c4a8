using System.Numerics;
using System.Runtime.CompilerServices;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The definition as plain loops, for integers and for shapes that nothing faster is made for. A block is what
/// one thread owns: a picture of the output or of the input, or one filter's weights for one channel.
/// </summary>
internal sealed unsafe class DirectConvolution<T> : ConvolutionKernel
    where T : unmanaged, INumberBase<T>
{
    private readonly TapRows[] _taps;
    private readonly int _inputSize;
    private readonly int _outputSize;
    private readonly int _step;

    public DirectConvolution(ConvolutionShape shape, ConvolutionPart part)
        : base(shape, part)
    {
        _inputSize = shape.InputSize;
        _outputSize = shape.OutputSize;
        _step = shape.Rank == 0 ? 1 : shape.Stride[^1];
        _taps = [.. Enumerable.Range(0, shape.Taps).Select(tap => TapRows.Of(shape, tap))];
    }

    public override string Name => "direct";

    protected override void Run(WorkerPool pool)
    {
        int blocks = Part switch
        {
            ConvolutionPart.Output => checked(Shape.Batch * Shape.Filters),
            ConvolutionPart.Input => checked(Shape.Batch * Shape.Channels),
            _ => checked(Shape.Filters * Shape.GroupChannels),
        };
        pool.Run(blocks, this);
    }

    public override void Execute(int block, int worker)
    {
        switch (Part)
        {
            case ConvolutionPart.Output:
                ComputeOutput(Math.DivRem(block, Shape.Filters));
                break;
            case ConvolutionPart.Input:
                ComputeInput(Math.DivRem(block, Shape.Channels));
                break;
            default:
                ComputeWeight(Math.DivRem(block, Shape.GroupChannels));
                break;
        }
    }

    private T* X(int picture, int channel) => (T*)At.X + ((long)picture * Shape.Channels + channel) * _inputSize;

    private T* Y(int picture, int filter) => (T*)At.Y + ((long)picture * Shape.Filters + filter) * _outputSize;

    private T* W(int filter, int channel) =>
        (T*)At.W + ((long)filter * Shape.GroupChannels + channel) * _taps.Length;

    private void ComputeOutput((int Picture, int Filter) at)
    {
        T* y = Y(at.Picture, at.Filter);
        new Span<T>(y, _outputSize).Clear();
        int first = at.Filter / Shape.GroupFilters * Shape.GroupChannels;
        for (int c = 0; c < Shape.GroupChannels; c++)
        {
            T* x = X(at.Picture, first + c);
            T* w = W(at.Filter, c);
            for (int tap = 0; tap < _taps.Length; tap++)
            {
                TapRows rows = _taps[tap];
                for (int row = 0; row < rows.Output.Length; row++)
                    AddScaled(w[tap], x + rows.Input[row], _step, y + rows.Output[row], 1, rows.Count);
            }
        }
    }

    private void ComputeInput((int Picture, int Channel) at)
    {
        T* x = X(at.Picture, at.Channel);
        new Span<T>(x, _inputSize).Clear();
        (int group, int c) = Math.DivRem(at.Channel, Shape.GroupChannels);
        for (int f = group * Shape.GroupFilters; f < (group + 1) * Shape.GroupFilters; f++)
        {
            T* y = Y(at.Picture, f);
            T* w = W(f, c);
            for (int tap = 0; tap < _taps.Length; tap++)
            {
                TapRows rows = _taps[tap];
                for (int row = 0; row < rows.Output.Length; row++)
                    AddScaled(w[tap], y + rows.Output[row], 1, x + rows.Input[row], _step, rows.Count);
            }
        }
    }

    private void ComputeWeight((int Filter, int Channel) at)
    {
        T* w = W(at.Filter, at.Channel);
        int channel = at.Filter / Shape.GroupFilters * Shape.GroupChannels + at.Channel;
        for (int tap = 0; tap < _taps.Length; tap++)
        {
            TapRows rows = _taps[tap];
            T sum = T.Zero;
            for (int b = 0; b < Shape.Batch; b++)
            {
                T* x = X(b, channel);
                T* y = Y(b, at.Filter);
                for (int row = 0; row < rows.Output.Length; row++)
                    sum += Dot(x + rows.Input[row], y + rows.Output[row], rows.Count);
            }

            w[tap] = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(T scale, T* source, int sourceStep, T* target, int targetStep, int count)
    {
        for (int i = 0; i < count; i++, source += sourceStep, target += targetStep)
            *target += scale * *source;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private T Dot(T* x, T* y, int count)
    {
        T sum = T.Zero;
        for (int i = 0; i < count; i++, x += _step)
            sum += *x * y[i];
        return sum;
    }
}

/// <summary>
/// The places of x and y that meet at one tap of the kernel, row by row: those where the window's element lies
/// inside x.
/// </summary>
/// <param name="Output">The first place of each row in y.</param>
/// <param name="Input">The first place of each row in x; the next are the last axis's stride apart.</param>
/// <param name="Count">The places of a row.</param>
internal sealed record TapRows(int[] Output, int[] Input, int Count)
{
    public static TapRows Of(ConvolutionShape shape, int tap)
    {
        List<(int Output, int Input)> starts = [(0, 0)];
        int count = 1;
        int rest = tap;
        int[] places = new int[shape.Rank];
        for (int axis = shape.Rank - 1; axis >= 0; axis--)
            (rest, places[axis]) = Math.DivRem(rest, shape.Kernel[axis]);

        for (int axis = 0; axis < shape.Rank; axis++)
        {
            // The window's element is at o · stride + shift.
            int stride = shape.Stride[axis];
            int shift = places[axis] * shape.Dilation[axis] - shape.PaddingBefore[axis];
            int first = shift >= 0 ? 0 : (stride - 1 - shift) / stride;
            int inside = shape.Input[axis] - 1 - shift;
            int end = inside < 0 ? 0 : Math.Min(shape.Output[axis], inside / stride + 1);
            bool last = axis == shape.Rank - 1;
            int here = Math.Max(0, end - first);
            if (last)
                count = here;
            int listed = last ? Math.Min(1, here) : here;
            starts = [.. from start in starts
                         from o in Enumerable.Range(first, listed)
                         select (start.Output * shape.Output[axis] + o,
                             start.Input * shape.Input[axis] + o * stride + shift)];
        }

        return new([.. starts.Select(s => s.Output)], [.. starts.Select(s => s.Input)], count);
    }
}
