namespace FunctionalDL.Data

open System
open System.IO

/// Picture files of all formats.
[<RequireQualifiedAccess>]
module Images =

    /// How files of a format begin, and how they are read.
    let private formats: (byte[] * (BitmapLimits -> string -> Stream -> Bitmap)) list = [
        PngChunks.signature, Png.decode
        [| 0xFFuy; 0xD8uy; 0xFFuy |], Jpeg.decode
        "BM"B, Bmp.decode
        for kind in [ "P2"B; "P3"B; "P5"B; "P6"B ] do
            kind, Netpbm.decode
    ]

    /// The extensions of the formats, in lower case.
    let extensions = [ ".png"; ".jpg"; ".jpeg"; ".bmp"; ".ppm"; ".pgm" ]

    /// Whether a file's name ends as that of a picture.
    let isImageName (path: string) : bool =
        List.contains (Path.GetExtension(path).ToLowerInvariant()) extensions

    /// The picture in a stream that can seek; its first bytes tell the format, not its name. `path` is its name in messages.
    ///
    /// *Errors:* `DataException` when the bytes are of no known format, broken or cut off, or claim too many pixels.
    let decodeWith (limits: BitmapLimits) (path: string) (stream: Stream) : Bitmap =
        let start = stream.Position
        let head = Array.zeroCreate<byte> 8
        let got = stream.ReadAtLeast(Span head, head.Length, throwOnEndOfStream = false)
        stream.Position <- start

        let begins (signature: byte[]) =
            signature.Length <= got
            && Array.forall2 (=) signature (Array.truncate signature.Length head)

        match formats |> List.tryFind (fst >> begins) with
        | Some(_, decode) -> decode limits path stream
        | None -> Fail.data path "it is no picture of a known format" "give a PNG, JPEG, BMP, PGM or PPM file"

    /// The picture in a file.
    ///
    /// *Errors:* as `decodeWith`, and when the file is missing or cannot be read.
    let readWith (limits: BitmapLimits) (path: string) : Bitmap =
        Fail.reading path "a picture" (fun file -> decodeWith limits path file)

    /// The picture in a file, of at most 100 million pixels.
    let read (path: string) : Bitmap = readWith Bitmap.limits path

    /// The pictures in a folder and those below it, by the extension of their names; hidden files and folders are passed over. In
    /// the order of their names, which is the same everywhere.
    ///
    /// *Errors:* `DataException` when there is no such folder, or no picture in it.
    let inFolder (folder: string) : string list =
        Fail.checkPath folder

        let found =
            Fail.translating folder (fun () ->
                Directory.EnumerateFiles(
                    folder,
                    "*",
                    EnumerationOptions(
                        RecurseSubdirectories = true,
                        AttributesToSkip = FileAttributes.Hidden,
                        IgnoreInaccessible = false
                    )
                )
                |> Seq.filter isImageName
                |> Seq.toArray)

        if found.Length = 0 then
            let known = String.Join(", ", extensions)
            Fail.data folder "there is no picture in it" $"give a folder with pictures ({known})"

        Array.Sort(found, StringComparer.Ordinal)
        List.ofArray found
