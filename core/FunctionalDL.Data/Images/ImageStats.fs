namespace FunctionalDL.Data

open FunctionalDL.Core

/// Mean and standard deviation of each channel of pictures whose samples are from 0 to 1.
type ImageStats = { Mean: float list; Std: float list }

/// Giving the channels of pictures mean 0 and deviation 1, and back.
[<RequireQualifiedAccess>]
module ImageStats =

    /// Figures of one's own.
    ///
    /// *Errors:* `ArgumentException` unless each channel has a mean and a deviation above 0.
    let create (mean: float list) (std: float list) : ImageStats =
        if mean.IsEmpty || mean.Length <> std.Length then
            invalidArg
                (nameof std)
                $"there are {mean.Length} means and {std.Length} deviations; give one of each for a channel"

        match std |> List.tryFindIndex (fun s -> not (s > 0.0)) with
        | Some channel ->
            invalidArg
                (nameof std)
                $"the deviation of channel {channel} is {std[channel]}; it needs to be above 0: are all its samples equal?"
        | None -> { Mean = mean; Std = std }

    /// Of the photographs of ImageNet, which pretrained networks expect.
    let imageNet = create [ 0.485; 0.456; 0.406 ] [ 0.229; 0.224; 0.225 ]

    /// Of CIFAR-10.
    let cifar = create [ 0.491; 0.482; 0.447 ] [ 0.247; 0.243; 0.261 ]

    /// Of MNIST as pictures of three equal channels.
    let mnist = create [ 0.131; 0.131; 0.131 ] [ 0.308; 0.308; 0.308 ]

    /// Of a batch of pictures `[items; channels; height; width]`; the deviation is that of a sample, with n - 1.
    ///
    /// *Errors:* as `create`.
    let ofBatch (pictures: Tensor) : ImageStats =
        let pictures = Tensor.cast DType.Float64 pictures
        let numbers x = Tensor.toFloats x |> List.ofArray
        create (numbers (Tensor.meanAxes [ 0; 2; 3 ] pictures)) (numbers (Tensor.std 1 [ 0; 2; 3 ] pictures))

    /// Shape `[channels; 1; 1]`, beside pictures with or without a batch axis.
    let private beside (pictures: Tensor) (values: float list) =
        let rank = pictures.Shape.Rank

        if rank < 3 || pictures.Shape[rank - 3] <> values.Length then
            invalidArg
                (nameof pictures)
                $"{pictures.Shape} has no {values.Length} channels before its height and width, for which there are figures"

        Tensor.ofFloats [ values.Length; 1; 1 ] (Array.ofList values)
        |> Tensor.cast pictures.DType

    /// `(x - mean) / std`, channel by channel.
    ///
    /// *Errors:* `ArgumentException` for another number of channels.
    let normalise (stats: ImageStats) (pictures: Tensor) : Tensor =
        (pictures - beside pictures stats.Mean) / beside pictures stats.Std

    /// `x · std + mean`: what `normalise` was given.
    let denormalise (stats: ImageStats) (pictures: Tensor) : Tensor =
        pictures * beside pictures stats.Std + beside pictures stats.Mean
