namespace FunctionalDL.Data

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.IO.Compression
open System.Text
open CsvHelper
open CsvHelper.Configuration

/// What a column of a file is to be read as.
[<RequireQualifiedAccess>]
type ColumnKind =
    /// Numbers with a decimal point, in any culture.
    | Reals
    /// Whole numbers; they become numbers when one is missing.
    | Integers
    /// `True` or `False` in any case.
    | Flags
    /// Dates, see `Dates.parse`.
    | Dates
    /// Texts, as they stand.
    | Texts

/// How a CSV file is read.
type CsvOptions = {
    /// What stands between fields.
    Delimiter: string
    /// Fields that stand for a missing value, apart from empty ones.
    Missing: string list
    /// The kinds of columns that are not to be guessed, by name.
    Kinds: Map<string, ColumnKind>
}

/// Reading and writing comma-separated values (RFC 4180), through CsvHelper.
[<RequireQualifiedAccess>]
module Csv =

    /// Commas, and the words for "missing" that pandas knows; every kind is guessed.
    let options = {
        Delimiter = ","
        Missing = [ "NA"; "N/A"; "n/a"; "NaN"; "nan"; "-nan"; "NULL"; "null"; "None"; "#N/A"; "<NA>" ]
        Kinds = Map.empty
    }

    let private invariant = CultureInfo.InvariantCulture

    /// The fields of one column as they come in: each distinct text once, in the order of appearance.
    type private Fields() =
        let places = Dictionary<string, int>(StringComparer.Ordinal)
        let values = List<string>()
        let codes = List<int>()

        member _.Add(field: string) =
            match places.TryGetValue field with
            | true, place -> codes.Add place
            | false, _ ->
                places.Add(field, values.Count)
                codes.Add values.Count
                values.Add field

        /// The column as texts, without the fields that stand for a missing value.
        member _.Texts(isMissing: string -> bool) : Texts =
            let kept = values |> Seq.filter (isMissing >> not) |> Seq.toArray
            let mutable next = -1

            let places =
                values.ToArray()
                |> Array.map (fun value ->
                    if isMissing value then
                        -1
                    else
                        next <- next + 1
                        next)

            {
                Codes = codes.ToArray() |> Array.map (Array.get places)
                Values = kept
            }

    // ---- kinds -----------------------------------------------------------------------------------------------------

    let private tryInteger (text: string) : int64 voption =
        match Int64.TryParse(text, NumberStyles.AllowLeadingSign, invariant) with
        | true, value -> ValueSome value
        | false, _ -> ValueNone

    let private tryReal (text: string) : float voption =
        match Double.TryParse(text, NumberStyles.Float, invariant) with
        | true, value -> ValueSome value
        | false, _ -> ValueNone

    let private tryFlag (text: string) : bool voption =
        match Boolean.TryParse text with
        | true, value -> ValueSome value
        | false, _ -> ValueNone

    /// The values of texts, of which each distinct one is parsed once: or the first text that does not parse.
    let private parse (parser: string -> 'a voption) (absent: 'a) (texts: Texts) : Result<'a[], string> =
        let values = texts.Values |> Array.map parser

        match Array.tryFindIndex ValueOption.isNone values with
        | Some place -> Error texts.Values[place]
        | None ->
            texts.Codes
            |> Array.map (fun code -> if code < 0 then absent else values[code].Value)
            |> Ok

    let private isComplete (texts: Texts) = not (Array.contains -1 texts.Codes)

    /// The texts as values of a kind, or the first text that is none.
    let private ofKind (kind: ColumnKind) (texts: Texts) : Result<Column, string> =
        let reals () =
            parse tryReal nan texts |> Result.map Column.Reals

        match kind with
        | ColumnKind.Texts -> Ok(Column.Texts texts)
        | ColumnKind.Reals -> reals ()
        | ColumnKind.Integers ->
            match parse tryInteger 0L texts with
            | Ok _ when not (isComplete texts) -> reals ()
            | Ok values -> Ok(Column.Integers values)
            | Error text -> Error text
        | ColumnKind.Flags ->
            match parse tryFlag false texts with
            | Ok _ when not (isComplete texts) -> Ok(Column.Texts texts)
            | Ok values -> Ok(Column.Flags values)
            | Error text -> Error text
        | ColumnKind.Dates -> Dates.tryParse texts |> Result.map Column.Dates

    /// Whole numbers if all are, else numbers, else flags, else texts. A column with nothing in it holds missing numbers.
    let private guess (texts: Texts) : Column =
        [ ColumnKind.Integers; ColumnKind.Reals; ColumnKind.Flags ]
        |> List.tryPick (fun kind -> ofKind kind texts |> Result.toOption)
        |> Option.defaultValue (Column.Texts texts)

    let private nameOf kind =
        match kind with
        | ColumnKind.Reals -> "a number"
        | ColumnKind.Integers -> "a whole number"
        | ColumnKind.Flags -> "True or False"
        | ColumnKind.Dates -> "a date written as the others"
        | ColumnKind.Texts -> "a text"

    // ---- reading ---------------------------------------------------------------------------------------------------

    /// A reader of the file's text, plain or gzip (told apart by content), that refuses what is not UTF-8.
    let private openText (file: FileStream) : StreamReader =
        let bytes: Stream =
            if Deflate.isGzip file then
                new GZipStream(file, CompressionMode.Decompress)
            else
                file

        new StreamReader(bytes, UTF8Encoding(false, true), detectEncodingFromByteOrderMarks = true)

    let private readHeader (path: string) (parser: CsvParser) : string[] =
        if not (parser.Read()) then
            Fail.data path "it is empty" "give a file whose first line names the columns"

        let names = Array.init parser.Count (fun i -> string parser[i])

        match
            names
            |> Array.countBy id
            |> Array.tryFind (fun (name, count) -> count > 1 || name = "")
        with
        | Some("", _) -> Fail.data path "line 1: a column has no name" "name every column in the first line"
        | Some(name, _) ->
            Fail.data
                path
                $"line 1: two columns are named {Text.quote name}"
                "give each column a name of its own"
        | None -> names

    /// The fields of all columns, by name.
    let private readFields (options: CsvOptions) (path: string) (reader: StreamReader) : (string * Fields)[] =
        // A record may go over several lines: it is named by its first one.
        let line = ref 1

        let configuration =
            CsvConfiguration(
                invariant,
                Delimiter = options.Delimiter,
                CacheFields = true,
                BadDataFound =
                    BadDataFound(fun _ ->
                        Fail.data
                            path
                            $"line {line.Value}: a quotation mark is never closed, or not doubled inside a field"
                            "close the quotation, and write a mark inside one twice")
            )

        use parser = new CsvParser(reader, configuration)
        let names = readHeader path parser
        let fields = names |> Array.map (fun _ -> Fields())
        line.Value <- parser.RawRow + 1

        while parser.Read() do
            if parser.Count <> fields.Length then
                Fail.data
                    path
                    $"line {line.Value}: {parser.Count} fields, but the first line names {fields.Length} columns"
                    $"mend the line, or give another delimiter than '{options.Delimiter}'"

            for i in 0 .. fields.Length - 1 do
                fields[i].Add(string parser[i])

            line.Value <- parser.RawRow + 1

        Array.zip names fields

    let private toColumn
        (options: CsvOptions)
        (path: string)
        (name: string, fields: Fields)
        : string * Column =
        let missing = HashSet(options.Missing, StringComparer.Ordinal)
        let texts = fields.Texts(fun field -> field = "" || missing.Contains field)

        match Map.tryFind name options.Kinds with
        | None -> name, guess texts
        | Some kind ->
            match ofKind kind texts with
            | Ok column -> name, column
            | Error text ->
                let row =
                    texts.Codes
                    |> Array.findIndex (fun code -> code >= 0 && texts.Values[code] = text)

                Fail.data
                    path
                    $"column {Text.quote name}, row {row}: {Text.quote text} is not {nameOf kind}"
                    "mend the file, read the column as texts, or name the text among the missing ones"

    /// The table in a CSV file whose first line names the columns, plain or gzip, in UTF-8 (or with a byte order mark).
    ///
    /// A column is of whole numbers if all its fields are, else of numbers, else of flags (True, False), else of texts. Empty
    /// fields are missing, and those that `options` names.
    ///
    /// *Errors:* `DataException` when the file is missing or empty, is not UTF-8, has a line with too few or too many fields or a
    /// quotation never closed, names no or the same column twice, or has a field that is not of the kind that `options` gives.
    let readWith (options: CsvOptions) (path: string) : Table =
        let fields =
            Fail.reading path "a CSV file" (fun file ->
                try
                    use reader = openText file
                    readFields options path reader
                with
                | :? DecoderFallbackException as e ->
                    Fail.dataFrom e path $"it is not UTF-8 ({e.Message})" "save the file as UTF-8"
                | :? InvalidDataException as e ->
                    Fail.dataFrom
                        e
                        path
                        $"its gzip data are broken or cut off ({e.Message})"
                        "fetch the file again")

        for name in Map.keys options.Kinds do
            if not (Array.exists (fun (other, _) -> other = name) fields) then
                Fail.data
                    path
                    $"there is no column {Text.quote name}, whose kind was given"
                    $"""the columns are {String.Join(", ", Array.map fst fields)}"""

        fields
        |> Array.map (toColumn options path)
        |> List.ofArray
        |> Table.ofSource path

    /// `readWith options`.
    let read (path: string) : Table = readWith options path

    // ---- writing ---------------------------------------------------------------------------------------------------

    /// Writes a table as CSV in UTF-8, whole or not at all: a first line with the names, numbers as short as they read back the
    /// same, missing values as empty fields.
    ///
    /// *Errors:* `DataException` when the file cannot be written; an older one stays then.
    let write (path: string) (table: Table) : unit =
        Atomic.write path (fun stream ->
            use writer = new StreamWriter(stream, UTF8Encoding false, leaveOpen = true)

            use csv =
                new CsvWriter(writer, CsvConfiguration(invariant, NewLine = "\n"), leaveOpen = true)

            for name in table.Names do
                csv.WriteField name

            csv.NextRecord()

            for row in 0 .. table.Rows - 1 do
                for _, column in table.Columns do
                    csv.WriteField(Column.text row column)

                csv.NextRecord())
