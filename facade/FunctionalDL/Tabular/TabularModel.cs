using FunctionalDL.Core;

namespace FunctionalDL;

/// <summary>
/// A network for the rows of a table: an embedding for each column of classes, numbers beside them, linear layers behind
/// both. fastai's, with its names: <c>embeds.0.weight</c>, <c>bn_cont.weight</c>, <c>layers.0.weight</c>, …
/// </summary>
/// <remarks>
/// Its inputs are the codes of the classes <c>[rows; columns]</c> (int64) and the numbers <c>[rows; columns]</c>, or the one of
/// them that there is. The layers are linear, ReLU, batch norm and dropout for each hidden layer, and a last linear one.
/// </remarks>
public sealed class TabularModel : Module
{
    private readonly (double Low, double High)? _yRange;

    /// <summary>A network.</summary>
    /// <param name="embSzs">For each column of classes how many there are, <c>#na#</c> included, and how wide its vectors are.</param>
    /// <param name="nCont">How many columns of numbers there are.</param>
    /// <param name="outSz">How many outputs.</param>
    /// <param name="layers">The widths of the hidden layers.</param>
    /// <param name="ps">Dropout behind each hidden layer: one for each, one for all, or none.</param>
    /// <param name="embDrop">Dropout of the elements of the embedded columns, not of the numbers.</param>
    /// <param name="yRange">
    /// Outputs are pressed between these two, which they never quite reach: give a fifth more than the largest target.
    /// </param>
    /// <param name="useBn">Batch norm behind each hidden layer. The numbers are normalised either way.</param>
    /// <param name="bnFinal">Batch norm behind the last layer.</param>
    /// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
    /// <exception cref="OptionException">
    /// There is neither a class nor a number, a size is less than 1, or the dropouts do not go with the layers.
    /// </exception>
    public TabularModel(
        IReadOnlyList<(int Classes, int Width)> embSzs,
        int nCont,
        int outSz,
        IReadOnlyList<int> layers,
        IReadOnlyList<double>? ps = null,
        double embDrop = 0,
        (double Low, double High)? yRange = null,
        bool useBn = true,
        bool bnFinal = false,
        Generator? generator = null)
    {
        Options = new TabularOptions(
            [.. embSzs.Select(e => new[] { e.Classes, e.Width })],
            nCont,
            outSz,
            [.. layers],
            [.. ps ?? []],
            embDrop,
            yRange is { } range ? [range.Low, range.High] : null,
            useBn,
            bnFinal);

        var spec = Options.Spec;
        // Refuses what does not go together, with the core's words.
        _ = Core.Tabular.layer(spec);
        _yRange = yRange;
        Embeds = new ModuleList(embSzs.Select(e => Small(new Embedding(e.Classes, e.Width, generator: generator))));
        EmbDrop = new Dropout(embDrop, generator);
        BnCont = nCont > 0 ? new BatchNorm1d(nCont) : null;
        Layers = new Sequential([.. Core.Tabular.linears(spec).Select(layer => ModuleOf(layer, generator))]);
    }

    /// <summary>The vectors of each column of classes.</summary>
    public ModuleList Embeds { get; }

    /// <summary>Dropout of what the embeddings give.</summary>
    public Dropout EmbDrop { get; }

    /// <summary>What normalises the numbers; null when there are none.</summary>
    public BatchNorm1d? BnCont { get; }

    /// <summary>The linear layers.</summary>
    public Sequential Layers { get; }

    /// <summary>What it was made with, to make it again.</summary>
    internal TabularOptions Options { get; }

    /// <inheritdoc/>
    public override Tensor Forward(params Tensor[] inputs)
    {
        var expected = (Embeds.Count > 0 ? 1 : 0) + (BnCont is null ? 0 : 1);

        if (inputs.Length != expected)
        {
            throw new ShapeException(
                $"TabularModel: it was given {inputs.Length} inputs; it takes {expected}: "
                + (expected == 2 ? "codes of classes and numbers" : BnCont is null ? "codes of classes" : "numbers"));
        }

        List<Tensor> columns = Embeds.Count > 0 ? [Embedded(inputs[0])] : [];

        if (BnCont is not null)
        {
            columns.Add(BnCont.Call(inputs[^1]));
        }

        var output = Layers.Call(columns is [var only] ? only : Tensor.Cat(columns, 1));
        return _yRange is { } range ? output.Pressed(range.Low, range.High) : output;
    }

    /// <summary>An embedding with the first values of networks for tables.</summary>
    private static Embedding Small(Embedding embedding)
    {
        embedding.DrawBy(Core.Tabular.variables);
        return embedding;
    }

    private Tensor Embedded(Tensor codes)
    {
        if (codes.Rank != 2 || codes.Shape[1] != Embeds.Count)
        {
            throw new ShapeException($"TabularModel: the codes are {codes.Shape}; it takes [rows; {Embeds.Count}]");
        }

        return EmbDrop.Call(Tensor.Cat([.. Embeds.Select((table, column) => table.Call(codes.Select(1, column)))], 1));
    }

    /// <summary>The module of a layer that the core puts into such a network.</summary>
    private static Module ModuleOf(Core.Layer layer, Generator? generator) => layer switch
    {
        Core.Layer.Linear linear => new Linear(linear.inFeatures, linear.outFeatures, linear.bias, generator),
        Core.Layer.BatchNorm norm => new BatchNorm1d(norm.Item.NumFeatures),
        Core.Layer.Dropout dropout => new Dropout(dropout.Item.P, generator),
        { IsReLU: true } => new ReLU(),
        _ => throw new InvalidOperationException($"networks for tables have a layer that has no module: {layer}"),
    };
}
