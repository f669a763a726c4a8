using System.Collections;
using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// In which order the items of a dataset come, and which of them. An order follows from a generator and nothing
/// else, so that a run that is resumed goes on with the same one.
/// </summary>
public abstract class Sampler : IEnumerable<int>
{
    private readonly Generator _orders;

    /// <summary>A sampler.</summary>
    /// <param name="seed">What the orders that are enumerated follow from; they differ from run to run when not given.</param>
    protected Sampler(long? seed = null) => _orders = seed is { } number ? new Generator(number) : new Generator();

    /// <summary>How many positions an order has.</summary>
    public abstract int Count { get; }

    /// <summary>The positions of one pass, in order.</summary>
    /// <param name="generator">What randomness follows from.</param>
    public abstract IEnumerable<int> Order(Generator generator);

    /// <summary>A new order at each enumeration, where there is randomness.</summary>
    public IEnumerator<int> GetEnumerator() => Order(_orders.Split()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>All items, first to last.</summary>
/// <param name="dataset">Where they are.</param>
public sealed class SequentialSampler(Dataset dataset) : Sampler
{
    /// <inheritdoc/>
    public override int Count => dataset.Count;

    /// <inheritdoc/>
    public override IEnumerable<int> Order(Generator generator) => Enumerable.Range(0, Count);
}

/// <summary>All items, each once, in random order.</summary>
/// <param name="dataset">Where they are.</param>
/// <param name="seed">What the orders that are enumerated follow from; they differ from run to run when not given.</param>
public sealed class RandomSampler(Dataset dataset, long? seed = null) : Sampler(seed)
{
    /// <inheritdoc/>
    public override int Count => dataset.Count;

    /// <inheritdoc/>
    public override IEnumerable<int> Order(Generator generator) =>
        KeyModule.permutation(Count, generator.Key).Select(position => (int)position);
}

/// <summary>Items drawn independently, with repetition, each as often as its weight says: for rare classes.</summary>
public sealed class WeightedRandomSampler : Sampler
{
    private readonly double[] _sums;

    /// <summary>A sampler.</summary>
    /// <param name="weights">A weight for each item, 0 or more; they need not sum to 1.</param>
    /// <param name="count">How many items are drawn for an order; as many as there are when not given.</param>
    /// <param name="seed">What the orders that are enumerated follow from; they differ from run to run when not given.</param>
    /// <exception cref="OptionException">A weight is negative or not finite, all are 0, or the count is less than 1.</exception>
    public WeightedRandomSampler(IReadOnlyList<double> weights, int? count = null, long? seed = null)
        : base(seed)
    {
        if (weights.Any(w => !double.IsFinite(w) || w < 0) || !weights.Any(w => w > 0))
        {
            throw new OptionException("weights: they need to be 0 or more, and one above 0");
        }

        Count = count ?? weights.Count;

        if (Count < 1)
        {
            throw new OptionException($"count: {Count} is too few; 1 or more");
        }

        _sums = new double[weights.Count];
        var sum = 0.0;

        for (var i = 0; i < weights.Count; i++)
        {
            _sums[i] = sum += weights[i];
        }
    }

    /// <inheritdoc/>
    public override int Count { get; }

    /// <inheritdoc/>
    public override IEnumerable<int> Order(Generator generator)
    {
        var drawn = Tensor.Rand([Count], generator.Child("weighted"), DType.Float64).ToArray<double>();
        return drawn.Select(share => After(share * _sums[^1]));
    }

    /// <summary>The first item whose sum of weights is above a number.</summary>
    private int After(double number)
    {
        var (low, high) = (0, _sums.Length - 1);

        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _sums[middle] > number ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}

/// <summary>The positions of another sampler in batches.</summary>
/// <param name="sampler">The positions.</param>
/// <param name="batchSize">How many a batch has; the last one may have fewer.</param>
/// <param name="dropLast">Whether a last batch that is not full is left out.</param>
public sealed class BatchSampler(Sampler sampler, int batchSize, bool dropLast = false) : IEnumerable<IReadOnlyList<int>>
{
    /// <summary>How many batches a pass has.</summary>
    public int Count => dropLast ? sampler.Count / batchSize : (sampler.Count + batchSize - 1) / batchSize;

    /// <summary>How many positions a batch has; the last one may have fewer.</summary>
    public int BatchSize => batchSize;

    /// <summary>The batches of one pass, in order.</summary>
    /// <param name="generator">What randomness follows from.</param>
    public IEnumerable<IReadOnlyList<int>> Batches(Generator generator) => Chunked(sampler.Order(generator));

    /// <summary>A new order at each enumeration, where there is randomness.</summary>
    public IEnumerator<IReadOnlyList<int>> GetEnumerator() => Chunked(sampler).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private IEnumerable<IReadOnlyList<int>> Chunked(IEnumerable<int> positions) => positions.Chunk(batchSize).Take(Count);
}
