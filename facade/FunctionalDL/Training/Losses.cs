using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// Losses, each a <c>Func&lt;Tensor, Tensor, Tensor&gt;</c> of the network's output and the target, as
/// PyTorch orders them. Without a reduction they give the mean over the batch.
/// </summary>
public static class Losses
{
    /// <summary>The mean over the batch of -log softmax(input)[target] (nats).</summary>
    /// <param name="input">Scores before softmax: <c>[batch; classes]</c>.</param>
    /// <param name="target">The class of each item, 0 to classes - 1 (int64): <c>[batch]</c>.</param>
    /// <exception cref="ShapeException">The sizes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a class does not exist.</exception>
    public static Tensor CrossEntropy(Tensor input, Tensor target) => CrossEntropy(input, target, Reduction.Mean);

    /// <summary>-log softmax(input)[target] (nats), reduced over the batch.</summary>
    /// <param name="input">Scores before softmax: <c>[batch; classes]</c>.</param>
    /// <param name="target">The class of each item, 0 to classes - 1 (int64): <c>[batch]</c>.</param>
    /// <param name="reduction">What becomes of the items' losses.</param>
    /// <exception cref="ShapeException">The sizes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a class does not exist.</exception>
    public static Tensor CrossEntropy(Tensor input, Tensor target, Reduction reduction) =>
        Make(Loss.crossEntropyWith, reduction, input, target);

    /// <summary>The mean over the batch of -input[target] (nats).</summary>
    /// <param name="input">Logarithms of probabilities: <c>[batch; classes]</c>.</param>
    /// <param name="target">The class of each item, 0 to classes - 1 (int64): <c>[batch]</c>.</param>
    /// <exception cref="ShapeException">The sizes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a class does not exist.</exception>
    public static Tensor Nll(Tensor input, Tensor target) => Nll(input, target, Reduction.Mean);

    /// <summary>-input[target] (nats), reduced over the batch.</summary>
    /// <param name="input">Logarithms of probabilities: <c>[batch; classes]</c>.</param>
    /// <param name="target">The class of each item, 0 to classes - 1 (int64): <c>[batch]</c>.</param>
    /// <param name="reduction">What becomes of the items' losses.</param>
    /// <exception cref="ShapeException">The sizes do not meet.</exception>
    /// <exception cref="ValueException">When computed: a class does not exist.</exception>
    public static Tensor Nll(Tensor input, Tensor target, Reduction reduction) =>
        Make(Loss.nllWith, reduction, input, target);

    /// <summary>The mean of (input - target)² over all elements.</summary>
    /// <param name="input">The network's output.</param>
    /// <param name="target">
    /// The target, of the same shape: a silent broadcast would compare everything with everything.
    /// </param>
    /// <exception cref="ShapeException">The shapes differ.</exception>
    public static Tensor Mse(Tensor input, Tensor target) => Mse(input, target, Reduction.Mean);

    /// <summary>(input - target)², reduced over all elements.</summary>
    /// <param name="input">The network's output.</param>
    /// <param name="target">The target, of the same shape.</param>
    /// <param name="reduction">What becomes of the elements' losses.</param>
    /// <exception cref="ShapeException">The shapes differ.</exception>
    public static Tensor Mse(Tensor input, Tensor target, Reduction reduction) =>
        Make(Loss.mseWith, reduction, input, target);

    /// <summary>The mean of -(target · log p + (1 - target) · log(1 - p)) for p = sigmoid(input) (nats).</summary>
    /// <param name="input">Scores before the sigmoid.</param>
    /// <param name="target">0 to 1, of the same shape.</param>
    /// <exception cref="ShapeException">The shapes differ.</exception>
    public static Tensor BinaryCrossEntropyWithLogits(Tensor input, Tensor target) =>
        Make(Loss.binaryCrossEntropyLogitsWith, Reduction.Mean, input, target);

    /// <summary>The mean of -(target · log input + (1 - target) · log(1 - input)) (nats).</summary>
    /// <param name="input">Probabilities.</param>
    /// <param name="target">0 to 1, of the same shape.</param>
    /// <exception cref="ShapeException">The shapes differ.</exception>
    public static Tensor BinaryCrossEntropy(Tensor input, Tensor target) =>
        Make(Loss.binaryCrossEntropyWith, Reduction.Mean, input, target);

    /// <summary>The mean absolute difference.</summary>
    /// <param name="input">The network's output.</param>
    /// <param name="target">The target, of the same shape.</param>
    /// <exception cref="ShapeException">The shapes differ.</exception>
    public static Tensor L1(Tensor input, Tensor target) => Make(Loss.l1With, Reduction.Mean, input, target);

    private static Tensor Make(
        Func<Core.Reduction, Core.Tensor, Core.Tensor, Core.Tensor> loss,
        Reduction reduction,
        Tensor input,
        Tensor target) =>
        new(loss(ToCore(reduction), target.Inner, input.Inner), Sources.Union(input.Sources, target.Sources));

    internal static Core.Reduction ToCore(Reduction reduction) => reduction switch
    {
        Reduction.Mean => Core.Reduction.Mean,
        Reduction.Sum => Core.Reduction.Sum,
        Reduction.None => Core.Reduction.None,
        Reduction.BatchMean => Core.Reduction.BatchMean,
        _ => throw new ArgumentOutOfRangeException(nameof(reduction), reduction, "there is no such reduction"),
    };
}
