using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// What the two Winograd algorithms share: tiles are taken in segments whose products stay in a near cache,
/// and each segment goes through phases of blocks, fixed by the shape.
/// </summary>
internal abstract unsafe class WinogradConvolution<TVector, T> : ConvolutionKernel
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>
    /// The bytes of a segment's products, of x and of y together: as many as the second-level cache has
    /// (measured on a Zen 5: 64 channels take 1.6 times as long with segments for the last cache).
    /// </summary>
    private const long SegmentBytes = 1 << 20;

    /// <summary>Tiles of a block.</summary>
    private const int TilesPerBlock = 14;

    protected WinogradConvolution(ConvolutionShape shape, ConvolutionPart part)
        : base(shape, part)
    {
        Tiles = new WinogradTiles<TVector, T>(shape);
        PaddedChannels = WinogradTiles<TVector, T>.Padded(shape.Channels);
        PaddedFilters = WinogradTiles<TVector, T>.Padded(shape.Filters);
        long tileBytes = (long)WinogradMaps.Products * (PaddedChannels + PaddedFilters) * sizeof(T);
        // The weights' products are added once for each segment, which must not cost more than to read it.
        long sums = 2L * WinogradMaps.Products * shape.Filters * PaddedChannels * sizeof(T);
        long bytes = part == ConvolutionPart.Weight ? Math.Max(SegmentBytes, sums) : SegmentBytes;
        int segments = (int)((Tiles.Count * tileBytes + bytes - 1) / bytes);
        Segment = Tiles.Count / Math.Max(1, segments) + 1;
    }

    /// <summary>
    /// Whether the products saved are worth more than the transformations, in multiply-adds: what was counted
    /// and then measured on a Zen 5 is that an element of a product costs as much to make as 25 of them.
    /// </summary>
    public static bool Gains(ConvolutionShape shape)
    {
        const double Transform = 25;
        if (typeof(T) != typeof(float) || shape.Groups != 1 || shape.Rank != 2)
            return false;
        bool fits = shape.Kernel.All(k => k == 3) && shape.Stride.All(s => s == 1) && shape.Dilation.All(d => d == 1);
        double tiles = new WinogradTiles<TVector, T>(shape).Count;
        double weights = (double)shape.Channels * shape.Filters;
        double made = tiles * (shape.Channels + shape.Filters) + weights;
        double winograd = WinogradMaps.Products * (tiles * weights + Transform * made);
        return fits && winograd < 9.0 * shape.Batch * shape.OutputSize * weights;
    }

    protected WinogradTiles<TVector, T> Tiles { get; }

    /// <summary>The most tiles of a segment.</summary>
    protected int Segment { get; }

    protected int PaddedChannels { get; }

    protected int PaddedFilters { get; }

    /// <summary>The first tile of the segment in progress.</summary>
    protected int First { get; set; }

    /// <summary>The tiles of the segment in progress.</summary>
    protected int Count => Math.Min(Segment, Tiles.Count - First);

    /// <summary>The blocks of the segment in progress.</summary>
    protected int TileBlocks => (Count + TilesPerBlock - 1) / TilesPerBlock;

    /// <summary>The products of x, [36, segment, channels].</summary>
    protected T* Inputs => (T*)At.Scratch;

    /// <summary>The products of y, [36, segment, filters].</summary>
    protected T* Outputs => Inputs + (long)WinogradMaps.Products * Segment * PaddedChannels;

    /// <summary>The products of w: [36, channels, filters] or [36, filters, channels].</summary>
    protected T* Products => Outputs + (long)WinogradMaps.Products * Segment * PaddedFilters;

    /// <summary>The bytes of the products of x and y.</summary>
    protected long SegmentScratch => (long)WinogradMaps.Products * Segment * (PaddedChannels + PaddedFilters) * sizeof(T);

    /// <summary>The first tile of a block and the one behind its last, in the segment.</summary>
    protected (int First, int End) TilesOf(int block) =>
        (block * TilesPerBlock, Math.Min((block + 1) * TilesPerBlock, Count));

    /// <summary>Bᵀ x B for the tiles of a block.</summary>
    protected void SpreadInputs(int block)
    {
        (int first, int end) = TilesOf(block);
        Tiles.Spread<WinogradMaps.Inputs>(
            (T*)At.X, Shape.Channels, Shape.Input[0], Shape.Input[1], Shape.PaddingBefore[0], Shape.PaddingBefore[1],
            First + first, First + end, Inputs + (long)first * PaddedChannels, (long)Segment * PaddedChannels);
    }
}
