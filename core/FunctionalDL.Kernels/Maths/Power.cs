using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>
/// Powers. The exponents that networks use (2, 3, ½, -1) are computed with multiplications, a root or a
/// division; all others by the runtime's function, lane by lane. Which way a lane goes depends on its own
/// exponent alone.
/// </summary>
internal static unsafe class Power<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>x to the power of y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Pow(TVector x, TVector y)
    {
        TVector two = TVector.Equal(y, TVector.Constant(2));
        TVector result = x * x;
        return TVector.Any(~two) ? Mixed(x, y, two, result) : result;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TVector Mixed(TVector x, TVector y, TVector done, TVector result)
    {
        TVector mask = TVector.Equal(y, TVector.Constant(3));
        result = TVector.Select(mask, x * x * x, result);
        done |= mask;

        mask = TVector.Equal(y, TVector.Constant(-1));
        result = TVector.Select(mask, TVector.Constant(1) / x, result);
        done |= mask;

        // The root of -0 would be -0 and that of -∞ NaN, but their powers are 0 and ∞.
        mask = TVector.Equal(y, TVector.Constant(0.5));
        TVector negativeInfinity = TVector.Equal(x, TVector.Constant(double.NegativeInfinity));
        TVector root = TVector.Select(negativeInfinity, -x, TVector.Sqrt(x + default(TVector)));
        result = TVector.Select(mask, root, result);
        done |= mask;
        return TVector.Any(~done) ? Others(x, y, done, result) : result;
    }

    private static TVector Others(TVector x, TVector y, TVector done, TVector result)
    {
        T* bases = stackalloc T[TVector.Count];
        T* exponents = stackalloc T[TVector.Count];
        T* results = stackalloc T[TVector.Count];
        TVector.Store(x, bases);
        TVector.Store(y, exponents);
        for (int i = 0; i < TVector.Count; i++)
        {
            if (Format<T>.IsSingle)
                ((float*)results)[i] = MathF.Pow(((float*)bases)[i], ((float*)exponents)[i]);
            else
                ((double*)results)[i] = Math.Pow(((double*)bases)[i], ((double*)exponents)[i]);
        }

        return TVector.Select(done, result, TVector.Load(results));
    }
}
