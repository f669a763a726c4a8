using System.Runtime.CompilerServices;

namespace FunctionalDL.Kernels.Maths;

/// <summary>Facts about a floating-point format, as constants for the compiler.</summary>
internal static class Format<T>
    where T : unmanaged
{
    /// <summary>Whether <typeparamref name="T"/> is binary32; else it is binary64.</summary>
    public static bool IsSingle
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => typeof(T) == typeof(float);
    }

    /// <summary>The stored bits of the significand.</summary>
    public static int SignificandBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSingle ? 23 : 52;
    }

    /// <summary>The exponent field of 1.</summary>
    public static long Bias
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSingle ? 127 : 1023;
    }

    public static long SignBit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSingle ? 1L << 31 : 1L << 63;
    }

    /// <summary>
    /// 1.5 · 2^SignificandBits. Added to a small number it leaves the nearest integer in the low bits of the
    /// sum; subtracted again, that integer as a floating-point number.
    /// </summary>
    public static double Rounder
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSingle ? 12582912.0 : 6755399441055744.0;
    }

    /// <summary>The bits of <see cref="Rounder"/>.</summary>
    public static long RounderBits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => IsSingle ? 0x4B400000 : 0x4338000000000000;
    }
}
