namespace FunctionalDL.Kernels.Tiles;

/// <summary>How a value comes about.</summary>
internal enum ValueKind : byte
{
    /// <summary>By an instruction.</summary>
    Computed,

    /// <summary>Known when the loop is made.</summary>
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
internal sealed class Value(ValueKind kind, ElementType type)
{
    public ValueKind Kind { get; } = kind;

    public ElementType Type { get; } = type;

    /// <summary>The bytes of an element.</summary>
    public int Size { get; } = ElementTypes.Size(type);

    /// <summary>For loads and scalars: the slot.</summary>
    public int Slot { get; init; }

    /// <summary>For loads and scalars: the element at the origin.</summary>
    public long Offset { get; init; }

    /// <summary>For loads: how elements are found.</summary>
    public LoadPlan? Load { get; init; }

    /// <summary>The last step that reads it; the number of steps if it is stored or folded.</summary>
    public int LastUse { get; set; }

    /// <summary>The offset of its place in scratch memory, or among the constants.</summary>
    public long Home { get; set; }

    /// <summary>If it is folded: the offset of a place where one element can be spread over a tile.</summary>
    public long Spread { get; set; }

    /// <summary>Whether one element in 64 bytes stands for all, in every tile.</summary>
    public bool IsSingle => Kind is ValueKind.Constant or ValueKind.Scalar or ValueKind.Splat;

    /// <summary>The address of the element at the origin of a load or scalar.</summary>
    public nint Origin(nint[] slots) => slots[Slot] + (nint)(Offset * Size);
}

/// <summary>
/// An instruction, or (<see cref="Kernel"/> is 0) a load of the target. The operands are numbers of values.
/// </summary>
internal sealed class Step(nint kernel, int target, int a, int b, int c)
{
    public readonly nint Kernel = kernel;
    public readonly int Target = target;
    public readonly int A = a;
    public readonly int B = b;
    public readonly int C = c;

    /// <summary>For loads: elements behind the tile that a fold may read.</summary>
    public int Overread { get; init; }
}

/// <summary>Where a value is while a block is computed; kept in scratch memory.</summary>
internal unsafe struct Place
{
    /// <summary>Its own memory.</summary>
    public byte* Home;

    /// <summary>Where it is in this tile: at home, in an operand, or in a target.</summary>
    public byte* Address;

    /// <summary>1, or 0 if one element in 64 bytes stands for all.</summary>
    public nint Step;

    /// <summary>Whether it may be computed right into its target.</summary>
    public bool Direct;

    /// <summary>Whether, then, elements behind the tile may be overwritten that are computed afterwards.</summary>
    public bool Overshoots;
}

/// <summary>A store, and what stands in the way of computing right into its target.</summary>
internal sealed class StorePlan(int value, int slot, int size, long elements, bool isNear)
{
    /// <summary>What is written past the caches: more than a core's share of them holds.</summary>
    private const long StreamedBytes = 12 << 20;

    public readonly int Value = value;
    public readonly int Slot = slot;
    public readonly int Size = size;

    /// <summary>
    /// Whether it is written past the caches, from scratch memory. Nothing of so large a target would still
    /// be there when it is read, and lines that are written this way are not read first: a third less traffic.
    /// </summary>
    public bool IsStreamed { get; } = !isNear && elements * size >= StreamedBytes;

    /// <summary>
    /// Loads that are still needed after the value has been computed; null if the value must not be computed
    /// into the target anyway.
    /// </summary>
    public Value[]? LaterLoads { get; set; }

    /// <summary>All loads of the program.</summary>
    public Value[] Loads { get; set; } = [];

    /// <summary>
    /// Whether, with these addresses, the value may be computed into its target. A target may be the memory
    /// of an operand with the same layout (an update in place); then nothing may read that operand
    /// afterwards.
    /// </summary>
    public bool IsDirect(nint[] slots)
    {
        return LaterLoads is not null && !IsStreamed && IsApart(slots, LaterLoads);
    }

    /// <summary>Whether, with these addresses, the target is no part of any operand.</summary>
    public bool IsApart(nint[] slots) => IsApart(slots, Loads);

    private bool IsApart(nint[] slots, Value[] loads)
    {
        long start = slots[Slot];
        long end = start + elements * Size;
        foreach (Value load in loads)
        {
            (long firstElement, long endElement) = load.Load!.Extent;
            long origin = load.Origin(slots);
            if (origin + endElement * load.Size > start && origin + firstElement * load.Size < end)
                return false;
        }

        return true;
    }
}
