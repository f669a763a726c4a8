namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Diagnostics
open FunctionalDL.Kernels
open FunctionalDL.Core.Planning

/// Elements in aligned native memory of this process. The buffer goes back to its pool when the collector
/// finds it unused.
[<Sealed; AllowNullLiteral>]
type internal NativeStorage(tensorType: TensorType, buffer: NativeBuffer) =
    inherit Storage(tensorType)

    /// Where the elements lie; valid while this object is alive.
    member _.Address = buffer.Address

    /// The memory, which other storages may share: it is never written again.
    member _.Buffer = buffer

    override this.Read target =
        Span<byte>(buffer.Address.ToPointer(), target.Length).CopyTo target
        GC.KeepAlive this

/// What one run of a plan works in: the arena, the literals and the table of addresses. A plan keeps its
/// workspaces for the next run, so that in the steady state nothing but the results is allocated.
[<Sealed>]
type internal Workspace(plan: Plan) =
    let arena = MemoryPool.Shared.Rent plan.ArenaBytes
    let own = Program.literals plan.Program
    let literals = MemoryPool.Shared.Rent(8L * int64 own.Length)
    let slots = Array.zeroCreate<nativeint> plan.Buffers.Length

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

    do
        plan.Buffers
        |> Array.iteri (fun i buffer ->
            match buffer with
            | Buffer.Arena offset -> slots[i] <- arena.Address + nativeint offset
            | Buffer.Literals -> slots[i] <- literals.Address
            | Buffer.Counting _ -> slots[i] <- counting[i].Address
            | Buffer.Input _
            | Buffer.Local
            | Buffer.Result _ -> ())

    /// Runs the plan on the inputs and literals (null: the program's own). `stamps` (null: nobody wants to
    /// know) gets the time before each step and after the last.
    member _.Run(pool: WorkerPool, inputs: Storage[], given: Literal[], stamps: int64[]) : Storage[] =
        let results = Array.zeroCreate<NativeBuffer> plan.Buffers.Length
        let values = if isNull given then own else given
        MemoryPool.Shared.Expect resultBytes
        let words = Span<int64>(literals.Address.ToPointer(), values.Length)

        for i in 0 .. values.Length - 1 do
            words[i] <- values[i].Bits

        for i in 0 .. plan.Buffers.Length - 1 do
            match plan.Buffers[i] with
            | Buffer.Input at -> slots[i] <- (inputs[at] :?> NativeStorage).Address
            | Buffer.Result bytes ->
                results[i] <- MemoryPool.Shared.Rent bytes
                slots[i] <- results[i].Address
            | Buffer.Arena _
            | Buffer.Local
            | Buffer.Literals
            | Buffer.Counting _ -> ()

        if isNull stamps then
            for work in plan.Works do
                work.Run(pool, slots)
        else
            for i in 0 .. plan.Works.Length - 1 do
                stamps[i] <- Stopwatch.GetTimestamp()
                plan.Works[i].Run(pool, slots)

            stamps[plan.Works.Length] <- Stopwatch.GetTimestamp()

        let output at =
            let tensorType = Program.typeOf plan.Program plan.Program.Outputs[at]

            match plan.Buffers[plan.Outputs[at]] with
            | Buffer.Input input when inputs[input].Type = tensorType -> inputs[input]
            | Buffer.Input input -> NativeStorage(tensorType, (inputs[input] :?> NativeStorage).Buffer)
            | Buffer.Arena _
            | Buffer.Local
            | Buffer.Literals
            | Buffer.Counting _
            | Buffer.Result _ -> NativeStorage(tensorType, results[plan.Outputs[at]])

        let outputs = Array.init plan.Outputs.Length output
        // Kernels hold bare addresses: what they point into must outlive the last of them. Naming the arena
        // here also makes it a field; as a value of the constructor alone it would be collected after that.
        GC.KeepAlive inputs
        GC.KeepAlive arena
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

        let run inputs literals stamps =
            let workspace =
                match idle.TryTake() with
                | true, workspace -> workspace
                | _ -> Workspace plan

            try
                workspace.Run(pool, inputs, literals, stamps)
            finally
                idle.Add workspace

        {
            new IExecutable with
                member _.Run(inputs, literals) = run inputs literals null
                member _.Print() = Plan.print plan

                member _.Profile(inputs, literals, runs) =
                    let watched _ =
                        let stamps = Array.zeroCreate<int64>(plan.Works.Length + 1)
                        run inputs literals stamps |> ignore
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
