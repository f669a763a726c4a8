/// Runs conformance cases (`golden/README.md` describes the format) through the public API of the core.
module FunctionalDL.Conformance.Program

open System
open System.CommandLine
open System.CommandLine.Parsing
open FunctionalDL.Core

let private oneLine (text: string) =
    text.Split([| ' '; '\t'; '\r'; '\n' |], StringSplitOptions.RemoveEmptyEntries)
    |> String.concat " "

/// Runs all cases of a folder; the exit code.
let private runAll folder settings =
    let mutable passed, failed = 0, 0

    for family in Family.readAll folder do
        let results =
            family.Cases |> List.map (fun case -> case, Runner.run settings family case)

        for case, wrong in results do
            if not wrong.IsEmpty then
                let what = wrong |> List.map oneLine |> String.concat "; "
                printfn $"FAIL {case.Name}: {what}"

        let good = results |> List.filter (fun (_, wrong) -> wrong.IsEmpty) |> List.length
        printfn $"{family.Name}: {good} of {results.Length}"
        passed <- passed + good
        failed <- failed + results.Length - good

    printfn $"{passed} passed, {failed} failed"
    if failed = 0 && passed > 0 then 0 else 1

let private engineOf name =
    match name with
    | "reference" -> Some Reference.engine
    | "cpu" -> Some Cpu.engine
    | _ -> None

let private dtypeOf name =
    match name with
    | "float64" -> Some DType.Float64
    | "float32" -> Some DType.Float32
    | _ -> None

/// An option with one of some words for its value, which `parse` knows; the first is meant when there is
/// none.
let private option name description (words: string list) (parse: string -> 'a option) =
    let read (result: ArgumentResult) =
        let text = result.Tokens[0].Value

        if (parse text).IsNone then
            let choices = String.concat " or " words
            result.AddError $"{name}: '{text}' is not possible; {choices}"

        text

    Option<string>(
        name,
        Description = description,
        HelpName = String.concat "|" words,
        DefaultValueFactory = (fun _ -> words.Head),
        CustomParser = read
    )

[<EntryPoint>]
let main args =
    let folder = Argument<string>("DIR", Description = "A folder with cases (*.json).")

    let engine = option "--engine" "What computes." [ "cpu"; "reference" ] engineOf

    let dtype =
        option "--dtype" "What real numbers are." [ "float64"; "float32" ] dtypeOf

    let command = RootCommand "Runs conformance cases through the public API."
    command.Add folder
    command.Add engine
    command.Add dtype

    command.SetAction(fun (parsed: ParseResult) ->
        let settings = {
            Engine = Option.get (engineOf (parsed.GetValue engine))
            Real = Option.get (dtypeOf (parsed.GetValue dtype))
        }

        try
            runAll (parsed.GetRequiredValue folder) settings
        with BadFile _ as e ->
            eprintfn $"%s{oneLine e.Message}"
            1)

    let parsed = command.Parse args

    if parsed.Errors.Count > 0 then
        let usage = "usage: DIR [--engine reference|cpu] [--dtype float64|float32]"
        eprintfn $"%s{oneLine parsed.Errors[0].Message}; %s{usage}"
        2
    else
        parsed.Invoke()
