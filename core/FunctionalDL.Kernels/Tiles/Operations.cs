using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Maths;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Tiles;

// Each operation on one vector of any width: the place where a TileOp gets its meaning. TileOp documents
// them.

internal readonly struct CopyOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a;
}

internal readonly struct NegateOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        -a;
}

internal readonly struct AbsOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Abs(a);
}

internal readonly struct SqrtOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Sqrt(a);
}

internal readonly struct FloorOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Floor(a);
}

internal readonly struct CeilingOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Ceiling(a);
}

internal readonly struct RoundOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Round(a);
}

internal readonly struct NotOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a ^ TVector.Splat(Unsafe.BitCast<byte, T>(1));
}

internal readonly struct ExpOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Exponential<TVector, T>.Exp(a);
}

internal readonly struct Expm1Op : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Exponential<TVector, T>.Expm1(a);
}

internal readonly struct LogOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Logarithm<TVector, T>.Log(a);
}

internal readonly struct Log1pOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Logarithm<TVector, T>.Log1p(a);
}

internal readonly struct SinOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Trigonometric<TVector, T>.Sin(a);
}

internal readonly struct CosOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Trigonometric<TVector, T>.Cos(a);
}

internal readonly struct TanhOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Exponential<TVector, T>.Tanh(a);
}

internal readonly struct SigmoidOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Exponential<TVector, T>.Sigmoid(a);
}

internal readonly struct ErfOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        ErrorFunction<TVector, T>.Erf(a);
}

internal readonly struct ErfinvOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        ErrorFunction<TVector, T>.Erfinv(a);
}

internal readonly struct AddOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a + b;
}

internal readonly struct SubtractOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a - b;
}

internal readonly struct MultiplyOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a * b;
}

internal readonly struct DivideOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a / b;
}

internal readonly struct MaximumOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Max(a, b);
}

internal readonly struct MinimumOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Min(a, b);
}

internal readonly struct PowerOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Power<TVector, T>.Pow(a, b);
}

internal readonly struct Atan2Op : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        Angle<TVector, T>.Atan2(a, b);
}

internal readonly struct EqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Equal(a, b);
}

internal readonly struct NotEqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        ~TVector.Equal(a, b);
}

internal readonly struct LessOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Less(a, b);
}

internal readonly struct LessOrEqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.LessOrEqual(a, b);
}

internal readonly struct GreaterOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.Less(b, a);
}

internal readonly struct GreaterOrEqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        TVector.LessOrEqual(b, a);
}

internal readonly struct AndOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a & b;
}

internal readonly struct OrOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged =>
        a | b;
}

/// <summary>(a > 0) - (a &lt; 0).</summary>
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
