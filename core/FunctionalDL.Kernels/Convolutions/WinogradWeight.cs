using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The gradient of the weights of a 3×3 convolution with stride 1, by the transposed maps of <see
/// cref="WinogradOutput{TVector, T}"/>: Gᵀ[(A y Aᵀ) ⊙ (Bᵀ x B)]G, summed over tiles by 36 matrix products.
/// </summary>
/// <remarks>
/// <i>Error.</i> As there, with √(batch · places) for √channels.
/// <para>
/// Tiles are cut into chunks, each with sums of its own, which are added in order; a chunk is done by one thread,
/// for the reason that <see cref="WinogradOutput{TVector, T}"/> gives. When the sums are so large that chunks would
/// cost too much memory there is one, in few segments, and the threads share each.
/// </para>
/// </remarks>
internal sealed unsafe class WinogradWeight<TVector, T> : WinogradConvolution<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>The bytes of a segment's products, of x and of y together: they stay in a near cache.</summary>
    private const long SegmentBytes = 768 << 10;

    /// <summary>The largest sums that chunks have.</summary>
    private const long MostSums = 3 << 20;

    private const int MostChunks = 8;

    /// <summary>Tiles of a block, where threads share a segment.</summary>
    private const int TilesPerBlock = 14;

    private readonly int _chunks;
    private readonly int _segment; // the most tiles of a segment
    private Phase _phase;
    private int _first; // the first tile of the segment in progress, where threads share it

    public WinogradWeight(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Weight)
    {
        long sums = SumsSize * sizeof(T);
        _chunks = sums > MostSums ? 1 : Math.Clamp(Tiles.Count / TilesPerBlock, 1, MostChunks);
        // A segment's products are added to the sums, which must not cost more than to read it.
        long bytes = Math.Max(SegmentBytes, _chunks == 1 ? 2 * sums : sums + sums / 2);
        int most = (int)Math.Max(1, bytes / TileBytes);
        int chunk = (Tiles.Count + _chunks - 1) / _chunks;
        int segments = (chunk + most - 1) / most;
        _segment = (chunk + segments - 1) / Math.Max(1, segments);
    }

    private enum Phase
    {
        Chunks,
        Tiles,
        Sums,
        Weights,
    }

    public override string Name => "Winograd F(3x3, 4x4)";

    public override long ScratchBytes =>
        (_chunks * SumsSize * sizeof(T)) + (_chunks == 1 ? _segment * TileBytes : 0);

    /// <summary>The elements of the products of w, [36, filters, channels], summed over the tiles of a chunk.</summary>
    private long SumsSize => (long)WinogradMaps.Products * Shape.Filters * PaddedChannels;

    /// <summary>The sums of the first chunk; those of the others follow.</summary>
    private T* Sums => (T*)At.Scratch;

    /// <summary>The products of a segment that the threads share.</summary>
    private T* Segment => Sums + SumsSize;

    public override void Execute(int block, int worker)
    {
        switch (_phase)
        {
            case Phase.Chunks:
                ComputeChunk(block);
                break;
            case Phase.Tiles:
                int count = Math.Min(_segment, Tiles.Count - _first);
                int first = block * TilesPerBlock;
                SpreadTiles(_first, first, Math.Min(first + TilesPerBlock, count), Segment);
                break;
            case Phase.Sums:
                AddChunks(block);
                break;
            default:
                TransformWeights(block);
                break;
        }
    }

    protected override void Run(WorkerPool pool)
    {
        if (_chunks == 1)
        {
            for (_first = 0; _first < Tiles.Count; _first += _segment)
            {
                int count = Math.Min(_segment, Tiles.Count - _first);
                _phase = Phase.Tiles;
                pool.Run((count + TilesPerBlock - 1) / TilesPerBlock, this);
                Multiply(pool, Segment, count, Sums, _first != 0);
            }
        }
        else
        {
            _phase = Phase.Chunks;
            pool.Run(_chunks, this);
            _phase = Phase.Sums;
            pool.Run(WinogradMaps.Products, this);
        }

        _phase = Phase.Weights;
        pool.Run(Shape.Filters, this);
    }

    /// <summary>The sums of a chunk, segment by segment.</summary>
    private void ComputeChunk(int chunk)
    {
        int first = (int)((long)chunk * Tiles.Count / _chunks);
        int end = (int)((chunk + 1L) * Tiles.Count / _chunks);
        T* sums = Sums + chunk * SumsSize;
        T* segment = (T*)Scratch.GetForRows(_segment * TileBytes);
        for (int at = first; at < end; at += _segment)
        {
            int count = Math.Min(_segment, end - at);
            SpreadTiles(at, 0, count, segment);
            Multiply(WorkerPool.CallerOnly, segment, count, sums, at != first);
        }
    }

    /// <summary>The products of a segment's x, [36, segment, channels], and behind them those of its y.</summary>
    private T* OutputsOf(T* segment) => segment + (long)WinogradMaps.Products * _segment * PaddedChannels;

    private void Multiply(WorkerPool pool, T* segment, int count, T* sums, bool accumulates)
    {
        MatrixOperand y = new((nint)OutputsOf(segment), (long)_segment * PaddedFilters, 1, PaddedFilters);
        MatrixOperand x = new((nint)segment, (long)_segment * PaddedChannels, PaddedChannels, 1);
        ProductShape product = new(
            WinogradMaps.Products, Shape.Filters, PaddedChannels, count, y, x, (byte*)sums,
            (long)Shape.Filters * PaddedChannels)
        {
            Accumulates = accumulates,
        };
        Gemm.Multiply(pool, Shape.Element, product);
    }

    /// <summary>Both operands' products for some tiles of the segment that starts at a tile.</summary>
    private void SpreadTiles(int start, int first, int end, T* segment)
    {
        SpreadInputs(
            start + first, start + end, segment + (long)first * PaddedChannels, (long)_segment * PaddedChannels);
        Tiles.Spread<WinogradMaps.FromOutputs>(
            (T*)At.Y, Shape.Filters, Shape.Output[0], Shape.Output[1], 0, 0, start + first, start + end,
            OutputsOf(segment) + (long)first * PaddedFilters, (long)_segment * PaddedFilters);
    }

    /// <summary>Adds all chunks' sums of one of the 36 kinds to those of the first.</summary>
    private void AddChunks(int product)
    {
        long size = (long)Shape.Filters * PaddedChannels;
        T* target = Sums + product * size;
        for (long i = 0; i < size; i += TVector.Count)
        {
            TVector sum = TVector.Load(target + i);
            for (int chunk = 1; chunk < _chunks; chunk++)
                sum += TVector.Load(target + (chunk * SumsSize) + i);
            TVector.Store(sum, target + i);
        }
    }

    /// <summary>Gᵀ m G for one filter: channels are the vectors' lanes.</summary>
    private void TransformWeights(int filter)
    {
        int vectors = PaddedChannels / TVector.Count;
        T* turned = (T*)Scratch.Get((long)9 * PaddedChannels * sizeof(T));
        TVector* between = stackalloc TVector[WinogradMaps.Products];
        nint product = (nint)Shape.Filters * vectors;
        TVector* source = (TVector*)Sums + (long)filter * vectors;
        for (int v = 0; v < vectors; v++)
        {
            WinogradMaps.Sandwich<WinogradMaps.ToWeights, TVector, T>(
                source + v, WinogradMaps.Size * product, product, (TVector*)turned + v, 3 * vectors, vectors, between);
        }

        Turning.Transpose(turned, PaddedChannels, 9, Shape.Channels, (T*)At.W + (long)filter * Shape.Channels * 9, 9);
    }
}
