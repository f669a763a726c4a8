namespace FunctionalDL.Core

open System

/// A network for the rows of a table: an embedding for each column of classes, numbers beside them, linear layers behind both.
/// fastai's `TabularModel`.
type TabularSpec = {
    /// For each column of classes how many there are (that for "missing" included), and how wide their vectors are.
    Embeddings: (int * int) list
    /// How many columns of numbers there are.
    Continuous: int
    Outputs: int
    /// The widths of the hidden layers.
    Layers: int list
    /// Dropout behind each hidden layer: one for each, one for all, or none.
    Ps: float list
    /// Dropout of the elements of the embedded columns, not of the numbers.
    EmbDrop: float
    /// Outputs are pressed between these two; a sigmoid never quite reaches them.
    YRange: (float * float) option
    /// Batch norm behind each hidden layer. The numbers are normalised either way.
    UseBn: bool
    /// Batch norm behind the last layer.
    BnFinal: bool
}

/// Networks for tables.
[<RequireQualifiedAccess>]
module Tabular =

    /// The width that an embedding of so many classes gets, that for "missing" included: `1.6 · n^0.56`, rounded, at most 600.
    /// fastai's rule of thumb.
    let embeddingSize (classes: int) : int =
        min 600 (int (Math.Round(1.6 * Math.Pow(float classes, 0.56))))

    /// A network without dropout, with batch norm between its layers.
    ///
    /// *Arguments:* the embeddings (classes and width), the number of columns of numbers, the number of outputs, and the widths of
    /// the hidden layers.
    let spec embeddings continuous outputs layers : TabularSpec = {
        Embeddings = embeddings
        Continuous = continuous
        Outputs = outputs
        Layers = layers
        Ps = []
        EmbDrop = 0.0
        YRange = None
        UseBn = true
        BnFinal = false
    }

    /// First weights of an embedding in such a network: normal numbers, what is beyond ±2 taken modulo 2, times 0.01. No weight is
    /// larger than 0.02, and the standard deviation is 0.0087. fastai's `trunc_normal_`.
    let embeddingWeight dtype shape key : Tensor =
        let normal = Key.normal dtype shape key
        let size = Tensor.abs normal
        0.01 * Tensor.sign normal * (size - 2.0 * Tensor.floor (size / 2.0))

    /// Dropout behind each hidden layer.
    let private dropouts (spec: TabularSpec) : float list =
        match spec.Ps with
        | [] -> List.replicate spec.Layers.Length 0.0
        | [ p ] -> List.replicate spec.Layers.Length p
        | ps when ps.Length = spec.Layers.Length -> ps
        | ps ->
            Fail.option
                $"tabular: ps has {ps.Length} probabilities for {spec.Layers.Length} hidden layers; give one for each, or one for all"

    /// `low + (high - low) · sigmoid x`: numbers pressed between two limits, which they never reach.
    let press (low: float, high: float) (x: Tensor) : Tensor = Tensor.sigmoid x * (high - low) + low

    /// The linear layers of a network in order, those of `layers`: before each but the first batch norm and dropout, behind each
    /// but the last ReLU.
    ///
    /// *Errors:* `OptionException` when the dropouts do not go with the layers.
    let linears (spec: TabularSpec) : Layer list =
        let inputs = (spec.Embeddings |> List.sumBy snd) + spec.Continuous
        let widths = List.pairwise (inputs :: spec.Layers @ [ spec.Outputs ])
        let last = widths.Length - 1

        [
            for i, ((width, next), p) in List.indexed (List.zip widths (0.0 :: dropouts spec)) do
                if spec.UseBn && i > 0 then
                    BatchNorm(Layer.batchNorm width)

                if p <> 0.0 then
                    Layer.dropout p

                Layer.linear width next

                if i < last then
                    ReLU

            if spec.BnFinal then
                BatchNorm(Layer.batchNorm spec.Outputs)
        ]

    /// The columns of classes side by side, each by its own table.
    let private embeds (spec: TabularSpec) : Layer =
        let table i (classes, width) =
            string i, Embedding(Layer.embedding classes width)

        Parallel {
            Branches = List.mapi table spec.Embeddings
            Route = Route.Columns
            Join = Join.Concat 1
            After =
                if spec.EmbDrop = 0.0 then
                    []
                else
                    [ "drop", Layer.dropout spec.EmbDrop ]
        }

    /// The network as a layer. Its inputs are the codes of the classes `[rows; columns]` and the numbers `[rows; columns]`, or the
    /// one of them that there is. Parameters are named `embeds.0.weight`, `bn_cont.weight`, `layers.0.weight`, … as fastai does.
    ///
    /// *Errors:* `OptionException` when there is neither a class nor a number, or the dropouts do not go with the layers.
    let layer (spec: TabularSpec) : Layer =
        let branches = [
            if not spec.Embeddings.IsEmpty then
                "embeds", embeds spec
            if spec.Continuous > 0 then
                "bn_cont", BatchNorm(Layer.batchNorm spec.Continuous)
        ]

        if branches.IsEmpty then
            Fail.option "tabular: there is neither a column of classes nor one of numbers; give at least one"

        Parallel {
            Branches = branches
            Route = Route.OneEach
            Join = Join.Concat 1
            After = [
                "layers", Layer.sequential (linears spec)
                for limits in Option.toList spec.YRange do
                    "range", Layer.lambda "yRange" (press limits)
            ]
        }

    /// First variables of a network for tables: those of its layers, and embeddings by `embeddingWeight`.
    let variables (start: Start) (network: Layer) : Variables =
        let first path layer (variables: Variables) =
            match layer with
            | Embedding spec -> {
                variables with
                    Parameters =
                        Tree.ofLeaves [
                            "weight",
                            embeddingWeight
                                start.DType
                                [ spec.NumEmbeddings; spec.EmbeddingDim ]
                                (Key.child $"{path}.weight" start.Key)
                        ]
              }
            | _ -> variables

        Layer.variables start network |> Layer.mapVariables first network
