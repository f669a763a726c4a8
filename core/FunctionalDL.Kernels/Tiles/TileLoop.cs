using FunctionalDL.Kernels.Tiles;

namespace FunctionalDL.Kernels;

/// <summary>
/// A fused loop: loads operands, computes with them and stores or folds results, tile by tile, so that
/// intermediate values never leave the nearest cache.
/// </summary>
/// <remarks>
/// <para>
/// An instance is a prepared program: making one analyses and checks it, running it allocates nothing once
/// warm. It is immutable and may be run by several threads at the same time.
/// </para>
/// <para>
/// <i>Bits.</i> An element's value depends on its operands alone, whatever its place. A fold's order depends
/// on the dimensions and the vector width alone: elements go to the lanes of a few accumulators within chunks
/// of at most 8192, chunks are added in order within sections, and sections are combined pairwise, so the
/// rounding error of a sum of n elements grows with log n rather than n. Neither depends on the threads.
/// </para>
/// <para>
/// <i>Memory.</i> Slots may have any alignment that suits their element type. Nothing outside the operands is
/// read or written. A store's target may be the very memory of a load that is contiguous over the whole space
/// (an update in place); otherwise targets must not overlap operands or each other.
/// </para>
/// </remarks>
public sealed class TileLoop : IRowKernel
{
    private readonly TileJob _prototype;
    private TileJob? _kept;

    /// <summary>A loop that stores every element.</summary>
    /// <param name="dims">The sizes of the iteration space; empty for a single element.</param>
    /// <param name="constants">Registers that hold a constant.</param>
    /// <param name="scalars">Registers that hold one element of memory.</param>
    /// <param name="loads">Registers that hold an operand's elements.</param>
    /// <param name="code">What is computed, in order.</param>
    /// <param name="stores">What is written.</param>
    /// <exception cref="ArgumentException">
    /// A register is used before it has a value or with another type, an operation does not exist for a type,
    /// or strides do not match the dimensions.
    /// </exception>
    public TileLoop(
        int[] dims, TileConstant[] constants, TileScalar[] scalars, TileLoad[] loads, TileInstruction[] code,
        TileStore[] stores)
    {
        CheckDims(dims);
        TileProgramBuilder builder = new(dims, constants, scalars, loads, code, stores, [], 0);
        _prototype = new MapJob(new TileProgram(builder), Cost(code, loads.Length + stores.Length), dims);
    }

    /// <summary>
    /// A loop that folds over some dimensions; it may store elements of the whole space besides.
    /// </summary>
    /// <param name="dims">
    /// The sizes of the iteration space: the outer ones, the reduced ones, the inner ones.
    /// </param>
    /// <param name="outerDims">The number of outer dimensions.</param>
    /// <param name="reducedDims">The number of reduced dimensions.</param>
    /// <param name="constants">Registers that hold a constant.</param>
    /// <param name="scalars">Registers that hold one element of memory.</param>
    /// <param name="loads">Registers that hold an operand's elements.</param>
    /// <param name="code">What is computed, in order.</param>
    /// <param name="stores">What is written besides the folds; may be empty.</param>
    /// <param name="folds">What is combined over the reduced dimensions.</param>
    /// <inheritdoc cref="TileLoop(int[], TileConstant[], TileScalar[], TileLoad[], TileInstruction[],
    /// TileStore[])"/>
    public TileLoop(
        int[] dims, int outerDims, int reducedDims, TileConstant[] constants, TileScalar[] scalars,
        TileLoad[] loads, TileInstruction[] code, TileStore[] stores, TileFold[] folds)
    {
        CheckDims(dims);
        if (outerDims < 0 || reducedDims < 0 || outerDims + reducedDims > dims.Length)
            throw new ArgumentException($"{outerDims} outer and {reducedDims} reduced of {dims.Length} dims");
        int innerDims = outerDims + reducedDims;
        FoldPlan plan = new(
            Product(dims[..outerDims]), Product(dims[outerDims..innerDims]), Product(dims[innerDims..]));
        TileProgramBuilder builder = new(dims, constants, scalars, loads, code, stores, folds, plan.Overread);
        Folding[] foldings = Array.ConvertAll(folds, f => new Folding(f));
        int cost = Cost(code, loads.Length + stores.Length);
        _prototype = new FoldJob(new TileProgram(builder), cost, plan, foldings);
    }

    /// <summary>Runs the loop.</summary>
    /// <param name="pool">The threads; small loops are done by the caller alone.</param>
    /// <param name="slots">
    /// The base address of each slot. The memory must stay valid until the call returns.
    /// </param>
    public void Run(WorkerPool pool, nint[] slots)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(slots);
        TileJob job = Interlocked.Exchange(ref _kept, null) ?? _prototype.Copy();
        job.Run(pool, slots);
        Volatile.Write(ref _kept, job);
    }

    /// <inheritdoc/>
    public long Work => _prototype.Work;

    /// <inheritdoc/>
    public bool HasRows(long rows) => _prototype.HasRows(rows);

    /// <inheritdoc/>
    public void RunRows(nint[] slots, long rows, long first, long count) =>
        _prototype.RunRows(slots, rows, first, count);

    /// <summary>Checks that the loop can be run part by part.</summary>
    /// <param name="elements">The elements that its space must have.</param>
    /// <exception cref="ArgumentException">It folds, or its space has another size.</exception>
    internal void CheckParts(long elements)
    {
        if (_prototype is not MapJob job)
            throw new ArgumentException("a loop that folds cannot be run part by part");
        if (job.Elements != elements)
            throw new ArgumentException($"the loop is over {job.Elements} elements, not {elements}");
    }

    /// <summary>
    /// Runs a part of the loop on the calling thread: some columns of some rows, where the space is seen as
    /// rows of <paramref name="rowLength"/> elements. Several threads may run parts at the same time.
    /// </summary>
    internal void RunPart(nint[] slots, long row, long rows, int rowLength, int column, int columns) =>
        ((MapJob)_prototype).RunPart(slots, row, rows, rowLength, column, columns);

    /// <summary>A rough measure of the work for one element: simple instructions count 1.</summary>
    private static int Cost(TileInstruction[] code, int transfers)
    {
        int cost = transfers;
        foreach (TileInstruction instruction in code)
            cost += instruction.Op.Cost;
        return cost;
    }

    private static long Product(ReadOnlySpan<int> dims)
    {
        long product = 1;
        foreach (int d in dims)
            product = checked(product * d);
        return product;
    }

    private static void CheckDims(int[] dims)
    {
        foreach (int d in dims)
            ArgumentOutOfRangeException.ThrowIfNegative(d);
        _ = Product(dims);
    }
}
