namespace FunctionalDL.Data

open System
open System.IO

/// A file or folder that cannot be used as asked: missing, denied, cut off, malformed or inconsistent.
/// The one exception that reading and writing data throw for bad input; wrong arguments of a caller are
/// `ArgumentException`. `Message` is always one line, `path: problem; remedy`, fit for a terminal.
///
/// *Arguments:* the file or folder concerned, what is wrong with it, what would be right, and the exception
/// of the system or a parser underneath, if any.
[<Sealed>]
type DataException(path: string, problem: string, remedy: string, inner: exn | null) =
    inherit Exception($"{Text.oneLine path}: {Text.oneLine problem}; {Text.oneLine remedy}", inner)

    /// The file or folder that the message is about, as the caller spelled it.
    member _.Path = path

    /// What is wrong, without the path: "no such file", "cut off: …".
    member _.Problem = problem

    /// What would be right, or what to do: "give an IDX file of unsigned bytes".
    member _.Remedy = remedy

/// Raising `DataException`, and turning the system's exceptions into it.
module internal Fail =

    /// Raises a `DataException` about `path`.
    let data (path: string) (problem: string) (remedy: string) : 'a =
        raise (DataException(path, problem, remedy, null))

    /// Raises a `DataException` about `path` that keeps the exception it came from.
    let dataFrom (inner: exn) (path: string) (problem: string) (remedy: string) : 'a =
        raise (DataException(path, problem, remedy, inner))

    /// Runs `action`, and turns whatever the file system says into a `DataException` about `path`.
    /// Exceptions that are not the file system's pass through untouched.
    let translating (path: string) (action: unit -> 'a) : 'a =
        try
            action ()
        with
        | :? FileNotFoundException as e -> dataFrom e path "no such file" "check the path"
        | :? DirectoryNotFoundException as e ->
            dataFrom e path "the folder it should be in does not exist" "check the path, or create the folder"
        | :? UnauthorizedAccessException as e ->
            dataFrom e path "access is denied" "check the permissions, and that it is a file"
        // The path itself is impossible (empty, a zero character), or the file has no length (a pipe).
        | :? NotSupportedException as e -> dataFrom e path e.Message "give the path of an ordinary file"
        | :? IOException as e -> dataFrom e path e.Message "check the path and the disk, then try again"

    /// Refuses a path that no file can have, before the system throws an `ArgumentException` about it.
    let checkPath (path: string) : unit =
        if String.IsNullOrWhiteSpace path || path.Contains '\000' then
            data $"'{path}'" "not a path" "give the name of a file or folder"

    /// Opens the file `path` and reads it with `action`; `what` says what kind of file is wanted ("a CSV file"). What the file system
    /// says becomes a `DataException`, as for a path that no file can have and for a folder.
    let reading (path: string) (what: string) (action: FileStream -> 'a) : 'a =
        checkPath path

        if Directory.Exists path then
            data path "it is a folder" $"give the name of {what}"

        translating path (fun () ->
            use file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read)
            action file)
