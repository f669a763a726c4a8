namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks
open FunctionalDL.Core

/// Convolutions alone, and steps of training of networks of them.
[<RequireQualifiedAccess>]
module Convolutions =

    // ---- single convolutions ----------------------------------------

    /// `items` pictures of `channels` by `size` by `size`, and a square kernel to `filters` channels.
    type private Picture = {
        Items: int
        Channels: int
        Size: int
        Filters: int
        Kernel: int
        Stride: int
    }

    let private single name picture =
        let outputs = picture.Size / picture.Stride

        let flop =
            2.0
            * float (picture.Items * outputs * outputs)
            * float (picture.Filters * picture.Channels * picture.Kernel * picture.Kernel)

        let options = {
            Convolution.defaults with
                Stride = [ picture.Stride ]
                Padding = [ picture.Kernel / 2, picture.Kernel / 2 ]
        }

        let conv (x, weight) = Convolution.conv options weight None x

        let x () =
            Workload.normal "x" [ picture.Items; picture.Channels; picture.Size; picture.Size ]

        let weight () =
            Workload.normal "weight" [ picture.Filters; picture.Channels; picture.Kernel; picture.Kernel ]

        let cotangent () =
            Workload.normal "cotangent" [ picture.Items; picture.Filters; outputs; outputs ]

        [
            Workload.compiled $"{name}_forward" (Work.Flop flop) conv (fun () -> x (), weight ())
            Workload.compiled
                $"{name}_forward_backward"
                (Work.Flop(3.0 * flop))
                (fun (x, weight, cotangent) ->
                    let y, pullback = vjp conv (x, weight)
                    y, pullback cotangent)
                (fun () -> x (), weight (), cotangent ())
        ]

    /// A kernel of 3 by 3 that keeps the size and the number of channels.
    let private square channels size =
        single $"conv_{channels}_{size}" {
            Items = 32
            Channels = channels
            Size = size
            Filters = channels
            Kernel = 3
            Stride = 1
        }

    let private singles = [
        yield! square 64 56
        yield! square 128 28
        yield! square 256 14
        yield!
            single "conv_stem_224" {
                Items = 16
                Channels = 3
                Size = 224
                Filters = 64
                Kernel = 7
                Stride = 2
            }
        yield!
            single "conv_1x1_256_14" {
                Items = 32
                Channels = 256
                Size = 14
                Filters = 512
                Kernel = 1
                Stride = 1
            }
    ]

    // ---- networks ----------------------------------------

    let private sqrt5 = {
        Model =
            Layer.sequential [
                Layer.conv2d 1 8 5 2 2
                ReLU
                Layer.conv2d 8 16 3 2 1
                ReLU
                Layer.conv2d 16 32 3 2 1
                ReLU
                Layer.conv2d 32 1 3 2 1
                Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
                Flatten 1
            ]
        Loss = Train.lossOf Loss.mse
        Optimiser = Optimiser.sgd 0.1
        Metrics = []
    }

    let private sqrt5Batch () = {
        Inputs = [ Workload.normal "x" [ 100; 1; 28; 28 ] ]
        Targets = [ Workload.normal "y" [ 100; 1 ] ]
    }

    /// Without bias: batch norm has one.
    let private conv inChannels outChannels kernel stride =
        Conv {
            Layer.conv inChannels outChannels [ kernel; kernel ] with
                Bias = false
                Options = {
                    Convolution.defaults with
                        Stride = [ stride ]
                        Padding = [ kernel / 2, kernel / 2 ]
                }
        }

    let private batchNorm channels = BatchNorm(Layer.batchNorm channels)

    /// Two convolutions and what goes around them: the input, or, where sizes change, a projection of it.
    let private block (inChannels, outChannels, stride) =
        Residual {
            Body = [
                "conv1", conv inChannels outChannels 3 stride
                "bn1", batchNorm outChannels
                "relu1", ReLU
                "conv2", conv outChannels outChannels 3 1
                "bn2", batchNorm outChannels
            ]
            Shortcut =
                if stride = 1 && inChannels = outChannels then
                    None
                else
                    Some(
                        "downsample",
                        Layer.sequential [ conv inChannels outChannels 1 stride; batchNorm outChannels ]
                    )
            After = [ "relu2", ReLU ]
        }

    let private blocks =
        List.map block [
            64, 64, 1
            64, 64, 1
            64, 128, 2
            128, 128, 1
            128, 256, 2
            256, 256, 1
            256, 512, 2
            512, 512, 1
        ]

    /// ResNet-18 for ten classes. K. He and others, "Deep residual learning for image recognition", CVPR 2016,
    /// table 1.
    let resnet18 =
        Layer.sequential [
            conv 3 64 7 2
            batchNorm 64
            ReLU
            Pool(
                PoolSpec.Max(
                    [ 3; 3 ],
                    {
                        Pooling.maxDefaults with
                            Stride = [ 2 ]
                            Padding = [ 1 ]
                    }
                )
            )
            yield! blocks
            Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
            Flatten 1
            Layer.linear 512 10
        ]

    let private training = {
        Model = resnet18
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser =
            Optimiser.sgdWith {
                SgdOptions.Default with
                    Lr = 0.01
                    Momentum = 0.9
            }
        Metrics = []
    }

    let private resnetBatch items size = {
        Inputs = [ Workload.normal "x" [ items; 3; size; size ] ]
        Targets = [ Workload.classes 10 items ]
    }

    /// One picture through the network in evaluation mode.
    let private inference =
        Workload.compiled
            "resnet18_224px_infer_1"
            Work.Unstated
            (fun (variables, x) -> Layer.predict resnet18 variables x)
            (fun () ->
                let x = Workload.normal "x" [ 1; 3; 224; 224 ]
                Layer.init Workload.key [ x.Shape ] resnet18, x)

    let rows = [
        yield! singles
        Workload.repeated "sqrt5_convnet_step" Work.Unstated (fun settings ->
            Workload.steps sqrt5 (sqrt5Batch ()) settings)
        Workload.repeated "resnet18_64px_step" Work.Unstated (fun settings ->
            Workload.steps training (resnetBatch 32 64) settings)
        Workload.repeated "resnet18_224px_step_16" Work.Unstated (fun settings ->
            Workload.steps training (resnetBatch 16 224) settings)
        inference
    ]
