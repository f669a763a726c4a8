using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Moves parameters along their gradients, in loops written by hand: <c>loss.Backward(); opt.Step();
/// opt.ZeroGrad();</c>. Derive from it to write your own: read <see cref="Parameter.Grad"/> and write
/// <see cref="Parameter.Value"/> in <see cref="Step"/>, under <see cref="Autograd.NoGrad"/>.
/// </summary>
public abstract class Optimizer
{
    private readonly List<ParameterGroup> _groups = [];

    /// <summary>An optimiser for some parameters.</summary>
    /// <param name="parameters">What it moves; they are listed once, now.</param>
    /// <param name="lr">How far a parameter moves for its gradient.</param>
    /// <exception cref="ArgumentException">There are no parameters, or one appears twice.</exception>
    protected Optimizer(IEnumerable<Parameter> parameters, double lr)
        : this(parameters, [new("lr", lr)])
    {
    }

    private protected Optimizer(IEnumerable<Parameter> parameters, IEnumerable<KeyValuePair<string, double>> options) =>
        Add(parameters, options);

    /// <summary>What it moves.</summary>
    public IReadOnlyList<Parameter> Parameters => [.. _groups.SelectMany(group => group.Parameters)];

    /// <summary>The groups of parameters, each with its options: PyTorch's <c>param_groups</c>.</summary>
    public IReadOnlyList<ParameterGroup> ParamGroups => _groups;

    /// <summary>
    /// The learning rate of the last group; writing sets that of every group. A <see cref="Learner"/> sets it for
    /// each fit; changing it keeps the movement so far.
    /// </summary>
    /// <exception cref="OptionException">Writing: it is negative.</exception>
    public double Lr
    {
        get => _groups[^1].Lr;

        set
        {
            foreach (var group in _groups)
            {
                group.Lr = value;
            }
        }
    }

    /// <summary>Moves further parameters too, by options of their own.</summary>
    /// <param name="parameters">What is moved.</param>
    /// <param name="options">
    /// Where they differ from the first group, by PyTorch's names: <c>("lr", 1e-3), ("weight_decay", 0)</c>.
    /// </param>
    /// <returns>The group, whose options may be changed between steps.</returns>
    /// <exception cref="ArgumentException">There are no parameters, or one is in a group already.</exception>
    /// <exception cref="OptionException">There is no option of a name, or a value is out of range.</exception>
    public ParameterGroup AddParamGroup(
        IEnumerable<Parameter> parameters, params IEnumerable<(string Name, double Value)> options)
    {
        var all = new Dictionary<string, double>(_groups[0].Options);

        foreach (var (name, value) in options)
        {
            _ = _groups[0][name];
            all[name] = value;
        }

        return Add(parameters, all);
    }

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

    /// <summary>
    /// The options of the groups, <c>groups.0.lr</c>, and what is remembered of each parameter by its position in
    /// <see cref="Parameters"/>, <c>state.0.adam.exp_avg</c>: PyTorch's <c>state_dict</c>, for <see cref="Safetensors"/>. One of
    /// your own that remembers something overrides this and <see cref="LoadStateDict"/>.
    /// </summary>
    public virtual IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>();

        foreach (var (name, group, option) in OptionNames())
        {
            state.Add(name, Tensor.Scalar(group[option], DType.Float64));
        }

        return state;
    }

    /// <summary>
    /// Takes over what <see cref="StateDict"/> gave, of an optimiser of the same kind for parameters of the same shapes. Everything
    /// is checked before anything is changed.
    /// </summary>
    /// <param name="state">The tensors by name.</param>
    /// <exception cref="OptionException">A name is missing or not known here, or a value is out of range.</exception>
    /// <exception cref="ShapeException">A tensor is of a parameter with another shape.</exception>
    public virtual void LoadStateDict(IReadOnlyDictionary<string, Tensor> state)
    {
        var options = OptionNames().ToList();
        RequireNames([.. options.Select(o => o.Name)], [.. state.Keys.Where(name => name.StartsWith(GroupsPart, StringComparison.Ordinal))]);
        options.ForEach(o => Check(o.Option, state[o.Name].Item()));
        options.ForEach(o => o.Group[o.Option] = state[o.Name].Item());
    }

    private protected static void RequireNames(IReadOnlyCollection<string> expected, IReadOnlyCollection<string> found)
    {
        var (missing, unknown) = (expected.Except(found).ToList(), found.Except(expected).ToList());

        if (missing.Count + unknown.Count > 0)
        {
            throw new OptionException(
                "optimizer: the state is that of another optimiser"
                + (missing.Count > 0 ? $"; missing: {string.Join(", ", missing)}" : "")
                + (unknown.Count > 0 ? $"; not known here: {string.Join(", ", unknown)}" : ""));
        }
    }

    private const string GroupsPart = "groups.";

    private IEnumerable<(string Name, ParameterGroup Group, string Option)> OptionNames() =>
        _groups.Index().SelectMany(g => g.Item.Options.Keys.Select(option => ($"{GroupsPart}{g.Index}.{option}", g.Item, option)));

    /// <summary>
    /// The core's optimiser that does the same; null for a user's own, which only runs step by step.
    /// </summary>
    internal virtual Optimiser? Recipe => null;

    /// <summary>Raises OptionException for a value that an option cannot have.</summary>
    private static void Check(string name, double value) =>
        OptimiserModule.create(
            Interop.Fs.List([Tuple.Create(name, value)]), Microsoft.FSharp.Collections.FSharpList<Transformation>.Empty);

    private ParameterGroup Add(IEnumerable<Parameter> parameters, IEnumerable<KeyValuePair<string, double>> options)
    {
        var group = new ParameterGroup(parameters, options, Check);

        if (group.Parameters.Count == 0)
        {
            throw new ArgumentException(
                "the optimiser was given no parameters; does the module hold them where they are found?",
                nameof(parameters));
        }

        if (Parameters.Concat(group.Parameters).Distinct().Count() != Parameters.Count + group.Parameters.Count)
        {
            throw new ArgumentException("the optimiser was given a parameter twice", nameof(parameters));
        }

        _groups.Add(group);
        return group;
    }
}
