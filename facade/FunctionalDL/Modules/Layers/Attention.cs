using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Attention with several heads (A. Vaswani and others, NIPS 2017, 3.2). <see cref="Module.Call"/> takes one tensor that is
/// query, key and value, or the three: <c>[target; batch; embedDim]</c>, <c>[source; batch; kDim]</c>, <c>[source; batch; vDim]</c>, or
/// batch first. Parameters have PyTorch's names. A query that may look at nothing gets zeros.
/// </summary>
/// <param name="embedDim">How many features queries and outputs have.</param>
/// <param name="numHeads">How many heads share them.</param>
/// <param name="dropout">The probability that a weight is dropped while training.</param>
/// <param name="bias">Whether biases are added.</param>
/// <param name="kDim">The features of keys; embedDim when not given.</param>
/// <param name="vDim">The features of values; embedDim when not given.</param>
/// <param name="batchFirst">Whether inputs are <c>[batch; time; …]</c>.</param>
/// <param name="isCausal">Whether each place looks only at itself and what comes before.</param>
/// <param name="generator">Where first values come from; when not given they differ from run to run.</param>
/// <exception cref="OptionException">An option is out of range, or the heads do not divide the features.</exception>
public sealed class MultiheadAttention(
    int embedDim,
    int numHeads,
    double dropout = 0,
    bool bias = true,
    int? kDim = null,
    int? vDim = null,
    bool batchFirst = false,
    bool isCausal = false,
    Generator? generator = null)
    : Layer(
        Core.Layer.NewMultiheadAttention(new MultiheadAttentionSpec(
            embedDim, numHeads, dropout, bias, Fs.Option(kDim), Fs.Option(vDim), batchFirst, isCausal, needWeights: true)),
        Repr.Join(
            $"embed_dim={embedDim}, num_heads={numHeads}",
            (dropout != 0, $"dropout={Repr.Of(dropout)}"),
            (!bias, "bias=False"),
            (kDim is not null, $"kdim={kDim}"),
            (vDim is not null, $"vdim={vDim}"),
            (batchFirst, "batch_first=True"),
            (isCausal, "is_causal=True")),
        generator,
        draws: dropout > 0)
{
    private readonly bool _batchFirst = batchFirst;

    /// <summary>A parameter by PyTorch's name.</summary>
    /// <param name="name">Its name, such as <c>in_proj_weight</c>.</param>
    /// <exception cref="KeyNotFoundException">There is none of that name.</exception>
    public Parameter this[string name] =>
        OwnOrNull(name) ?? throw new KeyNotFoundException($"{TypeName} has no parameter '{name}'");

    /// <summary>
    /// The output and the weights <c>[batch; target; source]</c>, means over the heads: PyTorch's
    /// <c>output, weights = attention(q, k, v)</c>.
    /// </summary>
    /// <param name="query">What looks.</param>
    /// <param name="key">What is looked at.</param>
    /// <param name="value">What is found there.</param>
    /// <param name="keyPaddingMask">True where nobody looks (bool): <c>[batch; source]</c>.</param>
    /// <param name="attnMask">
    /// True where a query does not look (bool), or numbers that are added: <c>[target; source]</c> or <c>[batch · numHeads;
    /// target; source]</c>.
    /// </param>
    /// <exception cref="ShapeException">The shapes do not meet.</exception>
    public (Tensor Output, Tensor Weights) CallWithWeights(
        Tensor query, Tensor key, Tensor value, Tensor? keyPaddingMask = null, Tensor? attnMask = null)
    {
        if (attnMask is not null && keyPaddingMask is null)
        {
            var (batch, source) = _batchFirst ? (key.Shape[0], key.Shape[1]) : (key.Shape[1], key.Shape[0]);
            keyPaddingMask = Tensor.Zeros([batch, source], DType.Bool);
        }

        Tensor?[] inputs = [query, key, value, keyPaddingMask, attnMask];
        var all = Run([.. inputs.OfType<Tensor>()]);
        return (all[0], all[1]);
    }
}
