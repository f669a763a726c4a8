using FunctionalDL.Core;

namespace FunctionalDL;

/// <content>Arithmetic, and numbers as tensors and back.</content>
public sealed partial class Tensor
{
    /// <summary>The sum, element by element.</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator +(Tensor left, Tensor right) => left.Make(left._inner + right._inner, right);

    /// <summary>The sum with a number, which takes the tensor's type unless it is of a wider kind.</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator +(Tensor left, double right) => left.Make(left._inner + right);

    /// <inheritdoc cref="op_Addition(Tensor, double)"/>
    public static Tensor operator +(double left, Tensor right) => right.Make(left + right._inner);

    /// <inheritdoc cref="op_Addition(Tensor, double)"/>
    public static Tensor operator +(Tensor left, int right) => left.Make(left._inner + right);

    /// <inheritdoc cref="op_Addition(Tensor, double)"/>
    public static Tensor operator +(int left, Tensor right) => right.Make(left + right._inner);

    /// <summary>The difference, element by element.</summary>
    /// <param name="left">What is subtracted from.</param>
    /// <param name="right">What is subtracted.</param>
    public static Tensor operator -(Tensor left, Tensor right) => left.Make(left._inner - right._inner, right);

    /// <summary>
    /// The difference with a number, which takes the tensor's type unless it is of a wider kind.
    /// </summary>
    /// <param name="left">What is subtracted from.</param>
    /// <param name="right">What is subtracted.</param>
    public static Tensor operator -(Tensor left, double right) => left.Make(left._inner - right);

    /// <inheritdoc cref="op_Subtraction(Tensor, double)"/>
    public static Tensor operator -(double left, Tensor right) => right.Make(left - right._inner);

    /// <inheritdoc cref="op_Subtraction(Tensor, double)"/>
    public static Tensor operator -(Tensor left, int right) => left.Make(left._inner - right);

    /// <inheritdoc cref="op_Subtraction(Tensor, double)"/>
    public static Tensor operator -(int left, Tensor right) => right.Make(left - right._inner);

    /// <summary>The negative, element by element.</summary>
    /// <param name="operand">The operand.</param>
    public static Tensor operator -(Tensor operand) => operand.Make(TensorModule.neg(operand._inner));

    /// <summary>
    /// The product, element by element; for the product of matrices see <see cref="MatMul"/>.
    /// </summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator *(Tensor left, Tensor right) => left.Make(left._inner * right._inner, right);

    /// <summary>
    /// The product with a number, which takes the tensor's type unless it is of a wider kind.
    /// </summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator *(Tensor left, double right) => left.Make(left._inner * right);

    /// <inheritdoc cref="op_Multiply(Tensor, double)"/>
    public static Tensor operator *(double left, Tensor right) => right.Make(left * right._inner);

    /// <inheritdoc cref="op_Multiply(Tensor, double)"/>
    public static Tensor operator *(Tensor left, int right) => left.Make(left._inner * right);

    /// <inheritdoc cref="op_Multiply(Tensor, double)"/>
    public static Tensor operator *(int left, Tensor right) => right.Make(left * right._inner);

    /// <summary>The quotient, element by element; whole numbers are divided as float32.</summary>
    /// <param name="left">What is divided.</param>
    /// <param name="right">What it is divided by.</param>
    public static Tensor operator /(Tensor left, Tensor right) => left.Make(left._inner / right._inner, right);

    /// <summary>
    /// The quotient with a number, which takes the tensor's type unless it is of a wider kind.
    /// </summary>
    /// <param name="left">What is divided.</param>
    /// <param name="right">What it is divided by.</param>
    public static Tensor operator /(Tensor left, double right) => left.Make(left._inner / right);

    /// <inheritdoc cref="op_Division(Tensor, double)"/>
    public static Tensor operator /(double left, Tensor right) => right.Make(left / right._inner);

    /// <inheritdoc cref="op_Division(Tensor, double)"/>
    public static Tensor operator /(Tensor left, int right) => left.Make(left._inner / right);

    /// <inheritdoc cref="op_Division(Tensor, double)"/>
    public static Tensor operator /(int left, Tensor right) => right.Make(left / right._inner);

    /// <summary>
    /// A tensor without axes, of the number's own type. Like PyTorch's numbers it does not widen a tensor with axes of
    /// the same kind: float32 stays float32.
    /// </summary>
    /// <param name="value">The number.</param>
    public static implicit operator Tensor(double value) => Scalar(value, DType.Float64);

    /// <inheritdoc cref="op_Implicit(double)"/>
    public static implicit operator Tensor(float value) => Scalar(value);

    /// <inheritdoc cref="op_Implicit(double)"/>
    public static implicit operator Tensor(long value) => From([value], []);

    /// <inheritdoc cref="op_Implicit(double)"/>
    public static implicit operator Tensor(int value) => Scalar(value, DType.Int32);

    /// <inheritdoc cref="op_Implicit(double)"/>
    public static implicit operator Tensor(bool value) => Scalar(value ? 1 : 0, DType.Bool);

    /// <summary>The only element; an error for more or fewer.</summary>
    /// <param name="tensor">A tensor of one element.</param>
    public static explicit operator double(Tensor tensor) => tensor.Item();

    /// <summary>The only element; an error for more or fewer.</summary>
    /// <param name="tensor">A tensor of one element.</param>
    public static explicit operator float(Tensor tensor) => tensor.Item<float>();

    /// <summary>The only element; an error for more or fewer.</summary>
    /// <param name="tensor">A tensor of one element.</param>
    public static explicit operator long(Tensor tensor) => tensor.Item<long>();

    /// <summary>The only element; an error for more or fewer.</summary>
    /// <param name="tensor">A tensor of one element.</param>
    public static explicit operator int(Tensor tensor) => tensor.Item<int>();

    /// <summary>Whether the only element is not 0.</summary>
    /// <param name="tensor">A tensor of one element.</param>
    public static explicit operator bool(Tensor tensor) => tensor.Item() != 0;
}
