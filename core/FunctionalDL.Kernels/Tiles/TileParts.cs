namespace FunctionalDL.Kernels;

/// <summary>One operation on whole registers: target ← op(a, b, c).</summary>
/// <param name="Op">What is done.</param>
/// <param name="Type">
/// The type of A and B; for <see cref="TileOp.Select"/> of B and C (A is Bool); for <see cref="TileOp.Cast"/>
/// of A.
/// </param>
/// <param name="Result">The type of the target.</param>
/// <param name="Target">The register that is written; it may be one of the operands.</param>
/// <param name="A">The first operand's register.</param>
/// <param name="B">The second operand's register, or -1.</param>
/// <param name="C">The third operand's register, or -1.</param>
public readonly record struct TileInstruction(
    TileOp Op, ElementType Type, ElementType Result, int Target, int A, int B = -1, int C = -1);

/// <summary>Fills a register from memory.</summary>
/// <param name="Register">The register.</param>
/// <param name="Type">The type of the elements.</param>
/// <param name="Slot">The index of the operand's base address.</param>
/// <param name="Offset">The element, counted from the base, at the origin of the iteration space.</param>
/// <param name="Strides">
/// The elements from one index to the next, for each dimension of the space; 0 broadcasts, negative ones
/// reverse.
/// </param>
public readonly record struct TileLoad(int Register, ElementType Type, int Slot, long Offset, long[] Strides);

/// <summary>Fills a register with a constant.</summary>
/// <param name="Register">The register.</param>
/// <param name="Type">The type of the element.</param>
/// <param name="Bits">The bits of the element, in the low bytes.</param>
public readonly record struct TileConstant(int Register, ElementType Type, long Bits);

/// <summary>Fills a register with one element that is read from memory when the loop runs.</summary>
/// <param name="Register">The register.</param>
/// <param name="Type">The type of the element.</param>
/// <param name="Slot">The index of the operand's base address.</param>
/// <param name="Offset">The element, counted from the base.</param>
public readonly record struct TileScalar(int Register, ElementType Type, int Slot, long Offset);

/// <summary>
/// Writes a register to memory, contiguous and row-major over the iteration space, from element 0 of the
/// slot.
/// </summary>
/// <param name="Register">The register; its value after the last instruction is stored.</param>
/// <param name="Type">The type of the elements.</param>
/// <param name="Slot">The index of the target's base address.</param>
/// <param name="IsNear">
/// Whether somebody reads it while it is in a near cache, so that it must not be written past the caches
/// however large the target is.
/// </param>
public readonly record struct TileStore(int Register, ElementType Type, int Slot, bool IsNear = false);

/// <summary>
/// Combines a register's elements over the reduced dimensions. The result is contiguous, [outer, inner], from
/// element 0 of the slot.
/// </summary>
/// <param name="Kind">How elements are combined.</param>
/// <param name="Register">The register; its value after the last instruction is combined.</param>
/// <param name="Type">The type of the elements and of the result: a number, not UInt8 or Bool.</param>
/// <param name="Slot">The index of the target's base address.</param>
public readonly record struct TileFold(FoldKind Kind, int Register, ElementType Type, int Slot);
