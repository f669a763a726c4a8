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
