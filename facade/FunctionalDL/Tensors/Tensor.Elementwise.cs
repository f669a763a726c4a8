using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>Functions of each element, and comparisons.</content>
public sealed partial class Tensor
{
    /// <summary>|x|; its derivative at 0 is 0.</summary>
    public Tensor Abs() => Make(TensorModule.abs(_inner));

    /// <summary>-1, 0 or 1; its derivative is 0.</summary>
    public Tensor Sign() => Make(TensorModule.sign(_inner));

    /// <summary>The square root.</summary>
    public Tensor Sqrt() => Make(TensorModule.sqrt(_inner));

    /// <summary>x · x.</summary>
    public Tensor Square() => Make(TensorModule.square(_inner));

    /// <summary>e to the power of x.</summary>
    public Tensor Exp() => Make(TensorModule.exp(_inner));

    /// <summary>exp(x) - 1, exact near 0.</summary>
    public Tensor Expm1() => Make(TensorModule.expm1(_inner));

    /// <summary>The natural logarithm.</summary>
    public Tensor Log() => Make(TensorModule.log(_inner));

    /// <summary>log(1 + x), exact near 0.</summary>
    public Tensor Log1p() => Make(TensorModule.log1p(_inner));

    /// <summary>The sine of radians.</summary>
    public Tensor Sin() => Make(TensorModule.sin(_inner));

    /// <summary>The cosine of radians.</summary>
    public Tensor Cos() => Make(TensorModule.cos(_inner));

    /// <summary>The hyperbolic tangent.</summary>
    public Tensor Tanh() => Make(TensorModule.tanh(_inner));

    /// <summary>1 / (1 + exp(-x)), without overflow.</summary>
    public Tensor Sigmoid() => Make(TensorModule.sigmoid(_inner));

    /// <summary>max(x, 0); its derivative at 0 is 0, and NaN stays NaN.</summary>
    public Tensor Relu() => Make(TensorModule.relu(_inner));

    /// <summary>The larger of two, element by element; ties share the derivative evenly, NaN wins.</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Maximum(Tensor other) => Make(TensorModule.maximum(_inner, other._inner), other);

    /// <summary>The smaller of two, element by element; ties share the derivative evenly, NaN wins.</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Minimum(Tensor other) => Make(TensorModule.minimum(_inner, other._inner), other);

    /// <summary>Whether elements equal those of <paramref name="other"/> (bool).</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Eq(Tensor other) => new(TensorModule.eq(_inner, other._inner));

    /// <summary>Whether elements equal a number (bool).</summary>
    /// <param name="value">The number.</param>
    public Tensor Eq(double value) => Eq(Number(value));

    /// <summary>Whether elements differ from those of <paramref name="other"/> (bool).</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Ne(Tensor other) => new(TensorModule.ne(_inner, other._inner));

    /// <summary>Whether elements differ from a number (bool).</summary>
    /// <param name="value">The number.</param>
    public Tensor Ne(double value) => Ne(Number(value));

    /// <summary>Whether elements are less than those of <paramref name="other"/> (bool).</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Lt(Tensor other) => new(TensorModule.lt(_inner, other._inner));

    /// <summary>Whether elements are less than a number (bool).</summary>
    /// <param name="value">The number.</param>
    public Tensor Lt(double value) => Lt(Number(value));

    /// <summary>Whether elements are at most those of <paramref name="other"/> (bool).</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Le(Tensor other) => new(TensorModule.le(_inner, other._inner));

    /// <summary>Whether elements are at most a number (bool).</summary>
    /// <param name="value">The number.</param>
    public Tensor Le(double value) => Le(Number(value));

    /// <summary>Whether elements are greater than those of <paramref name="other"/> (bool).</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Gt(Tensor other) => new(TensorModule.gt(_inner, other._inner));

    /// <summary>Whether elements are greater than a number (bool).</summary>
    /// <param name="value">The number.</param>
    public Tensor Gt(double value) => Gt(Number(value));

    /// <summary>Whether elements are at least those of <paramref name="other"/> (bool).</summary>
    /// <param name="other">The other operand.</param>
    public Tensor Ge(Tensor other) => new(TensorModule.ge(_inner, other._inner));

    /// <summary>Whether elements are at least a number (bool).</summary>
    /// <param name="value">The number.</param>
    public Tensor Ge(double value) => Ge(Number(value));

    /// <summary>A number to compare with: in the tensor's own type where that can hold it.</summary>
    private Tensor Number(double value) =>
        Scalar(value, DType.IsFloat() ? DType : DType.Float64);
}
