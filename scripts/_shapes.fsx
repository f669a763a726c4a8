/// Pictures of shapes: one shape each, whose texture goes with its class, in any two colours, anywhere on a background of another.
///
/// A picture is a pure function of its class, its size and a key, and the same on every machine: only + - * / and comparisons work on
/// floating-point numbers.
module Shapes

#r "../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Kernels.dll"
#r "../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Core.dll"
#r "../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Data.dll"
#load "_random.fsx"

open System
open System.IO
open FunctionalDL.Data

// ---- shapes --------------------------------------------------------------------------------------------------------

/// Whether a place belongs to a shape that lies within the circle of radius 1 about (0, 0); x to the right and y down.
type Shape = float -> float -> bool

/// Inside a polygon: a ray to the right crosses its sides an odd number of times.
let private polygon (corners: (float * float) list) : Shape =
    let sides = List.pairwise (List.last corners :: corners)

    fun x y ->
        sides
        |> List.filter (fun ((x0, y0), (x1, y1)) ->
            (y0 > y) <> (y1 > y) && x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        |> List.length
        |> fun crossings -> crossings % 2 = 1

let private disc radius (cx: float) (cy: float) : Shape =
    fun x y -> (x - cx) * (x - cx) + (y - cy) * (y - cy) <= radius * radius

let private box left top right bottom : Shape =
    fun x y -> left <= x && x <= right && top <= y && y <= bottom

let private union (a: Shape) (b: Shape) : Shape = fun x y -> a x y || b x y

let private star =
    polygon [
        0.0, -1.0
        0.235, -0.324
        0.951, -0.309
        0.380, 0.124
        0.588, 0.809
        0.0, 0.4
        -0.588, 0.809
        -0.380, 0.124
        -0.951, -0.309
        -0.235, -0.324
    ]

let private heart: Shape =
    union
        (union (disc 0.46 -0.42 -0.3) (disc 0.46 0.42 -0.3))
        (polygon [ -0.85, -0.12; 0.0, -0.3; 0.85, -0.12; 0.0, 0.95 ])

let private crescent: Shape =
    fun x y -> disc 1.0 0.0 0.0 x y && not (disc 0.8 0.5 0.0 x y)

let private arrow =
    polygon [ 0.0, -1.0; 0.8, -0.1; 0.3, -0.1; 0.3, 0.95; -0.3, 0.95; -0.3, -0.1; -0.8, -0.1 ]

let private hexagon =
    polygon [ 1.0, 0.0; 0.5, 0.866; -0.5, 0.866; -1.0, 0.0; -0.5, -0.866; 0.5, -0.866 ]

// ---- colours and textures ------------------------------------------------------------------------------------------

/// Red, green and blue, 0 to 255.
type Colour = { R: float; G: float; B: float }

/// From 0 to 1 at each place.
type Texture = float -> float -> float

let private mix (a: Colour) (b: Colour) share = {
    R = a.R + share * (b.R - a.R)
    G = a.G + share * (b.G - a.G)
    B = a.B + share * (b.B - a.B)
}

let private brightness colour =
    0.3 * colour.R + 0.6 * colour.G + 0.1 * colour.B

/// In steps of 16, so that pictures are small when they are packed.
let private colour key : Colour =
    let channel i =
        16.0 * float (Random.choice 16 key i) + 8.0

    {
        R = channel 0
        G = channel 1
        B = channel 2
    }

/// A colour whose brightness differs from that of another by some amount.
let private colourBeside (other: Colour) low high key : Colour =
    Seq.initInfinite (fun i -> colour (Random.bits key i))
    |> Seq.find (fun c ->
        let difference = abs (brightness c - brightness other)
        low <= difference && difference <= high)

/// The part after the point, also of negative numbers.
let private fraction (x: float) = x - floor x

/// The kinds of textures.
type Pattern =
    | Plain
    | Stripes
    | Checks
    | Dots

/// A texture of some kind, with a width about `width` and a direction of its own.
let private texture (width: float) (pattern: Pattern) key : Texture =
    let width = width * Random.between 0.8 1.2 key 0
    let slope = Random.between -1.0 1.0 key 1
    let isSteep = Random.uniform key 2 < 0.5

    // Not turned by an angle but slanted: that takes no sine.
    let along x y =
        if isSteep then x + slope * y else y + slope * x

    let across x y =
        if isSteep then y - slope * x else x - slope * y

    let half t =
        if fraction (t / width) < 0.5 then 1.0 else 0.0

    match pattern with
    | Plain -> fun _ _ -> 0.0
    | Stripes -> fun x y -> half (along x y)
    | Checks -> fun x y -> abs (half (along x y) - half (across x y))
    | Dots ->
        fun x y ->
            let u, v = fraction (along x y / width) - 0.5, fraction (across x y / width) - 0.5

            if u * u + v * v < 0.09 then 1.0 else 0.0

/// What all pictures of a class have in common.
type Class = {
    Name: string
    Shape: Shape
    Pattern: Pattern
}

/// The two sets of classes: a network that has learned the first has something to begin the second with.
let sets: (string * Class list) list =
    let kind name pattern shape = {
        Name = name
        Shape = shape
        Pattern = pattern
    }

    [
        "first",
        [
            kind "circle" Dots (disc 1.0 0.0 0.0)
            kind "cross" Plain (union (box -0.32 -0.92 0.32 0.92) (box -0.92 -0.32 0.92 0.32))
            kind "square" Stripes (box -0.7 -0.7 0.7 0.7)
            kind "star" Plain star
            kind "triangle" Checks (polygon [ 0.0, -1.0; 0.866, 0.5; -0.866, 0.5 ])
        ]
        "second",
        [
            kind "arrow" Plain arrow
            kind "crescent" Stripes crescent
            kind "heart" Dots heart
            kind "hexagon" Checks hexagon
        ]
    ]

// ---- a picture -----------------------------------------------------------------------------------------------------

/// A picture and where its object is.
type Picture = {
    Bitmap: Bitmap
    /// 255 where the middle of a pixel belongs to the object, row by row.
    Mask: byte[]
}

/// Which numbers of a key's sequence say what.
module private Draw =
    let centre = 0 // and the next
    let radius = 2
    let turn = 3
    let squeeze = 4
    let colours = 5 // to 7
    let texture = 8

/// A place in the picture (0 to 1) as one of the shape's own.
let private toShape key : float -> float -> struct (float * float) =
    let radius = Random.between 0.25 0.28 key Draw.radius

    let place i =
        Random.between radius (1.0 - radius) key i

    let cx, cy = place Draw.centre, place (Draw.centre + 1)
    // With t the tangent of half an angle its cosine and sine are rational: up to 28 degrees to either side.
    let t = Random.between -0.25 0.25 key Draw.turn
    let cos, sin = (1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)
    let squeeze = Random.between 0.85 1.0 key Draw.squeeze

    fun x y ->
        let dx, dy = (x - cx) / radius, (y - cy) / radius
        struct ((cos * dx + sin * dy) / squeeze, cos * dy - sin * dx)

/// Each pixel is the mean of this many places along either axis.
[<Literal>]
let private Fineness = 3

/// A picture of `size` × `size` pixels of a class.
let draw (size: int) (kind: Class) (key: uint64) : Picture =
    let child i = Random.bits key i
    let toShape = toShape key
    let ground = colour (child Draw.colours)
    let ink = colourBeside ground 110.0 255.0 (child (Draw.colours + 1))
    let inkToo = colourBeside ink 50.0 150.0 (child (Draw.colours + 2))
    // In the shape's own measure.
    let inkTexture = texture 0.55 kind.Pattern (child Draw.texture)

    let colourAt x y =
        let struct (u, v) = toShape x y

        if kind.Shape u v then
            mix ink inkToo (inkTexture u v)
        else
            ground

    let place pixel part =
        (float pixel + (float part + 0.5) / float Fineness) / float size

    let samples = [|
        for row in 0 .. size - 1 do
            for column in 0 .. size - 1 do
                let colours = [
                    for i in 0 .. Fineness - 1 do
                        for j in 0 .. Fineness - 1 -> colourAt (place column j) (place row i)
                ]

                for channel in [ _.R; _.G; _.B ] do
                    byte (floor (List.averageBy channel colours / 8.0 + 0.5) * 8.0 |> min 255.0)
    |]

    let middle pixel = (float pixel + 0.5) / float size

    {
        Bitmap = {
            Width = size
            Height = size
            Channels = 3
            Samples = samples
        }
        Mask = [|
            for row in 0 .. size - 1 do
                for column in 0 .. size - 1 do
                    let struct (u, v) = toShape (middle column) (middle row)
                    if kind.Shape u v then 255uy else 0uy
        |]
    }

// ---- a folder ------------------------------------------------------------------------------------------------------

/// The smallest rectangle that holds all of a mask: left, top, and the first pixel beyond right and bottom.
let private boxOf size (mask: byte[]) =
    let inside = [
        for i in 0 .. mask.Length - 1 do
            if mask[i] <> 0uy then
                i % size, i / size
    ]

    let xs, ys = List.map fst inside, List.map snd inside
    List.min xs, List.min ys, 1 + List.max xs, 1 + List.max ys

/// Writes a part of a set into `folder/PART/CLASS/CLASS_NUMBER.png`, with `PART.csv` (each picture's file, class and box) and
/// `PART-masks.idx.gz` (its masks, in the same order). Pictures of another size have the same scenes.
let writePart (folder: string) (part: string) (classes: Class list) size count (key: uint64) : unit =
    let items = [|
        for kind in classes do
            for i in 0 .. count - 1 -> kind, i
    |]

    let pictures =
        items
        |> Array.Parallel.mapi (fun i (kind, _) -> draw size kind (Random.bits key i))

    let rows =
        Array.map2
            (fun (kind, i) picture ->
                let name = kind.Name
                let file = $"{name}_%03d{i}.png"
                let classFolder = Path.Combine(folder, part, name)
                Atomic.createFolder classFolder
                Png.write (Path.Combine(classFolder, file)) picture.Bitmap
                let left, top, right, bottom = boxOf size picture.Mask
                $"{part}/{name}/{file},{name},{left},{top},{right},{bottom}")
            items
            pictures

    File.WriteAllLines(
        Path.Combine(folder, part + ".csv"),
        Array.append [| "name,label,left,top,right,bottom" |] rows
    )

    Idx.write
        (Path.Combine(folder, part + "-masks.idx.gz"))
        [| items.Length; size; size |]
        (pictures |> Array.collect _.Mask)

/// Writes both sets: `folder/first` and `folder/second`, each with `train` and `valid`. `count` says how many pictures a class has in
/// a part of a set.
let write (folder: string) (size: int) (count: string -> string -> int) (seed: uint64) : unit =
    sets
    |> List.iteri (fun i (set, classes) ->
        [ "train"; "valid" ]
        |> List.iteri (fun j part ->
            let key = Random.bits seed (2 * i + j)
            writePart (Path.Combine(folder, set)) part classes size (count set part) key))
