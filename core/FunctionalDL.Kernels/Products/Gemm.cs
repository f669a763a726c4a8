using System.Numerics;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Products;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

/// <summary>General matrix products.</summary>
public static unsafe class Gemm
{
    /// <summary>
    /// c[i] = a[i] · b[i] for each i of a batch, with a: [m, k], b: [k, n], c: [m, n].
    /// </summary>
    /// <remarks>
    /// <para>
    /// a and b may be row-major, column-major or strided in any way, also by 0 or less; c is row-major and
    /// contiguous (n elements from row to row), and must not overlap a or b. With k = 0 the products are
    /// zero.
    /// </para>
    /// <para>
    /// <i>Bits.</i> An element of c is a sum in order of k: within fixed sections of at most 512 steps one
    /// chain of multiply-adds from zero, the sections added in order. The bits therefore depend on k and the
    /// elements alone: not on m, n, the strides, the number of threads or the vector width. Multiply-adds
    /// round once where the processor can (every one with AVX2 or NEON). Integers wrap.
    /// </para>
    /// </remarks>
    /// <param name="pool">The threads; small products are done by the caller alone.</param>
    /// <param name="type">
    /// <see cref="ElementType.Float32"/>, <see cref="ElementType.Float64"/>, or, through plain loops, <see
    /// cref="ElementType.Int32"/> or <see cref="ElementType.Int64"/>.
    /// </param>
    /// <param name="batch">The number of products.</param>
    /// <param name="m">The rows of a and c.</param>
    /// <param name="n">The columns of b and c.</param>
    /// <param name="k">The columns of a and rows of b.</param>
    /// <param name="a">The address of a[0][0, 0].</param>
    /// <param name="aBatch">The elements from one matrix a to the next; 0 uses one for all.</param>
    /// <param name="aRow">The elements from one row of a to the next.</param>
    /// <param name="aColumn">The elements from one column of a to the next.</param>
    /// <param name="b">The address of b[0][0, 0].</param>
    /// <param name="bBatch">The elements from one matrix b to the next; 0 uses one for all.</param>
    /// <param name="bRow">The elements from one row of b to the next.</param>
    /// <param name="bColumn">The elements from one column of b to the next.</param>
    /// <param name="c">The address of c[0][0, 0].</param>
    /// <param name="cBatch">The elements from one matrix c to the next.</param>
    /// <exception cref="ArgumentException">The type is none of the four, or a size is negative.</exception>
    public static void Multiply(
        WorkerPool pool, ElementType type, int batch, int m, int n, int k,
        nint a, long aBatch, long aRow, long aColumn,
        nint b, long bBatch, long bRow, long bColumn,
        nint c, long cBatch)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(m);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        if (batch == 0 || m == 0 || n == 0)
            return;
        MatrixOperand left = new((byte*)a, aBatch, aRow, aColumn);
        MatrixOperand right = new((byte*)b, bBatch, bRow, bColumn);
        ProductShape shape = new(batch, m, n, k, left, right, (byte*)c, cBatch);
        shape.FoldBatchIntoRows();
        switch (type)
        {
            case ElementType.Float32: MultiplyBlocked<float>(pool, shape); break;
            case ElementType.Float64: MultiplyBlocked<double>(pool, shape); break;
            case ElementType.Int32: PlainProduct<int>.Multiply(pool, shape); break;
            case ElementType.Int64: PlainProduct<long>.Multiply(pool, shape); break;
            default: throw new ArgumentException($"matrices of {type} cannot be multiplied", nameof(type));
        }
    }

    private static void MultiplyBlocked<T>(WorkerPool pool, in ProductShape shape)
        where T : unmanaged, IAdditionOperators<T, T, T>
    {
        if (Vector512.IsHardwareAccelerated)
            BlockedProduct<Wide512<T>, T>.Multiply(pool, shape);
        else if (Vector256.IsHardwareAccelerated)
            BlockedProduct<Wide256<T>, T>.Multiply(pool, shape);
        else
            BlockedProduct<Wide128<T>, T>.Multiply(pool, shape);
    }
}
