using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>Items that lie in tensors in memory, along their first axes.</summary>
public sealed class TensorDataset : Dataset
{
    /// <summary>Items of one input and one target: <c>new TensorDataset(images, labels)</c>.</summary>
    /// <param name="inputs">What the network is given: <c>[items; …]</c>.</param>
    /// <param name="targets">What it should give: <c>[items; …]</c>.</param>
    /// <exception cref="ShapeException">The first axes differ.</exception>
    public TensorDataset(Tensor inputs, Tensor targets)
        : this([inputs], [targets])
    {
    }

    /// <summary>Items of several inputs or targets.</summary>
    /// <param name="inputs">What the network is given, each <c>[items; …]</c>.</param>
    /// <param name="targets">What it should give, each <c>[items; …]</c>.</param>
    /// <exception cref="ShapeException">The first axes differ.</exception>
    public TensorDataset(IReadOnlyList<Tensor> inputs, IReadOnlyList<Tensor> targets)
    {
        (Inputs, Targets) = (inputs, targets);
        Count = Batch.CommonCount("dataset", [.. inputs, .. targets]);
        // A pending value would be computed again for each batch.
        Interop.Fs.Evaluate([.. inputs.Select(t => t.Inner), .. targets.Select(t => t.Inner)]);
    }

    /// <summary>All items' inputs.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>All items' targets.</summary>
    public IReadOnlyList<Tensor> Targets { get; }

    /// <inheritdoc/>
    public override int Count { get; }

    /// <inheritdoc/>
    public override Sample this[int index] =>
        index >= 0 && index < Count
            ? new([.. Inputs.Select(t => t[index])], [.. Targets.Select(t => t[index])])
            : throw new ArgumentOutOfRangeException(nameof(index), index, $"there are {Count} items");

    /// <inheritdoc/>
    protected internal override Batch Slice(int start, int length) =>
        Map(t => t.Narrow(0, start, length));

    /// <inheritdoc/>
    protected internal override Batch Select(IReadOnlyList<int> indices)
    {
        var index = Tensor.From([.. indices.Select(i => (long)i)]);
        return Map(t => t.IndexSelect(0, index));
    }

    private Batch Map(Func<Tensor, Tensor> part) => new([.. Inputs.Select(part)], [.. Targets.Select(part)]);
}
