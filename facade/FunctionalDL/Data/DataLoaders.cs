namespace FunctionalDL;

/// <summary>The batches that a network is trained on, and those it is judged by.</summary>
/// <param name="train">Batches to train on.</param>
/// <param name="valid">Batches to judge by.</param>
public sealed class DataLoaders(DataLoader train, DataLoader valid)
{
    /// <summary>
    /// Loaders for two datasets: the training part is shuffled; validation batches, which need no gradients,
    /// are twice as large and in order.
    /// </summary>
    /// <param name="train">Items to train on.</param>
    /// <param name="valid">Items to judge by.</param>
    /// <param name="batchSize">How many items a training batch has.</param>
    /// <param name="dropLast">Whether a last training batch that is not full is left out.</param>
    /// <param name="seed">What the orders follow from; when not given they differ from run to run.</param>
    public DataLoaders(Dataset train, Dataset valid, int batchSize = 64, bool dropLast = false, long? seed = null)
        : this(new DataLoader(train, batchSize, shuffle: true, dropLast, seed), new DataLoader(valid, 2 * batchSize))
    {
    }

    /// <summary>Batches to train on.</summary>
    public DataLoader Train { get; } = train;

    /// <summary>Batches to judge by.</summary>
    public DataLoader Valid { get; } = valid;
}
