namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// A picture of 8-bit samples.
type Bitmap = {
    /// In pixels, at least 1.
    Width: int
    /// In pixels, at least 1.
    Height: int
    /// Samples a pixel: 1 grey, 3 red, green and blue, 4 these and opacity (255: opaque).
    Channels: int
    /// Row by row, pixel by pixel, as many as the product of the three.
    Samples: byte[]
}

/// How large a picture may be to be read.
type BitmapLimits = {
    /// Refused from its header, before anything is allocated, when it has more pixels.
    MostPixels: int64
}

/// Making pictures and turning them into tensors.
[<RequireQualifiedAccess>]
module Bitmap =

    /// 100 million pixels.
    let limits = { MostPixels = 100_000_000L }

    /// Refuses a picture whose header claims what cannot be or is too much.
    let internal checkSize (limits: BitmapLimits) (path: string) (width: int64) (height: int64) : unit =
        if width < 1L || height < 1L then
            Fail.data path $"a picture of {width} × {height} pixels has nothing in it" "give a picture"

        // An array holds no more than this many pixels of four samples.
        let most = min limits.MostPixels (int64 Array.MaxLength / 4L)

        // The sides are below 2^32, so that their product fits as a decimal but not as an int64.
        if decimal width * decimal height > decimal most then
            Fail.data
                path
                $"{Text.number width} × {Text.number height} pixels are more than {Text.number most}"
                "make it smaller, or raise the limit"

    /// The picture in red, green and blue: grey is all three, opacity is left out.
    let toRgb (image: Bitmap) : Bitmap =
        let source = image.Samples
        let pixels = image.Width * image.Height

        let spread (offset: int -> int) =
            let samples = Array.zeroCreate<byte>(3 * pixels)

            for i in 0 .. pixels - 1 do
                for c in 0..2 do
                    samples[3 * i + c] <- source[i * image.Channels + offset c]

            {
                image with
                    Channels = 3
                    Samples = samples
            }

        match image.Channels with
        | 3 -> image
        | 1 -> spread (fun _ -> 0)
        | _ -> spread id

    /// A tensor `[channels; height; width]` of samples from 0 to 1 as a picture; what lies outside is cut off.
    ///
    /// *Errors:* `ArgumentException` unless there are 1, 3 or 4 channels and at least one pixel.
    let ofTensor (x: Tensor) : Bitmap =
        match List.ofArray (x.Shape.ToArray()) with
        | [ (1 | 3 | 4) as channels; height; width ] when height > 0 && width > 0 ->
            let values = Tensor.toFloats x
            let area = width * height

            let sample (value: float) =
                byte (Math.Round(255.0 * Math.Clamp(value, 0.0, 1.0)))

            {
                Width = width
                Height = height
                Channels = channels
                Samples =
                    Array.init (channels * area) (fun i -> sample values[i % channels * area + i / channels])
            }
        | _ -> invalidArg (nameof x) $"{x.Shape} is no picture; give [1, 3 or 4 channels; height; width]"

    /// Pictures side by side, row by row, on white with a margin of 2 pixels around each; in red, green and blue.
    ///
    /// *Errors:* `ArgumentException` when there is none, their sizes differ, or there is no column.
    let montage (columns: int) (pictures: Bitmap list) : Bitmap =
        match pictures with
        | [] -> invalidArg (nameof pictures) "there is no picture to show"
        | _ when columns < 1 -> invalidArg (nameof columns) $"{columns} columns are too few; 1 or more"
        | first :: _ ->
            if
                pictures
                |> List.exists (fun p -> p.Width <> first.Width || p.Height <> first.Height)
            then
                invalidArg (nameof pictures) "the pictures have different sizes; resize them first"

            let margin = 2
            let columns = min columns pictures.Length
            let rows = (pictures.Length + columns - 1) / columns

            let width, height =
                margin + columns * (first.Width + margin), margin + rows * (first.Height + margin)

            let samples = Array.create (3 * width * height) 255uy

            pictures
            |> List.iteri (fun i picture ->
                let source = (toRgb picture).Samples
                let left = margin + i % columns * (first.Width + margin)
                let top = margin + i / columns * (first.Height + margin)

                for y in 0 .. first.Height - 1 do
                    Array.blit
                        source
                        (3 * y * first.Width)
                        samples
                        (3 * ((top + y) * width + left))
                        (3 * first.Width))

            {
                Width = width
                Height = height
                Channels = 3
                Samples = samples
            }
