using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>Angles of points.</summary>
internal static unsafe class Angle<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    /// <summary>The angle of the point (x, y), by the runtime's function, lane by lane.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static TVector Atan2(TVector y, TVector x)
    {
        T* ys = stackalloc T[TVector.Count];
        T* xs = stackalloc T[TVector.Count];
        TVector.Store(y, ys);
        TVector.Store(x, xs);
        for (int i = 0; i < TVector.Count; i++)
        {
            if (Format<T>.IsSingle)
                ((float*)ys)[i] = MathF.Atan2(((float*)ys)[i], ((float*)xs)[i]);
            else
                ((double*)ys)[i] = Math.Atan2(((double*)ys)[i], ((double*)xs)[i]);
        }

        return TVector.Load(ys);
    }
}
