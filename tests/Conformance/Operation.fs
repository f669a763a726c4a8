namespace FunctionalDL.Conformance

open System.Text.Json
open FunctionalDL.Core

/// What a case asks for and the library does not do: the case fails, and says so.
exception NotSupported of what: string with
    override this.Message = $"not supported: {this.what}"

/// What the row of an operation is given.
type Request = {
    Engine: IEngine
    Attributes: Attributes
    Inputs: Tensor list
    /// What the case expects: some cases list vectors that they multiply with among their outputs.
    Expected: Tensor list
}

/// The row of an operation: the options it knows, and what it does with public functions of the library.
/// A case with any other option fails.
type Operation = {
    Options: string list
    Run: Request -> Tensor list
}

/// Reading options. Raises NotSupported when one is missing or not of the kind that the row reads.
[<RequireQualifiedAccess>]
module Attribute =

    let tryFind name (attributes: Attributes) = attributes.TryFind name

    let private find name (attributes: Attributes) =
        match attributes.TryFind name with
        | Some json -> json
        | None -> raise (NotSupported $"'{name}' is missing")

    let private refuse name (json: JsonElement) =
        raise (NotSupported $"option '{name}' = {json.GetRawText()}")

    let private asInt name (json: JsonElement) =
        match json.ValueKind = JsonValueKind.Number, json.TryGetInt32() with
        | true, (true, value) -> value
        | _ -> refuse name json

    let private asFloat name (json: JsonElement) =
        if json.ValueKind <> JsonValueKind.Number then
            refuse name json

        json.GetDouble()

    let private asBool name (json: JsonElement) =
        match json.ValueKind with
        | JsonValueKind.True -> true
        | JsonValueKind.False -> false
        | _ -> refuse name json

    let private asText name (json: JsonElement) =
        if json.ValueKind <> JsonValueKind.String then
            refuse name json

        json.GetString()

    let private asList item name (json: JsonElement) =
        if json.ValueKind <> JsonValueKind.Array then
            refuse name json

        json.EnumerateArray() |> Seq.map (item name) |> List.ofSeq

    let int name attributes = find name attributes |> asInt name
    let float name attributes = find name attributes |> asFloat name
    let text name attributes = find name attributes |> asText name

    let ints name attributes =
        find name attributes |> asList asInt name

    let intLists name attributes =
        find name attributes |> asList (asList asInt) name

    let texts name attributes =
        find name attributes |> asList asText name

    let floatOr value name attributes =
        tryFind name attributes
        |> Option.map (asFloat name)
        |> Option.defaultValue value

    let boolOr value name attributes =
        tryFind name attributes |> Option.map (asBool name) |> Option.defaultValue value

    /// The options inside an option.
    let inner name attributes : Attributes =
        let json: JsonElement = find name attributes

        if json.ValueKind <> JsonValueKind.Object then
            refuse name json

        json.EnumerateObject()
        |> Seq.filter (fun a -> a.Value.ValueKind <> JsonValueKind.Null)
        |> Seq.map (fun a -> a.Name, a.Value)
        |> Map.ofSeq

    /// One whole number or a list of them, as PyTorch takes axes; none at all is the empty list.
    let axes name attributes =
        match tryFind name attributes with
        | Some json when json.ValueKind = JsonValueKind.Array -> asList asInt name json
        | Some json -> [ asInt name json ]
        | None -> []

    /// Raises NotSupported when there is an option besides these.
    let only (known: string list) (attributes: Attributes) =
        for option in attributes do
            if not (List.contains option.Key known) then
                raise (NotSupported $"option '{option.Key}' = {option.Value.GetRawText()}")

/// Making rows.
[<RequireQualifiedAccess>]
module Operation =

    let private wrongCount (request: Request) =
        raise (NotSupported $"{request.Inputs.Length} inputs")

    /// The only input.
    let one request =
        match request.Inputs with
        | [ x ] -> x
        | _ -> wrongCount request

    /// Both inputs.
    let two request =
        match request.Inputs with
        | [ a; b ] -> a, b
        | _ -> wrongCount request

    /// All three inputs.
    let three request =
        match request.Inputs with
        | [ a; b; c ] -> a, b, c
        | _ -> wrongCount request

    /// A row with options.
    let row op options run = op, { Options = options; Run = run }

    /// A row with options and one output.
    let single op options (run: Request -> Tensor) =
        row op options (fun request -> [ run request ])

    /// A function of one tensor without options.
    let unary op (f: Tensor -> Tensor) = single op [] (one >> f)

    /// A function of two tensors without options.
    let binary op (f: Tensor -> Tensor -> Tensor) =
        single op [] (two >> fun (a, b) -> f a b)
