namespace FunctionalDL.Core

open System
open System.Globalization
open System.Text

/// Tensors as text, in PyTorch's style: nested brackets, four decimals, an ellipsis in the middle of long
/// axes.
[<RequireQualifiedAccess>]
module internal Print =

    /// Tensors with more elements than this are abridged.
    let private fullSize = 1000

    /// How many elements of a long axis are shown at each end.
    let private edge = 3

    let private number (format: string) (x: float) =
        if Double.IsNaN x then "nan"
        elif Double.IsPositiveInfinity x then "inf"
        elif Double.IsNegativeInfinity x then "-inf"
        else x.ToString(format, CultureInfo.InvariantCulture)

    /// One format for all real elements: whole numbers keep their point, very large or small ones use an
    /// exponent.
    let private realFormat (values: float[]) =
        let sizes =
            values |> Array.filter (fun x -> Double.IsFinite x && x <> 0.0) |> Array.map abs

        let largest = if sizes.Length = 0 then 0.0 else Array.max sizes
        let smallest = if sizes.Length = 0 then 1.0 else Array.min sizes
        let isWhole = sizes |> Array.forall (fun x -> x = Math.Floor x)

        if isWhole && largest < 1e8 then
            "0'.'"
        elif largest >= 1e8 || smallest < 1e-4 || largest / smallest > 1e3 then
            "0.0000e+00"
        else
            "0.0000"

    /// The text of a tensor given its elements as strings, by flat position.
    let private nested (shape: Shape) (element: int -> string) (isAbridged: bool) =
        let text = StringBuilder()
        let strides = Shape.strides shape

        let rec write axis start indent =
            if axis = shape.Rank then
                text.Append(element start) |> ignore
            else
                let size = shape[axis]
                let last = axis = shape.Rank - 1

                let separator =
                    if last then
                        ", "
                    else
                        "," + String('\n', shape.Rank - 1 - axis) + String(' ', indent + 1)

                text.Append '[' |> ignore

                let shown =
                    if isAbridged && size > 2 * edge then
                        [ yield! [ 0 .. edge - 1 ]; yield -1; yield! [ size - edge .. size - 1 ] ]
                    else
                        [ 0 .. size - 1 ]

                shown
                |> List.iteri (fun at i ->
                    if at > 0 then
                        text.Append separator |> ignore

                    if i < 0 then
                        text.Append "..." |> ignore
                    else
                        write (axis + 1) (start + i * int strides[axis]) (indent + 1))

                text.Append ']' |> ignore

        write 0 0 "tensor(".Length
        text.ToString()

    /// The text of realised elements.
    let storage (storage: Storage) =
        let shape = storage.Type.Shape

        let reals (values: float[]) =
            let format = realFormat values
            let texts = values |> Array.map (number format)

            let width =
                if shape.Rank = 0 then
                    0
                else
                    texts |> Array.fold (fun w t -> max w t.Length) 0

            fun i -> texts[i].PadLeft width

        let wholes (values: 'a[]) =
            let texts = values |> Array.map string

            let width =
                if shape.Rank = 0 then
                    0
                else
                    texts |> Array.fold (fun w t -> max w t.Length) 0

            fun i -> texts[i].PadLeft width

        let element =
            match storage.Type.DType with
            | DType.Bool -> Storage.toArray<uint8> storage |> Array.map (fun b -> b <> 0uy) |> wholes
            | DType.UInt8 -> Storage.toArray<uint8> storage |> wholes
            | DType.Int32 -> Storage.toArray<int32> storage |> wholes
            | DType.Int64 -> Storage.toArray<int64> storage |> wholes
            | DType.Float32 -> Storage.toArray<float32> storage |> Array.map float |> reals
            | DType.Float64 -> Storage.toArray<float> storage |> reals

        let suffix =
            match storage.Type.DType with
            | DType.Float32
            | DType.Int64
            | DType.Bool -> ""
            | DType.UInt8
            | DType.Int32
            | DType.Float64 -> $", dtype={storage.Type.DType}"

        $"tensor({nested shape element (shape.Size > fullSize)}{suffix})"
