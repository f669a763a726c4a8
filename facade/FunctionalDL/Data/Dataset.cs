namespace FunctionalDL;

/// <summary>
/// Items by position. Derive from it and say how many there are and what each is; the rest follows.
/// </summary>
public abstract class Dataset
{
    /// <summary>How many items there are.</summary>
    public abstract int Count { get; }

    /// <summary>An item.</summary>
    /// <param name="index">Its position, from 0 to <see cref="Count"/> - 1.</param>
    public abstract Sample this[int index] { get; }

    /// <summary>A range of items as a batch, cut to what there is.</summary>
    /// <param name="range">Positions.</param>
    public Batch this[Range range]
    {
        get
        {
            var start = Math.Clamp(range.Start.GetOffset(Count), 0, Count);
            var end = Math.Clamp(range.End.GetOffset(Count), start, Count);
            return Slice(start, end - start);
        }
    }

    /// <summary>Some items as a batch, in the order given.</summary>
    /// <param name="indices">Positions.</param>
    public Batch this[IReadOnlyList<int> indices] => Select(indices);

    /// <summary>
    /// Items that follow each other, as a batch. Override it where that is cheaper than item by item.
    /// </summary>
    /// <param name="start">The first position.</param>
    /// <param name="length">How many.</param>
    protected internal virtual Batch Slice(int start, int length) => Select([.. Enumerable.Range(start, length)]);

    /// <summary>Some items as a batch. Override it where that is cheaper than item by item.</summary>
    /// <param name="indices">Positions.</param>
    /// <exception cref="InvalidOperationException">
    /// An item cannot be read; the message says which.
    /// </exception>
    protected internal virtual Batch Select(IReadOnlyList<int> indices) => Batch.Collate([.. indices.Select(i => Read(i))]);

    /// <summary>Whether items are changed at random, so that the same one differs from pass to pass.</summary>
    protected internal virtual bool IsRandom => false;

    /// <summary>
    /// An item whose changes follow from a generator and nothing else. Override it, and <see cref="IsRandom"/>, where items are changed
    /// at random: runs are then repeated to the bit, whatever the number of workers.
    /// </summary>
    /// <param name="index">Its position.</param>
    /// <param name="random">What its changes follow from.</param>
    protected internal virtual Sample Draw(int index, Generator random) => this[index];

    /// <summary>An item; when it cannot be read, the error says which it is.</summary>
    /// <param name="index">Its position.</param>
    /// <param name="random">What its changes follow from, where there are any.</param>
    internal Sample Read(int index, Generator? random = null)
    {
        try
        {
            return random is null ? this[index] : Draw(index, random);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new InvalidOperationException($"item {index} of {Count} cannot be read: {error.Message}", error);
        }
    }
}
