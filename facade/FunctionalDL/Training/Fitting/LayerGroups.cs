using FunctionalDL.Core;

namespace FunctionalDL.Fitting;

/// <summary>The layer groups of a model, from the input to the output, and what of them is trained and decays.</summary>
internal sealed class LayerGroups(
    Module model,
    Func<Module, IReadOnlyList<IReadOnlyList<Parameter>>>? splitter,
    double? decay,
    bool decaysAll,
    bool trainsBatchNorms)
{
    /// <summary>The groups as they are now. All parameters are in one group each.</summary>
    public IReadOnlyList<IReadOnlyList<Parameter>> All()
    {
        var all = model.Parameters();
        var groups = splitter?.Invoke(model) ?? [all];
        var given = groups.SelectMany(group => group).ToList();

        if (groups.Count == 0 || given.Distinct().Count() != given.Count || !given.ToHashSet().SetEquals(all))
        {
            throw new OptionException(
                $"splitter: its {groups.Count} groups have {given.Count} parameters and the model has {all.Count}; "
                + "each needs to be in one group");
        }

        return groups;
    }

    /// <summary>The core's rule for the groups.</summary>
    public Rule Rule(Optimiser recipe)
    {
        var paths = model.NamedParameters().ToDictionary(p => p.Parameter, p => p.Name);
        var exempt = decaysAll ? [] : model.NamedParameters().Where(p => IsBiasOrNorm(p.Name)).Select(p => p.Name).ToHashSet();
        var layers = All().Select(IReadOnlySet<string> (group) => group.Select(p => paths[p]).ToHashSet()).ToList();
        return Fitting.Rule.Of(recipe, layers, decay, exempt.Contains);
    }

    /// <summary>Trains the groups from this one on alone; batch norms in the others are trained if that was asked for.</summary>
    public void FreezeTo(int first)
    {
        var groups = All();
        var start = first < 0 ? groups.Count + first : first;

        if (start < 0 || start >= groups.Count)
        {
            throw new OptionException(
                $"freeze: there is no layer group {first} of {groups.Count}; give the learner a splitter that makes several");
        }

        var kept = trainsBatchNorms ? Norms(IsBatchNorm) : [];

        for (var i = 0; i < groups.Count; i++)
        {
            foreach (var parameter in groups[i])
            {
                parameter.RequiresGrad = i >= start || kept.Contains(parameter);
            }
        }
    }

    private static bool IsBatchNorm(Module module) => module.TypeName.StartsWith("BatchNorm", StringComparison.Ordinal);

    private static bool IsNorm(Module module) => module.TypeName.Contains("Norm", StringComparison.Ordinal);

    private bool IsBiasOrNorm(string path) =>
        path.Split('.')[^1] == "bias" || Norms(IsNorm).Contains(model.NamedParameters().First(p => p.Name == path).Parameter);

    private HashSet<Parameter> Norms(Func<Module, bool> isOne) =>
        [.. model.NamedModules().Where(m => isOne(m.Module)).SelectMany(m => m.Module.Parameters())];
}
