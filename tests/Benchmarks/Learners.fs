namespace FunctionalDL.Benchmarks

open System
open FunctionalDL

/// The same epochs through the facade, as its users write them.
[<RequireQualifiedAccess>]
module Learners =

    let private dataset (part: Mnist.Part) =
        let shape = [| part.Images.Shape[0]; part.Images.Shape[1] |]

        TensorDataset(
            Tensor.From(ReadOnlySpan(Core.Tensor.toFloat32s part.Images), shape),
            Tensor.From(ReadOnlySpan(Core.Tensor.toInt64s part.Labels))
        )

    /// Epochs of a perceptron in a `Learner`: shuffled batches of 64, the last short one dropped, validation in
    /// batches of 128.
    let perceptron threads (train, valid) : Mnist.Epoch =
        let data = DataLoaders(dataset train, dataset valid, 64, true)
        let model = Sequential(Linear(784, 50), ReLU(), Linear(50, 10))

        let learn =
            Learner(
                data,
                model,
                (fun output target -> Losses.CrossEntropy(output, target)),
                metrics = [| Metrics.Accuracy |],
                device = Device.Cpu(Nullable threads),
                silent = true
            )

        fun number ->
            model.Initialize number |> ignore
            fun () -> (learn.Fit(1, 0.5) |> Seq.last).Valid.Metrics["accuracy"]
