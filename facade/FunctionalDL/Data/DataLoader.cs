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
    private readonly BatchSampler? _batches;
    private readonly int _workers;
    private readonly int _prefetch;
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
    /// <param name="sampler">In which order items come, and which; then <paramref name="shuffle"/> is not given.</param>
    /// <param name="batchSampler">
    /// Which items make each batch; then neither a size, nor an order, nor <paramref name="dropLast"/> is given.
    /// </param>
    /// <param name="numWorkers">
    /// How many batches are made at once in the background; none when 0. The batches do not depend on it.
    /// </param>
    /// <param name="prefetchFactor">How many batches each worker makes ahead, at least 1.</param>
    /// <exception cref="OptionException">A number is too small, or options exclude each other.</exception>
    public DataLoader(
        Dataset dataset,
        int batchSize = 64,
        bool shuffle = false,
        bool dropLast = false,
        long? seed = null,
        Func<IReadOnlyList<Sample>, Batch>? collateFn = null,
        Sampler? sampler = null,
        BatchSampler? batchSampler = null,
        int numWorkers = 0,
        int prefetchFactor = 2)
    {
        if (batchSize < 1)
        {
            throw new OptionException($"batchSize: {batchSize} is too few; 1 or more");
        }

        if (numWorkers < 0 || prefetchFactor < 1)
        {
            throw new OptionException(
                $"numWorkers: {numWorkers} with prefetchFactor {prefetchFactor}; they are 0 or more, and 1 or more");
        }

        if ((sampler is not null && shuffle) || (batchSampler is not null && (sampler is not null || shuffle || dropLast)))
        {
            throw new OptionException("sampler: a sampler says all of the order: give it alone");
        }

        sampler ??= shuffle ? new RandomSampler(dataset) : null;
        _batches = batchSampler ?? (sampler is null ? null : new BatchSampler(sampler, batchSize, dropLast));
        (Dataset, BatchSize, Shuffle, DropLast) = (dataset, _batches?.BatchSize ?? batchSize, _batches is not null, dropLast);
        IsSeeded = seed is not null;
        _orders = seed is { } number ? new Generator(number) : new Generator();
        (_collate, _workers, _prefetch) = (collateFn, numWorkers, prefetchFactor);
    }

    /// <summary>Where the items are.</summary>
    public Dataset Dataset { get; }

    /// <summary>How many items a batch has; the last one may have fewer.</summary>
    public int BatchSize { get; }

    /// <summary>Whether a sampler says the order, and not the dataset.</summary>
    public bool Shuffle { get; }

    /// <summary>Whether a last batch that is not full is left out.</summary>
    public bool DropLast { get; }

    /// <summary>How many batches a pass has.</summary>
    public int Count => _batches?.Count ?? (DropLast ? Dataset.Count / BatchSize : (Dataset.Count + BatchSize - 1) / BatchSize);

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
        var makers = Makers(order).Skip(first);
        return _workers == 0 ? makers.Select(make => make()) : Prefetch.Run(makers, _workers, _workers * _prefetch);
    }

    /// <summary>What makes each batch of a pass.</summary>
    private IEnumerable<Func<Batch>> Makers(Key? order) =>
        _batches is null || order is null
            ? Enumerable.Range(0, Count).Select<int, Func<Batch>>(i => () => Make(i * BatchSize))
            : _batches.Batches(new Generator(order)).Select<IReadOnlyList<int>, Func<Batch>>(indices => () => Make(indices));

    private Batch Make(int start)
    {
        var length = Math.Min(BatchSize, Dataset.Count - start);
        return _collate is null ? Dataset.Slice(start, length) : Make([.. Enumerable.Range(start, length)]);
    }

    private Batch Make(IReadOnlyList<int> indices) =>
        _collate is null ? Dataset.Select(indices) : _collate([.. indices.Select(Dataset.Read)]);
}
