using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

// Arithmetic and rounding: what the processor has an instruction for, or a few.
public abstract partial class TileOp
{
    /// <summary>-a; flips the sign of a zero. Any number; the smallest integer wraps.</summary>
    public static TileOp Neg { get; } = new Unary<NegateOp>(nameof(Neg), Takes.Numbers);

    internal readonly struct NegateOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            -a;
    }

    /// <summary>|a|. Any number; the smallest integer wraps.</summary>
    public static TileOp Abs { get; } = new Unary<AbsOp>(nameof(Abs), Takes.Numbers);

    internal readonly struct AbsOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Abs(a);
    }

    /// <summary>(a > 0) - (a &lt; 0): 0 for ±0 and for NaN. Any number.</summary>
    public static TileOp Sign { get; } = new Unary<SignOp>(nameof(Sign), Takes.Numbers);

    internal readonly struct SignOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged
        {
            TVector zero = default;
            bool isFloating = typeof(T) == typeof(float) || typeof(T) == typeof(double);
            TVector one = isFloating ? TVector.Constant(1) : TVector.Bits(1);
            return (TVector.Less(zero, a) & one) - (TVector.Less(a, zero) & one);
        }
    }

    /// <summary>√a, correctly rounded. Floating point.</summary>
    public static TileOp Sqrt { get; } = new Unary<SqrtOp>(nameof(Sqrt), Takes.Floats);

    internal readonly struct SqrtOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Sqrt(a);
    }

    /// <summary>The next integer below. Floating point.</summary>
    public static TileOp Floor { get; } = new Unary<FloorOp>(nameof(Floor), Takes.Floats);

    internal readonly struct FloorOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Floor(a);
    }

    /// <summary>The next integer above. Floating point.</summary>
    public static TileOp Ceil { get; } = new Unary<CeilingOp>(nameof(Ceil), Takes.Floats);

    internal readonly struct CeilingOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Ceiling(a);
    }

    /// <summary>The nearest integer, ties to even. Floating point.</summary>
    public static TileOp Round { get; } = new Unary<RoundOp>(nameof(Round), Takes.Floats);

    internal readonly struct RoundOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Round(a);
    }

    /// <summary>a + b. Any number; integers wrap.</summary>
    public static TileOp Add { get; } = new Binary<AddOp>(nameof(Add), Takes.Numbers);

    internal readonly struct AddOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            a + b;
    }

    /// <summary>a - b. Any number; integers wrap.</summary>
    public static TileOp Sub { get; } = new Binary<SubtractOp>(nameof(Sub), Takes.Numbers);

    internal readonly struct SubtractOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            a - b;
    }

    /// <summary>a · b. Any number; integers wrap.</summary>
    public static TileOp Mul { get; } = new Binary<MultiplyOp>(nameof(Mul), Takes.Numbers);

    internal readonly struct MultiplyOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            a * b;
    }

    /// <summary>a / b, correctly rounded. Floating point.</summary>
    public static TileOp Div { get; } = new Binary<DivideOp>(nameof(Div), Takes.Floats);

    internal readonly struct DivideOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            a / b;
    }

    /// <summary>The larger of two; NaN if either is; +0 is larger than -0. Any number.</summary>
    public static TileOp Maximum { get; } = new Binary<MaximumOp>(nameof(Maximum), Takes.Numbers);

    internal readonly struct MaximumOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Max(a, b);
    }

    /// <summary>The smaller of two; NaN if either is; -0 is smaller than +0. Any number.</summary>
    public static TileOp Minimum { get; } = new Binary<MinimumOp>(nameof(Minimum), Takes.Numbers);

    internal readonly struct MinimumOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            TVector.Min(a, b);
    }
}
