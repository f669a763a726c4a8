using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

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
/// How a product is cut and packed. It follows from the shape, the strides and the number of threads, and decides speed alone:
/// no choice here changes a bit of the result, but for the sections of k, which depend on k only.
/// </summary>
internal readonly struct ProductPlan
{
    // Sizes measured on a Zen 5: a panel of b stays in the second-level cache beside a task's block of a.
    private const int SectionLimit = 512;
    private const int TaskRowPanels = 20;
    private const int TaskColumns = 1024;
    private const double SerialWork = 400_000; // multiply-adds: a few microseconds, the price of waking a thread
    private const double TaskWork = 150_000;

    /// <summary>The steps of k whose sum is one chain; a multiple of 8 unless it is all of k.</summary>
    public readonly int Section;

    /// <summary>The rows of a full tile of the micro-kernel.</summary>
    public readonly int TileRows;

    /// <summary>The rows of c that one task computes.</summary>
    public readonly int TaskM;

    /// <summary>The columns of c that one task computes, a multiple of the tile's columns.</summary>
    public readonly int TaskN;

    public readonly int RowTasks;
    public readonly int ColumnTasks;

    /// <summary>Consecutive tasks that are claimed together.</summary>
    public readonly int TasksPerBlock;

    public readonly PanelSource A;
    public readonly PanelSource B;

    public ProductPlan(in ProductShape shape, int tileColumns, int threads)
    {
        Section = SectionOf(shape.K);
        TileRows = MaxTileRows;
        double work = shape.Work;
        if (work < SerialWork)
            threads = 1;

        int rowPanels = CeilDiv(shape.M, TileRows);
        int columnPanels = CeilDiv(shape.N, tileColumns);
        int rows = CeilDiv(rowPanels, TaskRowPanels);
        int columns = CeilDiv(columnPanels, TaskColumns / tileColumns);
        int wanted = threads == 1 ? 1 : (int)Math.Min(4 * threads, Math.Max(threads, work / TaskWork));
        int missing = CeilDiv(wanted, (int)Math.Min((long)shape.Batch * rows * columns, wanted));
        if (missing > 1)
        {
            // Cutting columns makes each task read all of a, which is cheap while a is low; cutting rows makes b shared.
            if (rowPanels <= TaskRowPanels && columnPanels >= threads && shape.M <= 8 * TileRows)
                columns = Math.Min(columnPanels, columns * missing);
            else
                rows = Math.Min(rowPanels, rows * missing);
        }

        TaskM = CeilDiv(rowPanels, rows) * TileRows;
        TaskN = CeilDiv(columnPanels, columns) * tileColumns;
        RowTasks = CeilDiv(shape.M, TaskM);
        ColumnTasks = CeilDiv(shape.N, TaskN);
        double taskWork = (double)Math.Min(TaskM, shape.M) * Math.Min(TaskN, shape.N) * shape.K;
        TasksPerBlock = (int)Math.Clamp(TaskWork / Math.Max(1, taskWork), 1, 1 << 20);

        int panelsInTask = CeilDiv(Math.Min(TaskN, shape.N), tileColumns);
        A = panelsInTask >= 6 ? PanelSource.PerTask : PanelSource.Direct;
        B = shape.B.Column == 1 && shape.M <= 2 * TileRows ? PanelSource.Direct
            : RowTasks == 1 ? PanelSource.PerTask
            : PanelSource.Shared;
    }

    /// <summary>Twelve rows where there are 32 vector registers, six where there are 16.</summary>
    private static int MaxTileRows =>
        Vector512.IsHardwareAccelerated || System.Runtime.Intrinsics.X86.Avx512F.VL.IsSupported || AdvSimd.Arm64.IsSupported ? 12 : 6;

    public static int CeilDiv(int a, int b) => (int)(((long)a + b - 1) / b);

    private static int SectionOf(int k)
    {
        int sections = Math.Max(1, CeilDiv(k, SectionLimit));
        return sections == 1 ? k : (CeilDiv(k, sections) + 7) & ~7;
    }
}
