namespace FunctionalDL.Kernels;

/// <summary>
/// Native memory for tensors. Blocks that come back are kept and lent again, by size class; nobody has to
/// dispose anything.
/// </summary>
/// <remarks>
/// <para>
/// The garbage collector does not see native memory, so the pool asks it for a collection when the lent bytes
/// exceed the larger of 16 MiB and 3/2 of the least that was lent when somebody came for more (which bounds what
/// is truly in use). Most buffers die young, and a collection of the young generations takes less than a
/// millisecond; a full one takes tens, and is made only when that brings too little.
/// </para>
/// <para>
/// A block that is not lent holds its own bookkeeping in its first bytes, so that giving memory back
/// allocates nothing: a finalizer does no more than one compare-and-swap.
/// </para>
/// </remarks>
public sealed unsafe class MemoryPool
{
    private const long Floor = 16L << 20;
    private const int FinalizerPatienceMs = 250;

    private readonly Lock _lock = new();
    private readonly nint[] _free = new nint[SizeClass.Count];
    private readonly Lock _collecting = new();
    private readonly ManualResetEventSlim _finalized = new(true);
    private nint _returned; // a stack without locks: finalizers push, Rent takes all of it
    private long _live;
    private long _held;
    private long _idle; // bytes in _free
    private long _threshold = Floor;

    private MemoryPool()
    {
    }

    /// <summary>The pool of the process.</summary>
    public static MemoryPool Shared { get; } = new();

    /// <summary>
    /// The bytes lent and not come back. Buffers that are unreachable but not yet collected count as lent.
    /// </summary>
    public long LiveBytes => Volatile.Read(ref _live);

    /// <summary>The bytes taken from the operating system: those lent and those kept for reuse.</summary>
    public long HeldBytes => Volatile.Read(ref _held);

    /// <summary>
    /// The bytes that a buffer of <paramref name="bytes"/> bytes takes: at most 1/8 more than asked for.
    /// </summary>
    public static long BytesTaken(long bytes) => SizeClass.Bytes(SizeClass.Of(bytes));

    /// <summary>Lends a buffer of at least <paramref name="bytes"/> bytes, with undefined content.</summary>
    /// <exception cref="OutOfMemoryException">
    /// The operating system has no more, even after collecting and trimming.
    /// </exception>
    public NativeBuffer Rent(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, 1L << 56);
        int index = SizeClass.Of(bytes);
        long capacity = SizeClass.Bytes(index);
        if (LiveBytes + capacity > Volatile.Read(ref _threshold))
            CollectGarbage(capacity);
        nint address = TakeIdle(index, out long taken);
        if (address == 0)
            (address, taken) = (TakeNew(capacity), capacity);
        Interlocked.Add(ref _live, taken);
        return new NativeBuffer(this, address, Math.Max(64, (bytes + 63) & ~63L), taken);
    }

    /// <summary>
    /// Prepares for buffers of <paramref name="bytes"/> bytes in all, which the caller is about to rent: what
    /// must be collected for them is collected now.
    /// </summary>
    /// <remarks>
    /// A program that makes a new state from an old one in each step has the fewest buffers before it rents.
    /// Collected then, a state is met alive once at most, and is still young when it dies; between the rents
    /// of a step it would be met twice, and only a full collection would find it.
    /// </remarks>
    public void Expect(long bytes)
    {
        long wanted = LiveBytes + bytes;
        long threshold = Volatile.Read(ref _threshold);
        if (wanted > threshold)
            CollectGarbage(bytes);
        else if (ThresholdFor(wanted) < threshold)
            Volatile.Write(ref _threshold, ThresholdFor(wanted));
    }

    /// <summary>Gives all memory that is not lent back to the operating system.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            Sort();
            for (int i = 0; i < _free.Length; i++)
            {
                while (_free[i] != 0)
                {
                    FreeBlock* block = (FreeBlock*)_free[i];
                    _free[i] = block->Next;
                    _held -= block->Capacity;
                    _idle -= block->Capacity;
                    SystemMemory.Free((nint)block);
                }
            }
        }
    }

    /// <summary>
    /// Accepts a block back; called by finalizers too, so it must not wait, allocate or throw.
    /// </summary>
    internal void TakeBack(nint address, long capacity)
    {
        FreeBlock* block = (FreeBlock*)address;
        block->Capacity = capacity;
        nint top;
        do
        {
            top = Volatile.Read(ref _returned);
            block->Next = top;
        }
        while (Interlocked.CompareExchange(ref _returned, address, top) != top);
        Interlocked.Add(ref _live, -capacity);
    }

    /// <summary>The lent bytes from which on garbage is looked for when this many are in use.</summary>
    private static long ThresholdFor(long inUse) => Math.Max(Floor, inUse + inUse / 2);

    /// <summary>A kept block of the class or a little above (less than double), or 0.</summary>
    private nint TakeIdle(int index, out long capacity)
    {
        lock (_lock)
        {
            Sort();
            for (int i = index; i < Math.Min(index + SizeClass.PerOctave, _free.Length); i++)
            {
                if (_free[i] == 0)
                    continue;
                FreeBlock* block = (FreeBlock*)_free[i];
                _free[i] = block->Next;
                _idle -= block->Capacity;
                capacity = block->Capacity;
                return (nint)block;
            }
        }

        capacity = 0;
        return 0;
    }

    private nint TakeNew(long capacity)
    {
        // A program whose sizes keep changing must not collect blocks of every size it ever used.
        if (Volatile.Read(ref _idle) > Math.Max(Floor, LiveBytes / 2))
            Trim();
        nint address;
        try
        {
            address = SystemMemory.Allocate(capacity);
        }
        catch (OutOfMemoryException)
        {
            lock (_collecting)
            {
                GC.Collect();
                WaitForFinalizers();
            }

            Trim();
            address = SystemMemory.Allocate(capacity);
        }

        Interlocked.Add(ref _held, capacity);
        return address;
    }

    /// <summary>Moves what came back into the lists by size. The caller holds the lock.</summary>
    private void Sort()
    {
        nint address = Volatile.Read(ref _returned) == 0 ? 0 : Interlocked.Exchange(ref _returned, 0);
        while (address != 0)
        {
            FreeBlock* block = (FreeBlock*)address;
            address = block->Next;
            int index = SizeClass.Of(block->Capacity);
            block->Next = _free[index];
            _free[index] = (nint)block;
            _idle += block->Capacity;
        }
    }

    /// <summary>
    /// Lets the collector find buffers that nobody uses. 2/3 of the threshold were in use at most, the rest
    /// may be garbage; when the young generations held less than half of that, all are collected. Only then
    /// the threshold may grow.
    /// </summary>
    private void CollectGarbage(long wanted)
    {
        if (!_collecting.TryEnter())
            return; // another thread is at it; waiting would only delay this one
        try
        {
            long before = LiveBytes;
            if (before + wanted <= _threshold)
                return;
            GC.Collect(1, GCCollectionMode.Forced, blocking: true);
            WaitForFinalizers();
            long expected = LiveBytes + wanted;
            long inUse = _threshold / 3 * 2;
            if (expected <= _threshold && expected - inUse <= (before + wanted - inUse) / 2)
                return;

            GC.Collect(2, GCCollectionMode.Forced, blocking: true);
            WaitForFinalizers();
            Volatile.Write(ref _threshold, ThresholdFor(LiveBytes + wanted));
        }
        finally
        {
            _collecting.Exit();
        }
    }

    /// <summary>
    /// Waits until the finalizers of the last collection ran, but not for ever: a user's finalizer may hang,
    /// or this may be the finalizers' own thread. The caller holds <see cref="_collecting"/>.
    /// </summary>
    private void WaitForFinalizers()
    {
        if (_finalized.IsSet)
        {
            _finalized.Reset();
            ThreadPool.UnsafeQueueUserWorkItem(
                static done =>
                {
                    GC.WaitForPendingFinalizers();
                    done.Set();
                },
                _finalized,
                preferLocal: false);
        }

        _finalized.Wait(FinalizerPatienceMs);
    }

    /// <summary>What a block that is not lent holds in its first bytes.</summary>
    private struct FreeBlock
    {
        public nint Next;
        public long Capacity;
    }
}
