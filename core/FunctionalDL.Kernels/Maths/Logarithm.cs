using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>Natural logarithms, for binary32 and binary64 from one text.</summary>
/// <remarks>
/// x = 2ⁿ · m with m in [√½, √2); with f = m - 1 and s = f / (2 + f), log m = 2 artanh s = f - f²/2 + s (f²/2
/// + R(s²)), where the large terms are exact and R is small (the arrangement of Sun's fdlibm; the polynomial
/// is our own minimax fit).
/// </remarks>
internal static class Logarithm<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>log x; -∞ at ±0, NaN below.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Log(TVector x)
    {
        // Subnormal numbers are scaled into the normal ones first.
        TVector small = TVector.Less(x, TVector.Bits(1L << Format<T>.SignificandBits));
        TVector scale = TVector.Constant(Format<T>.IsSingle ? 8388608.0 : 4503599627370496.0);
        TVector scaled = TVector.Select(small, x * scale, x);
        TVector exponent = small & TVector.Bits(-Format<T>.SignificandBits);
        return WithSpecials(x, LogNormal(scaled, exponent, default));
    }

    /// <summary>log(1 + x), with full relative accuracy near 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Log1p(TVector x)
    {
        // 1 + x = u + c exactly (Knuth's two-sum), and log(u + c) = log u + c / u to working accuracy.
        TVector one = TVector.Constant(1);
        TVector u = one + x;
        TVector back = u - one;
        TVector c = (one - (u - back)) + (x - back);
        TVector result = WithSpecials(u, LogNormal(u, default, c / u));

        // The result of a tiny x is x; so a subnormal number and the sign of zero are kept.
        TVector tiny = TVector.Less(TVector.Abs(x), TVector.Constant(Format<T>.IsSingle ? 1e-8 : 1e-17));
        return TVector.Select(tiny, x, result);
    }

    /// <summary>log x + tail for a normal x above 0, plus an exponent that is already known.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector LogNormal(TVector x, TVector exponent, TVector tail)
    {
        TVector rootOfHalf = TVector.Bits(Format<T>.IsSingle ? 0x3F3504F3 : 0x3FE6A09E667F3BCD);
        TVector n = TVector.ShiftRightSigned(TVector.SubtractBits(x, rootOfHalf), Format<T>.SignificandBits);
        TVector m = TVector.SubtractBits(x, TVector.ShiftLeft(n, Format<T>.SignificandBits));
        n = TVector.AddBits(n, exponent);
        TVector rounded = TVector.AddBits(n, TVector.Bits(Format<T>.RounderBits));
        TVector count = rounded - TVector.Constant(Format<T>.Rounder);

        TVector ln2High = TVector.Constant(Format<T>.IsSingle ? 0.693359375 : 0.6931471803691238);
        TVector ln2Low = TVector.Constant(
            Format<T>.IsSingle ? -0.00021219444005469058277 : 1.908214929270587816144e-10);
        TVector f = m - TVector.Constant(1);
        TVector s = f / (TVector.Constant(2) + f);
        TVector z = s * s;
        TVector halfSquare = TVector.Constant(0.5) * f * f;
        TVector low = TVector.MultiplyAdd(count, ln2Low, tail);
        TVector inner = TVector.MultiplyAdd(s, TVector.MultiplyAdd(z, Remainder(z), halfSquare), low);
        return TVector.MultiplyAdd(count, ln2High, f - (halfSquare - inner));
    }

    /// <summary>(2 artanh s - 2 s) / s³ as a polynomial of z = s² (error 2⁻³⁰, 2⁻⁵⁹).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Remainder(TVector z)
    {
        TVector p;
        if (Format<T>.IsSingle)
        {
            p = TVector.Constant(0.29871996830846650378);
            p = TVector.MultiplyAdd(p, z, TVector.Constant(0.39977532384971075165));
            return TVector.MultiplyAdd(p, z, TVector.Constant(0.6666677644854927684));
        }

        p = TVector.Constant(0.14796261168009290884);
        p = TVector.MultiplyAdd(p, z, TVector.Constant(0.15314021118750683942));
        p = TVector.MultiplyAdd(p, z, TVector.Constant(0.18183565407248336926));
        p = TVector.MultiplyAdd(p, z, TVector.Constant(0.22222198553785504031));
        p = TVector.MultiplyAdd(p, z, TVector.Constant(0.28571428742562142537));
        p = TVector.MultiplyAdd(p, z, TVector.Constant(0.39999999999413963855));
        return TVector.MultiplyAdd(p, z, TVector.Constant(0.66666666666667345084));
    }

    /// <summary>
    /// The result where x is above 0 and finite; -∞ at 0, NaN below, and ∞ and NaN as they came.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector WithSpecials(TVector x, TVector result)
    {
        TVector infinity = TVector.Constant(double.PositiveInfinity);
        TVector ordinary = TVector.Less(default, x) & TVector.Less(x, infinity);
        TVector below = TVector.Select(TVector.Less(x, default), TVector.Constant(double.NaN), x);
        return TVector.Select(ordinary, result, TVector.Select(TVector.Equal(x, default), -infinity, below));
    }
}
