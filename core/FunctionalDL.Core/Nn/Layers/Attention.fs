namespace FunctionalDL.Core

/// Attention with several heads. Inputs: `query [target; batch; embedDim]`, `key [source; batch; kDim]` and
/// `value [source; batch; vDim]` (or batch first), or one tensor that is all three; then, where wanted, a
/// key padding mask `[batch; source]` (true: never looked at), then an attention mask `[target; source]` or
/// `[batch · numHeads; target; source]` (true: not looked at; or numbers that are added). Outputs: `[target;
/// batch; embedDim]` and, where wanted, the weights `[batch; target; source]`, means over the heads. A query
/// that may look at nothing gets zeros. Parameters have PyTorch's names: `in_proj_weight` (query, key and
/// value, one below the other; `q_proj_weight`, … when their sizes differ), `in_proj_bias`, `out_proj.weight`,
/// `out_proj.bias`. A. Vaswani and others, "Attention is all you need", NIPS 2017, section 3.2.
type MultiheadAttentionSpec = {
    EmbedDim: int
    NumHeads: int
    /// The probability that a weight is dropped while training.
    Dropout: float
    Bias: bool
    /// The features of keys; None is embedDim.
    KDim: int option
    /// The features of values; None is embedDim.
    VDim: int option
    /// Whether inputs are `[batch; time; …]`.
    BatchFirst: bool
    /// Whether each place looks only at itself and what comes before.
    IsCausal: bool
    /// Whether the weights are a second output.
    NeedWeights: bool
}

/// Attention, the function and the layer.
[<RequireQualifiedAccess>]
module internal AttentionLayers =

    let private sizes spec =
        struct (defaultArg spec.KDim spec.EmbedDim, defaultArg spec.VDim spec.EmbedDim)

    let private isPacked spec =
        sizes spec = struct (spec.EmbedDim, spec.EmbedDim)

    /// PyTorch's: Xavier's uniform for the inputs, that of a linear layer for the output, biases 0.
    let init (start: Start) (spec: MultiheadAttentionSpec) =
        let width = spec.EmbedDim
        Part.requirePositive "attention" [ "features", width; "heads", spec.NumHeads ]
        Part.requireProbability "attention" spec.Dropout

        if width % spec.NumHeads <> 0 then
            Fail.option $"attention: {width} features do not divide into {spec.NumHeads} heads"

        let struct (kDim, vDim) = sizes spec

        let xavier name shape =
            name, Init.xavierUniform start.DType 1.0 shape (Part.keyOf name start)

        Part.parameters [
            if isPacked spec then
                xavier "in_proj_weight" [ 3 * width; width ]
            else
                xavier "q_proj_weight" [ width; width ]
                xavier "k_proj_weight" [ width; kDim ]
                xavier "v_proj_weight" [ width; vDim ]
            if spec.Bias then
                "in_proj_bias", Part.zeros start [ 3 * width ]
            "out_proj.weight", Init.weight start.DType [ width; width ] (Part.keyOf "out_proj.weight" start)
            if spec.Bias then
                "out_proj.bias", Part.zeros start [ width ]
        ]

    /// Query, key and value as the heads see them, `[batch; place; embedDim]` each.
    let private project spec call (query: Tensor) (key: Tensor) (value: Tensor) =
        let thirds (x: Tensor) = Arrange.chunk 3 0 x

        let biases =
            match Part.parameterIf spec.Bias "in_proj_bias" call with
            | Some bias -> thirds bias |> List.map Some
            | None -> [ None; None; None ]

        if
            isPacked spec
            && obj.ReferenceEquals(query, key)
            && obj.ReferenceEquals(key, value)
        then
            // One product for all three.
            Tensor.linear
                (Part.parameter "in_proj_weight" call)
                (Part.parameterIf spec.Bias "in_proj_bias" call)
                query
            |> Arrange.chunk 3 -1
        else
            let weights =
                if isPacked spec then
                    thirds (Part.parameter "in_proj_weight" call)
                else
                    [ "q"; "k"; "v" ]
                    |> List.map (fun which -> Part.parameter $"{which}_proj_weight" call)

            List.map3 Tensor.linear weights biases [ query; key; value ]

    /// Where `a` or `b` holds.
    let private either (a: Tensor option) (b: Tensor option) =
        match a, b with
        | Some a, Some b -> Some(Tensor.where a (Tensor.full DType.Bool [] 1.0) b)
        | Some a, None -> Some a
        | None, b -> b

    let private isBool (mask: Tensor) = mask.DType = DType.Bool

    let private requireMask what (expected: int list) (mask: Tensor) =
        if not (mask.Shape.Equals(Shape.ofList expected)) then
            Fail.shape $"attention: the {what} is {mask.Shape}; it needs {Text.bracketed expected}"

    let private paddingMask batch sources (mask: Tensor) =
        requireMask "key padding mask" [ batch; sources ] mask

        if not (isBool mask) then
            Fail.dtype $"attention: the key padding mask is {mask.DType}; it needs truth values (bool)"

        Tensor.reshape [ batch; 1; 1; sources ] mask

    let private attentionMask batch heads targets sources (mask: Tensor) =
        if mask.Rank = 2 then
            requireMask "attention mask" [ targets; sources ] mask
            mask
        else
            requireMask "attention mask" [ batch * heads; targets; sources ] mask
            Tensor.reshape [ batch; heads; targets; sources ] mask

    /// Softmax over what is not blocked: exactly 0 where it is, also where all is.
    let private weigh (blocked: Tensor option) (scores: Tensor) =
        match blocked with
        | None -> Tensor.softmax -1 scores
        | Some blocked ->
            let lowest =
                if scores.DType = DType.Float64 then
                    System.Double.MinValue
                else
                    float System.Single.MinValue

            // Not -∞: a row of nothing else would be NaN, and so would its derivative.
            let weights = Tensor.maskedFill blocked lowest scores |> Tensor.softmax -1
            Tensor.maskedFill blocked 0.0 weights

    let private attend spec (call: Call) padding attention (query: Tensor) (key: Tensor) (value: Tensor) =
        let batch, targets, sources = query.Shape[0], query.Shape[1], key.Shape[1]
        let heads, width = spec.NumHeads, spec.EmbedDim / spec.NumHeads

        let split (x: Tensor) =
            Tensor.reshape [ batch; x.Shape[1]; heads; width ] x
            |> Tensor.permute [ 0; 2; 1; 3 ]

        let query = split query * (1.0 / sqrt (float width))
        let scores = Tensor.matmul query (Tensor.transpose 2 3 (split key))
        let attention = attention |> Option.map (attentionMask batch heads targets sources)

        let scores =
            match attention with
            | Some mask when not (isBool mask) -> scores + mask
            | Some _
            | None -> scores

        let causal =
            if spec.IsCausal then
                Tensor.ones [ targets; sources ]
                |> Tensor.triu 1
                |> Tensor.cast DType.Bool
                |> Some
            else
                None

        let blocked =
            padding
            |> Option.map (paddingMask batch sources)
            |> either (attention |> Option.filter isBool)
            |> either causal

        let weights = weigh blocked scores

        let dropped =
            match call.Mode with
            | Mode.Training -> Part.drop spec.Dropout [ batch; heads; targets; sources ] call.Key weights
            | Mode.Evaluation -> weights

        let joined =
            Tensor.matmul dropped (split value)
            |> Tensor.permute [ 0; 2; 1; 3 ]
            |> Tensor.reshape [ batch; targets; spec.EmbedDim ]

        let output =
            Tensor.linear
                (Part.parameter "out_proj.weight" call)
                (Part.parameterIf spec.Bias "out_proj.bias" call)
                joined

        output, Tensor.meanAxes [ 1 ] dropped

    let private requireInputs spec (query: Tensor) (key: Tensor) (value: Tensor) =
        let struct (kDim, vDim) = sizes spec
        let batch = if spec.BatchFirst then 0 else 1

        let fits (x: Tensor) features =
            x.Rank = 3 && x.Shape[2] = features && x.Shape[batch] = query.Shape[batch]

        if
            not (fits query spec.EmbedDim && fits key kDim && fits value vDim)
            || key.Shape[1 - batch] <> value.Shape[1 - batch]
        then
            Fail.shape (
                $"attention: query {query.Shape}, key {key.Shape} and value {value.Shape} do not fit: they need "
                + $"three axes, one batch, {spec.EmbedDim}, {kDim} and {vDim} features, and as many keys as values"
            )

    let apply (spec: MultiheadAttentionSpec) (call: Call) (inputs: Tensor list) : Tensor list =
        let query, key, value, padding, attention =
            match inputs with
            | [ x ] -> x, x, x, None, None
            | [ q; k; v ] -> q, k, v, None, None
            | [ q; k; v; padding ] -> q, k, v, Some padding, None
            | [ q; k; v; padding; attention ] -> q, k, v, Some padding, Some attention
            | _ -> Fail.shape $"attention: it was given {inputs.Length} inputs; it takes 1, 3, 4 or 5"

        requireInputs spec query key value

        let turn (x: Tensor) =
            if spec.BatchFirst then x else Tensor.transpose 0 1 x

        let query, key, value =
            if obj.ReferenceEquals(query, key) && obj.ReferenceEquals(key, value) then
                let x = turn query
                x, x, x
            else
                turn query, turn key, turn value

        match project spec call query key value with
        | [ query; key; value ] ->
            let output, weights = attend spec call padding attention query key value

            [
                turn output
                if spec.NeedWeights then
                    weights
            ]
        | _ -> invalidOp "three parts"
