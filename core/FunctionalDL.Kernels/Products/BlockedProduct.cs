using System.Numerics;
using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Products;

/// <summary>
/// Floating-point products, after Goto and van de Geijn (ACM TOMS 34, 2008): c is cut into tasks, k into
/// sections; for each section a task packs its part of a for the second-level cache and walks over panels of
/// b.
/// </summary>
internal sealed unsafe class BlockedProduct<TVector, T> : IBlockJob
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged, IAdditionOperators<T, T, T>
{
    /// <summary>
    /// The most bytes of b that are packed at a time, unless one section has more: tasks find them in the
    /// third-level cache.
    /// </summary>
    private const long SharedLimit = 4L << 20;

    /// <summary>The steps of one panel that are packed before those of the next.</summary>
    private const int GroupSteps = 16;

    [ThreadStatic]
    private static BlockedProduct<TVector, T>? t_kept;

    private ProductShape _shape;
    private ProductPlan _plan;
    private T* _sharedB;
    private int _firstStep; // the steps of k that this pass computes
    private int _endStep;
    private bool _packing;
    private int _groupColumns; // the columns of b that are packed side by side

    private static int TileColumns => 2 * TVector.Count;

    private int Tasks => checked(_shape.Batch * _plan.RowTasks * _plan.ColumnTasks);

    private int BGroups => ProductPlan.CeilDiv(_shape.N, _groupColumns);

    /// <summary>The columns of b in packed form: padded to whole vectors.</summary>
    private int PaddedN => (_shape.N + TVector.Count - 1) / TVector.Count * TVector.Count;

    public static void Multiply(WorkerPool pool, in ProductShape shape)
    {
        if (shape.K == 0)
        {
            for (int i = 0; i < shape.Batch && !shape.Accumulates; i++)
                Copies.Zero((T*)shape.C + i * shape.CBatch, (long)shape.M * shape.N);
            shape.Then.Run(0, (long)shape.Batch * shape.M, shape.N, 0, shape.N);
            return;
        }

        ProductPlan plan = new(shape, sizeof(T), TileColumns, pool.Threads);
        if (shape.Then.Exists && !plan.HasWideTasks)
        {
            ProductShape alone = shape;
            alone.Then = default;
            Multiply(pool, alone);
            // Such a product is small.
            long rows = (long)shape.Batch * shape.M;
            shape.Then.Run((long)shape.First * shape.M, rows, shape.N, 0, shape.N);
            return;
        }

        if (plan.B == PanelSource.Shared && shape.Batch > 1)
        {
            MultiplyOneByOne(pool, shape);
            return;
        }

        BlockedProduct<TVector, T> job = t_kept ?? new BlockedProduct<TVector, T>();
        t_kept = null;
        job._shape = shape;
        job._plan = plan;
        try
        {
            job.Run(pool);
        }
        finally
        {
            job._shape = default; // lets go of what the caller owns
        }

        t_kept = job;
    }

    /// <summary>The matrices are large enough to share the threads within each.</summary>
    private static void MultiplyOneByOne(WorkerPool pool, ProductShape shape)
    {
        int end = shape.First + shape.Batch;
        shape.Batch = 1;
        for (; shape.First < end; shape.First++)
            Multiply(pool, shape);
    }

    private void Run(WorkerPool pool)
    {
        int blocks = ProductPlan.CeilDiv(Tasks, _plan.TasksPerBlock);
        if (_plan.B != PanelSource.Shared)
        {
            _firstStep = 0;
            _endStep = _shape.K;
            pool.Run(blocks, this);
            return;
        }

        int panels = ProductPlan.CeilDiv(_shape.N, TileColumns);
        _groupColumns = Math.Clamp(panels / (2 * pool.Threads), 1, 4) * TileColumns;
        long sectionBytes = (long)_plan.Section * PaddedN * sizeof(T);
        int stepsAtOnce = (int)Math.Min(_shape.K, Math.Max(1, SharedLimit / sectionBytes) * _plan.Section);
        _sharedB = (T*)Scratch.GetForCall((long)stepsAtOnce * PaddedN * sizeof(T));
        for (_firstStep = 0; _firstStep < _shape.K; _firstStep = _endStep)
        {
            _endStep = Math.Min(_shape.K, _firstStep + stepsAtOnce);
            _packing = true;
            pool.Run(BGroups * ProductPlan.CeilDiv(_endStep - _firstStep, _plan.Section), this);
            _packing = false;
            pool.Run(blocks, this);
        }
    }

    public void Execute(int block, int worker)
    {
        if (_packing)
        {
            PackShared(block);
            return;
        }

        int first = block * _plan.TasksPerBlock;
        int end = Math.Min(first + _plan.TasksPerBlock, Tasks);
        for (int task = first; task < end; task++)
        {
            (int rest, int column) = Math.DivRem(task, _plan.ColumnTasks);
            (int batch, int row) = Math.DivRem(rest, _plan.RowTasks);
            Compute(_shape.First + batch, row, column);
        }
    }

    /// <summary>
    /// Packs one section of a group of panels of b, some steps of each in turn: a row of one panel alone is too
    /// short for the memory to stream.
    /// </summary>
    private void PackShared(int block)
    {
        (int section, int group) = Math.DivRem(block, BGroups);
        int first = _firstStep + section * _plan.Section;
        int steps = StepsFrom(first);
        int column = group * _groupColumns;
        int endColumn = Math.Min(_shape.N, column + _groupColumns);
        int slice = _shape.Panels is null ? GroupSteps : steps;
        for (int p = 0; p < steps; p += slice)
        {
            for (int j = column; j < endColumn; j += TileColumns)
            {
                T* target = SharedPanel(first, j) + (long)p * PanelWidth(j, _shape.N);
                PackB(_shape.First, first + p, Math.Min(slice, steps - p), j, target);
            }
        }
    }

    /// <summary>Where the panel of b that starts at a column is packed.</summary>
    private T* SharedPanel(int step, int column) =>
        _sharedB + (long)(step - _firstStep) * PaddedN + (long)column * StepsFrom(step);

    /// <summary>The steps of the section that starts at a step.</summary>
    private int StepsFrom(int step) => Math.Min(_plan.Section, _endStep - step);

    /// <summary>The columns that the panel from a column on has room for: one vector or two.</summary>
    private static int PanelWidth(int column, int end) =>
        end - column > TVector.Count ? TileColumns : TVector.Count;

    private void PackB(int batch, int step, int steps, int column, T* target)
    {
        int count = Math.Min(TileColumns, _shape.N - column);
        int width = PanelWidth(column, _shape.N);
        if (_shape.Panels is not null)
        {
            _shape.Panels.Pack(batch, step, steps, column, count, (byte*)target, width);
            return;
        }

        T* source = _shape.B.At<T>(batch, step, column);
        Packing<TVector, T>.Pack(source, _shape.B.Column, _shape.B.Row, count, steps, target, width);
    }

    /// <summary>One range of rows times one range of columns of c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Compute(int batch, int rowTask, int columnTask)
    {
        int row = _plan.FirstRow(rowTask);
        RowPanels rows = new(_plan.FirstRow(rowTask + 1) - row, _plan.TileRows);
        int firstColumn = _plan.FirstColumn(columnTask);
        int endColumn = _plan.FirstColumn(columnTask + 1);

        bool packA = _plan.A == PanelSource.PerTask;

        // Scratch memory: a tile, a panel of b, and the task's part of a.
        long tileSize = (long)_plan.TileRows * TileColumns;
        long panelSize = (long)_plan.Section * TileColumns;
        long partSize = packA ? (long)_plan.Section * rows.Rows : 0;
        T* edge = (T*)Scratch.Get((tileSize + panelSize + partSize) * sizeof(T));
        T* ownB = edge + tileSize;
        T* ownA = ownB + panelSize;

        for (int p = _firstStep; p < _endStep; p += _plan.Section)
        {
            Tile tile;
            tile.Steps = StepsFrom(p);
            tile.Accumulate = p != 0 || _shape.Accumulates;
            T* a = _shape.A.At<T>(batch, row, p);
            if (packA)
            {
                PackA(a, rows, tile.Steps, ownA);
                a = ownA;
            }

            for (int j = firstColumn; j < endColumn; j += TileColumns)
            {
                int count = Math.Min(TileColumns, endColumn - j);
                tile.Vectors = count > TVector.Count ? 2 : 1;
                tile.BStep = tile.Vectors * TVector.Count * sizeof(T);
                bool whole = count == tile.Vectors * TVector.Count;
                if (_plan.B == PanelSource.Shared)
                {
                    tile.B = SharedPanel(p, j);
                }
                else if (_plan.B == PanelSource.Direct && whole)
                {
                    tile.B = _shape.B.At<T>(batch, p, j);
                    tile.BStep = (nint)_shape.B.Row * sizeof(T);
                }
                else
                {
                    PackB(batch, p, tile.Steps, j, ownB);
                    tile.B = ownB;
                }

                T* c = (T*)_shape.C + batch * _shape.CBatch + (long)row * _shape.N + j;
                MultiplyPanel(tile, rows, a, c, whole ? null : edge, count);
            }
        }

        if (_endStep == _shape.K)
        {
            long firstRow = (long)batch * _shape.M + row;
            _shape.Then.Run(firstRow, rows.Rows, _shape.N, firstColumn, endColumn - firstColumn);
        }
    }

    private void PackA(T* a, RowPanels rows, int steps, T* target)
    {
        for (int i = 0; i < rows.Count; i++)
        {
            int height = rows.Height(i);
            Packing<TVector, T>.Pack(a, _shape.A.Row, _shape.A.Column, height, steps, target, height);
            a += height * _shape.A.Row;
            target += (long)height * steps;
        }
    }

    /// <summary>All rows of a task times one panel of b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyPanel(Tile tile, RowPanels rows, T* a, T* c, T* edge, int columns)
    {
        bool packed = _plan.A == PanelSource.PerTask;
        nint cRow = (nint)_shape.N * sizeof(T);
        nint edgeRow = (nint)tile.Vectors * TVector.Count * sizeof(T);
        nint k = tile.Steps;
        byte* b = (byte*)tile.B;
        for (int i = 0; i < rows.Count; i++)
        {
            int height = rows.Height(i);
            nint aRow = packed ? sizeof(T) : (nint)_shape.A.Row * sizeof(T);
            nint aStep = packed ? height * sizeof(T) : (nint)_shape.A.Column * sizeof(T);
            var kernel = (delegate*<nint, byte*, nint, nint, byte*, nint, byte*, nint, bool, void>)
                MicroKernels<TVector, T>.Find(height, tile.Vectors);
            if (edge == null)
            {
                kernel(k, (byte*)a, aRow, aStep, b, tile.BStep, (byte*)c, cRow, tile.Accumulate);
            }
            else
            {
                kernel(k, (byte*)a, aRow, aStep, b, tile.BStep, (byte*)edge, edgeRow, false);
                CopyEdge(edge, (int)(edgeRow / sizeof(T)), c, height, columns, tile.Accumulate);
            }

            a += packed ? (long)height * tile.Steps : height * _shape.A.Row;
            c += (long)height * _shape.N;
        }
    }

    /// <summary>
    /// Brings the valid part of a tile from scratch to c, with the same single addition that the micro-kernel
    /// makes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CopyEdge(T* edge, int edgeRow, T* c, int rows, int columns, bool accumulate)
    {
        for (int i = 0; i < rows; i++, edge += edgeRow, c += _shape.N)
        {
            int j = 0;
            for (; j + TVector.Count <= columns; j += TVector.Count)
            {
                TVector sum = TVector.Load(edge + j);
                TVector.Store(accumulate ? sum + TVector.Load(c + j) : sum, c + j);
            }

            for (; j < columns; j++)
                c[j] = accumulate ? edge[j] + c[j] : edge[j];
        }
    }

    /// <summary>What the tiles of one panel have in common.</summary>
    private struct Tile
    {
        public T* B;
        public nint BStep;
        public int Steps;
        public int Vectors;
        public bool Accumulate;
    }
}
