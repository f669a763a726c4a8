namespace FunctionalDL;

/// <summary>Some items of another dataset.</summary>
public sealed class Subset : Dataset
{
    private readonly Dataset _dataset;
    private readonly int[] _indices;

    /// <summary>The items at some positions, in that order.</summary>
    /// <param name="dataset">Where they are.</param>
    /// <param name="indices">Positions there.</param>
    /// <exception cref="ArgumentOutOfRangeException">A position does not exist.</exception>
    public Subset(Dataset dataset, IEnumerable<int> indices)
    {
        _dataset = dataset;
        _indices = [.. indices];

        if (_indices.Any(i => i < 0 || i >= dataset.Count))
        {
            throw new ArgumentOutOfRangeException(
                nameof(indices), _indices.First(i => i < 0 || i >= dataset.Count), $"there are {dataset.Count} items");
        }
    }

    /// <summary>A range of items.</summary>
    /// <param name="dataset">Where they are.</param>
    /// <param name="range">Positions there.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches beyond the items.</exception>
    public Subset(Dataset dataset, Range range)
        : this(dataset, Positions(dataset, range))
    {
    }

    /// <inheritdoc/>
    public override int Count => _indices.Length;

    /// <summary>The positions of its items in the other dataset.</summary>
    public IReadOnlyList<int> Indices => _indices;

    /// <inheritdoc/>
    public override Sample this[int index] => _dataset[_indices[index]];

    /// <inheritdoc/>
    protected internal override bool IsRandom => _dataset.IsRandom;

    /// <inheritdoc/>
    protected internal override Sample Draw(int index, Generator random) => _dataset.Draw(_indices[index], random);

    /// <inheritdoc/>
    protected internal override Batch Select(IReadOnlyList<int> indices) =>
        _dataset.Select([.. indices.Select(i => _indices[i])]);

    private static IEnumerable<int> Positions(Dataset dataset, Range range)
    {
        var (offset, length) = range.GetOffsetAndLength(dataset.Count);
        return Enumerable.Range(offset, length);
    }
}
