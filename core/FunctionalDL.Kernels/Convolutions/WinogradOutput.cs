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

    private Phase _phase;

    public WinogradOutput(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Output)
    {
    }

    private enum Phase
    {
        Weights,
        Inputs,
        Outputs,
    }

    public override string Name => "Winograd F(4x4, 3x3)";

    public override long ScratchBytes =>
        SegmentScratch + (long)WinogradMaps.Products * Shape.Channels * PaddedFilters * sizeof(T);

    public override void Execute(int block, int worker)
    {
        switch (_phase)
        {
            case Phase.Weights:
                TransformWeights(block * ChannelsPerBlock);
                break;
            case Phase.Inputs:
                SpreadInputs(block);
                break;
            default:
                (int first, int end) = TilesOf(block);
                Tiles.Gather(
                    Outputs + (long)first * PaddedFilters, (long)Segment * PaddedFilters, Shape.Filters, Shape.Output[0],
                    Shape.Output[1], First + first, First + end, (T*)At.Y);
                break;
        }
    }

    protected override void Run(WorkerPool pool)
    {
        _phase = Phase.Weights;
        pool.Run((Shape.Channels + ChannelsPerBlock - 1) / ChannelsPerBlock, this);
        for (First = 0; First < Tiles.Count; First += Segment)
        {
            _phase = Phase.Inputs;
            pool.Run(TileBlocks, this);
            Gemm.Multiply(
                pool, Shape.Element, WinogradMaps.Products, Count, PaddedFilters, Shape.Channels,
                (nint)Inputs, (long)Segment * PaddedChannels, PaddedChannels, 1,
                (nint)Products, (long)Shape.Channels * PaddedFilters, PaddedFilters, 1,
                (nint)Outputs, (long)Segment * PaddedFilters);
            _phase = Phase.Outputs;
            pool.Run(TileBlocks, this);
        }
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
