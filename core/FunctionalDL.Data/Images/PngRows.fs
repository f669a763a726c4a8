namespace FunctionalDL.Data

open System

/// How the samples of a PNG file are written (RFC 2083, section 4.1.1).
[<RequireQualifiedAccess>]
type internal PngColour =
    | Grey
    | Rgb
    | Palette
    | GreyAlpha
    | Rgba

/// What the header and the chunks before the pixels say.
type internal PngFormat = {
    Width: int
    Height: int
    /// Bits a sample: 1, 2, 4, 8 or 16.
    Depth: int
    Colour: PngColour
    Interlaced: bool
    /// Red, green and blue of each entry.
    Palette: byte[]
    /// Opacity of palette entries, or the one transparent colour; empty where all is opaque.
    Transparency: byte[]
}

/// The rows of pixels in a PNG file.
[<RequireQualifiedAccess>]
module internal PngRows =

    /// Samples a pixel as stored.
    let private stored (format: PngFormat) : int =
        match format.Colour with
        | PngColour.Grey
        | PngColour.Palette -> 1
        | PngColour.GreyAlpha -> 2
        | PngColour.Rgb -> 3
        | PngColour.Rgba -> 4

    /// Samples a pixel of the picture that is made: 1 grey, 3 colours, 4 with opacity.
    let channels (format: PngFormat) : int =
        let transparent = format.Transparency.Length > 0

        match format.Colour with
        | PngColour.GreyAlpha
        | PngColour.Rgba -> 4
        | PngColour.Grey -> if transparent then 4 else 1
        | PngColour.Rgb
        | PngColour.Palette -> if transparent then 4 else 3

    /// Bytes of a row of so many pixels, without its filter byte.
    let rowBytes (format: PngFormat) (width: int) : int =
        int ((int64 width * int64 (stored format * format.Depth) + 7L) / 8L)

    // ---- filters ---------------------------------------------------------------------------------------------------

    /// The one of left, above and above left that is nearest to `left + above - aboveLeft` (section 6.6).
    let private paeth (left: int) (above: int) (aboveLeft: int) : int =
        let guess = left + above - aboveLeft
        let toLeft = abs (guess - left)
        let toAbove = abs (guess - above)
        let toAboveLeft = abs (guess - aboveLeft)

        if toLeft <= toAbove && toLeft <= toAboveLeft then left
        elif toAbove <= toAboveLeft then above
        else aboveLeft

    /// Adds to each of the first `count` bytes of a row what `predict` makes of the bytes at the left, above, and above left that
    /// have the same meaning; `step` is the distance to the left one.
    let inline private addPredicted
        (step: int)
        (previous: byte[])
        (row: byte[])
        (count: int)
        ([<InlineIfLambda>] predict: int -> int -> int -> int)
        : unit =
        for i in 0 .. count - 1 do
            let left = if i >= step then int row[i - step] else 0
            let aboveLeft = if i >= step then int previous[i - step] else 0
            row[i] <- row[i] + byte (predict left (int previous[i]) aboveLeft)

    /// Turns the differences of a row into its bytes, in place. `previous` is the row above (zeros above the first). False when
    /// there is no such filter.
    let unfilter (format: PngFormat) (filter: byte) (previous: byte[]) (row: byte[]) : bool =
        let step = max 1 (stored format * format.Depth / 8)
        let count = row.Length

        match filter with
        | 0uy -> ()
        | 1uy -> addPredicted step previous row count (fun left _ _ -> left)
        | 2uy -> addPredicted step previous row count (fun _ above _ -> above)
        | 3uy -> addPredicted step previous row count (fun left above _ -> (left + above) / 2)
        | 4uy -> addPredicted step previous row count paeth
        | _ -> ()

        filter <= 4uy

    // ---- samples ---------------------------------------------------------------------------------------------------

    /// The sample `i` of a row as it is stored: 0 to 2^depth - 1.
    let private raw (format: PngFormat) (row: byte[]) (i: int) : int =
        match format.Depth with
        | 8 -> int row[i]
        | 16 -> (int row[2 * i] <<< 8) ||| int row[2 * i + 1]
        | depth ->
            let bit = i * depth
            (int row[bit / 8] >>> (8 - depth - bit % 8)) &&& ((1 <<< depth) - 1)

    /// A stored sample as 8 bits, to the nearest.
    let private scaled (format: PngFormat) (sample: int) : byte =
        match format.Depth with
        | 8 -> byte sample
        | depth ->
            let most = (1 <<< depth) - 1
            byte ((sample * 255 + most / 2) / most)

    /// The stored samples of the one transparent colour, two bytes each.
    let private isTransparent (format: PngFormat) (sample: int -> int) : bool =
        let expected i =
            (int format.Transparency[2 * i] <<< 8) ||| int format.Transparency[2 * i + 1]

        let rec all i =
            i < 0 || (sample i = expected i && all (i - 1))

        all (format.Transparency.Length / 2 - 1)

    /// Puts pixel `x` of a row at `place` of the picture's samples. False when the palette has no such entry.
    let putPixel (format: PngFormat) (row: byte[]) (x: int) (samples: byte[]) (place: int) : bool =
        let count = stored format
        let sample i = raw format row (x * count + i)
        let transparent = format.Transparency.Length > 0

        let opacity () =
            if isTransparent format sample then 0uy else 255uy

        let putGrey () =
            let grey = scaled format (sample 0)
            samples[place] <- grey
            samples[place + 1] <- grey
            samples[place + 2] <- grey

        let putRgb () =
            for c in 0..2 do
                samples[place + c] <- scaled format (sample c)

        match format.Colour with
        | PngColour.Grey when transparent ->
            putGrey ()
            samples[place + 3] <- opacity ()
            true
        | PngColour.Grey ->
            samples[place] <- scaled format (sample 0)
            true
        | PngColour.Rgb ->
            putRgb ()

            if transparent then
                samples[place + 3] <- opacity ()

            true
        | PngColour.GreyAlpha ->
            putGrey ()
            samples[place + 3] <- scaled format (sample 1)
            true
        | PngColour.Rgba ->
            putRgb ()
            samples[place + 3] <- scaled format (sample 3)
            true
        | PngColour.Palette ->
            let entry = sample 0

            if 3 * entry + 2 >= format.Palette.Length then
                false
            else
                Array.blit format.Palette (3 * entry) samples place 3

                if transparent then
                    samples[place + 3] <-
                        if entry < format.Transparency.Length then
                            format.Transparency[entry]
                        else
                            255uy

                true

    /// Whether the bytes of a row are the samples of the picture as they stand.
    let isPlain (format: PngFormat) : bool =
        format.Depth = 8
        && format.Colour <> PngColour.Palette
        && stored format = channels format

    // ---- passes ----------------------------------------------------------------------------------------------------

    /// Which pixels a pass holds: from `X` and `Y` on, every `Dx`th of every `Dy`th row.
    [<Struct>]
    type Pass = { X: int; Y: int; Dx: int; Dy: int }

    /// The seven passes of Adam7 (section 2.6), or the one of a picture that is not interlaced.
    let passes (format: PngFormat) : Pass list =
        let pass x y dx dy = { X = x; Y = y; Dx = dx; Dy = dy }

        if format.Interlaced then
            [
                pass 0 0 8 8
                pass 4 0 8 8
                pass 0 4 4 8
                pass 2 0 4 4
                pass 0 2 2 4
                pass 1 0 2 2
                pass 0 1 1 2
            ]
        else
            [ pass 0 0 1 1 ]

    /// How many pixels and rows a pass has.
    let extent (format: PngFormat) (pass: Pass) : struct (int * int) =
        let along size start step =
            max 0 ((size - start + step - 1) / step)

        struct (along format.Width pass.X pass.Dx, along format.Height pass.Y pass.Dy)
