namespace FunctionalDL.Kernels.Convolutions;

/// <summary>The addresses of one run.</summary>
internal readonly record struct ConvolutionOperands(nint X, nint W, nint Y, nint Scratch);

/// <summary>
/// One algorithm for one part of one shape. It is immutable but for the addresses of the run in progress; a
/// run that finds the kernel busy works with a copy.
/// </summary>
internal abstract class ConvolutionKernel : IBlockJob
{
    /// <summary>Multiply-adds below which waking another thread does not pay.</summary>
    private const double SerialWork = 400_000;

    /// <summary>What bringing an element of a picture to where it is multiplied costs, in multiply-adds.</summary>
    private const double ElementWork = 8;

    private ConvolutionKernel? _idle;

    protected ConvolutionKernel(ConvolutionShape shape, ConvolutionPart part)
    {
        Shape = shape;
        Part = part;
        _idle = this;
    }

    public abstract string Name { get; }

    public virtual long ScratchBytes => 0;

    protected ConvolutionShape Shape { get; }

    protected ConvolutionPart Part { get; }

    /// <summary>Where the operands of the run in progress are.</summary>
    protected ConvolutionOperands At { get; private set; }

    public void Run(WorkerPool pool, ConvolutionOperands operands)
    {
        ConvolutionKernel kernel = Interlocked.Exchange(ref _idle, null) ?? (ConvolutionKernel)MemberwiseClone();
        kernel.At = operands;
        double outputs = (double)Shape.Batch * Shape.Filters * Shape.OutputSize;
        double inputs = (double)Shape.Batch * Shape.Channels * Shape.InputSize;
        double work = outputs * Shape.GroupChannels * Shape.Taps + ElementWork * (inputs + outputs);
        kernel.Run(work < SerialWork ? WorkerPool.CallerOnly : pool);
        _idle = kernel;
    }

    public abstract void Execute(int block, int worker);

    protected abstract void Run(WorkerPool pool);
}
