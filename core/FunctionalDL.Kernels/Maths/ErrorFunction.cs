using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>The error function, for binary32 and binary64 from one text.</summary>
/// <remarks>
/// erf x = 1 - e^p with p = log erfc x. As p is 0 at 0 and falls without a kink, p / x is a smooth function
/// that one polynomial fits from 0 to where erf is 1, and -expm1(p) keeps the relative accuracy near 0: no
/// pieces, no selection. The polynomial is a minimax fit of our own for the relative error of erf (2⁻²⁸ of
/// degree 8 on [0, 3.95]; 2⁻⁵⁷ of degree 24 on [0, 5.95]). Where its terms cancel, erf no longer depends on
/// them: rounding errors in p are damped by |p| e^p / erf x, which is below 1.
/// </remarks>
internal static unsafe class ErrorFunction<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>erf x. Subnormal results may be wrong in their last bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Erf(TVector x)
    {
        TVector sign = x & TVector.Bits(Format<T>.SignBit);
        TVector a = TVector.AtMost(TVector.Abs(x), TVector.Constant(Format<T>.IsSingle ? 3.95 : 5.95));
        return TVector.Abs(Exponential<TVector, T>.Expm1Clamped(a * LogErfcOverX(a))) | sign;
    }

    /// <summary>log(erfc a) / a, as even + odd · a.</summary>
    /// <summary>The x with erf x = y: infinite at ±1, NaN beyond. Lane by lane: it initialises weights, it does not train them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static TVector Erfinv(TVector y)
    {
        T* lanes = stackalloc T[TVector.Count];
        TVector.Store(y, lanes);
        for (int i = 0; i < TVector.Count; i++)
        {
            if (Format<T>.IsSingle)
                ((float*)lanes)[i] = InverseErrorFunction.Of(((float*)lanes)[i]);
            else
                ((double*)lanes)[i] = InverseErrorFunction.Of(((double*)lanes)[i]);
        }

        return TVector.Load(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector LogErfcOverX(TVector a)
    {
        TVector z = a * a;
        TVector even;
        TVector odd;
        if (Format<T>.IsSingle)
        {
            even = TVector.Constant(9.2560848454809396906e-6);
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.00063283205957322273254));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.00016038973901157427297));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-0.10277783099395852483));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-1.1283791716105695878));
            odd = TVector.Constant(-0.00011763978194467166145);
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(-0.0016670198228953305001));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.019153066538692569522));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(-0.63661938193927971417));
        }
        else
        {
            even = TVector.Constant(-7.8341051184790437955e-16);
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-8.8454597562152826826e-13));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-1.2483944886146690025e-10));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-4.9976579196256267833e-9));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-6.5733102683028426372e-8));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-1.3718131528855839887e-7));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(1.7415475830218818336e-6));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-3.4072656834377223685e-6));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-0.000064491860883975725887));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.00059012555288842961648));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(0.00020919469484213856313));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-0.10277260330178876867));
            even = TVector.MultiplyAdd(even, z, TVector.Constant(-1.1283791670955125683));
            odd = TVector.Constant(3.8504799315011599639e-14);
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(1.2610834864890485926e-11));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(9.0821274153847849311e-10));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(2.096249514205124059e-8));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(1.4176127480275898644e-7));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(-3.363652064613596301e-7));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(-2.8351400435253641502e-6));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.000029724046247606422864));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(-0.000025878604265336452831));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(-0.0016962063857435153879));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(0.019128447005070408418));
            odd = TVector.MultiplyAdd(odd, z, TVector.Constant(-0.63661977236758360915));
        }

        return TVector.MultiplyAdd(odd, a, even);
    }
}
