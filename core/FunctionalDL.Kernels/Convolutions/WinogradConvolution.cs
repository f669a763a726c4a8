using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>What the two Winograd algorithms share.</summary>
internal abstract unsafe class WinogradConvolution<TVector, T> : ConvolutionKernel
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    protected WinogradConvolution(ConvolutionShape shape, ConvolutionPart part)
        : base(shape, part)
    {
        Tiles = new WinogradTiles<TVector, T>(shape);
        PaddedChannels = WinogradTiles<TVector, T>.Padded(shape.Channels);
        PaddedFilters = WinogradTiles<TVector, T>.Padded(shape.Filters);
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

    protected int PaddedChannels { get; }

    protected int PaddedFilters { get; }

    /// <summary>The bytes of a tile's products, of x and of y together.</summary>
    protected long TileBytes => (long)WinogradMaps.Products * (PaddedChannels + PaddedFilters) * sizeof(T);

    /// <summary>Bᵀ x B for some tiles; <paramref name="product"/> counts the elements of one of the 36 products.</summary>
    protected void SpreadInputs(int first, int end, T* target, long product) =>
        Tiles.Spread<WinogradMaps.Inputs>(
            (T*)At.X, Shape.Channels, Shape.Input[0], Shape.Input[1], Shape.PaddingBefore[0], Shape.PaddingBefore[1],
            first, end, target, product);
}
