namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.Threading
open FunctionalDL.Kernels
open FunctionalDL.Core.Planning

/// Elements in aligned native memory of this process. The buffer goes back to its pool when the collector
/// finds it unused.
[<Sealed; AllowNullLiteral>]
type internal NativeStorage(tensorType: TensorType, buffer: NativeBuffer) =
    inherit Storage(tensorType)
    let mutable buffer = buffer

    /// The memory, which other storages may share when no loop owns it: it is then never written again.
    member _.Buffer =
        match Volatile.Read &buffer with
        | null ->
            Fail.value (
                $"a tensor {tensorType} is gone: it was part of the state of a loop (Compile.step), whose next step wrote "
                + "the next state over it; keep what is looked at later with Compile.keep, before that step"
            )
        | buffer -> buffer

    /// Where the elements lie; valid while this object is alive.
    member this.Address = this.Buffer.Address

    /// Whether the memory was taken away.
    member _.IsGone = isNull (Volatile.Read &buffer)

    /// The memory, for whoever writes something else to it; null when it is gone. From now on there are no elements.
    member _.Take() = Interlocked.Exchange(&buffer, null)

    /// Undoes `Take`: nothing was written.
    member _.PutBack taken = Volatile.Write(&buffer, taken)

    override this.Read target =
        Span<byte>(this.Address.ToPointer(), target.Length).CopyTo target
        GC.KeepAlive this

/// What one run of a plan works in: the arena, the literals and the table of addresses. A plan keeps its
/// workspaces for the next run, so that in the steady state nothing is allocated but the results; a large arena is
/// borrowed for the run.
[<Sealed>]
type internal Workspace(plan: Plan) =
    // A large arena is lent for each run: a plan that is kept, perhaps for ever, keeps no memory that others may need.
    let isKept = plan.ArenaBytes <= (1L <<< 20)

    let kept =
        if isKept then
            MemoryPool.Shared.Rent plan.ArenaBytes
        else
            null

    let own = Program.literals plan.Program
    let literals = MemoryPool.Shared.Rent(8L * int64 own.Length)
    let slots = Array.zeroCreate<nativeint> plan.Buffers.Length

    let lentArena = if isKept then 0L else MemoryPool.BytesTaken plan.ArenaBytes

    let resultBytes =
        plan.Buffers
        |> Array.sumBy (fun buffer ->
            match buffer with
            | Buffer.Result bytes -> MemoryPool.BytesTaken bytes
            | Buffer.Input _
            | Buffer.Literals
            | Buffer.Counting _
            | Buffer.Local
            | Buffer.Arena _ -> 0L)

    let counting =
        plan.Buffers
        |> Array.map (fun buffer ->
            match buffer with
            | Buffer.Counting(dtype, length) ->
                let memory = MemoryPool.Shared.Rent(int64 length * int64 (DType.size dtype))
                let literal i = Literal.ofInt64 dtype (int64 i)

                for i in 0 .. length - 1 do
                    let at = memory.Address + nativeint (i * DType.size dtype)
                    Copies.Fill(DType.element dtype, at, 1L, (literal i).Bits)

                memory
            | Buffer.Input _
            | Buffer.Literals
            | Buffer.Arena _
            | Buffer.Local
            | Buffer.Result _ -> null)

    let placeArena (arena: NativeBuffer) =
        for i in 0 .. plan.Buffers.Length - 1 do
            match plan.Buffers[i] with
            | Buffer.Arena offset -> slots[i] <- arena.Address + nativeint offset
            | Buffer.Input _
            | Buffer.Literals
            | Buffer.Counting _
            | Buffer.Local
            | Buffer.Result _ -> ()

    do
        if isKept then
            placeArena kept

        plan.Buffers
        |> Array.iteri (fun i buffer ->
            match buffer with
            | Buffer.Arena _ -> ()
            | Buffer.Literals -> slots[i] <- literals.Address
            | Buffer.Counting _ -> slots[i] <- counting[i].Address
            | Buffer.Input _
            | Buffer.Local
            | Buffer.Result _ -> ())

    /// The result that each input may be taken for; -1 for none.
    let successor =
        let results = Array.create plan.Program.Inputs.Length -1

        for struct (input, result) in plan.Successors do
            results[input] <- result

        results

    /// For each output, how many show the same buffer.
    let shown =
        plan.Outputs
        |> Array.map (fun buffer -> plan.Outputs |> Array.filter ((=) buffer) |> Array.length)

    /// The memory that inputs gave up for results, by input.
    let taken = Array.zeroCreate<NativeBuffer> successor.Length

    let putBack (inputs: Storage[]) =
        for i in 0 .. taken.Length - 1 do
            if not (isNull taken[i]) then
                (inputs[i] :?> NativeStorage).PutBack taken[i]
                taken[i] <- null

    /// Takes the memory of those inputs that the loop owns and that results may be written over.
    let take (inputs: Storage[]) (turn: LoopTurn) =
        for i in 0 .. turn.Given - 1 do
            if successor[i] >= 0 && obj.ReferenceEquals(inputs[i].Loop, turn.Loop) then
                taken[i] <- (inputs[i] :?> NativeStorage).Take()

        let isMissed i =
            isNull taken[i] && (inputs[i] :?> NativeStorage).IsGone

        // A tensor that is given at two places is needed whole at the other.
        if Seq.exists isMissed (seq { 0 .. inputs.Length - 1 }) then
            putBack inputs

    let fillSlots (inputs: Storage[]) =
        for i in 0 .. inputs.Length - 1 do
            slots[i] <-
                match taken[i] with
                | null -> (inputs[i] :?> NativeStorage).Address
                | buffer -> buffer.Address

    /// New memory for results, but for those that take the place of an input.
    let rentResults (inputs: Storage[]) =
        let results = Array.zeroCreate<NativeBuffer> plan.Buffers.Length
        let mutable reused = 0L

        for i in 0 .. inputs.Length - 1 do
            if not (isNull taken[i]) then
                results[successor[i]] <- taken[i]
                reused <- reused + MemoryPool.BytesTaken taken[i].Bytes

        MemoryPool.Shared.Expect(resultBytes - reused + lentArena)

        for i in inputs.Length .. plan.Buffers.Length - 1 do
            match plan.Buffers[i] with
            | Buffer.Result bytes ->
                if isNull results[i] then
                    results[i] <- MemoryPool.Shared.Rent bytes

                slots[i] <- results[i].Address
            | Buffer.Input _
            | Buffer.Arena _
            | Buffer.Local
            | Buffer.Literals
            | Buffer.Counting _ -> ()

        results

    let runWorks (pool: WorkerPool) (stamps: int64[]) =
        if isNull stamps then
            for work in plan.Works do
                work.Run(pool, slots)
        else
            for i in 0 .. plan.Works.Length - 1 do
                stamps[i] <- Stopwatch.GetTimestamp()
                plan.Works[i].Run(pool, slots)

            stamps[plan.Works.Length] <- Stopwatch.GetTimestamp()

    let compute pool stamps =
        if isKept then
            runWorks pool stamps
        else
            let arena = MemoryPool.Shared.Rent plan.ArenaBytes

            try
                placeArena arena
                runWorks pool stamps
            finally
                arena.Return()

    /// An output, and whether a loop owns it: it does when the output is part of a state, and nothing else shows it.
    let output (inputs: Storage[]) (results: NativeBuffer[]) (turn: LoopTurn voption) at =
        let tensorType = Program.typeOf plan.Program plan.Program.Outputs[at]
        let buffer = plan.Outputs[at]

        let isState =
            match turn with
            | ValueSome turn -> at < turn.Made && shown[at] = 1
            | ValueNone -> false

        let disown (storage: Storage) =
            storage.Loop <- null
            storage

        match plan.Buffers[buffer] with
        | Buffer.Input input when inputs[input].Type = tensorType ->
            if isState && obj.ReferenceEquals(inputs[input].Loop, turn.Value.Loop) then
                inputs[input]
            else
                disown inputs[input]
        | Buffer.Input input -> NativeStorage(tensorType, (disown inputs[input] :?> NativeStorage).Buffer)
        | Buffer.Arena _
        | Buffer.Local
        | Buffer.Literals
        | Buffer.Counting _
        | Buffer.Result _ ->
            NativeStorage(tensorType, results[buffer], Loop = (if isState then turn.Value.Loop else null))

    /// Runs the plan on the inputs and literals (null: the program's own), as a step of a loop or not. `stamps` (null:
    /// nobody wants to know) gets the time before each step and after the last.
    member _.Run
        (pool: WorkerPool, inputs: Storage[], given: Literal[], turn: LoopTurn voption, stamps: int64[])
        : Storage[] =
        let values = if isNull given then own else given
        let words = Span<int64>(literals.Address.ToPointer(), values.Length)

        for i in 0 .. values.Length - 1 do
            words[i] <- values[i].Bits

        ValueOption.iter (take inputs) turn

        let results =
            try
                fillSlots inputs
                let results = rentResults inputs
                compute pool stamps
                results
            with _ ->
                putBack inputs
                reraise ()

        Array.Clear taken
        let outputs = Array.init plan.Outputs.Length (output inputs results turn)
        // Kernels hold bare addresses: what they point into must outlive the last of them. Naming the arena
        // here also makes it a field; as a value of the constructor alone it would be collected after that.
        GC.KeepAlive inputs
        GC.KeepAlive kept
        GC.KeepAlive literals
        GC.KeepAlive counting
        outputs

/// The engine for the machine's processor: fused loops and blocked matrix products, vectorised, on all or
/// some cores.
[<RequireQualifiedAccess>]
module Cpu =

    let private accept (storage: Storage) =
        match storage with
        | :? NativeStorage -> storage
        | other ->
            let bytes = other.Type.Shape.Size * DType.size other.Type.DType
            let buffer = MemoryPool.Shared.Rent(int64 bytes)
            other.Read(Span<byte>(buffer.Address.ToPointer(), bytes))
            NativeStorage(other.Type, buffer)

    let private executable (pool: WorkerPool) program =
        let plan = Plan.ofProgram program
        let idle = ConcurrentBag<Workspace>()

        let run inputs literals turn stamps =
            let workspace =
                match idle.TryTake() with
                | true, workspace -> workspace
                | _ -> Workspace plan

            try
                workspace.Run(pool, inputs, literals, turn, stamps)
            finally
                idle.Add workspace

        {
            new IExecutable with
                member _.Run(inputs, literals) = run inputs literals ValueNone null
                member _.Advance(inputs, turn) = run inputs null (ValueSome turn) null
                member _.Print() = Plan.print plan

                member _.Profile(inputs, literals, runs) =
                    let watched _ =
                        let stamps = Array.zeroCreate<int64>(plan.Works.Length + 1)
                        run inputs literals ValueNone stamps |> ignore
                        stamps

                    Array.init runs watched |> StepTimes.medians (Plan.steps plan)
        }

    /// The engine on `threads` threads, the caller's among them. Results do not depend on their number.
    /// Raises OptionException when it is less than 1.
    let withThreads threads =
        if threads < 1 then
            Fail.option $"threads: {threads} is too few; 1 or more"

        let pool = WorkerPool.Of threads

        {
            new IEngine with
                member _.Name = "cpu"
                member _.Accept storage = accept storage
                member _.Compile program = executable pool program
        }

    /// The engine on all processors, which is what computes unless another one is asked for.
    let engine = withThreads Environment.ProcessorCount
