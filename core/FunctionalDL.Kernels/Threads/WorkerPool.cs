using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace FunctionalDL.Kernels;

/// <summary>
/// Threads that share blocks of work. The caller takes part, everyone claims the next block from one counter,
/// and a thread that has nothing to do spins for a moment and then sleeps. So a core that is taken away
/// delays one block, not the run.
/// </summary>
/// <remarks>
/// A run allocates nothing. Which thread does which block is left to chance; jobs must not let it show.
/// </remarks>
public sealed class WorkerPool : IDisposable
{
    // Long enough to bridge the serial code between two kernels of a training step, short enough not to
    // starve others.
    private static readonly long s_workerSpin = Stopwatch.Frequency / 10_000;
    private static readonly long s_callerSpin = Stopwatch.Frequency / 30_000;
    private static readonly WorkerPool s_callerOnly = new(1);
    private static readonly ConcurrentDictionary<int, WorkerPool> s_pools = new([new(1, s_callerOnly)]);

    private readonly object _workersPark = new();
    private readonly object _callerPark = new();
    private Counters _counters;
    private IBlockJob? _job;
    private ExceptionDispatchInfo? _error;
    private int _blocks;
    private int _busy;
    private int _parked;
    private volatile bool _callerWaits;
    private volatile bool _disposed;

    /// <summary>Starts a pool of its own; most code wants <see cref="Shared"/> or <see cref="Of"/>.</summary>
    /// <param name="threads">The number of threads that work, the caller among them; at least 1.</param>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        for (int i = 1; i < threads; i++)
        {
            int worker = i;
            Thread thread = new(() => WorkerLoop(worker));
            thread.IsBackground = true;
            thread.Name = $"FunctionalDL worker {worker}";
            thread.Start();
        }
    }

    /// <summary>One thread for each processor that this process may use.</summary>
    public static WorkerPool Shared => Of(Environment.ProcessorCount);

    /// <summary>The number of threads that work, the caller among them.</summary>
    public int Threads { get; }

    /// <summary>The pool for work that is too small to share.</summary>
    internal static WorkerPool CallerOnly => s_callerOnly;

    /// <summary>
    /// The pool with this number of threads; there is one for each number in a process, and it lives as long.
    /// </summary>
    public static WorkerPool Of(int threads) =>
        s_pools.TryGetValue(threads, out WorkerPool? pool) ? pool : Create(threads);

    /// <summary>
    /// Executes blocks 0 … <paramref name="blocks"/> - 1 of a job, in any order, and returns when all are
    /// done.
    /// </summary>
    /// <remarks>
    /// If the pool is busy (with another thread's run, or this is a run inside a block), the caller does all
    /// blocks itself. If a block throws, blocks that have not been started are left out and the first
    /// exception reaches the caller.
    /// </remarks>
    public void Run(int blocks, IBlockJob job)
    {
        ArgumentNullException.ThrowIfNull(job);
        if (blocks <= 1 || Threads == 1 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (int block = 0; block < blocks; block++)
                job.Execute(block, 0);
            return;
        }

        _job = job;
        _blocks = blocks;
        _counters.Pending = blocks;

        // Publishing the ticket starts the run. The exchange is a full fence: whoever parks after it sees the
        // ticket, and whoever parked before it is seen here.
        Interlocked.Exchange(ref _counters.Ticket, NextGeneration(_counters.Ticket) | (uint)blocks);
        if (Volatile.Read(ref _parked) > 0)
            WakeWorkers(blocks - 1);
        ExecuteBlocks(0);
        WaitForOthers();

        ExceptionDispatchInfo? error = _error;
        _error = null;
        _job = null;
        Volatile.Write(ref _busy, 0);
        error?.Throw();
    }

    /// <summary>
    /// Ends the threads of a pool that was made by the constructor; a run afterwards is done by its caller
    /// alone.
    /// </summary>
    /// <exception cref="InvalidOperationException">The pool is shared (<see cref="Of"/>).</exception>
    public void Dispose()
    {
        if (s_pools.TryGetValue(Threads, out WorkerPool? pool) && pool == this)
            throw new InvalidOperationException("a shared pool lives as long as the process");
        _disposed = true;
        lock (_workersPark)
            Monitor.PulseAll(_workersPark);
    }

    private static WorkerPool Create(int threads)
    {
        lock (s_pools)
        {
            if (!s_pools.TryGetValue(threads, out WorkerPool? pool))
                s_pools[threads] = pool = new WorkerPool(threads);
            return pool;
        }
    }

    private static long NextGeneration(long ticket) => ((ticket >> 32) + 1) << 32;

    /// <summary>
    /// Claims one block. The ticket holds the number of the run in its upper half and the blocks left in its
    /// lower half, in one word, so that a thread that was asleep since an earlier run cannot take a block of
    /// this one by mistake.
    /// </summary>
    private bool TryClaim(out int block)
    {
        long ticket = Volatile.Read(ref _counters.Ticket);
        while ((uint)ticket != 0)
        {
            long seen = Interlocked.CompareExchange(ref _counters.Ticket, ticket - 1, ticket);
            if (seen == ticket)
            {
                // The run cannot end before this block is done, so its fields are stable from here on.
                block = _blocks - (int)(uint)ticket;
                return true;
            }

            ticket = seen;
        }

        block = 0;
        return false;
    }

    private void ExecuteBlocks(int worker)
    {
        int done = 0;
        while (TryClaim(out int block))
        {
            done++;
            if (Volatile.Read(ref _error) is not null)
                continue;
            try
            {
                _job!.Execute(block, worker);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(e), null);
            }
        }

        if (done != 0 && Interlocked.Add(ref _counters.Pending, -done) == 0 && worker != 0 && _callerWaits)
        {
            lock (_callerPark)
                Monitor.PulseAll(_callerPark);
        }
    }

    private void WaitForOthers()
    {
        long start = 0;
        while (Volatile.Read(ref _counters.Pending) != 0)
        {
            Thread.SpinWait(1);
            long now = Stopwatch.GetTimestamp();
            if (start == 0)
            {
                start = now;
            }
            else if (now - start > s_callerSpin)
            {
                // A worker's processor was taken away: spinning would only keep it from coming back.
                lock (_callerPark)
                {
                    _callerWaits = true;
                    Interlocked.MemoryBarrier();
                    while (Volatile.Read(ref _counters.Pending) != 0)
                        Monitor.Wait(_callerPark);
                    _callerWaits = false;
                }
            }
        }
    }

    private void WorkerLoop(int worker)
    {
        while (!_disposed)
        {
            ExecuteBlocks(worker);
            long start = Stopwatch.GetTimestamp();
            while ((uint)Volatile.Read(ref _counters.Ticket) == 0 && !_disposed)
            {
                Thread.SpinWait(1);
                if (Stopwatch.GetTimestamp() - start > s_workerSpin)
                {
                    Park();
                    break;
                }
            }
        }
    }

    private void Park()
    {
        lock (_workersPark)
        {
            Interlocked.Increment(ref _parked); // a full fence between being seen and looking
            if ((uint)Volatile.Read(ref _counters.Ticket) == 0 && !_disposed)
                Monitor.Wait(_workersPark);
            Interlocked.Decrement(ref _parked);
        }
    }

    private void WakeWorkers(int wanted)
    {
        lock (_workersPark)
        {
            if (wanted >= _parked)
            {
                Monitor.PulseAll(_workersPark);
                return;
            }

            for (int i = 0; i < wanted; i++)
                Monitor.Pulse(_workersPark);
        }
    }

    /// <summary>The two words that all threads write, each on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Counters
    {
        /// <summary>
        /// Upper half: the number of the run. Lower half: the blocks that nobody has claimed yet.
        /// </summary>
        [FieldOffset(128)]
        public long Ticket;

        /// <summary>The blocks that are not finished.</summary>
        [FieldOffset(256)]
        public int Pending;
    }
}
