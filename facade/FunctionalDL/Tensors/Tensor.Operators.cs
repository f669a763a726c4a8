using System.Runtime.CompilerServices;
using FunctionalDL.Core;

namespace FunctionalDL;

/// <content>Operators and indexing.</content>
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

    /// <summary>The part at a position of the first axis, without that axis: a row of a matrix.</summary>
    /// <param name="index">The position; negative ones count from the end.</param>
    /// <exception cref="ShapeException">It is a scalar, or has no such position.</exception>
    [IndexerName("Part")]
    public Tensor this[int index]
    {
        get
        {
            var size = FirstAxis("index");

            if (index < -size || index >= size)
            {
                throw new ShapeException(
                    $"index: position {index} of shape {_inner.Shape} does not exist; "
                    + $"positions go from {-size} to {size - 1}");
            }

            var at = index < 0 ? index + size : index;
            return Make(TensorModule.squeeze(0, TensorModule.narrow(0, at, 1, _inner)));
        }
    }

    /// <summary>
    /// The part at a position of the first axis, which may be counted from the end: <c>x[^1]</c>.
    /// </summary>
    /// <param name="index">The position.</param>
    /// <exception cref="ShapeException">It is a scalar, or has no such position.</exception>
    [IndexerName("Part")]
    public Tensor this[Index index] => this[index.IsFromEnd ? -index.Value : index.Value];

    /// <summary>
    /// A range of the first axis, as a view: <c>x[..64]</c>. Like PyTorch's, it is cut to what there is, so
    /// that the last batch may be shorter.
    /// </summary>
    /// <param name="range">Positions of the first axis.</param>
    /// <exception cref="ShapeException">It is a scalar.</exception>
    [IndexerName("Part")]
    public Tensor this[Range range]
    {
        get
        {
            var size = FirstAxis("slice");
            var start = Math.Clamp(range.Start.GetOffset(size), 0, size);
            var end = Math.Clamp(range.End.GetOffset(size), start, size);
            return Make(TensorModule.narrow(0, start, end - start, _inner));
        }
    }

    private int FirstAxis(string operation) =>
        Rank > 0
            ? _inner.Shape[0]
            : throw new ShapeException($"{operation}: a scalar has no axes; use Item() for its value");
}
