using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FunctionalDL.Kernels.Vectors;

/// <summary>
/// Masks to and from bytes of 0 and 1: narrowing and widening by halves, in the portable form, which every
/// processor family has, or in one instruction where AVX-512 has it.
/// </summary>
internal static unsafe class MaskBytes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(Vector512<T> mask, byte* target)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
        {
            (mask.AsByte() & Vector512.Create((byte)1)).Store(target);
        }
        else if (sizeof(T) == 4)
        {
            Vector128<byte> bytes = Avx512F.IsSupported
                ? Avx512F.ConvertToVector128Byte(mask.AsInt32())
                : Narrow(Vector256.Narrow(mask.GetLower().AsInt32(), mask.GetUpper().AsInt32()));
            (bytes & Vector128.Create((byte)1)).Store(target);
        }
        else if (Avx512F.IsSupported)
        {
            Vector128<byte> bytes = Avx512F.ConvertToVector128Byte(mask.AsInt64());
            *(ulong*)target = (bytes & Vector128.Create((byte)1)).AsUInt64().ToScalar();
        }
        else
        {
            Store(Vector256.Narrow(mask.GetLower().AsInt64(), mask.GetUpper().AsInt64()), target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(Vector256<T> mask, byte* target)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
        {
            (mask.AsByte() & Vector256.Create((byte)1)).Store(target);
        }
        else if (sizeof(T) == 4)
        {
            Vector128<short> half = Vector128.Narrow(mask.GetLower().AsInt32(), mask.GetUpper().AsInt32());
            Vector128<byte> bytes = Vector128.Narrow(half, half).AsByte();
            *(ulong*)target = (bytes & Vector128.Create((byte)1)).AsUInt64().ToScalar();
        }
        else
        {
            Store(Vector128.Narrow(mask.GetLower().AsInt64(), mask.GetUpper().AsInt64()), target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(Vector128<T> mask, byte* target)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
        {
            (mask.AsByte() & Vector128.Create((byte)1)).Store(target);
            return;
        }

        Vector128<int> words = sizeof(T) == 4
            ? mask.AsInt32()
            : Vector128.Narrow(mask.AsInt64(), mask.AsInt64());
        Vector128<short> half = Vector128.Narrow(words, words);
        Vector128<byte> bytes = Vector128.Narrow(half, half).AsByte() & Vector128.Create((byte)1);
        if (sizeof(T) == 4)
            *(uint*)target = bytes.AsUInt32().ToScalar();
        else
            *(ushort*)target = bytes.AsUInt16().ToScalar();
    }

    /// <summary>16 bytes as 32-bit integers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> LoadInt32(byte* source)
    {
        Vector128<byte> bytes = Vector128.Load(source);
        if (Avx512F.IsSupported)
            return Avx512F.ConvertToVector512Int32(bytes);
        Vector128<ushort> low = Vector128.WidenLower(bytes);
        Vector128<ushort> high = Vector128.WidenUpper(bytes);
        return Vector512.Create(
            Vector256.Create(Vector128.WidenLower(low), Vector128.WidenUpper(low)),
            Vector256.Create(Vector128.WidenLower(high), Vector128.WidenUpper(high))).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<T> Load512<T>(byte* source)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return IsSet(Vector512.Load(source)).As<byte, T>();
        if (sizeof(T) == 4)
        {
            return Avx512F.IsSupported
                ? IsSet(Avx512F.ConvertToVector512Int32(Vector128.Load(source))).As<int, T>()
                : Vector512.Create(Load256<int>(source), Load256<int>(source + 8)).As<int, T>();
        }

        if (!Avx512F.IsSupported)
            return Vector512.Create(Load256<long>(source), Load256<long>(source + 4)).As<long, T>();
        Vector128<byte> eight = Vector128.CreateScalar(*(ulong*)source).AsByte();
        return IsSet(Avx512F.ConvertToVector512Int64(eight)).As<long, T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Load256<T>(byte* source)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return IsSet(Vector256.Load(source)).As<byte, T>();
        return sizeof(T) == 4
            ? Vector256.Create(Load128<int>(source), Load128<int>(source + 4)).As<int, T>()
            : Vector256.Create(Load128<long>(source), Load128<long>(source + 2)).As<long, T>();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<T> Load128<T>(byte* source)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return IsSet(Vector128.Load(source)).As<byte, T>();
        uint few = sizeof(T) == 4 ? *(uint*)source : *(ushort*)source;
        Vector128<byte> bytes = Vector128.CreateScalar(few).AsByte();
        Vector128<uint> words = Vector128.WidenLower(Vector128.WidenLower(bytes));
        return sizeof(T) == 4
            ? IsSet(words).As<uint, T>()
            : IsSet(Vector128.WidenLower(words)).As<ulong, T>();
    }

    private static Vector128<byte> Narrow(Vector256<short> value) =>
        Vector128.Narrow(value.GetLower(), value.GetUpper()).AsByte();

    private static Vector512<T> IsSet<T>(Vector512<T> value) => ~Vector512.Equals(value, Vector512<T>.Zero);

    private static Vector256<T> IsSet<T>(Vector256<T> value) => ~Vector256.Equals(value, Vector256<T>.Zero);

    private static Vector128<T> IsSet<T>(Vector128<T> value) => ~Vector128.Equals(value, Vector128<T>.Zero);
}
