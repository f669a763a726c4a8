using FunctionalDL.Data;
using FunctionalDL.Interop;
using CoreTable = FunctionalDL.Data.Table;

namespace FunctionalDL;

/// <summary>
/// A table as a value: named columns of one length, each of numbers, whole numbers, flags, dates or texts. Every method
/// gives a new table; columns are shared, never copied for nothing.
/// </summary>
/// <example>
/// <code>
/// var table = Table.ReadCsv("sales.csv").AddDatepart("Date").LeftJoin(Table.ReadCsv("stores.csv"), ["Store"]);
/// </code>
/// </example>
public sealed partial class Table
{
    internal Table(CoreTable inner) => Inner = inner;

    internal CoreTable Inner { get; }

    /// <summary>How many rows there are.</summary>
    public int Count => Inner.Rows;

    /// <summary>The names of the columns, from left to right.</summary>
    public IReadOnlyList<string> Columns => Inner.Names;

    // ---- where tables come from ------------------------------------------------------------------------------------

    /// <summary>
    /// The table in a CSV file whose first line names the columns, plain or gzip, in UTF-8. A column is of whole numbers
    /// if all its fields are, else of numbers, else of flags (True, False), else of texts. Empty fields are missing.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="delimiter">What stands between fields.</param>
    /// <param name="missing">Other fields that are missing; pandas' words for it (<c>NA</c>, <c>NaN</c>, …) when not given.</param>
    /// <param name="kinds">The kinds of columns that are not to be guessed; dates are never guessed.</param>
    /// <exception cref="DataException">
    /// The file is missing or empty, is not UTF-8, has a line with too few or too many fields or a quotation never closed,
    /// names a column twice, or has a field that is not of the kind given.
    /// </exception>
    public static Table ReadCsv(
        string path,
        string delimiter = ",",
        IReadOnlyList<string>? missing = null,
        IReadOnlyDictionary<string, ColumnKind>? kinds = null) =>
        new(Csv.readWith(
            new CsvOptions(
                delimiter,
                missing is null ? Csv.options.Missing : Fs.List(missing),
                Fs.Map((kinds ?? new Dictionary<string, ColumnKind>()).Select(k => (k.Key, ToCore(k.Value))))),
            path));

    /// <summary>The rows that a reader of a database still has. The reader stays open.</summary>
    /// <param name="reader">The reader.</param>
    /// <exception cref="DataException">
    /// A column has no name, the same name as another, or values that are not numbers, flags, dates or texts.
    /// </exception>
    public static Table FromReader(System.Data.IDataReader reader) => new(Data.Sources.ofReader(reader));

    /// <summary>
    /// A row for each object, and a column for each public property that can be read; nullable ones may miss values.
    /// </summary>
    /// <typeparam name="T">Their type, such as a record.</typeparam>
    /// <param name="rows">The objects.</param>
    /// <exception cref="DataException">A property is not a number, flag, date or text, or there is none.</exception>
    public static Table FromRows<T>(IEnumerable<T> rows)
        where T : notnull => new(Data.Sources.ofRows(rows));

    /// <summary>
    /// Columns from arrays of numbers, flags, dates or texts; what is null, NaN or <see cref="DateTime.MinValue"/> is missing.
    /// </summary>
    /// <param name="columns">Names and values.</param>
    /// <exception cref="DataException">A name appears twice, lengths differ, or an array holds something else.</exception>
    public static Table FromColumns(params IEnumerable<(string Name, Array Values)> columns) =>
        new(TableModule.ofColumns(Fs.List(columns.Select(c => Tuple.Create(c.Name, Data.Sources.ofArray(c.Name, c.Values))))));

    // ---- what is in them -------------------------------------------------------------------------------------------

    /// <summary>What kind of values a column holds.</summary>
    /// <param name="column">Its name.</param>
    /// <exception cref="DataException">There is no such column.</exception>
    public ColumnKind Kind(string column) => Of(column).Tag switch
    {
        Column.Tags.Reals => ColumnKind.Reals,
        Column.Tags.Integers => ColumnKind.Integers,
        Column.Tags.Flags => ColumnKind.Flags,
        Column.Tags.Dates => ColumnKind.Dates,
        _ => ColumnKind.Texts,
    };

    /// <summary>How many values of a column are missing.</summary>
    /// <param name="column">Its name.</param>
    /// <exception cref="DataException">There is no such column.</exception>
    public int Missing(string column) => ColumnModule.missing(Of(column));

    /// <summary>The values of a column of numbers or flags (0 and 1); NaN where one is missing.</summary>
    /// <param name="column">Its name.</param>
    /// <exception cref="DataException">There is no such column, or it holds dates or texts.</exception>
    public double[] Numbers(string column) => [.. TableModule.numbers(column, Inner)];

    /// <summary>
    /// Whether each value of a column is true: flags as they are, numbers that are not 0, texts that are not empty.
    /// </summary>
    /// <param name="column">Its name.</param>
    /// <exception cref="DataException">There is no such column, or it holds dates.</exception>
    public bool[] Flags(string column) => [.. TableModule.flags(column, Inner)];

    /// <summary>
    /// The dates of a column, read from texts where it holds those; <see cref="DateTime.MinValue"/> where one is missing.
    /// </summary>
    /// <param name="column">Its name.</param>
    /// <exception cref="DataException">
    /// There is no such column; the dates are not all written alike, or leave open which number is the month.
    /// </exception>
    public DateTime[] Dates(string column) => [.. Data.Dates.ofColumn(column, Inner)];

    /// <summary>The values of a column as texts, the same in every culture; null where one is missing.</summary>
    /// <param name="column">Its name.</param>
    /// <exception cref="DataException">There is no such column.</exception>
    public string?[] Texts(string column)
    {
        var values = Of(column);
        return [.. Enumerable.Range(0, Count).Select(row => ColumnModule.text(row, values))];
    }

    /// <summary>The first rows as text, each column under its name.</summary>
    /// <param name="rows">The most rows there will be.</param>
    public string ToString(int rows) => TableModule.show(rows, Inner);

    /// <summary>The first five rows as text.</summary>
    public override string ToString() => ToString(5);

    /// <summary>Writes the table as CSV in UTF-8, all of it or nothing; missing values are empty fields.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public void WriteCsv(string path) => Csv.write(path, Inner);

    private Column Of(string column) => TableModule.column(column, Inner);

    private static Data.ColumnKind ToCore(ColumnKind kind) => kind switch
    {
        ColumnKind.Reals => Data.ColumnKind.Reals,
        ColumnKind.Integers => Data.ColumnKind.Integers,
        ColumnKind.Flags => Data.ColumnKind.Flags,
        ColumnKind.Dates => Data.ColumnKind.Dates,
        ColumnKind.Texts => Data.ColumnKind.Texts,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "there is no such kind of column"),
    };
}
