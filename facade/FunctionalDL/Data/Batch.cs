using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>Items for one step: tensors whose first axis is the batch.</summary>
public sealed class Batch
{
    /// <summary>A batch of several inputs or targets.</summary>
    /// <param name="inputs">What the network is given, at least one; a table has two.</param>
    /// <param name="targets">What it should give.</param>
    /// <exception cref="ShapeException">There is no input, or first axes differ.</exception>
    public Batch(IReadOnlyList<Tensor> inputs, IReadOnlyList<Tensor> targets)
    {
        (Inputs, Targets) = (inputs, targets);
        Count = CommonCount("batch", [.. inputs, .. targets]);
    }

    /// <summary>A batch of one input and one target.</summary>
    /// <param name="input">What the network is given.</param>
    /// <param name="target">What it should give.</param>
    /// <exception cref="ShapeException">First axes differ.</exception>
    public Batch(Tensor input, Tensor target)
        : this([input], [target])
    {
    }

    /// <summary>What the network is given.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>What it should give.</summary>
    public IReadOnlyList<Tensor> Targets { get; }

    /// <summary>How many items there are.</summary>
    public int Count { get; }

    /// <summary>The only input and the only target: <c>var (x, y) = batch;</c>.</summary>
    /// <param name="input">The input.</param>
    /// <param name="target">The target.</param>
    /// <exception cref="InvalidOperationException">There are several.</exception>
    public void Deconstruct(out Tensor input, out Tensor target) =>
        (input, target) = (Only(Inputs, "inputs"), Only(Targets, "targets"));

    /// <summary>Items stacked along a new first axis, each of their tensors by itself.</summary>
    /// <param name="samples">At least one item; all alike.</param>
    /// <exception cref="ShapeException">There are none, or their shapes differ.</exception>
    public static Batch Collate(IReadOnlyList<Sample> samples)
    {
        if (samples.Count == 0)
        {
            throw new ShapeException("collate: there are no items");
        }

        Tensor[] Stacked(Func<Sample, IReadOnlyList<Tensor>> part) =>
            [.. part(samples[0]).Select((_, i) => Tensor.Stack([.. samples.Select(s => part(s)[i])]))];

        return new Batch(Stacked(s => s.Inputs), Stacked(s => s.Targets));
    }

    internal static Tensor Only(IReadOnlyList<Tensor> tensors, string what) =>
        tensors.Count == 1
            ? tensors[0]
            : throw new InvalidOperationException(
                $"there are {tensors.Count} {what}; a pair needs one: use the properties Inputs and Targets");

    /// <summary>The size that all tensors have on their first axis.</summary>
    internal static int CommonCount(string what, IReadOnlyList<Tensor> tensors)
    {
        if (tensors.Count == 0 || tensors.Any(t => t.Rank == 0))
        {
            throw new ShapeException(
                $"{what}: it needs at least one tensor, and each needs a first axis that counts items");
        }

        if (tensors.Any(t => t.Shape[0] != tensors[0].Shape[0]))
        {
            throw new ShapeException(
                $"{what}: the first axes count items and need to be equal; the shapes are "
                + string.Join(", ", tensors.Select(t => t.Shape)));
        }

        return tensors[0].Shape[0];
    }
}
