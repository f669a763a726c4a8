using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace FunctionalDL;

/// <summary>The table, with a bar for the epoch under way that goes when the epoch is done.</summary>
internal sealed class TerminalDisplay(TextWriter output) : Display(output)
{
    private static readonly TimeSpan BetweenLosses = TimeSpan.FromMilliseconds(200);

    public override void Epoch(string name, int batches, Action<Action<Func<double>>> run) =>
        AnsiConsole.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn(),
                new ProgressBarColumn(),
                new PercentageColumn(),
                new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask(Markup.Escape(name), maxValue: batches);
                var shown = Stopwatch.StartNew();

                run(loss =>
                {
                    task.Increment(1);

                    // Looking at a loss costs more than counting.
                    if (shown.Elapsed > BetweenLosses)
                    {
                        task.Description =
                            Markup.Escape(string.Create(CultureInfo.InvariantCulture, $"{name} {loss():F4}"));
                        shown.Restart();
                    }
                });
            });
}
