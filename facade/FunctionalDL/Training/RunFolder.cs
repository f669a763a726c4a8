using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>
/// The folder that a run writes its results into. Opening it early tells before the work whether it can be
/// written.
/// </summary>
public sealed class RunFolder
{
    private RunFolder(string path) => Path = path;

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>Makes sure that the folder exists and takes files.</summary>
    /// <param name="path">The folder; it and those above it are created where they are missing.</param>
    /// <exception cref="DataException">
    /// It is a file, cannot be created, or cannot be written into; the message says which.
    /// </exception>
    public static RunFolder Open(string path)
    {
        Atomic.createFolder(path);
        var probe = System.IO.Path.Combine(path, $".{System.IO.Path.GetRandomFileName()}.tmp");

        try
        {
            using var file = new FileStream(
                probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DataException(
                path, $"it cannot be written into: {error.Message}", "give a folder that you may write into", error);
        }

        return new RunFolder(path);
    }

    /// <summary>The path of a file in the folder.</summary>
    /// <param name="name">The file's name.</param>
    public string File(string name) => System.IO.Path.Combine(Path, name);
}
