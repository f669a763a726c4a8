namespace FunctionalDL.Core.Planning

open System.Collections.Generic
open FunctionalDL.Core
open FunctionalDL.Kernels

/// Which works of a plan are done together, row by row. A reduction along the trailing axes, what is computed
/// from it, and what spreads it over those axes again have the leading axes in common. Done for some of these
/// rows at a time they pass over memory once: softmax, cross entropy and layer norm need no kernel of their own.
[<RequireQualifiedAccess>]
module internal RowGroups =

    /// What is known of a plan's buffers: their elements, their bytes, and whether they are intermediate.
    [<NoComparison; NoEquality>]
    type Buffers = {
        Elements: int -> int64
        Bytes: int -> int64
        IsIntermediate: int -> bool
    }

    /// Fewer rows than this are not shared among threads in good portions.
    [<Literal>]
    let private FewestRows = 8L

    /// The elements of a row up to which a fold does it in one piece, in any layout.
    [<Literal>]
    let private LongestRow = 32768L

    let private sizes (shape: Shape) count =
        Seq.fold (fun n axis -> n * int64 shape[axis]) 1L (seq { 0 .. count - 1 })

    /// The number of leading axes that make `rows` rows of a work's space.
    let private rowAxes rows (rowWise: RowWise) =
        seq { 0 .. rowWise.MostAxes }
        |> Seq.tryFind (fun count -> sizes rowWise.Space count = rows)
        |> Option.filter (fun _ ->
            let isFold = rowWise.MostAxes < rowWise.Space.Rank
            not isFold || int64 rowWise.Space.Size / rows <= LongestRow)

    /// The rows of a work that folds along them.
    let private rowsOfFold (work: Work) =
        match work.Rows with
        | ValueSome rowWise when rowWise.MostAxes < rowWise.Space.Rank && rowWise.Space.Size > 0 ->
            let rows = sizes rowWise.Space rowWise.MostAxes

            if rows >= FewestRows && (rowAxes rows rowWise).IsSome then
                ValueSome rows
            else
                ValueNone
        | _ -> ValueNone

    /// Whether a view over a space of `axes` leading axes reads, for each row, nothing but the same row of a
    /// buffer with so many elements a row.
    let private staysInRow axes (shape: Shape) (view: View) rowElements =
        let mutable expected = rowElements
        let mutable fits = view.Offset >= 0L
        let mutable last = view.Offset

        for axis in axes - 1 .. -1 .. 0 do
            fits <- fits && (shape[axis] = 1 || view.Strides[axis] = expected)
            expected <- expected * int64 shape[axis]

        for axis in axes .. shape.Rank - 1 do
            fits <- fits && view.Strides[axis] >= 0L
            last <- last + int64 (shape[axis] - 1) * view.Strides[axis]

        fits && last < rowElements

    /// The works cut in three: those that come before the group, the group that the first one (a fold) starts,
    /// and those that come after it.
    let private gather buffers rows (first: Work) (rest: Work list) =
        let before, members, after = List<Work>(), List<Work>(), List<Work>()
        let written, seen, late = HashSet<int>(), HashSet<int>(), HashSet<int>()

        let join (work: Work) =
            members.Add work
            written.UnionWith work.Writes

            seen.UnionWith(
                Array.append work.Reads work.Writes
                |> Array.filter (fun b -> buffers.Elements b >= rows)
            )

        let mayJoin (work: Work) =
            match work.Rows with
            | ValueSome rowWise when Array.exists seen.Contains work.Reads ->
                match rowAxes rows rowWise with
                | Some _ ->
                    rowWise.Views
                    |> Array.forall (fun (struct (shape, view)) ->
                        not (written.Contains view.Buffer)
                        || seq { 0 .. shape.Rank }
                           |> Seq.tryFind (fun count -> sizes shape count = rows)
                           |> Option.exists (fun axes ->
                               staysInRow axes shape view (buffers.Elements view.Buffer / rows)))
                | None -> false
            | _ -> false

        join first

        for work in rest do
            if Array.exists late.Contains work.Reads then
                after.Add work
                late.UnionWith work.Writes
            elif mayJoin work then
                join work
            elif Array.exists written.Contains work.Reads then
                after.Add work
                late.UnionWith work.Writes
            else
                before.Add work

        struct (List.ofSeq before, members.ToArray(), List.ofSeq after)

    /// The works with those that go together made one, and the buffers that exist only within one of them.
    let form (buffers: Buffers) (works: Work[]) : struct (Work[] * HashSet<int>) =
        let locals = HashSet<int>()

        let readers (works: Work[]) =
            let counts = Dictionary<int, int>()

            for work in works do
                for b in Array.distinct work.Reads do
                    counts[b] <- counts.GetValueOrDefault b + 1

            counts

        let allReaders = readers works

        let together rows (members: Work[]) =
            let ownReaders = readers members

            let mine =
                members
                |> Array.collect _.Writes
                |> Array.filter (fun b ->
                    buffers.IsIntermediate b
                    && ownReaders.GetValueOrDefault b = allReaders.GetValueOrDefault b)

            locals.UnionWith mine

            let near = members |> Array.collect _.Reads |> HashSet<int>

            Work.rowByRow rows members near.Contains [|
                for b in mine -> LocalRows(b, buffers.Bytes b / rows)
            |]

        let rec go (works: Work list) =
            match works with
            | [] -> []
            | work :: rest ->
                match rowsOfFold work with
                | ValueNone -> work :: go rest
                | ValueSome rows ->
                    match gather buffers rows work rest with
                    | _, [| _ |], _ -> work :: go rest
                    | before, members, after -> go before @ together rows members :: go after

        struct (Array.ofList (go (List.ofArray works)), locals)
