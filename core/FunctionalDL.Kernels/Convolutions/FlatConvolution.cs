using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The output or the input by products whose right operand is read where it lies in flat planes (<see
/// cref="FlatPictures{T}"/>): for few filters, few channels and strides, where copying windows into panels would
/// cost as much as multiplying them. The input is one such product for each residue of the stride, of y's planes.
/// </summary>
/// <remarks>
/// An element is one chain of multiply-adds, in order of channels and taps (the output) or of filters and taps (the
/// input).
/// </remarks>
internal sealed unsafe class FlatConvolution<TVector, T> : ConvolutionKernel
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private readonly FlatPictures<T> _pictures;
    private readonly Product[] _products;
    private readonly int _sourcePlanes;

    public FlatConvolution(ConvolutionShape shape, ConvolutionPart part)
        : base(shape, part)
    {
        bool isOutput = part == ConvolutionPart.Output;
        int channels = shape.GroupChannels, filters = shape.GroupFilters;
        _pictures = new(shape, part, 4 * TVector.Count);
        _sourcePlanes = isOutput ? channels * _pictures.PlanesOfChannel : filters;
        _products = isOutput ? [OutputProduct()] : [.. InputProducts()];
    }

    public override string Name => Part == ConvolutionPart.Output ? "flat planes" : "flat planes of the output";

    public override long ScratchBytes => (long)Shape.Filters * Shape.GroupChannels * Shape.Taps * sizeof(T);

    private int Rows => Part == ConvolutionPart.Output ? Shape.GroupFilters : Shape.GroupChannels;

    /// <summary>The weights of a group, packed for all its products.</summary>
    private long GroupWeights => (long)Shape.GroupFilters * Shape.GroupChannels * Shape.Taps;

    protected override void Run(WorkerPool pool)
    {
        for (int group = 0; group < Shape.Groups; group++)
            PackWeights(group);
        pool.Run(checked(Shape.Groups * _pictures.PictureBlocks * _pictures.Strips), this);
    }

    public override void Execute(int block, int worker)
    {
        (int group, int rest) = Math.DivRem(block, _pictures.PictureBlocks * _pictures.Strips);
        FlatBlock part = _pictures.BlockOf(rest);
        long pitch = _pictures.PlanePitch;
        T* source = (T*)Scratch.Get((_sourcePlanes + Rows) * pitch * sizeof(T));
        T* target = source + _sourcePlanes * pitch;
        T* weights = (T*)At.Scratch + group * GroupWeights;
        int channel = group * Shape.GroupChannels, filter = group * Shape.GroupFilters;
        if (Part == ConvolutionPart.Output)
        {
            _pictures.SpreadInput((T*)At.X, channel, Shape.GroupChannels, part, source);
            int places = Places(part, _pictures.Inner.Output);
            Multiply(_products[0], weights, source, target, places);
            _pictures.GatherOutput(target, pitch, filter, Shape.GroupFilters, part, (T*)At.Y);
            return;
        }

        int reach = _pictures.Outer.Reach;
        _pictures.SpreadOutput(
            (T*)At.Y, filter, Shape.GroupFilters, part, part.Row - reach, part.Rows + reach, source);
        foreach (Product product in _products)
        {
            Multiply(product, weights, source, target, Places(part, _pictures.RowPitch));
            _pictures.GatherInput(
                target, pitch, product.Outer, product.Inner, channel, Shape.GroupChannels, part, (T*)At.X);
        }
    }

    /// <summary>The places of a block from its first to its last, whose row has this width.</summary>
    private int Places(in FlatBlock block, int width) =>
        width == 0 || block.Rows == 0
            ? 0
            : (block.Pictures - 1) * _pictures.PicturePitch + (block.Rows - 1) * _pictures.RowPitch + width;

    private Product OutputProduct()
    {
        int innerTaps = _pictures.Inner.Offsets.Length;
        long channel = (long)_pictures.PlanesOfChannel * _pictures.PlanePitch;
        return new(0, 0, [.. Enumerable.Range(0, Shape.Taps)],
            [.. from c in Enumerable.Range(0, Shape.GroupChannels)
                from tap in Enumerable.Range(0, Shape.Taps)
                select Bytes(c * channel + _pictures.OffsetOf(tap / innerTaps, tap % innerTaps))]);
    }

    private IEnumerable<Product> InputProducts()
    {
        int innerTaps = _pictures.Inner.Offsets.Length;
        // The first place of y's planes that is the block's own: before it are what taps reach.
        int own = _pictures.SpaceBefore + _pictures.Outer.Reach * _pictures.RowPitch;
        for (int outer = 0; outer < _pictures.Outer.Stride; outer++)
        {
            for (int inner = 0; inner < _pictures.Inner.Stride; inner++)
            {
                int[] taps = [.. Enumerable.Range(0, Shape.Taps).Where(tap =>
                    _pictures.Outer.Residues[tap / innerTaps] == outer && _pictures.Inner.Residues[tap % innerTaps] == inner)];
                yield return new(outer, inner, taps,
                    [.. from f in Enumerable.Range(0, Shape.GroupFilters)
                        from tap in taps
                        let at = own - _pictures.ReachOf(tap / innerTaps, tap % innerTaps)
                        select Bytes(f * (long)_pictures.PlanePitch + at)]);
            }
        }
    }

    private static nint Bytes(long elements) => checked((nint)(elements * sizeof(T)));

    /// <summary>The weights of a group as panels [steps, rows], in the order of the products.</summary>
    private void PackWeights(int group)
    {
        int rows = Rows, taps = Shape.Taps;
        T* w = (T*)At.W + group * GroupWeights;
        T* target = (T*)At.Scratch + group * GroupWeights;
        foreach (Product product in _products)
        {
            int steps = product.Offsets.Length;
            RowPanels panels = new(rows);
            for (int i = 0, row = 0; i < panels.Count; row += panels.Height(i), i++)
            {
                int height = panels.Height(i);
                if (Part == ConvolutionPart.Output)
                {
                    Packing<TVector, T>.Pack(w + (long)row * steps, steps, 1, height, steps, target, height);
                    target += (long)height * steps;
                    continue;
                }

                for (int f = 0; f < Shape.GroupFilters; f++)
                {
                    T* from = w + ((long)f * Shape.GroupChannels + row) * taps;
                    foreach (int tap in product.Taps)
                    {
                        for (int r = 0; r < height; r++)
                            *target++ = from[(long)r * taps + tap];
                    }
                }
            }
        }
    }

    /// <summary>All rows of a product at the places of a block, tile by tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(Product product, T* weights, T* source, T* target, int places)
    {
        int steps = product.Offsets.Length;
        foreach (Product before in _products)
        {
            if (before == product)
                break;
            weights += (long)before.Offsets.Length * Rows;
        }

        RowPanels panels = new(Rows);
        int tile = TapKernels<TVector, T>.Places(panels.Height(0));
        nint pitch = _pictures.PlanePitch;
        fixed (nint* offsets = product.Offsets)
        {
            for (int place = 0; place < places; place += tile)
            {
                T* a = weights;
                T* c = target + place;
                for (int i = 0; i < panels.Count; i++)
                {
                    int height = panels.Height(i);
                    var kernel = (delegate*<nint, T*, nint*, byte*, byte*, nint, void>)
                        TapKernels<TVector, T>.Find(height);
                    kernel(steps, a, offsets, (byte*)(source + place), (byte*)c, pitch * sizeof(T));
                    a += (long)height * steps;
                    c += height * pitch;
                }
            }
        }
    }

    /// <summary>What one product multiplies: the taps of a residue on each axis, and where they meet the planes.</summary>
    private sealed record Product(int Outer, int Inner, int[] Taps, nint[] Offsets);
}
