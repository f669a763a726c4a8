using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The weights as one product for each group: y [filters, batch · places] times the patches turned,
/// [batch · places, channels · taps]. The product wants y's pictures side by side, so they are copied so.
/// </summary>
/// <remarks>
/// An element is a sum in order of pictures and places; see <see cref="Gemm"/> for its bits.
/// </remarks>
internal sealed unsafe class WeightProduct<TVector, T> : ConvolutionKernel, IPanelSource
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>Places that are copied before they are turned: few enough for the first-level cache.</summary>
    private const int RunLimit = 64;

    private readonly PatchRows<TVector, T> _patches;
    private readonly int _inputSize;
    private readonly int[] _sizes;
    private readonly long[] _from;
    private readonly long[] _to;
    private int _group;

    public WeightProduct(ConvolutionShape shape)
        : base(shape, ConvolutionPart.Weight)
    {
        _patches = new PatchRows<TVector, T>(shape);
        _inputSize = shape.InputSize;
        long places = _patches.Size;
        _sizes = [shape.Filters, shape.Batch, _patches.Size];
        _from = [places, places * shape.Filters, 1];
        _to = [places * shape.Batch, places, 1];
    }

    public override string Name => "product with turned patches";

    public override long ScratchBytes =>
        Shape.Batch == 1 ? 0 : (long)Shape.Batch * Shape.Filters * _patches.Size * sizeof(T);

    protected override void Run(WorkerPool pool)
    {
        T* y = (T*)At.Y;
        if (Shape.Batch != 1)
        {
            Copies.Strided(pool, sizeof(T), _sizes, At.Y, _from, At.Scratch, _to);
            y = (T*)At.Scratch;
        }

        int m = Shape.GroupFilters, n = Shape.GroupChannels * Shape.Taps;
        int k = checked(Shape.Batch * _patches.Size);
        for (_group = 0; _group < Shape.Groups; _group++)
        {
            MatrixOperand left = new((nint)(y + (long)_group * m * k), 0, k, 1);
            byte* w = (byte*)((T*)At.W + (long)_group * m * n);
            ProductShape product = new(1, m, n, k, left, default, w, 0) { Panels = this };
            Gemm.Multiply(pool, Shape.Element, product);
        }
    }

    public void Pack(int batch, int step, int steps, int column, int count, byte* target, int width)
    {
        T* lines = stackalloc T[2 * TVector.Count * RunLimit];
        T* panel = (T*)target;
        while (steps > 0)
        {
            (int picture, int place) = Math.DivRem(step, _patches.Size);
            int run = Math.Min(Math.Min(RunLimit, steps), _patches.Size - place);
            T* x = (T*)At.X + ((long)picture * Shape.Channels + _group * Shape.GroupChannels) * _inputSize;
            _patches.Copy(x, column, count, place, run, lines, RunLimit);
            Packing<TVector, T>.Pack(lines, RunLimit, 1, count, run, panel, width);
            step += run;
            steps -= run;
            panel += run * width;
        }
    }

    public override void Execute(int block, int worker) => throw new NotSupportedException();
}
