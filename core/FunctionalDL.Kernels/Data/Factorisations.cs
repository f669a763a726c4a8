using System.Numerics;

namespace FunctionalDL.Kernels;

/// <summary>
/// Factorisations of small square matrices and what is solved with them. Matrices are contiguous and row-major, a batch of them;
/// blocks are whole matrices, so results do not depend on the number of threads. Float32 is computed in Float64.
/// </summary>
/// <remarks>Methods return -1, or the number of the first matrix that has no answer; then the output is unspecified.</remarks>
public static unsafe class Factorisations
{
    /// <summary>The lower triangular L with L · Lᵀ = A, zeros above; reads A's lower triangle. No answer: A is not positive definite.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="type">Float32 or Float64.</param>
    /// <param name="batch">The number of matrices.</param>
    /// <param name="n">The rows of A.</param>
    /// <param name="a">[batch, n, n].</param>
    /// <param name="target">[batch, n, n].</param>
    public static long Cholesky(WorkerPool pool, ElementType type, long batch, int n, nint a, nint target) =>
        Run(pool, type, batch, n, 0, a, 0, target, Method.Cholesky);

    /// <summary>X with A · X = B, by the lower or the upper triangle of A alone. There is always an answer, infinite where the diagonal is 0.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="type">Float32 or Float64.</param>
    /// <param name="lower">Which triangle of A is read.</param>
    /// <param name="batch">The number of matrices.</param>
    /// <param name="n">The rows of A and B.</param>
    /// <param name="m">The columns of B.</param>
    /// <param name="a">[batch, n, n].</param>
    /// <param name="b">[batch, n, m].</param>
    /// <param name="target">[batch, n, m].</param>
    public static long TriangularSolve(
        WorkerPool pool, ElementType type, bool lower, long batch, int n, int m, nint a, nint b, nint target) =>
        Run(pool, type, batch, n, m, a, b, target, lower ? Method.Lower : Method.Upper);

    /// <summary>X with A · X = B, by elimination with row exchanges. No answer: A is singular.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="type">Float32 or Float64.</param>
    /// <param name="batch">The number of matrices.</param>
    /// <param name="n">The rows of A and B.</param>
    /// <param name="m">The columns of B.</param>
    /// <param name="a">[batch, n, n].</param>
    /// <param name="b">[batch, n, m].</param>
    /// <param name="target">[batch, n, m].</param>
    public static long Solve(WorkerPool pool, ElementType type, long batch, int n, int m, nint a, nint b, nint target) =>
        Run(pool, type, batch, n, m, a, b, target, Method.Solve);

    /// <summary>The determinant, 0 for a singular matrix.</summary>
    /// <param name="pool">The threads.</param>
    /// <param name="type">Float32 or Float64.</param>
    /// <param name="batch">The number of matrices.</param>
    /// <param name="n">The rows of A.</param>
    /// <param name="a">[batch, n, n].</param>
    /// <param name="target">[batch].</param>
    public static long Determinant(WorkerPool pool, ElementType type, long batch, int n, nint a, nint target) =>
        Run(pool, type, batch, n, 0, a, 0, target, Method.Determinant);

    private enum Method
    {
        Cholesky,
        Lower,
        Upper,
        Solve,
        Determinant,
    }

    private static long Run(
        WorkerPool pool, ElementType type, long batch, int n, int m, nint a, nint b, nint target, Method method)
    {
        if (type == ElementType.Float32)
            return new Job<float>(n, m, a, b, target, method).Run(pool, batch);
        if (type == ElementType.Float64)
            return new Job<double>(n, m, a, b, target, method).Run(pool, batch);
        throw new ArgumentException($"{type} has no factorisation", nameof(type));
    }

    /// <summary>A block is one matrix.</summary>
    private sealed class Job<T>(int n, int m, nint a, nint b, nint target, Method method) : IBlockJob
        where T : unmanaged, INumber<T>
    {
        private long _failed = long.MaxValue;

        public long Run(WorkerPool pool, long batch)
        {
            pool.Run(checked((int)batch), this);
            return _failed == long.MaxValue ? -1 : _failed;
        }

        public void Execute(int block, int worker)
        {
            double[] left = Read(a, block, n * n);
            double[] right = method is Method.Cholesky or Method.Determinant ? [] : Read(b, block, n * m);
            bool solved = true;
            switch (method)
            {
                case Method.Cholesky:
                    solved = Decompose(left);
                    Write(left, block);
                    break;
                case Method.Lower:
                    SubstituteForwards(left, right);
                    Write(right, block);
                    break;
                case Method.Upper:
                    SubstituteBackwards(left, right);
                    Write(right, block);
                    break;
                case Method.Solve:
                    solved = Eliminate(left, right) != 0;
                    if (solved)
                        SubstituteBackwards(left, right);
                    Write(right, block);
                    break;
                case Method.Determinant:
                    double product = Eliminate(left, right);
                    for (int i = 0; i < n; i++)
                        product *= left[i * n + i];
                    Write([product], block);
                    break;
            }

            if (!solved)
                Note(block);
        }

        private void Note(long matrix)
        {
            long seen = Volatile.Read(ref _failed);
            while (matrix < seen)
                seen = Interlocked.CompareExchange(ref _failed, matrix, seen) == seen ? matrix : Volatile.Read(ref _failed);
        }

        private static double[] Read(nint source, long block, int count)
        {
            double[] values = new double[count];
            T* from = (T*)source + block * count;
            for (int i = 0; i < count; i++)
                values[i] = double.CreateChecked(from[i]);
            return values;
        }

        private void Write(double[] values, long block)
        {
            T* to = (T*)target + block * values.Length;
            for (int i = 0; i < values.Length; i++)
                to[i] = T.CreateChecked(values[i]);
        }

        private bool Decompose(double[] l)
        {
            for (int j = 0; j < n; j++)
            {
                double square = l[j * n + j];
                for (int k = 0; k < j; k++)
                    square -= l[j * n + k] * l[j * n + k];
                // Written so that NaN fails too.
                if (!(square > 0))
                    return false;
                double diagonal = Math.Sqrt(square);
                l[j * n + j] = diagonal;
                for (int i = j + 1; i < n; i++)
                {
                    double sum = l[i * n + j];
                    for (int k = 0; k < j; k++)
                        sum -= l[i * n + k] * l[j * n + k];
                    l[i * n + j] = sum / diagonal;
                    l[j * n + i] = 0;
                }
            }

            return true;
        }

        /// <summary>Makes A upper triangular, with the same done to B; 0 if A is singular, else the sign of the row exchanges.</summary>
        private int Eliminate(double[] u, double[] x)
        {
            int sign = 1;
            for (int j = 0; j < n; j++)
            {
                int pivot = j;
                for (int i = j + 1; i < n; i++)
                {
                    if (Math.Abs(u[i * n + j]) > Math.Abs(u[pivot * n + j]))
                        pivot = i;
                }

                if (u[pivot * n + j] == 0)
                    return 0;
                if (pivot != j)
                {
                    sign = -sign;
                    Exchange(u.AsSpan(j * n, n), u.AsSpan(pivot * n, n));
                    if (x.Length > 0)
                        Exchange(x.AsSpan(j * m, m), x.AsSpan(pivot * m, m));
                }

                for (int i = j + 1; i < n; i++)
                {
                    double factor = u[i * n + j] / u[j * n + j];
                    for (int k = j; k < n; k++)
                        u[i * n + k] -= factor * u[j * n + k];
                    for (int k = 0; k < x.Length / n; k++)
                        x[i * m + k] -= factor * x[j * m + k];
                }
            }

            return sign;
        }

        private void SubstituteForwards(double[] l, double[] x)
        {
            for (int i = 0; i < n; i++)
            {
                for (int k = 0; k < i; k++)
                    Subtract(l[i * n + k], x.AsSpan(k * m, m), x.AsSpan(i * m, m));
                Divide(x.AsSpan(i * m, m), l[i * n + i]);
            }
        }

        private void SubstituteBackwards(double[] u, double[] x)
        {
            for (int i = n - 1; i >= 0; i--)
            {
                for (int k = i + 1; k < n; k++)
                    Subtract(u[i * n + k], x.AsSpan(k * m, m), x.AsSpan(i * m, m));
                Divide(x.AsSpan(i * m, m), u[i * n + i]);
            }
        }

        private static void Subtract(double factor, Span<double> row, Span<double> from)
        {
            for (int i = 0; i < row.Length; i++)
                from[i] -= factor * row[i];
        }

        private static void Divide(Span<double> row, double by)
        {
            for (int i = 0; i < row.Length; i++)
                row[i] /= by;
        }

        private static void Exchange(Span<double> a, Span<double> b)
        {
            for (int i = 0; i < a.Length; i++)
                (a[i], b[i]) = (b[i], a[i]);
        }
    }
}
