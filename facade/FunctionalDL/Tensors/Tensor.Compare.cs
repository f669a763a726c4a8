using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>
/// Comparisons and truth values (bool). <c>==</c> asks whether two variables hold one tensor, as for every class;
/// <see cref="Eq(Tensor)"/> compares elements.
/// </content>
public sealed partial class Tensor
{
    /// <summary>Whether elements are less than those on the right (bool).</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator <(Tensor left, Tensor right) => left.Lt(right);

    /// <inheritdoc cref="op_LessThan(Tensor, Tensor)"/>
    public static Tensor operator <(Tensor left, double right) => left.Lt(right);

    /// <summary>Whether elements are greater than those on the right (bool).</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator >(Tensor left, Tensor right) => left.Gt(right);

    /// <inheritdoc cref="op_GreaterThan(Tensor, Tensor)"/>
    public static Tensor operator >(Tensor left, double right) => left.Gt(right);

    /// <summary>Whether elements are at most those on the right (bool).</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator <=(Tensor left, Tensor right) => left.Le(right);

    /// <inheritdoc cref="op_LessThanOrEqual(Tensor, Tensor)"/>
    public static Tensor operator <=(Tensor left, double right) => left.Le(right);

    /// <summary>Whether elements are at least those on the right (bool).</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator >=(Tensor left, Tensor right) => left.Ge(right);

    /// <inheritdoc cref="op_GreaterThanOrEqual(Tensor, Tensor)"/>
    public static Tensor operator >=(Tensor left, double right) => left.Ge(right);

    /// <summary>Whether both hold (bool); a number holds when it is not 0.</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator &(Tensor left, Tensor right) =>
        new(TensorModule.where(left._inner, right.Bool()._inner, Truth(false)));

    /// <summary>Whether one or both hold (bool); a number holds when it is not 0.</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator |(Tensor left, Tensor right) =>
        new(TensorModule.where(left._inner, Truth(true), right.Bool()._inner));

    /// <summary>Whether exactly one holds (bool); a number holds when it is not 0.</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator ^(Tensor left, Tensor right) => left.Bool().Ne(right.Bool());

    /// <summary>Whether it does not hold (bool); a number holds when it is not 0.</summary>
    /// <param name="operand">The operand.</param>
    public static Tensor operator ~(Tensor operand) =>
        new(TensorModule.where(operand._inner, Truth(false), Truth(true)));

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

    /// <summary>Whether elements are NaN (bool).</summary>
    public Tensor IsNaN() => Ne(this);

    /// <summary>Whether elements are +∞ or -∞ (bool).</summary>
    public Tensor IsInf() => Abs().Eq(double.PositiveInfinity);

    /// <summary>Whether elements are neither NaN nor infinite (bool).</summary>
    public Tensor IsFinite() => Abs().Lt(double.PositiveInfinity);

    /// <summary>
    /// Whether shapes are equal and no element is further from its counterpart than
    /// <c>atol + rtol · |other|</c>.
    /// </summary>
    /// <param name="other">What is compared with.</param>
    /// <param name="rtol">The relative distance allowed.</param>
    /// <param name="atol">The absolute distance allowed.</param>
    public bool AllClose(Tensor other, double rtol = 1e-5, double atol = 1e-8) =>
        Shape == other.Shape
        && (bool)(Eq(other) | (To(DType.Float64) - other).Abs().Le(atol + rtol * other.To(DType.Float64).Abs())).All();

    /// <summary>Whether shapes and all elements are equal.</summary>
    /// <param name="other">What is compared with.</param>
    public bool AllEqual(Tensor other) => Shape == other.Shape && (bool)Eq(other).All();

    /// <summary>A number to compare with: in the tensor's own type where that can hold it.</summary>
    private Tensor Number(double value) =>
        Scalar(value, DType.IsFloat() ? DType : DType.Float64);

    private static Core.Tensor Truth(bool value) => TensorModule.full(Core.DType.Bool, Fs.Sizes([]), value ? 1 : 0);
}
