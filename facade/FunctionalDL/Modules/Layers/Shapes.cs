namespace FunctionalDL;

/// <summary>Several axes as one: <c>[batch; height; width] → [batch; height · width]</c>.</summary>
/// <param name="startDim">The first axis of those that become one.</param>
/// <param name="endDim">The last of them.</param>
public sealed class Flatten(int startDim = 1, int endDim = -1) : Module
{
    /// <summary>The first axis of those that become one.</summary>
    public int StartDim { get; } = startDim;

    /// <summary>The last of them.</summary>
    public int EndDim { get; } = endDim;

    /// <inheritdoc/>
    protected internal override string ExtraRepr => $"start_dim={StartDim}, end_dim={EndDim}";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Flatten(StartDim, EndDim);
}

/// <summary>One axis as several.</summary>
/// <param name="dim">The axis.</param>
/// <param name="unflattenedSize">The sizes that it becomes; one may be -1.</param>
public sealed class Unflatten(int dim, params int[] unflattenedSize) : Module
{
    /// <inheritdoc/>
    protected internal override string ExtraRepr => $"dim={dim}, unflattened_size={Repr.Tuple(unflattenedSize)}";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input)
    {
        var axis = dim < 0 ? dim + input.Rank : dim;
        return input.Reshape([.. input.Shape.Take(axis), .. unflattenedSize, .. input.Shape.Skip(axis + 1)]);
    }
}

/// <summary>The same elements in another shape, the batch's axis included: fastai's <c>View</c>.</summary>
/// <param name="shape">The sizes; one may be -1.</param>
public sealed class View(params int[] shape) : Module
{
    /// <inheritdoc/>
    protected internal override string ExtraRepr => string.Join(", ", shape);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Reshape(shape);
}

/// <summary>Gives its input back.</summary>
public sealed class Identity : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input;
}

/// <summary>A function as a module: <c>new Lambda(x =&gt; x.Mean([2, 3]))</c>.</summary>
/// <param name="function">What it does. Parameters that it holds are not found: give them to a module of your own.</param>
public sealed class Lambda(Func<Tensor, Tensor> function) : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => function(input);
}
