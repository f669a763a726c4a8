using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FunctionalDL.Kernels.Vectors;

namespace FunctionalDL.Kernels.Tiles;

/// <summary>One fold of a loop: its kernels and its identity.</summary>
internal sealed unsafe class Folding
{
    private delegate*<byte*, int, int, byte*, byte*, void> _segments;
    private delegate*<byte*, int, int, byte*, byte*, void> _rows;
    private delegate*<byte*, int, byte*, void> _combine;
    private delegate*<byte*, int, byte*, byte*, void> _accumulate;
    private delegate*<byte*, byte*, void> _finish;
    private readonly byte[] _identity = GC.AllocateArray<byte>(64, pinned: true);

    /// <exception cref="ArgumentException">The type cannot be folded.</exception>
    public Folding(TileFold fold)
    {
        Slot = fold.Slot;
        Size = ElementTypes.Size(fold.Type);
        switch (fold.Type)
        {
            case ElementType.Int32: Find<int>(fold.Kind); break;
            case ElementType.Int64: Find<long>(fold.Kind); break;
            case ElementType.Float32: Find<float>(fold.Kind); break;
            case ElementType.Float64: Find<double>(fold.Kind); break;
            default: throw new ArgumentException($"{fold.Type} cannot be folded");
        }

        long bits = IdentityBits(fold.Kind, fold.Type);
        Runs.Splat((byte*)&bits, Size, Identity);
    }

    /// <summary>The bytes of what <see cref="Accumulate"/> adds to: eight of the widest vectors.</summary>
    public const int StateBytes = 8 * 64;

    public int Slot { get; }

    /// <summary>The bytes of an element.</summary>
    public int Size { get; }

    private byte* Identity => (byte*)Unsafe.AsPointer(ref _identity[0]);

    /// <inheritdoc cref="FoldKernel{TVector, T, TOp}.Segments"/>
    public void Segments(byte* source, int segments, int length, byte* target) =>
        _segments(source, segments, length, Identity, target);

    /// <inheritdoc cref="FoldKernel{TVector, T, TOp}.Rows"/>
    public void Rows(byte* source, int rows, int width, byte* target) =>
        _rows(source, rows, width, Identity, target);

    /// <inheritdoc cref="FoldKernel{TVector, T, TOp}.Combine"/>
    public void Combine(byte* source, int count, byte* target) => _combine(source, count, target);

    /// <inheritdoc cref="FoldKernel{TVector, T, TOp}.Accumulate"/>
    public void Accumulate(byte* source, int count, byte* state) => _accumulate(source, count, Identity, state);

    /// <inheritdoc cref="FoldKernel{TVector, T, TOp}.Finish"/>
    public void Finish(byte* state, byte* target) => _finish(state, target);

    /// <summary>Begins with <see cref="Accumulate"/>.</summary>
    public void ClearState(byte* state) => Clear(state, StateBytes / Size);

    /// <summary>
    /// Sets elements of scratch memory to what changes nothing; up to 64 bytes beyond them too.
    /// </summary>
    public void Clear(byte* target, int count) => Runs.Fill(Identity, Size, target, count);

    /// <summary>The same, with nothing written beyond the elements.</summary>
    public void ClearExactly(byte* target, int count) => Runs.FillExactly(Identity, Size, target, count);

    private static long IdentityBits(FoldKind kind, ElementType type) => (kind, type) switch
    {
        (FoldKind.Sum, _) => 0,
        (FoldKind.Product, ElementType.Float32) => BitConverter.SingleToInt32Bits(1),
        (FoldKind.Product, ElementType.Float64) => BitConverter.DoubleToInt64Bits(1),
        (FoldKind.Product, _) => 1,
        (FoldKind.Max, ElementType.Float32) => BitConverter.SingleToInt32Bits(float.NegativeInfinity),
        (FoldKind.Max, ElementType.Float64) => BitConverter.DoubleToInt64Bits(double.NegativeInfinity),
        (FoldKind.Max, ElementType.Int32) => int.MinValue,
        (FoldKind.Max, _) => long.MinValue,
        (FoldKind.Min, ElementType.Float32) => BitConverter.SingleToInt32Bits(float.PositiveInfinity),
        (FoldKind.Min, ElementType.Float64) => BitConverter.DoubleToInt64Bits(double.PositiveInfinity),
        (FoldKind.Min, ElementType.Int32) => int.MaxValue,
        _ => long.MaxValue,
    };

    private void Find<T>(FoldKind kind)
        where T : unmanaged
    {
        switch (kind)
        {
            case FoldKind.Sum: Find<T, TileOp.AddOp>(); break;
            case FoldKind.Product: Find<T, TileOp.MultiplyOp>(); break;
            case FoldKind.Max: Find<T, TileOp.MaximumOp>(); break;
            case FoldKind.Min: Find<T, TileOp.MinimumOp>(); break;
            default: throw new ArgumentException($"there is no fold {kind}");
        }
    }

    private void Find<T, TOp>()
        where T : unmanaged
        where TOp : struct, IBinaryOp
    {
        if (Vector512.IsHardwareAccelerated)
            Use<Wide512<T>, T, TOp>();
        else if (Vector256.IsHardwareAccelerated)
            Use<Wide256<T>, T, TOp>();
        else
            Use<Wide128<T>, T, TOp>();
    }

    private void Use<TVector, T, TOp>()
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged
        where TOp : struct, IBinaryOp
    {
        _segments = &FoldKernel<TVector, T, TOp>.Segments;
        _rows = &FoldKernel<TVector, T, TOp>.Rows;
        _combine = &FoldKernel<TVector, T, TOp>.Combine;
        _accumulate = &FoldKernel<TVector, T, TOp>.Accumulate;
        _finish = &FoldKernel<TVector, T, TOp>.Finish;
    }
}
