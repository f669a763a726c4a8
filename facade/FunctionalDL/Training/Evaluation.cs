namespace FunctionalDL;

/// <summary>Means over items, exact whatever the sizes of the batches.</summary>
/// <param name="Loss">The mean loss.</param>
/// <param name="Metrics">
/// The mean of each metric by name, in the order given to the <see cref="Learner"/>.
/// </param>
/// <param name="Items">How many items there were.</param>
public sealed record Evaluation(double Loss, IReadOnlyDictionary<string, double> Metrics, int Items);
