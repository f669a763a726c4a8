using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FunctionalDL.Kernels.Vectors;

/// <summary>512 bits of <typeparamref name="T"/>.</summary>
internal readonly unsafe struct Wide512<T> : IVector<Wide512<T>, T>
    where T : unmanaged
{
    private readonly Vector512<T> _value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Wide512(Vector512<T> value) => _value = value;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512<T>.Count;
    }

    private Vector512<float> Single
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value.AsSingle();
    }

    private Vector512<double> Double
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _value.AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Load(T* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Wide512<T> value, T* target) => value._value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> LoadMask(byte* source) => new(MaskBytes.Load512<T>(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreMask(Wide512<T> mask, byte* target) => MaskBytes.Store(mask._value, target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Splat(T value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Constant(double value) =>
        typeof(T) == typeof(float) ? new(Vector512.Create((float)value).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector512.Create(value).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Bits(long value) =>
        sizeof(T) == 4
            ? new(Vector512.Create((int)value).As<int, T>())
            : new(Vector512.Create(value).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator +(Wide512<T> a, Wide512<T> b) => new(a._value + b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator -(Wide512<T> a, Wide512<T> b) => new(a._value - b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator *(Wide512<T> a, Wide512<T> b) => new(a._value * b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator /(Wide512<T> a, Wide512<T> b) => new(a._value / b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator -(Wide512<T> a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator &(Wide512<T> a, Wide512<T> b) => new(a._value & b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator |(Wide512<T> a, Wide512<T> b) => new(a._value | b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator ^(Wide512<T> a, Wide512<T> b) => new(a._value ^ b._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> operator ~(Wide512<T> a) => new(~a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> MultiplyAdd(Wide512<T> a, Wide512<T> b, Wide512<T> c) =>
        typeof(T) == typeof(float)
            ? new(Vector512.MultiplyAddEstimate(a.Single, b.Single, c.Single).As<float, T>())
        : typeof(T) == typeof(double)
            ? new(Vector512.MultiplyAddEstimate(a.Double, b.Double, c.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> FusedMultiplyAdd(Wide512<T> a, Wide512<T> b, Wide512<T> c) =>
        typeof(T) == typeof(float)
            ? new(Vector512.FusedMultiplyAdd(a.Single, b.Single, c.Single).As<float, T>())
        : typeof(T) == typeof(double)
            ? new(Vector512.FusedMultiplyAdd(a.Double, b.Double, c.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Sqrt(Wide512<T> a) => new(Vector512.Sqrt(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Abs(Wide512<T> a) => new(Vector512.Abs(a._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Floor(Wide512<T> a) =>
        typeof(T) == typeof(float) ? new(Vector512.Floor(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector512.Floor(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Ceiling(Wide512<T> a) =>
        typeof(T) == typeof(float) ? new(Vector512.Ceiling(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector512.Ceiling(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Round(Wide512<T> a) =>
        typeof(T) == typeof(float) ? new(Vector512.Round(a.Single).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector512.Round(a.Double).As<double, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Max(Wide512<T> a, Wide512<T> b) => new(Vector512.Max(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Min(Wide512<T> a, Wide512<T> b) => new(Vector512.Min(a._value, b._value));

    // If either is NaN, the native operations give the second operand (x86) or NaN (Arm): both keep a NaN that
    // stands second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> AtMost(Wide512<T> value, Wide512<T> high) =>
        new(Vector512.MinNative(high._value, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> AtLeast(Wide512<T> value, Wide512<T> low) =>
        new(Vector512.MaxNative(low._value, value._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Equal(Wide512<T> a, Wide512<T> b) => new(Vector512.Equals(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Less(Wide512<T> a, Wide512<T> b) => new(Vector512.LessThan(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> LessOrEqual(Wide512<T> a, Wide512<T> b) =>
        new(Vector512.LessThanOrEqual(a._value, b._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> Select(Wide512<T> mask, Wide512<T> whenTrue, Wide512<T> whenFalse) =>
        new(Vector512.ConditionalSelect(mask._value, whenTrue._value, whenFalse._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Wide512<T> mask) => mask._value.As<T, byte>() != Vector512<byte>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> ShiftLeft(Wide512<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() << count).As<int, T>())
            : new((a._value.AsInt64() << count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> ShiftRight(Wide512<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() >>> count).As<int, T>())
            : new((a._value.AsInt64() >>> count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> ShiftRightSigned(Wide512<T> a, int count) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() >> count).As<int, T>())
            : new((a._value.AsInt64() >> count).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> AddBits(Wide512<T> a, Wide512<T> b) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() + b._value.AsInt32()).As<int, T>())
            : new((a._value.AsInt64() + b._value.AsInt64()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Wide512<T> SubtractBits(Wide512<T> a, Wide512<T> b) =>
        sizeof(T) == 4
            ? new((a._value.AsInt32() - b._value.AsInt32()).As<int, T>())
            : new((a._value.AsInt64() - b._value.AsInt64()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Fold<TOp>(Wide512<T> value)
        where TOp : struct, IBinaryOp =>
        Wide256<T>.Fold<TOp>(
            TOp.Apply<Wide256<T>, T>(new(value._value.GetLower()), new(value._value.GetUpper())));
}
