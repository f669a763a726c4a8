using FunctionalDL.Core;

namespace FunctionalDL.Interop;

/// <summary>
/// The core's pure optimiser for parameter cells: each parameter has a state of its own, so that one that
/// gets its first gradient late starts then, as in PyTorch.
/// </summary>
internal sealed class PureSteps(Optimiser recipe)
{
    private readonly Dictionary<Parameter, OptimiserState> _states = [];

    public Optimiser Recipe => recipe;

    /// <summary>
    /// Moves the parameters that have gradients: all of them, or none when something fails.
    /// </summary>
    public void Step(IEnumerable<Parameter> parameters, double lr)
    {
        var moved = new List<(Parameter Parameter, Core.Tensor Value, OptimiserState State)>();

        foreach (var parameter in parameters)
        {
            if (parameter.RequiresGrad && parameter.Grad is { } gradient)
            {
                var value = Tree<Core.Tensor>.NewLeaf(parameter.Stored);
                var state = _states.TryGetValue(parameter, out var known) ? known : OptimiserModule.init(value, recipe);
                state = OptimiserModule.withHyper("lr", lr, state);
                var next = OptimiserModule.update(Tree<Core.Tensor>.NewLeaf(gradient.Inner), state, value, recipe);
                moved.Add((parameter, Fs.Leaves(next.Item1).Single().Value, next.Item2));
            }
        }

        Fs.Evaluate(moved.SelectMany(m => Structure.leaves(m.State).Append(m.Value)));

        foreach (var (parameter, value, state) in moved)
        {
            parameter.Store(value);
            _states[parameter] = state;
        }
    }
}
