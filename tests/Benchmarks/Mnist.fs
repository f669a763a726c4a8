namespace FunctionalDL.Benchmarks

open System
open FunctionalDL.Core
open FunctionalDL.Data

/// Training the small perceptron on real MNIST.
[<RequireQualifiedAccess>]
module Mnist =

    /// Normalised pictures `[items; 784]` and their classes, in an engine's memory.
    type Part = {
        Images: Tensor
        Labels: Tensor
        Items: int
    }

    /// How many of the 60,000 are trained on; the rest is for validation.
    [<Literal>]
    let private TrainItems = 50_000

    /// The training pictures of a folder, split and normalised by the mean and standard deviation of the
    /// first part.
    let load engine (folder: string) : Part * Part =
        let all = (Idx.readDataset folder).Train
        let items = all.Images.Dims[0]

        if items <= TrainItems then
            raise (
                DataException(
                    all.ImagesPath,
                    $"{items} pictures",
                    $"give real MNIST: {TrainItems} are for training, and some must be left for validation",
                    null
                )
            )

        let pixels = all.Images.Dims[1] * all.Images.Dims[2]

        let images =
            Tensor.ofBytes [ items; pixels ] all.Images.Bytes |> Tensor.cast DType.Float32

        let labels = Tensor.ofBytes [ items ] all.Labels.Bytes |> Tensor.cast DType.Int64
        let train = Tensor.narrow 0 0 TrainItems images
        let mean, deviation = Tensor.mean train, Tensor.std 1 [] train
        let normalised = (images - mean) / deviation

        let part start count = {
            Images = Tensor.narrow 0 start count normalised
            Labels = Tensor.narrow 0 start count labels
            Items = count
        }

        let train, valid = part 0 TrainItems, part TrainItems (items - TrainItems)
        Tensor.evalOn engine [ train.Images; train.Labels; valid.Images; valid.Labels ]
        train, valid

    /// An epoch from fresh weights of a number: drawing them does not count, then it gives its accuracy.
    type Epoch = int64 -> unit -> float

    /// At least five epochs of each kind, in turn, so that a machine whose speed drifts is fair to all; one of each
    /// before them is for warming up.
    let inTurn (seconds: float) (kinds: Epoch list) : Measurement list =
        for epoch in kinds do
            epoch 0L () |> ignore

        let results =
            kinds
            |> List.map (fun epoch -> epoch, Collections.Generic.List<float * float>())

        let rounds () = (snd results.Head).Count

        let slowest () =
            results |> List.map (snd >> Seq.sumBy fst) |> List.max

        while rounds () < 5 || slowest () < seconds do
            let number = int64 (rounds ()) + 1L

            for epoch, result in results do
                let run = epoch number
                let mutable accuracy = nan
                let time = Measure.once (fun () -> accuracy <- run ())
                result.Add(time, accuracy)

        results
        |> List.map (fun (_, result) -> {
            Times = result |> Seq.map fst |> Array.ofSeq
            Extra = [ "accuracy", Math.Round(result |> Seq.map snd |> Array.ofSeq |> Measure.median, 4) ]
        })

    let private batch (images, labels, index) = {
        Inputs = [ Tensor.indexSelect 0 index images ]
        Targets = [ Tensor.indexSelect 0 index labels ]
    }

    let private indices (order: int64[]) = Tensor.ofInt64s [ order.Length ] order

    /// Epochs of `training` in batches of 64 in random order, the last short one dropped, each followed by
    /// validation in batches of 128: a loop over compiled steps, written by hand.
    let loop engine (training: Training) (train: Part, valid: Part) : Epoch =
        let training = {
            training with
                Metrics = [ Metric.accuracy ]
        }

        let step =
            Compile.stepOn engine (fun (state, (images, labels, index)) ->
                Train.step training state (batch (images, labels, index)))

        let measure =
            Compile.on engine (fun (variables, images, labels, index) ->
                Train.evaluateBatch training variables (batch (images, labels, index)))

        let order = Array.init valid.Items int64

        let epoch (state: State) shuffleKey =
            let batches =
                Key.permutation train.Items shuffleKey
                |> Array.chunkBySize 64
                |> Array.filter (fun b -> b.Length = 64)

            let trained =
                batches
                |> Array.fold
                    (fun state batch -> step (state, (train.Images, train.Labels, indices batch)) |> fst)
                    state

            order
            |> Seq.chunkBySize 128
            |> Seq.map (fun batch ->
                batch.Length, measure (trained.Variables, valid.Images, valid.Labels, indices batch))
            |> Train.report
            |> _.Metrics["accuracy"]

        fun number ->
            let key = Key.ofSeed number
            let state = Train.init key [ Shape.ofList [ 64; train.Images.Shape[1] ] ] training
            Tensor.evalOn engine (Structure.leaves state)
            fun () -> epoch state (Key.child "shuffle" key)
