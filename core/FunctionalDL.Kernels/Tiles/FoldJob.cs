namespace FunctionalDL.Kernels.Tiles;

/// <summary>
/// A loop that folds. A unit of <see cref="FoldPlan"/> is done from start to end by one thread.
/// </summary>
internal sealed unsafe class FoldJob : TileJob
{
    private readonly FoldPlan _plan;
    private readonly Folding[] _folds;
    private readonly long _unitsPerBlock;
    private byte* _partials; // [fold][outer, section, inner], if there is more than one section
    private bool _combining;

    public FoldJob(TileProgram program, int cost, FoldPlan plan, Folding[] folds)
        : base(program, cost)
    {
        _plan = plan;
        _folds = folds;
        _unitsPerBlock = UnitsPerBlock(plan.UnitElements, plan.Units);
    }

    /// <summary>The bytes between the accumulators of two folds.</summary>
    private static long AccumulatorBytes => TileProgram.Align(TileProgram.TileSize * 8 + TileProgram.Padding);

    private long ScratchBytes => Program.ScratchBytes + (_folds.Length * AccumulatorBytes);

    private long Results => _plan.Outer * _plan.Inner;

    public override long Elements => _plan.Outer * _plan.Reduced * _plan.Inner;

    public override bool HasRows(long rows) =>
        rows > 0 && _plan.Outer % rows == 0 && _plan.Sections == 1 && _plan.Reduced * _plan.Inner > 0;

    public override void RunRows(nint[] slots, long rows, long first, long count)
    {
        // A row may hold several results, each folded by itself.
        long resultsPerRow = _plan.Outer / rows;
        first *= resultsPerRow;
        count *= resultsPerRow;
        byte* scratch = Scratch.Get(ScratchBytes);
        Program.BeginBlock(scratch, slots, count * _plan.Reduced * _plan.Inner);
        if (_plan.Layout == FoldLayout.Planes)
        {
            for (long end = first + count; first < end; first += _plan.PlanesPerUnit)
                FoldPlanes(scratch, slots, first, end);
        }
        else
        {
            for (long unit = first * _plan.ColumnTiles; unit < (first + count) * _plan.ColumnTiles; unit++)
                FoldSection(scratch, slots, unit);
        }

        Program.EndBlock();
    }

    protected override void Run(WorkerPool pool)
    {
        if (Results == 0)
            return;
        if (_plan.Reduced == 0)
        {
            foreach (Folding fold in _folds)
                ClearTarget(fold);
            return;
        }

        pool = Threads(pool, Work);
        if (_plan.Sections > 1)
            _partials = Scratch.GetForCall(PartialOffset(_folds.Length));
        pool.Run((int)((_plan.Units + _unitsPerBlock - 1) / _unitsPerBlock), this);
        if (_plan.Sections > 1)
        {
            _combining = true;
            pool.Run((int)Math.Min(_plan.Outer, 1 << 20), this);
            _combining = false;
        }
    }

    public override void Execute(int block, int worker)
    {
        if (_combining)
        {
            for (long o = block; o < _plan.Outer; o += 1 << 20)
                CombineSections(o);
            return;
        }

        long first = block * _unitsPerBlock;
        long end = Math.Min(first + _unitsPerBlock, _plan.Units);
        byte* scratch = Scratch.Get(ScratchBytes);
        Program.BeginBlock(scratch, Slots, (end - first) * _plan.UnitElements);
        if (_plan.Layout == FoldLayout.Planes)
        {
            long endPlane = Math.Min(end * _plan.PlanesPerUnit, _plan.Outer);
            for (long plane = first * _plan.PlanesPerUnit; plane < endPlane; plane += _plan.PlanesPerUnit)
                FoldPlanes(scratch, Slots, plane, endPlane);
        }
        else
        {
            for (long unit = first; unit < end; unit++)
                FoldSection(scratch, Slots, unit);
        }

        Program.EndBlock();
    }

    /// <summary>Where the partial results of a fold start.</summary>
    private long PartialOffset(int fold)
    {
        long offset = 0;
        for (int i = 0; i < fold; i++)
            offset += TileProgram.Align(Results * _plan.Sections * _folds[i].Size);
        return offset;
    }

    /// <summary>The partial results of a fold for one outer index: [section, inner].</summary>
    private byte* Partials(int fold, long outer) =>
        _partials + PartialOffset(fold) + outer * _plan.Sections * _plan.Inner * _folds[fold].Size;

    private void ClearTarget(Folding fold)
    {
        byte* target = (byte*)Slots[fold.Slot];
        for (long i = 0; i < Results; i += 1 << 20)
            fold.ClearExactly(target + i * fold.Size, (int)Math.Min(1 << 20, Results - i));
    }

    /// <summary>One tile of whole planes, of those up to <paramref name="end"/> that come one after another.</summary>
    private void FoldPlanes(byte* scratch, nint[] slots, long first, long end)
    {
        int planes = (int)Math.Min(_plan.PlanesPerUnit, end - first);
        int plane = (int)(_plan.Reduced * _plan.Inner);
        int elements = planes * plane;
        Program.RunTile(scratch, slots, first * plane, elements, (end - first) * plane);
        for (int f = 0; f < _folds.Length; f++)
        {
            Folding fold = _folds[f];
            byte* source = Program.Folded(scratch, f, elements);
            byte* target = (byte*)slots[fold.Slot] + first * _plan.Inner * fold.Size;
            if (_plan.Inner == 1)
            {
                fold.Segments(source, planes, plane, target);
                continue;
            }

            byte* sums = scratch + Program.ScratchBytes;
            long bytes = _plan.Inner * fold.Size;
            for (int i = 0; i < planes; i++, source += plane * fold.Size, target += bytes)
            {
                fold.Clear(sums, (int)_plan.Inner);
                fold.Rows(source, (int)_plan.Reduced, (int)_plan.Inner, sums);
                Buffer.MemoryCopy(sums, target, bytes, bytes);
            }
        }
    }

    /// <summary>The tiles of one section, in order.</summary>
    private void FoldSection(byte* scratch, nint[] slots, long unit)
    {
        (long rest, long section) = Math.DivRem(unit, _plan.Sections);
        (long outer, long columnTile) = Math.DivRem(rest, _plan.ColumnTiles);
        long column = columnTile * _plan.Width;
        int width = (int)Math.Min(_plan.Width, _plan.Inner - column);
        long row = section * _plan.SectionRows;
        long end = Math.Min(row + _plan.SectionRows, _plan.Reduced);

        byte* sums = scratch + Program.ScratchBytes;
        for (int f = 0; f < _folds.Length; f++)
            _folds[f].Clear(sums + f * AccumulatorBytes, width);

        long step = _plan.Inner == 1 ? FoldPlan.ChunkTiles * _plan.RowsPerTile : _plan.RowsPerTile;
        for (; row < end; row += step)
        {
            if (_plan.Inner == 1)
            {
                FoldChunk(scratch, slots, outer * _plan.Reduced + row, (int)Math.Min(step, end - row), sums);
                continue;
            }

            int rows = (int)Math.Min(_plan.RowsPerTile, end - row);
            int count = rows * width;
            long room = width == _plan.Inner ? (end - row) * width : count;
            Program.RunTile(scratch, slots, (outer * _plan.Reduced + row) * _plan.Inner + column, count, room);
            for (int f = 0; f < _folds.Length; f++)
            {
                byte* source = Program.Folded(scratch, f, count);
                _folds[f].Rows(source, rows, width, sums + f * AccumulatorBytes);
            }
        }

        for (int f = 0; f < _folds.Length; f++)
        {
            int size = _folds[f].Size;
            byte* target = _plan.Sections == 1
                ? (byte*)slots[_folds[f].Slot] + (outer * _plan.Inner + column) * size
                : Partials(f, outer) + (section * _plan.Inner + column) * size;
            Buffer.MemoryCopy(sums + f * AccumulatorBytes, target, width * size, width * size);
        }
    }

    /// <summary>
    /// Some tiles of a section that has one result, whose lanes are folded at the end. Bits are the same whether the
    /// elements are computed tile by tile or lie in memory.
    /// </summary>
    private void FoldChunk(byte* scratch, nint[] slots, long start, int count, byte* sums)
    {
        for (int f = 0; f < _folds.Length; f++)
            _folds[f].ClearState(State(f));
        byte* bare = Program.Bare(slots, start, count);
        int step = bare != null ? count : TileProgram.TileSize;
        for (int done = 0; done < count; done += step)
        {
            int part = Math.Min(step, count - done);
            if (bare == null)
                Program.RunTile(scratch, slots, start + done, part, count - done);
            for (int f = 0; f < _folds.Length; f++)
                _folds[f].Accumulate(bare != null ? bare : Program.Folded(scratch, f, part), part, State(f));
        }

        for (int f = 0; f < _folds.Length; f++)
            _folds[f].Finish(State(f), sums + f * AccumulatorBytes);

        // Behind the one result, which takes eight bytes at most.
        byte* State(int fold) => sums + (fold * AccumulatorBytes) + 64;
    }

    /// <summary>
    /// Combines the sections of one outer index: halves with halves, in a tree that depends on their number
    /// alone.
    /// </summary>
    private void CombineSections(long outer)
    {
        for (int f = 0; f < _folds.Length; f++)
        {
            Folding fold = _folds[f];
            long row = _plan.Inner * fold.Size;
            byte* partials = Partials(f, outer);
            for (long left = _plan.Sections; left > 1;)
            {
                long half = left / 2;
                left -= half;
                for (long i = 0; i < half; i++)
                    CombineRow(fold, partials + (left + i) * row, partials + i * row);
            }

            Buffer.MemoryCopy(partials, (byte*)Slots[fold.Slot] + outer * row, row, row);
        }
    }

    private void CombineRow(Folding fold, byte* source, byte* target)
    {
        const int Part = 1 << 20;
        for (long done = 0; done < _plan.Inner; done += Part)
        {
            long offset = done * fold.Size;
            fold.Combine(source + offset, (int)Math.Min(Part, _plan.Inner - done), target + offset);
        }
    }
}
