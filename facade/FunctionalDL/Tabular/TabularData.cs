using FunctionalDL.Core;
using FunctionalDL.Data;
using FunctionalDL.Interop;
using Microsoft.FSharp.Collections;

namespace FunctionalDL;

/// <summary>
/// A table made ready for a network, in a part to train on and one to judge by. What is learned of its columns (classes,
/// means, what stands in for missing values) is learned from the training rows alone. fastai's <c>TabularPandas</c>.
/// </summary>
/// <example>
/// <code>
/// var data = new TabularData(table, catNames, contNames, yNames: ["income"], splits: Splits.Random(table, 0.2, seed: 1));
/// var learn = new TabularLearner(data.DataLoaders(), layers: [200, 100], metrics: [Metrics.Accuracy]);
/// </code>
/// </example>
public sealed class TabularData
{
    /// <summary>A table made ready.</summary>
    /// <param name="table">All rows, with their targets.</param>
    /// <param name="catNames">Columns of classes.</param>
    /// <param name="contNames">Columns of numbers.</param>
    /// <param name="yNames">The column to be predicted; several when they are numbers.</param>
    /// <param name="procs">What is done with the columns, in order; <see cref="Procs.Default"/> when not given.</param>
    /// <param name="yBlock">
    /// What kind of thing is predicted; when not given, classes for texts, flags and whole numbers, and numbers for others.
    /// </param>
    /// <param name="splits">
    /// The numbers of the rows of each part, as <see cref="Splits"/> gives them; a random fifth to judge by when not given.
    /// </param>
    /// <exception cref="DataException">
    /// A column is missing, or holds another kind of values than it should; a target is missing, or has no logarithm; the
    /// rows to judge by miss numbers where the others miss none.
    /// </exception>
    public TabularData(
        Table table,
        IReadOnlyList<string> catNames,
        IReadOnlyList<string> contNames,
        IReadOnlyList<string> yNames,
        IReadOnlyList<TabularProc>? procs = null,
        YBlock? yBlock = null,
        (IReadOnlyList<int> Train, IReadOnlyList<int> Valid)? splits = null)
    {
        var needed = table.Select([.. catNames, .. contNames, .. yNames]);
        var (trainRows, validRows) = splits ?? Splits.Random(table);
        var train = needed.Take(trainRows);

        var processing = Processing.fit(
            Fs.List((procs ?? Procs.Default).Select(proc => proc.Inner)),
            new Features(Fs.List(catNames), Fs.List(contNames)),
            train.Inner);

        var kind = yBlock?.Inner ?? Target.infer(yNames is [var first, ..] ? first : "", needed.Inner);
        Recipe = new Data.Recipe(processing, Target.fit(kind, Fs.List(yNames), train.Inner));
        (Train, _) = Labelled(train);
        (Valid, UnknownClasses) = Labelled(needed.Take(validRows));
    }

    /// <summary>What a saved model knows of its table, with no rows.</summary>
    internal TabularData(Data.Recipe recipe)
    {
        Recipe = recipe;
        (Train, Valid, UnknownClasses) = (None, None, []);
    }

    internal Data.Recipe Recipe { get; }

    /// <summary>
    /// The rows to train on: codes of classes <c>[rows; categorical]</c> (int64) and numbers <c>[rows; continuous]</c>, or the one
    /// of them that there is; targets <c>[rows]</c> (int64) for classes, <c>[rows; columns]</c> for numbers.
    /// </summary>
    public TensorDataset Train { get; }

    /// <summary>The rows to judge by. Those of classes that training did not have are left out.</summary>
    public TensorDataset Valid { get; }

    /// <summary>Up to five classes to be predicted that only rows to judge by have.</summary>
    public IReadOnlyList<string> UnknownClasses { get; }

    /// <summary>The columns of classes, those that <see cref="Procs.FillMissing"/> added among them.</summary>
    public IReadOnlyList<string> CatNames => [.. Recipe.Processing.Features.Categorical];

    /// <summary>The columns of numbers.</summary>
    public IReadOnlyList<string> ContNames => [.. Recipe.Processing.Features.Continuous];

    /// <summary>The columns to be predicted.</summary>
    public IReadOnlyList<string> YNames => [.. Target.names(Recipe.Target)];

    /// <summary>The classes of each column of classes by their codes: <c>#na#</c>, then what training had, sorted.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Classes =>
        new OrderedDictionary<string, IReadOnlyList<string>>(
            Processing.classes(Recipe.Processing).Select(c => KeyValuePair.Create(c.Item1, (IReadOnlyList<string>)[.. c.Item2])));

    /// <summary>The classes to be predicted; null for numbers.</summary>
    public IReadOnlyList<string>? Vocab => IsCategory ? [.. Target.classes(Recipe.Target)] : null;

    /// <summary>How many outputs a network needs: one for each class, or for each number.</summary>
    public int Outputs => Target.outputs(Recipe.Target);

    internal bool IsCategory => Recipe.Target.IsCategory;

    /// <summary>
    /// For each column of classes how many there are, and how wide its vectors are: by fastai's rule min(600, 1.6 · n^0.56)
    /// unless they are given.
    /// </summary>
    /// <param name="embSzs">Widths by the names of columns.</param>
    /// <exception cref="OptionException">There is no column of classes of such a name.</exception>
    public IReadOnlyList<(int Classes, int Width)> EmbeddingSizes(IReadOnlyDictionary<string, int>? embSzs = null)
    {
        var classes = Classes;

        if (embSzs?.Keys.FirstOrDefault(name => !classes.ContainsKey(name)) is { } unknown)
        {
            throw new OptionException(
                $"embSzs: '{unknown}' is no column of classes; these are: {string.Join(", ", classes.Keys)}");
        }

        return
        [
            .. classes.Select(column => (
                column.Value.Count,
                embSzs is not null && embSzs.TryGetValue(column.Key, out var width)
                    ? width
                    : Core.Tabular.embeddingSize(column.Value.Count))),
        ];
    }

    /// <summary>Other rows, such as those of a test, made ready as the training rows were. Their targets are zeros.</summary>
    /// <param name="rows">Rows with the columns of the network; nothing is learned from them.</param>
    /// <exception cref="DataException">
    /// A column is missing or of another kind than in training, or misses numbers where training missed none.
    /// </exception>
    public TensorDataset Test(Table rows) =>
        new(
            Inputs(rows),
            [IsCategory ? Tensor.Zeros([rows.Count], DType.Int64) : Tensor.Zeros([rows.Count, Outputs])]);

    /// <summary>Batches of both parts, the training part shuffled.</summary>
    /// <param name="batchSize">How many rows a training batch has.</param>
    /// <param name="valBatchSize">How many a batch to judge by has; twice as many when not given.</param>
    /// <param name="dropLast">
    /// Whether a last training batch that is not full is left out, as fastai does: batch norm cannot learn from a row alone.
    /// </param>
    /// <param name="seed">What the orders follow from; when not given they differ from run to run.</param>
    public TabularDataLoaders DataLoaders(int batchSize = 64, int? valBatchSize = null, bool dropLast = true, long? seed = null) =>
        new(this, batchSize, valBatchSize, dropLast, seed);

    /// <summary>Rows as a network is given them.</summary>
    internal IReadOnlyList<Tensor> Inputs(Table rows)
    {
        var (codes, numbers) = Processing.tensors(Recipe.Processing, Processing.apply(Recipe.Processing, rows.Inner));
        return [.. new[] { codes, numbers }.Where(x => x.Shape.ToArray()[1] > 0).Select(x => new Tensor(x))];
    }

    /// <summary>What a network's predictions say, as columns of the targets' names.</summary>
    internal Table Decoded(Tensor predictions) => new(TableModule.ofColumns(Target.decode(Recipe.Target, predictions.Inner)));

    /// <summary>Rows as they were before they were made ready, with their targets.</summary>
    internal Table Restored(Batch batch) => new(TableModule.ofColumns(ListModule.Append(
        Processing.restore(Recipe.Processing, Fs.List(batch.Inputs.Select(x => x.Inner))),
        Target.restore(Recipe.Target, batch.Targets[0].Inner))));

    private static TensorDataset None => new(Tensor.Zeros([0]), Tensor.Zeros([0]));

    private (TensorDataset Dataset, IReadOnlyList<string> Unknown) Labelled(Table rows)
    {
        var targets = Target.apply(Recipe.Target, rows.Inner);
        var known = targets.Rows.Length == rows.Count ? rows : rows.Take(targets.Rows);
        return (new TensorDataset(Inputs(known), [new Tensor(targets.Values)]), [.. targets.Unknown]);
    }
}
