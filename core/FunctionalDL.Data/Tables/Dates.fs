namespace FunctionalDL.Data

open System
open System.Globalization

/// Reading dates, and making columns of numbers of them.
[<RequireQualifiedAccess>]
module Dates =

    /// The ways to write a date that are told apart by themselves. Where the order of day and month cannot be seen, nothing is
    /// assumed.
    let formats = [
        "yyyy-MM-dd"
        "yyyy-MM-dd HH:mm:ss"
        "yyyy-MM-dd'T'HH:mm:ss"
        "yyyy/MM/dd"
        "yyyyMMdd"
        "d.M.yyyy"
        "M/d/yyyy"
        "d/M/yyyy"
    ]

    let private tryExact (format: string) (text: string) : DateTime voption =
        match DateTime.TryParseExact(text, format, CultureInfo.InvariantCulture, DateTimeStyles.None) with
        | true, date -> ValueSome date
        | false, _ -> ValueNone

    /// The texts as dates of one format, each distinct text parsed once; or the first that is not of that format.
    let internal tryParseAs (format: string) (texts: Texts) : Result<DateTime[], string> =
        let dates = texts.Values |> Array.map (tryExact format)

        match Array.tryFindIndex ValueOption.isNone dates with
        | Some place -> Error texts.Values[place]
        | None ->
            texts.Codes
            |> Array.map (fun code -> if code < 0 then Column.noDate else dates[code].Value)
            |> Ok

    /// The one of `formats` that all texts have.
    let private formatOf (texts: Texts) : Result<string, string> =
        let fits format text = (tryExact format text).IsSome

        match texts.Values with
        | [||] -> Ok formats.Head
        | values ->
            // Those that fit the first text tell which text is the first to break the rule.
            let candidates = formats |> List.filter (fun format -> fits format values[0])

            let rec narrow candidates i =
                if List.isEmpty candidates then
                    Error values[i - 1]
                elif i = values.Length then
                    Ok candidates
                else
                    narrow (candidates |> List.filter (fun format -> fits format values[i])) (i + 1)

            match narrow candidates 1 with
            | Ok [ format ] -> Ok format
            | Ok _ -> Error values[0]
            | Error text -> Error text

    /// The texts as dates, all written in one of `formats`; or the first text that is written otherwise, or leaves open which
    /// number is the month.
    let internal tryParse (texts: Texts) : Result<DateTime[], string> =
        formatOf texts |> Result.bind (fun format -> tryParseAs format texts)

    let private refuseText (name: string) (texts: Texts) (text: string) (remedy: string) (table: Table) : 'a =
        let row =
            texts.Codes
            |> Array.findIndex (fun code -> code >= 0 && texts.Values[code] = text)

        Table.refuse table $"column {Text.quote name}, row {row}: {Text.quote text} is not a date" remedy

    /// The dates of a column: as they are, or from texts that are all written in one of `formats`.
    ///
    /// *Errors:* `DataException` naming the first row that is written otherwise than the rows before it, or whose order of day
    /// and month cannot be told (use `parseAs`), or a column of numbers.
    let ofColumn (name: string) (table: Table) : DateTime[] =
        match Table.column name table with
        | Column.Dates dates -> dates
        | Column.Texts texts ->
            match tryParse texts with
            | Ok dates -> dates
            | Error text ->
                refuseText
                    name
                    texts
                    text
                    "write all dates of the column alike, best as 2015-07-31, or give their format"
                    table
        | Column.Reals _
        | Column.Integers _
        | Column.Flags _ as column ->
            Table.refuse
                table
                $"column {Text.quote name} holds {Column.kind column}, not dates"
                "give a column of dates, or of texts that are dates"

    /// The dates of a column, of which none may be missing.
    let internal complete (name: string) (table: Table) : DateTime[] =
        let dates = ofColumn name table

        match Array.tryFindIndex (fun date -> date = Column.noDate) dates with
        | Some row ->
            Table.refuse
                table
                $"column {Text.quote name}, row {row}: the date is missing"
                "leave such rows out"
        | None -> dates

    /// The table with a column of texts turned into dates of one format (.NET's custom format strings, such as `d/M/yyyy`).
    ///
    /// *Errors:* `DataException` naming the first row of another format.
    let parseAs (format: string) (name: string) (table: Table) : Table =
        match Table.column name table with
        | Column.Texts texts ->
            match tryParseAs format texts with
            | Ok dates -> Table.set name (Column.Dates dates) table
            | Error text -> refuseText name texts text $"write it as {format}" table
        | Column.Dates _ -> table
        | Column.Reals _
        | Column.Integers _
        | Column.Flags _ as column ->
            Table.refuse
                table
                $"column {Text.quote name} holds {Column.kind column}, not texts"
                "read it as texts: give its kind to Csv.read"

    // ---- parts of a date -------------------------------------------------------------------------------------------

    /// The name less a final "Date" or "date", as fastai's `add_datepart` shortens it.
    let private prefixOf (name: string) : string =
        if
            name.EndsWith("Date", StringComparison.Ordinal)
            || name.EndsWith("date", StringComparison.Ordinal)
        then
            name.Substring(0, name.Length - 4)
        else
            name

    let private isLastDay (date: DateTime) =
        date.Day = DateTime.DaysInMonth(date.Year, date.Month)

    /// A whole number of each date; missing where the date is.
    let private whole (part: DateTime -> int64) (dates: DateTime[]) : Column =
        if Array.contains Column.noDate dates then
            dates
            |> Array.map (fun date -> if date = Column.noDate then nan else float (part date))
            |> Column.Reals
        else
            Column.Integers(Array.map part dates)

    /// A flag of each date; false where the date is missing.
    let private flag (part: DateTime -> bool) (dates: DateTime[]) : Column =
        dates
        |> Array.map (fun date -> date <> Column.noDate && part date)
        |> Column.Flags

    let private dayParts: (string * (DateTime[] -> Column)) list = [
        "Year", whole (fun d -> d.Year)
        "Month", whole (fun d -> d.Month)
        "Week", whole (fun d -> ISOWeek.GetWeekOfYear d)
        "Day", whole (fun d -> d.Day)
        "Dayofweek", whole (fun d -> (int64 d.DayOfWeek + 6L) % 7L)
        "Dayofyear", whole (fun d -> d.DayOfYear)
        "Is_month_end", flag isLastDay
        "Is_month_start", flag (fun d -> d.Day = 1)
        "Is_quarter_end", flag (fun d -> d.Month % 3 = 0 && isLastDay d)
        "Is_quarter_start", flag (fun d -> d.Month % 3 = 1 && d.Day = 1)
        "Is_year_end", flag (fun d -> d.Month = 12 && d.Day = 31)
        "Is_year_start", flag (fun d -> d.DayOfYear = 1)
    ]

    let private timeParts: (string * (DateTime[] -> Column)) list = [
        "Hour", whole (fun d -> d.Hour)
        "Minute", whole (fun d -> d.Minute)
        "Second", whole (fun d -> d.Second)
    ]

    let private elapsed: string * (DateTime[] -> Column) =
        "Elapsed", whole (fun d -> (d - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond)

    /// The source column put aside: dropped, or kept as dates.
    let private keepOrDrop keep name dates table =
        if keep then
            Table.set name (Column.Dates dates) table
        else
            Table.drop [ name ] table

    /// What a date says, as columns that a model can use: year, month, ISO week, day, day of the week (Monday 0) and of the
    /// year, whether it begins or ends a month, quarter or year, with `time` hour, minute and second, and the seconds since
    /// 1970 began. The names begin with that of the column less a final "Date" (or with `prefix`); unless `keep`, the column
    /// itself goes. fastai's `add_datepart`.
    ///
    /// *Errors:* as `ofColumn`.
    let addParts (prefix: string option) (keep: bool) (time: bool) (name: string) (table: Table) : Table =
        let dates = ofColumn name table
        let prefix = defaultArg prefix (prefixOf name)

        [
            yield! dayParts
            if time then
                yield! timeParts
            elapsed
        ]
        |> List.map (fun (part, column) -> prefix + part, column dates)
        |> fun parts -> Table.setAll parts table
        |> keepOrDrop keep name dates

    /// The whole numbers of days, hours and so on as places on a circle, so that December lies beside January.
    let private cycles (time: bool) : (string * (DateTime -> float)) list = [
        "weekday", (fun d -> float ((int d.DayOfWeek + 6) % 7) / 7.0)
        "day_month", (fun d -> float (d.Day - 1) / float (DateTime.DaysInMonth(d.Year, d.Month)))
        "month_year", (fun d -> float (d.Month - 1) / 12.0)
        "day_year", (fun d -> float (d.DayOfYear - 1) / (if DateTime.IsLeapYear d.Year then 366.0 else 365.0))
        if time then
            "hour", (fun d -> float d.Hour / 24.0)
            "clock", (fun d -> float (d.Hour % 12) / 12.0)
            "min", (fun d -> float d.Minute / 60.0)
            "sec", (fun d -> float d.Second / 60.0)
    ]

    /// The year with its part that has passed.
    let private linear (date: DateTime) =
        let days = if DateTime.IsLeapYear date.Year then 366.0 else 365.0
        float date.Year + (date - DateTime(date.Year, 1, 1)).TotalDays / days

    /// Cosine and sine of the place of a date in its week, month and year (with `time` of the day, the clock's half day, the hour
    /// and the minute too), and with `linear` the year as a number with decimals. fastai's `add_cyclic_datepart`.
    ///
    /// *Errors:* as `ofColumn`.
    let addCyclicParts
        (prefix: string option)
        (keep: bool)
        (time: bool)
        (addLinear: bool)
        (name: string)
        (table: Table)
        : Table =
        let dates = ofColumn name table
        let prefix = defaultArg prefix (prefixOf name)

        let reals part =
            dates
            |> Array.map (fun date -> if date = Column.noDate then nan else part date)
            |> Column.Reals

        [
            for cycle, place in cycles time do
                $"{prefix}{cycle}_cos", reals (fun date -> Math.Cos(Math.Tau * place date))
                $"{prefix}{cycle}_sin", reals (fun date -> Math.Sin(Math.Tau * place date))
            if addLinear then
                $"{prefix}year_lin", reals linear
        ]
        |> fun parts -> Table.setAll parts table
        |> keepOrDrop keep name dates
