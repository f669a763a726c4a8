namespace FunctionalDL.Data

open System
open System.Collections.Generic
open System.Globalization

/// A table as a value: named columns of one length. Every function gives a new table; columns are shared, never copied for
/// nothing.
[<Sealed>]
type Table private (source: string, names: string[], columns: Column[], rows: int) =
    let places = Dictionary<string, int>(StringComparer.Ordinal)
    do names |> Array.iteri (fun place name -> places.Add(name, place))

    /// Where the table came from, for messages: a file's path, or words such as "the table".
    member _.Source = source

    /// The names of the columns, from left to right.
    member _.Names: IReadOnlyList<string> = names

    /// How many rows there are.
    member _.Rows = rows

    /// The column of a name, if there is one.
    member _.TryColumn(name: string) : Column option =
        match places.TryGetValue name with
        | true, place -> Some columns[place]
        | false, _ -> None

    /// The columns with their names, from left to right.
    member _.Columns: (string * Column) list = List.ofArray (Array.zip names columns)

    /// *Errors:* `DataException` when a name appears twice or the columns differ in length.
    static member internal Make(source: string, columns: (string * Column) list) : Table =
        let names, columns = List.unzip columns
        let rows = columns |> List.tryHead |> Option.map Column.length

        match names |> List.countBy id |> List.tryFind (fun (_, count) -> count > 1) with
        | Some(name, count) ->
            Fail.data
                source
                $"{count} columns are named {Text.quote name}"
                "give each column a name of its own"
        | None -> ()

        for name, column in List.zip names columns do
            if Some(Column.length column) <> rows then
                Fail.data
                    source
                    $"column {Text.quote name} has {Column.length column} rows, the first column {rows.Value}"
                    "give columns of one length"

        Table(source, Array.ofList names, Array.ofList columns, defaultArg rows 0)

/// Making tables and computing with them.
[<RequireQualifiedAccess>]
module Table =

    /// A table of named columns.
    ///
    /// *Errors:* `DataException` when a name appears twice or the columns differ in length.
    let ofColumns (columns: (string * Column) list) : Table = Table.Make("the table", columns)

    /// A table of named columns that says in messages where it came from.
    let internal ofSource source columns = Table.Make(source, columns)

    /// Raises a `DataException` about a table.
    let internal refuse (table: Table) problem remedy = Fail.data table.Source problem remedy

    /// The column of a name.
    ///
    /// *Errors:* `DataException` naming the columns there are.
    let column (name: string) (table: Table) : Column =
        match table.TryColumn name with
        | Some column -> column
        | None ->
            let known = String.Join(", ", table.Names)
            refuse table $"there is no column {Text.quote name}" $"the columns are {known}"

    /// The numbers of a column (flags as 0 and 1, missing as NaN).
    ///
    /// *Errors:* `DataException` when there is no such column, or it holds dates or texts.
    let numbers (name: string) (table: Table) : float[] =
        let column = column name table

        match Column.tryNumbers column with
        | Some numbers -> numbers
        | None ->
            refuse
                table
                $"column {Text.quote name} holds {Column.kind column}, not numbers"
                "give a column of numbers, or leave it out"

    /// Whether each value of a column is true: flags as they are, numbers that are not 0 (NaN counts as true, as in NumPy), texts
    /// that are not empty; what is missing counts as false but for numbers.
    ///
    /// *Errors:* `DataException` when there is no such column, or it holds dates.
    let flags (name: string) (table: Table) : bool[] =
        match column name table with
        | Column.Flags values -> values
        | Column.Integers values -> values |> Array.map (fun v -> v <> 0L)
        | Column.Reals values -> values |> Array.map (fun v -> v <> 0.0)
        | Column.Texts texts -> texts.Codes |> Array.map (fun code -> code >= 0 && texts.Values[code] <> "")
        | Column.Dates _ ->
            refuse
                table
                $"column {Text.quote name} holds dates, not flags"
                "give a column of flags or numbers"

    /// The table with a column put at the end, or in the place of the one of the same name.
    ///
    /// *Errors:* `DataException` when the column has another length.
    let set (name: string) (column: Column) (table: Table) : Table =
        if table.TryColumn(name).IsSome then
            table.Columns
            |> List.map (fun (other, old) -> other, (if other = name then column else old))
            |> ofSource table.Source
        else
            ofSource table.Source (table.Columns @ [ name, column ])

    /// The table with several columns set, one after the other.
    let setAll (columns: (string * Column) list) (table: Table) : Table =
        (table, columns)
        ||> List.fold (fun table (name, column) -> set name column table)

    /// The columns of these names, in this order.
    ///
    /// *Errors:* `DataException` naming a column that there is not.
    let select (names: string list) (table: Table) : Table =
        names |> List.map (fun name -> name, column name table) |> ofSource table.Source

    /// The table without the columns whose names `unwanted` picks.
    let dropWhere (unwanted: string -> bool) (table: Table) : Table =
        table.Columns |> List.filter (fst >> unwanted >> not) |> ofSource table.Source

    /// The table without these columns.
    ///
    /// *Errors:* `DataException` naming a column that there is not.
    let drop (names: string list) (table: Table) : Table =
        for name in names do
            column name table |> ignore

        dropWhere (fun name -> List.contains name names) table

    /// The table with a column renamed.
    ///
    /// *Errors:* `DataException` when there is no such column, or one has the new name already.
    let rename (oldName: string) (newName: string) (table: Table) : Table =
        column oldName table |> ignore

        table.Columns
        |> List.map (fun (name, column) -> (if name = oldName then newName else name), column)
        |> ofSource table.Source

    /// The rows of these numbers, in this order; -1 gives a row of missing values.
    let take (rows: int[]) (table: Table) : Table =
        match rows |> Array.tryFind (fun row -> row < -1 || row >= table.Rows) with
        | Some row -> refuse table $"there is no row {row}" $"the rows are 0 to {table.Rows - 1}"
        | None -> ()

        table.Columns
        |> List.map (fun (name, column) -> name, Column.take rows column)
        |> ofSource table.Source

    /// The rows of which `wanted` is true.
    ///
    /// *Errors:* `DataException` when there are more or fewer flags than rows.
    let filter (wanted: bool[]) (table: Table) : Table =
        if wanted.Length <> table.Rows then
            refuse table $"{wanted.Length} flags for {table.Rows} rows" "give a flag for each row"

        take
            (Array.indexed wanted
             |> Array.choose (fun (i, keep) -> if keep then Some i else None))
            table

    /// The rows of `first` and then those of `second`, by the names of the columns.
    ///
    /// *Errors:* `DataException` when the tables have different columns, or kinds of values that do not go together.
    let append (first: Table) (second: Table) : Table =
        if Set.ofSeq first.Names <> Set.ofSeq second.Names then
            refuse
                second
                $"its columns are not those of {first.Source}"
                $"give a table with the columns {String.Join(',', first.Names)}"

        first.Columns
        |> List.map (fun (name, column1) ->
            let column2 = column name second

            match Column.tryAppend column1 column2 with
            | Some both -> name, both
            | None ->
                refuse
                    second
                    $"column {Text.quote name} holds {Column.kind column2}, in {first.Source} {Column.kind column1}"
                    "give columns of one kind")
        |> ofSource first.Source

    // ---- order and groups ----------------------------------------------------------------------------------------------

    /// `rows` in the order of their codes, equal ones as they came: a counting sort. Missing ones (-1) come last.
    let private sortBy (levels: Levels) (rows: int[]) : int[] =
        let slot row =
            let code = levels.Codes[row]
            if code < 0 then levels.Count else code

        let starts = Array.zeroCreate<int>(levels.Count + 2)

        for row in rows do
            starts[slot row + 1] <- starts[slot row + 1] + 1

        for i in 1 .. levels.Count + 1 do
            starts[i] <- starts[i] + starts[i - 1]

        let sorted = Array.zeroCreate<int> rows.Length

        for row in rows do
            let place = slot row
            sorted[starts[place]] <- row
            starts[place] <- starts[place] + 1

        sorted

    /// The numbers of the rows sorted by the first of `names`, those of one value by the second, and so on; equal rows as they
    /// came, missing values last.
    let order (names: string list) (table: Table) : int[] =
        // From the last key to the first, each sort keeping the order of the one before.
        (names, [| 0 .. table.Rows - 1 |])
        ||> List.foldBack (fun name rows -> sortBy (Column.levels (column name table)) rows)

    /// The rows sorted by the first of `names`, those of one value by the second, and so on; missing values last.
    let sort (names: string list) (table: Table) : Table = take (order names table) table

    // ---- to look at ----------------------------------------------------------------------------------------------------

    /// The value of row `i` as it is shown: at most four decimals, `NaN` for what is missing.
    let private shown i column =
        match column with
        | Column.Reals values -> values[i].ToString("0.####", CultureInfo.InvariantCulture)
        | Column.Integers _
        | Column.Flags _
        | Column.Dates _
        | Column.Texts _ ->
            match Column.text i column with
            | null -> "NaN"
            | text -> text

    /// The first `most` rows as text, each column under its name and as wide as it needs to be; then how many rows and columns
    /// there are.
    let show (most: int) (table: Table) : string =
        let rows = min most table.Rows

        let lines =
            table.Columns
            |> List.map (fun (name, column) ->
                let cells = name :: List.init rows (fun i -> shown i column)
                let width = cells |> List.map String.length |> List.max
                cells |> List.map (fun (cell: string) -> cell.PadLeft width))
            |> List.transpose
            |> List.map (String.concat "  ")

        String.Join('\n', lines @ [ $"[{table.Rows} rows x {table.Names.Count} columns]" ])
