// Lesson 6: the sales of drug stores, some weeks ahead.
//
//     dotnet run -c Release scripts/lesson06/rossmann.cs
//     dotnet run -c Release scripts/lesson06/rossmann.cs -- --data DIR --rows N --epochs 5 --seed 1 --out FILE
//
// DIR holds tables of the Rossmann competition (2015): `store.csv`, `store_states.csv`, a folder `weather` with a file a state;
// and, where they are at hand, `train.csv`, `googletrend.csv` and `test.csv`; each plain or as `.csv.gz`. Without --data they are those
// of data/rossmann-small. Where there are no sales, scripts/make-rossmann.fsx makes N rows for the stores of DIR, or for stores of its
// own. --start ends with the first step of the first epoch. FILE is what would be handed in.
// Exit codes: 0 as expected, 1 something is not, 2 wrong usage or no data.

#:project ../../facade/FunctionalDL

using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using FunctionalDL;
using DataException = FunctionalDL.Data.DataException;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var root = Path.GetFullPath(Path.Combine(Folder(), "..", ".."));
var (data, rows, epochs, seed, start) = ((string?)null, (int?)null, 5, 1L, false);
var submission = Path.Combine(root, "runs", "lesson06", "submission.csv");

for (var i = 0; i < args.Length; i++)
{
    switch (args[i..])
    {
        case ["--start", ..]:
            start = true;
            break;
        case ["--data", var given, ..]:
            (data, i) = (given, i + 1);
            break;
        case ["--out", var given, ..]:
            (submission, i) = (given, i + 1);
            break;
        case ["--rows", var number, ..] when int.TryParse(number, out var n) && n >= 1:
            (rows, i) = (n, i + 1);
            break;
        case ["--epochs", var number, ..] when int.TryParse(number, out var n) && n >= 1:
            (epochs, i) = (n, i + 1);
            break;
        case ["--seed", var number, ..] when long.TryParse(number, out var n):
            (seed, i) = (n, i + 1);
            break;
        default:
            Console.Error.WriteLine($"{args[i]}: usage is [--data DIR] [--rows N] [--epochs N] [--seed N] [--out FILE] [--start]");
            return 2;
    }
}

try
{
    var source = Source.Of(root, data, rows);
    var clock = Stopwatch.StartNew();
    var (sales, test) = Features.Of(source);
    var table = new TabularData(
        sales,
        Features.Categorical,
        Features.Continuous,
        ["Sales"],
        yBlock: YBlock.Regression(log: true),
        splits: Splits.Latest(sales, "Date", test.Count));
    Console.WriteLine($"{sales.Count} days with sales: {table.Train.Count} to train on, {table.Valid.Count} to judge by, {test.Count} to predict");
    Console.WriteLine($"{clock.Elapsed.TotalSeconds:F1} s to read and to process");

    // A sigmoid never quite reaches its ends: a fifth more than the largest sales so far.
    var most = Math.Log(sales.Numbers("Sales").Max() * 1.2);
    var learn = new TabularLearner(
        table.DataLoaders(batchSize: table.Train.Count < 100_000 ? 64 : 512),
        layers: [1000, 500],
        ps: [0.001, 0.01],
        embDrop: 0.04,
        yRange: (0, most),
        metrics: [Metrics.ExpRmspe],
        wd: 0.2,
        seed: seed);
    var widths = string.Join(' ', table.EmbeddingSizes().Select(size => $"{size.Classes}→{size.Width}"));
    Console.WriteLine($"embeddings: {widths}");

    var first = new FirstStep(clock, start);
    learn.FitOneCycle(epochs, 2e-3, callbacks: start ? [first] : null);
    var verdicts = new Verdicts();
    verdicts.Add("columns of classes, of numbers", $"{table.CatNames.Count}, {table.ContNames.Count}", "24, 16", (table.CatNames.Count, table.ContNames.Count) == (24, 16));
    verdicts.Add("days both to train on and to judge by", $"{Overlap(sales, test.Count)}", "0", Overlap(sales, test.Count) == 0);

    if (start)
    {
        verdicts.Add($"seconds to the first step, of {source.Rows} rows", $"{first.Seconds:F1}", "< 60", first.Seconds < 60);
        return verdicts.Print();
    }

    var error = learn.Validate().Metrics["exp_rmspe"];
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(submission))!);
    learn.WriteSubmission(submission, test);
    Console.WriteLine($"wrote {submission}");
    var lines = Table.ReadCsv(submission);

    if (source.IsMade)
    {
        var mean = MeanOfStore(sales, test.Count);
        verdicts.Add("exp_rmspe of each store's mean", $"{mean:F4}", "> 0.25", mean > 0.25);
    }

    verdicts.Add("exp_rmspe", $"{error:F4}", "< 0.15", error < 0.15);
    verdicts.Add("days predicted, in whole numbers", $"{lines.Count}", $"{test.Count}", lines.Count == test.Count && lines.Kind("Sales") == ColumnKind.Integers);
    var code = verdicts.Print();
    Console.WriteLine($"{clock.Elapsed.TotalSeconds:F1} s");
    Console.WriteLine($"exp_rmspe {error:F4}");
    return code;
}
catch (DataException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

static string Folder([CallerFilePath] string path = "") =>
    AppContext.GetData("EntryPointFileDirectoryPath") as string ?? Path.GetDirectoryName(path)!;

// How many days are in both parts.
static int Overlap(Table sales, int count)
{
    var (train, valid) = Splits.Latest(sales, "Date", count);
    var days = sales.Dates("Date");
    return train.Select(row => days[row]).Intersect(valid.Select(row => days[row])).Count();
}

// What comes of predicting for each store the mean of its sales.
static double MeanOfStore(Table sales, int count)
{
    var (train, valid) = Splits.Latest(sales, "Date", count);
    var (stores, amounts) = (sales.Numbers("Store"), sales.Numbers("Sales"));
    var means = train.GroupBy(row => stores[row], row => amounts[row]).ToDictionary(store => store.Key, store => store.Average());
    return Math.Sqrt(valid.Average(row => Math.Pow((amounts[row] - means[stores[row]]) / amounts[row], 2)));
}

/// <summary>Where the tables are.</summary>
internal sealed class Source
{
    private readonly IReadOnlyList<string> _folders;

    private Source(bool isMade, params IReadOnlyList<string> folders) => (IsMade, _folders) = (isMade, folders);

    /// <summary>Whether the sales follow the rule of scripts/make-rossmann.fsx.</summary>
    public bool IsMade { get; }

    /// <summary>How many rows of sales were read.</summary>
    public int Rows { get; private set; }

    public static Source Of(string root, string? data, int? rows)
    {
        var small = Path.Combine(root, "data", "rossmann-small");

        if (Find(data ?? small, "train.csv") is { } train && (data is not null || rows is null))
        {
            return rows is null
                ? new Source(data is null, data ?? small)
                : throw new DataException(train, "these are sales already", "leave --rows out", null);
        }

        var made = Path.Combine(root, "runs", "rossmann");
        string[] sides = data is null ? [] : ["--sides", data];
        string[] options = [.. sides, "--rows", $"{rows ?? 500_000}", "--out", made];
        using var maker = Process.Start("dotnet", ["fsi", Path.Combine(root, "scripts", "make-rossmann.fsx"), .. options]);
        maker.WaitForExit();

        return maker.ExitCode != 0 ? throw new DataException(made, "no sales could be made", "see above", null)
            : data is null ? new Source(true, made)
            : new Source(true, data, made);
    }

    public Table Read(string name, string delimiter = ",")
    {
        var path = _folders.Select(folder => Find(folder, name)).FirstOrDefault(found => found is not null) ?? Path.Combine(_folders[0], name);
        var kinds = new Dictionary<string, ColumnKind>();

        foreach (var (column, kind) in new[] { ("Date", ColumnKind.Dates), ("StateHoliday", ColumnKind.Texts) })
        {
            if (name is "train.csv" or "test.csv" || (column == "Date" && delimiter == ";"))
            {
                kinds[column] = kind;
            }
        }

        var table = Table.ReadCsv(path, delimiter, kinds: kinds);
        Rows = name == "train.csv" ? table.Count : Rows;
        return table;
    }

    /// <summary>The states of whose weather there is a file.</summary>
    public IEnumerable<string> WeatherStates()
    {
        var folder = Path.Combine(_folders[0], "weather");
        return Directory.Exists(folder)
            ? Directory.GetFiles(folder, "*.csv*").Select(file => Path.GetFileName(file).Split('.')[0]).Distinct().Order()
            : throw new DataException(folder, "there is no such folder", "it has the weather, a file a state", null);
    }

    private static string? Find(string folder, string name) =>
        new[] { name, name + ".gz" }.Select(file => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
}

/// <summary>What a network is told of a day in a store, as the course's rossman_data_clean makes it.</summary>
internal static class Features
{
    private static readonly string[] Weather =
    [
        "Max_TemperatureC", "Mean_TemperatureC", "Min_TemperatureC", "Max_Humidity", "Mean_Humidity", "Min_Humidity",
        "Max_Wind_SpeedKm_h", "Mean_Wind_SpeedKm_h", "CloudCover",
    ];

    public static IReadOnlyList<string> Categorical { get; } =
    [
        "Store", "DayOfWeek", "Year", "Month", "Day", "StateHoliday", "CompetitionMonthsOpen", "Promo2Weeks", "StoreType",
        "Assortment", "PromoInterval", "CompetitionOpenSinceYear", "Promo2SinceYear", "State", "Week", "Events", "Promo_fw",
        "Promo_bw", "StateHoliday_fw", "StateHoliday_bw", "SchoolHoliday_fw", "SchoolHoliday_bw",
    ];

    public static IReadOnlyList<string> Continuous { get; } =
    [
        "CompetitionDistance", .. Weather, "trend", "trend_DE", "AfterStateHoliday", "BeforeStateHoliday", "Promo", "SchoolHoliday",
    ];

    /// <summary>The days with sales, and those to be predicted.</summary>
    public static (Table Sales, Table Test) Of(Source source)
    {
        var train = source.Read("train.csv").Drop("Customers");
        var test = source.Read("test.csv");

        // Both together: how long ago a holiday was is not the less known where sales are not.
        var all = train.With("Id", new long[train.Count]).Append(test.With("Sales", new long[test.Count]));
        all = Joined(all.With("StateHoliday", all.Texts("StateHoliday").Select(kind => kind != "0").ToArray()), source);
        all = SinceWhen(all).AddElapsedTimes(["SchoolHoliday", "StateHoliday", "Promo"], "Date", "Store");
        all = all.Select([.. Categorical, .. Continuous, "Sales", "Date", "Id"]);
        var sales = all[..train.Count];
        return (sales.Filter(sales.Flags("Sales")), all[train.Count..]);
    }

    /// <summary>With what is known of the store, of the weather in its state, and of what people searched for in that week.</summary>
    private static Table Joined(Table all, Source source)
    {
        var weather = source.WeatherStates()
            .Select(state =>
            {
                var days = source.Read(Path.Combine("weather", state + ".csv"), ";").Select(["Date", .. Weather, "Events"]);
                return days.With("State", Enumerable.Repeat(state, days.Count).ToArray());
            })
            .Aggregate((some, more) => some.Append(more));

        var trends = source.Read("googletrend.csv");
        trends = trends
            // "Rossmann_DE_NI" stands for Lower Saxony and Bremen.
            .With("State", trends.Texts("file").Select(file => file!.Split('_') is [_, _, var state] ? state == "NI" ? "HB" : state : null).ToArray())
            .With("Date", trends.Texts("week").Select(week => week!.Split(" - ")[0]).ToArray())
            .AddDatepart("Date");

        return all
            .AddDatepart("Date", drop: false)
            .LeftJoin(source.Read("store.csv"), ["Store"])
            .LeftJoin(source.Read("store_states.csv"), ["Store"])
            .LeftJoin(weather, ["Date", "State"])
            .LeftJoin(trends.Select("State", "Year", "Week", "trend"), ["State", "Year", "Week"])
            .LeftJoin(
                trends.Filter(trends.Texts("State").Select(state => state is null)).Select("Year", "Week", "trend"),
                ["Year", "Week"],
                suffix: "_DE");
    }

    /// <summary>For how many months there has been a competitor (at most 24), and for how many weeks an offer (at most 25).</summary>
    private static Table SinceWhen(Table all)
    {
        double[] Filled(string column, double filler) => [.. all.Numbers(column).Select(x => double.IsNaN(x) ? filler : x)];
        var days = all.Dates("Date");
        var (competitionYear, month) = (Filled("CompetitionOpenSinceYear", 1900), Filled("CompetitionOpenSinceMonth", 1));
        var (promoYear, week) = (Filled("Promo2SinceYear", 1900), Filled("Promo2SinceWeek", 1));

        // Years before 1990 say that nobody knows.
        long Since(int row, double year, DateTime when) => year < 1990 ? 0 : Math.Max(0, (days[row] - when).Days);

        var months = days.Select((_, i) => Math.Min(
            24, Since(i, competitionYear[i], new DateTime((int)competitionYear[i], (int)month[i], 15)) / 30)).ToArray();
        var weeks = days.Select((_, i) => Math.Min(
            25, Since(i, promoYear[i], ISOWeek.ToDateTime((int)promoYear[i], (int)week[i], DayOfWeek.Monday)) / 7)).ToArray();

        return all
            .With("CompetitionOpenSinceYear", competitionYear)
            .With("Promo2SinceYear", promoYear)
            .With("CompetitionMonthsOpen", months)
            .With("Promo2Weeks", weeks);
    }
}

/// <summary>Notes when the first step is done, and ends the fit there.</summary>
internal sealed class FirstStep(Stopwatch clock, bool stop) : Callback
{
    public double Seconds { get; private set; }

    public override Decision AfterStep(FitContext fit)
    {
        Seconds = clock.Elapsed.TotalSeconds;
        return stop ? Decision.StopFit : Decision.Continue;
    }
}

/// <summary>What came out beside what was expected.</summary>
internal sealed class Verdicts
{
    private readonly List<(string What, string Ours, string Expected, bool Holds)> _rows = [];

    public void Add(string what, string ours, string expected, bool holds) => _rows.Add((what, ours, expected, holds));

    /// <returns>The exit code.</returns>
    public int Print()
    {
        Console.WriteLine();
        Console.WriteLine($"{"quantity",-50}  {"ours",10}  {"expected",10}  verdict");

        foreach (var (what, ours, expected, holds) in _rows)
        {
            Console.WriteLine($"{what,-50}  {ours,10}  {expected,10}  {(holds ? "holds" : "FAILS")}");
        }

        return _rows.All(row => row.Holds) ? 0 : 1;
    }
}
