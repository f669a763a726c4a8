// Lesson 6: what a network for pictures is given, what it computes, what it has learned, and where it looks.
//
//     dotnet run -c Release scripts/lesson06/pets-more.cs
//     dotnet run -c Release scripts/lesson06/pets-more.cs -- --data DIR --seed N --out DIR --quick
//
// --data is a folder with the folders `train` and `valid`, each with a folder of pictures for each class; without it the
// pictures are data/shapes/first, which come with masks and with a second set of classes: what needs these is left out of other
// pictures. The page, the grids and the weights go to runs/lesson06. --quick trains on a part for one epoch, so that what
// needs a trained network has no verdict. Exit codes: 0 all as expected, 1 something is not, 2 wrong usage or no data.

#:project ../../facade/FunctionalDL

using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using FunctionalDL;
using FunctionalDL.Data;
using ImagePadding = FunctionalDL.ImagePadding;
using ImageStats = FunctionalDL.ImageStats;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var root = Path.GetFullPath(Path.Combine(Folder(), "..", ".."));
var (folder, results) = (Path.Combine(root, "data", "shapes", "first"), Path.Combine(root, "runs", "lesson06"));
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
        case ["--out", var dir, ..]:
            (results, i) = (dir, i + 1);
            break;
        case ["--seed", var number, ..] when long.TryParse(number, out seed):
            i++;
            break;
        default:
            Console.Error.WriteLine($"{args[i]}: usage is [--data DIR] [--out DIR] [--seed N] [--quick]");
            return 2;
    }
}

var masksFile = Path.Combine(folder, "valid-masks.idx.gz");
var isShapes = File.Exists(masksFile);
Directory.CreateDirectory(results);
string At(string name) => Path.Combine(results, name);
var table = new List<string[]>();
var failed = 0;

void Verdict(string what, string ours, string expected, bool holds)
{
    table.Add([what, ours, expected, holds ? "holds" : "FAILS"]);
    failed += holds ? 0 : 1;
    Console.WriteLine($"{table[^1][3],-6} {what,-62} {ours,-28} expected: {expected}");
}

void Equal(string what, string ours, string expected) => Verdict(what, ours, expected, ours == expected);

void AtLeast(string what, double ours, double least) => Verdict(what, $"{ours:G4}", $"at least {least}", ours >= least);

void Told(string what, string ours)
{
    table.Add([what, ours, "", ""]);
    Console.WriteLine($"{"",-6} {what,-62} {ours}");
}

// ---- 1. What is done to a picture ----------------------------------------

const int Side = 64;
var options = new ImageOptions
{
    Size = Side,
    BatchSize = 32,
    Seed = seed,
    DropLast = true,
    Transforms = ImageTransform.GetTransforms(maxRotate: 10, maxZoom: 1.05, maxLighting: 0.1, maxWarp: 0.05),
};
ImageDataLoaders data;

try
{
    data = ImageDataLoaders.FromFolder(folder, options);
}
catch (DataException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

// As the lesson has them: everything, each time, and much of it.
var strong = ImageTransform.GetTransforms(maxRotate: 20, maxZoom: 1.3, maxLighting: 0.4, maxWarp: 0.4, pAffine: 1, pLighting: 1);

foreach (var padding in Enum.GetValues<ImagePadding>())
{
    var changed = ImageDataLoaders.FromFolder(folder, options with { Transforms = strong, Padding = padding });
    changed.ShowAugmented(At($"augmented-{padding.ToString().ToLowerInvariant()}.png"), 3);

    if (padding == ImagePadding.Reflection)
    {
        var nine = Enumerable.Range(0, 9).Select(_ => changed.Train.Dataset[3]).ToList();
        var different = nine.Select(s => string.Join(' ', s.Inputs[0].ToArray<float>())).Distinct().Count();
        var labels = nine.Select(s => s.Targets[0].Item()).Distinct().Count();
        Equal("row 76: nine times the same item: pictures, labels", $"{different}, {labels}", "9, 1");
    }
}

data.ShowBatch(At("batch.png"), rows: 4);

// ---- 2. Convolution by hand ----------------------------------------

var corner = Tensor.From([0f, -5f / 3, 1, -5f / 3, -5f / 3, 1, 1, 1, 1], [3, 3]);
var kernel = corner.Expand(1, 3, 3, 3) / 6;
var shown = string.Join(' ', kernel[0, 0].ToArray<float>().Select(v => $"{v:F4}"));
Equal("row 78: the edge kernel", shown, "0.0000 -0.2778 0.1667 -0.2778 -0.2778 0.1667 0.1667 0.1667 0.1667");
// Its sum is 0.
var flat = Functional.Conv2d(Tensor.Full([1, 3, 16, 16], 0.37), kernel).Abs().Max().Item();
Verdict("row 78: a picture of one colour has no edges", $"{flat:G2}", "below 1e-5", flat < 1e-5);

var large = ImageFiles.FromFolder(folder).Transformed(options with { Size = 352 }, isTraining: false)[0].Inputs[0];
var edges = Functional.Conv2d(large.Unsqueeze(0), kernel);
Equal("row 77: a pixel less on each side, one channel of one kernel", $"{edges.Shape}", "[1; 1; 350; 350]");
var two = Functional.Conv2d(large.Unsqueeze(0), Tensor.Cat([kernel, -kernel], 0), stride: 2, padding: 1);
Equal("row 78: two kernels are two channels; a stride of 2 halves", $"{two.Shape}", "[1; 2; 176; 176]");

// ---- 3. The lesson's network ----------------------------------------

var blank = new DataLoader(new TensorDataset(Tensor.Zeros([2, 3, 352, 352]), Tensor.From([0L, 1L])), 2);
var lesson = new VisionLearner(
    new DataLoaders(blank, blank), ResNet.ResNet34(generator: new Generator(seed)), pretrained: true, classes: 37, bnFinal: true, silent: true);
var summary = lesson.Model.Summary([3, 352, 352]);
var (all, trainable) = (summary.TotalParameters, summary.TrainableParameters);
var totals = $"{all:N0} / {trainable:N0} / {all - trainable:N0}";
Equal("row 79: ResNet-34 with a new head: all, trained, frozen", totals, "21,831,599 / 563,951 / 21,267,648");

// ---- 4. Training ----------------------------------------

static Optimizer Adam(IReadOnlyList<Parameter> parameters, double lr) => new AdamW(parameters, lr);

VisionLearner Learner(DataLoaders loaders, long number) => new(
    loaders, ResNet.ResNet18(generator: new Generator(number)), ps: [0.25], optFunc: Adam, metrics: [Metrics.Accuracy], seed: number, silent: true);

DataLoaders Part(ImageDataLoaders all, int train, int valid) => new(
    new DataLoader(new Subset(all.Train.Dataset, Spread(all.Train.Dataset.Count, train)), 32, shuffle: true, collateFn: Normalized),
    new DataLoader(new Subset(all.Valid.Dataset, Spread(all.Valid.Dataset.Count, valid)), 64, collateFn: Normalized))
{
    Classes = all.Classes,
};

static IEnumerable<int> Spread(int of, int count) => Enumerable.Range(0, count).Select(i => i * of / count);

static Batch Normalized(IReadOnlyList<Sample> samples)
{
    var batch = Batch.Collate(samples);
    return new Batch([ImageStats.ImageNet.Normalize(batch.Inputs[0])], batch.Targets);
}

var epochs = quick ? 1 : 8;
var learn = Learner(quick ? Part(data, 64, 32) : data, seed);
var clock = Stopwatch.StartNew();
var reports = learn.FitOneCycle(epochs, 2e-3);
var seconds = clock.Elapsed.TotalSeconds;

foreach (var report in reports)
{
    Console.WriteLine($"       epoch {report.Epoch}: {report.TrainLoss:F4} {report.Valid.Loss:F4} {report.Valid.Metrics["accuracy"]:F4}");
}

Told("ResNet-18 from nothing: epochs, seconds", $"{epochs}, {seconds:F0}");
var accuracy = reports[^1].Valid.Metrics["accuracy"];

if (!quick && isShapes)
{
    AtLeast("its validation accuracy", accuracy, 0.95);
}
else
{
    Told("its validation accuracy", $"{accuracy:F4}");
}

// ---- 5. Where it looks ----------------------------------------

var looked = quick ? 4 : 50;
var positions = Spread(data.Valid.Dataset.Count, looked).ToList();
var masks = isShapes ? Idx.read(masksFile) : null;
var inside = 0;
var overlays = new List<Plot>();

// Faces of the third of four stages: those of the fourth are 2 by 2 of a picture of 64 pixels, too coarse to point at anything.
var stage = learn.Body[6];

foreach (var position in positions)
{
    var item = data.OneItem(position);
    var taken = (int)learn.Predict(item.Inputs[0]).Argmax(1).Item();
    var map = HeatMap.Resize(HeatMap.GradCam(learn.Model, stage, item.Inputs[0], taken, positive: true), Side, Side);
    var peak = (int)map.Reshape(-1).Argmax(0).Item();
    inside += masks is not null && masks.Bytes[(position * Side * Side) + peak] != 0 ? 1 : 0;

    if (overlays.Count < 8)
    {
        var file = At($"heat-map-{overlays.Count}.png");
        HeatMap.Write(file, data.Valid.Dataset[position].Inputs[0], map, alpha: 0.6);
        var picture = Images.read(file);
        overlays.Add(new Plot(data.Classes![taken]).Image(Pixels(picture)));
    }
}

if (masks is not null)
{
    Told($"heat maps whose peak is inside the object, of {looked}", $"{inside}");
}

// ---- 6. Other classes ----------------------------------------

if (isShapes)
{
    var weights = At("shapes-body.safetensors");
    learn.Body.Save(weights);
    var second = ImageDataLoaders.FromFolder(Path.Combine(folder, "..", "second"), options with { BatchSize = 16 });
    var small = quick ? Part(second, 32, 32) : second;
    var (frozenEpochs, tunedEpochs) = quick ? (1, 1) : (4, 4);
    var gains = new List<double>();

    foreach (var number in quick ? [seed] : new[] { seed, seed + 1, seed + 2 })
    {
        var tuned = Learner(small, number);
        tuned.Body.Load(weights);
        var afterwards = tuned.FineTune(tunedEpochs, baseLr: 4e-3, freezeEpochs: frozenEpochs, lrMult: 10)[^1];
        var fresh = Learner(small, number).FitOneCycle(frozenEpochs + tunedEpochs, 2e-3)[^1];
        double Of(EpochResult result) => result.Valid.Metrics["accuracy"];
        gains.Add(100 * (Of(afterwards) - Of(fresh)));
        Told($"seed {number}: other classes from its weights, and from nothing", $"{Of(afterwards):F4}, {Of(fresh):F4}");
    }

    if (!quick)
    {
        AtLeast("points gained by its weights, median of three seeds", gains.Order().ElementAt(1), 5);
    }
}

// ---- 7. The page ----------------------------------------

Plot Grid(string title, string file) => new Plot(title).Image(Pixels(Images.read(At(file))));

static Tensor Pixels(Bitmap picture) => Tensor.From(picture.Samples, [picture.Height, picture.Width, 3]).Permute(2, 0, 1);

Plot Curves(string title, PlotAxis axis) => new(title, PlotAxis.Whole("epoch"), axis);

var epochNumbers = reports.Select(r => r.Epoch + 1.0).ToList();
var head = summary.Layers.Where(layer => layer.Parameters > 0 && layer.Path.StartsWith("1.", StringComparison.Ordinal));

new HtmlPage("Lesson 6: pictures")
    .Section("What is done to a picture")
    .Text("A picture that is turned a little, seen from the side, nearer or in other light is a picture of the same.")
    .Plots(
        Grid("mirrored outside", "augmented-reflection.png"),
        Grid("black outside", "augmented-zeros.png"),
        Grid("the border outside", "augmented-border.png"),
        Grid("a batch", "batch.png"))
    .Section("Convolution by hand")
    .Text("A kernel slides over the picture; where it stands, products are summed. The sum of this one is 0.")
    .Plots(new Plot("right and bottom edges").Heatmap(
        "edges",
        Enumerable.Range(0, 350).Select(x => (double)x),
        Enumerable.Range(0, 350).Select(y => (double)y),
        edges[0, 0].Flip(0).To(DType.Float64).ToArray<double>().Chunk(350),
        signed: true))
    .Section("The head that ResNet-34 gets")
    .Table(
        ["layer", "kind", "gives", "parameters"],
        head.Select(layer => (string[])[layer.Path, layer.Kind, $"{layer.OutputShape}", $"{layer.Parameters:N0}"]))
    .Section("Training")
    .Plots(
        Curves("Loss", PlotAxis.FromZero("loss"))
            .Line("training", epochNumbers, reports.Select(r => r.TrainLoss))
            .Line("validation", epochNumbers, reports.Select(r => r.Valid.Loss)),
        Curves("Accuracy", PlotAxis.FromZero("accuracy"))
            .Line("validation", epochNumbers, reports.Select(r => r.Valid.Metrics["accuracy"])))
    .Section("Where it looks")
    .Text("How much the score of a class would grow with each channel says which channels speak for it: Grad-CAM sums these.")
    .Plots(overlays)
    .Section("What came out")
    .Table(["quantity", "ours", "expected", "verdict"], table)
    .Write(At("pets-more-cs.html"));

Console.WriteLine($"{table.Count} quantities, {failed} not as expected: {At("pets-more-cs.html")}");
return failed == 0 ? 0 : 1;

static string Folder([CallerFilePath] string path = "") =>
    AppContext.GetData("EntryPointFileDirectoryPath") as string ?? Path.GetDirectoryName(path)!;
