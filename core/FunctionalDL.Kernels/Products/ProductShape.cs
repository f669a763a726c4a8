namespace FunctionalDL.Kernels.Products;

/// <summary>A batch of products c = a · b, and what follows them.</summary>
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

    /// <summary>Where b comes from if it is not in memory; then <see cref="B"/> means nothing.</summary>
    public IPanelSource? Panels { readonly get; set; }

    /// <summary>What is done with the parts of c as they are finished.</summary>
    public Continuation Then;

    /// <summary>Whether the products are added to what c holds.</summary>
    public bool Accumulates;

    /// <summary>The number of the first product in the operands: those before it are left out.</summary>
    public int First;

    /// <summary>The multiply-adds of all products.</summary>
    public readonly double Work => (double)Batch * M * N * K;

    /// <summary>
    /// If one b serves all and the matrices a and c follow each other, makes one tall product of the batch.
    /// </summary>
    public void FoldBatchIntoRows()
    {
        bool continues = Panels is null && B.Batch == 0 && A.Batch == M * A.Row && CBatch == (long)M * N;
        if (Batch == 1 || !continues || (long)M * Batch > int.MaxValue)
            return;
        M *= Batch;
        Batch = 1;
    }
}
