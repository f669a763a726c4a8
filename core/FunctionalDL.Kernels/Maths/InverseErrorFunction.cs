using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>The inverse of the error function for one number.</summary>
internal static unsafe class InverseErrorFunction
{
    /// <summary>
    /// The x with erf x = y, by Newton's method from S. Winitzki's approximation ("A handy approximation for the error function and
    /// its inverse", 2008), which is within 0.004 everywhere.
    /// </summary>
    public static double Of(double y)
    {
        double size = Math.Abs(y);
        if (!(size < 1))
            return size == 1 ? y * double.PositiveInfinity : double.NaN;
        if (y == 0)
            return y;

        const double A = 0.147;
        double log = Math.Log((1 - size) * (1 + size));
        double half = 2 / (Math.PI * A) + log / 2;
        double x = Math.Sqrt(Math.Sqrt(half * half - log / A) - half);
        for (int step = 0; step < 4; step++)
        {
            double slope = 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x);
            x -= (Erf(x) - size) / slope;
        }

        return Math.CopySign(x, y);
    }

    private static double Erf(double x)
    {
        double* lanes = stackalloc double[Wide128<double>.Count];
        Wide128<double>.Store(ErrorFunction<Wide128<double>, double>.Erf(Wide128<double>.Splat(x)), lanes);
        return lanes[0];
    }
}
