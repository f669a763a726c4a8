namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks
open FunctionalDL.Core

/// Matrix products.
[<RequireQualifiedAccess>]
module Products =

    let private product name (m, k, n) (f: Tensor * Tensor -> Tensor) =
        let flop = 2.0 * float m * float k * float n

        Workload.compiled name (Work.Flop flop) f (fun () ->
            Workload.normal "a" [ m; k ], Workload.normal "b" [ k; n ])

    let private plain (m, k, n) =
        product $"gemm_{m}x{k}x{n}" (m, k, n) (fun (a, b) -> Tensor.matmul a b)

    let rows = [
        plain (64, 784, 50)
        plain (256, 256, 256)
        plain (512, 512, 512)
        product "gemm_tn_512" (512, 512, 512) (fun (a, b) -> Tensor.matmul (Tensor.t a) b)
        product "gemm_nt_512" (512, 512, 512) (fun (a, b) -> Tensor.matmul a (Tensor.t b))
        plain (1024, 1024, 1024)
        plain (2048, 2048, 2048)
    ]
