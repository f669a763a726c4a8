namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks
open FunctionalDL.Core

/// Functions of the rows of a table of 4096 by 1000.
[<RequireQualifiedAccess>]
module Rows =

    let private tableBytes = 4.0 * 4096.0 * 1000.0
    let private table () = Workload.normal "x" [ 4096; 1000 ]

    let private normalise (x, weight, bias) =
        Norm.layerNorm [ 1000 ] 1e-5 (Some weight) (Some bias) x

    let rows = [
        Workload.compiled "softmax_4096x1000" (Work.Bytes(2.0 * tableBytes)) (Tensor.softmax 1) table
        Workload.compiled
            "cross_entropy_4096x1000"
            (Work.Bytes tableBytes)
            (fun (x, labels) -> Loss.crossEntropy labels x)
            (fun () -> table (), Workload.classes 1000 4096)
        Workload.compiled "layer_norm_4096x1000" (Work.Bytes(2.0 * tableBytes)) normalise (fun () ->
            table (), Tensor.ones [ 1000 ], Tensor.zeros [ 1000 ])
    ]
