namespace FunctionalDL.Fitting;

/// <summary>What a fit goes through.</summary>
/// <param name="Epochs">How many epochs it has.</param>
/// <param name="Rates">The first learning rate of each layer group.</param>
/// <param name="Batches">The batches of the epoch with this number within the fit, from the one with this number on.</param>
internal sealed record FitPlan(int Epochs, IReadOnlyList<double> Rates, Func<int, int, IEnumerable<Batch>> Batches)
{
    /// <summary>The epoch to begin with: more than 0 when a fit is resumed.</summary>
    public int FirstEpoch { get; init; }

    /// <summary>The batch of that epoch to begin with.</summary>
    public int FirstBatch { get; init; }

    /// <summary>What the fit that is resumed remembered; null for one that begins.</summary>
    public FitState? Resumed { get; init; }

    /// <summary>Whether epochs are followed by a validation.</summary>
    public bool Validates { get; init; } = true;

    /// <summary>Told the epoch and the batch that come next, whenever some are over.</summary>
    public Action<int, int> Reached { get; init; } = (_, _) => { };
}
