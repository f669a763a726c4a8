using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>Normalisation by the statistics of a batch, or of each item, with running statistics for evaluation.</summary>
public abstract class RunningNorm : Layer
{
    private readonly int[] _ranks;

    private protected RunningNorm(
        Func<BatchNormSpec, Core.Layer> kind,
        int[] ranks,
        int numFeatures,
        double eps,
        double? momentum,
        bool affine,
        bool trackRunningStats)
        : base(
            kind(new BatchNormSpec(numFeatures, eps, Fs.Option(momentum), affine, trackRunningStats)),
            $"{numFeatures}, eps={Repr.Of(eps)}, momentum={Repr.Of(momentum)}, affine={affine}, "
            + $"track_running_stats={trackRunningStats}") => (_ranks, NumFeatures) = (ranks, numFeatures);

    /// <summary>The size of the channels' axis.</summary>
    public int NumFeatures { get; }

    /// <summary>The scale of each channel, 1 at first; null without affine.</summary>
    public Parameter? Weight => OwnOrNull("weight");

    /// <summary>The shift of each channel, 0 at first; null without affine.</summary>
    public Parameter? Bias => OwnOrNull("bias");

    /// <summary>The running mean, 0 at first; null when none is kept.</summary>
    public ModuleBuffer? RunningMean => BufferOrNull("running_mean");

    /// <summary>The running variance (unbiased), 1 at first; null when none is kept.</summary>
    public ModuleBuffer? RunningVar => BufferOrNull("running_var");

    /// <summary>How many batches the statistics have seen (int64); null when none are kept.</summary>
    public ModuleBuffer? NumBatchesTracked => BufferOrNull("num_batches_tracked");

    /// <inheritdoc/>
    public override Tensor Forward(Tensor input) =>
        _ranks.Contains(input.Rank)
            ? base.Forward(input)
            : throw new ShapeException(
                $"{TypeName}: the input {input.Shape} has {input.Rank} axes; it takes {string.Join(" or ", _ranks)}");
}

/// <summary>
/// Batch normalisation of <c>[batch; channels] or [batch; channels; length]</c>: in training by the batch's own statistics (biased variance), in evaluation
/// by the running ones (S. Ioffe, C. Szegedy, ICML 2015).
/// </summary>
/// <param name="numFeatures">The size of the channels' axis.</param>
/// <param name="eps">What is added to the variance.</param>
/// <param name="momentum">
/// The weight of the newest batch in the running statistics; null makes them the mean of all batches. It does not touch
/// what comes out in training.
/// </param>
/// <param name="affine">Whether there is a weight and a bias.</param>
/// <param name="trackRunningStats">Whether statistics are kept; without them the batch's own serve in evaluation too.</param>
public sealed class BatchNorm1d(
    int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
    : RunningNorm(Core.Layer.NewBatchNorm, [2, 3], numFeatures, eps, momentum, affine, trackRunningStats);

/// <summary>
/// Batch normalisation of <c>[batch; channels; height; width]</c>: in training by the batch's own statistics (biased variance), in evaluation
/// by the running ones (S. Ioffe, C. Szegedy, ICML 2015).
/// </summary>
/// <param name="numFeatures">The size of the channels' axis.</param>
/// <param name="eps">What is added to the variance.</param>
/// <param name="momentum">
/// The weight of the newest batch in the running statistics; null makes them the mean of all batches. It does not touch
/// what comes out in training.
/// </param>
/// <param name="affine">Whether there is a weight and a bias.</param>
/// <param name="trackRunningStats">Whether statistics are kept; without them the batch's own serve in evaluation too.</param>
public sealed class BatchNorm2d(
    int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
    : RunningNorm(Core.Layer.NewBatchNorm, [4], numFeatures, eps, momentum, affine, trackRunningStats);

/// <summary>
/// Batch normalisation of <c>[batch; channels; depth; height; width]</c>: in training by the batch's own statistics (biased variance), in evaluation
/// by the running ones (S. Ioffe, C. Szegedy, ICML 2015).
/// </summary>
/// <param name="numFeatures">The size of the channels' axis.</param>
/// <param name="eps">What is added to the variance.</param>
/// <param name="momentum">
/// The weight of the newest batch in the running statistics; null makes them the mean of all batches. It does not touch
/// what comes out in training.
/// </param>
/// <param name="affine">Whether there is a weight and a bias.</param>
/// <param name="trackRunningStats">Whether statistics are kept; without them the batch's own serve in evaluation too.</param>
public sealed class BatchNorm3d(
    int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = true, bool trackRunningStats = true)
    : RunningNorm(Core.Layer.NewBatchNorm, [5], numFeatures, eps, momentum, affine, trackRunningStats);

/// <summary>Each channel of each item of <c>[batch; channels; length]</c> normalised by its own statistics.</summary>
/// <param name="numFeatures">The size of the channels' axis.</param>
/// <param name="eps">What is added to the variance.</param>
/// <param name="momentum">The weight of the newest batch in the running statistics.</param>
/// <param name="affine">Whether there is a weight and a bias.</param>
/// <param name="trackRunningStats">Whether statistics are kept and used in evaluation.</param>
public sealed class InstanceNorm1d(
    int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStats = false)
    : RunningNorm(Core.Layer.NewInstanceNorm, [3], numFeatures, eps, momentum, affine, trackRunningStats);

/// <summary>Each channel of each item of <c>[batch; channels; height; width]</c> normalised by its own statistics.</summary>
/// <param name="numFeatures">The size of the channels' axis.</param>
/// <param name="eps">What is added to the variance.</param>
/// <param name="momentum">The weight of the newest batch in the running statistics.</param>
/// <param name="affine">Whether there is a weight and a bias.</param>
/// <param name="trackRunningStats">Whether statistics are kept and used in evaluation.</param>
public sealed class InstanceNorm2d(
    int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStats = false)
    : RunningNorm(Core.Layer.NewInstanceNorm, [4], numFeatures, eps, momentum, affine, trackRunningStats);

/// <summary>Each channel of each item of <c>[batch; channels; depth; height; width]</c> normalised by its own statistics.</summary>
/// <param name="numFeatures">The size of the channels' axis.</param>
/// <param name="eps">What is added to the variance.</param>
/// <param name="momentum">The weight of the newest batch in the running statistics.</param>
/// <param name="affine">Whether there is a weight and a bias.</param>
/// <param name="trackRunningStats">Whether statistics are kept and used in evaluation.</param>
public sealed class InstanceNorm3d(
    int numFeatures, double eps = 1e-5, double? momentum = 0.1, bool affine = false, bool trackRunningStats = false)
    : RunningNorm(Core.Layer.NewInstanceNorm, [5], numFeatures, eps, momentum, affine, trackRunningStats);

/// <summary>Normalisation over the last axes of each item.</summary>
public sealed class LayerNorm : Layer
{
    /// <summary>Normalisation over the last axis.</summary>
    /// <param name="normalizedShape">Its size.</param>
    /// <param name="eps">What is added to the variance.</param>
    /// <param name="elementwiseAffine">Whether there is a weight and a bias.</param>
    public LayerNorm(int normalizedShape, double eps = 1e-5, bool elementwiseAffine = true)
        : this([normalizedShape], eps, elementwiseAffine)
    {
    }

    /// <summary>Normalisation over the last axes.</summary>
    /// <param name="normalizedShape">Their sizes.</param>
    /// <param name="eps">What is added to the variance.</param>
    /// <param name="elementwiseAffine">Whether there is a weight and a bias, of these sizes.</param>
    public LayerNorm(IReadOnlyList<int> normalizedShape, double eps = 1e-5, bool elementwiseAffine = true)
        : base(
            Core.Layer.NewLayerNorm(new LayerNormSpec(Fs.Sizes(normalizedShape), eps, elementwiseAffine)),
            $"{Repr.Tuple(normalizedShape)}, eps={Repr.Of(eps)}, elementwise_affine={elementwiseAffine}")
    {
    }

    /// <summary>The scale of each element, 1 at first; null without affine.</summary>
    public Parameter? Weight => OwnOrNull("weight");

    /// <summary>The shift of each element, 0 at first; null without affine.</summary>
    public Parameter? Bias => OwnOrNull("bias");
}

/// <summary>Normalisation of groups of channels of each item: <c>[batch; channels; …]</c>.</summary>
/// <param name="numGroups">How many groups.</param>
/// <param name="numChannels">The size of the channels' axis, which the groups divide.</param>
/// <param name="eps">What is added to the variance.</param>
/// <param name="affine">Whether there is a weight and a bias, one for each channel.</param>
/// <exception cref="OptionException">The channels do not divide into the groups.</exception>
public sealed class GroupNorm(int numGroups, int numChannels, double eps = 1e-5, bool affine = true) : Layer(
    Core.Layer.NewGroupNorm(new GroupNormSpec(numGroups, numChannels, eps, affine)),
    $"{numGroups}, {numChannels}, eps={Repr.Of(eps)}, affine={affine}")
{
    /// <summary>The scale of each channel, 1 at first; null without affine.</summary>
    public Parameter? Weight => OwnOrNull("weight");

    /// <summary>The shift of each channel, 0 at first; null without affine.</summary>
    public Parameter? Bias => OwnOrNull("bias");
}
