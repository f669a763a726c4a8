namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// Where the taps of a kernel meet x on one axis: tap k and place o of the output at o · stride + shift[k],
/// which lies inside x for o from firsts[k] to before ends[k].
/// </summary>
internal sealed record AxisMeetings(int Output, int Stride, int[] Shifts, int[] Firsts, int[] Ends)
{
    /// <summary>One place that meets one tap: the axis that a convolution without axes has.</summary>
    public static AxisMeetings Single { get; } = new(1, 1, [0], [0], [1]);

    public static AxisMeetings Of(ConvolutionShape shape, int axis)
    {
        int stride = shape.Stride[axis];
        int output = shape.Output[axis];
        int[] shifts = new int[shape.Kernel[axis]];
        int[] firsts = new int[shifts.Length];
        int[] ends = new int[shifts.Length];
        for (int tap = 0; tap < shifts.Length; tap++)
        {
            int shift = tap * shape.Dilation[axis] - shape.PaddingBefore[axis];
            int inside = shape.Input[axis] - 1 - shift;
            shifts[tap] = shift;
            ends[tap] = inside < 0 ? 0 : Math.Min(output, inside / stride + 1);
            firsts[tap] = shift >= 0 ? 0 : Math.Min(ends[tap], (stride - 1 - shift) / stride);
        }

        return new(output, stride, shifts, firsts, ends);
    }

    /// <summary>
    /// On all axes but the last: the flat place of x that a flat tap meets at a flat place of the output, or -1
    /// if it is outside.
    /// </summary>
    public static int OuterStart(ConvolutionShape shape, int tap, int place)
    {
        int start = 0;
        int step = 1;
        for (int axis = shape.Rank - 2; axis >= 0; axis--)
        {
            (tap, int k) = Math.DivRem(tap, shape.Kernel[axis]);
            (place, int o) = Math.DivRem(place, shape.Output[axis]);
            int at = o * shape.Stride[axis] + k * shape.Dilation[axis] - shape.PaddingBefore[axis];
            if (at < 0 || at >= shape.Input[axis])
                return -1;
            start += at * step;
            step *= shape.Input[axis];
        }

        return start;
    }
}
