using FunctionalDL.Interop;

namespace FunctionalDL.Fitting;

/// <summary>How a <see cref="Learner"/> takes steps, whole or in parts.</summary>
internal interface IRun
{
    /// <summary>The names of the optimiser's hyper-parameters.</summary>
    IReadOnlyList<string> HyperNames { get; }

    /// <summary>The hyper-parameter that says how much of past gradients goes on; null for none.</summary>
    string? MomentumName { get; }

    /// <summary>The paths of the trained parameters that no gradient reaches; empty before the first step.</summary>
    IReadOnlyList<string> Unreached { get; }

    /// <summary>Whether it was made for these functions, so that a new fit goes on with it.</summary>
    bool Continues(Compiled compiled);

    /// <summary>Begins a fit, from the values that the cells hold now, with the rule as its callbacks change it.</summary>
    void Start(IReadOnlyList<Callback> callbacks);

    /// <summary>The values of a hyper-parameter, one for each layer group.</summary>
    IReadOnlyList<double> Hyper(string name);

    /// <summary>Changes a hyper-parameter: one value, or one for each layer group.</summary>
    void SetHyper(string name, IReadOnlyList<double> values);

    /// <summary>Trains on a batch. When it fails, nothing has changed.</summary>
    Core.Metrics Step(Batch batch);

    /// <summary>
    /// The first part of a step: the output, from parameters in their cells whose gradients
    /// <see cref="Tensor.Backward"/> finds.
    /// </summary>
    Tensor Forward(Batch batch);

    /// <summary>The last part of a step: moves the parameters along the gradients in their cells.</summary>
    void Update();

    /// <summary>Writes the values so far into the cells.</summary>
    void Commit();

    /// <summary>Takes over what was written into the cells since <see cref="Commit"/>.</summary>
    void Adopt();

    /// <summary>An epoch is over.</summary>
    void EndEpoch();
}
