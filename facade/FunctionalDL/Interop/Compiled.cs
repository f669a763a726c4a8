using FunctionalDL.Core;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace FunctionalDL.Interop;

using Loss = Func<Tensor, Tensor, Tensor>;

/// <summary>
/// The core's functions for one module: a training step, the figures of a batch, and outputs. Compiled
/// functions are traced once for each form of batch; otherwise the same functions run as they are, with the
/// same results to the bit.
/// </summary>
internal sealed class Compiled
{
    private readonly Training _evaluation;
    private readonly Loss _loss;
    private readonly FSharpFunc<Tuple<Variables, Core.Batch>, Core.Metrics> _measure;
    private readonly FSharpFunc<Tuple<Variables, FSharpList<Core.Tensor>>, FSharpList<Core.Tensor>> _outputs;
    private readonly Device _device;
    private readonly bool _isCompiled;
    private IReadOnlyList<string>? _unreached;

    public Compiled(PureModule module, Loss loss, IReadOnlyList<Loss> metrics, Device device, bool isCompiled)
    {
        (Module, _loss, _device, _isCompiled) = (module, loss, device, isCompiled);
        _evaluation = Training(OptimiserModule.sgd(0.0), Fs.List(metrics.Select(Metrics.ToCore)));

        _measure = Made<Tuple<Variables, Core.Batch>, Core.Metrics>(
            x => Train.evaluateBatch(_evaluation, x.Item1, x.Item2));

        _outputs = Made<Tuple<Variables, FSharpList<Core.Tensor>>, FSharpList<Core.Tensor>>(
            x => LayerModule.apply(Module.Layer, Evaluation(x.Item1), x.Item2).Item1);
    }

    public PureModule Module { get; }

    /// <summary>
    /// The paths of the trained parameters that no gradient reaches, as the first loss of training told; empty before.
    /// </summary>
    public IReadOnlyList<string> Unreached => _unreached ?? [];

    /// <summary>The names of the metrics, in order.</summary>
    public IEnumerable<string> MetricNames => _evaluation.Metrics.Select(m => m.Name);

    /// <summary>
    /// A step of training with an optimiser: state and batch to new state and the batch's loss. A state that a compiled
    /// step returned is gone after the next one, unless it was kept (<c>Compile.keep</c>).
    /// </summary>
    public Func<State, Batch, (State State, Core.Metrics Metrics)> Step(Training training)
    {
        var step = Made(
            Fs.Function<Tuple<State, Core.Batch>, Tuple<State, Core.Metrics>>(x => Train.step(training, x.Item1, x.Item2)),
            function => Compile.stepOn(_device.Engine, function));

        return (state, batch) =>
        {
            var result = step.Invoke(Tuple.Create(state, ToCore(batch)));

            // What a plan gives is computed; taking a state apart costs as much as a small layer.
            if (!_isCompiled || Module.HasHooks)
            {
                Computed(StructureLeaves(result));
            }

            return (result.Item1, result.Item2);
        };
    }

    /// <summary>What the core trains. Metrics are measured in validation alone.</summary>
    public Training Training(Optimiser optimiser) => Training(optimiser, FSharpList<Metric>.Empty);

    /// <summary>Loss and metrics of a batch in evaluation mode.</summary>
    public Core.Metrics Measure(Variables variables, Batch batch)
    {
        var metrics = _measure.Invoke(Tuple.Create(variables, ToCore(batch)));
        Computed(StructureLeaves(metrics));
        return metrics;
    }

    /// <summary>The module's output in evaluation mode.</summary>
    public Tensor Output(Variables variables, IEnumerable<Tensor> inputs)
    {
        var outputs = _outputs.Invoke(Tuple.Create(variables, Fs.List(inputs.Select(x => x.Inner))));
        Computed(outputs);
        return new Tensor(outputs.Single());
    }

    /// <summary>The module's output and new state, for a call.</summary>
    public (Core.Tensor Output, Tree<Core.Tensor> State) Forward(Call call, Batch batch)
    {
        var result = LayerModule.apply(Module.Layer, call, ToCore(batch).Inputs);
        return (result.Item1.Single(), result.Item2);
    }

    /// <summary>The output in evaluation mode, not computed yet.</summary>
    public Tensor Evaluated(Variables variables, Batch batch) => new(Forward(Evaluation(variables), batch).Output);

    /// <summary>The loss of an output, which may be tracked.</summary>
    public Tensor Loss(Tensor output, Batch batch)
    {
        var target = Batch.Only(batch.Targets, "targets");
        var loss = LossOf(target.Inner, output.Inner);
        Examine(loss);
        return new Tensor(loss, Sources.Union(output.Sources, target.Sources));
    }

    /// <summary>Loss and metrics of an output.</summary>
    public Core.Metrics Judge(Tensor output, Batch batch) =>
        Train.judge(_evaluation, ToCore(batch), Fs.List([output.Inner]));

    /// <summary>The first operation of a step that makes a number which is not finite, in words; run one by one.</summary>
    public string Find(Training training, State state, Batch batch)
    {
        var found = Debug.findNonFiniteOn(
            _device.Engine,
            Fs.Function<Tuple<State, Core.Batch>, Tuple<State, Core.Metrics>>(x => Train.step(training, x.Item1, x.Item2)),
            Tuple.Create(state, ToCore(batch)));

        return found is null ? "no operation by itself makes it" : found.Value.ToString();
    }

    /// <summary>Computes tensors together, on the device.</summary>
    public void Computed(IEnumerable<Core.Tensor> tensors) => TensorModule.evalOn(_device.Engine, tensors);

    private static Core.Batch ToCore(Batch batch) =>
        new(Fs.List(batch.Inputs.Select(x => x.Inner)), Fs.List(batch.Targets.Select(y => y.Inner)));

    private static Call Evaluation(Variables variables) => new(Mode.Evaluation, variables, KeyModule.ofSeed(0));

    private Training Training(Optimiser optimiser, FSharpList<Metric> metrics) => new(
        Module.Layer,
        Fs.Function<FSharpList<Core.Tensor>, FSharpList<Core.Tensor>, Core.Tensor>((targets, outputs) =>
        {
            var loss = Train.lossOf(Fs.Function<Core.Tensor, Core.Tensor, Core.Tensor>(LossOf), targets, outputs);
            Examine(loss);
            return loss;
        }),
        optimiser,
        metrics);

    /// <summary>Sees, once, which of the parameters given to a call of training its loss does not depend on.</summary>
    private void Examine(Core.Tensor loss)
    {
        var given = Module.TakeGiven();

        // A loss of another form than one number is refused elsewhere, in words that fit.
        if (_unreached is null && given.Count > 0 && loss.Shape.Size == 1)
        {
            var gradients = Eager.gradients(loss, [.. given]);
            _unreached = [.. Module.Trained.Zip(gradients).Where(x => x.Second is null).Select(x => x.First.Path)];
        }
    }

    /// <summary>
    /// The loss. No cell is bound while it runs: a parameter in it would silently not be trained.
    /// </summary>
    private Core.Tensor LossOf(Core.Tensor target, Core.Tensor output)
    {
        using (Ambient.Bound(new Binding(true, new CallKeys(new Dictionary<Module, string>(), KeyModule.ofSeed(0)))))
        {
            return _loss(new Tensor(output), new Tensor(target)).Inner;
        }
    }

    /// <summary>The function, compiled unless hooks look at what it computes.</summary>
    private FSharpFunc<T, TResult> Made<T, TResult>(Func<T, TResult> function) =>
        Made(Fs.Function(function), plain => Compile.on(_device.Engine, plain));

    private FSharpFunc<T, TResult> Made<T, TResult>(
        FSharpFunc<T, TResult> function, Func<FSharpFunc<T, TResult>, FSharpFunc<T, TResult>> compile)
    {
        if (!_isCompiled)
        {
            return function;
        }

        var compiled = compile(function);
        return Fs.Function<T, TResult>(x => Module.HasHooks ? function.Invoke(x) : compiled.Invoke(x));
    }

    private static Core.Tensor[] StructureLeaves<T>(T value) => Structure.leaves(value);
}
