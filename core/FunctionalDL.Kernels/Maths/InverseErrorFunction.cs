using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Maths;

/// <summary>The inverse of the error function for one number.</summary>
internal static unsafe class InverseErrorFunction
{
    /// <summary>The x with erf x = y, to a few units in the last place.</summary>
    public static float Of(float y) => (float)Signed(y, ByErf);

    /// <summary>The x with erf x = y, to a few units in the last place.</summary>
    public static double Of(double y) => Signed(y, Math.Abs(y) < 0.85 ? ByErf : ByComplement);

    private static double Signed(double y, Func<double, double, double> improve)
    {
        double size = Math.Abs(y);
        if (!(size < 1))
            return size == 1 ? y * double.PositiveInfinity : double.NaN;
        if (y == 0)
            return y;

        // S. Winitzki, "A handy approximation for the error function and its inverse", 2008: within 0.004 everywhere.
        const double A = 0.147;
        double log = Math.Log((1 - size) * (1 + size));
        double half = 2 / (Math.PI * A) + log / 2;
        return Math.CopySign(improve(Math.Sqrt(Math.Sqrt(half * half - log / A) - half), size), y);
    }

    /// <summary>Newton's method.</summary>
    private static double ByErf(double x, double y)
    {
        for (int step = 0; step < 4; step++)
            x -= (Erf(x) - y) / Slope(x);
        return x;
    }

    /// <summary>
    /// Halley's method, for y from erf 1 to 1, on the difference of the complements: it keeps digits that erf x, rounded near 1, has
    /// lost. 1 - y is exact there. Each step triples the digits; after two, 8 units of the last place can be left.
    /// </summary>
    private static double ByComplement(double x, double y)
    {
        for (int step = 0; step < 3; step++)
        {
            double newton = (1 - y - Complement(x)) / Slope(x);
            x -= newton / (1 + x * newton);
        }

        return x;
    }

    private static double Slope(double x) => 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x);

    /// <summary>
    /// 1 - erf x for x of at least 1, by a continued fraction, which takes fewer terms the larger x is. M. Abramowitz, I. Stegun,
    /// "Handbook of mathematical functions", 7.1.14.
    /// </summary>
    private static double Complement(double x)
    {
        double fraction = x;
        for (double k = Math.Ceiling(10 + 200 / (x * x)); k > 0; k--)
            fraction = x + k / 2 / fraction;
        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * fraction);
    }

    private static double Erf(double x)
    {
        double* lanes = stackalloc double[Wide128<double>.Count];
        Wide128<double>.Store(ErrorFunction<Wide128<double>, double>.Erf(Wide128<double>.Splat(x)), lanes);
        return lanes[0];
    }
}
