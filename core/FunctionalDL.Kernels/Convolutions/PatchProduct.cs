using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The output as a product for each picture and group: w [filters, channels · taps] times the patches
/// [channels · taps, places], which are copied straight into the product's panels (implicit GEMM; S. Chetlur
/// et al., cuDNN, arXiv:1410.0759, section 3).
/// </summary>
/// <remarks>An element is a sum in order of channels and taps; see <see cref="Gemm"/> for its bits.</remarks>
internal sealed unsafe class PatchProduct<TVector, T> : ConvolutionKernel, IPanelSource
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private readonly PatchRows<TVector, T> _patches;
    private readonly bool _isPlain; // the patches of a picture are the picture
    private int _group;

    public PatchProduct(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Output)
    {
        _patches = new PatchRows<TVector, T>(shape);
        _isPlain = shape.IsPlainProduct;
    }

    public override string Name => _isPlain ? "product" : "product of patches";

    protected override void Run(WorkerPool pool)
    {
        int m = Shape.GroupFilters, n = Shape.OutputSize, k = Shape.GroupChannels * Shape.Taps;
        for (_group = 0; _group < Shape.Groups; _group++)
        {
            nint w = (nint)((T*)At.W + (long)_group * m * k);
            nint x = (nint)((T*)At.X + (long)_group * k * n); // of plain products
            T* y = (T*)At.Y + (long)_group * m * n;
            MatrixOperand left = new(w, 0, k, 1);
            MatrixOperand right = _isPlain ? new(x, (long)Shape.Channels * n, n, 1) : default;
            ProductShape product = new(Shape.Batch, m, n, k, left, right, (byte*)y, (long)Shape.Filters * n);
            product.Panels = _isPlain ? null : this;
            Gemm.Multiply(pool, Shape.Element, product);
        }
    }

    public void Pack(int batch, int step, int steps, int column, int count, byte* target, int width)
    {
        long channel = (long)batch * Shape.Channels + _group * Shape.GroupChannels;
        T* picture = (T*)At.X + channel * Shape.InputSize;
        T* panel = (T*)target;
        if (count < width)
            new Span<T>(panel, steps * width).Clear();
        _patches.Copy(picture, step, steps, column, count, panel, width);
    }

    public override void Execute(int block, int worker) => throw new NotSupportedException();
}
