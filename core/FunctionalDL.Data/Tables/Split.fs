namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// The rows of a table in two parts.
type Parts = {
    /// The numbers of the rows to train on.
    Train: int[]
    /// The numbers of the rows to validate on.
    Valid: int[]
}

/// Ways to choose the rows to validate on.
[<RequireQualifiedAccess>]
module Split =

    let private refuse = Fail.data "splitting"

    /// The rows of which `isValid` is true for validation, the others for training; both in order.
    let byFlags (isValid: bool[]) : Parts =
        let valid, train =
            [| 0 .. isValid.Length - 1 |] |> Array.partition (Array.get isValid)

        { Train = train; Valid = valid }

    /// These rows, in this order, for validation, and the others of `count`, in theirs, for training.
    ///
    /// *Errors:* `DataException` when there is no such row, or one is named twice.
    let byIndices (valid: int[]) (count: int) : Parts =
        let isValid = Array.zeroCreate<bool> count

        for row in valid do
            if row < 0 || row >= count then
                refuse $"there is no row {row}" $"the rows are 0 to {count - 1}"

            if isValid[row] then
                refuse $"row {row} is named twice" "name each row once"

            isValid[row] <- true

        { byFlags isValid with Valid = valid }

    /// The part `fraction` of `count` rows, chosen by the key, for validation; fractions of a row are dropped.
    ///
    /// *Errors:* `DataException` when the fraction is not between 0 and 1.
    let random (fraction: float) (key: Key) (count: int) : Parts =
        if not (fraction >= 0.0 && fraction <= 1.0) then
            refuse $"a part of {fraction} is not possible" "give a number from 0 to 1"

        let order = Key.permutation count key |> Array.map int
        let valid, train = Array.splitAt (int (fraction * float count)) order

        { Train = train; Valid = valid }

    /// The rows whose flag (or number that is not 0) in a column is true for validation.
    let byColumn (name: string) (table: Table) : Parts = byFlags (Table.flags name table)

    /// The rows from a moment on for validation, earlier ones for training: nothing of the future is trained on.
    ///
    /// *Errors:* `DataException` when the column holds no dates, or one is missing.
    let fromDate (name: string) (from: DateTime) (table: Table) : Parts =
        let dates = Dates.complete name table
        byFlags (dates |> Array.map (fun date -> date >= from))

    /// The latest `count` rows for validation, and with them all rows of the earliest moment among them, so that no moment is in
    /// both parts; earlier rows for training. As in the lesson on sales, where the validation part is as long as the test.
    ///
    /// *Errors:* `DataException` when the column holds no dates, one is missing, or there are not more rows than `count`.
    let latest (name: string) (count: int) (table: Table) : Parts =
        let dates = Dates.complete name table

        if count < 1 || count >= dates.Length then
            refuse $"{count} of {dates.Length} rows for validation" $"give 1 to {dates.Length - 1}"

        let sorted = Array.sort dates
        fromDate name sorted[sorted.Length - count] table
