namespace FunctionalDL.Data

open System
open System.Collections.Generic

/// Bringing the rows of two tables together.
[<RequireQualifiedAccess>]
module Join =

    /// A number for each row of both tables, the same for rows whose values of a pair of columns are the same; -1 where one is
    /// missing, which equals nothing.
    let private pairCodes (left: Table) (right: Table) (leftName: string, rightName: string) : Levels =
        let a = Table.column leftName left
        let b = Table.column rightName right

        match Column.tryAppend a b with
        | Some both -> Column.levels both
        | None ->
            Table.refuse
                right
                $"column {Text.quote rightName} holds {Column.kind b}, {Text.quote leftName} of {left.Source} {Column.kind a}"
                "join on columns of one kind"

    /// The same for several pairs: the numbers of each further pair refine those of the pairs before.
    let private keyCodes (left: Table) (right: Table) (pairs: (string * string) list) : int64[] =
        let rows = left.Rows + right.Rows

        ((Array.zeroCreate<int64> rows), pairs)
        ||> List.fold (fun codes pair ->
            let levels: Levels = pairCodes left right pair
            // Renumbered after each pair, so that no product can overflow.
            let numbers = Dictionary<int64, int64>()

            Array.map2
                (fun code level ->
                    if code < 0L || level < 0 then
                        -1L
                    else
                        let key = code * int64 levels.Count + int64 level

                        match numbers.TryGetValue key with
                        | true, number -> number
                        | false, _ ->
                            numbers.Add(key, int64 numbers.Count)
                            int64 numbers.Count - 1L)
                codes
                levels.Codes)

    /// For each row of the left table the numbers of the right rows that match, or one -1; as pairs.
    let private matches (left: Table) (right: Table) (codes: int64[]) : int[] * int[] =
        // The right rows of one key as a chain, first row first.
        let first = Dictionary<int64, int>()
        let next = Array.create right.Rows -1

        for row in right.Rows - 1 .. -1 .. 0 do
            let code = codes[left.Rows + row]

            if code >= 0L then
                match first.TryGetValue code with
                | true, later -> next[row] <- later
                | false, _ -> ()

                first[code] <- row

        let leftRows = List<int>(left.Rows)
        let rightRows = List<int>(left.Rows)

        for row in 0 .. left.Rows - 1 do
            let mutable other =
                match first.TryGetValue codes[row] with
                | true, other -> other
                | false, _ -> -1

            leftRows.Add row
            rightRows.Add other

            while other >= 0 && next[other] >= 0 do
                other <- next[other]
                leftRows.Add row
                rightRows.Add other

        leftRows.ToArray(), rightRows.ToArray()

    /// The left join on pairs of columns, a left and a right one each: every row of `left` in its order, with the columns of the
    /// row of `right` that has the same values; once for each such row, and with missing values where there is none. The columns
    /// joined on appear once when they have one name; any other column of `right` whose name `left` has too gets `suffix`.
    ///
    /// *Errors:* `DataException` when a column is missing or two to be compared hold different kinds of values, and when a name
    /// appears twice even with the suffix.
    let left (pairs: (string * string) list) (suffix: string) (left: Table) (right: Table) : Table =
        if pairs.IsEmpty then
            Table.refuse left "no columns to join on" "name at least one"

        let leftRows, rightRows = matches left right (keyCodes left right pairs)
        let shared = pairs |> List.filter (fun (a, b) -> a = b) |> List.map snd

        let fromRight =
            right.Columns
            |> List.filter (fun (name, _) -> not (List.contains name shared))
            |> List.map (fun (name, column) ->
                (if left.TryColumn(name).IsSome then name + suffix else name), Column.take rightRows column)

        let fromLeft = (Table.take leftRows left).Columns
        Table.ofSource left.Source (fromLeft @ fromRight)

    /// `left` on columns that have one name in both tables, with the suffix "_y".
    let on (names: string list) : Table -> Table -> Table =
        left (names |> List.map (fun name -> name, name)) "_y"
