namespace FunctionalDL.Kernels.Products;

/// <summary>A batch of matrices in memory; strides count elements.</summary>
internal unsafe struct MatrixOperand(byte* address, long batch, long row, long column)
{
    public byte* Address = address;
    public long Batch = batch;
    public long Row = row;
    public long Column = column;

    /// <summary>The address of an element.</summary>
    public readonly T* At<T>(int batch, int row, int column)
        where T : unmanaged => (T*)Address + batch * Batch + row * Row + column * Column;
}

/// <summary>A batch of products c = a · b.</summary>
internal unsafe struct ProductShape(
    int batch, int m, int n, int k, MatrixOperand a, MatrixOperand b, byte* c, long cBatch)
{
    public int Batch = batch;
    public int M = m;
    public int N = n;
    public int K = k;
    public MatrixOperand A = a;
    public MatrixOperand B = b;
    public byte* C = c;
    public long CBatch = cBatch;

    /// <summary>The multiply-adds of all products.</summary>
    public readonly double Work => (double)Batch * M * N * K;

    /// <summary>
    /// If one b serves all and the matrices a and c follow each other, makes one tall product of the batch.
    /// </summary>
    public void FoldBatchIntoRows()
    {
        bool continues = B.Batch == 0 && A.Batch == M * A.Row && CBatch == (long)M * N;
        if (Batch == 1 || !continues || (long)M * Batch > int.MaxValue)
            return;
        M *= Batch;
        Batch = 1;
    }
}
