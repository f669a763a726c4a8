namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// What stands outside a picture.
[<RequireQualifiedAccess>]
type ImagePadding =
    /// The picture in a mirror whose glass is the outermost pixels; they are not doubled.
    | Reflection
    /// Black.
    | Zeros
    /// The outermost pixels, on and on.
    | Border

/// Samples of a picture as numbers, `[channels; height; width]` row by row.
type Pixels = {
    Channels: int
    Height: int
    Width: int
    Values: float32[]
}

/// Where in the source each place of the result is looked up. Places are `(x, y)` in [-1, 1], the centres of the outermost pixels at ±1.
type Mapping = float -> float -> struct (float * float)

/// Making pixels and looking them up between pixels.
[<RequireQualifiedAccess>]
module Pixels =

    /// The samples of a picture from 0 to 1.
    let ofBitmap (bitmap: Bitmap) : Pixels =
        let area = bitmap.Width * bitmap.Height
        let values = Array.zeroCreate<float32>(bitmap.Channels * area)

        for i in 0 .. area - 1 do
            for c in 0 .. bitmap.Channels - 1 do
                values[c * area + i] <- float32 bitmap.Samples[i * bitmap.Channels + c] / 255f

        {
            Channels = bitmap.Channels
            Height = bitmap.Height
            Width = bitmap.Width
            Values = values
        }

    /// The pixels as a tensor (float32).
    let toTensor (pixels: Pixels) : Tensor =
        Tensor.ofFloat32s [ pixels.Channels; pixels.Height; pixels.Width ] pixels.Values

    /// The place of index `i` outside `0 … size - 1`; -1 where there is nothing.
    let private outside padding size i =
        if i >= 0 && i < size then
            i
        else
            match padding with
            | ImagePadding.Zeros -> -1
            | ImagePadding.Border -> Math.Clamp(i, 0, size - 1)
            | ImagePadding.Reflection when size = 1 -> 0
            | ImagePadding.Reflection ->
                let period = 2 * (size - 1)
                let rest = ((i % period) + period) % period
                min rest (period - rest)

    /// A picture of another size, whose every place is looked up by `mapping` between the four pixels around it. One pass, whatever
    /// the mapping was composed of.
    let sample
        (padding: ImagePadding)
        (height: int)
        (width: int)
        (mapping: Mapping)
        (source: Pixels)
        : Pixels =
        let area = source.Height * source.Width
        let values = Array.zeroCreate<float32>(source.Channels * height * width)

        let toUnit size i =
            if size = 1 then
                0.0
            else
                2.0 * float i / float (size - 1) - 1.0

        let toIndex size x = (x + 1.0) / 2.0 * float (size - 1)

        for y in 0 .. height - 1 do
            for x in 0 .. width - 1 do
                let struct (sx, sy) = mapping (toUnit width x) (toUnit height y)
                let px, py = toIndex source.Width sx, toIndex source.Height sy
                let left, top = Math.Floor px, Math.Floor py
                let fx, fy = float32 (px - left), float32 (py - top)

                let x0, x1 =
                    outside padding source.Width (int left), outside padding source.Width (int left + 1)

                let y0, y1 =
                    outside padding source.Height (int top), outside padding source.Height (int top + 1)

                for c in 0 .. source.Channels - 1 do
                    let inline at py px =
                        if py < 0 || px < 0 then
                            0f
                        else
                            source.Values[c * area + py * source.Width + px]

                    values[(c * height + y) * width + x] <-
                        (at y0 x0 * (1f - fx) + at y0 x1 * fx) * (1f - fy)
                        + (at y1 x0 * (1f - fx) + at y1 x1 * fx) * fy

        {
            source with
                Height = height
                Width = width
                Values = values
        }

    /// A picture of another size, whose pixel `(y, x)` is that of the source at `place y x`, which may lie outside.
    let move padding height width (place: int -> int -> struct (int * int)) (source: Pixels) : Pixels =
        let area = source.Height * source.Width
        let values = Array.zeroCreate<float32>(source.Channels * height * width)

        for y in 0 .. height - 1 do
            for x in 0 .. width - 1 do
                let struct (sy, sx) = place y x
                let sy, sx = outside padding source.Height sy, outside padding source.Width sx

                if sy >= 0 && sx >= 0 then
                    for c in 0 .. source.Channels - 1 do
                        values[(c * height + y) * width + x] <-
                            source.Values[c * area + sy * source.Width + sx]

        {
            source with
                Height = height
                Width = width
                Values = values
        }

    /// Every sample changed by itself.
    let map (change: float32 -> float32) (source: Pixels) : Pixels = {
        source with
            Values = Array.map change source.Values
    }
