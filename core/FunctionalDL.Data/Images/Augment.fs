namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// Where a number of a change comes from.
[<RequireQualifiedAccess>]
type Draw =
    | Uniform of low: float * high: float
    /// Its logarithm is uniform: halves are as likely as doubles.
    | LogUniform of low: float * high: float
    /// A whole number of `low … high`, both included.
    | Whole of low: int * high: int

/// A change that is made at times, with numbers drawn anew.
[<NoComparison; NoEquality>]
type Augmentation = {
    Name: string
    /// How often it is made, from 0 to 1.
    P: float
    /// Its numbers, by name.
    Numbers: (string * Draw) list
    Make: float list -> Transform
}

/// The options of `Augment.transforms`; fastai's `get_transforms`.
type AugmentOptions = {
    DoFlip: bool
    FlipVert: bool
    /// In degrees, to either side.
    MaxRotate: float
    /// 1 for none.
    MaxZoom: float
    /// From 0 to below 1.
    MaxLighting: float
    MaxWarp: float
    /// How often each change of place is made.
    PAffine: float
    /// How often each change of light is made.
    PLighting: float
}

/// Pictures changed at random, each by a key of its own.
[<RequireQualifiedAccess>]
module Augment =

    /// fastai's defaults.
    let options = {
        DoFlip = true
        FlipVert = false
        MaxRotate = 10.0
        MaxZoom = 1.1
        MaxLighting = 0.2
        MaxWarp = 0.2
        PAffine = 0.75
        PLighting = 0.75
    }

    let private augmentation name p numbers make = {
        Name = name
        P = p
        Numbers = numbers
        Make = make
    }

    let private pct = Draw.Uniform(0.0, 1.0)

    let private impossible name : 'a =
        invalidOp $"{name} was given numbers that it does not take"

    let private crop =
        augmentation "rand_crop" 1.0 [ "row_pct", pct; "col_pct", pct ] (function
            | [ row; column ] -> Transform.CropPad(row, column)
            | _ -> impossible "rand_crop")

    let private one name p draw make =
        augmentation name p draw (function
            | [ x ] -> make x
            | _ -> impossible name)

    let private requirePossible (options: AugmentOptions) =
        let require name condition what =
            if not condition then
                invalidArg name $"{name} must be {what}"

        require "MaxZoom" (options.MaxZoom >= 1.0) "at least 1"
        require "MaxLighting" (options.MaxLighting >= 0.0 && options.MaxLighting < 1.0) "from 0 to below 1"

        for name, p in [ "PAffine", options.PAffine; "PLighting", options.PLighting ] do
            require name (p >= 0.0 && p <= 1.0) "from 0 to 1"

    /// The changes for training, in fastai's order; those whose largest is none are left out.
    ///
    /// *Errors:* `ArgumentException` naming an option that is out of range.
    let transforms (options: AugmentOptions) : Augmentation list =
        requirePossible options
        let warp = options.MaxWarp
        let light = options.MaxLighting

        [
            crop

            if options.DoFlip && options.FlipVert then
                one "dihedral_affine" 1.0 [ "k", Draw.Whole(0, 7) ] (fun k -> Transform.DihedralAffine(int k))
            elif options.DoFlip then
                augmentation "flip_lr" 0.5 [] (fun _ -> Transform.FlipLr)

            if warp <> 0.0 then
                let magnitude = Draw.Uniform(-warp, warp)

                augmentation
                    "symmetric_warp"
                    options.PAffine
                    [ "right", magnitude; "left", magnitude; "bottom", magnitude; "top", magnitude ]
                    (function
                     | [ right; left; bottom; top ] -> Transform.SymmetricWarp(right, left, bottom, top)
                     | _ -> impossible "symmetric_warp")

            if options.MaxRotate <> 0.0 then
                let degrees = Draw.Uniform(-options.MaxRotate, options.MaxRotate)
                one "rotate" options.PAffine [ "degrees", degrees ] Transform.Rotate

            if options.MaxZoom > 1.0 then
                augmentation
                    "rand_zoom"
                    options.PAffine
                    [ "scale", Draw.Uniform(1.0, options.MaxZoom); "row_pct", pct; "col_pct", pct ]
                    (function
                     | [ scale; row; column ] -> Transform.Zoom(scale, row, column)
                     | _ -> impossible "rand_zoom")

            if light <> 0.0 then
                let change = Draw.Uniform(0.5 * (1.0 - light), 0.5 * (1.0 + light))
                one "brightness" options.PLighting [ "change", change ] Transform.Brightness
                let scale = Draw.LogUniform(1.0 - light, 1.0 / (1.0 - light))
                one "contrast" options.PLighting [ "scale", scale ] Transform.Contrast
        ]

    // ---- what the defaults do not have: to be added to them ----------------------------------------------------------

    /// Numbers for random values of a change itself.
    let private seed = Draw.Whole(0, Int32.MaxValue - 1)

    let private requireRange name low high value =
        if not (value >= low && value <= high) then
            invalidArg name $"{name} is {value}; it is from {low} to {high}"

    let private requireP p = requireRange "p" 0.0 1.0 p

    let private magnitudes magnitude = Draw.Uniform(-magnitude, magnitude)

    /// Each corner moved by up to `magnitude` along either axis (1: half the picture).
    let perspectiveWarp (p: float) (magnitude: float) : Augmentation =
        requireP p
        let numbers = [ for i in 0..7 -> $"magnitude{i}", magnitudes magnitude ]

        augmentation "perspective_warp" p numbers (fun numbers ->
            numbers
            |> List.chunkBySize 2
            |> List.map (function
                | [ x; y ] -> x, y
                | _ -> impossible "perspective_warp")
            |> Transform.PerspectiveWarp)

    let private directed name most make p magnitude =
        requireP p
        let numbers = [ "direction", Draw.Whole(0, most); "magnitude", magnitudes magnitude ]

        augmentation name p numbers (function
            | [ direction; magnitude ] -> make (int direction, magnitude)
            | _ -> impossible name)

    /// One side, drawn anew, tilted by up to `magnitude`.
    let tilt (p: float) (magnitude: float) : Augmentation =
        directed "tilt" 3 Transform.Tilt p magnitude

    /// One corner, drawn anew, moved along one axis by up to `magnitude`.
    let skew (p: float) (magnitude: float) : Augmentation =
        directed "skew" 7 Transform.Skew p magnitude

    /// Each place moved by itself by up to `magnitude` (1: half the picture).
    let jitter (p: float) (magnitude: float) : Augmentation =
        requireP p

        augmentation "jitter" p [ "seed", seed ] (function
            | [ seed ] -> Transform.Jitter(magnitude, int64 seed)
            | _ -> impossible "jitter")

    /// Stretched along one axis by up to `low` (wider, below 1) or `high` (higher, above 1).
    let squish (p: float) (low: float) (high: float) : Augmentation =
        requireP p
        requireRange "scale" 1e-3 high low

        augmentation "squish" p [ "scale", Draw.Uniform(low, high); "row_pct", pct; "col_pct", pct ] (function
            | [ scale; row; column ] -> Transform.Squish(scale, row, column)
            | _ -> impossible "squish")

    /// One of red, green and blue replaced by noise that is darker than `thresh`.
    let rgbRandomize (p: float) (thresh: float) : Augmentation =
        requireP p
        requireRange "thresh" 0.0 1.0 thresh

        augmentation
            "rgb_randomize"
            p
            [ "channel", Draw.Whole(0, 2); "thresh", Draw.Uniform(0.0, thresh); "seed", seed ]
            (function
             | [ channel; thresh; seed ] -> Transform.RgbRandomize(int channel, thresh, int64 seed)
             | _ -> impossible "rgb_randomize")

    /// So many black squares of that length, anywhere.
    let cutout (p: float) (holes: int) (length: int) : Augmentation =
        requireP p
        requireRange "n_holes" 1.0 1e6 (float holes)
        requireRange "length" 1.0 1e9 (float length)

        let numbers = [
            for i in 1..holes do
                $"row{i}", pct
                $"column{i}", pct
        ]

        augmentation "cutout" p numbers (fun numbers ->
            let places =
                numbers
                |> List.chunkBySize 2
                |> List.map (function
                    | [ row; column ] -> row, column
                    | _ -> impossible "cutout")

            Transform.Cutout(places, length))

    /// Padded by so many pixels on each side, then cut out anywhere at a size of rows and columns.
    let randPad (padding: int) (height: int, width: int) : Augmentation list = [
        augmentation "pad" 1.0 [] (fun _ -> Transform.Pad padding)
        augmentation "crop" 1.0 [ "row_pct", pct; "col_pct", pct ] (function
            | [ row; column ] -> Transform.Crop(height, width, row, column)
            | _ -> impossible "crop")
    ]

    /// Zoomed into, and cut out: the middle, or anywhere when it is random.
    let zoomCrop (p: float) (scale: float) (isRandom: bool) : Augmentation list =
        requireP p
        requireRange "scale" 1e-3 infinity scale

        if isRandom then
            [
                augmentation "rand_zoom" p [ "row_pct", pct; "col_pct", pct ] (function
                    | [ row; column ] -> Transform.Zoom(scale, row, column)
                    | _ -> impossible "rand_zoom")
                crop
            ]
        else
            [
                augmentation "zoom" p [] (fun _ -> Transform.Zoom(scale, 0.5, 0.5))
                augmentation "crop_pad" 1.0 [] (fun _ -> Transform.CropPad(0.5, 0.5))
            ]

    /// How many parts of a picture are tried before the middle is taken.
    [<Literal>]
    let private Tries = 8

    /// A part of the picture of 1 to 1/`maxScale` of its area and of a ratio of sides between the two, anywhere, at a size of rows and
    /// columns: how the networks of ImageNet are trained.
    let randResizeCrop
        (maxScale: float)
        (low: float, high: float)
        (height: int, width: int)
        : Augmentation list =
        requireRange "max_scale" 1.0 infinity maxScale
        requireRange "ratios" 1e-3 high low

        let numbers = [
            for i in 1..Tries do
                $"scale{i}", Draw.Uniform(1.0, maxScale)
                $"squish{i}", Draw.Uniform(low, high)
                $"invert{i}", Draw.Whole(0, 1)
            "row_pct", pct
            "col_pct", pct
        ]

        let attempt numbers =
            match numbers with
            | [ scale; squish; invert ] -> {
                Scale = scale
                Squish = squish
                IsInverted = invert = 1.0
              }
            | _ -> impossible "zoom_squish"

        [
            augmentation "zoom_squish" 1.0 numbers (fun numbers ->
                match List.splitAt (3 * Tries) numbers with
                | tries, [ row; column ] ->
                    Transform.ZoomSquish(tries |> List.chunkBySize 3 |> List.map attempt, row, column)
                | _ -> impossible "zoom_squish")
            augmentation "crop" 1.0 [] (fun _ -> Transform.Crop(height, width, 0.5, 0.5))
        ]

    /// What is done to the pictures of validation: the middle is cut out.
    let validation: Transform list = [ Transform.CropPad(0.5, 0.5) ]

    let private drawn draw (u: float) =
        match draw with
        | Draw.Uniform(low, high) -> low + (high - low) * u
        | Draw.LogUniform(low, high) -> Math.Exp(Math.Log low + (Math.Log high - Math.Log low) * u)
        | Draw.Whole(low, high) -> float low + Math.Floor(float (high - low + 1) * u)

    /// The changes that a key stands for: each is made or not, with numbers of its own. The same key gives the same changes.
    let resolve (augmentations: Augmentation list) (key: Key) : Transform list =
        let counts = augmentations |> List.map (fun a -> 1 + a.Numbers.Length)

        let uniforms =
            Key.uniform DType.Float64 [ List.sum counts ] key
            |> Tensor.toFloats
            |> List.ofArray

        let resolveNext (uniforms: float list) (augmentation: Augmentation) =
            let numbers = uniforms.Tail |> List.truncate augmentation.Numbers.Length
            let rest = List.skip (1 + augmentation.Numbers.Length) uniforms

            let made =
                if uniforms.Head < augmentation.P then
                    List.map2 (fun (_, draw) u -> drawn draw u) augmentation.Numbers numbers
                    |> augmentation.Make
                    |> Some
                else
                    None

            made, rest

        List.mapFold resolveNext uniforms augmentations |> fst |> List.choose id
