namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// A change of light: the logit of each sample becomes `Scale · logit + Shift`.
type internal Light = { Scale: float32; Shift: float32 }

[<RequireQualifiedAccess>]
module internal Light =

    /// Samples are kept this far from 0 and 1, whose logits are infinite.
    [<Literal>]
    let private Margin = 1e-7f

    let private logit (x: float32) =
        let x = Math.Clamp(x, Margin, 1f - Margin)
        MathF.Log(x / (1f - x))

    let brightness (change: float) = {
        Scale = 1f
        Shift = logit (float32 change)
    }

    let contrast (scale: float) = { Scale = float32 scale; Shift = 0f }

    /// First `first`, then `second`.
    let private next first second = {
        Scale = second.Scale * first.Scale
        Shift = second.Scale * first.Shift + second.Shift
    }

    /// The picture after all changes of light, one pass over its samples.
    let apply (lights: Light list) (pixels: Pixels) : Pixels =
        match lights with
        | [] -> pixels
        | _ ->
            let light = List.reduce next lights
            Pixels.map (fun x -> 1f / (1f + MathF.Exp(-light.Scale * logit x - light.Shift))) pixels

/// Changes that move or set pixels as they are.
[<RequireQualifiedAccess>]
module internal Retouch =

    /// The first of `size` pixels that are in view of `length`, at a part from 0 to 1.
    let private start length size (pct: float) =
        int (float (length - size + 1) * min pct (1.0 - 1e-7))

    let crop height width rowPct colPct (pixels: Pixels) : Pixels =
        if height > pixels.Height || width > pixels.Width then
            invalidArg
                "size"
                $"{height} × {width} pixels cannot be cut out of {pixels.Height} × {pixels.Width}; pad it first, or give a smaller size"

        let top, left = start pixels.Height height rowPct, start pixels.Width width colPct
        Pixels.move ImagePadding.Zeros height width (fun y x -> struct (y + top, x + left)) pixels

    let cropPad padding (height, width) rowPct colPct (pixels: Pixels) : Pixels =
        // Where the picture is smaller it is padded on both sides, as fastai does: by one too many when the difference is odd.
        let first length size pct =
            let margin = max 0 ((size - length + 1) / 2)
            start (length + 2 * margin) size pct - margin

        if (height, width) = (pixels.Height, pixels.Width) then
            pixels
        else
            let top, left = first pixels.Height height rowPct, first pixels.Width width colPct
            Pixels.move padding height width (fun y x -> struct (y + top, x + left)) pixels

    let pad padding count (pixels: Pixels) : Pixels =
        Pixels.move
            padding
            (pixels.Height + 2 * count)
            (pixels.Width + 2 * count)
            (fun y x -> struct (y - count, x - count))
            pixels

    let dihedral k (pixels: Pixels) : Pixels =
        let height, width = pixels.Height, pixels.Width

        let flipped y =
            if k &&& 1 <> 0 then height - 1 - y else y

        let mirrored x =
            if k &&& 2 <> 0 then width - 1 - x else x

        if k &&& 4 <> 0 then
            Pixels.move ImagePadding.Zeros width height (fun y x -> struct (flipped x, mirrored y)) pixels
        else
            Pixels.move ImagePadding.Zeros height width (fun y x -> struct (flipped y, mirrored x)) pixels

    let rgbRandomize channel thresh seed (pixels: Pixels) : Pixels =
        if channel < 0 || channel >= pixels.Channels then
            invalidArg (nameof channel) $"there is no channel {channel} in a picture of {pixels.Channels}"

        let area = pixels.Height * pixels.Width
        let values = Array.copy pixels.Values

        Key.uniform DType.Float32 [ area ] (Key.ofSeed seed)
        |> Tensor.toFloats
        |> Array.iteri (fun i u -> values[channel * area + i] <- float32 (thresh * u))

        { pixels with Values = values }

    let cutout (places: (float * float) list) length (pixels: Pixels) : Pixels =
        let values = Array.copy pixels.Values

        /// The first that is cut, and the one after the last.
        let span (centre: float) size =
            let middle = float (min (size - 1) (int (centre * float size)))
            let half = float length / 2.0
            int (max 0.0 (middle - half)), int (min (float size) (middle + half))

        for row, column in places do
            let top, bottom = span row pixels.Height
            let left, right = span column pixels.Width

            for c in 0 .. pixels.Channels - 1 do
                for y in top .. bottom - 1 do
                    Array.fill values ((c * pixels.Height + y) * pixels.Width + left) (right - left) 0f

        { pixels with Values = values }
