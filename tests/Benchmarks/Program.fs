/// Measures the workloads of `WORKLOADS.md` and prints one JSON object a line.
module FunctionalDL.Benchmarks.Program

open System
open System.CommandLine
open System.CommandLine.Parsing
open System.Globalization
open System.Text.RegularExpressions
open FunctionalDL.Benchmarks.Workloads
open FunctionalDL.Core
open FunctionalDL.Data

let private oneLine (text: string) =
    text.Split([| ' '; '\t'; '\r'; '\n' |], StringSplitOptions.RemoveEmptyEntries)
    |> String.concat " "

/// Measures the workloads whose names match; the exit code.
let private run (only: Regex) settings =
    let measure workload =
        match workload.Run settings with
        | Some measurement ->
            printfn $"{Measure.line workload.Name measurement}"
            true
        | None -> false

    match Table.rows |> List.filter (fun w -> only.IsMatch w.Name) with
    | [] ->
        let names = Table.rows |> List.map _.Name |> String.concat " "
        eprintfn $"--only: '{only}' matches no workload; there are: {names}"
        1
    | chosen when chosen |> List.map measure |> List.contains true -> 0
    | _ ->
        eprintfn $"--only: '{only}' matches nothing but epochs of mnist, which need --data DIR"
        1

/// An option with one value, which `parse` reads or refuses.
let private option name description (fallback: 'a) (parse: string -> 'a option) rule =
    let read (result: ArgumentResult) =
        let text = result.Tokens[0].Value

        match parse text with
        | Some value -> value
        | None ->
            result.AddError $"{name}: '{text}' is not possible; {rule}"
            fallback

    Option<'a>(
        name,
        Description = description,
        DefaultValueFactory = (fun _ -> fallback),
        CustomParser = read
    )

let private threadCount (text: string) =
    match Int32.TryParse text with
    | true, n when n >= 1 && n <= 1024 -> Some n
    | _ -> None

let private duration (text: string) =
    match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, s when s >= 0.0 && s <= 3600.0 -> Some s
    | _ -> None

let private pattern (text: string) =
    try
        Some(Regex text)
    with :? ArgumentException ->
        None

[<EntryPoint>]
let main args =
    let only =
        option "--only" "The workloads whose names match it." (Regex ".") pattern "give a regular expression"

    let threads =
        option "--threads" "Threads that compute." Environment.ProcessorCount threadCount "1 to 1024"

    let data =
        option
            "--data"
            "A folder with MNIST's four files, for mnist_epoch and mnist_epoch_learner."
            None
            (Some >> Some)
            "give a folder"

    let seconds =
        option "--seconds" "How long each workload is measured, at least." 1.0 duration "0 to 3600"

    let command = RootCommand "Measures workloads; prints one JSON object a line."
    command.Add only
    command.Add threads
    command.Add data
    command.Add seconds

    command.SetAction(fun (parsed: ParseResult) ->
        let threads = parsed.GetValue threads

        let settings = {
            Engine = Cpu.withThreads threads
            Threads = threads
            Seconds = parsed.GetValue seconds
            Data = parsed.GetValue data
        }

        try
            run (parsed.GetValue only) settings
        with :? DataException as e ->
            eprintfn $"--data: {e.Message}"
            1)

    let parsed = command.Parse args

    if parsed.Errors.Count > 0 then
        let usage = "usage: [--only REGEX] [--threads N] [--data DIR] [--seconds S]"
        eprintfn $"%s{oneLine parsed.Errors[0].Message}; %s{usage}"
        2
    else
        parsed.Invoke()
