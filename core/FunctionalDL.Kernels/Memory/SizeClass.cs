using System.Numerics;

namespace FunctionalDL.Kernels;

/// <summary>
/// The sizes in which the pool hands out memory: multiples of 64 bytes up to 512, then eight steps to each
/// doubling. A block is at most 1/8 larger than asked for, and buffers of nearly equal size share blocks.
/// </summary>
internal static class SizeClass
{
    private const int Unit = 64;
    private const int StepBits = 3;
    private const int Steps = 1 << StepBits;

    /// <summary>The number of classes: enough for every size that a <see cref="long"/> can express.</summary>
    public const int Count = (63 - 6 - StepBits + 1) * Steps;

    /// <summary>The number of classes from one size to twice that size.</summary>
    public const int PerOctave = Steps;

    /// <summary>The smallest class that holds <paramref name="bytes"/>.</summary>
    public static int Of(long bytes)
    {
        ulong last = bytes <= Unit ? 0 : (ulong)(bytes - 1) / Unit; // the index of the last unit in use
        if (last < Steps)
            return (int)last;
        int shift = BitOperations.Log2(last) - StepBits;
        return (shift + 1) * Steps + (int)((last >> shift) & (Steps - 1));
    }

    /// <summary>The bytes of a block of a class.</summary>
    public static long Bytes(int index)
    {
        if (index < Steps)
            return (index + 1L) * Unit;
        int shift = index / Steps - 1;
        return ((long)(Steps + index % Steps + 1) << shift) * Unit;
    }
}
