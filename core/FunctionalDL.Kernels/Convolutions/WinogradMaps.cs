using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>A small matrix that is applied to vectors of channels.</summary>
internal unsafe interface ILinearMap
{
    /// <summary>The columns of the matrix.</summary>
    static abstract int From { get; }

    /// <summary>The rows of the matrix.</summary>
    static abstract int To { get; }

    /// <summary>target = map · source; the steps count vectors.</summary>
    static abstract void Apply<TVector, T>(TVector* source, nint step, TVector* target, nint targetStep)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged;
}

/// <summary>
/// The matrices of F(4, 3): y = Aᵀ[(G w) ⊙ (Bᵀ x)] gives four outputs of a filter with three taps from six
/// inputs with six products (A. Lavin and S. Gray, CVPR 2016, arXiv:1509.09308, section 4.3: the points 0, ±1,
/// ±2, ∞). In two dimensions each is applied to columns and rows. All three parts use them: the derivatives of
/// the form Σ x · w · y are the transposed maps.
/// </summary>
internal static unsafe class WinogradMaps
{
    /// <summary>Outputs of a tile on one axis.</summary>
    public const int Outputs = 4;

    /// <summary>Inputs of a tile on one axis.</summary>
    public const int Size = 6;

    /// <summary>Products of a tile.</summary>
    public const int Products = Size * Size;

    /// <summary>target = map · source · mapᵀ; the steps count vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sandwich<TMap, TVector, T>(
        TVector* source, nint row, nint column, TVector* target, nint targetRow, nint targetColumn, TVector* between)
        where TMap : struct, ILinearMap
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged
    {
        for (int j = 0; j < TMap.From; j++)
            TMap.Apply<TVector, T>(source + j * column, row, between + j, Size);
        for (int i = 0; i < TMap.To; i++)
            TMap.Apply<TVector, T>(between + i * Size, 1, target + i * targetRow, targetColumn);
    }

    /// <summary>Bᵀ, on inputs.</summary>
    public readonly struct Inputs : ILinearMap
    {
        public static int From => Size;

        public static int To => Size;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Apply<TVector, T>(TVector* source, nint step, TVector* target, nint targetStep)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged
        {
            TVector x0 = source[0], x1 = source[step], x2 = source[2 * step];
            TVector x3 = source[3 * step], x4 = source[4 * step], x5 = source[5 * step];
            TVector four = TVector.Constant(4), five = TVector.Constant(-5);
            TVector even = TVector.MultiplyAdd(TVector.Constant(-4), x2, x4);
            TVector odd = TVector.MultiplyAdd(TVector.Constant(-4), x1, x3);
            TVector halfEven = x4 - x2;
            TVector halfOdd = TVector.Constant(2) * (x3 - x1);
            target[0] = TVector.MultiplyAdd(four, x0, TVector.MultiplyAdd(five, x2, x4));
            target[targetStep] = even + odd;
            target[2 * targetStep] = even - odd;
            target[3 * targetStep] = halfEven + halfOdd;
            target[4 * targetStep] = halfEven - halfOdd;
            target[5 * targetStep] = TVector.MultiplyAdd(four, x1, TVector.MultiplyAdd(five, x3, x5));
        }
    }

    /// <summary>G, on weights.</summary>
    public readonly struct Weights : ILinearMap
    {
        public static int From => 3;

        public static int To => Size;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Apply<TVector, T>(TVector* source, nint step, TVector* target, nint targetStep)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged
        {
            TVector w0 = source[0], w1 = source[step], w2 = source[2 * step];
            TVector sixth = TVector.Constant(-1.0 / 6);
            TVector outer = sixth * (w0 + w2);
            TVector middle = sixth * w1;
            TVector near = TVector.MultiplyAdd(TVector.Constant(1.0 / 24), w0, TVector.Constant(1.0 / 6) * w2);
            TVector half = TVector.Constant(1.0 / 12) * w1;
            target[0] = TVector.Constant(0.25) * w0;
            target[targetStep] = outer + middle;
            target[2 * targetStep] = outer - middle;
            target[3 * targetStep] = near + half;
            target[4 * targetStep] = near - half;
            target[5 * targetStep] = w2;
        }
    }

    /// <summary>Aᵀ, from products to outputs.</summary>
    public readonly struct ToOutputs : ILinearMap
    {
        public static int From => Size;

        public static int To => Outputs;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Apply<TVector, T>(TVector* source, nint step, TVector* target, nint targetStep)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged
        {
            TVector m1 = source[step], m2 = source[2 * step], m3 = source[3 * step], m4 = source[4 * step];
            TVector near = m1 + m2, far = m3 + m4;
            TVector nearOdd = m1 - m2, farOdd = m3 - m4;
            target[0] = source[0] + near + far;
            target[targetStep] = TVector.MultiplyAdd(TVector.Constant(2), farOdd, nearOdd);
            target[2 * targetStep] = TVector.MultiplyAdd(TVector.Constant(4), far, near);
            target[3 * targetStep] = TVector.MultiplyAdd(TVector.Constant(8), farOdd, nearOdd + source[5 * step]);
        }
    }

    /// <summary>A, from gradients of outputs to those of products.</summary>
    public readonly struct FromOutputs : ILinearMap
    {
        public static int From => Outputs;

        public static int To => Size;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Apply<TVector, T>(TVector* source, nint step, TVector* target, nint targetStep)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged
        {
            TVector y0 = source[0], y1 = source[step], y2 = source[2 * step], y3 = source[3 * step];
            TVector even = y0 + y2, odd = y1 + y3;
            TVector farEven = TVector.MultiplyAdd(TVector.Constant(4), y2, y0);
            TVector farOdd = TVector.MultiplyAdd(TVector.Constant(8), y3, TVector.Constant(2) * y1);
            target[0] = y0;
            target[targetStep] = even + odd;
            target[2 * targetStep] = even - odd;
            target[3 * targetStep] = farEven + farOdd;
            target[4 * targetStep] = farEven - farOdd;
            target[5 * targetStep] = y3;
        }
    }

    /// <summary>Gᵀ, from gradients of products to those of weights.</summary>
    public readonly struct ToWeights : ILinearMap
    {
        public static int From => Size;

        public static int To => 3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Apply<TVector, T>(TVector* source, nint step, TVector* target, nint targetStep)
            where TVector : unmanaged, IVector<TVector, T>
            where T : unmanaged
        {
            TVector m1 = source[step], m2 = source[2 * step], m3 = source[3 * step], m4 = source[4 * step];
            TVector sixth = TVector.Constant(1.0 / 6);
            TVector near = sixth * (m1 + m2), far = m3 + m4;
            TVector middle = TVector.MultiplyAdd(TVector.Constant(1.0 / 12), m3 - m4, sixth * (m2 - m1));
            target[0] = TVector.MultiplyAdd(
                TVector.Constant(0.25), source[0], TVector.MultiplyAdd(TVector.Constant(1.0 / 24), far, -near));
            target[targetStep] = middle;
            target[2 * targetStep] = TVector.MultiplyAdd(sixth, far, source[5 * step] - near);
        }
    }
}
