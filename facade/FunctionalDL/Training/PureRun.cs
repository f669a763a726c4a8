using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Steps of the pure core: a state goes through them, and the cells see it only when it is committed.
/// </summary>
internal sealed class PureRun : IRun
{
    private readonly Compiled _compiled;
    private readonly Func<State, Batch, (State State, Core.Metrics Metrics)> _step;
    private State _state;

    public PureRun(Compiled compiled, Optimiser optimiser, Key key)
    {
        _compiled = compiled;
        var training = compiled.Training(optimiser);
        _step = compiled.Step(training);
        _state = Core.Train.initWith(key, compiled.Module.Read(), training);
    }

    public bool Continues(Compiled compiled) => ReferenceEquals(compiled, _compiled);

    public void Start(double lr) => _state = new State(
        _compiled.Module.Read(),
        OptimiserModule.withHyper("lr", lr, _state.Optimiser),
        _state.Key,
        _state.Step,
        _state.Epoch,
        _state.Batch);

    public Core.Metrics Step(Batch batch)
    {
        var (state, metrics) = _step(_state, batch);
        _state = state;
        return metrics;
    }

    public void Commit() => _compiled.Module.Write(_state.Variables);
}
