namespace FunctionalDL.Data

/// The columns that a model is given.
type Features = {
    /// Columns of classes, each to become an embedding.
    Categorical: string list
    /// Columns of numbers.
    Continuous: string list
}

/// Which columns are numbers and which are classes.
[<RequireQualifiedAccess>]
module Features =

    /// How many distinct whole numbers a column may have and still be one of classes.
    [<Literal>]
    let MaxCardinality = 20

    /// The columns of a table but `without`, split: numbers, and whole numbers of more than `maxCardinality` distinct values, are
    /// continuous; all others are categorical. fastai's `cont_cat_split`.
    let split (maxCardinality: int) (without: string list) (table: Table) : Features =
        let isContinuous (_, column) =
            match column with
            | Column.Reals _ -> true
            | Column.Integers values -> (Array.distinct values).Length > maxCardinality
            | Column.Flags _
            | Column.Dates _
            | Column.Texts _ -> false

        let continuous, categorical =
            table.Columns
            |> List.filter (fun (name, _) -> not (List.contains name without))
            |> List.partition isContinuous

        {
            Categorical = List.map fst categorical
            Continuous = List.map fst continuous
        }
