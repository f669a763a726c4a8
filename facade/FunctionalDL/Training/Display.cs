namespace FunctionalDL;

/// <summary>
/// Where a <see cref="Learner"/> shows how far it is: fastai's table, a line for each epoch. This one prints
/// nothing else; on a terminal <see cref="TerminalDisplay"/> adds a bar.
/// </summary>
internal class Display(TextWriter output)
{
    private const int NarrowestColumn = 8;
    private int[] _widths = [];

    /// <summary>The display for a writer, or for the console when there is none.</summary>
    public static Display For(TextWriter? output) =>
        output is not null ? new Display(output)
        : Console.IsOutputRedirected ? new Display(Console.Out)
        : new TerminalDisplay(Console.Out);

    public void Header(IReadOnlyList<string> columns)
    {
        _widths = [.. columns.Select(c => Math.Max(NarrowestColumn, c.Length))];
        Line(columns);
    }

    public void Row(EpochResult epoch) => Line(epoch.Cells());

    /// <summary>Prints a line that is no row.</summary>
    public virtual void Say(string text)
    {
        output.WriteLine(text);
        output.Flush();
    }

    /// <summary>Runs an epoch, which says after each batch what its loss was.</summary>
    public virtual void Epoch(string name, int batches, Action<Action<Func<double>>> run) => run(_ => { });

    private void Line(IEnumerable<string> cells)
    {
        output.WriteLine(string.Join("  ", cells.Select((cell, i) => cell.PadRight(_widths[i]))).TrimEnd());
        output.Flush();
    }
}
