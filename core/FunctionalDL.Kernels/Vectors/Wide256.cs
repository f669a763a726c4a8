using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FunctionalDL.Kernels.Vectors;

/// <summary>256 bits of <typeparamref name="T"/>.</summary>
internal readonly unsafe struct Wide256<T> : IVector<Wide256<T>, T>
    where T : unmanaged
{
    private readonly Vector256<T> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Wide256(Vector256<T> value) => _value = value;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256<T>.Count;
    }

    private Vector256<float> Single
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value.AsSingle();
    }

    private Vector256<double> Double
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value.AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Load(T* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Wide256<T> value, T* target) => value._value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> LoadMask(byte* source) => new(MaskBytes.Load256<T>(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreMask(Wide256<T> mask, byte* target) => MaskBytes.Store(mask._value, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Splat(T value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Constant(double value) =>
        typeof(T) == typeof(float) ? new(Vector256.Create((float)value).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector256.Create(value).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Bits(long value) =>
        sizeof(T) == 4
            ? new(Vector256.Create((int)value).As<int, T>())
            : new(Vector256.Create(value).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator +(Wide256<T> a, Wide256<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator -(Wide256<T> a, Wide256<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator *(Wide256<T> a, Wide256<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator /(Wide256<T> a, Wide256<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator -(Wide256<T> a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator &(Wide256<T> a, Wide256<T> b) => new(a._value & b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator |(Wide256<T> a, Wide256<T> b) => new(a._value | b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator ^(Wide256<T> a, Wide256<T> b) => new(a._value ^ b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> operator ~(Wide256<T> a) => new(~a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> MultiplyAdd(Wide256<T> a, Wide256<T> b, Wide256<T> c) =>
        typeof(T) == typeof(float)
            ? new(Vector256.MultiplyAddEstimate(a.Single, b.Single, c.Single).As<float, T>())
        : typeof(T) == typeof(double)
            ? new(Vector256.MultiplyAddEstimate(a.Double, b.Double, c.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> FusedMultiplyAdd(Wide256<T> a, Wide256<T> b, Wide256<T> c) =>
        typeof(T) == typeof(float)
            ? new(Vector256.FusedMultiplyAdd(a.Single, b.Single, c.Single).As<float, T>())
        : typeof(T) == typeof(double)
            ? new(Vector256.FusedMultiplyAdd(a.Double, b.Double, c.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Sqrt(Wide256<T> a) => new(Vector256.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Abs(Wide256<T> a) => new(Vector256.Abs(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Floor(Wide256<T> a) =>
        typeof(T) == typeof(float) ? new(Vector256.Floor(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector256.Floor(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Ceiling(Wide256<T> a) =>
        typeof(T) == typeof(float) ? new(Vector256.Ceiling(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector256.Ceiling(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Round(Wide256<T> a) =>
        typeof(T) == typeof(float) ? new(Vector256.Round(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector256.Round(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Max(Wide256<T> a, Wide256<T> b) => new(Vector256.Max(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Min(Wide256<T> a, Wide256<T> b) => new(Vector256.Min(a._value, b._value));

    // If either is NaN, the native operations give the second operand (x86) or NaN (Arm): both keep a NaN that
    // stands second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> AtMost(Wide256<T> value, Wide256<T> high) =>
        new(Vector256.MinNative(high._value, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> AtLeast(Wide256<T> value, Wide256<T> low) =>
        new(Vector256.MaxNative(low._value, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Equal(Wide256<T> a, Wide256<T> b) => new(Vector256.Equals(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Less(Wide256<T> a, Wide256<T> b) => new(Vector256.LessThan(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> LessOrEqual(Wide256<T> a, Wide256<T> b) =>
        new(Vector256.LessThanOrEqual(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> Select(Wide256<T> mask, Wide256<T> whenTrue, Wide256<T> whenFalse) =>
        new(Vector256.ConditionalSelect(mask._value, whenTrue._value, whenFalse._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Wide256<T> mask) => mask._value.As<T, byte>() != Vector256<byte>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> ShiftLeft(Wide256<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() << count).As<int, T>())
            : new((a._value.AsInt64() << count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> ShiftRight(Wide256<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() >>> count).As<int, T>())
            : new((a._value.AsInt64() >>> count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> ShiftRightSigned(Wide256<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() >> count).As<int, T>())
            : new((a._value.AsInt64() >> count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> AddBits(Wide256<T> a, Wide256<T> b) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() + b._value.AsInt32()).As<int, T>())
            : new((a._value.AsInt64() + b._value.AsInt64()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide256<T> SubtractBits(Wide256<T> a, Wide256<T> b) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() - b._value.AsInt32()).As<int, T>())
            : new((a._value.AsInt64() - b._value.AsInt64()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Fold<TOp>(Wide256<T> value)
        where TOp : struct, IBinaryOp =>
        Wide128<T>.Fold<TOp>(
            TOp.Apply<Wide128<T>, T>(new(value._value.GetLower()), new(value._value.GetUpper())));
}
