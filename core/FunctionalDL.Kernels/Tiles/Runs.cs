using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>
/// Copies and fills of short runs into scratch memory. Sources are never read beyond the run; targets may be
/// overwritten up to 64 bytes beyond it, so runs are made from front to back and scratch memory is padded.
/// </summary>
internal static unsafe class Runs
{
    /// <summary>Repeats one element over 64 bytes.</summary>
    public static void Splat(byte* element, int size, byte* target)
    {
        Vector128<byte> all = size switch
        {
            1 => Vector128.Create(*element),
            4 => Vector128.Create(*(uint*)element).AsByte(),
            _ => Vector128.Create(*(ulong*)element).AsByte(),
        };
        for (int i = 0; i < 4; i++)
            all.Store(target + 16 * i);
    }

    /// <summary>Repeats one element <paramref name="count"/> times.</summary>
    public static void Fill(byte* element, int size, byte* target, int count)
    {
        if (size == 1)
            Fill(*element, target, count);
        else if (size == 4)
            Fill(*(uint*)element, (uint*)target, count);
        else
            Fill(*(ulong*)element, (ulong*)target, count);
    }

    /// <summary>The same into memory that is not scratch: nothing is written beyond the run.</summary>
    public static void FillExactly(byte* element, int size, byte* target, int count)
    {
        if (size == 1)
            new Span<byte>(target, count).Fill(*element);
        else if (size == 4)
            new Span<uint>(target, count).Fill(*(uint*)element);
        else
            new Span<ulong>(target, count).Fill(*(ulong*)element);
    }

    /// <summary>
    /// Copies bytes past the caches, where the target is aligned; nothing is written beyond the run. Other
    /// threads may see it after <see cref="EndStream"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Stream(byte* source, byte* target, long bytes)
    {
        if (((nint)target & 63) == 0)
        {
            for (; bytes >= 64; bytes -= 64, source += 64, target += 64)
                Vector512.Load(source).StoreAlignedNonTemporal(target);
        }

        Buffer.MemoryCopy(source, target, bytes, bytes);
    }

    /// <summary>Orders what this thread streamed before what it writes from here on.</summary>
    public static void EndStream()
    {
        if (Sse.IsSupported)
            Sse.StoreFence();
        else
            Thread.MemoryBarrier();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fill<T>(T element, T* target, int count)
        where T : unmanaged
    {
        Vector256<T> all = Vector256.Create(element);
        T* end = target + count;
        for (; target < end; target += 32 / sizeof(T))
            all.Store(target);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy<T>(T* source, T* target, int count)
        where T : unmanaged
    {
        if (count * sizeof(T) >= 256)
        {
            Buffer.MemoryCopy(source, target, (long)count * sizeof(T), (long)count * sizeof(T));
            return;
        }

        int i = 0;
        for (; i + 32 / sizeof(T) <= count; i += 32 / sizeof(T))
            Vector256.Load(source + i).Store(target + i);
        if (i + 16 / sizeof(T) <= count)
        {
            Vector128.Load(source + i).Store(target + i);
            i += 16 / sizeof(T);
        }

        for (; i < count; i++)
            target[i] = source[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CopyStrided<T>(T* source, long stride, T* target, int count)
        where T : unmanaged
    {
        int i = 0;
        for (; i + 4 <= count; i += 4, source += 4 * stride)
        {
            T e0 = source[0], e1 = source[stride], e2 = source[2 * stride], e3 = source[3 * stride];
            target[i] = e0;
            target[i + 1] = e1;
            target[i + 2] = e2;
            target[i + 3] = e3;
        }

        for (; i < count; i++, source += stride)
            target[i] = *source;
    }
}
