namespace FunctionalDL.Data

open System
open System.Globalization
open System.Net

/// Writing text and numbers into HTML and SVG.
module internal Markup =

    /// `text` with everything that markup gives a meaning to escaped: safe between tags and in quoted
    /// attributes.
    let escape (text: string) : string =
        WebUtility.HtmlEncode(Text.oneLine text)

    /// Parts on lines of their own.
    let lines (parts: string seq) : string = String.Join("\n", parts)

    /// A coordinate: two decimals, with a point in every culture.
    let coordinate (value: float) : string =
        value.ToString("0.##", CultureInfo.InvariantCulture)

    /// A value to be read: six digits, with a point in every culture.
    let number (value: float) : string =
        value.ToString("G6", CultureInfo.InvariantCulture)

    /// An element with attributes, whose values are escaped, and content, which is not.
    let element (name: string) (attributes: (string * string) list) (content: string) : string =
        let attributes =
            attributes
            |> List.map (fun (key, value) -> $" {key}=\"{escape value}\"")
            |> String.concat ""

        if content = "" then
            $"<{name}{attributes}/>"
        else
            $"<{name}{attributes}>{content}</{name}>"

/// How much room words take, in a font that we do not know: wide rather than narrow.
module internal Room =

    /// The width of a character, as a share of the font's size.
    let private ofCharacter (c: char) =
        match c with
        | _ when "iIjltfr.,:;'|!()[] ".Contains c -> 0.36
        | _ when "mwMW@%".Contains c -> 0.92
        | _ when Char.IsUpper c -> 0.70
        // Ideographs fill a square.
        | _ when c >= '\u2e80' -> 1.0
        | _ -> 0.58

    /// The width of `text` in a font of this size.
    let width (size: float) (text: string) : float = size * Seq.sumBy ofCharacter text

    /// `text` in lines no wider than `most`, broken between words; a longer word stands alone.
    let wrap (size: float) (most: float) (text: string) : string list =
        let add (done': string list) (word: string) =
            match done' with
            | [] -> [ word ]
            | line :: rest when width size $"{line} {word}" <= most -> $"{line} {word}" :: rest
            | _ -> word :: done'

        text.Split(' ', StringSplitOptions.RemoveEmptyEntries)
        |> Array.fold add []
        |> List.rev
