// Lesson 6: regularisation compared. The same network with nothing, with dropout, with weight decay and with batch norm.
//
//     dotnet run -c Release scripts/lesson06/dropout-batchnorm.cs
//     dotnet run -c Release scripts/lesson06/dropout-batchnorm.cs -- --data DIR --seed N --out FILE --quick
//
// The networks see a few hundred pictures only, so that they can learn them by heart: that is what regularisation is
// against. The page with the curves is runs/lesson06/dropout-batchnorm-cs.html. --data is a folder with MNIST's four IDX
// files; data/digits when not given. Exit codes: 0 all as expected, 1 something is not, 2 wrong usage or no data.

#:project ../../facade/FunctionalDL

using System.Globalization;
using System.Runtime.CompilerServices;
using FunctionalDL;
using FunctionalDL.Data;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var root = Path.GetFullPath(Path.Combine(Folder(), "..", ".."));
var (folder, page) = (Path.Combine(root, "data", "digits"), Path.Combine(root, "runs", "lesson06", "dropout-batchnorm-cs.html"));
var (seed, quick) = (1L, false);

for (var i = 0; i < args.Length; i++)
{
    switch (args[i..])
    {
        case ["--quick", ..]:
            quick = true;
            break;
        case ["--data", var dir, ..]:
            (folder, i) = (dir, i + 1);
            break;
        case ["--out", var file, ..]:
            (page, i) = (file, i + 1);
            break;
        case ["--seed", var number, ..] when long.TryParse(number, out seed):
            i++;
            break;
        default:
            Console.Error.WriteLine($"{args[i]}: usage is [--data DIR] [--out FILE] [--seed N] [--quick]");
            return 2;
    }
}

const int Items = 600;
const int Validation = 2000;
var epochs = quick ? 12 : 60;
TensorDataset train, valid;

try
{
    var images = ImageData.FromIdx(folder).Train;
    var first = images.Inputs[0][..Items].To(DType.Float32);
    var (mean, std) = (first.Mean().Item(), first.Std().Item());

    TensorDataset Part(int start, int count) => new(
        ((images.Inputs[0][start..(start + count)].To(DType.Float32) - mean) / std).Reshape(count, -1),
        images.Targets[0][start..(start + count)]);

    (train, valid) = (Part(0, Items), Part(images.Count * 5 / 6, Validation));
}
catch (DataException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

var failed = 0;
var table = new List<string[]>();

void Verdict(string what, double ours, string expected, bool holds)
{
    table.Add([what, $"{ours:G4}", expected, holds ? "holds" : "FAILS"]);
    failed += holds ? 0 : 1;
}

void AtMost(string what, double ours, double most) => Verdict(what, ours, $"at most {most}", ours <= most);

void AtLeast(string what, double ours, double least) => Verdict(what, ours, $"at least {least}", ours >= least);

// ---- 1. What dropout does ----------------------------------------

var ones = Tensor.Ones([200, 500]);
var dropout = new Dropout(0.5);
var dropped = dropout.Train().Call(ones);
var values = dropped.ToArray<float>().Distinct().Order().ToArray();
Verdict("row 69: values of dropout of ones, besides 0 and 2", values.Count(v => v is not (0 or 2)), "0", values is [0, 2]);
// 100,000 draws: the mean's deviation is 1 / √100,000.
AtMost("row 69: how far their mean is from 1", Math.Abs(dropped.Mean().Item() - 1), 4 / Math.Sqrt(100_000));
AtMost("row 69: largest change in evaluation", (dropout.Eval().Call(ones) - ones).Abs().Max().Item(), 0);

// ---- 2. One network, four ways ----------------------------------------

// Linear layers of 300 and 100, each followed by ReLU and what a network has besides.
Sequential Network(Func<int, Module?> besides)
{
    IEnumerable<Module> Hidden(int inputs, int outputs) =>
        [new Linear(inputs, outputs), new ReLU(), .. besides(outputs) is { } more ? [more] : Array.Empty<Module>()];

    return new Sequential([.. Hidden(train.Inputs[0].Shape[1], 300), .. Hidden(300, 100), new Linear(100, 10)]);
}

Run Trained(string name, Sequential network, double weightDecay)
{
    var loaders = new DataLoaders(new DataLoader(train, 50, shuffle: true), new DataLoader(valid, 1000));
    var learn = new Learner(
        loaders,
        network,
        Losses.CrossEntropy,
        (parameters, lr) => new AdamW(parameters, lr, weightDecay: weightDecay),
        [Metrics.Accuracy],
        seed: seed,
        silent: true);

    var reports = learn.Fit(epochs, lr: 1e-3);
    var seen = learn.Validate(new DataLoader(train, Items));
    var squares = network.Parameters().Where(p => p.Value.Rank == 2).Sum(p => p.Value.Square().Sum().Item());
    return new Run(name, reports, seen.Loss, seen.Metrics["accuracy"], Math.Sqrt(squares));
}

var nothing = Trained("nothing", Network(_ => null), 0);
var dropouts = Trained("dropout", Network(_ => new Dropout(0.5)), 0);
var decay = Trained("weight decay", Network(_ => null), 1);
var norm = Trained("batch norm", Network(outputs => new BatchNorm1d(outputs)), 0);
Run[] runs = [nothing, dropouts, decay, norm];

if (!quick)
{
    AtLeast("nothing: accuracy on what was trained on", nothing.TrainAccuracy, 0.99);
    AtLeast("nothing: last validation loss over the lowest", nothing.Last.Loss / nothing.Lowest, 1.1);
    AtMost("dropout: validation loss over that of nothing", dropouts.Last.Loss / nothing.Last.Loss, 0.95);
    AtMost("weight decay: validation loss over that of nothing", decay.Last.Loss / nothing.Last.Loss, 1);
}

AtMost("weight decay: length of the weights over that of nothing", decay.Length / nothing.Length, 0.98);
AtMost("batch norm: first epoch's training loss over that of nothing", norm.Reports[0].TrainLoss / nothing.Reports[0].TrainLoss, 1);
AtLeast("least validation accuracy of the four", runs.Min(r => r.Last.Metrics["accuracy"]), quick ? 0.75 : 0.8);

// ---- 3. Table and curves ----------------------------------------

string[] columns = ["with", "train loss", "valid loss", "lowest", "gap", "train accuracy", "valid accuracy", "length of weights"];
var rows = runs.Select(r => (string[])
[
    r.Name, $"{r.TrainLoss:F4}", $"{r.Last.Loss:F4}", $"{r.Lowest:F4}", $"{r.Gap:F4}", $"{r.TrainAccuracy:F4}",
    $"{r.Last.Metrics["accuracy"]:F4}", $"{r.Length:F1}",
]).ToList();

Plot Curves(string title, PlotAxis axis, Func<EpochResult, double> value) => runs.Aggregate(
    new Plot(title, PlotAxis.Whole("epoch"), axis),
    (plot, run) => plot.Line(run.Name, run.Reports.Select(r => r.Epoch + 1.0), run.Reports.Select(value)));

Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(page))!);
new HtmlPage("Regularisation compared")
    .Section("One network, four ways")
    .Text($"784-300-100-10 with ReLU, trained on {Items} pictures for {epochs} epochs with AdamW at 1e-3.")
    .Plots(
        Curves("Loss, validation", PlotAxis.FromZero("loss"), r => r.Valid.Loss),
        Curves("Accuracy, validation", PlotAxis.FromZero("accuracy"), r => r.Valid.Metrics["accuracy"]),
        Curves("Loss, training", PlotAxis.FromZero("loss"), r => r.TrainLoss))
    .Table(columns, rows)
    .Section("What came out")
    .Table(["quantity", "ours", "expected", "verdict"], table)
    .Write(page);

foreach (var row in rows.Prepend(columns))
{
    Console.WriteLine(string.Join(' ', row.Select(cell => $"{cell,-15}")));
}

Console.WriteLine();

foreach (var row in table)
{
    Console.WriteLine($"{row[3],-6} {row[0],-62} {row[1],-10} expected {row[2]}");
}

Console.WriteLine($"{table.Count} quantities, {failed} not as expected: {page}");
return failed == 0 ? 0 : 1;

static string Folder([CallerFilePath] string path = "") =>
    AppContext.GetData("EntryPointFileDirectoryPath") as string ?? Path.GetDirectoryName(path)!;

/// <summary>A network that was trained in one way.</summary>
internal sealed record Run(
    string Name, IReadOnlyList<EpochResult> Reports, double TrainLoss, double TrainAccuracy, double Length)
{
    public Evaluation Last => Reports[^1].Valid;

    public double Lowest => Reports.Min(r => r.Valid.Loss);

    /// <summary>How much worse the loss is on pictures that were not trained on.</summary>
    public double Gap => Last.Loss - TrainLoss;
}
