namespace FunctionalDL.Data

open System
open System.IO

/// Writing files so that a reader sees the old content or the new, never a half: everything that this
/// library saves goes through here.
[<RequireQualifiedAccess>]
module Atomic =

    /// The folder that `path` lies in, as an absolute path.
    let private folderOf (path: string) : string =
        match Path.GetDirectoryName(Path.GetFullPath path) with
        | null -> Fail.data path "it is the root of the file system" "give the name of a file"
        | folder -> folder

    /// `path` itself or the nearest place above it that is a file, where only a folder could be.
    let rec private fileAbove (path: string) : string option =
        if File.Exists path then
            Some path
        elif Directory.Exists path then
            None
        else
            match Path.GetDirectoryName path with
            | null
            | "" -> None
            | parent -> fileAbove parent

    /// Deletes `path` if it can be deleted. Used on the way out of a failure, whose own exception is the
    /// one to report.
    let private tryDelete (path: string) : unit =
        try
            File.Delete path
        with
        | :? IOException
        | :? UnauthorizedAccessException -> ()

    /// Makes sure that `folder` exists, with the folders above it.
    ///
    /// *Errors:* `DataException` when it is a file, or cannot be created.
    let createFolder (folder: string) : unit =
        Fail.checkPath folder

        match fileAbove folder with
        | Some file when file = folder -> Fail.data folder "it is a file" "give the name of a folder"
        | Some file ->
            Fail.data
                folder
                $"the folder cannot be created: {file} is a file"
                "give a folder that you may write into"
        | None -> ()

        try
            Directory.CreateDirectory folder |> ignore
        with
        | :? UnauthorizedAccessException as e ->
            Fail.dataFrom
                e
                folder
                "the folder cannot be created: access is denied"
                "give a folder that you may write into"
        | :? IOException as e ->
            Fail.dataFrom
                e
                folder
                $"the folder cannot be created: {e.Message}"
                "give a folder that you may write into"

    /// Writes the file `path` with the bytes that `fill` puts into the stream: all of them, or none.
    ///
    /// The bytes go to a hidden temporary file in the same folder, are flushed to the disk, and the
    /// temporary file is then renamed to `path`, which the system does in one step. Whatever fails, `fill`
    /// included, an older file of that name stays as it was and the temporary file is removed. A symbolic
    /// link at `path` is replaced, not followed.
    ///
    /// *Errors:* `DataException` when the folder is missing or cannot be written, when `path` is a folder,
    /// or when the disk is full; what `fill` itself throws passes through, unless it is the file system's.
    let write (path: string) (fill: Stream -> unit) : unit =
        Fail.checkPath path

        if Directory.Exists path then
            Fail.data path "it is a folder" "give the name of a file"

        let folder = folderOf path

        match fileAbove folder with
        | Some file ->
            Fail.data path $"{file} is a file, not a folder" "give a folder that you may write into"
        | None when not (Directory.Exists folder) ->
            Fail.data path $"the folder {folder} does not exist" "create it, or give another"
        | None -> ()

        let temporary = Path.Combine(folder, $".{Path.GetRandomFileName()}.tmp")

        let fillTemporary () =
            use stream =
                new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None)

            fill stream
            stream.Flush(flushToDisk = true)

        try
            try
                fillTemporary ()
                File.Move(temporary, path, overwrite = true)
            with
            | :? UnauthorizedAccessException as e ->
                Fail.dataFrom
                    e
                    path
                    "it cannot be written: access is denied"
                    "give a folder that you may write into"
            | :? IOException as e ->
                Fail.dataFrom
                    e
                    path
                    $"it cannot be written: {e.Message}"
                    "give a folder that you may write into, with room for the file"
        finally
            // After the rename there is nothing left of that name, and deleting nothing is not an error.
            tryDelete temporary
