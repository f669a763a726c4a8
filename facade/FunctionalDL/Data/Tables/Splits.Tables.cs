using FunctionalDL.Core;
using FunctionalDL.Data;

namespace FunctionalDL;

/// <content>The rows of a table in two parts, as numbers of rows.</content>
public static partial class Splits
{
    /// <summary>A random part of a table's rows to judge by: as fastai, the first of a random order.</summary>
    /// <param name="table">All rows.</param>
    /// <param name="validPct">The share to judge by, 0 to 1; fractions of a row are dropped.</param>
    /// <param name="seed">What the parts follow from; they differ from run to run when not given.</param>
    /// <exception cref="DataException">The share is not from 0 to 1.</exception>
    public static (IReadOnlyList<int> Train, IReadOnlyList<int> Valid) Random(
        Table table, double validPct = 0.2, long? seed = null) =>
        Rows(Split.random(validPct, seed is { } number ? KeyModule.ofSeed(number) : KeyModule.unseeded(), table.Count));

    /// <summary>These rows of a table to judge by, all others to train on.</summary>
    /// <param name="table">All rows.</param>
    /// <param name="validIdx">Numbers of rows, from 0.</param>
    /// <exception cref="DataException">There is no such row, or one is named twice.</exception>
    public static (IReadOnlyList<int> Train, IReadOnlyList<int> Valid) ByIndex(Table table, IEnumerable<int> validIdx) =>
        Rows(Split.byIndices([.. validIdx], table.Count));

    /// <summary>The rows of which a column of flags is true to judge by, all others to train on.</summary>
    /// <param name="table">All rows.</param>
    /// <param name="column">The column's name.</param>
    /// <exception cref="DataException">There is no such column, or it holds dates.</exception>
    public static (IReadOnlyList<int> Train, IReadOnlyList<int> Valid) ByColumn(Table table, string column) =>
        Rows(Split.byColumn(column, table.Inner));

    /// <summary>The rows from a moment on to judge by, earlier ones to train on: nothing of the future is trained on.</summary>
    /// <param name="table">All rows.</param>
    /// <param name="column">A column of dates.</param>
    /// <param name="from">The first moment to judge by.</param>
    /// <exception cref="DataException">The column holds no dates, or one is missing.</exception>
    public static (IReadOnlyList<int> Train, IReadOnlyList<int> Valid) ByDate(Table table, string column, DateTime from) =>
        Rows(Split.fromDate(column, from, table.Inner));

    /// <summary>
    /// The latest rows to judge by, and with them all rows of the earliest moment among them, so that no moment is in both
    /// parts; earlier rows to train on. As in the lesson on sales, whose validation part is as long as its test.
    /// </summary>
    /// <param name="table">All rows.</param>
    /// <param name="column">A column of dates.</param>
    /// <param name="count">How many rows to judge by, at least.</param>
    /// <exception cref="DataException">
    /// The column holds no dates, one is missing, or there are not more rows than <paramref name="count"/>.
    /// </exception>
    public static (IReadOnlyList<int> Train, IReadOnlyList<int> Valid) Latest(Table table, string column, int count) =>
        Rows(Split.latest(column, count, table.Inner));

    private static (IReadOnlyList<int> Train, IReadOnlyList<int> Valid) Rows(Parts parts) => (parts.Train, parts.Valid);
}
