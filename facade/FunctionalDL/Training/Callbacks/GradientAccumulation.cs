using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Moves the parameters once in several batches, by the mean of their gradients: batches of that many times the
/// size in the memory of one. Part of the compiled step.
/// </summary>
/// <param name="batches">How many batches make a step, at least 1.</param>
public sealed class GradientAccumulation(int batches) : Callback
{
    internal override Optimiser Change(Optimiser optimiser) => OptimiserModule.accumulate(batches, optimiser);
}
