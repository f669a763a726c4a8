namespace FunctionalDL;

/// <summary>One item of a dataset: tensors without a batch axis.</summary>
/// <param name="inputs">What the network is given; a table's rows have two.</param>
/// <param name="targets">What it should give.</param>
public sealed class Sample(IReadOnlyList<Tensor> inputs, IReadOnlyList<Tensor> targets)
{
    /// <summary>An item of one input and one target.</summary>
    /// <param name="input">What the network is given.</param>
    /// <param name="target">What it should give.</param>
    public Sample(Tensor input, Tensor target)
        : this([input], [target])
    {
    }

    /// <summary>What the network is given.</summary>
    public IReadOnlyList<Tensor> Inputs { get; } = inputs;

    /// <summary>What it should give.</summary>
    public IReadOnlyList<Tensor> Targets { get; } = targets;

    /// <summary>The only input and the only target: <c>var (x, y) = sample;</c>.</summary>
    /// <param name="input">The input.</param>
    /// <param name="target">The target.</param>
    /// <exception cref="InvalidOperationException">There are several.</exception>
    public void Deconstruct(out Tensor input, out Tensor target) =>
        (input, target) = (Batch.Only(Inputs, "inputs"), Batch.Only(Targets, "targets"));
}
