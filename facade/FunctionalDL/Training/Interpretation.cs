using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// What a <see cref="Learner"/> makes of each item, as fastai's <c>Interpretation</c>: losses, the items it is worst at and,
/// for a classifier, which classes it takes for which. <c>learn.Interpret()</c> makes one.
/// </summary>
public sealed class Interpretation
{
    private readonly IReadOnlyList<string>? _classes;
    private readonly Lazy<double[]> _losses;

    /// <summary>Looks at outputs; the loss gives one number for each item.</summary>
    internal Interpretation(
        Dataset dataset,
        Tensor outputs,
        Tensor predictions,
        Tensor targets,
        Func<Tensor, Tensor, Tensor> losses,
        IReadOnlyList<string>? classes)
    {
        (Dataset, Outputs, Predictions, Targets, _classes) = (dataset, outputs, predictions, targets, classes);
        _losses = new(() => losses(outputs, targets).ToArray<double>());
        IsClassifier = outputs.Rank == 2
            && targets.Rank == 1
            && targets.DType is DType.Int64 or DType.Int32 or DType.UInt8
            && outputs.Shape[0] == targets.Shape[0];
    }

    /// <summary>The items, in the order of everything here.</summary>
    public Dataset Dataset { get; }

    /// <summary>What was predicted, as <see cref="Learner.GetPredictions"/> gives it.</summary>
    public Tensor Predictions { get; }

    /// <summary>What it should have been.</summary>
    public Tensor Targets { get; }

    /// <summary>The loss of each item.</summary>
    public IReadOnlyList<double> Losses => _losses.Value;

    /// <summary>Whether outputs are scores of classes, and targets classes.</summary>
    public bool IsClassifier { get; }

    /// <summary>
    /// The names of the classes; their numbers where the data have no names.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is no classifier.</exception>
    /// <exception cref="ShapeException">There are not as many names as classes.</exception>
    public IReadOnlyList<string> Classes
    {
        get
        {
            var count = Required().Shape[1];
            var names = _classes ?? [.. Enumerable.Range(0, count).Select(c => $"{c}")];
            return names.Count == count
                ? names
                : throw new ShapeException($"interpretation: there are {names.Count} names of classes; the output is {Outputs.Shape}");
        }
    }

    /// <summary>The class that each item is taken for: that of the first of the largest outputs.</summary>
    /// <exception cref="InvalidOperationException">It is no classifier.</exception>
    public IReadOnlyList<int> Decoded => Required().Argmax(1).ToArray<int>();

    /// <summary>How many items of each class (rows) were taken for each (columns): int64 <c>[classes; classes]</c>.</summary>
    /// <exception cref="InvalidOperationException">It is no classifier.</exception>
    public Tensor ConfusionMatrix()
    {
        var classes = Required().Shape[1];
        return new Tensor(MetricModule.confusion(classes).Sum.Invoke(Targets.Inner).Invoke(Outputs.Inner)).Reshape(classes, classes);
    }

    /// <summary>Which classes were most often taken for another, the most frequent first.</summary>
    /// <param name="minimum">Pairs that occurred less often are left out.</param>
    /// <exception cref="InvalidOperationException">It is no classifier.</exception>
    public IReadOnlyList<(string Actual, string Predicted, int Count)> MostConfused(int minimum = 1)
    {
        var names = Classes;
        var counts = ConfusionMatrix().ToArray<int>();
        return
        [
            .. from i in Enumerable.Range(0, counts.Length)
               let pair = (Actual: i / names.Count, Predicted: i % names.Count)
               where pair.Actual != pair.Predicted && counts[i] >= Math.Max(1, minimum)
               orderby counts[i] descending
               select (names[pair.Actual], names[pair.Predicted], counts[i]),
        ];
    }

    /// <summary>The items with the highest losses, the highest first.</summary>
    /// <param name="count">How many at most; all when not given.</param>
    /// <param name="largest">Whether the highest are meant, not the lowest.</param>
    public IReadOnlyList<(double Loss, int Index)> TopLosses(int? count = null, bool largest = true) =>
    [
        .. Losses.Select((loss, i) => (loss, i))
            .OrderBy(x => largest ? -x.loss : x.loss)
            .Take(count ?? Losses.Count),
    ];

    /// <summary>What the module gave, as the loss is given it.</summary>
    internal Tensor Outputs { get; }

    private Tensor Required() => IsClassifier
        ? Outputs
        : throw new InvalidOperationException(
            $"interpretation: outputs {Outputs.Shape} and targets {Targets.DType} {Targets.Shape} are not those of a classifier; "
            + "it has [items; classes] and whole numbers [items]");
}
