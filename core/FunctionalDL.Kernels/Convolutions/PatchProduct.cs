using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The output as products: w [filters, channels · taps] times the patches [channels · taps, places], which are
/// copied straight into the product's panels (implicit GEMM; S. Chetlur et al., cuDNN, arXiv:1410.0759, section
/// 3). There is one for each picture and group, or, where pictures are too small to fill the tiles of a product,
/// one for each group with the pictures side by side.
/// </summary>
/// <remarks>An element is a sum in order of channels and taps; see <see cref="Gemm"/> for its bits.</remarks>
internal sealed unsafe class PatchProduct<TVector, T> : ConvolutionKernel, IPanelSource
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>Places of a picture from which on the last, partly filled tile no longer matters.</summary>
    private const int LargeSize = 128;

    private readonly PatchRows<TVector, T> _patches;
    private readonly int _inputSize;
    private readonly bool _isSideBySide;
    private readonly bool _isPlain; // the patches of a picture are the picture
    private readonly int[] _sizes;
    private readonly long[] _from;
    private readonly long[] _to;
    private int _group;

    public PatchProduct(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Output)
    {
        _patches = new PatchRows<TVector, T>(shape);
        _inputSize = shape.InputSize;
        long places = _patches.Size;
        _isSideBySide = shape.Batch > 1 && places < LargeSize;
        _isPlain = shape.IsPlainProduct && !_isSideBySide;
        _sizes = [shape.Batch, shape.Filters, _patches.Size];
        _from = [places, places * shape.Batch, 1];
        _to = [places * shape.Filters, places, 1];
    }

    public override string Name =>
        _isPlain ? "product" : _isSideBySide ? "product of patches side by side" : "product of patches";

    public override long ScratchBytes =>
        _isSideBySide ? (long)Shape.Batch * Shape.Filters * _patches.Size * sizeof(T) : 0;

    protected override void Run(WorkerPool pool)
    {
        for (_group = 0; _group < Shape.Groups; _group++)
            Gemm.Multiply(pool, Shape.Element, _isSideBySide ? OfAllPictures() : OfEachPicture());
        if (_isSideBySide)
            Copies.Strided(pool, sizeof(T), _sizes, At.Scratch, _from, At.Y, _to);
    }

    private ProductShape OfEachPicture()
    {
        int m = Shape.GroupFilters, n = Shape.OutputSize, k = Shape.GroupChannels * Shape.Taps;
        nint x = (nint)((T*)At.X + (long)_group * k * n); // of plain products
        T* y = (T*)At.Y + (long)_group * m * n;
        MatrixOperand right = _isPlain ? new(x, (long)Shape.Channels * n, n, 1) : default;
        return new(Shape.Batch, m, n, k, Weights, right, (byte*)y, (long)Shape.Filters * n)
        {
            Panels = _isPlain ? null : this,
        };
    }

    private ProductShape OfAllPictures()
    {
        int m = Shape.GroupFilters, n = checked(Shape.Batch * _patches.Size), k = Shape.GroupChannels * Shape.Taps;
        T* target = (T*)At.Scratch + (long)_group * m * n;
        return new(1, m, n, k, Weights, default, (byte*)target, 0) { Panels = this };
    }

    /// <summary>The group's weights as a matrix.</summary>
    private MatrixOperand Weights
    {
        get
        {
            long k = (long)Shape.GroupChannels * Shape.Taps;
            return new((nint)((T*)At.W + _group * Shape.GroupFilters * k), 0, k, 1);
        }
    }

    public void Pack(int batch, int step, int steps, int column, int count, byte* target, int width)
    {
        T* panel = (T*)target;
        if (count < width)
            new Span<T>(panel, steps * width).Clear();
        if (_isSideBySide)
            (batch, column) = Math.DivRem(column, _patches.Size);
        while (count > 0)
        {
            int run = Math.Min(count, _patches.Size - column);
            T* picture = (T*)At.X + ((long)batch * Shape.Channels + _group * Shape.GroupChannels) * _inputSize;
            _patches.Copy(picture, step, steps, column, run, panel, width);
            panel += run;
            count -= run;
            batch++;
            column = 0;
        }
    }

    public override void Execute(int block, int worker) => throw new NotSupportedException();
}
