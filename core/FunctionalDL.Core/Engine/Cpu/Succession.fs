namespace FunctionalDL.Core.Planning

open System.Collections.Generic
open FunctionalDL.Core

/// Which results may be written over inputs. In a loop a state comes in and the next one goes out, at the same
/// places; where nothing needs an element of the old one after that of the new one is written, both can have one
/// memory. Whether they do is said by each run: an input may belong to somebody else.
[<RequireQualifiedAccess>]
module internal Succession =

    /// An input and the result that may take its place, as buffers, and the work that writes the result.
    [<NoComparison; NoEquality>]
    type private Pair = {
        Input: int
        Result: int
        Writer: Work
    }

    /// A list of works that is put in another order.
    [<Sealed>]
    type private Order(works: Work[]) =
        let list = List<Work>(works)
        let positions = Dictionary<Work, int>(HashIdentity.Reference)

        let number () =
            for i in 0 .. list.Count - 1 do
                positions[list[i]] <- i

        do number ()

        member _.Works = list.ToArray()
        member _.Position work = positions[work]

        /// Moves a work to behind the one at a later position, unless one of those between needs what it writes.
        member _.Delay(work: Work, behind) =
            let at = positions[work]

            let isNeeded =
                seq { at + 1 .. behind }
                |> Seq.exists (fun i ->
                    list[i].Reads |> Array.exists (fun read -> Array.contains read work.Writes))

            if not isNeeded then
                list.RemoveAt at
                list.Insert(behind, work)
                number ()

    /// The works, some of them later than before, and the pairs of an input and the result that may be written over
    /// it. `candidates` are such pairs of equal type whose input is not handed out itself. No result takes an input's
    /// place before the last work that may refuse an element: a run that fails has changed nothing.
    let form (candidates: struct (int * int)[]) (works: Work[]) : struct (Work[] * struct (int * int)[]) =
        let order = Order works
        let writers, readers = Dictionary<int, Work>(), Dictionary<int, List<Work>>()

        for work in works do
            for write in work.Writes do
                writers[write] <- work

            for read in Array.distinct work.Reads do
                if not (readers.ContainsKey read) then
                    readers[read] <- List<Work>()

                readers[read].Add work

        let pairs = [|
            for struct (input, result) in candidates do
                let writer = writers[result]

                if writer.MayWriteOver(input, result) || not (Array.contains input writer.Reads) then
                    {
                        Input = input
                        Result = result
                        Writer = writer
                    }
        |]

        let refusing = works |> Array.filter _.MayRefuse

        /// The last position at which the old elements are still needed.
        let lastNeed pair =
            let others =
                match readers.TryGetValue pair.Input with
                | true, found ->
                    found |> Seq.filter (fun work -> not (obj.ReferenceEquals(work, pair.Writer)))
                | _ -> Seq.empty

            Seq.append others refusing
            |> Seq.fold (fun last work -> max last (order.Position work)) -1

        for _, ofWriter in pairs |> Array.groupBy (fun pair -> order.Position pair.Writer) do
            let writer = ofWriter[0].Writer
            let need = ofWriter |> Array.map lastNeed |> Array.max

            if need > order.Position writer then
                order.Delay(writer, need)

        let kept =
            pairs |> Array.filter (fun pair -> lastNeed pair < order.Position pair.Writer)

        struct (order.Works, kept |> Array.map (fun pair -> struct (pair.Input, pair.Result)))
