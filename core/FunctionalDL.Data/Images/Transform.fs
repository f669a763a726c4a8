namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// One change of a picture, all its numbers given. Percentages (`rowPct`, `colPct`) are from 0 to 1: which part is in view.
[<RequireQualifiedAccess>]
type Transform =
    // Coordinates: where things are looked up, one by one.
    /// Each side of the picture tilted by its magnitude; 0 leaves it.
    | SymmetricWarp of right: float * left: float * bottom: float * top: float
    // Affine: composed into one matrix.
    /// Counter-clockwise.
    | Rotate of degrees: float
    | Zoom of scale: float * rowPct: float * colPct: float
    /// Wider below 1, higher above.
    | Squish of scale: float * rowPct: float * colPct: float
    | FlipAffine
    /// One of the eight ways to lay a square on a table: bit 0 mirrors left and right, bit 1 top and bottom, bit 2 both axes.
    | DihedralAffine of k: int
    // Lighting, in the space of logits, so that nothing leaves 0 … 1.
    /// Above 0.5 brighter, below darker.
    | Brightness of change: float
    /// Above 1 more, below less.
    | Contrast of scale: float
    // Pixels: moved as they are.
    | FlipLr
    /// Bit 0 turns the order of rows around, bit 1 that of columns, bit 2 exchanges them.
    | Dihedral of k: int
    /// Grey squares of that length around places from 0 to 1.
    | Cutout of places: (float * float) list * length: int
    /// So many pixels on each side.
    | Pad of padding: int
    /// Cut out, and padded where the picture is smaller.
    | CropPad of rowPct: float * colPct: float

/// How a picture gets a size of rows and columns.
[<RequireQualifiedAccess>]
type ResizeMethod =
    /// Made as small as covers the size, then cut.
    | Crop
    /// Made as large as fits into the size, then padded.
    | Pad
    /// Stretched.
    | Squish
    /// Left as large as it is, then cut or padded.
    | No

/// Applying changes: those of place become one mapping and one pass of sampling.
[<RequireQualifiedAccess>]
module Transform =

    // ---- places ----------------------------------------------------------------------------------------------------

    /// The rows of a matrix that places are multiplied with: `(a, b, c; d, e, f)` takes `(x, y)` to `(ax + by + c, dx + ey + f)`.
    type private Affine = {
        A: float
        B: float
        C: float
        D: float
        E: float
        F: float
    }

    let private affine a b c d e f = {
        A = a
        B = b
        C = c
        D = d
        E = e
        F = f
    }

    let private identity = affine 1.0 0.0 0.0 0.0 1.0 0.0

    /// First `second`, then `first`.
    let private multiply first second = {
        A = first.A * second.A + first.B * second.D
        B = first.A * second.B + first.B * second.E
        C = first.A * second.C + first.B * second.F + first.C
        D = first.D * second.A + first.E * second.D
        E = first.D * second.B + first.E * second.E
        F = first.D * second.C + first.E * second.F + first.F
    }

    /// Of a picture that is not square the places are, so that turning needs the ratio of the sides.
    let private forSides (height: int) (width: int) m = {
        m with
            B = m.B * float height / float width
            D = m.D * float width / float height
    }

    let private zoom sx sy colPct rowPct =
        affine sx 0.0 ((1.0 - sx) * (2.0 * colPct - 1.0)) 0.0 sy ((1.0 - sy) * (2.0 * rowPct - 1.0))

    /// The matrix of an affine change; `None` for the others.
    let private matrixOf transform : Affine option =
        match transform with
        | Transform.Rotate degrees ->
            let angle = degrees * Math.PI / 180.0
            let cos, sin = Math.Cos angle, Math.Sin angle
            Some(affine cos -sin 0.0 sin cos 0.0)
        | Transform.Zoom(scale, rowPct, colPct) -> Some(zoom (1.0 / scale) (1.0 / scale) colPct rowPct)
        | Transform.Squish(scale, rowPct, colPct) when scale <= 1.0 -> Some(zoom scale 1.0 colPct rowPct)
        | Transform.Squish(scale, rowPct, colPct) -> Some(zoom 1.0 (1.0 / scale) colPct rowPct)
        | Transform.FlipAffine -> Some(affine -1.0 0.0 0.0 0.0 1.0 0.0)
        | Transform.DihedralAffine k ->
            let x = if k &&& 1 <> 0 then -1.0 else 1.0
            let y = if k &&& 2 <> 0 then -1.0 else 1.0

            if k &&& 4 <> 0 then
                Some(affine 0.0 x 0.0 y 0.0 0.0)
            else
                Some(affine x 0.0 0.0 0.0 y 0.0)
        | Transform.SymmetricWarp _
        | Transform.Brightness _
        | Transform.Contrast _
        | Transform.FlipLr
        | Transform.Dihedral _
        | Transform.Cutout _
        | Transform.Pad _
        | Transform.CropPad _ -> None

    /// The corners in the order in which warps name them.
    let private corners = [ -1.0, -1.0; -1.0, 1.0; 1.0, -1.0; 1.0, 1.0 ]

    /// The perspective that takes four points to the corners: `(ax + by + c, dx + ey + f) / (gx + hy + 1)`, its eight numbers the
    /// solution of eight linear equations.
    let private perspective (points: (float * float) list) : Mapping =
        let equations =
            List.zip points corners
            |> List.collect (fun ((x, y), (cx, cy)) -> [
                [ x; y; 1.0; 0.0; 0.0; 0.0; -cx * x; -cx * y ], cx
                [ 0.0; 0.0; 0.0; x; y; 1.0; -cy * x; -cy * y ], cy
            ])

        let matrix = Tensor.ofFloats [ 8; 8 ] (equations |> Seq.collect fst |> Array.ofSeq)
        let right = Tensor.ofFloats [ 8; 1 ] (equations |> Seq.map snd |> Array.ofSeq)
        let k = Tensor.toFloats (Linalg.solve matrix right)

        fun x y ->
            let w = k[6] * x + k[7] * y + 1.0
            struct ((k[0] * x + k[1] * y + k[2]) / w, (k[3] * x + k[4] * y + k[5]) / w)

    /// The mapping of a change of coordinates; `None` for the others.
    let private coordinatesOf transform : Mapping option =
        match transform with
        | Transform.SymmetricWarp(right, left, bottom, top) ->
            perspective [
                -1.0 - top, -1.0 - left
                -1.0 - bottom, 1.0 + left
                1.0 + top, -1.0 - right
                1.0 + bottom, 1.0 + right
            ]
            |> Some
        | Transform.Rotate _
        | Transform.Zoom _
        | Transform.Squish _
        | Transform.FlipAffine
        | Transform.DihedralAffine _
        | Transform.Brightness _
        | Transform.Contrast _
        | Transform.FlipLr
        | Transform.Dihedral _
        | Transform.Cutout _
        | Transform.Pad _
        | Transform.CropPad _ -> None

    // ---- light -----------------------------------------------------------------------------------------------------

    /// Samples are kept this far from 0 and 1, whose logits are infinite.
    [<Literal>]
    let private Margin = 1e-7f

    let private logit (x: float32) =
        let x = Math.Clamp(x, Margin, 1f - Margin)
        MathF.Log(x / (1f - x))

    let private sigmoid (x: float32) = 1f / (1f + MathF.Exp -x)

    // ---- pixels ----------------------------------------------------------------------------------------------------

    /// The first of `size` pixels that are in view of `length`, at a part from 0 to 1.
    let private start length size pct =
        int (float (length - size + 1) * min pct (1.0 - 1e-7))

    let private cropPad padding (height, width) rowPct colPct (pixels: Pixels) =
        // Where the picture is smaller it stands in the middle.
        let first length size pct =
            if length >= size then
                start length size pct
            else
                -((size - length) / 2)

        let top, left = first pixels.Height height rowPct, first pixels.Width width colPct
        Pixels.move padding height width (fun y x -> struct (y + top, x + left)) pixels

    let private dihedral k (pixels: Pixels) =
        let height, width = pixels.Height, pixels.Width

        let flipped y =
            if k &&& 1 <> 0 then height - 1 - y else y

        let mirrored x =
            if k &&& 2 <> 0 then width - 1 - x else x

        if k &&& 4 <> 0 then
            Pixels.move ImagePadding.Zeros width height (fun y x -> struct (flipped x, mirrored y)) pixels
        else
            Pixels.move ImagePadding.Zeros height width (fun y x -> struct (flipped y, mirrored x)) pixels

    let private cutout (places: (float * float) list) length (pixels: Pixels) =
        let values = Array.copy pixels.Values

        let within centre size i =
            abs (i - int (centre * float size)) <= length / 2

        for row, column in places do
            for c in 0 .. pixels.Channels - 1 do
                for y in 0 .. pixels.Height - 1 do
                    for x in 0 .. pixels.Width - 1 do
                        if within row pixels.Height y && within column pixels.Width x then
                            values[(c * pixels.Height + y) * pixels.Width + x] <- 0.5f

        { pixels with Values = values }

    /// A change that moves or lights pixels; those of place have been done before.
    let private applyPixels padding size transform (pixels: Pixels) : Pixels =
        match transform with
        | Transform.Brightness change ->
            let shift = logit (float32 change)
            Pixels.map (fun x -> sigmoid (logit x + shift)) pixels
        | Transform.Contrast scale -> Pixels.map (fun x -> sigmoid (logit x * float32 scale)) pixels
        | Transform.FlipLr -> dihedral 2 pixels
        | Transform.Dihedral k -> dihedral k pixels
        | Transform.Cutout(places, length) -> cutout places length pixels
        | Transform.Pad count ->
            Pixels.move
                padding
                (pixels.Height + 2 * count)
                (pixels.Width + 2 * count)
                (fun y x -> struct (y - count, x - count))
                pixels
        | Transform.CropPad(rowPct, colPct) ->
            cropPad padding (defaultArg size (pixels.Height, pixels.Width)) rowPct colPct pixels
        | Transform.SymmetricWarp _
        | Transform.Rotate _
        | Transform.Zoom _
        | Transform.Squish _
        | Transform.FlipAffine
        | Transform.DihedralAffine _ -> pixels

    // ---- all together ----------------------------------------------------------------------------------------------

    /// When a change is made: padding first, coordinates, affine, lighting, pixels, holes, and the cut at last. fastai's numbers.
    let order transform : int =
        match transform with
        | Transform.Pad _ -> -10
        | Transform.SymmetricWarp _ -> 4
        | Transform.Rotate _
        | Transform.Zoom _
        | Transform.Squish _
        | Transform.FlipAffine
        | Transform.DihedralAffine _ -> 5
        | Transform.Brightness _
        | Transform.Contrast _ -> 8
        | Transform.FlipLr
        | Transform.Dihedral _ -> 10
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

    /// The picture after all changes, in fastai's order whatever the order of the list: resizing, warping and all affine changes are
    /// one pass of sampling. Without a size the picture keeps its own.
    let apply
        (padding: ImagePadding)
        (method': ResizeMethod)
        (size: (int * int) option)
        (transforms: Transform list)
        (pixels: Pixels)
        : Pixels =
        let transforms = List.sortBy order transforms
        let early, late = transforms |> List.partition (fun t -> order t < 0)

        let pixels =
            early |> List.fold (fun pixels t -> applyPixels padding size t pixels) pixels

        let height, width =
            match size with
            | Some size -> resizeTarget method' size pixels
            | None -> pixels.Height, pixels.Width

        let warps = List.choose coordinatesOf late
        let matrices = List.choose matrixOf late

        let sampled =
            if
                warps.IsEmpty
                && matrices.IsEmpty
                && (height, width) = (pixels.Height, pixels.Width)
            then
                pixels
            else
                let m = List.fold multiply identity matrices |> forSides height width

                let mapping x y =
                    let mutable place = struct (x, y)

                    for warp in warps do
                        let struct (x, y) = place
                        place <- warp x y

                    let struct (x, y) = place
                    struct (m.A * x + m.B * y + m.C, m.D * x + m.E * y + m.F)

                Pixels.sample padding height width mapping pixels

        late |> List.fold (fun pixels t -> applyPixels padding size t pixels) sampled
