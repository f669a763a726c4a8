using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Reductions.</content>
public sealed partial class Tensor
{
    /// <summary>The sum; booleans and whole numbers sum in int64.</summary>
    /// <param name="dim">The axis to sum over; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Sum(int? dim = null, bool keepdim = false) =>
        Make(keepdim ? TensorModule.sumAxesKeep(Fs.Axes(dim), _inner) : TensorModule.sumAxes(Fs.Axes(dim), _inner));

    /// <summary>The mean; whole numbers give float32.</summary>
    /// <param name="dim">The axis to average over; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Mean(int? dim = null, bool keepdim = false) =>
        Make(keepdim ? TensorModule.meanAxesKeep(Fs.Axes(dim), _inner) : TensorModule.meanAxes(Fs.Axes(dim), _inner));

    /// <summary>The variance.</summary>
    /// <param name="dim">The axis to take it over; all of them when not given.</param>
    /// <param name="correction">1 divides by n - 1 (the sample's variance), 0 by n.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Var(int? dim = null, int correction = 1) =>
        Make(TensorModule.var(correction, Fs.Axes(dim), _inner));

    /// <summary>The standard deviation.</summary>
    /// <param name="dim">The axis to take it over; all of them when not given.</param>
    /// <param name="correction">1 divides by n - 1 (the sample's deviation), 0 by n.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Std(int? dim = null, int correction = 1) =>
        Make(TensorModule.std(correction, Fs.Axes(dim), _inner));

    /// <summary>The largest element; equal ones share the derivative evenly.</summary>
    /// <param name="dim">The axis to look along; all of them when not given.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Amax(int? dim = null, bool keepdim = false) =>
        Make(keepdim ? TensorModule.amaxAxesKeep(Fs.Axes(dim), _inner) : TensorModule.amaxAxes(Fs.Axes(dim), _inner));

    /// <summary>
    /// The largest elements along an axis and their positions (int64); the first of equal ones takes all the
    /// derivative.
    /// </summary>
    /// <param name="dim">The axis to look along.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public (Tensor Values, Tensor Indices) Max(int dim, bool keepdim = false)
    {
        var indices = Argmax(dim, keepdim: true);
        var values = Gather(dim, indices);
        return keepdim ? (values, indices) : (values.Squeeze(dim), indices.Squeeze(dim));
    }

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

    /// <summary>log Σ exp(x), shifted by the maximum so that nothing overflows.</summary>
    /// <param name="dim">The axis to sum over.</param>
    /// <param name="keepdim">Keep the axis, with size 1.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor LogSumExp(int dim, bool keepdim = false) =>
        Make(keepdim ? TensorModule.logSumExpKeep(dim, _inner) : TensorModule.logSumExp(dim, _inner));

    /// <summary>x - log Σ exp(x): the logarithms of probabilities (nats) that sum to 1.</summary>
    /// <param name="dim">The axis of the classes.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor LogSoftmax(int dim) => Make(TensorModule.logSoftmax(dim, _inner));

    /// <summary>exp(x) / Σ exp(x): probabilities that sum to 1.</summary>
    /// <param name="dim">The axis of the classes.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Softmax(int dim) => Make(TensorModule.softmax(dim, _inner));

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
