// Draws the project's own pictures of shapes, so that lessons on pictures run with no download. After `dotnet build -c Release`:
//
//     dotnet fsi scripts/make-shapes.fsx                                     writes data/shapes
//     dotnet fsi scripts/make-shapes.fsx -- --size 224 --times 4 --out DIR   larger pictures, and four times as many
//
// What is drawn and how is in _shapes.fsx.

#load "_shapes.fsx"

open System
open System.IO
open FunctionalDL.Data

type Options = {
    Size: int
    Times: int
    Seed: uint64
    Out: string
}

let defaults = {
    Size = 64
    Times = 1
    Seed = 2026UL
    Out = Path.Combine(__SOURCE_DIRECTORY__, "..", "data", "shapes")
}

/// How many pictures a class has in a part of a set. Of the second set there are few to train on: that is what it is for.
let count set part =
    match set, part with
    | "first", "train" -> 400
    | "second", "train" -> 20
    | _ -> 40

let usage =
    """usage: dotnet fsi scripts/make-shapes.fsx [-- [--size N] [--times N] [--seed N] [--out DIR]]
    --size N    pixels of a side, 16 to 1024 (default 64); the scenes are the same
    --times N   so many times as many pictures, 1 to 100 (default 1)
    --seed N    whole number from 0 to 18446744073709551615 (default 2026)
    --out DIR   folder for the two sets, created if missing (default data/shapes)"""

let rec parse (options: Options) (arguments: string list) : Result<Options, string> =
    let whole (text: string) low high =
        match Int32.TryParse text with
        | true, n when n >= low && n <= high -> Ok n
        | _ -> Error $"{text}: not a whole number from {low} to {high}"

    match arguments with
    | [] -> Ok options
    | "--size" :: text :: rest ->
        whole text 16 1024
        |> Result.bind (fun n -> parse { options with Size = n } rest)
    | "--times" :: text :: rest ->
        whole text 1 100 |> Result.bind (fun n -> parse { options with Times = n } rest)
    | "--seed" :: text :: rest ->
        match UInt64.TryParse text with
        | true, seed -> parse { options with Seed = seed } rest
        | false, _ -> Error $"--seed {text}: not a whole number of at most 64 bits; give one such as 2026"
    | "--out" :: folder :: rest -> parse { options with Out = folder } rest
    | other :: _ -> Error $"{other} is no option, or its value is missing"

let arguments =
    fsi.CommandLineArgs |> List.ofArray |> List.tail |> List.filter ((<>) "--")

match parse defaults arguments with
| Error problem ->
    eprintfn $"{problem}\n{usage}"
    exit 2
| Ok options ->
    try
        Shapes.write options.Out options.Size (fun set part -> options.Times * count set part) options.Seed
        printfn $"shapes of {options.Size} pixels in {Path.GetFullPath options.Out} (seed {options.Seed})"
    with :? DataException as e ->
        eprintfn $"{e.Message}"
        exit 1
