namespace FunctionalDL;

/// <summary>The batches that a network is trained on, and those it is judged by.</summary>
/// <param name="train">Batches to train on.</param>
/// <param name="valid">Batches to judge by.</param>
/// <param name="test">Batches that nothing was chosen by; not needed.</param>
public class DataLoaders(DataLoader train, DataLoader valid, DataLoader? test = null)
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

    /// <summary>Batches that nothing was chosen by; null when there are none.</summary>
    public DataLoader? Test { get; } = test;

    /// <summary>The names of the classes, for pictures and predictions; null when they have none.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>A batch to look at: the first of a training pass.</summary>
    /// <exception cref="InvalidOperationException">There is no batch.</exception>
    public Batch OneBatch() => Train.First();

    /// <summary>An item of the validation part as a batch of one, as the network is given it.</summary>
    /// <param name="index">Its position there.</param>
    public Batch OneItem(int index) => OneItem(Valid.Dataset[index]);

    /// <summary>An item as a batch of one.</summary>
    /// <param name="sample">The item.</param>
    public Batch OneItem(Sample sample) => Valid.Collate([sample]);

    /// <summary>Writes the items of a training batch: as a page with their classes, or as one picture.</summary>
    /// <param name="path">An HTML file, or a <c>.png</c>; one that is there already is replaced in one step.</param>
    /// <param name="rows">How many rows of how many pictures.</param>
    /// <exception cref="Data.DataException">The file cannot be written; an older one stays as it was.</exception>
    public void ShowBatch(string path, int rows = 3) => Show(path, "A batch", OneBatch(), rows);

    /// <summary>Inputs of the network as pictures to look at: bytes, or numbers, which are then shown from the least to the greatest.</summary>
    /// <param name="inputs">A batch as the network is given it.</param>
    protected internal virtual Tensor ToPictures(Tensor inputs) => inputs;

    /// <summary>Writes the first items of a batch.</summary>
    private protected void Show(string path, string title, Batch batch, int rows)
    {
        var shown = Math.Min(batch.Count, rows * rows);
        var pictures = ToPictures(batch.Inputs[0][..shown]);

        if (Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase))
        {
            Items.WriteMontage(path, pictures, rows);
        }
        else
        {
            Items.Write(path, title, pictures, i => [Items.Text(batch.Targets, i, Classes)]);
        }
    }
}
