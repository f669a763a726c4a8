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

/// Where in the source each place of the result is looked up: changes the places `(xs[i], ys[i])` of a row, whose number is given, to
/// those. Places are in [-1, 1], the centres of the outermost pixels at ±1.
type Mapping = int -> float[] -> float[] -> unit

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

    /// The pixel that stands at index `i`, which may be outside `0 … size - 1`; -1 where there is nothing.
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

    /// The places of a row of a picture before they are mapped.
    let private placesOf height width row (xs: float[]) (ys: float[]) =
        let toUnit size i =
            if size = 1 then
                0.0
            else
                2.0 * float i / float (size - 1) - 1.0

        let y = toUnit height row

        for x in 0 .. width - 1 do
            xs[x] <- toUnit width x
            ys[x] <- y

    /// The least and the largest number that places of a picture are mapped to, on either axis.
    let internal extent (height: int) (width: int) (mapping: Mapping) : float * float =
        let xs, ys = Array.zeroCreate width, Array.zeroCreate width
        let mutable low, high = infinity, -infinity

        for y in 0 .. height - 1 do
            placesOf height width y xs ys
            mapping y xs ys

            for x in 0 .. width - 1 do
                low <- min low (min xs[x] ys[x])
                high <- max high (max xs[x] ys[x])

        low, high

    /// The four pixels around each place of a row, and the weight of each.
    type private Neighbours(width: int) =
        /// Where they are in a plane; 0 with weight 0 for what lies outside.
        member val Offsets = Array.init 4 (fun _ -> Array.zeroCreate<int> width)
        member val Weights = Array.init 4 (fun _ -> Array.zeroCreate<float32> width)

    let private findNeighbours padding (source: Pixels) (xs: float[]) (ys: float[]) (found: Neighbours) =
        let height, width = source.Height, source.Width
        let halfWidth, halfHeight = float (width - 1) / 2.0, float (height - 1) / 2.0

        for x in 0 .. xs.Length - 1 do
            let px, py = (xs[x] + 1.0) * halfWidth, (ys[x] + 1.0) * halfHeight
            let left, top = Math.Floor px, Math.Floor py
            let fx, fy = float32 (px - left), float32 (py - top)
            let x0, y0 = outside padding width (int left), outside padding height (int top)

            let x1, y1 =
                outside padding width (int left + 1), outside padding height (int top + 1)

            let inline put k row column weight =
                let isThere = row >= 0 && column >= 0
                found.Offsets[k][x] <- if isThere then row * width + column else 0
                found.Weights[k][x] <- if isThere then weight else 0f

            put 0 y0 x0 ((1f - fx) * (1f - fy))
            put 1 y0 x1 (fx * (1f - fy))
            put 2 y1 x0 ((1f - fx) * fy)
            put 3 y1 x1 (fx * fy)

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
        let xs, ys = Array.zeroCreate width, Array.zeroCreate width
        let found = Neighbours width

        let o0, o1, o2, o3 =
            found.Offsets[0], found.Offsets[1], found.Offsets[2], found.Offsets[3]

        let w0, w1, w2, w3 =
            found.Weights[0], found.Weights[1], found.Weights[2], found.Weights[3]

        for y in 0 .. height - 1 do
            placesOf height width y xs ys
            mapping y xs ys
            findNeighbours padding source xs ys found

            for c in 0 .. source.Channels - 1 do
                let plane = source.Values.AsSpan(c * area, area)
                let row = values.AsSpan((c * height + y) * width, width)

                for x in 0 .. row.Length - 1 do
                    row[x] <-
                        plane[o0[x]] * w0[x]
                        + plane[o1[x]] * w1[x]
                        + plane[o2[x]] * w2[x]
                        + plane[o3[x]] * w3[x]

        {
            source with
                Height = height
                Width = width
                Values = values
        }

    /// The picture made smaller: each pixel is the mean of those that it covers, a whole number of rows and columns.
    let shrink (height: int) (width: int) (source: Pixels) : Pixels =
        let values = Array.zeroCreate<float32>(source.Channels * height * width)

        // The first that is covered at all, and the one after the last.
        let covered length size i =
            let place i = int64 i * int64 length
            struct (int (place i / int64 size), int ((place (i + 1) + int64 size - 1L) / int64 size))

        for c in 0 .. source.Channels - 1 do
            for y in 0 .. height - 1 do
                let struct (top, bottom) = covered source.Height height y

                for x in 0 .. width - 1 do
                    let struct (left, right) = covered source.Width width x
                    let mutable sum = 0f

                    for row in top .. bottom - 1 do
                        let start = (c * source.Height + row) * source.Width

                        for column in left .. right - 1 do
                            sum <- sum + source.Values[start + column]

                    values[(c * height + y) * width + x] <- sum / float32 ((bottom - top) * (right - left))

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
