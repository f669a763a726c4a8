namespace FunctionalDL.Core

/// What happens at each layer that is not made of others, on the way from inputs to outputs.
[<NoComparison; NoEquality>]
type internal Visitor<'context, 'result> = {
    /// What a child of that name is given.
    Enter: string -> 'context -> 'context
    Visit: string -> 'context -> Layer -> Tensor list -> Tensor list * 'result
    /// The results of children as one.
    Gather: (string * 'result) list -> 'result
}

/// The families of layers behind one dispatch, and the one way of tensors through layers of layers.
[<RequireQualifiedAccess>]
module internal Walk =

    /// The layers that a layer is made of, with their names.
    let children layer : (string * Layer) list =
        match layer with
        | Sequential layers -> layers
        | Residual spec -> spec.Body @ Option.toList spec.Shortcut @ spec.After
        | Parallel spec -> spec.Branches @ spec.After
        | Linear _
        | Bilinear _
        | Conv _
        | ConvTranspose _
        | Embedding _
        | BatchNorm _
        | LayerNorm _
        | GroupNorm _
        | InstanceNorm _
        | Dropout _
        | Pool _
        | ReLU
        | Activation _
        | Flatten _
        | View _
        | Lambda _
        | Recurrent _
        | MultiheadAttention _
        | Choose _
        | Custom _ -> []

    /// The variables of the children as those of the whole.
    let together (parts: (string * Variables) list) : Variables = {
        Parameters = Branch(parts |> List.map (fun (name, v) -> name, v.Parameters))
        State = Branch(parts |> List.map (fun (name, v) -> name, v.State))
    }

    let below path name =
        if path = "" then name else $"{path}.{name}"

    // ---- one layer ----------------------------------------

    /// First variables of a layer that is not made of others.
    let initOne (start: Start) (inputs: Tensor list) layer : Variables =
        match layer with
        | Linear(inFeatures, outFeatures, bias) -> LinearLayers.initLinear start inFeatures outFeatures bias
        | Bilinear spec -> LinearLayers.initBilinear start spec
        | Conv spec -> ConvolutionLayers.init start spec
        | ConvTranspose spec -> ConvolutionLayers.initTransposed start spec
        | Embedding spec -> LinearLayers.initEmbedding start spec
        | BatchNorm spec -> NormalisationLayers.initBatch "batchNorm" start spec
        | LayerNorm spec -> NormalisationLayers.initLayer start spec
        | GroupNorm spec -> NormalisationLayers.initGroup start spec
        | InstanceNorm spec -> NormalisationLayers.initBatch "instanceNorm" start spec
        | Activation activation -> ElementLayers.initActivation start activation
        | Recurrent spec -> RecurrentLayers.init start spec
        | MultiheadAttention spec -> AttentionLayers.init start spec
        | Dropout spec ->
            ElementLayers.requireDropout spec
            Part.noVariables
        | Custom custom -> custom.Init start.Key (inputs |> List.map _.Shape)
        | Pool _
        | ReLU
        | Flatten _
        | View _
        | Lambda _
        | Choose _
        | Sequential _
        | Residual _
        | Parallel _ -> Part.noVariables

    /// The outputs and the new state of a layer that is not made of others.
    let applyOne layer (call: Call) (inputs: Tensor list) : Tensor list * Tree<Tensor> =
        let stateless (outputs: Tensor list) = outputs, call.Variables.State

        let one operation f =
            stateless [ f (Part.single operation inputs) ]

        let stateful operation (f: Tensor -> Tensor * Tree<Tensor>) =
            let y, state = f (Part.single operation inputs)
            [ y ], state

        match layer with
        | Linear(_, _, bias) -> one "linear" (LinearLayers.applyLinear bias call)
        | Bilinear spec -> stateless [ LinearLayers.applyBilinear spec call inputs ]
        | Conv spec -> one "conv" (ConvolutionLayers.apply spec call)
        | ConvTranspose spec -> one "convTranspose" (ConvolutionLayers.applyTransposed spec call)
        | Embedding spec -> one "embedding" (LinearLayers.applyEmbedding spec call)
        | BatchNorm spec -> stateful "batchNorm" (NormalisationLayers.applyBatch spec call)
        | LayerNorm spec -> one "layerNorm" (NormalisationLayers.applyLayer spec call)
        | GroupNorm spec -> one "groupNorm" (NormalisationLayers.applyGroup spec call)
        | InstanceNorm spec -> stateful "instanceNorm" (NormalisationLayers.applyInstance spec call)
        | Dropout spec -> one "dropout" (ElementLayers.applyDropout spec call)
        | Pool spec -> one "pool" (PoolLayers.apply spec)
        | ReLU -> one "relu" Tensor.relu
        | Activation activation -> one "activation" (ElementLayers.applyActivation activation call)
        | Flatten start -> one "flatten" (Tensor.flatten start)
        | View shape -> one "view" (Tensor.reshape shape)
        | Lambda lambda -> one lambda.Name lambda.Function
        | Recurrent spec -> stateless (RecurrentLayers.apply spec call inputs)
        | MultiheadAttention spec -> stateless (AttentionLayers.apply spec call inputs)
        | Choose index when index >= 0 && index < inputs.Length -> stateless [ inputs[index] ]
        | Choose index -> Fail.shape $"choose: there is no input {index} among {inputs.Length}"
        | Custom custom -> custom.Apply call inputs
        | Sequential _
        | Residual _
        | Parallel _ -> invalidOp "made of other layers"

    // ---- layers of layers ----------------------------------------

    /// Runs with the path of a layer in front of its errors, so that the user finds the place.
    let private within path (run: unit -> 'a) : 'a =
        let place (e: exn) =
            if path = "" then e.Message else $"{path}: {e.Message}"

        try
            run ()
        with
        | :? ShapeException as e -> Fail.shape (place e)
        | :? DTypeException as e -> Fail.dtype (place e)
        | :? OptionException as e -> Fail.option (place e)

    let private requireNames layers =
        for name, group in layers |> List.groupBy fst do
            if group.Length > 1 then
                Fail.option $"'{name}' is the name of {group.Length} layers; each needs its own"

            if name = "" || name.Contains '.' then
                Fail.option $"'{name}' is no name for a layer: paths are joined by dots"

    let private join join (outputs: Tensor list list) : Tensor list =
        let same operation (f: Tensor -> Tensor -> Tensor) =
            let fold (a: Tensor) (b: Tensor) =
                if not (a.Shape.Equals b.Shape) then
                    Fail.shape
                        $"{operation}: the branches give {a.Shape} and {b.Shape}; they need equal shapes"

                f a b

            [ List.concat outputs |> List.reduce fold ]

        match join with
        | Join.Separate -> List.concat outputs
        | Join.Sum -> same "sum" (+)
        | Join.Product -> same "product" (*)
        | Join.Concat axis -> [ Tensor.cat axis (List.concat outputs) ]

    /// The inputs of each of `branches` branches.
    let private route route branches (inputs: Tensor list) : Tensor list list =
        let one (parts: Tensor list) what =
            if parts.Length <> branches then
                Fail.shape $"parallel: {parts.Length} {what} for {branches} branches; each needs its own"

            parts |> List.map List.singleton

        match route with
        | Route.All -> List.replicate branches inputs
        | Route.OneEach -> one inputs "inputs"
        | Route.Columns ->
            let table = Part.single "parallel" inputs

            if table.Shape.Rank <> 2 then
                Fail.shape $"parallel: columns are taken of [items; columns], not of {table.Shape}"

            one (List.init table.Shape[1] (fun i -> Indexing.select 1 i table)) "columns"

    /// The way of tensors through layers of layers, which is the same whatever is done at each layer.
    let rec run visitor path context layer inputs : Tensor list * 'result =
        let enter (name, child) inputs =
            let outputs, result =
                run visitor (below path name) (visitor.Enter name context) child inputs

            outputs, (name, result)

        let chain layers inputs =
            let results, outputs =
                layers
                |> List.mapFold
                    (fun inputs layer ->
                        let outputs, result = enter layer inputs
                        result, outputs)
                    inputs

            outputs, results

        match layer with
        | Sequential layers ->
            within path (fun () -> requireNames layers)
            let outputs, results = chain layers inputs
            outputs, visitor.Gather results
        | Residual spec ->
            within path (fun () -> requireNames (children layer))
            let body, ofBody = chain spec.Body inputs

            let around, ofShortcut =
                match spec.Shortcut with
                | Some shortcut ->
                    let outputs, result = enter shortcut inputs
                    outputs, [ result ]
                | None -> inputs, []

            let sum = within path (fun () -> join Join.Sum [ body; around ])
            let outputs, ofAfter = chain spec.After sum
            outputs, visitor.Gather(ofBody @ ofShortcut @ ofAfter)
        | Parallel spec ->
            let given =
                within path (fun () ->
                    requireNames (children layer)
                    route spec.Route spec.Branches.Length inputs)

            let outputs, ofBranches = List.map2 enter spec.Branches given |> List.unzip
            let joined = within path (fun () -> join spec.Join outputs)
            let outputs, ofAfter = chain spec.After joined
            outputs, visitor.Gather(ofBranches @ ofAfter)
        | leaf -> within path (fun () -> visitor.Visit path context leaf inputs)
