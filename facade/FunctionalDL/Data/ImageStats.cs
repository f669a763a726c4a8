using FunctionalDL.Data;
using FunctionalDL.Interop;
using CoreStats = FunctionalDL.Data.ImageStats;

namespace FunctionalDL;

/// <summary>Mean and standard deviation of each channel of pictures whose samples are from 0 to 1.</summary>
public sealed class ImageStats
{
    private readonly CoreStats _stats;

    /// <summary>Figures of one's own.</summary>
    /// <param name="mean">The mean of each channel.</param>
    /// <param name="std">The deviation of each channel, above 0.</param>
    /// <exception cref="ArgumentException">There are not as many of both, or a deviation is not above 0.</exception>
    public ImageStats(IReadOnlyList<double> mean, IReadOnlyList<double> std)
        : this(ImageStatsModule.create(Fs.List(mean), Fs.List(std)))
    {
    }

    private ImageStats(CoreStats stats) => _stats = stats;

    /// <summary>Of the photographs of ImageNet, which pretrained networks expect.</summary>
    public static ImageStats ImageNet { get; } = new(ImageStatsModule.imageNet);

    /// <summary>Of CIFAR-10.</summary>
    public static ImageStats Cifar { get; } = new(ImageStatsModule.cifar);

    /// <summary>Of MNIST as pictures of three equal channels.</summary>
    public static ImageStats Mnist { get; } = new(ImageStatsModule.mnist);

    /// <summary>The mean of each channel.</summary>
    public IReadOnlyList<double> Mean => [.. _stats.Mean];

    /// <summary>The standard deviation of each channel.</summary>
    public IReadOnlyList<double> Std => [.. _stats.Std];

    /// <summary>The figures of a batch of pictures.</summary>
    /// <param name="pictures">Pictures <c>[items; channels; height; width]</c> from 0 to 1.</param>
    /// <exception cref="ArgumentException">All samples of a channel are equal.</exception>
    public static ImageStats Of(Tensor pictures) => new(ImageStatsModule.ofBatch(pictures.Inner));

    /// <summary>Pictures whose channels have mean 0 and deviation 1.</summary>
    /// <param name="pictures">A picture or a batch, from 0 to 1.</param>
    /// <exception cref="ArgumentException">It has another number of channels.</exception>
    public Tensor Normalize(Tensor pictures) => new(ImageStatsModule.normalise(_stats, pictures.Inner));

    /// <summary>What <see cref="Normalize"/> was given: pictures to look at.</summary>
    /// <param name="pictures">A normalised picture or batch.</param>
    /// <exception cref="ArgumentException">It has another number of channels.</exception>
    public Tensor Denormalize(Tensor pictures) => new(ImageStatsModule.denormalise(_stats, pictures.Inner));
}
