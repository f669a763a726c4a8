using System.Runtime.InteropServices;

namespace FunctionalDL.Kernels;

/// <summary>
/// Working memory of the current thread, kept between calls. One user at a time: a kernel must not call
/// another that uses scratch while it still needs its own.
/// </summary>
internal static unsafe class Scratch
{
    [ThreadStatic]
    private static Block? t_forBlock;

    [ThreadStatic]
    private static Block? t_forCall;

    [ThreadStatic]
    private static Block? t_forRows;

    /// <summary>
    /// Memory for one block of a job: at least <paramref name="bytes"/> bytes, aligned to 64, content
    /// undefined but initialised.
    /// </summary>
    public static byte* Get(long bytes) => Get(ref t_forBlock, bytes);

    /// <summary>
    /// The same for the thread that called a kernel, to be shared by all blocks of that call. It is other
    /// memory than that of <see cref="Get(long)"/>, which the calling thread uses too when it takes part.
    /// </summary>
    public static byte* GetForCall(long bytes) => Get(ref t_forCall, bytes);

    /// <summary>
    /// The same for what kernels that run one after another within a block hand to each other.
    /// </summary>
    public static byte* GetForRows(long bytes) => Get(ref t_forRows, bytes);

    private static byte* Get(ref Block? kept, long bytes)
    {
        Block? block = kept;
        if (block is null || block.Bytes < bytes)
            kept = block = new Block(Math.Max(bytes, Math.Min(2 * (block?.Bytes ?? 32 << 10), 16 << 20)));
        return block.Address;
    }

    /// <summary>
    /// Frees its memory when the thread is gone (nobody else ever sees the address) or a larger block took
    /// its place.
    /// </summary>
    private sealed class Block
    {
        public readonly byte* Address;
        public readonly long Bytes;

        public Block(long bytes)
        {
            Bytes = (bytes + 4095) & ~4095L;
            Address = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, 4096);
            NativeMemory.Clear(Address, (nuint)Bytes);
        }

        ~Block() => NativeMemory.AlignedFree(Address);
    }
}
