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
        nint c, long cBatch) =>
        Multiply(
            pool, type, new ProductShape(
                batch, m, n, k, new MatrixOperand(a, aBatch, aRow, aColumn),
                new MatrixOperand(b, bBatch, bRow, bColumn), (byte*)c, cBatch));

    /// <summary>
    /// The products, and a fused loop that goes on with each part of c as soon as it is finished: the bits
    /// are those of the product followed by <see cref="TileLoop.Run"/>, without the way to memory and back
    /// and without waking threads twice.
    /// </summary>
    /// <remarks>
    /// The loop's space is [batch · m · n] in any dimensions; the matrices c follow each other. It may load c
    /// (contiguous, from element 0), whatever the product does not write, and broadcasts of such (a bias). It
    /// may store to c, or to what neither product nor loop reads. If nobody wants c itself, it still needs a
    /// place.
    /// </remarks>
    /// <param name="pool">The threads; small products are done by the caller alone.</param>
    /// <param name="type">The type of the elements, as above.</param>
    /// <param name="batch">The number of products.</param>
    /// <param name="m">The rows of a and c.</param>
    /// <param name="n">The columns of b and c.</param>
    /// <param name="k">The columns of a and rows of b.</param>
    /// <param name="a">The matrices a.</param>
    /// <param name="b">The matrices b.</param>
    /// <param name="c">The address of c[0][0, 0].</param>
    /// <param name="then">A loop that stores and does not fold.</param>
    /// <param name="slots">Its addresses, c among them.</param>
    /// <exception cref="ArgumentException">
    /// The type is none of the four, a size is negative, or the loop folds or has a space of another size.
    /// </exception>
    public static void Multiply(
        WorkerPool pool, ElementType type, int batch, int m, int n, int k, MatrixOperand a, MatrixOperand b,
        nint c, TileLoop then, nint[] slots)
    {
        ArgumentNullException.ThrowIfNull(then);
        ArgumentNullException.ThrowIfNull(slots);
        then.CheckParts((long)batch * m * n);
        Multiply(
            pool, type, new ProductShape(
                batch, m, n, k, a, b, (byte*)c, (long)m * n)
            { Then = new Continuation(then, slots) });
    }

    /// <summary>The same for a product that is described, from wherever its b comes.</summary>
    internal static void Multiply(WorkerPool pool, ElementType type, ProductShape shape)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfNegative(shape.Batch);
        ArgumentOutOfRangeException.ThrowIfNegative(shape.M);
        ArgumentOutOfRangeException.ThrowIfNegative(shape.N);
        ArgumentOutOfRangeException.ThrowIfNegative(shape.K);
        if (shape.Batch == 0 || shape.M == 0 || shape.N == 0)
            return;
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
