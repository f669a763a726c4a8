namespace FunctionalDL.Kernels.Products;

/// <summary>
/// A batch of matrices b that need not be in memory: the patches of pictures that a convolution multiplies, for
/// example. The product asks for parts of them as it needs them, from several threads at once.
/// </summary>
internal unsafe interface IPanelSource
{
    /// <summary>
    /// target[p, j] = b[batch][step + p, column + j] for p below <paramref name="steps"/> and j below
    /// <paramref name="count"/>; zero for j from there to <paramref name="width"/>.
    /// </summary>
    /// <param name="batch">Which matrix.</param>
    /// <param name="step">The first row of b.</param>
    /// <param name="steps">The number of rows.</param>
    /// <param name="column">The first column of b; a multiple of the tile's columns.</param>
    /// <param name="count">The number of columns, at most <paramref name="width"/>.</param>
    /// <param name="target">[steps, width], contiguous; aligned to 64 bytes.</param>
    /// <param name="width">The columns of the panel: one vector or two.</param>
    void Pack(int batch, int step, int steps, int column, int count, byte* target, int width);
}
