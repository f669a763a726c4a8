using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>Gradients between <see cref="Tensor.Backward"/> and <see cref="Optimizer.Step"/>.</summary>
public static class Gradients
{
    /// <summary>
    /// Shortens the gradients together where they are longer than a length, as PyTorch's <c>clip_grad_norm_</c>: they are
    /// multiplied by <c>maxNorm / (norm + 1e-6)</c> where that is below 1.
    /// </summary>
    /// <param name="parameters">Whose gradients; those without one count for nothing.</param>
    /// <param name="maxNorm">The length, above 0.</param>
    /// <returns>How long they were: the Euclidean norm of all of them as one vector.</returns>
    /// <exception cref="OptionException">The length is not above 0.</exception>
    public static Tensor ClipNorm(IEnumerable<Parameter> parameters, double maxNorm)
    {
        RequirePositive(nameof(maxNorm), maxNorm);
        var held = parameters.Where(p => p.Grad is not null).ToList();
        var norm = new Tensor(Steps.norm(Fs.TreeOf(held.Select((p, i) => ($"{i}", p.Grad!.Inner)))));
        var scale = (maxNorm / (norm + 1e-6)).Minimum(1);
        var clipped = held.Select(p => (Parameter: p, Grad: p.Grad! * scale)).ToList();
        Fs.Evaluate([norm.Inner, .. clipped.Select(c => c.Grad.Inner)]);
        clipped.ForEach(c => c.Parameter.Grad = c.Grad);
        return norm;
    }

    /// <summary>Cuts each element of the gradients to ±value, as PyTorch's <c>clip_grad_value_</c>.</summary>
    /// <param name="parameters">Whose gradients; those without one are left.</param>
    /// <param name="value">The greatest size of an element, above 0.</param>
    /// <exception cref="OptionException">It is not above 0.</exception>
    public static void ClipValue(IEnumerable<Parameter> parameters, double value)
    {
        RequirePositive(nameof(value), value);
        var clipped = parameters.Where(p => p.Grad is not null)
            .Select(p => (Parameter: p, Grad: p.Grad!.Clamp(-value, value)))
            .ToList();

        Fs.Evaluate(clipped.Select(c => c.Grad.Inner));
        clipped.ForEach(c => c.Parameter.Grad = c.Grad);
    }

    private static void RequirePositive(string what, double value)
    {
        if (!(value > 0))
        {
            throw new OptionException($"{what}: {value} is not possible; it is above 0");
        }
    }
}
