using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// <c>x · weightᵀ + bias</c>: <c>[…; inFeatures] → […; outFeatures]</c>. First values are PyTorch's, uniform in ±1/√inFeatures.
/// </summary>
/// <param name="inFeatures">The size of the input's last axis.</param>
/// <param name="outFeatures">The size of the output's last axis.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">A size is less than 1.</exception>
public sealed class Linear(int inFeatures, int outFeatures, bool bias = true, Generator? generator = null) : Layer(
    Core.Layer.NewLinear(inFeatures, outFeatures, bias),
    $"in_features={inFeatures}, out_features={outFeatures}, bias={bias}",
    generator)
{
    /// <summary>The size of the input's last axis.</summary>
    public int InFeatures { get; } = inFeatures;

    /// <summary>The size of the output's last axis.</summary>
    public int OutFeatures { get; } = outFeatures;

    /// <summary><c>[outFeatures; inFeatures]</c>.</summary>
    public Parameter Weight => Own("weight");

    /// <summary><c>[outFeatures]</c>; null when there is none.</summary>
    public Parameter? Bias => OwnOrNull("bias");
}

/// <summary>
/// A layer of two inputs: <c>x1 · weight[o] · x2 + bias[o]</c>. First values are PyTorch's, uniform in ±1/√in1Features.
/// </summary>
/// <param name="in1Features">The size of the first input's last axis.</param>
/// <param name="in2Features">The size of the second input's last axis.</param>
/// <param name="outFeatures">The size of the output's last axis.</param>
/// <param name="bias">Whether a bias is added.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">A size is less than 1.</exception>
public sealed class Bilinear(
    int in1Features, int in2Features, int outFeatures, bool bias = true, Generator? generator = null) : Layer(
    Core.Layer.NewBilinear(new BilinearSpec(in1Features, in2Features, outFeatures, bias)),
    $"in1_features={in1Features}, in2_features={in2Features}, out_features={outFeatures}, bias={bias}",
    generator)
{
    /// <summary><c>[outFeatures; in1Features; in2Features]</c>.</summary>
    public Parameter Weight => Own("weight");

    /// <summary><c>[outFeatures]</c>; null when there is none.</summary>
    public Parameter? Bias => OwnOrNull("bias");
}

/// <summary>A table of vectors, looked up by whole numbers: <c>[…] → […; embeddingDim]</c>. First values are normal.</summary>
/// <param name="numEmbeddings">How many vectors.</param>
/// <param name="embeddingDim">How long each is.</param>
/// <param name="paddingIdx">A vector that starts at 0 and learns nothing; negative ones count from the end.</param>
/// <param name="dropout">
/// The probability that a vector is dropped, everywhere in the batch, while training (Merity and others, ICLR 2018, 4.3).
/// </param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range.</exception>
public sealed class Embedding(
    int numEmbeddings, int embeddingDim, int? paddingIdx = null, double dropout = 0, Generator? generator = null) : Layer(
    Core.Layer.NewEmbedding(new EmbeddingSpec(numEmbeddings, embeddingDim, Fs.Option(paddingIdx), dropout)),
    Repr.Join(
        $"{numEmbeddings}, {embeddingDim}",
        (paddingIdx is not null, $"padding_idx={paddingIdx}"),
        (dropout > 0, $"dropout={Repr.Of(dropout)}")),
    generator,
    draws: dropout > 0)
{
    /// <summary>How many vectors.</summary>
    public int NumEmbeddings { get; } = numEmbeddings;

    /// <summary>How long each vector is.</summary>
    public int EmbeddingDim { get; } = embeddingDim;

    /// <summary><c>[numEmbeddings; embeddingDim]</c>.</summary>
    public Parameter Weight => Own("weight");
}
