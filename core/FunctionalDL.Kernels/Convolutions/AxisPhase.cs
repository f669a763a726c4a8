using System.Numerics;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// The places of x on one axis that meet the same taps of the kernel: with a stride, those of one residue. Seen
/// from them the axis is a convolution of y with stride 1, with these taps in reverse order.
/// </summary>
/// <remarks>
/// Place i of x meets tap k and place o of y if o · stride + k · dilation = i + paddingBefore, hence k · dilation
/// and i + paddingBefore leave the same rest.
/// </remarks>
/// <param name="First">The first of the places; the next are the stride apart.</param>
/// <param name="Count">How many there are.</param>
/// <param name="FirstTap">The first of the taps.</param>
/// <param name="TapStep">The taps from one to the next.</param>
/// <param name="Taps">How many there are.</param>
/// <param name="Dilation">The places of y from one tap to the next.</param>
/// <param name="PaddingBefore">The zeros in front of y.</param>
internal readonly record struct AxisPhase(
    int First, int Count, int FirstTap, int TapStep, int Taps, int Dilation, int PaddingBefore)
{
    /// <summary>All phases of an axis; each place is in one.</summary>
    public static IEnumerable<AxisPhase> Of(ConvolutionShape shape, int axis) =>
        Enumerable.Range(0, shape.Stride[axis]).Select(rest => Of(shape, axis, rest));

    private static AxisPhase Of(ConvolutionShape shape, int axis, int rest)
    {
        int stride = shape.Stride[axis], dilation = shape.Dilation[axis];
        int padding = shape.PaddingBefore[axis], kernel = shape.Kernel[axis];
        int first = ((rest - padding) % stride + stride) % stride;
        int count = first < shape.Input[axis] ? (shape.Input[axis] - 1 - first) / stride + 1 : 0;
        int tapStep = stride / (int)BigInteger.GreatestCommonDivisor(stride, dilation);
        int firstTap = Enumerable.Range(0, Math.Min(tapStep, kernel)).FirstOrDefault(
            k => (long)k * dilation % stride == rest, kernel);
        int taps = firstTap < kernel ? (kernel - 1 - firstTap) / tapStep + 1 : 0;
        int apart = dilation * tapStep / stride;
        int reach = (first + padding - firstTap * dilation) / stride;
        return new(first, count, firstTap, tapStep, taps, apart, taps == 0 ? 0 : (taps - 1) * apart - reach);
    }
}
