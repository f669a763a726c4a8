namespace FunctionalDL.Data

open System

/// How long ago something happened last, how soon it will happen next, and how often of late: columns made of flags over time,
/// for each shop, customer or machine by itself. fastai's `add_elapsed_times`.
[<RequireQualifiedAccess>]
module Elapsed =

    /// The rows of one base value after the other, each in the order of time.
    type private Walk = {
        /// The numbers of the rows.
        Rows: int[]
        /// The number of the base value of each row of the table.
        Base: int[]
        /// The day of each row of the table.
        Days: DateTime[]
    }

    let private walk (dateField: string) (baseField: string) (table: Table) : Walk =
        let dates = Dates.complete dateField table
        let levels = Column.levels (Table.column baseField table)

        {
            Rows =
                Table.set dateField (Column.Dates dates) table
                |> Table.order [ baseField; dateField ]
            Base = levels.Codes
            Days = dates
        }

    /// The days from the last row with a flag, of the same base, to each row, in the order of `rows`; 0 before the first.
    let private since (walk: Walk) (rows: int[]) (flags: bool[]) : Column =
        let days = Array.zeroCreate<int64> rows.Length
        let mutable last = ValueNone
        let mutable current = Int32.MinValue

        for row in rows do
            if walk.Base[row] <> current then
                current <- walk.Base[row]
                last <- ValueNone

            if flags[row] then
                last <- ValueSome walk.Days[row]

            days[row] <-
                match last with
                | ValueSome date -> int64 (Math.Floor (walk.Days[row] - date).TotalDays)
                | ValueNone -> 0L

        Column.Integers days

    /// How many flags there are among each row and the six before it, of the same base, in the order of `rows`.
    let private recent (window: int) (walk: Walk) (rows: int[]) (flags: bool[]) : Column =
        let counts = Array.zeroCreate<float> rows.Length
        let mutable start = 0
        let mutable count = 0

        for place in 0 .. rows.Length - 1 do
            let row = rows[place]

            if place > 0 && walk.Base[row] <> walk.Base[rows[place - 1]] then
                start <- place
                count <- 0

            if place - start = window then
                count <- count - Convert.ToInt32 flags[rows[start]]
                start <- start + 1

            count <- count + Convert.ToInt32 flags[row]
            counts[row] <- float count

        Column.Reals counts

    /// How many rows a rolling sum takes together: a week of days.
    [<Literal>]
    let private Week = 7

    /// For each of `fields`, taken as flags, four columns: `After` + field, the days since it was last true; `Before` + field,
    /// the days until it will next be true, counted as 0 or less; field + `_bw`, how often it was true in this row and the six
    /// before; field + `_fw`, the same for the six after. Each over the rows with one value of `baseField`, in the order of
    /// `dateField`. Where it never was or will be true the days are 0.
    ///
    /// *Errors:* `DataException` when a column is missing, a date cannot be read or is missing, or a field holds dates.
    let add (fields: string list) (dateField: string) (baseField: string) (table: Table) : Table =
        let walk = walk dateField baseField table
        let forwards = walk.Rows
        let backwards = Array.rev forwards
        let flags = fields |> List.map (fun field -> field, Table.flags field table)

        let columns name column =
            flags |> List.map (fun (field, flags) -> name field, column flags)

        [
            columns (fun field -> "After" + field) (since walk forwards)
            columns (fun field -> "Before" + field) (since walk backwards)
            columns (fun field -> field + "_bw") (recent Week walk forwards)
            columns (fun field -> field + "_fw") (recent Week walk backwards)
        ]
        |> List.concat
        |> fun columns -> Table.setAll columns table
