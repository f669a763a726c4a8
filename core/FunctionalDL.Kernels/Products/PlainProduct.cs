using System.Numerics;
using System.Runtime.CompilerServices;

namespace FunctionalDL.Kernels.Products;

/// <summary>
/// Products of integers: rare in this library, so three loops are enough. One block is one row of c.
/// </summary>
internal sealed unsafe class PlainProduct<T> : IBlockJob
    where T : unmanaged, INumberBase<T>
{
    private const double SerialWork = 100_000;
    private readonly ProductShape _shape;

    private PlainProduct(in ProductShape shape) => _shape = shape;

    public static void Multiply(WorkerPool pool, in ProductShape shape)
    {
        PlainProduct<T> job = new(shape);
        WorkerPool threads = shape.Work < SerialWork ? WorkerPool.CallerOnly : pool;
        threads.Run(checked(shape.Batch * shape.M), job);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute(int block, int worker)
    {
        (int batch, int row) = Math.DivRem(block, _shape.M);
        T* a = (T*)_shape.A.Address + batch * _shape.A.Batch + row * _shape.A.Row;
        T* b = (T*)_shape.B.Address + batch * _shape.B.Batch;
        T* c = (T*)_shape.C + batch * _shape.CBatch + (long)row * _shape.N;
        new Span<T>(c, _shape.N).Clear();
        for (int p = 0; p < _shape.K; p++, a += _shape.A.Column, b += _shape.B.Row)
        {
            T x = *a;
            T* y = b;
            for (int j = 0; j < _shape.N; j++, y += _shape.B.Column)
                c[j] += x * *y;
        }

        _shape.Then.Run(block, 1, _shape.N, 0, _shape.N);
    }
}
