namespace FunctionalDL.Benchmarks

open System
open System.Diagnostics
open System.Text.Json
open System.Text.Json.Nodes

/// What a workload took.
type Measurement = {
    /// Seconds of each run; none for what has no duration.
    Times: float[]
    /// What else is known, by the names of `WORKLOADS.md`.
    Extra: (string * float) list
}

/// The work that a workload must do at least.
[<RequireQualifiedAccess>]
type Work =
    /// Floating-point operations.
    | Flop of float
    /// Bytes read and written.
    | Bytes of float
    | Unstated

/// Timing, and the lines it is told in.
[<RequireQualifiedAccess>]
module Measure =

    /// Of an even number the mean of the middle two.
    let median (values: float[]) =
        let sorted = Array.sort values
        let middle = sorted.Length / 2

        if sorted.Length % 2 = 1 then
            sorted[middle]
        else
            (sorted[middle - 1] + sorted[middle]) / 2.0

    let private seconds since =
        (Stopwatch.GetElapsedTime since).TotalSeconds

    /// Seconds that `run` takes once.
    let once (run: unit -> unit) =
        let start = Stopwatch.GetTimestamp()
        run ()
        seconds start

    /// A clock is read no oftener than this (seconds), so that reading it does not count.
    [<Literal>]
    let private ShortestRun = 2e-3

    /// Seconds of one run, measured again and again for `atLeast` seconds and at least five times. The
    /// runtime compiles what is called often anew, so the warm-up goes on for half of that time.
    let repeat (atLeast: float) (run: unit -> unit) : float[] =
        let warm = Stopwatch.GetTimestamp()

        for _ in 1..3 do
            run ()

        while seconds warm < atLeast / 2.0 do
            run ()

        let inner = max 1 (int (ShortestRun / max 1e-7 (once run)))

        let several () =
            for _ in 1..inner do
                run ()

        let times = Collections.Generic.List<float>()
        let start = Stopwatch.GetTimestamp()

        while seconds start < atLeast || times.Count < 5 do
            times.Add(once several / float inner)

        times.ToArray()

    /// The rate at which work was done in a time, by its name in `extra`.
    let rate work (time: float) =
        match work with
        | Work.Flop count -> [ "gflops", Math.Round(count / time / 1e9, 1) ]
        | Work.Bytes count -> [ "gbytes_per_s", Math.Round(count / time / 1e9, 1) ]
        | Work.Unstated -> []

    /// The line of a workload: one JSON object.
    let line (name: string) (measurement: Measurement) =
        let microseconds (time: float) = Math.Round(time * 1e6, 2)
        let json = JsonObject()
        json["workload"] <- name

        if measurement.Times.Length > 0 then
            json["median_us"] <- microseconds (median measurement.Times)
            json["min_us"] <- microseconds (Array.min measurement.Times)
            json["runs"] <- measurement.Times.Length

        let extra = JsonObject()

        for name, value in measurement.Extra do
            extra[name] <- value

        json["extra"] <- extra
        json.ToJsonString(JsonSerializerOptions())
