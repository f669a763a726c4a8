using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Maths;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

// Transcendental functions; see Maths for how they are computed.
public abstract partial class TileOp
{
    /// <summary>eᵃ, 1 ulp; subnormal results are kept. Floating point.</summary>
    public static TileOp Exp { get; } = new Unary<ExpOp>(nameof(Exp), Takes.Floats, FunctionCost);

    internal readonly struct ExpOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Exponential<TVector, T>.Exp(a);
    }

    /// <summary>eᵃ - 1, 2 ulp, also near 0. Floating point.</summary>
    public static TileOp Expm1 { get; } = new Unary<Expm1Op>(nameof(Expm1), Takes.Floats, FunctionCost);

    internal readonly struct Expm1Op : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Exponential<TVector, T>.Expm1(a);
    }

    /// <summary>The natural logarithm, 1 ulp. Floating point.</summary>
    public static TileOp Log { get; } = new Unary<LogOp>(nameof(Log), Takes.Floats, FunctionCost);

    internal readonly struct LogOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Logarithm<TVector, T>.Log(a);
    }

    /// <summary>log(1 + a), 2 ulp, also near 0. Floating point.</summary>
    public static TileOp Log1p { get; } = new Unary<Log1pOp>(nameof(Log1p), Takes.Floats, FunctionCost);

    internal readonly struct Log1pOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Logarithm<TVector, T>.Log1p(a);
    }

    /// <summary>Sine of radians, 2 ulp for every size of a. Floating point.</summary>
    public static TileOp Sin { get; } = new Unary<SinOp>(nameof(Sin), Takes.Floats, FunctionCost);

    internal readonly struct SinOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Trigonometric<TVector, T>.Sin(a);
    }

    /// <summary>Cosine of radians, 2 ulp for every size of a. Floating point.</summary>
    public static TileOp Cos { get; } = new Unary<CosOp>(nameof(Cos), Takes.Floats, FunctionCost);

    internal readonly struct CosOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Trigonometric<TVector, T>.Cos(a);
    }

    /// <summary>Hyperbolic tangent, 3 ulp, also near 0. Floating point.</summary>
    public static TileOp Tanh { get; } = new Unary<TanhOp>(nameof(Tanh), Takes.Floats, FunctionCost);

    internal readonly struct TanhOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Exponential<TVector, T>.Tanh(a);
    }

    /// <summary>
    /// 1 / (1 + e⁻ᵃ), 3 ulp on both sides: small results keep their relative accuracy. Floating point.
    /// </summary>
    public static TileOp Sigmoid { get; } = new Unary<SigmoidOp>(nameof(Sigmoid), Takes.Floats, FunctionCost);

    internal readonly struct SigmoidOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Exponential<TVector, T>.Sigmoid(a);
    }

    /// <summary>The error function, 4 ulp (binary64: 2). Floating point.</summary>
    public static TileOp Erf { get; } = new Unary<ErfOp>(nameof(Erf), Takes.Floats, FunctionCost);

    internal readonly struct ErfOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            ErrorFunction<TVector, T>.Erf(a);
    }

    /// <summary>The number whose error function is a; ±∞ at ±1, NaN beyond. 8 ulp away from the ends. Floating point.</summary>
    public static TileOp Erfinv { get; } = new Unary<ErfinvOp>(nameof(Erfinv), Takes.Floats, FunctionCost);

    internal readonly struct ErfinvOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            ErrorFunction<TVector, T>.Erfinv(a);
    }

    /// <summary>a to the power of b, as IEEE 754's pow: 1 ulp. Floating point.</summary>
    public static TileOp Pow { get; } = new Binary<PowerOp>(nameof(Pow), Takes.Floats, FunctionCost);

    internal readonly struct PowerOp : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Power<TVector, T>.Pow(a, b);
    }

    /// <summary>The angle of the point (b, a), in (-π, π]: 1 ulp. Floating point.</summary>
    public static TileOp Atan2 { get; } = new Binary<Atan2Op>(nameof(Atan2), Takes.Floats, FunctionCost);

    internal readonly struct Atan2Op : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply<TVector, T>(TVector a, TVector b)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged =>
            Angle<TVector, T>.Atan2(a, b);
    }
}
