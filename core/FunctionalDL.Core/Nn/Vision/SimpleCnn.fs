namespace FunctionalDL.Core

/// A stack of convolutions, each with a ReLU.
type SimpleCnnSpec = {
    /// Of the pictures, and then of what each convolution gives.
    Channels: int list
    /// One for each convolution, odd so that stride 1 keeps the size.
    Kernels: int list
    /// One for each convolution.
    Strides: int list
    /// Batch norm behind each but the last.
    Bn: bool
}

/// fastai's `simple_cnn`: `[batch; channels; height; width] -> [batch; last channels]`. Parameters are named as there:
/// `0.0.weight`, `0.0.bias`, `0.2.running_mean`.
[<RequireQualifiedAccess>]
module SimpleCnn =

    /// Kernels of 3 × 3 with stride 2, without batch norm.
    let spec (channels: int list) : SimpleCnnSpec =
        let count = max 0 (channels.Length - 1)

        {
            Channels = channels
            Kernels = List.replicate count 3
            Strides = List.replicate count 2
            Bn = false
        }

    /// The convolutions: in and out channels, kernel, stride, and whether batch norm is behind it, which then takes the bias's part.
    ///
    /// *Errors:* `OptionException` when there is no convolution, or not a kernel and a stride for each.
    let convolutions (spec: SimpleCnnSpec) : struct (int * int * int * int * bool) list =
        let pairs = List.pairwise spec.Channels

        if pairs.IsEmpty then
            Fail.option
                $"simple CNN: {spec.Channels.Length} numbers of channels make no convolution; give at least 2"

        if spec.Kernels.Length <> pairs.Length || spec.Strides.Length <> pairs.Length then
            Fail.option
                $"simple CNN: {spec.Kernels.Length} kernels and {spec.Strides.Length} strides for {pairs.Length} convolutions; give one for each"

        List.zip3 pairs spec.Kernels spec.Strides
        |> List.mapi (fun i ((inChannels, outChannels), kernel, stride) ->
            struct (inChannels, outChannels, kernel, stride, spec.Bn && i < pairs.Length - 1))

    /// The network. Raises as `convolutions` does.
    let layer (spec: SimpleCnnSpec) : Layer =
        Layer.sequential [
            for struct (inChannels, outChannels, kernel, stride, hasNorm) in convolutions spec do
                Layer.sequential [
                    Conv {
                        Layer.conv inChannels outChannels [ kernel; kernel ] with
                            Bias = not hasNorm
                            Options = {
                                Convolution.defaults with
                                    Stride = [ stride ]
                                    Padding = [ (kernel - 1) / 2, (kernel - 1) / 2 ]
                            }
                    }
                    ReLU
                    if hasNorm then
                        BatchNorm(Layer.batchNorm outChannels)
                ]
            Layer.sequential [ Pool(PoolSpec.AdaptiveAverage [ 1; 1 ]); Flatten 1 ]
        ]

    /// First variables by `FirstValues.kaiming`.
    let variables (start: Start) (network: Layer) : Variables =
        Layer.variablesBy FirstValues.kaiming start network
