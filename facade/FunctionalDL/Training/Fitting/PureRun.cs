using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL.Fitting;

/// <summary>
/// Steps of the pure core: a state goes through them, and the cells see it only when it is committed.
/// </summary>
internal sealed class PureRun : IRun
{
    private readonly Compiled _compiled;
    private readonly Rule _rule;
    private Optimiser _optimiser;
    private Training _training;
    private Func<State, Batch, (State State, Core.Metrics Metrics)> _step;
    private Tree<Core.Tensor>? _layerState;
    private State _state; // its memory is the next step's, unless somebody else has seen it

    public PureRun(Compiled compiled, Rule rule, Key key)
    {
        (_compiled, _rule, _optimiser) = (compiled, rule, rule.Optimiser);
        _training = compiled.Training(_optimiser);
        _step = compiled.Step(_training);
        _state = Core.Train.initWith(key, compiled.Module.Read(), _training);
    }

    /// <summary>All that training changes; what was read stays as it is.</summary>
    public State State
    {
        get => Compile.keep(_state);
        set => _state = value;
    }

    public IReadOnlyList<string> HyperNames => [.. _state.Optimiser.Hypers.Head.Keys];

    public string? MomentumName => new[] { "momentum", "beta1" }.FirstOrDefault(_state.Optimiser.Hypers.Head.ContainsKey);

    public IReadOnlyList<string> Unreached => _compiled.Unreached;

    public bool Continues(Compiled compiled) => ReferenceEquals(compiled, _compiled);

    public void Start(IReadOnlyList<Callback> callbacks)
    {
        var optimiser = callbacks.Aggregate(_rule.Optimiser, (rule, callback) => callback.Change(rule));

        if (!ReferenceEquals(optimiser, _optimiser))
        {
            _optimiser = optimiser;
            _training = _compiled.Training(optimiser);
            _step = _compiled.Step(_training);
            var fresh = OptimiserModule.init(_state.Variables.Parameters, optimiser);
            _state = With(_state.Variables, OptimiserModule.carryOver(_state.Optimiser, fresh));
        }

        _state = With(_compiled.Module.Read(), _state.Optimiser);
    }

    public IReadOnlyList<double> Hyper(string name) =>
        _state.Optimiser.Hypers.Head.ContainsKey(name)
            ? _rule.Gather([.. _state.Optimiser.Hypers.Select(group => TensorModule.item(group[name]))])
            : throw new OptionException($"{name}: this optimiser has no such hyper-parameter; it has {string.Join(", ", HyperNames)}");

    public void SetHyper(string name, IReadOnlyList<double> values) => _state = With(
        _state.Variables,
        OptimiserModule.withHypers(name, Fs.List(_rule.Spread(name, values)), _state.Optimiser));

    public Core.Metrics Step(Batch batch)
    {
        var (state, metrics) = _step(_state, batch);
        _state = state;
        return metrics;
    }

    public Tensor Forward(Batch batch)
    {
        Commit();

        var probes = new List<Variable>();

        using (Ambient.WithGradients())
        using (Ambient.Probing(probes))
        {
            var (parameters, sources) = _compiled.Module.Tracked();
            var (output, state) = _compiled.Forward(Core.Train.call(_state, parameters), batch);
            _layerState = state;
            return new Tensor(output, Sources.Union([sources, .. probes.Select(probe => new Sources(probe))]));
        }
    }

    public void Update()
    {
        var gradients = _compiled.Module.Gradients();
        // Without how it was computed, which would live on with the state.
        var layerState = Structure.map(Fs.Function<Core.Tensor, Core.Tensor>(Cell.Forgetful), _layerState);
        var next = Core.Train.advance(_training, layerState, gradients, _state);
        _compiled.Computed(Structure.leaves(next));
        _state = next;
        _layerState = null;
    }

    public void Commit() => _compiled.Module.Write(Compile.keep(_state.Variables));

    public void Adopt()
    {
        if (!_compiled.Module.Holds(_state.Variables))
        {
            _state = With(_compiled.Module.Read(), _state.Optimiser);
        }
    }

    /// <summary>What the optimiser remembers, by name; without what callbacks of one fit have added to it.</summary>
    public IReadOnlyDictionary<string, Tensor> OptimiserTensors() => Tensors(Lasting)
        .Where(t => t.Key.StartsWith(OptimiserPart, StringComparison.Ordinal))
        .ToDictionary();

    /// <summary>Takes over what <see cref="OptimiserTensors"/> gave; refused, with nothing changed, when it is of another optimiser.</summary>
    public void LoadOptimiser(IReadOnlyDictionary<string, Tensor> tensors)
    {
        var lasting = Lasting;
        var all = Tensors(lasting).Where(t => !t.Key.StartsWith(OptimiserPart, StringComparison.Ordinal)).Concat(tensors);
        State = StateModule.ofTensors(lasting, all.Select(t => Tuple.Create(t.Key, t.Value.Inner)));
        (_optimiser, _training) = (_rule.Optimiser, _compiled.Training(_rule.Optimiser));
        _step = _compiled.Step(_training);
    }

    private const string OptimiserPart = "optimiser.";

    /// <summary>The state by the rule as it is without callbacks.</summary>
    private State Lasting => With(
        State.Variables,
        OptimiserModule.carryOver(State.Optimiser, OptimiserModule.init(State.Variables.Parameters, _rule.Optimiser)));

    private static Dictionary<string, Tensor> Tensors(State state) =>
        StateModule.toTensors(state).ToDictionary(t => t.Item1, t => new Tensor(t.Item2));

    /// <summary>Whether all parameters are finite numbers.</summary>
    public bool IsFinite => Structure.leaves(_state.Variables.Parameters).All(Finite.All);

    /// <summary>Where the first number that is not finite comes from, in a step from a state.</summary>
    public string WhereItBegan(State state, Module model, Batch batch)
    {
        _state = state;
        Commit();
        return $"{_compiled.Find(_training, state, batch)}; in {Finite.Place(_compiled, this, model, batch)}";
    }

    public void EndEpoch() => _state = Core.Train.endEpoch(_state);

    private State With(Variables variables, OptimiserState optimiser) =>
        new(variables, optimiser, _state.Key, _state.Step, _state.Epoch, _state.Batch);
}
