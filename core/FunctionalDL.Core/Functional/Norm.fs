namespace FunctionalDL.Core

/// The mean and the variance of each channel, followed over the batches of a training: `[channels]` each.
type RunningStatistics = { Mean: Tensor; Variance: Tensor }

/// What of batch normalisation can be chosen.
type BatchNormOptions = {
    /// What is added to the variance, so that a constant channel does not divide by 0.
    Eps: float
    /// The weight of the newest batch in the running statistics.
    Momentum: float
} with

    /// PyTorch's: eps 1e-5, momentum 0.1.
    static member Default = { Eps = 1e-5; Momentum = 0.1 }

/// Normalisation: elements shifted to mean 0 and scaled to variance 1, over different sets of axes, and then
/// by a learned weight and bias where they are given. The variance is that of the centred elements divided by
/// their number `n` (not `n - 1`), so that a large mean costs no digits.
[<RequireQualifiedAccess>]
module Norm =

    /// The elements minus their mean along axes, and that mean and their variance, of size 1 there.
    let private centre axes (x: Tensor) =
        let mean = Tensor.meanAxesKeep axes x
        let centred = x - mean
        struct (centred, mean, Tensor.meanAxesKeep axes (Tensor.square centred))

    /// `centred / sqrt (variance + eps) · weight + bias`, where all but `centred` broadcast.
    let private scale
        (eps: float)
        (weight: Tensor option)
        (bias: Tensor option)
        (variance: Tensor)
        (centred: Tensor)
        =
        let factor = Tensor.rsqrt (variance + eps)
        // A weight of the variance's shape meets it before the elements do.
        let scaled =
            match weight with
            | Some w when w.Shape.Equals variance.Shape -> centred * (factor * w)
            | Some w -> centred * factor * w
            | None -> centred * factor

        match bias with
        | Some b -> scaled + b
        | None -> scaled

    let private requireChannels operation least (x: Tensor) =
        if x.Rank < least then
            let needed =
                if least = 2 then
                    "[batch; channels; …]"
                else
                    "[batch; channels; spatial axes …]"

            Fail.shape $"{operation}: the input is {x.Shape}; it needs {needed}"

    /// One number a channel, seen from `[batch; channels; …]`.
    let private perChannel operation (what: string) (x: Tensor) (values: Tensor) =
        if values.Rank <> 1 || values.Shape[0] <> x.Shape[1] then
            Fail.shape (
                $"{operation}: {what} is {values.Shape} and the input {x.Shape}; it needs "
                + $"[{x.Shape[1]}], one for each channel"
            )

        Tensor.reshape [ 1; x.Shape[1]; yield! List.replicate (x.Rank - 2) 1 ] values

    let private affine operation (x: Tensor) weight bias =
        struct (Option.map (perChannel operation "the weight" x) weight,
                Option.map (perChannel operation "the bias" x) bias)

    /// All axes but that of the channels.
    let private batchAxes (x: Tensor) = [ 0; yield! [ 2 .. x.Rank - 1 ] ]

    let private byBatch eps weight bias (x: Tensor) =
        requireChannels "batchNorm" 2 x

        if x.Shape.Size > 0 && x.Shape.Size = x.Shape[1] then
            Fail.shape (
                $"batchNorm: the input {x.Shape} has one element a channel, whose variance is "
                + "0; training needs more"
            )

        let struct (weight, bias) = affine "batchNorm" x weight bias
        let struct (centred, mean, variance) = centre (batchAxes x) x
        struct (scale eps weight bias variance centred, mean, variance)

    /// Each channel of `x: [batch; channels; …]` normalised over all other axes by the batch's own
    /// statistics. `weight` and `bias` are `[channels]`. Raises ShapeException when they are not, or for one
    /// element a channel. S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
    let batchNorm eps weight bias x =
        let struct (y, _, _) = byBatch eps weight bias x
        y

    /// `batchNorm`, and the running statistics after this batch: `(1 - momentum) · old + momentum · new`,
    /// where the new variance divides by `n - 1`. They are constants of every derivative.
    let batchNormTraining (options: BatchNormOptions) weight bias (running: RunningStatistics) (x: Tensor) =
        let struct (y, mean, variance) = byBatch options.Eps weight bias x
        let n = x.Shape.Size / max 1 x.Shape[1]

        let follow what (old: Tensor) (newest: Tensor) =
            perChannel "batchNorm" what x old |> ignore
            let newest = Tensor.stopGradient (Tensor.reshape [ x.Shape[1] ] newest)
            Tensor.stopGradient old * (1.0 - options.Momentum) + newest * options.Momentum

        let unbiased = variance * (float n / float (max 1 (n - 1)))

        y,
        {
            Mean = follow "the running mean" running.Mean mean
            Variance = follow "the running variance" running.Variance unbiased
        }

    /// Each channel of `x: [batch; channels; …]` normalised by running statistics: what batch normalisation
    /// is after training.
    let batchNormEvaluation (eps: float) weight bias (running: RunningStatistics) (x: Tensor) =
        requireChannels "batchNorm" 2 x
        let struct (weight, bias) = affine "batchNorm" x weight bias
        let mean = perChannel "batchNorm" "the running mean" x running.Mean
        let variance = perChannel "batchNorm" "the running variance" x running.Variance
        scale eps weight bias variance (x - mean)

    /// Normalised over the last axes, which have the sizes `normalized`; `weight` and `bias` have them too.
    /// Raises ShapeException when `x` or they do not. J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer
    /// normalization", 2016.
    let layerNorm
        (normalized: int list)
        (eps: float)
        (weight: Tensor option)
        (bias: Tensor option)
        (x: Tensor)
        =
        let sizes = Shape.ofList normalized

        if sizes.Rank = 0 then
            Fail.shape "layerNorm: no sizes are given; it needs those of the last axes"

        if
            x.Rank < sizes.Rank
            || not ((Shape x.Shape.Dims[x.Rank - sizes.Rank ..]).Equals sizes)
        then
            Fail.shape $"layerNorm: the input is {x.Shape}; its last sizes must be {sizes}"

        let require what (values: Tensor option) =
            values
            |> Option.iter (fun v ->
                if not (v.Shape.Equals sizes) then
                    Fail.shape $"layerNorm: {what} is {v.Shape}; it needs {sizes}")

        require "the weight" weight
        require "the bias" bias
        let struct (centred, _, variance) = centre [ x.Rank - sizes.Rank .. x.Rank - 1 ] x
        scale eps weight bias variance centred

    /// The channels of `x: [batch; channels; …]` in `groups` groups, each normalised with its other axes;
    /// `weight` and `bias` are `[channels]`. Raises ShapeException when the channels do not divide into the
    /// groups. Y. Wu, K. He, "Group normalization", ECCV 2018.
    let groupNorm groups (eps: float) weight bias (x: Tensor) =
        requireChannels "groupNorm" 2 x

        if groups < 1 then
            Fail.option $"groupNorm: {groups} groups; at least one is needed"

        if x.Shape[1] % groups <> 0 then
            Fail.shape
                $"groupNorm: {x.Shape[1]} channels of input {x.Shape} do not divide into {groups} groups"

        let struct (weight, bias) = affine "groupNorm" x weight bias
        let shape = List.ofArray x.Shape.Dims

        let grouped =
            x
            |> Tensor.reshape [ x.Shape[0]; groups; x.Shape[1] / groups; yield! List.skip 2 shape ]

        let struct (centred, _, variance) = centre [ 2 .. grouped.Rank - 1 ] grouped
        let standard = scale eps None None variance centred |> Tensor.reshape shape
        let scaled = weight |> Option.fold (fun (y: Tensor) w -> y * w) standard
        bias |> Option.fold (fun (y: Tensor) b -> y + b) scaled

    /// Each channel of each item of `x: [batch; channels; …]` normalised over its spatial axes; `weight` and
    /// `bias` are `[channels]`. Raises ShapeException without spatial axes, or for one element there. D.
    /// Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization", 2016.
    let instanceNorm (eps: float) weight bias (x: Tensor) =
        requireChannels "instanceNorm" 3 x

        if x.Shape.Size > 0 && x.Shape.Size = x.Shape[0] * x.Shape[1] then
            Fail.shape (
                $"instanceNorm: the input {x.Shape} has one element a channel, whose variance "
                + "is 0; it needs more"
            )

        let struct (weight, bias) = affine "instanceNorm" x weight bias
        let struct (centred, _, variance) = centre [ 2 .. x.Rank - 1 ] x
        scale eps weight bias variance centred
