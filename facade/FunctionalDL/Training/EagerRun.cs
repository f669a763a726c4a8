using FunctionalDL.Interop;
using Microsoft.FSharp.Collections;

namespace FunctionalDL;

/// <summary>Steps as a loop written by hand takes them, for optimisers that are not the library's.</summary>
internal sealed class EagerRun(
    Compiled compiled, Module model, Func<Tensor, Tensor, Tensor> lossFunc, Optimizer optimizer) : IRun
{
    public bool Continues(Compiled other) => ReferenceEquals(compiled, other);

    public void Start(double lr) => optimizer.Lr = lr;

    public Core.Metrics Step(Batch batch)
    {
        var output = model.Call([.. batch.Inputs]);
        var loss = lossFunc(output, Batch.Only(batch.Targets, "targets"));
        optimizer.ZeroGrad();
        loss.Backward();
        optimizer.Step();
        optimizer.ZeroGrad();
        return new Core.Metrics(loss.Inner, FSharpList<Core.Measured>.Empty);
    }

    public void Commit()
    {
        // The optimiser has written the cells.
    }
}
