namespace FunctionalDL.Data

open System
open FunctionalDL.Core

/// What takes the place of a missing number.
[<RequireQualifiedAccess>]
type FillStrategy =
    /// The median of the training rows.
    | Median
    /// The value that the training rows have most often.
    | Common
    | Constant of float

/// What is to be done with the columns of a table before a model sees them.
[<RequireQualifiedAccess>]
type Processor =
    /// Fills the missing numbers of the continuous columns. With `addColumn` a column of classes, `name_na`, tells where.
    | FillMissing of strategy: FillStrategy * addColumn: bool
    /// Numbers the classes of the categorical columns: 0 is for what is missing or unknown, the sorted values follow.
    | Categorify
    /// Gives the continuous columns mean 0 and standard deviation 1.
    | Normalize

/// What one processor learned from the training rows.
[<RequireQualifiedAccess>]
type FittedStep =
    /// For each column that missed values in training what takes their place.
    | Fill of fillers: (string * float) list * addColumn: bool
    /// The classes of each categorical column.
    | Classes of (string * Column) list
    /// Mean and standard deviation of each continuous column.
    | Scale of (string * float * float) list

/// Processors that have seen the training rows: a value, to be kept with the model.
type Fitted = {
    /// The columns of the model, those that were added among them.
    Features: Features
    /// What is done, in order.
    Steps: FittedStep list
}

/// Tables made ready for a model: fitted on the training rows, repeated on all others.
[<RequireQualifiedAccess>]
module Processing =

    /// fastai's: missing numbers filled with the median and told in a column of their own, classes numbered, numbers normalised.
    let defaults = [
        Processor.FillMissing(FillStrategy.Median, true)
        Processor.Categorify
        Processor.Normalize
    ]

    /// The first class of every categorical column: missing, or not seen in training.
    [<Literal>]
    let Missing = "#na#"

    /// What is added to a standard deviation before dividing by it.
    [<Literal>]
    let private Epsilon = 1e-7

    // ---- one step on a table ---------------------------------------------------------------------------------------

    let private indicator name = name + "_na"

    let private fill (fillers: (string * float) list) addColumn (continuous: string list) (table: Table) =
        let fillOne table name =
            let column = Table.column name table

            match List.tryFind (fst >> (=) name) fillers with
            | None when Column.missing column > 0 ->
                Table.refuse
                    table
                    $"column {Text.quote name} misses values, which it did not in training"
                    "fill them before, or train on rows that miss some too"
            | None -> table
            | Some(_, filler) ->
                let values = Table.numbers name table
                let isMissing = values |> Array.map Double.IsNaN

                let filled =
                    values |> Array.map (fun value -> if Double.IsNaN value then filler else value)

                table
                |> Table.set name (Column.Reals filled)
                |> if addColumn then
                       Table.set (indicator name) (Column.Flags isMissing)
                   else
                       id

        List.fold fillOne table continuous

    let private numberClasses (classes: (string * Column) list) (table: Table) =
        (table, classes)
        ||> List.fold (fun table (name, values) ->
            let column = Table.column name table

            let places =
                // A column with nothing in it may be of any kind.
                if Column.missing column = table.Rows then
                    Array.create table.Rows -1
                else
                    match Column.tryPlaces values column with
                    | Some places -> places
                    | None ->
                        Table.refuse
                            table
                            $"column {Text.quote name} holds {Column.kind column}, in training {Column.kind values}"
                            "give values of the same kind"

            let codes = places |> Array.map (fun place -> int64 place + 1L)
            Table.set name (Column.Integers codes) table)

    let private numbersOf name (table: Table) =
        match Column.tryNumbers (Table.column name table) with
        | Some numbers -> numbers
        | None ->
            Table.refuse
                table
                $"column {Text.quote name} cannot be normalised: it holds {Column.kind (Table.column name table)}"
                "name it among the categorical columns, or leave it out"

    let private scale (scales: (string * float * float) list) (table: Table) =
        (table, scales)
        ||> List.fold (fun table (name, mean, std) ->
            let scaled =
                numbersOf name table
                |> Array.map (fun value -> (value - mean) / (Epsilon + std))

            Table.set name (Column.Reals scaled) table)

    let private applyStep (features: Features) table step =
        match step with
        | FittedStep.Fill(fillers, addColumn) -> fill fillers addColumn features.Continuous table
        | FittedStep.Classes classes -> numberClasses classes table
        | FittedStep.Scale scales -> scale scales table

    // ---- fitting ---------------------------------------------------------------------------------------------------

    let private fitFill strategy addColumn (features: Features) table : FittedStep * Features =
        let filler values =
            match strategy with
            | FillStrategy.Median -> Statistics.median values
            | FillStrategy.Common -> Statistics.mode values
            | FillStrategy.Constant value -> value

        let fillers =
            features.Continuous
            |> List.filter (fun name -> Column.missing (Table.column name table) > 0)
            |> List.map (fun name ->
                let value = filler (Table.numbers name table)

                if Double.IsNaN value then
                    Table.refuse
                        table
                        $"column {Text.quote name} has no value to fill the missing ones with"
                        "leave it out, or give a constant"

                name, value)

        let added =
            if addColumn then
                fillers |> List.map (fst >> indicator)
            else
                []

        FittedStep.Fill(fillers, addColumn),
        {
            features with
                Categorical = features.Categorical @ added
        }

    let private fitStep (features: Features) table processor : FittedStep * Features =
        match processor with
        | Processor.FillMissing(strategy, addColumn) -> fitFill strategy addColumn features table
        | Processor.Categorify ->
            let classes name =
                (Column.levels (Table.column name table)).Values

            FittedStep.Classes(features.Categorical |> List.map (fun name -> name, classes name)), features
        | Processor.Normalize ->
            let scale name =
                let mean, std = Statistics.meanAndStd (numbersOf name table)
                name, mean, std

            FittedStep.Scale(List.map scale features.Continuous), features

    /// The processors after they have seen the training rows, each on what the ones before it made of them.
    ///
    /// *Errors:* `DataException` when a column is missing, a continuous one holds dates or texts, or one to be filled has no value.
    let fit (processors: Processor list) (features: Features) (train: Table) : Fitted =
        let fitNext (table, features, steps) processor =
            let step, features = fitStep features table processor
            applyStep features table step, features, step :: steps

        let _, features, steps = List.fold fitNext (train, features, []) processors

        {
            Features = features
            Steps = List.rev steps
        }

    /// The table with the columns of the model as fitted: classes as whole numbers, numbers as reals. Nothing is learned from it.
    ///
    /// *Errors:* `DataException` when a column is missing or of another kind than in training, or misses values where none were
    /// missing then.
    let apply (fitted: Fitted) (table: Table) : Table =
        List.fold (applyStep fitted.Features) table fitted.Steps

    // ---- for the model ---------------------------------------------------------------------------------------------

    /// The names of the classes of each categorical column, `#na#` first.
    let classes (fitted: Fitted) : (string * string list) list =
        fitted.Steps
        |> List.tryPick (fun step ->
            match step with
            | FittedStep.Classes classes -> Some classes
            | FittedStep.Fill _
            | FittedStep.Scale _ -> None)
        |> Option.defaultValue []
        |> List.map (fun (name, values) ->
            name,
            Missing
            :: [ for i in 0 .. Column.length values - 1 -> string (Column.text i values) ])

    /// The codes `[rows; categorical]` (int64) and numbers `[rows; continuous]` (float32) of a table that `apply` made.
    ///
    /// *Errors:* `DataException` when a categorical column is not of whole numbers, which Categorify makes, or a number is missing.
    let tensors (fitted: Fitted) (table: Table) : Tensor * Tensor =
        let codesOf name =
            match Table.column name table with
            | Column.Integers codes -> codes
            | Column.Reals _
            | Column.Flags _
            | Column.Dates _
            | Column.Texts _ as column ->
                Table.refuse
                    table
                    $"column {Text.quote name} holds {Column.kind column}, not the numbers of classes"
                    "put Categorify among the processors"

        let numbersOf name =
            let numbers = Table.numbers name table

            match Array.tryFindIndex Double.IsNaN numbers with
            | Some row ->
                Table.refuse
                    table
                    $"column {Text.quote name}, row {row}: the number is missing"
                    "put FillMissing among the processors"
            | None -> numbers

        let rows = table.Rows

        let interleave (convert: 'a -> 'b) (columns: 'a[] list) =
            let columns = Array.ofList columns
            let width = columns.Length

            Array.init (rows * width) (fun i ->
                let column = columns[i % width]
                convert column[i / width])

        let codes = fitted.Features.Categorical |> List.map codesOf
        let numbers = fitted.Features.Continuous |> List.map numbersOf

        Tensor.ofInt64s [ rows; codes.Length ] (interleave id codes),
        Tensor.ofFloat32s [ rows; numbers.Length ] (interleave float32 numbers)

    /// The columns of the model as they were before `apply`, from what `tensors` made of them: classes by themselves (missing where
    /// they are missing or unknown), numbers in their own units, with what was filled in for missing ones. `inputs` are the codes and
    /// the numbers, or the one of them that there is.
    let restore (fitted: Fitted) (inputs: Tensor list) : (string * Column) list =
        let pick choose =
            List.tryPick choose fitted.Steps |> Option.defaultValue []

        let classes =
            pick (fun step ->
                match step with
                | FittedStep.Classes classes -> Some classes
                | FittedStep.Fill _
                | FittedStep.Scale _ -> None)

        let scales =
            pick (fun step ->
                match step with
                | FittedStep.Scale scales -> Some scales
                | FittedStep.Fill _
                | FittedStep.Classes _ -> None)

        let column (values: 'a[]) width place =
            Array.init (values.Length / width) (fun row -> values[row * width + place])

        let ofCodes (codes: Tensor) =
            let codes = Tensor.toInt64s codes

            classes
            |> List.mapi (fun i (name, values) ->
                let places = column codes classes.Length i |> Array.map (fun code -> int code - 1)
                name, Column.take places values)

        let ofNumbers (numbers: Tensor) =
            let numbers = Tensor.toFloats numbers
            let names = fitted.Features.Continuous

            names
            |> List.mapi (fun i name ->
                let mean, std =
                    scales
                    |> List.tryPick (fun (other, mean, std) ->
                        if other = name then Some(mean, Epsilon + std) else None)
                    |> Option.defaultValue (0.0, 1.0)

                name, Column.Reals(column numbers names.Length i |> Array.map (fun x -> x * std + mean)))

        match inputs with
        | [ codes; numbers ] -> ofCodes codes @ ofNumbers numbers
        | [ codes ] when fitted.Features.Continuous.IsEmpty -> ofCodes codes
        | [ numbers ] -> ofNumbers numbers
        | _ ->
            Fail.data
                "the inputs"
                $"there are {inputs.Length}"
                "give the codes of classes, the numbers, or both"
