using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>
/// Batches of pictures from files: resized, changed at random where they are trained on, normalised, made in the background.
/// </summary>
/// <example><c>var data = ImageDataLoaders.FromNameRegex("pets", @"([^/]+)_\d+.jpg$", new() { Size = 224, Seed = 2 });</c></example>
public sealed class ImageDataLoaders : DataLoaders
{
    private readonly ImageFiles _plain;

    /// <summary>Loaders of two parts of files.</summary>
    /// <param name="train">The positions to train on.</param>
    /// <param name="valid">The positions to judge by.</param>
    /// <param name="files">All files.</param>
    /// <param name="options">Size, changes, normalisation and batches.</param>
    private ImageDataLoaders(ImageFiles files, IReadOnlyList<int> train, IReadOnlyList<int> valid, ImageOptions options)
        : base(
            Loader(new Subset(files.Transformed(options, isTraining: true), train), options, isTraining: true),
            Loader(new Subset(files.Transformed(options, isTraining: false), valid), options, isTraining: false))
    {
        (Options, _plain) = (options, files.Transformed(options, isTraining: false));
        Classes = files.Classes;
    }

    /// <summary>How the pictures become batches.</summary>
    public ImageOptions Options { get; }

    /// <summary>What pictures were normalised by; null when they were not.</summary>
    public ImageStats? Stats => Options.Stats;

    /// <summary>
    /// Pictures in folders that are named by their classes. Where the root has the folders <paramref name="train"/> and
    /// <paramref name="valid"/> they are the parts, otherwise a random share is for validation.
    /// </summary>
    /// <param name="root">The folder.</param>
    /// <param name="options">Size, changes, normalisation and batches.</param>
    /// <param name="train">The folder to train on.</param>
    /// <param name="valid">The folder to judge by.</param>
    /// <exception cref="DataException">The folder is missing, or has no pictures.</exception>
    public static ImageDataLoaders FromFolder(
        string root, ImageOptions? options = null, string train = "train", string valid = "valid")
    {
        options ??= new ImageOptions();
        var files = ImageFiles.FromFolder(root);

        if (!Directory.Exists(Path.Combine(root, train)) || !Directory.Exists(Path.Combine(root, valid)))
        {
            return FromFiles(files, options);
        }

        var parts = Splits.ByFolder(files, train, valid);
        return new ImageDataLoaders(files, parts.Train.Indices, parts.Valid.Indices, options);
    }

    /// <summary>Pictures whose paths tell their classes, a random share of them for validation.</summary>
    /// <param name="root">The folder; those below it are searched too.</param>
    /// <param name="pattern">A regular expression whose first group is the class, such as <c>@"([^/]+)_\d+.jpg$"</c>.</param>
    /// <param name="options">Size, changes, normalisation and batches.</param>
    /// <exception cref="DataException">The folder is missing or has no pictures, or a path does not match.</exception>
    /// <exception cref="ArgumentException">The pattern is no regular expression, or has no group.</exception>
    public static ImageDataLoaders FromNameRegex(string root, string pattern, ImageOptions? options = null) =>
        FromFiles(ImageFiles.FromNameRegex(root, pattern), options);

    /// <summary>Pictures that a table names, a random share of them for validation.</summary>
    /// <param name="root">The folder that the names are relative to.</param>
    /// <param name="csv">The table.</param>
    /// <param name="options">Size, changes, normalisation and batches.</param>
    /// <param name="nameColumn">The column of names.</param>
    /// <param name="labelColumn">The column of classes.</param>
    /// <param name="suffix">What is added to each name, such as <c>.jpg</c>.</param>
    /// <exception cref="DataException">The table, a column or a picture is missing, or a cell is empty.</exception>
    public static ImageDataLoaders FromCsv(
        string root,
        string csv,
        ImageOptions? options = null,
        string nameColumn = "name",
        string labelColumn = "label",
        string suffix = "") =>
        FromFiles(ImageFiles.FromCsv(root, csv, nameColumn, labelColumn, suffix), options);

    /// <summary>Files of any origin, a random share of them for validation.</summary>
    /// <param name="files">The files.</param>
    /// <param name="options">Size, changes, normalisation and batches.</param>
    /// <exception cref="Core.OptionException">The share for validation is not in (0, 1).</exception>
    public static ImageDataLoaders FromFiles(ImageFiles files, ImageOptions? options = null)
    {
        options ??= new ImageOptions();
        var parts = Splits.Random(files, options.ValidPct, options.Seed);
        return new ImageDataLoaders(files, parts.Train.Indices, parts.Valid.Indices, options);
    }

    /// <summary>A picture of any file as a batch of one, as the network is given those of the validation part; its target is class 0.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DataException">It cannot be read.</exception>
    public Batch OneItem(string path) => OneItem(new Sample(_plain.ReadPicture(path), Tensor.Scalar(0L, DType.Int64)));

    /// <summary>Writes one picture many times, each with changes drawn anew: what the network gets to see of it.</summary>
    /// <param name="path">An HTML file, or a <c>.png</c>; one that is there already is replaced in one step.</param>
    /// <param name="index">Its position in the training part.</param>
    /// <param name="rows">How many rows of how many pictures.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void ShowAugmented(string path, int index, int rows = 3)
    {
        var samples = Enumerable.Range(0, rows * rows).Select(_ => Train.Dataset[index]).ToList();
        Show(path, "One picture, changed", Train.Collate(samples), rows);
    }

    /// <inheritdoc/>
    protected internal override Tensor ToPictures(Tensor inputs) =>
        ((Stats?.Denormalize(inputs) ?? inputs).Clamp(0, 1) * 255).Round().To(DType.UInt8);

    private static DataLoader Loader(Dataset items, ImageOptions options, bool isTraining) => new(
        items,
        // Validation needs no gradients, so that twice as many fit.
        isTraining ? options.BatchSize : 2 * options.BatchSize,
        shuffle: isTraining,
        dropLast: isTraining && options.DropLast,
        seed: isTraining ? options.Seed : null,
        collateFn: options.Stats is { } stats ? samples => Normalized(samples, stats) : null,
        numWorkers: options.NumWorkers);

    private static Batch Normalized(IReadOnlyList<Sample> samples, ImageStats stats)
    {
        var batch = Batch.Collate(samples);
        return new Batch([stats.Normalize(batch.Inputs[0])], batch.Targets);
    }
}
