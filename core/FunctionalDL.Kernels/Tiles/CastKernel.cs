using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>target ← a as another type of number; Bool as a source counts as UInt8.</summary>
internal static unsafe class CastKernel<TFrom, TTo>
    where TFrom : unmanaged, INumberBase<TFrom>
    where TTo : unmanaged, INumberBase<TTo>
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(TileOperands* operands)
    {
        TFrom* a = (TFrom*)operands->A;
        TTo* target = (TTo*)operands->Target;
        if (operands->StepA == 0)
        {
            new Span<TTo>(target, operands->Count).Fill(Convert(*a));
            return;
        }

        // The casts of pictures, labels and mixed precision have vector forms; all give what Convert gives.
        int count = operands->Count;
        if (typeof(TTo) == typeof(float) && (typeof(TFrom) == typeof(byte) || typeof(TFrom) == typeof(int)))
        {
            for (int i = 0; i < count; i += 16)
                Vector512.ConvertToSingle(LoadInt32(a + i)).Store((float*)(target + i));
        }
        else if (typeof(TTo) == typeof(int) && typeof(TFrom) == typeof(float))
        {
            for (int i = 0; i < count; i += 16)
                Vector512.ConvertToInt32(Vector512.Load((float*)(a + i))).Store((int*)(target + i));
        }
        else if (typeof(TTo) == typeof(double) && typeof(TFrom) == typeof(float))
        {
            for (int i = 0; i < count; i += 16)
            {
                Vector512<float> vector = Vector512.Load((float*)(a + i));
                Vector512.WidenLower(vector).Store((double*)(target + i));
                Vector512.WidenUpper(vector).Store((double*)(target + i + 8));
            }
        }
        else if (typeof(TTo) == typeof(float) && typeof(TFrom) == typeof(double))
        {
            for (int i = 0; i < count; i += 16)
            {
                Vector512<double> low = Vector512.Load((double*)(a + i));
                Vector512<double> high = Vector512.Load((double*)(a + i + 8));
                Vector512.Narrow(low, high).Store((float*)(target + i));
            }
        }
        else
        {
            for (int i = 0; i < count; i++)
                target[i] = Convert(a[i]);
        }
    }

    /// <summary>
    /// 16 elements, from bytes or 32-bit integers. (Narrower processors take a vector of 512 bits in pieces.)
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> LoadInt32(TFrom* source) =>
        typeof(TFrom) == typeof(byte) ? MaskBytes.LoadInt32((byte*)source) : Vector512.Load((int*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TTo Convert(TFrom value) =>
        typeof(TFrom) == typeof(float) || typeof(TFrom) == typeof(double)
            ? TTo.CreateSaturating(value) // truncates; NaN gives 0
            : TTo.CreateTruncating(value);
}
