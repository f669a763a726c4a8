namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// Maps of numbers over pictures.
[<RequireQualifiedAccess>]
module Overlay =

    /// The picture in red, green and blue with a map `[rows; columns]` over it, which is stretched to its size (bilinear) and
    /// coloured from its least number to its largest. `alpha` is how much of the colour covers the picture, 0 to 1.
    ///
    /// *Errors:* `ArgumentException` when alpha is outside 0 to 1; `ShapeException` when the map has not two axes.
    let heatMap (scale: ColorScale) (alpha: float) (map: Tensor) (picture: Bitmap) : Bitmap =
        if not (alpha >= 0.0 && alpha <= 1.0) then
            invalidArg
                (nameof alpha)
                $"alpha is {alpha}; it is 0 (nothing of the map) to 1 (nothing of the picture)"

        let under = Bitmap.toRgb picture

        let values =
            HeatMap.resize picture.Height picture.Width (Tensor.cast DType.Float64 map)
            |> Tensor.toFloats

        let finite = values |> Array.filter Double.IsFinite
        let least = if finite.Length = 0 then 0.0 else Array.min finite
        let span = if finite.Length = 0 then 0.0 else Array.max finite - least

        let colour value =
            if not (Double.IsFinite value) then
                Colours.none
            elif span > 0.0 then
                Colours.at scale ((value - least) / span)
            else
                Colours.at scale 0.0

        let mix (below: byte) (above: byte) =
            byte (Math.Round((1.0 - alpha) * float below + alpha * float above))

        let samples = Array.zeroCreate<byte> under.Samples.Length

        values
        |> Array.iteri (fun i value ->
            let struct (r, g, b) = colour value
            samples[3 * i] <- mix under.Samples[3 * i] r
            samples[3 * i + 1] <- mix under.Samples[3 * i + 1] g
            samples[3 * i + 2] <- mix under.Samples[3 * i + 2] b)

        { under with Samples = samples }
