namespace FunctionalDL.Kernels.Tiles;

/// <summary>One run of a tile loop: the program and, while it runs, the addresses.</summary>
internal abstract class TileJob : IBlockJob
{
    /// <summary>
    /// Work, in simple instructions on single elements, below which waking another thread does not pay.
    /// </summary>
    private const long SerialWork = 150_000;

    /// <summary>Work that one block should at least have.</summary>
    private const long BlockWork = 60_000;

    /// <summary>Blocks beyond which they only grow: plenty for threads to share evenly.</summary>
    private const long MostBlocks = 256;

    private readonly int _cost;

    protected TileJob(TileProgram program, int cost)
    {
        Program = program;
        _cost = cost;
    }

    protected TileProgram Program { get; }

    protected nint[] Slots { get; private set; } = [];

    /// <summary>A job of the same program that can run at the same time.</summary>
    public TileJob Copy() => (TileJob)MemberwiseClone();

    public void Run(WorkerPool pool, nint[] slots)
    {
        Slots = slots;
        try
        {
            Run(pool);
        }
        finally
        {
            Slots = [];
        }
    }

    public abstract void Execute(int block, int worker);

    /// <summary>
    /// Whether <see cref="RunRows"/> can do it, where the space is seen as this number of rows.
    /// </summary>
    public abstract bool HasRows(long rows);

    /// <summary>Does some rows on the calling thread. Several threads may do rows at the same time.</summary>
    public abstract void RunRows(nint[] slots, long rows, long first, long count);

    /// <summary>The work of the whole loop.</summary>
    public long Work => Elements * _cost;

    /// <summary>The elements of the iteration space.</summary>
    public abstract long Elements { get; }

    protected abstract void Run(WorkerPool pool);

    /// <summary>The threads that an amount of work is worth.</summary>
    public static WorkerPool Threads(WorkerPool pool, long work) =>
        work < SerialWork ? WorkerPool.CallerOnly : pool;

    /// <summary>
    /// How many units of <paramref name="elements"/> elements make a block: enough work, and in large loops
    /// enough memory for the processor to foresee what is read next.
    /// </summary>
    protected long UnitsPerBlock(long elements, long units) =>
        PerBlock(_cost * Math.Max(1, elements), units);

    /// <summary>The same for units of some work.</summary>
    public static long PerBlock(long work, long units) =>
        Math.Max(Math.Max(1, BlockWork / Math.Max(1, work)), units / MostBlocks);
}

/// <summary>A loop that only stores. A unit is a tile.</summary>
internal sealed unsafe class MapJob : TileJob
{
    private readonly long _blockSize;

    public MapJob(TileProgram program, int cost, int[] dims)
        : base(program, cost)
    {
        Elements = 1;
        foreach (int d in dims)
            Elements *= d;
        _blockSize = UnitsPerBlock(program.TileElements, Elements / program.TileElements) * program.TileElements;
    }

    public override long Elements { get; }

    public override bool HasRows(long rows) => rows > 0 && Elements % rows == 0;

    public override void RunRows(nint[] slots, long rows, long first, long count)
    {
        int rowLength = checked((int)(Elements / rows));
        RunPart(slots, first, count, rowLength, 0, rowLength);
    }

    protected override void Run(WorkerPool pool) =>
        Threads(pool, Work).Run((int)((Elements + _blockSize - 1) / _blockSize), this);

    public override void Execute(int block, int worker)
    {
        long start = block * _blockSize;
        long end = Math.Min(start + _blockSize, Elements);
        byte* scratch = Scratch.Get(Program.ScratchBytes);
        Program.BeginBlock(scratch, Slots, end - start);
        RunTiles(scratch, Slots, start, end);
    }

    /// <summary>
    /// Does a part of the space, on the calling thread: some columns of some rows, where the space is seen as
    /// rows of <paramref name="rowLength"/> elements. Several threads may do parts at the same time.
    /// </summary>
    public void RunPart(nint[] slots, long row, long rows, int rowLength, int column, int columns)
    {
        long start = row * rowLength + column;
        long length = columns;
        if (columns == rowLength)
            (rows, length) = (1, rows * rowLength);
        byte* scratch = Scratch.Get(Program.ScratchBytes);
        Program.BeginBlock(scratch, slots, length);
        for (; rows > 0; rows--, start += rowLength)
            RunTiles(scratch, slots, start, start + length);
    }

    private void RunTiles(byte* scratch, nint[] slots, long start, long end)
    {
        for (; start < end; start += Program.TileElements)
        {
            int count = (int)Math.Min(Program.TileElements, end - start);
            Program.RunTile(scratch, slots, start, count, end - start);
        }

        Program.EndBlock();
    }
}
