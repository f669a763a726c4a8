using System.Globalization;
using FunctionalDL.Core;
using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// What a <see cref="Learner"/> has done, as one HTML file that opens without a network: its figures, its
/// curves by epoch, its settings and, for a classifier, the confusion matrix and the worst mistakes.
/// </summary>
public static class Report
{
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    /// <summary>Writes the report, all of it or nothing.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="learn">Whose training it is about. It is judged by its validation part.</param>
    /// <param name="title">The heading.</param>
    /// <param name="settings">What the run was asked for, by name: seed, rates, files.</param>
    /// <param name="evaluations">Figures of further parts, by the part's name: <c>test</c>.</param>
    /// <param name="classes">The names of the classes; their numbers when not given.</param>
    /// <param name="mistakes">How many mistakes are shown at most.</param>
    /// <exception cref="DataException">
    /// The file cannot be written; an older one stays as it was.
    /// </exception>
    /// <exception cref="ShapeException">There are not as many names as classes.</exception>
    public static void Write(
        string path,
        Learner learn,
        string title = "Training report",
        IEnumerable<KeyValuePair<string, string>>? settings = null,
        IReadOnlyDictionary<string, Evaluation>? evaluations = null,
        IReadOnlyList<string>? classes = null,
        int mistakes = 24)
    {
        var items = learn.Data.Valid.Count == 0 ? null : learn.Interpret();

        Section[] sections =
        [
            Results(learn, evaluations ?? new Dictionary<string, Evaluation>()),
            Curves(learn.Recorder.Epochs),
            .. items is { IsClassifier: true } ? Classes(items, classes ?? items.Classes, mistakes) : [],
            Settings(learn, settings ?? []),
        ];

        Page.write(path, Page.html(title, sections));
    }

    private static Section Results(Learner learn, IReadOnlyDictionary<string, Evaluation> evaluations)
    {
        IEnumerable<Fact> Facts(string part, Evaluation evaluation) =>
            evaluation.Metrics
                .Append(new("loss", evaluation.Loss))
                .Select(figure => new Fact($"{part} {figure.Key}", Four(figure.Value)));

        var parts = evaluations.Prepend(new("validation", learn.Validate()));
        return Section("Results", Block.NewHighlights(Fs.List(parts.SelectMany(part => Facts(part.Key, part.Value)))));
    }

    private static Section Curves(IReadOnlyList<EpochResult> epochs)
    {
        if (epochs.Count == 0)
        {
            return Section("Training", Block.NewParagraph("No epoch was finished."));
        }

        // Over several fits, whose own epochs begin at 0.
        var done = Enumerable.Range(1, epochs.Count).Select(n => (double)n).ToList();
        var names = epochs[0].Valid.Metrics.Keys.Where(name => epochs.All(e => e.Valid.Metrics.ContainsKey(name))).ToList();

        Figure Drawn(string name, Axis axis, params Trace[] traces) =>
            FigureModule.create($"{name} by epoch", AxisModule.whole("epochs done"), axis, traces);

        Figure[] figures =
        [
            Drawn(
                "Loss",
                AxisModule.fromZero("loss"),
                TraceModule.lineWithMarks("training", done, epochs.Select(e => e.TrainLoss)),
                TraceModule.lineWithMarks("validation", done, epochs.Select(e => e.Valid.Loss))),
            .. names.Select(name => Drawn(
                Capital(name),
                AxisModule.named(name),
                TraceModule.lineWithMarks("validation", done, epochs.Select(e => e.Valid.Metrics[name])))),
        ];

        var rows = epochs.Select((e, i) => Fs.List(
        [
            (i + 1).ToString(Culture),
            Six(e.TrainLoss),
            Six(e.Valid.Loss),
            .. names.Select(name => Six(e.Valid.Metrics[name])),
            e.Time.TotalSeconds.ToString("F2", Culture) + " s",
        ]));

        return Section(
            "Training",
            Block.NewFigures(Fs.List(figures)),
            Block.NewTable(Fs.List(["epoch", "train_loss", "valid_loss", .. names, "time"]), Fs.List(rows)));
    }

    private static Section[] Classes(Interpretation items, IReadOnlyList<string> names, int most)
    {
        if (names.Count != items.Outputs.Shape[1])
        {
            throw new ShapeException(
                $"report: there are {names.Count} names of classes; the output is {items.Outputs.Shape}");
        }

        var probability = items.Outputs.Softmax(1).Amax(1).ToArray<double>();
        var (predicted, actual) = (items.Decoded, items.Targets.ToArray<int>());
        var counts = items.ConfusionMatrix().ToArray<long>();

        var wrong = items.TopLosses().Select(top => top.Index).Where(i => predicted[i] != actual[i]).ToList();
        var worst = wrong.Take(most).ToList();
        var pictures = Sources(items.Dataset, worst).Zip(worst, (source, i) => new Picture(
            source,
            $"item {i}, of class {names[actual[i]]}",
            Fs.List(
            [
                $"{names[actual[i]]}, predicted {names[predicted[i]]}",
                $"probability {probability[i].ToString("F3", Culture)}",
                $"loss {items.Losses[i].ToString("F3", Culture)}",
                $"item {i}",
            ])));

        return
        [
            Section(
                "Confusion matrix",
                Block.NewParagraph(
                    $"The {actual.Length} items of the validation part; {wrong.Count} of them are off the diagonal. "
                    + "Colours show shares of a row."),
                Block.NewConfusion(Fs.List(names), Fs.List(counts))),
            Section(
                "Worst mistakes",
                Block.NewParagraph(
                    worst.Count == 0
                        ? "There are none in the validation part."
                        : $"The {worst.Count} of {wrong.Count} mistakes in the validation part with the highest loss: the "
                            + "true class, the predicted class, and the probability that the network gave to it."),
                Block.NewPictures(Fs.List(pictures))),
        ];
    }

    /// <summary>The pictures of items; empty for items that are none.</summary>
    private static IEnumerable<string> Sources(Dataset dataset, IReadOnlyList<int> items) =>
        items.Count == 0 ? [] : Items.Sources(dataset[items].Inputs[0]);

    private static Section Settings(Learner learn, IEnumerable<KeyValuePair<string, string>> settings)
    {
        var parameters = learn.Model.Parameters();
        IEnumerable<KeyValuePair<string, string>> facts =
        [
            .. settings,
            new("training items", Whole(learn.Data.Train.Dataset.Count)),
            new("validation items", Whole(learn.Data.Valid.Dataset.Count)),
            new("parameters", Whole(parameters.Sum(p => p.Value.Size))),
            new("device", learn.Device.ToString()),
        ];

        return Section("Settings", Block.NewFacts(Fs.List(facts.Select(fact => new Fact(fact.Key, fact.Value)))));
    }

    private static Section Section(string title, params Block[] blocks) => new(title, Fs.List(blocks));

    private static string Capital(string name) => name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name[1..];

    private static string Four(double value) => value.ToString("F4", Culture);

    private static string Six(double value) => value.ToString("F6", Culture);

    private static string Whole(int value) => value.ToString("N0", Culture);
}
