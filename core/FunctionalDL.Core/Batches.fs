namespace FunctionalDL.Core

/// Items for one step. Inputs and targets may be several tensors each (a table has two inputs); their first
/// axis is the batch.
type Batch = {
    Inputs: Tensor list
    Targets: Tensor list
}

/// How items are put into batches.
type BatchOptions = {
    /// Items for a batch; the last one of an epoch may have fewer.
    Size: int
    /// Whether each epoch has an order of its own.
    Shuffle: bool
    /// Whether the last batch is left out when it has fewer items.
    DropLast: bool
}

/// Where the batches of each epoch come from. The order is a function of the epoch's key, so that a run that is
/// resumed goes on with the same batches.
[<NoComparison; NoEquality>]
type Source = {
    /// How many batches an epoch has.
    Count: int
    /// The batches of the epoch with this key, in order, from the one with this number (the first is 0) on.
    From: Key -> int -> Batch seq
}

/// Making batches of items.
[<RequireQualifiedAccess>]
module Source =

    let private items (all: Batch) =
        let counts =
            all.Inputs @ all.Targets
            |> List.map (fun x -> if x.Rank = 0 then 0 else x.Shape[0])

        match List.distinct counts with
        | [ count ] -> count
        | _ ->
            let shown = counts |> List.map string |> String.concat ", "
            Fail.shape $"batches: the first axes of inputs and targets are {shown}; they need to be equal"

    /// Batches of the items of tensors, given as one batch of all of them; tensors without values yet are
    /// computed when the first batch is asked for, once for all batches. Raises OptionException for a size
    /// below 1, ShapeException when the tensors do not have one number of items.
    let ofItems (options: BatchOptions) (all: Batch) : Source =
        if options.Size < 1 then
            Fail.option $"batches: the size is {options.Size}; it is 1 or more"

        let items = items all

        let count =
            if options.DropLast then
                items / options.Size
            else
                (items + options.Size - 1) / options.Size

        let batch pick number =
            let start = number * options.Size
            let pick = pick start (min options.Size (items - start))

            {
                Inputs = List.map pick all.Inputs
                Targets = List.map pick all.Targets
            }

        let from key first =
            Tensor.eval (all.Inputs @ all.Targets)

            let pick =
                if options.Shuffle then
                    let order = Key.shuffled items key
                    Tensor.eval [ order ]
                    fun start count -> Tensor.indexSelect 0 (Tensor.narrow 0 start count order)
                else
                    fun start count -> Tensor.narrow 0 start count

            seq { first .. count - 1 } |> Seq.map (batch pick)

        { Count = count; From = from }

    /// All batches in order, for evaluation: the last may have fewer items.
    let ordered size (all: Batch) : Batch seq =
        let source =
            ofItems
                {
                    Size = size
                    Shuffle = false
                    DropLast = false
                }
                all

        source.From (Key.ofSeed 0L) 0
