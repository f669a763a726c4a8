using FunctionalDL.Core;
using Microsoft.FSharp.Collections;

namespace FunctionalDL.Interop;

/// <summary>
/// The core's pure optimiser for parameter cells: each parameter has a state of its own, so that one that
/// gets its first gradient late starts then, as in PyTorch.
/// </summary>
internal sealed class PureSteps
{
    private readonly Dictionary<Parameter, OptimiserState> _states = [];

    /// <summary>
    /// Moves the parameters that have gradients: all of them, or none when something fails.
    /// </summary>
    public void Step(IEnumerable<(ParameterGroup Group, Optimiser Recipe)> groups)
    {
        var moved = new List<(Parameter Parameter, Core.Tensor Value, OptimiserState State)>();

        foreach (var (group, recipe) in groups)
        {
            var hypers = Hypers(recipe);

            foreach (var parameter in group.Parameters)
            {
                if (parameter.RequiresGrad && parameter.Grad is { } gradient)
                {
                    var (value, state) = Moved(
                        recipe, StateOf(parameter, recipe, hypers), parameter.Stored, gradient.Inner);

                    moved.Add((parameter, value, state));
                }
            }
        }

        Fs.Evaluate(moved.SelectMany(m => Structure.leaves(m.State).Append(m.Value)));

        foreach (var (parameter, value, state) in moved)
        {
            Store(parameter, value, state);
        }
    }

    /// <summary>A parameter's next value and state. Pure.</summary>
    public static (Core.Tensor Value, OptimiserState State) Moved(
        Optimiser recipe, OptimiserState state, Core.Tensor value, Core.Tensor gradient)
    {
        var (next, nextState) = OptimiserModule.update(
            Tree<Core.Tensor>.NewLeaf(gradient), state, Tree<Core.Tensor>.NewLeaf(value), recipe);

        return (Fs.Leaves(next).Single().Value, nextState);
    }

    /// <summary>The hyper-parameters that a recipe's steps read now.</summary>
    public static FSharpList<FSharpMap<string, Core.Tensor>> Hypers(Optimiser recipe) =>
        OptimiserModule.init(Tree.empty<Core.Tensor>(), recipe).Hypers;

    /// <summary>What is remembered of a parameter, with the hyper-parameters of now.</summary>
    public OptimiserState StateOf(
        Parameter parameter, Optimiser recipe, FSharpList<FSharpMap<string, Core.Tensor>> hypers)
    {
        var state = _states.TryGetValue(parameter, out var known)
            ? known
            : First(parameter, recipe);

        return new(state.Step, hypers, state.Slots);
    }

    /// <summary>What is remembered of a parameter, by name; nothing before its first step.</summary>
    public IEnumerable<(string Name, Core.Tensor Value)> Remembered(Parameter parameter) =>
        _states.TryGetValue(parameter, out var state) ? Named(state) : [];

    /// <summary>The names of what a recipe remembers of a parameter.</summary>
    public static IEnumerable<string> Names(Parameter parameter, Optimiser recipe) =>
        Named(First(parameter, recipe)).Select(part => part.Name);

    /// <summary>What is remembered of a parameter, from all that <see cref="Names"/> lists.</summary>
    public static OptimiserState Restored(Parameter parameter, Optimiser recipe, IReadOnlyDictionary<string, Tensor> found)
    {
        var first = First(parameter, recipe);

        foreach (var (name, value) in Named(first))
        {
            Cell.RequireSameType($"optimiser's {name}", value, found[name]);
        }

        var slots = Fs.Leaves(first.Slots).Select(slot => found[slot.Path].Inner);
        return new(found[StepName].Inner, first.Hypers, Structure.rebuild(first.Slots, slots));
    }

    /// <summary>Takes over what is remembered of a parameter; null to begin anew.</summary>
    public void Restore(Parameter parameter, OptimiserState? state)
    {
        _ = _states.Remove(parameter);

        if (state is not null)
        {
            _states[parameter] = state;
        }
    }

    private const string StepName = "step";

    private static OptimiserState First(Parameter parameter, Optimiser recipe) =>
        OptimiserModule.init(Tree<Core.Tensor>.NewLeaf(parameter.Stored), recipe);

    private static IEnumerable<(string Name, Core.Tensor Value)> Named(OptimiserState state) =>
        Fs.Leaves(state.Slots).Prepend((StepName, state.Step));

    public void Store(Parameter parameter, Core.Tensor value, OptimiserState state)
    {
        parameter.Store(value);
        _states[parameter] = state;
    }
}
