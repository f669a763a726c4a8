using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>Items for people to look at.</summary>
internal static class Items
{
    /// <summary>Writes a page with items, each with lines of text.</summary>
    public static void Write(string path, string title, Tensor items, Func<int, IReadOnlyList<string>> lines)
    {
        var pictures = Sources(items).Select((source, i) =>
            new Picture(source, $"item {i}", Fs.List(lines(i)))).ToList();
        Page.write(path, Page.html(title, [new Section(title, Fs.List([Block.NewPictures(Fs.List(pictures))]))]));
    }

    /// <summary>Writes pictures side by side as a PNG.</summary>
    public static void WriteMontage(string path, Tensor items, int columns)
    {
        if (!ArePictures(items))
        {
            throw new Core.ShapeException($"items {items.Shape} are no pictures; give [items; 1, 3 or 4 channels; height; width]");
        }

        Png.write(path, BitmapModule.montage(columns, Fs.List(Bitmaps(items))));
    }

    /// <summary>The target of an item in words: its class, or its numbers.</summary>
    public static string Text(IReadOnlyList<Tensor> targets, int item, IReadOnlyList<string>? classes) =>
        string.Join(", ", targets.Select(target => Text(target[item], classes)));

    /// <summary>A value in words.</summary>
    public static string Text(Tensor value, IReadOnlyList<string>? classes) =>
        value.Rank == 0 && classes is not null && (int)value.Item() is var c && c < classes.Count
            ? classes[c]
            : value.Size == 1
                ? value.Item().ToString("0.####", System.Globalization.CultureInfo.InvariantCulture)
                : $"{value}";

    /// <summary>
    /// Pictures as sources for a page: bytes as they are, real numbers <c>[n; channels; height; width]</c> from the least of
    /// each to its greatest; empty for what is no picture.
    /// </summary>
    public static IEnumerable<string> Sources(Tensor items) =>
        ArePictures(items)
            ? Bitmaps(items).Select(bitmap => Png.dataUri(Png.encode(bitmap)))
            : Enumerable.Repeat("", items.Shape[0]);

    /// <summary>Whether items are bytes in rows and columns, or bytes or numbers in as many channels as a picture has.</summary>
    private static bool ArePictures(Tensor items) =>
        items.Size > 0
        && (items.Rank == 4
            ? items.Shape[1] is 1 or 3 or 4 && (items.DType == DType.UInt8 || items.DType.IsFloat())
            : items.Rank == 3 && items.DType == DType.UInt8);

    /// <summary>Each picture stretched to 0 … 1; one that is the same everywhere is black.</summary>
    private static Tensor Stretched(Tensor pictures)
    {
        int[] all = [1, 2, 3];
        var least = pictures.Amin(all, keepdim: true);
        var range = pictures.Amax(all, keepdim: true) - least;
        return (pictures - least) / range.Clamp(min: 1e-30);
    }

    private static IEnumerable<Bitmap> Bitmaps(Tensor items)
    {
        var shares = items.DType == DType.UInt8 ? items.To(DType.Float32) / 255 : Stretched(items);
        var pictures = items.Rank == 3 ? shares.Unsqueeze(1) : shares;
        return Enumerable.Range(0, pictures.Shape[0]).Select(i => BitmapModule.ofTensor(pictures[i].Inner));
    }
}
