using FunctionalDL.Core;
using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Pictures in files, each with its class. An item is a picture <c>[3; height; width]</c> of numbers from 0 to 1 and the number of its
/// class. Files whose names begin with a dot are left out. What a <see cref="DataLoader"/> draws from it at random follows from the
/// loader's seed; items by position are drawn anew each time.
/// </summary>
public sealed class ImageFiles : Dataset
{
    private readonly LabelledFiles _files;
    private readonly Func<string, Key?, Core.Tensor> _read;
    private readonly string[] _paths;
    private readonly long[] _labels;
    private readonly Generator _draws;

    private ImageFiles(string root, LabelledFiles files)
        : this(root, files, Read(ImagePipelineModule.validation(null)), false, new Generator())
    {
    }

    private ImageFiles(
        string root, LabelledFiles files, Func<string, Key?, Core.Tensor> read, bool isRandom, Generator draws)
    {
        (Root, _files, _read, IsRandom, _draws) = (root, files, read, isRandom, draws);
        _paths = [.. files.Files];
        Classes = [.. LabelledFilesModule.classes(files)];
        var numbers = Classes.Index().ToDictionary(c => c.Item, c => (long)c.Index);
        _labels = [.. files.Labels.Select(name => numbers[name])];
    }

    /// <summary>The folder of the pictures.</summary>
    public string Root { get; }

    /// <summary>The names of the classes, in order: class 0 is the first.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>The files, in order.</summary>
    public IReadOnlyList<string> Files => _paths;

    /// <summary>The number of each file's class.</summary>
    public IReadOnlyList<long> Labels => _labels;

    /// <inheritdoc/>
    public override int Count => _paths.Length;

    /// <inheritdoc/>
    protected internal override bool IsRandom { get; }

    /// <inheritdoc/>
    public override Sample this[int index] => Of(index, IsRandom ? _draws.Next() : null);

    /// <summary>Pictures in folders that are named by their classes: <c>root/train/cat/1.png</c> is of the class <c>cat</c>.</summary>
    /// <param name="root">The folder; those below it are searched too.</param>
    /// <exception cref="DataException">The folder is missing, or has no pictures.</exception>
    public static ImageFiles FromFolder(string root) => new(root, LabelledFilesModule.byFolder(root));

    /// <summary>Pictures whose paths tell their classes: <c>@"([^/]+)_\d+.jpg$"</c> finds <c>beagle</c> in <c>pets/beagle_12.jpg</c>.</summary>
    /// <param name="root">The folder; those below it are searched too.</param>
    /// <param name="pattern">A regular expression whose first group is the class; folders are divided by <c>/</c>.</param>
    /// <exception cref="DataException">The folder is missing or has no pictures, or a path does not match.</exception>
    /// <exception cref="ArgumentException">The pattern is no regular expression, or has no group.</exception>
    public static ImageFiles FromNameRegex(string root, string pattern) =>
        new(root, LabelledFilesModule.byPattern(pattern, root));

    /// <summary>Pictures whose paths a function tells the classes of.</summary>
    /// <param name="root">The folder; those below it are searched too.</param>
    /// <param name="label">The class of a path.</param>
    /// <exception cref="DataException">The folder is missing, or has no pictures.</exception>
    public static ImageFiles FromFunc(string root, Func<string, string> label) =>
        new(root, LabelledFilesModule.byFunction(Fs.Function(label), root));

    /// <summary>Pictures that a table names.</summary>
    /// <param name="root">The folder that the names are relative to.</param>
    /// <param name="csv">The table.</param>
    /// <param name="nameColumn">The column of names.</param>
    /// <param name="labelColumn">The column of classes.</param>
    /// <param name="suffix">What is added to each name, such as <c>.jpg</c>.</param>
    /// <exception cref="DataException">The table, a column or a picture is missing, or a cell is empty.</exception>
    public static ImageFiles FromCsv(
        string root, string csv, string nameColumn = "name", string labelColumn = "label", string suffix = "") =>
        new(root, LabelledFilesModule.byTable(nameColumn, labelColumn, suffix, root, csv));

    /// <summary>The same files, resized and changed as options say.</summary>
    /// <param name="options">Size, resizing, padding, and what is done at random.</param>
    /// <param name="isTraining">Whether changes are drawn; otherwise the middle is cut out, each time the same.</param>
    public ImageFiles Transformed(ImageOptions options, bool isTraining)
    {
        var pipeline = options.ToCore(isTraining);
        var draws = options.Seed is { } seed ? new Generator(seed) : new Generator();
        return new ImageFiles(Root, _files, Read(pipeline), isTraining && options.Transforms.Count > 0, draws);
    }

    /// <summary>The same files, read by a function of one's own.</summary>
    /// <param name="read">The picture of a file as a tensor, all of one shape.</param>
    public ImageFiles ReadBy(Func<string, Tensor> read) =>
        new(Root, _files, (path, _) => Named(path, read), false, _draws);

    /// <inheritdoc/>
    protected internal override Sample Draw(int index, Generator random) => Of(index, IsRandom ? random.Key : null);

    /// <summary>The picture of any file, as those of these files are read when nothing is drawn.</summary>
    internal Tensor ReadPicture(string path) => new(_read(path, null));

    /// <summary>The names of the folders from the root to a file.</summary>
    internal IReadOnlyList<string> FoldersOf(int index) =>
        (Path.GetDirectoryName(Path.GetRelativePath(Root, _paths[index])) ?? "").Split(Path.DirectorySeparatorChar);

    private static Func<string, Key?, Core.Tensor> Read(ImagePipeline pipeline) =>
        (path, key) => ImagePipelineModule.read(pipeline, Fs.Option(key), path);

    private static Core.Tensor Named(string path, Func<string, Tensor> read)
    {
        try
        {
            return read(path).Inner;
        }
        catch (Exception error) when (error is not DataException)
        {
            throw new DataException(path, $"it cannot be read: {error.Message}", "remove or replace the file", error);
        }
    }

    private Sample Of(int index, Key? key) =>
        new(new Tensor(_read(_paths[index], key)), Tensor.Scalar(_labels[index], DType.Int64));
}
