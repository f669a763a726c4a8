namespace FunctionalDL.Core.Planning

open FunctionalDL.Core

/// How to read a value: from which buffer, from which element on, and how far apart neighbours lie on each
/// axis. Reshaping, permuting, stretching and slicing are arithmetic on views: they move no data.
[<NoComparison>]
type internal View = {
    Buffer: int
    Offset: int64
    Strides: int64[]
}

[<RequireQualifiedAccess>]
module internal View =

    /// All of a buffer, row-major.
    let ofBuffer buffer shape = {
        Buffer = buffer
        Offset = 0L
        Strides = Shape.strides shape
    }

    /// Whether the elements lie one after the other, in row-major order. Axes of size 1 are never stepped
    /// along.
    let isContiguous (shape: Shape) view =
        let expected = Shape.strides shape

        shape.Size <= 1
        || Seq.forall (fun i -> shape[i] = 1 || view.Strides[i] = expected[i]) (seq { 0 .. shape.Rank - 1 })

    let permute (axes: int[]) view = {
        view with
            Strides = axes |> Array.map (fun a -> view.Strides[a])
    }

    let expand (from: Shape) (shape: Shape) view = {
        view with
            Strides = Array.init shape.Rank (fun i -> if from[i] = shape[i] then view.Strides[i] else 0L)
    }

    let slice (spans: Span[]) view = {
        view with
            Offset =
                view.Offset
                + Seq.sum (Seq.map2 (fun s stride -> int64 s.Start * stride) spans view.Strides)
            Strides = Array.map2 (fun s stride -> int64 s.Step * stride) spans view.Strides
    }

    let windows axis step dilation view = {
        view with
            Strides = [|
                yield!
                    view.Strides
                    |> Array.mapi (fun a stride -> if a = axis then stride * int64 step else stride)
                view.Strides[axis] * int64 dilation
            |]
    }

    /// The axes with neighbours merged where one stride serves both: (size, stride) pairs, outermost first,
    /// without axes of size 1.
    let private merged (shape: Shape) (strides: int64[]) =
        let fold axes (size, stride) =
            match axes with
            | (outerSize, outerStride) :: rest when outerStride = int64 size * stride ->
                (outerSize * size, stride) :: rest
            | _ -> (size, stride) :: axes

        Array.zip shape.Dims strides
        |> Array.filter (fun (size, _) -> size <> 1)
        |> Array.fold fold []
        |> List.rev

    /// The same elements under another shape, or None when no strides can say it and a copy is needed.
    let reshape (from: Shape) (shape: Shape) view =
        if isContiguous from view then
            Some {
                view with
                    Strides = Shape.strides shape
            }
        else
            // Each merged run of the old axes must be cut into whole axes of the new shape.
            let rec cut runs sizes (strides: int64 list) =
                match runs, sizes with
                | [], [] -> Some(List.rev strides)
                | _, 1 :: rest -> cut runs rest (0L :: strides)
                | (size, stride) :: runs, next :: rest when next <> 0 && size % next = 0 ->
                    let left = size / next
                    let strides = (int64 left * stride) :: strides
                    cut (if left = 1 then runs else (left, stride) :: runs) rest strides
                | _ -> None

            cut (merged from view.Strides) (List.ofArray shape.Dims) []
            |> Option.map (fun strides -> {
                view with
                    Strides = Array.ofList strides
            })

    /// The one stride that steps through the leading `count` axes in row-major order, when there is one.
    let leadingStride count (shape: Shape) view =
        match merged (Shape shape.Dims[.. count - 1]) view.Strides[.. count - 1] with
        | [] -> Some 0L
        | [ _, stride ] -> Some stride
        | _ -> None
