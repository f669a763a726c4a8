using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>The same elements under other axes, and picking elements.</content>
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

    /// <summary>
    /// The matrix product: vectors are rows on the left and columns on the right, leading axes are a batch
    /// and broadcast. <c>[batch; m; k] · [batch; k; n] → [batch; m; n]</c>.
    /// </summary>
    /// <param name="other">The right operand.</param>
    /// <exception cref="ShapeException">The inner sizes differ, or an operand is a scalar.</exception>
    public Tensor MatMul(Tensor other) => Make(TensorModule.matmul(_inner, other._inner), other);

    /// <summary>
    /// <c>result[i, j] = x[i, index[i, j]]</c> for axis 1, and so on. Repeated positions add up in the gradient.
    /// </summary>
    /// <param name="dim">The axis that is picked from.</param>
    /// <param name="index">
    /// Positions (int32 or int64), of the tensor's rank; only its size on the axis may differ.
    /// </param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a position lies outside the axis.</exception>
    public Tensor Gather(int dim, Tensor index) => Make(TensorModule.gather(dim, index._inner, _inner));

    /// <summary>The parts of an axis at some positions, in that order; repeated ones are repeated.</summary>
    /// <param name="dim">The axis that is picked from.</param>
    /// <param name="index">Positions (int32 or int64), one axis.</param>
    /// <exception cref="ShapeException">The index has other than one axis.</exception>
    /// <exception cref="ValueException">When computed: a position lies outside the axis.</exception>
    public Tensor IndexSelect(int dim, Tensor index) => Make(TensorModule.indexSelect(dim, index._inner, _inner));

    /// <summary>1 at each class and 0 elsewhere (int64): <c>[…] → […; numClasses]</c>.</summary>
    /// <param name="numClasses">How many classes there are; others give zeros alone.</param>
    public Tensor OneHot(int numClasses) => new(TensorModule.oneHot(numClasses, _inner));
}
