using System.Runtime.CompilerServices;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>
/// Picking elements. Tensors are immutable, so nothing is assigned to <c>x[...]</c>: see <see cref="Where"/>,
/// <see cref="MaskedFill"/> and <see cref="Scatter(int, Tensor, Tensor)"/>.
/// </content>
public sealed partial class Tensor
{
    /// <summary>
    /// The part of the first axis that the item asks for: a row <c>x[^1]</c>, rows <c>x[..64]</c> (cut to what there is, so that
    /// the last batch may be shorter), rows at positions, or what a mask keeps. What is picked twice gets both
    /// derivatives; a mask looks at its values, so it cannot be used in a compiled function.
    /// </summary>
    /// <param name="item">What is wanted.</param>
    /// <exception cref="ShapeException">It is a scalar, or has no such position.</exception>
    /// <exception cref="ValueException">When computed: a position in a tensor leaves its axis.</exception>
    [IndexerName("Part")]
    public Tensor this[TensorIndex item] => Picked(item);

    /// <summary>
    /// The part that the items ask for, axis by axis, as PyTorch's <c>x[1:3, -1]</c>: <c>x[1..3, ^1]</c>. Axes without an
    /// item are taken whole.
    /// </summary>
    /// <param name="item0">What is wanted of the first axis.</param>
    /// <param name="item1">And of the second.</param>
    /// <exception cref="ShapeException">There are too many items, or no such position.</exception>
    /// <exception cref="ValueException">When computed: a position in a tensor leaves its axis.</exception>
    [IndexerName("Part")]
    public Tensor this[TensorIndex item0, TensorIndex item1] => Picked(item0, item1);

    /// <inheritdoc cref="get_Part(TensorIndex, TensorIndex)"/>
    [IndexerName("Part")]
    public Tensor this[TensorIndex item0, TensorIndex item1, TensorIndex item2] => Picked(item0, item1, item2);

    /// <inheritdoc cref="get_Part(TensorIndex, TensorIndex)"/>
    [IndexerName("Part")]
    public Tensor this[TensorIndex item0, TensorIndex item1, TensorIndex item2, TensorIndex item3] => Picked(item0, item1, item2, item3);

    /// <inheritdoc cref="get_Part(TensorIndex, TensorIndex)"/>
    [IndexerName("Part")]
    public Tensor this[TensorIndex item0, TensorIndex item1, TensorIndex item2, TensorIndex item3, TensorIndex item4] => Picked(item0, item1, item2, item3, item4);

    /// <summary>
    /// <paramref name="input"/> where the condition holds, else <paramref name="other"/>; all three broadcast.
    /// </summary>
    /// <param name="condition">Bool; of other types, whether an element is not zero.</param>
    /// <param name="input">Taken where the condition holds; a number will do.</param>
    /// <param name="other">Taken elsewhere; a number will do.</param>
    public static Tensor Where(Tensor condition, Tensor input, Tensor other) =>
        new(TensorModule.where(condition._inner, input._inner, other._inner), SourcesOf([input, other]));

    /// <summary>
    /// <c>result[i, j] = x[i, index[i, j]]</c> for axis 1, and so on. Repeated positions add up in the gradient.
    /// </summary>
    /// <param name="dim">The axis that is picked from.</param>
    /// <param name="index">
    /// Positions (int32 or int64), of the tensor's rank; on other axes at most its size.
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

    /// <summary>One position of an axis, which goes.</summary>
    /// <param name="dim">The axis.</param>
    /// <param name="index">The position; negative ones count from the end.</param>
    /// <exception cref="ShapeException">There is no such axis or position.</exception>
    public Tensor Select(int dim, int index) => Make(Indexing.select(dim, index, _inner));

    /// <summary>The elements at positions of the tensor read as one axis, in the shape of the index.</summary>
    /// <param name="index">Positions (int32 or int64); negative ones count from the end.</param>
    /// <exception cref="ValueException">When computed: a position does not exist.</exception>
    public Tensor Take(Tensor index) => Make(Indexing.take(index._inner, _inner));

    /// <summary>
    /// The elements where a mask holds, in order, as one axis; the two broadcast. It looks at the mask, so it cannot
    /// be used in a compiled function.
    /// </summary>
    /// <param name="mask">What to keep (bool).</param>
    public Tensor MaskedSelect(Tensor mask) => Make(Indexing.maskedSelect(mask._inner, _inner));

    /// <summary>A number where a mask holds, the element elsewhere; the two broadcast.</summary>
    /// <param name="mask">Where the number goes (bool).</param>
    /// <param name="value">The number.</param>
    public Tensor MaskedFill(Tensor mask, double value) =>
        Make(TensorModule.maskedFill(mask._inner, value, _inner));

    /// <summary>
    /// The positions of the elements that are not 0: int64 <c>[count; rank]</c>. It looks at the elements, so it cannot
    /// be used in a compiled function.
    /// </summary>
    public Tensor Nonzero() => new(Indexing.nonzero(_inner));

    /// <summary>
    /// The tensor with each element of <paramref name="src"/> put at its index along an axis:
    /// <c>result[index[i, j], j] = src[i, j]</c> for axis 0. Of several for one place the last is put.
    /// </summary>
    /// <param name="dim">The axis.</param>
    /// <param name="index">Positions (int32 or int64), of the tensor's rank.</param>
    /// <param name="src">What is put there; at least of the index's sizes.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a position lies outside the axis.</exception>
    public Tensor Scatter(int dim, Tensor index, Tensor src) =>
        Make(Indexing.scatter(dim, index._inner, src._inner, _inner), src);

    /// <summary>The tensor with a number put at positions along an axis.</summary>
    /// <param name="dim">The axis.</param>
    /// <param name="index">Positions (int32 or int64), of the tensor's rank.</param>
    /// <param name="value">The number.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a position lies outside the axis.</exception>
    public Tensor Scatter(int dim, Tensor index, double value) =>
        Make(Indexing.scatterFill(dim, index._inner, value, _inner));

    /// <summary>
    /// The tensor with each element of <paramref name="src"/> added at its index along an axis; repeated positions add up.
    /// </summary>
    /// <param name="dim">The axis.</param>
    /// <param name="index">Positions (int32 or int64), of the tensor's rank.</param>
    /// <param name="src">What is added there; at least of the index's sizes.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a position lies outside the axis.</exception>
    public Tensor ScatterAdd(int dim, Tensor index, Tensor src) =>
        Make(Indexing.scatterAdd(dim, index._inner, src._inner, _inner), src);

    /// <summary>
    /// The tensor with slice <c>i</c> of <paramref name="src"/> added at position <c>index[i]</c> of an axis; repeated positions
    /// add up.
    /// </summary>
    /// <param name="dim">The axis.</param>
    /// <param name="index">Positions (int32 or int64), one axis.</param>
    /// <param name="src">What is added there.</param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a position lies outside the axis.</exception>
    public Tensor IndexAdd(int dim, Tensor index, Tensor src) =>
        Make(Indexing.indexAdd(dim, index._inner, src._inner, _inner), src);

    /// <summary>1 at each class and 0 elsewhere (int64): <c>[…] → […; numClasses]</c>.</summary>
    /// <param name="numClasses">How many classes there are; others give zeros alone.</param>
    public Tensor OneHot(int numClasses) => new(TensorModule.oneHot(numClasses, _inner));

    private Tensor Picked(params ReadOnlySpan<TensorIndex> items)
    {
        var axes = 0;

        foreach (var item in items)
        {
            axes += item.Axes ?? 0;
        }

        if (axes > Rank)
        {
            throw new ShapeException(
                $"index: {axes} axes are asked for and shape {_inner.Shape} has {Rank}"
                + (Rank == 0 ? "; use Item() for the value of a scalar" : ""));
        }

        var axis = 0;
        var picks = new List<Pick>();

        foreach (var item in items)
        {
            // Sizes matter to ranges alone, which stand for one axis.
            picks.Add(item.ToCore(axis < Rank ? _inner.Shape[axis] : 1));
            axis += item.Axes ?? Rank - axes;
        }

        return Make(Indexing.get(Fs.List(picks), _inner));
    }
}
