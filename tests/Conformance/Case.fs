namespace FunctionalDL.Conformance

open System
open System.IO
open System.Text.Json
open FunctionalDL.Core

/// A file that is not in the format of the golden cases: where, and what is wrong there.
exception BadFile of place: string * problem: string with
    override this.Message = $"{this.place}: {this.problem}"

/// The options of a case by PyTorch's names. An option of null is no option.
type Attributes = Map<string, JsonElement>

/// A tensor as a file has it. Whole numbers and booleans are held as float64 too, which is exact up to 2^53.
type Value = {
    DType: DType
    Shape: int list
    Data: float[]
}

/// One case: what goes in, what comes out, and the gradient of ⟨cotangents, outputs⟩.
type Case = {
    Name: string
    Op: string
    Attributes: Attributes
    Inputs: Value list
    Outputs: Value list
    /// One for each output, None for an output that carries no gradient; empty for a case without gradients.
    Cotangents: Value option list
    /// One for each input, None for an input that is held constant; empty for a case without gradients.
    Grads: Value option list
    Rtol: float
    Atol: float
}

/// The cases of one file.
type Family = { Name: string; Cases: Case list }

/// Reading the format that `golden/README.md` describes.
[<RequireQualifiedAccess>]
module Family =

    let private property (place: string) (name: string) (json: JsonElement) =
        if json.ValueKind <> JsonValueKind.Object then
            raise (BadFile(place, $"a {json.ValueKind} stands where an object with '{name}' belongs"))

        match json.TryGetProperty name with
        | true, found -> found
        | _ -> raise (BadFile(place, $"'{name}' is missing"))

    let private items place (what: string) (json: JsonElement) =
        if json.ValueKind <> JsonValueKind.Array then
            raise (BadFile(place, $"'{what}' is a {json.ValueKind}; it needs to be an array"))

        List.ofSeq (json.EnumerateArray())

    let private text place name json =
        let found: JsonElement = property place name json

        if found.ValueKind <> JsonValueKind.String then
            raise (BadFile(place, $"'{name}' is a {found.ValueKind}; it needs to be a text"))

        found.GetString()

    let private number place (json: JsonElement) =
        match json.ValueKind with
        | JsonValueKind.Number -> json.GetDouble()
        | JsonValueKind.String ->
            // JSON has no words for these.
            match json.GetString() with
            | "nan" -> nan
            | "inf" -> infinity
            | "-inf" -> -infinity
            | other -> raise (BadFile(place, $"'{other}' is not a number"))
        | other -> raise (BadFile(place, $"a {other} stands where a number belongs"))

    let private size place (json: JsonElement) =
        match json.ValueKind = JsonValueKind.Number, json.TryGetInt32() with
        | true, (true, size) when size >= 0 -> size
        | _ -> raise (BadFile(place, $"{json.GetRawText()} is not the size of an axis"))

    let private dtype place name =
        match name with
        | "bool" -> DType.Bool
        | "uint8" -> DType.UInt8
        | "int32" -> DType.Int32
        | "int64" -> DType.Int64
        | "float32" -> DType.Float32
        | "float64" -> DType.Float64
        | other -> raise (BadFile(place, $"there is no dtype '{other}'"))

    let private value place json = {
        DType = dtype place (text place "dtype" json)
        Shape = property place "shape" json |> items place "shape" |> List.map (size place)
        Data =
            property place "data" json
            |> items place "data"
            |> List.map (number place)
            |> List.toArray
    }

    let private checkedValue place json =
        let value = value place json
        let count = List.fold (*) 1 value.Shape

        if value.Data.Length <> count then
            raise (BadFile(place, $"{value.Data.Length} elements for shape {value.Shape}, which has {count}"))

        value

    let private values place name json =
        property place name json
        |> items place name
        |> List.mapi (fun i item -> checkedValue $"{place}: {name}[{i}]" item)

    /// Values of which some, or all, are null; as many as there are `owners`.
    let private sparse place name (owners: Value list) json =
        let found: JsonElement = property place name json

        if found.ValueKind = JsonValueKind.Null then
            []
        else
            let read i (item: JsonElement) =
                if item.ValueKind = JsonValueKind.Null then
                    None
                else
                    Some(checkedValue $"{place}: {name}[{i}]" item)

            let values = items place name found |> List.mapi read

            if values.Length <> owners.Length then
                raise (BadFile(place, $"{values.Length} {name} for {owners.Length} tensors"))

            values

    let private case place json =
        let name = text place "name" json
        let place = $"{place}: {name}"
        let attributes = property place "attrs" json

        if attributes.ValueKind <> JsonValueKind.Object then
            raise (BadFile(place, "'attrs' needs to be an object"))

        let inputs = values place "inputs" json
        let outputs = values place "outputs" json

        {
            Name = name
            Op = text place "op" json
            Attributes =
                attributes.EnumerateObject()
                |> Seq.filter (fun a -> a.Value.ValueKind <> JsonValueKind.Null)
                |> Seq.map (fun a -> a.Name, a.Value.Clone())
                |> Map.ofSeq
            Inputs = inputs
            Outputs = outputs
            Cotangents = sparse place "cotangents" outputs json
            Grads = sparse place "grads" inputs json
            Rtol = property place "rtol" json |> number place
            Atol = property place "atol" json |> number place
        }

    /// The family in a file. Raises BadFile when it is not in the format.
    let read (path: string) : Family =
        let place = Path.GetFileName path

        try
            use document = JsonDocument.Parse(File.ReadAllText path)

            {
                Name = text place "family" document.RootElement
                Cases =
                    property place "cases" document.RootElement
                    |> items place "cases"
                    |> List.mapi (fun i json -> case $"{place}: cases[{i}]" json)
            }
        with
        | :? JsonException as e -> raise (BadFile(path, $"not JSON: {e.Message}"))
        | :? UnauthorizedAccessException as e -> raise (BadFile(path, e.Message))
        | :? IOException as e -> raise (BadFile(path, e.Message))

    /// The families of all `*.json` in a folder, by name. Raises BadFile when there is none, or one is
    /// not in the format.
    let readAll (folder: string) : Family list =
        if not (Directory.Exists folder) then
            raise (BadFile($"DIR '{folder}'", "no such folder; give one with golden cases (*.json)"))

        match Directory.GetFiles(folder, "*.json") |> Array.sort |> List.ofArray with
        | [] -> raise (BadFile($"DIR '{folder}'", "no *.json in it; give a folder with golden cases"))
        | files -> List.map read files
