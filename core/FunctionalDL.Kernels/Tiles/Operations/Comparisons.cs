using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

// Comparisons: the operation gives a mask, the kernel writes it as Bool.
public abstract partial class TileOp
{
    /// <summary>a = b, as Bool. Any type; NaN equals nothing.</summary>
    public static TileOp Equal { get; } = new Comparison<EqualOp>(nameof(Equal));

    internal readonly struct EqualOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Equal(a, b);
    }

    /// <summary>a ≠ b, as Bool. Any type; NaN differs from everything.</summary>
    public static TileOp NotEqual { get; } = new Comparison<NotEqualOp>(nameof(NotEqual));

    internal readonly struct NotEqualOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            ~TVector.Equal(a, b);
    }

    /// <summary>a &lt; b, as Bool. Any number or UInt8.</summary>
    public static TileOp Less { get; } = new Comparison<LessOp>(nameof(Less));

    internal readonly struct LessOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Less(a, b);
    }

    /// <summary>a ≤ b, as Bool. Any number or UInt8.</summary>
    public static TileOp LessEqual { get; } = new Comparison<LessOrEqualOp>(nameof(LessEqual));

    internal readonly struct LessOrEqualOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.LessOrEqual(a, b);
    }

    /// <summary>a > b, as Bool. Any number or UInt8.</summary>
    public static TileOp Greater { get; } = new Comparison<GreaterOp>(nameof(Greater));

    internal readonly struct GreaterOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Less(b, a);
    }

    /// <summary>a ≥ b, as Bool. Any number or UInt8.</summary>
    public static TileOp GreaterEqual { get; } = new Comparison<GreaterOrEqualOp>(nameof(GreaterEqual));

    internal readonly struct GreaterOrEqualOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.LessOrEqual(b, a);
    }
}
