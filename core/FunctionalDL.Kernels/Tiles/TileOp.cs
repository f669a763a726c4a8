using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Tiles;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

/// <summary>
/// What a <see cref="TileInstruction"/> does to each element. "Any number" means Int32, Int64, Float32 and
/// Float64.
/// </summary>
/// <remarks>
/// <para>
/// Accuracy is stated in units in the last place (ulp) of the result, as measured against correctly rounded
/// values with the processor's fused multiply-add. A lane's result depends on that lane alone, never on its
/// neighbours or its place in a tile.
/// </para>
/// <para>
/// An operation is declared in one place: a property that says what it takes, and below it the operation on
/// one vector, written once for all widths and types. Kernels, checks and costs follow from these.
/// </para>
/// </remarks>
public abstract partial class TileOp
{
    /// <summary>What a transcendental function costs, in simple instructions.</summary>
    private const int FunctionCost = 10;

    private protected TileOp(string name, int operands, int cost = 1)
    {
        Name = name;
        Operands = operands;
        Cost = cost;
    }

    /// <summary>The element types that an operation of numbers exists for.</summary>
    private enum Takes
    {
        Numbers,
        Floats,
    }

    /// <summary>b where the Bool a is set, else c; b and c of any type.</summary>
    public static TileOp Select { get; } = new Selection();

    /// <summary>
    /// a as another type. Floating point to an integer truncates towards zero and saturates, and NaN gives 0;
    /// integers to a smaller integer wrap; anything to Bool is a ≠ 0; Bool to a number is 0 or 1.
    /// </summary>
    public static TileOp Cast { get; } = new Conversion();

    /// <summary>The name that messages use.</summary>
    public string Name { get; }

    /// <summary>How many operands it has: one to three.</summary>
    internal int Operands { get; }

    /// <summary>A rough measure of the work for one element: a simple instruction counts 1.</summary>
    internal int Cost { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>The type of <see cref="TileInstruction.A"/> in an instruction of <paramref name="type"/>.</summary>
    internal virtual ElementType FirstType(ElementType type) => type;

    /// <summary>
    /// The kernel, a <c>delegate*&lt;TileOperands*, void&gt;</c>; 0 if there is none for these types.
    /// </summary>
    internal abstract nint Kernel(ElementType type, ElementType result);

    private static bool Allows(Takes takes, ElementType type) => type switch
    {
        ElementType.Float32 or ElementType.Float64 => true,
        ElementType.Int32 or ElementType.Int64 => takes == Takes.Numbers,
        _ => false,
    };

    /// <summary>The operand itself: what a cast to the same type is.</summary>
    internal readonly struct CopyOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            a;
    }

    private sealed class Unary<TOp>(string name, Takes takes, int cost = 1) : TileOp(name, 1, cost)
        where TOp : struct, IUnaryOp
    {
        internal override nint Kernel(ElementType type, ElementType result) =>
            result == type && Allows(takes, type) ? KernelTable.Unary<TOp>(type) : 0;
    }

    private sealed class Binary<TOp>(string name, Takes takes, int cost = 1) : TileOp(name, 2, cost)
        where TOp : struct, IBinaryOp
    {
        internal override nint Kernel(ElementType type, ElementType result) =>
            result == type && Allows(takes, type) ? KernelTable.Binary<TOp>(type) : 0;
    }

    private sealed class Comparison<TOp>(string name) : TileOp(name, 2)
        where TOp : struct, IBinaryOp
    {
        internal override nint Kernel(ElementType type, ElementType result) =>
            result == ElementType.Bool ? KernelTable.Compare<TOp>(type) : 0;
    }

    private sealed class Selection() : TileOp(nameof(Select), 3)
    {
        internal override ElementType FirstType(ElementType type) => ElementType.Bool;

        internal override nint Kernel(ElementType type, ElementType result) =>
            result == type ? KernelTable.Select(type) : 0;
    }

    private sealed class Conversion() : TileOp(nameof(Cast), 1)
    {
        internal override nint Kernel(ElementType type, ElementType result) => KernelTable.Cast(type, result);
    }
}
