using System.Runtime.CompilerServices;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>
/// The straight-line code of a tile loop, prepared: registers turned into values that are written once,
/// values given places in scratch memory, instructions turned into kernels.
/// </summary>
internal sealed unsafe class TileProgram
{
    /// <summary>
    /// The most elements of a tile: large enough to hide the cost of calling a kernel, small enough for the
    /// first-level cache to hold a handful of float32 values.
    /// </summary>
    public const int TileSize = 1024;

    /// <summary>
    /// Kernels work on multiples of this many elements, the lanes of the widest vector of the smallest type.
    /// </summary>
    public const int Grain = 64;

    /// <summary>Bytes behind each place that a kernel may read or overwrite.</summary>
    public const int Padding = 128;

    private readonly Value[] _values;
    private readonly Step[] _steps;
    private readonly StorePlan[] _stores;
    private readonly int[] _folded;
    private readonly byte[] _constants; // pinned
    private readonly bool _streams;

    public TileProgram(TileProgramBuilder builder)
    {
        _values = builder.Values.ToArray();
        _steps = builder.Steps.ToArray();
        _stores = builder.Stores.ToArray();
        _folded = builder.Folded.ToArray();
        _constants = builder.Constants;
        TileElements = builder.TileElements;
        _streams = Array.Exists(_stores, store => store.IsStreamed);
        ContextBytes = Align(_values.Length * (long)sizeof(Place));
        ScratchBytes = ContextBytes + builder.ScratchBytes;
    }

    /// <summary>The elements that a tile should have where nothing else decides.</summary>
    public int TileElements { get; }

    /// <summary>The scratch memory that a block of work needs.</summary>
    public long ScratchBytes { get; }

    private long ContextBytes { get; }

    public static long Align(long bytes) => (bytes + 63) & ~63L;

    /// <summary>Makes what stays the same for all tiles of a block.</summary>
    /// <param name="scratch">At least <see cref="ScratchBytes"/>.</param>
    /// <param name="slots">The base addresses.</param>
    /// <param name="elements">The most elements that the tiles of the block will cover.</param>
    public void BeginBlock(byte* scratch, nint[] slots, long elements)
    {
        Place* places = (Place*)scratch;
        byte* memory = scratch + ContextBytes;
        byte* constants = (byte*)Unsafe.AsPointer(ref _constants[0]);
        for (int i = 0; i < _values.Length; i++)
        {
            Value value = _values[i];
            byte* home = value.Kind == ValueKind.Constant ? constants + value.Home : memory + value.Home;
            places[i] = new Place { Home = home, Address = home, Step = value.IsSingle ? 0 : 1 };
            if (value.Kind is ValueKind.Scalar or ValueKind.Splat)
                Runs.Splat((byte*)value.Origin(slots), value.Size, home);
            else if (value.Kind == ValueKind.Pattern)
                value.Load!.MakePattern((byte*)value.Origin(slots), elements, home);
        }

        foreach (StorePlan store in _stores)
        {
            if (store.LaterLoads is null)
                continue;
            places[store.Value].Direct = store.IsDirect(slots);
            places[store.Value].Overshoots = places[store.Value].Direct && store.IsApart(slots);
        }
    }

    /// <summary>Computes one tile and writes what is to be stored.</summary>
    /// <param name="scratch">The scratch memory that <see cref="BeginBlock"/> prepared.</param>
    /// <param name="slots">The base addresses.</param>
    /// <param name="start">The first element of the tile, in row-major order of the iteration space.</param>
    /// <param name="count">The elements of the tile, at most <see cref="TileSize"/>.</param>
    /// <param name="room">
    /// The elements from <paramref name="start"/> on that the same thread computes, in order: what lies behind the tile
    /// among them may be overwritten, for it comes next.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void RunTile(byte* scratch, nint[] slots, long start, int count, long room)
    {
        Place* places = (Place*)scratch;
        int padded = (count + Grain - 1) & -Grain;
        foreach (StorePlan store in _stores)
        {
            ref Place place = ref places[store.Value];
            if (store.LaterLoads is not null)
            {
                bool fits = padded == count || (place.Overshoots && padded <= room);
                place.Address = place.Direct && fits ? Target(store, slots, start) : place.Home;
            }
        }

        TileOperands operands;
        operands.Count = padded;
        foreach (Step step in _steps)
        {
            ref Place target = ref places[step.Target];
            if (step.Kernel == 0)
            {
                Value value = _values[step.Target];
                byte* origin = (byte*)value.Origin(slots);
                int read = padded + step.Overread;
                target.Address = value.Load!.Resolve(origin, start, count, read, target.Home, out target.Step);
                continue;
            }

            operands.A = places[step.A].Address;
            operands.StepA = places[step.A].Step;
            operands.B = places[step.B].Address;
            operands.StepB = places[step.B].Step;
            operands.C = places[step.C].Address;
            operands.StepC = places[step.C].Step;
            operands.Target = target.Address;
            ((delegate*<TileOperands*, void>)step.Kernel)(&operands);
        }

        foreach (StorePlan store in _stores)
            Write(store, places[store.Value], Target(store, slots, start), count);
    }

    /// <summary>Makes what the tiles of a block wrote visible to other threads.</summary>
    public void EndBlock()
    {
        if (_streams)
            Runs.EndStream();
    }

    /// <summary>
    /// The elements of a value that is folded, after <see cref="RunTile"/>; they are adjacent.
    /// </summary>
    /// <param name="scratch">The scratch memory.</param>
    /// <param name="index">Which of the folded values.</param>
    /// <param name="count">The elements of the tile.</param>
    public byte* Folded(byte* scratch, int index, int count)
    {
        Place* places = (Place*)scratch;
        Value value = _values[_folded[index]];
        ref Place place = ref places[_folded[index]];
        if (place.Step == 1)
            return place.Address;

        // One element for all (a sum of constants, or of a broadcast row): rare enough to write it out.
        byte* spread = scratch + ContextBytes + value.Spread;
        Runs.Fill(place.Address, value.Size, spread, count);
        return spread;
    }

    /// <summary>
    /// Where elements that are folded lie in memory, adjacent, when nothing is computed; else null.
    /// </summary>
    public byte* Bare(nint[] slots, long start, int count)
    {
        if (_steps.Length != 1 || _stores.Length != 0 || _steps[0].Kernel != 0 || count < Grain)
            return null;
        Value value = _values[_steps[0].Target];
        return value.Load!.Adjacent((byte*)value.Origin(slots), start, count);
    }

    private static byte* Target(StorePlan store, nint[] slots, long start) =>
        (byte*)slots[store.Slot] + start * store.Size;

    private static void Write(StorePlan store, in Place place, byte* target, int count)
    {
        long bytes = (long)count * store.Size;
        if (place.Address == target)
            return;
        if (place.Step == 0)
            Runs.FillExactly(place.Address, store.Size, target, count);
        else if (store.IsStreamed)
            Runs.Stream(place.Address, target, bytes);
        else
            Buffer.MemoryCopy(place.Address, target, bytes, bytes);
    }
}
