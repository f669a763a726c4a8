using FunctionalDL.Core;
using FunctionalDL.Interop;
using Microsoft.FSharp.Collections;

namespace FunctionalDL.Fitting;

/// <summary>Steps as a loop written by hand takes them, for optimisers that are not the library's.</summary>
internal sealed class EagerRun(
    Compiled compiled, Module model, Func<Tensor, Tensor, Tensor> lossFunc, Optimizer optimizer, Key key) : IRun
{
    private long _steps;

    public IReadOnlyList<string> HyperNames => ["lr"];

    public string? MomentumName => null;

    public IReadOnlyList<string> Unreached { get; private set; } = [];

    public bool Continues(Compiled other) => ReferenceEquals(compiled, other);

    public void Start(IReadOnlyList<Callback> callbacks)
    {
        foreach (var callback in callbacks)
        {
            var rule = OptimiserModule.sgd(0.0);

            if (!ReferenceEquals(callback.Change(rule), rule))
            {
                throw new OptionException(
                    $"{callback.Name} changes the rule of the library's optimisers; {optimizer.GetType().Name} is your own: "
                    + "do the same in its Step");
            }
        }
    }

    public IReadOnlyList<double> Hyper(string name)
    {
        RequireRate(name);
        return [optimizer.Lr];
    }

    public void SetHyper(string name, IReadOnlyList<double> values)
    {
        RequireRate(name);
        optimizer.Lr = values is [var one]
            ? one
            : throw new OptionException($"{name}: {values.Count} values; an optimiser of your own has one for all parameters");
    }

    public Core.Metrics Step(Batch batch)
    {
        var loss = lossFunc(Forward(batch), Batch.Only(batch.Targets, "targets"));
        optimizer.ZeroGrad();
        loss.Backward();
        Unreached = model.ParametersWithoutGrad();
        optimizer.Step();
        optimizer.ZeroGrad();
        return new Core.Metrics(loss.Inner, FSharpList<Core.Measured>.Empty);
    }

    public Tensor Forward(Batch batch)
    {
        // Layers draw what they draw in the core's steps.
        var number = TensorModule.ofInt64s(Fs.Sizes([]), [_steps++]);
        var step = KeyModule.at(number, KeyModule.child("train", key));

        using (Ambient.Drawing(CallKeys.Of(model, step)))
        {
            return model.Call([.. batch.Inputs]);
        }
    }

    public void Update()
    {
        Unreached = model.ParametersWithoutGrad();
        optimizer.Step();
    }

    public void Commit()
    {
        // The optimiser has written the cells.
    }

    public void Adopt()
    {
        // The cells are all there is.
    }

    public void EndEpoch()
    {
    }

    private static void RequireRate(string name)
    {
        if (name != "lr")
        {
            throw new OptionException($"{name}: an optimiser of your own has no such hyper-parameter; it has lr");
        }
    }
}
