// Lesson 9, part 03: training in batches, from loops by hand to the learner.
//
//     dotnet run -c Release scripts/lesson09/03-minibatch-training.cs
//     dotnet run -c Release scripts/lesson09/03-minibatch-training.cs -- --data DIR --stage N
//
// Each stage replaces a part of the one before by something shorter, and all start from the same weights: they must
// give the same losses. The first stage is the measure of the others; on MNIST itself the course's trace is known
// beforehand. Exit codes: 0 all as expected, 1 something differs, 2 wrong usage or no data.

#:project ../../facade/FunctionalDL

using System.Collections;
using System.Globalization;
using System.Runtime.CompilerServices;
using FunctionalDL;
using FunctionalDL.Data;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const int BatchSize = 64;
const double Lr = 0.5;
var stages = new (string What, Action<Lesson, Trace> Run)[]
{
    ("model 1, a list of layers; loop 1, layer by layer", Stages.LayerByLayer),
    ("model 2, layers in fields; loop 2, over the parameters", (l, t) => Stages.OverParameters(new Model2(l), l, t)),
    ("model 3, registration by hand: DummyModule", Stages.Dummy),
    ("model 4, AddModule", (l, t) => Stages.OverParameters(new Model4(l), l, t)),
    ("model 5, ModuleList", (l, t) => Stages.OverParameters(new SequentialModel(l.Layers()), l, t)),
    ("model 6, Sequential", (l, t) => Stages.OverParameters(new Sequential(l.Layers()), l, t)),
    ("loop 3, an optimiser of one's own", Stages.OwnOptimizer),
    ("loop 4, SGD", Stages.LibraryOptimizer),
    ("loop 5, a dataset", Stages.OverDataset),
    ("loop 6, a loader of one's own", Stages.OverLoader),
    ("a sampler and a collate function of one's own", Stages.OverSampler),
    ("the library's loader", Stages.OverLibraryLoader),
    ("loop 7, fit and get_dls of one's own", Stages.Fit),
    ("the Learner, compiled", (l, t) => Stages.Learn(l, t, compile: true)),
    ("the Learner, step by step", (l, t) => Stages.Learn(l, t, compile: false)),
};

var (folder, only) = (Path.GetFullPath(Path.Combine(Folder(), "..", "..", "data", "digits")), 0);

for (var i = 0; i < args.Length; i += 2)
{
    switch (args[i..])
    {
        case ["--data", var dir, ..]:
            folder = dir;
            break;
        case ["--stage", var number, ..] when int.TryParse(number, out only) && only >= 1 && only <= stages.Length:
            break;
        default:
            Console.Error.WriteLine($"{args[i]}: usage is [--data DIR] [--stage 1 to {stages.Length}]");
            return 2;
    }
}

Lesson lesson;

try
{
    lesson = new Lesson(ImageData.FromIdx(folder), BatchSize, Lr);
}
catch (DataException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

Console.WriteLine($"{lesson.Items} pictures to train on, {lesson.ValidX.Shape[0]} to judge by; batches of {BatchSize}, rate {Lr}");
var measure = Trace.Of(lesson, stages[0].Run);
Console.WriteLine();
Console.WriteLine("steps  loss before the last  valid loss  accuracy");

foreach (var point in measure.Points)
{
    Console.WriteLine($"{point.Steps,5}  {point.Loss,20:F6}  {point.ValidLoss,10:F6}  {point.Accuracy,8:F4}");
}

var failed = 0;
Console.WriteLine();

void Verdict(string what, bool holds)
{
    Console.WriteLine($"{(holds ? "as expected" : "DIFFERS"),-12}{what}");
    failed += holds ? 0 : 1;
}

if (lesson.IsMnist)
{
    Verdict("the trace that the course's weights give (golden G-1)", Golden.Agrees(measure.Points));
}

for (var i = 0; i < stages.Length; i++)
{
    if (only == 0 || only == i + 1)
    {
        var trace = i == 0 ? measure : Trace.Of(lesson, stages[i].Run);
        Verdict($"stage {i + 1}: {stages[i].What}", trace.Points.SequenceEqual(measure.Points));

        foreach (var (what, holds) in trace.Claims)
        {
            Verdict($"    {what}", holds);
        }
    }
}

Console.WriteLine();
Console.WriteLine(failed == 0 ? "all as expected" : $"{failed} differ");
return failed == 0 ? 0 : 1;

static string Folder([CallerFilePath] string path = "") =>
    AppContext.GetData("EntryPointFileDirectoryPath") as string ?? Path.GetDirectoryName(path)!;

/// <summary>Where a run is after some steps. In float64 all stages give the same bits.</summary>
internal sealed record Point(int Steps, double Loss, double ValidLoss, double Accuracy);

/// <summary>Data, sizes and first weights.</summary>
internal sealed class Lesson
{
    public Lesson(ImageData images, int batchSize, double lr)
    {
        (BatchSize, Lr) = (batchSize, lr);
        var all = images.Train.Count;
        Items = all * 5 / 6;
        var pixels = images.Height * images.Width;

        // Divided by 256, as in the file that the course loads, and not normalised.
        Tensor Pictures(Range items) => images.Train.Inputs[0][items].Reshape(-1, pixels).To(DType.Float64) / 256;

        (TrainX, TrainY) = (Pictures(..Items), images.Train.Targets[0][..Items]);
        (ValidX, ValidY) = (Pictures(Items..), images.Train.Targets[0][Items..]);
        IsMnist = all == 60_000 && TrainY[..5].ToArray<int>().SequenceEqual([5, 0, 4, 1, 9]);
        TrainDs = new TensorDataset(TrainX, TrainY);
        ValidDs = new TensorDataset(ValidX, ValidY);
    }

    public int BatchSize { get; }

    public double Lr { get; }

    public int Items { get; }

    public bool IsMnist { get; }

    public Tensor TrainX { get; }

    public Tensor TrainY { get; }

    public Tensor ValidX { get; }

    public Tensor ValidY { get; }

    public TensorDataset TrainDs { get; }

    public TensorDataset ValidDs { get; }

    /// <summary>784-50-10 with the golden weights: element k of a matrix is scale · sin(phase + 0.7 k).</summary>
    public Module[] Layers()
    {
        var (l1, l2) = (new Linear(TrainX.Shape[1], 50), new Linear(50, 10));
        l1.To(DType.Float64);
        l2.To(DType.Float64);
        l1.Weight.Value = Sines(l1.Weight.Shape.ToArray(), 1.0 / 28, 0);
        l2.Weight.Value = Sines(l2.Weight.Shape.ToArray(), 1 / Math.Sqrt(50), 1);
        l1.Bias!.Value = Tensor.Zeros([50], DType.Float64);
        l2.Bias!.Value = Tensor.Zeros([10], DType.Float64);
        return [l1, new ReLU(), l2];
    }

    private static Tensor Sines(int[] shape, double scale, double phase) =>
        Tensor.From([.. Enumerable.Range(0, shape[0] * shape[1]).Select(k => scale * Math.Sin(phase + (0.7 * k)))], shape);
}

/// <summary>What a stage gives, looked at after some of its steps.</summary>
internal sealed class Trace(Lesson lesson)
{
    private static readonly int[] LookedAt = [1, 10, 50, 100, 200, 400];
    private readonly List<Point> _points = [];
    private readonly List<(string What, bool Holds)> _claims = [];
    private int _steps;

    public IReadOnlyList<Point> Points => _points;

    public IReadOnlyList<(string What, bool Holds)> Claims => _claims;

    public static Trace Of(Lesson lesson, Action<Lesson, Trace> stage)
    {
        var trace = new Trace(lesson);
        stage(lesson, trace);
        return trace;
    }

    /// <summary>A step was taken.</summary>
    public void Step(Tensor loss, Func<Tensor, Tensor> model)
    {
        _steps++;

        if (LookedAt.Contains(_steps) || _steps == (lesson.Items + lesson.BatchSize - 1) / lesson.BatchSize)
        {
            using (Autograd.NoGrad())
            {
                var output = model(lesson.ValidX);
                _points.Add(new Point(
                    _steps,
                    loss.Item(),
                    Losses.CrossEntropy(output, lesson.ValidY).Item(),
                    Metrics.Accuracy(output, lesson.ValidY).Item()));
            }
        }
    }

    /// <summary>Something else that the stage shows.</summary>
    public void Claim(string what, bool holds) => _claims.Add((what, holds));
}

/// <summary>The traces that are known beforehand: computed by another library, in float64.</summary>
internal static class Golden
{
    private static readonly Point[] Points =
    [
        new(1, 2.309341, 2.199652, 0.2238),
        new(10, 1.841819, 1.699645, 0.3876),
        new(50, 0.439218, 0.533186, 0.8422),
        new(100, 0.229137, 0.387096, 0.8808),
        new(200, 0.411796, 0.325010, 0.9072),
        new(400, 0.310023, 0.224728, 0.9305),
        new(782, 0.210385, 0.168221, 0.9492),
    ];

    /// <summary>For each of five epochs: means of the batches' losses and accuracies, and those of all items.</summary>
    public static double[][] Epochs { get; } =
    [
        [0.166664, 0.949763, 0.168221, 0.9492],
        [0.138459, 0.960146, 0.139875, 0.9597],
        [0.130716, 0.961828, 0.132083, 0.9614],
        [0.120986, 0.963805, 0.122246, 0.9634],
        [0.132368, 0.962816, 0.133741, 0.9624],
    ];

    public static bool Agrees(IReadOnlyList<Point> points) => points.Zip(Points).All(p =>
        p.First.Steps == p.Second.Steps
        && IsNear(p.First.Loss, p.Second.Loss)
        && IsNear(p.First.ValidLoss, p.Second.ValidLoss)
        && IsNear(p.First.Accuracy, p.Second.Accuracy));

    /// <summary>Whether a number has these digits.</summary>
    public static bool IsNear(double ours, double printed) => Math.Abs(ours - printed) <= 0.6e-6;
}

// ---- The models ----------------------------------------

/// <summary>A plain list of layers. The module must not find them: then nothing could be trained but by hand.</summary>
internal sealed class Model1(Lesson lesson) : Module
{
    [Unregistered]
    public IReadOnlyList<Module> Layers { get; } = lesson.Layers();

    public override Tensor Forward(Tensor x)
    {
        foreach (var layer in Layers)
        {
            x = layer.Call(x);
        }

        return x;
    }
}

/// <summary>Layers in fields: the module finds them, and their parameters.</summary>
internal sealed class Model2 : Module
{
    private readonly Linear _l1, _l2;

    public Model2(Lesson lesson)
    {
        var layers = lesson.Layers();
        (_l1, _l2) = ((Linear)layers[0], (Linear)layers[2]);
    }

    protected override string TypeName => "Model";

    public override Tensor Forward(Tensor x) => _l2.Call(_l1.Call(x).Relu());
}

/// <summary>
/// How a module finds its parts, done by hand: whatever is assigned under a name is written down, unless the name begins
/// with an underscore (as the list itself does).
/// </summary>
internal sealed class DummyModule
{
    private readonly OrderedDictionary<string, object> _modules = [];

    public DummyModule(Lesson lesson)
    {
        var layers = lesson.Layers();
        this["_modules"] = _modules;
        this["l1"] = layers[0];
        this["l2"] = layers[2];
    }

    public object this[string name]
    {
        get => _modules[name];
        set
        {
            if (!name.StartsWith('_'))
            {
                _modules[name] = value;
            }
        }
    }

    public IEnumerable<Parameter> Parameters()
    {
        foreach (var module in _modules.Values.Cast<Module>())
        {
            foreach (var parameter in module.Parameters())
            {
                yield return parameter;
            }
        }
    }

    public Tensor Call(Tensor x) => ((Module)this["l2"]).Call(((Module)this["l1"]).Call(x).Relu());

    public override string ToString() => "{" + string.Join(", ", _modules.Select(m => $"'{m.Key}': {m.Value}")) + "}";
}

/// <summary>The list again, each layer added under a name.</summary>
internal sealed class Model4 : Module
{
    [Unregistered]
    private readonly IReadOnlyList<Module> _layers;

    public Model4(Lesson lesson)
    {
        _layers = lesson.Layers();

        foreach (var (i, layer) in _layers.Index())
        {
            AddModule($"layer_{i}", layer);
        }
    }

    protected override string TypeName => "Model";

    public override Tensor Forward(Tensor x) => _layers.Aggregate(x, (y, layer) => layer.Call(y));
}

/// <summary>A list that is a module.</summary>
internal sealed class SequentialModel(Module[] layers) : Module
{
    private readonly ModuleList _layers = new(layers);

    public override Tensor Forward(Tensor x) => _layers.Aggregate(x, (y, layer) => layer.Call(y));
}

// ---- What the loops use ----------------------------------------

/// <summary>An optimiser in a few lines. The parameters are listed: a sequence could be gone through only once.</summary>
internal sealed class OwnSgd(IEnumerable<Parameter> parameters, double lr)
{
    private readonly List<Parameter> _parameters = [.. parameters];

    public void Step()
    {
        using (Autograd.NoGrad())
        {
            foreach (var p in _parameters)
            {
                p.Value -= lr * p.Grad!;
            }
        }
    }

    public void ZeroGrad() => _parameters.ForEach(p => p.ZeroGrad());
}

/// <summary>Pictures and labels that belong together.</summary>
internal sealed class OwnDataset(Tensor x, Tensor y)
{
    public int Count => x.Shape[0];

    public (Tensor X, Tensor Y) this[Range items] => (x[items], y[items]);

    public (Tensor X, Tensor Y) this[int item] => (x[item], y[item]);
}

/// <summary>The first loader: batches one after the other.</summary>
internal sealed class OwnLoader1(OwnDataset dataset, int batchSize) : IEnumerable<(Tensor X, Tensor Y)>
{
    public IEnumerator<(Tensor X, Tensor Y)> GetEnumerator()
    {
        for (var i = 0; i < dataset.Count; i += batchSize)
        {
            yield return dataset[i..Math.Min(i + batchSize, dataset.Count)];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Which items make a batch: in order, or in a new random order each time.</summary>
internal sealed class OwnSampler(int count, int batchSize, bool shuffle = false) : IEnumerable<int[]>
{
    private readonly Generator _generator = new();

    public IEnumerator<int[]> GetEnumerator()
    {
        var order = shuffle ? Tensor.Rand([count], _generator).Argsort().ToArray<int>() : [.. Enumerable.Range(0, count)];
        return order.Chunk(batchSize).GetEnumerator();
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>The second loader: items that a sampler chooses, put together by a function.</summary>
internal sealed class OwnLoader2(
    OwnDataset dataset, OwnSampler sampler, Func<IReadOnlyList<(Tensor X, Tensor Y)>, (Tensor X, Tensor Y)> collate)
    : IEnumerable<(Tensor X, Tensor Y)>
{
    public IEnumerator<(Tensor X, Tensor Y)> GetEnumerator() =>
        sampler.Select(items => collate([.. items.Select(i => dataset[i])])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

// ---- The stages ----------------------------------------

internal static class Stages
{
    /// <summary>Loss, gradients, and for each layer that has a weight: move it, and forget the gradient.</summary>
    public static void LayerByLayer(Lesson lesson, Trace trace)
    {
        var model = new Model1(lesson);
        trace.Claim("a plain list is not found: there are no parameters", model.Parameters().Count == 0);

        for (var i = 0; i < (lesson.Items + lesson.BatchSize - 1) / lesson.BatchSize; i++)
        {
            var (start, end) = (i * lesson.BatchSize, (i + 1) * lesson.BatchSize);
            var (xb, yb) = (lesson.TrainX[start..end], lesson.TrainY[start..end]);
            var loss = Losses.CrossEntropy(model.Call(xb), yb);
            loss.Backward();

            using (Autograd.NoGrad())
            {
                foreach (var layer in model.Layers.OfType<Linear>())
                {
                    layer.Weight.Value -= layer.Weight.Grad! * lesson.Lr;
                    layer.Bias!.Value -= layer.Bias.Grad! * lesson.Lr;
                    layer.Weight.ZeroGrad();
                    layer.Bias.ZeroGrad();
                }
            }

            trace.Step(loss, x => model.Call(x));
        }
    }

    /// <summary>The same for any module, over its parameters.</summary>
    public static void OverParameters(Module model, Lesson lesson, Trace trace)
    {
        trace.Claim($"prints as\n{model}", Printed(model));
        OverParameters(x => model.Call(x), model.Parameters, model.ZeroGrad, lesson, trace);
    }

    public static void Dummy(Lesson lesson, Trace trace)
    {
        var model = new DummyModule(lesson);
        const string Expected =
            "{'l1': Linear(in_features=784, out_features=50, bias=True), 'l2': Linear(in_features=50, out_features=10, bias=True)}";
        trace.Claim($"prints as {model}", $"{model}" == Expected);
        trace.Claim(
            "has 4 parameters, in their order",
            model.Parameters().Select(p => $"{p.Shape}").SequenceEqual(["[50; 784]", "[50]", "[10; 50]", "[10]"]));
        OverParameters(
            model.Call,
            () => [.. model.Parameters()],
            () => model.Parameters().ToList().ForEach(p => p.ZeroGrad()),
            lesson,
            trace);
    }

    /// <summary>An optimiser of one's own does what the inner loop did.</summary>
    public static void OwnOptimizer(Lesson lesson, Trace trace)
    {
        var model = new Sequential(lesson.Layers());
        var opt = new OwnSgd(model.Parameters(), lesson.Lr);

        for (var start = 0; start < lesson.Items; start += lesson.BatchSize)
        {
            var end = start + lesson.BatchSize;
            var loss = Losses.CrossEntropy(model.Call(lesson.TrainX[start..end]), lesson.TrainY[start..end]);
            loss.Backward();
            opt.Step();
            opt.ZeroGrad();
            trace.Step(loss, x => model.Call(x));
        }
    }

    /// <summary>The library has one, with momentum, dampening, decay and nesterov.</summary>
    public static void LibraryOptimizer(Lesson lesson, Trace trace)
    {
        var (model, opt) = GetModel(lesson);

        for (var start = 0; start < lesson.Items; start += lesson.BatchSize)
        {
            var end = start + lesson.BatchSize;
            TrainOn(lesson.TrainX[start..end], lesson.TrainY[start..end], model, opt, trace);
        }

        using (Autograd.NoGrad())
        {
            var accuracy = Metrics.Accuracy(model.Call(lesson.TrainX[^16..]), lesson.TrainY[^16..]).Item();
            trace.Claim($"accuracy of the last 16: {accuracy:F4}, above 0.7", accuracy > 0.7);
        }
    }

    /// <summary>One slice instead of two.</summary>
    public static void OverDataset(Lesson lesson, Trace trace)
    {
        var dataset = new OwnDataset(lesson.TrainX, lesson.TrainY);
        var (model, opt) = GetModel(lesson);
        trace.Claim("the dataset counts its items", dataset.Count == lesson.Items);

        for (var start = 0; start < dataset.Count; start += lesson.BatchSize)
        {
            var (xb, yb) = dataset[start..Math.Min(start + lesson.BatchSize, dataset.Count)];
            TrainOn(xb, yb, model, opt, trace);
        }
    }

    /// <summary>No slices: the loader makes them.</summary>
    public static void OverLoader(Lesson lesson, Trace trace)
    {
        var loader = new OwnLoader1(new OwnDataset(lesson.TrainX, lesson.TrainY), lesson.BatchSize);
        var (model, opt) = GetModel(lesson);
        trace.Claim("each pass begins anew", Same(loader.First().Y, loader.First().Y));

        foreach (var (xb, yb) in loader)
        {
            TrainOn(xb, yb, model, opt, trace);
        }
    }

    public static void OverSampler(Lesson lesson, Trace trace)
    {
        string Batches(OwnSampler sampler) => string.Join(' ', sampler.Select(b => $"[{string.Join(',', b)}]"));
        var small = Batches(new OwnSampler(10, 3));
        trace.Claim($"ten items by three: {small}", small == "[0,1,2] [3,4,5] [6,7,8] [9]");
        var shuffled = new OwnSampler(10, 3, shuffle: true);
        var (first, second) = (Batches(shuffled), Batches(shuffled));
        trace.Claim(
            $"shuffled: {first}, then {second}",
            shuffled.SelectMany(b => b).Order().SequenceEqual(Enumerable.Range(0, 10)) && first != second);

        var loader = new OwnLoader2(
            new OwnDataset(lesson.TrainX, lesson.TrainY),
            new OwnSampler(lesson.Items, lesson.BatchSize),
            items => (Tensor.Stack([.. items.Select(i => i.X)]), Tensor.Stack([.. items.Select(i => i.Y)])));
        var (model, opt) = GetModel(lesson);

        foreach (var (xb, yb) in loader)
        {
            TrainOn(xb, yb, model, opt, trace);
        }
    }

    /// <summary>The library's loader has all of this, and workers.</summary>
    public static void OverLibraryLoader(Lesson lesson, Trace trace)
    {
        var loader = new DataLoader(
            lesson.TrainDs, lesson.BatchSize, sampler: new SequentialSampler(lesson.TrainDs), numWorkers: 2);
        var shuffled = new DataLoader(lesson.TrainDs, lesson.BatchSize, shuffle: true, dropLast: true);
        trace.Claim("dropLast leaves out what does not fill a batch", shuffled.Count == lesson.Items / lesson.BatchSize);
        trace.Claim("a shuffled loader begins otherwise each time", !Same(shuffled.First().Targets[0], shuffled.First().Targets[0]));
        var (model, opt) = GetModel(lesson);

        foreach (var (xb, yb) in loader)
        {
            TrainOn(xb, yb, model, opt, trace);
        }
    }

    /// <summary>Training and validation in turn. The batches' means are not quite the mean of the items.</summary>
    public static void Fit(Lesson lesson, Trace trace)
    {
        var (train, valid) = GetDataLoaders(lesson.TrainDs, lesson.ValidDs, lesson.BatchSize);
        var (model, opt) = GetModel(lesson);
        var epochs = lesson.IsMnist ? 5 : 1;
        trace.Claim(
            "validation batches are twice as large",
            valid.Count == (lesson.ValidDs.Count + (2 * lesson.BatchSize) - 1) / (2 * lesson.BatchSize));

        for (var epoch = 0; epoch < epochs; epoch++)
        {
            model.Train();

            foreach (var (xb, yb) in train)
            {
                TrainOn(xb, yb, model, opt, trace);
            }

            model.Eval();

            using (Autograd.NoGrad())
            {
                var batches = valid.Select(batch =>
                {
                    var (xb, yb) = batch;
                    var output = model.Call(xb);
                    return (Items: batch.Count, Loss: Losses.CrossEntropy(output, yb).Item(), Accuracy: Metrics.Accuracy(output, yb).Item());
                }).ToList();
                double[] ours =
                [
                    batches.Average(b => b.Loss),
                    batches.Average(b => b.Accuracy),
                    batches.Sum(b => b.Items * b.Loss) / lesson.ValidDs.Count,
                    batches.Sum(b => b.Items * b.Accuracy) / lesson.ValidDs.Count,
                ];
                trace.Claim(
                    $"epoch {epoch}: means of batches {ours[0]:F6} {ours[1]:F6}, of items {ours[2]:F6} {ours[3]:F4}",
                    !lesson.IsMnist || ours.Zip(Golden.Epochs[epoch]).All(p => Golden.IsNear(p.First, p.Second)));
            }
        }
    }

    /// <summary>All of it in one line, in whole compiled steps or one by one.</summary>
    public static void Learn(Lesson lesson, Trace trace, bool compile)
    {
        var (train, valid) = GetDataLoaders(lesson.TrainDs, lesson.ValidDs, lesson.BatchSize);
        var model = new Sequential(lesson.Layers());
        var learn = new Learner(
            new DataLoaders(train, valid),
            model,
            Losses.CrossEntropy,
            metrics: [Metrics.Accuracy],
            callbacks: [new Watch(trace)],
            compile: compile,
            silent: true);
        var done = learn.Fit(lesson.IsMnist ? 5 : 1, lesson.Lr);

        foreach (var epoch in done)
        {
            var (loss, accuracy) = (epoch.Valid.Loss, epoch.Valid.Metrics["accuracy"]);
            trace.Claim(
                $"epoch {epoch.Epoch}: {loss:F6} {accuracy:F4}",
                !lesson.IsMnist || (Golden.IsNear(loss, Golden.Epochs[epoch.Epoch][2]) && Golden.IsNear(accuracy, Golden.Epochs[epoch.Epoch][3])));
        }
    }

    private static (Module Model, SGD Opt) GetModel(Lesson lesson)
    {
        var model = new Sequential(lesson.Layers());
        return (model, new SGD(model.Parameters(), lesson.Lr));
    }

    /// <summary>The lesson shuffles the training part; here the order must stay, so that the traces can be compared.</summary>
    private static (DataLoader Train, DataLoader Valid) GetDataLoaders(Dataset train, Dataset valid, int batchSize) =>
        (new DataLoader(train, batchSize), new DataLoader(valid, 2 * batchSize));

    private static void TrainOn(Tensor xb, Tensor yb, Module model, SGD opt, Trace trace)
    {
        var loss = Losses.CrossEntropy(model.Call(xb), yb);
        loss.Backward();
        opt.Step();
        opt.ZeroGrad();
        trace.Step(loss, x => model.Call(x));
    }

    private static void OverParameters(
        Func<Tensor, Tensor> model, Func<IReadOnlyList<Parameter>> parameters, Action zeroGrad, Lesson lesson, Trace trace)
    {
        for (var start = 0; start < lesson.Items; start += lesson.BatchSize)
        {
            var end = start + lesson.BatchSize;
            var loss = Losses.CrossEntropy(model(lesson.TrainX[start..end]), lesson.TrainY[start..end]);
            loss.Backward();

            using (Autograd.NoGrad())
            {
                foreach (var p in parameters())
                {
                    p.Value -= p.Grad! * lesson.Lr;
                }

                zeroGrad();
            }

            trace.Step(loss, model);
        }
    }

    private static bool Same(Tensor a, Tensor b) => a.ToArray<int>().SequenceEqual(b.ToArray<int>());

    /// <summary>The course's text of each model, its class's name at the top.</summary>
    private static bool Printed(Module model)
    {
        const string L1 = "Linear(in_features=784, out_features=50, bias=True)";
        const string L2 = "Linear(in_features=50, out_features=10, bias=True)";

        var expected = model switch
        {
            Model2 => $"Model(\n  (l1): {L1}\n  (l2): {L2}\n)",
            Model4 => $"Model(\n  (layer_0): {L1}\n  (layer_1): ReLU()\n  (layer_2): {L2}\n)",
            SequentialModel => $"SequentialModel(\n  (layers): ModuleList(\n    (0): {L1}\n    (1): ReLU()\n    (2): {L2}\n  )\n)",
            _ => $"Sequential(\n  (0): {L1}\n  (1): ReLU()\n  (2): {L2}\n)",
        };

        return $"{model}".ReplaceLineEndings("\n") == expected;
    }

    /// <summary>Looks at the learner's steps.</summary>
    private sealed class Watch(Trace trace) : Callback
    {
        public override Decision AfterBatch(FitContext fit)
        {
            if (fit.IsTraining)
            {
                trace.Step(fit.Loss, x => fit.Model.Call(x));
            }

            return Decision.Continue;
        }
    }
}
