using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels;

/// <summary>
/// Random bits from a counter: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: Parallel random
/// numbers: as easy as 1, 2, 3; SC'11). Every element is a function of the key and its index, so it does not
/// matter who computes it, or when.
/// </summary>
public static unsafe class Threefry
{
    private const uint KeyParity = 0x1BD11BDA;

    /// <summary>The two words that key and counter give.</summary>
    public static (uint Word0, uint Word1) Block(uint key0, uint key1, uint counter0, uint counter1)
    {
        uint key2 = KeyParity ^ key0 ^ key1;
        uint x0 = counter0 + key0;
        uint x1 = counter1 + key1;
        Rounds(ref x0, ref x1, 13, 15, 26, 6);
        Inject(ref x0, ref x1, key1, key2 + 1);
        Rounds(ref x0, ref x1, 17, 29, 16, 24);
        Inject(ref x0, ref x1, key2, key0 + 2);
        Rounds(ref x0, ref x1, 13, 15, 26, 6);
        Inject(ref x0, ref x1, key0, key1 + 3);
        Rounds(ref x0, ref x1, 17, 29, 16, 24);
        Inject(ref x0, ref x1, key1, key2 + 4);
        Rounds(ref x0, ref x1, 13, 15, 26, 6);
        Inject(ref x0, ref x1, key2, key0 + 5);
        return (x0, x1);
    }

    /// <summary>Fills memory with random elements.</summary>
    /// <remarks>
    /// Block j has the counter (j, <paramref name="stream"/>) and gives the words w0 and w1.
    /// <list type="bullet">
    /// <item>Int32: element 2j is w0, element 2j + 1 is w1.</item>
    /// <item>Float32: from the same words, (w >> 8) · 2⁻²⁴, uniform in [0, 1).</item>
    /// <item>Int64: element j is w1 · 2³² + w0.</item>
    /// <item>Float64: from the same bits, (bits >> 11) · 2⁻⁵³, uniform in [0, 1).</item>
    /// </list>
    /// </remarks>
    /// <param name="pool">The threads.</param>
    /// <param name="type">One of the four types above.</param>
    /// <param name="key0">The first word of the key.</param>
    /// <param name="key1">The second word of the key.</param>
    /// <param name="stream">Different streams of one key are independent.</param>
    /// <param name="target">The address of the first element.</param>
    /// <param name="count">The number of elements, below 2³².</param>
    /// <exception cref="ArgumentException">
    /// There is no distribution for the type, or the count is too large.
    /// </exception>
    public static void Fill(
        WorkerPool pool, ElementType type, uint key0, uint key1, uint stream, nint target, long count)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(count, 1L << 32);
        if (type is ElementType.Bool or ElementType.UInt8)
            throw new ArgumentException($"no random elements of {type}", nameof(type));
        ThreefryFill job = new(type, key0, key1, stream, (byte*)target, count);
        (count < 2 * ThreefryFill.BlockElements ? WorkerPool.CallerOnly : pool).Run(
            (int)((count + ThreefryFill.BlockElements - 1) / ThreefryFill.BlockElements), job);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rounds(ref uint x0, ref uint x1, int r0, int r1, int r2, int r3)
    {
        Round(ref x0, ref x1, r0);
        Round(ref x0, ref x1, r1);
        Round(ref x0, ref x1, r2);
        Round(ref x0, ref x1, r3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(ref uint x0, ref uint x1, int rotation)
    {
        x0 += x1;
        x1 = BitOperations.RotateLeft(x1, rotation) ^ x0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Inject(ref uint x0, ref uint x1, uint k0, uint k1)
    {
        x0 += k0;
        x1 += k1;
    }

    /// <summary>
    /// The words of as many blocks as a vector has lanes; the same steps as <see cref="Block"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (TVector Word0, TVector Word1) Blocks<TVector>(
        uint key0, uint key1, TVector counter0, uint counter1)
        where TVector : unmanaged, IVector<TVector, int>
    {
        uint key2 = KeyParity ^ key0 ^ key1;
        TVector x0 = counter0 + TVector.Splat((int)key0);
        TVector x1 = TVector.Splat((int)(counter1 + key1));
        Rounds(ref x0, ref x1, 13, 15, 26, 6);
        Inject(ref x0, ref x1, key1, key2 + 1);
        Rounds(ref x0, ref x1, 17, 29, 16, 24);
        Inject(ref x0, ref x1, key2, key0 + 2);
        Rounds(ref x0, ref x1, 13, 15, 26, 6);
        Inject(ref x0, ref x1, key0, key1 + 3);
        Rounds(ref x0, ref x1, 17, 29, 16, 24);
        Inject(ref x0, ref x1, key1, key2 + 4);
        Rounds(ref x0, ref x1, 13, 15, 26, 6);
        Inject(ref x0, ref x1, key2, key0 + 5);
        return (x0, x1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rounds<TVector>(ref TVector x0, ref TVector x1, int r0, int r1, int r2, int r3)
        where TVector : unmanaged, IVector<TVector, int>
    {
        Round(ref x0, ref x1, r0);
        Round(ref x0, ref x1, r1);
        Round(ref x0, ref x1, r2);
        Round(ref x0, ref x1, r3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round<TVector>(ref TVector x0, ref TVector x1, int rotation)
        where TVector : unmanaged, IVector<TVector, int>
    {
        x0 += x1;
        x1 = (TVector.ShiftLeft(x1, rotation) | TVector.ShiftRight(x1, 32 - rotation)) ^ x0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Inject<TVector>(ref TVector x0, ref TVector x1, uint k0, uint k1)
        where TVector : unmanaged, IVector<TVector, int>
    {
        x0 += TVector.Splat((int)k0);
        x1 += TVector.Splat((int)k1);
    }
}

/// <summary>Fills one range after the other: words first, then what the type makes of them.</summary>
internal sealed unsafe class ThreefryFill(
    ElementType type, uint key0, uint key1, uint stream, byte* target, long count) : IBlockJob
{
    /// <summary>
    /// The elements of a block; even, because two 32-bit elements come from one Threefry block.
    /// </summary>
    public const int BlockElements = 1 << 14;

    private const int Batch = 256; // Threefry blocks at a time, in the nearest cache

    public void Execute(int block, int worker)
    {
        long first = (long)block * BlockElements;
        long elements = Math.Min(BlockElements, count - first);
        int size = ElementTypes.Size(type);
        uint* words = stackalloc uint[2 * Batch];
        int perBatch = size == 4 ? 2 * Batch : Batch;
        for (long done = 0; done < elements; done += perBatch)
        {
            uint counter = (uint)(size == 4 ? (first + done) / 2 : first + done);
            if (Vector512.IsHardwareAccelerated)
                Words<Wide512<int>>(counter, words);
            else if (Vector256.IsHardwareAccelerated)
                Words<Wide256<int>>(counter, words);
            else
                Words<Wide128<int>>(counter, words);
            Convert(words, (int)Math.Min(perBatch, elements - done), target + (first + done) * size);
        }
    }

    /// <summary>The words of <see cref="Batch"/> blocks in the order w0 w1 w0 w1 …</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Words<TVector>(uint counter, uint* words)
        where TVector : unmanaged, IVector<TVector, int>
    {
        int* counters = stackalloc int[16];
        for (int i = 0; i < TVector.Count; i++)
            counters[i] = (int)(counter + (uint)i);
        TVector next = TVector.Load(counters);
        int* word0 = stackalloc int[16];
        int* word1 = stackalloc int[16];
        for (int i = 0; i < Batch; i += TVector.Count)
        {
            (TVector w0, TVector w1) = Threefry.Blocks(key0, key1, next, stream);
            TVector.Store(w0, word0);
            TVector.Store(w1, word1);
            for (int j = 0; j < TVector.Count; j += 4)
                Squares.Zip(word0 + j, word1 + j, (int*)words + 2 * (i + j));
            next += TVector.Splat(TVector.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Convert(uint* words, int elements, byte* to)
    {
        if (type == ElementType.Float32)
        {
            int i = 0;
            for (; i + Vector256<int>.Count <= elements; i += Vector256<int>.Count)
            {
                Vector256<int> bits = (Vector256.Load(words + i) >>> 8).AsInt32();
                (Vector256.ConvertToSingle(bits) * (1f / (1 << 24))).Store((float*)to + i);
            }

            for (; i < elements; i++)
                ((float*)to)[i] = (int)(words[i] >> 8) * (1f / (1 << 24));
        }
        else if (type == ElementType.Float64)
        {
            for (int i = 0; i < elements; i++)
                ((double*)to)[i] = (long)(Join(words + 2 * i) >> 11) * (1.0 / (1L << 53));
        }
        else if (type == ElementType.Int32)
        {
            new Span<uint>(words, elements).CopyTo(new Span<uint>(to, elements));
        }
        else
        {
            for (int i = 0; i < elements; i++)
                ((ulong*)to)[i] = Join(words + 2 * i);
        }
    }

    private static ulong Join(uint* words) => ((ulong)words[1] << 32) | words[0];
}
