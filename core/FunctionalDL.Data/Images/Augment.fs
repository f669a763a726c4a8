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
