using FunctionalDL.Data;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>Items for people to look at.</summary>
internal static class Items
{
    /// <summary>Writes a page with the first items of a batch, each with lines of text.</summary>
    public static void Write(string path, string title, Batch batch, int count, Func<int, IReadOnlyList<string>> lines)
    {
        var pictures = Sources(batch.Inputs[0]).Take(count).Select((source, i) =>
            new Picture(source, $"item {i}", Fs.List(lines(i)))).ToList();
        Page.write(path, Page.html(title, [new Section(title, Fs.List([Block.NewPictures(Fs.List(pictures))]))]));
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
    public static IEnumerable<string> Sources(Tensor pictures)
    {
        if (pictures.DType is DType.Float32 or DType.Float64 && pictures is { Rank: 4, Shape: [_, 1 or 3, _, _] })
        {
            return Sources(Bytes(pictures));
        }

        if (pictures.DType != DType.UInt8)
        {
            return Enumerable.Repeat("", pictures.Shape[0]);
        }

        return (pictures.Rank, pictures.Shape) switch
        {
            (3, var shape) => Encoded(pictures, shape[1], shape[2], Png.grey),
            (4, [_, 1, var height, var width]) => Encoded(pictures, height, width, Png.grey),
            (4, [_, 3, var height, var width]) => Encoded(pictures.Permute(0, 2, 3, 1), height, width, Png.rgb),
            _ => Enumerable.Repeat("", pictures.Shape[0]),
        };
    }

    /// <summary>Each picture stretched to 0 … 255; one that is the same everywhere is black.</summary>
    private static Tensor Bytes(Tensor pictures)
    {
        int[] all = [1, 2, 3];
        var least = pictures.Amin(all, keepdim: true);
        var range = pictures.Amax(all, keepdim: true) - least;
        return ((pictures - least) / range.Clamp(min: 1e-30) * 255).Round().To(DType.UInt8);
    }

    private static IEnumerable<string> Encoded(
        Tensor pictures, int height, int width, Func<int, int, byte[], byte[]> encode)
    {
        var size = pictures.Size / pictures.Shape[0];
        return pictures.ToArray<byte>().Chunk(size).Select(bytes => Png.dataUri(encode(width, height, bytes)));
    }
}
