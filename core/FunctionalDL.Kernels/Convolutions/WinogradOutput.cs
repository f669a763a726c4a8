using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The output of a 3×3 convolution with stride 1 by Winograd's F(4×4, 3×3): Aᵀ[(G w Gᵀ) ⊙ (Bᵀ x B)]A, summed over
/// channels by 36 matrix products. Four times fewer multiply-adds than the definition.
/// </summary>
/// <remarks>
/// <i>Error.</i> The transformations subtract numbers larger than their result, so the error is relative to the
/// largest sum of absolute products of the whole result, not of each element: at most 16 √channels u times it,
/// with u = 2⁻²⁴, for numbers of random sign (tested; the reason for float32's use here and float64's refusal).
/// </remarks>
internal sealed unsafe class WinogradOutput<TVector, T> : WinogradConvolution<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>Channels whose weights one block transforms.</summary>
    private const int ChannelsPerBlock = 8;

    /// <summary>
    /// The bytes of a segment's products, of x and of y together: they and what is read of the weights' share the
    /// second-level cache.
    /// </summary>
    private const long SegmentBytes = 768 << 10;

    /// <summary>Tiles from which on reading all weights' products for a segment costs little.</summary>
    private const int EnoughTiles = 24;

    private bool _isTransforming; // the weights; else the segments are computed
    private int _segment; // tiles of a segment of the run in progress

    public WinogradOutput(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Output)
    {
    }

    public override string Name => "Winograd F(4x4, 3x3)";

    public override long ScratchBytes => (long)WinogradMaps.Products * Shape.Channels * PaddedFilters * sizeof(T);

    /// <summary>The products of w: [36, channels, filters].</summary>
    private T* Products => (T*)At.Scratch;

    public override void Execute(int block, int worker)
    {
        if (_isTransforming)
            TransformWeights(block * ChannelsPerBlock);
        else
            ComputeSegment(block * _segment);
    }

    protected override void Run(WorkerPool pool)
    {
        _isTransforming = true;
        pool.Run((Shape.Channels + ChannelsPerBlock - 1) / ChannelsPerBlock, this);
        _isTransforming = false;
        int most = (int)Math.Max(EnoughTiles, SegmentBytes / TileBytes);
        int segments = (Tiles.Count + most - 1) / most;
        segments = (segments + pool.Threads - 1) / pool.Threads * pool.Threads;
        _segment = Math.Max(1, (Tiles.Count + segments - 1) / segments);
        pool.Run((Tiles.Count + _segment - 1) / _segment, this);
    }

    /// <summary>
    /// All the way from x to y for some tiles: what is between them stays with the thread that made it. (When the
    /// threads shared a segment, each read what the other had written, which took twice as long where their cores
    /// share no cache.)
    /// </summary>
    private void ComputeSegment(int first)
    {
        int count = Math.Min(_segment, Tiles.Count - first);
        long inputs = (long)count * PaddedChannels, outputs = (long)count * PaddedFilters;
        T* x = (T*)Scratch.GetForRows(WinogradMaps.Products * (inputs + outputs) * sizeof(T));
        T* y = x + WinogradMaps.Products * inputs;
        SpreadInputs(first, first + count, x, inputs);
        Gemm.Multiply(
            WorkerPool.CallerOnly, Shape.Element, WinogradMaps.Products, count, PaddedFilters, Shape.Channels,
            (nint)x, inputs, PaddedChannels, 1, (nint)Products, (long)Shape.Channels * PaddedFilters, PaddedFilters, 1,
            (nint)y, outputs);
        Tiles.Gather(y, outputs, Shape.Filters, Shape.Output[0], Shape.Output[1], first, first + count, (T*)At.Y);
    }

    /// <summary>G w Gᵀ for some channels: filters are the vectors' lanes.</summary>
    private void TransformWeights(int first)
    {
        int channels = Math.Min(ChannelsPerBlock, Shape.Channels - first);
        int vectors = PaddedFilters / TVector.Count;
        T* turned = (T*)Scratch.Get((long)channels * 9 * PaddedFilters * sizeof(T));
        new Span<T>(turned, channels * 9 * PaddedFilters).Clear();
        Turning.Transpose(
            (T*)At.W + first * 9, (long)Shape.Channels * 9, Shape.Filters, channels * 9, turned, PaddedFilters);
        TVector* between = stackalloc TVector[WinogradMaps.Products];
        nint product = (nint)Shape.Channels * vectors;
        for (int c = 0; c < channels; c++)
        {
            TVector* source = (TVector*)turned + (long)c * 9 * vectors;
            TVector* target = (TVector*)Products + (long)(first + c) * vectors;
            for (int v = 0; v < vectors; v++)
            {
                WinogradMaps.Sandwich<WinogradMaps.Weights, TVector, T>(
                    source + v, 3 * vectors, vectors, target + v, WinogradMaps.Size * product, product, between);
            }
        }
    }
}
