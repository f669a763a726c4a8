// Measures the library beside PyTorch on this machine, and prints the table of docs/performance.md.
//
//     dotnet build -c Release tests/Benchmarks
//     dotnet fsi scripts/compare.fsx --peer PEER.py [--data DIR] [--only REGEX] [--seconds S] [--python PROGRAM]
//
// PEER.py prints a JSON object a line, {"workload": …, "median_us": …, "extra": {…}}, and takes --threads, --only,
// --data and --seconds, as tests/Benchmarks does. DIR has MNIST's four files. Subject by subject, the peer runs on
// two threads, then we, then the peer on one, so that a machine whose speed drifts is fair to both; the machine's
// own limits are measured in each of our runs. Nothing else should run meanwhile.

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Text.Json
open System.Text.RegularExpressions

// ---- what is asked for -------------------------------------------------------------------------------------------

let arguments = fsi.CommandLineArgs |> Array.skip 1

let stop (message: string) : 'a =
    eprintfn $"{message}"
    exit 2

let known = [ "--peer"; "--data"; "--only"; "--seconds"; "--python" ]

let options =
    arguments
    |> Array.chunkBySize 2
    |> Array.map (fun pair ->
        if not (List.contains pair[0] known) then
            stop $"'{pair[0]}' is unknown; there are: {String.Join(' ', known)}"
        elif pair.Length < 2 then
            stop $"{pair[0]} needs a value"
        else
            pair[0], pair[1])
    |> Map.ofArray

let option name = Map.tryFind name options

let peer =
    match option "--peer" with
    | Some path when File.Exists path -> path
    | Some path -> stop $"--peer: there is no {path}"
    | None -> stop "--peer PEER.py is needed: the program that measures PyTorch"

let seconds = option "--seconds" |> Option.defaultValue "1"
let python = option "--python" |> Option.defaultValue "/usr/bin/python3"

/// The built program itself: `dotnet run` would count as its start.
let ours =
    let name =
        if OperatingSystem.IsWindows() then
            "Benchmarks.exe"
        else
            "Benchmarks"

    Path.Combine(__SOURCE_DIRECTORY__, "../tests/Benchmarks/bin/Release/net10.0", name)

if not (File.Exists ours) then
    stop "first: dotnet build -c Release tests/Benchmarks"

/// One subject after the other; what none of them matches comes last.
let subjects =
    match option "--only" with
    | Some only -> [ only ]
    | None ->
        let named = [
            "^import$"
            "^gemm"
            "_10m$|_4096x1000$"
            "^conv"
            "_step$|_infer_|^dispatch"
            "^mnist"
        ]

        let any = String.Join('|', named)
        named @ [ $"^(?!.*(?:{any}))" ]

// ---- running -----------------------------------------------------------------------------------------------------

/// What a workload took (µs; NaN for what has no time) and what else was said of it.
type Row = {
    Time: float
    Extra: Map<string, float>
}

let parse (line: string) =
    use json = JsonDocument.Parse line
    let root = json.RootElement

    let time =
        match root.TryGetProperty "median_us" with
        | true, value -> value.GetDouble()
        | _ -> nan

    let extra =
        root.GetProperty("extra").EnumerateObject()
        |> Seq.map (fun p -> p.Name, p.Value.GetDouble())
        |> Map.ofSeq

    root.GetProperty("workload").GetString(), { Time = time; Extra = extra }

/// The rows that a program prints. A program that fails says so, and gives what it had until then.
let run (program: string) (arguments: string list) (environment: (string * string) list) =
    let start = ProcessStartInfo(program, arguments, RedirectStandardOutput = true)

    for name, value in environment do
        start.Environment[name] <- value

    use running = Process.Start start
    let lines = running.StandardOutput.ReadToEnd().Split('\n')
    running.WaitForExit()

    if running.ExitCode <> 0 then
        eprintfn $"{program} {String.Join(' ', arguments)}: exit code {running.ExitCode}"

    lines |> Array.filter (fun line -> line.StartsWith '{') |> Array.map parse

let data =
    option "--data"
    |> Option.map (fun dir -> [ "--data"; dir ])
    |> Option.defaultValue []

let measureOurs subject =
    let only = $"{subject}|^peak_|^copy_"
    run ours ([ "--only"; only; "--seconds"; seconds ] @ data) []

let hasAvx512 =
    File.Exists "/proc/cpuinfo"
    && File.ReadAllText("/proc/cpuinfo").Contains "avx512f"

/// PyTorch at its best: all of the processor's vectors, and memory that is kept rather than mapped anew.
let measurePeer threads subject =
    let only = $"{subject}|^peak_rss"
    let arguments = [ peer; "--threads"; string threads; "--only"; only; "--seconds"; seconds ]

    let environment = [
        if hasAvx512 then
            "OPENBLAS_CORETYPE", "SkylakeX"
        "OPENBLAS_NUM_THREADS", string threads
        "OMP_NUM_THREADS", string threads
        "MALLOC_MMAP_THRESHOLD_", "1073741824"
        "MALLOC_TRIM_THRESHOLD_", "8589934592"
    ]

    run python (arguments @ data) environment

// ---- the table ---------------------------------------------------------------------------------------------------

/// The peer's time over ours, at least.
let targets =
    Map [
        "gemm_64x784x50", 1.3
        "gemm_256x256x256", 1.0
        "gemm_512x512x512", 1.0
        "gemm_tn_512", 1.0
        "gemm_nt_512", 1.0
        "gemm_1024x1024x1024", 0.97
        "gemm_2048x2048x2048", 0.97
        "mlp_step", 3.0
        "mlp_big_adam_step", 1.8
        "sqrt5_convnet_step", 2.0
        "conv_64_56_forward", 1.3
        "conv_128_28_forward", 1.3
        "conv_256_14_forward", 1.3
        "conv_64_56_forward_backward", 1.1
        "conv_128_28_forward_backward", 1.1
        "conv_256_14_forward_backward", 1.1
        "conv_stem_224_forward", 1.0
        "conv_stem_224_forward_backward", 1.5
        "conv_1x1_256_14_forward", 1.0
        "conv_1x1_256_14_forward_backward", 1.0
        "resnet18_64px_step", 1.1
        "resnet18_224px_infer_1", 1.0
        "tabular_step", 3.0
        "gelu_chain_10m", 8.0
        "add_10m", 0.95
        "exp_10m", 0.95
        "sum_10m", 0.95
        "softmax_4096x1000", 1.3
        "cross_entropy_4096x1000", 1.3
        "layer_norm_4096x1000", 1.0
        "mnist_epoch", 4.0
    ]

let time (us: float) =
    if Double.IsNaN us then "-"
    elif us >= 1e5 then $"{us / 1e3:F0} ms"
    elif us >= 1e3 then $"{us / 1e3:F2} ms"
    else $"{us:F1} µs"

/// A rate as a share of the machine's, and the rate.
let share (limits: Map<string, float>) (row: Row) =
    let of' (name: string) (unit: string) =
        match row.Extra.TryFind name, limits.TryFind name with
        | Some rate, Some limit -> Some $"{100.0 * rate / limit:F0} %% of {limit:F0} {unit}"
        | _ -> None

    of' "gflops" "GFLOP/s"
    |> Option.orElse (of' "gbytes_per_s" "GB/s")
    |> Option.defaultValue ""

let printRow limits name (row: Row) (peer: float option) =
    let ratio = peer |> Option.map (fun time -> time / row.Time)
    let target = targets.TryFind name

    let verdict =
        match ratio, target with
        | Some ratio, Some target when ratio < target -> " (below)"
        | _ -> ""

    let number (value: float option) =
        value |> Option.map (fun v -> $"{v:F2}") |> Option.defaultValue ""

    let peer = peer |> Option.map time |> Option.defaultValue ""

    printfn
        $"| {name} | {time row.Time} | {peer} | {number ratio}{verdict} | {number target} | {share limits row} |"

/// The rates of the machine, as measured in the same run.
let limitsOf (rows: (string * Row)[]) =
    rows
    |> Array.filter (fun (name, _) -> name = "peak_flops" || name = "copy_bandwidth")
    |> Array.collect (fun (_, row) -> Map.toArray row.Extra)
    |> Map.ofArray

let memory = List<float * float>()
let isMachine (name: string) = Regex.IsMatch(name, "^(peak_|copy_)")

let memoryOf (rows: (string * Row)[]) =
    rows
    |> Array.tryFind (fun (name, _) -> name = "peak_rss")
    |> Option.bind (fun (_, row) -> row.Extra.TryFind "mib")

/// A peer without a fast BLAS would make every comparison worthless.
let checkPeer (limits: Map<string, float>) name (rows: Map<string, Row>) =
    match
        rows.TryFind name |> Option.bind (fun row -> row.Extra.TryFind "gflops"), limits.TryFind "gflops"
    with
    | Some rate, Some peak when rate < 0.3 * peak ->
        eprintfn
            $"the peer's {name} runs at {rate} of {peak} GFLOP/s: does it have OpenBLAS (libopenblas0-pthread)?"
    | _ -> ()

let compare subject =
    let two = measurePeer 2 subject
    let rows = measureOurs subject
    let one = measurePeer 1 subject
    let limits = limitsOf rows
    checkPeer limits "gemm_512x512x512" (Map.ofArray two)

    let best =
        Array.append two one
        |> Array.groupBy fst
        |> Array.map (fun (name, rows) -> name, rows |> Array.map (fun (_, row) -> row.Time) |> Array.min)
        |> Map.ofArray

    for name, row in rows do
        if not (isMachine name) then
            printRow limits name row (best.TryFind name)

    match memoryOf rows, memoryOf two with
    | Some own, Some other -> memory.Add((own, other))
    | _ -> ()

printfn "| workload | ours | peer | peer / ours | at least | ours as a share of the machine's |"
printfn "| --- | --- | --- | --- | --- | --- |"
List.iter compare subjects

if memory.Count > 0 then
    let own, other = memory |> Seq.map fst |> Seq.max, memory |> Seq.map snd |> Seq.max
    printfn $"| peak_rss (the largest process) | {own:F0} MiB | {other:F0} MiB | {other / own:F2} | 2.00 | |"
