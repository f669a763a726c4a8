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

    /// How many flags there are among each row and the `window - 1` before it, of the same base, in the order of `rows`.
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
    let Week = 7

    let private flagsOf fields table =
        fields |> List.map (fun field -> field, Table.flags field table)

    let private counts window walk flags =
        let columns ending rows =
            flags
            |> List.map (fun (field, flags) -> field + ending, recent window walk rows flags)

        columns "_bw" walk.Rows @ columns "_fw" (Array.rev walk.Rows)

    /// For each of `fields`, taken as flags, two columns: field + `_bw`, how often it was true in this row and the
    /// `window - 1` before; field + `_fw`, the same for those after. Each over the rows with one value of `baseField`, in the
    /// order of `dateField`; near the ends there are fewer rows.
    ///
    /// *Errors:* `DataException` when a column is missing, a date cannot be read or is missing, a field holds dates, or the window
    /// is less than 1.
    let addCounts
        (window: int)
        (fields: string list)
        (dateField: string)
        (baseField: string)
        (table: Table)
        : Table =
        if window < 1 then
            Table.refuse table $"a window of {window} rows" "give 1 or more"

        Table.setAll (counts window (walk dateField baseField table) (flagsOf fields table)) table

    /// For each of `fields`, taken as flags, four columns: `After` + field, the days since it was last true; `Before` + field,
    /// the days until it will next be true, counted as 0 or less; and the counts of a week as `addCounts` adds them. Each over
    /// the rows with one value of `baseField`, in the order of `dateField`. Where it never was or will be true the days are 0.
    /// fastai's `add_elapsed_times`.
    ///
    /// *Errors:* `DataException` when a column is missing, a date cannot be read or is missing, or a field holds dates.
    let add (fields: string list) (dateField: string) (baseField: string) (table: Table) : Table =
        let walk = walk dateField baseField table
        let flags = flagsOf fields table

        let days beginning rows =
            flags
            |> List.map (fun (field, flags) -> beginning + field, since walk rows flags)

        let columns =
            days "After" walk.Rows
            @ days "Before" (Array.rev walk.Rows)
            @ counts Week walk flags

        Table.setAll columns table
