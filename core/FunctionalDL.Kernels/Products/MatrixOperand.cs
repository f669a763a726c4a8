namespace FunctionalDL.Kernels;

/// <summary>A batch of matrices in memory, laid out in any way.</summary>
/// <param name="Address">The address of element [0][0, 0].</param>
/// <param name="Batch">The elements from one matrix to the next; 0 uses one for all.</param>
/// <param name="Row">The elements from one row to the next.</param>
/// <param name="Column">The elements from one column to the next.</param>
public readonly record struct MatrixOperand(nint Address, long Batch, long Row, long Column)
{
    /// <summary>The address of an element.</summary>
    internal unsafe T* At<T>(int batch, int row, int column)
        where T : unmanaged => (T*)Address + batch * Batch + row * Row + column * Column;
}
