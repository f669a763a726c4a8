using FunctionalDL.Core;

namespace FunctionalDL;

/// <content>Functions of each element.</content>
public sealed partial class Tensor
{
    /// <summary>|x|; its derivative at 0 is 0.</summary>
    public Tensor Abs() => Make(TensorModule.abs(_inner));

    /// <summary>The negative, -x.</summary>
    public Tensor Neg() => Make(TensorModule.neg(_inner));

    /// <summary>-1, 0 or 1; its derivative is 0.</summary>
    public Tensor Sign() => Make(TensorModule.sign(_inner));

    /// <summary>1 / x.</summary>
    public Tensor Reciprocal() => Make(TensorModule.reciprocal(_inner));

    /// <summary>The square root.</summary>
    public Tensor Sqrt() => Make(TensorModule.sqrt(_inner));

    /// <summary>1 / √x.</summary>
    public Tensor Rsqrt() => Make(TensorModule.rsqrt(_inner));

    /// <summary>x · x.</summary>
    public Tensor Square() => Make(TensorModule.square(_inner));

    /// <summary>x to a power.</summary>
    /// <param name="exponent">The power, which is part of the compiled plan.</param>
    public Tensor Pow(double exponent) => Make(TensorModule.powScalar(exponent, _inner));

    /// <summary>x to a power, element by element.</summary>
    /// <param name="exponent">The powers.</param>
    public Tensor Pow(Tensor exponent) => Make(TensorModule.pow(_inner, exponent._inner), exponent);

    /// <summary>e to the power of x.</summary>
    public Tensor Exp() => Make(TensorModule.exp(_inner));

    /// <summary>exp(x) - 1, exact near 0.</summary>
    public Tensor Expm1() => Make(TensorModule.expm1(_inner));

    /// <summary>The natural logarithm.</summary>
    public Tensor Log() => Make(TensorModule.log(_inner));

    /// <summary>log(1 + x), exact near 0.</summary>
    public Tensor Log1p() => Make(TensorModule.log1p(_inner));

    /// <summary>The logarithm to base 2.</summary>
    public Tensor Log2() => Make(TensorModule.log2(_inner));

    /// <summary>The logarithm to base 10.</summary>
    public Tensor Log10() => Make(TensorModule.log10(_inner));

    /// <summary>The sine of radians.</summary>
    public Tensor Sin() => Make(TensorModule.sin(_inner));

    /// <summary>The cosine of radians.</summary>
    public Tensor Cos() => Make(TensorModule.cos(_inner));

    /// <summary>The tangent of radians.</summary>
    public Tensor Tan() => Make(TensorModule.tan(_inner));

    /// <summary>The angle (radians) whose sine is x.</summary>
    public Tensor Asin() => Make(TensorModule.asin(_inner));

    /// <summary>The angle (radians) whose cosine is x.</summary>
    public Tensor Acos() => Make(TensorModule.acos(_inner));

    /// <summary>The angle (radians) whose tangent is x.</summary>
    public Tensor Atan() => Make(TensorModule.atan(_inner));

    /// <summary>The angle (radians) of the point (<paramref name="other"/>, x), in all quadrants.</summary>
    /// <param name="other">The points' first coordinates.</param>
    public Tensor Atan2(Tensor other) => Make(TensorModule.atan2(_inner, other._inner), other);

    /// <summary>The hyperbolic sine.</summary>
    public Tensor Sinh() => Make(TensorModule.sinh(_inner));

    /// <summary>The hyperbolic cosine.</summary>
    public Tensor Cosh() => Make(TensorModule.cosh(_inner));

    /// <summary>The hyperbolic tangent.</summary>
    public Tensor Tanh() => Make(TensorModule.tanh(_inner));

    /// <summary>What the hyperbolic tangent of is x.</summary>
    public Tensor Atanh() => Make(TensorModule.atanh(_inner));

    /// <summary>1 / (1 + exp(-x)), without overflow.</summary>
    public Tensor Sigmoid() => Make(TensorModule.sigmoid(_inner));

    /// <summary>max(x, 0); its derivative at 0 is 0, and NaN stays NaN.</summary>
    public Tensor Relu() => Make(TensorModule.relu(_inner));

    /// <summary>The error function.</summary>
    public Tensor Erf() => Make(TensorModule.erf(_inner));

    /// <summary>The inverse of the error function.</summary>
    public Tensor Erfinv() => Make(TensorModule.erfinv(_inner));

    /// <summary>The next whole number below; its derivative is 0.</summary>
    public Tensor Floor() => Make(TensorModule.floor(_inner));

    /// <summary>The next whole number above; its derivative is 0.</summary>
    public Tensor Ceil() => Make(TensorModule.ceil(_inner));

    /// <summary>The nearest whole number, half-way the even one; its derivative is 0.</summary>
    public Tensor Round() => Make(TensorModule.round(_inner));

    /// <summary>The larger of two, element by element; ties share the derivative evenly, NaN wins.</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Maximum(Tensor other) => Make(TensorModule.maximum(_inner, other._inner), other);

    /// <summary>The smaller of two, element by element; ties share the derivative evenly, NaN wins.</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Minimum(Tensor other) => Make(TensorModule.minimum(_inner, other._inner), other);

    /// <summary>Elements moved to the nearest bound where they are outside; the derivative at a bound is 1.</summary>
    /// <param name="min">The least value; none when not given.</param>
    /// <param name="max">The greatest value; none when not given.</param>
    public Tensor Clamp(double? min = null, double? max = null) => Make(
        TensorModule.clamp(min ?? double.NegativeInfinity, max ?? double.PositiveInfinity, _inner));

    /// <summary>Elements, at least <paramref name="min"/>; the derivative at the bound is 1.</summary>
    /// <param name="min">The least value.</param>
    public Tensor ClampMin(double min) => Clamp(min);

    /// <summary>Elements, at most <paramref name="max"/>; the derivative at the bound is 1.</summary>
    /// <param name="max">The greatest value.</param>
    public Tensor ClampMax(double max) => Clamp(max: max);

    /// <summary><c>x + weight · (end - x)</c>: what lies at that share of the way.</summary>
    /// <param name="end">Where a weight of 1 leads.</param>
    /// <param name="weight">The share of the way.</param>
    public Tensor Lerp(Tensor end, double weight) => Make(TensorModule.lerpScalar(weight, _inner, end._inner), end);

    /// <summary>The elements as float32.</summary>
    public Tensor Float() => To(DType.Float32);

    /// <summary>The elements as float64.</summary>
    public Tensor Double() => To(DType.Float64);

    /// <summary>The elements as int64; real numbers are cut towards zero.</summary>
    public Tensor Long() => To(DType.Int64);

    /// <summary>The elements as int32; real numbers are cut towards zero.</summary>
    public Tensor Int() => To(DType.Int32);

    /// <summary>Whether elements are not 0.</summary>
    public Tensor Bool() => To(DType.Bool);
}
