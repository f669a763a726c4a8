namespace FunctionalDL;

/// <content>Judging and predicting.</content>
public partial class Learner
{
    /// <summary>Loss and metrics over batches, in evaluation mode.</summary>
    /// <param name="loader">The batches; the validation part when not given.</param>
    public Evaluation Validate(DataLoader? loader = null)
    {
        Model.Eval();
        var compiled = Current();
        var variables = compiled.Module.Read();
        var measured = (loader ?? Data.Valid).Select(batch => (batch.Count, compiled.Measure(variables, batch)));
        return Reports.Of(measured, compiled.MetricNames);
    }

    /// <summary>
    /// The module's output in evaluation mode, after what turns it into a prediction: softmax for cross
    /// entropy, exp for negative log-likelihood, nothing for other losses. Any number of threads may predict
    /// at once.
    /// </summary>
    /// <param name="inputs">A batch of each input.</param>
    public Tensor Predict(params Tensor[] inputs)
    {
        var compiled = Current();
        return Activated(compiled.Output(compiled.Module.Read(), inputs));
    }

    /// <summary>
    /// Predictions for all batches, as <see cref="Predict(Tensor[])"/> gives them, and their targets.
    /// </summary>
    /// <param name="loader">The batches; the validation part when not given.</param>
    public (Tensor Predictions, Tensor Targets) GetPredictions(DataLoader? loader = null) =>
        Over(loader ?? Data.Valid, Activated);

    /// <summary>
    /// Looks at each item: losses, the worst ones, and which classes are taken for which, as fastai's
    /// <c>ClassificationInterpretation.from_learner</c>.
    /// </summary>
    /// <param name="loader">The batches, in the order of its dataset; the validation part when not given.</param>
    /// <exception cref="InvalidOperationException">There is no batch.</exception>
    public Interpretation Interpret(DataLoader? loader = null)
    {
        var items = loader ?? Data.Valid;

        if (items.Count == 0)
        {
            throw new InvalidOperationException("interpret: the loader is empty: there is nothing to look at");
        }

        var (outputs, targets) = Over(items.Pass(null), output => output);
        return new Interpretation(items.Dataset, outputs, Activated(outputs), targets, EachLoss, Data.Classes);
    }

    /// <summary>The loss of each item, by that of batches of one where it is not known how to have all at once.</summary>
    private Tensor EachLoss(Tensor outputs, Tensor targets) =>
        _lossFunc == Losses.CrossEntropy ? Losses.CrossEntropy(outputs, targets, Reduction.None)
        : _lossFunc == Losses.Nll ? Losses.Nll(outputs, targets, Reduction.None)
        : Tensor.Stack([.. Enumerable.Range(0, outputs.Shape[0]).Select(i => _lossFunc(outputs[i..(i + 1)], targets[i..(i + 1)]).Reshape())]);

    /// <summary>The prediction for one item.</summary>
    /// <param name="sample">The item; its targets are not looked at.</param>
    /// <returns>
    /// What it is taken for: the name of the class (its number where the data have no names) and its number, or the
    /// output as text and -1 for what is no class; and the output, as <see cref="Predict(Tensor[])"/> gives it.
    /// </returns>
    public (string Decoded, int Index, Tensor Output) Predict(Sample sample)
    {
        var output = Predict([.. sample.Inputs.Select(x => x.Unsqueeze(0))])[0];

        if (!IsClassifier || output.Rank != 1)
        {
            return (Items.Text(output, null), -1, output);
        }

        var index = output.Argmax(0);
        return (Items.Text(index, Data.Classes), (int)index.Item(), output);
    }

    /// <summary>
    /// Writes a page with items of the validation part, each with its target and what it is taken for.
    /// </summary>
    /// <param name="path">The HTML file; one that is there already is replaced in one step.</param>
    /// <param name="rows">How many rows of how many pictures.</param>
    /// <exception cref="Data.DataException">The file cannot be written; an older one stays as it was.</exception>
    public void ShowResults(string path, int rows = 5)
    {
        var batch = Data.Valid.Items([.. Enumerable.Range(0, Math.Min(rows * rows, Data.Valid.Dataset.Count))]);
        var outputs = Predict([.. batch.Inputs]);
        var taken = IsClassifier && outputs.Rank == 2 ? outputs.Argmax(1) : outputs;

        Items.Write(path, "Ground truth and predictions", Data.ToPictures(batch.Inputs[0]), i =>
        [
            Items.Text(batch.Targets, i, Data.Classes),
            Items.Text(taken[i], Data.Classes),
        ]);
    }

    /// <summary>Whether outputs are scores of classes.</summary>
    private bool IsClassifier => TakesScores || TakesLogarithms;

    private bool TakesScores =>
        _lossFunc == Losses.CrossEntropy || _lossFunc == LossOfScores || _lossFunc.Target is CrossEntropyLoss;

    private bool TakesLogarithms =>
        _lossFunc == Losses.Nll || _lossFunc == LossOfLogarithms || _lossFunc.Target is NLLLoss;

    /// <summary>What is made of the module's outputs for batches, and their targets.</summary>
    private (Tensor Outputs, Tensor Targets) Over(IEnumerable<Batch> batches, Func<Tensor, Tensor> after)
    {
        var compiled = Current();
        var variables = compiled.Module.Read();
        var outputs = new List<Tensor>();
        var targets = new List<Tensor>();

        foreach (var batch in batches)
        {
            outputs.Add(after(compiled.Output(variables, batch.Inputs)));
            targets.Add(Batch.Only(batch.Targets, "targets"));
        }

        return (Tensor.Cat(outputs), Tensor.Cat(targets));
    }

    private Tensor Activated(Tensor output) =>
        TakesScores ? output.Softmax(-1)
        : TakesLogarithms ? output.Exp()
        : output;
}
