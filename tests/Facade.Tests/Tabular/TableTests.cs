using System.Globalization;
using FunctionalDL.Data;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>Tables as C# users see them.</summary>
public class TableTests
{
    private sealed record Person(string Name, int Age, double? Height, bool IsBoss, DateTime Born);

    private static readonly Person[] People =
    [
        new("Ann", 40, 1.7, true, new(1975, 7, 31)), new("Bob", 30, null, false, new(1985, 1, 1)), new("Cid", 30, 1.9, true, new(1985, 2, 3)),
    ];

    private static Table Toy() => Table.FromColumns(
        ("shop", new[] { 2, 1, 1, 1, 2, 1 }),
        ("Date", new[] { "2015-01-01", "2015-01-03", "2015-01-01", "2015-01-02", "2015-01-02", "2015-01-04" }),
        ("promo", new[] { 0L, 0, 0, 1, 0, 1 }));

    [Test]
    public void Rows_OfObjects_KeepTheirKinds_AndWhatIsMissing()
    {
        var table = Table.FromRows(People);
        Assert.That(table.Count, Is.EqualTo(3));
        Assert.That(table.Columns, Is.EqualTo(new[] { "Name", "Age", "Height", "IsBoss", "Born" }));
        Assert.That(
            table.Columns.Select(table.Kind),
            Is.EqualTo(new[] { ColumnKind.Texts, ColumnKind.Integers, ColumnKind.Reals, ColumnKind.Flags, ColumnKind.Dates }));
        Assert.That(table.Numbers("Height"), Is.EqualTo(new[] { 1.7, double.NaN, 1.9 }));
        Assert.That(table.Missing("Height"), Is.EqualTo(1));
        Assert.That(table.Dates("Born")[2], Is.EqualTo(new DateTime(1985, 2, 3)));
        Assert.That(table.Flags("IsBoss"), Is.EqualTo(new[] { true, false, true }));
    }

    [Test]
    public void Rows_OfADatabase_AreThoseOfTheObjects()
    {
        using var rows = new System.Data.DataTable();
        rows.Columns.Add("name", typeof(string));
        rows.Columns.Add("age", typeof(int));
        rows.Rows.Add("Ann", 40);
        rows.Rows.Add(DBNull.Value, 30);
        using var reader = rows.CreateDataReader();
        var table = Table.FromReader(reader);
        Assert.That(table.Texts("name"), Is.EqualTo(new[] { "Ann", null }));
        Assert.That(table.Numbers("age"), Is.EqualTo(new[] { 40.0, 30 }));
    }

    [Test]
    public void Csv_IsReadAsItWasWritten_WithKindsAndMissingWordsOfOnesOwn()
    {
        var path = Path.Combine(House.Temporary(), "people.csv");
        Table.FromRows(People).WriteCsv(path);
        var table = Table.ReadCsv(path, kinds: new Dictionary<string, ColumnKind> { ["Born"] = ColumnKind.Dates, ["Age"] = ColumnKind.Texts });
        Assert.That(table.Dates("Born"), Is.EqualTo(People.Select(p => p.Born)));
        Assert.That(table.Texts("Age"), Is.EqualTo(new[] { "40", "30", "30" }));
        Assert.That(table.Numbers("Height"), Is.EqualTo(new[] { 1.7, double.NaN, 1.9 }));

        File.WriteAllText(path, "a;b\n1;?\n2;NA\n");
        Assert.That(Table.ReadCsv(path, ";", missing: ["?"]).Texts("b"), Is.EqualTo(new[] { null, "NA" }));
        Assert.That(() => Table.ReadCsv(path, kinds: new Dictionary<string, ColumnKind> { ["x"] = ColumnKind.Reals }), Throws.TypeOf<DataException>().With.Message.Contains("'x'"));
        File.WriteAllText(path, "a,b\n1\n");
        Assert.That(() => Table.ReadCsv(path), Throws.TypeOf<DataException>().With.Message.Contains("line 2: 1 fields"));
    }

    [Test]
    public void ColumnsOfArrays_AreCopied_AndRefusedByName()
    {
        var values = new[] { 1.0, 2.0 };
        var table = Table.FromColumns(("x", values), ("y", new int?[] { 1, null }), ("z", new[] { 1.5f, 2.5f }));
        values[0] = 9;
        Assert.That(table.Numbers("x"), Is.EqualTo(new[] { 1.0, 2.0 }));
        Assert.That(table.Numbers("y"), Is.EqualTo(new[] { 1.0, double.NaN }));
        Assert.That(table.Numbers("z"), Is.EqualTo(new[] { 1.5, 2.5 }));
        table.Numbers("x")[0] = 7;
        Assert.That(table.Numbers("x")[0], Is.EqualTo(1.0), "what is given out is a copy");
        // The runtime takes an array of unsigned numbers for one of signed ones.
        Assert.That(Table.FromColumns(("u", new[] { ulong.MaxValue })).Numbers("u"), Is.EqualTo(new[] { (double)ulong.MaxValue }));
        Assert.That(() => Table.FromColumns(("odd", new[] { new object() })), Throws.TypeOf<DataException>().With.Message.Contains("'odd'"));
        Assert.That(() => table.With("w", new[] { 1 }), Throws.TypeOf<DataException>().With.Message.Contains("'w' has 1 rows"));
        Assert.That(() => table.Numbers("q"), Throws.TypeOf<DataException>().With.Message.Contains("the columns are x, y, z"));
    }

    [Test]
    public void RowsAndColumns_ArePicked()
    {
        var table = Table.FromRows(People);
        Assert.That(table[1..].Texts("Name"), Is.EqualTo(new[] { "Bob", "Cid" }));
        Assert.That(table[^1..10].Count, Is.EqualTo(1));
        Assert.That(table.Sort("Age", "Name").Texts("Name"), Is.EqualTo(new[] { "Bob", "Cid", "Ann" }));
        Assert.That(table.Filter(table.Flags("IsBoss")).Texts("Name"), Is.EqualTo(new[] { "Ann", "Cid" }));
        Assert.That(table.Append(table[..1]).Texts("Name"), Is.EqualTo(new[] { "Ann", "Bob", "Cid", "Ann" }));
        Assert.That(table.Take([2, -1]).Texts("Name"), Is.EqualTo(new[] { "Cid", null }));
        Assert.That(table.Select("Age", "Name").Columns, Is.EqualTo(new[] { "Age", "Name" }));
        Assert.That(table.Drop("Age").DropWhere(name => name.StartsWith('B')).Columns, Is.EqualTo(new[] { "Name", "Height", "IsBoss" }));
        Assert.That(table.Rename("Age", "Years").Columns[1], Is.EqualTo("Years"));
        Assert.That(() => table.Drop("Weight"), Throws.TypeOf<DataException>().With.Message.Contains("'Weight'"));
    }

    [Test]
    public void Text_ShowsTheFirstRowsUnderTheirNames() =>
        Assert.That(
            Table.FromRows(People).Select("Name", "Age", "Height").ToString(2),
            Is.EqualTo("Name  Age  Height\n Ann   40     1.7\n Bob   30     NaN\n[3 rows x 3 columns]"));

    [Test]
    public void LeftJoin_KeepsTheLeftRows_AndGivesDoubledNamesTheSuffix()
    {
        var left = Table.FromColumns(("Store", new[] { 3, 1, 9 }), ("Type", new[] { "x", "y", "z" }));
        var right = Table.FromColumns(("Nr", new[] { 1, 3 }), ("Type", new[] { "a", "b" }), ("Size", new[] { 10, 30 }));
        var joined = left.LeftJoin(right, ["Store"], ["Nr"]);
        Assert.That(joined.Columns, Is.EqualTo(new[] { "Store", "Type", "Nr", "Type_y", "Size" }));
        Assert.That(joined.Numbers("Size"), Is.EqualTo(new[] { 30, 10, double.NaN }));
        Assert.That(joined.Texts("Type_y"), Is.EqualTo(new[] { "b", "a", null }));
        Assert.That(left.LeftJoin(right.Rename("Nr", "Store"), ["Store"], suffix: "_DE").Columns, Is.EqualTo(new[] { "Store", "Type", "Type_DE", "Size" }));
        Assert.That(() => left.LeftJoin(right, ["Store", "Type"], ["Nr"]), Throws.ArgumentException.With.Message.Contains("in pairs"));
    }

    /// <summary>The table of the lessons, §3.1.</summary>
    [Test]
    public void Datepart_HasIsoWeeks_AndThePrefixRule_Row56()
    {
        var table = Table.FromColumns(("transaction_date", new[] { "2015-07-31", "2017-02-03", "2014-12-29", "2016-01-01" })).AddDatepart("transaction_date", drop: false);
        Assert.That(
            table.Columns,
            Is.EqualTo(new[]
            {
                "transaction_date", "transaction_Year", "transaction_Month", "transaction_Week", "transaction_Day", "transaction_Dayofweek",
                "transaction_Dayofyear", "transaction_Is_month_end", "transaction_Is_month_start", "transaction_Is_quarter_end",
                "transaction_Is_quarter_start", "transaction_Is_year_end", "transaction_Is_year_start", "transaction_Elapsed",
            }));
        double[] Of(string part) => table.Numbers("transaction_" + part);
        Assert.That(Of("Week"), Is.EqualTo(new[] { 31, 5, 1, 53 }));
        Assert.That(Of("Dayofweek"), Is.EqualTo(new[] { 4, 4, 0, 4 }));
        Assert.That(Of("Dayofyear"), Is.EqualTo(new[] { 212, 34, 363, 1 }));
        Assert.That(Of("Is_month_end"), Is.EqualTo(new[] { 1, 0, 0, 0 }));
        Assert.That(Of("Is_year_start"), Is.EqualTo(new[] { 0, 0, 0, 1 }));
        Assert.That(Of("Elapsed"), Is.EqualTo(new[] { 1438300800L, 1486080000, 1419811200, 1451606400 }));

        var timed = Table.FromColumns(("Date", new[] { new DateTime(2015, 7, 31, 13, 5, 9) })).AddDatepart("Date", time: true);
        Assert.That(timed.Columns, Does.Not.Contain("Date").And.Contain("Year"));
        Assert.That(timed.Columns.Skip(12), Is.EqualTo(new[] { "Hour", "Minute", "Second", "Elapsed" }));
        Assert.That(() => timed.AddDatepart("Year"), Throws.TypeOf<DataException>().With.Message.Contains("not dates"));
    }

    [Test]
    public void CyclicDatepart_PutsDatesOnCircles_Row56()
    {
        // A Thursday (place 3 of 7), the first of the month and of the year.
        var table = Table.FromColumns(("Date", new[] { "2015-01-01" })).AddCyclicDatepart("Date", addLinear: true);
        Assert.That(table.Numbers("weekday_cos")[0], Is.EqualTo(Math.Cos(2 * Math.PI * 3 / 7)).Within(1e-12));
        Assert.That(table.Numbers("weekday_sin")[0], Is.EqualTo(Math.Sin(2 * Math.PI * 3 / 7)).Within(1e-12));
        Assert.That(table.Numbers("day_year_cos")[0], Is.EqualTo(1).Within(1e-12));
        Assert.That(table.Numbers("year_lin")[0], Is.EqualTo(2015).Within(1e-9));
        Assert.That(table.Columns, Does.Not.Contain("Date"));
    }

    [Test]
    public void Dates_WhoseMonthCannotBeSeen_AreToldTheirFormat()
    {
        var table = Table.FromColumns(("Date", new[] { "01/02/2015" }));
        Assert.That(() => table.Dates("Date"), Throws.TypeOf<DataException>().With.Message.Contains("give their format"));
        Assert.That(table.ParseDates("Date", "d/M/yyyy").Dates("Date"), Is.EqualTo(new[] { new DateTime(2015, 2, 1) }));
    }

    /// <summary>Shop 1: days 1 to 4 with a promo on days 2 and 4; shop 2 has none.</summary>
    [Test]
    public void ElapsedTimes_AreCountedByShop_Row57()
    {
        var table = Toy().AddElapsedTimes(["promo"], "Date", "shop").Sort("shop", "Date");
        Assert.That(table.Numbers("Afterpromo"), Is.EqualTo(new[] { 0, 0, 1, 0, 0, 0 }));
        Assert.That(table.Numbers("Beforepromo"), Is.EqualTo(new[] { -1, 0, -1, 0, 0, 0 }));
        Assert.That(table.Numbers("promo_bw"), Is.EqualTo(new[] { 0, 1, 1, 2, 0, 0 }));
        Assert.That(table.Numbers("promo_fw"), Is.EqualTo(new[] { 2, 2, 1, 1, 0, 0 }));
    }

    [Test]
    public void RollingSums_HaveTheWindowAskedFor_Row57()
    {
        var table = Toy().AddRollingSums(["promo"], "Date", "shop", window: 2).Sort("shop", "Date");
        Assert.That(table.Columns, Is.EqualTo(new[] { "shop", "Date", "promo", "promo_bw", "promo_fw" }));
        Assert.That(table.Numbers("promo_bw"), Is.EqualTo(new[] { 0, 1, 1, 1, 0, 0 }));
        Assert.That(table.Numbers("promo_fw"), Is.EqualTo(new[] { 1, 1, 1, 1, 0, 0 }));
        Assert.That(() => Toy().AddRollingSums(["promo"], "Date", "shop", window: 0), Throws.TypeOf<DataException>().With.Message.Contains("1 or more"));
    }

    [Test]
    public void ContCatSplit_IsFastaisTest_Row56()
    {
        var table = Table.FromColumns(("A", new[] { "a", "b", "c" }), ("F", new[] { 1.0, 2, 3 }), ("I", new[] { 0L, 1, 1 }));
        Assert.That(table.ContCatSplit(maxCard: 0).ContNames, Is.EqualTo(new[] { "F", "I" }));
        var (conts, cats) = table.ContCatSplit();
        Assert.That((string.Join(' ', conts), string.Join(' ', cats)), Is.EqualTo(("F", "A I")));
        Assert.That(table.ContCatSplit(depVar: ["A"]).CatNames, Is.EqualTo(new[] { "I" }));
    }

    [Test]
    public void Splits_NameEachRowOnce_AndLeaveNoLaterRowToTraining_Row68()
    {
        var table = Toy();
        var (train, valid) = Splits.Random(table, 0.34, seed: 3);
        Assert.That(valid, Has.Count.EqualTo(2));
        Assert.That(train.Concat(valid).Order(), Is.EqualTo(Enumerable.Range(0, 6)));
        Assert.That(Splits.Random(table, 0.34, seed: 3).Valid, Is.EqualTo(valid));
        Assert.That(Splits.ByIndex(table, [4, 0]).Train, Is.EqualTo(new[] { 1, 2, 3, 5 }));
        Assert.That(Splits.ByColumn(table, "promo").Valid, Is.EqualTo(new[] { 3, 5 }));
        Assert.That(Splits.ByDate(table, "Date", new DateTime(2015, 1, 3)).Valid, Is.EqualTo(new[] { 1, 5 }));
        // The third latest row shares its day with another: both are judged by.
        Assert.That(Splits.Latest(table, "Date", 3).Valid, Is.EqualTo(new[] { 1, 3, 4, 5 }));
        Assert.That(Splits.Latest(table, "Date", 2).Valid, Is.EqualTo(new[] { 1, 5 }));
        Assert.That(() => Splits.Latest(table, "Date", 6), Throws.TypeOf<DataException>().With.Message.Contains("1 to 5"));
    }

    [Test]
    public void Numbers_AreTheSameInEveryCulture()
    {
        var before = CultureInfo.CurrentCulture;

        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("de-DE");
            Assert.That(Table.FromColumns(("x", new[] { 1.5 })).Texts("x"), Is.EqualTo(new[] { "1.5" }));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
