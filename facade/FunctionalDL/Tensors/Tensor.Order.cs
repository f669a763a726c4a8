using FunctionalDL.Core;

namespace FunctionalDL;

/// <content>Extremes with their places, order, and running sums.</content>
public sealed partial class Tensor
{
    /// <summary>The largest of all elements; equal ones share the derivative evenly.</summary>
    public Tensor Max() => Amax();

    /// <summary>
    /// The largest elements along an axis and their positions (int64); the first of equal ones takes all the
    /// derivative.
    /// </summary>
    /// <param name="dim">The axis to look along.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public (Tensor Values, Tensor Indices) Max(int dim, bool keepdim = false) =>
        Pair(keepdim ? Core.Reduce.maxKeep(dim, _inner) : Core.Reduce.max(dim, _inner));

    /// <summary>The smallest of all elements; equal ones share the derivative evenly.</summary>
    public Tensor Min() => Amin();

    /// <summary>
    /// The smallest elements along an axis and their positions (int64); the first of equal ones takes all the
    /// derivative.
    /// </summary>
    /// <param name="dim">The axis to look along.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public (Tensor Values, Tensor Indices) Min(int dim, bool keepdim = false) =>
        Pair(keepdim ? Core.Reduce.minKeep(dim, _inner) : Core.Reduce.min(dim, _inner));

    /// <summary>The position of the largest element (int64); the first of several.</summary>
    /// <param name="dim">The axis to look along; the flattened tensor when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Argmax(int? dim = null, bool keepdim = false) => Position(TensorModule.argmax, dim, keepdim);

    /// <summary>The position of the smallest element (int64); the first of several.</summary>
    /// <param name="dim">The axis to look along; the flattened tensor when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Argmin(int? dim = null, bool keepdim = false) => Position(TensorModule.argmin, dim, keepdim);

    /// <summary>The elements of an axis in order, and where each came from (int64); equal ones keep their order.</summary>
    /// <param name="dim">The axis.</param>
    /// <param name="descending">Whether the largest is first.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public (Tensor Values, Tensor Indices) Sort(int dim = -1, bool descending = false) =>
        Pair(TensorModule.sort(dim, descending, _inner));

    /// <summary>The positions that put an axis in order (int64); equal elements keep their order.</summary>
    /// <param name="dim">The axis.</param>
    /// <param name="descending">Whether the largest is first.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Argsort(int dim = -1, bool descending = false) =>
        new(TensorModule.argsort(dim, descending, _inner));

    /// <summary>The largest elements of an axis in order, and where each came from (int64).</summary>
    /// <param name="k">How many.</param>
    /// <param name="dim">The axis.</param>
    /// <param name="largest">False for the smallest.</param>
    /// <exception cref="ShapeException">There is no such axis, or it has not so many places.</exception>
    public (Tensor Values, Tensor Indices) TopK(int k, int dim = -1, bool largest = true) =>
        Pair(TensorModule.topk(k, dim, largest, _inner));

    /// <summary>The sum of each element of an axis and those before it.</summary>
    /// <param name="dim">The axis.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor CumSum(int dim) => Make(TensorModule.cumsum(dim, _inner));

    /// <summary>The product of each element of an axis and those before it.</summary>
    /// <param name="dim">The axis.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor CumProd(int dim) => Make(TensorModule.cumprod(dim, _inner));

    private (Tensor Values, Tensor Indices) Pair(Tuple<Core.Tensor, Core.Tensor> found) =>
        (Make(found.Item1), new(found.Item2));

    private Tensor Position(Func<int, Core.Tensor, Core.Tensor> find, int? dim, bool keepdim)
    {
        if (dim is { } axis)
        {
            var found = find(axis, _inner);
            return new(keepdim ? TensorModule.unsqueeze(axis, found) : found);
        }

        var all = new Tensor(find(0, TensorModule.flatten(0, _inner)));
        return keepdim ? all.Reshape([.. Shape.Select(_ => 1)]) : all;
    }
}
