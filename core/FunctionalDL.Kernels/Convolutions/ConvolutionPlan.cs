using System.Numerics;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Convolutions;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

/// <summary>
/// How one part of a convolution is computed. The algorithm follows from the shape and the element type alone,
/// so that the bits of a result depend on nothing else but the vector width: not on the number of threads.
/// </summary>
public sealed class ConvolutionPlan
{
    private readonly ConvolutionKernel _kernel;

    /// <summary>Chooses the algorithm.</summary>
    /// <param name="shape">The sizes and the type: Float32, Float64, or, through plain loops, Int32 or Int64.</param>
    /// <param name="part">What is computed.</param>
    /// <exception cref="ArgumentException">The type is none of the four, or a size makes no sense.</exception>
    public ConvolutionPlan(ConvolutionShape shape, ConvolutionPart part)
    {
        ArgumentNullException.ThrowIfNull(shape);
        shape.Check();
        _kernel = Choose(shape, part);
    }

    /// <summary>The bytes of working memory that a run needs.</summary>
    public long ScratchBytes => _kernel.ScratchBytes;

    /// <summary>The algorithm's name, for printed plans.</summary>
    public string Algorithm => _kernel.Name;

    /// <summary>
    /// Computes the part from the other two operands. It may run on several threads at once, each with
    /// scratch memory of its own.
    /// </summary>
    /// <param name="pool">The threads; small convolutions are done by the caller alone.</param>
    /// <param name="x">The address of x.</param>
    /// <param name="w">The address of w.</param>
    /// <param name="y">The address of y.</param>
    /// <param name="scratch">
    /// <see cref="ScratchBytes"/> bytes, aligned to 64, of any content; overlaps no operand.
    /// </param>
    public void Run(WorkerPool pool, nint x, nint w, nint y, nint scratch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        _kernel.Run(pool, new ConvolutionOperands(x, w, y, scratch));
    }

    private static ConvolutionKernel Choose(ConvolutionShape shape, ConvolutionPart part) => shape.Element switch
    {
        ElementType.Float32 => ChooseByWidth<float>(shape, part),
        ElementType.Float64 => ChooseByWidth<double>(shape, part),
        ElementType.Int32 => new DirectConvolution<int>(shape, part),
        ElementType.Int64 => new DirectConvolution<long>(shape, part),
        _ => throw new ArgumentException($"pictures of {shape.Element} have no convolution", nameof(shape)),
    };

    private static ConvolutionKernel ChooseByWidth<T>(ConvolutionShape shape, ConvolutionPart part)
        where T : unmanaged, INumber<T> =>
        Vector512.IsHardwareAccelerated ? Choose<Wide512<T>, T>(shape, part)
        : Vector256.IsHardwareAccelerated ? Choose<Wide256<T>, T>(shape, part)
        : Choose<Wide128<T>, T>(shape, part);

    private static ConvolutionKernel Choose<TVector, T>(ConvolutionShape shape, ConvolutionPart part)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged, INumber<T> => part switch
        {
            ConvolutionPart.Output when WinogradConvolution<TVector, T>.Gains(shape) =>
                new WinogradOutput<TVector, T>(shape),
            ConvolutionPart.Weight when WinogradConvolution<TVector, T>.Gains(shape) =>
                new WinogradWeight<TVector, T>(shape),
            ConvolutionPart.Input when WinogradConvolution<TVector, T>.Gains(shape) => AsOutput<TVector, T>(shape),
            ConvolutionPart.Input when HasStridedPlanes<T>(shape) => new FlatConvolution<TVector, T>(shape, part),
            ConvolutionPart.Weight when IsNarrow<T>(shape) => new FlatWeight<TVector, T>(shape),
            _ when IsNarrow<T>(shape) => new FlatConvolution<TVector, T>(shape, part),
            // A matrix with one row or column for each group gains nothing over plain loops.
            _ when shape.GroupFilters <= 1 && shape.GroupChannels <= 1 => new DirectConvolution<T>(shape, part),
            ConvolutionPart.Output => new PatchProduct<TVector, T>(shape),
            ConvolutionPart.Input => AsOutput<TVector, T>(shape),
            _ => new WeightProduct<TVector, T>(shape),
        };

    private static InputAsOutput AsOutput<TVector, T>(ConvolutionShape shape)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged, INumber<T> =>
        new(shape, other => Choose<TVector, T>(other, ConvolutionPart.Output));

    /// <summary>
    /// Whether products of patches would copy about as much as they multiply: there are few rows or few columns.
    /// (Measured on a Zen 4: up to 16 of either, flat planes are faster; depth-wise by a factor of 8.)
    /// </summary>
    private static bool IsNarrow<T>(ConvolutionShape shape)
        where T : unmanaged
    {
        int narrower = Math.Min(shape.GroupChannels, shape.GroupFilters);
        return narrower <= 16 && (narrower <= 1 || !shape.IsPlainProduct) && FlatPictures<T>.Fit(shape);
    }

    /// <summary>
    /// Whether the input is computed from flat planes: they serve all residues of the stride, each of which would
    /// be a convolution of its own. (Measured on a Zen 4: with 64 channels both take the same time.)
    /// </summary>
    private static bool HasStridedPlanes<T>(ConvolutionShape shape)
        where T : unmanaged =>
        shape.GroupChannels <= 64 && shape.Stride.Any(stride => stride > 1) && FlatPictures<T>.Fit(shape);
}
