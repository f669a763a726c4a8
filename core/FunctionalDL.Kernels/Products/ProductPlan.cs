using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace FunctionalDL.Kernels.Products;

/// <summary>Where the micro-kernel reads a matrix.</summary>
internal enum PanelSource
{
    /// <summary>In the operand itself.</summary>
    Direct,

    /// <summary>In panels that each task packs for itself.</summary>
    PerTask,

    /// <summary>In panels that are packed once, before the tasks start.</summary>
    Shared,
}

/// <summary>
/// How a product is cut and packed. It follows from the shape, the strides and the number of threads, and
/// decides speed alone: no choice here changes a bit of the result, but for the sections of k, which depend
/// on k only.
/// </summary>
internal readonly struct ProductPlan
{
    // Sizes measured on Zen 4 and Zen 5: a panel of b stays in the second-level cache beside a task's block of a.
    private const int SectionLimit = 512;
    private const int TaskRowPanels = 12;
    private const int TaskColumns = 4096;
    private const double NearBytes = 1 << 20;
    private const int WideColumns = 256;

    // Multiply-adds: a few microseconds, the price of waking a thread; and what one claim should be worth.
    private const double SerialWork = 400_000;
    private const double TaskWork = 150_000;

    /// <summary>The steps of k whose sum is one chain; a multiple of 8 unless it is all of k.</summary>
    public readonly int Section;

    /// <summary>The rows of a full tile of the micro-kernel.</summary>
    public readonly int TileRows;

    /// <summary>
    /// The ranges into which the rows of c are cut; a task is one range of rows times one of columns.
    /// </summary>
    public readonly int RowTasks;

    /// <summary>The ranges into which the columns of c are cut.</summary>
    public readonly int ColumnTasks;

    /// <summary>Consecutive tasks that are claimed together.</summary>
    public readonly int TasksPerBlock;

    /// <summary>
    /// Whether each task's part of c has rows long enough to go on with at once, part by part.
    /// </summary>
    public bool HasWideTasks => ColumnTasks == 1 || _n / ColumnTasks >= WideColumns;

    public readonly PanelSource A;
    public readonly PanelSource B;

    private readonly int _m;
    private readonly int _n;
    private readonly int _tileColumns;

    public ProductPlan(in ProductShape shape, int elementSize, int tileColumns, int threads)
    {
        Section = SectionOf(shape.K);
        TileRows = MaxTileRows;
        _m = shape.M;
        _n = shape.N;
        _tileColumns = tileColumns;
        if (shape.Work < SerialWork)
            threads = 1;

        int rowPanels = CeilDiv(_m, TileRows);
        int columnPanels = CeilDiv(_n, tileColumns);
        RowTasks = CeilDiv(rowPanels, TaskRowPanels);
        ColumnTasks = CeilDiv(columnPanels, TaskColumns / tileColumns);
        if (threads > 1)
            (RowTasks, ColumnTasks) = CutFor(threads, shape, rowPanels, columnPanels, RowTasks, ColumnTasks);

        double taskWork = shape.Work / ((double)shape.Batch * RowTasks * ColumnTasks);
        TasksPerBlock = (int)Math.Clamp(TaskWork / Math.Max(1, taskWork), 1, 1 << 20);

        // What the second-level cache holds is read where it is, unless its elements are far apart.
        bool nearA = IsNear(shape.A, _m, elementSize) || columnPanels == ColumnTasks;
        bool nearB = shape.Panels is null && shape.B.Column == 1 && (IsNear(shape.B, _n, elementSize) || rowPanels <= 6);
        A = nearA ? PanelSource.Direct : PanelSource.PerTask;
        B = nearB ? PanelSource.Direct : RowTasks == 1 ? PanelSource.PerTask : PanelSource.Shared;
    }

    /// <summary>The first row of a range; that of range <see cref="RowTasks"/> is m.</summary>
    public int FirstRow(int range) => First(range, RowTasks, _m, TileRows);

    /// <summary>The first column of a range; that of range <see cref="ColumnTasks"/> is n.</summary>
    public int FirstColumn(int range) => First(range, ColumnTasks, _n, _tileColumns);

    public static int CeilDiv(int a, int b) => (int)(((long)a + b - 1) / b);

    /// <summary>
    /// Cuts further until there are a few tasks for each thread, as many for each. Cutting columns makes each
    /// task read all of a's rows, which is cheap while they are few; cutting rows makes the tasks share b.
    /// </summary>
    private static (int Rows, int Columns) CutFor(
        int threads, in ProductShape shape, int rowPanels, int columnPanels, int rows, int columns)
    {
        long tasks = (long)shape.Batch * rows * columns;
        long wanted = (long)Math.Clamp(shape.Work / TaskWork, threads, 4 * threads);
        if (tasks >= wanted)
            return (Math.Min(rowPanels, RoundUp(rows, threads)), columns);
        int missing = (int)((wanted + tasks - 1) / tasks);
        if (rows == 1 && rowPanels <= 8 && columnPanels >= threads)
            return (rows, Math.Min(columnPanels, RoundUp(columns * missing, threads)));
        rows = Math.Min(rowPanels, RoundUp(rows * missing, threads));
        tasks = (long)shape.Batch * rows * columns;
        if (tasks < wanted)
            columns = (int)Math.Min(columnPanels, columns * ((wanted + tasks - 1) / tasks));
        return (rows, columns);
    }

    private static int RoundUp(int count, int multiple) => CeilDiv(count, multiple) * multiple;

    /// <summary>
    /// Whether a section of an operand is dense and small enough that copying it into panels gains nothing
    /// (measured: reading in place is some percent faster then).
    /// </summary>
    private bool IsNear(in MatrixOperand operand, int lines, int elementSize) =>
        (operand.Row == 1 || operand.Column == 1) && (double)Section * lines * elementSize <= NearBytes;

    /// <summary>Whole tiles, shared out evenly.</summary>
    private static int First(int range, int ranges, int size, int tile) =>
        (int)Math.Min(size, (long)range * CeilDiv(size, tile) / ranges * tile);

    /// <summary>Twelve rows where there are 32 vector registers, six where there are 16.</summary>
    public static int MaxTileRows =>
        Vector512.IsHardwareAccelerated || Avx512F.VL.IsSupported || AdvSimd.Arm64.IsSupported ? 12 : 6;

    private static int SectionOf(int k)
    {
        int sections = Math.Max(1, CeilDiv(k, SectionLimit));
        return sections == 1 ? k : (CeilDiv(k, sections) + 7) & ~7;
    }
}
