using System.Diagnostics;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// A cell that holds a tensor to be trained, and its gradient. Modules find their parameters by themselves in
/// fields, properties and collections. Reading <see cref="Value"/> in eager code gives a tensor whose
/// gradient <see cref="Tensor.Backward"/> finds; while a <see cref="Learner"/> traces the module it gives an
/// argument of the step.
/// </summary>
[DebuggerDisplay("{ToString(),nq}")]
public sealed partial class Parameter
{
    private Core.Tensor _value;
    private bool _requiresGrad;
    private Variable? _variable;

    /// <summary>A parameter with a first value.</summary>
    /// <param name="value">The first value.</param>
    /// <param name="requiresGrad">Whether it is to be trained.</param>
    /// <exception cref="DTypeException">It is to be trained but is not of a float type.</exception>
    /// <exception cref="InvalidOperationException">
    /// The value was computed from a parameter that wants a gradient.
    /// </exception>
    public Parameter(Tensor value, bool requiresGrad = true)
    {
        RequireFloat(value.DType, requiresGrad);
        _value = Cell.Plain(value, "parameter");
        _requiresGrad = requiresGrad;
    }

    /// <summary>
    /// The value. Writing replaces it (nothing is changed in place); the new one must have the same shape and
    /// type, and must not itself depend on a parameter: compute updates under <see cref="Autograd.NoGrad"/>.
    /// </summary>
    /// <exception cref="ShapeException">Writing: another shape.</exception>
    /// <exception cref="DTypeException">Writing: another type.</exception>
    /// <exception cref="InvalidOperationException">
    /// Writing: the value was computed from a parameter that wants a gradient; or a module is being traced.
    /// </exception>
    public Tensor Value
    {
        get
        {
            var ambient = Ambient.Current;

            if (ambient.Binding is { } binding)
            {
                return new(binding.Read(this));
            }

            if (!ambient.WantsGradients || !RequiresGrad)
            {
                return new(_value);
            }

            var variable = _variable ??= new(this, Eager.variable(_value));
            return new(variable.Inner, new Sources(variable));
        }

        set
        {
            if (Ambient.Current.Binding is not null)
            {
                throw new InvalidOperationException(
                    "a parameter was written while its module was traced: "
                    + "Forward may read parameters and write buffers");
            }

            Cell.RequireSameType("parameter", _value, value);
            Store(Cell.Plain(value, "parameter"));
        }
    }

    /// <summary>
    /// The gradient that <see cref="Tensor.Backward"/> has added up so far; null when there is none. Backward
    /// adds to it: call <see cref="ZeroGrad"/> before the next pass.
    /// </summary>
    public Tensor? Grad { get; set; }

    /// <summary>Whether it is trained: gradients are found for it, and optimisers move it.</summary>
    /// <exception cref="DTypeException">Writing true: the value is not of a float type.</exception>
    public bool RequiresGrad
    {
        get => _requiresGrad;
        set
        {
            RequireFloat(DType, value);
            _requiresGrad = value;
        }
    }

    /// <summary>The sizes of the value's axes.</summary>
    public Shape Shape => new(_value.Shape);

    /// <summary>The type of the value's elements.</summary>
    public DType DType => _value.DType.ToFacade();

    /// <summary>The value as a tensor, so that a parameter can stand where a tensor is wanted.</summary>
    /// <param name="parameter">The parameter that is read.</param>
    public static implicit operator Tensor(Parameter parameter) => parameter.Value;

    /// <summary>Forgets the gradient.</summary>
    public void ZeroGrad() => Grad = null;

    /// <summary>The value, as tensors print.</summary>
    public override string ToString() => $"Parameter containing: {_value}";

    /// <summary>The value itself, neither a variable nor an argument.</summary>
    internal Core.Tensor Stored => _value;

    /// <summary>
    /// Whether the value is a first one that was drawn without a seed and has not been replaced since.
    /// </summary>
    internal bool IsUnseeded { get; set; }

    /// <summary>
    /// Replaces the value; the variable of the old one stays with the losses that were computed from it.
    /// </summary>
    internal void Store(Core.Tensor value) => (_value, _variable, IsUnseeded) = (value, null, false);

    private static void RequireFloat(DType dtype, bool requiresGrad)
    {
        if (requiresGrad && !dtype.IsFloat())
        {
            throw new DTypeException(
                $"parameter: {dtype} has no derivative; use a float type, or requiresGrad: false");
        }
    }
}
