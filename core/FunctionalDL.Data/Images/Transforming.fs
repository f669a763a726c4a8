namespace FunctionalDL.Data

open System

/// Applying changes: those of place become one mapping and one pass of sampling, those of light one pass over the samples.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Transform =

    /// What a change does.
    [<NoComparison; NoEquality>]
    type private Action =
        /// In a result of so many rows and columns.
        | Place of (int -> int -> Mapping)
        | Matrix of Affine
        | Light of Light
        /// At the size that is wanted.
        | Pixels of ((int * int) option -> Pixels -> Pixels)

    let private actionOf padding transform : Action =
        match transform with
        | Transform.PerspectiveWarp moves -> Place(fun _ _ -> Places.warp moves)
        | Transform.SymmetricWarp(right, left, bottom, top) ->
            Place(fun _ _ -> Places.symmetricWarp right left bottom top)
        | Transform.Tilt(direction, magnitude) -> Place(fun _ _ -> Places.tilt direction magnitude)
        | Transform.Skew(direction, magnitude) -> Place(fun _ _ -> Places.skew direction magnitude)
        | Transform.Jitter(magnitude, seed) ->
            Place(fun height width -> Places.jitter height width magnitude seed)
        | Transform.ZoomSquish(tries, rowPct, colPct) ->
            Place(fun height width -> Affine.mapping (Affine.firstPart height width tries rowPct colPct))
        | Transform.Rotate degrees -> Matrix(Affine.rotation degrees)
        | Transform.Zoom(scale, rowPct, colPct) ->
            Matrix(Affine.part (1.0 / scale) (1.0 / scale) rowPct colPct)
        | Transform.Squish(scale, rowPct, colPct) ->
            Matrix(Affine.part (min scale 1.0) (min (1.0 / scale) 1.0) rowPct colPct)
        | Transform.FlipAffine -> Matrix(Affine.dihedral 1)
        | Transform.DihedralAffine k -> Matrix(Affine.dihedral k)
        | Transform.Brightness change -> Light(Light.brightness change)
        | Transform.Contrast scale -> Light(Light.contrast scale)
        | Transform.FlipLr -> Pixels(fun _ -> Retouch.dihedral 2)
        | Transform.Dihedral k -> Pixels(fun _ -> Retouch.dihedral k)
        | Transform.RgbRandomize(channel, thresh, seed) ->
            Pixels(fun _ -> Retouch.rgbRandomize channel thresh seed)
        | Transform.Cutout(places, length) -> Pixels(fun _ -> Retouch.cutout places length)
        | Transform.Pad count -> Pixels(fun _ -> Retouch.pad padding count)
        | Transform.Crop(height, width, rowPct, colPct) ->
            Pixels(fun _ -> Retouch.crop height width rowPct colPct)
        | Transform.CropPad(rowPct, colPct) ->
            Pixels(fun size pixels ->
                Retouch.cropPad padding (defaultArg size (pixels.Height, pixels.Width)) rowPct colPct pixels)

    /// When a change is made: padding first, coordinates, affine, lighting, pixels, holes, and the cut at last. fastai's numbers.
    let order transform : int =
        match transform with
        | Transform.Pad _ -> -10
        | Transform.PerspectiveWarp _
        | Transform.SymmetricWarp _
        | Transform.Tilt _
        | Transform.Skew _
        | Transform.Jitter _
        | Transform.ZoomSquish _ -> 4
        | Transform.Rotate _
        | Transform.Zoom _
        | Transform.Squish _
        | Transform.FlipAffine
        | Transform.DihedralAffine _ -> 5
        | Transform.Brightness _
        | Transform.Contrast _ -> 8
        | Transform.FlipLr
        | Transform.Dihedral _
        | Transform.RgbRandomize _
        | Transform.Crop _ -> 10
        | Transform.Cutout _ -> 20
        | Transform.CropPad _ -> 99

    /// The size that a picture is sampled at before it is cut or padded to `height` and `width`.
    let resizeTarget method' (height: int, width: int) (pixels: Pixels) : int * int =
        let rows, columns =
            float pixels.Height / float height, float pixels.Width / float width

        let by (ratio: float) =
            int (Math.Round(float pixels.Height / ratio)), int (Math.Round(float pixels.Width / ratio))

        match method' with
        | ResizeMethod.Crop -> by (min rows columns)
        | ResizeMethod.Pad -> by (max rows columns)
        | ResizeMethod.Squish -> height, width
        | ResizeMethod.No -> pixels.Height, pixels.Width

    /// The picture looked up at another size. What is to become less than half as large is shrunk first, so that no pixel is passed
    /// over; not by more than leaves what a zoom looks at.
    let private sample padding height width mapping (pixels: Pixels) : Pixels =
        let ratio =
            min (float pixels.Height / float height) (float pixels.Width / float width)
            / 2.0

        let isShrunk =
            ratio > 1.0
            && (let low, high = Pixels.extent height width mapping
                ratio > 2.0 / (high - low))

        let smaller size = int (float size / ratio)

        (if isShrunk then
             Pixels.shrink (smaller pixels.Height) (smaller pixels.Width) pixels
         else
             pixels)
        |> Pixels.sample padding height width mapping

    /// The picture after the changes of place among `actions`, at the size for `size`.
    let private moved padding method' size actions (pixels: Pixels) : Pixels =
        let height, width =
            match size with
            | Some size -> resizeTarget method' size pixels
            | None -> pixels.Height, pixels.Width

        let places =
            actions
            |> List.choose (function
                | Place mapping -> Some(mapping height width)
                | Matrix _
                | Light _
                | Pixels _ -> None)

        let matrices =
            actions
            |> List.choose (function
                | Matrix m -> Some m
                | Place _
                | Light _
                | Pixels _ -> None)

        let mappings =
            if matrices.IsEmpty then
                places
            else
                let m = List.fold Affine.multiply Affine.identity matrices
                places @ [ Affine.mapping (Affine.forSides height width m) ]

        if mappings.IsEmpty && (height, width) = (pixels.Height, pixels.Width) then
            pixels
        else
            sample padding height width (Places.chain mappings) pixels

    /// The picture after all changes, in fastai's order whatever the order of the list: resizing, warping and all affine changes are
    /// one pass of sampling. Without a size the picture keeps its own.
    ///
    /// *Errors:* `ArgumentException` naming a number that a change does not take.
    let apply
        (padding: ImagePadding)
        (method': ResizeMethod)
        (size: (int * int) option)
        (transforms: Transform list)
        (pixels: Pixels)
        : Pixels =
        let early, late =
            transforms |> List.sortBy order |> List.partition (fun t -> order t < 0)

        let early, late =
            List.map (actionOf padding) early, List.map (actionOf padding) late

        let retouched actions pixels =
            actions
            |> List.choose (function
                | Pixels retouch -> Some(retouch size)
                | Place _
                | Matrix _
                | Light _ -> None)
            |> List.fold (fun pixels retouch -> retouch pixels) pixels

        let lights =
            late
            |> List.choose (function
                | Light light -> Some light
                | Place _
                | Matrix _
                | Pixels _ -> None)

        pixels
        |> retouched early
        |> moved padding method' size late
        |> Light.apply lights
        |> retouched late
