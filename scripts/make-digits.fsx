// Draws the project's own handwritten-looking digits, so that everything runs with no download.
//
//     dotnet fsi scripts/make-digits.fsx                          writes data/digits
//     dotnet fsi scripts/make-digits.fsx --seed 7 --out DIR       other digits, another folder
//
// Each picture is a pure function of the seed, the part (train or test) and its place in the part: a
// skeleton of pen strokes is picked, wobbled, slanted, scaled, turned and shifted, and inked with a pen of
// some width, softness and noise. The output folder gets MNIST's four files, gzip, white on black.
//
// The pixels are the same on every machine. Only + - * / and the square root work on floating-point
// numbers, which IEEE 754 rounds exactly; sines, powers and logarithms may differ in their last bit from
// one platform to the next, so curves are polynomials and rotations rational. The compressed files may
// differ with the version of .NET; unpacked they do not.

#load "../core/FunctionalDL.Data/Text.fs"
#load "../core/FunctionalDL.Data/Errors.fs"
#load "../core/FunctionalDL.Data/Atomic.fs"
#load "../core/FunctionalDL.Data/Deflate.fs"
#load "../core/FunctionalDL.Data/Idx.fs"
#load "_random.fsx"

open System
open System.IO
open FunctionalDL.Data

// ------------------------------------------------------------------ skeletons

/// A place the pen passes: x to the right and y down, both 0 to 1 over the box of a digit.
type Knot = {
    X: float
    Y: float
    /// Whether the pen turns sharply here; otherwise it passes smoothly.
    Corner: bool
}

/// The knots from where the pen is set down to where it is lifted.
type Stroke = Knot list

/// The strokes of one way of writing a digit.
type Skeleton = Stroke list

/// Each digit's ways of being written.
module Skeletons =

    /// A knot that the pen passes smoothly, as in a round letter; one-letter names keep a skeleton on a line.
    let private o x y = { X = x; Y = y; Corner = false }

    /// A knot where the pen turns sharply.
    let private v x y = { X = x; Y = y; Corner = true }

    let private zero: Skeleton list = [
        // An oval that closes at the top.
        [ [ o 0.52 0.0; o 0.14 0.2; o 0.08 0.58; o 0.42 1.0; o 0.82 0.74; o 0.88 0.28; o 0.52 0.0 ] ]
        // A slimmer one, whose end runs past its beginning.
        [
            [
                o 0.62 0.05
                o 0.3 0.1
                o 0.18 0.5
                o 0.38 0.96
                o 0.7 0.8
                o 0.8 0.35
                o 0.58 0.02
                o 0.4 0.06
            ]
        ]
        // A round one.
        [ [ o 0.45 0.08; o 0.06 0.34; o 0.1 0.74; o 0.5 0.95; o 0.92 0.7; o 0.92 0.3; o 0.5 0.07 ] ]
    ]

    let private one: Skeleton list = [
        // A plain line.
        [ [ o 0.52 0.0; o 0.5 0.5; o 0.48 1.0 ] ]
        // With an upstroke.
        [ [ o 0.26 0.24; v 0.54 0.0; o 0.53 0.5; o 0.52 1.0 ] ]
        // With an upstroke and a foot.
        [ [ o 0.26 0.22; v 0.52 0.0; o 0.52 0.5; o 0.52 0.98 ]; [ o 0.2 0.99; o 0.84 0.98 ] ]
    ]

    let private two: Skeleton list = [
        // A straight foot.
        [ [ o 0.12 0.24; o 0.34 0.02; o 0.72 0.06; o 0.8 0.34; o 0.5 0.66; v 0.1 0.98; o 0.9 0.96 ] ]
        // A loop before the foot.
        [
            [
                o 0.14 0.2
                o 0.42 0.0
                o 0.78 0.16
                o 0.7 0.48
                o 0.36 0.88
                o 0.14 0.94
                o 0.2 0.76
                o 0.5 0.88
                o 0.92 0.96
            ]
        ]
        // A flat head and a wavy foot.
        [
            [
                o 0.16 0.1
                o 0.5 0.0
                o 0.8 0.2
                o 0.62 0.54
                v 0.12 0.94
                o 0.42 0.88
                o 0.66 0.96
                o 0.9 0.86
            ]
        ]
    ]

    let private three: Skeleton list = [
        // Two bows that meet in a point.
        [
            [
                o 0.16 0.12
                o 0.46 0.0
                o 0.78 0.2
                v 0.42 0.46
                o 0.84 0.64
                o 0.72 0.94
                o 0.36 1.0
                o 0.1 0.86
            ]
        ]
        // A flat head.
        [ [ v 0.14 0.02; v 0.82 0.02; v 0.44 0.4; o 0.84 0.56; o 0.78 0.9; o 0.4 1.0; o 0.12 0.88 ] ]
        // A small loop in the middle.
        [
            [
                o 0.2 0.08
                o 0.6 0.02
                o 0.74 0.24
                o 0.46 0.46
                o 0.38 0.4
                o 0.54 0.44
                o 0.84 0.66
                o 0.6 0.96
                o 0.14 0.92
            ]
        ]
    ]

    let private four: Skeleton list = [
        // Open at the top.
        [ [ o 0.22 0.04; o 0.14 0.34; v 0.12 0.58; o 0.88 0.56 ]; [ o 0.76 0.06; o 0.72 0.5; o 0.68 1.0 ] ]
        // Closed.
        [ [ v 0.66 1.0; v 0.66 0.0; v 0.08 0.66; o 0.92 0.66 ] ]
        // Open, in rounder writing.
        [ [ o 0.18 0.0; o 0.12 0.36; o 0.36 0.54; o 0.78 0.44 ]; [ o 0.82 0.02; o 0.78 0.5; o 0.74 1.0 ] ]
    ]

    let private five: Skeleton list = [
        // The flag as a stroke of its own.
        [
            [ o 0.24 0.04; v 0.18 0.44; o 0.52 0.36; o 0.84 0.6; o 0.66 0.94; o 0.14 0.96 ]
            [ o 0.22 0.04; o 0.86 0.02 ]
        ]
        // In one go.
        [ [ o 0.86 0.02; v 0.28 0.03; v 0.2 0.42; o 0.56 0.4; o 0.8 0.66; o 0.58 0.96; o 0.12 0.9 ] ]
        // In one go, and round.
        [
            [
                o 0.86 0.06
                o 0.44 0.04
                o 0.22 0.22
                o 0.4 0.42
                o 0.74 0.54
                o 0.72 0.88
                o 0.4 1.0
                o 0.12 0.9
            ]
        ]
    ]

    let private six: Skeleton list = [
        // A curved stem.
        [
            [
                o 0.74 0.02
                o 0.34 0.28
                o 0.14 0.68
                o 0.38 0.98
                o 0.78 0.86
                o 0.76 0.58
                o 0.42 0.54
                o 0.16 0.74
            ]
        ]
        // A straight stem and a small belly.
        [
            [
                o 0.5 0.0
                o 0.28 0.4
                o 0.2 0.78
                o 0.46 1.0
                o 0.78 0.84
                o 0.68 0.6
                o 0.38 0.64
                o 0.22 0.82
            ]
        ]
        // A hook at the top.
        [
            [
                o 0.84 0.14
                o 0.62 0.0
                o 0.24 0.26
                o 0.12 0.66
                o 0.36 0.98
                o 0.8 0.84
                o 0.72 0.52
                o 0.36 0.5
                o 0.14 0.68
            ]
        ]
    ]

    let private seven: Skeleton list = [
        [ [ o 0.1 0.04; v 0.86 0.04; o 0.56 0.5; o 0.38 1.0 ] ]
        // With a bar.
        [ [ o 0.12 0.06; v 0.88 0.02; o 0.58 0.5; o 0.4 1.0 ]; [ o 0.28 0.52; o 0.8 0.48 ] ]
        // With a hook at the left.
        [ [ o 0.12 0.24; v 0.14 0.04; v 0.84 0.06; o 0.66 0.4; o 0.52 1.0 ] ]
    ]

    let private eight: Skeleton list = [
        // In one go, crossing in the middle.
        [
            [
                o 0.78 0.12
                o 0.46 0.0
                o 0.2 0.2
                o 0.48 0.46
                o 0.82 0.74
                o 0.5 1.0
                o 0.16 0.76
                o 0.5 0.46
                o 0.8 0.2
                o 0.74 0.08
            ]
        ]
        // Two rings.
        [
            [ o 0.5 0.0; o 0.22 0.22; o 0.5 0.46; o 0.78 0.22; o 0.5 0.0 ]
            [ o 0.5 0.46; o 0.14 0.72; o 0.48 1.0; o 0.86 0.74; o 0.5 0.46 ]
        ]
        // Slim.
        [
            [
                o 0.66 0.06
                o 0.34 0.1
                o 0.34 0.32
                o 0.6 0.56
                o 0.7 0.84
                o 0.44 1.0
                o 0.26 0.8
                o 0.5 0.5
                o 0.7 0.2
                o 0.62 0.04
            ]
        ]
    ]

    let private nine: Skeleton list = [
        // A straight stem.
        [
            [
                o 0.8 0.2
                o 0.5 0.02
                o 0.16 0.22
                o 0.3 0.5
                o 0.66 0.44
                v 0.82 0.12
                o 0.78 0.5
                o 0.74 1.0
            ]
        ]
        // A tail to the left.
        [
            [
                o 0.78 0.24
                o 0.52 0.0
                o 0.2 0.2
                o 0.34 0.5
                o 0.7 0.4
                o 0.8 0.2
                o 0.8 0.6
                o 0.6 0.96
                o 0.2 0.94
            ]
        ]
        // A slanting stem.
        [
            [
                o 0.76 0.1
                o 0.42 0.02
                o 0.18 0.28
                o 0.42 0.48
                o 0.74 0.26
                o 0.8 0.06
                o 0.66 0.5
                o 0.44 1.0
            ]
        ]
    ]

    /// The ways of writing each digit, 0 to 9.
    let all: Skeleton[][] =
        [| zero; one; two; three; four; five; six; seven; eight; nine |]
        |> Array.map Array.ofList

// ------------------------------------------------------------------ from a skeleton to pixels

/// The pictures' height and width, in pixels.
let side = 28

/// How much digits differ from each other. These are what makes the task as hard as it is.
module Style =
    /// The box of a digit of ordinary size, in pixels.
    let width, height = 13.0, 19.0
    /// How far a knot strays, as a part of the box.
    let wobble = 0.09
    /// Half the range of the slant: pixels to the right for each pixel up.
    let slant = 0.45
    /// Half the range of the rotation: the tangent of half the angle.
    let turn = 0.13
    /// The factor on both sizes, and one on the width alone.
    let scale, aspect = (0.78, 1.04), (0.75, 1.25)
    /// How far the whole digit may be off the middle, in pixels.
    let shift = 3.8
    /// Half the pen's width, in pixels, and how much it may change along a stroke.
    let radius, pressure = (0.85, 1.75), 0.3
    /// The width of the blurred edge, in pixels.
    let softness = 1.4, 2.6
    /// The darkest ink, as a part of full ink.
    let ink = 0.7, 1.0
    /// The grain of the ink: how much of it a pixel may lose.
    let grain = 0.2
    /// The chance that a pixel has a speck of dust, at most, and its lightest.
    let dust, speck = 0.01, 0.4
    /// The number of steps of grey above black; few steps compress well.
    let greys = 15.0

/// A place on the paper, in pixels, and half the width of the pen there.
[<Struct>]
type Spot = { Px: float; Py: float; Radius: float }

/// The random numbers of a picture, by position in its key's sequence.
module Draw =
    let variant, slant, turn, scale, aspect, shiftX, shiftY = 0, 1, 2, 3, 4, 5, 6
    let radius, softness, ink, dust = 7, 8, 9, 10
    let pressureStart, pressureEnd = 11, 12
    /// Two for each knot.
    let knots = 100
    /// Two for each pixel.
    let pixels = 1000

/// The map from the box of a digit to the paper: scaled, slanted, turned and shifted.
let private placing (key: uint64) : float -> float -> struct (float * float) =
    let scale = Random.between (fst Style.scale) (snd Style.scale) key Draw.scale
    let aspect = Random.between (fst Style.aspect) (snd Style.aspect) key Draw.aspect
    let slant = Style.slant * Random.bell key Draw.slant
    // (1 - t^2)/(1 + t^2) and 2t/(1 + t^2) are the cosine and sine of an angle whose half has tangent t.
    let t = Style.turn * Random.bell key Draw.turn
    let cosine = (1.0 - t * t) / (1.0 + t * t)
    let sine = 2.0 * t / (1.0 + t * t)
    let middle = float side / 2.0
    let shiftX = Style.shift * Random.bell key Draw.shiftX
    let shiftY = Style.shift * Random.bell key Draw.shiftY

    fun x y ->
        let down = (y - 0.5) * Style.height * scale
        let right = (x - 0.5) * Style.width * scale * aspect - slant * down
        let x = middle + shiftX + cosine * right - sine * down
        let y = middle + shiftY + sine * right + cosine * down
        struct (x, y)

/// The pen's path along one stroke: a cubic Hermite curve through the knots, whose direction at a knot is
/// that of its neighbours (Catmull-Rom), or towards the next knot at an end or a corner.
let private path (knots: Knot[]) (radius: float -> float) : Spot[] =
    let steps = 8
    let last = knots.Length - 1

    let leaving i =
        if i = 0 || knots[i].Corner then
            struct (knots[i + 1].X - knots[i].X, knots[i + 1].Y - knots[i].Y)
        else
            struct ((knots[i + 1].X - knots[i - 1].X) / 2.0, (knots[i + 1].Y - knots[i - 1].Y) / 2.0)

    let arriving i =
        if i = last || knots[i].Corner then
            struct (knots[i].X - knots[i - 1].X, knots[i].Y - knots[i - 1].Y)
        else
            leaving i

    let spot i step =
        let t = float step / float steps
        let struct (ax, ay) = leaving i
        let struct (bx, by) = arriving (i + 1)
        // The cubic's weights for the two places and the two directions.
        let second = t * t * (3.0 - 2.0 * t)
        let first = 1.0 - second
        let leave = t * (1.0 - t) * (1.0 - t)
        let arrive = t * t * (t - 1.0)

        {
            Px = first * knots[i].X + second * knots[i + 1].X + leave * ax + arrive * bx
            Py = first * knots[i].Y + second * knots[i + 1].Y + leave * ay + arrive * by
            Radius = radius ((float i + t) / float last)
        }

    [|
        for i in 0 .. last - 1 do
            for step in 0 .. steps - 1 do
                spot i step
        spot (last - 1) steps
    |]

/// The picture's strokes on the paper.
let private strokes (label: int) (key: uint64) : Spot[][] =
    let variants = Skeletons.all[label]
    let skeleton = variants[Random.choice variants.Length key Draw.variant]
    let place = placing key
    let radius = Random.between (fst Style.radius) (snd Style.radius) key Draw.radius
    let pressureStart = 1.0 + Style.pressure * Random.bell key Draw.pressureStart
    let pressureEnd = 1.0 + Style.pressure * Random.bell key Draw.pressureEnd

    let pen along =
        radius * (pressureStart + (pressureEnd - pressureStart) * along)

    let onPaper index knot =
        let stray k =
            Style.wobble * Random.bell key (Draw.knots + 2 * index + k)

        let struct (x, y) = place (knot.X + stray 0) (knot.Y + stray 1)
        { knot with X = x; Y = y }

    // Knots are numbered through the whole skeleton, so that no two of them stray together.
    let first = skeleton |> List.scan (fun count stroke -> count + List.length stroke) 0

    List.zip (List.take skeleton.Length first) skeleton
    |> List.map (fun (start, stroke) ->
        path (stroke |> List.mapi (fun i knot -> onPaper (start + i) knot) |> Array.ofList) pen)
    |> Array.ofList

/// How far each pixel's middle is outside the ink (negative: inside), in pixels; `far` where no ink is near.
let private distances (far: float) (strokes: Spot[][]) : float[] =
    // Filled in place: each piece of a stroke lowers the pixels around it.
    let nearest = Array.create (side * side) far
    let clamp low high value = max low (min high value)

    let pixel (place: float) =
        int (clamp 0.0 (float (side - 1)) place)

    for stroke in strokes do
        for a, b in Array.pairwise stroke do
            let reach = far + max a.Radius b.Radius
            let dx, dy = b.Px - a.Px, b.Py - a.Py
            let length2 = dx * dx + dy * dy

            for row in pixel (min a.Py b.Py - reach) .. pixel (max a.Py b.Py + reach) do
                for column in pixel (min a.Px b.Px - reach) .. pixel (max a.Px b.Px + reach) do
                    let x, y = float column + 0.5 - a.Px, float row + 0.5 - a.Py

                    let along =
                        if length2 > 0.0 then
                            clamp 0.0 1.0 ((x * dx + y * dy) / length2)
                        else
                            0.0

                    let offX, offY = x - along * dx, y - along * dy
                    let radius = a.Radius + along * (b.Radius - a.Radius)
                    let distance = sqrt (offX * offX + offY * offY) - radius
                    let i = row * side + column
                    nearest[i] <- min nearest[i] distance

    nearest

/// The picture number `index` of a part, as bytes row by row: 0 is black, the background, and 255 white.
let draw (label: int) (key: uint64) : byte[] =
    let softness =
        Random.between (fst Style.softness) (snd Style.softness) key Draw.softness

    let ink = Random.between (fst Style.ink) (snd Style.ink) key Draw.ink
    let dust = Random.between 0.0 Style.dust key Draw.dust

    distances softness (strokes label key)
    |> Array.mapi (fun i distance ->
        let covered = max 0.0 (min 1.0 (0.5 - distance / softness))
        let random = Random.uniform key (Draw.pixels + 2 * i)
        let inked = ink * covered * (1.0 - Style.grain * random)

        let dusted =
            if Random.uniform key (Draw.pixels + 2 * i + 1) < dust then
                max inked (Style.speck * random)
            else
                inked

        let grey = floor (dusted * Style.greys + 0.5)
        byte (grey * (255.0 / Style.greys)))

/// The pictures and labels of a part of `count`: each digit equally often, in random order.
let drawPart (key: uint64) (count: int) : byte[] * byte[] =
    let labels =
        Random.permutation count (Random.bits key 0)
        |> Array.map (fun place -> place % Skeletons.all.Length)

    let pictures =
        labels
        |> Array.Parallel.mapi (fun i label -> draw label (Random.bits (Random.bits key 1) i))

    Array.concat pictures, Array.map byte labels

// ------------------------------------------------------------------ the program

type Options = { Seed: uint64; Out: string }

let defaults = {
    Seed = 2024UL
    Out = Path.Combine(__SOURCE_DIRECTORY__, "..", "data", "digits")
}

let trainCount, testCount = 12000, 2000

let usage =
    """usage: dotnet fsi scripts/make-digits.fsx [--seed N] [--out DIR]
    --seed N    whole number from 0 to 18446744073709551615 (default 2024)
    --out DIR   folder for the four files, created if missing (default data/digits)"""

let rec parse (options: Options) (arguments: string list) : Result<Options, string> =
    match arguments with
    | [] -> Ok options
    | "--seed" :: text :: rest ->
        match UInt64.TryParse text with
        | true, seed -> parse { options with Seed = seed } rest
        | false, _ -> Error $"--seed {text}: not a whole number of at most 64 bits; give one such as 2024"
    | "--out" :: folder :: rest -> parse { options with Out = folder } rest
    | [ "--seed" as option ]
    | [ "--out" as option ] -> Error $"{option}: its value is missing"
    | other :: _ -> Error $"{other}: no such option"

let writePart (folder: string) (name: string) (key: uint64) (count: int) : unit =
    let pixels, labels = drawPart key count
    Idx.write (Path.Combine(folder, $"{name}-images-idx3-ubyte.gz")) [| count; side; side |] pixels
    Idx.write (Path.Combine(folder, $"{name}-labels-idx1-ubyte.gz")) [| count |] labels

let run (arguments: string list) : int =
    match parse defaults arguments with
    // fsi takes --help for itself unless a -- comes before it.
    | _ when List.contains "--help" arguments ->
        printfn "%s" usage
        0
    | Error problem ->
        eprintfn "%s\n%s" problem usage
        2
    | Ok options ->
        try
            Atomic.createFolder options.Out
            writePart options.Out "train" (Random.bits options.Seed 0) trainCount
            writePart options.Out "t10k" (Random.bits options.Seed 1) testCount

            printfn
                "%d training and %d test pictures in %s (seed %d)"
                trainCount
                testCount
                (Path.GetFullPath options.Out)
                options.Seed

            0
        with :? DataException as e ->
            eprintfn "%s" e.Message
            1

exit (run (List.tail (List.ofArray fsi.CommandLineArgs)))
