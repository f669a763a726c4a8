using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>Sine and cosine, for binary32 and binary64 from one text.</summary>
/// <remarks>
/// x = n · π/2 + r, where π/2 is taken in three parts of full length. With one rounding for each multiply-add
/// the first two steps are exact where it matters, so r keeps its relative accuracy next to multiples of π/2.
/// Larger arguments than <see cref="Limit"/> go to the runtime's function, lane by lane; a lane's path
/// depends on its own value alone.
/// </remarks>
internal static unsafe class Trigonometric<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>Up to here n times the third part of π/2 is all that the reduction needs.</summary>
    private static double Limit => Format<T>.IsSingle ? 131072.0 : 1073741824.0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sin(TVector x) => Evaluate(x, cosine: false);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Cos(TVector x) => Evaluate(x, cosine: true);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Evaluate(TVector x, bool cosine)
    {
        TVector rounder = TVector.Constant(Format<T>.Rounder);
        TVector rounded = TVector.MultiplyAdd(x, TVector.Constant(0.6366197723675813430755), rounder);
        TVector quadrant = TVector.SubtractBits(rounded, TVector.Bits(Format<T>.RounderBits));
        TVector count = rounded - rounder;
        TVector part1 = TVector.Constant(Format<T>.IsSingle ? -1.5707963705062866 : -1.5707963267948966);
        TVector part2 = TVector.Constant(Format<T>.IsSingle ? 4.371138828673793e-08 : -6.123233995736766e-17);
        TVector part3 = TVector.Constant(Format<T>.IsSingle ? 1.715124510005882e-15 : 1.4973849048591698e-33);
        TVector r = TVector.FusedMultiplyAdd(count, part1, x);
        r = TVector.FusedMultiplyAdd(count, part2, r);
        r = TVector.FusedMultiplyAdd(count, part3, r);

        // cos x = sin(x + π/2). Odd quadrants take the cosine of r, the upper two change the sign.
        if (cosine)
            quadrant = TVector.AddBits(quadrant, TVector.Bits(1));
        TVector odd = TVector.ShiftLeft(quadrant, (8 * sizeof(T)) - 1);
        odd = TVector.ShiftRightSigned(odd, (8 * sizeof(T)) - 1);
        TVector sign = TVector.ShiftLeft(TVector.ShiftRight(quadrant, 1), (8 * sizeof(T)) - 1);
        TVector z = r * r;
        TVector result = TVector.Select(odd, CosReduced(z), SinReduced(r, z)) ^ sign;
        if (!cosine)
            result = TVector.Select(TVector.Equal(x, default), x, result); // sin -0 = -0

        TVector large = ~TVector.LessOrEqual(TVector.Abs(x), TVector.Constant(Limit));
        return TVector.Any(large) ? Large(x, result, cosine) : result;
    }

    /// <summary>sin r for |r| ≤ π/4 (error 2⁻²⁷, 2⁻⁵⁷).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector SinReduced(TVector r, TVector z)
    {
        TVector p;
        if (Format<T>.IsSingle)
        {
            p = TVector.Constant(2.7168101009644881419e-6);
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-0.000198391760897481084));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(0.0083333288897263106301));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-0.16666666637341567865));
        }
        else
        {
            p = TVector.Constant(-7.5760106923101624145e-13);
            p = TVector.MultiplyAdd(p, z, TVector.Constant(1.6058312343843942719e-10));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-2.5052104485315803194e-8));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(2.7557319212555090754e-6));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-0.00019841269841251921744));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(0.0083333333333333200143));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-0.16666666666666666633));
        }

        return TVector.MultiplyAdd(r * z, p, r);
    }

    /// <summary>cos r for |r| ≤ π/4 (error 2⁻³², 2⁻⁶³).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector CosReduced(TVector z)
    {
        TVector p;
        if (Format<T>.IsSingle)
        {
            p = TVector.Constant(0.000024423888664993862248);
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-0.0013887242739259162238));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(0.041666644378191488085));
        }
        else
        {
            p = TVector.Constant(-1.1355204055105109524e-11);
            p = TVector.MultiplyAdd(p, z, TVector.Constant(2.0875638787579406726e-9));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-2.7557313742543607151e-7));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(0.000024801587287419831603));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(-0.0013888888888870914133));
            p = TVector.MultiplyAdd(p, z, TVector.Constant(0.041666666666666581582));
        }

        TVector half = TVector.Constant(0.5) * z;
        TVector one = TVector.Constant(1);
        TVector w = one - half;
        return w + TVector.MultiplyAdd(z * z, p, (one - w) - half); // with what 1 - z/2 lost
    }

    /// <summary>Replaces the lanes that are too large, and those that are not numbers.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TVector Large(TVector x, TVector result, bool cosine)
    {
        T* from = stackalloc T[TVector.Count];
        T* to = stackalloc T[TVector.Count];
        TVector.Store(x, from);
        TVector.Store(result, to);
        for (int i = 0; i < TVector.Count; i++)
        {
            double value = Format<T>.IsSingle ? ((float*)from)[i] : ((double*)from)[i];
            if (Math.Abs(value) <= Limit)
                continue;
            double replaced = cosine ? Math.Cos(value) : Math.Sin(value);
            if (Format<T>.IsSingle)
                ((float*)to)[i] = (float)replaced;
            else
                ((double*)to)[i] = replaced;
        }

        return TVector.Load(to);
    }
}
