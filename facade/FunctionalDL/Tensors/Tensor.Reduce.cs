using FunctionalDL.Core;
using FunctionalDL.Interop;
using Microsoft.FSharp.Collections;

namespace FunctionalDL;

/// <content>Reductions: over one axis, over several, or, when none is given, over all.</content>
public sealed partial class Tensor
{
    /// <summary>The sum; booleans and whole numbers sum in int64.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Sum(int? dim = null, bool keepdim = false) =>
        Fold(TensorModule.sumAxes, Fs.Axes(dim), keepdim);

    /// <summary>The sum; booleans and whole numbers sum in int64.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Sum(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(TensorModule.sumAxes, Fs.Sizes(dim), keepdim);

    /// <summary>The mean; whole numbers give float32.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Mean(int? dim = null, bool keepdim = false) =>
        Fold(TensorModule.meanAxes, Fs.Axes(dim), keepdim);

    /// <summary>The mean; whole numbers give float32.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Mean(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(TensorModule.meanAxes, Fs.Sizes(dim), keepdim);

    /// <summary>The product; its derivative is right where elements are 0.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Prod(int? dim = null, bool keepdim = false) =>
        Fold(TensorModule.prodAxes, Fs.Axes(dim), keepdim);

    /// <summary>The product; its derivative is right where elements are 0.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Prod(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(TensorModule.prodAxes, Fs.Sizes(dim), keepdim);

    /// <summary>The largest element; equal ones share the derivative evenly.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Amax(int? dim = null, bool keepdim = false) =>
        Fold(TensorModule.amaxAxes, Fs.Axes(dim), keepdim);

    /// <summary>The largest element; equal ones share the derivative evenly.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Amax(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(TensorModule.amaxAxes, Fs.Sizes(dim), keepdim);

    /// <summary>The smallest element; equal ones share the derivative evenly.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Amin(int? dim = null, bool keepdim = false) =>
        Fold(TensorModule.aminAxes, Fs.Axes(dim), keepdim);

    /// <summary>The smallest element; equal ones share the derivative evenly.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Amin(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(TensorModule.aminAxes, Fs.Sizes(dim), keepdim);

    /// <summary>The variance.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="correction">1 divides by n - 1 (the sample's), 0 by n.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Var(int? dim = null, int correction = 1, bool keepdim = false) =>
        Fold((axes, x) => TensorModule.var(correction, axes, x), Fs.Axes(dim), keepdim);

    /// <summary>The variance.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="correction">1 divides by n - 1 (the sample's), 0 by n.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Var(IReadOnlyList<int> dim, int correction = 1, bool keepdim = false) =>
        Fold((axes, x) => TensorModule.var(correction, axes, x), Fs.Sizes(dim), keepdim);

    /// <summary>The standard deviation.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="correction">1 divides by n - 1 (the sample's), 0 by n.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Std(int? dim = null, int correction = 1, bool keepdim = false) =>
        Fold((axes, x) => TensorModule.std(correction, axes, x), Fs.Axes(dim), keepdim);

    /// <summary>The standard deviation.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="correction">1 divides by n - 1 (the sample's), 0 by n.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Std(IReadOnlyList<int> dim, int correction = 1, bool keepdim = false) =>
        Fold((axes, x) => TensorModule.std(correction, axes, x), Fs.Sizes(dim), keepdim);

    /// <summary>log Σ exp(x), shifted by the maximum so that nothing overflows.</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor LogSumExp(int? dim = null, bool keepdim = false) =>
        Fold(TensorModule.logSumExpAxes, Fs.Axes(dim), keepdim);

    /// <summary>log Σ exp(x), shifted by the maximum so that nothing overflows.</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor LogSumExp(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(TensorModule.logSumExpAxes, Fs.Sizes(dim), keepdim);

    /// <summary>Whether any element is not 0 (bool).</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Any(int? dim = null, bool keepdim = false) =>
        Fold(Core.Reduce.any, Fs.Axes(dim), keepdim);

    /// <summary>Whether any element is not 0 (bool).</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Any(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(Core.Reduce.any, Fs.Sizes(dim), keepdim);

    /// <summary>Whether no element is 0 (bool).</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor All(int? dim = null, bool keepdim = false) =>
        Fold(Core.Reduce.all, Fs.Axes(dim), keepdim);

    /// <summary>Whether no element is 0 (bool).</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor All(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(Core.Reduce.all, Fs.Sizes(dim), keepdim);

    /// <summary>How many elements are not 0 (int64).</summary>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor CountNonzero(int? dim = null, bool keepdim = false) =>
        Fold(Core.Reduce.countNonzero, Fs.Axes(dim), keepdim);

    /// <summary>How many elements are not 0 (int64).</summary>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor CountNonzero(IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold(Core.Reduce.countNonzero, Fs.Sizes(dim), keepdim);

    /// <summary>The p-norm (Σ |x|ᵖ)^(1/p); its derivative is 0 where it is 0.</summary>
    /// <param name="p">The norm: 2 is the length, 1 the sum of |x|, infinite the largest |x|.</param>
    /// <param name="dim">The axis; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Norm(double p = 2, int? dim = null, bool keepdim = false) =>
        Fold((axes, x) => Core.Reduce.norm(p, axes, x), Fs.Axes(dim), keepdim);

    /// <summary>The p-norm (Σ |x|ᵖ)^(1/p); its derivative is 0 where it is 0.</summary>
    /// <param name="p">The norm: 2 is the length, 1 the sum of |x|, infinite the largest |x|.</param>
    /// <param name="dim">The axes.</param>
    /// <param name="keepdim">Keep the axes, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Norm(double p, IReadOnlyList<int> dim, bool keepdim = false) =>
        Fold((axes, x) => Core.Reduce.norm(p, axes, x), Fs.Sizes(dim), keepdim);

    /// <summary>x - log Σ exp(x): the logarithms of probabilities (nats) that sum to 1.</summary>
    /// <param name="dim">The axis of the classes.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor LogSoftmax(int dim) => Make(TensorModule.logSoftmax(dim, _inner));

    /// <summary>exp(x) / Σ exp(x): probabilities that sum to 1.</summary>
    /// <param name="dim">The axis of the classes.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Softmax(int dim) => Make(TensorModule.softmax(dim, _inner));

    private Tensor Fold(
        Func<FSharpList<int>, Core.Tensor, Core.Tensor> fold, FSharpList<int> axes, bool keepdim)
    {
        var result = new Tensor(fold(axes, _inner), _sources);

        if (!keepdim)
        {
            return result;
        }

        var folded = ShapeModule.axes("keepdim", _inner.Shape, axes);
        return result.Reshape([.. Shape.Select((size, axis) => folded.Contains(axis) ? 1 : size)]);
    }
}
