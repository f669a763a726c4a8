using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>
/// The exponential function and its relatives, for binary32 and binary64 from one text.
/// </summary>
/// <remarks>
/// x = n · ln 2 + r with |r| ≤ ln 2 / 2, where ln 2 is taken in two parts, the first so short that its
/// product with n is exact without fused arithmetic too (Cody and Waite 1980). Polynomials are minimax fits
/// of our own (Remez exchange in 40 digits); each is given with its largest error relative to the result, and
/// evaluated as even + odd · x, two chains of half the length. Every lane takes the same steps, so none
/// depends on its neighbours.
/// </remarks>
internal static class Exponential<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>eˣ: overflows to ∞, underflows through the subnormal numbers to 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp(TVector x)
    {
        // Beyond these bounds the results are 0 and ∞ all the same, and the exponents below stay in range.
        x = TVector.AtLeast(x, TVector.Constant(Format<T>.IsSingle ? -104 : -746));
        x = TVector.AtMost(x, TVector.Constant(Format<T>.IsSingle ? 89 : 710));
        TVector r = Reduce(x, out TVector n);
        TVector y = TVector.Constant(1) + Expm1Reduced(r);

        // 2ⁿ in two factors: n may be beyond the exponents of normal numbers, n / 2 is not.
        TVector half = TVector.ShiftRightSigned(n, 1);
        return y * PowerOfTwo(half) * PowerOfTwo(TVector.SubtractBits(n, half));
    }

    /// <summary>eˣ - 1, with full relative accuracy near 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Expm1(TVector x)
    {
        TVector clamped = TVector.AtLeast(x, TVector.Constant(Format<T>.IsSingle ? -18 : -38));
        clamped = TVector.AtMost(clamped, TVector.Constant(Format<T>.IsSingle ? 89 : 710));

        // The result of a tiny x is x; so a subnormal number and the sign of zero are kept.
        TVector tiny = TVector.Less(TVector.Abs(x), TVector.Constant(Format<T>.IsSingle ? 1e-8 : 1e-17));
        return TVector.Select(tiny, x, Expm1Clamped(clamped));
    }

    /// <summary>(e²ˣ - 1) / (e²ˣ + 1). Subnormal results may be wrong in their last bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Tanh(TVector x)
    {
        TVector sign = x & TVector.Bits(Format<T>.SignBit);
        TVector magnitude = TVector.Abs(x);

        // The result is 1 from this bound on.
        TVector bounded = TVector.AtMost(magnitude, TVector.Constant(Format<T>.IsSingle ? 10 : 20));
        TVector e = Expm1Clamped(bounded + bounded);
        return e / (e + TVector.Constant(2)) | sign;
    }

    /// <summary>
    /// 1 / (1 + e⁻ˣ), computed from e⁻|x|, which neither overflows nor loses small results.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid(TVector x)
    {
        TVector one = TVector.Constant(1);
        TVector e = Exp(x | TVector.Bits(Format<T>.SignBit));
        return TVector.Select(TVector.Less(x, default), e, one) / (one + e);
    }

    /// <summary>
    /// eˣ - 1 for x from about -38 (-18 for binary32) to where it overflows. Subnormal results may be wrong
    /// in their last bit, and the result of -0 is +0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Expm1Clamped(TVector x)
    {
        // 2ⁿ (q + 1) - 1 with half of 2ⁿ, because 2ⁿ itself may overflow when the result does not.
        TVector q = Expm1Reduced(Reduce(x, out TVector n));
        TVector half = PowerOfTwo(TVector.SubtractBits(n, TVector.Bits(1)));
        TVector y = TVector.MultiplyAdd(half, q, half - TVector.Constant(0.5));
        return y + y;
    }

    /// <summary>x - n · ln 2, and n as an integer in the bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Reduce(TVector x, out TVector n)
    {
        TVector rounder = TVector.Constant(Format<T>.Rounder);
        TVector rounded = TVector.MultiplyAdd(x, TVector.Constant(1.44269504088896340736), rounder);
        n = TVector.SubtractBits(rounded, TVector.Bits(Format<T>.RounderBits));
        TVector count = rounded - rounder;
        TVector ln2High = TVector.Constant(Format<T>.IsSingle ? -0.693359375 : -0.6931471803691238);
        TVector ln2Low = TVector.Constant(
            Format<T>.IsSingle ? 0.00021219444005469058277 : -1.908214929270587816144e-10);
        return TVector.MultiplyAdd(count, ln2Low, TVector.MultiplyAdd(count, ln2High, x));
    }

    /// <summary>eʳ - 1 for |r| ≤ ln 2 / 2: r + r² · polynomial (error 2⁻³², 2⁻⁶¹).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Expm1Reduced(TVector r)
    {
        TVector z = r * r;
        TVector even;
        TVector odd;
        if (Format<T>.IsSingle)
        {
            even = TVector.Constant(0.0013941102245704653674);
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.041666353538826883606));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.50000000466647747435));
            odd = TVector.Constant(0.00019914301838989928748);
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.0083332728314348488048));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.16666666817899562209));
        }
        else
        {
            even = TVector.Constant(2.0924528048377840254e-9);
            even = TVector.MultiplyAdd(even, z, TVector.Constant(2.7557242488903948196e-7));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.000024801587360868017369));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.0013888888888866683132));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.041666666666666701668));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.49999999999999999986));
            odd = TVector.Constant(2.51091476415923039e-8);
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(2.7557243910873448119e-6));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.00019841269886401979715));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.0083333333333215309847));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.16666666666666676689));
        }

        return TVector.MultiplyAdd(z, TVector.MultiplyAdd(odd, r, even), r);
    }

    /// <summary>2ⁿ for an integer n in the bits, within the exponents of normal numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector PowerOfTwo(TVector n) =>
        TVector.ShiftLeft(TVector.AddBits(n, TVector.Bits(Format<T>.Bias)), Format<T>.SignificandBits);
}
