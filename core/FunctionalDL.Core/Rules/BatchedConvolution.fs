namespace FunctionalDL.Core

/// Convolutions of many examples as one. Besides places, the elements of `x` are counted by example, group
/// and channel, those of `w` by group, filter and channel, those of `y` by example, group and filter. Examples
/// of one operand become more of what that operand shares with the result alone; examples of both become more
/// groups, for only what is in one group meets.
[<RequireQualifiedAccess>]
module internal BatchedConvolution =

    [<RequireQualifiedAccess>]
    type private Index =
        | Example
        | Group
        | Channel
        | Filter

    let private x = [| Index.Example; Index.Group; Index.Channel |]
    let private w = [| Index.Group; Index.Filter; Index.Channel |]
    let private y = [| Index.Example; Index.Group; Index.Filter |]

    /// What counts the elements of the operands and of the result.
    let private indices part =
        match part with
        | ConvolutionPart.Output -> struct (x, w, y)
        | ConvolutionPart.Input -> struct (y, w, x)
        | ConvolutionPart.Weight -> struct (x, y, w)

    /// A group is one axis together with the index behind it: the two cut apart, on the last axes of
    /// `leading` and the three indices.
    let private cut groups (index: Index[]) leading (node: Node) =
        let dims = node.Type.Shape.Dims
        let first, second = dims[leading], dims[leading + 1]

        let three =
            if index[0] = Index.Group then
                [| groups; first / groups; second |]
            else
                [| first; groups; second / groups |]

        Build.reshape (Shape(Array.concat [ dims[.. leading - 1]; three; dims[leading + 2 ..] ])) node

    /// The inverse of `cut`.
    let private join (index: Index[]) leading (node: Node) =
        let dims = node.Type.Shape.Dims
        let a, b, c = dims[leading], dims[leading + 1], dims[leading + 2]

        let two =
            if index[0] = Index.Group then
                [| a * b; c |]
            else
                [| a; b * c |]

        Build.reshape (Shape(Array.concat [ dims[.. leading - 1]; two; dims[leading + 3 ..] ])) node

    /// A batch with its examples put into `into`.
    let private fold groups into index (node: Node) =
        let place = Array.findIndex ((=) into) index
        let cut = cut groups index 1 node |> Build.moveAxis 0 place
        let dims = cut.Type.Shape.Dims

        let merged =
            Array.concat [ dims[.. place - 1]; [| dims[place] * dims[place + 1] |]; dims[place + 2 ..] ]

        cut |> Build.reshape (Shape merged) |> join index 0

    /// The inverse of `fold`.
    let private unfold size groups into index (node: Node) =
        let place = Array.findIndex ((=) into) index
        let cut = cut groups index 0 node
        let dims = cut.Type.Shape.Dims
        let apart = [| size; dims[place] / size |]

        cut
        |> Build.reshape (Shape(Array.concat [ dims[.. place - 1]; apart; dims[place + 1 ..] ]))
        |> Build.moveAxis place 0
        |> join index 1

    /// The convolution of operands of which at least one has a batch of `size` examples.
    let rule
        size
        part
        (spec: ConvolutionSpec)
        (a: Node, batchOfA: Node option)
        (b: Node, batchOfB: Node option)
        =
        let struct (indexOfA, indexOfB, indexOfResult) = indices part

        let convolve into a b =
            let groups =
                if into = Index.Group then
                    size * spec.Groups
                else
                    spec.Groups

            Build.convolution part { spec with Groups = groups } a b
            |> unfold size groups into indexOfResult

        /// What counts both and not the other operand.
        let shared index other =
            index
            |> Array.find (fun i -> Array.contains i indexOfResult && not (Array.contains i other))

        match batchOfA, batchOfB with
        | _ when size = 0 ->
            let one =
                Typing.infer (fun (x: Node) -> x.Type) (Prim.Convolution(part, spec, a, b))

            Build.constant 0.0 {
                one with
                    Shape = Shape.insertAxis 0 0 one.Shape
            }
        | Some a, Some b ->
            let fold = fold spec.Groups Index.Group
            convolve Index.Group (fold indexOfA a) (fold indexOfB b)
        | Some a, None ->
            let into = shared indexOfA indexOfB
            convolve into (fold spec.Groups into indexOfA a) b
        | None, Some b ->
            let into = shared indexOfB indexOfA
            convolve into a (fold spec.Groups into indexOfB b)
        | None, None -> invalidOp "no operand has a batch"
