namespace FunctionalDL.Core

/// One number for each window of the spatial axes: `[batch; channels; spatial…] -> [batch; channels;
/// windows…]`. A kernel, or a list of outputs, has a size for each spatial axis.
[<RequireQualifiedAccess>]
type PoolSpec =
    | Max of kernel: int list * options: MaxPoolOptions
    | Average of kernel: int list * options: AveragePoolOptions
    /// As many windows as outputs, which cover the input evenly.
    | AdaptiveMax of outputs: int list
    | AdaptiveAverage of outputs: int list
    /// The largest elements and then the means, one after the other: twice as many channels. fastai's
    /// `AdaptiveConcatPool2d`.
    | AdaptiveConcat of outputs: int list

/// Pools as layers.
[<RequireQualifiedAccess>]
module internal PoolLayers =

    let apply spec (x: Tensor) =
        match spec with
        | PoolSpec.Max(kernel, options) -> Pooling.max options kernel x
        | PoolSpec.Average(kernel, options) -> Pooling.average options kernel x
        | PoolSpec.AdaptiveMax outputs -> Pooling.adaptiveMax outputs x
        | PoolSpec.AdaptiveAverage outputs -> Pooling.adaptiveAverage outputs x
        | PoolSpec.AdaptiveConcat outputs ->
            // The channels' axis, with a batch or without.
            let axis = -1 - outputs.Length
            Tensor.cat axis [ Pooling.adaptiveMax outputs x; Pooling.adaptiveAverage outputs x ]
