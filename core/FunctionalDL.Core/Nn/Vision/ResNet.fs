namespace FunctionalDL.Core

/// torchvision's ResNets: the networks of K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
/// 2016, with the stride of a bottleneck in its convolution of 3 × 3. `[batch; channels; height; width] -> [batch; classes]`.
/// Parameters and state are named as there: `conv1.weight`, `layer1.0.bn1.running_mean`, `layer2.0.downsample.0.weight`, `fc.weight`.
[<RequireQualifiedAccess>]
module ResNet =

    open ResidualNetwork

    let private convolutions (block: ResidualBlock) =
        match block.Kind with
        | ResidualKind.Basic -> [
            convolution block.InChannels block.Width 3 block.Stride, block.Width
            convolution block.Width block.Width 3 1, block.Width
          ]
        | ResidualKind.Bottleneck -> [
            convolution block.InChannels block.Width 1 1, block.Width
            convolution block.Width block.Width 3 block.Stride, block.Width
            convolution block.Width block.OutChannels 1 1, block.OutChannels
          ]

    /// One block.
    let block (block: ResidualBlock) : Layer =
        let convolutions = convolutions block

        let shortcut =
            Layer.sequential [
                convolution block.InChannels block.OutChannels 1 block.Stride
                norm block.OutChannels
            ]

        Residual {
            Body = [
                for i, (convolution, channels) in List.indexed convolutions do
                    $"conv{i + 1}", convolution
                    $"bn{i + 1}", norm channels

                    if i + 1 < convolutions.Length then
                        $"relu{i + 1}", ReLU
            ]
            Shortcut =
                if block.Stride > 1 || block.ChangesChannels then
                    Some("downsample", shortcut)
                else
                    None
            After = [ "relu", ReLU ]
        }

    /// The whole network.
    let layer (spec: ResidualNetworkSpec) : Layer =
        Sequential [
            "conv1", convolution spec.InChannels StemChannels 7 2
            "bn1", norm StemChannels
            "relu", ReLU
            "maxpool", stemPool
            for i, blocks in List.indexed (stages spec) do
                $"layer{i + 1}", Layer.sequential (List.map block blocks)
            "avgpool", Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
            "flatten", Flatten 1
            "fc", Layer.linear (features spec) spec.Classes
        ]

    /// torchvision's rule: weights of convolutions normal with standard deviation `√(2 / fanOut)`, all else as usual.
    let firstValues (_: string) (start: Start) (layer: Layer) : Variables =
        match layer with
        | Conv _ ->
            FirstValues.withWeight
                (fun dtype -> Init.kaimingNormalBy Fan.Out dtype (Init.gain 0.0))
                start
                layer
        | _ -> Layer.variables start layer

    /// First variables by `firstValues`.
    let variables (start: Start) (network: Layer) : Variables =
        Layer.variablesBy firstValues start network
