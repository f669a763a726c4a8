using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The weights as scalar products of flat planes (<see cref="FlatPictures{T}"/>): of x, each tap at its offset, with
/// y, which is zero between its rows.
/// </summary>
/// <remarks>
/// The blocks of a group are cut into chunks, as many as the shape says; an element is the sum of the chunks in
/// order, each the sum of its blocks in order, each a sum of the lanes of a vector of chains.
/// </remarks>
internal sealed unsafe class FlatWeight<TVector, T> : ConvolutionKernel
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private const int MostChunks = 16;

    /// <summary>Sums below which one thread adds the chunks.</summary>
    private const long SerialSums = 200_000;

    private readonly FlatPictures<T> _pictures;
    private readonly nint[] _offsets;
    private readonly int _blocks; // of a group
    private readonly int _chunks; // of a group
    private bool _isAdding;

    public FlatWeight(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Weight)
    {
        int channels = shape.GroupChannels;
        _pictures = new(shape, ConvolutionPart.Weight, TVector.Count);
        long channel = (long)_pictures.PlanesOfChannel * _pictures.PlanePitch;
        int innerTaps = _pictures.Inner.Offsets.Length;
        _offsets = [.. from c in Enumerable.Range(0, channels)
                       from tap in Enumerable.Range(0, shape.Taps)
                       select checked((nint)((c * channel + _pictures.OffsetOf(tap / innerTaps, tap % innerTaps)) * sizeof(T)))];
        _blocks = _pictures.PictureBlocks * _pictures.Strips;
        _chunks = Math.Clamp(_blocks, 1, MostChunks);
    }

    public override string Name => "scalar products of flat planes";

    public override long ScratchBytes => _chunks * Weights * sizeof(T);

    private long Weights => (long)Shape.Filters * Columns;

    /// <summary>The weights of a filter.</summary>
    private int Columns => _offsets.Length;

    protected override void Run(WorkerPool pool)
    {
        _isAdding = false;
        pool.Run(checked(Shape.Groups * _chunks), this);
        _isAdding = true;
        (_chunks * Weights < SerialSums ? WorkerPool.CallerOnly : pool).Run(Shape.Filters, this);
    }

    public override void Execute(int block, int worker)
    {
        if (_isAdding)
        {
            AddChunks(block);
            return;
        }

        (int group, int chunk) = Math.DivRem(block, _chunks);
        int filters = Shape.GroupFilters;
        T* sums = (T*)At.Scratch + chunk * Weights + (long)group * filters * Columns;
        new Span<T>(sums, filters * Columns).Clear();
        long pitch = _pictures.PlanePitch;
        int planes = Shape.GroupChannels * _pictures.PlanesOfChannel;
        T* x = (T*)Scratch.Get(((planes + filters) * pitch + DotKernel<TVector, T>.Lanes) * sizeof(T));
        T* y = x + planes * pitch;
        T* lanes = y + filters * pitch;
        int end = (int)((chunk + 1L) * _blocks / _chunks);
        for (int i = (int)((long)chunk * _blocks / _chunks); i < end; i++)
        {
            FlatBlock part = _pictures.BlockOf(i);
            _pictures.SpreadInput((T*)At.X, group * Shape.GroupChannels, Shape.GroupChannels, part, x);
            _pictures.SpreadOutput((T*)At.Y, group * filters, filters, part, part.Row, part.Rows, y);
            Multiply(x, y + _pictures.SpaceBefore, sums, part, lanes);
        }
    }

    /// <summary>Adds all scalar products of a block to the sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(T* x, T* y, T* sums, in FlatBlock block, T* lanes)
    {
        int places = (block.Pictures - 1) * _pictures.PicturePitch + block.Rows * _pictures.RowPitch;
        int vectors = (places + TVector.Count - 1) / TVector.Count;
        nint pitch = _pictures.PlanePitch;
        RowPanels rows = new(Shape.GroupFilters, DotKernel<TVector, T>.MostRows);
        RowPanels columns = new(Columns, DotKernel<TVector, T>.MostColumns);
        fixed (nint* offsets = _offsets)
        {
            for (int i = 0; i < rows.Count; i++)
            {
                int height = rows.Height(i);
                nint* at = offsets;
                T* target = sums;
                for (int j = 0; j < columns.Count; j++)
                {
                    int width = columns.Height(j);
                    DotKernel<TVector, T>.Run(height, width, vectors, y, pitch, x, at, lanes);
                    Fold(lanes, height, width, target);
                    at += width;
                    target += width;
                }

                y += height * pitch;
                sums += height * Columns;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Fold(T* lanes, int height, int width, T* target)
    {
        for (int r = 0; r < height; r++, target += Columns)
        {
            for (int j = 0; j < width; j++, lanes += TVector.Count)
            {
                T sum = TVector.Fold<Plus>(TVector.Load(lanes));
                target[j] = Add(target[j], sum);
            }
        }
    }

    /// <summary>The sum of a filter's chunks.</summary>
    private void AddChunks(int filter)
    {
        T* source = (T*)At.Scratch + (long)filter * Columns;
        T* w = (T*)At.W + (long)filter * Columns;
        int i = 0;
        for (; i + TVector.Count <= Columns; i += TVector.Count)
        {
            TVector sum = TVector.Load(source + i);
            for (int chunk = 1; chunk < _chunks; chunk++)
                sum += TVector.Load(source + chunk * Weights + i);
            TVector.Store(sum, w + i);
        }

        for (; i < Columns; i++)
        {
            T sum = source[i];
            for (int chunk = 1; chunk < _chunks; chunk++)
                sum = Add(sum, source[chunk * Weights + i]);
            w[i] = sum;
        }
    }

    private static T Add(T a, T b) =>
        typeof(T) == typeof(float)
            ? (T)(object)((float)(object)a + (float)(object)b)
            : (T)(object)((double)(object)a + (double)(object)b);

    private readonly struct Plus : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TWide Apply<TWide, TElement>(TWide a, TWide b)
            where TWide : unmanaged, IVector<TWide, TElement>
            where TElement : unmanaged => a + b;
    }
}
