namespace FunctionalDL.Kernels.Vectors;

/// <summary>
/// A vector of <typeparamref name="T"/> of some width. Kernels are written once, generic over this interface,
/// and are compiled for <see cref="Wide512{T}"/>, <see cref="Wide256{T}"/> and <see cref="Wide128{T}"/>; as
/// these are structs, the compiler sees through every member and none costs a call.
/// </summary>
/// <remarks>
/// Comparisons give masks: a lane of all ones is true. Members named "bits" treat a lane as an integer of its
/// own size. Members for floating-point numbers only say so; calling them for integers throws.
/// </remarks>
internal unsafe interface IVector<TSelf, T>
    where TSelf : unmanaged, IVector<TSelf, T>
    where T : unmanaged
{
    /// <summary>The number of lanes.</summary>
    static abstract int Count { get; }

    static abstract TSelf Load(T* source);

    static abstract void Store(TSelf value, T* target);

    /// <summary>Reads <see cref="Count"/> bytes, each 0 or 1, as a mask.</summary>
    static abstract TSelf LoadMask(byte* source);

    /// <summary>Writes a mask as <see cref="Count"/> bytes, each 0 or 1.</summary>
    static abstract void StoreMask(TSelf mask, byte* target);

    static abstract TSelf Splat(T value);

    /// <summary>A floating-point constant in all lanes, rounded to <typeparamref name="T"/>.</summary>
    static abstract TSelf Constant(double value);

    /// <summary>A pattern of bits in all lanes; 4-byte lanes take the low half.</summary>
    static abstract TSelf Bits(long value);

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, TSelf b);

    /// <summary>Floating point only.</summary>
    static abstract TSelf operator /(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a);

    static abstract TSelf operator &(TSelf a, TSelf b);

    static abstract TSelf operator |(TSelf a, TSelf b);

    static abstract TSelf operator ^(TSelf a, TSelf b);

    static abstract TSelf operator ~(TSelf a);

    /// <summary>
    /// a · b + c, rounded once where the processor can (all with AVX2 or NEON), else twice. Floating point
    /// only.
    /// </summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>a · b + c, rounded once on every processor, however slowly. Floating point only.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>Floating point only.</summary>
    static abstract TSelf Sqrt(TSelf a);

    static abstract TSelf Abs(TSelf a);

    /// <summary>Floating point only.</summary>
    static abstract TSelf Floor(TSelf a);

    /// <summary>Floating point only.</summary>
    static abstract TSelf Ceiling(TSelf a);

    /// <summary>To the nearest integer, ties to even. Floating point only.</summary>
    static abstract TSelf Round(TSelf a);

    /// <summary>The larger; NaN if either is NaN; +0 is larger than -0.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>The smaller; NaN if either is NaN; -0 is smaller than +0.</summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>
    /// The value, but not above a bound; a NaN stays NaN. The bound is a number; one instruction.
    /// </summary>
    static abstract TSelf AtMost(TSelf value, TSelf high);

    /// <summary>
    /// The value, but not below a bound; a NaN stays NaN. The bound is a number; one instruction.
    /// </summary>
    static abstract TSelf AtLeast(TSelf value, TSelf low);

    static abstract TSelf Equal(TSelf a, TSelf b);

    static abstract TSelf Less(TSelf a, TSelf b);

    static abstract TSelf LessOrEqual(TSelf a, TSelf b);

    /// <summary>
    /// Lanes of <paramref name="whenTrue"/> where the mask is set, else of <paramref name="whenFalse"/>.
    /// </summary>
    static abstract TSelf Select(TSelf mask, TSelf whenTrue, TSelf whenFalse);

    /// <summary>Whether any lane of a mask is set.</summary>
    static abstract bool Any(TSelf mask);

    /// <summary>Shifts bits towards the high end.</summary>
    static abstract TSelf ShiftLeft(TSelf a, int count);

    /// <summary>Shifts bits towards the low end, filling with zeros.</summary>
    static abstract TSelf ShiftRight(TSelf a, int count);

    /// <summary>Shifts bits towards the low end, filling with the sign.</summary>
    static abstract TSelf ShiftRightSigned(TSelf a, int count);

    /// <summary>Adds lanes as integers.</summary>
    static abstract TSelf AddBits(TSelf a, TSelf b);

    /// <summary>Subtracts lanes as integers.</summary>
    static abstract TSelf SubtractBits(TSelf a, TSelf b);

    /// <summary>All lanes combined by <typeparamref name="TOp"/>: halves with halves, a fixed tree.</summary>
    static abstract T Fold<TOp>(TSelf value)
        where TOp : struct, IBinaryOp;
}

/// <summary>An operation on one vector, for any width and element type that it makes sense for.</summary>
internal interface IUnaryOp
{
    static abstract TVector Apply<TVector, T>(TVector a)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged;
}

/// <summary>An operation on two vectors, for any width and element type that it makes sense for.</summary>
internal interface IBinaryOp
{
    static abstract TVector Apply<TVector, T>(TVector a, TVector b)
        where TVector : unmanaged, IVector<TVector, T>
        where T : unmanaged;
}
