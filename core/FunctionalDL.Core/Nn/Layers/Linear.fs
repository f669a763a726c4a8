namespace FunctionalDL.Core

/// A layer of two inputs: `x1 · weight[o] · x2 + bias[o]`, weight `[outFeatures; in1Features; in2Features]`.
type BilinearSpec = {
    In1Features: int
    In2Features: int
    OutFeatures: int
    Bias: bool
}

/// A table of vectors, looked up by whole numbers: `[…] -> […; embeddingDim]`.
type EmbeddingSpec = {
    NumEmbeddings: int
    EmbeddingDim: int
    /// A row that starts at 0 and learns nothing.
    PaddingIndex: int option
    /// The probability that a row is dropped, everywhere in the batch, while training. S. Merity, N. S.
    /// Keskar, R. Socher, "Regularizing and optimizing LSTM language models", ICLR 2018, section 4.3.
    Dropout: float
}

/// Layers that are matrix products, and rows of matrices.
[<RequireQualifiedAccess>]
module internal LinearLayers =

    let initLinear (start: Start) inFeatures outFeatures bias =
        if inFeatures < 1 || outFeatures < 1 then
            Fail.option $"linear: {inFeatures} in and {outFeatures} out features; both must be at least 1"

        Part.weightAndBias start [ outFeatures; inFeatures ] outFeatures bias

    let applyLinear bias call x =
        Tensor.linear (Part.parameter "weight" call) (Part.parameterIf bias "bias" call) x

    /// PyTorch's: weight and bias uniform in `±1 / sqrt in1Features`.
    let initBilinear (start: Start) (spec: BilinearSpec) =
        Part.requirePositive "bilinear" [
            "in1 features", spec.In1Features
            "in2 features", spec.In2Features
            "out features", spec.OutFeatures
        ]

        let draw name shape =
            name, Init.bias start.DType spec.In1Features shape (Part.keyOf name start)

        Part.parameters [
            draw "weight" [ spec.OutFeatures; spec.In1Features; spec.In2Features ]
            if spec.Bias then
                draw "bias" [ spec.OutFeatures ]
        ]

    let applyBilinear (spec: BilinearSpec) call inputs =
        match inputs with
        | [ x1; x2 ] ->
            Linalg.bilinear (Part.parameter "weight" call) (Part.parameterIf spec.Bias "bias" call) x1 x2
        | _ -> Fail.shape $"bilinear: it was given {inputs.Length} inputs; it takes two"

    /// PyTorch's: normal, and zeros for the padding.
    let initEmbedding (start: Start) (spec: EmbeddingSpec) =
        let rows = spec.NumEmbeddings
        Part.requirePositive "embedding" [ "rows", rows; "features", spec.EmbeddingDim ]
        Part.requireProbability "embedding" spec.Dropout

        let table =
            Key.normal start.DType [ rows; spec.EmbeddingDim ] (Part.keyOf "weight" start)

        match spec.PaddingIndex with
        | None -> Part.parameters [ "weight", table ]
        | Some padding when padding < -rows || padding >= rows ->
            Fail.option $"embedding: padding index {padding} is none of the {rows} rows"
        | Some padding ->
            let row = if padding < 0 then padding + rows else padding

            let isPadding =
                Tensor.eq (Tensor.arange rows) (Tensor.full DType.Int64 [] row)
                |> Tensor.unsqueeze 1

            Part.parameters [ "weight", Tensor.maskedFill isPadding 0.0 table ]

    let applyEmbedding (spec: EmbeddingSpec) (call: Call) index =
        let table = Part.parameter "weight" call

        let table =
            match call.Mode with
            | Mode.Training -> Part.drop spec.Dropout [ spec.NumEmbeddings; 1 ] call.Key table
            | Mode.Evaluation -> table

        Indexing.embedding spec.PaddingIndex index table
