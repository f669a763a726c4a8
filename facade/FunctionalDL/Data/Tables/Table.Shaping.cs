using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Columns and rows picked, put together and set in order.</content>
public sealed partial class Table
{
    /// <summary>The table with a column put at the end, or in the place of the one of the same name.</summary>
    /// <param name="column">Its name.</param>
    /// <param name="values">An array of numbers, flags, dates or texts, nullable or not.</param>
    /// <exception cref="DataException">It has another length, or holds something else.</exception>
    public Table With(string column, Array values) => new(TableModule.set(column, Data.Sources.ofArray(column, values), Inner));

    /// <summary>The columns of these names, in this order.</summary>
    /// <param name="columns">Their names.</param>
    /// <exception cref="DataException">There is no such column.</exception>
    public Table Select(params IEnumerable<string> columns) => new(TableModule.select(Fs.List(columns), Inner));

    /// <summary>The table without these columns.</summary>
    /// <param name="columns">Their names.</param>
    /// <exception cref="DataException">There is no such column.</exception>
    public Table Drop(params IEnumerable<string> columns) => new(TableModule.drop(Fs.List(columns), Inner));

    /// <summary>The table without the columns whose names are picked.</summary>
    /// <param name="isUnwanted">Whether a name is picked.</param>
    public Table DropWhere(Predicate<string> isUnwanted) =>
        new(TableModule.dropWhere(Fs.Function<string, bool>(name => isUnwanted(name)), Inner));

    /// <summary>The table with a column renamed.</summary>
    /// <param name="column">Its name so far.</param>
    /// <param name="newName">Its new name.</param>
    /// <exception cref="DataException">There is no such column, or one has the new name already.</exception>
    public Table Rename(string column, string newName) => new(TableModule.rename(column, newName, Inner));

    /// <summary>The rows of these numbers, in this order.</summary>
    /// <param name="rows">Numbers from 0; -1 gives a row of missing values.</param>
    /// <exception cref="DataException">There is no such row.</exception>
    public Table Take(IEnumerable<int> rows) => new(TableModule.take([.. rows], Inner));

    /// <summary>A range of rows, cut to what there is: <c>table[..5]</c>.</summary>
    /// <param name="range">Positions.</param>
    public Table this[Range range]
    {
        get
        {
            var start = Math.Clamp(range.Start.GetOffset(Count), 0, Count);
            var end = Math.Clamp(range.End.GetOffset(Count), start, Count);
            return Take(Enumerable.Range(start, end - start));
        }
    }

    /// <summary>The rows whose flag is true: <c>table.Filter([.. table.Numbers("Sales").Select(s => s > 0)])</c>.</summary>
    /// <param name="isWanted">A flag for each row.</param>
    /// <exception cref="DataException">There are more or fewer flags than rows.</exception>
    public Table Filter(IEnumerable<bool> isWanted) => new(TableModule.filter([.. isWanted], Inner));

    /// <summary>The rows of this table and then those of another, by the names of the columns.</summary>
    /// <param name="other">A table with the same columns.</param>
    /// <exception cref="DataException">It has other columns, or values of other kinds.</exception>
    public Table Append(Table other) => new(TableModule.append(Inner, other.Inner));

    /// <summary>
    /// The rows sorted by the first of these columns, those of one value by the second, and so on; equal rows stay as they
    /// came, missing values come last.
    /// </summary>
    /// <param name="columns">Names of columns.</param>
    /// <exception cref="DataException">There is no such column.</exception>
    public Table Sort(params IEnumerable<string> columns) => new(TableModule.sort(Fs.List(columns), Inner));

    /// <summary>
    /// The left join: every row of this table in its order, with the columns of the row of the other one that has the same
    /// values; once for each such row, and with missing values where there is none. The lesson's <c>join_df</c>.
    /// </summary>
    /// <param name="right">The other table.</param>
    /// <param name="leftOn">The columns of this table to compare.</param>
    /// <param name="rightOn">Those of the other table, in the same order; of the same names when not given.</param>
    /// <param name="suffix">What a column of the other table gets whose name this one has already.</param>
    /// <exception cref="DataException">
    /// A column is missing, two to be compared hold different kinds of values, or a name appears twice even with the suffix.
    /// </exception>
    /// <exception cref="ArgumentException">There are not as many columns on the right as on the left.</exception>
    public Table LeftJoin(
        Table right, IReadOnlyList<string> leftOn, IReadOnlyList<string>? rightOn = null, string suffix = "_y")
    {
        rightOn ??= leftOn;

        return rightOn.Count == leftOn.Count
            ? new(Join.left(Fs.List(leftOn.Zip(rightOn, Tuple.Create)), suffix, Inner, right.Inner))
            : throw new ArgumentException(
                $"{leftOn.Count} columns on the left, {rightOn.Count} on the right: name them in pairs", nameof(rightOn));
    }
}
