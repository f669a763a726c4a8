using FunctionalDL.Core;
using FunctionalDL.Interop;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace FunctionalDL;

using Given = Tuple<FSharpList<Core.Tensor>, FSharpList<OptimiserState>, FSharpList<Core.Tensor>, Key, FSharpList<Core.Tensor>, Core.Tensor>;
using Made = Tuple<Core.Tensor, FSharpList<Core.Tensor>, FSharpList<OptimiserState>, FSharpList<Core.Tensor>>;

/// <summary>
/// A training step (forward, loss, gradients, the optimiser's update) traced into one compiled function: for loops
/// written by hand that want the speed of a <see cref="Learner"/>. Parameters, buffers and the optimiser's memory are those of
/// the module and the optimiser, so that compiled and plain steps may follow each other, with the same bits.
/// </summary>
public sealed class CompiledStep
{
    private readonly Module _module;
    private readonly PureModule _pure;
    private readonly Func<Tensor, Tensor, Tensor> _lossFunc;
    private readonly BuiltInOptimizer _optimizer;
    private readonly IReadOnlyList<(Parameter Parameter, ParameterGroup? Group)> _trained;
    private readonly FSharpFunc<Given, Made> _step;
    private readonly Key _key;
    private long _steps;

    internal CompiledStep(
        Module module, Func<Tensor, Tensor, Tensor> lossFunc, Optimizer optimizer, long? seed, Device? device)
    {
        (_module, _pure, _lossFunc) = (module, new PureModule(module), lossFunc);
        _optimizer = optimizer as BuiltInOptimizer ?? throw new ArgumentException(
            $"{optimizer.GetType().Name} is not an optimiser of the library: its Step runs by itself, after loss.Backward()",
            nameof(optimizer));

        _key = KeyModule.child("train", seed is { } number ? KeyModule.ofSeed(number) : KeyModule.unseeded());
        var groups = optimizer.ParamGroups.SelectMany(g => g.Parameters.Select(p => (Parameter: p, Group: g)))
            .ToDictionary(x => x.Parameter, x => x.Group);
        _trained = [.. _pure.Trained.Select(c => ((Parameter)c.Cell, groups.GetValueOrDefault((Parameter)c.Cell)))];
        _step = Core.Compile.on((device ?? Device.Cpu()).Engine, Fs.Function<Given, Made>(Step));
    }

    /// <summary>
    /// The paths of the parameters that are to be trained and that no gradient reaches; empty before the first step.
    /// </summary>
    public IReadOnlyList<string> Unreached { get; private set; } = [];

    /// <summary>Trains on one input and one target.</summary>
    /// <param name="input">A batch of inputs.</param>
    /// <param name="target">A batch of targets.</param>
    /// <returns>The loss before the step.</returns>
    /// <exception cref="ShapeException">Shapes do not meet; nothing was changed.</exception>
    /// <exception cref="TraceException"><c>Forward</c> or the loss looks at values.</exception>
    public Tensor Run(Tensor input, Tensor target) => Run(new Batch([input], [target]));

    /// <summary>Trains on a batch, which may have several inputs.</summary>
    /// <param name="batch">The batch.</param>
    /// <returns>The loss before the step.</returns>
    /// <exception cref="ShapeException">Shapes do not meet; nothing was changed.</exception>
    /// <exception cref="TraceException"><c>Forward</c> or the loss looks at values.</exception>
    public Tensor Run(Batch batch)
    {
        var key = KeyModule.at(TensorModule.ofInt64s(Fs.Sizes([]), [_steps++]), _key);

        if (_module.HasHooks)
        {
            return RunPlain(batch, key);
        }

        var recipes = _optimizer.ParamGroups.ToDictionary(g => g, _optimizer.RecipeOf);
        var hypers = recipes.ToDictionary(r => r.Key, r => PureSteps.Hypers(r.Value));
        var moving = _trained.Where(t => t.Group is not null).ToList();

        var (loss, values, states, buffers) = _step.Invoke(new Given(
            Fs.List(_trained.Select(t => t.Parameter.Stored)),
            Fs.List(moving.Select(t => _optimizer.Steps.StateOf(t.Parameter, recipes[t.Group!], hypers[t.Group!]))),
            Fs.List(_pure.State.Select(c => PureModule.Stored(c.Cell))),
            key,
            Fs.List(batch.Inputs.Select(x => x.Inner)),
            Batch.Only(batch.Targets, "targets").Inner));

        foreach (var (trained, value, state) in moving.Zip(values, states))
        {
            _optimizer.Steps.Store(trained.Parameter, value, state);
        }

        foreach (var (cell, value) in _pure.State.Zip(buffers))
        {
            (cell.Cell as ModuleBuffer)?.Store(value);
        }

        return new(loss);
    }

    /// <summary>The same step as a loop written by hand takes it, so that hooks see values.</summary>
    private Tensor RunPlain(Batch batch, Key key)
    {
        using (Ambient.Drawing(_pure.Keys(key)))
        {
            var loss = _lossFunc(_module.Call([.. batch.Inputs]), Batch.Only(batch.Targets, "targets"));
            _optimizer.ZeroGrad();
            loss.Backward();
            _optimizer.Step();
            _optimizer.ZeroGrad();
            return loss;
        }
    }

    /// <summary>The step as a pure function; it runs when it is traced.</summary>
    private Made Step(Given given)
    {
        var (values, states, state, key, inputs, target) = given;
        var pass = LossPass.Of(
            _pure, _module, _lossFunc, [.. values], [.. state], key, [.. inputs.Select(x => new Tensor(x))], new Tensor(target));

        var moved = new List<(Core.Tensor Value, OptimiserState State)>();
        var unreached = new List<string>();

        foreach (var (i, (_, group)) in _trained.Index())
        {
            if (pass.Gradients[i] is null)
            {
                unreached.Add(_pure.Trained[i].Path);
            }

            if (group is not null)
            {
                var before = (Value: values[i], State: states[moved.Count]);
                moved.Add(
                    pass.Gradients[i] is { } found
                        ? PureSteps.Moved(_optimizer.RecipeOf(group), before.State, before.Value, found)
                        : before);
            }
        }

        Unreached = unreached;
        return new Made(
            pass.Loss, Fs.List(moved.Select(m => m.Value)), Fs.List(moved.Select(m => m.State)), Fs.List(pass.State));
    }
}
