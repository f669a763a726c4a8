using System.Diagnostics;
using FunctionalDL.Core;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <summary>
/// A cell that holds a tensor which is saved with its module but not trained, such as running statistics. A
/// module may write it in <c>Forward</c>; inside a <see cref="Learner"/> the new value counts only when the
/// whole step succeeded.
/// </summary>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class ModuleBuffer
{
    private Core.Tensor _value;
    private PendingWrites? _pending;

    /// <summary>A buffer with a first value.</summary>
    /// <param name="value">The first value.</param>
    public ModuleBuffer(Tensor value) => _value = Cell.Plain(value.Detach(), "buffer");

    /// <summary>
    /// The value. What is written is a constant of every derivative, and has the same shape and type.
    /// </summary>
    /// <exception cref="ShapeException">Writing: another shape.</exception>
    /// <exception cref="DTypeException">Writing: another type.</exception>
    public Tensor Value
    {
        get => new(Ambient.Current.Binding is { } binding ? binding.Read(this) : Stored);

        set
        {
            Cell.RequireSameType("buffer", _value, value);

            if (Ambient.Current.Binding is { } binding)
            {
                binding.Write(this, value.Detach().Inner);
            }
            else if (Ambient.Current.Writes is { } writes)
            {
                // Computed later, with the loss of the call. What waited before may be needed for that.
                _ = Stored;
                (_value, _pending) = (value.Detach().Inner, writes);
                writes.Add(_value);
            }
            else
            {
                Store(Cell.Plain(value.Detach(), "buffer"));
            }
        }
    }

    /// <summary>The sizes of the value's axes.</summary>
    public Shape Shape => new(_value.Shape);

    /// <summary>The type of the value's elements.</summary>
    public DType DType => _value.DType.ToFacade();

    /// <summary>The value as a tensor, so that a buffer can stand where a tensor is wanted.</summary>
    /// <param name="buffer">The buffer that is read.</param>
    public static implicit operator Tensor(ModuleBuffer buffer) => buffer.Value;

    /// <summary>The value, as tensors print.</summary>
    public override string ToString() => $"Buffer containing: {_value}";

    /// <summary>The computed value, not an argument.</summary>
    internal Core.Tensor Stored
    {
        get
        {
            if (_pending is { } writes)
            {
                writes.Settle();
                (_value, _pending) = (Cell.Forgetful(_value), null);
            }

            return _value;
        }
    }

    internal void Store(Core.Tensor value) => (_value, _pending) = (value, null);
}
