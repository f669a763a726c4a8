namespace FunctionalDL.Kernels;

/// <summary>
/// What a <see cref="TileInstruction"/> does to each element. "Any number" means Int32, Int64, Float32 and
/// Float64.
/// </summary>
/// <remarks>
/// Accuracy is stated in units in the last place (ulp) of the result, as measured against correctly rounded
/// values with the processor's fused multiply-add. A lane's result depends on that lane alone, never on its
/// neighbours or its place in a tile.
/// </remarks>
public enum TileOp : byte
{
    /// <summary>a, of any type.</summary>
    Copy,

    /// <summary>-a; flips the sign of a zero. Any number; the smallest integer wraps.</summary>
    Neg,

    /// <summary>|a|. Any number; the smallest integer wraps.</summary>
    Abs,

    /// <summary>(a > 0) - (a &lt; 0): 0 for ±0 and for NaN. Any number.</summary>
    Sign,

    /// <summary>√a, correctly rounded. Floating point.</summary>
    Sqrt,

    /// <summary>eᵃ, 1 ulp; subnormal results are kept. Floating point.</summary>
    Exp,

    /// <summary>eᵃ - 1, 2 ulp, also near 0. Floating point.</summary>
    Expm1,

    /// <summary>The natural logarithm, 1 ulp. Floating point.</summary>
    Log,

    /// <summary>log(1 + a), 2 ulp, also near 0. Floating point.</summary>
    Log1p,

    /// <summary>Sine of radians, 2 ulp for every size of a. Floating point.</summary>
    Sin,

    /// <summary>Cosine of radians, 2 ulp for every size of a. Floating point.</summary>
    Cos,

    /// <summary>Hyperbolic tangent, 3 ulp, also near 0. Floating point.</summary>
    Tanh,

    /// <summary>
    /// 1 / (1 + e⁻ᵃ), 3 ulp on both sides: small results keep their relative accuracy. Floating point.
    /// </summary>
    Sigmoid,

    /// <summary>The error function, 4 ulp (binary64: 2). Floating point.</summary>
    Erf,

    /// <summary>The number whose error function is a; ±∞ at ±1, NaN beyond. 8 ulp away from the ends. Floating point.</summary>
    Erfinv,

    /// <summary>The next integer below. Floating point.</summary>
    Floor,

    /// <summary>The next integer above. Floating point.</summary>
    Ceil,

    /// <summary>The nearest integer, ties to even. Floating point.</summary>
    Round,

    /// <summary>a + b. Any number; integers wrap.</summary>
    Add,

    /// <summary>a - b. Any number; integers wrap.</summary>
    Sub,

    /// <summary>a · b. Any number; integers wrap.</summary>
    Mul,

    /// <summary>a / b, correctly rounded. Floating point.</summary>
    Div,

    /// <summary>The larger of two; NaN if either is; +0 is larger than -0. Any number.</summary>
    Maximum,

    /// <summary>The smaller of two; NaN if either is; -0 is smaller than +0. Any number.</summary>
    Minimum,

    /// <summary>a to the power of b, as IEEE 754's pow: 1 ulp. Floating point.</summary>
    Pow,

    /// <summary>The angle of the point (b, a), in (-π, π]: 1 ulp. Floating point.</summary>
    Atan2,

    /// <summary>a = b, as Bool. Any type; NaN equals nothing.</summary>
    Equal,

    /// <summary>a ≠ b, as Bool. Any type; NaN differs from everything.</summary>
    NotEqual,

    /// <summary>a &lt; b, as Bool. Any number or UInt8.</summary>
    Less,

    /// <summary>a ≤ b, as Bool. Any number or UInt8.</summary>
    LessEqual,

    /// <summary>a > b, as Bool. Any number or UInt8.</summary>
    Greater,

    /// <summary>a ≥ b, as Bool. Any number or UInt8.</summary>
    GreaterEqual,

    /// <summary>a ∧ b. Bool.</summary>
    And,

    /// <summary>a ∨ b. Bool.</summary>
    Or,

    /// <summary>¬a. Bool.</summary>
    Not,

    /// <summary>b where the Bool a is set, else c; b and c of any type.</summary>
    Select,

    /// <summary>
    /// a as another type. Floating point to an integer truncates towards zero and saturates, and NaN gives 0;
    /// integers to a smaller integer wrap; anything to Bool is a ≠ 0; Bool to a number is 0 or 1.
    /// </summary>
    Cast,
}

/// <summary>How a <see cref="TileFold"/> combines elements.</summary>
public enum FoldKind : byte
{
    /// <summary>The sum; 0 of nothing.</summary>
    Sum,

    /// <summary>The largest; NaN if any is NaN. Of nothing: the least value of the type.</summary>
    Max,

    /// <summary>The smallest; NaN if any is NaN. Of nothing: the greatest value of the type.</summary>
    Min,

    /// <summary>The product; 1 of nothing.</summary>
    Product,
}
