namespace FunctionalDL;

/// <summary><c>max(x, 0)</c>, element by element; its derivative at 0 is 0.</summary>
public sealed class ReLU : Module
{
    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) => input.Relu();
}
