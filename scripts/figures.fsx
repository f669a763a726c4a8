// What figures look like: one of each kind, on one page.
//
//     dotnet build -c Release
//     dotnet fsi scripts/figures.fsx                              writes runs/figures.html
//     dotnet fsi scripts/figures.fsx --plotly plotly.min.js       figures that can be zoomed, in the same page
//
// The page needs no network. `plotly.min.js` is in the npm package `plotly.js-dist-min` (MIT); it goes into
// the page whole, so that the page stays one file.

#r "../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Data.dll"

open System
open System.IO
open FunctionalDL.Data

let xs = [ -6.0 .. 0.1..6.0 ]
let curve (f: float -> float) = xs |> List.map f
let sigmoid x = 1.0 / (1.0 + exp -x)

let lines =
    Figure.create "Activations" (Axis.named "x") (Axis.named "f(x)") [
        Trace.line "sigmoid" xs (curve sigmoid)
        Trace.line "tanh" xs (curve tanh)
        Trace.line "SiLU" xs (curve (fun x -> x * sigmoid x))
    ]
    |> Figure.annotate 0.0 0.5 "σ(0) = ½"

let rate = [ for k in 0..40 -> 1e-5 * 10.0 ** (float k / 8.0) ]

let logarithmic =
    Figure.create "Loss by learning rate" (Axis.log "learning rate") (Axis.fromZero "loss") [
        Trace.lineWithMarks "loss" rate (rate |> List.map (fun r -> 2.3 / (1.0 + 20.0 * r) + 3.0 * r * r))
    ]

/// Points of a low-discrepancy sequence (the golden ratio's multiples) where random ones would change each time.
let even i = (float i * 0.6180339887498949) % 1.0

/// Normal numbers by Box and Muller's formula.
let normals count = [
    for i in 1..count -> sqrt (-2.0 * log ((float i - 0.5) / float count)) * cos (2.0 * Math.PI * even i)
]

let points =
    let noise = normals 80

    Figure.create "Points and a line" (Axis.named "x") (Axis.named "y") [
        Trace.points
            "measured"
            (List.init 80 (fun i -> even (7 * i) * 4.0))
            (List.init 80 (fun i -> 1.0 + 0.5 * even (7 * i) * 4.0 + 0.2 * noise[i]))
        Trace.line "y = 1 + x/2" [ 0.0; 4.0 ] [ 1.0; 3.0 ]
    ]

let bars =
    let months = [ "January"; "February"; "March"; "April"; "May"; "June" ]

    Figure.create "Bars side by side" (Axis.named "") (Axis.named "sales in thousands") [
        Trace.bar "2015" months [ 3.1; 2.8; 3.9; 4.2; 4.0; 4.4 ]
        Trace.bar "2016" months [ 3.4; 3.0; 4.4; 4.1; 4.6; 5.0 ]
    ]

let histogram =
    let bins = { Start = -5.0; End = 5.0; Size = 0.25 }

    Figure.create "Two distributions" (Axis.named "value") (Axis.named "how many") [
        Trace.histogramIn bins "deviation 1" (normals 2000)
        Trace.histogramIn bins "deviation ½" (normals 2000 |> List.map (fun x -> 1.5 + x / 2.0))
    ]

let grid = [ -3.0 .. 0.1..3.0 ]

let heatmap =
    Figure.create "A heat map" (Axis.named "x") (Axis.named "y") [
        Trace.signedHeatmap "sin x · cos y" grid grid [ for y in grid -> [ for x in grid -> sin x * cos y ] ]
    ]

let pictures =
    let images, labels =
        let digits =
            (Idx.readDataset (Path.Combine(__SOURCE_DIRECTORY__, "..", "data", "digits"))).Train

        digits.Images, digits.Labels

    [ 0..7 ]
    |> List.map (fun i ->
        let pixels = images.Bytes[784 * i .. 784 * i + 783]
        Figure.picture $"a {labels.Bytes[i]}" [ Trace.greyImage 28 28 pixels ])
    |> Figure.grid "Pictures in a grid" 4

let subplots =
    [ 0.5, "a fifth of the line and more"; 2.0, "two"; 4.0, "four" ]
    |> List.map (fun (k, name) ->
        Figure.create $"k = {k}, {name}" (Axis.named "x") (Axis.between -1.2 1.2 "f(x)") [
            Trace.line "sin kx" xs (curve (fun x -> sin (k * x)))
            Trace.line "cos kx" xs (curve (fun x -> cos (k * x)))
        ])
    |> Figure.grid "Subplots share their legend" 3

let sections = [
    {
        Title = "One plot"
        Blocks = [ Block.Figures [ lines; logarithmic; points; bars; histogram; heatmap ] ]
    }
    {
        Title = "Several plots"
        Blocks = [ Block.Figures [ subplots; pictures ] ]
    }
]

let title = "Figures"

let page =
    match List.ofArray fsi.CommandLineArgs with
    | [ _ ] -> Page.html title sections
    | [ _; "--plotly"; file ] -> Page.interactive (PlotlyScript.Inline(File.ReadAllText file)) title sections
    | _ -> failwith "usage: dotnet fsi scripts/figures.fsx [--plotly FILE]"

let path =
    Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", "runs", "figures.html"))

Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore
Page.write path page
printfn $"{path}"
