namespace FunctionalDL.Tests;

/// <summary>A network of some numbers, whose loss is what a test says, and data with nothing in them.</summary>
internal sealed class Single : Module
{
    public Single(params double[] values) => P = new Parameter(Tensor.From(values));

    public Parameter P { get; }

    public double[] Values => P.Value.ToArray<double>();

    public override Tensor Forward(Tensor input) => P.Value + 0 * input.Sum();

    /// <summary>A learner of this with some batches in an epoch.</summary>
    public Learner Learner(
        Func<Tensor, Tensor> loss,
        int batches = 1,
        Func<IReadOnlyList<Parameter>, double, Optimizer>? optFunc = null,
        double? wd = null,
        IReadOnlyList<Func<Tensor, Tensor, Tensor>>? metrics = null)
    {
        var data = new DataLoader(
            new TensorDataset(Tensor.Zeros([batches], DType.Float64), Tensor.Zeros([batches], DType.Float64)), batchSize: 1);
        return new(new DataLoaders(data, data), this, (output, _) => loss(output), optFunc, metrics, wd: wd, silent: true);
    }
}
