namespace FunctionalDL.Benchmarks

open FunctionalDL.Core

/// What a run is asked for.
type Settings = {
    Engine: IEngine
    Threads: int
    /// How long each workload is measured, at least.
    Seconds: float
    /// A folder with MNIST's four files.
    Data: string option
}

/// A row of the table in `WORKLOADS.md`.
type Workload = {
    Name: string
    /// None when the settings lack what it needs.
    Run: Settings -> Measurement option
}

/// The table of workloads.
[<RequireQualifiedAccess>]
module Workloads =

    let private key = Key.ofSeed 0L

    /// Normal numbers, float32.
    let private normal name shape =
        Key.normal DType.Float32 shape (Key.child name key)

    /// Classes, int64.
    let private classes count items =
        Key.uniform DType.Float32 [ items ] (Key.child "classes" key) * count
        |> Tensor.cast DType.Int64

    let private row name run = {
        Name = name
        Run = fun settings -> Some(run settings)
    }

    /// A workload that is run again and again; preparing it does not count.
    let private repeated name work (prepare: Settings -> unit -> unit) =
        row name (fun settings ->
            let times = prepare settings |> Measure.repeat settings.Seconds

            {
                Times = times
                Extra = Measure.rate work (Measure.median times)
            })

    /// A compiled function at an argument. Compiled calls compute at once: nothing is left for later.
    let private compiled name work (f: 'a -> 'b) (argument: unit -> 'a) =
        repeated name work (fun settings ->
            let f, argument = Compile.on settings.Engine f, argument ()
            fun () -> f argument |> ignore)

    let private gemm name (m, k, n) (f: Tensor * Tensor -> Tensor) =
        let flop = 2.0 * float m * float k * float n
        compiled name (Work.Flop flop) f (fun () -> normal "a" [ m; k ], normal "b" [ k; n ])

    let private square n =
        gemm $"gemm_{n}x{n}x{n}" (n, n, n) (fun (a, b) -> Tensor.matmul a b)

    /// A function of ten million numbers that moves `bytes`.
    let private long name bytes (f: Tensor -> Tensor) =
        compiled name (Work.Bytes bytes) f (fun () -> normal "x" [ 10_000_000 ])

    let private table = 4.0 * 4096.0 * 1000.0
    let private rows () = normal "x" [ 4096; 1000 ]

    /// A perceptron of one hidden layer with ReLU, cross entropy and plain descent.
    let private perceptron inputs hidden outputs = {
        Model = Layer.sequential [ Layer.linear inputs hidden; ReLU; Layer.linear hidden outputs ]
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser = Optimiser.sgd 0.5
        Metrics = []
    }

    /// Steps of a perceptron on one batch, each from the state the last one left.
    let private steps (batchSize, inputs, hidden, outputs) (settings: Settings) =
        let training = perceptron inputs hidden outputs

        let batch = {
            Inputs = [ normal "x" [ batchSize; inputs ] ]
            Targets = [ classes (float outputs) batchSize ]
        }

        let step =
            Compile.on settings.Engine (fun (state, batch) -> Train.step training state batch)

        let state = ref (Train.init key [ Shape.ofList [ batchSize; inputs ] ] training)

        fun () -> state.Value <- fst (step (state.Value, batch))

    let private mlp = 64, 784, 50, 10
    let private mlpFlop = 2.0 * 64.0 * (784.0 * 50.0 * 2.0 + 50.0 * 10.0 * 3.0)

    /// All workloads whose operations exist. The first is measured from the start of the process, and
    /// nothing must come before it; the last take memory of their own, and must not count as the
    /// library's.
    let all = [
        row "import" (fun settings ->
            steps mlp settings ()

            {
                Times = [| Machine.sinceStart () |]
                Extra = []
            })
        gemm "gemm_64x784x50" (64, 784, 50) (fun (a, b) -> Tensor.matmul a b)
        square 256
        square 512
        gemm "gemm_tn_512" (512, 512, 512) (fun (a, b) -> Tensor.matmul (Tensor.t a) b)
        gemm "gemm_nt_512" (512, 512, 512) (fun (a, b) -> Tensor.matmul a (Tensor.t b))
        square 1024
        square 2048
        long "add_10m" 8e7 (fun x -> x + x)
        long "sum_10m" 4e7 Tensor.sum
        long "exp_10m" 8e7 Tensor.exp
        compiled "softmax_4096x1000" (Work.Bytes(2.0 * table)) (Tensor.softmax 1) rows
        compiled
            "cross_entropy_4096x1000"
            (Work.Bytes table)
            (fun (x, labels) -> Loss.crossEntropy labels x)
            (fun () -> rows (), classes 1000.0 4096)
        repeated "mlp_step" (Work.Flop mlpFlop) (steps mlp)
        repeated "dispatch" Work.Unstated (steps (1, 1, 1, 1))
        {
            Name = "mnist_epoch"
            Run =
                fun settings ->
                    settings.Data
                    |> Option.map (Mnist.epochs settings.Engine (perceptron 784 50 10) settings.Seconds)
        }
        row "peak_rss" (fun _ -> Machine.peakMemory ())
        row "peak_flops" (fun settings -> Machine.peakFlops settings.Threads settings.Seconds)
        row "copy_bandwidth" (fun settings -> Machine.copyBandwidth settings.Threads settings.Seconds)
    ]
