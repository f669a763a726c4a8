using System.Numerics;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>
/// Finds the kernel of an instruction: a <c>delegate*&lt;TileOperands*, void&gt;</c>. Kernels are compiled
/// when they are first called.
/// </summary>
internal static unsafe class KernelTable
{
    /// <exception cref="ArgumentException">There is no such operation for these types.</exception>
    public static nint Find(in TileInstruction code)
    {
        nint found = code.Op switch
        {
            TileOp.Copy => Copy(code.Type),
            TileOp.Neg => UnaryOfNumber<NegateOp>(code.Type),
            TileOp.Abs => UnaryOfNumber<AbsOp>(code.Type),
            TileOp.Sign => UnaryOfNumber<SignOp>(code.Type),
            TileOp.Sqrt => UnaryOfFloat<SqrtOp>(code.Type),
            TileOp.Exp => UnaryOfFloat<ExpOp>(code.Type),
            TileOp.Expm1 => UnaryOfFloat<Expm1Op>(code.Type),
            TileOp.Log => UnaryOfFloat<LogOp>(code.Type),
            TileOp.Log1p => UnaryOfFloat<Log1pOp>(code.Type),
            TileOp.Sin => UnaryOfFloat<SinOp>(code.Type),
            TileOp.Cos => UnaryOfFloat<CosOp>(code.Type),
            TileOp.Tanh => UnaryOfFloat<TanhOp>(code.Type),
            TileOp.Sigmoid => UnaryOfFloat<SigmoidOp>(code.Type),
            TileOp.Erf => UnaryOfFloat<ErfOp>(code.Type),
            TileOp.Erfinv => UnaryOfFloat<ErfinvOp>(code.Type),
            TileOp.Floor => UnaryOfFloat<FloorOp>(code.Type),
            TileOp.Ceil => UnaryOfFloat<CeilingOp>(code.Type),
            TileOp.Round => UnaryOfFloat<RoundOp>(code.Type),
            TileOp.Add => BinaryOfNumber<AddOp>(code.Type),
            TileOp.Sub => BinaryOfNumber<SubtractOp>(code.Type),
            TileOp.Mul => BinaryOfNumber<MultiplyOp>(code.Type),
            TileOp.Div => BinaryOfFloat<DivideOp>(code.Type),
            TileOp.Maximum => BinaryOfNumber<MaximumOp>(code.Type),
            TileOp.Minimum => BinaryOfNumber<MinimumOp>(code.Type),
            TileOp.Pow => BinaryOfFloat<PowerOp>(code.Type),
            TileOp.Atan2 => BinaryOfFloat<Atan2Op>(code.Type),
            TileOp.Equal => Compare<EqualOp>(code.Type),
            TileOp.NotEqual => Compare<NotEqualOp>(code.Type),
            TileOp.Less => Compare<LessOp>(code.Type),
            TileOp.LessEqual => Compare<LessOrEqualOp>(code.Type),
            TileOp.Greater => Compare<GreaterOp>(code.Type),
            TileOp.GreaterEqual => Compare<GreaterOrEqualOp>(code.Type),
            TileOp.And when code.Type == ElementType.Bool => Binary<byte, AndOp>(),
            TileOp.Or when code.Type == ElementType.Bool => Binary<byte, OrOp>(),
            TileOp.Not when code.Type == ElementType.Bool => Unary<byte, NotOp>(),
            TileOp.Select => Select(code.Type),
            TileOp.Cast => Cast(code.Type, code.Result),
            _ => 0,
        };
        if (found == 0 || code.Result != ResultOf(code))
            throw new ArgumentException($"no kernel for {code.Op} of {code.Type} giving {code.Result}");
        return found;
    }

    /// <summary>Whether an operation computes a transcendental function, which takes about ten times a simple one's time.</summary>
    public static bool IsCostly(TileOp op) => op is (>= TileOp.Exp and <= TileOp.Erfinv) or TileOp.Pow or TileOp.Atan2;

    private static ElementType ResultOf(in TileInstruction code) => code.Op switch
    {
        >= TileOp.Equal and <= TileOp.Not => ElementType.Bool,
        TileOp.Cast => code.Result,
        _ => code.Type,
    };

    private static nint Unary<T, TOp>()
        where T : unmanaged
        where TOp : struct, IUnaryOp
    {
        delegate*<TileOperands*, void> kernel =
            Vector512.IsHardwareAccelerated ? &UnaryKernel<Wide512<T>, T, TOp>.Run
            : Vector256.IsHardwareAccelerated ? &UnaryKernel<Wide256<T>, T, TOp>.Run
            : &UnaryKernel<Wide128<T>, T, TOp>.Run;
        return (nint)kernel;
    }

    private static nint Binary<T, TOp>()
        where T : unmanaged
        where TOp : struct, IBinaryOp
    {
        delegate*<TileOperands*, void> kernel =
            Vector512.IsHardwareAccelerated ? &BinaryKernel<Wide512<T>, T, TOp>.Run
            : Vector256.IsHardwareAccelerated ? &BinaryKernel<Wide256<T>, T, TOp>.Run
            : &BinaryKernel<Wide128<T>, T, TOp>.Run;
        return (nint)kernel;
    }

    private static nint Compare<T, TOp>()
        where T : unmanaged
        where TOp : struct, IBinaryOp
    {
        delegate*<TileOperands*, void> kernel =
            Vector512.IsHardwareAccelerated ? &CompareKernel<Wide512<T>, T, TOp>.Run
            : Vector256.IsHardwareAccelerated ? &CompareKernel<Wide256<T>, T, TOp>.Run
            : &CompareKernel<Wide128<T>, T, TOp>.Run;
        return (nint)kernel;
    }

    private static nint Select<T>()
        where T : unmanaged
    {
        delegate*<TileOperands*, void> kernel =
            Vector512.IsHardwareAccelerated ? &SelectKernel<Wide512<T>, T>.Run
            : Vector256.IsHardwareAccelerated ? &SelectKernel<Wide256<T>, T>.Run
            : &SelectKernel<Wide128<T>, T>.Run;
        return (nint)kernel;
    }

    private static nint Cast<TFrom, TTo>()
        where TFrom : unmanaged, INumberBase<TFrom>
        where TTo : unmanaged, INumberBase<TTo>
    {
        delegate*<TileOperands*, void> kernel = &CastKernel<TFrom, TTo>.Run;
        return (nint)kernel;
    }

    private static nint UnaryOfFloat<TOp>(ElementType type)
        where TOp : struct, IUnaryOp =>
        type switch
        {
            ElementType.Float32 => Unary<float, TOp>(),
            ElementType.Float64 => Unary<double, TOp>(),
            _ => 0,
        };

    private static nint UnaryOfNumber<TOp>(ElementType type)
        where TOp : struct, IUnaryOp =>
        type switch
        {
            ElementType.Int32 => Unary<int, TOp>(),
            ElementType.Int64 => Unary<long, TOp>(),
            _ => UnaryOfFloat<TOp>(type),
        };

    private static nint BinaryOfFloat<TOp>(ElementType type)
        where TOp : struct, IBinaryOp =>
        type switch
        {
            ElementType.Float32 => Binary<float, TOp>(),
            ElementType.Float64 => Binary<double, TOp>(),
            _ => 0,
        };

    private static nint BinaryOfNumber<TOp>(ElementType type)
        where TOp : struct, IBinaryOp =>
        type switch
        {
            ElementType.Int32 => Binary<int, TOp>(),
            ElementType.Int64 => Binary<long, TOp>(),
            _ => BinaryOfFloat<TOp>(type),
        };

    private static nint Compare<TOp>(ElementType type)
        where TOp : struct, IBinaryOp =>
        type switch
        {
            ElementType.Bool or ElementType.UInt8 => Compare<byte, TOp>(),
            ElementType.Int32 => Compare<int, TOp>(),
            ElementType.Int64 => Compare<long, TOp>(),
            ElementType.Float32 => Compare<float, TOp>(),
            ElementType.Float64 => Compare<double, TOp>(),
            _ => 0,
        };

    private static nint Copy(ElementType type) => ElementTypes.Size(type) switch
    {
        1 => Unary<byte, CopyOp>(),
        4 => Unary<int, CopyOp>(),
        _ => Unary<long, CopyOp>(),
    };

    private static nint Select(ElementType type) => ElementTypes.Size(type) switch
    {
        1 => Select<byte>(),
        4 => Select<int>(),
        _ => Select<long>(),
    };

    private static nint Cast(ElementType from, ElementType to) => from switch
    {
        _ when from == to => Copy(from),
        ElementType.Bool or ElementType.UInt8 when to == ElementType.UInt8 => Copy(from),
        ElementType.Bool or ElementType.UInt8 => CastFrom<byte>(from, to),
        ElementType.Int32 => CastFrom<int>(from, to),
        ElementType.Int64 => CastFrom<long>(from, to),
        ElementType.Float32 => CastFrom<float>(from, to),
        ElementType.Float64 => CastFrom<double>(from, to),
        _ => 0,
    };

    private static nint CastFrom<TFrom>(ElementType from, ElementType to)
        where TFrom : unmanaged, INumberBase<TFrom> => to switch
        {
            ElementType.Bool => Compare<NotEqualOp>(from), // with zero as second operand, see TileProgram
            ElementType.UInt8 => Cast<TFrom, byte>(),
            ElementType.Int32 => Cast<TFrom, int>(),
            ElementType.Int64 => Cast<TFrom, long>(),
            ElementType.Float32 => Cast<TFrom, float>(),
            ElementType.Float64 => Cast<TFrom, double>(),
            _ => 0,
        };
}
