using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The gradient of the weights of a 3×3 convolution with stride 1, by the transposed maps of <see
/// cref="WinogradOutput{TVector, T}"/>: Gᵀ[(A y Aᵀ) ⊙ (Bᵀ x B)]G, summed over tiles by 36 matrix products.
/// </summary>
/// <remarks>
/// <i>Error.</i> As there, with √(batch · places) for √channels. Segments of tiles are added in order.
/// </remarks>
internal sealed unsafe class WinogradWeight<TVector, T> : WinogradConvolution<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private Phase _phase;

    public WinogradWeight(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Weight)
    {
    }

    private enum Phase
    {
        Tiles,
        Sums,
        Weights,
    }

    public override string Name => "Winograd F(3x3, 4x4)";

    public override long ScratchBytes => SegmentScratch + (HasSums ? 2 : 1) * ProductSize * sizeof(T);

    private bool HasSums => Segment < Tiles.Count;

    private long ProductSize => (long)WinogradMaps.Products * Shape.Filters * PaddedChannels;

    /// <summary>The products of the segments so far.</summary>
    private T* Sums => HasSums ? Products + ProductSize : Products;

    public override void Execute(int block, int worker)
    {
        switch (_phase)
        {
            case Phase.Tiles:
                SpreadInputs(block);
                (int first, int end) = TilesOf(block);
                Tiles.Spread<WinogradMaps.FromOutputs>(
                    (T*)At.Y, Shape.Filters, Shape.Output[0], Shape.Output[1], 0, 0, First + first, First + end,
                    Outputs + (long)first * PaddedFilters, (long)Segment * PaddedFilters);
                break;
            case Phase.Sums:
                AddProducts(block);
                break;
            default:
                TransformWeights(block);
                break;
        }
    }

    protected override void Run(WorkerPool pool)
    {
        for (First = 0; First < Tiles.Count; First += Segment)
        {
            _phase = Phase.Tiles;
            pool.Run(TileBlocks, this);
            Gemm.Multiply(
                pool, Shape.Element, WinogradMaps.Products, Shape.Filters, PaddedChannels, Count,
                (nint)Outputs, (long)Segment * PaddedFilters, 1, PaddedFilters,
                (nint)Inputs, (long)Segment * PaddedChannels, PaddedChannels, 1,
                (nint)(First == 0 ? Sums : Products), (long)Shape.Filters * PaddedChannels);
            _phase = Phase.Sums;
            if (First != 0)
                pool.Run(WinogradMaps.Products, this);
        }

        _phase = Phase.Weights;
        pool.Run(Shape.Filters, this);
    }

    /// <summary>Adds a segment's products of one of the 36 kinds.</summary>
    private void AddProducts(int product)
    {
        long size = (long)Shape.Filters * PaddedChannels;
        T* source = Products + product * size;
        T* target = Sums + product * size;
        for (long i = 0; i < size; i += TVector.Count)
            TVector.Store(TVector.Load(target + i) + TVector.Load(source + i), target + i);
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
