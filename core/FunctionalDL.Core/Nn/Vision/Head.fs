namespace FunctionalDL.Core

/// What comes behind the body of a network for pictures when it is to tell other classes.
type HeadSpec = {
    /// The channels that the body gives.
    Channels: int
    /// How many numbers come out.
    Outputs: int
    /// The widths of the hidden layers.
    Hidden: int list
    /// Dropout in front of each linear layer: one for each, or one for the last, of which those before it have half.
    Ps: float list
    /// Both the largest and the mean of each channel, not the mean alone.
    ConcatPool: bool
    /// Batch norm behind the last layer.
    BnFinal: bool
}

/// One linear layer of a head, with what is around it.
type HeadBlock = {
    InFeatures: int
    OutFeatures: int
    /// Dropout in front of it; 0 for none.
    P: float
    IsLast: bool
}

/// fastai's `create_head`: pool, flatten, and then blocks of batch norm, dropout and a linear layer, with ReLU between them.
[<RequireQualifiedAccess>]
module Head =

    /// The momentum of the last batch norm, where there is one.
    [<Literal>]
    let FinalMomentum = 0.01

    /// fastai's defaults: one hidden layer of 512, dropout 0.25 and 0.5, both pools, no last batch norm.
    let spec channels outputs : HeadSpec = {
        Channels = channels
        Outputs = outputs
        Hidden = [ 512 ]
        Ps = [ 0.5 ]
        ConcatPool = true
        BnFinal = false
    }

    /// The numbers that the pool gives.
    let features (spec: HeadSpec) =
        if spec.ConcatPool then 2 * spec.Channels else spec.Channels

    let private dropouts count (spec: HeadSpec) =
        match spec.Ps with
        | [ p ] -> List.replicate (count - 1) (p / 2.0) @ [ p ]
        | ps when ps.Length = count -> ps
        | ps ->
            Fail.option
                $"head: ps has {ps.Length} probabilities for {count} linear layers; give one for each, or one for the last"

    /// The blocks in order.
    ///
    /// *Errors:* `OptionException` when the dropouts do not go with the layers, or a width is less than 1.
    let blocks (spec: HeadSpec) : HeadBlock list =
        let widths = List.pairwise (features spec :: spec.Hidden @ [ spec.Outputs ])

        for inFeatures, outFeatures in widths do
            Part.requirePositive "head" [ "features", inFeatures; "outputs of a layer", outFeatures ]

        List.zip widths (dropouts widths.Length spec)
        |> List.mapi (fun i ((inFeatures, outFeatures), p) -> {
            InFeatures = inFeatures
            OutFeatures = outFeatures
            P = p
            IsLast = i = widths.Length - 1
        })

    /// The head: `[batch; channels; height; width] -> [batch; outputs]`. Raises as `blocks` does.
    let layer (spec: HeadSpec) : Layer =
        let pool =
            if spec.ConcatPool then
                PoolSpec.AdaptiveConcat
            else
                PoolSpec.AdaptiveAverage

        Layer.sequential [
            Pool(pool [ 1; 1 ])
            Flatten 1
            for block in blocks spec do
                BatchNorm(Layer.batchNorm block.InFeatures)

                if block.P > 0.0 then
                    Layer.dropout block.P

                Layer.linear block.InFeatures block.OutFeatures

                if not block.IsLast then
                    ReLU
            if spec.BnFinal then
                BatchNorm {
                    Layer.batchNorm spec.Outputs with
                        Momentum = Some FinalMomentum
                }
        ]

    /// First variables by `FirstValues.kaiming`.
    let variables (start: Start) (head: Layer) : Variables =
        Layer.variablesBy FirstValues.kaiming start head
