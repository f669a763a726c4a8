namespace FunctionalDL;

/// <summary>Batches of a table, with what is known of its columns. fastai's <c>TabularDataLoaders</c>.</summary>
public sealed class TabularDataLoaders : DataLoaders
{
    internal TabularDataLoaders(TabularData table, int batchSize, int? valBatchSize, bool dropLast, long? seed)
        : base(
            new DataLoader(table.Train, batchSize, shuffle: true, dropLast, seed),
            new DataLoader(table.Valid, valBatchSize ?? 2 * batchSize)) => (Table, Classes) = (table, table.Vocab);

    /// <summary>The table that the batches are of.</summary>
    public TabularData Table { get; }

    /// <summary>
    /// Rows of a training batch to look at, with their targets: classes by name (missing where a network sees
    /// <c>#na#</c>), numbers in their own units. It prints as a table.
    /// </summary>
    /// <param name="maxN">The most rows there will be.</param>
    /// <exception cref="InvalidOperationException">There is no batch.</exception>
    public Table ShowBatch(int maxN = 5) => Table.Restored(OneBatch())[..maxN];
}
