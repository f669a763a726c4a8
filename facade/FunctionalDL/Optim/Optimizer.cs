namespace FunctionalDL;

/// <summary>
/// Moves parameters along their gradients, in loops written by hand: <c>loss.Backward(); opt.Step();
/// opt.ZeroGrad();</c>. Derive from it to write your own: read <see cref="Parameter.Grad"/> and write
/// <see cref="Parameter.Value"/> in <see cref="Step"/>, under <see cref="Autograd.NoGrad"/>.
/// </summary>
public abstract class Optimizer
{
    /// <summary>An optimiser for some parameters.</summary>
    /// <param name="parameters">What it moves; they are listed once, now.</param>
    /// <param name="lr">How far a parameter moves for its gradient.</param>
    /// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
    protected Optimizer(IEnumerable<Parameter> parameters, double lr)
    {
        (Parameters, Lr) = ([.. parameters], lr);

        if (Parameters.Count == 0)
        {
            throw new ArgumentException(
                "the optimiser was given no parameters; does the module hold them where they are found?",
                nameof(parameters));
        }

        if (Parameters.Distinct().Count() != Parameters.Count)
        {
            throw new ArgumentException("the optimiser was given a parameter twice", nameof(parameters));
        }
    }

    /// <summary>What it moves.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>
    /// The learning rate. A <see cref="Learner"/> sets it for each fit; changing it keeps the movement so
    /// far.
    /// </summary>
    public virtual double Lr { get; set; }

    /// <summary>
    /// The core's optimiser that does the same; null for a user's own, which only runs step by step.
    /// </summary>
    internal virtual Core.Optimiser? Recipe => null;

    /// <summary>Moves every parameter that has a gradient.</summary>
    public abstract void Step();

    /// <summary>Forgets the gradients of its parameters.</summary>
    public void ZeroGrad()
    {
        foreach (var parameter in Parameters)
        {
            parameter.ZeroGrad();
        }
    }
}
