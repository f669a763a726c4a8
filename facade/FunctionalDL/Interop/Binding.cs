namespace FunctionalDL.Interop;

/// <summary>
/// What the cells of a module stand for while its <c>Forward</c> is traced: arguments of a pure function.
/// </summary>
internal sealed class Binding(bool isTraining, CallKeys keys)
{
    private readonly Dictionary<object, Core.Tensor> _values = new(ReferenceEqualityComparer.Instance);

    /// <summary>Whether the call trains; read by <see cref="Module.Training"/>.</summary>
    public bool IsTraining => isTraining;

    /// <summary>The randomness of the call.</summary>
    public CallKeys Keys => keys;

    public void Bind(object cell, Core.Tensor value) => _values[cell] = value;

    public bool Knows(object cell) => _values.ContainsKey(cell);

    /// <summary>What a cell stands for; a cell that was not given to the function is an error.</summary>
    public Core.Tensor Read(object cell) =>
        _values.TryGetValue(cell, out var value)
            ? value
            : throw new InvalidOperationException(
                $"a {cell.GetType().Name} that does not belong to the traced module was read while it ran: make it a "
                + "field, list, array or dictionary of the module, so that it is trained and saved with it");

    /// <summary>A buffer's new value, which the function returns.</summary>
    public void Write(object cell, Core.Tensor value)
    {
        _ = Read(cell);
        _values[cell] = value;
    }
}
