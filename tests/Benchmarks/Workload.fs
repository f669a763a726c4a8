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

/// How rows are made.
[<RequireQualifiedAccess>]
module Workload =

    /// The source of all random numbers of the table.
    let key = Key.ofSeed 0L

    /// Normal numbers, float32.
    let normal name shape =
        Key.normal DType.Float32 shape (Key.child name key)

    /// Classes, int64.
    let classes count items =
        Key.uniform DType.Float32 [ items ] (Key.child "classes" key) * float count
        |> Tensor.cast DType.Int64

    let row name run = {
        Name = name
        Run = fun settings -> Some(run settings)
    }

    /// A workload that is run again and again; preparing it does not count.
    let repeated name work (prepare: Settings -> unit -> unit) =
        row name (fun settings ->
            let times = prepare settings |> Measure.repeat settings.Seconds

            {
                Times = times
                Extra = Measure.rate work (Measure.median times)
            })

    /// A compiled function at an argument. Compiled calls compute at once: nothing is left for later.
    let compiled name work (f: 'a -> 'b) (argument: unit -> 'a) =
        repeated name work (fun settings ->
            let f, argument = Compile.on settings.Engine f, argument ()
            fun () -> f argument |> ignore)

    /// Steps of training on one batch, each from the state the last one left.
    let steps (training: Training) (batch: Batch) (settings: Settings) =
        let step =
            Compile.stepOn settings.Engine (fun (state, batch) -> Train.step training state batch)

        let state = ref (Train.initFor key batch training)

        fun () -> state.Value <- fst (step (state.Value, batch))
