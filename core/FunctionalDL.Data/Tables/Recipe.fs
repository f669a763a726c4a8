namespace FunctionalDL.Data

open System
open System.Globalization
open System.Text.Json.Nodes

/// How rows become what a model is given and asked: all that a saved model must know about its table.
type Recipe = {
    Processing: Fitted
    Target: FittedTarget
}

/// Recipes as JSON and back, to be kept in the file of the model.
[<RequireQualifiedAccess>]
module Recipe =

    /// The format's version, in every recipe.
    [<Literal>]
    let private Version = 1

    // ---- writing ---------------------------------------------------------------------------------------------------

    let private array (items: seq<JsonNode | null>) : JsonNode = JsonArray(Seq.toArray items)

    let private record (fields: (string * JsonNode) list) : JsonNode =
        let object = JsonObject()

        for name, value in fields do
            object.Add(name, value)

        object

    let private text (value: string) : JsonNode =
        Unchecked.nonNull (JsonValue.Create value)

    /// With as many digits as read back the same.
    let private number (value: float) : JsonNode =
        text (value.ToString("R", CultureInfo.InvariantCulture))

    let private texts (values: string list) : JsonNode =
        values |> Seq.map (fun v -> text v: JsonNode | null) |> array

    let private ofColumn (column: Column) : JsonNode =
        let kind =
            match column with
            | Column.Reals _ -> "reals"
            | Column.Integers _ -> "integers"
            | Column.Flags _ -> "flags"
            | Column.Dates _ -> "dates"
            | Column.Texts _ -> "texts"

        let value i : JsonNode | null =
            match column with
            | Column.Reals values -> number values[i]
            | Column.Integers values -> JsonValue.Create values[i]
            | Column.Flags values -> JsonValue.Create values[i]
            | Column.Dates values -> text (values[i].ToString("O", CultureInfo.InvariantCulture))
            | Column.Texts texts -> text texts.Values[texts.Codes[i]]

        record [ "kind", text kind; "values", array (Seq.init (Column.length column) value) ]

    let private ofStep (step: FittedStep) : JsonNode =
        let items fields : JsonNode =
            fields |> Seq.map (fun f -> record f: JsonNode | null) |> array

        match step with
        | FittedStep.Fill(fillers, addColumn) ->
            record [
                "step", text "fill"
                "addColumn", Unchecked.nonNull (JsonValue.Create addColumn)
                "columns",
                items (
                    fillers
                    |> List.map (fun (name, value) -> [ "name", text name; "value", number value ])
                )
            ]
        | FittedStep.Classes classes ->
            record [
                "step", text "classes"
                "columns",
                items (
                    classes
                    |> List.map (fun (name, c) -> [ "name", text name; "classes", ofColumn c ])
                )
            ]
        | FittedStep.Scale scales ->
            record [
                "step", text "scale"
                "columns",
                items (
                    scales
                    |> List.map (fun (name, mean, std) -> [
                        "name", text name
                        "mean", number mean
                        "std", number std
                    ])
                )
            ]

    let private ofTarget (target: FittedTarget) : JsonNode =
        match target with
        | FittedTarget.Category(name, classes) ->
            record [ "kind", text "category"; "name", text name; "classes", ofColumn classes ]
        | FittedTarget.Real(names, log) ->
            record [
                "kind", text "real"
                "names", texts names
                "log", Unchecked.nonNull (JsonValue.Create log)
            ]

    /// The recipe as JSON of one line.
    let toJson (recipe: Recipe) : string =
        let fitted = recipe.Processing

        record [
            "version", Unchecked.nonNull (JsonValue.Create Version)
            "categorical", texts fitted.Features.Categorical
            "continuous", texts fitted.Features.Continuous
            "steps", fitted.Steps |> Seq.map (fun s -> ofStep s: JsonNode | null) |> array
            "target", ofTarget recipe.Target
        ]
        |> _.ToJsonString()

    // ---- reading ---------------------------------------------------------------------------------------------------

    let private field (name: string) (node: JsonNode) : JsonNode =
        match node[name] with
        | null -> failwith $"'{name}' is missing"
        | value -> value

    let private items (node: JsonNode) : JsonNode list = [
        for item in node.AsArray() do
            match item with
            | null -> failwith "an item is null"
            | item -> item
    ]

    let private textOf (node: JsonNode) : string = node.GetValue<string>()

    let private numberOf (node: JsonNode) : float =
        Double.Parse(textOf node, CultureInfo.InvariantCulture)

    let private textsOf (node: JsonNode) : string list = items node |> List.map textOf

    let private columnOf (node: JsonNode) : Column =
        let values = items (field "values" node) |> Array.ofList

        match textOf (field "kind" node) with
        | "reals" -> Column.Reals(Array.map numberOf values)
        | "integers" -> Column.Integers(values |> Array.map _.GetValue<int64>())
        | "flags" -> Column.Flags(values |> Array.map _.GetValue<bool>())
        | "dates" ->
            values
            |> Array.map (fun v ->
                DateTime.ParseExact(
                    textOf v,
                    "O",
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.RoundtripKind
                ))
            |> Column.Dates
        | "texts" -> values |> Seq.map (fun v -> textOf v: string | null) |> Column.ofTexts
        | other -> failwith $"'{other}' is no kind of column"

    let private stepOf (node: JsonNode) : FittedStep =
        let columns = items (field "columns" node)
        let name column = textOf (field "name" column)

        match textOf (field "step" node) with
        | "fill" ->
            FittedStep.Fill(
                columns |> List.map (fun c -> name c, numberOf (field "value" c)),
                (field "addColumn" node).GetValue<bool>()
            )
        | "classes" -> FittedStep.Classes(columns |> List.map (fun c -> name c, columnOf (field "classes" c)))
        | "scale" ->
            columns
            |> List.map (fun c -> name c, numberOf (field "mean" c), numberOf (field "std" c))
            |> FittedStep.Scale
        | other -> failwith $"'{other}' is no step"

    let private targetOf (node: JsonNode) : FittedTarget =
        match textOf (field "kind" node) with
        | "category" -> FittedTarget.Category(textOf (field "name" node), columnOf (field "classes" node))
        | "real" -> FittedTarget.Real(textsOf (field "names" node), (field "log" node).GetValue<bool>())
        | other -> failwith $"'{other}' is no kind of target"

    /// The recipe that `toJson` wrote; `path` names the file that it was in.
    ///
    /// *Errors:* `DataException` when it is not a recipe, or of a later version of this library.
    let ofJson (path: string) (json: string) : Recipe =
        let refuse (e: exn) =
            Fail.dataFrom e path $"its recipe for tables cannot be read ({e.Message})" "save the model again"

        try
            let root =
                match JsonNode.Parse json with
                | null -> failwith "it is empty"
                | root -> root

            let version = (field "version" root).GetValue<int>()

            if version > Version then
                failwith $"it has version {version}; this library knows {Version}"

            {
                Processing = {
                    Features = {
                        Categorical = textsOf (field "categorical" root)
                        Continuous = textsOf (field "continuous" root)
                    }
                    Steps = items (field "steps" root) |> List.map stepOf
                }
                Target = targetOf (field "target" root)
            }
        with
        | :? System.Text.Json.JsonException as e -> refuse e
        | :? InvalidOperationException as e -> refuse e
        | :? FormatException as e -> refuse e
        | Failure _ as e -> refuse e
