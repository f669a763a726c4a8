using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>The colours of a heat map.</summary>
public enum HeatColors
{
    /// <summary>From black over red to pale yellow.</summary>
    Magma,

    /// <summary>From dark blue over green to yellow.</summary>
    Viridis,

    /// <summary>From blue over white to red.</summary>
    RdBu,
}

/// <summary>
/// Where a network looks: maps <c>[height; width]</c> of what one of its modules gives for one picture, and pictures with such maps
/// over them. The network is called in evaluation mode, and nothing in it changes.
/// </summary>
public static class HeatMap
{
    /// <summary>The mean of the module's activations over its channels.</summary>
    /// <param name="model">The network.</param>
    /// <param name="layer">The module in it, mostly the body: it gives <c>[1; channels; height; width]</c>.</param>
    /// <param name="input">A batch of one picture, as the network is given it.</param>
    /// <returns><c>[height; width]</c>.</returns>
    /// <exception cref="ArgumentException">The module is not called.</exception>
    /// <exception cref="ShapeException">It is no batch of one, or the module gives no channels of faces.</exception>
    public static Tensor Activations(Module model, Module layer, Tensor input) =>
        new(Core.HeatMap.ofActivations(Look(model, layer, input, null).Activations));

    /// <summary>
    /// Grad-CAM (R. R. Selvaraju and others, ICCV 2017): the activations, each channel weighted by how much the score of a class grows
    /// with it. The mean over the channels, as the course has it; or, as the paper has it, their sum without what is negative.
    /// </summary>
    /// <param name="model">The network, which gives <c>[1; classes]</c>.</param>
    /// <param name="layer">The module in it, mostly the body: it gives <c>[1; channels; height; width]</c>.</param>
    /// <param name="input">A batch of one picture, as the network is given it.</param>
    /// <param name="category">The class; any, not only the right one.</param>
    /// <param name="positive">Whether it is the paper's form.</param>
    /// <returns><c>[height; width]</c>.</returns>
    /// <exception cref="ArgumentException">The module is not called, or the score does not depend on it.</exception>
    /// <exception cref="OptionException">There is no such class.</exception>
    /// <exception cref="ShapeException">It is no batch of one, or the module gives no channels of faces.</exception>
    public static Tensor GradCam(Module model, Module layer, Tensor input, int category, bool positive = false)
    {
        var (activations, gradients) = Look(model, layer, input, category);
        return new(positive
            ? Core.HeatMap.gradCamPositive(gradients, activations)
            : Core.HeatMap.gradCam(gradients, activations));
    }

    /// <summary>The map at the size of a picture, bilinear between the centres of its cells.</summary>
    /// <param name="map"><c>[rows; columns]</c>.</param>
    /// <param name="height">In pixels.</param>
    /// <param name="width">In pixels.</param>
    /// <exception cref="ShapeException">The map has not two axes.</exception>
    public static Tensor Resize(Tensor map, int height, int width) => new(Core.HeatMap.resize(height, width, map.Inner));

    /// <summary>Writes a picture with a map over it, stretched to its size, as a PNG file.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <param name="picture"><c>[1 or 3 channels; height; width]</c>: bytes, or numbers from 0 to 1.</param>
    /// <param name="map"><c>[rows; columns]</c>, coloured from its least number to its largest.</param>
    /// <param name="alpha">How much of the colours covers the picture, 0 to 1.</param>
    /// <param name="colors">The colours.</param>
    /// <exception cref="ArgumentException">It is no picture, or alpha is out of range.</exception>
    /// <exception cref="ShapeException">The map has not two axes.</exception>
    /// <exception cref="Data.DataException">The file cannot be written; an older one stays as it was.</exception>
    public static void Write(
        string path, Tensor picture, Tensor map, double alpha = 0.6, HeatColors colors = HeatColors.Magma)
    {
        var shares = picture.DType == DType.UInt8 ? picture.To(DType.Float32) / 255 : picture;
        var scale = colors switch
        {
            HeatColors.Magma => Data.ColorScale.Magma,
            HeatColors.Viridis => Data.ColorScale.Viridis,
            HeatColors.RdBu => Data.ColorScale.RdBu,
            _ => throw new ArgumentOutOfRangeException(nameof(colors), colors, "there are no such colours"),
        };
        var bytes = Data.Png.encode(Data.Overlay.heatMap(scale, alpha, map.Inner, Data.BitmapModule.ofTensor(shares.Inner)));
        Data.Atomic.write(path, Fs.Action<Stream>(stream => stream.Write(bytes)));
    }

    /// <summary>What the module gives for the picture, and the gradient of a class's score with respect to it.</summary>
    private static (Core.Tensor Activations, Core.Tensor Gradients) Look(Module model, Module layer, Tensor input, int? category)
    {
        Tensor? seen = null;
        Tensor? gradient = null;
        var probes = new List<Variable>();
        var pure = new PureModule(model);
        var call = new Call(Mode.Evaluation, pure.Read(), KeyModule.ofSeed(0));

        using (layer.RegisterBackwardHook((_, arrived) => gradient = arrived))
        using (Ambient.WithGradients())
        using (Ambient.Probing(probes))
        using (Ambient.Watching((module, output) => seen = ReferenceEquals(module, layer) ? output : seen))
        {
            var output = new Tensor(LayerModule.apply(pure.Layer, call, Fs.List([input.Inner])).Item1[0]);
            var activations = Item(seen ?? throw new ArgumentException("the network does not call this module", nameof(layer)));

            if (category is not { } number)
            {
                return (activations, activations);
            }

            if (output.Rank != 2 || number < 0 || number >= output.Shape[1] || output.Shape[0] != 1)
            {
                throw new OptionException($"category: there is no class {number} in the scores {output.Shape}");
            }

            var ofProbes = Eager.gradients(output[0, number].Inner, [.. probes.Select(probe => probe.Inner)]);

            foreach (var (probe, found) in probes.Zip(ofProbes).Where(pair => pair.Second is not null))
            {
                probe.Receive!(new Tensor(found.Value));
            }

            return (activations, Item(gradient ?? throw new ArgumentException("the score does not depend on this module", nameof(layer))));
        }
    }

    /// <summary>The only item of a batch of one.</summary>
    private static Core.Tensor Item(Tensor batch) => batch.Rank > 0 && batch.Shape[0] == 1
        ? batch[0].Inner
        : throw new ShapeException($"heat map: {batch.Shape} is no batch of one picture");
}
