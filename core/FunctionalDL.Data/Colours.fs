namespace FunctionalDL.Data

open System

/// Colours that the colour-blind can tell apart too.
[<RequireQualifiedAccess>]
module internal Colours =

    /// M. Okabe, K. Ito, "Color universal design", 2008, without the yellow, which white hides.
    let private palette = [| "#0072b2"; "#d55e00"; "#009e73"; "#cc79a7"; "#e69f00"; "#56b4e9"; "#000000" |]

    /// The colour of the trace of number `i`, and whether its line is dashed: with all colours taken, they
    /// begin anew with dashes.
    let ofTrace (i: int) : struct (string * bool) =
        struct (palette[i % palette.Length], i / palette.Length % 2 = 1)

    /// What stands for values that are not finite.
    let none = struct (226uy, 228uy, 232uy)

    /// Evenly spaced stops. Viridis and Magma: S. van der Walt, N. Smith, 2015; RdBu, from blue to red: C. Brewer,
    /// colorbrewer2.org.
    let stops (scale: ColorScale) : string[] =
        match scale with
        | ColorScale.Viridis -> [|
            "#440154"
            "#482878"
            "#3e4989"
            "#31688e"
            "#26828e"
            "#1f9e89"
            "#35b779"
            "#6ece58"
            "#b5de2b"
            "#fde725"
          |]
        | ColorScale.Magma -> [|
            "#000004"
            "#180f3d"
            "#440f76"
            "#721f81"
            "#9e2f7f"
            "#cd4071"
            "#f1605d"
            "#fd9668"
            "#feca8d"
            "#fcfdbf"
          |]
        | ColorScale.RdBu -> [| "#2166ac"; "#67a9cf"; "#f7f7f7"; "#ef8a62"; "#b2182b" |]

    let private channels (hex: string) =
        [| 1; 3; 5 |]
        |> Array.map (fun at -> float (Convert.ToByte(hex.Substring(at, 2), 16)))

    /// The colour of a share of the scale, 0 to 1; what lies outside has the colour of the nearer end.
    let at (scale: ColorScale) (share: float) : struct (byte * byte * byte) =
        if Double.IsNaN share then
            none
        else
            let stops = stops scale
            let place = Math.Clamp(share, 0.0, 1.0) * float (stops.Length - 1)
            let first = min (int place) (stops.Length - 2)

            let mixed =
                Array.map2
                    (fun a b -> byte (round (a + (place - float first) * (b - a))))
                    (channels stops[first])
                    (channels stops[first + 1])

            struct (mixed[0], mixed[1], mixed[2])

    /// Colours, row by row, as a picture.
    let png (width: int) (height: int) (pixels: struct (byte * byte * byte) seq) : byte[] =
        pixels
        |> Seq.collect (fun (struct (r, g, b)) -> [| r; g; b |])
        |> Seq.toArray
        |> Png.rgb width height

    /// A heat map's cells as the pixels of a picture, the first row lowest.
    let ofHeatmap (map: Heatmap) : byte[] =
        let span = map.ZMax - map.ZMin

        let colour z =
            if not (Double.IsFinite z) then
                none
            elif span > 0.0 then
                at map.ColorScale ((z - map.ZMin) / span)
            else
                at map.ColorScale 0.5

        map.Z
        |> Seq.rev
        |> Seq.collect (Seq.map colour)
        |> png map.X.Length map.Y.Length
