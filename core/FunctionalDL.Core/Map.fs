namespace FunctionalDL.Core

/// Which axes `vmapOver` maps over.
type MapAxes = {
    /// For each tensor of the argument, in order, the axis that counts examples; None for one that is the
    /// same for all of them. Empty: axis 0 of every tensor.
    In: int option list
    /// For each tensor of the result, in order, the axis that will count examples. Empty: axis 0 of every
    /// tensor.
    Out: int list
}

/// Making functions of one example work on many at once.
[<AutoOpen>]
module Map =

    /// The choice of axes as one for each tensor.
    let private choices operation what every (given: 'c list) count =
        if given.IsEmpty then
            Array.create count every
        elif given.Length = count then
            Array.ofList given
        else
            Fail.shape
                $"{operation}: there are {given.Length} axes for the {count} tensors of the {what}; it needs one for each"

    /// The number of examples that all mapped arguments agree on.
    let private sizeOf (inputs: Node[]) (axes: int option[]) =
        let sizes = [
            for i in 0 .. inputs.Length - 1 do
                match axes[i] with
                | Some axis -> i, inputs[i].Type.Shape[axis]
                | None -> ()
        ]

        match sizes with
        | [] ->
            Fail.shape
                "vmap: no tensor of the argument is mapped, so there are no examples; name an axis for one"
        | (first, size) :: rest ->
            match rest |> List.tryFind (fun (_, other) -> other <> size) with
            | Some(i, other) ->
                Fail.shape
                    $"vmap: argument {first} has {size} examples and argument {i} has {other}; all that is mapped needs as many"
            | None -> size

    /// `f` for many examples at once: `f` is run once, on symbols that stand for one example, and every
    /// operation of it is then done for all examples together. Tensors that `f` closes over are the same for
    /// all. Equal to a loop over the examples, but with one operation for each of `f`'s. Raises
    /// ShapeException when an axis does not exist or the numbers of examples differ, TraceException when `f`
    /// looks at values.
    let vmapOver (axes: MapAxes) (f: 'a -> 'b) (x: 'a) : 'b =
        let inputs = nodes x

        let mapped =
            choices "vmap" "argument" (Some 0) axes.In inputs.Length
            |> Array.mapi (fun i a -> a |> Option.map (Shape.axis $"vmap: argument {i}" inputs[i].Type.Shape))

        let size = sizeOf inputs mapped

        let examples =
            Array.map2
                (fun (node: Node) axis ->
                    match axis with
                    | Some axis ->
                        let shape = Shape.dropAxes [| axis |] node.Type.Shape
                        Graph.symbol "one example of vmap" { node.Type with Shape = shape }
                    | None -> node)
                inputs
                mapped

        let chosen = Array.init inputs.Length id |> Array.filter (fun i -> mapped[i].IsSome)

        let batches =
            chosen |> Array.map (fun i -> Build.moveAxis mapped[i].Value 0 inputs[i])

        let y = f (rebuild x examples)

        let results =
            Batching.run size (chosen |> Array.map (fun i -> examples[i])) batches (nodes y)

        let places = choices "vmap" "result" 0 axes.Out results.Length

        Array.map2
            (fun (node: Node) place -> Build.moveAxis 0 (Shape.axis "vmap" node.Type.Shape place) node)
            results
            places
        |> rebuild y

    /// `vmapOver`, with the examples along axis 0 of every tensor of the argument and of the result:
    /// `vmap (fun (a, b) -> Tensor.matmul a b) (xs, ys)`.
    let vmap (f: 'a -> 'b) (x: 'a) : 'b = vmapOver { In = []; Out = [] } f x
