namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks

/// All workloads, in the order in which they are measured.
[<RequireQualifiedAccess>]
module Table =

    /// The machine's own limits. They take memory of their own, which must not count as the library's.
    let private machine = [
        Workload.row "peak_rss" (fun _ -> Machine.peakMemory ())
        Workload.row "peak_flops" (fun settings -> Machine.peakFlops settings.Threads settings.Seconds)
        Workload.row "copy_bandwidth" (fun settings ->
            Machine.copyBandwidth settings.Threads settings.Seconds)
    ]

    let rows = [
        Networks.import
        yield! Products.rows
        yield! Elementwise.rows
        yield! Rows.rows
        yield! Networks.rows
        yield! Tables.rows
        yield! Convolutions.rows
        yield! Pictures.rows
        yield! Networks.epochs
        yield! machine
    ]
