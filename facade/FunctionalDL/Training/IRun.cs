using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>How a <see cref="Learner"/> takes steps.</summary>
internal interface IRun
{
    /// <summary>Whether it was made for these functions, so that a new fit goes on with it.</summary>
    bool Continues(Compiled compiled);

    /// <summary>Begins a fit, from the values that the cells hold now.</summary>
    void Start(double lr);

    /// <summary>Trains on a batch. When it fails, nothing has changed.</summary>
    Core.Metrics Step(Batch batch);

    /// <summary>Writes the values so far into the cells.</summary>
    void Commit();
}
