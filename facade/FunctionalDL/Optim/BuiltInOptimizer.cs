using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// An optimiser of the library: the core's rule, and what it remembers of each parameter. A parameter that gets its
/// first gradient late starts then, as in PyTorch.
/// </summary>
public abstract class BuiltInOptimizer : Optimizer
{
    private readonly Optimiser _recipe;

    private protected BuiltInOptimizer(IEnumerable<Parameter> parameters, Optimiser recipe)
        : base(parameters, recipe.Hyper.Select(h => KeyValuePair.Create(h.Item1, h.Item2))) => _recipe = recipe;

    /// <summary>What it remembers.</summary>
    internal PureSteps Steps { get; } = new();

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">It has several groups.</exception>
    internal override Optimiser Recipe => ParamGroups.Count == 1
        ? RecipeOf(ParamGroups[0])
        : throw new InvalidOperationException(
            "a Learner makes groups of parameters itself: give it a splitter, and a rate for each group; "
            + "AddParamGroup is for loops written by hand");

    /// <inheritdoc/>
    public override void Step() => Steps.Step(ParamGroups.Select(group => (group, RecipeOf(group))));

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>(base.StateDict());

        foreach (var (i, parameter) in Parameters.Index())
        {
            foreach (var (name, value) in Steps.Remembered(parameter))
            {
                state.Add($"{StatePart}{i}.{name}", new Tensor(value));
            }
        }

        return state;
    }

    /// <inheritdoc/>
    public override void LoadStateDict(IReadOnlyDictionary<string, Tensor> state)
    {
        var groups = ParamGroups.SelectMany(group => group.Parameters.Select(parameter => (parameter, group))).ToList();
        var unknown = state.Keys.Where(name => name.StartsWith(StatePart, StringComparison.Ordinal)).ToHashSet();
        var restored = new List<(Parameter Parameter, OptimiserState? State)>();

        foreach (var (i, (parameter, group)) in groups.Index())
        {
            var part = $"{StatePart}{i}.";
            var own = unknown.Where(name => name.StartsWith(part, StringComparison.Ordinal)).ToList();
            unknown.ExceptWith(own);
            var found = own.ToDictionary(name => name[part.Length..], name => state[name]);
            RequireNames([.. found.Count == 0 ? [] : PureSteps.Names(parameter, RecipeOf(group))], found.Keys);
            restored.Add((parameter, found.Count == 0 ? null : PureSteps.Restored(parameter, RecipeOf(group), found)));
        }

        RequireNames([], unknown);
        base.LoadStateDict(state);
        restored.ForEach(r => Steps.Restore(r.Parameter, r.State));
    }

    private const string StatePart = "state.";

    /// <summary>The core's optimiser of one group.</summary>
    internal Optimiser RecipeOf(ParameterGroup group) => new(
        Fs.List(_recipe.Hyper.Select(h => Tuple.Create(h.Item1, group[h.Item1]))),
        _recipe.Groups,
        _recipe.Transformations,
        _recipe.Every);

    private protected static Tuple<double, double> Betas((double Beta1, double Beta2)? betas, double beta1, double beta2) =>
        betas is { } given ? Tuple.Create(given.Beta1, given.Beta2) : Tuple.Create(beta1, beta2);
}
