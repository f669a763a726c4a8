using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>
/// A <see cref="Learner"/> for the rows of a table: it makes the network that goes with the table's columns, predicts rows
/// as they are before anything is done to them, and is exported with all that it takes to do so. fastai's
/// <c>tabular_learner</c>.
/// </summary>
public sealed class TabularLearner : Learner
{
    internal const string TableKind = "table model";
    private const string OptionsName = "functionaldl.tabular";
    private const string TableName = "functionaldl.table";
    private readonly TabularData _table;

    /// <summary>A learner with a new <see cref="TabularModel"/>.</summary>
    /// <param name="data">Batches of a table.</param>
    /// <param name="layers">The widths of the hidden layers; 200 and 100 when not given.</param>
    /// <param name="embSzs">The widths of embeddings by the names of columns, where fastai's rule is not wanted.</param>
    /// <param name="ps">Dropout behind each hidden layer: one for each, one for all, or none.</param>
    /// <param name="embDrop">Dropout of the elements of the embedded columns, not of the numbers.</param>
    /// <param name="yRange">
    /// Outputs are pressed between these two, which they never quite reach; where logarithms are learned they are of those.
    /// </param>
    /// <param name="useBn">Batch norm behind each hidden layer. The numbers are normalised either way.</param>
    /// <param name="bnFinal">Batch norm behind the last layer.</param>
    /// <param name="lossFunc">
    /// Output and target to the batch's mean loss; when not given, <see cref="Losses.CrossEntropy(Tensor, Tensor)"/> for classes
    /// and <see cref="Losses.Mse(Tensor, Tensor)"/> for numbers.
    /// </param>
    /// <param name="optFunc">
    /// Makes the optimiser for parameters and a learning rate; <see cref="Adam"/> with fastai's betas 0.9 and 0.99 when not given.
    /// </param>
    /// <param name="metrics">Output and target to a batch's mean, such as <see cref="Metrics.Accuracy"/>.</param>
    /// <param name="callbacks">What takes part in all fits.</param>
    /// <param name="splitter">The parameters in layer groups; all in one when not given.</param>
    /// <param name="wd">True weight decay; fastai's 0.01 when not given.</param>
    /// <param name="wdBnBias">Whether biases and the parameters of norms decay too.</param>
    /// <param name="trainBn">Whether the parameters of batch norms are trained in frozen groups.</param>
    /// <param name="seed">What the run follows from; when not given, runs differ.</param>
    /// <param name="device">What computes; the processor with all its cores when not given.</param>
    /// <param name="compile">Whether steps are traced and compiled; the results are the same to the bit.</param>
    /// <param name="output">Where the table goes; the console when not given.</param>
    /// <param name="silent">Whether nothing is printed.</param>
    /// <exception cref="Core.OptionException">Options do not go with each other or with the table.</exception>
    public TabularLearner(
        TabularDataLoaders data,
        IReadOnlyList<int>? layers = null,
        IReadOnlyDictionary<string, int>? embSzs = null,
        IReadOnlyList<double>? ps = null,
        double embDrop = 0,
        (double Low, double High)? yRange = null,
        bool useBn = true,
        bool bnFinal = false,
        Func<Tensor, Tensor, Tensor>? lossFunc = null,
        Func<IReadOnlyList<Parameter>, double, Optimizer>? optFunc = null,
        IReadOnlyList<Func<Tensor, Tensor, Tensor>>? metrics = null,
        IReadOnlyList<Callback>? callbacks = null,
        Func<Module, IReadOnlyList<IReadOnlyList<Parameter>>>? splitter = null,
        double wd = 0.01,
        bool wdBnBias = true,
        bool trainBn = true,
        long? seed = null,
        Device? device = null,
        bool compile = true,
        TextWriter? output = null,
        bool silent = false)
        : base(
            data,
            new TabularModel(
                data.Table.EmbeddingSizes(embSzs),
                data.Table.ContNames.Count,
                data.Table.Outputs,
                layers ?? [200, 100],
                ps,
                embDrop,
                yRange,
                useBn,
                bnFinal),
            lossFunc ?? (data.Table.IsCategory ? Losses.CrossEntropy : Losses.Mse),
            optFunc ?? ((parameters, lr) => new Adam(parameters, lr, (0.9, 0.99))),
            metrics,
            callbacks,
            splitter,
            wd,
            wdBnBias,
            trainBn,
            seed,
            device,
            compile,
            output,
            silent)
    {
        _table = data.Table;

        if (_table.UnknownClasses.Count > 0)
        {
            Say("left out of the rows to judge by, as training has no such class: "
                + string.Join(", ", _table.UnknownClasses.Select(name => $"'{name}'")));
        }
    }

    private TabularLearner(
        TabularData table, TabularModel model, Func<Tensor, Tensor, Tensor> lossFunc, Device? device)
        : base(table.DataLoaders(), model, lossFunc, device: device) => _table = table;

    /// <summary>The network.</summary>
    public new TabularModel Model => (TabularModel)base.Model;

    /// <inheritdoc cref="Learner.Predict(Tensor[])"/>
    public new Tensor Predict(params Tensor[] inputs) => base.Predict(inputs);

    /// <inheritdoc cref="Learner.Predict(Sample)"/>
    public new (string Decoded, int Index, Tensor Output) Predict(Sample sample) => base.Predict(sample);

    /// <summary>The prediction for one row as it is before anything is done to it.</summary>
    /// <param name="row">
    /// An object whose public properties are named as the columns: a record, <c>new { age = 40, education = "Masters" }</c>.
    /// What is null is missing; others than the network's columns are not looked at.
    /// </param>
    /// <exception cref="DataException">
    /// A column is missing or of another kind than in training, or a number is missing where training missed none.
    /// </exception>
    public TabularPrediction Predict(object row) => One(new(FunctionalDL.Data.Sources.ofRow(row)));

    /// <summary>The prediction for one row as it is before anything is done to it.</summary>
    /// <param name="row">Values by the names of columns. What is null is missing.</param>
    /// <exception cref="DataException">
    /// A column is missing or of another kind than in training, or a number is missing where training missed none.
    /// </exception>
    public TabularPrediction Predict(IReadOnlyDictionary<string, object?> row) =>
        One(new(FunctionalDL.Data.Sources.ofValues(row.Select(value => Tuple.Create(value.Key, value.Value)))));

    /// <summary>The predictions for rows as they are before anything is done to them.</summary>
    /// <param name="rows">Rows with the columns of the network.</param>
    /// <returns>
    /// The columns that are predicted, a row for each: names of classes, or numbers, undone from logarithms where those were
    /// learned.
    /// </returns>
    /// <exception cref="DataException">
    /// A column is missing or of another kind than in training, or misses numbers where training missed none.
    /// </exception>
    public Table Predict(Table rows) => _table.Decoded(GetPredictions(rows));

    /// <summary>
    /// The first rows to judge by, as <see cref="TabularDataLoaders.ShowBatch"/> shows them, each with what is predicted
    /// for it: <c>prediction</c>, or the names of several targets + <c>_prediction</c>.
    /// </summary>
    /// <param name="maxN">The most rows there will be.</param>
    public Table ShowResults(int maxN = 5)
    {
        var batch = Data.Valid.Dataset[..maxN];
        var predicted = _table.Decoded(Predict([.. batch.Inputs]));

        return predicted.Columns.Aggregate(_table.Restored(batch), (shown, name) => new(TableModule.set(
            predicted.Columns.Count == 1 ? "prediction" : name + "_prediction",
            TableModule.column(name, predicted.Inner),
            shown.Inner)));
    }

    /// <summary>The network's outputs for rows, as <see cref="Predict(Tensor[])"/> gives them: probabilities of classes.</summary>
    /// <param name="rows">Rows with the columns of the network.</param>
    /// <exception cref="DataException">
    /// A column is missing or of another kind than in training, or misses numbers where training missed none.
    /// </exception>
    public Tensor GetPredictions(Table rows) =>
        GetPredictions(new DataLoader(_table.Test(rows), Data.Valid.BatchSize)).Predictions;

    /// <summary>
    /// Writes what is predicted for the rows of a test as CSV, all of it or nothing: a column that names the rows, then the
    /// predicted ones, numbers as whole ones (cut off, as in the lesson) unless told otherwise.
    /// </summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="rows">The rows of the test.</param>
    /// <param name="id">The column that names them.</param>
    /// <param name="whole">Whether numbers are written without their decimals.</param>
    /// <exception cref="DataException">
    /// The file cannot be written (an older one stays as it was); or as for <see cref="Predict(Table)"/>.
    /// </exception>
    public void WriteSubmission(string path, Table rows, string id = "Id", bool whole = true)
    {
        var predicted = Predict(rows);
        var answers = rows.Select(id);

        foreach (var name in predicted.Columns)
        {
            answers = whole && predicted.Kind(name) == ColumnKind.Reals
                ? answers.With(name, predicted.Numbers(name).Select(value => (long)value).ToArray())
                : new(TableModule.set(name, TableModule.column(name, predicted.Inner), answers.Inner));
        }

        answers.WriteCsv(path);
    }

    /// <summary>
    /// Writes all that predicting rows needs into one safetensors file: the network's options and values, and what was
    /// learned of the table's columns.
    /// </summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public override void Export(string path) => WriteModel(path, new Dictionary<string, string>
    {
        [KindName] = TableKind,
        [OptionsName] = Model.Options.ToJson(),
        [TableName] = RecipeModule.toJson(_table.Recipe),
    });

    /// <summary>
    /// The learner of what <see cref="Export"/> wrote: it has no rows, and predicts of rows what the exported one predicts.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="device">What computes; the processor with all its cores when not given.</param>
    /// <exception cref="DataException">The file is missing or malformed, or holds no network for a table.</exception>
    public static new TabularLearner Import(string path, Device? device = null)
    {
        var metadata = Safetensors.Metadata(path);

        if (metadata.GetValueOrDefault(KindName) != TableKind
            || metadata.GetValueOrDefault(OptionsName) is not { } options
            || metadata.GetValueOrDefault(TableName) is not { } table)
        {
            throw new DataException(
                path, "it is not an exported learner for tables", "give a file that TabularLearner.Export wrote", null);
        }

        var model = TabularOptions.FromJson(path, options).Model();
        var loss = Fill(path, model, metadata);
        return new TabularLearner(new TabularData(RecipeModule.ofJson(path, table)), model, loss, device);
    }

    private TabularPrediction One(Table row)
    {
        var output = Predict([.. _table.Inputs(row)]);
        var decoded = _table.Decoded(output);
        var values = output[0];

        return _table.IsCategory
            ? new(decoded.Texts(decoded.Columns[0])[0]!, (int)values.Argmax(0).Item(), [.. values.ToArray<double>()], values)
            : new(
                string.Join(", ", decoded.Columns.Select(name => decoded.Texts(name)[0])),
                -1,
                [.. decoded.Columns.Select(name => decoded.Numbers(name)[0])],
                values);
    }
}
