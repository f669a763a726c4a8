using Idx = FunctionalDL.Data.Idx;
using LabelledImages = FunctionalDL.Data.LabelledImages;

namespace FunctionalDL;

/// <summary>
/// Grey pictures with class labels, as bytes: a training part and a test part. <see cref="Normalize.Fit"/>
/// makes the layer that turns bytes into numbers.
/// </summary>
public sealed class ImageData
{
    private ImageData(TensorDataset train, TensorDataset test, int classes) =>
        (Train, Test, Classes) = (train, test, classes);

    /// <summary>
    /// Pictures <c>[items; height; width]</c> (uint8) and labels <c>[items]</c> (int64) to train on.
    /// </summary>
    public TensorDataset Train { get; }

    /// <summary>Pictures and labels to test on.</summary>
    public TensorDataset Test { get; }

    /// <summary>How many classes there are; labels are 0 to this less 1.</summary>
    public int Classes { get; }

    /// <summary>The height of the pictures in pixels.</summary>
    public int Height => Train.Inputs[0].Shape[1];

    /// <summary>The width of the pictures in pixels.</summary>
    public int Width => Train.Inputs[0].Shape[2];

    /// <summary>
    /// Reads a folder in MNIST's layout: <c>train-images-idx3-ubyte</c>, <c>train-labels-idx1-ubyte</c>,
    /// <c>t10k-images-idx3-ubyte</c> and <c>t10k-labels-idx1-ubyte</c>, each plain or with <c>.gz</c> at its
    /// end.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="classes">How many classes there are.</param>
    /// <exception cref="Data.DataException">
    /// The folder or a file is missing, malformed, cut off or inconsistent, or a label is not a class. The
    /// message is one line that names the file, what is wrong and what would be right.
    /// </exception>
    public static ImageData FromIdx(string folder, int classes = 10)
    {
        var dataset = Idx.readDataset(folder);
        Idx.checkLabels(classes, dataset.Train);
        Idx.checkLabels(classes, dataset.Test);
        return new ImageData(ToDataset(dataset.Train), ToDataset(dataset.Test), classes);
    }

    private static TensorDataset ToDataset(LabelledImages part) =>
        new(Tensor.From(part.Images.Bytes, part.Images.Dims), Tensor.From(part.Labels.Bytes).To(DType.Int64));
}
