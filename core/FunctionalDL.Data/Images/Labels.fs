namespace FunctionalDL.Data

open System
open System.IO
open System.Text.RegularExpressions

/// Files of pictures and the class of each.
type LabelledFiles = {
    Files: string list
    /// The name of each file's class, in the order of the files.
    Labels: string list
}

/// Where the classes of pictures are told.
[<RequireQualifiedAccess>]
module LabelledFiles =

    /// The classes, sorted: class 0 is the first.
    let classes (files: LabelledFiles) : string list =
        files.Labels
        |> List.distinct
        |> List.sortWith (fun a b -> String.CompareOrdinal(a, b))

    /// The pictures in a folder and those below it, labelled by a function of their paths.
    ///
    /// *Errors:* `DataException` when the folder is missing or has no picture.
    let byFunction (label: string -> string) (folder: string) : LabelledFiles =
        let files = Images.inFolder folder

        {
            Files = files
            Labels = List.map label files
        }

    /// Labelled by the name of the folder that each lies in.
    ///
    /// *Errors:* as `byFunction`.
    let byFolder (folder: string) : LabelledFiles =
        byFunction (fun file -> string (Path.GetFileName(string (Path.GetDirectoryName file)))) folder

    /// Labelled by the first group of a regular expression that is looked for in each path (with `/` between folders).
    ///
    /// *Errors:* as `byFunction`, and when a path has no match, or the expression has no group or is none.
    let byPattern (pattern: string) (folder: string) : LabelledFiles =
        let regex =
            try
                Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds 10.0)
            with :? ArgumentException as e ->
                raise (
                    ArgumentException($"{pattern} is no regular expression: {e.Message}", nameof pattern, e)
                )

        if regex.GetGroupNumbers().Length < 2 then
            invalidArg (nameof pattern) $"{pattern} has no group: put the class in parentheses"

        let label (file: string) =
            let path = file.Replace('\\', '/')
            let found = regex.Match path

            if not found.Success then
                Fail.data
                    folder
                    $"Failed to find \"{pattern}\" in \"{path}\""
                    "give an expression that all names match, or remove the file"

            found.Groups[1].Value

        byFunction label folder

    /// The pictures that a table names, relative to a folder, and their classes; `suffix` is added to each name.
    ///
    /// *Errors:* `DataException` when the table, a column or a picture is missing, or a cell is empty.
    let byTable
        (file: string, label: string)
        (suffix: string)
        (folder: string)
        (csv: string)
        : LabelledFiles =
        let table = Csv.read csv

        let texts name =
            let column = Table.column name table

            [
                for row in 0 .. table.Rows - 1 ->
                    match Column.text row column with
                    | null -> Fail.data csv $"row {row + 1} has no {name}" "fill the cell, or remove the row"
                    | text -> text
            ]

        let files = texts file |> List.map (fun name -> Path.Combine(folder, name + suffix))

        match files |> List.tryFindIndex (File.Exists >> not) with
        | Some row ->
            Fail.data
                csv
                $"row {row + 1} names a file that is missing: {files[row]}"
                "give the folder of the pictures"
        | None -> ()

        if files.IsEmpty then
            Fail.data csv "it names no picture" "give a table with a row for each picture"

        { Files = files; Labels = texts label }
