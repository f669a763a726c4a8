using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL.Fitting;

/// <summary>
/// The core's optimiser for the layer groups of a model. Each is one group of the core's, or two where weights
/// decay and biases do not.
/// </summary>
internal sealed class Rule
{
    private readonly IReadOnlyList<(int Layers, bool IsExempt)> _groups;

    private Rule(Optimiser optimiser, IReadOnlyList<(int Layers, bool IsExempt)> groups) =>
        (Optimiser, _groups) = (optimiser, groups);

    public Optimiser Optimiser { get; }

    /// <summary>How many layer groups there are.</summary>
    private int Count => _groups[0].Layers + 1;

    /// <summary>The rule for layer groups, given as the paths of their parameters.</summary>
    /// <param name="optimiser">What all of them follow.</param>
    /// <param name="layers">The paths in each layer group, all of them.</param>
    /// <param name="decay">True weight decay in place of the optimiser's own; null to leave that.</param>
    /// <param name="isExempt">Whether the parameter at a path does not decay.</param>
    public static Rule Of(
        Optimiser optimiser,
        IReadOnlyList<IReadOnlySet<string>> layers,
        double? decay,
        Func<string, bool> isExempt)
    {
        var rule = decay is { } value ? OptimiserModule.decoupledDecay(value, optimiser) : optimiser;
        var hasExempt = layers.Any(paths => paths.Any(isExempt));
        // Those in no group of the core's come first: there are none, and what is read of them is the last group's.
        var groups = new List<(int Layers, bool IsExempt)> { (layers.Count - 1, false) };

        if (layers.Count == 1 && !hasExempt)
        {
            return new Rule(rule, groups);
        }

        for (var i = 0; i < layers.Count; i++)
        {
            var paths = layers[i];
            rule = Group(rule, path => paths.Contains(path) && !isExempt(path), []);
            groups.Add((i, false));

            if (hasExempt)
            {
                rule = Group(rule, path => paths.Contains(path) && isExempt(path), [Tuple.Create("weight_decay", 0.0)]);
                groups.Add((i, true));
            }
        }

        return new Rule(rule, groups);
    }

    /// <summary>The values of the core's groups for one value, or one for each layer group.</summary>
    public IEnumerable<double> Spread(string name, IReadOnlyList<double> values)
    {
        if (values.Count != 1 && values.Count != Count)
        {
            throw new OptionException($"{name}: {values.Count} values for {Count} layer groups; give one, or one for each");
        }

        return _groups.Select(group =>
            group.IsExempt && name == "weight_decay" ? 0.0 : values[values.Count == 1 ? 0 : group.Layers]);
    }

    /// <summary>The values of the layer groups, of those of the core's groups.</summary>
    public IReadOnlyList<double> Gather(IReadOnlyList<double> values) =>
        _groups.Count == 1
            ? [values[0]]
            : [.. Enumerable.Range(0, Count).Select(i => values[Enumerable.Range(1, _groups.Count - 1).First(g => _groups[g].Layers == i)])];

    private static Optimiser Group(Optimiser rule, Func<string, bool> has, IEnumerable<Tuple<string, double>> hyper) =>
        OptimiserModule.group(Fs.Function(has), Fs.List(hyper), rule);
}
