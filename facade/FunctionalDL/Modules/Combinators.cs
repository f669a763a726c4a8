namespace FunctionalDL;

/// <summary>
/// <c>body(x) + shortcut(x)</c>; the input itself where there is no shortcut (K. He and others, CVPR 2016).
/// </summary>
/// <param name="body">What is added to its own input.</param>
/// <param name="shortcut">What goes around it, where sizes change.</param>
public sealed class Residual(Module body, Module? shortcut = null) : Module
{
    /// <summary>What is added to its own input.</summary>
    public Module Body { get; } = body;

    /// <summary>What goes around it; null for the input itself.</summary>
    public Module? Shortcut { get; } = shortcut;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) =>
        Body.Call(input) + (Shortcut is null ? input : Shortcut.Call(input));
}

/// <summary>Modules side by side on the same input, whose outputs are joined along an axis.</summary>
/// <param name="branches">At least one module.</param>
/// <param name="dim">The axis; the channels' when not given.</param>
public sealed class ConcatBranches(IReadOnlyList<Module> branches, int dim = 1) : Module
{
    private readonly Module[] _branches = [.. branches];

    /// <inheritdoc/>
    protected internal override string ExtraRepr => $"dim={dim}";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => Tensor.Cat([.. _branches.Select(b => b.Call(input))], dim);
}
