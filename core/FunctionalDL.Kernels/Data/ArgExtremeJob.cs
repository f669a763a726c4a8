using System.Numerics;
using System.Runtime.CompilerServices;

namespace FunctionalDL.Kernels;

/// <summary>
/// Positions of extremes. A block is a number of outer indices, or a part of the inner ones.
/// </summary>
internal sealed unsafe class ArgExtremeJob<T>(
    bool maximum, long outer, long reduced, long inner, nint source, nint target) : IBlockJob
    where T : unmanaged, INumber<T>
{
    private const int MaxWidth = 256;
    private const long SerialElements = 1 << 14;

    private readonly long _width = Math.Min(inner, MaxWidth);

    private long Parts => (inner + _width - 1) / _width;

    private long UnitsPerBlock => Math.Max(1, SerialElements / (reduced * _width));

    private long Units => outer * Parts;

    public void Run(WorkerPool pool) =>
        (outer * reduced * inner < SerialElements ? WorkerPool.CallerOnly : pool).Run(
            checked((int)((Units + UnitsPerBlock - 1) / UnitsPerBlock)), this);

    public void Execute(int block, int worker)
    {
        long end = Math.Min((block + 1) * UnitsPerBlock, Units);
        for (long unit = block * UnitsPerBlock; unit < end; unit++)
        {
            (long o, long part) = Math.DivRem(unit, Parts);
            long first = part * _width;
            T* from = (T*)source + o * reduced * inner + first;
            long* to = (long*)target + o * inner + first;
            if (inner == 1)
                *to = maximum ? FindRow<Largest>(from) : FindRow<Smallest>(from);
            else if (maximum)
                FindColumns<Largest>(from, (int)Math.Min(_width, inner - first), to);
            else
                FindColumns<Smallest>(from, (int)Math.Min(_width, inner - first), to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long FindRow<TOrder>(T* from)
        where TOrder : struct, IOrder
    {
        T best = *from;
        long position = 0;
        for (long r = 1; r < reduced; r++)
        {
            if (TOrder.Before(from[r], best))
                (best, position) = (from[r], r);
        }

        return position;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FindColumns<TOrder>(T* from, int width, long* to)
        where TOrder : struct, IOrder
    {
        T* best = stackalloc T[MaxWidth];
        for (int i = 0; i < width; i++)
            (best[i], to[i]) = (from[i], 0);
        for (long r = 1; r < reduced; r++)
        {
            from += inner;
            for (int i = 0; i < width; i++)
            {
                if (TOrder.Before(from[i], best[i]))
                    (best[i], to[i]) = (from[i], r);
            }
        }
    }

    private interface IOrder
    {
        /// <summary>
        /// Whether a candidate replaces the best so far; a NaN replaces anything but another NaN.
        /// </summary>
        static abstract bool Before(T candidate, T best);
    }

    private readonly struct Largest : IOrder
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Before(T candidate, T best) =>
            candidate > best || (T.IsNaN(candidate) && !T.IsNaN(best));
    }

    private readonly struct Smallest : IOrder
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Before(T candidate, T best) =>
            candidate < best || (T.IsNaN(candidate) && !T.IsNaN(best));
    }
}
