namespace FunctionalDL.Benchmarks

// The copy works on bare memory.
#nowarn "9"

open System
open System.Diagnostics
open FSharp.NativeInterop
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Threading

/// What the machine itself can do: the limits that every other figure is a share of.
[<RequireQualifiedAccess>]
module Machine =

    /// Calls `work` with 0 … threads - 1, each on a thread of its own, all at once; gives a function that
    /// does it once and returns when the last has finished, to `body`.
    let private together threads (work: int -> unit) (body: (unit -> unit) -> 'a) : 'a =
        use start = new Barrier(threads)
        use finish = new Barrier(threads)
        let running = ref true

        let loop thread () =
            start.SignalAndWait()

            while running.Value do
                work thread
                finish.SignalAndWait()
                start.SignalAndWait()

        let others = [ for thread in 1 .. threads - 1 -> Thread(loop thread, IsBackground = true) ]

        for thread in others do
            thread.Start()

        let once () =
            start.SignalAndWait()
            work 0
            finish.SignalAndWait()

        let result = body once
        running.Value <- false
        start.SignalAndWait()

        for thread in others do
            thread.Join()

        result

    let private accumulators = 12.0

    /// `rounds` times twelve multiply-adds, written out: an array would keep them out of the registers.
    /// Each waits 4 cycles for the one before it in its accumulator, and a core can start 8 in that time.
    /// Twelve leave it nothing to wait for and fit, with the two factors, into 16 registers.
    let inline private chains rounds first ([<InlineIfLambda>] step) ([<InlineIfLambda>] add) =
        let mutable a = first
        let mutable b = first
        let mutable c = first
        let mutable d = first
        let mutable e = first
        let mutable f = first
        let mutable g = first
        let mutable h = first
        let mutable i = first
        let mutable j = first
        let mutable k = first
        let mutable l = first

        for _ in 1..rounds do
            a <- step a
            b <- step b
            c <- step c
            d <- step d
            e <- step e
            f <- step f
            g <- step g
            h <- step h
            i <- step i
            j <- step j
            k <- step k
            l <- step l

        add (add (add a b) (add c d)) (add (add (add e f) (add g h)) (add (add i j) (add k l)))

    // The factors keep the numbers near 1: no zeros, no infinities, no subnormals.

    let private multiplyAdd512 rounds =
        let x, y = Vector512.Create 0.5f, Vector512.Create 0.5f

        chains rounds Vector512<float32>.One (fun v -> Vector512.FusedMultiplyAdd(v, x, y)) (fun u v -> u + v)
        |> Vector512.Sum

    let private multiplyAdd256 rounds =
        let x, y = Vector256.Create 0.5f, Vector256.Create 0.5f

        chains rounds Vector256<float32>.One (fun v -> Vector256.FusedMultiplyAdd(v, x, y)) (fun u v -> u + v)
        |> Vector256.Sum

    let private multiplyAdd128 rounds =
        let x, y = Vector128.Create 0.5f, Vector128.Create 0.5f

        chains rounds Vector128<float32>.One (fun v -> Vector128.FusedMultiplyAdd(v, x, y)) (fun u v -> u + v)
        |> Vector128.Sum

    /// The rate of float32 multiply-adds, each counted as two operations, on vectors of the machine's width.
    /// Others on the machine can only take from it, so that the fastest run tells.
    let peakFlops threads (seconds: float) : Measurement =
        let rounds = 1_000_000

        let bits, multiplyAdd =
            if Vector512.IsHardwareAccelerated then
                512, multiplyAdd512
            elif Vector256.IsHardwareAccelerated then
                256, multiplyAdd256
            else
                128, multiplyAdd128

        let lanes = float (bits / 32)

        // The sums are kept, each in its own cache line, so that nobody may leave the work out.
        let sums = Array.zeroCreate<float32>(16 * threads)

        let times =
            together threads (fun thread -> sums[16 * thread] <- multiplyAdd rounds) (Measure.repeat seconds)

        let flop = 2.0 * lanes * accumulators * float rounds * float threads

        {
            Times = times
            Extra = Measure.rate (Work.Flop flop) (Array.min times) @ [ "vector_bits", float bits ]
        }

    /// Copies cache lines with stores that pass the cache by: an ordinary store reads its line first, and that
    /// third transfer would count for nothing.
    let private copyLines (source: nativeint) (target: nativeint) (bytes: int64) =
        for line in 0L .. bytes / 64L - 1L do
            let at (memory: nativeint) : nativeptr<uint8> =
                NativePtr.ofNativeInt (memory + nativeint (64L * line))

            Vector512.StoreAlignedNonTemporal(Vector512.LoadAligned(at source), at target)

    /// The rate at which memory too large for any cache is copied, reads and writes counted. The median tells:
    /// single runs may find the memory of a shared machine unusually free.
    let copyBandwidth threads (seconds: float) : Measurement =
        let bytes = 256L * 1024L * 1024L
        let share = bytes / int64 threads / 64L * 64L

        let allocate () =
            NativeMemory.AlignedAlloc(unativeint bytes, 64un)

        let source, target = allocate (), allocate ()

        try
            // Pages exist once they have been written.
            NativeMemory.Fill(source, unativeint bytes, 1uy)
            NativeMemory.Fill(target, unativeint bytes, 2uy)

            let copy thread =
                let offset = nativeint (share * int64 thread)
                copyLines (IntPtr source + offset) (IntPtr target + offset) share

            let times = together threads copy (Measure.repeat seconds)
            let moved = 2.0 * float (share * int64 threads)

            {
                Times = times
                Extra = Measure.rate (Work.Bytes moved) (Measure.median times)
            }
        finally
            NativeMemory.AlignedFree source
            NativeMemory.AlignedFree target

    /// Seconds since this process was started, the start of the runtime among them.
    let sinceStart () =
        (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalSeconds

    /// The most memory that this process has had at a time.
    let peakMemory () : Measurement =
        use own = Process.GetCurrentProcess()

        {
            Times = [||]
            Extra = [ "mib", Math.Round(float own.PeakWorkingSet64 / 1048576.0, 1) ]
        }
