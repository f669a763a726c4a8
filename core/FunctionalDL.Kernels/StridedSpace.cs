namespace FunctionalDL.Kernels;

/// <summary>Simplifies dimensions and strides.</summary>
internal static class StridedSpace
{
    /// <summary>
    /// The same sequence of offsets in row-major order with as few dimensions as possible, at least one:
    /// those of size 1 vanish, and neighbours are merged where the outer stride continues the inner one.
    /// </summary>
    public static (long[] Dims, long[] Strides) Merge(ReadOnlySpan<int> dims, ReadOnlySpan<long> strides)
    {
        List<long> mergedDims = [];
        List<long> mergedStrides = [];
        for (int i = 0; i < dims.Length; i++)
        {
            if (dims[i] == 1)
                continue;
            int last = mergedDims.Count - 1;
            if (last >= 0 && mergedStrides[last] == strides[i] * dims[i])
            {
                mergedDims[last] *= dims[i];
                mergedStrides[last] = strides[i];
            }
            else
            {
                mergedDims.Add(dims[i]);
                mergedStrides.Add(strides[i]);
            }
        }

        return mergedDims.Count == 0 ? ([1], [0]) : ([.. mergedDims], [.. mergedStrides]);
    }
}
