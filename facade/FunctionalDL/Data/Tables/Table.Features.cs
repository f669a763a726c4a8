using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Columns made of others, as fastai's <c>tabular.core</c> names them.</content>
public sealed partial class Table
{
    /// <summary>
    /// The table with a column of texts read as dates of one format, where the order of day and month cannot be seen.
    /// </summary>
    /// <param name="fieldName">The column.</param>
    /// <param name="format">One of .NET's formats, such as <c>d/M/yyyy</c>.</param>
    /// <exception cref="DataException">There is no such column, or a text of another format.</exception>
    public Table ParseDates(string fieldName, string format) => new(Data.Dates.parseAs(format, fieldName, Inner));

    /// <summary>
    /// What a date says, as columns: Year, Month, Week (ISO), Day, Dayofweek (Monday 0), Dayofyear, whether it ends or
    /// begins a month, quarter or year (<c>Is_month_end</c>, …), with <paramref name="time"/> Hour, Minute and Second, and
    /// Elapsed, the seconds since 1970 began. fastai's <c>add_datepart</c>.
    /// </summary>
    /// <param name="fieldName">A column of dates, or of texts that are all dates written alike.</param>
    /// <param name="prefix">What the names begin with; the column's name less a final "Date" when not given.</param>
    /// <param name="drop">Whether the column itself goes; otherwise it stays, as dates.</param>
    /// <param name="time">Whether there is a time of day.</param>
    /// <exception cref="DataException">There is no such column, or a text that is no date like the others.</exception>
    public Table AddDatepart(string fieldName, string? prefix = null, bool drop = true, bool time = false) =>
        new(Data.Dates.addParts(Fs.Option(prefix), !drop, time, fieldName, Inner));

    /// <summary>
    /// Cosine and sine of the place of a date in its week, month and year (with <paramref name="time"/> of the day, the
    /// clock's half day, the hour and the minute too), so that December lies beside January. fastai's
    /// <c>add_cyclic_datepart</c>.
    /// </summary>
    /// <param name="fieldName">A column of dates, or of texts that are all dates written alike.</param>
    /// <param name="prefix">What the names begin with; the column's name less a final "Date" when not given.</param>
    /// <param name="drop">Whether the column itself goes; otherwise it stays, as dates.</param>
    /// <param name="time">Whether there is a time of day.</param>
    /// <param name="addLinear">Whether the year is added too, as a number with decimals.</param>
    /// <exception cref="DataException">There is no such column, or a text that is no date like the others.</exception>
    public Table AddCyclicDatepart(
        string fieldName, string? prefix = null, bool drop = true, bool time = false, bool addLinear = false) =>
        new(Data.Dates.addCyclicParts(Fs.Option(prefix), !drop, time, addLinear, fieldName, Inner));

    /// <summary>
    /// For each field, taken as flags, <c>After</c> + field, the days since it was last true; <c>Before</c> + field, the
    /// days until it will next be true, counted as 0 or less; and the sums of <see cref="AddRollingSums"/> over a week. Where
    /// it never was or will be true the days are 0. fastai's <c>add_elapsed_times</c>.
    /// </summary>
    /// <param name="fieldNames">The columns of flags.</param>
    /// <param name="dateField">The column of dates.</param>
    /// <param name="baseField">What is looked at by itself: a shop, a customer, a machine.</param>
    /// <exception cref="DataException">A column is missing, a date is missing or none, or a field holds dates.</exception>
    public Table AddElapsedTimes(IReadOnlyList<string> fieldNames, string dateField, string baseField) =>
        new(Elapsed.add(Fs.List(fieldNames), dateField, baseField, Inner));

    /// <summary>
    /// For each field, taken as flags, field + <c>_bw</c>, how often it was true in this row and those before it, and field
    /// + <c>_fw</c>, the same for those after it, in the order of dates. Near the ends there are fewer rows.
    /// </summary>
    /// <param name="fieldNames">The columns of flags.</param>
    /// <param name="dateField">The column of dates.</param>
    /// <param name="baseField">What is looked at by itself: a shop, a customer, a machine.</param>
    /// <param name="window">How many rows are taken together, at least 1.</param>
    /// <exception cref="DataException">
    /// A column is missing, a date is missing or none, a field holds dates, or the window is too small.
    /// </exception>
    public Table AddRollingSums(
        IReadOnlyList<string> fieldNames, string dateField, string baseField, int window = Elapsed.Week) =>
        new(Elapsed.addCounts(window, Fs.List(fieldNames), dateField, baseField, Inner));

    /// <summary>
    /// The names of the columns in two groups: numbers, and whole numbers of more than <paramref name="maxCard"/> distinct
    /// values; and all others, which are classes. fastai's <c>cont_cat_split</c>.
    /// </summary>
    /// <param name="maxCard">How many distinct whole numbers a column may have and still be one of classes.</param>
    /// <param name="depVar">Columns to be predicted, which are in neither group.</param>
    public (IReadOnlyList<string> ContNames, IReadOnlyList<string> CatNames) ContCatSplit(
        int maxCard = FeaturesModule.MaxCardinality, params IEnumerable<string> depVar)
    {
        var features = FeaturesModule.split(maxCard, Fs.List(depVar), Inner);
        return ([.. features.Continuous], [.. features.Categorical]);
    }
}
