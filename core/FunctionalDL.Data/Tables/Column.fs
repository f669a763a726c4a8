namespace FunctionalDL.Data

open System
open System.Collections.Generic
open System.Globalization

/// Texts of which each distinct one is held once.
type Texts = {
    /// For each row the place of its text in `Values`; -1 where it is missing.
    Codes: int[]
    /// The distinct texts, in the order in which they first appear.
    Values: string[]
}

/// The values of one column of a table, a row each.
[<RequireQualifiedAccess>]
type Column =
    /// Numbers; NaN where one is missing.
    | Reals of float[]
    /// Whole numbers; none is missing. A column that comes to miss one becomes `Reals`.
    | Integers of int64[]
    /// Yes or no; none is missing. A column that comes to miss one becomes `Texts`.
    | Flags of bool[]
    /// Moments; `Column.noDate` where one is missing.
    | Dates of DateTime[]
    /// Texts, each distinct one held once.
    | Texts of Texts

/// The distinct values of a column in their natural order, and which one each row has.
type Levels = {
    /// For each row the place of its value in `Values`; -1 where it is missing.
    Codes: int[]
    /// The distinct values that are not missing, sorted: numbers by size, false before true, texts by their characters.
    Values: Column
    /// How many distinct values there are.
    Count: int
}

/// Making columns and looking at them.
[<RequireQualifiedAccess>]
module Column =

    /// The moment that stands for a missing one.
    let noDate = DateTime.MinValue

    /// How many rows there are.
    let length column =
        match column with
        | Column.Reals values -> values.Length
        | Column.Integers values -> values.Length
        | Column.Flags values -> values.Length
        | Column.Dates values -> values.Length
        | Column.Texts texts -> texts.Codes.Length

    /// What kind of values there are, in a word for messages.
    let kind column =
        match column with
        | Column.Reals _ -> "numbers"
        | Column.Integers _ -> "whole numbers"
        | Column.Flags _ -> "flags"
        | Column.Dates _ -> "dates"
        | Column.Texts _ -> "texts"

    /// Whether the value of row `i` is missing.
    let isMissing i column =
        match column with
        | Column.Reals values -> Double.IsNaN values[i]
        | Column.Dates values -> values[i] = noDate
        | Column.Texts texts -> texts.Codes[i] < 0
        | Column.Integers _
        | Column.Flags _ -> false

    /// How many values are missing.
    let missing column =
        match column with
        | Column.Integers _
        | Column.Flags _ -> 0
        | Column.Reals _
        | Column.Dates _
        | Column.Texts _ ->
            let mutable count = 0

            for i in 0 .. length column - 1 do
                if isMissing i column then
                    count <- count + 1

            count

    /// Codes the texts that `text` gives for each of `count` rows (null: missing).
    let internal encode count (text: int -> string | null) : Texts =
        let places = Dictionary<string, int>(StringComparer.Ordinal)
        let values = List<string>()

        let code (value: string | null) =
            match value with
            | null -> -1
            | value ->
                match places.TryGetValue value with
                | true, place -> place
                | false, _ ->
                    places.Add(value, values.Count)
                    values.Add value
                    values.Count - 1

        let codes = Array.init count (text >> code)

        {
            Codes = codes
            Values = values.ToArray()
        }

    /// A column of texts; null is a missing one.
    let ofTexts (values: seq<string | null>) : Column =
        let values = Seq.toArray values
        Column.Texts(encode values.Length (fun i -> values[i]))

    /// The text of row `i`, the same in every culture; null where the value is missing. Dates as `2015-07-31`, with the time
    /// where there is one: `2015-07-31 13:05:00`.
    let text i column : string | null =
        if isMissing i column then
            null
        else
            match column with
            | Column.Reals values -> values[i].ToString("R", CultureInfo.InvariantCulture)
            | Column.Integers values -> values[i].ToString CultureInfo.InvariantCulture
            | Column.Flags values -> if values[i] then "True" else "False"
            | Column.Dates values ->
                let format =
                    if values[i].TimeOfDay = TimeSpan.Zero then
                        "yyyy-MM-dd"
                    else
                        "yyyy-MM-dd HH:mm:ss"

                values[i].ToString(format, CultureInfo.InvariantCulture)
            | Column.Texts texts -> texts.Values[texts.Codes[i]]

    /// The column as texts.
    let asTexts column : Texts =
        match column with
        | Column.Texts texts -> texts
        | Column.Reals _
        | Column.Integers _
        | Column.Flags _
        | Column.Dates _ -> encode (length column) (fun i -> text i column)

    /// The numbers of a column of reals, whole numbers or flags (1 for true); `None` for dates and texts.
    let tryNumbers column : float[] option =
        match column with
        | Column.Reals values -> Some values
        | Column.Integers values -> Some(Array.map float values)
        | Column.Flags values -> Some(values |> Array.map (fun v -> if v then 1.0 else 0.0))
        | Column.Dates _
        | Column.Texts _ -> None

    // ---- rows ------------------------------------------------------------------------------------------------------

    /// The values at `rows`, in that order; -1 gives a missing value.
    let take (rows: int[]) column : Column =
        let hasGaps = Array.exists (fun row -> row < 0) rows

        let pick absent (values: 'a[]) =
            rows |> Array.map (fun row -> if row < 0 then absent else values[row])

        match column with
        | Column.Reals values -> Column.Reals(pick nan values)
        | Column.Integers values when hasGaps -> Column.Reals(values |> Array.map float |> pick nan)
        | Column.Integers values -> Column.Integers(pick 0L values)
        | Column.Flags values when not hasGaps -> Column.Flags(pick false values)
        | Column.Flags _ ->
            let texts = asTexts column

            Column.Texts {
                texts with
                    Codes = pick -1 texts.Codes
            }
        | Column.Dates values -> Column.Dates(pick noDate values)
        | Column.Texts texts ->
            Column.Texts {
                texts with
                    Codes = pick -1 texts.Codes
            }

    /// The rows of `first` and then those of `second`. Whole numbers beside reals become reals; `None` when the kinds of
    /// values do not go together.
    let tryAppend first second : Column option =
        match first, second with
        | Column.Integers a, Column.Integers b -> Some(Column.Integers(Array.append a b))
        | Column.Flags a, Column.Flags b -> Some(Column.Flags(Array.append a b))
        | Column.Dates a, Column.Dates b -> Some(Column.Dates(Array.append a b))
        | Column.Texts a, Column.Texts _ ->
            let rows = a.Codes.Length

            encode (rows + length second) (fun i -> if i < rows then text i first else text (i - rows) second)
            |> Column.Texts
            |> Some
        | (Column.Reals _ | Column.Integers _), (Column.Reals _ | Column.Integers _) ->
            Option.map2 (fun a b -> Column.Reals(Array.append a b)) (tryNumbers first) (tryNumbers second)
        | (Column.Reals _ | Column.Integers _ | Column.Flags _ | Column.Dates _ | Column.Texts _), _ -> None

    // ---- distinct values ---------------------------------------------------------------------------------------------

    /// The sorted distinct ones of `values` that are not missing, and the place of each row's.
    let private sortedLevels (comparer: IComparer<'a>) (isMissing: 'a -> bool) (values: 'a[]) : int[] * 'a[] =
        let sorted = HashSet(values |> Seq.filter (isMissing >> not)) |> Seq.toArray

        Array.Sort(sorted, comparer)
        let places = Dictionary<'a, int>(sorted.Length)
        sorted |> Array.iteri (fun place value -> places.Add(value, place))

        values |> Array.map (fun value -> if isMissing value then -1 else places[value]), sorted

    /// The distinct values of a column in their natural order, and which one each row has.
    let levels column : Levels =
        let present _ = false

        let result codes values = {
            Codes = codes
            Values = values
            Count = length values
        }

        match column with
        | Column.Reals values ->
            let codes, sorted = sortedLevels Comparer.Default Double.IsNaN values
            result codes (Column.Reals sorted)
        | Column.Integers values ->
            let codes, sorted = sortedLevels Comparer.Default present values
            result codes (Column.Integers sorted)
        | Column.Flags values ->
            let codes, sorted = sortedLevels Comparer.Default present values
            result codes (Column.Flags sorted)
        | Column.Dates values ->
            let codes, sorted = sortedLevels Comparer.Default (fun v -> v = noDate) values
            result codes (Column.Dates sorted)
        | Column.Texts texts ->
            // Not every value need be in use: rows may have been taken away.
            let used = Array.zeroCreate<bool> texts.Values.Length

            for code in texts.Codes do
                if code >= 0 then
                    used[code] <- true

            let inUse = Array.filter (Array.get used) [| 0 .. texts.Values.Length - 1 |]
            let sorted = inUse |> Array.map (Array.get texts.Values)
            Array.Sort(sorted, inUse, StringComparer.Ordinal)
            let places = Array.create texts.Values.Length -1
            inUse |> Array.iteri (fun place code -> places[code] <- place)

            result
                (texts.Codes |> Array.map (fun code -> if code < 0 then -1 else places[code]))
                (Column.Texts {
                    Codes = Array.init sorted.Length id
                    Values = sorted
                })

    /// For each row of `column` the place of its value in `values`; -1 where it is missing or not among them. `None` when the
    /// kinds of values do not go together (numbers of both kinds do).
    let tryPlaces (values: Column) (column: Column) : int[] option =
        let lookUp (known: 'a[]) (isMissing: 'a -> bool) (wanted: 'a[]) =
            let places = Dictionary<'a, int>(known.Length)
            known |> Array.iteri (fun place value -> places[value] <- place)

            wanted
            |> Array.map (fun value ->
                if isMissing value then
                    -1
                else
                    match places.TryGetValue value with
                    | true, place -> place
                    | false, _ -> -1)

        match values, column with
        | Column.Texts known, Column.Texts texts ->
            let places =
                lookUp (known.Codes |> Array.map (Array.get known.Values)) (fun _ -> false) texts.Values

            Some(texts.Codes |> Array.map (fun code -> if code < 0 then -1 else places[code]))
        | Column.Flags known, Column.Flags wanted -> Some(lookUp known (fun _ -> false) wanted)
        | Column.Dates known, Column.Dates wanted -> Some(lookUp known (fun v -> v = noDate) wanted)
        | (Column.Reals _ | Column.Integers _), (Column.Reals _ | Column.Integers _) ->
            Option.map2
                (fun known wanted -> lookUp known Double.IsNaN wanted)
                (tryNumbers values)
                (tryNumbers column)
        | (Column.Reals _ | Column.Integers _ | Column.Flags _ | Column.Dates _ | Column.Texts _), _ -> None
