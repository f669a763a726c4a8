using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Convolutions;

/// <summary>Pictures with channels first made pictures with channels last, and back.</summary>
internal static unsafe class Turning
{
    /// <summary>
    /// target[j, i] = source[i, j] for i below <paramref name="rows"/> and j below <paramref name="columns"/>;
    /// the strides count elements.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose<T>(
        T* source, long sourceRow, int rows, int columns, T* target, long targetRow)
        where T : unmanaged
    {
        int square = Vector128<T>.Count;
        int wholeRows = rows - rows % square;
        int wholeColumns = columns - columns % square;
        for (int i = 0; i < wholeRows; i += square)
        {
            for (int j = 0; j < wholeColumns; j += square)
                Squares.Transpose(source + i * sourceRow + j, sourceRow, target + j * targetRow + i, targetRow);
        }

        for (int i = 0; i < rows; i++)
        {
            for (int j = i < wholeRows ? wholeColumns : 0; j < columns; j++)
                target[j * targetRow + i] = source[i * sourceRow + j];
        }
    }
}
