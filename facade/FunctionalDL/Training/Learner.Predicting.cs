namespace FunctionalDL;

/// <content>Judging and predicting.</content>
public sealed partial class Learner
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
    /// Predictions for all batches, as <see cref="Predict"/> gives them, and their targets.
    /// </summary>
    /// <param name="loader">The batches; the validation part when not given.</param>
    public (Tensor Predictions, Tensor Targets) GetPredictions(DataLoader? loader = null) =>
        Over(loader ?? Data.Valid, Activated);

    /// <summary>The module's outputs for batches, as the loss is given them, and their targets.</summary>
    internal (Tensor Outputs, Tensor Targets) GetOutputs(IEnumerable<Batch> batches) =>
        Over(batches, output => output);

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
        _lossFunc == Losses.CrossEntropy ? output.Softmax(-1)
        : _lossFunc == Losses.Nll ? output.Exp()
        : output;
}
