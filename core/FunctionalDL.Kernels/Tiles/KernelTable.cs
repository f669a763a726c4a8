using System.Numerics;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>
/// Kernels by element type and the processor's vectors. They are compiled when they are first called. 0 means
/// that there is none for a type.
/// </summary>
internal static unsafe class KernelTable
{
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

    public static nint Unary<TOp>(ElementType type)
        where TOp : struct, IUnaryOp =>
        type switch
        {
            ElementType.Int32 => Unary<int, TOp>(),
            ElementType.Int64 => Unary<long, TOp>(),
            ElementType.Float32 => Unary<float, TOp>(),
            ElementType.Float64 => Unary<double, TOp>(),
            _ => 0,
        };

    public static nint Binary<TOp>(ElementType type)
        where TOp : struct, IBinaryOp =>
        type switch
        {
            ElementType.Int32 => Binary<int, TOp>(),
            ElementType.Int64 => Binary<long, TOp>(),
            ElementType.Float32 => Binary<float, TOp>(),
            ElementType.Float64 => Binary<double, TOp>(),
            _ => 0,
        };

    public static nint Compare<TOp>(ElementType type)
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
        1 => Unary<byte, TileOp.CopyOp>(),
        4 => Unary<int, TileOp.CopyOp>(),
        _ => Unary<long, TileOp.CopyOp>(),
    };

    public static nint Select(ElementType type) => ElementTypes.Size(type) switch
    {
        1 => Select<byte>(),
        4 => Select<int>(),
        _ => Select<long>(),
    };

    public static nint Cast(ElementType from, ElementType to) => from switch
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
            ElementType.Bool => Compare<TileOp.NotEqualOp>(from), // with zero as second operand, see TileProgramBuilder
            ElementType.UInt8 => Cast<TFrom, byte>(),
            ElementType.Int32 => Cast<TFrom, int>(),
            ElementType.Int64 => Cast<TFrom, long>(),
            ElementType.Float32 => Cast<TFrom, float>(),
            ElementType.Float64 => Cast<TFrom, double>(),
            _ => 0,
        };
}
