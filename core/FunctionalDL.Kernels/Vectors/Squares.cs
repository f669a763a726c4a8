using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace FunctionalDL.Kernels.Vectors;

/// <summary>
/// Small squares and pairs of vectors rearranged in 128-bit registers, for both processor families.
/// </summary>
internal static unsafe class Squares
{
    /// <summary>
    /// target[j, i] = source[i, j] for a square of 4 by 4 elements of 4 bytes or 2 by 2 elements of 8 bytes;
    /// the strides count elements.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose<T>(T* source, long sourceRow, T* target, long targetRow)
        where T : unmanaged
    {
        if (sizeof(T) == 4)
        {
            Vector128<int> r0 = Vector128.Load((int*)source);
            Vector128<int> r1 = Vector128.Load((int*)(source + sourceRow));
            Vector128<int> r2 = Vector128.Load((int*)(source + 2 * sourceRow));
            Vector128<int> r3 = Vector128.Load((int*)(source + 3 * sourceRow));
            Vector128<long> low01 = ZipLow(r0, r1).AsInt64();
            Vector128<long> low23 = ZipLow(r2, r3).AsInt64();
            Vector128<long> high01 = ZipHigh(r0, r1).AsInt64();
            Vector128<long> high23 = ZipHigh(r2, r3).AsInt64();
            ZipLow(low01, low23).Store((long*)target);
            ZipHigh(low01, low23).Store((long*)(target + targetRow));
            ZipLow(high01, high23).Store((long*)(target + 2 * targetRow));
            ZipHigh(high01, high23).Store((long*)(target + 3 * targetRow));
        }
        else
        {
            Vector128<long> r0 = Vector128.Load((long*)source);
            Vector128<long> r1 = Vector128.Load((long*)(source + sourceRow));
            ZipLow(r0, r1).Store((long*)target);
            ZipHigh(r0, r1).Store((long*)(target + targetRow));
        }
    }

    /// <summary>target = a0 b0 a1 b1 a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Zip(int* a, int* b, int* target)
    {
        Vector128<int> left = Vector128.Load(a);
        Vector128<int> right = Vector128.Load(b);
        ZipLow(left, right).Store(target);
        ZipHigh(left, right).Store(target + 4);
    }

    /// <summary>
    /// target = every second element of source, from the first on, 16 bytes of them; elements have 4 or 8 bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Evens<T>(T* source, T* target)
        where T : unmanaged
    {
        if (sizeof(T) == 8)
        {
            ZipLow(Vector128.Load((long*)source), Vector128.Load((long*)source + 2)).Store((long*)target);
            return;
        }

        Vector128<float> low = Vector128.Load((float*)source);
        Vector128<float> high = Vector128.Load((float*)source + 4);
        Vector128<float> evens =
            Sse.IsSupported ? Sse.Shuffle(low, high, 0b10_00_10_00)
            : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.UnzipEven(low, high)
            : Vector128.Create(low[0], low[2], high[0], high[2]);
        evens.Store((float*)target);
    }

    /// <summary>a0 b0 a1 b1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> ZipLow(Vector128<int> a, Vector128<int> b) =>
        Sse2.IsSupported ? Sse2.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    /// <summary>a2 b2 a3 b3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> ZipHigh(Vector128<int> a, Vector128<int> b) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    /// <summary>a0 b0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<long> ZipLow(Vector128<long> a, Vector128<long> b) =>
        Sse2.IsSupported ? Sse2.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0]);

    /// <summary>a1 b1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<long> ZipHigh(Vector128<long> a, Vector128<long> b) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[1], b[1]);
}
