using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>
/// Pictures in folders that are named by their classes: <c>root/train/cat/1.png</c> is of the class <c>cat</c>. Files
/// whose names begin with a dot are left out. They are in the order of their paths.
/// </summary>
public sealed class ImageFolder : Dataset
{
    private readonly string[] _files;
    private readonly long[] _labels;
    private readonly Func<string, Tensor> _read;

    /// <summary>The pictures under a folder.</summary>
    /// <param name="root">The folder; those below it are searched too.</param>
    /// <param name="read">The picture of a file as a tensor, all of one shape.</param>
    /// <param name="extensions">How files of pictures end; <c>.png</c>, <c>.jpg</c> and <c>.jpeg</c> when not given.</param>
    /// <exception cref="DataException">The folder is missing, or has no pictures.</exception>
    public ImageFolder(string root, Func<string, Tensor> read, IReadOnlyList<string>? extensions = null)
    {
        (Root, _read) = (root, read);
        var endings = (extensions ?? [".png", ".jpg", ".jpeg"]).ToHashSet(StringComparer.OrdinalIgnoreCase);

        _files = Directory.Exists(root)
            ? [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
                .Where(file => endings.Contains(Path.GetExtension(file)) && !Path.GetFileName(file).StartsWith('.'))
                .Order(StringComparer.Ordinal)]
            : throw new DataException(root, "there is no such folder", "give the folder above those of the classes", null);

        if (_files.Length == 0)
        {
            throw new DataException(
                root, $"there are no pictures in it ({string.Join(", ", endings)})", "give the folder above those of the classes", null);
        }

        var names = _files.Select(ClassOf).ToList();
        Classes = [.. names.Distinct().Order(StringComparer.Ordinal)];
        var numbers = Classes.Index().ToDictionary(c => c.Item, c => (long)c.Index);
        _labels = [.. names.Select(name => numbers[name])];
    }

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>The names of the classes, in order: class 0 is the first.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>The files, in order.</summary>
    public IReadOnlyList<string> Files => _files;

    /// <inheritdoc/>
    public override int Count => _files.Length;

    /// <inheritdoc/>
    public override Sample this[int index]
    {
        get
        {
            try
            {
                return new Sample(_read(_files[index]), Tensor.Scalar(_labels[index], DType.Int64));
            }
            catch (Exception error) when (error is not (IndexOutOfRangeException or DataException))
            {
                throw new DataException(_files[index], $"it cannot be read: {error.Message}", "remove or replace the file", error);
            }
        }
    }

    /// <summary>The names of the folders from the root to a file.</summary>
    internal IReadOnlyList<string> FoldersOf(int index) =>
        (Path.GetDirectoryName(Path.GetRelativePath(Root, _files[index])) ?? "").Split(Path.DirectorySeparatorChar);

    private static string ClassOf(string file) => Path.GetFileName(Path.GetDirectoryName(file)) ?? "";
}
