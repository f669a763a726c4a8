namespace FunctionalDL.Kernels;

/// <summary>One dimension of a copy: its size, and the elements from one index to the next on both sides.</summary>
internal readonly record struct CopyAxis(long Size, long Source, long Target)
{
    /// <summary>
    /// Dimensions in order of the target's strides, the largest first, merged where both layouts allow; gives
    /// their number, at least one.
    /// </summary>
    public static int Simplify(int[] dims, long[] sourceStrides, long[] targetStrides, Span<CopyAxis> axes)
    {
        int count = 0;
        for (int d = 0; d < dims.Length; d++)
        {
            if (dims[d] == 1)
                continue;
            int place = count++;
            for (; place > 0 && Math.Abs(axes[place - 1].Target) < Math.Abs(targetStrides[d]); place--)
                axes[place] = axes[place - 1];
            axes[place] = new CopyAxis(dims[d], sourceStrides[d], targetStrides[d]);
        }

        int merged = 0;
        for (int i = 0; i < count; i++)
        {
            CopyAxis axis = axes[i];
            CopyAxis last = merged > 0 ? axes[merged - 1] : default;
            bool continues = last.Source == axis.Source * axis.Size && last.Target == axis.Target * axis.Size;
            if (merged > 0 && continues)
                axes[merged - 1] = new CopyAxis(last.Size * axis.Size, axis.Source, axis.Target);
            else
                axes[merged++] = axis;
        }

        if (merged == 0)
            axes[merged++] = new CopyAxis(1, 1, 1);
        return merged;
    }
}
