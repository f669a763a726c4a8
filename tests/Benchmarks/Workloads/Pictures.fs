namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks
open FunctionalDL.Core
open FunctionalDL.Data

/// Pictures on their way to a network.
[<RequireQualifiedAccess>]
module Pictures =

    /// As many as a batch of `resnet18_224px_step_16` has.
    let private items = 16

    /// A picture of the size that photographs of data sets have, all of it noise.
    let private photograph () : Bitmap =
        let width, height = 500, 375

        let samples =
            Key.uniform DType.Float32 [ 3 * width * height ] (Key.child "photograph" Workload.key)
            |> Tensor.toFloats
            |> Array.map (fun u -> byte (255.0 * u))

        {
            Width = width
            Height = height
            Channels = 3
            Samples = samples
        }

    /// The default transforms to 224 pixels, drawn anew for each picture, on one thread. Reading files is not counted.
    let rows = [
        Workload.repeated "augment_224px_16" Work.Unstated (fun _ ->
            let photograph = photograph ()

            let pipeline = {
                ImagePipeline.validation (Some(224, 224)) with
                    Augmentations = Augment.transforms Augment.options
            }

            let keys = [ for i in 1..items -> Key.child $"{i}" Workload.key ]

            fun () ->
                for key in keys do
                    ImagePipeline.ofBitmap pipeline (Some key) photograph |> ignore)
    ]
