namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// What is to be predicted.
[<RequireQualifiedAccess>]
type TargetKind =
    /// One of several classes.
    | Category
    /// Numbers, a column each; with `log` their natural logarithms.
    | Real of log: bool

/// Targets that have seen the training rows: a value, to be kept with the model.
[<RequireQualifiedAccess>]
type FittedTarget =
    /// The sorted classes of a column.
    | Category of name: string * classes: Column
    /// Columns of numbers; with `log` their natural logarithms.
    | Real of names: string list * log: bool

/// The targets of a table.
type Targets = {
    /// The numbers of the rows that have a target.
    Rows: int[]
    /// Classes `[rows]` (int64) or numbers `[rows; columns]` (float32).
    Values: Tensor
    /// Up to five classes that are not among those of training, whose rows were left out.
    Unknown: string list
}

/// Columns to be predicted.
[<RequireQualifiedAccess>]
module Target =

    /// How many unknown classes are named.
    [<Literal>]
    let private MostNamed = 5

    let private refuseMissing name row (table: Table) =
        Table.refuse
            table
            $"column {Text.quote name}, row {row}: the target is missing"
            "leave out rows without a target before fitting"

    /// What a column suggests: reals are numbers, whole numbers, texts and flags are classes. A column of whole numbers that
    /// are amounts needs to be told: `TargetKind.Real`.
    ///
    /// *Errors:* `DataException` when there is no such column, or it holds dates.
    let infer (name: string) (table: Table) : TargetKind =
        match Table.column name table with
        | Column.Reals _ -> TargetKind.Real false
        | Column.Integers _
        | Column.Flags _
        | Column.Texts _ -> TargetKind.Category
        | Column.Dates _ ->
            Table.refuse
                table
                $"column {Text.quote name} holds dates, which cannot be predicted"
                "give a column of classes or numbers"

    /// The targets in columns of the training rows: of one column for classes, of one or several for numbers.
    ///
    /// *Errors:* `DataException` when a target is missing or not a number, or there are several columns of classes.
    let fit (kind: TargetKind) (names: string list) (train: Table) : FittedTarget =
        for name in names do
            let column = Table.column name train

            if Column.missing column > 0 then
                let row =
                    Seq.find (fun i -> Column.isMissing i column) (seq { 0 .. train.Rows - 1 })

                refuseMissing name row train

        match kind, names with
        | TargetKind.Category, [ name ] ->
            FittedTarget.Category(name, (Column.levels (Table.column name train)).Values)
        | TargetKind.Category, _ ->
            Table.refuse train $"{names.Length} columns of classes as target" "give one column"
        | TargetKind.Real _, [] -> Table.refuse train "no column as target" "give at least one column"
        | TargetKind.Real log, names ->
            for name in names do
                Table.numbers name train |> ignore

            FittedTarget.Real(names, log)

    let private applyCategory name classes (table: Table) : Targets =
        let column = Table.column name table

        match Column.tryPlaces classes column with
        | None ->
            Table.refuse
                table
                $"column {Text.quote name} holds {Column.kind column}, in training {Column.kind classes}"
                "give classes of the same kind"
        | Some places ->
            match Seq.tryFind (fun i -> Column.isMissing i column) (seq { 0 .. table.Rows - 1 }) with
            | Some row -> refuseMissing name row table
            | None -> ()

            let known, unknown =
                [| 0 .. table.Rows - 1 |] |> Array.partition (fun i -> places[i] >= 0)

            {
                Rows = known
                Values = Tensor.ofInt64s [ known.Length ] (known |> Array.map (fun i -> int64 places[i]))
                Unknown =
                    unknown
                    |> Seq.map (fun i -> string (Column.text i column))
                    |> Seq.distinct
                    |> Seq.truncate MostNamed
                    |> List.ofSeq
            }

    let private applyReal (names: string list) log (table: Table) : Targets =
        let columns =
            names |> List.map (fun name -> name, Table.numbers name table) |> Array.ofList

        for name, numbers in columns do
            match Array.tryFindIndex (fun x -> Double.IsNaN x || (log && x <= 0.0)) numbers with
            | Some row when Double.IsNaN numbers[row] -> refuseMissing name row table
            | Some row ->
                Table.refuse
                    table
                    $"column {Text.quote name}, row {row}: {numbers[row]} has no logarithm"
                    "leave out rows that are not above 0, or do not ask for the logarithm"
            | None -> ()

        let value i =
            let x = (snd columns[i % columns.Length])[i / columns.Length]
            float32 (if log then Math.Log x else x)

        {
            Rows = [| 0 .. table.Rows - 1 |]
            Values =
                Tensor.ofFloat32s
                    [ table.Rows; columns.Length ]
                    (Array.init (table.Rows * columns.Length) value)
            Unknown = []
        }

    /// The targets of a table. Rows whose class was not among those of training are left out, and said.
    ///
    /// *Errors:* `DataException` when a target is missing, of another kind, or has no logarithm that is asked for.
    let apply (fitted: FittedTarget) (table: Table) : Targets =
        match fitted with
        | FittedTarget.Category(name, classes) -> applyCategory name classes table
        | FittedTarget.Real(names, log) -> applyReal names log table

    /// The names of the columns.
    let names (fitted: FittedTarget) : string list =
        match fitted with
        | FittedTarget.Category(name, _) -> [ name ]
        | FittedTarget.Real(names, _) -> names

    /// The names of the classes in order; none for numbers.
    let classes (fitted: FittedTarget) : string list =
        match fitted with
        | FittedTarget.Category(_, classes) -> [
            for i in 0 .. Column.length classes - 1 -> string (Column.text i classes)
          ]
        | FittedTarget.Real _ -> []

    /// How many outputs a model needs.
    let outputs (fitted: FittedTarget) : int =
        match fitted with
        | FittedTarget.Category(_, classes) -> Column.length classes
        | FittedTarget.Real(names, _) -> names.Length

    /// The columns of numbers `[rows; columns]`, undone from their logarithms where those were learned.
    let private numbersOf (names: string list) log (values: Tensor) =
        let width = names.Length

        let values = Tensor.toFloats values |> if log then Array.map Math.Exp else id

        names
        |> List.mapi (fun i name ->
            name, Column.Reals(Array.init (values.Length / width) (fun row -> values[row * width + i])))

    let private classesAt name classes (places: Tensor) =
        let places = Tensor.toInt64s places |> Array.map int
        [ name, Column.take places classes ]

    /// The columns that `apply` made targets of, for the rows that it kept.
    let restore (fitted: FittedTarget) (targets: Tensor) : (string * Column) list =
        match fitted with
        | FittedTarget.Category(name, classes) -> classesAt name classes targets
        | FittedTarget.Real(names, log) -> numbersOf names log targets

    /// What a model's outputs say, as columns of the targets' names: the class with the largest of `[rows; classes]`, or the
    /// numbers of `[rows; columns]`, undone from their logarithms where those were learned.
    ///
    /// *Errors:* `DataException` when the outputs are not a table of as many columns as `outputs` tells.
    let decode (fitted: FittedTarget) (predicted: Tensor) : (string * Column) list =
        let width = outputs fitted

        match predicted.Shape.ToArray() with
        | [| _; columns |] when columns = width -> ()
        | _ -> Fail.data "the predictions" $"their shape is {predicted.Shape}" $"give [rows; {width}]"

        match fitted with
        | FittedTarget.Category(name, classes) -> classesAt name classes (Tensor.argmax 1 predicted)
        | FittedTarget.Real(names, log) -> numbersOf names log predicted
