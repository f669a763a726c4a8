using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FunctionalDL.Kernels.Vectors;

/// <summary>128 bits of <typeparamref name="T"/>.</summary>
internal readonly unsafe struct Wide128<T> : IVector<Wide128<T>, T>
    where T : unmanaged
{
    private readonly Vector128<T> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Wide128(Vector128<T> value) => _value = value;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128<T>.Count;
    }

    private Vector128<float> Single
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value.AsSingle();
    }

    private Vector128<double> Double
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value.AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Load(T* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Wide128<T> value, T* target) => value._value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> LoadMask(byte* source) => new(MaskBytes.Load128<T>(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreMask(Wide128<T> mask, byte* target) => MaskBytes.Store(mask._value, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Splat(T value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Constant(double value) =>
        typeof(T) == typeof(float) ? new(Vector128.Create((float)value).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector128.Create(value).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Bits(long value) =>
        sizeof(T) == 4
            ? new(Vector128.Create((int)value).As<int, T>())
            : new(Vector128.Create(value).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator +(Wide128<T> a, Wide128<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator -(Wide128<T> a, Wide128<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator *(Wide128<T> a, Wide128<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator /(Wide128<T> a, Wide128<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator -(Wide128<T> a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator &(Wide128<T> a, Wide128<T> b) => new(a._value & b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator |(Wide128<T> a, Wide128<T> b) => new(a._value | b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator ^(Wide128<T> a, Wide128<T> b) => new(a._value ^ b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> operator ~(Wide128<T> a) => new(~a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> MultiplyAdd(Wide128<T> a, Wide128<T> b, Wide128<T> c) =>
        typeof(T) == typeof(float)
            ? new(Vector128.MultiplyAddEstimate(a.Single, b.Single, c.Single).As<float, T>())
        : typeof(T) == typeof(double)
            ? new(Vector128.MultiplyAddEstimate(a.Double, b.Double, c.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> FusedMultiplyAdd(Wide128<T> a, Wide128<T> b, Wide128<T> c) =>
        typeof(T) == typeof(float)
            ? new(Vector128.FusedMultiplyAdd(a.Single, b.Single, c.Single).As<float, T>())
        : typeof(T) == typeof(double)
            ? new(Vector128.FusedMultiplyAdd(a.Double, b.Double, c.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Sqrt(Wide128<T> a) => new(Vector128.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Abs(Wide128<T> a) => new(Vector128.Abs(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Floor(Wide128<T> a) =>
        typeof(T) == typeof(float) ? new(Vector128.Floor(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector128.Floor(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Ceiling(Wide128<T> a) =>
        typeof(T) == typeof(float) ? new(Vector128.Ceiling(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector128.Ceiling(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Round(Wide128<T> a) =>
        typeof(T) == typeof(float) ? new(Vector128.Round(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector128.Round(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Max(Wide128<T> a, Wide128<T> b) => new(Vector128.Max(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Min(Wide128<T> a, Wide128<T> b) => new(Vector128.Min(a._value, b._value));

    // If either is NaN, the native operations give the second operand (x86) or NaN (Arm): both keep a NaN that
    // stands second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> AtMost(Wide128<T> value, Wide128<T> high) =>
        new(Vector128.MinNative(high._value, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> AtLeast(Wide128<T> value, Wide128<T> low) =>
        new(Vector128.MaxNative(low._value, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Equal(Wide128<T> a, Wide128<T> b) => new(Vector128.Equals(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Less(Wide128<T> a, Wide128<T> b) => new(Vector128.LessThan(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> LessOrEqual(Wide128<T> a, Wide128<T> b) =>
        new(Vector128.LessThanOrEqual(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> Select(Wide128<T> mask, Wide128<T> whenTrue, Wide128<T> whenFalse) =>
        new(Vector128.ConditionalSelect(mask._value, whenTrue._value, whenFalse._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Wide128<T> mask) => mask._value.As<T, byte>() != Vector128<byte>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> ShiftLeft(Wide128<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() << count).As<int, T>())
            : new((a._value.AsInt64() << count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> ShiftRight(Wide128<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() >>> count).As<int, T>())
            : new((a._value.AsInt64() >>> count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> ShiftRightSigned(Wide128<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() >> count).As<int, T>())
            : new((a._value.AsInt64() >> count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> AddBits(Wide128<T> a, Wide128<T> b) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() + b._value.AsInt32()).As<int, T>())
            : new((a._value.AsInt64() + b._value.AsInt64()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide128<T> SubtractBits(Wide128<T> a, Wide128<T> b) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() - b._value.AsInt32()).As<int, T>())
            : new((a._value.AsInt64() - b._value.AsInt64()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Fold<TOp>(Wide128<T> value)
        where TOp : struct, IBinaryOp
    {
        // The upper half is brought down by a shuffle, so that the tree has the same form for every lane size.
        Vector128<long> halves = Vector128.Shuffle(value._value.AsInt64(), Vector128.Create(1L, 0L));
        value = TOp.Apply<Wide128<T>, T>(value, new(halves.As<long, T>()));
        if (sizeof(T) <= 4)
        {
            Vector128<int> quarters = Vector128.Shuffle(value._value.AsInt32(), Vector128.Create(1, 0, 3, 2));
            value = TOp.Apply<Wide128<T>, T>(value, new(quarters.As<int, T>()));
        }

        return value._value.ToScalar();
    }
}
