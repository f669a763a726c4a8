namespace FunctionalDL.Core

open System
open FunctionalDL.Kernels

/// The type of a tensor's elements. `UInt8` is for storage (pictures): cast it before computing.
[<RequireQualifiedAccess; Struct>]
type DType =
    /// False or true, one byte.
    | Bool
    /// An unsigned byte, 0 to 255.
    | UInt8
    /// A 32-bit signed integer.
    | Int32
    /// A 64-bit signed integer: labels and indices.
    | Int64
    /// IEEE binary32, the default.
    | Float32
    /// IEEE binary64.
    | Float64

    override this.ToString() =
        match this with
        | Bool -> "bool"
        | UInt8 -> "uint8"
        | Int32 -> "int32"
        | Int64 -> "int64"
        | Float32 -> "float32"
        | Float64 -> "float64"

/// Facts about element types, and the one promotion rule.
[<RequireQualifiedAccess>]
module DType =

    /// What a number is, from the narrowest kind to the widest.
    [<RequireQualifiedAccess>]
    type internal Kind =
        | Logical
        | Whole
        | Real

    /// The name the kernels know the type by.
    let internal element dtype =
        match dtype with
        | DType.Bool -> ElementType.Bool
        | DType.UInt8 -> ElementType.UInt8
        | DType.Int32 -> ElementType.Int32
        | DType.Int64 -> ElementType.Int64
        | DType.Float32 -> ElementType.Float32
        | DType.Float64 -> ElementType.Float64

    /// Bytes an element takes.
    let size dtype = ElementTypes.Size(element dtype)

    let internal kind dtype =
        match dtype with
        | DType.Bool -> Kind.Logical
        | DType.UInt8
        | DType.Int32
        | DType.Int64 -> Kind.Whole
        | DType.Float32
        | DType.Float64 -> Kind.Real

    /// Whether elements are floating-point numbers: only these have derivatives.
    let isFloat dtype = kind dtype = Kind.Real

    /// Whether elements are whole numbers.
    let isInteger dtype = kind dtype = Kind.Whole

    let private rank dtype =
        match dtype with
        | DType.Bool -> 0
        | DType.UInt8 -> 1
        | DType.Int32 -> 2
        | DType.Int64 -> 3
        | DType.Float32 -> 4
        | DType.Float64 -> 5

    /// The type two operands meet in: the wider of the two, as in PyTorch (bool < uint8 < int32 < int64 <
    /// float32 < float64).
    let promote a b = if rank a >= rank b then a else b

    /// The type that two tensors of these ranks meet in: that of `promote`, but a scalar does not widen a
    /// tensor with axes unless it is of a wider kind, as in PyTorch.
    let internal promoteTensors (a, rankA) (b, rankB) =
        let isWeak scalar scalarRank other otherRank =
            scalarRank = 0 && otherRank > 0 && compare (kind scalar) (kind other) <= 0

        if isWeak a rankA b rankB then b
        elif isWeak b rankB a rankA then a
        else promote a b

    /// The type of a tensor combined with a plain number: the tensor's own, unless the number is of a wider
    /// kind (an integer tensor with a real number becomes float32).
    let internal promoteScalar dtype scalarKind =
        match kind dtype, scalarKind with
        | Kind.Real, _
        | Kind.Whole, (Kind.Whole | Kind.Logical)
        | Kind.Logical, Kind.Logical -> dtype
        | Kind.Logical, Kind.Whole -> DType.Int64
        | (Kind.Whole | Kind.Logical), Kind.Real -> DType.Float32

/// One element: its type and its bits. Equal when the bits are equal, so NaN equals itself and 0 differs from
/// -0.
[<Struct>]
type Literal = { DType: DType; Bits: int64 }

/// Making and reading literals.
[<RequireQualifiedAccess>]
module Literal =

    /// The nearest element of `dtype` to `value`.
    let ofFloat dtype (value: float) =
        let bits =
            match dtype with
            | DType.Bool -> if value <> 0.0 then 1L else 0L
            | DType.UInt8 -> int64 (uint8 value)
            | DType.Int32 -> int64 (int32 value)
            | DType.Int64 -> int64 value
            | DType.Float32 -> int64 (BitConverter.SingleToInt32Bits(float32 value))
            | DType.Float64 -> BitConverter.DoubleToInt64Bits value

        { DType = dtype; Bits = bits }

    /// The element of `dtype` for a whole number, exact for integers of 64 bits.
    let ofInt64 dtype (value: int64) =
        match dtype with
        | DType.Int64 -> { DType = dtype; Bits = value }
        | DType.Bool
        | DType.UInt8
        | DType.Int32
        | DType.Float32
        | DType.Float64 -> ofFloat dtype (float value)

    /// The value as a float64, exact for all but the largest int64.
    let toFloat literal =
        match literal.DType with
        | DType.Bool
        | DType.UInt8
        | DType.Int32
        | DType.Int64 -> float literal.Bits
        | DType.Float32 -> float (BitConverter.Int32BitsToSingle(int32 literal.Bits))
        | DType.Float64 -> BitConverter.Int64BitsToDouble literal.Bits
