namespace FunctionalDL.Core

/// fastai's XResNets: three convolutions of 3 × 3 in place of one of 7 × 7, shortcuts that average before they convolve, and
/// blocks that begin as the identity. T. He and others, "Bag of tricks for image classification with convolutional neural
/// networks", CVPR 2019, section 4. `[batch; channels; height; width] -> [batch; classes]`, named as there: `0.0.weight`,
/// `4.0.convpath.0.1.running_mean`, `5.0.idpath.1.0.weight`, `11.weight`.
[<RequireQualifiedAccess>]
module XResNet =

    open ResidualNetwork

    /// The channels of the three convolutions of the stem.
    let stem = [ 32; 32; StemChannels ]

    /// A convolution, its norm, and perhaps a ReLU.
    let private convolved inChannels outChannels kernel stride isActive =
        Layer.sequential [
            convolution inChannels outChannels kernel stride
            norm outChannels
            if isActive then
                ReLU
        ]

    /// One block.
    let block (block: ResidualBlock) : Layer =
        let width, stride = block.Width, block.Stride

        let convolutions =
            match block.Kind with
            | ResidualKind.Basic -> [
                convolved block.InChannels width 3 stride true
                convolved width width 3 1 false
              ]
            | ResidualKind.Bottleneck -> [
                convolved block.InChannels width 1 1 true
                convolved width width 3 stride true
                convolved width block.OutChannels 1 1 false
              ]

        let shortcut = [
            if stride > 1 then
                Pool(
                    PoolSpec.Average(
                        [ stride; stride ],
                        {
                            Pooling.averageDefaults with
                                CeilMode = true
                        }
                    )
                )
            if block.ChangesChannels then
                convolved block.InChannels block.OutChannels 1 1 false
        ]

        Residual {
            Body = [ "convpath", Layer.sequential convolutions ]
            Shortcut = Some("idpath", Layer.sequential shortcut)
            After = [ "act", ReLU ]
        }

    /// The whole network. Dropout in front of the last layer, with this probability, is 0 in fastai's own.
    let layer (dropout: float) (spec: ResidualNetworkSpec) : Layer =
        Layer.sequential [
            for i, (inChannels, outChannels) in List.indexed (List.pairwise (spec.InChannels :: stem)) do
                convolved inChannels outChannels 3 (if i = 0 then 2 else 1) true
            stemPool
            for blocks in stages spec do
                Layer.sequential (List.map block blocks)
            Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
            Flatten 1
            Layer.dropout dropout
            Layer.linear (features spec) spec.Classes
        ]

    /// The norm behind the last convolution of a block.
    let private isLastNorm (kind: ResidualKind) (path: string) =
        let last =
            match kind with
            | ResidualKind.Basic -> 1
            | ResidualKind.Bottleneck -> 2

        path.EndsWith($"convpath.{last}.1", System.StringComparison.Ordinal)

    /// fastai's rule: `FirstValues.kaiming`, and the weights of the last norms of blocks 0.
    let firstValues (kind: ResidualKind) (path: string) (start: Start) (layer: Layer) : Variables =
        match layer with
        | BatchNorm _ when isLastNorm kind path ->
            FirstValues.withWeight (fun dtype shape _ -> Init.constant dtype 0.0 shape) start layer
        | _ -> FirstValues.kaiming path start layer

    /// First variables by `firstValues`.
    let variables (kind: ResidualKind) (start: Start) (network: Layer) : Variables =
        Layer.variablesBy (firstValues kind) start network
