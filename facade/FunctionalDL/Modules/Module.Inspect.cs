using FunctionalDL.Core;

namespace FunctionalDL;

/// <content>Looking at a network without training it.</content>
public abstract partial class Module
{
    /// <summary>
    /// The layers with the shapes of their outputs and the numbers of their parameters: <c>Console.Write(model.Summary(x))</c>.
    /// Nothing is computed.
    /// </summary>
    /// <param name="inputs">A batch of each input; one item will do.</param>
    /// <exception cref="ShapeException">Shapes do not meet; the message begins with the path of the module.</exception>
    public ModelSummary Summary(params Tensor[] inputs) => ModelSummary.Of(this, inputs);

    /// <summary><see cref="Summary(Tensor[])"/> for one float32 input of this shape.</summary>
    /// <param name="sample">The sizes of one item, without the batch: <c>[3, 224, 224]</c>.</param>
    /// <exception cref="ShapeException">Shapes do not meet; the message begins with the path of the module.</exception>
    public ModelSummary Summary(IReadOnlyList<int> sample) => Summary(Tensor.Zeros([1, .. sample]));

    /// <summary>
    /// The sizes of the outputs of the modules directly in this one, for one picture, the batch's axis included: fastai's
    /// <c>model_sizes</c>. Nothing is computed.
    /// </summary>
    /// <param name="sample">The sizes of one item, without the batch: <c>[3, 64, 64]</c>.</param>
    /// <exception cref="ShapeException">Shapes do not meet; the message begins with the path of the module.</exception>
    public IReadOnlyList<Shape> ModelSizes(params IReadOnlyList<int> sample)
    {
        var sizes = ModelSummary.Outputs(this, [Tensor.Zeros([1, .. sample])]);
        return [.. NamedChildren().Where(c => sizes.ContainsKey(c.Module)).Select(c => sizes[c.Module])];
    }
}
