using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>A dataset in two parts: one to train on and one to judge by.</summary>
public static partial class Splits
{
    /// <summary>A random part to judge by: as fastai, the first of a random order.</summary>
    /// <param name="dataset">All items.</param>
    /// <param name="validPct">The share to judge by, in (0, 1).</param>
    /// <param name="seed">What the parts follow from; they differ from run to run when not given.</param>
    /// <exception cref="OptionException">The share is not in (0, 1).</exception>
    public static (Subset Train, Subset Valid) Random(Dataset dataset, double validPct = 0.2, long? seed = null)
    {
        if (!(validPct > 0 && validPct < 1))
        {
            throw new OptionException($"validPct: {validPct} is not possible; it is in (0, 1)");
        }

        var order = new RandomSampler(dataset, seed).ToList();
        var count = (int)(validPct * order.Count);
        return (new Subset(dataset, order.Skip(count)), new Subset(dataset, order.Take(count)));
    }

    /// <summary>The items at some positions to judge by, all others to train on.</summary>
    /// <param name="dataset">All items.</param>
    /// <param name="validIdx">Positions.</param>
    /// <exception cref="ArgumentOutOfRangeException">A position does not exist.</exception>
    public static (Subset Train, Subset Valid) ByIndex(Dataset dataset, IEnumerable<int> validIdx)
    {
        var valid = validIdx.ToList();
        var isValid = valid.ToHashSet();
        return (new Subset(dataset, Enumerable.Range(0, dataset.Count).Where(i => !isValid.Contains(i))), new Subset(dataset, valid));
    }

    /// <summary>The items that a column says are to be judged by, all others to train on.</summary>
    /// <param name="dataset">All items.</param>
    /// <param name="isValid">For each item, whether it is to be judged by.</param>
    /// <exception cref="ShapeException">The column has another number of items.</exception>
    public static (Subset Train, Subset Valid) ByColumn(Dataset dataset, IReadOnlyList<bool> isValid) =>
        isValid.Count == dataset.Count
            ? ByIndex(dataset, Enumerable.Range(0, dataset.Count).Where(i => isValid[i]))
            : throw new ShapeException($"split: the column has {isValid.Count} items; the dataset has {dataset.Count}");

    /// <summary>
    /// The items of one folder to train on, and of another to judge by: folders anywhere on the way from the root to
    /// the file.
    /// </summary>
    /// <param name="dataset">Items that are files.</param>
    /// <param name="train">The name of the folder to train on.</param>
    /// <param name="valid">The name of the folder to judge by.</param>
    /// <exception cref="OptionException">A folder has no items.</exception>
    public static (Subset Train, Subset Valid) ByFolder(ImageFiles dataset, string train = "train", string valid = "valid")
    {
        Subset In(string folder)
        {
            var items = Enumerable.Range(0, dataset.Count).Where(i => dataset.FoldersOf(i).Contains(folder)).ToList();
            return items.Count > 0
                ? new Subset(dataset, items)
                : throw new OptionException($"split: there is no item in a folder '{folder}' under {dataset.Root}");
        }

        return (In(train), In(valid));
    }
}
