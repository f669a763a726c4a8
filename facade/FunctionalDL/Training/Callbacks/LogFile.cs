using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>A text file with a line for each epoch, there as soon as the epoch is over.</summary>
/// <param name="path">The file.</param>
/// <param name="append">Whether lines are added to a file that is there already; otherwise it is replaced.</param>
public abstract class LogFile(string path, bool append) : Callback
{
    /// <summary>The file.</summary>
    public string Path => path;

    /// <inheritdoc/>
    internal override bool SeesModel => false;

    /// <inheritdoc/>
    public override Decision BeforeFit(FitContext fit)
    {
        var isNew = !append || !File.Exists(path) || new FileInfo(path).Length == 0;
        Write(isNew ? FileMode.Create : FileMode.Append, isNew ? Header(fit) : null);
        return Decision.Continue;
    }

    /// <inheritdoc/>
    public override Decision AfterEpoch(FitContext fit)
    {
        Write(FileMode.Append, Line(fit));
        return Decision.Continue;
    }

    /// <summary>The first line; null for none.</summary>
    private protected abstract string? Header(FitContext fit);

    /// <summary>The line of the epoch that is over.</summary>
    private protected abstract string Line(FitContext fit);

    private void Write(FileMode mode, string? line)
    {
        try
        {
            using var file = new StreamWriter(new FileStream(path, mode, FileAccess.Write, FileShare.Read));

            if (line is not null)
            {
                file.Write(line + "\n");
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DataException(
                path, $"it cannot be written: {error.Message}", "give a file that you may write, on a disk with room", error);
        }
    }
}
