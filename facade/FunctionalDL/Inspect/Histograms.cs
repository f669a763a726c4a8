using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>How the numbers of a model are distributed, one picture for each parameter.</summary>
public static class Histograms
{
    /// <summary>Draws histograms of all parameters.</summary>
    /// <param name="path">The SVG file; one that is there already is replaced in one step.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public static void PlotWeights(string path, Module model) =>
        Write(path, "Weights", model.NamedParameters().Select(p => (p.Name, p.Parameter.Value)));

    /// <summary>Draws histograms of the gradients that <see cref="Tensor.Backward"/> has found.</summary>
    /// <param name="path">The SVG file; one that is there already is replaced in one step.</param>
    /// <param name="model">The model; parameters without a gradient are left out.</param>
    /// <exception cref="InvalidOperationException">No parameter has a gradient.</exception>
    /// <exception cref="DataException">The file cannot be written; an older one stays as it was.</exception>
    public static void PlotGradients(string path, Module model)
    {
        var gradients = model.NamedParameters().Where(p => p.Parameter.Grad is not null).ToList();

        if (gradients.Count == 0)
        {
            throw new InvalidOperationException("there are no gradients to plot: call loss.Backward() first");
        }

        Write(path, "Gradients", gradients.Select(p => (p.Name, p.Parameter.Grad!)));
    }

    private static void Write(string path, string title, IEnumerable<(string Name, Tensor Values)> parts) => Svg.write(
        path,
        FigureModule.grid(
            title,
            2,
            parts.Select(part => FigureModule.create(
                part.Name,
                AxisModule.named("value"),
                AxisModule.fromZero("count"),
                [TraceModule.histogram("", part.Values.ToArray<double>())]))));
}
