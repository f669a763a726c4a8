namespace FunctionalDL.Core

/// A convolution over as many spatial axes as the kernel has sizes: `[batch; inChannels; spatial…] ->
/// [batch; outChannels; windows…]`; weight `[outChannels; inChannels / groups; kernel…]`.
type ConvSpec = {
    InChannels: int
    OutChannels: int
    KernelSize: int list
    /// Stride, padding, dilation and groups.
    Options: ConvolutionOptions
    Bias: bool
}

/// A transposed convolution over as many spatial axes as the kernel has sizes; weight `[inChannels;
/// outChannels / groups; kernel…]`.
type ConvTransposeSpec = {
    InChannels: int
    OutChannels: int
    KernelSize: int list
    /// Stride, padding, output padding, dilation and groups.
    Options: TransposedConvolutionOptions
    Bias: bool
}

/// Convolutions as layers, over any number of spatial axes. First values are PyTorch's: weight and bias
/// uniform in `±1 / sqrt fanIn`.
[<RequireQualifiedAccess>]
module internal ConvolutionLayers =

    let private require operation inChannels outChannels kernel groups =
        Part.requirePositive operation [
            "in channels", inChannels
            "out channels", outChannels
            "groups", groups
        ]

        for size in kernel do
            Part.requirePositive operation [ "places of the kernel", size ]

        if List.isEmpty kernel then
            Fail.option $"{operation}: the kernel has no sizes; it needs one for each spatial axis"

        if inChannels % groups <> 0 || outChannels % groups <> 0 then
            Fail.option (
                $"{operation}: {inChannels} in and {outChannels} out channels do not both divide into "
                + $"{groups} groups"
            )

    let init (start: Start) (spec: ConvSpec) =
        let groups = spec.Options.Groups
        require "conv" spec.InChannels spec.OutChannels spec.KernelSize groups
        let shape = spec.OutChannels :: spec.InChannels / groups :: spec.KernelSize
        Part.weightAndBias start shape spec.OutChannels spec.Bias

    let apply (spec: ConvSpec) call x =
        Convolution.conv
            spec.Options
            (Part.parameter "weight" call)
            (Part.parameterIf spec.Bias "bias" call)
            x

    let initTransposed (start: Start) (spec: ConvTransposeSpec) =
        let groups = spec.Options.Groups
        require "convTranspose" spec.InChannels spec.OutChannels spec.KernelSize groups
        let shape = spec.InChannels :: spec.OutChannels / groups :: spec.KernelSize
        Part.weightAndBias start shape spec.OutChannels spec.Bias

    let applyTransposed (spec: ConvTransposeSpec) call x =
        Convolution.convTranspose
            spec.Options
            (Part.parameter "weight" call)
            (Part.parameterIf spec.Bias "bias" call)
            x
