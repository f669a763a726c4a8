namespace FunctionalDL.Data

open System
open System.Globalization

/// Showing strings that came from outside (paths, names inside a file) in a message of one line.
module internal Text =

    /// The longest name from inside a file that a message shows, in characters.
    [<Literal>]
    let private Longest = 300

    /// `text` on one line: control characters become `\uXXXX`.
    let oneLine (text: string) : string =
        if String.exists Char.IsControl text then
            text
            |> String.collect (fun c -> if Char.IsControl c then $"\\u{int c:X4}" else string c)
        else
            text

    /// `text` on one line, in single quotes; what is too long is cut with an ellipsis.
    let quote (text: string) : string =
        if text.Length <= Longest then
            $"'{oneLine text}'"
        else
            $"'{oneLine (text.Substring(0, Longest))}…'"

    /// A whole number with thousands separated by commas, the same in every culture: `47,040,016`.
    let number (value: int64) : string =
        value.ToString("N0", CultureInfo.InvariantCulture)
