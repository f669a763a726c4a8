namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks
open FunctionalDL.Core

/// Functions of ten million numbers.
[<RequireQualifiedAccess>]
module Elementwise =

    let private over name bytes (f: Tensor -> Tensor) =
        Workload.compiled name (Work.Bytes bytes) f (fun () -> Workload.normal "x" [ 10_000_000 ])

    let rows = [
        over "gelu_chain_10m" 8e7 (fun x -> x * 0.5 * (1.0 + Tensor.erf (x * 0.7071067811865476)))
        over "add_10m" 8e7 (fun x -> x + x)
        over "sum_10m" 4e7 Tensor.sum
        over "exp_10m" 8e7 Tensor.exp
    ]
