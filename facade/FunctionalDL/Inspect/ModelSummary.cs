using System.Globalization;
using System.Text;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>One layer in a <see cref="ModelSummary"/>.</summary>
/// <param name="Path">Where it is, such as <c>body.0</c>.</param>
/// <param name="Kind">What it is called.</param>
/// <param name="OutputShape">The sizes of its last output, without the batch.</param>
/// <param name="Parameters">How many numbers its parameters have.</param>
/// <param name="IsTrainable">Whether its first parameter, the weight, is trained; not for layers without.</param>
public sealed record LayerSummary(string Path, string Kind, Shape OutputShape, long Parameters, bool IsTrainable);

/// <summary>
/// The layers of a network with the shapes of their outputs and the numbers of their parameters, printed as fastai prints
/// it. Layers that were not called are left out; one that is called twice stands once.
/// </summary>
public sealed class ModelSummary
{
    private const int Width = 70;
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;
    private readonly string _kind;

    private ModelSummary(string kind, IReadOnlyList<LayerSummary> layers, IReadOnlyList<Parameter> parameters)
    {
        (_kind, Layers) = (kind, layers);
        TotalParameters = parameters.Sum(p => (long)p.Shape.Size);
        TrainableParameters = parameters.Where(p => p.RequiresGrad).Sum(p => (long)p.Shape.Size);
    }

    /// <summary>The layers that are not made of others, in the order of their definition.</summary>
    public IReadOnlyList<LayerSummary> Layers { get; }

    /// <summary>How many numbers all parameters have; shared ones count once.</summary>
    public long TotalParameters { get; }

    /// <summary>How many of them are trained.</summary>
    public long TrainableParameters { get; }

    /// <summary>The table.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(_kind).Append('\n').Append('=', Width).Append('\n');
        Row("Layer (type)", "Output Shape", "Param #", "Trainable");
        text.Append('=', Width).Append('\n');

        foreach (var layer in Layers)
        {
            Row(
                layer.Kind,
                $"[{string.Join(", ", layer.OutputShape)}]",
                layer.Parameters.ToString("N0", Culture),
                layer.IsTrainable ? "True" : "False");
            text.Append('_', Width).Append('\n');
        }

        Total("Total params", TotalParameters, before: "\n");
        Total("Total trainable params", TrainableParameters);
        Total("Total non-trainable params", TotalParameters - TrainableParameters);
        return text.ToString();

        void Row(string layer, string shape, string count, string trainable) =>
            text.Append(Culture, $"{layer,-20} {shape,-20} {count,-10} {trainable,-10}\n");

        void Total(string what, long count, string before = "") => text.Append(Culture, $"{before}{what}: {count:N0}\n");
    }

    /// <summary>The summary of a call in evaluation mode.</summary>
    internal static ModelSummary Of(Module model, Tensor[] inputs)
    {
        var outputs = Outputs(model, inputs);

        return new(
            model.TypeName,
            [
                .. from named in model.NamedModules()
                   where named.Module.NamedChildren().Count == 0 && outputs.ContainsKey(named.Module)
                   let parameters = named.Module.Parameters()
                   select new LayerSummary(
                       named.Name,
                       named.Module.TypeName,
                       new Shape(outputs[named.Module].Skip(1)),
                       parameters.Sum(p => (long)p.Shape.Size),
                       parameters.Count > 0 && parameters[0].RequiresGrad),
            ],
            model.Parameters());
    }

    /// <summary>
    /// The shape of the last output of each module in a call in evaluation mode. Nothing is computed, and nothing in the
    /// module changes.
    /// </summary>
    internal static IReadOnlyDictionary<Module, Shape> Outputs(Module model, Tensor[] inputs)
    {
        var seen = new Dictionary<Module, Shape>();
        var pure = new PureModule(model);
        var call = new Call(Mode.Evaluation, pure.Read(), KeyModule.ofSeed(0));

        using (Ambient.Watching((module, output) => seen[module] = output.Shape))
        {
            _ = LayerModule.apply(pure.Layer, call, Fs.List(inputs.Select(x => x.Inner)));
        }

        return seen;
    }
}
