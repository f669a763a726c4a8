namespace FunctionalDL.Core

open System
open System.Globalization
open System.Text

/// Tensors as text, as PyTorch writes them: nested brackets, four decimals, one width for all elements, lines
/// of 80 characters, an ellipsis in the middle of the long axes of large tensors.
[<RequireQualifiedAccess>]
module internal Print =

    /// Tensors with more elements than this are abridged.
    let private fullSize = 1000

    /// How many elements of a long axis are shown at each end of an abridged tensor.
    let private edge = 3

    /// Characters in a line.
    let private lineWidth = 80

    let private prefix = "tensor("

    let private invariant (format: string) (x: float) =
        x.ToString(format, CultureInfo.InvariantCulture)

    /// Four decimals. .NET rounds a tie away from zero, PyTorch (as C does) to even.
    let private decimals (x: float) =
        // Only odd multiples of 1/32 lie between two numbers of four decimals.
        let is32nd = abs x < 1e11 && x * 32.0 = Math.Floor(x * 32.0)

        invariant
            "F4"
            (if is32nd then
                 Math.Round(x * 10000.0, MidpointRounding.ToEven) / 10000.0
             else
                 x)

    /// One digit, four decimals and an exponent of at least two digits.
    let private scientific (x: float) =
        let parts = (invariant "E4" x).Split 'E'
        // All digits of x: a tie, if the fifth decimal is 5 and the last.
        let exact = (invariant "E8" x).Split('E')[0]

        let isTie =
            exact.EndsWith "5000"
            && (invariant "E766" x).Split('E').[0].TrimEnd('0').Length = exact.Length - 3

        let isDownEven = (int exact[exact.Length - 5] - int '0') % 2 = 0

        let digits =
            if isTie && isDownEven then
                exact.Substring(0, exact.Length - 4)
            else
                parts[0]

        let exponent = int parts[1]
        let sign = if exponent < 0 then "-" else "+"
        $"{digits}e{sign}{abs exponent:D2}"

    let private finite (text: float -> string) (x: float) =
        if Double.IsNaN x then "nan"
        elif Double.IsPositiveInfinity x then "inf"
        elif Double.IsNegativeInfinity x then "-inf"
        else text x

    /// One format for all the real elements that are shown: whole numbers keep their point, a wide range
    /// takes exponents.
    let private realFormat (shown: float[]) : float -> string =
        let finiteOnes = shown |> Array.filter (fun x -> Double.IsFinite x && x <> 0.0)

        if finiteOnes.Length = 0 then
            finite (fun x -> invariant "F0" x + ".")
        else
            let sizes = finiteOnes |> Array.map abs
            let largest, smallest = Array.max sizes, Array.min sizes
            let isWide = largest / smallest > 1000.0 || largest > 1e8
            let isWhole = finiteOnes |> Array.forall (fun x -> x = Math.Ceiling x)

            if isWide || (not isWhole && smallest < 1e-4) then
                finite scientific
            elif isWhole then
                finite (fun x -> invariant "F0" x + ".")
            else
                finite decimals

    /// The positions of an axis that are shown, with -1 for the ellipsis.
    let private places isAbridged size =
        if isAbridged && size > 2 * edge then
            [ yield! [ 0 .. edge - 1 ]; yield -1; yield! [ size - edge .. size - 1 ] ]
        else
            [ 0 .. size - 1 ]

    /// The flat positions that are shown.
    let private shownPositions (shape: Shape) isAbridged =
        let strides = Shape.strides shape

        let along positions axis = [
            for start in positions do
                for i in places isAbridged shape[axis] do
                    if i >= 0 then
                        yield start + i * int strides[axis]
        ]

        List.fold along [ 0 ] [ 0 .. shape.Rank - 1 ]

    /// The brackets around elements, which are given as strings by flat position, all of one width.
    let private nested (shape: Shape) (element: int -> string) width isAbridged =
        let strides = Shape.strides shape
        let spaces count = String(' ', count)

        let rec write axis start indent =
            if axis = shape.Rank then
                element start
            else
                let places = places isAbridged shape[axis]

                if axis = shape.Rank - 1 then
                    // The ellipsis has a space of its own, as in PyTorch.
                    let items =
                        places |> List.map (fun i -> if i < 0 then " ..." else element (start + i))

                    let perLine = max 1 ((lineWidth - indent) / (width + 2))
                    let lines = items |> List.chunkBySize perLine |> List.map (String.concat ", ")
                    "[" + String.Join(",\n" + spaces (indent + 1), lines) + "]"
                else
                    let items =
                        places
                        |> List.map (fun i ->
                            if i < 0 then
                                "..."
                            else
                                write (axis + 1) (start + i * int strides[axis]) (indent + 1))

                    let separator = "," + String('\n', shape.Rank - 1 - axis) + spaces (indent + 1)
                    "[" + String.Join(separator, items) + "]"

        write 0 0 prefix.Length

    /// The elements at flat positions as text, and their width. As in PyTorch, zeros, infinities and NaN have
    /// no say in the width of real elements.
    let private elements (storage: Storage) (positions: int list) : struct (Map<int, string> * int) =
        let text isWide format (values: 'a[]) =
            let texts = positions |> List.map (fun at -> at, format values[at])

            let width =
                texts
                |> List.fold (fun w (at, t: string) -> if isWide values[at] then max w t.Length else w) 1

            struct (texts |> List.map (fun (at, t) -> at, t.PadLeft width) |> Map.ofList, width)

        let whole format values = text (fun _ -> true) format values

        let real (values: float[]) =
            let shown = positions |> List.map (fun at -> values[at]) |> Array.ofList
            text (fun x -> Double.IsFinite x && x <> 0.0) (realFormat shown) values

        match storage.Type.DType with
        | DType.Bool -> Storage.toArray<uint8> storage |> whole (fun b -> string (b <> 0uy))
        | DType.UInt8 -> Storage.toArray<uint8> storage |> whole string
        | DType.Int32 -> Storage.toArray<int32> storage |> whole string
        | DType.Int64 -> Storage.toArray<int64> storage |> whole string
        | DType.Float32 -> Storage.toArray<float32> storage |> Array.map float |> real
        | DType.Float64 -> Storage.toArray<float> storage |> real

    /// What is said after the elements: the type, unless it is one that the elements show, and the shape of a
    /// tensor without any.
    let private suffixes (storage: Storage) = [
        let { Shape = shape; DType = dtype } = storage.Type
        let isEmpty = shape.Size = 0

        if isEmpty && shape.Rank <> 1 then
            let sizes = String.Join(", ", shape.Dims)
            $"size=({sizes})"

        match dtype with
        | DType.Float32 -> ()
        | DType.Int64
        | DType.Bool when not isEmpty -> ()
        | DType.Int64
        | DType.Bool
        | DType.UInt8
        | DType.Int32
        | DType.Float64 -> $"dtype={dtype}"
    ]

    /// The text of realised elements.
    let storage (storage: Storage) =
        let shape = storage.Type.Shape
        let isAbridged = shape.Size > fullSize

        let body =
            if shape.Size = 0 then
                "[]"
            else
                let struct (texts, width) = elements storage (shownPositions shape isAbridged)
                nested shape (fun at -> texts[at]) width isAbridged

        let text = StringBuilder(prefix + body)

        let add lineLength (suffix: string) =
            if lineLength + suffix.Length + 2 > lineWidth then
                text.Append(",\n").Append(' ', prefix.Length).Append suffix |> ignore
                prefix.Length + suffix.Length
            else
                text.Append(", ").Append suffix |> ignore
                lineLength + suffix.Length + 2

        let whole = text.ToString()
        let lastLine = whole.Length - whole.LastIndexOf '\n' + 1
        suffixes storage |> List.fold add lastLine |> ignore
        text.Append(')').ToString()
