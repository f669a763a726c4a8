using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>The same elements under other axes, cut into parts, and repeated.</content>
public sealed partial class Tensor
{
    /// <summary>The transpose of a matrix.</summary>
    /// <exception cref="ShapeException">It has other than two axes.</exception>
    public Tensor T => Make(TensorModule.t(_inner));

    /// <summary>The same elements under another shape.</summary>
    /// <param name="shape">The sizes; one may be -1 and is then worked out.</param>
    /// <exception cref="ShapeException">The elements do not fill that shape.</exception>
    public Tensor Reshape(params int[] shape) => Make(TensorModule.reshape(Fs.Sizes(shape), _inner));

    /// <summary>The same elements under another shape.</summary>
    /// <param name="shape">The sizes.</param>
    /// <exception cref="ShapeException">The elements do not fill that shape.</exception>
    public Tensor Reshape(Shape shape) => Reshape(shape.ToArray());

    /// <summary>PyTorch's other name for <see cref="Reshape(int[])"/>: nothing moves, so there is no difference.</summary>
    /// <param name="shape">The sizes; one may be -1 and is then worked out.</param>
    /// <exception cref="ShapeException">The elements do not fill that shape.</exception>
    public Tensor View(params int[] shape) => Reshape(shape);

    /// <summary>Axes from <paramref name="startDim"/> to <paramref name="endDim"/> as one.</summary>
    /// <param name="startDim">The first of them.</param>
    /// <param name="endDim">The last of them.</param>
    /// <exception cref="ShapeException">There are no such axes.</exception>
    public Tensor Flatten(int startDim = 0, int endDim = -1)
    {
        if (endDim == -1 || endDim == Rank - 1)
        {
            return Make(TensorModule.flatten(startDim, _inner));
        }

        var first = ShapeModule.axis("flatten", _inner.Shape, startDim);
        var last = ShapeModule.axis("flatten", _inner.Shape, endDim);

        if (first > last)
        {
            throw new ShapeException($"flatten: axis {startDim} comes after axis {endDim} in shape {_inner.Shape}");
        }

        return Reshape([.. Shape.Take(first), -1, .. Shape.Skip(last + 1)]);
    }

    /// <summary>Exchanges two axes.</summary>
    /// <param name="dim0">One axis.</param>
    /// <param name="dim1">The other.</param>
    /// <exception cref="ShapeException">There are no such axes.</exception>
    public Tensor Transpose(int dim0, int dim1) => Make(TensorModule.transpose(dim0, dim1, _inner));

    /// <summary>Axis <c>i</c> of the result is axis <c>dims[i]</c>.</summary>
    /// <param name="dims">Every axis, once.</param>
    /// <exception cref="ShapeException">The axes are not each named once.</exception>
    public Tensor Permute(params int[] dims) => Make(TensorModule.permute(Fs.Sizes(dims), _inner));

    /// <summary>A new axis of size 1.</summary>
    /// <param name="dim">Where it goes.</param>
    /// <exception cref="ShapeException">It does not fit there.</exception>
    public Tensor Unsqueeze(int dim) => Make(TensorModule.unsqueeze(dim, _inner));

    /// <summary>Drops an axis of size 1; an axis of another size stays.</summary>
    /// <param name="dim">The axis.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Squeeze(int dim) => Make(TensorModule.squeeze(dim, _inner));

    /// <summary>Drops all axes of size 1.</summary>
    public Tensor Squeeze() => Reshape([.. Shape.Where(size => size != 1)]);

    /// <summary>Stretches axes of size 1, and adds leading ones. Nothing is copied.</summary>
    /// <param name="shape">The sizes to reach.</param>
    /// <exception cref="ShapeException">An axis of another size differs.</exception>
    public Tensor Expand(params int[] shape) => Make(TensorModule.expand(Fs.Sizes(shape), _inner));

    /// <summary>Elements <c>start … start + length - 1</c> of an axis, as a view.</summary>
    /// <param name="dim">The axis.</param>
    /// <param name="start">The first position.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ShapeException">The axis does not have them.</exception>
    public Tensor Narrow(int dim, int start, int length) => Make(TensorModule.narrow(dim, start, length, _inner));

    /// <summary>Stretches axes of size 1 to another tensor's shape. Nothing is copied.</summary>
    /// <param name="other">The other tensor.</param>
    /// <exception cref="ShapeException">An axis of another size differs.</exception>
    public Tensor ExpandAs(Tensor other) => Make(Arrange.expandAs(other._inner, _inner));

    /// <summary>An axis moved to another place; the others keep their order.</summary>
    /// <param name="source">The axis.</param>
    /// <param name="destination">Its place.</param>
    /// <exception cref="ShapeException">There is no such axis or place.</exception>
    public Tensor MoveDim(int source, int destination) =>
        Make(Arrange.movedim(Fs.Sizes([source]), Fs.Sizes([destination]), _inner));

    /// <summary>Parts of one size along an axis, of which the last may be smaller.</summary>
    /// <param name="splitSize">The size.</param>
    /// <param name="dim">The axis.</param>
    /// <exception cref="OptionException">The size is less than 1.</exception>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor[] Split(int splitSize, int dim = 0) => Parts(Arrange.split(splitSize, dim, _inner));

    /// <summary>Parts of the given sizes along an axis.</summary>
    /// <param name="splitSizes">The sizes, which add up to the axis.</param>
    /// <param name="dim">The axis.</param>
    /// <exception cref="ShapeException">There is no such axis, or they do not add up to it.</exception>
    public Tensor[] Split(IReadOnlyList<int> splitSizes, int dim = 0) =>
        Parts(Arrange.splitSizes(Fs.Sizes(splitSizes), dim, _inner));

    /// <summary>At most so many parts of one size along an axis, of which the last may be smaller.</summary>
    /// <param name="chunks">How many.</param>
    /// <param name="dim">The axis.</param>
    /// <exception cref="OptionException">There are fewer than 1.</exception>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor[] Chunk(int chunks, int dim = 0) => Parts(Arrange.chunk(chunks, dim, _inner));

    /// <summary>The slices of an axis, without it.</summary>
    /// <param name="dim">The axis.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor[] Unbind(int dim = 0) => Parts(Arrange.unbind(dim, _inner));

    /// <summary>The tensor beside itself: so many times along each axis; leading axes may be new.</summary>
    /// <param name="repeats">How often, for each axis.</param>
    /// <exception cref="ShapeException">There are fewer numbers than axes.</exception>
    public Tensor Repeat(params int[] repeats) => Make(TensorModule.repeat(Fs.Sizes(repeats), _inner));

    /// <summary>The elements of some axes in reverse order.</summary>
    /// <param name="dims">The axes.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Flip(params int[] dims) => Make(TensorModule.flip(Fs.Sizes(dims), _inner));

    /// <summary>The elements of an axis moved on; those that leave at one end come back at the other.</summary>
    /// <param name="shifts">By how many places.</param>
    /// <param name="dim">The axis.</param>
    /// <exception cref="ShapeException">There is no such axis.</exception>
    public Tensor Roll(int shifts, int dim) => Make(TensorModule.roll(shifts, dim, _inner));

    /// <summary>All windows of an axis, whose elements are in a new last axis. Nothing is copied.</summary>
    /// <param name="dim">The axis.</param>
    /// <param name="size">How many elements a window has.</param>
    /// <param name="step">Places from one window to the next.</param>
    /// <exception cref="ShapeException">There is no such axis, or it is shorter than a window.</exception>
    public Tensor Unfold(int dim, int size, int step) => Make(TensorModule.unfold(dim, size, step, 1, _inner));

    private Tensor[] Parts(IEnumerable<Core.Tensor> parts) => [.. parts.Select(part => Make(part))];
}
