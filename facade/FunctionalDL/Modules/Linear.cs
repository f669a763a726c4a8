using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// <c>x · weightᵀ + bias</c>: <c>[…; inFeatures] → […; outFeatures]</c>. First values are PyTorch's, uniform in ±1/√inFeatures.
/// </summary>
public sealed class Linear : Module
{
    /// <summary>A linear layer.</summary>
    /// <param name="inFeatures">The size of the input's last axis.</param>
    /// <param name="outFeatures">The size of the output's last axis.</param>
    /// <param name="bias">Whether a bias is added.</param>
    /// <param name="generator">
    /// Where first values come from; when not given they differ from run to run.
    /// </param>
    /// <exception cref="OptionException">A size is less than 1.</exception>
    public Linear(int inFeatures, int outFeatures, bool bias = true, Generator? generator = null)
    {
        (InFeatures, OutFeatures) = (inFeatures, outFeatures);
        var first = FirstValues(bias, (generator ?? new Generator()).Next());
        Weight = new Parameter(first("weight")) { IsUnseeded = generator is null };
        Bias = bias ? new Parameter(first("bias")) { IsUnseeded = generator is null } : null;
    }

    /// <summary>The size of the input's last axis.</summary>
    public int InFeatures { get; }

    /// <summary>The size of the output's last axis.</summary>
    public int OutFeatures { get; }

    /// <summary><c>[outFeatures; inFeatures]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary><c>[outFeatures]</c>; null when there is none.</summary>
    public Parameter? Bias { get; }

    /// <inheritdoc/>
    protected internal override string ExtraRepr =>
        $"in_features={InFeatures}, out_features={OutFeatures}, bias={Bias is not null}";

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input)
    {
        var weight = Weight.Value;
        var bias = Bias?.Value;
        var result = TensorModule.linear(weight.Inner, Fs.Option(bias?.Inner), input.Inner);
        return new Tensor(result, Sources.Union([input.Sources, weight.Sources, bias?.Sources]));
    }

    /// <inheritdoc/>
    protected override void ResetParameters(Generator generator)
    {
        var first = FirstValues(Bias is not null, generator.Key);
        Reset(Weight, "weight");
        Reset(Bias, "bias");

        void Reset(Parameter? parameter, string name) =>
            parameter?.Store(Cell.Plain(first(name).To(parameter.DType), name));
    }

    private Func<string, Tensor> FirstValues(bool bias, Key key)
    {
        var layer = Layer.NewLinear(InFeatures, OutFeatures, bias);
        var variables = LayerModule.variables(new Start(Core.DType.Float32, key), layer);
        return name => new Tensor(Tree.find(name, variables.Parameters));
    }
}
