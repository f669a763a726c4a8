namespace FunctionalDL;

/// <summary>How a state fits a module.</summary>
public sealed class LoadReport
{
    internal LoadReport(
        IReadOnlyList<string> missing, IReadOnlyList<string> unexpected, IReadOnlyList<string> misshaped) =>
        (Missing, Unexpected, Misshaped) = (missing, unexpected, misshaped);

    /// <summary>Paths that the module has and the state has not.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>Names that the state has and the module has not.</summary>
    public IReadOnlyList<string> Unexpected { get; }

    /// <summary>Entries of another shape: path, given shape and needed shape, in words.</summary>
    public IReadOnlyList<string> Misshaped { get; }

    /// <summary>Whether everything fits.</summary>
    public bool IsComplete => Missing.Count + Unexpected.Count + Misshaped.Count == 0;

    /// <summary>All of it in one line.</summary>
    public override string ToString() =>
        IsComplete
            ? "everything fits"
            : string.Join("; ", new[]
            {
                Part("missing", Missing),
                Part("unexpected", Unexpected),
                Part("wrong shape", Misshaped),
            }.Where(part => part.Length > 0));

    private static string Part(string what, IReadOnlyList<string> names) =>
        names.Count == 0 ? "" : $"{what}: {string.Join(", ", names)}";
}
