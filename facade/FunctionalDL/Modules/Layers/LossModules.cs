using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

using Rule = Func<Core.Tensor, Core.Tensor, Core.Tensor>;

/// <summary>
/// A loss as a module, with PyTorch's options: <c>loss.Call(output, target)</c>. It stands where a function of output and target
/// is wanted too: <c>new Learner(data, model, new CrossEntropyLoss(labelSmoothing: 0.1))</c>.
/// </summary>
public abstract class LossModule : Module
{
    private readonly Rule _rule;

    /// <summary>A loss of the core, which takes the target first.</summary>
    private protected LossModule(Rule rule) => _rule = rule;

    /// <summary>The loss as a function of output and target.</summary>
    /// <param name="loss">The loss.</param>
    /// <remarks>The delegate's target is the module, by which a learner knows what the scores mean.</remarks>
    public static implicit operator Func<Tensor, Tensor, Tensor>(LossModule loss) => loss.Of;

    /// <inheritdoc/>
    /// <exception cref="ShapeException">There are not two tensors, output and target, or they do not meet.</exception>
    public override Tensor Forward(params Tensor[] inputs) => inputs is [var input, var target]
        ? new(_rule(target.Inner, input.Inner), Sources.Union(input.Sources, target.Sources))
        : throw new ShapeException($"{TypeName}: it was given {inputs.Length} tensors; it takes the output and the target");

    private Tensor Of(Tensor input, Tensor target) => Call(input, target);

    private protected static ClassOptions Classes(Reduction reduction, Tensor? weight, int ignoreIndex, double labelSmoothing) =>
        new(Losses.ToCore(reduction), Fs.Option(weight?.Inner), ignoreIndex, labelSmoothing);

    private protected static BinaryOptions Binary(Reduction reduction, Tensor? weight, Tensor? posWeight) =>
        new(Losses.ToCore(reduction), Fs.Option(weight?.Inner), Fs.Option(posWeight?.Inner));
}

/// <summary>
/// -log softmax(input)[target] (nats): <c>[batch; classes; …]</c> against classes <c>[batch; …]</c> (int64), or probabilities.
/// </summary>
/// <param name="weight">A factor for each class: <c>[classes]</c>.</param>
/// <param name="ignoreIndex">Items of this class count for nothing.</param>
/// <param name="reduction">What becomes of the items' losses.</param>
/// <param name="labelSmoothing">The share (0 to 1) of the target that goes to all classes evenly.</param>
public sealed class CrossEntropyLoss(
    Tensor? weight = null, int ignoreIndex = -100, Reduction reduction = Reduction.Mean, double labelSmoothing = 0)
    : LossModule((target, input) =>
        Loss.crossEntropyUsing(Classes(reduction, weight, ignoreIndex, labelSmoothing), target, input));

/// <summary>-input[target] (nats), for logarithms of probabilities <c>[batch; classes; …]</c>.</summary>
/// <param name="weight">A factor for each class: <c>[classes]</c>.</param>
/// <param name="ignoreIndex">Items of this class count for nothing.</param>
/// <param name="reduction">What becomes of the items' losses.</param>
public sealed class NLLLoss(Tensor? weight = null, int ignoreIndex = -100, Reduction reduction = Reduction.Mean)
    : LossModule((target, input) => Loss.nllUsing(Classes(reduction, weight, ignoreIndex, 0), target, input));

/// <summary>Cross entropy of probabilities and targets of 0 to 1, element by element; logarithms are never below -100.</summary>
/// <param name="weight">A factor for each element, which broadcasts.</param>
/// <param name="reduction">What becomes of the elements' losses.</param>
public sealed class BCELoss(Tensor? weight = null, Reduction reduction = Reduction.Mean)
    : LossModule((target, input) => Loss.binaryCrossEntropyUsing(Binary(reduction, weight, null), target, input));

/// <summary><see cref="BCELoss"/> of <c>sigmoid(input)</c>, exact for any size of the input.</summary>
/// <param name="weight">A factor for each element, which broadcasts.</param>
/// <param name="reduction">What becomes of the elements' losses.</param>
/// <param name="posWeight">A factor for what is owed to targets of 1, which broadcasts.</param>
public sealed class BCEWithLogitsLoss(
    Tensor? weight = null, Reduction reduction = Reduction.Mean, Tensor? posWeight = null)
    : LossModule((target, input) => Loss.binaryCrossEntropyLogitsUsing(Binary(reduction, weight, posWeight), target, input));

/// <summary>The squared difference, element by element. The shapes need to be equal.</summary>
/// <param name="reduction">What becomes of the elements' losses.</param>
public sealed class MSELoss(Reduction reduction = Reduction.Mean)
    : LossModule((target, input) => Loss.mseWith(Losses.ToCore(reduction), target, input));

/// <summary>The absolute difference, element by element; its derivative is 0 where they are equal.</summary>
/// <param name="reduction">What becomes of the elements' losses.</param>
public sealed class L1Loss(Reduction reduction = Reduction.Mean)
    : LossModule((target, input) => Loss.l1With(Losses.ToCore(reduction), target, input));

/// <summary><c>d² / (2 · beta)</c> for a difference <c>d</c> below beta, <c>|d| - beta / 2</c> beyond (R. Girshick, ICCV 2015).</summary>
/// <param name="reduction">What becomes of the elements' losses.</param>
/// <param name="beta">Where the parabola ends, 0 or more.</param>
public sealed class SmoothL1Loss(Reduction reduction = Reduction.Mean, double beta = 1)
    : LossModule((target, input) => Loss.smoothL1With(Losses.ToCore(reduction), beta, target, input));

/// <summary><c>d² / 2</c> for a difference <c>d</c> below delta, <c>delta · (|d| - delta / 2)</c> beyond (P. Huber, 1964).</summary>
/// <param name="reduction">What becomes of the elements' losses.</param>
/// <param name="delta">Where the parabola ends, above 0.</param>
public sealed class HuberLoss(Reduction reduction = Reduction.Mean, double delta = 1)
    : LossModule((target, input) => Loss.huberWith(Losses.ToCore(reduction), delta, target, input));

/// <summary>
/// The divergence of Kullback and Leibler, <c>target · (log target - input)</c>, for logarithms of probabilities (nats).
/// <see cref="Reduction.BatchMean"/> is the one that agrees with the mathematics.
/// </summary>
/// <param name="reduction">What becomes of the elements' losses.</param>
/// <param name="logTarget">Whether the target holds logarithms too.</param>
public sealed class KLDivLoss(Reduction reduction = Reduction.Mean, bool logTarget = false)
    : LossModule((target, input) => Loss.klDivWith(Losses.ToCore(reduction), logTarget, target, input));
