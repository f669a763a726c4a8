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

    /// <summary>Whether passes differ: a sampler orders the items, or they are changed at random.</summary>
    internal bool IsRandom => Shuffle || Dataset.IsRandom;

    /// <summary>
    /// The key of the pass with this number: the loader's own if it has a seed, otherwise from another source. Null where all passes are
    /// the same.
    /// </summary>
    internal Key? OrderAt(int number, Generator other) => IsRandom ? (IsSeeded ? _orders : other).At(number) : null;

    /// <summary>The batches of one pass. Its order is chosen now.</summary>
    public IEnumerator<Batch> GetEnumerator() => Pass(IsRandom ? _orders.Next() : null).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Items as a batch of this loader's.</summary>
    internal Batch Collate(IReadOnlyList<Sample> samples) => (_collate ?? Batch.Collate)(samples);

    /// <summary>The items at some positions as a batch of this loader's.</summary>
    internal Batch Items(IReadOnlyList<int> indices) =>
        _collate is null ? Dataset.Select(indices) : _collate([.. indices.Select(i => Dataset.Read(i))]);

    /// <summary>
    /// The batches of one pass, whose order and changes follow from a key, from the batch with this number on; null for the dataset's
    /// own order and no changes.
    /// </summary>
    internal IEnumerable<Batch> Pass(Key? key, int first = 0)
    {
        var makers = Makers(key).Skip(first);
        return _workers == 0 ? makers.Select(make => make()) : Prefetch.Run(makers, _workers, _workers * _prefetch);
    }

    /// <summary>What makes each batch of a pass.</summary>
    private IEnumerable<Func<Batch>> Makers(Key? key)
    {
        if (key is not null && Dataset.IsRandom)
        {
            // Each item has a key of its own, by its place in the pass: who makes the batch, and when, does not matter.
            var items = new Generator(key).Child("items");
            return Positions(key).Select<IReadOnlyList<int>, Func<Batch>>((indices, batch) => () =>
                Collate([.. indices.Select((index, i) => Dataset.Read(index, new Generator(items.At(((long)batch * BatchSize) + i))))]));
        }

        return _batches is null || key is null
            ? Enumerable.Range(0, Count).Select<int, Func<Batch>>(i => () => Make(i * BatchSize))
            : _batches.Batches(new Generator(key)).Select<IReadOnlyList<int>, Func<Batch>>(indices => () => Items(indices));
    }

    /// <summary>The positions of each batch of a pass.</summary>
    private IEnumerable<IReadOnlyList<int>> Positions(Key key) =>
        _batches?.Batches(new Generator(key)) ?? Enumerable.Range(0, Dataset.Count).Chunk(BatchSize).Take(Count);

    private Batch Make(int start)
    {
        var length = Math.Min(BatchSize, Dataset.Count - start);
        return _collate is null ? Dataset.Slice(start, length) : Items([.. Enumerable.Range(start, length)]);
    }
}
