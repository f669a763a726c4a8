namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// The rows of a matrix that places are multiplied with: `(a, b, c; d, e, f)` takes `(x, y)` to `(ax + by + c, dx + ey + f)`.
type internal Affine = {
    A: float
    B: float
    C: float
    D: float
    E: float
    F: float
}

/// Changes of place by matrices.
[<RequireQualifiedAccess>]
module internal Affine =

    let create a b c d e f = {
        A = a
        B = b
        C = c
        D = d
        E = e
        F = f
    }

    let identity = create 1.0 0.0 0.0 0.0 1.0 0.0

    /// First `second`, then `first`.
    let multiply first second = {
        A = first.A * second.A + first.B * second.D
        B = first.A * second.B + first.B * second.E
        C = first.A * second.C + first.B * second.F + first.C
        D = first.D * second.A + first.E * second.D
        E = first.D * second.B + first.E * second.E
        F = first.D * second.C + first.E * second.F + first.F
    }

    /// Of a picture that is not square the places are, so that turning needs the ratio of the sides.
    let forSides (height: int) (width: int) m = {
        m with
            B = m.B * float height / float width
            D = m.D * float width / float height
    }

    let rotation degrees =
        let angle = degrees * Math.PI / 180.0
        let cos, sin = Math.Cos angle, Math.Sin angle
        create cos -sin 0.0 sin cos 0.0

    /// A part of the picture, `width` and `height` of its whole.
    let part width height rowPct colPct =
        create
            width
            0.0
            ((1.0 - width) * (2.0 * colPct - 1.0))
            0.0
            height
            ((1.0 - height) * (2.0 * rowPct - 1.0))

    let dihedral k =
        let x = if k &&& 1 <> 0 then -1.0 else 1.0
        let y = if k &&& 2 <> 0 then -1.0 else 1.0

        if k &&& 4 <> 0 then
            create 0.0 x 0.0 y 0.0 0.0
        else
            create x 0.0 0.0 0.0 y 0.0

    /// The part of the first try that fits into a picture, otherwise the largest square in the middle.
    let firstPart (height: int) (width: int) (tries: ZoomTry list) rowPct colPct =
        let sizes attempt =
            let scale, squish = 1.0 / sqrt attempt.Scale, sqrt attempt.Squish

            if attempt.IsInverted then
                scale / squish, scale * squish
            else
                scale * squish, scale / squish

        match tries |> List.map sizes |> List.tryFind (fun (w, h) -> w <= 1.0 && h <= 1.0) with
        | Some(w, h) -> part w h rowPct colPct
        | None when width > height -> part (float height / float width) 1.0 0.5 0.5
        | None -> part 1.0 (float width / float height) 0.5 0.5

    let mapping (m: Affine) : Mapping =
        fun _ xs ys ->
            for i in 0 .. xs.Length - 1 do
                let x, y = xs[i], ys[i]
                xs[i] <- m.A * x + m.B * y + m.C
                ys[i] <- m.D * x + m.E * y + m.F

/// Changes of place that no matrix makes.
[<RequireQualifiedAccess>]
module internal Places =

    /// Left top, left bottom, right top, right bottom.
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

        fun _ xs ys ->
            for i in 0 .. xs.Length - 1 do
                let x, y = xs[i], ys[i]
                let w = k[6] * x + k[7] * y + 1.0
                xs[i] <- (k[0] * x + k[1] * y + k[2]) / w
                ys[i] <- (k[3] * x + k[4] * y + k[5]) / w

    /// Each corner moved.
    let warp (moves: (float * float) list) : Mapping =
        if moves.Length <> 4 then
            invalidArg (nameof moves) $"a perspective warp moves four corners, not {moves.Length}"

        List.map2 (fun (x, y) (dx, dy) -> x + dx, y + dy) corners moves |> perspective

    let symmetricWarp right left bottom top : Mapping =
        warp [ -top, -left; -bottom, left; top, -right; bottom, right ]

    let tilt direction magnitude : Mapping =
        match direction with
        | 0 -> symmetricWarp magnitude 0.0 0.0 0.0
        | 1 -> symmetricWarp 0.0 magnitude 0.0 0.0
        | 2 -> symmetricWarp 0.0 0.0 magnitude 0.0
        | 3 -> symmetricWarp 0.0 0.0 0.0 magnitude
        | other -> invalidArg (nameof direction) $"a tilt has a direction of 0 to 3, not {other}"

    /// One corner moved outwards along one axis.
    let skew direction magnitude : Mapping =
        if direction < 0 || direction > 7 then
            invalidArg (nameof direction) $"a skew has a direction of 0 to 7, not {direction}"

        corners
        |> List.mapi (fun i (x, y) ->
            if i <> direction / 2 then 0.0, 0.0
            elif direction % 2 = 0 then x * magnitude, 0.0
            else 0.0, y * magnitude)
        |> warp

    let jitter height width magnitude seed : Mapping =
        let noise =
            Key.uniform DType.Float64 [ height; 2; width ] (Key.ofSeed seed)
            |> Tensor.toFloats

        fun row xs ys ->
            for i in 0 .. width - 1 do
                xs[i] <- xs[i] + magnitude * (2.0 * noise[2 * row * width + i] - 1.0)
                ys[i] <- ys[i] + magnitude * (2.0 * noise[(2 * row + 1) * width + i] - 1.0)

    /// One after the other.
    let chain (mappings: Mapping list) : Mapping =
        fun row xs ys ->
            for mapping in mappings do
                mapping row xs ys
