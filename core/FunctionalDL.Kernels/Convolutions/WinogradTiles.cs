using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>
/// Pictures as tiles of 4×4 places of the output, numbered through the batch, row by row; and their way to and
/// from the products, [36, tiles, channels], where channels are padded with zeros to whole vectors.
/// </summary>
internal sealed unsafe class WinogradTiles<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    private const int Outputs = WinogradMaps.Outputs;
    private const int Size = WinogradMaps.Size;

    private readonly int _columns; // tiles in a row
    private readonly int _rows; // of tiles in a picture

    public WinogradTiles(ConvolutionShape shape)
    {
        _rows = (shape.Output[0] + Outputs - 1) / Outputs;
        _columns = (shape.Output[1] + Outputs - 1) / Outputs;
        Count = checked(shape.Batch * _rows * _columns);
    }

    /// <summary>The tiles of all pictures.</summary>
    public int Count { get; }

    /// <summary>Channels padded to whole vectors.</summary>
    public static int Padded(int channels) => (channels + TVector.Count - 1) / TVector.Count * TVector.Count;

    /// <summary>Some tiles of pictures [batch, channels, height, width] to products, by Bᵀ or A.</summary>
    /// <typeparam name="TMap">From the places of a tile to its products.</typeparam>
    /// <param name="picture">The pictures.</param>
    /// <param name="channels">The channels.</param>
    /// <param name="height">The rows of a picture.</param>
    /// <param name="width">The columns of a picture.</param>
    /// <param name="top">The rows of zeros above a picture.</param>
    /// <param name="left">The columns of zeros to the left of a picture.</param>
    /// <param name="first">The first tile.</param>
    /// <param name="end">The tile behind the last.</param>
    /// <param name="target">The products of the first tile.</param>
    /// <param name="targetProduct">The elements from one of the 36 products to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Spread<TMap>(
        T* picture, int channels, int height, int width, int top, int left, int first, int end, T* target,
        long targetProduct)
        where TMap : struct, ILinearMap
    {
        int padded = Padded(channels);
        int vectors = padded / TVector.Count;
        TVector* between = stackalloc TVector[WinogradMaps.Products];
        while (first < end)
        {
            (int row, int column) = Math.DivRem(first, _columns);
            (int number, int rowInPicture) = Math.DivRem(row, _rows);
            int run = Math.Min(_columns - column, end - first);
            int places = (run - 1) * Outputs + TMap.From;
            T* strip = (T*)Scratch.Get((long)TMap.From * places * padded * sizeof(T));
            T* from = picture + (long)number * channels * height * width;
            int x = column * Outputs - left;
            for (int i = 0; i < TMap.From; i++)
            {
                int y = rowInPicture * Outputs - top + i;
                T* line = y >= 0 && y < height ? from + (long)y * width : null;
                CopyLine(line, (long)height * width, channels, x, width, places, strip + (long)i * places * padded);
            }

            for (int tile = 0; tile < run; tile++, target += padded)
            {
                for (int v = 0; v < vectors; v++)
                {
                    WinogradMaps.Sandwich<TMap, TVector, T>(
                        (TVector*)(strip + (long)tile * Outputs * padded) + v, (nint)places * vectors, vectors,
                        (TVector*)target + v, (nint)(Size * targetProduct / TVector.Count),
                        (nint)(targetProduct / TVector.Count), between);
                }
            }

            first += run;
        }
    }

    /// <summary>Some tiles' products to outputs [batch, filters, height, width], by Aᵀ.</summary>
    /// <param name="source">The products of the first tile.</param>
    /// <param name="sourceProduct">The elements from one of the 36 products to the next.</param>
    /// <param name="filters">The filters.</param>
    /// <param name="height">The rows of the output.</param>
    /// <param name="width">The columns of the output.</param>
    /// <param name="first">The first tile.</param>
    /// <param name="end">The tile behind the last.</param>
    /// <param name="output">The outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Gather(
        T* source, long sourceProduct, int filters, int height, int width, int first, int end, T* output)
    {
        int padded = Padded(filters);
        int vectors = padded / TVector.Count;
        TVector* between = stackalloc TVector[WinogradMaps.Products];
        while (first < end)
        {
            (int row, int column) = Math.DivRem(first, _columns);
            (int number, int rowInPicture) = Math.DivRem(row, _rows);
            int run = Math.Min(_columns - column, end - first);
            int places = run * Outputs;
            T* strip = (T*)Scratch.Get((long)Outputs * places * padded * sizeof(T));
            for (int tile = 0; tile < run; tile++, source += padded)
            {
                for (int v = 0; v < vectors; v++)
                {
                    WinogradMaps.Sandwich<WinogradMaps.ToOutputs, TVector, T>(
                        (TVector*)source + v, (nint)(Size * sourceProduct / TVector.Count),
                        (nint)(sourceProduct / TVector.Count),
                        (TVector*)(strip + (long)tile * Outputs * padded) + v, (nint)places * vectors, vectors,
                        between);
                }
            }

            T* to = output + (long)number * filters * height * width;
            int x = column * Outputs;
            for (int i = 0; i < Outputs && rowInPicture * Outputs + i < height; i++)
            {
                T* line = to + (long)(rowInPicture * Outputs + i) * width + x;
                Turning.Transpose(
                    strip + (long)i * places * padded, padded, Math.Min(places, width - x), filters, line,
                    (long)height * width);
            }

            first += run;
        }
    }

    /// <summary>Places of one row, zeros outside of the picture, channels last.</summary>
    private static void CopyLine(
        T* line, long plane, int channels, int x, int width, int places, T* target)
    {
        int padded = Padded(channels);
        int front = line == null ? places : Math.Clamp(-x, 0, places);
        int inside = Math.Clamp(width - x, front, places);
        new Span<T>(target, front * padded).Clear();
        new Span<T>(target + (long)inside * padded, (places - inside) * padded).Clear();
        if (inside == front)
            return;
        T* to = target + (long)front * padded;
        Turning.Transpose(line + x + front, plane, channels, inside - front, to, padded);
        for (int i = front; channels < padded && i < inside; i++)
            new Span<T>(target + (long)i * padded + channels, padded - channels).Clear();
    }
}
