namespace FunctionalDL.Kernels.Tiles;

/// <summary>Where a value is while a block is computed.</summary>
internal unsafe struct Place
{
    /// <summary>Its own memory.</summary>
    public byte* Home;

    /// <summary>Where it is in this tile: at home, in an operand, or in a target.</summary>
    public byte* Address;

    /// <summary>1, or 0 for one element in 64 bytes.</summary>
    public nint Step;

    /// <summary>Whether it may be computed right into its target.</summary>
    public bool Direct;
}

/// <summary>How a value comes about.</summary>
internal enum ValueKind : byte
{
    Computed,
    Constant,

    /// <summary>One element that is read at run time.</summary>
    Scalar,

    /// <summary>A load all of whose elements are the same one.</summary>
    Splat,

    /// <summary>A load that repeats after a few elements.</summary>
    Pattern,

    /// <summary>Any other load; looked up for each tile.</summary>
    Load,
}

/// <summary>Something that is written once: the content of a register between two writes.</summary>
internal struct Value
{
    public ValueKind Kind;
    public ElementType Type;
    public int Size;
    public int Slot;
    public long Offset;
    public LoadPlan? Load;

    /// <summary>The offset of its place in scratch memory, or among the constants.</summary>
    public long Home;

    /// <summary>If it is folded and may be a single element: the offset of a place for all elements.</summary>
    public long Spread;
}

/// <summary>An instruction, or (<see cref="Kernel"/> is 0) a load of the target.</summary>
internal struct Step
{
    public nint Kernel;
    public int Target;
    public int A;
    public int B;
    public int C;

    /// <summary>Elements behind the tile that a fold may read, if the load is folded.</summary>
    public int Overread;
}

/// <summary>A store, and what stands in the way of computing right into its target.</summary>
internal struct StorePlan
{
    public int Value;
    public int Slot;
    public int Size;

    /// <summary>The bytes that the store writes.</summary>
    public long Bytes;

    /// <summary>Loads that are still needed after the value has been computed; null if the value is no instruction's.</summary>
    public int[]? LaterLoads;

    /// <summary>
    /// Decides how a block writes. A target may be the memory of an operand with the same layout (an update in place). Then the value
    /// may be computed into it only when nothing reads that operand afterwards. (Writing large targets past the caches was
    /// measured too: it gains nothing, since whole lines are written without being read first.)
    /// </summary>
    public readonly unsafe void Begin(Value[] values, nint[] slots, Place* places)
    {
        if (LaterLoads is null)
            return;
        bool direct = true;
        foreach (int load in LaterLoads)
            direct &= !Overlaps(values[load], slots);
        places[Value].Direct = direct;
    }

    private readonly bool Overlaps(in Value load, nint[] slots)
    {
        (long first, long end) = load.Load!.Extent;
        long start = slots[load.Slot] + load.Offset * load.Size;
        return start + end * load.Size > slots[Slot] && start + first * load.Size < slots[Slot] + Bytes;
    }
}
