namespace FunctionalDL;

/// <summary>
/// Writes the table that is printed as a CSV file: the same columns, and figures with the same six decimals.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="append">Whether lines are added to a file that is there already; otherwise it is replaced.</param>
public sealed class CsvLogger(string path = "history.csv", bool append = false) : LogFile(path, append)
{
    private protected override string Header(FitContext fit) => string.Join(',', fit.Learner.Columns);

    private protected override string Line(FitContext fit) => string.Join(',', fit.Result.Cells());
}
