using FunctionalDL.Data;

namespace FunctionalDL;

/// <summary>
/// A change that is made to pictures at random, each time with numbers of its own. Those of place are composed into one pass of
/// sampling, whatever their number; all are done in fastai's order, whatever the order of the list.
/// </summary>
public sealed class ImageTransform
{
    private ImageTransform(string name, IEnumerable<Augmentation> parts) => (Name, Parts) = (name, [.. parts]);

    private ImageTransform(Augmentation part)
        : this(part.Name, [part])
    {
    }

    /// <summary>Its name in fastai, such as <c>symmetric_warp</c>.</summary>
    public string Name { get; }

    /// <summary>How often it is made, from 0 to 1.</summary>
    public double P => Parts[0].P;

    internal IReadOnlyList<Augmentation> Parts { get; }

    /// <summary>fastai's <c>get_transforms</c>: cropping, flips, warping, rotation, zoom and light.</summary>
    /// <param name="doFlip">Whether pictures are mirrored, left and right.</param>
    /// <param name="flipVert">Whether they are laid in all eight ways.</param>
    /// <param name="maxRotate">Degrees to either side; 0 for none.</param>
    /// <param name="maxZoom">1 for none.</param>
    /// <param name="maxLighting">How much lighter, darker, and of how much more or less contrast, from 0 to below 1.</param>
    /// <param name="maxWarp">How far each side is tilted; 0 for none.</param>
    /// <param name="pAffine">How often each change of place is made.</param>
    /// <param name="pLighting">How often each change of light is made.</param>
    /// <param name="extra">What is done besides.</param>
    /// <exception cref="ArgumentException">A number is out of range; the message names it.</exception>
    public static IReadOnlyList<ImageTransform> GetTransforms(
        bool doFlip = true,
        bool flipVert = false,
        double maxRotate = 10,
        double maxZoom = 1.1,
        double maxLighting = 0.2,
        double maxWarp = 0.2,
        double pAffine = 0.75,
        double pLighting = 0.75,
        IReadOnlyList<ImageTransform>? extra = null)
    {
        var options = new AugmentOptions(doFlip, flipVert, maxRotate, maxZoom, maxLighting, maxWarp, pAffine, pLighting);
        return [.. Augment.transforms(options).Select(part => new ImageTransform(part)), .. extra ?? []];
    }

    /// <summary>Each corner moved.</summary>
    /// <param name="magnitude">By at most this along either axis; 1 is half the picture.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform PerspectiveWarp(double magnitude, double p = 1) => new(Augment.perspectiveWarp(p, magnitude));

    /// <summary>One side tilted, drawn anew.</summary>
    /// <param name="magnitude">By at most this; 1 is half the picture.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform Tilt(double magnitude, double p = 1) => new(Augment.tilt(p, magnitude));

    /// <summary>One corner moved along one axis, drawn anew.</summary>
    /// <param name="magnitude">By at most this; 1 is half the picture.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform Skew(double magnitude, double p = 1) => new(Augment.skew(p, magnitude));

    /// <summary>Each place moved by itself.</summary>
    /// <param name="magnitude">By at most this; 1 is half the picture.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform Jitter(double magnitude, double p = 1) => new(Augment.jitter(p, magnitude));

    /// <summary>Stretched along one axis.</summary>
    /// <param name="low">Wider by up to this, below 1.</param>
    /// <param name="high">Higher by up to this, above 1.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform Squish(double low, double high, double p = 1) => new(Augment.squish(p, low, high));

    /// <summary>One of red, green and blue replaced by noise.</summary>
    /// <param name="thresh">How bright it is at most.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform RgbRandomize(double thresh = 0.3, double p = 1) => new(Augment.rgbRandomize(p, thresh));

    /// <summary>Black squares, anywhere.</summary>
    /// <param name="nHoles">How many.</param>
    /// <param name="length">How many pixels a side has.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform Cutout(int nHoles = 1, int length = 40, double p = 1) => new(Augment.cutout(p, nHoles, length));

    /// <summary>Padded on each side, then cut out anywhere.</summary>
    /// <param name="padding">How many pixels on each side.</param>
    /// <param name="size">Rows and columns that are cut out.</param>
    public static ImageTransform RandPad(int padding, int size) =>
        new("rand_pad", Augment.randPad(padding, size, size));

    /// <summary>Zoomed into and cut out.</summary>
    /// <param name="scale">How far.</param>
    /// <param name="doRand">Whether anywhere, and not in the middle.</param>
    /// <param name="p">How often.</param>
    public static ImageTransform ZoomCrop(double scale, bool doRand = false, double p = 1) =>
        new("zoom_crop", Augment.zoomCrop(p, scale, doRand));

    /// <summary>A part of the picture, of some area and ratio of sides: how networks for ImageNet are trained.</summary>
    /// <param name="size">Rows and columns of the result.</param>
    /// <param name="maxScale">How many times smaller its area is at most.</param>
    /// <param name="minRatio">The least ratio of its sides.</param>
    /// <param name="maxRatio">The largest ratio of its sides.</param>
    public static ImageTransform RandResizeCrop(int size, double maxScale = 2, double minRatio = 0.75, double maxRatio = 1.33) =>
        new("rand_resize_crop", Augment.randResizeCrop(maxScale, minRatio, maxRatio, size, size));

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Name}(p={P})");
}
