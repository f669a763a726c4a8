using System.Collections;
using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// Batches of a dataset. It may be enumerated any number of times; when it shuffles, each time in a new
/// order, and loaders of one seed give the same orders one after the other.
/// </summary>
/// <example><c>foreach (var (x, y) in loader) { … }</c></example>
public sealed class DataLoader : IEnumerable<Batch>
{
    private readonly Func<IReadOnlyList<Sample>, Batch>? _collate;
    private readonly Generator _orders;

    /// <summary>Batches of a dataset.</summary>
    /// <param name="dataset">Where the items are.</param>
    /// <param name="batchSize">How many items a batch has; the last one may have fewer.</param>
    /// <param name="shuffle">Whether each pass takes the items in a new random order.</param>
    /// <param name="dropLast">Whether a last batch that is not full is left out.</param>
    /// <param name="seed">
    /// What orders follow from; when not given they differ from run to run, unless a <see cref="Learner"/>
    /// has a seed.
    /// </param>
    /// <param name="collateFn">Makes a batch of items; by default their tensors are stacked.</param>
    /// <exception cref="OptionException">The batch size is less than 1.</exception>
    public DataLoader(
        Dataset dataset,
        int batchSize = 64,
        bool shuffle = false,
        bool dropLast = false,
        long? seed = null,
        Func<IReadOnlyList<Sample>, Batch>? collateFn = null)
    {
        if (batchSize < 1)
        {
            throw new OptionException($"batchSize: {batchSize} is too few; 1 or more");
        }

        (Dataset, BatchSize, Shuffle, DropLast) = (dataset, batchSize, shuffle, dropLast);
        IsSeeded = seed is not null;
        _orders = seed is { } number ? new Generator(number) : new Generator();
        _collate = collateFn;
    }

    /// <summary>Where the items are.</summary>
    public Dataset Dataset { get; }

    /// <summary>How many items a batch has; the last one may have fewer.</summary>
    public int BatchSize { get; }

    /// <summary>Whether each pass takes the items in a new random order.</summary>
    public bool Shuffle { get; }

    /// <summary>Whether a last batch that is not full is left out.</summary>
    public bool DropLast { get; }

    /// <summary>How many batches a pass has.</summary>
    public int Count => DropLast ? Dataset.Count / BatchSize : (Dataset.Count + BatchSize - 1) / BatchSize;

    /// <summary>Whether its orders follow from a seed of its own.</summary>
    internal bool IsSeeded { get; }

    /// <summary>
    /// The key of the order with this number: the loader's own if it has a seed, otherwise from another source. Null
    /// for the dataset's own order.
    /// </summary>
    internal Key? OrderAt(int number, Generator other) => Shuffle ? (IsSeeded ? _orders : other).At(number) : null;

    /// <summary>The batches of one pass. Its order is chosen now.</summary>
    public IEnumerator<Batch> GetEnumerator() => Pass(Shuffle ? _orders.Next() : null).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>
    /// The batches of one pass in the order of a key, from the batch with this number on; null for the dataset's own
    /// order.
    /// </summary>
    internal IEnumerable<Batch> Pass(Key? order, int first = 0)
    {
        var positions = order is null ? null : KeyModule.permutation(Dataset.Count, order);

        for (var i = first; i < Count; i++)
        {
            var start = i * BatchSize;
            var length = Math.Min(BatchSize, Dataset.Count - start);

            yield return positions is null
                ? Make(start, length)
                : Make([.. positions.Skip(start).Take(length).Select(p => (int)p)]);
        }
    }

    private Batch Make(int start, int length) =>
        _collate is null ? Dataset.Slice(start, length) : Make([.. Enumerable.Range(start, length)]);

    private Batch Make(IReadOnlyList<int> indices) =>
        _collate is null ? Dataset.Select(indices) : _collate([.. indices.Select(Dataset.Read)]);
}
