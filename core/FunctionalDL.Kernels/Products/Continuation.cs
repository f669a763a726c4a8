namespace FunctionalDL.Kernels.Products;

/// <summary>
/// A fused loop that goes on with the elements of a product: it runs on each part as soon as that is
/// finished, while it is in a near cache.
/// </summary>
/// <param name="loop">A loop over all of [batch · m, n]; null if nothing follows.</param>
/// <param name="slots">Its addresses.</param>
internal readonly struct Continuation(TileLoop? loop, nint[] slots)
{
    public bool Exists => loop is not null;

    /// <summary>
    /// Goes on with some columns of some rows; rows have <paramref name="n"/> elements and are counted
    /// through the whole batch.
    /// </summary>
    public void Run(long row, long rows, int n, int column, int columns) =>
        loop?.RunPart(slots, row, rows, n, column, columns);
}
