namespace FunctionalDL.Kernels;

/// <summary>
/// A block of native memory, aligned to 64 bytes, lent by a <see cref="MemoryPool"/>. Its content is
/// undefined when rented.
/// </summary>
/// <remarks>
/// The block goes back to the pool when <see cref="Return"/> is called or after the buffer became
/// unreachable. Whoever works on <see cref="Address"/> must keep the buffer reachable meanwhile (<see
/// cref="GC.KeepAlive"/>): an address alone does not.
/// </remarks>
public sealed unsafe class NativeBuffer
{
    private readonly MemoryPool _pool;
    private readonly long _capacity;
    private nint _address;

    internal NativeBuffer(MemoryPool pool, nint address, long bytes, long capacity)
    {
        _pool = pool;
        _address = address;
        _capacity = capacity;
        Bytes = bytes;
    }

    /// <summary>
    /// Puts the block into the pool's queue; the memory itself is never freed on the finalizer's thread.
    /// </summary>
    ~NativeBuffer() => Release();

    /// <summary>The address of the first byte, a multiple of 64; 0 after <see cref="Return"/>.</summary>
    public nint Address => _address;

    /// <summary>The usable bytes: those asked for, rounded up to a multiple of 64, at least 64.</summary>
    public long Bytes { get; }

    /// <summary>
    /// A part of the memory as a span; valid while the buffer is reachable and not returned.
    /// </summary>
    /// <param name="start">The first byte.</param>
    /// <param name="length">The number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside the buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer has been returned.</exception>
    public Span<byte> Span(long start, int length)
    {
        if (start < 0 || length < 0 || start > Bytes - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), $"[{start}, {start + length}) is outside the {Bytes} bytes");
        }

        nint address = _address;
        ObjectDisposedException.ThrowIf(address == 0, this);
        return new Span<byte>((byte*)address + start, length);
    }

    /// <summary>The whole memory as a span; for buffers below 2 GiB.</summary>
    /// <inheritdoc cref="Span(long, int)"/>
    public Span<byte> Span() => Span(0, checked((int)Bytes));

    /// <summary>
    /// Gives the block back at once instead of waiting for the garbage collector. Nobody may use the memory
    /// afterwards. Calling it again does nothing.
    /// </summary>
    public void Return()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
            _pool.TakeBack(address, _capacity);
    }
}
