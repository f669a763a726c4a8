namespace FunctionalDL.Core

/// A layer of a network, where it is and what it was given: what `Layer.trace` sees.
[<NoComparison>]
type Traced = {
    /// Where the layer is, such as `body.0`; empty for a network of one layer.
    Path: string
    Layer: Layer
    Variables: Variables
    Inputs: Tensor list
    Outputs: Tensor list
}

/// What layers do.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Layer =

    // ---- making ----------------------------------------

    /// Layers one after the other, named `0`, `1`, ….
    let sequential layers =
        Sequential(layers |> List.mapi (fun i layer -> string i, layer))

    /// A linear layer with bias.
    let linear inFeatures outFeatures = Linear(inFeatures, outFeatures, true)

    /// What gives its input back.
    let identity = Sequential []

    /// A function as a layer.
    let lambda name f = Lambda { Name = name; Function = f }

    /// `body x + x`.
    let residual (body: Layer list) =
        Residual {
            Body = body |> List.mapi (fun i layer -> string i, layer)
            Shortcut = None
            After = []
        }

    /// A convolution with bias, stride 1 and no padding, over as many spatial axes as the kernel has sizes.
    let conv inChannels outChannels kernel : ConvSpec = {
        InChannels = inChannels
        OutChannels = outChannels
        KernelSize = kernel
        Options = Convolution.defaults
        Bias = true
    }

    /// A transposed convolution with bias, stride 1 and no padding.
    let convTranspose inChannels outChannels kernel : ConvTransposeSpec = {
        InChannels = inChannels
        OutChannels = outChannels
        KernelSize = kernel
        Options = Convolution.transposedDefaults
        Bias = true
    }

    /// Two-dimensional convolution with bias, a square kernel, and one stride and padding for both axes.
    let conv2d inChannels outChannels kernel stride padding =
        Conv {
            conv inChannels outChannels [ kernel; kernel ] with
                Options = {
                    Convolution.defaults with
                        Stride = [ stride ]
                        Padding = [ padding, padding ]
                }
        }

    /// A table of vectors without padding or dropout.
    let embedding numEmbeddings embeddingDim : EmbeddingSpec = {
        NumEmbeddings = numEmbeddings
        EmbeddingDim = embeddingDim
        PaddingIndex = None
        Dropout = 0.0
    }

    /// PyTorch's defaults: eps 1e-5, momentum 0.1, with weight, bias and running statistics.
    let batchNorm numFeatures : BatchNormSpec = {
        NumFeatures = numFeatures
        Eps = 1e-5
        Momentum = Some 0.1
        Affine = true
        TrackRunningStats = true
    }

    /// PyTorch's defaults: eps 1e-5, momentum 0.1, without weight, bias and running statistics.
    let instanceNorm numFeatures : BatchNormSpec = {
        batchNorm numFeatures with
            Affine = false
            TrackRunningStats = false
    }

    /// PyTorch's defaults: eps 1e-5, with weight and bias.
    let layerNorm normalizedShape : LayerNormSpec = {
        NormalizedShape = normalizedShape
        Eps = 1e-5
        ElementwiseAffine = true
    }

    /// PyTorch's defaults: eps 1e-5, with weight and bias.
    let groupNorm numGroups numChannels : GroupNormSpec = {
        NumGroups = numGroups
        NumChannels = numChannels
        Eps = 1e-5
        Affine = true
    }

    /// Dropout of single elements.
    let dropout p =
        Dropout { P = p; Unit = DropoutUnit.Element }

    /// The largest of windows side by side.
    let maxPool kernel =
        Pool(PoolSpec.Max(kernel, Pooling.maxDefaults))

    /// The mean of windows side by side.
    let averagePool kernel =
        Pool(PoolSpec.Average(kernel, Pooling.averageDefaults))

    /// PyTorch's defaults: one layer, forwards, with biases, time first, no dropout.
    let recurrent cell inputSize hiddenSize : RecurrentSpec = {
        Cell = cell
        InputSize = inputSize
        HiddenSize = hiddenSize
        NumLayers = 1
        Bias = true
        BatchFirst = false
        Dropout = 0.0
        Bidirectional = false
    }

    /// Time first, with biases, no dropout, nothing masked, one output.
    let multiheadAttention embedDim numHeads : MultiheadAttentionSpec = {
        EmbedDim = embedDim
        NumHeads = numHeads
        Dropout = 0.0
        Bias = true
        KDim = None
        VDim = None
        BatchFirst = false
        IsCausal = false
        NeedWeights = false
    }

    // ---- looking ----------------------------------------

    /// The layers that a layer is made of, with their names.
    let children layer : (string * Layer) list = Walk.children layer

    /// The layer itself and all below it, with their paths, outer ones first: PyTorch's `named_modules`.
    let named layer : (string * Layer) list =
        let rec walk path layer = [
            path, layer
            for name, child in Walk.children layer do
                yield! walk (Walk.below path name) child
        ]

        walk "" layer

    /// Variables with those of each layer replaced: `change` is given its path, the layer, and its variables.
    /// This is how one kind of layer is initialised in another way.
    let mapVariables (change: string -> Layer -> Variables -> Variables) layer (variables: Variables) =
        let rec walk path layer variables =
            match Walk.children layer with
            | [] -> change path layer variables
            | inner ->
                let changed =
                    inner
                    |> List.map (fun (name, child) ->
                        let own = {
                            Parameters = Tree.childOrEmpty name variables.Parameters
                            State = Tree.childOrEmpty name variables.State
                        }

                        name, walk (Walk.below path name) child own)

                Walk.together changed

        walk "" layer variables

    // ---- applying ----------------------------------------

    let internal childCall name (call: Call) = {
        call with
            Variables = {
                Parameters = Tree.childOrEmpty name call.Variables.Parameters
                State = Tree.childOrEmpty name call.Variables.State
            }
            Key = Key.child name call.Key
    }

    /// The outputs and the new state of a layer. Pure: the same arguments give the same results.
    let apply (layer: Layer) (call: Call) (inputs: Tensor list) : Tensor list * Tree<Tensor> =
        let visitor = {
            Enter = childCall
            Visit = fun _ call layer inputs -> Walk.applyOne layer call inputs
            Gather = Branch
        }

        Walk.run visitor "" call layer inputs

    /// What goes into and comes out of every layer that is not made of others, in the order in which they are
    /// applied. Nothing is computed yet.
    let trace (layer: Layer) (call: Call) (inputs: Tensor list) : Traced list =
        let visit path (call: Call) layer inputs =
            let outputs, _ = Walk.applyOne layer call inputs

            outputs,
            [
                {
                    Path = path
                    Layer = layer
                    Variables = call.Variables
                    Inputs = inputs
                    Outputs = outputs
                }
            ]

        let visitor = {
            Enter = childCall
            Visit = visit
            Gather = List.collect snd
        }

        Walk.run visitor "" call layer inputs |> snd

    /// A call of a network that is not being trained.
    let internal evaluation variables = {
        Mode = Mode.Evaluation
        Variables = variables
        Key = Key.ofSeed 0L
    }

    /// First variables of a layer for inputs of these types; the shapes inside follow from the graph, and
    /// nothing is computed for them. `start` says in which type, and from which key. Raises ShapeException,
    /// DTypeException or OptionException, with the path of the layer, for layers that do not meet.
    let initWith (start: Start) (inputs: TensorType list) (layer: Layer) : Variables =
        let visit _ start layer inputs =
            let variables = Walk.initOne start inputs layer
            fst (Walk.applyOne layer (evaluation variables) inputs), variables

        let visitor = {
            Enter =
                fun name start -> {
                    start with
                        Start.Key = Key.child name start.Key
                }
            Visit = visit
            Gather = Walk.together
        }

        let symbols = inputs |> List.map (fun t -> Tensor(Graph.symbol "input" t))
        Walk.run visitor "" start layer symbols |> snd

    /// First variables of a layer by itself, by a rule for the layers in it that are not made of others: it is given
    /// a layer's path, what to start from (the key is the layer's own), and the layer.
    let variablesBy (first: string -> Start -> Layer -> Variables) (start: Start) (layer: Layer) : Variables =
        let rec walk path (start: Start) layer =
            match Walk.children layer with
            | [] -> first path start layer
            | inner ->
                let made =
                    inner
                    |> List.map (fun (name, child) ->
                        let key = Key.child name start.Key
                        name, walk (Walk.below path name) { start with Key = key } child)

                Walk.together made

        walk "" start layer

    /// First variables of a layer by itself, whatever its inputs will be; custom layers are told no shapes.
    let variables (start: Start) (layer: Layer) : Variables =
        variablesBy (fun _ start layer -> Walk.initOne start [] layer) start layer

    /// `initWith` float32 inputs and parameters.
    let init (key: Key) (shapes: Shape list) (layer: Layer) : Variables =
        let inputs =
            shapes |> List.map (fun shape -> { DType = DType.Float32; Shape = shape })

        initWith { DType = DType.Float32; Key = key } inputs layer

    /// The output of a trained network with one input and one output.
    let predict (layer: Layer) (variables: Variables) (x: Tensor) : Tensor =
        match apply layer (evaluation variables) [ x ] with
        | [ y ], _ -> y
        | ys, _ -> Fail.shape $"predict: the network has {ys.Length} outputs; use apply"
