using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Shortens the gradients of all parameters together to a length before each step, where they are longer: <c>g
/// ← g · maxNorm / (‖g‖ + 1e-6)</c>, as PyTorch's <c>clip_grad_norm_</c>. Part of the compiled step.
/// </summary>
/// <param name="maxNorm">The greatest length, above 0.</param>
public sealed class GradientClipping(double maxNorm) : Callback
{
    internal override Optimiser Change(Optimiser optimiser) => OptimiserModule.clipNorm(maxNorm, optimiser);
}
