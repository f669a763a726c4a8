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
}
