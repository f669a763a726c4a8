using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>How a picture gets its size.</summary>
public enum ResizeMethod
{
    /// <summary>Made as small as covers the size, then cut.</summary>
    Crop,

    /// <summary>Made as large as fits into the size, then padded.</summary>
    Pad,

    /// <summary>Stretched.</summary>
    Squish,

    /// <summary>Left as large as it is, then cut or padded.</summary>
    No,
}

/// <summary>What stands outside a picture that is turned, moved or padded.</summary>
public enum ImagePadding
{
    /// <summary>The picture in a mirror.</summary>
    Reflection,

    /// <summary>Black.</summary>
    Zeros,

    /// <summary>The outermost pixels, on and on.</summary>
    Border,
}

/// <summary>How pictures become batches: fastai's <c>transform</c>, <c>databunch</c> and <c>normalize</c>.</summary>
public sealed record ImageOptions
{
    /// <summary>Height and width of all pictures in pixels.</summary>
    public int Size { get; init; } = 224;

    /// <summary>The width, where it is not <see cref="Size"/>.</summary>
    public int? Width { get; init; }

    /// <summary>How a picture gets that size.</summary>
    public ResizeMethod Resize { get; init; } = ResizeMethod.Crop;

    /// <summary>What stands outside a picture that is turned, moved or padded.</summary>
    public ImagePadding Padding { get; init; } = ImagePadding.Reflection;

    /// <summary>What is done at random to the pictures that are trained on; <see cref="ImageTransform.GetTransforms"/> when not given.</summary>
    public IReadOnlyList<ImageTransform> Transforms { get; init; } = ImageTransform.GetTransforms();

    /// <summary>What is subtracted and divided by, channel by channel; null for nothing.</summary>
    public ImageStats? Stats { get; init; } = ImageStats.ImageNet;

    /// <summary>The share of the pictures that is for validation, where no folder says so.</summary>
    public double ValidPct { get; init; } = 0.2;

    /// <summary>How many pictures a training batch has.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Whether a last training batch that is not full is left out.</summary>
    public bool DropLast { get; init; }

    /// <summary>How many batches are made at once in the background. The pictures do not depend on it.</summary>
    public int NumWorkers { get; init; } = 1;

    /// <summary>What the split, the orders and the changes follow from; they differ from run to run when not given.</summary>
    public long? Seed { get; init; }

    internal ImagePipeline ToCore(bool isTraining)
    {
        if (Size < 1 || Width < 1)
        {
            throw new Core.OptionException($"size: {Size} × {Width ?? Size} pixels have nothing in them; 1 or more");
        }

        return new ImagePipeline(
            Fs.Option(Tuple.Create(Size, Width ?? Size)),
            Resize switch
            {
                ResizeMethod.Crop => Data.ResizeMethod.Crop,
                ResizeMethod.Pad => Data.ResizeMethod.Pad,
                ResizeMethod.Squish => Data.ResizeMethod.Squish,
                ResizeMethod.No => Data.ResizeMethod.No,
                _ => throw new ArgumentOutOfRangeException(nameof(Resize), Resize, "there is no such way"),
            },
            Padding switch
            {
                ImagePadding.Reflection => Data.ImagePadding.Reflection,
                ImagePadding.Zeros => Data.ImagePadding.Zeros,
                ImagePadding.Border => Data.ImagePadding.Border,
                _ => throw new ArgumentOutOfRangeException(nameof(Padding), Padding, "there is no such padding"),
            },
            Fs.List(isTraining ? Transforms.SelectMany(t => t.Parts) : []),
            BitmapModule.limits);
    }
}
