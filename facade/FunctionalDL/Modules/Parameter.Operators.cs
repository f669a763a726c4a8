namespace FunctionalDL;

/// <content>
/// Arithmetic as with tensors, which the conversion alone does not give: between a parameter and a number, or two
/// parameters, C# looks for the operators of these types only.
/// </content>
public sealed partial class Parameter
{
    /// <summary>The sum of the values, element by element.</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator +(Parameter left, Parameter right) => left.Value + right.Value;

    /// <inheritdoc cref="op_Addition(Parameter, Parameter)"/>
    public static Tensor operator +(Parameter left, double right) => left.Value + right;

    /// <inheritdoc cref="op_Addition(Parameter, Parameter)"/>
    public static Tensor operator +(double left, Parameter right) => left + right.Value;

    /// <summary>The difference of the values, element by element.</summary>
    /// <param name="left">What is subtracted from.</param>
    /// <param name="right">What is subtracted.</param>
    public static Tensor operator -(Parameter left, Parameter right) => left.Value - right.Value;

    /// <inheritdoc cref="op_Subtraction(Parameter, Parameter)"/>
    public static Tensor operator -(Parameter left, double right) => left.Value - right;

    /// <inheritdoc cref="op_Subtraction(Parameter, Parameter)"/>
    public static Tensor operator -(double left, Parameter right) => left - right.Value;

    /// <summary>The product of the values, element by element.</summary>
    /// <param name="left">One operand.</param>
    /// <param name="right">The other.</param>
    public static Tensor operator *(Parameter left, Parameter right) => left.Value * right.Value;

    /// <inheritdoc cref="op_Multiply(Parameter, Parameter)"/>
    public static Tensor operator *(Parameter left, double right) => left.Value * right;

    /// <inheritdoc cref="op_Multiply(Parameter, Parameter)"/>
    public static Tensor operator *(double left, Parameter right) => left * right.Value;

    /// <summary>The quotient of the values, element by element.</summary>
    /// <param name="left">What is divided.</param>
    /// <param name="right">What it is divided by.</param>
    public static Tensor operator /(Parameter left, Parameter right) => left.Value / right.Value;

    /// <inheritdoc cref="op_Division(Parameter, Parameter)"/>
    public static Tensor operator /(Parameter left, double right) => left.Value / right;

    /// <inheritdoc cref="op_Division(Parameter, Parameter)"/>
    public static Tensor operator /(double left, Parameter right) => left / right.Value;

    /// <summary>The negative of the value, element by element.</summary>
    /// <param name="operand">The operand.</param>
    public static Tensor operator -(Parameter operand) => -operand.Value;
}
