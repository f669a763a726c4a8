using System.Runtime.CompilerServices;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>The operands of one instruction on one tile.</summary>
internal unsafe struct TileOperands
{
    public byte* A;
    public byte* B;
    public byte* C;
    public byte* Target;

    /// <summary>
    /// 1, or 0 if all elements of A are the same, in which case there are only 64 bytes of it.
    /// </summary>
    public nint StepA;
    public nint StepB;
    public nint StepC;

    /// <summary>
    /// The number of elements, a multiple of <see cref="TileProgram.Grain"/>: kernels have no tails.
    /// </summary>
    public int Count;
}

/// <summary>target ← op(a).</summary>
internal static unsafe class UnaryKernel<TVector, T, TOp>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
    where TOp : struct, IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(TileOperands* operands)
    {
        T* a = (T*)operands->A;
        T* target = (T*)operands->Target;
        T* end = target + operands->Count;
        nint stepA = operands->StepA * TVector.Count;
        for (; target < end; target += TVector.Count)
        {
            TVector.Store(TOp.Apply<TVector, T>(TVector.Load(a)), target);
            a += stepA;
        }
    }
}

/// <summary>target ← op(a, b).</summary>
internal static unsafe class BinaryKernel<TVector, T, TOp>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
    where TOp : struct, IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(TileOperands* operands)
    {
        T* a = (T*)operands->A;
        T* b = (T*)operands->B;
        T* target = (T*)operands->Target;
        T* end = target + operands->Count;
        nint stepA = operands->StepA * TVector.Count;
        nint stepB = operands->StepB * TVector.Count;
        for (; target < end; target += TVector.Count)
        {
            TVector.Store(TOp.Apply<TVector, T>(TVector.Load(a), TVector.Load(b)), target);
            a += stepA;
            b += stepB;
        }
    }
}

/// <summary>target ← op(a, b), where the operation gives a mask and the target is Bool.</summary>
internal static unsafe class CompareKernel<TVector, T, TOp>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
    where TOp : struct, IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(TileOperands* operands)
    {
        T* a = (T*)operands->A;
        T* b = (T*)operands->B;
        byte* target = operands->Target;
        byte* end = target + operands->Count;
        nint stepA = operands->StepA * TVector.Count;
        nint stepB = operands->StepB * TVector.Count;
        for (; target < end; target += TVector.Count)
        {
            TVector.StoreMask(TOp.Apply<TVector, T>(TVector.Load(a), TVector.Load(b)), target);
            a += stepA;
            b += stepB;
        }
    }
}

/// <summary>target ← a ? b : c.</summary>
internal static unsafe class SelectKernel<TVector, T>
    where TVector : unmanaged, IVector<TVector, T>
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(TileOperands* operands)
    {
        byte* a = operands->A;
        T* b = (T*)operands->B;
        T* c = (T*)operands->C;
        T* target = (T*)operands->Target;
        T* end = target + operands->Count;
        nint stepA = operands->StepA * TVector.Count;
        nint stepB = operands->StepB * TVector.Count;
        nint stepC = operands->StepC * TVector.Count;
        for (; target < end; target += TVector.Count)
        {
            TVector.Store(TVector.Select(TVector.LoadMask(a), TVector.Load(b), TVector.Load(c)), target);
            a += stepA;
            b += stepB;
            c += stepC;
        }
    }
}
