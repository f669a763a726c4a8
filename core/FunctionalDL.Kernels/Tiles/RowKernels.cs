using FunctionalDL.Kernels.Tiles;

namespace FunctionalDL.Kernels;

/// <summary>What can be done for some rows of its space alone, in any order and by several threads.</summary>
public interface IRowKernel
{
    /// <summary>The work of all rows, in simple instructions on single elements.</summary>
    long Work { get; }

    /// <summary>Whether the space can be seen as this number of rows.</summary>
    bool HasRows(long rows);

    /// <summary>Does some rows, on the calling thread.</summary>
    /// <param name="slots">The base address of each slot.</param>
    /// <param name="rows">The number of all rows.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows to do.</param>
    void RunRows(nint[] slots, long rows, long first, long count);
}

/// <summary>A result that only kernels of the same <see cref="RowKernels"/> read.</summary>
/// <param name="Slot">The slot that its readers and its writer name.</param>
/// <param name="RowBytes">The bytes of one of its rows.</param>
public readonly record struct LocalRows(int Slot, long RowBytes);

/// <summary>
/// Kernels over the same rows, done one after another for a block of rows that stays in a near cache: a
/// reduction along rows, what is computed from it, and what spreads it over the rows again make one pass over
/// memory.
/// </summary>
/// <remarks>
/// What one kernel reads of another's results must lie in the same row. Bits are those of running the kernels
/// one by one. Results that nobody else reads (<see cref="LocalRows"/>) exist for a block of rows at a time
/// only.
/// </remarks>
public sealed class RowKernels
{
    private readonly long _rows;
    private readonly long _work;
    private readonly IRowKernel[] _kernels;
    private readonly LocalRows[] _locals;
    private readonly long _rowsPerBlock;
    private Job? _kept;

    /// <summary>Prepares kernels.</summary>
    /// <param name="rows">The number of rows, at least 1.</param>
    /// <param name="kernels">The kernels, in order.</param>
    /// <param name="locals">The results that only they read.</param>
    /// <exception cref="ArgumentException">A kernel has not this number of rows.</exception>
    public RowKernels(long rows, IRowKernel[] kernels, LocalRows[] locals)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(locals);
        foreach (IRowKernel kernel in kernels)
        {
            if (!kernel.HasRows(rows))
                throw new ArgumentException($"a kernel cannot be seen as {rows} rows", nameof(kernels));
            _work += kernel.Work;
        }

        long rowBytes = 0;
        foreach (LocalRows local in locals)
            rowBytes += local.RowBytes;
        _rows = rows;
        _kernels = kernels;
        _locals = locals;
        _rowsPerBlock = Math.Max(
            1, Math.Min(LocalBytes / Math.Max(1, rowBytes), TileJob.PerBlock(_work / rows, rows)));
        while (rows / _rowsPerBlock > int.MaxValue / 2)
            _rowsPerBlock *= 2;
    }

    /// <summary>What a block may keep of its results: a part of the second-level cache.</summary>
    private static long LocalBytes => 128 << 10;

    /// <summary>Runs the kernels.</summary>
    /// <param name="pool">The threads; little work is done by the caller alone.</param>
    /// <param name="slots">The base address of each slot; those of local results count for nothing.</param>
    public void Run(WorkerPool pool, nint[] slots)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(slots);
        Job job = Interlocked.Exchange(ref _kept, null) ?? new Job(this);
        job.Run(TileJob.Threads(pool, _work), slots);
        Volatile.Write(ref _kept, job);
    }

    /// <summary>One run, with a table of addresses for each thread.</summary>
    private sealed unsafe class Job(RowKernels all) : IBlockJob
    {
        private nint[][] _slotsOf = [];
        private nint[] _slots = [];

        public void Run(WorkerPool pool, nint[] slots)
        {
            if (_slotsOf.Length < pool.Threads || _slotsOf[0].Length != slots.Length)
            {
                _slotsOf = new nint[pool.Threads][];
                for (int i = 0; i < _slotsOf.Length; i++)
                    _slotsOf[i] = new nint[slots.Length];
            }

            _slots = slots;
            try
            {
                pool.Run((int)((all._rows + all._rowsPerBlock - 1) / all._rowsPerBlock), this);
            }
            finally
            {
                _slots = [];
            }
        }

        public void Execute(int block, int worker)
        {
            long first = block * all._rowsPerBlock;
            long count = Math.Min(all._rowsPerBlock, all._rows - first);
            nint[] slots = _slotsOf[worker];
            _slots.CopyTo(slots, 0);
            PlaceLocals(slots, first);
            foreach (IRowKernel kernel in all._kernels)
                kernel.RunRows(slots, all._rows, first, count);
        }

        /// <summary>Gives local results addresses at which the rows of the block lie in scratch memory.</summary>
        private void PlaceLocals(nint[] slots, long first)
        {
            long bytes = 0;
            foreach (LocalRows local in all._locals)
                bytes += Place(local);
            byte* scratch = Scratch.GetForRows(bytes);
            foreach (LocalRows local in all._locals)
            {
                slots[local.Slot] = (nint)(scratch - (first * local.RowBytes));
                scratch += Place(local);
            }

            long Place(LocalRows local) =>
                TileProgram.Align((all._rowsPerBlock * local.RowBytes) + TileProgram.Padding);
        }
    }
}
